"""Evaluates a trained style on photos: quality by the slow path's loss, artifacts, speed and memory."""

import dataclasses
import os
import pathlib
import statistics
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

from tfstyle import config, errors, images, stylebook, stylizer, training, weave
from tfstyle.evaluation import metrics, scoring, speed

__all__ = ["Evaluation", "EvaluationProgress", "SizeScores", "evaluate", "evaluation_steps"]

# Height and width of the pictures to measure speed and memory at.
_SPEED_SIZES = ((256, 256), (512, 512), (768, 1024))


@dataclasses.dataclass(frozen=True)
class SizeScores:
    """Scores of all photos at one size.

    Attributes:
        photos: scores by file name.
    """

    photos: Mapping[str, scoring.Score]

    @property
    def median(self) -> scoring.Score:
        """The median of each figure."""
        rows = [dataclasses.asdict(each) for each in self.photos.values()]
        return scoring.Score(**{name: statistics.median(row[name] for row in rows) for name in rows[0]})

    @property
    def iterations(self) -> list[float]:
        """The equivalent L-BFGS iterations of all photos, sorted."""
        return sorted(each.iterations for each in self.photos.values())


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The figures of a trained style.

    Attributes:
        features: the loss network that scored.
        sizes: scores by long side, pixels.
        weave: decibels by smooth picture, see `weave.of_network`.
        runtime: of the network.
        speed: by size, such as ``1024x768``.
    """

    features: str
    sizes: Mapping[int, SizeScores]
    weave: Mapping[str, float]
    runtime: str
    speed: Mapping[str, speed.Speed]

    @property
    def stored(self) -> dict[str, Any]:
        """The figures as JSON can hold them."""
        sizes = {
            str(size): {
                "median": dataclasses.asdict(scores.median),
                "iterations": scores.iterations,
                "photos": {name: dataclasses.asdict(each) for name, each in scores.photos.items()},
            }
            for size, scores in self.sizes.items()
        }
        return {
            "features": self.features,
            "sizes": sizes,
            "weave": dict(self.weave),
            "runtime": self.runtime,
            "speed": {size: dataclasses.asdict(each) for size, each in self.speed.items()},
        }


@dataclasses.dataclass(frozen=True)
class EvaluationProgress:
    """The state of an evaluation.

    Attributes:
        step: parts done.
        steps: parts in all.
        headline: the last part's result in one line.
        evaluation: the result, after the last part.
    """

    step: int
    steps: int
    headline: str
    evaluation: Evaluation | None = None


def evaluate(  # noqa: PLR0913 - the public form of `EvaluationSettings`
    style: str | os.PathLike[str],
    photos: str | os.PathLike[str],
    *,
    count: int = 10,
    sizes: Sequence[int] = (256,),
    features: str | None = None,
    runtime: str = "savedmodel",
) -> Evaluation:
    """Evaluates a trained style on photos that its network has not seen.

    ::

        evaluation = tfstyle.evaluate("starry_night", "photos", count=3)
        print(evaluation.sizes[256].median.iterations)

    Args:
        style: a trained style: its name or its folder.
        photos: a folder of photos.
        count: number of photos to score, the first ones by name.
        sizes: long sides to score at, pixels.
        features: the loss network that scores; by default vgg19, or compact if the style has statistics for compact
            only.
        runtime: ``savedmodel`` or ``litert``.

    Returns:
        Scores per photo, artifacts, speed and memory.

    Raises:
        InputError: the style or a photo is unusable, or a value is outside its range.
    """
    settings = config.EvaluationSettings(count=count, sizes=tuple(sizes), features=features, runtime=runtime)
    *_, last = evaluation_steps(style, photos, settings)
    return cast("Evaluation", last.evaluation)


def evaluation_steps(
    style: str | os.PathLike[str], photos: str | os.PathLike[str], settings: config.EvaluationSettings
) -> Generator[EvaluationProgress]:
    """Does what `evaluate` does, step by step.

    Args:
        style: a trained style: its name or its folder.
        photos: a folder of photos.
        settings: of the evaluation.

    Yields:
        Progress after each photo and each measurement; the last one has the result.

    Raises:
        InputError: the style or a photo is unusable.
    """
    folder = stylebook.find(style)
    found = images.find_photos(photos)
    paths = found.paths[: settings.count]
    if not paths:
        raise errors.InputError(f"no photos found in {photos}: use a folder with {images.KINDS} files")
    found.warn_of_skipped()
    pictures = {size: _photos(pathlib.Path(photos), paths, size) for size in settings.sizes}
    features, target = _loss(folder, settings.features)
    paint = stylizer.Stylizer(folder, runtime=settings.runtime)
    step, steps = 0, sum(map(len, pictures.values())) + len(_SPEED_SIZES)
    scores: dict[int, dict[str, scoring.Score]] = {size: {} for size in pictures}
    for size, name, picture in _flat(pictures):
        scores[size][name] = score = scoring.score(paint, picture, target)
        step += 1
        yield EvaluationProgress(step, steps, f"{size} pixels, {name}: {score.iterations:.1f} iterations")
    speeds: dict[str, speed.Speed] = {}
    by_size = {size: SizeScores(each) for size, each in scores.items()}
    for height, width in _SPEED_SIZES:
        speeds[f"{width}x{height}"] = measured = speed.measure(paint, height, width)
        step += 1
        headline, result = f"{width}x{height} pixels: {measured.median:.3f} s", None
        if step == steps:
            result = Evaluation(features, by_size, weave.of_network(paint), settings.runtime, speeds)
        yield EvaluationProgress(step, steps, headline, result)


def _flat(pictures: Mapping[int, Mapping[str, np.ndarray]]) -> Iterator[tuple[int, str, np.ndarray]]:
    for size, by_name in pictures.items():
        for name, picture in by_name.items():
            yield size, name, picture


def _loss(folder: stylebook.StyleFolder, features: str | None) -> tuple[str, training.trainer.Target]:
    """Returns the loss network that scores and the loss that the style was trained with, in float32."""
    settings, style = folder.settings(), stylebook.load(folder)
    features = features or ("vgg19" if "vgg19" in style.backbones else "compact")
    return features, training.target_for(settings, style, features, "float32")


def _photos(folder: pathlib.Path, paths: Sequence[pathlib.Path], size: int) -> dict[str, np.ndarray]:
    """Loads photos, uint8, by their path inside the folder; refuses those too small to score."""
    photos = {path: np.rint(images.load_image(path, size=size).rgb).astype(np.uint8) for path in paths}
    for path, photo in photos.items():
        if min(photo.shape[:2]) < metrics.SMALLEST:
            raise errors.InputError(
                f"{path} has {min(photo.shape[:2])} pixels on its short side at --size {size}, but scoring needs "
                f"{metrics.SMALLEST}: use a larger --size, or remove the photo"
            )
    return {str(path.relative_to(folder)): photo for path, photo in photos.items()}
