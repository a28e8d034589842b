"""Removes flicker from painted films.

A network paints each frame on its own, and a little noise or motion changes its strokes. `FlickerFilter` blends each
painted frame with the previous one, warped along the film's optical flow, wherever the flow explains what is seen
(Ruder, Dosovitskiy and Brox 2016, section 4, put the same idea into a loss; here it is applied afterwards).
docs/video.md has the measurements, and what did not help.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfstyle import errors

__all__ = ["FlickerFilter"]

# Weight of the previous frame where the flow explains everything. Measured: a third to a half of the warping error
# remains.
_WEIGHT = 0.5
# Difference between a frame and the warped previous one, in gray levels, at which the weight has fallen to 37 %.
_TOLERANCE = 40.0
# Standard deviation of the blur of that difference, pixels.
_BLUR = 2.0
# Scale at which the flow is computed: strokes are wider than its errors.
_FLOW_SCALE = 0.5
# A scene changes where the previous frame explains less than this share of a frame. Measured: 0.90 and more within
# three scenes, 0.13 and less between two.
_SAME_SCENE = 0.35
# Blending blurs. Details finer than _DETAIL pixels are amplified to the strength of the network's own frame, at most
# _MOST_GAIN times; the gain is a moving average, because it would flicker otherwise.
_DETAIL, _MOST_GAIN, _INERTIA = 1.5, 2.0, 0.8
# OpenCV's flow needs patches of 8 pixels at its coarsest scale.
_SMALLEST = 32


class FlickerFilter:
    """Blends each painted frame of one film with the previous one.

    Raises:
        InputError: OpenCV is not installed.
    """

    def __init__(self) -> None:
        self._cv = _import_opencv()
        self._flow = self._cv.DISOpticalFlow_create(self._cv.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._photo: np.ndarray | None = None
        self._blended = np.zeros(())
        self._gain = 1.0

    def __call__(self, photo: np.ndarray, painted: np.ndarray) -> np.ndarray:
        """Filters the next frame.

        Args:
            photo: the original frame, ``[H, W, 3]``, uint8.
            painted: the network's frame, ``[H, W, 3]``, uint8.

        Returns:
            ``[H, W, 3]``, uint8.
        """
        previous, self._photo = self._photo, photo
        if previous is None or previous.shape != photo.shape or min(photo.shape[:2]) < _SMALLEST:
            return self._restart(painted)
        sources = self._sources(photo, previous)
        explained = self._explained(photo, self._cv.remap(previous, *sources, self._cv.INTER_LINEAR, **self._border))
        if explained.mean() < _SAME_SCENE:
            return self._restart(painted)
        warped = np.clip(self._cv.remap(self._blended, *sources, self._cv.INTER_CUBIC, **self._border), 0, 255)
        own = painted.astype(np.float32)
        self._blended = own + _WEIGHT * explained[..., None] * (warped - own)
        return self._sharpened(own)

    def state(self) -> dict[str, np.ndarray]:
        """Arrays for a checkpoint, any shape; empty before the first frame."""
        if self._photo is None:
            return {}
        return {"photo": self._photo, "blended": self._blended, "gain": np.array(self._gain)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Restores what `state` returned: the next frames are the same to the bit."""
        if "photo" in state:
            self._photo, self._blended, self._gain = state["photo"], state["blended"], float(state["gain"])

    @property
    def _border(self) -> dict[str, int]:
        return {"borderMode": self._cv.BORDER_REPLICATE}

    def _restart(self, painted: np.ndarray) -> np.ndarray:
        self._blended, self._gain = painted.astype(np.float32), 1.0
        return painted

    def _sources(self, photo: np.ndarray, previous: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each pixel was in the previous frame: columns and rows, ``[H, W]`` each."""
        height, width, _ = photo.shape
        small = [self._gray(each, height, width) for each in (photo, previous)]
        flow = self._flow.calc(*small, None)
        scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
        flow = self._cv.resize(flow, (width, height)) * scale
        rows, columns = np.indices((height, width), np.float32)
        return columns + flow[..., 0], rows + flow[..., 1]

    def _gray(self, frame: np.ndarray, height: int, width: int) -> np.ndarray:
        size = max(_SMALLEST, round(width * _FLOW_SCALE)), max(_SMALLEST, round(height * _FLOW_SCALE))
        gray = self._cv.cvtColor(frame, self._cv.COLOR_RGB2GRAY)
        return self._cv.resize(gray, size, interpolation=self._cv.INTER_AREA)

    def _explained(self, photo: np.ndarray, warped: np.ndarray) -> np.ndarray:
        """How well the warped previous frame explains each pixel: ``[H, W]``, 0..1."""
        difference = self._cv.absdiff(photo, warped).max(axis=2).astype(np.float32)
        return np.exp(-np.square(self._blur(difference, _BLUR) / _TOLERANCE))

    def _sharpened(self, own: np.ndarray) -> np.ndarray:
        fine = self._blended - self._blur(self._blended, _DETAIL)
        wanted = own - self._blur(own, _DETAIL)
        ratio = float(np.sqrt(np.mean(np.square(wanted)) / (np.mean(np.square(fine)) + 1e-6)))
        self._gain = _INERTIA * self._gain + (1 - _INERTIA) * min(ratio, _MOST_GAIN)
        return np.clip(np.rint(self._blended + (self._gain - 1) * fine), 0, 255).astype(np.uint8)

    def _blur(self, picture: np.ndarray, sigma: float) -> np.ndarray:
        return self._cv.GaussianBlur(picture, (0, 0), sigma)


def _import_opencv() -> Any:
    try:
        import cv2  # noqa: PLC0415 - an extra
    except ImportError:
        raise errors.InputError('videos need OpenCV: pip install "tfstyle[video]"') from None
    return cv2
