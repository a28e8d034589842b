"""One network for all paintings: photo and style vector in, picture out (arbitrary style transfer).

An *encoder* sees photos and paintings alike. A painting's *style vector* is the mean and the covariance root of its
features at five scales. The network paints from the coarsest scale to the finest: it adds what it has painted so far to
the photo's features, moves the sum to the painting's statistics (`transport`), and convolves. The style vector also
scales and shifts the channels of these convolutions (Ghiasi et al. 2017, section 2).

A photo's own style vector gives the photo back. So any mixture of style vectors paints a mixture of styles, and mixing
in the photo's own weakens the style.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from tfstyle import layers
from tfstyle.runtime import keras, ops
from tfstyle.transform import transport, upsampling

__all__ = ["ConditionalNetwork", "MULTIPLE", "WIDTHS", "filters", "read_weights", "weights"]

Tensor: TypeAlias = keras.KerasTensor
# Means `[B, C]` and covariance roots `[B, C, C]` of all scales, fine to coarse.
StyleVector: TypeAlias = tuple[Sequence[Tensor], Sequence[Tensor]]

# Channels of the features that are transported, fine to coarse; scale i has 1/2^i of the photo's resolution.
WIDTHS = (16, 32, 64, 128, 128)
# Channels and number of the encoder's convolutions at each scale.
_ENCODER = ((16, 1), (32, 1), (64, 2), (128, 3), (192, 1))
# The sides of a picture must be multiples of it.
MULTIPLE = 2 ** (len(WIDTHS) - 1)
# Width of the two dense layers that read the style vector.
_HIDDEN = 128
_LEAK = 0.1
_MEAN, _DEVIATION = 127.5, 64.0
# Logits start small, so that a new network paints gray: a saturated sigmoid has no gradient.
_FIRST_LOGITS = 0.01


class ConditionalNetwork(keras.Model):
    """The network in parts, so that each can be exported.

    Args:
        dtype: Keras dtype policy, ``float32`` or ``mixed_bfloat16``; pictures are float32 either way.
        upsample: class of the upsampling layers.

    Attributes:
        encoder: from pictures ``[B, H, W, 3]``, 0..255, sides multiples of `MULTIPLE`, to a dict: ``features``, maps
            to be transported, fine to coarse, and ``raw``, from which they are projected.
        modulator: from a list, the means and then the roots of a style vector, to changes ``[B, 2 C]``: lists by scale,
            with one change for each convolution.
        stages: by scale, from a list, the transported features and the changes, to the next finer scale's contribution
            or, at scale 0, to the picture.
    """

    def __init__(
        self,
        dtype: str = "float32",
        upsample: type[upsampling.LinearUpsampling] = upsampling.LinearUpsampling,
    ) -> None:
        super().__init__(name="conditional")
        self.encoder = _encoder(dtype)
        self.modulator = _modulator()
        self.stages = [_stage(scale, dtype, upsample) for scale in range(len(WIDTHS))]
        self._transport = transport.Transport(dtype=dtype, autocast=False)
        self._statistics = Statistics(dtype="float32", autocast=False)

    def build(self, *_: tuple) -> None:
        """Does nothing: the parts are built already."""
        self.built = True

    def call(self, photos: Tensor, paintings: Tensor) -> Tensor:
        """Paints photos in the styles of paintings.

        Args:
            photos: ``[B, H, W, 3]``, 0..255.
            paintings: ``[B, h, w, 3]``, 0..255.

        Returns:
            ``[B, H, W, 3]``, 0..255.
        """
        return self.paint(self.features(photos), self.style_vector(self.features(paintings)))

    def features(self, pictures: Tensor) -> list[Tensor]:
        """Encodes ``[B, H, W, 3]``, 0..255, to maps ``[B, h, w, C]``, fine to coarse."""
        return self.encoder(pictures)["features"]

    def style_vector(self, maps: Sequence[Tensor]) -> StyleVector:
        """Describes paintings by their features.

        Args:
            maps: ``[B, h, w, C]`` by scale, from `features`.

        Returns:
            Means ``[B, C]`` and covariance roots ``[B, C, C]`` by scale.
        """
        means, roots = zip(*map(self._statistics, maps), strict=True)
        return means, roots

    def paint(self, maps: Sequence[Tensor], vector: StyleVector) -> Tensor:
        """Paints photos given by their features.

        Args:
            maps: ``[B, h, w, C]`` by scale, from `features`.
            vector: the style.

        Returns:
            ``[B, H, W, 3]``, 0..255.
        """
        means, roots = vector
        changes = self.modulator([*means, *roots])
        painted = 0.0
        for scale in reversed(range(len(WIDTHS))):
            moved = self._transport(maps[scale] + painted, means[scale], roots[scale])
            painted = self.stages[scale]([moved, *changes[scale]])
        return painted


def weights(network: ConditionalNetwork) -> dict[str, np.ndarray]:
    """Returns all weights of a network in float16, for `read_weights`."""
    return {f"weight_{index:03}": np.asarray(each, np.float16) for index, each in enumerate(_all_weights(network))}


def read_weights(network: ConditionalNetwork, arrays: Mapping[str, np.ndarray]) -> None:
    """Sets all weights of a network.

    Args:
        network: of any dtype.
        arrays: from `weights`.

    Raises:
        KeyError: arrays are missing.
        ValueError: an array has the wrong shape.
    """
    for index, each in enumerate(_all_weights(network)):
        each.assign(arrays[f"weight_{index:03}"].astype(np.float32))


def _all_weights(network: ConditionalNetwork) -> list[keras.Variable]:
    return [each for part in (network.encoder, network.modulator, *network.stages) for each in part.weights]


def filters(scale: int) -> tuple[int, ...]:
    """Channels of a stage's modulated convolutions; the last one of a coarse scale leads to the next finer one."""
    width = WIDTHS[scale]
    return (width, width, WIDTHS[scale - 1]) if scale else (width,)


class Statistics(keras.layers.Layer):
    """Describes feature maps by their mean and the square root of their covariance."""

    def call(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Maps ``[B, H, W, C]`` to ``[B, C]`` and ``[B, C, C]``."""
        mean, covariance = transport.moments(inputs)
        return mean, transport.square_roots(transport.with_ridge(covariance))[0]


class Summary(keras.layers.Layer):
    """Summarizes a style vector: means and variances relative to each scale's overall deviation, and that."""

    def call(self, *vector: Tensor) -> Tensor:
        """Maps the means ``[B, C]`` and then the roots ``[B, C, C]`` of all scales to ``[B, N]``."""
        parts = []
        for mean, root in zip(vector[: len(WIDTHS)], vector[len(WIDTHS) :], strict=True):
            variances = ops.sum(ops.square(root), axis=-1)
            scale = ops.sqrt(ops.mean(variances, axis=-1, keepdims=True) + 1e-8)
            parts += [mean / scale, 0.5 * ops.log(variances / ops.square(scale) + 1e-4), ops.log(scale)]
        return ops.concatenate(parts, axis=-1)


class Modulation(keras.layers.Layer):
    """Scales and shifts the channels of a map."""

    def call(self, inputs: Tensor, changes: Tensor) -> Tensor:
        """Scales ``[B, H, W, C]`` by 1 plus the first half of ``[B, 2 C]``, and adds the second half."""
        scale, offset = ops.split(ops.cast(changes, inputs.dtype)[:, None, None], 2, axis=-1)
        return inputs * (1 + scale) + offset

    def compute_output_shape(self, input_shape: tuple, *_: tuple) -> tuple:
        """Returns the maps' shape; JAX cannot infer it for unknown sides."""
        return input_shape


def _encoder(dtype: str) -> keras.Model:
    image = keras.Input((None, None, 3), name="image")
    tensor = keras.layers.Rescaling(1 / _DEVIATION, -_MEAN / _DEVIATION, dtype="float32")(image)
    raw = []
    for scale, (filters, count) in enumerate(_ENCODER):
        if scale:
            tensor = keras.layers.AveragePooling2D(2, dtype=dtype)(tensor)
        for _ in range(count):
            tensor = _activate(_conv(tensor, filters, dtype), dtype)
        raw.append(tensor)
    features = [_conv(tensor, width, dtype, size=1) for tensor, width in zip(raw, WIDTHS, strict=True)]
    return keras.Model(image, {"raw": raw, "features": features}, name="encoder")


def _modulator() -> keras.Model:
    vector = [keras.Input((width,), name=f"mean_{scale}") for scale, width in enumerate(WIDTHS)]
    vector += [keras.Input((width, width), name=f"root_{scale}") for scale, width in enumerate(WIDTHS)]
    hidden = Summary(dtype="float32", autocast=False)(*vector)
    for _ in range(2):
        hidden = keras.layers.Dense(_HIDDEN, "relu", dtype="float32")(hidden)
    changes = [
        [keras.layers.Dense(2 * count, kernel_initializer="zeros", dtype="float32")(hidden) for count in filters(scale)]
        for scale in range(len(WIDTHS))
    ]
    return keras.Model(vector, changes, name="modulator")


def _stage(scale: int, dtype: str, upsample: type[upsampling.LinearUpsampling]) -> keras.Model:
    """Builds a residual block of modulated convolutions, and the way to the next finer scale or to the picture."""
    transported = keras.Input((None, None, WIDTHS[scale]), name="transported")
    changes = [keras.Input((2 * count,), name=f"change_{index}") for index, count in enumerate(filters(scale))]
    tensor = transported
    for change in changes[:2]:
        tensor = _modulated_conv(tensor, change, dtype)
    tensor = keras.layers.Add(dtype=dtype)([tensor, transported])
    if scale:
        tensor = _modulated_conv(tensor, changes[2], dtype)
        tensor = upsample(dtype=dtype)(layers.EdgePadding(1, dtype=dtype)(tensor))
    return keras.Model([transported, *changes], tensor if scale else _to_rgb(tensor), name=f"stage_{scale}")


def _modulated_conv(tensor: Tensor, changes: Tensor, dtype: str) -> Tensor:
    tensor = _conv(tensor, changes.shape[-1] // 2, dtype)
    return _activate(Modulation(dtype=dtype, autocast=False)(tensor, changes), dtype)


def _activate(tensor: Tensor, dtype: str) -> Tensor:
    """Applies a leaky ReLU: with plain ones, whole scales of the encoder died early in training."""
    return keras.layers.LeakyReLU(_LEAK, dtype=dtype)(tensor)


def _conv(tensor: Tensor, filters: int, dtype: str, size: int = 3) -> Tensor:
    padded = layers.MirrorPadding(size // 2, dtype=dtype)(tensor) if size > 1 else tensor
    return keras.layers.Conv2D(filters, size, kernel_initializer="he_normal", dtype=dtype)(padded)


def _to_rgb(tensor: Tensor) -> Tensor:
    initializer = keras.initializers.RandomNormal(stddev=_FIRST_LOGITS)
    padded = layers.MirrorPadding(1, dtype="float32")(tensor)
    logits = keras.layers.Conv2D(3, 3, kernel_initializer=initializer, dtype="float32")(padded)
    bounded = keras.layers.Activation("sigmoid", dtype="float32")(layers.Restrained(dtype="float32")(logits))
    return keras.layers.Rescaling(255.0, dtype="float32")(bounded)
