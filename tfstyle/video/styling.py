"""Paints the frames of a film, each in the style of its time."""

import functools

import numpy as np

from tfstyle import stylebook, stylizer
from tfstyle.video import schedule

__all__ = ["FrameStylizer"]


class FrameStylizer:
    """Paints frames in one style, or in styles that turn into each other.

    A film with one style is painted as photos are. Styles that turn into each other are all painted by the network for
    all paintings, which mixes their style vectors.

    Args:
        plan: styles and times.
        threads: CPU threads; None for all.

    Attributes:
        is_trained: whether a network of its own paints the style.
        digests: identify the styles, wherever their files are, and the network for all paintings if it paints.

    Raises:
        InputError: there is no such style, or it is damaged.
    """

    def __init__(self, plan: schedule.Schedule, threads: int | None = None) -> None:
        self._plan = plan
        # A film has many frames: TensorFlow's slow start pays off.
        self._open = functools.partial(stylizer.Stylizer, runtime="savedmodel", threads=threads)
        self._only = self._open(plan.styles[0]) if len(plan.styles) == 1 else None
        self.is_trained = self._only is not None and self._only.folder is not None
        self._vectors = [] if self._only else self._find_vectors(threads)
        self.digests = self._find_digests()

    def __call__(self, image: np.ndarray, seconds: float, strength: float = 1.0) -> np.ndarray:
        """Paints a frame.

        Args:
            image: ``[H, W, 3]``, uint8.
            seconds: when it is shown.
            strength: see `stylizer.Stylizer`.

        Returns:
            ``[H, W, 3]``, uint8.
        """
        return self._at(seconds)(image, strength=strength)

    def _at(self, seconds: float) -> stylizer.Stylizer:
        if self._only:
            return self._only
        return self._open(stylebook.StyleVector.mix(self._vectors, self._plan.shares(seconds)))

    def _find_digests(self) -> list[str]:
        mixtures = map(stylizer.mixtures.parse, self._plan.styles)
        styles = [stylizer.digests.style_digest(source) for mixture in mixtures for source, _ in mixture]
        return styles if self.is_trained else [*styles, stylizer.vectors.network_digest()]

    def _find_vectors(self, threads: int | None) -> list[stylebook.StyleVector]:
        engine = stylizer.any_painting.load("savedmodel", threads, "auto")
        mixtures = map(stylizer.mixtures.parse, self._plan.styles)
        return [stylizer.vectors.mixed(mixture, engine) for mixture in mixtures]
