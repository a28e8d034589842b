"""Small runs of the slow path: pictures drawn by code, a network of a few channels."""

import pathlib
from collections.abc import Mapping
from typing import Any

import drawn
import numpy as np

from tfstyle import images, settings
from tfstyle.cli import main

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


def chosen(weights: str, **changes: Any) -> settings.Settings:
    """Few steps at 48 pixels in float32, through the network's first layers."""
    network = {"features": "compact", "weights": weights, "precision": "float32"}
    layers = {"content_layers": "conv2_2", "style_layers": "conv1_1,conv2_1"}
    return settings.Settings(**{**network, **layers, "scales": (48,), "iterations": (3,), **changes})


def command(*words: str) -> object:
    """Runs ``tfstyle`` with these words in this process; returns its exit code."""
    try:
        return main._run(main._parse(["tfstyle", *words]))
    except SystemExit as exit_:
        return exit_.code
