"""The same picture with one setting varied: contact sheet, loss curves and table."""

import csv
import io
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from tfstyle import config, files, images, reports, stylebook
from tfstyle.optimization import recipes, series, variants

__all__ = ["compare", "open_series", "report_files", "write_reports"]

_COLUMNS = ("loss", "content", "style", "seconds")


def compare(
    content: images.Source,
    style: images.Source | stylebook.Style,
    vary: str,
    output: str | pathlib.Path,
    *,
    resume: bool = False,
    **settings: Any,
) -> Iterator[series.SeriesProgress]:
    """Paints one picture per value of a setting.

    Writes the contact sheet, each picture and its losses into a folder of the same name, the loss curves
    (``-curves.png``) and a table of all losses (``.csv``).

    Args:
        content: the photo: a file, a `Photo`, or an array `[H, W, 3]`, 0..255.
        style: a style's name, or a painting as a file, a `Photo` or an array.
        vary: ``SETTING=A,B,...``, such as ``optimizer=adam,lbfgs`` or ``ratio=1e-2,1e-4``; see `variants.parse`.
        output: file of the contact sheet.
        resume: keep what an interrupted comparison has finished.
        **settings: the other settings by name, such as ``size=256``.

    Yields:
        Progress of every run.

    Raises:
        InputError: unusable input.
        BrokenLoss: the loss of a run became NaN or infinite.

    Example:
        >>> import tempfile
        >>> from skimage import data
        >>> cat, sheet = data.chelsea()[::8, ::8], f"{tempfile.mkdtemp()}/sheet.png"
        >>> settings = {"features": "compact", "size": 48, "iterations": (1,)}
        >>> [each.label for each in compare(cat, "starry_night", "strength=0.3,0.7", sheet, **settings)][::2]
        ['strength 0.3', 'strength 0.7']
    """
    several = variants.parse(vary, settings)
    runs = open_series(content, style, several, output, resume=resume)
    yield from runs
    write_reports(output, [label for label, _ in several], runs.rows)


def open_series(
    content: images.Source,
    style: images.Source | stylebook.Style,
    several: Sequence[tuple[str, config.Settings]],
    output: str | pathlib.Path,
    *,
    resume: bool = False,
) -> series.Series:
    """Prepares the runs of a comparison.

    Args:
        content: the photo: a file, a `Photo`, or an array `[H, W, 3]`, 0..255.
        style: a style's name, or a painting as a file, a `Photo` or an array.
        several: label and settings of each run.
        output: file of the contact sheet.
        resume: keep what an interrupted comparison has finished.

    Returns:
        The series, not yet run.

    Raises:
        InputError: unusable input.
    """
    photo, loaded = images.as_photo(content), stylebook.load(style)

    def entry(label: str, settings: config.Settings) -> series.Entry:
        job = recipes.prepare(content, [style], settings)
        return series.Entry(label, job.recipe, lambda: job.start(photo))

    first = [("content", photo.rgb)]
    if isinstance(loaded, stylebook.Painting):
        first.append(("style", loaded.photo.rgb))
    return series.Series([entry(*each) for each in several], output, first=first, resume=resume)


def report_files(output: str | pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Files of the table and of the curves that belong to a contact sheet.

    Args:
        output: file of the contact sheet.

    Returns:
        Table (.csv) and curves (.png).
    """
    path = pathlib.Path(output)
    return path.with_suffix(".csv"), path.with_name(f"{path.stem}-curves.png")


def write_reports(output: str | pathlib.Path, labels: Sequence[str], rows: Sequence[list[dict[str, float]]]) -> None:
    """Writes table and curves.

    Args:
        output: file of the contact sheet.
        labels: of the runs.
        rows: losses of each run.

    Raises:
        InputError: a file that cannot be written.
    """
    table, curves = report_files(output)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["variant", "step", *_COLUMNS])
    for label, run_rows in zip(labels, rows, strict=True):
        writer.writerows([label, int(row["step"]), *(row.get(name, "") for name in _COLUMNS)] for row in run_rows)
    files.atomic_write(table, buffer.getvalue().encode())
    lines = {
        label: ([row["step"] for row in run_rows], [row["loss"] for row in run_rows])
        for label, run_rows in zip(labels, rows, strict=True)
    }
    reports.plot_curves(curves, lines)
