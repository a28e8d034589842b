"""Loss curves, drawn by Matplotlib."""

import io
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from tfstyle import errors, files

__all__ = ["new_figure", "plot_curves"]


def plot_curves(
    path: str | pathlib.Path, curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, title: str = ""
) -> None:
    """Plots loss curves on a logarithmic axis.

    Args:
        path: a .png, .svg or .pdf file.
        curves: x and y by label.
        title: above the plot.

    Raises:
        InputError: Matplotlib is not installed, or the file cannot be written.
    """
    figure, suffix = new_figure(path)
    axes = figure.add_subplot(xlabel="step", ylabel="loss", title=title)
    for label, (steps, values) in curves.items():
        axes.plot(steps, values, label=label)
    if any(value > 0 for _, values in curves.values() for value in values):
        axes.set_yscale("log")
    axes.grid(visible=True, alpha=0.3)
    if curves:
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix, dpi=120)
    files.atomic_write(path, buffer.getvalue())


def new_figure(path: str | pathlib.Path) -> tuple[Any, str]:
    """An empty figure and the file's format.

    Args:
        path: the file that the figure will be saved to.

    Raises:
        InputError: Matplotlib is not installed, or does not write such files.
    """
    try:
        from matplotlib import figure  # noqa: PLC0415 - an extra
    except ImportError:
        raise errors.InputError('plots need Matplotlib: pip install "tfstyle[plot]"') from None
    empty, suffix = figure.Figure(figsize=(7, 4.5), layout="constrained"), pathlib.Path(path).suffix[1:].lower()
    if suffix not in empty.canvas.get_supported_filetypes():
        raise errors.InputError(f"{path}: unsupported plot format: use .png, .svg or .pdf")
    return empty, suffix
