"""One run of the slow path as a job: inputs named and hashed, so that it can be stored, repeated and resumed."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tfstyle import _version, config, errors, files, images, runtime, stylebook, weights
from tfstyle.optimization import planning, run

__all__ = ["Job", "from_recipe", "prepare"]


@dataclasses.dataclass(frozen=True)
class Job:
    """What is to be painted.

    Attributes:
        content: the photo's file.
        style: paintings' files or names of stored styles.
        chosen: settings, with nothing left automatic.
        recipe: all of that with version and hashes, as JSON can hold it.
    """

    content: str
    style: tuple[str, ...]
    chosen: config.Settings
    recipe: dict[str, Any]

    def photo(self) -> images.Photo:
        """Reads the photo.

        Raises:
            InputError: see `images.load_image`.
        """
        return images.load_image(self.content)

    def start(self, photo: images.Photo) -> run.Optimization:
        """Makes the optimisation, not yet run.

        Raises:
            InputError: unusable pictures or settings.
        """
        return run.Optimization(photo, [stylebook.load(each) for each in self.style], self.chosen)


def prepare(content: str, style: Sequence[str], chosen: config.Settings) -> Job:
    """Settles what is automatic and hashes the inputs.

    Args:
        content: the photo's file.
        style: paintings' files or names of stored styles.
        chosen: settings.

    Returns:
        The job.

    Raises:
        InputError: a file that cannot be read.
    """
    styles = [stylebook.load(each) for each in style]
    paintings = {f"style {index}": each.digest for index, each in enumerate(styles)}
    network = planning.choose_network(chosen, styles)
    precision = runtime.resolve_precision(chosen.precision)
    chosen = dataclasses.replace(chosen, features=network, precision=precision)
    hashes = {"content": files.digest(content), "weights": _weights_digest(network, chosen.weights)}
    if network == "vgg19":  # Its first steps may be compact's: see `planning.plan`.
        hashes["weights of compact"] = _weights_digest("compact", "")
    hashes |= paintings
    if chosen.start not in ("photo", "noise", "style"):
        hashes["start"] = files.digest(chosen.start)
    recipe = {
        "tfstyle": _version.__version__,
        "content": content,
        "style": list(style),
        "settings": chosen.stored,
        "sha256": hashes,
    }
    return Job(content, tuple(style), chosen, recipe)


def from_recipe(recipe: Mapping[str, Any], changes: Mapping[str, Any] | None = None) -> Job:
    """The job that a recipe describes.

    Args:
        recipe: from `images.load_recipe` or a checkpoint.
        changes: settings by name to use in place of the recipe's.

    Returns:
        The same job; its files are read from where they were, as seen from the current folder.

    Raises:
        InputError: the recipe is another version's, or an input is missing or has changed.
    """
    try:
        values: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in recipe["settings"].items()
        }
        job = prepare(recipe["content"], recipe["style"], config.Settings(**values))
        hashes = dict(recipe["sha256"])
    except (AttributeError, KeyError, TypeError) as error:
        version = recipe.get("tfstyle", "another program")
        raise errors.InputError(
            f"the recipe is by tfstyle {version}, this is {_version.__version__}, which cannot repeat it"
        ) from error
    for name, digest in hashes.items():
        if job.recipe["sha256"].get(name) != digest:
            raise errors.InputError(f"the recipe's {name} has changed since: it would not give the same picture")
    if not changes:
        return job
    return prepare(job.content, job.style, dataclasses.replace(job.chosen, **changes))


def _weights_digest(network: str, path: str) -> str:
    file = weights.find(network, path or None)
    return files.digest(file) if file else ""
