"""How good a picture is, in numbers: NumPy in, a number out; pictures are ``[H, W, 3]``, 0..255."""

from collections.abc import Sequence

import numpy as np
from skimage import metrics

__all__ = ["LIMITS", "SMALLEST", "blobs", "checkerboard", "equivalent_iterations", "frame", "saturation", "structure"]

_LUMA = np.array([0.299, 0.587, 0.114])
# Of what a network may do worse than the slow path: grid and saturation of six pairs at 384 pixels, painted by vgg19,
# are 4.8 and 0.027 at most; frame (The Starry Night, Udnie) and blobs (The Shipwreck, too) of scikit-image's cat,
# astronaut and coffee at 256 pixels, strength 0.35, 7.2 and 199.
LIMITS = {"checkerboard": 8.0, "frame": 10.0, "saturation": 0.05, "blobs": 240.0}
# A tile's spectrum has bins at periods 2 and 4, with room for neighbours between them.
_TILE = 64
SMALLEST = _TILE
"""Pixels that a picture must have each way to be scored."""
# Bins around a peak: a Hann window smears it over one; beyond five it is another kind of detail.
_NEAREST, _FARTHEST = 3, 5
# Pixels: a frame is one to four wide.
_BORDER = 4
_BLOCK, _AROUND = 8, 5
# Power of a wave of a quarter of a grey level, which rounding to 8 bits hides: a^2 / 4 times the window's (sum)^2 / sum
# of squares, 1820. What lies below it is no grid, however smooth the picture is around it.
_VISIBLE = 28.0


def checkerboard(picture: np.ndarray) -> float:
    """How far a grid of period 2 or 4 stands out from the picture's own detail.

    Networks that upsample in fixed steps leave such grids (Odena, Dumoulin and Olah 2016). The power spectrum of the
    luminance is averaged over tiles; at periods 2 and 4, along both axes and diagonally, it is compared to the median
    of its neighbourhood.

    Args:
        picture: ``[H, W, 3]``, 0..255, at least 64 pixels each way.

    Returns:
        Decibels of the worst period; around 0 without a grid.

    Raises:
        ValueError: the picture is too small.
    """
    if min(picture.shape[:2]) < _TILE:
        raise ValueError(f"a picture of at least {_TILE} pixels each way is needed, got {picture.shape[:2]}")
    power = _spectrum(picture.astype(np.float64) @ _LUMA)
    places = range(0, _TILE, _TILE // 4)  # All four: a diagonal's other direction has a frequency below 0.
    peaks = [(row, column) for row in places for column in places if row or column]
    return max(_prominence(power, *peak) for peak in peaks)


def _spectrum(grey: np.ndarray) -> np.ndarray:
    """Mean power of tiles that overlap by half, ``[tile, tile]``."""
    tiles = np.lib.stride_tricks.sliding_window_view(grey, (_TILE, _TILE))[:: _TILE // 2, :: _TILE // 2]
    tiles = tiles.reshape(-1, _TILE, _TILE)
    window = np.outer(*[np.hanning(_TILE + 1)[:-1]] * 2)
    centred = (tiles - tiles.mean((1, 2), keepdims=True)) * window
    return np.mean(np.abs(np.fft.fft2(centred)) ** 2, axis=0) / np.sum(window**2)


def _prominence(power: np.ndarray, row: int, column: int) -> float:
    steps = np.arange(-_FARTHEST, _FARTHEST + 1)
    distance = np.maximum(np.abs(steps)[:, None], np.abs(steps)[None])
    around = power[(row + steps)[:, None] % _TILE, (column + steps)[None] % _TILE]
    neighbours = np.median(around[distance >= _NEAREST])
    return float(10 * np.log10((power[row, column] + _VISIBLE) / (neighbours + _VISIBLE)))


def equivalent_iterations(losses: Sequence[float], reached: float) -> float:
    """How many iterations of the slow path a network's picture is worth (Johnson 2016, figure 5).

    Args:
        losses: total loss after 0, 1, 2 ... iterations from the photo.
        reached: of the network's picture, by the same loss.

    Returns:
        Iterations, interpolated; 0 for a picture worse than the photo itself, the last one for a picture better than
        all.
    """
    best = np.minimum.accumulate(losses)
    below = np.flatnonzero(best <= reached)
    if not len(below):
        return float(len(best) - 1)
    first = int(below[0])
    if first == 0:
        return 0.0
    return first - float((reached - best[first]) / (best[first - 1] - best[first]))


def structure(picture: np.ndarray, photo: np.ndarray) -> float:
    """What is left of the photo's structure: SSIM of the luminance (Wang et al. 2004), 11 x 11 Gaussian windows.

    Args:
        picture: ``[H, W, 3]``, 0..255.
        photo: the same shape.

    Returns:
        1 for the photo itself, about 0 for an unrelated picture.
    """
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255.0}
    return float(metrics.structural_similarity(picture @ _LUMA, photo @ _LUMA, **options))


def frame(picture: np.ndarray, photo: np.ndarray) -> float:
    """How far the outermost pixels differ from the rest: detail at the border against detail further in.

    Args:
        picture: ``[H, W, 3]``, 0..255, at least 64 pixels each way.
        photo: the same shape: what it has of that, the picture may have.

    Returns:
        Decibels of the worst side, more or less than in the photo: around 0 without a frame.

    Raises:
        ValueError: the picture is too small.
    """
    if min(picture.shape[:2]) < _TILE:
        raise ValueError(f"a picture of at least {_TILE} pixels each way is needed, got {picture.shape[:2]}")
    painted, original = (each.astype(np.float64) @ _LUMA for each in (picture, photo))
    sides = [(np.rot90(painted, turns), np.rot90(original, turns)) for turns in range(4)]
    return max(abs(_border_contrast(side) - _border_contrast(before)) for side, before in sides)


def _border_contrast(grey: np.ndarray) -> float:
    """Differences between neighbours in the top rows, along them and across, against those further down.

    Across alone, a border that is merely smooth, as mirroring makes it, would look like a frame.
    """
    across, along = (np.mean(np.square(np.diff(grey, axis=axis)), axis=1) for axis in (0, 1))
    power = across + along[1:]
    return float(10 * np.log10((power[:_BORDER].mean() + 1) / (power[_BORDER : 4 * _BORDER].mean() + 1)))


def saturation(picture: np.ndarray) -> float:
    """Share of values within one grey level of black or white, 0..1.

    Args:
        picture: ``[H, W, 3]``, 0..255.

    Returns:
        The share.
    """
    return float(np.mean((picture < 1) | (picture > 254)))


def blobs(picture: np.ndarray, photo: np.ndarray) -> float:
    """The largest spot that has nothing to do with what is around it, as instance normalisation can leave.

    Args:
        picture: ``[H, W, 3]``, 0..255.
        photo: the same shape: a spot in the photo is none.

    Returns:
        The largest difference of an 8 x 8 block's change of colour from the median change around it (5 x 5 blocks), in
        grey levels.

    Raises:
        ValueError: the picture is smaller than 40 pixels.
    """
    height, width = (side // _BLOCK for side in picture.shape[:2])
    if min(height, width) < _AROUND:
        raise ValueError(f"a picture of at least {_BLOCK * _AROUND} pixels each way is needed, got {picture.shape[:2]}")
    change = (picture.astype(np.float64) - photo)[: height * _BLOCK, : width * _BLOCK]
    means = change.reshape(height, _BLOCK, width, _BLOCK, 3).mean((1, 3))
    around = np.lib.stride_tricks.sliding_window_view(means, (_AROUND, _AROUND), axis=(0, 1))
    middle = _AROUND // 2
    return float(np.abs(means[middle:-middle, middle:-middle] - np.median(around, axis=(-2, -1))).max())
