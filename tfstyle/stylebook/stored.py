"""Styles that come with the package: statistics of public-domain paintings, so that no painting is needed.

Stored are the Gram matrices of a painting's default style layers at a few sizes, for the networks in `NETWORKS`, as
truncated eigenvectors: G is close to F F^T with a thin F. Reading them needs neither Keras nor TensorFlow.
"""

import dataclasses
import functools
import hashlib
import io
import json
import math
import pathlib
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfstyle import errors, images

__all__ = [
    "LITERT",
    "NETWORKS",
    "PACKAGE",
    "SIZES",
    "STATISTICS",
    "StoredStyle",
    "compress",
    "load_all",
    "models",
    "pack",
    "read",
]

PACKAGE = pathlib.Path(__file__).parent.parent
NETWORKS = ("compact", "vgg19")
# Files' names in the folder of a trained style.
LITERT = "model.tflite"
STATISTICS = "statistics.npz"
# Long sides of the painting, in pixels: the scales from 210 to 940 lie within a factor of 1.25 of one of them.
SIZES = (256, 384, 512, 768)
# Relative squared error (Frobenius) allowed to a stored Gram matrix: a tenth of what a good picture still differs by
# in each layer (measured: 0.05 over five layers).
_TOLERANCE = 1e-3
# The share of it that is kept for rounding to float16, and the longest column's lengths that float16 holds so well.
_FOR_ROUNDING = 0.1
_HALF = (0.1, 6e4)


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

    @property
    def networks(self) -> tuple[str, ...]:
        """Those of `NETWORKS` that it is stored for."""
        return tuple(name for name in NETWORKS if any(key.startswith(f"{name}/") for key in self.arrays))

    def grams(self, model: Any, size: int, layers: Sequence[str], pooling: str = "average") -> Mapping[str, np.ndarray]:
        """Gram matrices at the stored size nearest to the one asked for; see `painting.Painting.grams`.

        Raises:
            InputError: not stored for this network, layer or pooling.
        """
        sizes = [stored for stored in SIZES if any(key.startswith(f"{model.name}/{stored}/") for key in self.arrays)]
        nearest = min(sizes or SIZES, key=lambda stored_size: abs(math.log(stored_size / size)))
        keys = {layer: f"{model.name}/{nearest}/{layer}" for layer in layers}
        if pooling != "average" or not all(key in self.arrays for key in keys.values()):
            raise errors.InputError(
                f"style {self.name!r} is stored for {' and '.join(self.networks)}, default style layers and average "
                f"pooling, not for this ({model.name}): give the painting's file for anything else"
            )
        factors = {layer: self.arrays[key].astype(np.float32) for layer, key in keys.items()}
        return {layer: factor @ factor.T for layer, factor in factors.items()}

    def packed(self) -> bytes:
        """The style as a file, see `pack`."""
        return pack(
            {key: self.arrays[key] for key in self.arrays if key != "about"}, json.loads(str(self.arrays["about"]))
        )

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


def models() -> pathlib.Path:
    """The folder of the styles that come with a trained network, one folder each."""
    inside = PACKAGE / "saved_models"
    return inside if inside.is_dir() else inside.parent.parent / "saved_models"  # A checkout has it at its top.


@functools.cache
def load_all() -> dict[str, StoredStyle]:
    """The styles in the package, by name, sorted; with or without a trained network."""
    alone = {path.stem: path for path in (PACKAGE / "stylebook" / "data").glob("*.npz")}
    trained = {path.parent.name: path for path in models().glob(f"*/{STATISTICS}")}
    return {name: read(name, path.read_bytes()) for name, path in sorted({**alone, **trained}.items())}


def read(name: str, data: bytes) -> StoredStyle:
    """Reads what `pack` wrote.

    Args:
        name: of the style.
        data: the file.

    Returns:
        The style.

    Raises:
        InputError: the file is damaged.
    """
    try:
        arrays = np.load(io.BytesIO(data))
        about = json.loads(str(arrays["about"]))
        described = about["title"], about["artist"], about["year"]
    except (EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise errors.InputError(f"the statistics of style {name!r} are damaged: train or install it again") from error
    return StoredStyle(name, *described, hashlib.sha256(data).hexdigest(), arrays)


def pack(arrays: Mapping[str, np.ndarray], about: Mapping[str, str]) -> bytes:
    """A stored style as a file.

    Args:
        arrays: factors ``[C, rank]`` by ``<network>/<size>/<layer>``, from `compress`.
        about: ``title``, ``artist``, ``year`` of the painting and its ``sha256``.

    Returns:
        The file.
    """
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, about=np.array(json.dumps(dict(about))), **arrays)
    return buffer.getvalue()


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
