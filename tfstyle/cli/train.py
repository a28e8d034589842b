"""``tfstyle train``: a transformation network for one painting."""

import argparse
import dataclasses
import functools
import importlib.util
import json
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tfstyle import _version, checkpoints, config, errors, files, images, reports, runtime, stylebook, stylizer
from tfstyle.cli import console, options

if TYPE_CHECKING:
    from tfstyle import stylebook, training

__all__ = ["Course", "add_arguments", "prepared", "read", "run"]

_Paint: TypeAlias = Callable[[np.ndarray], np.ndarray]

_SECONDS_BETWEEN_CHECKPOINTS = 60.0
_SAMPLE_SIZE = 384


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("painting", metavar="PAINTING", help="a painting's file or a stored style's name")
    parser.add_argument("--name", required=True, metavar="NAME", help="of the style")
    parser.add_argument(
        "--data", required=True, metavar="DATA", help="folder of photos, or a dataset such as coco/2017"
    )
    parser.add_argument("-o", "--output", metavar="FOLDER", help="for the trained style (default: NAME)")
    parser.add_argument("--resume", action="store_true", help="go on with the interrupted training")
    parser.add_argument(
        "--begin-with", metavar="STYLE", help="start from another style's network: fewer steps are needed"
    )
    parser.add_argument("--preview", action="store_true", help="first paint one picture with the same loss, slowly")
    parser.add_argument("--sample-every", type=int, default=500, metavar="N", help="paint samples every N steps")
    parser.add_argument(
        "--tensorboard", metavar="FOLDER", help="losses as an event file, too; view with: pip install tensorboard"
    )
    options.add_settings(parser, kind=config.TrainingSettings)


def run(arguments: argparse.Namespace) -> None:
    """Trains, reports, exports.

    Raises:
        InputError: unusable input.
        KeyboardInterrupt: the user stopped it; what was learned is kept.
    """
    chosen, interrupted = read(arguments)
    runtime.import_tensorflow()
    from tfstyle import training
    from tfstyle.transform import export

    del export  # Loaded now: hours later, when it is needed, an updated one would not fit what is running.
    if course := prepared(arguments, chosen, interrupted, training.Training):
        with console.Interrupts().watch() as interrupts:
            course.learn(interrupts)
            course.finish()


def read(arguments: argparse.Namespace) -> tuple[config.TrainingSettings, checkpoints.Interrupted]:
    """What can be told of the arguments before seconds are spent on libraries.

    Returns:
        Settings, and what an interrupted training has left.

    Raises:
        InputError: unusable input.
    """
    chosen = options.read_settings(arguments, config.TrainingSettings)
    if arguments.sample_every < 1:
        raise errors.InputError(f"sample-every is {arguments.sample_every}: use 1 or more steps")
    return chosen, checkpoints.Interrupted(_checkpoint(_folder(arguments)), resume=arguments.resume)


def prepared(
    arguments: argparse.Namespace,
    chosen: config.TrainingSettings,
    interrupted: checkpoints.Interrupted,
    kind: type["training.Training"],
) -> "Course | None":
    """Opens what the arguments name.

    Args:
        arguments: of the command.
        chosen: from `read`.
        interrupted: from `read`.
        kind: which class does the steps.

    Returns:
        The training, where it begins or goes on; None if it is done.

    Raises:
        InputError: unusable input.
    """
    from tfstyle import stylebook, training
    from tfstyle.training import data

    folder = _folder(arguments)
    style, photos = stylebook.load(arguments.painting), data.open_photos(arguments.data, but=folder)
    beginning = stylizer.find(arguments.begin_with) / stylizer.WEIGHTS if arguments.begin_with else None
    _make(folder)
    recipe = {
        "train": arguments.name,
        "beginning": files.digest(beginning) if beginning else None,
        "data": [_data_name(arguments.data), len(photos)],
        "painting": stylebook.digest(arguments.painting),
        "settings": dataclasses.asdict(chosen),
        "last network": training.last_network(chosen, style),
    }
    if arguments.resume and interrupted.recipe is None and _is_done(folder, recipe):
        console.say(f"{folder} is trained already")
        return None
    state = interrupted.state(recipe, insist=True)
    board = reports.Board(arguments.tensorboard) if arguments.tensorboard else None
    if arguments.preview and state is None:
        _preview(folder, style, chosen)
    run = kind(chosen, style, photos)
    if beginning and state is None:
        run.begin_with(beginning)
    diary = _Diary(folder / "training", arguments.sample_every, board)
    statistics = functools.partial(_statistics, style, pathlib.Path(arguments.painting).stem, recipe["painting"])
    course = Course(run, folder, recipe, statistics, diary)
    course.resume(state)
    return course


def _folder(arguments: argparse.Namespace) -> pathlib.Path:
    return pathlib.Path(arguments.output or arguments.name)


def _is_done(folder: pathlib.Path, recipe: dict[str, Any]) -> bool:
    """Whether the folder holds what this training would end with."""
    try:
        card = json.loads((folder / "card.json").read_text())
    except (OSError, ValueError):
        return False
    return isinstance(card, dict) and all(card.get(key) == value for key, value in recipe.items())


def _data_name(text: str) -> str:
    """A dataset's name, or a folder's: where that lies on this machine is nobody else's business."""
    folder = pathlib.Path(text)
    return folder.resolve().name if folder.is_dir() else text


def _make(folder: pathlib.Path) -> None:
    try:
        (folder / "training").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.InputError(f"{folder}: cannot be made: {error.strerror}; choose another --output") from error
    files.check_folder(folder / "training" / "losses.csv")


def _statistics(style: "stylebook.Style", title: str, digest: str) -> bytes:
    """A file by which tfstyle optimize and evaluate know the style without the painting."""
    from tfstyle import stylebook

    if isinstance(style, stylebook.Painting):
        about = {"title": title, "artist": "", "year": "", "sha256": digest}
        return stylebook.pack(stylebook.statistics(style), about)
    return style.packed()


def _checkpoint(folder: pathlib.Path) -> pathlib.Path:
    return folder / "training" / "network"


def _sample_photos() -> list[np.ndarray]:
    """Pictures that scikit-image brings along: a cat, a portrait, a cup."""
    from skimage import data

    pictures = (data.chelsea(), data.astronaut(), data.coffee())
    photos = [images.Photo(picture.astype(np.float32)) for picture in pictures]
    return [images.resize(photo, *images.fit_size(*photo.size, _SAMPLE_SIZE)).rgb for photo in photos]


def _preview(folder: pathlib.Path, style: Any, chosen: config.TrainingSettings) -> None:
    """The slow path's picture with the same loss: about what the network will come near to."""
    from tfstyle import optimization

    slow = dataclasses.replace(
        chosen.loss(chosen.features), size=_SAMPLE_SIZE, style_scale=chosen.style_size / _SAMPLE_SIZE
    )
    with console.Progress("preview") as bar:
        for iterate in optimization.Optimization(images.Photo(_sample_photos()[0]), [style], slow):
            bar.show(iterate)
    images.save_image(folder / "training" / "preview.png", iterate.image)
    console.say(f"saved {folder / 'training' / 'preview.png'}")


class _Diary:
    """What a training tells on its way: losses, their curves, sample pictures."""

    def __init__(self, folder: pathlib.Path, every: int, board: reports.Board | None) -> None:
        self._folder, self._every, self._board = folder, every, board
        self._photos, self._sampled = _sample_photos(), 0
        self.history = reports.History()

    def resume(self, state: Mapping[str, np.ndarray], step: int) -> None:
        """Goes back to a checkpoint."""
        self.history.restore(state)
        self._sampled = step // self._every

    def note(self, progress: "training.Progress", paint: _Paint) -> None:
        """Takes the losses, and paints samples when it is time."""
        self.history.add(progress.step, {**progress.losses, "seconds": progress.seconds})
        if self._board:
            self._board.add(progress.step, progress.losses)
        if progress.step // self._every > self._sampled:
            self.sample(progress.step, paint)

    def sample(self, step: int, paint: _Paint) -> None:
        """Paints the samples, draws the curves."""
        self._sampled = step // self._every
        sheet = reports.contact_sheet([paint(photo) for photo in self._photos], [f"{step}"] * 3)
        images.save_image(self._folder / f"sample-{step:06d}.jpg", sheet)
        if importlib.util.find_spec("matplotlib"):  # An extra; losses.csv has the same numbers.
            curves = self.history.curves(["loss", "content", "style", "variation", "grid"])
            reports.plot_curves(self._folder / "losses.png", curves)

    def write(self) -> None:
        """Writes the losses so far."""
        self.history.write_csv(self._folder / "losses.csv")

    @property
    def photo(self) -> np.ndarray:
        """The first of the samples' photos."""
        return self._photos[0]


class Course:
    """A training from its beginning to the exported network, by way of checkpoints.

    Args:
        run: does the steps.
        folder: for the trained style.
        recipe: what the training is; a resumed one must be the same.
        statistics: makes the painting's, a file.
        diary: is told of the steps.
    """

    def __init__(
        self,
        run: "training.Training",
        folder: pathlib.Path,
        recipe: dict[str, Any],
        statistics: Callable[[], bytes],
        diary: _Diary,
    ) -> None:
        self._run, self._folder, self._recipe, self._statistics = run, folder, recipe, statistics
        self._diary, self._saved_at = diary, time.monotonic()

    def resume(self, state: Mapping[str, np.ndarray] | None) -> None:
        """Goes back to a checkpoint."""
        if state is not None:
            self._run.restore(state)
            self._diary.resume(state, self._run.step)

    def learn(self, interrupts: console.Interrupts) -> None:
        """Does the steps that are left.

        Args:
            interrupts: say when to stop.

        Raises:
            InputError: the loss is no longer a number, or the photos cannot serve.
            KeyboardInterrupt: the user stopped it; what was learned is kept.
        """
        with console.Progress(self._recipe["train"]) as bar:
            for progress in self._run:
                bar.show(progress)
                self._diary.note(progress, self._run.paint)
                if time.monotonic() - self._saved_at > _SECONDS_BETWEEN_CHECKPOINTS:
                    self.save()
                if interrupts.asked and progress.step < progress.steps:
                    self._stop()

    def save(self) -> None:
        """Writes what `resume` goes on from."""
        state = {**self._run.state(), **self._diary.history.state()}
        checkpoints.save(_checkpoint(self._folder), self._recipe, state)
        self._diary.write()
        self._saved_at = time.monotonic()

    def _stop(self) -> None:
        self.save()
        console.say(f"stopped after step {self._run.step}: go on with the same command and --resume")
        raise KeyboardInterrupt

    def finish(self) -> None:
        """Writes the trained style."""
        from tfstyle.transform import export

        card = {**self._recipe, "seconds": round(self._run.seconds), "tfstyle": _version.__version__}
        card |= {"accelerator": self._run.accelerator} if self._run.accelerator else {}
        self._diary.write()
        self._diary.sample(self._run.step, self._run.paint)
        files.atomic_write(self._folder / stylebook.STATISTICS, self._statistics())
        export.write(self._run.network, self._folder)
        self._run.network.save_weights(self._folder / stylizer.WEIGHTS)
        files.atomic_write(self._folder / "card.json", (json.dumps(card, indent=1) + "\n").encode())
        images.save_image(self._folder / "preview.jpg", self._run.paint(self._diary.photo))
        checkpoints.remove(_checkpoint(self._folder))
        skipped = len(self._run.unusable)
        left_out = f"; {skipped} photos were broken, grey or small, and left out" if skipped else ""
        console.say(f"saved {self._folder}: paint with tfstyle stylize PHOTO --style {self._folder}{left_out}")
