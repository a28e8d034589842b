"""Trains the network that most shipped styles start from: ``python -m train.beginning --data FOLDER``.

One `realtime` network learns all paintings jointly: photo i of a batch is stylized in style i. Each style has its own
scale and offset in every normalization, and all styles share the convolutions (Dumoulin, Shlens and Kudlur 2017,
section 2.2). The result, ``train/beginning.weights.h5``, is a good starting point for each style; see `extract`.
"""

import argparse
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tfstyle import checkpoints, config, layers, stylebook, training
from tfstyle.runtime import keras, ops
from tfstyle.training import data
from tfstyle.transform import networks
from train import recipes

__all__ = ["FILE", "Several", "extract", "main", "norm_for"]

FILE = pathlib.Path(__file__).parent / "beginning.weights.h5"
_SECONDS_BETWEEN_CHECKPOINTS = 60.0


@dataclasses.dataclass(frozen=True)
class Several:
    """Several styles, one for each photo of a batch; used in place of a `stylebook.Style`.

    Attributes:
        styles: in the order of the photos.
    """

    styles: Sequence[stylebook.Style]

    def grams(self, model: keras.Model, size: int, layers: Sequence[str]) -> Mapping[str, np.ndarray]:
        """Returns ``[styles, C, C]`` by layer; see `stylebook.Painting.grams`."""
        each = [style.grams(model, size, layers) for style in self.styles]
        return {layer: np.stack([np.asarray(grams[layer]) for grams in each]) for layer in layers}


def norm_for(count: int) -> type[layers.InstanceNorm]:
    """Returns a normalization layer class with its own weights for each picture of a batch of ``count``."""

    class NormOfEach(layers.InstanceNorm):
        def build(self, input_shape: tuple) -> None:
            shape = (count, 1, 1, input_shape[-1])
            self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
            self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")

    return NormOfEach


def extract(file: pathlib.Path, place: int, count: int, result: pathlib.Path) -> None:
    """Extracts the network of one style.

    Args:
        file: the weights of all styles, from `train`.
        place: index of the style.
        count: number of styles.
        result: the destination, Keras' weights file of a plain `realtime` network.
    """
    several, one = (
        networks.build("realtime", layer_classes=networks.LayerClasses(norm_for(count))),
        networks.build("realtime"),
    )
    several.load_weights(file)
    for target, source in zip(one.weights, several.weights, strict=True):
        value = ops.convert_to_numpy(source)
        target.assign(value if value.shape == tuple(target.shape) else value[place, 0, 0])
    result.parent.mkdir(parents=True, exist_ok=True)
    one.save_weights(result)


def train(
    names: Sequence[str], settings: config.TrainingSettings, photos: data.Photos, until: int, *, resume: bool
) -> Iterator[training.TrainingProgress]:
    """Trains all styles jointly and writes `FILE`; saves a checkpoint every minute and when the caller stops.

    Args:
        names: of stored styles.
        settings: of the training; the batch must be the number of styles.
        photos: from `data.open_photos`.
        until: the last step to do. The learning rate is still high there, because each style is trained further.
        resume: continue an interrupted training with the same settings.

    Yields:
        Progress.
    """
    styles = Several([stylebook.load(name) for name in names])
    run = training.Training(settings, styles, photos, norm_for(len(names)))  # type: ignore[arg-type]
    recipe: dict[str, Any] = {"styles": list(names), "settings": settings.stored}
    state = checkpoints.Interrupted(FILE, resume=resume).state(recipe)
    if state is not None:
        run.restore(state)

    def save() -> None:
        checkpoints.save(FILE, recipe, run.state())

    yield from checkpoints.checkpointed(_steps(run, until), save, seconds=_SECONDS_BETWEEN_CHECKPOINTS)
    run.network.save_weights(FILE)
    checkpoints.remove(FILE)


def _steps(run: training.Training, until: int) -> Iterator[training.TrainingProgress]:
    steps = iter(run)
    while run.step < until:
        yield next(steps)


def main() -> None:
    """Reads the command line, trains and prints progress."""
    parser = argparse.ArgumentParser(prog="python -m train.beginning", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, help="photos to train on")
    parser.add_argument("--steps", type=int, default=3400, help="steps over which the learning rate decays")
    parser.add_argument("--until", type=int, default=2400, help="last step to do")
    parser.add_argument("--resume", action="store_true", help="continue an interrupted training")
    arguments = parser.parse_args()
    settings = config.TrainingSettings(steps=arguments.steps, batch=len(recipes.PAINTINGS), finish=0)
    photos = data.open_photos(arguments.data)
    for progress in train(recipes.PAINTINGS, settings, photos, arguments.until, resume=arguments.resume):
        left = f"{progress.remaining / 60:.1f} min left"
        print(f"{progress.step}/{progress.steps} {progress.headline} {left}", flush=True)
    print(f"saved {FILE}")


if __name__ == "__main__":
    main()
