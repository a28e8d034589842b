"""A run with its files: result with recipe, checkpoints, numbered pictures, losses, timelapse."""

import contextlib
import pathlib
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np

from tfstyle import checkpoints, errors, images, reports
from tfstyle.optimization import outputs as outputs_module
from tfstyle.optimization import recipes, run

__all__ = ["Session"]


class Session:
    """Runs one optimization and writes its files; iterate over it.

    Leaving the loop early saves the picture so far and a checkpoint, from which a session of the same recipe resumes.

    Args:
        optimization: at its start.
        recipe: what the run is; stored in the result, and compared when resuming.
        outputs: files to write.
        photo: its alpha and metadata go into the result.
    """

    def __init__(
        self,
        optimization: run.Optimization,
        recipe: Mapping[str, Any],
        outputs: outputs_module.Outputs,
        photo: images.Photo | None = None,
    ) -> None:
        self._run, self._recipe, self._outputs, self._photo = optimization, recipe, outputs, photo
        self._history = reports.History()
        self._timelapse = reports.Timelapse(outputs.timelapse) if outputs.timelapse else None

    @classmethod
    def of(cls, job: recipes.Job, outputs: outputs_module.Outputs, state: Mapping[str, np.ndarray] | None) -> "Session":
        """Opens the session of a job.

        Args:
            job: what to paint.
            outputs: files to write.
            state: from `checkpoints.Interrupted.state`; None starts from the beginning.

        Returns:
            The session.

        Raises:
            InputError: unusable pictures, settings or checkpoint, or a result too large for its format.
        """
        photo = job.photo(keep_gps=outputs.keep_gps)
        optimization = job.start(photo)
        images.check_writable(outputs.output, (optimization.scales[-1].height, optimization.scales[-1].width))
        session = cls(optimization, job.recipe, outputs, photo)
        session.resume(state)
        return session

    def resume(self, state: Mapping[str, np.ndarray] | None) -> None:
        """Goes back to a checkpoint.

        Args:
            state: from `checkpoints.Interrupted.state`; None stays at the start.

        Raises:
            InputError: the checkpoint is incomplete.
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
            raise errors.InputError(f"{path} is incompatible with this version: delete it and start over") from error

    def __iter__(self) -> Generator[run.Iterate, None, None]:
        """Runs to the end and writes everything.

        Yields:
            The start or the restored step, then one iterate per step.

        Raises:
            BrokenLoss: the last good picture has been saved, if a step was done at all.
            InputError: a file that cannot be written.
        """
        try:
            with contextlib.closing(checkpoints.checkpointed(self._run, self._checkpoint)) as iterates:
                for iterate in iterates:
                    self._record(iterate)
                    yield iterate
        except GeneratorExit:  # The loop was left early.
            self._save(self._outputs.output, iterate.image, is_finished=False)
            self._report(iterate)
            raise
        except run.BrokenLoss as error:
            if self._history.rows[-1]["step"]:
                self._save(self._outputs.output, error.image, is_finished=False)
            checkpoints.remove(self._outputs.output)  # It would break at the same step again.
            raise
        self._save(self._outputs.output, iterate.image)
        self._report(iterate)
        checkpoints.remove(self._outputs.output)

    def _record(self, iterate: run.Iterate) -> None:
        # Both name the variation: the second `losses` keeps its place, and the weighted value wins.
        losses = iterate.losses | iterate.terms | iterate.losses
        self._history.add(iterate.step, {"loss": iterate.loss, **losses, "seconds": iterate.seconds})
        if self._timelapse:
            self._timelapse.add(iterate.step, iterate.image)
        every = self._outputs.save_every
        if every and iterate.step % every == 0 and iterate.step:
            path = pathlib.Path(self._outputs.output)
            self._save(path.with_stem(f"{path.stem}-{iterate.step:04d}"), iterate.image, is_finished=False)

    def _checkpoint(self) -> None:
        frames = self._timelapse.state() if self._timelapse else {}
        state = {**self._run.state(), **self._history.state(), **frames}
        checkpoints.save(self._outputs.output, self._recipe, state)

    def _save(self, path: str | pathlib.Path, image: np.ndarray, *, is_finished: bool = True) -> None:
        picture = self._photo.with_rgb(image) if self._photo else image
        recipe = recipes.without_folders(self._recipe) | ({} if is_finished else {"unfinished": True})
        images.save_image(path, picture, recipe=recipe)

    def _report(self, last: run.Iterate) -> None:
        outputs = self._outputs
        if outputs.log:
            self._history.write_csv(outputs.log)
        if outputs.plot:
            reports.plot_curves(outputs.plot, self._history.curves(["loss", *last.losses]))
        if self._timelapse:
            self._timelapse.write(last.image)
