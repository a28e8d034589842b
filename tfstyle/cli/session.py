"""A run on the command line from start to result: progress, checkpoints, interruption, resumption, reports."""

import argparse
import dataclasses
import pathlib
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfstyle import checkpoints, errors, images, optimization, reports
from tfstyle.cli import console

__all__ = ["Outputs", "Session"]

# A killed run loses at most about this much work.
_SECONDS_BETWEEN_CHECKPOINTS = 20.0
# Saving a large picture's state takes seconds; this share of the whole time at most.
_MOST_FOR_CHECKPOINTS = 0.05


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Where the results go; names as on the command line, empty for none."""

    output: str
    save_every: int = 0
    timelapse: str | None = None
    log: str | None = None
    plot: str | None = None

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> "Outputs":
        """Takes the fields from parsed arguments.

        Raises:
            InputError: a suffix that cannot be written, or a folder that is not there.
        """
        given = vars(arguments)
        outputs = cls(**{field.name: given[field.name] for field in dataclasses.fields(cls) if field.name in given})
        images.check_writable(outputs.output)
        reports.check_files(log=outputs.log, plot=outputs.plot, timelapse=outputs.timelapse)
        if outputs.save_every < 0:
            raise errors.InputError(f"save-every is {outputs.save_every}: use 1 or more steps")
        return outputs


class Session:
    """Runs one optimisation and writes what was asked for.

    Args:
        run: the optimisation, at its start.
        recipe: what it is; stored in the result and compared when resuming.
        outputs: where the results go.
        alpha: the photo's alpha channel, carried to the result.
    """

    # How an interrupted run is resumed, for the message.
    go_on = "the same command and --resume"

    def __init__(
        self,
        run: optimization.Optimization,
        recipe: Mapping[str, Any],
        outputs: Outputs,
        alpha: np.ndarray | None = None,
    ) -> None:
        self._run, self._recipe, self._outputs, self._alpha = run, recipe, outputs, alpha
        self._history = reports.History()
        self._timelapse = reports.Timelapse(outputs.timelapse) if outputs.timelapse else None
        self._save_next_at = time.monotonic() + _SECONDS_BETWEEN_CHECKPOINTS

    def resume(self, state: Mapping[str, np.ndarray] | None) -> None:
        """Goes back to a checkpoint.

        Args:
            state: from `checkpoints.Interrupted.state`; None to stay at the start.

        Raises:
            InputError: the checkpoint is not a whole one.
        """
        if state is None:
            return
        try:
            self._run.restore(dict(state))
            self._history.restore(state)
            if self._timelapse:
                self._timelapse.restore(state)
        except (KeyError, ValueError) as error:
            path = checkpoints.path_for(self._outputs.output)
            raise errors.InputError(f"{path}: does not fit this version: delete it and start over") from error

    def complete(self, title: str) -> np.ndarray:
        """Runs to the end and writes everything.

        Returns:
            The picture ``[H, W, 3]``, 0..255.

        Raises:
            BrokenLoss: the last good picture has been saved, if a step was done at all.
            KeyboardInterrupt: the picture so far and a checkpoint have been saved.
        """
        with console.Interrupts().watch() as interrupts:  # Saving the result is not interrupted either.
            try:
                last = self._loop(title, interrupts)
            except optimization.BrokenLoss as error:
                if self._history.rows[-1]["step"]:
                    self._save(self._outputs.output, error.image, finished=False)
                checkpoints.remove(self._outputs.output)  # It would break at the same step again.
                raise
            self._save(self._outputs.output, last.image)
            self._report(last)
            checkpoints.remove(self._outputs.output)
        return last.image

    def _loop(self, title: str, interrupts: console.Interrupts) -> optimization.Iterate:
        with console.ProgressBar(title) as bar:
            for iterate in self._run:
                bar.show(iterate)
                self._note(iterate)
                if interrupts.asked and iterate.step < iterate.steps:
                    self._stop(iterate)
        return iterate

    def _note(self, iterate: optimization.Iterate) -> None:
        losses = iterate.losses | iterate.terms | iterate.losses  # The variation has one name, weighted and not.
        self._history.add(iterate.step, {"loss": iterate.loss, **losses, "seconds": iterate.seconds})
        if self._timelapse:
            self._timelapse.add(iterate.step, iterate.image)
        every = self._outputs.save_every
        if every and iterate.step % every == 0 and iterate.step:
            path = pathlib.Path(self._outputs.output)
            self._save(path.with_stem(f"{path.stem}-{iterate.step:04d}"), iterate.image, finished=False)
        if time.monotonic() >= self._save_next_at:
            self._checkpoint()

    def _stop(self, iterate: optimization.Iterate) -> None:
        self._checkpoint()
        self._save(self._outputs.output, iterate.image, finished=False)
        self._report(iterate)
        output = self._outputs.output
        console.say(f"stopped at step {iterate.step} of {iterate.steps}: {output} is the picture so far; go on with")
        console.say(f"  {self.go_on}")
        raise KeyboardInterrupt

    def _checkpoint(self) -> None:
        begun, frames = time.monotonic(), self._timelapse.state() if self._timelapse else {}
        state = {**self._run.state(), **self._history.state(), **frames}
        checkpoints.save(self._outputs.output, self._recipe, state)
        done = time.monotonic()
        self._save_next_at = done + max(_SECONDS_BETWEEN_CHECKPOINTS, (done - begun) / _MOST_FOR_CHECKPOINTS)

    def _save(self, path: str | pathlib.Path, image: np.ndarray, *, finished: bool = True) -> None:
        alpha = self._alpha
        if alpha is not None and alpha.shape != image.shape[:2]:
            alpha = images.resize(images.Photo(np.repeat(alpha[..., None], 3, 2)), *image.shape[:2]).rgb[..., 0]
        recipe = dict(self._recipe) if finished else {**self._recipe, "unfinished": True}
        images.save_image(path, image, alpha=alpha, recipe=recipe)

    def _report(self, last: optimization.Iterate) -> None:
        outputs = self._outputs
        if outputs.log:
            self._history.write_csv(outputs.log)
        if outputs.plot:
            reports.plot_curves(outputs.plot, self._history.curves(["loss", *last.losses]))
        if self._timelapse:
            self._timelapse.write(last.image)
