"""Where the weights of the networks that the loss looks through come from.

In this order: the file that the user names; the file in the package (compact); a file in Keras' own cache; a download
into that cache. `weightsources` knows the last two, `weightlayouts` and `weightfiles` what a file may look like.
"""

import importlib.resources
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from tfstyle import errors
from tfstyle.weights import downloads, layer_names, layouts

__all__ = ["NETWORKS", "find", "load", "random", "shapes"]

NETWORKS = ("vgg19", "vgg16", "alexnet", "squeezenet", "compact")


def load(
    network: str, path: str | os.PathLike[str] | None = None, layers: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Returns the weights of a network; downloads them where no file is at hand.

    Args:
        network: One of `NETWORKS`.
        path: A file of weights (see `readers.ACCEPTED`). Without it, the environment variable
            `TFSTYLE_<NETWORK>_WEIGHTS` may name one.
        layers: Layers that the file has to hold; all of the network's without it.

    Returns:
        `<layer>/kernel` [height, width, in, out] and `<layer>/bias` [out], float32, for the inputs that
        `weightlayouts` describes. Layers: `conv1_1` … `conv5_4` (VGGs), `conv1` … `conv5` (alexnet), `conv1`,
        `fire2/squeeze1x1` … `fire9/expand3x3` (squeezenet); the compact network's are its file's.

    Raises:
        InputError: The file named does not exist or is not the network's, or there is none and no way to get it.
    """
    file = find(network, path)
    return downloads.download(network, layers) if file is None else layouts.read(network, file, layers)


def find(network: str, path: str | os.PathLike[str] | None = None) -> pathlib.Path | None:
    """Returns the file of weights that `load` would read, or None where it would have to download one.

    Does not import Keras. A file in the cache that is not whole (its hash differs) is passed over.

    Args:
        network: One of `NETWORKS`.
        path: A file of weights, or None.

    Raises:
        InputError: There is no such network; or the file that `path` or the environment names does not exist.
    """
    if network not in NETWORKS:
        raise errors.InputError(f"{network}: no such network; there are {', '.join(NETWORKS)}")
    variable = downloads.variable(network)
    named = path or os.environ.get(variable)
    if named:
        return _existing(pathlib.Path(named).expanduser(), "" if path else f" (named by {variable})")
    if network == "compact":
        return _existing(_packaged(), " (a part of tfstyle: install it again)")
    return downloads.cached(network)


def random(network: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Returns random weights in the form of `load`: normal with variance 2 / (inputs of a unit), biases zero.

    He et al. 2015, "Delving deep into rectifiers", section 2.2: activations keep their size from layer to layer.

    Raises:
        InputError: The network has no table of shapes.
    """
    generator = np.random.default_rng(seed)
    weights = {}
    for layer, shape in shapes(network).items():
        deviation = np.float32(np.sqrt(2 / np.prod(shape[:3])))
        weights[f"{layer}/kernel"] = deviation * generator.standard_normal(shape, np.float32)
        weights[f"{layer}/bias"] = np.zeros(shape[3], np.float32)
    return weights


def shapes(network: str) -> dict[str, layer_names.Shape]:
    """Returns a network's layers, first to last, each with its kernel's [height, width, in, out].

    Raises:
        InputError: The network has no table of shapes (compact: its file alone says).
    """
    return dict(layer_names.shapes(network))


def _existing(path: pathlib.Path, why: str) -> pathlib.Path:
    if not path.is_file():
        raise errors.InputError(f"{path}{why}: no such file of weights")
    return path


def _packaged() -> pathlib.Path:
    return pathlib.Path(str(importlib.resources.files("tfstyle") / "weights" / "compact.npz"))
