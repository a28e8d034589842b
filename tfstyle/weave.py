"""Weave: fine patterns that a network repeats where a photo is smooth; how to measure them. NumPy only.

The residual blocks of a transformation network can sustain waves near the highest frequency that their map, a quarter
of the photo's size, can hold. The picture then has diagonal waves of color, about 8 pixels apart along the axes, which
the loss networks reward (docs/realtime.md). Upsampling can add waves of period 2 and 4.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

__all__ = [
    "FARTHEST",
    "LIMIT",
    "NEAREST",
    "OPPONENTS",
    "SMALLEST",
    "TILE",
    "advice",
    "invisible_power",
    "measure",
    "of_network",
    "pictures",
    "spectrum",
    "waves",
]

Paint: TypeAlias = Callable[[np.ndarray], np.ndarray]

LIMIT = 10.0
"""Largest acceptable weave of a network, decibels. Measured: noise and 1/f noise have at most 4.7 at 256 pixels, seven
of scikit-image's photos at most 6.2; weave that is seen at 4x zoom has 12 to 16."""
TILE = 128
"""Side of the tiles whose spectra are averaged, pixels: a wave of period 16 is then 8 bins away from constant color."""
SMALLEST = TILE
"""Smallest side of a picture that can be measured, pixels."""
# Longest period along one of the axes, pixels. Below it, strokes and weave look the same.
_LONGEST = 16
# The bins around a peak: a Hann window smears it over one; beyond five there is other detail.
NEAREST = 3
FARTHEST = 5
# Brightness, red against green, blue against yellow: the losses see little of fine waves of color, so that is where
# networks hide them. Measured on Udnie: 5.2 dB of brightness, 13.3 of blue against yellow.
OPPONENTS = np.array([[0.299, 0.587, 0.114], [0.5, -0.5, 0], [-0.25, -0.25, 0.5]]).T
# Amplitude of a wave that rounding to 8 bits hides, gray levels.
_INVISIBLE = 0.25
# Side of the test pictures, pixels: 25 tiles, so that white noise has at most 3.2 dB (measured).
_SIDE = 384


def measure(picture: np.ndarray) -> float:
    """Measures how far the strongest wave stands out from the picture's own detail.

    The power spectra of brightness and of two color differences are averaged over tiles. All waves with a period of 2
    to 16 pixels along an axis, in any direction, are compared with the median of their neighborhood, and with the
    median along the line to constant color, where the spectrum of an edge lies.

    Args:
        picture: ``[H, W, 3]``, 0..255, at least 128 pixels on each side.

    Returns:
        Decibels of the strongest wave; about 3 for noise, 0 for a plain picture.

    Raises:
        ValueError: the picture is too small.
    """
    if min(picture.shape[:2]) < TILE:
        raise ValueError(f"the picture must have at least {TILE} pixels on each side, got {picture.shape[:2]}")
    channels = np.moveaxis(picture.astype(np.float64) @ OPPONENTS, -1, 0)
    return max(float(_prominence(spectrum(channel, TILE)).max(where=waves(TILE), initial=0)) for channel in channels)


def spectrum(channel: np.ndarray, tile: int) -> np.ndarray:
    """Computes the mean power spectrum of tiles that overlap by half, seen through a Hann window.

    Args:
        channel: ``[H, W]``, at least one tile large.
        tile: side of a tile, pixels.

    Returns:
        ``[tile, tile]``; white noise has its variance in every bin.
    """
    tiles = np.lib.stride_tricks.sliding_window_view(channel, (tile, tile))[:: tile // 2, :: tile // 2]
    tiles = tiles.reshape(-1, tile, tile)
    window = np.outer(*[np.hanning(tile + 1)[:-1]] * 2)
    centered = (tiles - tiles.mean((1, 2), keepdims=True)) * window
    return np.mean(np.abs(np.fft.fft2(centered)) ** 2, axis=0) / np.sum(window**2)


def of_network(paint: Paint) -> dict[str, float]:
    """Measures the weave that a network paints on `pictures`.

    Args:
        paint: the network, ``[H, W, 3]``, 0..255, to the same shape.

    Returns:
        Decibels by the picture's name, see `measure`.
    """
    return {name: measure(paint(picture).astype(np.float64)) for name, picture in pictures().items()}


def advice(measured: Mapping[str, float], style: str) -> str:
    """Says in one line which pictures have too much weave, and what to do; empty if none has.

    Args:
        measured: decibels by picture, from `of_network`.
        style: name or folder of the network's style.
    """
    found = ", ".join(f"{value:.1f} dB on {name}" for name, value in measured.items() if value > LIMIT)
    if not found:
        return ""
    return (
        f"{style} weaves a pattern into smooth areas, {found} (limit: {LIMIT:g} dB): "
        f"train on for a few hundred steps with --begin-with {style} and a larger --weave-weight"
    )


def pictures() -> dict[str, np.ndarray]:
    """Draws smooth pictures on which nothing hides a weave.

    Returns:
        ``flat``, ``ramp`` and ``sky``, uint8 ``[384, 384, 3]``. The ramp and the sky have a camera's noise: without it,
        rounding to 8 bits draws contour lines, a pattern of their own.
    """
    random = np.random.default_rng(0)
    down, right = np.mgrid[:_SIDE, :_SIDE] / (_SIDE - 1)
    ramp = np.stack([60 + 120 * right, 80 + 90 * down, 100 + 30 * (right + down)], axis=-1)
    blue = np.array([90, 140, 200]) + down[..., None] * np.array([90, 70, 35])
    sky = blue + _clouds(random, down, right)[..., None] * np.array([6, 5.4, 4.2])
    drawn = {"flat": np.full_like(sky, 128), "ramp": ramp + _noise(random, 0.5), "sky": sky + _noise(random, 1.0)}
    return {name: np.rint(np.clip(each, 0, 255)).astype(np.uint8) for name, each in drawn.items()}


def _clouds(random: np.random.Generator, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Returns waves of 1 to 4 periods per picture, in all directions; far longer than any weave."""
    waves = [
        np.cos(2 * np.pi * (rows * down + columns * right + random.random())) / np.hypot(rows, columns)
        for rows in range(5)
        for columns in range(-4, 5)
        if rows or columns
    ]
    return np.sum(waves, axis=0)


def _noise(random: np.random.Generator, deviation: float) -> np.ndarray:
    return random.normal(0, deviation, (_SIDE, _SIDE, 3))


def _prominence(power: np.ndarray) -> np.ndarray:
    """Returns decibels of every bin above its neighborhood, ``[tile, tile]``."""
    floor = invisible_power(len(power))
    around = np.maximum(_ring(power), _line(power))
    return 10 * np.log10((power + floor) / (around + floor))


def _ring(power: np.ndarray) -> np.ndarray:
    """Returns the median of the bins around each bin."""
    steps = range(-FARTHEST, FARTHEST + 1)
    near = [(row, column) for row in steps for column in steps if max(abs(row), abs(column)) >= NEAREST]
    return np.median([np.roll(power, shift, axis=(0, 1)) for shift in near], axis=0)


def _line(power: np.ndarray) -> np.ndarray:
    """Returns the median of the bins before and behind each bin, seen from constant color."""
    size = len(power)
    rows, columns = np.meshgrid(*[np.fft.fftfreq(size, 1 / size)] * 2, indexing="ij")
    length = np.maximum(np.maximum(abs(rows), abs(columns)), 1)
    steps = [sign * step for step in range(NEAREST, FARTHEST + 1) for sign in (-1, 1)]
    places = [[np.rint(axis * (1 + step / length)).astype(int) % size for axis in (rows, columns)] for step in steps]
    return np.median([power[row, column] for row, column in places], axis=0)


def invisible_power(tile: int) -> float:
    """Computes the power that an invisible wave has in the spectrum of a tile.

    That is a^2 / 4 times the window's (sum)^2 / sum of squares, 4 / 9 tile^2.

    Args:
        tile: its side, pixels.
    """
    return _INVISIBLE**2 / 4 * 4 / 9 * tile**2


def waves(tile: int) -> np.ndarray:
    """Finds the bins whose period along an axis is 2 to 16 pixels.

    Args:
        tile: side of the spectrum.

    Returns:
        Boolean ``[tile, tile]``.
    """
    frequency = np.abs(np.fft.fftfreq(tile))
    return np.maximum(frequency[:, None], frequency) >= 1 / _LONGEST
