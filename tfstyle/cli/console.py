"""What the user sees and does during a run: messages, tables, progress with the time left, Ctrl-C.

Messages and progress go to standard error. `streams.safe` keeps a run alive when nobody can read them any more.
"""

import contextlib
import math
import signal
import sys
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any, Protocol

from rich import console as rich_console
from rich import progress, table

__all__ = ["Interrupts", "ProgressBar", "Stage", "print_table", "say", "showing_warnings"]

_BAR_WIDTH = 12  # Characters.
_SECONDS_BETWEEN_LINES = 10  # Without a terminal.


class Stage(Protocol):
    """What a progress bar needs to know of a run."""

    @property
    def step(self) -> int:
        """Steps done."""

    @property
    def steps(self) -> int:
        """Steps in total."""

    @property
    def seconds(self) -> float:
        """Time spent."""

    @property
    def remaining(self) -> float:
        """Estimated seconds left; NaN if unknown."""

    @property
    def headline(self) -> str:
        """Figures worth showing, in a few words."""


def say(text: str) -> None:
    """Prints one line to standard error; standard output is for what a command was asked to print."""
    print(text, file=sys.stderr, flush=True)


def print_table(content: table.Table) -> None:
    """Prints a table to standard output. Without a terminal no cell is wrapped, so that scripts can read the lines.

    Args:
        content: the table.
    """
    terminal = rich_console.Console()
    if terminal.is_terminal:
        terminal.print(content)
        return
    wide = rich_console.Console(width=10_000, color_system=None)
    with wide.capture() as captured:
        wide.print(content)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


@contextlib.contextmanager
def showing_warnings(category: type[Warning]) -> Iterator[None]:
    """Prints warnings of one category as one line each, while the context lasts.

    Args:
        category: of the warnings; others are treated as usual.
    """

    def show(message: Warning | str, kind: type[Warning], *place: Any) -> None:
        if issubclass(kind, category):
            say(f"warning: {message}")
        else:
            as_usual(message, kind, *place)

    with warnings.catch_warnings():
        as_usual, warnings.showwarning = warnings.showwarning, show  # type: ignore[assignment]
        warnings.simplefilter("always", category)
        yield


class Interrupts:
    """Turns the first Ctrl-C (or SIGTERM) into a flag, so that a run can stop between two steps.

    The second one raises KeyboardInterrupt.

    Attributes:
        asked: whether to stop.
    """

    def __init__(self) -> None:
        self.asked = False

    @contextlib.contextmanager
    def watch(self) -> Iterator["Interrupts"]:
        """Handles both signals inside the block."""
        signals = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(each, self._note) for each in signals]
        try:
            yield self
        finally:
            for each, handler in zip(signals, before, strict=True):
                signal.signal(each, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


class ProgressBar:
    """A bar with figures and the time left, on standard error; without a terminal, a line every ten seconds.

    Args:
        title: stands before the bar.
    """

    def __init__(self, title: str) -> None:
        self._console = rich_console.Console(stderr=True)
        self._is_terminal = self._console.is_terminal
        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=_BAR_WIDTH),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[figures]}"),
        )
        self._bar = progress.Progress(*columns, console=self._console, disable=not self._is_terminal)
        self._task = self._bar.add_task(title, total=None, figures="")
        self._title, self._next_line = title, 0.0

    def __enter__(self) -> "ProgressBar":
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def show(self, stage: Stage) -> None:
        """Moves the bar.

        Args:
            stage: where the run is.
        """
        figures, left = stage.headline, _time_left(stage.remaining)
        # Cut here, at the least important end: rich would shorten every column, the steps and the time first.
        room = self._console.width - len(f"{self._title}  {stage.steps}/{stage.steps} ") - _BAR_WIDTH
        shown = f"{left}  {figures}".strip()[: max(room, 0)]
        self._bar.update(self._task, completed=stage.step, total=stage.steps, figures=shown)
        if not self._is_terminal and (stage.seconds >= self._next_line or stage.step == stage.steps):
            say(f"{self._title} {stage.step}/{stage.steps}  {figures}  {left}".rstrip())
            self._next_line = stage.seconds + _SECONDS_BETWEEN_LINES


def _time_left(seconds: float) -> str:
    if math.isnan(seconds):
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} left" if hours else f"{minutes}:{rest:02d} left"
