"""Checks the report files of a run before the run starts."""

from tfstyle import files
from tfstyle.reports import plots
from tfstyle.reports import timelapse as animation

__all__ = ["check_files"]


def check_files(*, log: str | None = None, plot: str | None = None, timelapse: str | None = None) -> None:
    """Checks that the reports can be written.

    Args:
        log: for `History.write_csv`.
        plot: for `plot_curves`.
        timelapse: for `Timelapse`.

    Raises:
        InputError: a missing or read-only folder, an unsupported suffix, or a missing package.
    """
    for path in filter(None, (log, plot, timelapse)):
        files.check_folder(path)
    if plot:
        plots.new_figure(plot)
    if timelapse:
        animation.Timelapse(timelapse)
