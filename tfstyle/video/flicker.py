"""Painted films without flicker: what was painted before moves along with what the film shows.

A network paints each frame by itself, and a little noise or motion makes other strokes. Here every painted frame is
mixed with the one before, which is moved along the film's own optical flow, wherever that flow explains what is seen
(Ruder, Dosovitskiy and Brox 2016 ask for the same of an optimiser, section 4; here it is done afterwards). Measured in
docs/video.md, with what did not help.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfstyle import errors

__all__ = ["Steady"]

# Of the frame before, where the flow explains everything. Measured: half to a third of the warping error is left.
_SHARE = 0.5
# Grey levels of difference between a frame and the one before, moved, at which the share is down to 37 %.
_TOLERANCE = 40.0
# Pixels over which that difference is smoothed.
_SMOOTH = 2.0
# The flow is computed at this scale: strokes are wider than its errors.
_SCALE = 0.5
# A film's cut: less than this of a frame is explained by the one before. Measured: 0.90 and more within three scenes,
# 0.13 and less from one to another.
_SAME_SCENE = 0.35
# Mixing blurs. What is finer than this many pixels is made as strong again as in the network's own picture, at most
# this much stronger, with an average over some frames lest it flicker.
_FINE, _MOST, _INERTIA = 1.5, 2.0, 0.8
# OpenCV's flow needs patches of 8 pixels at its coarsest scale.
_SMALLEST = 32


class Steady:
    """Mixes every painted frame with the one before; an object for one film.

    Raises:
        InputError: OpenCV is not installed.
    """

    def __init__(self) -> None:
        self._cv = _import_opencv()
        self._flow = self._cv.DISOpticalFlow_create(self._cv.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._photo: np.ndarray | None = None
        self._mixed = np.zeros(())
        self._gain = 1.0

    def __call__(self, photo: np.ndarray, painted: np.ndarray) -> np.ndarray:
        """The next frame.

        Args:
            photo: as filmed, ``[H, W, 3]``, uint8.
            painted: by the network, the same shape, uint8.

        Returns:
            ``[H, W, 3]``, uint8.
        """
        before, self._photo = self._photo, photo
        if before is None or before.shape != photo.shape or min(photo.shape[:2]) < _SMALLEST:
            return self._cut(painted)
        places = self._places(photo, before)
        explained = self._explained(photo, self._cv.remap(before, *places, self._cv.INTER_LINEAR, **self._border))
        if explained.mean() < _SAME_SCENE:
            return self._cut(painted)
        moved = np.clip(self._cv.remap(self._mixed, *places, self._cv.INTER_CUBIC, **self._border), 0, 255)
        own = painted.astype(np.float32)
        self._mixed = own + _SHARE * explained[..., None] * (moved - own)
        return self._sharpened(own)

    def state(self) -> dict[str, np.ndarray]:
        """Arrays from which `restore` goes on to the same frames; none before the first frame."""
        if self._photo is None:
            return {}
        return {"photo": self._photo, "mixed": self._mixed, "gain": np.array(self._gain)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Goes back to what `state` returned."""
        if "photo" in state:
            self._photo, self._mixed, self._gain = state["photo"], state["mixed"], float(state["gain"])

    @property
    def _border(self) -> dict[str, int]:
        return {"borderMode": self._cv.BORDER_REPLICATE}

    def _cut(self, painted: np.ndarray) -> np.ndarray:
        self._mixed, self._gain = painted.astype(np.float32), 1.0
        return painted

    def _places(self, photo: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each pixel was in the frame before: columns and rows, ``[H, W]`` each."""
        height, width, _ = photo.shape
        small = [self._grey(each, height, width) for each in (photo, before)]
        flow = self._flow.calc(*small, None)
        scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
        flow = self._cv.resize(flow, (width, height)) * scale
        rows, columns = np.indices((height, width), np.float32)
        return columns + flow[..., 0], rows + flow[..., 1]

    def _grey(self, frame: np.ndarray, height: int, width: int) -> np.ndarray:
        size = max(_SMALLEST, round(width * _SCALE)), max(_SMALLEST, round(height * _SCALE))
        grey = self._cv.cvtColor(frame, self._cv.COLOR_RGB2GRAY)
        return self._cv.resize(grey, size, interpolation=self._cv.INTER_AREA)

    def _explained(self, photo: np.ndarray, moved: np.ndarray) -> np.ndarray:
        """How far each pixel is the moved frame's: ``[H, W]``, 0..1."""
        difference = self._cv.absdiff(photo, moved).max(axis=2).astype(np.float32)
        return np.exp(-np.square(self._smooth(difference, _SMOOTH) / _TOLERANCE))

    def _sharpened(self, own: np.ndarray) -> np.ndarray:
        fine = self._mixed - self._smooth(self._mixed, _FINE)
        wanted = own - self._smooth(own, _FINE)
        ratio = float(np.sqrt(np.mean(np.square(wanted)) / (np.mean(np.square(fine)) + 1e-6)))
        self._gain = _INERTIA * self._gain + (1 - _INERTIA) * min(ratio, _MOST)
        return np.clip(np.rint(self._mixed + (self._gain - 1) * fine), 0, 255).astype(np.uint8)

    def _smooth(self, picture: np.ndarray, sigma: float) -> np.ndarray:
        return self._cv.GaussianBlur(picture, (0, 0), sigma)


def _import_opencv() -> Any:
    try:
        import cv2  # noqa: PLC0415 - an extra
    except ImportError:
        raise errors.InputError('films need OpenCV: pip install "tfstyle[video]"') from None
    return cv2
