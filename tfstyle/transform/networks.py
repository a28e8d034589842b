"""Transformation networks: a photo in, a painted picture out, one pass (Johnson, Alahi and Fei-Fei 2016).

Every network takes float32 RGB ``[B, H, W, 3]``, 0..255, of any height and width from one pixel up, and returns the
same shape and range. Borders are mirrored throughout. Normalisation is by instance (Ulyanov, Vedaldi and Lempitsky
2016), upsampling by interpolation (Odena, Dumoulin and Olah 2016): strided transposed convolutions leave a
checkerboard.
"""

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tfstyle import errors, layers
from tfstyle.runtime import keras
from tfstyle.transform import upsampling

__all__ = ["Kit", "MULTIPLE", "NETWORKS", "build"]

Tensor: TypeAlias = keras.KerasTensor
# The network's body: centred picture to logits of the painted one.
Body: TypeAlias = Callable[["Blocks", Tensor], Tensor]

# Grey levels. ImageNet's mean and deviation, rounded: photos come out near mean 0 and deviation 1. An integer and a
# power of two keep them exact in bfloat16; with 60 for 64, pictures of a Composition VII differed from float32's by up
# to 7 grey levels (99th percentile) instead of 3.
_MEAN, _DEVIATION = 116.0, 64.0
# Of pixels a side, that the networks themselves need: two convolutions of stride 2.
MULTIPLE = 4


@dataclasses.dataclass(frozen=True)
class Kit:
    """Classes of layers for which others of the same weights may stand in.

    Attributes:
        norm: normalises.
        interpolation: doubles height and width.
        phases: likewise, and keeps the result as phases.
    """

    norm: type[layers.InstanceNorm] = layers.InstanceNorm
    interpolation: type[upsampling.LinearUpsampling] = upsampling.LinearUpsampling
    phases: type[upsampling.LinearPhases] = upsampling.LinearPhases


class Blocks:
    """The blocks that networks are built of, all in one number format.

    Args:
        dtype: ``float32`` or ``mixed_bfloat16``: a Keras dtype policy.
        kit: classes of layers.
    """

    def __init__(self, dtype: str, kit: Kit) -> None:
        self._dtype, self._kit = dtype, kit

    def conv(self, tensor: Tensor, filters: int, size: int, stride: int = 1) -> Tensor:
        """Mirrored border, convolution; no bias, since a normalisation follows."""
        padded = self._padded(tensor, size)
        return keras.layers.Conv2D(filters, size, stride, use_bias=False, dtype=self._dtype)(padded)

    def depthwise(self, tensor: Tensor) -> Tensor:
        """Mirrored border, a 3x3 kernel for each channel."""
        return keras.layers.DepthwiseConv2D(3, use_bias=False, dtype=self._dtype)(self._padded(tensor, 3))

    def normed(self, tensor: Tensor, *, rectify: bool = True) -> Tensor:
        """Instance normalisation and rectifier."""
        tensor = self._kit.norm(dtype=self._dtype)(tensor)
        return self.rectified(tensor) if rectify else tensor

    def rectified(self, tensor: Tensor) -> Tensor:
        """What is positive."""
        return keras.layers.ReLU(dtype=self._dtype)(tensor)

    def interpolated(self, tensor: Tensor) -> Tensor:
        """Twice as high and wide, by linear interpolation."""
        return self._kit.interpolation(dtype=self._dtype)(self._padded(tensor, 3))

    def interpolated_with_border(self, tensor: Tensor) -> Tensor:
        """Twice as high and wide, by linear interpolation, rectified; with two more pixels on each side.

        The nearer one is what mirroring the large map would give, so that a 3x3 convolution needs no other border, and
        a border of the small map is cheaper. The farther one is not: it is to be cut off after the convolution.
        """
        layer = self._kit.interpolation(rectify=True, dtype=self._dtype)
        return layer(layers.EdgePadding(2, dtype=self._dtype)(tensor))

    def phases_with_border(self, tensor: Tensor) -> Tensor:
        """`interpolated_with_border`, kept as phases: one more block on each side."""
        layer = self._kit.phases(rectify=True, dtype=self._dtype)
        return layer(layers.EdgePadding(2, dtype=self._dtype)(tensor))

    def inside(self, tensor: Tensor, border: int) -> Tensor:
        """Without so many pixels on each side."""
        return keras.layers.Cropping2D(border, dtype=self._dtype)(tensor)

    def residual(self, tensor: Tensor, change: Tensor) -> Tensor:
        """The sum."""
        return keras.layers.Add(dtype=self._dtype)([tensor, change])

    def colours(self, tensor: Tensor, size: int) -> Tensor:
        """Convolution to RGB, bounded to 0..255, float32."""
        # A small start leaves every picture grey instead of saturated: bounded outputs have no gradient at their ends.
        options = {"kernel_initializer": self._small(), "dtype": self._dtype}
        return self._bounded(keras.layers.Conv2D(3, size, **options)(self._padded(tensor, size)))

    def enlarged_colours(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Two 3x3 convolutions to RGB at twice the maps' size; their sum, bounded to 0..255.

        Args:
            coarse: is interpolated to that size; from `interpolated_with_border`.
            fine: phases of a map of that size, from `phases_with_border`.
        """
        options = {"kernel_initializer": self._small(), "dtype": self._dtype}
        coarse = self.inside(upsampling.UpsampledConv(3, **options)(coarse), 1)  # Of 12 channels, not of 64.
        fine = upsampling.PhasesConv(3, **options)(fine)
        return self._bounded(upsampling.Interleave(dtype=self._dtype)(self.residual(coarse, fine)))

    def without_grid(self, picture: Tensor) -> Tensor:
        """A picture, 0..255, without what repeats every four pixels."""
        return keras.layers.ReLU(255.0, dtype="float32")(upsampling.GridFilter(dtype="float32")(picture))

    @staticmethod
    def _small() -> keras.Initializer:
        return keras.initializers.RandomNormal(stddev=0.01)

    def _bounded(self, tensor: Tensor) -> Tensor:
        logits = layers.Restrained(dtype="float32")(tensor)
        return keras.layers.Rescaling(255.0, dtype="float32")(
            keras.layers.Activation("sigmoid", dtype="float32")(logits)
        )

    def _padded(self, tensor: Tensor, size: int) -> Tensor:
        return layers.MirrorPadding(size // 2, dtype=self._dtype)(tensor) if size > 1 else tensor


def _johnson(blocks: Blocks, tensor: Tensor) -> Tensor:
    """Johnson 2016, supplementary table 1, 1.68 M weights.

    With mirrored borders within the residual blocks as well, and interpolation in place of transposed convolutions.
    Whatever the training, alternate rows differ by half a grey level, which a filter takes out (docs/realtime.md).
    """
    tensor = blocks.normed(blocks.conv(tensor, 32, 9))
    tensor = blocks.normed(blocks.conv(tensor, 64, 3, stride=2))
    tensor = blocks.normed(blocks.conv(tensor, 128, 3, stride=2))
    for _ in range(5):
        change = blocks.normed(blocks.conv(tensor, 128, 3))
        tensor = blocks.residual(tensor, blocks.normed(blocks.conv(change, 128, 3), rectify=False))
    for filters in (64, 32):
        tensor = blocks.normed(blocks.conv(blocks.interpolated(tensor), filters, 3))
    return blocks.without_grid(blocks.colours(tensor, 9))


def _realtime(blocks: Blocks, tensor: Tensor) -> Tensor:
    """Ours: depthwise and pointwise convolutions at a quarter of the resolution, a cheap way back up.

    On the way up, a rectifier follows interpolation at once. Wherever a convolution stands between the two, its
    differences are larger between some pixels of a block than between others, the rectifier makes a difference of
    brightness of that, and the picture has a grid. Few channels are rectified at full resolution, too, without which
    there is no fine detail; what grid they bring is trained away (docs/realtime.md has the measurements).
    """
    tensor = blocks.normed(blocks.conv(tensor, 16, 5, stride=2))
    tensor = blocks.normed(blocks.conv(tensor, 64, 3, stride=2))
    for _ in range(5):
        change = blocks.normed(blocks.conv(blocks.depthwise(tensor), 64, 1))
        change = blocks.normed(blocks.conv(blocks.depthwise(change), 64, 1), rectify=False)
        tensor = blocks.residual(tensor, change)
    tensor = blocks.normed(blocks.conv(tensor, 64, 3), rectify=False)
    half = blocks.interpolated_with_border(tensor)
    few = blocks.normed(blocks.inside(blocks.conv(half, 16, 1), 2), rectify=False)
    return blocks.enlarged_colours(half, blocks.phases_with_border(few))


NETWORKS: dict[str, Body] = {"realtime": _realtime, "johnson": _johnson}


def build(
    network: str,
    *,
    dtype: str = "float32",
    kit: Kit = Kit(),
    any_size: bool = True,
) -> keras.Model:
    """Builds a transformation network with random weights.

    Args:
        network: a name of `NETWORKS`.
        dtype: Keras dtype policy, ``float32`` or ``mixed_bfloat16``; the result is float32 either way.
        kit: classes of layers, for others of the same weights.
        any_size: False leaves out what makes odd sizes possible: sides must be multiples of `MULTIPLE`.

    Returns:
        A model from ``[B, H, W, 3]``, 0..255, to the same shape and range.

    Raises:
        InputError: an unknown network.
    """
    if network not in NETWORKS:
        raise errors.InputError(f"unknown network {network!r}: choose one of {', '.join(NETWORKS)}")
    image = keras.Input((None, None, 3), name="image")
    padded = layers.PadToMultiple(MULTIPLE, dtype="float32")(image) if any_size else image
    painted = NETWORKS[network](Blocks(dtype, kit), (padded - _MEAN) / np.float32(_DEVIATION))
    outputs = layers.Crop(dtype="float32")(painted, image) if any_size else painted
    return keras.Model(image, outputs, name=network)
