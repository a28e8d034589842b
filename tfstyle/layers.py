"""Layers that both the loss networks and the transformation networks are made of; keras.ops only, exportable."""

from typing import Any, TypeAlias

from tfstyle.runtime import keras, ops

__all__ = ["Crop", "EdgePadding", "InstanceNorm", "MirrorPadding", "PadToMultiple", "Restrained"]

Tensor: TypeAlias = keras.KerasTensor
# Margins of more rows are reversed, which keeps LiteRT from its fast way (measured: 0.17 s more for a first picture).
# Row by row would do for all, but each row's gradient is a map of the whole size.
_WIDE = 2


class EdgePadding(keras.layers.Layer):
    """Pads an image or feature map by repeating its outermost rows and columns.

    Zero padding tells a network where the border is, and an optimiser paints a frame there; this looks like more of the
    picture.

    Built of slices: TensorFlow's own mirroring is slower (measured: a third of a transformation network's time), and
    LiteRT's slower still.

    Args:
        size: rows and columns added on each side.
    """

    def __init__(self, size: int, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.size = size

    def call(self, inputs: Tensor) -> Tensor:
        """``[B, H, W, C]`` to ``[B, H + 2 size, W + 2 size, C]``."""
        for axis in (1, 2) if self.size else ():
            before, after = self._margins(inputs, axis)
            inputs = ops.concatenate([*before, inputs, *after], axis)
        return inputs

    def _margins(self, inputs: Tensor, axis: int) -> tuple[list[Tensor], list[Tensor]]:
        """What comes before and after the map along an axis."""
        return self.size * [_part(inputs, axis, None, 1)], self.size * [_part(inputs, axis, -1, None)]

    def get_config(self) -> dict:
        """The layer's settings, for saving."""
        return {**super().get_config(), "size": self.size}


class MirrorPadding(EdgePadding):
    """Pads by the map's own mirror image.

    The edge row itself is repeated ("symmetric"), so a map of one pixel can be padded, too.

    Args:
        size: rows and columns added on each side; at most the map's own height and width.
    """

    def call(self, inputs: Tensor) -> Tensor:
        """``[B, H, W, C]`` to ``[B, H + 2 size, W + 2 size, C]``.

        Raises:
            ValueError: the map is known to be smaller than the margin.
        """
        if any(isinstance(side, int) and side < self.size for side in inputs.shape[1:3]):  # JAX has symbols, too.
            raise ValueError(f"a map of {inputs.shape[1:3]} has no {self.size} rows and columns to mirror")
        return super().call(inputs)

    def _margins(self, inputs: Tensor, axis: int) -> tuple[list[Tensor], list[Tensor]]:
        if self.size > _WIDE:
            ends = _part(inputs, axis, None, self.size), _part(inputs, axis, -self.size, None)
            return [ops.flip(ends[0], axis)], [ops.flip(ends[1], axis)]
        before = [_part(inputs, axis, row, row + 1) for row in reversed(range(self.size))]
        return before, [_part(inputs, axis, -row - 1, -row or None) for row in range(self.size)]


def _part(inputs: Tensor, axis: int, start: int | None, stop: int | None) -> Tensor:
    return inputs[(slice(None),) * axis + (slice(start, stop),)]


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
