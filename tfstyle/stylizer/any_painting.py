"""The network for all paintings, ready to paint: by LiteRT, which starts at once, or in TensorFlow.

Its files are `NETWORK` (LiteRT, in parts) and `WEIGHTS`, written by ``python -m train.any_painting``.
"""

import functools
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

from tfstyle import errors, images, runtime, stylebook
from tfstyle.stylizer import transport

__all__ = ["AnyPainting", "Engine", "MULTIPLE", "WIDTHS", "load", "style_vector"]

DATA = pathlib.Path(__file__).parent / "data"
NETWORK, WEIGHTS = DATA / "any_painting.tflite", DATA / "any_painting.npz"
# Of `transform.conditional`, whose import would load Keras.
WIDTHS = (16, 32, 64, 128, 128)
MULTIPLE = 16
# Long side of a painting when its style is measured, pixels. The network was trained at such sizes, and strokes come
# out as large as they are there.
_PAINTING_SIZE = 384

Maps: TypeAlias = Sequence[Any]


class Engine(Protocol):
    """Runs the network for one picture at a time; sides must be multiples of `MULTIPLE`."""

    def features(self, picture: np.ndarray) -> Maps:
        """Encodes a picture.

        Args:
            picture: uint8 ``[H, W, 3]``.

        Returns:
            Maps ``[h, w, C]`` by scale, fine to coarse.
        """

    def paint(self, maps: Maps, vector: stylebook.StyleVector) -> np.ndarray:
        """Paints a picture given by its features.

        Args:
            maps: from `features`.
            vector: the style.

        Returns:
            uint8 ``[H, W, 3]``.
        """


class AnyPainting:
    """Paints images in the style of any painting.

    Args:
        vector: the style.
        engine: runs the network.
    """

    def __init__(self, vector: stylebook.StyleVector, engine: Engine) -> None:
        self._vector, self._engine = vector, engine

    def __call__(self, image: np.ndarray, strength: float = 1.0) -> np.ndarray:
        """Paints one image.

        Below full strength, the style is mixed with the image's own, in which the network paints the image itself. What
        is lost in that is added in proportion, so that strength 0 gives exactly the image.

        Args:
            image: uint8 ``[H, W, 3]``.
            strength: of the style, 0..1.

        Returns:
            uint8 ``[H, W, 3]``.
        """
        height, width, _ = image.shape
        margins = [(0, -side % MULTIPLE) for side in (height, width)]
        padded = np.pad(image, (*margins, (0, 0)), mode="symmetric")
        return self._paint(padded, strength)[:height, :width]

    def _paint(self, image: np.ndarray, strength: float) -> np.ndarray:
        maps = self._engine.features(image)
        if strength == 1:
            return self._engine.paint(maps, self._vector)
        own = stylebook.StyleVector.measure([np.asarray(each, np.float32) for each in maps])
        mixed = stylebook.StyleVector.mix([self._vector, own], [strength, 1 - strength])
        painted, restored = (self._engine.paint(maps, each).astype(np.float32) for each in (mixed, own))
        return np.clip(np.rint(painted + (1 - strength) * (image - restored)), 0, 255).astype(np.uint8)


def style_vector(photo: images.Photo, engine: Engine) -> stylebook.StyleVector:
    """Measures a painting; transparent parts do not count.

    Args:
        photo: the painting.
        engine: runs the network.

    Returns:
        Its style vector.

    Raises:
        InputError: the painting is transparent everywhere.
    """
    if photo.alpha is not None and not photo.alpha.any():
        raise errors.InputError("the painting is transparent everywhere: choose one with visible pixels")
    small = images.resize(photo, *images.fit_size(*photo.size, _PAINTING_SIZE))
    margins = [(0, -side % MULTIPLE) for side in small.size]
    pixels = np.clip(np.rint(small.rgb), 0, 255).astype(np.uint8)
    maps = engine.features(np.pad(pixels, (*margins, (0, 0)), mode="symmetric"))
    # Mirrored margins are left out of the statistics, except for parts of a block.
    shapes = [tuple(-(-side // 2**scale) for side in small.size) for scale in range(len(WIDTHS))]
    inner = [np.asarray(each, np.float32)[:rows, :columns] for each, (rows, columns) in zip(maps, shapes, strict=True)]
    masks = None if small.alpha is None else [_shrunk(small.alpha, shape) for shape in shapes]
    return stylebook.StyleVector.measure(inner, masks)


def _shrunk(alpha: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Averages an alpha channel over the blocks that the positions of a map stand for; never 0 everywhere."""
    block = -(-max(alpha.shape) // max(shape))
    margins = [(0, rows * block - side) for rows, side in zip(shape, alpha.shape, strict=True)]
    padded = np.pad(alpha, margins, mode="edge").reshape(shape[0], block, shape[1], block)
    return padded.mean((1, 3), dtype=np.float32) + 1e-6


@functools.cache
def load(name: str, threads: int | None = None, precision: str = "auto") -> Engine:
    """Loads the network.

    Args:
        name: ``litert`` or ``savedmodel``.
        threads: CPU threads; None for all.
        precision: of TensorFlow, see `runtime.resolve_precision`; LiteRT computes in float32.

    Raises:
        InputError: the network's files are missing or damaged.
    """
    file = NETWORK if name == "litert" else WEIGHTS
    try:
        return _LiteRT(file, threads) if name == "litert" else _TensorFlow(file, threads, precision)
    except ImportError:
        raise
    except Exception as error:  # Damaged files make both libraries raise nearly anything.
        raise errors.InputError(f"{file} is missing or damaged: reinstall tfstyle") from error


class _LiteRT:
    """Runs the parts of the network; features are transported between them, in NumPy."""

    def __init__(self, file: pathlib.Path, threads: int | None) -> None:
        from ai_edge_litert import interpreter  # noqa: PLC0415 - 0.15 seconds

        with runtime.standard_error_aside():  # LiteRT announces its delegate there.
            self._model = interpreter.Interpreter(str(file), num_threads=threads or os.cpu_count())
        self._parts = {name: self._model.get_signature_runner(name) for name in self._model.get_signature_list()}

    def features(self, picture: np.ndarray) -> Maps:
        """See `Engine.features`."""
        found = self._run("encode", image=picture[None])
        return [found[f"map_{scale}"][0] for scale in range(len(WIDTHS))]

    def paint(self, maps: Maps, vector: stylebook.StyleVector) -> np.ndarray:
        """See `Engine.paint`."""
        changes = self._modulate(vector)
        painted = np.zeros((), np.float32)
        for scale in reversed(range(len(WIDTHS))):
            moved = transport.transport(painted + maps[scale], vector.means[scale], vector.roots[scale])
            painted = self._run(f"stage_{scale}", moved=moved[None], **changes[scale])["painted"][0]
        return painted

    def _modulate(self, vector: stylebook.StyleVector) -> list[dict[str, np.ndarray]]:
        means = {f"mean_{scale}": mean[None] for scale, mean in enumerate(vector.means)}
        roots = {f"root_{scale}": root[None] for scale, root in enumerate(vector.roots)}
        found = self._run("modulate", **means, **roots)
        changes: list[dict[str, np.ndarray]] = [{} for _ in WIDTHS]
        for name, value in found.items():  # change_<scale>_<convolution>
            _, scale, convolution = name.split("_")
            changes[int(scale)][f"change_{convolution}"] = value
        return changes

    def _run(self, part: str, **inputs: np.ndarray) -> Mapping[str, np.ndarray]:
        with runtime.standard_error_aside():
            return self._parts[part](**inputs)


class _TensorFlow:
    """Runs the whole network in one graph."""

    def __init__(self, file: pathlib.Path, threads: int | None, precision: str) -> None:
        from tfstyle.runtime import tf  # noqa: PLC0415 - seven seconds
        from tfstyle.transform import conditional, inference_layers  # noqa: PLC0415

        runtime.set_threads(threads or 0)
        dtype = "mixed_bfloat16" if runtime.resolve_precision(precision) == "bfloat16" else "float32"
        network = conditional.ConditionalNetwork(dtype, inference_layers.LAYER_CLASSES.interpolation)
        conditional.read_weights(network, np.load(file))
        self._tf: Any = tf
        self._features: Callable = tf.function(network.features, reduce_retracing=True)
        self._paint: Callable = tf.function(
            lambda maps, means, roots: tf.cast(network.paint(maps, (means, roots)) + 0.5, tf.uint8),
            reduce_retracing=True,
        )

    def features(self, picture: np.ndarray) -> Maps:
        """See `Engine.features`."""
        return [each[0] for each in self._features(self._tf.cast(picture[None], self._tf.float32))]

    def paint(self, maps: Maps, vector: stylebook.StyleVector) -> np.ndarray:
        """See `Engine.paint`."""
        batch = [each[None] for each in maps]
        means, roots = ([self._tf.constant(each[None]) for each in part] for part in (vector.means, vector.roots))
        return self._paint(batch, means, roots).numpy()[0]
