"""Layers that enlarge a map, and the filter against the grid that this leaves; keras.ops only, exportable.

A large map can be kept as its *phases*: ``[B, H, W, 4 C]`` holds ``[B, 2 H, 2 W, C]``, the pixels of each 2x2 block one
after the other, row by row. Pixel by pixel operations are the same there, convolutions cheaper (Shi et al. 2016), and
the pixels are put in their places once, at the end.
"""

from typing import Any, TypeAlias

import numpy as np

from tfstyle import layers
from tfstyle.runtime import keras, ops

__all__ = ["GridFilter", "Interleave", "LinearPhases", "LinearUpsampling", "PhasesConv", "UpsampledConv"]

Tensor: TypeAlias = keras.KerasTensor


class Interleave(keras.layers.Layer):
    """Puts the pixels of a map that is kept as phases in their places."""

    def call(self, inputs: Tensor) -> Tensor:
        """``[B, H, W, 4 C]`` to ``[B, 2 H, 2 W, C]``."""
        return ops.depth_to_space(inputs, 2)


class LinearPhases(keras.layers.Layer):
    """Doubles height and width by linear interpolation; the result is kept as phases.

    Rows first, then columns: 3/4 of a pixel and 1/4 of its neighbour on the pixel's side. In this order what is even
    stays even to the last bit. A 2x2 kernel rounds differently in each phase; normalisations take that for detail of a
    flat map and make a grid of it. The input needs a border of one pixel.

    Args:
        rectify: makes what is negative 0.
    """

    def __init__(self, *, rectify: bool = False, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.rectify = rectify

    def call(self, inputs: Tensor) -> Tensor:
        """``[B, H + 2, W + 2, C]`` to ``[B, H, W, 4 C]``."""
        return ops.concatenate(self._phases(inputs), axis=-1)

    def _phases(self, inputs: Tensor) -> list[Tensor]:
        phases = [phase for row in _halfway(inputs, axis=1) for phase in _halfway(row, axis=2)]
        return [self._rectified(phase) for phase in phases] if self.rectify else phases

    def _rectified(self, phase: Tensor) -> Tensor:
        return ops.relu(phase)  # One by one: LiteRT makes that a part of the interpolation.

    def get_config(self) -> dict:
        """The layer's settings, for saving."""
        return {**super().get_config(), "rectify": self.rectify}


def _halfway(inputs: Tensor, axis: int) -> list[Tensor]:
    """Both phases of one axis, which becomes two pixels shorter."""
    shape, channels = ((3, 1, 1, 1) if axis == 1 else (1, 3, 1, 1)), inputs.shape[-1]
    phases = []
    # Three taps, one of them 0, of the whole map: slices of it for two taps made a training's steps a fifth slower.
    for weights in ((0.25, 0.75, 0), (0, 0.75, 0.25)):
        kernel = np.tile(np.reshape(np.array(weights, np.float32), shape), (1, 1, channels, 1))
        phases.append(ops.depthwise_conv(inputs, ops.cast(kernel, inputs.dtype), padding="valid"))
    return phases


class LinearUpsampling(LinearPhases):
    """`LinearPhases`, with all pixels in their places."""

    def call(self, inputs: Tensor) -> Tensor:
        """``[B, H + 2, W + 2, C]`` to ``[B, 2 H, 2 W, C]``."""
        return ops.depth_to_space(super().call(inputs), 2)


class GridFilter(keras.layers.Layer):
    """Takes out what repeats every four pixels: the grid that upsampling twice leaves.

    Detail (what linear interpolation between the means of 4x4 blocks does not have) is averaged over many blocks, each
    of a block's pixels by itself. What is left of it then is the same in all of them, a grid, and is subtracted. Beyond
    the borders it counts as 0, so that little is taken from pictures of few blocks. Measured on johnson's Scream, 13
    photos: 8.3 dB of grid become 1.1 with 17 blocks each way, 0.3 with 13, 2.2 with 21.

    Args:
        blocks: to average over, each way; the farther ones count less.
    """

    def __init__(self, blocks: int = 17, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.blocks = blocks

    def call(self, inputs: Tensor) -> Tensor:
        """``[B, H, W, C]`` to the same shape; sides are multiples of four."""
        enlarge, border = LinearUpsampling(dtype=self.dtype_policy), layers.MirrorPadding(1, dtype=self.dtype_policy)
        smooth = ops.average_pool(inputs, 4)
        for _ in range(2):
            smooth = enlarge(border(smooth))
        grid = ops.space_to_depth(inputs - smooth, 4)
        beyond = (self.blocks // 2, self.blocks // 2)
        grid = ops.pad(grid, ((0, 0), beyond, beyond, (0, 0)))
        half = self.blocks // 2 + 1
        for window in 2 * ((half, 1), (1, half)):  # Twice half as far: once leaves ripples of other waves.
            grid = ops.average_pool(grid, window, strides=1)
        return inputs - ops.depth_to_space(grid, 4)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The same; JAX cannot tell for unknown sides."""
        return input_shape

    def get_config(self) -> dict:
        """The layer's settings, for saving."""
        return {**super().get_config(), "blocks": self.blocks}


class _ConvToPhases(keras.layers.Layer):
    """A 3x3 convolution at twice the map's resolution, computed as one of four times the filters at its own.

    Its kernels are the phases of one kernel: even areas and even slopes come out without a grid, whatever the kernel,
    which four free kernels do not guarantee (Odena, Dumoulin and Olah 2016 interpolate for that reason).

    Args:
        filters: channels that come out.
    """

    def __init__(self, filters: int, kernel_initializer: Any = "glorot_uniform", **keywords: Any) -> None:
        super().__init__(**keywords)
        self.filters = filters
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def _add_kernel(self, channels: int) -> None:
        shape = (3, 3, channels, self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer, name="kernel")

    def _convolved(self, inputs: Tensor, equation: str, phases: np.ndarray) -> Tensor:
        """``[B, H + 2, W + 2, N]`` to ``[B, H, W, 4 filters]``; ``phases`` once for rows and once for columns."""
        kernel = ops.einsum(equation, ops.cast(self.kernel, "float32"), phases, phases)
        kernel = ops.reshape(kernel, (3, 3, inputs.shape[-1], 4 * self.filters))
        return ops.conv(inputs, ops.cast(kernel, inputs.dtype), padding="valid")

    def get_config(self) -> dict:
        """The layer's settings, for saving."""
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "filters": self.filters, "kernel_initializer": initializer}


class UpsampledConv(_ConvToPhases):
    """Doubles height and width by linear interpolation, then a 3x3 convolution; the result is kept as phases.

    The input needs a border of one pixel.

    Args:
        filters: channels that come out.
        kernel_initializer: Keras' name, or an initializer.
    """

    def build(self, input_shape: tuple) -> None:
        """Makes kernel and bias."""
        self._add_kernel(input_shape[-1])
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs: Tensor) -> Tensor:
        """``[B, H + 2, W + 2, C]`` to ``[B, H, W, 4 filters]``."""
        bias = ops.tile(ops.cast(self.bias, inputs.dtype), 4)
        return self._convolved(inputs, "klio,kpa,lqb->abipqo", _INTERPOLATION) + bias


class PhasesConv(_ConvToPhases):
    """A 3x3 convolution without bias, of phases to phases.

    The input needs a border of one block.

    Args:
        filters: channels that come out.
        kernel_initializer: Keras' name, or an initializer.
    """

    def build(self, input_shape: tuple) -> None:
        """Makes the kernel."""
        self._add_kernel(input_shape[-1] // 4)

    def call(self, inputs: Tensor) -> Tensor:
        """``[B, H + 2, W + 2, 4 C]`` to ``[B, H, W, 4 filters]``."""
        return self._convolved(inputs, "klio,kpac,lqbd->abcdipqo", _NEIGHBOURS)


def _interpolation() -> np.ndarray:
    """What three taps on a twice interpolated row make of the row itself: ``[tap, phase, neighbour]``.

    Pixel 2 i + p of the large row is 3/4 of pixel i of the small one and 1/4 of the neighbour on its side.
    """
    weights = np.zeros((3, 2, 3), np.float32)
    for tap, phase in np.ndindex(3, 2):
        pixel, side = divmod(phase + tap - 1, 2)
        weights[tap, phase, pixel + 1] += 0.75
        weights[tap, phase, pixel + (2 if side else 0)] += 0.25
    return weights


def _neighbours() -> np.ndarray:
    """Where three taps on a row find their pixels in its blocks of two: ``[tap, phase, block, pixel]``."""
    places = np.zeros((3, 2, 3, 2), np.float32)
    for tap, phase in np.ndindex(3, 2):
        block, pixel = divmod(phase + tap - 1, 2)
        places[tap, phase, block + 1, pixel] = 1
    return places


_INTERPOLATION, _NEIGHBOURS = _interpolation(), _neighbours()
