"""The slow path: Gatys' optimisation of the pixels of one picture, coarse to fine.

`optimize` yields iterates; commands, plots and animations consume them. An `Optimization` can say its whole state at
any iterate and go on from it to the same bits.
"""

import dataclasses
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tfstyle import config, errors, images, perceptual, runtime, stylebook
from tfstyle.optimization import minimizers, planning, problem
from tfstyle.runtime import tf

__all__ = ["BrokenLoss", "Iterate", "Optimization", "optimize", "reconstruct"]


class BrokenLoss(errors.InputError):
    """The loss is no longer a finite number.

    Attributes:
        image: the last good picture, ``[H, W, 3]``, 0..255.
    """

    def __init__(self, term: str, image: np.ndarray) -> None:
        super().__init__(
            f"the loss is not a finite number at {term}: use --precision float32, a smaller weight or learning rate"
        )
        self.image = image


@dataclasses.dataclass(frozen=True)
class Iterate:
    """A picture on its way.

    Attributes:
        step: steps done, over all scales; 0 for the start.
        steps: steps in all.
        scale: where it is.
        loss: the weighted total.
        losses: weighted content, style, variation, as far as they occur.
        terms: unweighted terms by kind and layer.
        evaluations: gradients computed at this scale.
        seconds: since the start or the resumption.
        remaining: seconds, an estimate.
    """

    step: int
    steps: int
    scale: planning.Scale
    loss: float
    losses: dict[str, float]
    terms: dict[str, float]
    evaluations: int
    seconds: float
    remaining: float
    _image: Callable[[], np.ndarray] = dataclasses.field(repr=False)

    @property
    def headline(self) -> str:
        """Size and losses, for a line of progress."""
        losses = "  ".join(f"{name} {value:.3g}" for name, value in self.losses.items())
        return f"{self.scale.width}x{self.scale.height}  loss {self.loss:.4g} ({losses})"

    @property
    def image(self) -> np.ndarray:
        """The picture, ``[H, W, 3]``, float32, 0..255, with the photo's colours if they are to be kept."""
        return self._image()


class Optimization:
    """Pixels, minimiser and progress of one run.

    Args:
        photo: the content.
        style: styles to paint it in; may be empty if the objective has no style.
        chosen: settings.
        objective: what to minimise; None derives it from the settings.

    Raises:
        InputError: settings that do not fit the pictures, the network or the machine's memory.
    """

    def __init__(
        self,
        photo: images.Photo,
        style: Sequence[stylebook.Style],
        chosen: config.Settings,
        objective: perceptual.Objective | None = None,
    ) -> None:
        runtime.set_threads(chosen.threads)
        self.settings, self.problem = chosen, problem.Problem(photo, style, chosen, objective)
        self.scales = self.problem.scales
        self._level, self._step, self._total = 0, 0, sum(scale.steps for scale in self.scales)
        self._stepping = 0.0  # Seconds.
        self._minimizer: minimizers.Minimizer | None = None

    def __iter__(self) -> Iterator[Iterate]:
        """Goes on from where it is to the end.

        Yields:
            The start or the restored point, then one iterate per step.

        Raises:
            BrokenLoss: a term became NaN or infinite.
        """
        begun, done_before, self._stepping = time.monotonic(), self._work(), 0.0
        if self._minimizer is None:
            self._minimizer = self._enter(0, self.problem.first_image())
        yield self._iterate(begun, done_before)
        while self._advance():
            yield self._iterate(begun, done_before)

    def state(self) -> dict[str, np.ndarray]:
        """Everything the rest of the run depends on, besides its inputs, as arrays."""
        if self._minimizer is None:
            return {}
        place = {"level": self._level, "step": self._step, "converged": self._minimizer.converged}
        return {**self._minimizer.state(), **{name: np.array(value) for name, value in place.items()}}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Puts back what `state` of a run with the same inputs returned."""
        if state:
            self._level, self._step = int(state["level"]), int(state["step"])
            self._minimizer = self._enter(self._level, tf.constant(state["image"]))
            self._minimizer.restore(state)
            self._minimizer.converged = bool(state["converged"])

    def _advance(self) -> bool:
        """One step; changes to the next scale when this one is done."""
        minimizer, boundary = self._minimizer, sum(scale.steps for scale in self.scales[: self._level + 1])
        assert minimizer is not None
        if self._step >= boundary or minimizer.converged:
            if self._level + 1 == len(self.scales):
                return False
            self._step = boundary
            start = self.problem.carry_over(minimizer.image, *self.scales[self._level : self._level + 2])
            self._minimizer = minimizer = self._enter(self._level + 1, start)
        previous, begun = minimizer.image, time.monotonic()
        minimizer.step()
        self._stepping += time.monotonic() - begun
        self._step += 1
        broken = perceptual.first_broken({**_numbers(minimizer.extras), "the total": minimizer.loss})
        if broken:
            raise BrokenLoss(broken, self.problem.finished(previous))
        return True

    def _enter(self, level: int, start: tf.Tensor) -> minimizers.Minimizer:
        self._level = level
        evaluate = self.problem.loss_at(self.scales[level])
        return minimizers.create(self.settings.optimizer, evaluate, start, self.settings.learning_rate)

    def _iterate(self, begun: float, done_before: float) -> Iterate:
        minimizer, scale = self._minimizer, self.scales[self._level]
        assert minimizer is not None
        terms, seconds = _numbers(minimizer.extras), time.monotonic() - begun
        done, total = self._work(), sum(each.steps * each.cost for each in self.scales)
        # From the steps alone: a scale's preparation, seconds, comes once and would count for every step.
        remaining = self._stepping * (total - done) / (done - done_before) if done > done_before else float("nan")
        losses, image = perceptual.summary(terms, self.problem.objective), minimizer.image
        counts = (minimizer.evaluations, seconds, remaining)
        return Iterate(
            self._step, self._total, scale, minimizer.loss, losses, terms, *counts, lambda: self.problem.finished(image)
        )

    def _work(self) -> float:
        """Cost of the steps done so far."""
        work, left = 0.0, self._step
        for scale in self.scales:
            work += min(left, scale.steps) * scale.cost
            left -= min(left, scale.steps)
        return work


def optimize(
    content: images.Photo | str | pathlib.Path,
    style: stylebook.Style | str | pathlib.Path | Sequence[stylebook.Style | str | pathlib.Path],
    chosen: config.Settings | None = None,
    **changes: object,
) -> Iterator[Iterate]:
    """Paints a photo in the style of one or more paintings: Gatys, Ecker and Bethge 2015.

    Args:
        content: the photo, or its file.
        style: painting's file, name of a stored style, or a loaded style; or several of them.
        chosen: settings; the default ones if None.
        **changes: single settings by name, for instance ``strength=0.7``.

    Yields:
        Iterates, the start first; the last one's ``image`` is the result.

    Raises:
        InputError: unusable pictures or settings.
        BrokenLoss: a term became NaN or infinite.

    Example:
        >>> *_, last = tfstyle.optimize("photo.jpg", "starry_night", size=256)  # doctest: +SKIP
        >>> tfstyle.save_image("out.png", last.image)  # doctest: +SKIP
    """
    chosen = dataclasses.replace(chosen or config.Settings(), **changes)  # type: ignore[arg-type]
    photo = content if isinstance(content, images.Photo) else images.load_image(content)
    several = style if isinstance(style, Sequence) and not isinstance(style, str) else [style]
    loaded = [stylebook.load(each) if isinstance(each, str | pathlib.Path) else each for each in several]
    yield from Optimization(photo, loaded, chosen)


def reconstruct(
    image: images.Photo | str | pathlib.Path,
    of: str,
    layers: str = "",
    chosen: config.Settings | None = None,
    **changes: object,
) -> Iterator[Iterate]:
    """Paints a picture back from what some layers know of it: Gatys 2015, figure 1.

    Args:
        image: the picture, or its file.
        of: ``pixels`` (plain squared difference), ``content`` (features) or ``style`` (Gram matrices).
        layers: ``NAME[:WEIGHT],...``; empty for the network's default ones.
        chosen: settings; by default a start from noise at 256 pixels.
        **changes: single settings by name.

    Yields:
        Iterates, the start first.

    Raises:
        InputError: unusable pictures, layers or settings.
        BrokenLoss: a term became NaN or infinite.
    """
    chosen = dataclasses.replace(chosen or config.Settings(start="noise", size=256), **changes)  # type: ignore[arg-type]
    photo = image if isinstance(image, images.Photo) else images.load_image(image)
    objective = planning.reconstruction(planning.choose_network(chosen), of, layers, chosen)
    yield from Optimization(photo, [stylebook.Painting(photo)], chosen, objective)


def _numbers(terms: dict[str, tf.Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in terms.items()}
