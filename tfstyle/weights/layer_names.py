"""What the layers of each network are called, in the files that hold them and here, and what shape they have.

A new network is one more case in `shapes`, with its names in PyTorch where torchvision has it.
"""

import functools
import re

from tfstyle import errors

__all__ = ["Shape", "is_torch", "layer_of", "shapes"]

Shape = tuple[int, int, int, int]

# Channels of each block's convolutions, all 3x3. Simonyan and Zisserman 2014, table 1, columns D and E.
_VGG_BLOCKS = {
    "vgg16": [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)],
    "vgg19": [(64, 2), (128, 2), (256, 4), (512, 4), (512, 4)],
}
# Kernel size and channels. Krizhevsky 2014 ("One weird trick"), as in torchvision/models/alexnet.py.
_ALEXNET = [(11, 64), (5, 192), (3, 384), (3, 256), (3, 256)]
# Channels of fire2..fire9: squeeze, and each expand. SqueezeNet 1.1: github.com/forresti/SqueezeNet, SqueezeNet_v1.1.
_FIRES = [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)]

# Where the layers stand in torchvision's `features`; the gaps are activations and pooling.
_TORCH_INDICES = {
    "vgg16": [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28],
    "vgg19": [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34],
    "alexnet": [0, 3, 6, 8, 10],
}
_TORCH_FIRES = [3, 4, 6, 7, 9, 10, 11, 12]

_GENERIC = re.compile(r"^(?:.*/)?conv2d(?:_\d+)?(?=/)")  # what Keras 3 calls layers in .weights.h5, in their order


@functools.cache
def shapes(network: str) -> dict[str, Shape]:
    """Returns a network's layers, from the first to the last, each with its kernel's [height, width, in, out].

    Raises:
        InputError: There is no such network, or (for "compact") its file alone says what shape it has.
    """
    if network in _VGG_BLOCKS:
        return _vgg_shapes(_VGG_BLOCKS[network])
    if network == "alexnet":
        before = [3] + [width for _, width in _ALEXNET]
        return {f"conv{i + 1}": (size, size, before[i], width) for i, (size, width) in enumerate(_ALEXNET)}
    if network == "squeezenet":
        return _squeezenet_shapes()
    raise errors.InputError(f"{network}: no table of shapes; there is one of vgg19, vgg16, alexnet and squeezenet")


def _vgg_shapes(blocks: list[tuple[int, int]]) -> dict[str, Shape]:
    names = [(f"conv{b}_{i + 1}", width) for b, (width, count) in enumerate(blocks, start=1) for i in range(count)]
    before = [3] + [width for _, width in names]
    return {name: (3, 3, before[i], width) for i, (name, width) in enumerate(names)}


def _squeezenet_shapes() -> dict[str, Shape]:
    table: dict[str, Shape] = {"conv1": (3, 3, 3, 64)}
    before = 64
    for index, (squeeze, expand) in enumerate(_FIRES, start=2):
        table[f"fire{index}/squeeze1x1"] = (1, 1, before, squeeze)
        table[f"fire{index}/expand1x1"] = (1, 1, squeeze, expand)
        table[f"fire{index}/expand3x3"] = (3, 3, squeeze, expand)
        before = 2 * expand
    return table


@functools.cache
def _aliases(network: str) -> dict[str, str]:
    """Returns every name of a layer in files, dots as slashes, with its name here."""
    names = {layer: layer for layer in shapes(network)}
    if network in _VGG_BLOCKS:
        names |= {re.sub(r"conv(\d)_(\d)", r"block\1_conv\2", layer): layer for layer in shapes(network)}
    return names | _torch_aliases(network)


def _torch_aliases(network: str) -> dict[str, str]:
    if network != "squeezenet":
        return {f"features/{i}": layer for i, layer in zip(_TORCH_INDICES[network], shapes(network), strict=True)}
    parts = {"squeeze": "squeeze1x1", "expand1x1": "expand1x1", "expand3x3": "expand3x3"}
    fires = enumerate(_TORCH_FIRES, start=2)
    names = {f"features/{i}/{theirs}": f"fire{fire}/{ours}" for fire, i in fires for theirs, ours in parts.items()}
    return {"features/0": "conv1", **names}


def layer_of(network: str, name: str) -> str | None:
    """Returns the layer that an array belongs to, by its name in a file: its own, or a generic `conv2d_7`, or None."""
    path = f"/{name.replace('.', '/')}"
    for alias, layer in _aliases(network).items():
        if f"/{alias}/" in path:
            return layer
    generic = _GENERIC.match(path)
    return generic.group().strip("/") if generic else None


def is_torch(name: str) -> bool:
    """Returns whether an array is named as in torchvision's networks: `features.0.weight`."""
    return "/features/" in f"/{name.replace('.', '/')}"
