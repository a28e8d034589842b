"""Finds and loads the weights of a backbone.

Sources, in this order: the file that the user names; the file in the package (compact); a file in Keras' cache; a
download into that cache.
"""

import importlib.resources
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from tfstyle import errors
from tfstyle.weights import backbones, downloads, layouts

__all__ = ["find", "load", "random", "shapes"]


def load(
    network: str, path: str | os.PathLike[str] | None = None, layers: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Loads the weights of a backbone; downloads them if no file is found.

    Args:
        network: a name of `BACKBONES`.
        path: a weight file: Keras .h5 or .weights.h5, .npz, .safetensors or PyTorch .pth. If None, the environment
            variable ``TFSTYLE_<NETWORK>_WEIGHTS`` may name one.
        layers: layers that will be used; the file must hold every convolution up to the deepest of them. If None, it
            must hold all.

    Returns:
        ``<layer>/kernel`` ``[height, width, in, out]`` and ``<layer>/bias`` ``[out]``, float32, for images
        preprocessed as the backbone's `mean`, `scale` and `is_bgr` say. A compact network may also have
        ``<layer>/head`` ``[out, out]``.

    Raises:
        InputError: unknown network; the named file is missing or does not fit; there is no file and no download.
    """
    file = find(network, path)
    convolutions = None if layers is None else backbones.BACKBONES[network].convolutions(layers)
    return downloads.download(network, convolutions) if file is None else layouts.read(network, file, convolutions)


def find(network: str, path: str | os.PathLike[str] | None = None) -> pathlib.Path | None:
    """Finds the weight file that `load` would read. Imports neither Keras nor TensorFlow.

    Cached files with a wrong hash (interrupted downloads) are skipped.

    Args:
        network: a name of `BACKBONES`.
        path: a weight file, or None.

    Returns:
        The file, or None if `load` would have to download it.

    Raises:
        InputError: unknown network, or the file that `path` or the environment names does not exist.
    """
    if network not in backbones.BACKBONES:
        raise errors.InputError(f"unknown network {network!r}: choose one of {', '.join(backbones.BACKBONES)}")
    variable = downloads.variable(network)
    named = path or os.environ.get(variable)
    if named:
        return _existing(pathlib.Path(named).expanduser(), "" if path else f" (from {variable})")
    if backbones.BACKBONES[network].is_packaged:
        return _existing(_packaged(network), " (part of tfstyle; reinstall the package)")
    return downloads.cached(network)


def random(network: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Draws random weights in the form of `load`: normal kernels of variance 2 / inputs, zero biases.

    He et al. 2015, "Delving Deep into Rectifiers", section 2.2: activations keep their scale from layer to layer.

    Args:
        network: a name of `BACKBONES` with known shapes.
        seed: of the random generator.

    Returns:
        ``<layer>/kernel`` and ``<layer>/bias``, float32.

    Raises:
        InputError: see `shapes`.
    """
    generator = np.random.default_rng(seed)
    weights = {}
    for layer, shape in shapes(network).items():
        deviation = np.float32(np.sqrt(2 / np.prod(shape[:3])))
        weights[f"{layer}/kernel"] = deviation * generator.standard_normal(shape, np.float32)
        weights[f"{layer}/bias"] = np.zeros(shape[3], np.float32)
    return weights


def shapes(network: str) -> dict[str, backbones.Shape]:
    """Lists the kernel shapes of a backbone.

    Args:
        network: a name of `BACKBONES`.

    Returns:
        ``(height, width, in, out)`` by convolution, shallow to deep.

    Raises:
        InputError: unknown network, or its weight file decides the shapes (compact).
    """
    known = {name: backbone.shapes for name, backbone in backbones.BACKBONES.items() if not backbone.is_packaged}
    if network not in known:
        raise errors.InputError(f"{network!r} has no fixed shapes: choose one of {', '.join(known)}")
    return dict(known[network])


def _existing(path: pathlib.Path, origin: str) -> pathlib.Path:
    if not path.is_file():
        raise errors.InputError(f"{path}{origin}: no such weight file")
    return path


def _packaged(network: str) -> pathlib.Path:
    return pathlib.Path(str(importlib.resources.files("tfstyle") / "weights" / f"{network}.npz"))
