"""The training loop of a transformation network: loss networks, steps, and the state that a checkpoint holds."""

import dataclasses
import math
import pathlib
import time
import warnings
from collections.abc import Iterator, Mapping

import numpy as np

from tfstyle import config, errors, features, layers, runtime, stylebook, weights
from tfstyle.optimization import plan
from tfstyle.runtime import keras
from tfstyle.training import data, muon, trainer
from tfstyle.transform import networks

__all__ = ["Training", "TrainingProgress", "final_loss_network", "target_for"]

# The learning rate ends at this share of its start. Cosine decay: Loshchilov and Hutter 2017, equation 5.
_FINAL_RATE = 0.02


@dataclasses.dataclass(frozen=True)
class TrainingProgress:
    """The state of a training between two steps.

    Attributes:
        step: steps done.
        steps: steps in all.
        losses: weighted ``content``, ``style``, ``variation`` and ``grid`` (``border``, ``stability`` and ``weave``
            where they have a weight), and ``loss``, their sum plus the network's own losses; means since the last
            report.
        seconds: time spent training, including before an interruption.
        remaining: estimated seconds to the last step; NaN while unknown.
        phase: ``training``, or ``preview`` while the slow path paints the preview.
        unusable: photos found broken, gray or too small so far.
    """

    step: int
    steps: int
    losses: Mapping[str, float]
    seconds: float
    remaining: float
    phase: str = "training"
    unusable: int = 0

    @property
    def headline(self) -> str:
        """The losses in one line."""
        parts = "  ".join(f"{name} {value:.3g}" for name, value in self.losses.items() if name != "loss")
        return f"loss {self.losses['loss']:.4g} ({parts})"


def final_loss_network(settings: config.TrainingSettings, style: stylebook.Style) -> str:
    """Returns the loss network of the last steps: vgg19 if the settings, the style and installed weights allow it."""
    is_asked = round(settings.finish * settings.steps) and "vgg19" in style.backbones
    return "vgg19" if is_asked and weights.find("vgg19") else settings.features


def target_for(
    settings: config.TrainingSettings, style: stylebook.Style, network: str, precision: str
) -> trainer.Target:
    """Builds the loss that a network is trained towards.

    Args:
        settings: of the training.
        style: a painting, or stored statistics.
        network: the loss network.
        precision: ``bfloat16`` or ``float32``.

    Returns:
        Loss network, weights of the loss terms, and the painting's Gram matrices.

    Raises:
        InputError: a layer is unusable, or the network's weights are not available.
    """
    objective = plan.objective_for(network, settings.loss(network))
    loaded = weights.load(network, layers=objective.layers)
    model = features.build(network, objective.layers, loaded, dtype=precision)
    grams = style.grams(model, settings.style_size, list(objective.style))
    more = (settings.grid_weight, settings.border_weight, settings.stability_weight, settings.weave_weight)
    return trainer.Target(model, objective, grams, *more)


class Training:
    """Trains one network for one painting; iterate over it to train.

    Args:
        settings: of the training.
        style: a painting, or stored statistics.
        photos: from `data.open_photos`.
        norm: class of the network's normalization layers.

    Attributes:
        network: the transformation network.
        step: steps done.
        seconds: time spent training.
        unusable: indices of unusable photos found so far.
        accelerator: name of the GPU or TPU that did the steps, if another machine did them.

    Raises:
        InputError: a layer is unusable, or a loss network's weights are not available.
    """

    # Steps between two reports; a training can be interrupted and resumed only there.
    REPORT_EVERY = 20

    def __init__(
        self,
        settings: config.TrainingSettings,
        style: stylebook.Style,
        photos: data.Photos,
        norm: type[layers.InstanceNorm] = layers.InstanceNorm,
    ) -> None:
        keras.utils.set_random_seed(settings.seed)
        uses_xla = keras.config.backend() != "tensorflow"  # TensorFlow's own graphs are as fast and compile sooner.
        if not uses_xla:
            runtime.set_threads(settings.threads or 0)
        self.settings, self._style, self._photos = settings, style, photos
        self._precision = runtime.resolve_precision(settings.precision)
        dtype = "mixed_bfloat16" if self._precision == "bfloat16" else "float32"
        self.network = networks.build(settings.network, dtype=dtype, layer_classes=networks.LayerClasses(norm))
        self._current, self._final = settings.features, final_loss_network(settings, style)
        # Both are built now, so that unusable weights fail before hours of training, not after.
        self._targets = {name: self._target(name) for name in dict.fromkeys((settings.features, self._final))}
        self._trainer = trainer.StyleTrainer(self.network, self._targets[settings.features])
        rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, settings.steps, alpha=_FINAL_RATE)
        self._trainer.compile(optimizer=muon.Muon(rate), jit_compile=uses_xla)
        self._trainer.optimizer.build(self._trainer.trainable_variables)
        self.step, self.seconds, self.unusable, self.accelerator = 0, 0.0, set[int](), ""

    def __iter__(self) -> Iterator[TrainingProgress]:
        """Trains from the current step to the last.

        Yields:
            Progress, every few steps.

        Raises:
            InputError: the loss is not finite, or the photos are unusable.
        """
        steps, seconds_before, first = self.settings.steps, self.seconds, self.step
        while self.step < steps:
            started = time.monotonic()
            losses = self._advance(self._next_report())
            self.seconds += time.monotonic() - started
            pace = (self.seconds - seconds_before) / (self.step - first)
            remaining = pace * (steps - self.step)
            yield TrainingProgress(self.step, steps, losses, self.seconds, remaining, unusable=len(self.unusable))

    def _target(self, network: str) -> trainer.Target:
        return target_for(self.settings, self._style, network, self._precision)

    def _next_report(self) -> int:
        regular = (self.step // self.REPORT_EVERY + 1) * self.REPORT_EVERY
        return min(step for step in (regular, self.settings.steps, self._final_start()) if step > self.step)

    def _final_start(self) -> int:
        """Returns the step at which the final loss network takes over."""
        share = self.settings.finish if self._final != self.settings.features else 0.0
        return self.settings.steps - round(share * self.settings.steps)

    def _advance(self, last: int) -> dict[str, float]:
        """Trains up to a step; returns the mean losses on the way."""
        if self._current != self._final and self._final_start() <= self.step:
            self._current, self._trainer.target = self._final, self._targets[self._final]
            self._trainer.train_function = None  # It was traced with the other network.
        losses = self._fit(range(self.step, last))
        broken = [name for name, value in losses.items() if not math.isfinite(value)]
        if broken:
            raise errors.InputError(
                f"{broken[-1]} became NaN or infinite between steps {self.step} and {last}: "
                "start over with a smaller --learning-rate"
            )
        self.step = last
        return losses

    def _fit(self, steps: range) -> dict[str, float]:
        settings = self.settings
        batches = data.Batches(self._photos, settings.crop, settings.batch, steps, settings.seed)
        history = self._trainer.fit(batches, epochs=1, shuffle=False, verbose=0).history
        self.unusable |= batches.unusable
        return {name: float(values[-1]) for name, values in history.items()}

    def begin_with(self, path: pathlib.Path) -> None:
        """Loads the weights of another trained network of the same architecture.

        Args:
            path: Keras' weights file.

        Raises:
            InputError: the file is missing, damaged, or of another architecture.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)  # Keras warns about variables that the file lacks.
                self.network.load_weights(path)
        except (OSError, ValueError, KeyError, UserWarning) as error:
            raise errors.InputError(
                f"{path} has no weights for {self.settings.network}: start from another style"
            ) from error

    def paint(self, image: np.ndarray) -> np.ndarray:
        """Stylizes a picture with the network in its current state.

        Args:
            image: ``[H, W, 3]``, 0..255.

        Returns:
            The same shape and range.
        """
        return keras.ops.convert_to_numpy(self.network(image[None].astype(np.float32)))[0]

    def state(self) -> dict[str, np.ndarray]:
        """Returns arrays from which `restore` continues to the same bits."""
        values = {f"variable {index}": np.array(variable.numpy()) for index, variable in enumerate(self._variables())}
        counts = {"step": np.array(self.step), "seconds": np.array(self.seconds)}
        return {**counts, "accelerator": np.array(self.accelerator), **values}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Returns to a state.

        Args:
            state: from `state` of a training with the same settings.

        Raises:
            KeyError: the state belongs to another network.
            ValueError: the state belongs to another network.
        """
        for index, variable in enumerate(self._variables()):
            variable.assign(state[f"variable {index}"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.accelerator = self.accelerator or str(state.get("accelerator", ""))

    def _variables(self) -> list[keras.Variable]:
        return [*self.network.variables, *self._trainer.optimizer.variables]
