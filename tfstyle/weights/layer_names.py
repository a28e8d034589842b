"""Which layer an array in a weight file belongs to, in every published naming scheme."""

import functools
import re

from tfstyle.weights import backbones

__all__ = ["is_torch", "layer_of"]

_GENERIC = re.compile(r"^(?:.*/)?conv2d(?:_\d+)?(?=/)")  # Keras 3 numbers unnamed layers in .weights.h5


def layer_of(network: str, name: str) -> str | None:
    """Finds the layer that an array belongs to.

    Args:
        network: a name of `BACKBONES`.
        name: the array's name in a file.

    Returns:
        The layer's name in `BACKBONES`; a generic ``conv2d_7`` as it is; None for any other array.
    """
    path = f"/{name.replace('.', '/')}"
    for alias, layer in _aliases(network).items():
        if f"/{alias}/" in path:
            return layer
    generic = _GENERIC.match(path)
    return generic.group().strip("/") if generic else None


def is_torch(name: str) -> bool:
    """Whether an array is named as in torchvision's networks: ``features.0.weight``."""
    return "/features/" in f"/{name.replace('.', '/')}"


@functools.cache
def _aliases(network: str) -> dict[str, str]:
    """Maps each name a layer may have in a file, with slashes for dots, to its name in `BACKBONES`."""
    layers = list(backbones.BACKBONES[network].shapes)
    in_keras = {re.sub(r"^conv(\d)_(\d)$", r"block\1_conv\2", layer): layer for layer in layers}
    return {layer: layer for layer in layers} | in_keras | _torch_aliases(backbones.BACKBONES[network])


def _torch_aliases(backbone: backbones.Backbone) -> dict[str, str]:
    """Maps torchvision's names. Its `features` counts every module: a convolution and its ReLU are two."""
    aliases, index = {}, 0
    for step in backbone.steps:
        if isinstance(step, backbones.Conv):
            aliases[f"features/{index}"] = step.name
        elif isinstance(step, backbones.Fire):
            aliases[f"features/{index}/squeeze"] = f"{step.name}/squeeze1x1"
            for part in ("expand1x1", "expand3x3"):
                aliases[f"features/{index}/{part}"] = f"{step.name}/{part}"
        index += 2 if isinstance(step, backbones.Conv) else 1
    return aliases
