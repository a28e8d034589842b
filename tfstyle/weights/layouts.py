"""Converts the arrays of a weight file, in any published layout, to one form.

That form is a dictionary of float32 arrays, ``<layer>/kernel`` ``[height, width, in, out]`` and ``<layer>/bias``
``[out]``, for networks that take

* vgg16, vgg19, squeezenet: BGR 0..255 minus (103.939, 116.779, 123.68), as in Caffe and `keras.applications`;
* alexnet: RGB 0..1, minus ImageNet's mean, divided by its deviation, as in torchvision.
"""

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from tfstyle import errors
from tfstyle.weights import backbones, layer_names, readers

__all__ = ["Weights", "for_caffe_input", "read"]

Weights = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class _Input:
    """How a PyTorch network expects its input: RGB 0..1 minus the mean, divided by the deviation."""

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    is_caffe: bool = False  # BGR 0..255 minus Caffe's mean: nothing to rewrite


_CAFFE_MEAN = np.array([123.68, 116.779, 103.939])  # RGB; keras.applications.imagenet_utils, mode "caffe"
# torchvision/transforms/_presets.py, and torchvision/models/vgg.py for VGG16_Weights.IMAGENET1K_FEATURES.
_TORCHVISION = _Input((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_SSD = _Input((0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255))
_CAFFE = _Input((0, 0, 0), (1, 1, 1), is_caffe=True)
# Files with torchvision's names but another input, recognized by the hash in their published name:
# github.com/jcjohnson/pytorch-vgg (Oxford's Caffe weights) and torchvision's "amdegroot" VGG-16.
_INPUTS = {"d01eb7cb": _CAFFE, "00b39a1b": _CAFFE, "88682ab5": _SSD}


def read(network: str, path: pathlib.Path, convolutions: Sequence[str] | None = None) -> Weights:
    """Reads the weights of a network from a file in any published layout.

    PyTorch's kernels (``….weight``) are transposed from ``[out, in, height, width]``. The first layer of its VGGs and
    SqueezeNet is rewritten for BGR input (see `for_caffe_input`).

    Args:
        network: a name of `BACKBONES`. Packaged networks are returned as named in the file.
        path: the file. Layers that the network does not have (the classifier) are ignored.
        convolutions: those that must be there; None for all.

    Returns:
        ``<layer>/kernel`` and ``<layer>/bias``, float32.

    Raises:
        InputError: the file cannot be read, lacks a layer, or has one of a wrong shape or with infinities or NaN.
    """
    backbone = backbones.BACKBONES[network]
    names: list[str] = []  # of every array in the file, for the error message

    def keep(name: str) -> bool:
        names.append(name)
        return backbone.is_packaged or layer_names.layer_of(network, name) is not None

    arrays = readers.read(path, keep)
    if not backbone.is_packaged:
        arrays = _renamed(network, arrays, _INPUTS.get(_published_hash(path), _TORCHVISION))
    if convolutions is None:
        convolutions = list(backbone.shapes)
    _check_present(network, path, arrays, names, convolutions)
    _check_values(network, path, arrays)
    return arrays


def for_caffe_input(
    kernel: np.ndarray, bias: np.ndarray, mean: Sequence[float], deviation: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Rewrites a first layer for normalized RGB into one for BGR minus Caffe's mean, with the same output.

    With x the image in RGB 0..255, c Caffe's mean, m and s the mean and deviation of RGB 0..1:
    ``(x/255 - m)/s = ((x - c) + (c - 255 m)) / (255 s)``. So the kernel is divided by 255 s, its input channels are
    reversed, and sum(kernel * (c - 255 m) / (255 s)) is added to the bias.

    Exact where the layer sees pixels only: without padding (SqueezeNet), or if the image is padded by reflection. With
    zero padding, a border pixel means color c here and 255 m there, less than half a gray level apart.

    Args:
        kernel: ``[height, width, 3, out]``, for RGB.
        bias: ``[out]``.
        mean: m, three numbers, RGB.
        deviation: s, three numbers, RGB.

    Returns:
        Kernel, for BGR, and bias.
    """
    scale = 255 * np.asarray(deviation, np.float64)
    shift = (_CAFFE_MEAN - 255 * np.asarray(mean, np.float64)) / scale
    moved = bias + np.einsum("hwio,i->o", kernel.astype(np.float64), shift)
    scaled = (kernel / scale[:, np.newaxis])[:, :, ::-1]
    return np.ascontiguousarray(scaled, np.float32), moved.astype(np.float32)


def _renamed(network: str, arrays: Weights, expected: _Input) -> Weights:
    """Renames, transposes and rewrites arrays into the form that this module promises."""
    layers = _layers(network, arrays)
    weights = {}
    for name, layer in layers.items():
        if arrays[name].ndim == 4:
            weights[f"{layer}/kernel"] = _transposed(name, arrays[name])
        elif arrays[name].ndim == 1:
            weights[f"{layer}/bias"] = arrays[name]
    backbone = backbones.BACKBONES[network]
    first = next(iter(backbone.shapes))
    from_torch = {layer for name, layer in layers.items() if layer_names.is_torch(name)}
    if backbone.is_bgr and first in from_torch and not expected.is_caffe:
        _rewrite_first(weights, first, backbone.shapes[first], expected)
    return weights


def _rewrite_first(weights: Weights, first: str, shape: backbones.Shape, expected: _Input) -> None:
    kernel, bias = weights.get(f"{first}/kernel"), weights.get(f"{first}/bias")
    if kernel is None or bias is None or kernel.shape != shape or bias.shape != shape[-1:]:
        return  # The checks that follow report it.
    kernel, bias = for_caffe_input(kernel, bias, expected.mean, expected.deviation)
    weights[f"{first}/kernel"], weights[f"{first}/bias"] = kernel, bias


def _layers(network: str, names: Iterable[str]) -> dict[str, str]:
    """Maps arrays to layers. If no name is known, generic ones (conv2d, conv2d_1) are taken in order."""
    known = list(backbones.BACKBONES[network].shapes)
    layers = {name: layer_names.layer_of(network, name) or "" for name in names}
    if not set(layers.values()) & set(known):
        order = dict(zip(sorted(set(layers.values()), key=_natural), known, strict=False))
        layers = {name: order[layer] for name, layer in layers.items() if layer in order}
    return {name: layer for name, layer in layers.items() if layer in known}


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts conv2d_2 before conv2d_10, and conv2d before both."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _transposed(name: str, kernel: np.ndarray) -> np.ndarray:
    """Makes a kernel ``[height, width, in, out]``; PyTorch's, named ``weight``, are ``[out, in, height, width]``."""
    return np.ascontiguousarray(kernel.transpose(2, 3, 1, 0)) if name.endswith("weight") else kernel


def _published_hash(path: pathlib.Path) -> str:
    """The eight digits that PyTorch's model zoo appends to a file's name; empty if there are none."""
    match = re.search(r"-([0-9a-f]{8})$", path.stem)
    return match[1] if match else ""


def _check_present(
    network: str, path: pathlib.Path, weights: Weights, names: list[str], convolutions: Sequence[str]
) -> None:
    required = [f"{layer}/{part}" for layer in convolutions for part in ("kernel", "bias")]
    missing = [name for name in required if name not in weights]
    if missing or not weights:
        problem = f"{_abridged(missing)} missing" if missing else "no arrays"
        raise errors.InputError(
            f"{path}: not a weight file for {network}: {problem}; the file contains {_abridged(names)}"
        )


def _check_values(network: str, path: pathlib.Path, weights: Weights) -> None:
    shapes = backbones.BACKBONES[network].shapes
    for name, array in weights.items():
        if shapes:
            kernel_shape = shapes[name.rpartition("/")[0]]
            expected = kernel_shape if name.endswith("kernel") else kernel_shape[-1:]
            if array.shape != expected:
                raise errors.InputError(
                    f"{path}: not a weight file for {network}: {name} has shape {array.shape} instead of {expected}"
                )
        if not np.isfinite(array).all():
            raise errors.InputError(f"{path}: {name} contains infinities or NaN")


def _abridged(names: Sequence[str]) -> str:
    few = ", ".join(names[:4]) or "nothing"
    return few if len(names) <= 4 else f"{few} and {len(names) - 4} more"
