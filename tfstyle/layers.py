"""Layers shared by the loss networks and the transformation networks. keras.ops only, exportable."""

from typing import Any, TypeAlias

from tfstyle.runtime import keras, ops

__all__ = ["Crop", "EdgePadding", "InstanceNorm", "MirrorPadding", "PadToMultiple", "Restrained"]

Tensor: TypeAlias = keras.KerasTensor
# Wider margins are mirrored by `flip`, which LiteRT runs slowly (measured: 0.17 s more for a first picture). Mirroring
# row by row would suit LiteRT at any width, but the gradient of each row is a map of full size.
_WIDE = 2


class EdgePadding(keras.layers.Layer):
    """Pads an image or feature map by repeating its outermost rows and columns.

    With zero padding a network sees where the border is, and an optimizer paints a frame there.

    Built from slices: TensorFlow's mirror padding is slower (measured: a third of a transformation network's time), and
    LiteRT's is slower still.

    Args:
        size: rows and columns added on each side.
    """

    def __init__(self, size: int, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.size = size

    def call(self, inputs: Tensor) -> Tensor:
        """Pads ``[B, H, W, C]`` to ``[B, H + 2 size, W + 2 size, C]``."""
        for axis in (1, 2) if self.size else ():
            before, after = self._margins(inputs, axis)
            inputs = ops.concatenate([*before, inputs, *after], axis)
        return inputs

    def _margins(self, inputs: Tensor, axis: int) -> tuple[list[Tensor], list[Tensor]]:
        """Returns the parts to put before and after the map along an axis."""
        return self.size * [_part(inputs, axis, None, 1)], self.size * [_part(inputs, axis, -1, None)]

    def get_config(self) -> dict:
        """Returns the layer's settings, for saving."""
        return {**super().get_config(), "size": self.size}


class MirrorPadding(EdgePadding):
    """Pads an image or feature map with its mirror image.

    The edge itself is repeated ("symmetric" padding), so even a map of one pixel can be padded.

    Args:
        size: rows and columns added on each side; at most the map's height and width.
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Pads ``[B, H, W, C]`` to ``[B, H + 2 size, W + 2 size, C]``.

        Raises:
            ValueError: the map is smaller than the margin (where its size is known).
        """
        if any(isinstance(side, int) and side < self.size for side in inputs.shape[1:3]):  # JAX has symbolic sizes.
            raise ValueError(f"a {inputs.shape[1:3]} feature map is too small to mirror a margin of {self.size}")
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

    Works for pictures of any size; those smaller than the margin are mirrored repeatedly.

    Args:
        multiple: pixels.
    """

    def __init__(self, multiple: int, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.multiple = multiple

    def call(self, inputs: Tensor) -> Tensor:
        """Pads ``[B, H, W, C]`` to the next multiples."""
        for axis in (1, 2):
            if inputs.shape[axis] is None or inputs.shape[axis] % self.multiple:
                inputs = ops.take(inputs, self._source_rows(ops.shape(inputs)[axis]), axis=axis)
        return inputs

    def _source_rows(self, length: int | Tensor) -> Tensor:
        """Lists the source rows: 0, 1 ... length - 1, length - 1 ... 1, 0, 0, 1 ... up to the next multiple."""
        wanted = (length + self.multiple - 1) // self.multiple * self.multiple
        wrapped = ops.arange(wanted, dtype="int32") % (2 * length)
        return ops.minimum(wrapped, 2 * length - 1 - wrapped)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Computes the padded shape; unknown sides stay unknown."""
        batch, *sides, channels = input_shape
        return (batch, *(side and -(-side // self.multiple) * self.multiple for side in sides), channels)

    def get_config(self) -> dict:
        """Returns the layer's settings, for saving."""
        return {**super().get_config(), "multiple": self.multiple}


class Crop(keras.layers.Layer):
    """Crops a picture at the bottom and right to the size of another one."""

    def call(self, inputs: Tensor, like: Tensor) -> Tensor:
        """Crops ``[B, h, w, C]`` to the height and width of ``like``."""
        _, height, width, _ = ops.shape(like)
        return inputs[:, :height, :width]


class InstanceNorm(keras.layers.Layer):
    """Instance normalization (Ulyanov, Vedaldi and Lempitsky 2016): normalizes each channel of each picture.

    Mean and variance are computed in float32 whatever format the network uses.

    Args:
        epsilon: added to the variance; the default is that of Johnson's and Ulyanov's code.
    """

    def __init__(self, epsilon: float = 1e-5, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.epsilon = epsilon

    def build(self, input_shape: tuple) -> None:
        """Creates scale and offset, one per channel."""
        self.gamma = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="beta")

    def call(self, inputs: Tensor) -> Tensor:
        """Normalizes ``[B, H, W, C]``."""
        wide = ops.cast(inputs, "float32")
        mean = ops.mean(wide, axis=(1, 2), keepdims=True)
        centered = wide - mean
        variance = ops.mean(ops.square(centered), axis=(1, 2), keepdims=True)
        scale = ops.rsqrt(variance + self.epsilon) * ops.cast(self.gamma, "float32")
        return ops.cast(centered * scale + ops.cast(self.beta, "float32"), self.compute_dtype)

    def get_config(self) -> dict:
        """Returns the layer's settings, for saving."""
        return {**super().get_config(), "epsilon": self.epsilon}


class Restrained(keras.layers.Layer):
    """Passes its input through and penalizes values beyond a limit.

    Put it before a bounding function (sigmoid, tanh), whose gradient vanishes at its ends. Without it the johnson
    network drives a few dark spots to values of several hundred, which distort its own normalization layers: black
    holes in the picture (measured on The Shipwreck: down to -755).

    Args:
        limit: largest magnitude without penalty. At 4 a sigmoid is 2 % from its end.
        weight: of the mean squared excess, which is added to the network's losses.
    """

    def __init__(self, limit: float = 4.0, weight: float = 1e-2, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.limit, self.weight = limit, weight

    def call(self, inputs: Tensor) -> Tensor:
        """Returns the input, of any shape."""
        beyond = ops.relu(ops.abs(ops.cast(inputs, "float32")) - self.limit)
        self.add_loss(self.weight * ops.mean(ops.square(beyond)))
        return inputs

    def get_config(self) -> dict:
        """Returns the layer's settings, for saving."""
        return {**super().get_config(), "limit": self.limit, "weight": self.weight}
