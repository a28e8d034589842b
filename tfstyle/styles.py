"""What a picture can be painted like: a painting's file, or stored statistics of one that ship with the package.

Stored statistics are the Gram matrices of the painting's default style layers at a few sizes, for the networks in
`STORED_NETWORKS`, as truncated eigenvectors: G is close to F F^T with a thin F.
"""

import dataclasses
import functools
import hashlib
import importlib.resources
import io
import json
import math
import os
import pathlib
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from tfstyle import color, errors, features, images, perceptual

__all__ = ["Painting", "STORED_NETWORKS", "STORED_SIZES", "StoredStyle", "compress", "digest", "load", "measure", "stored"]

STORED_NETWORKS = ("compact", "vgg19")
# Long sides of the painting, in pixels: the slow path's scales up to 1024 lie within a factor of 1.25 of one of them.
STORED_SIZES = (192, 256, 384, 512, 768)
# Relative squared error (Frobenius) allowed to a stored Gram matrix: a tenth of what a good picture still differs by.
_TOLERANCE = 3e-4
# Share of it kept for rounding to float16, and what length of the longest column float16 holds so well.
_FOR_ROUNDING = 0.1
_HALF = (1e-2, 6e4)

Grams = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Painting:
    """A style given by its picture.

    Attributes:
        photo: the painting; what its alpha channel hides does not count.
    """

    photo: images.Photo

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
                "use a larger --size or --style-scale"
            )
        return measure(model, photo, layers)

    def recolored(self, photo: images.Photo) -> "Painting":
        """The painting with the colours of a photo, see `color.match_colors`."""
        return Painting(dataclasses.replace(self.photo, rgb=color.match_colors(self.photo.rgb, photo.rgb)))


@dataclasses.dataclass(frozen=True)
class StoredStyle:
    """A style given by its stored statistics.

    Attributes:
        name: as on the command line.
        title: of the painting.
        artist: its painter.
        year: when.
        digest: SHA-256 of the stored file.
        arrays: factors ``[C, rank]`` by ``<network>/<size>/<layer>``.
    """

    name: str
    title: str
    artist: str
    year: str
    digest: str
    arrays: Mapping[str, np.ndarray] = dataclasses.field(repr=False)

    def grams(self, model: keras.Model, size: int, layers: Sequence[str], pooling: str = "average") -> Grams:
        """Gram matrices at the stored size nearest to the one asked for; see `Painting.grams`.

        Raises:
            InputError: not stored for this network, layer or pooling.
        """
        nearest = min(STORED_SIZES, key=lambda stored_size: abs(math.log(stored_size / size)))
        keys = {layer: f"{model.name}/{nearest}/{layer}" for layer in layers}
        if pooling != "average" or not all(key in self.arrays for key in keys.values()):
            raise errors.InputError(
                f"style {self.name!r} is stored for {' and '.join(STORED_NETWORKS)} with their own style layers and "
                "average pooling: give the painting's file for anything else"
            )
        factors = {layer: self.arrays[key].astype(np.float32) for layer, key in keys.items()}
        return {layer: factor @ factor.T for layer, factor in factors.items()}

    def recolored(self, photo: images.Photo) -> "StoredStyle":
        """Refuses: colours can be matched only on the painting itself.

        Raises:
            InputError: always.
        """
        del photo
        raise errors.InputError(
            f"style {self.name!r} is stored without its picture, so its colours cannot be matched: "
            "use --keep-colors luminance, or give the painting's file"
        )


Style = Painting | StoredStyle


def load(text: str | pathlib.Path) -> Style:
    """Finds a style by file or by name; a file goes first.

    Args:
        text: path of a painting, or a name that `stored` lists.

    Returns:
        The style.

    Raises:
        InputError: neither file nor name.
    """
    if _is_file(text):
        return Painting(images.load_image(text))
    return _named(str(text))


def digest(text: str | pathlib.Path) -> str:
    """SHA-256 of what `load` would read: a painting's file, or a stored style's.

    Raises:
        InputError: neither file nor name.
    """
    return images.digest(text) if _is_file(text) else _named(str(text)).digest


def _is_file(text: str | pathlib.Path) -> bool:
    return os.path.lexists(text) or bool(pathlib.Path(text).suffix)  # lexists: no name is too long for it


def _named(name: str) -> StoredStyle:
    if name not in stored():
        raise errors.InputError(f"no painting {name!r}: give a picture's file or one of {', '.join(stored())}")
    return stored()[name]


@functools.cache
def stored() -> dict[str, StoredStyle]:
    """The styles in the package, by name, sorted; their arrays are read when used."""
    folder = importlib.resources.files("tfstyle") / "assets" / "styles"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".npz")), key=lambda file: file.name)
    return {file.name.removesuffix(".npz"): _read(file.name.removesuffix(".npz"), file.read_bytes()) for file in files}


def _read(name: str, data: bytes) -> StoredStyle:
    arrays = np.load(io.BytesIO(data))
    about = json.loads(str(arrays["about"]))
    return StoredStyle(name, about["title"], about["artist"], about["year"], hashlib.sha256(data).hexdigest(), arrays)


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


def compress(gram: np.ndarray) -> np.ndarray:
    """The thinnest factor that gives a Gram matrix back well enough.

    Args:
        gram: ``[C, C]``, positive semi-definite.

    Returns:
        F ``[C, rank]``, with ||F F^T - G||^2 at most `_TOLERANCE` ||G||^2; float16, or float32 where that could not
        hold the numbers.
    """
    values, vectors = np.linalg.eigh(gram.astype(np.float64))
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    left_out = np.append(np.cumsum((values**2)[::-1])[::-1], 0)
    rank = int(np.argmax(left_out <= (1 - _FOR_ROUNDING) * _TOLERANCE * left_out[0]))
    factor = vectors[:, :rank] * np.sqrt(values[:rank])
    return factor.astype(np.float16 if _HALF[0] < np.sqrt(values[0]) < _HALF[1] else np.float32)
