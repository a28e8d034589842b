"""Style transfer by optimization: Gatys, Ecker and Bethge 2015."""

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tfstyle import checkpoints, config, images, stylebook
from tfstyle.optimization import outputs, recipes, run, session

__all__ = ["optimize", "repeat"]


def optimize(
    content: images.Source,
    style: images.Source | stylebook.Style | Sequence[images.Source | stylebook.Style],
    settings: config.Settings | None = None,
    *,
    output: outputs.Outputs | str | pathlib.Path | None = None,
    resume: bool = False,
    **changes: object,
) -> Iterator[run.Iterate]:
    """Paints a photo in the style of one or more paintings.

    With `output`, the result is saved together with its recipe, and leaving the loop early saves the picture so far
    and a checkpoint, from which `resume` continues to the same bits.

    Args:
        content: the photo: a file, a `Photo`, or an array `[H, W, 3]`, 0..255.
        style: a style's name, or a painting as a file, a `Photo` or an array; or several of these.
        settings: of the run; the default settings if None.
        output: file of the result, or `Outputs` with log, timelapse and more.
        resume: continue an interrupted run of the same inputs and settings.
        **changes: single settings by name, for instance ``strength=0.7``.

    Yields:
        Iterates, the start first; the last one's ``image`` is the result.

    Raises:
        InputError: unusable pictures or settings, or another run was interrupted.
        BrokenLoss: a term became NaN or infinite.

    Example:
        >>> from skimage import data
        >>> cat = data.chelsea()[::8, ::8]
        >>> *_, last = optimize(cat, "starry_night", features="compact", size=48, iterations=(2,))
        >>> last.step, last.image.shape
        (2, (32, 48, 3))
    """
    settings = dataclasses.replace(settings or config.Settings(), **changes)  # type: ignore[arg-type]
    several = style if isinstance(style, Sequence) and not isinstance(style, str) else [style]
    if output is None:
        yield from run.Optimization(images.as_photo(content), [stylebook.load(each) for each in several], settings)
    else:
        yield from _saved(recipes.prepare(content, several, settings), output, resume=resume)


def repeat(
    picture: str | pathlib.Path,
    output: outputs.Outputs | str | pathlib.Path,
    changes: Mapping[str, Any] | None = None,
    *,
    inputs: Sequence[str] = (),
    resume: bool = False,
) -> Iterator[run.Iterate]:
    """Repeats the run whose recipe is stored in a picture; without changes, the file is byte-identical.

    Args:
        picture: file of a result of `optimize`.
        output: file of the new result, or `Outputs`.
        changes: settings by name that replace the recipe's.
        inputs: where the photo and the paintings are now, if they have moved.
        resume: continue an interrupted run.

    Yields:
        Iterates, the start first.

    Raises:
        InputError: no recipe, or an input is missing or has changed.
        BrokenLoss: a term became NaN or infinite.
    """
    yield from _saved(recipes.from_picture(picture, changes, inputs), output, resume=resume)


def _saved(job: recipes.Job, output: outputs.Outputs | str | pathlib.Path, *, resume: bool) -> Iterator[run.Iterate]:
    """Runs a job and writes its files."""
    written = output if isinstance(output, outputs.Outputs) else outputs.Outputs(str(output))
    written.check()
    state = checkpoints.Interrupted(written.output, resume=resume).state(job.recipe, insist=True)
    yield from session.Session.of(job, written, state)
