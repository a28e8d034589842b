"""What the user sees and does while a run goes on: progress with time left, Ctrl-C."""

import contextlib
import math
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Protocol

from rich import console as rich_console
from rich import progress

__all__ = ["Interrupts", "Progress", "Stage", "say"]


class Stage(Protocol):
    """Where a run stands, as far as a user is told."""

    @property
    def step(self) -> int:
        """Steps done."""

    @property
    def steps(self) -> int:
        """To do in all."""

    @property
    def seconds(self) -> float:
        """Spent."""

    @property
    def remaining(self) -> float:
        """Seconds, estimated; NaN if unknown."""

    @property
    def headline(self) -> str:
        """What else there is to say, in a few words."""


def say(text: str) -> None:
    """One line to standard error, which leaves standard output to what a command is asked for."""
    print(text, file=sys.stderr, flush=True)


_BAR = 12  # Characters.


class Interrupts:
    """Turns the first Ctrl-C (or SIGTERM) into a flag, so that a run stops between two steps; the second one kills.

    Attributes:
        asked: whether to stop.
    """

    def __init__(self) -> None:
        self.asked = False

    @contextlib.contextmanager
    def watch(self) -> Iterator["Interrupts"]:
        """Takes over both signals inside the block."""
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


class Progress:
    """A progress bar with losses and time left; without a terminal, a line now and then."""

    def __init__(self, title: str) -> None:
        self._console = rich_console.Console(stderr=True)
        self._terminal = self._console.is_terminal
        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=_BAR),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[losses]}"),
        )
        self._bar = progress.Progress(*columns, console=self._console, disable=not self._terminal)
        self._task = self._bar.add_task(title, total=None, losses="")
        self._title, self._next_line = title, 0.0

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def show(self, iterate: Stage) -> None:
        """Moves the bar to where a run is."""
        numbers, left = iterate.headline, _left(iterate.remaining)
        # Cut here, at the least important end: rich would shorten every column, the steps and the time first.
        room = self._console.width - len(f"{self._title}  {iterate.steps}/{iterate.steps} ") - _BAR
        shown = f"{left}  {numbers}".strip()[: max(room, 0)]
        self._bar.update(self._task, completed=iterate.step, total=iterate.steps, losses=shown)
        if not self._terminal and (iterate.seconds >= self._next_line or iterate.step == iterate.steps):
            say(f"{self._title} {iterate.step}/{iterate.steps}  {numbers}  {left}".rstrip())
            self._next_line = iterate.seconds + 10


def _left(seconds: float) -> str:
    if math.isnan(seconds):
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} left" if hours else f"{minutes}:{rest:02d} left"
