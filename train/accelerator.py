"""Trains on a GPU or TPU: ``TFSTYLE_BACKEND=jax python -m train.accelerator PAINTING --name NAME --data DATA``.

Does the steps of `tfstyle train`, whose options it takes, with the same losses, optimiser and learning rates, for
processors that take longer to be told of a step than to do it: all photos lie in their memory, crops are cut there, and
hundreds of steps are one call. Keras' JAX backend does that, without TensorFlow. What is left in the folder is a
checkpoint: ``tfstyle train`` with the same options and ``--resume`` makes the style of it, on any machine.
"""

import argparse
import dataclasses
import sys
from concurrent import futures
from typing import NamedTuple, TypeAlias

import jax
import numpy as np
from jax import numpy as jnp

from tfstyle import config, errors, stylebook, training
from tfstyle.cli import console
from tfstyle.cli import train as command
from tfstyle.runtime import keras
from tfstyle.training import data

__all__ = ["Accelerated", "Resident", "crops", "main", "resident"]

Array: TypeAlias = jax.Array
# Variables of network, optimiser and metrics, as Keras' `train_step` takes them.
State: TypeAlias = tuple[list[Array], list[Array], list[Array], list[Array]]


class Resident(NamedTuple):
    """Photos in the accelerator's memory.

    Attributes:
        pixels: ``[N, S, S, 3]``, uint8; beyond a photo's sides its edges go on.
        sides: ``[N, 2]``, heights and widths, float32.
    """

    pixels: Array
    sides: Array


def resident(photos: data.Photos, least: int) -> tuple[Resident, set[int]]:
    """Takes photos to the accelerator.

    Args:
        photos: from `data.open_photos`.
        least: short side, pixels, that they must have.

    Returns:
        Those that can serve, and the numbers of those that cannot.

    Raises:
        InputError: none can.
    """
    with futures.ThreadPoolExecutor() as pool:
        decoded = list(pool.map(lambda index: data.decode(photos, index, least), range(len(photos))))
    usable = [pixels for pixels in decoded if pixels is not None]
    if not usable:
        raise errors.InputError(
            f"all photos are broken, grey or smaller than {least} pixels: give other photos or a smaller --crop"
        )
    side = max(max(pixels.shape) for pixels in usable)
    margins = [(side - pixels.shape[0], side - pixels.shape[1]) for pixels in usable]
    squares = [
        np.pad(pixels, ((0, below), (0, right), (0, 0)), "edge")
        for pixels, (below, right) in zip(usable, margins, strict=True)
    ]
    sides = jnp.array([pixels.shape[:2] for pixels in usable], "float32")
    return Resident(jnp.array(np.stack(squares)), sides), {i for i, pixels in enumerate(decoded) if pixels is None}


def crops(photos: Resident, key: Array, size: int, count: int) -> Array:
    """Random crops, as `data.Batches` has them.

    Args:
        photos: to cut from.
        key: JAX' random key.
        size: side of a crop, pixels.
        count: how many.

    Returns:
        ``[count, size, size, 3]``, float32, 0..255.
    """
    which, how_large, where, whether = jax.random.split(key, 4)
    index = jax.random.randint(which, (count,), 0, len(photos.pixels))
    sides = photos.sides[index]
    short = sides.min(axis=1)
    choices = jnp.minimum(short, int(data.LARGEST * size)) - size + 1
    scales = (size + jnp.floor(choices * jax.random.uniform(how_large, (count,)))) / short
    corners = jax.random.uniform(where, (count, 2)) * (sides * scales[:, None] - size)

    def cut(pixels: Array, scale: Array, corner: Array) -> Array:
        scale = jnp.stack([scale, scale])
        return jax.image.scale_and_translate(pixels, (size, size, 3), (0, 1), scale, -corner, "cubic")

    crops = jax.vmap(cut)(photos.pixels[index].astype("float32"), scales, corners)
    mirrored = jax.random.bernoulli(whether, 0.5, (count, 1, 1, 1))
    return jnp.clip(jnp.where(mirrored, crops[:, :, ::-1], crops), 0, 255)


class Accelerated(training.Training):
    """`training.Training` with all photos and many steps on the accelerator."""

    REPORT_EVERY = 200

    def __init__(self, chosen: config.TrainingSettings, style: stylebook.Style, photos: data.Photos) -> None:
        super().__init__(chosen, style, photos)
        self._resident, self.unusable = resident(photos, chosen.crop)
        self.accelerator = jax.devices()[0].device_kind
        self._trainer.build((None, chosen.crop, chosen.crop, 3))
        self._many = jax.jit(self._steps, static_argnames="network", donate_argnames="state")

    def _fit(self, steps: range) -> dict[str, float]:
        run = self._trainer
        run.reset_metrics()
        kinds = (run.trainable_variables, run.non_trainable_variables, run.optimizer.variables, run.metrics_variables)
        state = tuple([jnp.array(variable.value) for variable in kind] for kind in kinds)
        frozen = [variable.value for variable in run.target.model.variables]
        span = np.array((steps.start, steps.stop))
        state = self._many(state, self._resident, frozen, span, network=run.target.model.name)
        for kind, values in zip(kinds, state, strict=True):
            for variable, value in zip(kind, values, strict=True):
                variable.assign(value)
        return {name: float(value) for name, value in run.get_metrics_result().items()}

    def _steps(self, state: State, photos: Resident, frozen: list[Array], span: Array, network: str) -> State:
        """Does the steps of a span; the loss network's variables are given, so that they are no constants of it."""
        del network  # Another one is another program.
        run, chosen, target = self._trainer, self.chosen, self._trainer.target
        key = jax.random.key(chosen.seed)

        def step(number: Array, state: State) -> State:
            batch = crops(photos, jax.random.fold_in(key, number), chosen.crop, chosen.batch)
            return run.train_step(state, (batch,))[1]

        run.target = dataclasses.replace(target, model=lambda image: target.model.stateless_call([], frozen, image)[0])
        try:
            return jax.lax.fori_loop(span[0], span[1], step, state)
        finally:
            run.target = target


def main() -> int:
    """Reads the command line and trains.

    Returns:
        Exit code: 0 done, 2 unusable input, 130 interrupted.
    """
    parser = argparse.ArgumentParser(prog="python -m train.accelerator", description=(__doc__ or "").splitlines()[0])
    command.add_arguments(parser)
    arguments = parser.parse_args()
    if keras.config.backend() != "jax":
        parser.error(f"Keras' backend is {keras.config.backend()}: set TFSTYLE_BACKEND=jax")
    try:
        course = command.prepared(arguments, *command.read(arguments), Accelerated)
        if course:
            with console.Interrupts().watch() as interrupts:
                course.learn(interrupts)
            course.save()
            console.say("make the style of it: tfstyle train with the same options, and --resume")
    except errors.InputError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
