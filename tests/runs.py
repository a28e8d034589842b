"""Small runs of both paths: generated pictures, networks of a few channels or with random weights."""

import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import drawn
import numpy as np

from tfstyle import config, images
from tfstyle.cli import main

if TYPE_CHECKING:
    import keras

    from tfstyle.transform import networks

TWO_SCALES = {"scales": (24, 48), "iterations": (2, 3)}


def photo(height: int = 36, width: int = 48, seed: int = 1) -> images.Photo:
    return images.Photo(drawn.photo(height, width, seed).astype(np.float32))


def painting(height: int = 44, width: int = 40, seed: int = 2) -> images.Photo:
    return images.Photo(drawn.painting(height, width, seed)[0])


def weights_file(folder: pathlib.Path, weights: Mapping[str, np.ndarray]) -> str:
    """Writes weights as a file for --weights with --features compact, whose widths are its file's."""
    path = folder / "tiny.npz"
    np.savez(path, **weights)
    return str(path)


def settings(weights: str, **changes: Any) -> config.Settings:
    """Few steps at 48 pixels in float32, through the network's first layers."""
    network = {"features": "compact", "weights": weights, "precision": "float32"}
    layers = {"content_layers": "conv2_2", "style_layers": "conv1_1,conv2_1"}
    return config.Settings(**{**network, **layers, "scales": (48,), "iterations": (3,), **changes})


def command(*words: str) -> object:
    """Runs ``tfstyle`` with these words in this process; returns its exit code."""
    try:
        return main._run(main._parse(["tfstyle", *words]))
    except SystemExit as exit_:
        return exit_.code


def folder_of_photos(folder: pathlib.Path, count: int = 4, height: int = 90, width: int = 120) -> pathlib.Path:
    """Photos to train on."""
    folder.mkdir()
    for index in range(count):
        images.save_image(folder / f"{index}.png", photo(height, width, seed=index))
    return folder


def shaken(network: "keras.Model", seed: int = 0) -> "keras.Model":
    """Gives a network weights as if it were trained: all of them differ, and so do its colors."""
    generator = np.random.default_rng(seed)
    for variable in network.variables:
        noise = generator.standard_normal(variable.shape)
        if len(variable.shape) > 1:
            variable.assign(noise * np.sqrt(2 / np.prod(variable.shape[:-1])))
        else:
            variable.assign(0.2 * noise + (variable.name == "gamma"))
    return network


def small_body(builder: "networks.Builder", tensor: "keras.KerasTensor") -> "keras.KerasTensor":
    """A replacement for a network in `networks.NETWORKS`: one layer of most kinds, traced quickly."""
    tensor = builder.norm(builder.conv(tensor, 8, 5, stride=2))
    tensor = builder.norm(builder.conv(tensor, 16, 3, stride=2))
    tensor = builder.add(tensor, builder.norm(builder.conv(builder.depthwise_conv(tensor), 16, 1), relu=False))
    tensor = builder.norm(builder.conv(builder.upsample(tensor), 8, 3))
    return builder.to_rgb(builder.upsample(tensor), 3)
