"""A style given by its painting."""

import dataclasses
import functools
import hashlib
import os
from collections.abc import Sequence

import numpy as np

from tfstyle import errors, features, files, images, perceptual, weights
from tfstyle.images import color
from tfstyle.runtime import keras
from tfstyle.stylebook import stored, style

__all__ = ["Painting", "statistics"]


@dataclasses.dataclass(frozen=True)
class Painting:
    """A style given by its picture.

    Attributes:
        photo: the painting; transparent parts do not count.
        file_digest: SHA-256 of the file that the painting was read from; None if there is none.
    """

    photo: images.Photo
    file_digest: str | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Painting":
        """Reads a painting's file.

        Raises:
            InputError: see `images.load_image`.
        """
        return cls(images.load_image(path), files.digest(path))

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the painting's file, or of the pixels of a painting without a file."""
        if self.file_digest:
            return self.file_digest
        planes = [self.photo.rgb] if self.photo.alpha is None else [self.photo.rgb, self.photo.alpha]
        shapes = str([plane.shape for plane in planes]).encode()
        return hashlib.sha256(b"".join([shapes, *(plane.tobytes() for plane in planes)])).hexdigest()

    @property
    def backbones(self) -> tuple[str, ...]:
        """Every loss network can measure a painting."""
        return tuple(weights.BACKBONES)

    def fit_size(self, backbone: str, size: int) -> tuple[int, int]:
        """Computes the painting's height and width at a size.

        Args:
            backbone: name of the loss network that will measure it.
            size: long side in pixels.

        Returns:
            Height and width.

        Raises:
            InputError: the short side would be too small for the backbone.
        """
        height, width = images.fit_size(*self.photo.size, size)
        minimum = weights.BACKBONES[backbone].min_size
        if min(height, width) < minimum:
            raise errors.InputError(
                f"the painting would be {width}x{height} pixels, but {backbone} needs at least {minimum} on the short "
                "side: use a larger --size or --style-scale (--style-size to train), or a less narrow painting"
            )
        return height, width

    def grams(self, model: keras.Model, size: int, layers: Sequence[str], pooling: str = "average") -> style.Grams:
        """Measures the painting at a size, see `style.Style.grams`.

        Raises:
            InputError: the painting is too small for the backbone at this size, or transparent everywhere.
        """
        del pooling  # The model has it.
        if self.photo.alpha is not None and not self.photo.alpha.any():
            raise errors.InputError("the painting is transparent everywhere: choose one with visible pixels")
        return _measure(model, images.resize(self.photo, *self.fit_size(model.name, size)), layers)

    def packed(self, title: str = "") -> bytes:
        """Measures the painting and returns the result as a file, see `statistics` and `stored.pack`."""
        about = {"title": title, "artist": "", "year": "", "sha256": self.digest}
        return stored.pack(statistics(self), about)

    def recolored(self, photo: images.Photo) -> "Painting":
        """Returns the painting with the colors of a photo, see `color.match_colors`."""
        return Painting(self.photo.with_rgb(color.match_colors(self.photo.rgb, photo.rgb)))


def _measure(model: keras.Model, photo: images.Photo, layers: Sequence[str]) -> style.Grams:
    """Computes the Gram matrices `[C, C]` of a picture; its alpha channel weighs the positions."""
    mask = None if photo.alpha is None else photo.alpha[None]
    grams = perceptual.style_grams(model, photo.rgb[None], layers, mask)
    return {name: np.asarray(gram)[0] for name, gram in grams.items()}


def statistics(painting: Painting) -> dict[str, np.ndarray]:
    """Measures a painting for `stored.pack`, with every backbone of `STORED_BACKBONES` whose weights are available.

    Args:
        painting: the painting.

    Returns:
        Factors `[C, rank]` by ``<backbone>/<size>/<layer>``; sizes at which the painting is too narrow for the
        backbone are left out.
    """
    arrays: dict[str, np.ndarray] = {}
    for backbone in filter(weights.find, stored.STORED_BACKBONES):
        layers = weights.BACKBONES[backbone].style_layers
        loaded = weights.load(backbone, layers=layers)
        model = features.build(backbone, layers, loaded)
        for size in _sizes(painting, backbone):
            grams = painting.grams(model, size, layers)
            arrays |= {f"{backbone}/{size}/{layer}": stored.compress(gram) for layer, gram in grams.items()}
    return arrays


def _sizes(painting: Painting, backbone: str) -> list[int]:
    minimum = weights.BACKBONES[backbone].min_size
    return [size for size in stored.STORED_SIZES if min(images.fit_size(*painting.photo.size, size)) >= minimum]
