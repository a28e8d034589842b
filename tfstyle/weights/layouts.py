"""Turns a file's arrays, in any published layout, into one form: the weights of a network.

That form is a dictionary of float32 arrays: `<layer>/kernel` [height, width, in, out] and `<layer>/bias` [out], for
networks that expect as input

* vgg16, vgg19, squeezenet: BGR 0..255 minus (103.939, 116.779, 123.68), as in Caffe and `keras.applications`;
* alexnet: RGB 0..1, minus ImageNet's mean and divided by its deviation, as in torchvision.
"""

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from tfstyle import errors
from tfstyle.weights import layer_names, readers

__all__ = ["Weights", "for_caffe_input", "read"]

Weights = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class _Input:
    """What a PyTorch network does with RGB 0..1 before its first layer: minus the mean, over the deviation."""

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    bgr_255: bool = False  # the first layer's channels are BGR 0..255 minus Caffe's mean already


_CAFFE_MEAN = np.array([123.68, 116.779, 103.939])  # RGB; keras.applications.imagenet_utils, mode "caffe"
# torchvision/transforms/_presets.py, and torchvision/models/vgg.py for VGG16_Weights.IMAGENET1K_FEATURES.
_TORCHVISION = _Input((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_SSD = _Input((0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255))
_CAFFE = _Input((0, 0, 0), (1, 1, 1), bgr_255=True)
# Files whose arrays have torchvision's names but that expect another input, told by the hash in their published name:
# github.com/jcjohnson/pytorch-vgg (Oxford's weights, as Caffe had them) and torchvision's own "amdegroot" VGG-16.
_INPUTS = {"d01eb7cb": _CAFFE, "00b39a1b": _CAFFE, "88682ab5": _SSD}


def read(network: str, path: pathlib.Path, layers: Sequence[str] | None = None) -> Weights:
    """Returns the weights of a network, out of a file in any published layout.

    PyTorch's kernels (`….weight`) are turned from [out, in, height, width], and the first layer of its VGGs and
    SqueezeNet rewritten for this module's input (see `for_caffe_input`).

    Args:
        network: "vgg19", "vgg16", "alexnet", "squeezenet", or "compact", whose arrays are returned as named.
        path: The file. Its layers beyond the network's (the classifier) are ignored.
        layers: Layers that have to be there; all of the network's without it.

    Raises:
        InputError: The file cannot be read, lacks a layer, or has one of a wrong shape or with infinities or NaN.
    """
    names: list[str] = []  # of all that the file holds, for the message

    def keep(name: str) -> bool:
        names.append(name)
        return network == "compact" or layer_names.layer_of(network, name) is not None

    arrays = readers.read(path, keep)
    if network != "compact":
        arrays = _named(network, arrays, _INPUTS.get(_published_hash(path), _TORCHVISION))
    _check_present(network, path, arrays, names, layers)
    _check_sound(network, path, arrays)
    return arrays


def for_caffe_input(
    kernel: np.ndarray, bias: np.ndarray, mean: Sequence[float], deviation: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a first layer that does with BGR minus Caffe's mean what the given one does with normalised RGB.

    With x the picture in RGB 0..255, c Caffe's mean, m and s the mean and deviation of RGB 0..1:
    `(x/255 - m)/s = ((x - c) + (c - 255 m)) / (255 s)`. So the kernel is divided by 255 s and its input channels are
    reversed, and sum(kernel * (c - 255 m) / (255 s)) is added to the bias.

    Exact wherever the layer sees pixels: everywhere with no padding (SqueezeNet) or when the preprocessed picture is
    padded by reflection (reflection and normalisation commute). At a border padded with zeros, a zero means the colour
    c here and 255 m there, which are less than half a grey level apart.

    Args:
        kernel: [height, width, 3, out], for RGB.
        bias: [out].
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


def _named(network: str, arrays: Weights, expects: _Input) -> Weights:
    """Returns the network's arrays under their names here, in the orientation and for the input described above."""
    layers = _layers(network, arrays)
    weights = {}
    for name, layer in layers.items():
        if arrays[name].ndim == 4:
            weights[f"{layer}/kernel"] = _upright(name, arrays[name])
        elif arrays[name].ndim == 1:
            weights[f"{layer}/bias"] = arrays[name]
    first = next(iter(layer_names.shapes(network)))
    theirs = {layer for name, layer in layers.items() if layer_names.is_torch(name)}
    if network != "alexnet" and first in theirs and not expects.bgr_255:
        _rewrite_first(weights, first, layer_names.shapes(network)[first], expects)
    return weights


def _rewrite_first(weights: Weights, first: str, shape: layer_names.Shape, expects: _Input) -> None:
    kernel, bias = weights.get(f"{first}/kernel"), weights.get(f"{first}/bias")
    if kernel is None or bias is None or kernel.shape != shape or bias.shape != shape[-1:]:
        return  # the checks that follow say what is wrong
    kernel, bias = for_caffe_input(kernel, bias, expects.mean, expects.deviation)
    weights[f"{first}/kernel"], weights[f"{first}/bias"] = kernel, bias


def _layers(network: str, names: Iterable[str]) -> dict[str, str]:
    """Returns each array's layer. Where none has a name of the network's, generic ones are taken in their order."""
    known = list(layer_names.shapes(network))
    layers = {name: layer_names.layer_of(network, name) or "" for name in names}
    if not set(layers.values()) & set(known):
        order = dict(zip(sorted(set(layers.values()), key=_natural), known, strict=False))
        layers = {name: order[layer] for name, layer in layers.items() if layer in order}
    return {name: layer for name, layer in layers.items() if layer in known}


def _natural(name: str) -> list[tuple[int, str]]:
    """Returns a key that sorts conv2d_2 before conv2d_10, and conv2d before both."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _upright(name: str, kernel: np.ndarray) -> np.ndarray:
    """Returns a kernel as [height, width, in, out]; PyTorch's, called `weight`, are [out, in, height, width]."""
    return np.ascontiguousarray(kernel.transpose(2, 3, 1, 0)) if name.endswith("weight") else kernel


def _published_hash(path: pathlib.Path) -> str:
    """Returns the eight digits that PyTorch's model zoo puts at the end of a file's name, or nothing."""
    match = re.search(r"-([0-9a-f]{8})$", path.stem)
    return match[1] if match else ""


def _check_present(
    network: str, path: pathlib.Path, weights: Weights, names: list[str], layers: Sequence[str] | None
) -> None:
    if layers is None:
        layers = [] if network == "compact" else list(layer_names.shapes(network))
    wanted = [f"{layer}/{part}" for layer in layers for part in ("kernel", "bias")]
    missing = [name for name in wanted if name not in weights]
    if missing or not weights:
        lacks = f"lacks {_some(missing)}" if missing else "holds no arrays"
        raise errors.InputError(f"{path}: not the weights of {network}: {lacks}; found are {_some(names)}")


def _check_sound(network: str, path: pathlib.Path, weights: Weights) -> None:
    for name, array in weights.items():
        if network != "compact":
            kernel_shape = layer_names.shapes(network)[name.rpartition("/")[0]]
            expected = kernel_shape if name.endswith("kernel") else kernel_shape[-1:]
            if array.shape != expected:
                raise errors.InputError(
                    f"{path}: not the weights of {network}: {name} should have the shape {expected}, has {array.shape}"
                )
        if not np.isfinite(array).all():
            raise errors.InputError(f"{path}: {name} holds numbers that are infinite or not a number")


def _some(names: Sequence[str]) -> str:
    """Returns a few names in words, and how many more there are."""
    few = ", ".join(names[:4]) or "nothing"
    return few if len(names) <= 4 else f"{few} and {len(names) - 4} more"
