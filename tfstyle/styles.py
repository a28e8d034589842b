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
import pathlib
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from tfstyle import color, errors, features, images, perceptual

__all__ = ["Painting", "STORED_NETWORKS", "STORED_SIZES", "StoredStyle", "compress", "load", "measure", "stored"]

STORED_NETWORKS = ("compact", "vgg19")
# Long sides of the painting, in pixels: the slow path's scales up to 1024 lie within a factor of 1.25 of one of them.
STORED_SIZES = (192, 256, 384, 512, 768)
# Relative squared error (Frobenius) allowed to a stored Gram matrix: a tenth of what a good picture still differs by.
_TOLERANCE = 3e-4

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
            InputError: the painting is too small for the network at this size.
        """
        del pooling
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
    path = pathlib.Path(text)
    if path.exists() or path.suffix:
        return Painting(images.load_image(path))
    if str(text) not in stored():
        raise errors.InputError(f"no painting {str(text)!r}: give a picture's file or one of {', '.join(stored())}")
    return stored()[str(text)]


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
        F ``[C, rank]``, float16, with ||F F^T - G||^2 at most `_TOLERANCE` ||G||^2.
    """
    values, vectors = np.linalg.eigh(gram.astype(np.float64))
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    left_out = np.append(np.cumsum((values**2)[::-1])[::-1], 0)
    rank = int(np.argmax(left_out <= _TOLERANCE * left_out[0]))
    return (vectors[:, :rank] * np.sqrt(values[:rank])).astype(np.float16)
