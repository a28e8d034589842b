"""Transformation networks: they stylize a photo in one forward pass (Johnson, Alahi and Fei-Fei 2016).

Every network maps float32 RGB ``[B, H, W, 3]``, 0..255, of any height and width to the same shape and range. All
borders are mirrored. Normalization is per instance (Ulyanov, Vedaldi and Lempitsky 2016). Upsampling is by
interpolation, because strided transposed convolutions leave a checkerboard (Odena, Dumoulin and Olah 2016).
"""

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tfstyle import errors, layers
from tfstyle.runtime import keras
from tfstyle.transform import upsampling

__all__ = ["LayerClasses", "MULTIPLE", "NETWORKS", "build"]

Tensor: TypeAlias = keras.KerasTensor
# A network's architecture: maps the normalized photo to the stylized one, with layers from a builder.
Architecture: TypeAlias = Callable[["Builder", Tensor], Tensor]

# ImageNet's mean and standard deviation in gray levels, rounded, so that photos come out near mean 0 and deviation 1.
# An integer and a power of two keep the result exact in bfloat16; with 60 instead of 64, pictures of one
# Composition VII differed from float32's by up to 7 gray levels (99th percentile) instead of 3.
_MEAN, _DEVIATION = 116.0, 64.0
# Both networks have two convolutions of stride 2, so their input's sides must be multiples of four.
MULTIPLE = 4
# Logits start small, so that a new network paints gray: a saturated sigmoid has no gradient.
_FIRST_LOGITS = 0.01


@dataclasses.dataclass(frozen=True)
class LayerClasses:
    """The layer classes a network is built from. Replacements must have the same weights.

    Attributes:
        norm: normalizes each instance.
        interpolation: doubles height and width.
        phases: doubles height and width, and keeps the result as phases (see `upsampling`).
    """

    norm: type[layers.InstanceNorm] = layers.InstanceNorm
    interpolation: type[upsampling.LinearUpsampling] = upsampling.LinearUpsampling
    phases: type[upsampling.LinearPhases] = upsampling.LinearPhases


class Builder:
    """Adds layers to a graph, all with the same dtype policy.

    Args:
        dtype: Keras dtype policy, ``float32`` or ``mixed_bfloat16``.
        layer_classes: the classes to instantiate.
    """

    def __init__(self, dtype: str, layer_classes: LayerClasses) -> None:
        self._dtype, self._classes = dtype, layer_classes

    def conv(self, tensor: Tensor, filters: int, size: int, stride: int = 1) -> Tensor:
        """Adds a mirrored border and a convolution without bias; a normalization follows."""
        padded = self._pad(tensor, size)
        return keras.layers.Conv2D(filters, size, stride, use_bias=False, dtype=self._dtype)(padded)

    def depthwise_conv(self, tensor: Tensor) -> Tensor:
        """Adds a mirrored border and a 3x3 depthwise convolution."""
        return keras.layers.DepthwiseConv2D(3, use_bias=False, dtype=self._dtype)(self._pad(tensor, 3))

    def norm(self, tensor: Tensor, *, relu: bool = True) -> Tensor:
        """Adds instance normalization and, unless told otherwise, a ReLU."""
        tensor = self._classes.norm(dtype=self._dtype)(tensor)
        return keras.layers.ReLU(dtype=self._dtype)(tensor) if relu else tensor

    def upsample(self, tensor: Tensor) -> Tensor:
        """Doubles height and width by linear interpolation."""
        return self._classes.interpolation(dtype=self._dtype)(self._pad(tensor, 3))

    def upsample_with_border(self, tensor: Tensor) -> Tensor:
        """Doubles height and width by linear interpolation, adds a ReLU and a border of two pixels.

        The inner border pixel equals what mirroring the large map would give, so a 3x3 convolution needs no other
        border, and padding the small map is cheaper. The outer one does not: crop it after the convolution.
        """
        layer = self._classes.interpolation(rectify=True, dtype=self._dtype)
        return layer(layers.EdgePadding(2, dtype=self._dtype)(tensor))

    def phases_with_border(self, tensor: Tensor) -> Tensor:
        """Does the same as `upsample_with_border` but keeps the result as phases, with a border of one block."""
        layer = self._classes.phases(rectify=True, dtype=self._dtype)
        return layer(layers.EdgePadding(2, dtype=self._dtype)(tensor))

    def crop(self, tensor: Tensor, border: int) -> Tensor:
        """Removes a border, given in pixels."""
        return keras.layers.Cropping2D(border, dtype=self._dtype)(tensor)

    def add(self, tensor: Tensor, change: Tensor) -> Tensor:
        """Adds a residual connection."""
        return keras.layers.Add(dtype=self._dtype)([tensor, change])

    def to_rgb(self, tensor: Tensor, size: int) -> Tensor:
        """Convolves to RGB, 0..255, float32."""
        initializer = keras.initializers.RandomNormal(stddev=_FIRST_LOGITS)
        conv = keras.layers.Conv2D(3, size, kernel_initializer=initializer, dtype=self._dtype)
        return self._sigmoid(conv(self._pad(tensor, size)))

    def to_upsampled_rgb(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Convolves two maps to RGB at twice the coarse one's size and adds them; 0..255, float32.

        Args:
            coarse: ``[B, h, w, C]``, from `upsample_with_border`; it is upsampled once more.
            fine: phases ``[B, h, w, 4 C]``, from `phases_with_border`.
        """
        options = {"kernel_initializer": keras.initializers.RandomNormal(stddev=_FIRST_LOGITS), "dtype": self._dtype}
        coarse = self.crop(upsampling.UpsampledConv(3, **options)(coarse), 1)  # Crops 12 channels, not 64.
        fine = upsampling.PhasesConv(3, **options)(fine)
        return self._sigmoid(upsampling.Interleave(dtype=self._dtype)(self.add(coarse, fine)))

    def remove_grid(self, picture: Tensor) -> Tensor:
        """Removes a grid of period four from a picture, 0..255."""
        return keras.layers.ReLU(255.0, dtype="float32")(upsampling.GridFilter(dtype="float32")(picture))

    def _sigmoid(self, tensor: Tensor) -> Tensor:
        logits = layers.Restrained(dtype="float32")(tensor)
        bounded = keras.layers.Activation("sigmoid", dtype="float32")(logits)
        return keras.layers.Rescaling(255.0, dtype="float32")(bounded)

    def _pad(self, tensor: Tensor, size: int) -> Tensor:
        return layers.MirrorPadding(size // 2, dtype=self._dtype)(tensor) if size > 1 else tensor


def _johnson(builder: Builder, tensor: Tensor) -> Tensor:
    """Johnson 2016, supplementary table 1, 1.68 M weights.

    Departs from the paper: residual blocks have mirrored borders, interpolation replaces transposed convolutions, and
    a filter removes the half gray level by which alternate rows differ after any training (docs/realtime.md).
    """
    tensor = builder.norm(builder.conv(tensor, 32, 9))
    tensor = builder.norm(builder.conv(tensor, 64, 3, stride=2))
    tensor = builder.norm(builder.conv(tensor, 128, 3, stride=2))
    for _ in range(5):
        change = builder.norm(builder.conv(tensor, 128, 3))
        tensor = builder.add(tensor, builder.norm(builder.conv(change, 128, 3), relu=False))
    for filters in (64, 32):
        tensor = builder.norm(builder.conv(builder.upsample(tensor), filters, 3))
    return builder.remove_grid(builder.to_rgb(tensor, 9))


def _realtime(builder: Builder, tensor: Tensor) -> Tensor:
    """Our own network: depthwise separable residual blocks at a quarter of the resolution and a cheap decoder.

    In the decoder, a ReLU follows interpolation directly. A convolution between the two would see larger differences
    at some pixels of a block than at others, and the ReLU would turn those into a grid of brightness. A few channels
    are also rectified at full resolution, because there is no fine detail without them; training removes the grid
    that they add (measurements: docs/realtime.md).
    """
    tensor = builder.norm(builder.conv(tensor, 16, 5, stride=2))
    tensor = builder.norm(builder.conv(tensor, 64, 3, stride=2))
    for _ in range(5):
        change = builder.norm(builder.conv(builder.depthwise_conv(tensor), 64, 1))
        change = builder.norm(builder.conv(builder.depthwise_conv(change), 64, 1), relu=False)
        tensor = builder.add(tensor, change)
    tensor = builder.norm(builder.conv(tensor, 64, 3), relu=False)
    half = builder.upsample_with_border(tensor)
    narrow = builder.norm(builder.crop(builder.conv(half, 16, 1), 2), relu=False)
    return builder.to_upsampled_rgb(half, builder.phases_with_border(narrow))


NETWORKS: dict[str, Architecture] = {"realtime": _realtime, "johnson": _johnson}


def build(
    network: str,
    *,
    dtype: str = "float32",
    layer_classes: LayerClasses = LayerClasses(),
    any_size: bool = True,
) -> keras.Model:
    """Builds a transformation network with random weights.

    Args:
        network: a name from `NETWORKS`.
        dtype: Keras dtype policy, ``float32`` or ``mixed_bfloat16``; the output is float32 either way.
        layer_classes: replacements for some layer classes, with the same weights.
        any_size: whether the network accepts any height and width; otherwise both must be multiples of `MULTIPLE`.

    Returns:
        A model from ``[B, H, W, 3]``, 0..255, to the same shape and range.

    Raises:
        InputError: the network is unknown.
    """
    if network not in NETWORKS:
        raise errors.InputError(f"unknown network {network!r}: choose one of {', '.join(NETWORKS)}")
    image = keras.Input((None, None, 3), name="image")
    padded = layers.PadToMultiple(MULTIPLE, dtype="float32")(image) if any_size else image
    normalized = (padded - _MEAN) / np.float32(_DEVIATION)
    stylized = NETWORKS[network](Builder(dtype, layer_classes), normalized)
    outputs = layers.Crop(dtype="float32")(stylized, image) if any_size else stylized
    return keras.Model(image, outputs, name=network)
