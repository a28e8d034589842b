"""What a picture can be painted like: a painting's file, or the stored statistics of one (`shipped`)."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from tfstyle import errors, features, files, images, perceptual, weights
from tfstyle.images import color
from tfstyle.runtime import keras
from tfstyle.stylebook import stored

__all__ = ["Painting", "Style", "digest", "load", "measure", "statistics"]

Grams: TypeAlias = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Painting:
    """A style given by its picture.

    Attributes:
        photo: the painting; what its alpha channel hides does not count.
    """

    photo: images.Photo

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks that can look at it: all."""
        return tuple(features.NETWORKS)

    def grams(self, model: keras.Model, size: int, layers: Sequence[str], pooling: str = "average") -> Grams:
        """Gram matrices of the painting at a size.

        Args:
            model: from `features.build`.
            size: long side, pixels.
            layers: style layers.
            pooling: of the model; it needs no telling here.

        Returns:
            ``[C, C]`` by layer.

        Raises:
            InputError: the painting is too small for the network at this size, or transparent everywhere.
        """
        del pooling
        if self.photo.alpha is not None and not self.photo.alpha.any():
            raise errors.InputError("the painting is transparent everywhere: it has no style to take")
        height, width, _ = self.photo.rgb.shape
        photo = images.resize(self.photo, *images.fit_size(height, width, size))
        shortest, minimum = min(photo.rgb.shape[:2]), features.NETWORKS[model.name].minimum
        if shortest < minimum:
            raise errors.InputError(
                f"the painting would be {shortest} pixels on its short side; {model.name} needs {minimum}: "
                "use a larger --size or --style-scale (--style-size to train), or a painting that is less narrow"
            )
        return measure(model, photo, layers)

    def recolored(self, photo: images.Photo) -> "Painting":
        """The painting with the colours of a photo, see `color.match_colors`."""
        return Painting(dataclasses.replace(self.photo, rgb=color.match_colors(self.photo.rgb, photo.rgb)))


Style: TypeAlias = Painting | stored.StoredStyle


def load(text: str | pathlib.Path) -> Style:
    """Finds a style by file or by name; a file goes first.

    Args:
        text: path of a painting, folder of a trained style, or a name that `stored.load_all` lists.

    Returns:
        The style.

    Raises:
        InputError: neither file nor name.
    """
    if (file := _statistics_of(text)) is not None:
        return stored.read(pathlib.Path(text).name, file.read_bytes())
    if _is_file(text):
        return Painting(images.load_image(text))
    return _named(str(text))


def digest(text: str | pathlib.Path) -> str:
    """SHA-256 of what `load` would read: a painting's file, or a stored style's.

    Raises:
        InputError: neither file nor name.
    """
    if (file := _statistics_of(text)) is not None:
        return files.digest(file)
    return files.digest(text) if _is_file(text) else _named(str(text)).digest


def _statistics_of(text: str | pathlib.Path) -> pathlib.Path | None:
    path = os.path.join(text, stored.STATISTICS)  # noqa: PTH118 - a Path raises at names too long for it
    return pathlib.Path(path) if os.path.isfile(path) else None  # noqa: PTH113


def _is_file(text: str | pathlib.Path) -> bool:
    if os.path.isdir(text) and str(text) in stored.load_all():  # noqa: PTH112 - a Path raises at names too long for it
        return False
    return os.path.lexists(text) or bool(pathlib.Path(text).suffix)  # lexists: no name is too long for it


def _named(name: str) -> stored.StoredStyle:
    if name not in stored.load_all():
        raise errors.InputError(f"no painting {name!r}: give a picture's file or one of {', '.join(stored.load_all())}")
    return stored.load_all()[name]


def measure(model: keras.Model, photo: images.Photo, layers: Sequence[str]) -> Grams:
    """Gram matrices of one picture.

    Args:
        model: from `features.build`.
        photo: its alpha, if any, weighs its positions.
        layers: style layers.

    Returns:
        ``[C, C]`` by layer, float32.
    """
    mask = None if photo.alpha is None else photo.alpha[None]
    grams = perceptual.style_grams(model, photo.rgb[None], layers, mask)
    return {name: np.asarray(gram)[0] for name, gram in grams.items()}


def statistics(painting: Painting) -> dict[str, np.ndarray]:
    """Compressed Gram matrices of a painting, for `stored.pack`.

    Args:
        painting: the painting.

    Returns:
        Factors ``[C, rank]`` by ``<network>/<size>/<layer>``, for those networks of `stored.NETWORKS` whose weights
        are at hand, and the sizes at which they can look at it.
    """
    arrays: dict[str, np.ndarray] = {}
    for network in stored.NETWORKS:
        if not weights.find(network):
            continue
        layers = features.NETWORKS[network].style_layers
        model = features.build(network, layers, weights.load(network, layers=features.needed(network, layers)))
        for size in stored.SIZES:
            if min(images.fit_size(*painting.photo.size, size)) < features.NETWORKS[network].minimum:
                continue
            grams = painting.grams(model, size, layers)
            arrays |= {f"{network}/{size}/{layer}": stored.compress(gram) for layer, gram in grams.items()}
    return arrays
