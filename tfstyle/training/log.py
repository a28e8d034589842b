"""What a training writes on its way: losses, loss curves, and sample pictures."""

import importlib.util
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from tfstyle import images, reports
from tfstyle.training import loop

__all__ = ["SAMPLE_SIZE", "TrainingLog", "sample_photos"]

Path: TypeAlias = str | os.PathLike[str]
Paint: TypeAlias = Callable[[np.ndarray], np.ndarray]

SAMPLE_SIZE = 384
"""Long side of the sample pictures, pixels."""
_CURVES = ("loss", "content", "style", "variation", "grid")


class TrainingLog:
    """Records losses, and stylizes sample photos every few steps.

    Args:
        folder: the destination.
        sample_every: steps between two samples.
        tensorboard: folder for an event file, if one is wanted.

    Raises:
        InputError: the event file cannot be written.
    """

    def __init__(
        self, folder: pathlib.Path, sample_every: int, tensorboard: str | os.PathLike[str] | None = None
    ) -> None:
        self._folder, self._every = folder, sample_every
        self._board = reports.Board(os.fspath(tensorboard)) if tensorboard else None
        self._history, self._photos, self._samples = reports.History(), sample_photos(), 0

    @property
    def photo(self) -> np.ndarray:
        """The first sample photo, ``[H, W, 3]``, 0..255."""
        return self._photos[0]

    def state(self) -> dict[str, np.ndarray]:
        """Returns the losses so far, for a checkpoint."""
        return self._history.state()

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Returns to a checkpoint."""
        self._history.restore(state)
        self._samples = int(state["step"]) // self._every

    def add(self, progress: loop.TrainingProgress, paint: Paint) -> None:
        """Records the losses, and samples when it is time.

        Args:
            progress: of the training.
            paint: stylizes a photo ``[H, W, 3]``, 0..255.
        """
        self._history.add(progress.step, {**progress.losses, "seconds": progress.seconds})
        if self._board:
            self._board.add(progress.step, progress.losses)
        if progress.step // self._every > self._samples:
            self.sample(progress.step, paint)

    def sample(self, step: int, paint: Paint) -> None:
        """Stylizes the sample photos and draws the loss curves.

        Args:
            step: steps done.
            paint: stylizes a photo ``[H, W, 3]``, 0..255.
        """
        self._samples = step // self._every
        sheet = reports.contact_sheet([paint(photo) for photo in self._photos], [f"{step}"] * len(self._photos))
        images.save_image(self._folder / f"sample-{step:06d}.jpg", sheet)
        if importlib.util.find_spec("matplotlib"):  # Optional; losses.csv holds the same numbers.
            reports.plot_curves(self._folder / "losses.png", self._history.curves(_CURVES))

    def write(self) -> None:
        """Writes the losses so far."""
        self._history.write_csv(self._folder / "losses.csv")


def sample_photos() -> list[np.ndarray]:
    """Returns three pictures from scikit-image, ``[H, W, 3]``, 0..255: a cat, a portrait, a cup."""
    from skimage import data  # noqa: PLC0415 - slow to import

    pictures = (data.chelsea(), data.astronaut(), data.coffee())
    photos = [images.Photo(picture.astype(np.float32)) for picture in pictures]
    return [images.resize(photo, *images.fit_size(*photo.size, SAMPLE_SIZE)).rgb for photo in photos]
