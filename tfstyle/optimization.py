"""The slow path: Gatys' optimisation of the pixels of one picture, coarse to fine.

`optimize` yields iterates; commands, plots and animations consume them. An `Optimization` can say its whole state at
any iterate and go on from it to the same bits.
"""

import dataclasses
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfstyle import color, errors, features, images, minimize, perceptual, planning, runtime, settings, styles, weights

__all__ = [
    "BrokenLoss",
    "Iterate",
    "Optimization",
    "evaluator",
    "optimize",
    "reconstruct",
]


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
        style: Sequence[styles.Style],
        chosen: settings.Settings,
        objective: perceptual.Objective | None = None,
    ) -> None:
        runtime.set_threads(chosen.threads)
        self.photo, self.settings = photo, chosen
        self.network = planning.choose_network(chosen)
        warm_up = objective is None
        self.objective = objective or planning.objective_for(self.network, chosen)
        planning.check_task(self.objective, len(style), chosen)
        self.styles = [each.recolored(photo) for each in style] if chosen.keep_colors == "match" else list(style)
        warm_up = warm_up and planning.can_warm_up(self.network, self.objective, chosen)
        network = self.network if self.objective.layers else ""
        self.scales = planning.plan(*photo.size, chosen, network, warm_up=warm_up)
        self.models = {scale.network: self._load(scale.network) for scale in self.scales if self.objective.layers}
        for model in self.models.values():
            planning.check_memory(model, self.scales[-1], chosen)
            planning.check_paintings(model, self.scales[-1], chosen, self.styles)
        self._level, self._step, self._total = 0, 0, sum(scale.steps for scale in self.scales)
        self._stepping = 0.0  # Seconds.
        self._minimizer: minimize.Minimizer | None = None

    def __iter__(self) -> Iterator[Iterate]:
        """Goes on from where it is to the end.

        Yields:
            The start or the restored point, then one iterate per step.

        Raises:
            BrokenLoss: a term became NaN or infinite.
        """
        begun, done_before, self._stepping = time.monotonic(), self._work(), 0.0
        if self._minimizer is None:
            self._minimizer = self._enter(0, self._first_image())
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

    def loss_at(self, scale: planning.Scale) -> minimize.Objective:
        """The function that is minimised at a scale.

        Args:
            scale: one of `scales`.

        Returns:
            From ``[1, height, width, 3]``, 0..255, to total loss, gradient, terms.
        """
        return evaluator(self._loss(scale), tf.TensorShape((1, scale.height, scale.width, 3)))

    def _load(self, network: str) -> keras.Model:
        chosen, layers = self.settings, self.objective.layers
        file = chosen.weights if network == self.network else ""
        loaded = weights.load(network, file or None, features.needed(network, layers))
        dtype = runtime.resolve_precision(chosen.precision)
        return features.build(network, layers, loaded, pooling=chosen.pooling, dtype=dtype)

    def _advance(self) -> bool:
        """One step; changes to the next scale when this one is done."""
        minimizer, boundary = self._minimizer, sum(scale.steps for scale in self.scales[: self._level + 1])
        assert minimizer is not None
        if self._step >= boundary or minimizer.converged:
            if self._level + 1 == len(self.scales):
                return False
            self._step = boundary
            self._minimizer = minimizer = self._enter(self._level + 1, self._carry_over(minimizer.image))
        previous, begun = minimizer.image, time.monotonic()
        minimizer.step()
        self._stepping += time.monotonic() - begun
        self._step += 1
        broken = perceptual.first_broken({**_numbers(minimizer.extras), "the total": minimizer.loss})
        if broken:
            raise BrokenLoss(broken, self._finished(previous))
        return True

    def _enter(self, level: int, start: tf.Tensor) -> minimize.Minimizer:
        self._level = level
        return minimize.create(
            self.settings.optimizer, self.loss_at(self.scales[level]), start, self.settings.learning_rate
        )

    def _loss(self, scale: planning.Scale) -> perceptual.PerceptualLoss:
        photo, objective, model = self._photo_at(scale), self.objective, self.models.get(scale.network)
        content: perceptual.Tensors = {}
        if objective.content:
            content = _content_targets(model, photo, list(objective.content))
        grams: perceptual.Tensors = self._grams(model, max(scale.height, scale.width)) if objective.style else {}
        return perceptual.PerceptualLoss(model, objective, content, grams, photo)

    def _grams(self, model: keras.Model, long_side: int) -> perceptual.Tensors:
        chosen, layers = self.settings, list(self.objective.style)
        size = max(1, round(long_side * chosen.style_scale))
        each = [style.grams(model, size, layers, chosen.pooling) for style in self.styles]
        return perceptual.blend(each, chosen.style_weights or [1.0] * len(each))

    def _photo_at(self, scale: planning.Scale) -> tf.Tensor:
        return _sized(self.photo, scale)

    def _first_image(self) -> tf.Tensor:
        scale, chosen = self.scales[0], self.settings
        match chosen.start:
            case "photo":
                return self._photo_at(scale)
            case "noise":  # Truncated at two deviations, that is at 0 and 255.
                shape = self._photo_at(scale).shape
                return tf.random.stateless_truncated_normal(shape, (chosen.seed, 0), 127.5, 63.75)
            case "style":
                picture = _first_painting(self.styles)
            case path:
                picture = images.load_image(path)
        return _sized(picture, scale)

    def _carry_over(self, image: tf.Tensor) -> tf.Tensor:
        """Enlarges a finished scale's picture to the next; from the photo, only what was changed of it is enlarged."""
        coarse, fine = self.scales[self._level], self.scales[self._level + 1]
        if (coarse.height, coarse.width) == (fine.height, fine.width):
            return image
        enlarged = _enlarge(image, fine)
        if self.settings.start == "photo":  # In this order, an unchanged photo stays the photo to the last bit.
            enlarged = self._photo_at(fine) + (enlarged - _enlarge(self._photo_at(coarse), fine))
        return enlarged

    def _iterate(self, begun: float, done_before: float) -> Iterate:
        minimizer, scale = self._minimizer, self.scales[self._level]
        assert minimizer is not None
        terms, seconds = _numbers(minimizer.extras), time.monotonic() - begun
        done, total = self._work(), sum(each.steps * each.cost for each in self.scales)
        # From the steps alone: a scale's preparation, seconds, comes once and would count for every step.
        remaining = self._stepping * (total - done) / (done - done_before) if done > done_before else float("nan")
        losses, image = perceptual.summary(terms, self.objective), minimizer.image
        counts = (minimizer.evaluations, seconds, remaining)
        return Iterate(
            self._step, self._total, scale, minimizer.loss, losses, terms, *counts, lambda: self._finished(image)
        )

    def _work(self) -> float:
        """Cost of the steps done so far."""
        work, left = 0.0, self._step
        for scale in self.scales:
            work += min(left, scale.steps) * scale.cost
            left -= min(left, scale.steps)
        return work

    def _finished(self, image: tf.Tensor) -> np.ndarray:
        rgb = image.numpy()[0]
        if self.settings.keep_colors == "no":
            return rgb
        photo = images.resize(self.photo, *rgb.shape[:2])
        return color.keep_luminance(rgb, photo.rgb) if self.settings.keep_colors == "luminance" else rgb


def optimize(
    content: images.Photo | str | pathlib.Path,
    style: styles.Style | str | pathlib.Path | Sequence[styles.Style | str | pathlib.Path],
    chosen: settings.Settings | None = None,
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
    chosen = dataclasses.replace(chosen or settings.Settings(), **changes)  # type: ignore[arg-type]
    photo = content if isinstance(content, images.Photo) else images.load_image(content)
    several = style if isinstance(style, Sequence) and not isinstance(style, str) else [style]
    loaded = [styles.load(each) if isinstance(each, str | pathlib.Path) else each for each in several]
    yield from Optimization(photo, loaded, chosen)


def reconstruct(
    image: images.Photo | str | pathlib.Path,
    of: str,
    layers: str = "",
    chosen: settings.Settings | None = None,
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
    chosen = dataclasses.replace(chosen or settings.Settings(start="noise", size=256), **changes)  # type: ignore[arg-type]
    photo = image if isinstance(image, images.Photo) else images.load_image(image)
    objective = planning.reconstruction(planning.choose_network(chosen), of, layers, chosen)
    yield from Optimization(photo, [styles.Painting(photo)], chosen, objective)


def _sized(photo: images.Photo, scale: planning.Scale) -> tf.Tensor:
    return tf.constant(images.resize(photo, scale.height, scale.width).rgb[None])


def _enlarge(image: tf.Tensor, scale: planning.Scale) -> tf.Tensor:
    return _sized(images.Photo(image.numpy()[0]), scale)


def _content_targets(model: keras.Model, photo: tf.Tensor, layers: list[str]) -> perceptual.Tensors:
    """Computed as a graph, as the loss is: one by one, bfloat16 operations round otherwise (the photo had a loss)."""
    targets = tf.function(lambda image: perceptual.content_targets(model, image, layers))
    return targets.get_concrete_function(photo)(photo)


def evaluator(loss: perceptual.PerceptualLoss, shape: tf.TensorShape) -> minimize.Objective:
    """The loss, its gradient and its terms, as one graph."""

    @tf.function
    def evaluate(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            terms = loss.terms(image)
            total = tf.convert_to_tensor(loss.total(terms), tf.float32)
        return total, tape.gradient(total, image), terms

    return evaluate.get_concrete_function(tf.TensorSpec(shape))  # Else TensorFlow warns of the many short runs' graphs.


def _numbers(terms: dict[str, tf.Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in terms.items()}


def _first_painting(available: Sequence[styles.Style]) -> images.Photo:
    for style in available:
        if isinstance(style, styles.Painting):
            return style.photo
    raise errors.InputError("--start style needs a painting's file: stored styles hold no picture")
