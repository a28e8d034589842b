"""Runs exported networks, uint8 in and out: by LiteRT, which starts at once, or as a SavedModel in TensorFlow."""

import functools
import os
import pathlib
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tfstyle import runtime

__all__ = ["Network", "load_litert", "load_saved_model"]

# From uint8 `[H, W, 3]` to the same shape.
Network: TypeAlias = Callable[[np.ndarray], np.ndarray]


def load_litert(file: pathlib.Path, threads: int | None = None) -> Network:
    """Loads a LiteRT file; it computes in float32.

    Args:
        file: written by `export`.
        threads: CPU threads; None for all.

    Returns:
        The network, from uint8 `[H, W, 3]` to the same shape; the sides must be multiples of four.
    """
    from ai_edge_litert import interpreter  # noqa: PLC0415 - 0.15 seconds

    def load() -> interpreter.Interpreter:
        with runtime.standard_error_aside():  # LiteRT announces its delegate there.
            return interpreter.Interpreter(str(file), num_threads=threads or os.cpu_count())

    # A new interpreter for every size: once LiteRT 2.3 has painted 8 x 8 pixels, it paints nonsense at 36 x 32.
    @functools.lru_cache(maxsize=1)
    def allocate(height: int, width: int) -> interpreter.Interpreter:
        model = load()
        with runtime.standard_error_aside():
            model.resize_tensor_input(model.get_input_details()[0]["index"], (1, height, width, 3))
            model.allocate_tensors()
        return model

    load()  # Fails now, not at the first picture, if the file is damaged.

    def paint(image: np.ndarray) -> np.ndarray:
        model = allocate(*image.shape[:2])
        model.set_tensor(model.get_input_details()[0]["index"], image[None])
        model.invoke()
        return model.get_tensor(model.get_output_details()[0]["index"])[0]

    return paint


def load_saved_model(folder: pathlib.Path, threads: int | None = None, precision: str = "auto") -> Network:
    """Loads a SavedModel, and TensorFlow with it.

    Args:
        folder: written by `export`.
        threads: CPU threads; None for all.
        precision: see `runtime.resolve_precision`.

    Returns:
        The network, from uint8 `[H, W, 3]` to the same shape.
    """
    from tfstyle.runtime import tf  # noqa: PLC0415 - seven seconds

    runtime.set_threads(threads or 0)
    number_format = runtime.resolve_precision(precision)
    model = tf.saved_model.load(str(folder))  # Its signatures alone would lose their variables.

    def paint(image: np.ndarray) -> np.ndarray:
        with runtime.graphs_in(number_format):
            return model.signatures["serve"](image=tf.constant(image[None]))["stylized"].numpy()[0]

    return paint
