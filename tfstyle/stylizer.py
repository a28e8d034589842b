"""Paints with what `export` wrote: uint8 in, uint8 out. Imports LiteRT or TensorFlow only when it is needed."""

import functools
import os
import pathlib
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tfstyle import errors, runtime, stylebook

__all__ = ["RUNTIMES", "Stylizer"]

Painter: TypeAlias = Callable[[np.ndarray], np.ndarray]

RUNTIMES = ("auto", "litert", "savedmodel")
# TensorFlow takes about five seconds to start and paints a picture of 1024 x 768 about a tenth of a second sooner than
# LiteRT: an estimate of where it begins to pay.
_MANY = 40
# Sides must be multiples of it; the same as `networks.MULTIPLE`, which would load Keras.
_MULTIPLE = 4
# Measured rise of the process's peak, in bytes per pixel of the photo, with LiteRT: 559 for realtime, 2528 for johnson,
# which is told by its file. (SavedModels in bfloat16: 159 and 464.)
_BYTES_PER_PIXEL, _BYTES_PER_PIXEL_OF_LARGE, _LARGE = 600, 2700, 2e6


class Stylizer:
    """One style, ready to paint.

    Args:
        folder: with a SavedModel and a LiteRT file.
        engine: a name of `RUNTIMES`; auto: LiteRT for a few pictures, because it starts at once, the SavedModel for
            many.
        count: how many pictures are to come, for auto.
        threads: processor threads, 0 for all.
        precision: of the SavedModel, see `runtime.resolve_precision`; LiteRT computes in float32.

    Raises:
        InputError: the folder holds no style or a damaged one, or no such runtime.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        engine: str = "auto",
        count: int = 1,
        threads: int = 0,
        precision: str = "auto",
    ) -> None:
        self.folder = stylebook.StyleFolder(pathlib.Path(folder))
        if engine not in RUNTIMES:
            raise errors.InputError(f"unknown runtime {engine!r}: choose one of {', '.join(RUNTIMES)}")
        if engine == "auto":
            engine = "savedmodel" if count >= _MANY else "litert"
        needed = self.folder.litert if engine == "litert" else self.folder.saved_model
        for file in (needed, self.folder.litert):
            if not file.is_file():
                raise errors.InputError(
                    f"{folder}: no style there ({file.name} is missing): give what tfstyle train wrote"
                )
        self.engine = engine
        large = self.folder.litert.stat().st_size > _LARGE
        self.bytes_per_pixel = _BYTES_PER_PIXEL_OF_LARGE if large else _BYTES_PER_PIXEL
        try:
            if engine == "litert":
                self._paint = _litert(self.folder.litert, threads)
            else:
                self._paint = _saved_model(self.folder.path, threads, runtime.resolve_precision(precision))
        except ImportError:
            raise
        except Exception as error:  # Damaged files make both libraries raise nearly anything.
            raise errors.InputError(f"{needed}: is damaged: train or install the style again") from error

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Paints one picture.

        Args:
            image: uint8 ``[H, W, 3]``, sRGB, of any size.

        Returns:
            uint8 ``[H, W, 3]``.

        Raises:
            ShortageError: more memory would be needed than is free.
        """
        height, width, _ = image.shape
        needed, free = height * width * self.bytes_per_pixel, runtime.available_memory()
        if needed > free:
            side = int(max(height, width) * (free / needed) ** 0.5)
            raise errors.ShortageError(
                f"{width}x{height} pixels need about {needed / 2**30:.1f} GB of memory, {free / 2**30:.1f} GB are "
                f"free: use --size {side} or less"
            )
        margins = [(0, -side % _MULTIPLE) for side in (height, width)]
        padded = np.pad(image, (*margins, (0, 0)), mode="symmetric")
        return self._paint(padded)[:height, :width]


def _litert(file: pathlib.Path, threads: int) -> Painter:
    from ai_edge_litert import interpreter  # noqa: PLC0415

    def started() -> interpreter.Interpreter:
        with runtime.standard_error_aside():  # It announces its delegate.
            return interpreter.Interpreter(str(file), num_threads=threads or os.cpu_count())

    # Anew for every size: LiteRT 2.3 that has painted 8 x 8 pixels paints nonsense at 36 x 32.
    @functools.lru_cache(maxsize=1)
    def sized(height: int, width: int) -> interpreter.Interpreter:
        model = started()
        with runtime.standard_error_aside():
            model.resize_tensor_input(model.get_input_details()[0]["index"], (1, height, width, 3))
            model.allocate_tensors()
        return model

    started()  # Damaged files are refused before the first picture.

    def paint(image: np.ndarray) -> np.ndarray:
        model = sized(*image.shape[:2])
        ends = model.get_input_details()[0]["index"], model.get_output_details()[0]["index"]
        model.set_tensor(ends[0], image[None])
        model.invoke()
        return model.get_tensor(ends[1])[0]

    return paint


def _saved_model(folder: pathlib.Path, threads: int, precision: str) -> Painter:
    runtime.import_tensorflow()
    from tfstyle.runtime import tf  # noqa: PLC0415

    runtime.set_threads(threads)
    loaded = tf.saved_model.load(str(folder))  # To be kept: its signatures alone would lose their variables.

    def paint(image: np.ndarray) -> np.ndarray:
        with runtime.graphs_in(precision):
            return loaded.signatures["serve"](image=tf.constant(image[None]))["stylized"].numpy()[0]

    return paint
