"""Layers that both the loss networks and the transformation networks are made of; keras.ops only, exportable.

A large map can be kept as its *phases*: ``[B, H, W, 4 C]`` holds ``[B, 2 H, 2 W, C]``, the pixels of each 2x2 block one
after the other, row by row. Pixel by pixel operations are the same there, convolutions cheaper (Shi et al. 2016), and
the pixels are put in their places once, at the end.
"""

from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops

__all__ = [
    "Crop",
    "GridFilter",
    "InstanceNorm",
    "Interleave",
    "LinearPhases",
    "LinearUpsampling",
    "MirrorPadding",
    "PadToMultiple",
    "PhasesConv",
    "Restrained",
    "UpsampledConv",
]

Tensor: TypeAlias = keras.KerasTensor


class MirrorPadding(keras.layers.Layer):
    """Pads an image or feature map by its own mirror image.

    Zero padding tells a network where the border is, and an optimiser paints a frame there; a mirrored border looks
    like more of the picture. The edge row itself is repeated ("symmetric"), so a map of one pixel can be padded too.

    Built of slices: TensorFlow's own mirroring is slower (measured: a third of a transformation network's time), and
    LiteRT's slower still.

    Args:
        size: rows and columns added on each side; at most the map's own height and width.
    """

    def __init__(self, size: int, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.size = size

    def call(self, inputs: Tensor) -> Tensor:
        """``[B, H, W, C]`` to ``[B, H + 2 size, W + 2 size, C]``.

        Raises:
            ValueError: the map is known to be smaller than the margin.
        """
        size = self.size
        if any(isinstance(side, int) and side < size for side in inputs.shape[1:3]):  # JAX has symbols, too.
            raise ValueError(f"a map of {inputs.shape[1:3]} has no {size} rows and columns to mirror")
        if not size:
            return inputs
        rows = [ops.flip(inputs[:, :size], 1), inputs, ops.flip(inputs[:, -size:], 1)]
        tall = ops.concatenate(rows, axis=1)
        return ops.concatenate([ops.flip(tall[:, :, :size], 2), tall, ops.flip(tall[:, :, -size:], 2)], axis=2)

    def get_config(self) -> dict:
        """The layer's settings, for saving."""
        return {**super().get_config(), "size": self.size}


class PadToMultiple(keras.layers.Layer):
    """Mirrors rows at the bottom and columns at the right until both sides are multiples of a number.

    Args:
        multiple: of pixels; a picture of one pixel grows to it, too.
    """

    def __init__(self, multiple: int, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.multiple = multiple

    def call(self, inputs: Tensor) -> Tensor:
        """``[B, H, W, C]`` to the next multiples; sides that are one already stay."""
        for axis in (1, 2):
            if inputs.shape[axis] is None or inputs.shape[axis] % self.multiple:
                inputs = ops.take(inputs, self._places(ops.shape(inputs)[axis]), axis=axis)
        return inputs

    def _places(self, length: int | Tensor) -> Tensor:
        """0, 1 ... length - 1, length - 1 ... 1, 0, 0, 1 ... as far as needed."""
        wanted = (length + self.multiple - 1) // self.multiple * self.multiple
        wrapped = ops.arange(wanted, dtype="int32") % (2 * length)
        return ops.minimum(wrapped, 2 * length - 1 - wrapped)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Unknown sides stay unknown."""
        batch, *sides, channels = input_shape
        return (batch, *(side and -(-side // self.multiple) * self.multiple for side in sides), channels)

    def get_config(self) -> dict:
        """The layer's settings, for saving."""
        return {**super().get_config(), "multiple": self.multiple}


class Crop(keras.layers.Layer):
    """Cuts a picture to the size of another one, from the top left."""

    def call(self, inputs: Tensor, like: Tensor) -> Tensor:
        """``[B, h, w, C]`` and ``[B, H, W, _]`` to ``[B, H, W, C]``."""
        _, height, width, _ = ops.shape(like)
        return inputs[:, :height, :width]


class InstanceNorm(keras.layers.Layer):
    """Instance normalisation (Ulyanov, Vedaldi and Lempitsky 2016): every channel of every picture by itself.

    Mean and variance are computed in float32 whatever the network computes in.

    Args:
        epsilon: added to the variance; as in Johnson's and Ulyanov's code.
    """

    def __init__(self, epsilon: float = 1e-5, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.epsilon = epsilon

    def build(self, input_shape: tuple) -> None:
        """Makes scale and offset, one per channel."""
        self.gamma = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="beta")

    def call(self, inputs: Tensor) -> Tensor:
        """``[B, H, W, C]`` to the same shape."""
        wide = ops.cast(inputs, "float32")
        mean = ops.mean(wide, axis=(1, 2), keepdims=True)
        centred = wide - mean
        variance = ops.mean(ops.square(centred), axis=(1, 2), keepdims=True)
        scale = ops.rsqrt(variance + self.epsilon) * ops.cast(self.gamma, "float32")
        return ops.cast(centred * scale + ops.cast(self.beta, "float32"), self.compute_dtype)

    def get_config(self) -> dict:
        """The layer's settings, for saving."""
        return {**super().get_config(), "epsilon": self.epsilon}


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
    """

    def call(self, inputs: Tensor) -> Tensor:
        """``[B, H + 2, W + 2, C]`` to ``[B, H, W, 4 C]``."""
        rows = _halfway(inputs, axis=1)
        return ops.concatenate([phase for row in rows for phase in _halfway(row, axis=2)], axis=-1)


def _halfway(inputs: Tensor, axis: int) -> list[Tensor]:
    """Both phases of one axis, which becomes two pixels shorter."""
    shape, channels = ((2, 1, 1, 1) if axis == 1 else (1, 2, 1, 1)), inputs.shape[-1]
    phases = []
    for first, weights in enumerate(((0.25, 0.75), (0.75, 0.25))):
        part = inputs[:, first : first - 1 or None] if axis == 1 else inputs[:, :, first : first - 1 or None]
        kernel = np.tile(np.reshape(np.array(weights, np.float32), shape), (1, 1, channels, 1))
        phases.append(ops.depthwise_conv(part, ops.cast(kernel, inputs.dtype), padding="valid"))
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
        enlarge, border = LinearUpsampling(dtype=self.dtype_policy), MirrorPadding(1, dtype=self.dtype_policy)
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


class Restrained(keras.layers.Layer):
    """Passes numbers on; what goes beyond a limit is added, squared, to the network's own losses.

    For what a bounding function follows, which has no gradient any more at its ends. Without it johnson makes numbers
    of several hundred in few dark places, by which it changes what its own normalisations measure: black holes in the
    picture (measured: The Shipwreck, down to -755).

    Args:
        limit: of the numbers' size. A sigmoid's output is 2 % from its end at 4.
        weight: of the mean square of what is beyond.
    """

    def __init__(self, limit: float = 4.0, weight: float = 1e-2, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.limit, self.weight = limit, weight

    def call(self, inputs: Tensor) -> Tensor:
        """The same, of any shape."""
        beyond = ops.relu(ops.abs(ops.cast(inputs, "float32")) - self.limit)
        self.add_loss(self.weight * ops.mean(ops.square(beyond)))
        return inputs

    def get_config(self) -> dict:
        """The layer's settings, for saving."""
        return {**super().get_config(), "limit": self.limit, "weight": self.weight}


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
    """Mirrored border and a 3x3 convolution without bias, of phases to phases.

    Args:
        filters: channels that come out.
        kernel_initializer: Keras' name, or an initializer.
    """

    def build(self, input_shape: tuple) -> None:
        """Makes the kernel."""
        self._add_kernel(input_shape[-1] // 4)

    def call(self, inputs: Tensor) -> Tensor:
        """``[B, H, W, 4 C]`` to ``[B, H, W, 4 filters]``."""
        half = inputs.shape[-1] // 2

        def rows_swapped(border: Tensor) -> Tensor:
            return ops.concatenate([border[..., half:], border[..., :half]], axis=-1)

        def columns_swapped(border: Tensor) -> Tensor:
            first, second, third, fourth = ops.split(border, 4, axis=-1)
            return ops.concatenate([second, first, fourth, third], axis=-1)

        # The mirror image of a block has its pixels the other way round.
        tall = [rows_swapped(inputs[:, :1]), inputs, rows_swapped(inputs[:, -1:])]
        tall = ops.concatenate(tall, axis=1)
        padded = [columns_swapped(tall[:, :, :1]), tall, columns_swapped(tall[:, :, -1:])]
        return self._convolved(ops.concatenate(padded, axis=2), "klio,kpac,lqbd->abcdipqo", _NEIGHBOURS)


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
