"""Stored styles: a painting's Gram matrices in one small file, in place of the painting.

A file holds the Gram matrices of the default style layers at `STORED_SIZES` for `STORED_BACKBONES`, as truncated
eigenvectors: G is close to F F^T with a thin F. Reading it needs neither Keras nor TensorFlow.
"""

import dataclasses
import hashlib
import io
import json
import math
import os
import pathlib
import zipfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from tfstyle import errors, images
from tfstyle.stylebook import style

if TYPE_CHECKING:
    from tfstyle.runtime import keras

__all__ = ["STORED_BACKBONES", "STORED_SIZES", "StoredStyle", "compress", "pack", "unpack"]

STORED_BACKBONES = ("compact", "vgg19")
# Long sides of the painting in pixels: every size from 210 to 940 is within a factor of 1.25 of one of them.
STORED_SIZES = (256, 384, 512, 768)
# Relative squared error (Frobenius norm) that a stored Gram matrix may have. A good picture still differs from the
# painting by ten times as much in each layer (measured: 0.05 over five layers).
_TOLERANCE = 1e-3
# Share of the tolerance kept for rounding to float16, and the longest column's lengths for which that is enough.
_SHARE_FOR_ROUNDING = 0.1
_FLOAT16_LENGTHS = (0.1, 6e4)


@dataclasses.dataclass(frozen=True)
class StoredStyle:
    """A style read from stored statistics.

    Attributes:
        name: as on the command line.
        title: title of the painting.
        artist: its painter.
        year: when it was painted.
        digest: SHA-256 of the file.
        arrays: factors `[C, rank]` by ``<backbone>/<size>/<layer>``.
    """

    name: str
    title: str
    artist: str
    year: str
    digest: str
    arrays: Mapping[str, np.ndarray] = dataclasses.field(repr=False)

    @classmethod
    def open(cls, path: str | os.PathLike[str], name: str) -> "StoredStyle":
        """Reads a style's file.

        Args:
            path: the file.
            name: of the style.

        Raises:
            InputError: the file cannot be read or is damaged.
        """
        try:
            return unpack(name, pathlib.Path(path).read_bytes())
        except OSError as error:
            raise errors.InputError(f"{path}: cannot be read: {error.strerror}") from error

    @property
    def backbones(self) -> tuple[str, ...]:
        """Those of `STORED_BACKBONES` that the file has Gram matrices for."""
        return tuple(name for name in STORED_BACKBONES if any(key.startswith(f"{name}/") for key in self.arrays))

    def grams(self, model: "keras.Model", size: int, layers: Sequence[str], pooling: str = "average") -> style.Grams:
        """Returns the Gram matrices at the stored size nearest to the given one, see `style.Style.grams`.

        Raises:
            InputError: there are none for this backbone, layer or pooling.
        """
        sizes = [each for each in STORED_SIZES if any(key.startswith(f"{model.name}/{each}/") for key in self.arrays)]
        nearest = min(sizes or STORED_SIZES, key=lambda stored_size: abs(math.log(stored_size / size)))
        keys = {layer: f"{model.name}/{nearest}/{layer}" for layer in layers}
        if pooling != "average" or not all(key in self.arrays for key in keys.values()):
            self._refuse(model.name, layers, pooling)
        factors = {layer: self.arrays[key].astype(np.float32) for layer, key in keys.items()}
        return {layer: factor @ factor.T for layer, factor in factors.items()}

    def _refuse(self, backbone: str, layers: Sequence[str], pooling: str) -> NoReturn:
        """Names the first thing that the file does not have."""
        if not self.backbones:
            reason = "has no statistics"
        elif backbone not in self.backbones:
            reason = f"only has statistics for {' and '.join(self.backbones)}, not {backbone}"
        elif pooling != "average":
            reason = f"only has statistics for average pooling, not {pooling}"
        else:
            stored = {key.rpartition("/")[2] for key in self.arrays if key.startswith(f"{backbone}/")}
            reason = f"has no statistics for layer {min(set(layers) - stored)}, only for {', '.join(sorted(stored))}"
        raise errors.InputError(f"style {self.name!r} {reason}: use the painting file instead of its name")

    def packed(self, title: str = "") -> bytes:
        """Returns the style as a file, see `pack`; it keeps its own title."""
        del title
        about = json.loads(str(self.arrays["about"]))
        return pack({key: self.arrays[key] for key in self.arrays if key != "about"}, about)

    def recolored(self, photo: images.Photo) -> NoReturn:
        """Refuses: colors can only be matched on the painting itself.

        Raises:
            InputError: always.
        """
        del photo
        raise errors.InputError(
            f"style {self.name!r} is stored without its painting, so its colors cannot be matched: "
            "use --keep-colors luminance, or use the painting file"
        )


def unpack(name: str, data: bytes) -> StoredStyle:
    """Reads a style from the bytes that `pack` returned.

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
        raise errors.InputError(f"the statistics of style {name!r} are damaged: retrain or reinstall it") from error
    return StoredStyle(name, *described, hashlib.sha256(data).hexdigest(), arrays)


def pack(arrays: Mapping[str, np.ndarray], about: Mapping[str, str]) -> bytes:
    """Packs a stored style into a file.

    Args:
        arrays: factors `[C, rank]` by ``<backbone>/<size>/<layer>``, from `compress`.
        about: ``title``, ``artist``, ``year`` of the painting and its ``sha256``.

    Returns:
        The file.
    """
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, about=np.array(json.dumps(dict(about))), **arrays)
    return buffer.getvalue()


def compress(gram: np.ndarray) -> np.ndarray:
    """Finds the thinnest factor that restores a Gram matrix well enough.

    Args:
        gram: `[C, C]`, positive semi-definite.

    Returns:
        F `[C, rank]` with ||F F^T - G||^2 <= `_TOLERANCE` ||G||^2; float16, or float32 if its values need the range.
    """
    values, vectors = np.linalg.eigh(gram.astype(np.float64))
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    left_out = np.append(np.cumsum((values**2)[::-1])[::-1], 0)
    rank = int(np.argmax(left_out <= (1 - _SHARE_FOR_ROUNDING) * _TOLERANCE * left_out[0]))
    factor = vectors[:, :rank] * np.sqrt(values[:rank])
    shortest, longest = _FLOAT16_LENGTHS
    return factor.astype(np.float16 if shortest < np.sqrt(values[0]) < longest else np.float32)
