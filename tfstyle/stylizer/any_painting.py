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

__all__ = ["EncodedPhoto", "Engine", "MULTIPLE", "PAINTING_SIZE", "WIDTHS", "load", "style_vector"]

DATA = pathlib.Path(__file__).parent / "data"
NETWORK, WEIGHTS = DATA / "any_painting.tflite", DATA / "any_painting.npz"
# Of `transform.conditional`, whose import would load Keras.
WIDTHS = (16, 32, 64, 128, 128)
MULTIPLE = 16
PAINTING_SIZE = 384
"""Long side of a painting when its style is measured, pixels.

The network was trained at such sizes, and strokes come out as large as they are there.
"""

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


class EncodedPhoto:
    """A photo that is painted several times: what does not depend on style and strength is computed once.

    Args:
        image: uint8 ``[H, W, 3]``.
        engine: runs the network.
    """

    def __init__(self, image: np.ndarray, engine: Engine) -> None:
        self._image, self._engine = image, engine
        margins = [(0, -side % MULTIPLE) for side in image.shape[:2]]
        self._maps = engine.features(np.pad(image, (*margins, (0, 0)), mode="symmetric"))

    @property
    def shape(self) -> tuple[int, ...]:
        """The image's."""
        return self._image.shape

    def prepare(self) -> None:
        """Computes now what painting below full strength needs."""
        self._lost  # noqa: B018 - a cached property

    def paint(self, vector: stylebook.StyleVector, strength: float = 1.0) -> np.ndarray:
        """Paints the image.

        Below full strength, the style is mixed with the image's own, in which the network paints the image itself. What
        is lost in that is added in proportion, so that strength 0 gives exactly the image.

        Args:
            vector: the style.
            strength: of the style, 0..1.

        Returns:
            uint8 ``[H, W, 3]``.
        """
        if strength == 1:
            return self._paint(vector)
        painted = self._paint(stylebook.StyleVector.mix([vector, self._own], [strength, 1 - strength]))
        whole = painted + np.float32(1 - strength) * self._lost
        return np.clip(np.rint(whole), 0, 255).astype(np.uint8)

    @functools.cached_property
    def _own(self) -> stylebook.StyleVector:
        return stylebook.StyleVector.measure([np.asarray(each, np.float32) for each in self._maps])

    @functools.cached_property
    def _lost(self) -> np.ndarray:
        """What the network does not restore, int16 ``[H, W, 3]``."""
        return self._image.astype(np.int16) - self._paint(self._own)

    def _paint(self, vector: stylebook.StyleVector) -> np.ndarray:
        height, width, _ = self._image.shape
        return self._engine.paint(self._maps, vector)[:height, :width]


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
    small = images.resize(photo, *images.fit_size(*photo.size, PAINTING_SIZE))
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
        number_format = runtime.resolve_precision(precision)
        policy = "mixed_bfloat16" if number_format == "bfloat16" else "float32"
        network = conditional.ConditionalNetwork(policy, inference_layers.LAYER_CLASSES.interpolation)
        conditional.read_weights(network, np.load(file))
        self._tf: Any = tf
        # With all sides unknown: one graph for pictures of every size.
        pictures = tf.TensorSpec((1, None, None, 3), tf.float32)
        maps = [tf.TensorSpec((1, None, None, width), number_format) for width in WIDTHS]
        means, roots = ([tf.TensorSpec((1, *[width] * rank)) for width in WIDTHS] for rank in (1, 2))
        self._features: Callable = tf.function(network.features, [pictures], autograph=False)
        self._paint: Callable = tf.function(
            lambda maps, means, roots: tf.cast(network.paint(maps, (means, roots)) + 0.5, tf.uint8),
            [maps, means, roots],
            autograph=False,
        )

    def features(self, picture: np.ndarray) -> Maps:
        """See `Engine.features`."""
        with runtime.graphs_in("float32"):  # The network's own layers choose the format.
            return [each[0] for each in self._features(self._tf.constant(picture[None], self._tf.float32))]

    def paint(self, maps: Maps, vector: stylebook.StyleVector) -> np.ndarray:
        """See `Engine.paint`."""
        means, roots = ([self._tf.constant(each[None]) for each in part] for part in (vector.means, vector.roots))
        with runtime.graphs_in("float32"):
            return self._paint([each[None] for each in maps], means, roots).numpy()[0]
