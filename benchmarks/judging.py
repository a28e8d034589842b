"""Paints photos in the style of paintings and scores the pictures; `any_style` runs it."""

import dataclasses
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from tfstyle import errors, features, losses, stylebook, weights
from tfstyle.runtime import keras

__all__ = ["Engine", "Judge", "Paint", "Result", "Score", "Task", "measure"]

_STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
_CONTENT_LAYER = "conv4_2"
# At its default strength the slow path minimizes content + 6 x style summed over layers; this is that loss over 6.
_CONTENT_WEIGHT = 1 / 6

# Stylizes uint8 ``[H, W, 3]`` to the same shape.
Paint: TypeAlias = Callable[[np.ndarray], np.ndarray]
# Maps a painting's file to what paints in its style.
Engine: TypeAlias = Callable[[pathlib.Path], Paint]
Grams: TypeAlias = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Score:
    """Relative losses of a picture, or their means.

    Attributes:
        style: summed over layers.
        content: at conv4_2.
    """

    style: float
    content: float

    @property
    def loss(self) -> float:
        """What decides which engine is ahead."""
        return self.style + _CONTENT_WEIGHT * self.content


@dataclasses.dataclass(frozen=True)
class Result:
    """One picture.

    Attributes:
        painting: file name.
        photo: file name.
        engine: its name.
        score: of the picture.
        seconds: that it took, the second time.
        preparation: seconds that the engine took for the painting before its first picture.
        picture: uint8 ``[H, W, 3]``.
    """

    painting: str
    photo: str
    engine: str
    score: Score
    seconds: float
    preparation: float
    picture: np.ndarray = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Task:
    """What to paint, and how.

    Attributes:
        paintings: files.
        photos: uint8 ``[H, W, 3]`` by file name.
        engines: by name.
    """

    paintings: Sequence[pathlib.Path]
    photos: Mapping[str, np.ndarray]
    engines: Mapping[str, Engine]


class Judge:
    """Scores pictures. Runs eagerly in float32, whatever precision an engine sets for TensorFlow's graphs.

    Args:
        model: from `features.build`, with the layers of the score.
        size: long side of the paintings in pixels.
    """

    layers = (*_STYLE_LAYERS, _CONTENT_LAYER)

    def __init__(self, model: keras.Model, size: int) -> None:
        self.model, self.size = model, size

    @classmethod
    def vgg19(cls, size: int) -> "Judge":
        """Returns the judge whose scores are published."""
        return cls(features.build("vgg19", cls.layers, weights.load("vgg19", layers=cls.layers)), size)

    def grams(self, painting: pathlib.Path) -> Grams:
        """Measures a painting as the slow path does."""
        return stylebook.Painting.open(painting).grams(self.model, self.size, _STYLE_LAYERS)

    def content(self, photo: np.ndarray) -> keras.KerasTensor:
        """Measures a photo, uint8 ``[H, W, 3]``."""
        return self._features(photo)[_CONTENT_LAYER]

    def score(self, picture: np.ndarray, content: keras.KerasTensor, grams: Grams) -> Score:
        """Scores a picture, uint8 ``[H, W, 3]``, against its photo's `content` and its painting's `grams`."""
        seen = self._features(picture)
        style = sum(float(losses.style_relative(losses.gram_matrix(seen[name]), grams[name])) for name in _STYLE_LAYERS)
        return Score(style, float(losses.content_relative(seen[_CONTENT_LAYER], content)))

    def _features(self, picture: np.ndarray) -> dict[str, keras.KerasTensor]:
        return self.model(picture[None].astype(np.float32))


def measure(task: Task, judge: Judge) -> Iterator[Result]:
    """Paints every photo in the style of every painting with every engine; the engines take turns.

    Args:
        task: what to paint.
        judge: scores the pictures.

    Yields:
        A result per picture: all photos of an engine, all engines of a painting, all paintings.

    Raises:
        InputError: a painting cannot be read, an engine is missing, or its picture is not as large as the photo.
    """
    contents = {name: judge.content(photo) for name, photo in task.photos.items()}
    for painting in task.paintings:
        grams = judge.grams(painting)
        for engine, build in task.engines.items():
            preparation, paint = _timed(build, painting)
            for name, photo in task.photos.items():
                paint(photo)  # Warm-up: a photo of another shape may take longer the first time.
                seconds, picture = _timed(paint, photo)
                if picture.shape != photo.shape:
                    raise errors.InputError(f"{engine}: the picture is {picture.shape}, the photo {photo.shape}")
                score = judge.score(picture, contents[name], grams)
                yield Result(painting.name, name, engine, score, seconds, preparation, picture)


def _timed(function: Callable[[Any], Any], argument: Any) -> tuple[float, Any]:
    begun = time.perf_counter()
    result = function(argument)
    return time.perf_counter() - begun, result
