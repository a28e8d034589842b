"""Trains the network that all shipped styles begin with: ``python -m train.beginning --data FOLDER``.

One `realtime` network learns all paintings at once: photo i of a batch is painted in style i, with a scale and an
offset of its own in every normalisation and all convolutions in common (Dumoulin, Shlens and Kudlur 2017, section 2.2).
What it writes, ``train/beginning.weights.h5``, holds a good start for each; `extract` takes one out.
"""

import argparse
import dataclasses
import pathlib
import time
from collections.abc import Mapping, Sequence
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
    """Styles side by side, one for each photo of a batch; stands in for a `stylebook.Style`.

    Attributes:
        styles: which.
    """

    styles: Sequence[stylebook.Style]

    def grams(self, model: keras.Model, size: int, layers: Sequence[str]) -> Mapping[str, np.ndarray]:
        """``[styles, C, C]`` by layer; see `stylebook.Painting.grams`."""
        each = [style.grams(model, size, layers) for style in self.styles]
        return {layer: np.stack([np.asarray(grams[layer]) for grams in each]) for layer in layers}


def norm_for(count: int) -> type[layers.InstanceNorm]:
    """The class of normalising layers that treat each picture of a batch of ``count`` differently."""

    class NormOfEach(layers.InstanceNorm):
        def build(self, input_shape: tuple) -> None:
            shape = (count, 1, 1, input_shape[-1])
            self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
            self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")

    return NormOfEach


def extract(file: pathlib.Path, place: int, count: int, result: pathlib.Path) -> None:
    """Takes one style's network out.

    Args:
        file: what `main` wrote.
        place: of the style among those trained.
        count: of styles.
        result: Keras' file of a plain `realtime` network.
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
    names: Sequence[str], chosen: config.TrainingSettings, photos: data.Photos, until: int, *, resume: bool
) -> None:
    """Trains, with a checkpoint every minute, and writes `FILE`.

    Args:
        names: of stored styles.
        chosen: settings; the batch is as large as there are styles.
        photos: from `data.open_photos`.
        until: the step to end at, while the learning rate is still high: each style goes on from there alone.
        resume: go on with an interrupted training of the same settings.
    """
    run = training.Training(chosen, Several([stylebook.load(name) for name in names]), photos, norm_for(len(names)))  # type: ignore[arg-type]
    recipe: dict[str, Any] = {"styles": list(names), "settings": dataclasses.asdict(chosen)}
    kept = checkpoints.load(FILE) if resume else None
    if kept and kept[0] == recipe:
        run.restore(kept[1])
    course, saved_at = iter(run), time.monotonic()
    while run.step < until:
        progress = next(course)
        left = f"{progress.remaining / 60:.1f} min left"
        print(f"{progress.step}/{progress.steps} {progress.headline} {left}", flush=True)
        if time.monotonic() - saved_at > _SECONDS_BETWEEN_CHECKPOINTS:
            checkpoints.save(FILE, recipe, run.state())
            saved_at = time.monotonic()
    run.network.save_weights(FILE)
    checkpoints.remove(FILE)
    print(f"saved {FILE} after {run.seconds / 60:.0f} minutes of training")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m train.beginning", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, help="photos to train on")
    parser.add_argument("--steps", type=int, default=3400, help="that the learning rate would fall over")
    parser.add_argument("--until", type=int, default=2400, help="the step to end at")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted training")
    arguments = parser.parse_args()
    chosen = config.TrainingSettings(steps=arguments.steps, batch=len(recipes.PAINTINGS), finish=0)
    train(recipes.PAINTINGS, chosen, data.open_photos(arguments.data), arguments.until, resume=arguments.resume)


if __name__ == "__main__":
    main()
