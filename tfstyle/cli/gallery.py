"""Several runs that end on one contact sheet; every picture is kept, so that an interrupted series can be resumed."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfstyle import checkpoints, errors, files, images, optimization, reports
from tfstyle.cli import console, session

__all__ = ["Entry", "complete"]


@dataclasses.dataclass(frozen=True)
class Entry:
    """One picture of a series.

    Attributes:
        label: drawn above it; also its file's name.
        recipe: what it is, as JSON gives it back.
        start: makes the optimisation.
    """

    label: str
    recipe: dict[str, Any]
    start: Callable[[], optimization.Optimization]


def complete(
    entries: Sequence[Entry], output: str, *, first: Sequence[tuple[str, np.ndarray]] = (), resume: bool = False
) -> list[list[dict[str, float]]]:
    """Runs a series; writes each picture and its losses into a folder named like the sheet, then the sheet.

    Args:
        entries: what to run.
        output: the contact sheet's file.
        first: labelled pictures ``[H, W, 3]`` to show before the results.
        resume: keep what an interrupted series has finished.

    Returns:
        The rows of losses of each run.

    Raises:
        InputError: unusable input.
        KeyboardInterrupt: the user stopped it; what is done is kept.
    """
    folder = _folder(output)
    pictures, rows = [], []
    for number, entry in enumerate(entries, start=1):
        picture, losses = _picture(entry, folder, f"{number}/{len(entries)} {entry.label}", resume=resume)
        pictures.append(picture)
        rows.append(losses)
    labels = [label for label, _ in first] + [entry.label for entry in entries]
    sheet = reports.contact_sheet([picture for _, picture in first] + pictures, labels)
    images.save_image(output, sheet)
    console.say(f"saved {output}, the single pictures in {folder}")
    return rows


def _folder(output: str) -> pathlib.Path:
    folder = pathlib.Path(output).with_suffix("")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise errors.InputError(f"{folder}: no place for the single pictures: {error.strerror}") from error
    files.check_folder(folder / "picture.png")
    return folder


def _picture(entry: Entry, folder: pathlib.Path, title: str, *, resume: bool) -> tuple[np.ndarray, list]:
    name = "".join(each if each.isalnum() or each in "._-" else "-" for each in entry.label)
    path, table = folder / f"{name}.png", folder / f"{name}.csv"
    if resume and _finished(path, entry.recipe) and table.exists():
        return images.load_image(path).rgb, reports.History.read_csv(table).rows
    run = session.Session(entry.start(), entry.recipe, session.Outputs(str(path), log=str(table)))
    run.resume(checkpoints.Interrupted(path, resume=resume).state(entry.recipe))
    return run.complete(title), reports.History.read_csv(table).rows


def _finished(path: pathlib.Path, recipe: dict[str, Any]) -> bool:
    try:
        return images.load_recipe(path) == recipe
    except errors.InputError:
        return False
