"""Shows the progress of runs; Ctrl-C ends them between two steps, so that nothing is lost."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tfstyle.cli import console

if TYPE_CHECKING:
    from tfstyle import optimization

__all__ = ["follow", "follow_series"]


def follow(iterates: "Iterator[optimization.Iterate]", title: str, output: str, resume: str) -> None:
    """Runs to the end.

    Args:
        iterates: of a session that writes its own files.
        title: of the progress bar.
        output: file of the result.
        resume: the command that continues the run.

    Raises:
        KeyboardInterrupt: the user stopped the run; the picture so far and a checkpoint have been saved.
    """
    # Saving the result is not interrupted either.
    with (
        console.Interrupts().watch() as interrupts,
        console.ProgressBar(title) as bar,
        contextlib.closing(iterates),  # type: ignore[type-var]
    ):
        for iterate in iterates:
            bar.show(iterate)
            if interrupts.asked and iterate.step < iterate.steps:
                break
        else:
            return
    console.say(f"stopped at step {iterate.step} of {iterate.steps}: {output} is the picture so far; continue with")
    console.say(f"  {resume}")
    raise KeyboardInterrupt


def follow_series(progress: "Iterator[optimization.SeriesProgress]") -> None:
    """Runs a series to the end, with a progress bar for each picture.

    Args:
        progress: of the series.

    Raises:
        KeyboardInterrupt: the user stopped the run; what is finished and a checkpoint have been saved.
    """
    stopped = None
    with console.Interrupts().watch() as interrupts, contextlib.closing(progress):  # type: ignore[type-var]
        for title, group in itertools.groupby(progress, lambda each: f"{each.number}/{each.count} {each.label}"):
            with console.ProgressBar(title) as bar:
                for each in group:
                    bar.show(each.iterate)
                    if interrupts.asked and each.iterate.step < each.iterate.steps:
                        stopped = each
                        break
            if stopped:
                break
    if stopped:
        step = stopped.iterate
        console.say(f"stopped at step {step.step} of {step.steps} of {stopped.label}; continue with")
        console.say("  the same command and --resume")
        raise KeyboardInterrupt
