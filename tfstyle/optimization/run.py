"""One run of the slow path, coarse to fine, as an iterator over pictures.

An `Optimization` can save its whole state at every step and continue from it to the same bits.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tfstyle import config, errors, images, perceptual, runtime, stylebook
from tfstyle.optimization import minimizers, plan, pyramid
from tfstyle.runtime import tf

__all__ = ["BrokenLoss", "Iterate", "Optimization"]


class BrokenLoss(errors.InputError):
    """The loss became NaN or infinite.

    Attributes:
        image: the last good picture, ``[H, W, 3]``, 0..255.
    """

    def __init__(self, term: str, image: np.ndarray) -> None:
        super().__init__(
            f"the loss became NaN or infinite at {term}: use --precision float32, a smaller weight or learning rate"
        )
        self.image = image


@dataclasses.dataclass(frozen=True)
class Iterate:
    """The picture after a step, with its losses.

    Attributes:
        step: steps done, over all scales; 0 at the start.
        steps: total number of steps.
        scale: the current one.
        loss: weighted total.
        losses: weighted content, style and variation loss, those that are part of the objective.
        terms: unweighted terms by kind and layer.
        evaluations: gradients computed at this scale.
        seconds: since the start or the resumption.
        remaining: seconds, estimated.
    """

    step: int
    steps: int
    scale: plan.Scale
    loss: float
    losses: dict[str, float]
    terms: dict[str, float]
    evaluations: int
    seconds: float
    remaining: float
    _image: Callable[[], np.ndarray] = dataclasses.field(repr=False)

    @property
    def headline(self) -> str:
        """Size and losses, for a progress bar."""
        losses = "  ".join(f"{name} {value:.3g}" for name, value in self.losses.items())
        return f"{self.scale.width}x{self.scale.height}  loss {self.loss:.4g} ({losses})"

    @property
    def image(self) -> np.ndarray:
        """The picture, ``[H, W, 3]``, float32, 0..255, with the photo's colors if they are to be kept."""
        return self._image()


class Optimization:
    """The pixels, the minimizer and the progress of one run.

    Args:
        photo: the content.
        styles: styles to transfer; may be empty if the objective has no style.
        settings: of the run.
        objective: weights of the loss's terms; None derives them from the settings.

    Raises:
        InputError: settings that do not fit the pictures, the network or the free memory.
    """

    def __init__(
        self,
        photo: images.Photo,
        styles: Sequence[stylebook.Style],
        settings: config.Settings,
        objective: perceptual.Objective | None = None,
    ) -> None:
        runtime.set_threads(settings.threads or 0)
        self.settings, self.pyramid = settings, pyramid.Pyramid(photo, styles, settings, objective)
        self.scales = self.pyramid.scales
        self._level, self._step, self._total = 0, 0, sum(scale.steps for scale in self.scales)
        self._stepping = 0.0  # Seconds.
        self._minimizer: minimizers.Minimizer | None = None

    def __iter__(self) -> Iterator[Iterate]:
        """Runs from the current step to the end.

        Yields:
            The start or the restored step, then one iterate per step.

        Raises:
            BrokenLoss: a term became NaN or infinite.
        """
        begun, done_before, self._stepping = time.monotonic(), self._work(), 0.0
        minimizer: minimizers.Minimizer | None = self._minimizer or self._enter(0, self.pyramid.first_image())
        while minimizer:
            yield self._iterate(minimizer, begun, done_before)
            minimizer = self._advance(minimizer)

    def state(self) -> dict[str, np.ndarray]:
        """Everything that the rest of the run depends on, besides its inputs, as arrays of any shape by name."""
        if self._minimizer is None:
            return {}
        return {**self._minimizer.state(), "level": np.array(self._level), "step": np.array(self._step)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Continues from a state.

        Args:
            state: from `state` of a run with the same inputs.
        """
        if state:
            self._step = int(state["step"])
            self._enter(int(state["level"]), tf.constant(state["image"])).restore(state)

    def _advance(self, minimizer: minimizers.Minimizer) -> minimizers.Minimizer | None:
        """Does one step, at the next scale if this one is finished; returns None at the end."""
        boundary = sum(scale.steps for scale in self.scales[: self._level + 1])
        if self._step >= boundary or minimizer.converged:
            if self._level + 1 == len(self.scales):
                return None
            self._step = boundary
            start = self.pyramid.carry_over(minimizer.image, *self.scales[self._level : self._level + 2])
            minimizer = self._enter(self._level + 1, start)
        previous, begun = minimizer.image, time.monotonic()
        minimizer.step()
        self._stepping += time.monotonic() - begun
        self._step += 1
        broken = perceptual.first_broken({**_numbers(minimizer.extras), "the total": minimizer.loss})
        if broken:
            raise BrokenLoss(broken, self.pyramid.finished(previous))
        return minimizer

    def _enter(self, level: int, start: tf.Tensor) -> minimizers.Minimizer:
        """Moves to a scale, with a new minimizer."""
        loss = self.pyramid.loss_at(self.scales[level])
        self._level = level
        self._minimizer = minimizers.create(self.settings.optimizer, loss, start, self.settings.learning_rate)
        return self._minimizer

    def _iterate(self, minimizer: minimizers.Minimizer, begun: float, done_before: float) -> Iterate:
        terms, seconds, image = _numbers(minimizer.extras), time.monotonic() - begun, minimizer.image
        done, total = self._work(), sum(each.steps * each.cost for each in self.scales)
        # From the steps alone: preparing a scale takes seconds, once, and would count for every step.
        remaining = self._stepping * (total - done) / (done - done_before) if done > done_before else float("nan")
        return Iterate(
            self._step,
            self._total,
            self.scales[self._level],
            minimizer.loss,
            perceptual.summary(terms, self.pyramid.objective),
            terms,
            minimizer.evaluations,
            seconds,
            remaining,
            lambda: self.pyramid.finished(image),
        )

    def _work(self) -> float:
        """Cost of the steps done so far."""
        work, left = 0.0, self._step
        for scale in self.scales:
            work += min(left, scale.steps) * scale.cost
            left -= min(left, scale.steps)
        return work


def _numbers(terms: dict[str, tf.Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in terms.items()}
