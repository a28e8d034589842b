"""A transformation network's training from start to end: the loss networks, the steps, what a checkpoint holds."""

import dataclasses
import math
import pathlib
import time
import warnings
from collections.abc import Iterator, Mapping

import numpy as np

from tfstyle import config, errors, features, layers, runtime, stylebook, weights
from tfstyle.optimization import planning
from tfstyle.runtime import keras
from tfstyle.training import data, muon, trainer
from tfstyle.transform import networks

__all__ = ["Progress", "Training", "last_network", "target_for"]

# The learning rate ends at this share of its start. A cosine: Loshchilov and Hutter 2017, equation 5.
_LAST_RATE = 0.02


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a training stands.

    Attributes:
        step: steps done.
        steps: to do in all.
        losses: weighted ``content``, ``style``, ``variation``, ``grid``, and ``loss``, their sum with what the network
            itself adds; means since the last report.
        seconds: spent training.
        remaining: seconds, estimated; NaN at first.
    """

    step: int
    steps: int
    losses: Mapping[str, float]
    seconds: float
    remaining: float

    @property
    def headline(self) -> str:
        """Losses, for a line of progress."""
        parts = "  ".join(f"{name} {value:.3g}" for name, value in self.losses.items() if name != "loss")
        return f"loss {self.losses['loss']:.4g} ({parts})"


def last_network(chosen: config.TrainingSettings, style: stylebook.Style) -> str:
    """What the loss looks through at the end: vgg19 if the settings ask for it, the style and its weights allow it."""
    asked = round(chosen.finish * chosen.steps) and "vgg19" in style.networks
    return "vgg19" if asked and weights.find("vgg19") else chosen.features


def target_for(chosen: config.TrainingSettings, style: stylebook.Style, network: str, precision: str) -> trainer.Target:
    """What a training's loss compares to.

    Args:
        chosen: settings.
        style: the painting, or stored statistics.
        network: that the loss looks through.
        precision: ``bfloat16`` or ``float32``.

    Returns:
        Network, weights of the terms, the painting's statistics.

    Raises:
        InputError: unusable layers, or weights that cannot be had.
    """
    objective = planning.objective_for(network, chosen.loss(network))
    loaded = weights.load(network, layers=features.needed(network, objective.layers))
    model = features.build(network, objective.layers, loaded, dtype=precision)
    grams = style.grams(model, chosen.style_size, list(objective.style))
    return trainer.Target(model, objective, grams, chosen.grid_weight, chosen.border_weight, chosen.stability_weight)


class Training:
    """Trains one network for one painting; an iterator of `Progress`.

    Args:
        chosen: settings.
        style: the painting, or stored statistics.
        photos: from `data.open_photos`.
        norm: class of the network's normalising layers.

    Attributes:
        accelerator: what did the steps, if that was a GPU or TPU of another machine.

    Raises:
        InputError: unusable layers, or weights that cannot be had.
    """

    # Steps between two reports; a training is interrupted and resumed only there.
    REPORT_EVERY = 20

    def __init__(
        self,
        chosen: config.TrainingSettings,
        style: stylebook.Style,
        photos: data.Photos,
        norm: type[layers.InstanceNorm] = layers.InstanceNorm,
    ) -> None:
        keras.utils.set_random_seed(chosen.seed)
        compiled = keras.config.backend() != "tensorflow"  # Whose own graphs are as fast, and done sooner.
        if not compiled:
            runtime.set_threads(chosen.threads)
        self.chosen, self._style, self._photos = chosen, style, photos
        self._precision = runtime.resolve_precision(chosen.precision)
        dtype = "mixed_bfloat16" if self._precision == "bfloat16" else "float32"
        self.network = networks.build(chosen.network, dtype=dtype, layer_classes=networks.LayerClasses(norm))
        self._looks_through, self._last = chosen.features, last_network(chosen, style)
        # Made now, so that weights that cannot serve are told of before hours of training, not after.
        self._targets = {name: self._target(name) for name in dict.fromkeys((chosen.features, self._last))}
        self._trainer = trainer.StyleTrainer(self.network, self._targets[chosen.features])
        rate = keras.optimizers.schedules.CosineDecay(chosen.learning_rate, chosen.steps, alpha=_LAST_RATE)
        self._trainer.compile(optimizer=muon.Muon(rate), jit_compile=compiled)
        self._trainer.optimizer.build(self._trainer.trainable_variables)
        self.step, self.seconds, self.unusable, self.accelerator = 0, 0.0, set[int](), ""

    def __iter__(self) -> Iterator[Progress]:
        """Goes on from the present step.

        Yields:
            Progress, every few steps.

        Raises:
            InputError: the loss is no longer a number, or the photos cannot serve.
        """
        steps, begun, first = self.chosen.steps, self.seconds, self.step
        while self.step < steps:
            started = time.monotonic()
            losses = self._advance(self._next_stop())
            self.seconds += time.monotonic() - started
            pace = (self.seconds - begun) / (self.step - first)
            yield Progress(self.step, steps, losses, self.seconds, pace * (steps - self.step))

    def _target(self, network: str) -> trainer.Target:
        return target_for(self.chosen, self._style, network, self._precision)

    def _next_stop(self) -> int:
        stops = (self.step // self.REPORT_EVERY + 1) * self.REPORT_EVERY, self.chosen.steps, self._last_stretch()
        return min(stop for stop in stops if stop > self.step)

    def _last_stretch(self) -> int:
        """The step from which on the loss looks through the last network."""
        share = self.chosen.finish if self._last != self.chosen.features else 0.0
        return self.chosen.steps - round(share * self.chosen.steps)

    def _advance(self, last: int) -> dict[str, float]:
        """Trains up to a step; the mean losses on the way."""
        if self._looks_through != self._last and self._last_stretch() <= self.step:
            self._looks_through, self._trainer.target = self._last, self._targets[self._last]
            self._trainer.train_function = None  # Traced with the other network.
        losses = self._fit(range(self.step, last))
        broken = [name for name, value in losses.items() if not math.isfinite(value)]
        if broken:
            raise errors.InputError(
                f"{broken[-1]} is no longer a number between steps {self.step} and {last}: "
                "begin anew with a smaller --learning-rate"
            )
        self.step = last
        return losses

    def _fit(self, steps: range) -> dict[str, float]:
        chosen = self.chosen
        batches = data.Batches(self._photos, chosen.crop, chosen.batch, steps, chosen.seed)
        history = self._trainer.fit(batches, epochs=1, shuffle=False, verbose=0).history
        self.unusable |= batches.unusable
        return {name: float(values[-1]) for name, values in history.items()}

    def begin_with(self, path: pathlib.Path) -> None:
        """Takes another trained network's weights instead of random ones.

        Args:
            path: Keras' file of a network of the same kind.

        Raises:
            InputError: it is missing, damaged, or another kind's.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)  # Keras' own, about what the file does not have.
                self.network.load_weights(path)
        except (OSError, ValueError, KeyError, UserWarning) as error:
            raise errors.InputError(
                f"{path}: no weights for {self.chosen.network}: begin with another style"
            ) from error

    def paint(self, image: np.ndarray) -> np.ndarray:
        """Paints with the network as it is now.

        Args:
            image: ``[H, W, 3]``, 0..255.

        Returns:
            The same shape and range.
        """
        return keras.ops.convert_to_numpy(self.network(image[None].astype(np.float32)))[0]

    def state(self) -> dict[str, np.ndarray]:
        """Arrays from which `restore` goes on to the same bits."""
        values = {f"variable {index}": np.array(variable.numpy()) for index, variable in enumerate(self._variables())}
        spent = {"step": np.array(self.step), "seconds": np.array(self.seconds)}
        return {**spent, "accelerator": np.array(self.accelerator), **values}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Goes back to what `state` returned.

        Args:
            state: of a training with the same settings.

        Raises:
            KeyError: it is another network's.
            ValueError: likewise.
        """
        for index, variable in enumerate(self._variables()):
            variable.assign(state[f"variable {index}"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.accelerator = self.accelerator or str(state.get("accelerator", ""))

    def _variables(self) -> list[keras.Variable]:
        return [*self.network.variables, *self._trainer.optimizer.variables]
