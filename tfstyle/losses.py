"""The losses of neural style transfer: pure functions of features, Gram matrices and pixels.

Gatys, Ecker and Bethge, "A Neural Algorithm of Artistic Style" (2015), compare two pictures by what a pretrained
network sees in them. *Content* is the features of a layer, ``F``, with N channels at M positions. *Style* is their Gram
matrix, ``G = F^T F``: which channels are active together, wherever that is. An image is
painted by minimizing::

    content(F, F of the photo) + style(G, G of the painting), summed over layers, with weights.

Papers and courses agree on these ideas and differ in the normalization, which is where implementations usually go
wrong. This module has three normalizations ("forms") of each:

========  ===============================  ===================================  ===============================
form      content                          style, per layer                     source
========  ===============================  ===================================  ===============================
gatys     sum((F - P)^2) / 2               sum((G - A)^2) / (4 N^2)             Gatys 2015, equations 1 and 4
mean      mean((F - P)^2)                  the same, averaged over the batch    Johnson et al. 2016, equation 2
relative  mean((F - P)^2) / mean(P^2)      mean((G - A)^2) / mean(A^2)          ours; the default
========  ===============================  ===================================  ===============================

P and A are the targets: features of the photo, Gram matrix of the painting. In the relative form a weight means the
same for every painting, image size, layer and network: 0 is a perfect match, an unrelated picture is at about 1.

Feature maps are ``[B, H, W, C]``. All Gram matrices here are divided by the number of positions, ``G = F^T F / M``, so
that pictures of different sizes compare. That is why M does not appear in the table: Gatys' 1 / (4 N^2 M^2) applies to
undivided matrices.

>>> import numpy as np
>>> features = np.ones((1, 2, 2, 3), "float32")
>>> gram = gram_matrix(features)
>>> tuple(gram.shape), float(gram[0, 0, 0])
((1, 3, 3), 1.0)
>>> float(style_relative(gram, gram)), float(content_relative(0 * features, features))
(0.0, 1.0)
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tfstyle import weave as weaves
from tfstyle.runtime import keras, ops

__all__ = [
    "CONTENT",
    "STYLE",
    "content_gatys",
    "content_mean",
    "content_relative",
    "gram_matrix",
    "grid",
    "style_gatys",
    "style_mean",
    "style_relative",
    "total_variation",
    "weave",
]

Tensor: TypeAlias = keras.KerasTensor

# Prevents division by zero if a target is zero everywhere (a layer that a black picture does not activate). Far below
# the mean square of the Gram matrices of networks with features as small as 1e-4, which is 1e-16.
_TINY = 1e-20
# How far a wave may stand out, decibels: white noise then has a loss below 0.05 (measured, 25 tiles of 64 pixels).
_ALLOWED = 4.0


def gram_matrix(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """Computes the Gram matrix: products of channels, averaged over positions. Gatys 2015, equation 3, divided by M.

    Args:
        features: ``[B, H, W, C]``. bfloat16 features are multiplied in bfloat16 and summed in float32.
        mask: ``[B, H, W]``, weight of each position, 0..1; None weighs all equally.

    Returns:
        ``[B, C, C]``, float32, symmetric.
    """
    _, height, width, channels = ops.shape(features)
    flat = ops.reshape(features, (-1, height * width, channels))
    if mask is None:
        return _self_product(flat) / ops.cast(height * width, "float32")
    weights = ops.reshape(mask, (-1, height * width, 1))
    product = _self_product(flat * ops.cast(ops.sqrt(weights), flat.dtype))
    return product / ops.maximum(ops.sum(weights, axis=1, keepdims=True), _TINY)


@ops.custom_gradient
def _self_product(flat: Tensor) -> tuple[Tensor, Callable]:
    """Computes F^T F in float32. Its gradient, F (D + D^T), is one matrix product; autodiff would make two."""

    def gradient(*args: Tensor, upstream: Tensor | None = None) -> Tensor:
        change = args[0] if upstream is None else upstream
        return ops.matmul(flat, ops.cast(change + ops.transpose(change, (0, 2, 1)), flat.dtype))

    product = ops.matmul(ops.transpose(flat, (0, 2, 1)), flat)
    return ops.cast(product, "float32"), gradient


def content_gatys(features: Tensor, target: Tensor) -> Tensor:
    """Computes half the sum of squared differences: Gatys 2015, equation 1.

    Args:
        features: ``[B, H, W, C]`` of the image.
        target: ``[B, H, W, C]`` of the photo.

    Returns:
        Scalar, summed over the batch. Grows with the image and the number of channels.
    """
    return ops.sum(ops.square(features - target)) / 2


def content_mean(features: Tensor, target: Tensor) -> Tensor:
    """Computes the mean squared difference: Johnson et al. 2016, equation 2.

    Args:
        features: ``[B, H, W, C]`` of the image.
        target: ``[B, H, W, C]`` of the photo.

    Returns:
        Scalar, averaged over the batch.
    """
    return ops.mean(ops.square(features - target))


def content_relative(features: Tensor, target: Tensor) -> Tensor:
    """Computes the mean squared difference relative to the target's mean square. Ours.

    Args:
        features: ``[B, H, W, C]`` of the image.
        target: ``[B, H, W, C]`` of the photo.

    Returns:
        Scalar, averaged over the batch: 0 for the photo itself, about 1 for an unrelated picture.
    """
    return ops.mean(_per_picture(features - target) / ops.maximum(_per_picture(target), _TINY))


def _per_picture(features: Tensor) -> Tensor:
    """Computes mean squares ``[B]``. Each picture has its own, so batches and devices do not matter."""
    return ops.mean(ops.square(features), (1, 2, 3))


def style_gatys(gram: Tensor, target: Tensor) -> Tensor:
    """Computes the squared difference of Gram matrices over 4 N^2: Gatys 2015, equation 4.

    The paper's 1 / (4 N^2 M^2) assumes that painting and image have the same size. Gram matrices that are divided by
    their own number of positions give the same value there, and the intended one elsewhere.

    Args:
        gram: ``[B, N, N]`` of the image, from `gram_matrix`.
        target: ``[N, N]`` or ``[B, N, N]`` of the painting.

    Returns:
        Scalar, summed over the batch.
    """
    channels = gram.shape[-1]
    return ops.sum(ops.square(gram - target)) / (4 * channels**2)


def style_mean(gram: Tensor, target: Tensor) -> Tensor:
    """Computes the squared difference of Gram matrices over (2 nH nW nC)^2, the notation of many courses.

    The denominator is Gatys' 4 N^2 M^2, so that this is `style_gatys` averaged over the batch, as the content is.

    Args:
        gram: ``[B, N, N]`` of the image, from `gram_matrix`.
        target: ``[N, N]`` or ``[B, N, N]`` of the painting.

    Returns:
        Scalar, averaged over the batch; for a single image equal to `style_gatys`.
    """
    return style_gatys(gram, target) / ops.shape(gram)[0]


def style_relative(gram: Tensor, target: Tensor) -> Tensor:
    """Computes the mean squared difference of Gram matrices relative to the target's mean square. Ours.

    Args:
        gram: ``[B, N, N]`` of the image, from `gram_matrix`.
        target: ``[N, N]`` or ``[B, N, N]`` of the painting.

    Returns:
        Scalar, averaged over the batch: 0 for the painting's own statistics, about 1 for an unrelated picture.
    """
    differences, energies = (ops.mean(ops.square(each), (-2, -1)) for each in (gram - target, target))
    return ops.mean(differences / ops.maximum(energies, _TINY))


def grid(image: Tensor, period: int = 4, tile: int = 64) -> Tensor:
    """Measures the grid (checkerboard) that upsampling leaves in a picture. Ours.

    In a picture without a grid, the average of many blocks of pixels is one flat color. The loss is the variance of the
    mean block of every tile.

    Args:
        image: ``[B, H, W, 3]``, 0..255; pixels beyond whole tiles are ignored.
        period: side of a block, pixels; 4 catches grids of period 2 and 4.
        tile: side of a tile, pixels, a multiple of the period.

    Returns:
        Scalar, mean square in units of the full range squared; 0 for a picture smaller than a tile.
    """
    rows, columns = (int(side) // tile for side in image.shape[1:3])
    if not rows * columns:
        return ops.zeros(())
    blocks = tile // period
    shape = (-1, rows, blocks, period, columns, blocks, period, image.shape[-1])
    tiles = ops.reshape(image[:, : rows * tile, : columns * tile] / 255.0, shape)
    block = ops.mean(tiles, axis=(2, 5))  # [B, rows, period, columns, period, 3]
    return ops.mean(ops.square(block - ops.mean(block, axis=(2, 4), keepdims=True)))


def weave(image: Tensor, tile: int = 64) -> Tensor:
    """Measures waves that a network repeats all over a picture, of any period from 2 to 16 pixels. Ours.

    `grid` sees periods 2 and 4 only. Here, the logarithm of the power spectrum is averaged over overlapping tiles, for
    brightness and two color differences. The loss is how far waves stand out from the mean of their neighborhood, by
    more than 4 dB. Logarithms let smooth tiles, where a weave is seen, count as much as busy ones, and a wave's
    gradient does not fade with the wave. No gradient reaches the neighborhood, which would otherwise fill with noise.

    Args:
        image: ``[B, H, W, 3]``, 0..255; pixels beyond whole tiles are ignored.
        tile: side of a tile, pixels.

    Returns:
        Scalar: excess in bels, summed over all waves and channels, averaged over the batch; 0 for a picture smaller
        than a tile.
    """
    if min(image.shape[1:3]) < tile:
        return ops.zeros(())
    floor = weaves.invisible_power(tile)
    level = ops.log(_power(_tiles(image @ weaves.OPPONENTS.astype("float32"), tile)) + floor) / math.log(10)
    level = ops.mean(level, axis=1)
    excess = ops.relu(level - ops.stop_gradient(_around(level)) - _ALLOWED / 10)
    return ops.mean(ops.sum(excess * weaves.waves(tile).astype("float32"), axis=(1, 2, 3)))


def _tiles(image: Tensor, tile: int) -> Tensor:
    """Cuts ``[B, H, W, C]`` into tiles that overlap by half, ``[B, tiles, C, tile, tile]``."""
    starts = [range(0, side - tile + 1, tile // 2) for side in image.shape[1:3]]
    cut = [image[:, top : top + tile, left : left + tile] for top in starts[0] for left in starts[1]]
    return ops.transpose(ops.stack(cut, axis=1), (0, 1, 4, 2, 3))


def _power(tiles: Tensor) -> Tensor:
    """Computes the power spectra of tiles ``[..., T, T]`` through a Hann window."""
    window = np.outer(*[np.hanning(tiles.shape[-1] + 1)[:-1]] * 2).astype("float32")
    centered = (tiles - ops.mean(tiles, axis=(-2, -1), keepdims=True)) * window
    real, imaginary = ops.fft2((centered, ops.zeros_like(centered)))
    return (ops.square(real) + ops.square(imaginary)) / np.sum(window**2)


def _around(level: Tensor) -> Tensor:
    """Computes the mean of the bins around each bin of ``[B, C, T, T]``; the spectrum's borders are neighbors."""
    sums = [_box_sum(level, reach) for reach in (weaves.FARTHEST, weaves.NEAREST - 1)]
    count = (2 * weaves.FARTHEST + 1) ** 2 - (2 * weaves.NEAREST - 1) ** 2
    return (sums[0] - sums[1]) / count


def _box_sum(level: Tensor, reach: int) -> Tensor:
    """Computes sums over squares of 2 reach + 1 bins."""
    for axis in (2, 3):
        level = sum(ops.roll(level, step, axis=axis) for step in range(-reach, reach + 1))
    return level


def total_variation(image: Tensor) -> Tensor:
    """Computes the mean squared difference between neighboring pixels, a smoothness prior.

    Mahendran and Vedaldi 2015, equation 3 with beta = 2, averaged instead of summed so that it does not grow with the
    image. A side of one pixel has no neighbors and adds nothing.

    Args:
        image: ``[B, H, W, 3]``, 0..255.

    Returns:
        Scalar, in units of the full range squared.
    """
    return _variation(image / 255.0)


@ops.custom_gradient
def _variation(image: Tensor) -> tuple[Tensor, Callable]:
    """Computes `total_variation` with a hand-written gradient. Measured, 384 x 288: 1.0 ms, by autodiff 7.0 ms."""
    count, height, width, channels = ops.shape(image)
    rows = ops.reshape(image, (-1, height, width * channels))
    down = ops.pad(rows[:, 1:] - rows[:, :-1], ((0, 0), (1, 1), (0, 0)))
    right = ops.pad(rows[:, :, channels:] - rows[:, :, :-channels], ((0, 0), (0, 0), (channels, channels)))
    values = ops.cast(count * channels, "float32")
    pairs = [ops.maximum(values * number, 1.0) for number in ((height - 1) * width, height * (width - 1))]

    def gradient(*args: Tensor, upstream: Tensor | None = None) -> Tensor:
        change = 2 * (args[0] if upstream is None else upstream)
        vertical = (change / pairs[0]) * (down[:, :-1] - down[:, 1:])
        horizontal = (change / pairs[1]) * (right[:, :, :-channels] - right[:, :, channels:])
        return ops.reshape(vertical + horizontal, (-1, height, width, channels))

    return ops.sum(ops.square(down)) / pairs[0] + ops.sum(ops.square(right)) / pairs[1], gradient


CONTENT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gatys": content_gatys,
    "mean": content_mean,
    "relative": content_relative,
}
STYLE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gatys": style_gatys,
    "mean": style_mean,
    "relative": style_relative,
}
