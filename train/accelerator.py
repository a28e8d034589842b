"""Trains on a GPU or TPU: ``python -m train.accelerator PAINTING --name NAME --data DATA``.

Takes the options of `tfstyle train` and does its steps with the same losses, optimizer and learning rates. On fast
hardware, launching a step takes longer than the step itself. So all photos lie in the accelerator's memory, crops are
cut there, and hundreds of steps are one call to Keras' JAX backend; TensorFlow is not needed. The result is a
checkpoint: ``tfstyle train`` with the same options and ``--resume`` exports the style, on any machine.
"""

import argparse
import dataclasses
import sys
from concurrent import futures
from typing import NamedTuple, TypeAlias

import jax
import numpy as np
from jax import numpy as jnp

from tfstyle import runtime

runtime.use_backend("jax")  # Before anything imports Keras.

from tfstyle import config, errors, stylebook, training  # noqa: E402
from tfstyle.cli import console, options  # noqa: E402
from tfstyle.cli import train as command  # noqa: E402
from tfstyle.training import data  # noqa: E402

__all__ = ["Accelerated", "Resident", "crops", "main", "resident"]

Array: TypeAlias = jax.Array
# Variables of network, optimizer and metrics, as Keras' `train_step` takes them.
State: TypeAlias = tuple[list[Array], list[Array], list[Array], list[Array]]


class Resident(NamedTuple):
    """Photos in the accelerator's memory.

    Attributes:
        pixels: ``[N, S, S, 3]``, uint8, padded with their edges to squares of one size.
        sides: ``[N, 2]``, heights and widths before padding, float32.
    """

    pixels: Array
    sides: Array


def resident(photos: data.Photos, least: int) -> tuple[Resident, set[int]]:
    """Copies photos to the accelerator.

    Args:
        photos: from `data.open_photos`.
        least: smallest usable short side, pixels.

    Returns:
        The usable photos, and the indices of the others.

    Raises:
        InputError: no photo is usable.
    """
    with futures.ThreadPoolExecutor() as pool:
        decoded = list(pool.map(lambda index: data.decode(photos, index, least), range(len(photos))))
    usable = [pixels for pixels in decoded if pixels is not None]
    if not usable:
        raise errors.InputError(
            f"all photos are broken, gray or smaller than {least} pixels: give other photos or a smaller --crop"
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
    """Cuts random crops, distributed as those of `data.Batches`.

    Args:
        photos: to cut from.
        key: JAX' random key.
        size: side of a crop, pixels.
        count: number of crops.

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
    """A training whose photos lie in the accelerator's memory, and which does many steps in one call.

    Args:
        settings: of the training.
        style: a painting, or stored statistics.
        photos: from `data.open_photos`.

    Raises:
        InputError: a layer is unusable, weights are not available, or no photo is usable.
    """

    REPORT_EVERY = 200

    def __init__(self, settings: config.TrainingSettings, style: stylebook.Style, photos: data.Photos) -> None:
        super().__init__(settings, style, photos)
        self._resident, self.unusable = resident(photos, settings.crop)
        self.accelerator = jax.devices()[0].device_kind
        self._trainer.build((None, settings.crop, settings.crop, 3))
        self._train_span = jax.jit(self._steps, static_argnames="network", donate_argnames="state")

    def _fit(self, steps: range) -> dict[str, float]:
        run = self._trainer
        run.reset_metrics()
        kinds = (run.trainable_variables, run.non_trainable_variables, run.optimizer.variables, run.metrics_variables)
        state = tuple([jnp.array(variable.value) for variable in kind] for kind in kinds)
        frozen = [variable.value for variable in run.target.model.variables]
        span = np.array((steps.start, steps.stop))
        state = self._train_span(state, self._resident, frozen, span, network=run.target.model.name)
        for kind, values in zip(kinds, state, strict=True):
            for variable, value in zip(kind, values, strict=True):
                variable.assign(value)
        return {name: float(value) for name, value in run.get_metrics_result().items()}

    def _steps(self, state: State, photos: Resident, frozen: list[Array], span: Array, network: str) -> State:
        """Does a span of steps; the loss network's variables are arguments, so that they do not become constants."""
        del network  # It distinguishes the compiled programs of two loss networks.
        run, settings, target = self._trainer, self.settings, self._trainer.target
        key = jax.random.key(settings.seed)

        def step(number: Array, state: State) -> State:
            batch = crops(photos, jax.random.fold_in(key, number), settings.crop, settings.batch)
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
    try:
        settings = options.read_settings(arguments, config.TrainingSettings)
        session = training.Session(command.plan_from(arguments, settings), Accelerated)
        with console.Interrupts().watch() as interrupts:
            command.show(session.steps(), arguments.name, interrupts)
        if not session.is_done:
            session.save()
        console.say("finish it with tfstyle train, the same options and --resume")
    except errors.InputError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
