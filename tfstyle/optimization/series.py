"""Several runs that end on one contact sheet; every finished picture is kept, so an interrupted series can resume."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tfstyle import checkpoints, errors, files, images, reports
from tfstyle.optimization import outputs, recipes, run, session

__all__ = ["Entry", "Series", "SeriesProgress"]


@dataclasses.dataclass(frozen=True)
class Entry:
    """One picture of a series.

    Attributes:
        label: shown above the picture; also its file's name.
        recipe: what the run is, as JSON can hold it.
        start: creates the optimization.
    """

    label: str
    recipe: dict[str, Any]
    start: Callable[[], run.Optimization]


@dataclasses.dataclass(frozen=True)
class SeriesProgress:
    """Progress of a series.

    Attributes:
        label: of the current picture.
        number: of the current picture, from 1.
        count: of pictures.
        iterate: of the current picture.
    """

    label: str
    number: int
    count: int
    iterate: run.Iterate


class Series:
    """Runs a series; iterate over it. Writes each picture with its losses, then the contact sheet.

    Args:
        entries: the runs.
        output: file of the contact sheet; the pictures go into a folder of the same name.
        first: labelled pictures ``[H, W, 3]`` to show before the results.
        resume: keep what an interrupted series has finished.

    Raises:
        InputError: the sheet or the folder cannot be written.

    Attributes:
        folder: of the individual pictures.
        rows: the losses of each run, complete at the end.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        output: str | pathlib.Path,
        *,
        first: Sequence[tuple[str, np.ndarray]] = (),
        resume: bool = False,
    ) -> None:
        images.check_writable(output)
        self._entries, self._output, self._first, self._resume = entries, output, first, resume
        self.folder = _folder(output)
        self.rows: list[list[dict[str, float]]] = []

    def __iter__(self) -> Iterator[SeriesProgress]:
        """Runs to the end.

        Yields:
            Progress of every run.

        Raises:
            InputError: unusable input.
            BrokenLoss: the loss of a run became NaN or infinite.
        """
        pictures = []
        for number, entry in enumerate(self._entries, start=1):
            path, table = self._files(entry)
            if not (self._resume and table.exists() and _is_finished(path, entry.recipe)):
                for iterate in self._run(entry):
                    yield SeriesProgress(entry.label, number, len(self._entries), iterate)
            pictures.append(images.load_image(path).rgb)
            self.rows.append(reports.History.read_csv(table).rows)
        labels = [label for label, _ in self._first] + [entry.label for entry in self._entries]
        sheet = reports.contact_sheet([picture for _, picture in self._first] + pictures, labels)
        images.save_image(self._output, sheet)

    def _files(self, entry: Entry) -> tuple[pathlib.Path, pathlib.Path]:
        """Picture and table of losses."""
        name = "".join(each if each.isalnum() or each in "._-" else "-" for each in entry.label)
        return self.folder / f"{name}.png", self.folder / f"{name}.csv"

    def _run(self, entry: Entry) -> Iterator[run.Iterate]:
        path, table = self._files(entry)
        painting = session.Session(entry.start(), entry.recipe, outputs.Outputs(str(path), log=str(table)))
        painting.resume(checkpoints.Interrupted(path, resume=self._resume).state(entry.recipe))
        with contextlib.closing(iter(painting)) as iterates:
            yield from iterates


def _folder(output: str | pathlib.Path) -> pathlib.Path:
    folder = pathlib.Path(output).with_suffix("")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise errors.InputError(
            f"{folder}: cannot create the folder for the individual pictures: {error.strerror}"
        ) from error
    files.check_folder(folder / "picture.png")
    return folder


def _is_finished(path: pathlib.Path, recipe: dict[str, Any]) -> bool:
    try:
        return images.load_recipe(path) == recipes.without_folders(recipe)
    except errors.InputError:
        return False
