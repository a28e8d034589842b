"""Builds loss networks: frozen Keras models that return the features of several layers.

Every model takes float32 RGB images ``[B, H, W, 3]``, 0..255, of any size from the backbone's minimum, preprocesses
them and returns a dict from layer name to features after the ReLU, ``[B, h, w, C]``. It ends at the deepest layer
requested. Pooling is average by default (Gatys 2015, "Methods": better gradient flow, more appealing images).

Padding: the image is mirrored, so no network sees an artificial edge. Feature maps are padded with zeros, as in
training. Mirrored feature maps would count the outermost pixels more than others; the optimizer then paints a frame of
one or two pixels and hides style in it (measured, vgg19 at 512 pixels: total loss 1.01 instead of 0.81 once that frame
is cut off).
"""

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from tfstyle import errors, layers
from tfstyle.runtime import keras
from tfstyle.weights import BACKBONES, Backbone, Conv, Fire, Pool

__all__ = ["build", "check_layers", "memory"]

Weights: TypeAlias = Mapping[str, np.ndarray]
Tensor: TypeAlias = keras.KerasTensor

_RGB = 3
_POOLING = {"average": keras.layers.AveragePooling2D, "max": keras.layers.MaxPooling2D}

# Of a layer's output. Measured, vgg19 at 512 x 384: a run's rise in peak memory, L-BFGS pairs included, divided by the
# number of values in all outputs is 12.3 bytes in float32 and 8.9 in bfloat16; the larger, rounded up, covers both.
_BYTES_PER_VALUE = 13


def check_layers(network: str, names: Sequence[str]) -> None:
    """Checks that a network has certain layers.

    Args:
        network: a name of `weights.BACKBONES`.
        names: layer names.

    Raises:
        InputError: unknown network or layer; lists those that exist.
    """
    if network not in BACKBONES:
        raise errors.InputError(f"unknown network {network!r}: choose one of {', '.join(BACKBONES)}")
    known = BACKBONES[network].layers
    for name in names:
        if name not in known:
            raise errors.InputError(f"{network} has no layer {name!r}: choose from {', '.join(known)}")


def memory(model: keras.Model, height: int, width: int) -> int:
    """Estimates the memory that a loss and its gradient need.

    Args:
        model: from `build`.
        height: of the image.
        width: of the image.

    Returns:
        Bytes, see `_BYTES_PER_VALUE`.
    """
    every = keras.Model(model.inputs, [layer.output for layer in model.layers])
    shapes = every.compute_output_shape((1, height, width, _RGB))
    return sum(math.prod(shape) for shape in shapes) * _BYTES_PER_VALUE


def build(
    network: str, names: Sequence[str], weights: Weights, *, pooling: str = "average", dtype: str = "float32"
) -> keras.Model:
    """Builds a frozen network up to the deepest layer requested.

    Args:
        network: a name of `weights.BACKBONES`.
        names: layers to return, for instance ``("conv4_2", "conv1_1")``.
        weights: ``<layer>/kernel`` ``[h, w, in, out]`` and ``<layer>/bias`` ``[out]``, as from `weights.load`; an
            optional ``<layer>/head`` ``[out, out]`` is applied to that layer's output.
        pooling: ``average`` or ``max``.
        dtype: of weights, arithmetic and outputs, ``float32`` or ``bfloat16``. (float16 overflows in Gram matrices.)

    Returns:
        A frozen model from float32 ``[B, H, W, 3]``, 0..255, to ``{layer: [B, h, w, C]}``.

    Raises:
        InputError: unknown network, layer or pooling.
    """
    check_layers(network, names)
    if pooling not in _POOLING:
        raise errors.InputError(f"unknown pooling {pooling!r}: use {' or '.join(_POOLING)}")
    backbone = BACKBONES[network]
    inputs = keras.Input((None, None, _RGB), name="image")
    tensor, outputs = _preprocess(inputs, backbone), {}
    requested = set(names)
    for step in backbone.steps:
        tensor = _apply(step, tensor, weights, pooling, dtype)
        if not isinstance(step, Pool) and step.name in requested:
            outputs[step.name] = _head(tensor, step.name, weights, dtype)
        if len(outputs) == len(requested):
            break
    model = keras.Model(inputs, {name: outputs[name] for name in names}, name=network)
    _set_weights(model, weights, is_bgr=backbone.is_bgr)
    model.trainable = False
    return model


def _preprocess(inputs: Tensor, backbone: Backbone) -> Tensor:
    centered = inputs - np.array(backbone.mean, np.float32)
    return centered if set(backbone.scale) == {1.0} else centered / np.array(backbone.scale, np.float32)


def _apply(step: Conv | Pool | Fire, tensor: Tensor, weights: Weights, pooling: str, dtype: str) -> Tensor:
    match step:
        case Pool():
            return _POOLING[pooling](step.size, step.stride, padding="valid", dtype=dtype)(tensor)
        case Conv():
            return _conv(step.name, tensor, weights, dtype, step.stride)
        case Fire(name):
            squeezed = _conv(f"{name}/squeeze1x1", tensor, weights, dtype)
            expanded = [_conv(f"{name}/expand{kernel}", squeezed, weights, dtype) for kernel in ("1x1", "3x3")]
            return keras.layers.Concatenate(name=name, dtype=dtype)(expanded)


def _conv(name: str, tensor: Tensor, weights: Weights, dtype: str, stride: int = 1) -> Tensor:
    size, _, before, filters = weights[f"{name}/kernel"].shape
    padding = "same"
    if before == _RGB:
        tensor, padding = layers.MirrorPadding(size // 2, dtype=dtype)(tensor), "valid"
    options = {"activation": "relu", "padding": padding, "dtype": dtype}
    return keras.layers.Conv2D(filters, size, stride, name=_keras_name(name), **options)(tensor)


def _head(tensor: Tensor, name: str, weights: Weights, dtype: str) -> Tensor:
    if f"{name}/head" not in weights:
        return tensor
    width = weights[f"{name}/head"].shape[-1]
    return keras.layers.Conv2D(width, 1, use_bias=False, name=_keras_name(f"{name}/head"), dtype=dtype)(tensor)


def _set_weights(model: keras.Model, weights: Weights, *, is_bgr: bool) -> None:
    """Fills the convolutions; reverses the first one's input channels if the weights expect BGR."""
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    for layer in convolutions:
        name = layer.name.replace("-", "/")
        if name.endswith("/head"):
            layer.set_weights([weights[name][None, None]])
            continue
        kernel = weights[f"{name}/kernel"]
        if is_bgr and layer is convolutions[0]:
            kernel = kernel[:, :, ::-1]
        layer.set_weights([kernel, weights[f"{name}/bias"]])


def _keras_name(name: str) -> str:
    """Keras does not allow slashes in layer names."""
    return name.replace("/", "-")
