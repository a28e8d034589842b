"""How good a picture or a network is, in numbers. NumPy only; pictures are ``[H, W, 3]``, 0..255."""

import numpy as np

__all__ = ["checkerboard"]

_LUMA = np.array([0.299, 0.587, 0.114])
# A tile's spectrum has bins at periods 2 and 4, with room for neighbours between them.
_TILE = 64
# Bins around a peak: a Hann window smears it over one; beyond five it is another kind of detail.
_NEAREST, _FARTHEST = 3, 5
# Grey levels squared, of a tile's power: below this no eye sees a peak (a tenth of a level, squared).
_VISIBLE = 0.01


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
    places = [0, _TILE // 4, _TILE // 2]
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
