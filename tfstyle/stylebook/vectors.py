"""Style vectors: what the network for all paintings (`transform.conditional`) knows of a painting; NumPy only."""

import dataclasses
import functools
import io
import json
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from tfstyle import errors, files

__all__ = [
    "ITERATIONS",
    "LARGEST_DEVIATION",
    "NamedVector",
    "RIDGE",
    "SMALL_RIDGE",
    "StyleVector",
    "named",
    "square_roots",
    "with_ridge",
    "write_named",
]

_FILE = pathlib.Path(__file__).parent / "vectors.npz"

# Share of its mean variance that is added to a covariance: maps have directions without variance, and flat pictures
# nearly nothing else.
RIDGE = 2e-2
# Newton-Schulz steps for square roots. Directions of less than 3e-4 of the largest variance need more: they move less.
ITERATIONS = 11
# In the transport of a photo's features: share added to the product of roots and covariance, which is regularized
# already, to bound its condition number. With 1e-4, float32 roots and their gradients broke a training.
SMALL_RIDGE = 3e-3
# There, deviations from the mean are cut off at so many of the style's: in a night photo, a lamp is far outside of what
# the other positions vary by, and would become a spot beyond all colors.
LARGEST_DEVIATION = 5.0


@dataclasses.dataclass(frozen=True)
class StyleVector:
    """Mean and covariance root of a picture's features, by scale, fine to coarse.

    Attributes:
        means: ``[C]`` by scale, float32.
        roots: ``[C, C]`` by scale, float32: symmetric square roots of the covariances.
    """

    means: tuple[np.ndarray, ...]
    roots: tuple[np.ndarray, ...]

    @classmethod
    def measure(cls, maps: Sequence[np.ndarray], masks: Sequence[np.ndarray] | None = None) -> "StyleVector":
        """Measures a picture by its features.

        Args:
            maps: ``[h, w, C]`` by scale.
            masks: ``[h, w]`` by scale, weights of the positions, 0..1; None weighs all equally.

        Returns:
            The style vector.
        """
        weights = [None] * len(maps) if masks is None else list(masks)
        moments = [_moments(each, weight) for each, weight in zip(maps, weights, strict=True)]
        return cls(
            tuple(mean for mean, _ in moments),
            tuple(square_roots(with_ridge(each))[0].astype(np.float32) for _, each in moments),
        )

    @classmethod
    def mix(cls, vectors: "Sequence[StyleVector]", weights: Sequence[float]) -> "StyleVector":
        """Mixes styles.

        Args:
            vectors: the styles.
            weights: of the styles, 0 or more; they are divided by their sum.

        Returns:
            The weighted mean of all means and roots.

        Raises:
            InputError: a weight is negative or not finite, or all are 0.
        """
        shares = np.asarray(weights, np.float64)
        if not np.all(np.isfinite(shares)) or shares.min() < 0 or not shares.sum():
            raise errors.InputError(
                f"the weights of the styles are {', '.join(f'{each:g}' for each in weights)}: "
                "use numbers of 0 or more, not all 0"
            )
        shares /= shares.sum()
        scales = range(len(vectors[0].means))
        return cls(
            tuple(_mean([vector.means[scale] for vector in vectors], shares) for scale in scales),
            tuple(_mean([vector.roots[scale] for vector in vectors], shares) for scale in scales),
        )

    def packed(self) -> np.ndarray:
        """Packs all numbers into one float16 array ``[N]``; of the symmetric roots one half is enough."""
        halves = [root[np.triu_indices(len(root))] for root in self.roots]
        return np.concatenate([*self.means, *halves]).astype(np.float16)

    @classmethod
    def unpack(cls, values: np.ndarray, widths: Sequence[int]) -> "StyleVector":
        """Reverses `packed`.

        Args:
            values: ``[N]``.
            widths: channels by scale.

        Raises:
            InputError: the number of values does not fit the widths.
        """
        sizes = [*widths, *(width * (width + 1) // 2 for width in widths)]
        if values.shape != (sum(sizes),):
            raise errors.InputError("a stored style vector has the wrong size: it was made by another version")
        parts = np.split(values.astype(np.float32), np.cumsum(sizes)[:-1])
        roots = tuple(_symmetric(half, width) for half, width in zip(parts[len(widths) :], widths, strict=True))
        return cls(tuple(parts[: len(widths)]), roots)


@dataclasses.dataclass(frozen=True)
class NamedVector:
    """The style vector of a painting that comes with tfstyle.

    Attributes:
        name: as on the command line.
        title: of the painting.
        artist: its painter.
        year: when it was painted.
        values: packed, ``[N]``, see `StyleVector.packed`.
    """

    name: str
    title: str
    artist: str
    year: str
    values: np.ndarray = dataclasses.field(repr=False)


@functools.cache
def named() -> dict[str, NamedVector]:
    """Reads the style vectors that come with tfstyle, by name."""
    if not _FILE.is_file():  # In a checkout, before they are measured.
        return {}
    with np.load(_FILE) as arrays:
        about = json.loads(str(arrays["about"]))
        return {
            name: NamedVector(name, title, artist, year, arrays[name]) for name, (title, artist, year) in about.items()
        }


def write_named(vectors: Mapping[str, NamedVector]) -> None:
    """Writes what `named` reads.

    Args:
        vectors: by name.
    """
    about = {name: (each.title, each.artist, each.year) for name, each in vectors.items()}
    buffer = io.BytesIO()
    arrays = {name: each.values for name, each in vectors.items()}
    np.savez_compressed(buffer, allow_pickle=False, about=np.array(json.dumps(about)), **arrays)
    files.atomic_write(_FILE, buffer.getvalue())


def with_ridge(matrix: np.ndarray, share: float = RIDGE) -> np.ndarray:
    """Adds a share of the mean diagonal element to the diagonal of ``[C, C]``."""
    size = len(matrix)
    return matrix + (share * np.trace(matrix) / size + 1e-8) * np.eye(size)


def _moments(maps: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    flat = maps.reshape(-1, maps.shape[-1]).astype(np.float32)
    weights = np.full(len(flat), 1 / len(flat), np.float32) if mask is None else mask.reshape(-1) / mask.sum()
    mean = weights @ flat
    centered = flat - mean
    return mean.astype(np.float32), centered.T @ (centered * weights[:, None])


def square_roots(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the square root of a matrix and its inverse as the network was trained with them.

    The coupled Newton-Schulz iteration of `transform.transport` works on each eigenvalue alone, so it is applied to the
    eigenvalues. After its few steps, the smallest are not quite at their limit.

    Args:
        matrix: ``[C, C]``, symmetric and positive definite.

    Returns:
        The root and the inverse root, both ``[C, C]``, float64.
    """
    values, vectors = np.linalg.eigh(matrix.astype(np.float64))
    norm = np.linalg.norm(values)
    root, inverse = np.maximum(values, 0) / norm, np.ones_like(values)
    for _ in range(ITERATIONS):
        step = 1.5 - 0.5 * inverse * root
        root, inverse = root * step, inverse * step
    return (vectors * root * np.sqrt(norm)) @ vectors.T, (vectors * inverse / np.sqrt(norm)) @ vectors.T


def _mean(arrays: Sequence[np.ndarray], shares: np.ndarray) -> np.ndarray:
    return np.tensordot(shares, np.stack(arrays), 1).astype(np.float32)


def _symmetric(half: np.ndarray, width: int) -> np.ndarray:
    matrix = np.zeros((width, width), np.float32)
    rows, columns = np.triu_indices(width)
    matrix[rows, columns] = matrix[columns, rows] = half
    return matrix
