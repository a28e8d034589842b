"""An animation of a run, GIF or MP4."""

import io
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from tfstyle import errors, files, images, video
from tfstyle.reports import thumbnails

__all__ = ["Timelapse"]

_FRAMES_PER_SECOND = 10
_HOLD_FRAMES = 12  # The finished picture is held for a moment before the animation repeats.


class Timelapse:
    """Collects the states of a picture and writes them as an animation.

    Args:
        path: a .gif or .mp4 file.
        long_side: of the frames, pixels.
        most: frames kept; whenever there are more, every second one is dropped.

    Raises:
        InputError: another suffix, or .mp4 without PyAV.
    """

    def __init__(self, path: str | pathlib.Path, *, long_side: int = 480, most: int = 120) -> None:
        self.path = pathlib.Path(path)
        if self.path.suffix.lower() not in {".gif", ".mp4"}:
            raise errors.InputError(f"{path}: unsupported animation format: use .gif or .mp4")
        if self.path.suffix.lower() == ".mp4":
            _check_av()
        self._long_side, self._most, self._every = long_side, most, 1
        self._steps: list[int] = []
        self._frames: list[np.ndarray] = []

    def add(self, step: int, image: np.ndarray) -> None:
        """Adds the picture after a step, ``[H, W, 3]``, 0..255, unless frames are being thinned out."""
        self._drop_from(step)
        if step % self._every:
            return
        self._steps.append(step)
        self._frames.append(self._frame(image))
        if len(self._frames) > self._most:
            self._every *= 2
            kept = [index for index, each in enumerate(self._steps) if each % self._every == 0]
            self._steps, self._frames = [self._steps[i] for i in kept], [self._frames[i] for i in kept]

    def state(self) -> dict[str, np.ndarray]:
        """Arrays for a checkpoint, any shape."""
        kept = {f"frame{step}": frame for step, frame in zip(self._steps, self._frames, strict=True)}
        return {"frame_steps": np.array(self._steps, int), "frame_every": np.array(self._every), **kept}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Restores what `state` returned."""
        if "frame_steps" in state:
            self._steps, self._every = [int(step) for step in state["frame_steps"]], int(state["frame_every"])
            self._frames = [state[f"frame{step}"] for step in self._steps]

    def write(self, last: np.ndarray) -> None:
        """Writes the animation, ending on the finished picture.

        Args:
            last: ``[H, W, 3]``, 0..255.

        Raises:
            InputError: the file cannot be written.
        """
        final = self._frame(last)
        height, width = final.shape[:2]
        frames = [thumbnails.thumbnail(frame, height, width) for frame in self._frames] + [final] * _HOLD_FRAMES
        is_gif = self.path.suffix.lower() == ".gif"
        files.atomic_write(self.path, _gif(frames) if is_gif else video.encode_mp4(frames, _FRAMES_PER_SECOND))

    def _drop_from(self, step: int) -> None:
        while self._steps and self._steps[-1] >= step:
            self._steps.pop()
            self._frames.pop()

    def _frame(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        side = min(self._long_side, max(height, width))
        # H.264 with subsampled chroma needs even sides.
        height, width = (max(2, each // 2 * 2) for each in images.fit_size(height, width, side))
        return thumbnails.thumbnail(image, height, width)


def _gif(frames: Sequence[np.ndarray]) -> bytes:
    first, *others = [Image.fromarray(frame).quantize(dither=Image.Dither.FLOYDSTEINBERG) for frame in frames]
    buffer = io.BytesIO()
    duration = 1000 // _FRAMES_PER_SECOND
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=duration, loop=0)
    return buffer.getvalue()


def _check_av() -> None:
    try:
        video.import_av()
    except errors.InputError as error:
        raise errors.InputError(f"{error}, or use .gif") from error
