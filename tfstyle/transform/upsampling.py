"""Upsampling layers, and a filter that removes the grid they leave; keras.ops only, exportable.

A feature map ``[B, 2 H, 2 W, C]`` can be kept as *phases*, ``[B, H, W, 4 C]``: the pixels of each 2x2 block, row by
row, become channels (Shi et al. 2016). Pixelwise operations stay the same, convolutions get cheaper, and `Interleave`
moves the pixels into place once, at the end.
"""

from typing import Any, TypeAlias

import numpy as np

from tfstyle import layers
from tfstyle.runtime import keras, ops

__all__ = ["GridFilter", "Interleave", "LinearPhases", "LinearUpsampling", "PhasesConv", "UpsampledConv"]

Tensor: TypeAlias = keras.KerasTensor


class Interleave(keras.layers.Layer):
    """Converts phases to pixels."""

    def call(self, inputs: Tensor) -> Tensor:
        """Converts ``[B, H, W, 4 C]`` to ``[B, 2 H, 2 W, C]``."""
        return ops.depth_to_space(inputs, 2)


class LinearPhases(keras.layers.Layer):
    """Doubles height and width by linear interpolation and keeps the result as phases.

    Interpolates rows first, then columns: 3/4 of a pixel plus 1/4 of its nearer neighbor. That keeps flat areas flat to
    the last bit. A 2x2 kernel would round differently in each phase, and a normalization would amplify the difference
    to a visible grid. The input needs a border of one pixel.

    Args:
        rectify: whether a ReLU follows.
    """

    def __init__(self, *, rectify: bool = False, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.rectify = rectify

    def call(self, inputs: Tensor) -> Tensor:
        """Upsamples ``[B, H + 2, W + 2, C]`` to ``[B, H, W, 4 C]``."""
        return ops.concatenate(self._phases(inputs), axis=-1)

    def _phases(self, inputs: Tensor) -> list[Tensor]:
        phases = [phase for row in _halfway(inputs, axis=1) for phase in _halfway(row, axis=2)]
        return [self._rectified(phase) for phase in phases] if self.rectify else phases

    def _rectified(self, phase: Tensor) -> Tensor:
        return ops.relu(phase)  # Phase by phase, so that LiteRT fuses it with the interpolation.

    def get_config(self) -> dict:
        """Returns the arguments of the constructor, for serialization."""
        return {**super().get_config(), "rectify": self.rectify}


def _halfway(inputs: Tensor, axis: int) -> list[Tensor]:
    """Interpolates along one axis, which becomes two pixels shorter; returns both phases."""
    shape, channels = ((3, 1, 1, 1) if axis == 1 else (1, 3, 1, 1)), inputs.shape[-1]
    phases = []
    # Three taps, one of them 0, over the whole map: two taps over slices of it made training a fifth slower.
    for weights in ((0.25, 0.75, 0), (0, 0.75, 0.25)):
        kernel = np.tile(np.reshape(np.array(weights, np.float32), shape), (1, 1, channels, 1))
        phases.append(ops.depthwise_conv(inputs, ops.cast(kernel, inputs.dtype), padding="valid"))
    return phases


class LinearUpsampling(LinearPhases):
    """Doubles height and width by linear interpolation, as `LinearPhases` does, but returns pixels."""

    def call(self, inputs: Tensor) -> Tensor:
        """Upsamples ``[B, H + 2, W + 2, C]`` to ``[B, 2 H, 2 W, C]``."""
        return ops.depth_to_space(super().call(inputs), 2)


class GridFilter(keras.layers.Layer):
    """Removes the grid of period four that two upsampling steps leave.

    Detail is what linear interpolation between the means of 4x4 blocks does not represent. It is averaged over many
    blocks, separately for each of the 16 pixels of a block. What remains is the same in all of those blocks, a grid,
    and is subtracted. Detail beyond the borders counts as 0, so that pictures of few blocks lose little. Measured on
    johnson's Scream, 13 photos: 8.3 dB of grid become 1.1 with 17 blocks each way, 0.3 with 13, 2.2 with 21.

    Args:
        blocks: how many blocks to average each way; distant ones weigh less.
    """

    def __init__(self, blocks: int = 17, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.blocks = blocks
        self._enlarge = LinearUpsampling(dtype=self.dtype_policy)
        self._pad = layers.MirrorPadding(1, dtype=self.dtype_policy)

    def call(self, inputs: Tensor) -> Tensor:
        """Filters ``[B, H, W, C]`` to the same shape; sides must be multiples of four."""
        smooth = ops.average_pool(inputs, 4)
        for _ in range(2):
            smooth = self._enlarge(self._pad(smooth))
        grid = ops.space_to_depth(inputs - smooth, 4)
        margin = (self.blocks // 2, self.blocks // 2)
        grid = ops.pad(grid, ((0, 0), margin, margin, (0, 0)))
        half = self.blocks // 2 + 1
        for window in 2 * ((half, 1), (1, half)):  # Twice over half the width: once leaves ripples at other periods.
            grid = ops.average_pool(grid, window, strides=1)
        return inputs - ops.depth_to_space(grid, 4)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Returns the input's shape; JAX cannot infer it for unknown sides."""
        return input_shape

    def get_config(self) -> dict:
        """Returns the arguments of the constructor, for serialization."""
        return {**super().get_config(), "blocks": self.blocks}


class _ConvToPhases(keras.layers.Layer):
    """A 3x3 convolution at twice the map's resolution, computed with four times the filters at its own resolution.

    The four kernels are phases of a single one, so flat areas and even slopes come out without a grid, whatever the
    kernel. Four independent kernels do not guarantee that (Odena, Dumoulin and Olah 2016).

    Args:
        filters: number of output channels.
        kernel_initializer: Keras' name, or an initializer.
    """

    def __init__(self, filters: int, kernel_initializer: Any = "glorot_uniform", **keywords: Any) -> None:
        super().__init__(**keywords)
        self.filters = filters
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def _add_kernel(self, channels: int) -> None:
        shape = (3, 3, channels, self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer, name="kernel")

    def _convolved(self, inputs: Tensor, equation: str, phases: np.ndarray) -> Tensor:
        """Convolves ``[B, H + 2, W + 2, N]`` to ``[B, H, W, 4 filters]``; ``phases`` apply to rows and columns."""
        kernel = ops.einsum(equation, ops.cast(self.kernel, "float32"), phases, phases)
        kernel = ops.reshape(kernel, (3, 3, inputs.shape[-1], 4 * self.filters))
        return ops.conv(inputs, ops.cast(kernel, inputs.dtype), padding="valid")

    def get_config(self) -> dict:
        """Returns the arguments of the constructor, for serialization."""
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "filters": self.filters, "kernel_initializer": initializer}


class UpsampledConv(_ConvToPhases):
    """Doubles height and width by linear interpolation, then applies a 3x3 convolution; returns phases.

    The input needs a border of one pixel.

    Args:
        filters: number of output channels.
        kernel_initializer: Keras' name, or an initializer.
    """

    def build(self, input_shape: tuple) -> None:
        """Creates kernel and bias."""
        self._add_kernel(input_shape[-1])
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs: Tensor) -> Tensor:
        """Convolves ``[B, H + 2, W + 2, C]`` to ``[B, H, W, 4 filters]``."""
        bias = ops.tile(ops.cast(self.bias, inputs.dtype), 4)
        return self._convolved(inputs, "klio,kpa,lqb->abipqo", _INTERPOLATION) + bias


class PhasesConv(_ConvToPhases):
    """A 3x3 convolution without bias, from phases to phases.

    The input needs a border of one block.

    Args:
        filters: number of output channels.
        kernel_initializer: Keras' name, or an initializer.
    """

    def build(self, input_shape: tuple) -> None:
        """Creates the kernel."""
        self._add_kernel(input_shape[-1] // 4)

    def call(self, inputs: Tensor) -> Tensor:
        """Convolves ``[B, H + 2, W + 2, 4 C]`` to ``[B, H, W, 4 filters]``."""
        return self._convolved(inputs, "klio,kpac,lqbd->abcdipqo", _NEIGHBOURS)


def _interpolation() -> np.ndarray:
    """Returns how three taps on an upsampled row weigh the pixels of the original row: ``[tap, phase, neighbor]``.

    Pixel 2 i + p of the upsampled row is 3/4 of pixel i of the original row plus 1/4 of its nearer neighbor.
    """
    weights = np.zeros((3, 2, 3), np.float32)
    for tap, phase in np.ndindex(3, 2):
        pixel, side = divmod(phase + tap - 1, 2)
        weights[tap, phase, pixel + 1] += 0.75
        weights[tap, phase, pixel + (2 if side else 0)] += 0.25
    return weights


def _neighbours() -> np.ndarray:
    """Returns which pixel of which block of two each of three taps on a row reads: ``[tap, phase, block, pixel]``."""
    selected = np.zeros((3, 2, 3, 2), np.float32)
    for tap, phase in np.ndindex(3, 2):
        block, pixel = divmod(phase + tap - 1, 2)
        selected[tap, phase, block + 1, pixel] = 1
    return selected


_INTERPOLATION, _NEIGHBOURS = _interpolation(), _neighbours()
