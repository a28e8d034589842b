"""Networks that the loss looks through, each one functional Keras model with many outputs.

Every network takes float32 RGB ``[B, H, W, 3]``, 0..255, of any size from its minimum up, does its own preprocessing
and returns a dict from layer name to features after the rectifier, ``[B, h, w, C]``. It ends at the deepest layer asked
for. Pooling is by average (Gatys 2015, section "Methods": gradients flow better and pictures look nicer), by maximum
on request.

Borders: the image is mirrored, so that no network sees an edge where there is none; feature maps are padded by zeros,
as they were trained. (Mirrored feature maps let the outermost pixels count for more than others: the optimiser paints a
frame of one or two pixels and hides style in it. Measured with vgg19 at 512 pixels: a total loss of 1.01 instead of
0.81 once such a border is cut off.)
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from tfstyle import errors, layers
from tfstyle.runtime import keras

__all__ = ["NETWORKS", "Network", "build", "check_layers", "memory", "needed"]

Weights: TypeAlias = Mapping[str, np.ndarray]
Tensor: TypeAlias = keras.KerasTensor


@dataclasses.dataclass(frozen=True)
class Conv:
    """A convolution and its rectifier; kernel and width come with the weights."""

    name: str
    stride: int = 1


@dataclasses.dataclass(frozen=True)
class Pool:
    """Pooling without padding."""

    size: int
    stride: int = 2


@dataclasses.dataclass(frozen=True)
class Fire:
    """SqueezeNet's module: squeeze to few channels, expand by 1x1 and 3x3 kernels side by side."""

    name: str


Step = Conv | Pool | Fire


@dataclasses.dataclass(frozen=True)
class Network:
    """What there is to know about a network besides its weights.

    Attributes:
        steps: the layers in order.
        content_layers: default layers of the content loss.
        style_layers: default layers of the style loss.
        minimum: shortest side, in pixels, that the default layers can see.
        mean: RGB, subtracted first, in 0..255 units.
        scale: RGB, divided by afterwards.
        reverse: the weights expect BGR.
        cost: of a loss and its gradient per pixel, against vgg19: measured, a guess for the time left.
    """

    steps: tuple[Step, ...]
    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]
    minimum: int
    mean: tuple[float, float, float] = (123.68, 116.779, 103.939)  # ImageNet, as Simonyan and Zisserman trained.
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    reverse: bool = True
    cost: float = 1.0


def _vgg(*counts: int) -> tuple[Step, ...]:
    steps: list[Step] = []
    for block, count in enumerate(counts, start=1):
        steps += [Conv(f"conv{block}_{index}") for index in range(1, count + 1)] + [Pool(2)]
    return tuple(steps[:-1])


# A distilled network need not have every layer: it has those that its widths and training bought the most with.
_COMPACT = tuple(step for step in _vgg(2, 2, 4, 4, 1) if step != Conv("conv3_3"))
_ALEXNET = (Conv("conv1", 4), Pool(3), Conv("conv2"), Pool(3), Conv("conv3"), Conv("conv4"), Conv("conv5"))
_SQUEEZENET = (
    *(Conv("conv1", 2), Pool(3), Fire("fire2"), Fire("fire3"), Pool(3), Fire("fire4"), Fire("fire5"), Pool(3)),
    *(Fire("fire6"), Fire("fire7"), Fire("fire8"), Fire("fire9")),
)
_COLOURS = 3
# Gatys 2015: content conv4_2, style the first layer of every block.
_CONTENT = ("conv4_2",)
_STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")

NETWORKS: dict[str, Network] = {
    "vgg19": Network(_vgg(2, 2, 4, 4, 4), _CONTENT, _STYLE, minimum=16),
    "vgg16": Network(_vgg(2, 2, 3, 3, 3), _CONTENT, _STYLE, minimum=16),
    "compact": Network(_COMPACT, _CONTENT, _STYLE, minimum=16, cost=0.3),
    "squeezenet": Network(_SQUEEZENET, ("fire6",), ("conv1", "fire2", "fire4", "fire6", "fire9"), minimum=29),
    # torchvision's weights: RGB in 0..1, normalised by ImageNet's mean and deviation.
    "alexnet": Network(
        _ALEXNET,
        ("conv4",),
        ("conv1", "conv2", "conv3", "conv4", "conv5"),
        minimum=25,
        mean=(123.675, 116.28, 103.53),
        scale=(58.395, 57.12, 57.375),
        reverse=False,
    ),
}

_POOLING = {"average": keras.layers.AveragePooling2D, "max": keras.layers.MaxPooling2D}


def check_layers(network: str, names: Sequence[str]) -> None:
    """Checks that a network has these layers.

    Args:
        network: a name of `NETWORKS`.
        names: layer names.

    Raises:
        InputError: an unknown network or layer; says which there are.
    """
    if network not in NETWORKS:
        raise errors.InputError(f"unknown network {network!r}: choose one of {', '.join(NETWORKS)}")
    known = [step.name for step in NETWORKS[network].steps if not isinstance(step, Pool)]
    for name in names:
        if name not in known:
            raise errors.InputError(f"{network} has no layer {name!r}: choose from {', '.join(known)}")


def needed(network: str, names: Sequence[str]) -> list[str]:
    """The convolutions that lie on the way to some layers.

    Args:
        network: a name of `NETWORKS`.
        names: layers asked for.

    Returns:
        Names as in the weights, first to deepest.
    """
    convolutions: list[str] = []
    missing = set(names)
    for step in NETWORKS[network].steps:
        if not missing:
            break
        if isinstance(step, Conv):
            convolutions.append(step.name)
        elif isinstance(step, Fire):
            convolutions += [f"{step.name}/{part}" for part in ("squeeze1x1", "expand1x1", "expand3x3")]
        if not isinstance(step, Pool):
            missing.discard(step.name)
    return convolutions


def memory(model: keras.Model, height: int, width: int) -> int:
    """Roughly what a loss and its gradient take, in bytes.

    Args:
        model: from `build`.
        height: of the image.
        width: of the image.

    Returns:
        Bytes, see `_BYTES_PER_VALUE`.
    """
    every = keras.Model(model.inputs, [layer.output for layer in model.layers])
    shapes = every.compute_output_shape((1, height, width, 3))
    return sum(math.prod(shape) for shape in shapes) * _BYTES_PER_VALUE


# Of a layer's output. Measured, vgg19 at 512 x 384: a run's rise in peak memory, L-BFGS' pairs included, over the count
# of values in all outputs is 12.3 bytes in float32, 8.9 in bfloat16; the larger, rounded up, is safe for both.
_BYTES_PER_VALUE = 13


def build(
    network: str, names: Sequence[str], weights: Weights, *, pooling: str = "average", dtype: str = "float32"
) -> keras.Model:
    """Builds a frozen network up to the deepest layer asked for.

    Args:
        network: a name of `NETWORKS`.
        names: layers to return, for instance ``("conv4_2", "conv1_1")``.
        weights: ``<layer>/kernel`` ``[h, w, in, out]`` and ``<layer>/bias`` ``[out]``, as `weights.load` returns
            them; ``<layer>/head`` ``[out, out]``, if there is one, is applied to that layer's output.
        pooling: ``average`` or ``max``.
        dtype: of weights, arithmetic and outputs, ``float32`` or ``bfloat16``. (float16 overflows in Gram matrices.)

    Returns:
        A frozen model from float32 ``[B, H, W, 3]``, 0..255, to ``{layer: [B, h, w, C]}``.

    Raises:
        InputError: an unknown network, layer or pooling.
    """
    check_layers(network, names)
    if pooling not in _POOLING:
        raise errors.InputError(f"unknown pooling {pooling!r}: use {' or '.join(_POOLING)}")
    spec = NETWORKS[network]
    inputs = keras.Input((None, None, 3), name="image")
    tensor, outputs = _preprocess(inputs, spec), {}
    wanted = set(names)
    for step in spec.steps:
        tensor = _apply(step, tensor, weights, pooling, dtype)
        if not isinstance(step, Pool) and step.name in wanted:
            outputs[step.name] = _head(tensor, step.name, weights, dtype)
        if len(outputs) == len(wanted):
            break
    model = keras.Model(inputs, {name: outputs[name] for name in names}, name=network)
    _set_weights(model, weights, reverse=spec.reverse)
    model.trainable = False
    return model


def _preprocess(inputs: Tensor, spec: Network) -> Tensor:
    centred = inputs - np.array(spec.mean, np.float32)
    return centred if set(spec.scale) == {1.0} else centred / np.array(spec.scale, np.float32)


def _apply(step: Step, tensor: Tensor, weights: Weights, pooling: str, dtype: str) -> Tensor:
    match step:
        case Pool(size, stride):
            return _POOLING[pooling](size, stride, padding="valid", dtype=dtype)(tensor)
        case Conv(name, stride):
            return _conv(name, tensor, weights, dtype, stride)
        case Fire(name):
            squeezed = _conv(f"{name}/squeeze1x1", tensor, weights, dtype)
            expanded = [_conv(f"{name}/expand{kernel}", squeezed, weights, dtype) for kernel in ("1x1", "3x3")]
            return keras.layers.Concatenate(name=name, dtype=dtype)(expanded)


def _conv(name: str, tensor: Tensor, weights: Weights, dtype: str, stride: int = 1) -> Tensor:
    size, _, before, filters = weights[f"{name}/kernel"].shape
    padding = "same"
    if before == _COLOURS:
        tensor, padding = layers.MirrorPadding(size // 2, dtype=dtype)(tensor), "valid"
    options = {"activation": "relu", "padding": padding, "dtype": dtype}
    return keras.layers.Conv2D(filters, size, stride, name=_legal(name), **options)(tensor)


def _head(tensor: Tensor, name: str, weights: Weights, dtype: str) -> Tensor:
    if f"{name}/head" not in weights:
        return tensor
    width = weights[f"{name}/head"].shape[-1]
    return keras.layers.Conv2D(width, 1, use_bias=False, name=_legal(f"{name}/head"), dtype=dtype)(tensor)


def _set_weights(model: keras.Model, weights: Weights, *, reverse: bool) -> None:
    """Fills the convolutions; the first one's input channels are reversed if the weights expect BGR."""
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    for layer in convolutions:
        name = layer.name.replace("-", "/")
        if name.endswith("/head"):
            layer.set_weights([weights[name][None, None]])
            continue
        kernel = weights[f"{name}/kernel"]
        if reverse and layer is convolutions[0]:
            kernel = kernel[:, :, ::-1]
        layer.set_weights([kernel, weights[f"{name}/bias"]])


def _legal(name: str) -> str:
    """Keras refuses a slash in a layer's name."""
    return name.replace("/", "-")
