"""A training from start to finish: a painting and photos in, the folder of a trained style out."""

import dataclasses
import os
import pathlib
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from tfstyle import _version, checkpoints, config, errors, files, images, optimization, stylebook, weave
from tfstyle.runtime import keras
from tfstyle.training import data as training_data
from tfstyle.training import log, loop

__all__ = ["Session", "TrainingPlan", "WeaveWarning", "train"]

Path: TypeAlias = str | os.PathLike[str]

_SECONDS_BETWEEN_CHECKPOINTS = 60.0


class WeaveWarning(UserWarning):
    """The finished network paints a fine pattern where a photo is smooth."""


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """The inputs and outputs of a training; see `train` for the attributes.

    Raises:
        InputError: a value is outside its range.
    """

    painting: Path
    name: str
    data: Path
    settings: config.TrainingSettings = dataclasses.field(default_factory=config.TrainingSettings)
    output: Path | None = None
    resume: bool = False
    overwrite: bool = False
    begin_with: Path | None = None
    preview: bool = False
    sample_every: int = 500
    tensorboard: Path | None = None

    def __post_init__(self) -> None:
        if self.sample_every < 1:
            raise errors.InputError(f"sample-every is {self.sample_every}: use 1 or more steps")

    @property
    def folder(self) -> pathlib.Path:
        """The folder of the trained style."""
        return pathlib.Path(self.output or self.name)


def train(  # noqa: PLR0913 - the public form of `TrainingPlan`
    painting: Path,
    name: str,
    data: Path,
    *,
    settings: config.TrainingSettings | None = None,
    output: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    begin_with: Path | None = None,
    preview: bool = False,
    sample_every: int = 500,
    tensorboard: Path | None = None,
    **changes: Any,
) -> Iterator[loop.TrainingProgress]:
    """Trains a transformation network for one painting and exports it.

    Iterate to train; the style is written after the last step. If you leave the loop early, a checkpoint is saved, and
    a later call with ``resume=True`` continues to the same bits::

        for progress in tfstyle.train("painting.jpg", "waves", "photos", steps=2000):
            print(progress.step, progress.headline)
        stylizer = tfstyle.Stylizer("waves")

    Args:
        painting: a painting's file or the name of a stored style.
        name: of the new style.
        data: a folder of photos, or the name of a TensorFlow dataset such as ``coco/2017``.
        settings: of the training; by default `TrainingSettings()`.
        output: folder for the trained style; by default `name`.
        resume: continue an interrupted training, if there is one. If the style is finished, there are no steps.
        overwrite: replace an interrupted run or a finished style in that folder.
        begin_with: a trained style whose network to start from; fewer steps are needed then.
        preview: first paint one picture with the same loss by the slow path.
        sample_every: steps between two sheets of sample pictures.
        tensorboard: folder for an event file with the losses.
        **changes: settings by name that differ from `settings`.

    Returns:
        An iterator over the training's progress.

    Raises:
        InputError: an input is unusable, or the folder holds something that must not be lost.
    """
    settings = dataclasses.replace(settings or config.TrainingSettings(), **changes)
    plan = TrainingPlan(
        painting, name, data, settings, output, resume, overwrite, begin_with, preview, sample_every, tensorboard
    )
    return Session(plan).run()


class Session:
    """Runs a training with checkpoints, and exports the result.

    Args:
        plan: the inputs and outputs.
        training_class: does the steps.

    Attributes:
        is_done: whether the folder already holds the style that this training would make.

    Raises:
        InputError: an input is unusable, or the folder holds something that must not be lost.
    """

    def __init__(self, plan: TrainingPlan, training_class: type[loop.Training] = loop.Training) -> None:
        self._plan, self._folder = plan, plan.folder
        self._style = stylebook.load(plan.painting)
        photos = training_data.open_photos(str(plan.data), exclude=self._folder)
        first_weights = stylebook.find(plan.begin_with).weights if plan.begin_with else None
        _make_folder(self._folder)
        self._recipe = _recipe(plan, self._style, len(photos), first_weights)
        self.is_done = _is_done(plan, self._recipe)
        if self.is_done:
            return
        state = _saved_state(plan, self._recipe)
        if len(photos) < training_data.FEW:
            warnings.warn(_few_photos(str(plan.data), len(photos)), training_data.FewPhotosWarning, stacklevel=3)
        self._is_new = state is None
        self._log = log.TrainingLog(self._folder / "training", plan.sample_every, plan.tensorboard)
        self._training = training_class(plan.settings, self._style, photos)
        if state is not None:
            self._training.restore(state)
            self._log.restore(state)
        elif first_weights:
            self._training.begin_with(first_weights)

    def run(self) -> Generator[loop.TrainingProgress]:
        """Paints the preview if there is one, trains and exports.

        Yields:
            Progress.

        Raises:
            InputError: the loss is not finite, the photos are unusable, or a file cannot be written.
        """
        if self.is_done:
            return
        # Not imported at the top, because the accelerator does without TensorFlow, and not when it is needed, hours
        # later, because tfstyle may have been updated by then.
        from tfstyle.transform import export  # noqa: PLC0415

        if self._plan.preview and self._is_new:
            yield from self._preview()
        yield from self.steps()
        self._finish(export.write)

    def steps(self) -> Generator[loop.TrainingProgress]:
        """Does the steps that are left; saves a checkpoint now and then, and when the caller stops.

        Yields:
            Progress.

        Raises:
            InputError: the loss is not finite, the photos are unusable, or a file cannot be written.
        """
        yield from checkpoints.checkpointed(self._logged(), self.save, seconds=_SECONDS_BETWEEN_CHECKPOINTS)

    def _logged(self) -> Iterator[loop.TrainingProgress]:
        for progress in self._training:
            self._log.add(progress, self._training.paint)
            yield progress

    def save(self) -> None:
        """Saves a checkpoint, and the losses so far."""
        state = {**self._training.state(), **self._log.state()}
        checkpoints.save(_checkpoint(self._folder), self._recipe, state)
        self._log.write()

    def _preview(self) -> Generator[loop.TrainingProgress]:
        """Paints a picture by the slow path with the same loss; the network will come close to it."""
        settings = self._plan.settings
        scale = settings.style_size / log.SAMPLE_SIZE
        slow = dataclasses.replace(settings.loss(settings.features), size=log.SAMPLE_SIZE, style_scale=scale)
        for iterate in optimization.Optimization(images.Photo(self._log.photo), [self._style], slow):
            losses = {"loss": iterate.loss, **iterate.losses}
            yield loop.TrainingProgress(
                iterate.step, iterate.steps, losses, iterate.seconds, iterate.remaining, phase="preview"
            )
        images.save_image(self._folder / "training" / "preview.png", iterate.image)

    def _finish(self, export: Callable[[keras.Model, pathlib.Path], None]) -> None:
        """Writes the trained style and checks it; the checkpoint stays until everything is written."""
        self.save()
        training, folder = self._training, stylebook.StyleFolder(self._folder)
        self._log.sample(training.step, training.paint)
        title = pathlib.Path(self._plan.painting).stem
        files.atomic_write(folder.statistics, self._style.packed(title))
        export(training.network, folder.path)
        training.network.save_weights(folder.weights)
        measured = weave.of_network(training.paint)
        folder.write_card(self._card(measured))
        images.save_image(folder.preview, training.paint(self._log.photo))
        checkpoints.remove(_checkpoint(folder.path))
        if advice := weave.advice(measured, str(folder.path)):
            warnings.warn(advice, WeaveWarning, stacklevel=2)

    def _card(self, measured: Mapping[str, float]) -> dict[str, Any]:
        rounded = {picture: round(decibels, 1) for picture, decibels in measured.items()}
        accelerator = {"accelerator": self._training.accelerator} if self._training.accelerator else {}
        seconds = round(self._training.seconds)
        made = {"seconds": seconds, "tfstyle": _version.__version__, "weave": rounded}
        return {**self._recipe, **made, **accelerator}


def _recipe(
    plan: TrainingPlan, style: stylebook.Style, photos: int, first_weights: pathlib.Path | None
) -> dict[str, Any]:
    """Describes the training: a resumed one must have the same recipe."""
    return {
        "train": plan.name,
        "beginning": files.digest(first_weights) if first_weights else None,
        "data": [_data_name(plan.data), photos],
        "painting": style.digest,
        "settings": plan.settings.stored,
        "last network": loop.final_loss_network(plan.settings, style),
    }


def _data_name(data: Path) -> str:
    """Returns a dataset's name, or a folder's name without its path, which is private."""
    folder = pathlib.Path(data)
    return folder.resolve().name if folder.is_dir() else str(data)


def _is_done(plan: TrainingPlan, recipe: Mapping[str, Any]) -> bool:
    """Returns whether a resumed training has nothing left to do."""
    if not plan.resume or checkpoints.path_for(_checkpoint(plan.folder)).exists():
        return False
    try:
        card = stylebook.StyleFolder(plan.folder).read_card()
    except errors.InputError:
        return False
    return all(card.get(key) == value for key, value in recipe.items())


def _saved_state(plan: TrainingPlan, recipe: Mapping[str, Any]) -> Mapping[str, np.ndarray] | None:
    """Returns the checkpoint to continue from, or None; refuses to lose anything."""
    folder, checkpoint = plan.folder, _checkpoint(plan.folder)
    if plan.resume and (state := checkpoints.Interrupted(checkpoint, resume=True).state(recipe, insist=True)):
        return state
    if plan.overwrite:
        return None
    if checkpoints.path_for(checkpoint).exists():
        raise errors.InputError(
            f"{folder} contains an interrupted training run: continue it with --resume, or discard it with --overwrite"
        )
    trained = stylebook.StyleFolder(folder)
    if any(file.exists() for file in (trained.card, trained.weights, trained.litert)):
        raise errors.InputError(
            f"{folder} contains a trained style: choose another --output, or replace it with --overwrite"
        )
    return None


def _few_photos(data: str, count: int) -> str:
    photos = "1 photo" if count == 1 else f"{count} photos"
    return f"{data} has only {photos}: the network will memorize them; use hundreds, preferably thousands"


def _make_folder(folder: pathlib.Path) -> None:
    try:
        (folder / "training").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.InputError(f"{folder}: cannot be created ({error.strerror}): choose another --output") from error
    files.check_folder(folder / "training" / "losses.csv")


def _checkpoint(folder: pathlib.Path) -> pathlib.Path:
    return folder / "training" / "network"
