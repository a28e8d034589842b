"""Quality metrics of stylized pictures ``[H, W, 3]``, 0..255; NumPy only."""

from collections.abc import Sequence

import numpy as np
from skimage import metrics

from tfstyle import weave

__all__ = [
    "LIMITS",
    "SMALLEST",
    "blob_artifact",
    "border_artifact",
    "checkerboard",
    "clipping",
    "equivalent_iterations",
    "structural_similarity",
]

_LUMA = np.array([0.299, 0.587, 0.114])
LIMITS = {"checkerboard": 8.0, "border_artifact": 10.0, "clipping": 0.05, "blob_artifact": 240.0}
"""Largest acceptable artifacts of a network. The slow path's own, with vgg19, are at most 4.8 (checkerboard) and 0.027
(clipping) on six pairs at 384 pixels, and 7.2 (border: The Starry Night, Udnie) and 199 (blob: The Shipwreck, too) on
scikit-image's cat, astronaut and coffee at 256 pixels and strength 0.35."""
# A tile's spectrum has bins at periods 2 and 4, with room for their neighborhoods between them.
_TILE = 64
SMALLEST = _TILE
"""Smallest side of a picture that can be scored, pixels."""
# The bins around a peak: a Hann window smears it over one; beyond five there is other detail.
_NEAREST, _FARTHEST = 3, 5
# Width of the border to inspect, pixels: border artifacts are one to four wide.
_BORDER = 4
_BLOCK, _AROUND = 8, 5
# Power of a wave of a quarter of a gray level, which rounding to 8 bits hides: a^2 / 4 times the window's
# (sum)^2 / sum of squares, 1820. Anything weaker is invisible, however smooth its neighborhood is.
_VISIBLE = 28.0


def checkerboard(picture: np.ndarray) -> float:
    """Measures how far a grid of period 2 or 4 stands out from the picture's own detail; for others, see `weave`.

    Networks that upsample in fixed steps leave such grids (Odena, Dumoulin and Olah 2016). The power spectrum of the
    luminance is averaged over tiles. At periods 2 and 4, along both axes and diagonally, it is compared with the median
    of its neighborhood.

    Args:
        picture: ``[H, W, 3]``, 0..255, at least 64 pixels on each side.

    Returns:
        Decibels at the worst period; about 0 without a grid.

    Raises:
        ValueError: the picture is too small.
    """
    if min(picture.shape[:2]) < _TILE:
        raise ValueError(f"the picture must have at least {_TILE} pixels on each side, got {picture.shape[:2]}")
    power = weave.spectrum(picture.astype(np.float64) @ _LUMA, _TILE)
    bins = range(0, _TILE, _TILE // 4)  # Negative frequencies, too: they are a diagonal's other direction.
    peaks = [(row, column) for row in bins for column in bins if row or column]
    return max(_prominence(power, *peak) for peak in peaks)


def _prominence(power: np.ndarray, row: int, column: int) -> float:
    steps = np.arange(-_FARTHEST, _FARTHEST + 1)
    distance = np.maximum(np.abs(steps)[:, None], np.abs(steps)[None])
    around = power[(row + steps)[:, None] % _TILE, (column + steps)[None] % _TILE]
    neighborhood = np.median(around[distance >= _NEAREST])
    return float(10 * np.log10((power[row, column] + _VISIBLE) / (neighborhood + _VISIBLE)))


def equivalent_iterations(losses: Sequence[float], reached: float) -> float:
    """Converts the loss of a network's picture to iterations of the slow path (Johnson 2016, figure 5).

    Args:
        losses: the slow path's total loss after 0, 1, 2 ... iterations, starting from the photo.
        reached: the total loss of the network's picture.

    Returns:
        Iterations until the slow path reaches that loss, interpolated; 0 if the photo itself is better, the last
        iteration if the slow path does not get there.
    """
    best = np.minimum.accumulate(losses)
    below = np.flatnonzero(best <= reached)
    if not len(below):
        return float(len(best) - 1)
    first = int(below[0])
    if first == 0:
        return 0.0
    return first - float((reached - best[first]) / (best[first - 1] - best[first]))


def structural_similarity(picture: np.ndarray, photo: np.ndarray) -> float:
    """Measures how much of the photo's structure is left: SSIM of the luminance (Wang et al. 2004), sigma 1.5.

    Args:
        picture: ``[H, W, 3]``, 0..255.
        photo: the original, ``[H, W, 3]``, 0..255.

    Returns:
        1 for the photo itself, about 0 for an unrelated picture.
    """
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255.0}
    return float(metrics.structural_similarity(picture @ _LUMA, photo @ _LUMA, **options))


def border_artifact(picture: np.ndarray, photo: np.ndarray) -> float:
    """Measures how much more, or less, detail the outermost pixels have than those further in.

    Args:
        picture: ``[H, W, 3]``, 0..255, at least 64 pixels on each side.
        photo: the original, ``[H, W, 3]``, 0..255; the same difference in the photo is not an artifact.

    Returns:
        Decibels at the worst side; about 0 without an artifact.

    Raises:
        ValueError: the picture is too small.
    """
    if min(picture.shape[:2]) < _TILE:
        raise ValueError(f"the picture must have at least {_TILE} pixels on each side, got {picture.shape[:2]}")
    painted, original = (each.astype(np.float64) @ _LUMA for each in (picture, photo))
    sides = [(np.rot90(painted, turns), np.rot90(original, turns)) for turns in range(4)]
    return max(abs(_border_contrast(side) - _border_contrast(before)) for side, before in sides)


def _border_contrast(luma: np.ndarray) -> float:
    """Compares differences between adjacent pixels in the top rows with those further down, in decibels.

    Counts differences along and across the rows: across alone, a border smoothed by mirroring would look like an
    artifact.
    """
    across, along = (np.mean(np.square(np.diff(luma, axis=axis)), axis=1) for axis in (0, 1))
    power = across + along[1:]
    return float(10 * np.log10((power[:_BORDER].mean() + 1) / (power[_BORDER : 4 * _BORDER].mean() + 1)))


def clipping(picture: np.ndarray) -> float:
    """Measures the share of values within one gray level of 0 or 255.

    Args:
        picture: ``[H, W, 3]``, 0..255.

    Returns:
        The share, 0..1.
    """
    return float(np.mean((picture < 1) | (picture > 254)))


def blob_artifact(picture: np.ndarray, photo: np.ndarray) -> float:
    """Measures the strongest isolated spot; instance normalization can cause them.

    Args:
        picture: ``[H, W, 3]``, 0..255, at least 40 pixels on each side.
        photo: the original, ``[H, W, 3]``, 0..255; a spot in the photo is not an artifact.

    Returns:
        Gray levels by which an 8x8 block's change of color differs from the median of the 5x5 blocks around it, for the
        worst block.

    Raises:
        ValueError: the picture is smaller than 40 pixels.
    """
    height, width = (side // _BLOCK for side in picture.shape[:2])
    if min(height, width) < _AROUND:
        raise ValueError(
            f"the picture must have at least {_BLOCK * _AROUND} pixels on each side, got {picture.shape[:2]}"
        )
    change = (picture.astype(np.float64) - photo)[: height * _BLOCK, : width * _BLOCK]
    means = change.reshape(height, _BLOCK, width, _BLOCK, 3).mean((1, 3))
    around = np.lib.stride_tricks.sliding_window_view(means, (_AROUND, _AROUND), axis=(0, 1))
    middle = _AROUND // 2
    return float(np.abs(means[middle:-middle, middle:-middle] - np.median(around, axis=(-2, -1))).max())
