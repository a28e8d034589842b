"""Recipes: everything that decides what a run paints, named and hashed, so that it can be repeated and resumed."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tfstyle import _version, config, errors, files, images, runtime, stylebook, weights
from tfstyle.optimization import plan, run

__all__ = ["IN_MEMORY", "Job", "from_picture", "from_recipe", "prepare", "without_folders"]

# Stands in recipes for the name of a picture that has no file.
IN_MEMORY = "(in memory)"
_NO_FILES = ("photo", "noise", "style")  # Words of --start.


@dataclasses.dataclass(frozen=True)
class Job:
    """A run that has not started yet.

    Attributes:
        content: the photo, or its file.
        styles: loaded styles, files of paintings, folders of trained styles, or names of stored styles.
        settings: with nothing left automatic.
        recipe: all of that with version and hashes, as JSON can hold it; files as they were given.
    """

    content: str | images.Photo
    styles: tuple[str | stylebook.Style, ...]
    settings: config.Settings
    recipe: dict[str, Any]

    def photo(self, *, keep_gps: bool = False) -> images.Photo:
        """Reads the photo.

        Args:
            keep_gps: read its GPS location, too.

        Raises:
            InputError: see `images.load_image`.
        """
        if isinstance(self.content, images.Photo):
            return self.content
        return images.load_image(self.content, keep_gps=keep_gps)

    def start(self, photo: images.Photo) -> run.Optimization:
        """Creates the optimization.

        Args:
            photo: from `photo`.

        Raises:
            InputError: unusable pictures or settings.
        """
        return run.Optimization(photo, [stylebook.load(each) for each in self.styles], self.settings)


def prepare(
    content: images.Source, styles: Sequence[images.Source | stylebook.Style], settings: config.Settings
) -> Job:
    """Resolves what is automatic and hashes all inputs.

    Args:
        content: the photo: a file, a `Photo`, or an array `[H, W, 3]`, 0..255.
        styles: see `stylebook.load`.
        settings: of the run.

    Returns:
        The job.

    Raises:
        InputError: a file that cannot be read.
    """
    photo = str(content) if isinstance(content, str | os.PathLike) else images.as_photo(content)
    loaded = [stylebook.load(each) for each in styles]
    given = [
        str(each) if isinstance(each, str | os.PathLike) else style for each, style in zip(styles, loaded, strict=True)
    ]
    style_hashes = {f"style {index}": each.digest for index, each in enumerate(loaded)}
    network = plan.choose_network(settings, loaded)
    precision = runtime.resolve_precision(settings.precision)
    settings = dataclasses.replace(settings, features=network, precision=precision)
    hashes = {"content": _photo_digest(photo), "weights": _weights_digest(network, settings.weights)}
    if network == "vgg19":  # Its first steps may be compact's: see `plan.scales_for`.
        hashes["weights of compact"] = _weights_digest("compact", None)
    hashes |= style_hashes
    if settings.start not in _NO_FILES:
        hashes["start"] = files.digest(settings.start)
    recipe = {
        "tfstyle": _version.__version__,
        "content": _name(photo),
        "style": [_name(each) for each in given],
        "settings": settings.stored,
        "sha256": hashes,
    }
    return Job(photo, tuple(given), settings, recipe)


def without_folders(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe to store in a picture: bare file names, because others need not know where files lie on this machine.

    Args:
        recipe: of a `Job`, or of anything else that stores recipes; without these names it stays as it is.

    Returns:
        A copy.
    """
    bare = dict(recipe)
    if "content" in bare:
        bare |= {"content": _bare(bare["content"]), "style": [_bare(each) for each in bare["style"]]}
    if "settings" in bare:
        inputs = {name: bare["settings"].get(name) for name in ("weights", "start")}
        bare["settings"] = bare["settings"] | {name: _bare(value) for name, value in inputs.items() if value}
    return bare


def from_picture(
    picture: str | pathlib.Path,
    changes: Mapping[str, Any] | None = None,
    inputs: Sequence[str] = (),
) -> Job:
    """Reads the job from the recipe in a picture.

    Args:
        picture: file of a result of the slow path.
        changes: settings by name that replace the recipe's.
        inputs: where the photo and the paintings are now, if they have moved.

    Returns:
        The job.

    Raises:
        InputError: no recipe, a recipe by another version, or an input that is missing or has changed.
    """
    recipe = images.load_recipe(picture)
    recipe.pop("unfinished", None)
    return from_recipe(recipe, changes, folder=pathlib.Path(picture).parent, inputs=inputs)


def from_recipe(
    recipe: Mapping[str, Any],
    changes: Mapping[str, Any] | None = None,
    *,
    folder: pathlib.Path = pathlib.Path(),
    inputs: Sequence[str] = (),
) -> Job:
    """Reads a job from its recipe, which may be an earlier version's.

    Args:
        recipe: from `images.load_recipe` or a checkpoint.
        changes: settings by name that replace the recipe's.
        folder: where inputs are looked for, besides the path in the recipe and the current folder.
        inputs: where the photo and the paintings are now, if they have moved.

    Returns:
        The job.

    Raises:
        InputError: a recipe by another version, or an input that is missing or has changed.
    """
    changes = dict(changes or {})
    try:
        find, names = _Finder(dict(recipe["sha256"]), folder), [recipe["content"], *recipe["style"]]
        settings = config.Settings.from_stored(recipe["settings"])
        if inputs and len(inputs) != len(names):
            raise errors.InputError(
                f"the recipe has {len(names) - 1} styles: specify the photo and as many styles, or no inputs at all"
            )
        content, *styles = (
            find(name, label, _style_digest if index else files.digest)
            for index, (name, label) in enumerate(zip(inputs or names, _labels(len(names)), strict=True))
        )
        located: dict[str, Any] = {
            name: changes[name] if name in changes else find(getattr(settings, name), name, files.digest)
            for name in ("weights", "start")
            if getattr(settings, name) not in (None, *_NO_FILES)
        }
    except (AttributeError, KeyError, TypeError) as error:
        version = recipe.get("tfstyle", "another program")
        raise errors.InputError(
            f"the recipe was written by tfstyle {version} and cannot be reproduced with tfstyle {_version.__version__}"
        ) from error
    job = prepare(content, styles, dataclasses.replace(settings, **located))
    for label, digest in find.hashes.items():
        if label not in changes and job.recipe["sha256"].get(label) != digest:
            raise errors.InputError(_changed(label))
    return prepare(content, styles, dataclasses.replace(job.settings, **changes)) if changes else job


@dataclasses.dataclass(frozen=True)
class _Finder:
    """Finds the file that a recipe was made with.

    Attributes:
        hashes: of the recipe, by label.
        folder: where to look, besides the path itself and the current folder.
    """

    hashes: Mapping[str, str]
    folder: pathlib.Path

    def __call__(self, name: str, label: str, digest: Callable[[str], str]) -> str:
        """The path with the right hash, or an error that says in one line what is missing."""
        if name == IN_MEMORY:
            raise errors.InputError(f"the recipe's {label} was an array, not a file, so it cannot be loaded again")
        candidates = list(dict.fromkeys((name, _bare(name), str(self.folder / _bare(name)))))
        has_other = False
        for path in candidates:
            try:
                if digest(path) == self.hashes[label]:
                    return path
            except errors.InputError:
                continue
            has_other = True
        if has_other:
            raise errors.InputError(_changed(label))
        raise errors.InputError(
            f"the recipe's {label} is missing: looked for {', '.join(candidates)}; put it there, or name it on the "
            "command line"
        )


def _name(source: str | images.Photo | stylebook.Style) -> str:
    return source if isinstance(source, str) else IN_MEMORY


def _photo_digest(photo: str | images.Photo) -> str:
    return files.digest(photo) if isinstance(photo, str) else stylebook.Painting(photo).digest


def _style_digest(name: str) -> str:
    return stylebook.load(name).digest


def _changed(label: str) -> str:
    return f"the recipe's {label} has changed since then: the result would be different"


def _labels(count: int) -> list[str]:
    """Names of a recipe's hashes: of the photo, then of each painting."""
    return ["content", *(f"style {index}" for index in range(count - 1))]


def _bare(name: str) -> str:
    return pathlib.PurePath(name).name


def _weights_digest(network: str, path: str | None) -> str:
    file = weights.find(network, path)
    return files.digest(file) if file else ""
