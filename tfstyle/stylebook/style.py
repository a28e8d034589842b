"""What both paths need to know of a style, whether it is a painting or its stored statistics."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from tfstyle import images

if TYPE_CHECKING:
    from tfstyle.runtime import keras

__all__ = ["Grams", "Style"]

# Gram matrices `[C, C]` by layer, float32.
Grams: TypeAlias = Mapping[str, np.ndarray]


class Style(Protocol):
    """A style: `painting.Painting` and `stored.StoredStyle` are the two there are."""

    @property
    def digest(self) -> str:
        """SHA-256 of the file that the style was read from; equal digests paint equal pictures."""

    @property
    def backbones(self) -> tuple[str, ...]:
        """Names of the loss networks that the style has Gram matrices for."""

    def grams(self, model: "keras.Model", size: int, layers: Sequence[str], pooling: str = "average") -> Grams:
        """Returns the Gram matrices of the style.

        Args:
            model: from `features.build`.
            size: long side of the painting in pixels: larger paints larger strokes.
            layers: style layers.
            pooling: of the model.

        Returns:
            `[C, C]` by layer, float32.

        Raises:
            InputError: the style has none for this model, size, layers or pooling.
        """

    def packed(self, title: str = "") -> bytes:
        """Returns the style as a file that `stored.StoredStyle.open` reads.

        Args:
            title: of a painting; a stored style has its own.
        """

    def recolored(self, photo: images.Photo) -> "Style":
        """Returns the style with the colors of a photo, see `color.match_colors`.

        Raises:
            InputError: the style's colors cannot be changed.
        """
