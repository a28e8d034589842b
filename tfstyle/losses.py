"""Losses of neural style transfer: pure functions of features and of pixels.

Three normalisations ("forms") of the same two ideas, content and style; the normalisation is where style-transfer code
usually goes wrong, so each is named and written once:

* ``gatys``: Gatys, Ecker and Bethge, "A Neural Algorithm of Artistic Style" (2015), equations 1, 3 and 4.
* ``mean``: the averaged form of many courses and of Johnson et al. (2016): content divided by the number of entries.
* ``relative`` (ours, the default): every term divided by the mean square of its own target. A weight then means the
  same for every painting, image size and network.

Feature maps are ``[B, H, W, C]``; Gram matrices are divided by the number of positions, so that images of different
sizes compare.
"""

from collections.abc import Callable
from typing import TypeAlias

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
]

Tensor: TypeAlias = keras.KerasTensor

# A target that is zero everywhere (a black layer) must not divide by zero; small enough for networks with features of
# 1e-4, whose Gram matrices have mean squares of 1e-16.
_TINY = 1e-20


def gram_matrix(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """Correlations between channels, averaged over positions: Gatys 2015, equation 3, divided by M.

    Args:
        features: ``[B, H, W, C]``; of bfloat16 the products are bfloat16, too, and summed in float32.
        mask: ``[B, H, W]``, 0..1, how much each position counts; None counts all alike.

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
    """F^T F, float32. Its gradient F (D + D^T) is one matrix product; automatic differentiation makes two."""

    def gradient(*args: Tensor, upstream: Tensor | None = None) -> Tensor:
        change = args[0] if upstream is None else upstream
        return ops.matmul(flat, ops.cast(change + ops.transpose(change, (0, 2, 1)), flat.dtype))

    product = ops.matmul(ops.transpose(flat, (0, 2, 1)), flat)
    return ops.cast(product, "float32"), gradient


def content_gatys(features: Tensor, target: Tensor) -> Tensor:
    """Half the summed squared difference: Gatys 2015, equation 1.

    Args:
        features: ``[B, H, W, C]`` of the image.
        target: the same of the content photo.

    Returns:
        Scalar, summed over the batch.
    """
    return ops.sum(ops.square(features - target)) / 2


def content_mean(features: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference: Johnson 2016, equation 2 (up to its choice of layer).

    Args:
        features: ``[B, H, W, C]`` of the image.
        target: the same of the content photo.

    Returns:
        Scalar.
    """
    return ops.mean(ops.square(features - target))


def content_relative(features: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference in units of the target's mean square.

    Args:
        features: ``[B, H, W, C]`` of the image.
        target: the same of the content photo.

    Returns:
        Scalar, the batch's mean; 0 for the photo itself, about 1 for a picture that has nothing of it.
    """
    return ops.mean(_per_picture(features - target) / ops.maximum(_per_picture(target), _TINY))


def _per_picture(features: Tensor) -> Tensor:
    """Mean squares ``[B]``: each picture is measured by its own, whatever the batch and the number of devices."""
    return ops.mean(ops.square(features), (1, 2, 3))


def style_gatys(gram: Tensor, target: Tensor) -> Tensor:
    """Squared Gram difference over 4 N^2: Gatys 2015, equation 4, with each Gram divided by its own M.

    The paper's 1 / (4 N^2 M^2) supposes painting and picture of one size; dividing each Gram matrix by its own number
    of positions is the same there and right elsewhere.

    Args:
        gram: ``[B, N, N]`` of the image.
        target: ``[N, N]`` or ``[B, N, N]`` of the painting.

    Returns:
        Scalar, summed over the batch.
    """
    channels = gram.shape[-1]
    return ops.sum(ops.square(gram - target)) / (4 * channels**2)


def style_mean(gram: Tensor, target: Tensor) -> Tensor:
    """Squared Gram difference over (2 nH nW nC)^2, which is 4 N^2 M^2, averaged over the batch as the content is.

    Args:
        gram: ``[B, N, N]`` of the image.
        target: ``[N, N]`` or ``[B, N, N]`` of the painting.

    Returns:
        Scalar; for one image the same as `style_gatys`.
    """
    return style_gatys(gram, target) / ops.shape(gram)[0]


def style_relative(gram: Tensor, target: Tensor) -> Tensor:
    """Mean squared Gram difference in units of the target's mean square.

    Args:
        gram: ``[B, N, N]`` of the image.
        target: ``[N, N]`` or ``[B, N, N]`` of the painting.

    Returns:
        Scalar, the batch's mean; 0 for the painting's own statistics, about 1 for an image that has none of them.
    """
    differences, energies = (ops.mean(ops.square(each), (-2, -1)) for each in (gram - target, target))
    return ops.mean(differences / ops.maximum(energies, _TINY))


def grid(image: Tensor, period: int = 4, tile: int = 64) -> Tensor:
    """How even pixels of the same place in a block are, against those of other places: the grid that upsampling leaves.

    The mean block of every tile is compared to its own mean colour. Ours; no paper's.

    Args:
        image: ``[B, H, W, 3]``, 0..255; what is beyond whole tiles is left out.
        period: side of a block, pixels: 4 catches periods 2 and 4.
        tile: pixels, a multiple of the period.

    Returns:
        Scalar, mean square, in 0..1 units; 0 for a picture smaller than a tile.
    """
    rows, columns = (int(side) // tile for side in image.shape[1:3])
    if not rows * columns:
        return ops.zeros(())
    blocks = tile // period
    shape = (-1, rows, blocks, period, columns, blocks, period, image.shape[-1])
    tiles = ops.reshape(image[:, : rows * tile, : columns * tile] / 255.0, shape)
    block = ops.mean(tiles, axis=(2, 5))  # [B, rows, period, columns, period, 3]
    return ops.mean(ops.square(block - ops.mean(block, axis=(2, 4), keepdims=True)))


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference between neighbouring pixels, in units of the full range squared.

    The smoothness prior of Mahendran and Vedaldi (2015, equation 3 with beta = 2), averaged so that it does not grow
    with the image. A side of one pixel has no neighbours and adds nothing.

    Args:
        image: ``[B, H, W, 3]``, 0..255.

    Returns:
        Scalar.
    """
    return _variation(image / 255.0)


@ops.custom_gradient
def _variation(image: Tensor) -> tuple[Tensor, Callable]:
    """See `total_variation`. Measured, 384 x 288: 1.0 ms with its gradient, 7.0 ms by automatic differentiation."""
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
