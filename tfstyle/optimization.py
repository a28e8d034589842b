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
import psutil
import tensorflow as tf

from tfstyle import color, errors, features, images, minimize, perceptual, runtime, settings, styles, weights

__all__ = [
    "BrokenLoss",
    "Iterate",
    "Optimization",
    "Scale",
    "choose_network",
    "objective_for",
    "optimize",
    "plan",
    "reconstruct",
    "reconstruction",
]

# Long side when none is asked for: what a processor without a GPU paints in a minute or two.
DEFAULT_SIZE = 512
# Content 1 to style 30 (the mean over five layers; 6 on their sum) at strength 0.5: measured, looks right for every
# painting and size tried.
_STYLE_WEIGHT = 30.0
_VARIATION_WEIGHT = 0.5
# Alpha / beta = 1e-3, Gatys 2015, figure 3, for the forms with the paper's own numbers.
_PAPER_STYLE_WEIGHT = 1e3


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
class Scale:
    """One level of the image pyramid: height and width in pixels, and steps to do there."""

    height: int
    width: int
    steps: int


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
    scale: Scale
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
        self.network = choose_network(chosen)
        self.objective = objective or objective_for(self.network, chosen)
        _check_task(self.objective, len(style), chosen)
        self.styles = [each.recolored(photo) for each in style] if chosen.keep_colors == "match" else list(style)
        height, width, _ = photo.rgb.shape
        self.scales = plan(height, width, chosen, self._minimum())
        self.model = _load_network(self.network, self.objective, chosen)
        if self.model is not None:
            _check_memory(self.model, self.scales[-1], chosen, self._minimum())
            _check_paintings(self.model, self.scales[-1], chosen, self.styles)
        self._level, self._step, self._total = 0, 0, sum(scale.steps for scale in self.scales)
        self._minimizer: minimize.Minimizer | None = None

    def __iter__(self) -> Iterator[Iterate]:
        """Goes on from where it is to the end.

        Yields:
            The start or the restored point, then one iterate per step.

        Raises:
            BrokenLoss: a term became NaN or infinite.
        """
        begun, done_before = time.monotonic(), self._work()
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

    def _minimum(self) -> int:
        return features.NETWORKS[self.network].minimum if self.objective.layers else 1

    def _advance(self) -> bool:
        """One step; changes to the next scale when this one is done."""
        minimizer, boundary = self._minimizer, sum(scale.steps for scale in self.scales[: self._level + 1])
        assert minimizer is not None
        if self._step >= boundary or minimizer.converged:
            if self._level + 1 == len(self.scales):
                return False
            self._step = boundary
            self._minimizer = minimizer = self._enter(self._level + 1, self._carry_over(minimizer.image))
        previous = minimizer.image
        minimizer.step()
        self._step += 1
        broken = perceptual.first_broken({**_numbers(minimizer.extras), "the total": minimizer.loss})
        if broken:
            raise BrokenLoss(broken, self._finished(previous))
        return True

    def _enter(self, level: int, start: tf.Tensor) -> minimize.Minimizer:
        self._level = level
        loss = evaluator(self._loss(self.scales[level]), start.shape)
        return minimize.create(self.settings.optimizer, loss, start, self.settings.learning_rate)

    def _loss(self, scale: Scale) -> perceptual.PerceptualLoss:
        photo, objective = self._photo_at(scale), self.objective
        content: perceptual.Tensors = {}
        if objective.content:
            content = _content_targets(self.model, photo, list(objective.content))
        grams: perceptual.Tensors = self._grams(max(scale.height, scale.width)) if objective.style else {}
        return perceptual.PerceptualLoss(self.model, objective, content, grams, photo)

    def _grams(self, long_side: int) -> perceptual.Tensors:
        chosen, layers = self.settings, list(self.objective.style)
        size = max(1, round(long_side * chosen.style_scale))
        each = [style.grams(self.model, size, layers, chosen.pooling) for style in self.styles]
        return perceptual.blend(each, chosen.style_weights or [1.0] * len(each))

    def _photo_at(self, scale: Scale) -> tf.Tensor:
        return tf.constant(images.resize(self.photo, scale.height, scale.width).rgb[None])

    def _first_image(self) -> tf.Tensor:
        scale, chosen = self.scales[0], self.settings
        shape = (1, scale.height, scale.width, 3)
        match chosen.start:
            case "photo":
                return self._photo_at(scale)
            case "noise":  # Truncated at two deviations, that is at 0 and 255.
                return tf.random.stateless_truncated_normal(shape, (chosen.seed, 0), 127.5, 63.75)
            case "style":
                picture = _first_painting(self.styles)
            case path:
                picture = images.load_image(path)
        return tf.constant(images.resize(picture, scale.height, scale.width).rgb[None])

    def _carry_over(self, image: tf.Tensor) -> tf.Tensor:
        """Enlarges a finished scale's picture to the next; from the photo, only what was changed of it is enlarged."""
        fine = self.scales[self._level + 1]
        enlarged = _enlarge(image, fine)
        if self.settings.start == "photo":  # In this order, an unchanged photo stays the photo to the last bit.
            enlarged = self._photo_at(fine) + (enlarged - _enlarge(self._photo_at(self.scales[self._level]), fine))
        return enlarged

    def _iterate(self, begun: float, done_before: float) -> Iterate:
        minimizer, scale = self._minimizer, self.scales[self._level]
        assert minimizer is not None
        terms, seconds = _numbers(minimizer.extras), time.monotonic() - begun
        done, total = self._work(), sum(each.steps * each.height * each.width for each in self.scales)
        remaining = seconds * (total - done) / max(done - done_before, 1.0) if done > done_before else float("nan")
        losses, image = perceptual.summary(terms, self.objective), minimizer.image
        counts = (minimizer.evaluations, seconds, remaining)
        return Iterate(
            self._step, self._total, scale, minimizer.loss, losses, terms, *counts, lambda: self._finished(image)
        )

    def _work(self) -> float:
        """Pixels times steps done so far."""
        work, left = 0.0, self._step
        for scale in self.scales:
            work += min(left, scale.steps) * scale.height * scale.width
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
    objective = reconstruction(choose_network(chosen), of, layers, chosen)
    yield from Optimization(photo, [styles.Painting(photo)], chosen, objective)


def reconstruction(network: str, of: str, layers: str, chosen: settings.Settings) -> perceptual.Objective:
    """What to minimise to paint a picture back.

    Args:
        network: gives the default layers.
        of: ``pixels``, ``content`` or ``style``.
        layers: ``NAME[:WEIGHT],...``; empty for the network's default ones.
        chosen: settings; form and variation weight count.

    Returns:
        The objective.

    Raises:
        InputError: unknown layers.
    """
    spec, variation = features.NETWORKS[network], max(chosen.variation_weight, 0.0)
    if of == "pixels":
        return perceptual.Objective({}, {}, variation, chosen.form, pixels=1.0)
    shares = settings.layer_weights(layers, spec.content_layers if of == "content" else spec.style_layers)
    features.check_layers(network, list(shares))
    parts = (shares, {}) if of == "content" else ({}, shares)
    return perceptual.Objective(*parts, variation, chosen.form)


def choose_network(chosen: settings.Settings) -> str:
    """The network's name; ``auto`` is vgg19 if its weights are at hand, else compact."""
    if chosen.features != "auto":
        return chosen.features
    return "vgg19" if weights.find("vgg19", chosen.weights or None) else "compact"


def objective_for(network: str, chosen: settings.Settings) -> perceptual.Objective:
    """What the settings ask for.

    The knob: content 4 (1 - s)^2, style 30 x 4 s^2; the ratio goes from nothing (the photo stays) through 30 at 0.5 to
    style alone at 1.

    Args:
        network: gives the default layers.
        chosen: settings.

    Returns:
        The objective.

    Raises:
        InputError: unknown layers, or weights that leave nothing to do.
    """
    spec = features.NETWORKS[network]
    content = settings.layer_weights(chosen.content_layers, spec.content_layers)
    style = settings.layer_weights(chosen.style_layers, spec.style_layers)
    features.check_layers(network, [*content, *style])
    alpha, beta, variation = _overall_weights(chosen)
    if chosen.variation_weight >= 0:
        variation = chosen.variation_weight
    return perceptual.Objective(
        {name: alpha * share for name, share in content.items() if alpha},
        {name: beta * share for name, share in style.items() if beta},
        variation,
        chosen.form,
    )


def _overall_weights(chosen: settings.Settings) -> tuple[float, float, float]:
    if chosen.weighted:
        return chosen.content_weight, chosen.style_weight, 0.0
    if chosen.form != "relative":
        return 1.0, _PAPER_STYLE_WEIGHT, 0.0
    content, style = 4 * (1 - chosen.strength) ** 2, 4 * chosen.strength**2
    return content, _STYLE_WEIGHT * style, _VARIATION_WEIGHT * style


def plan(height: int, width: int, chosen: settings.Settings, minimum: int) -> list[Scale]:
    """The scales to work at.

    Args:
        height: of the photo.
        width: of the photo.
        chosen: `size`, `scales`, `iterations` and `optimizer` count.
        minimum: shortest side, pixels, that the network can see.

    Returns:
        Coarse to fine; the last one has the size asked for.

    Raises:
        InputError: the picture is too small or too thin for the network, or the numbers do not fit each other.
    """
    long_side = chosen.size or min(max(height, width), DEFAULT_SIZE)
    sides = chosen.scales or ((long_side // 2, long_side) if long_side >= _COARSEST * 2 else (long_side,))
    if chosen.scales and chosen.size and chosen.scales[-1] != chosen.size:
        raise errors.InputError(f"--size {chosen.size} is not the last of --scales {sides}: leave one of them out")
    sizes = [images.fit_size(height, width, side) for side in sides]
    if min(sizes[-1]) < minimum:
        needed = -(-minimum * max(height, width) // min(height, width))
        raise errors.InputError(
            f"the picture would be {sizes[-1][1]}x{sizes[-1][0]} pixels; the network sees nothing below {minimum} on "
            f"the short side: use {_as_option(chosen, needed)} or more"
        )
    scales = [Scale(*size, steps) for size, steps in zip(sizes, _steps(len(sizes), chosen), strict=True)]
    return [scale for scale in scales if min(scale.height, scale.width) >= minimum]


# Below this long side a network sees too little of a picture to be worth a scale of its own: measured.
_COARSEST = 128
_DEFAULT_STEPS = (60, 80)


def _as_option(chosen: settings.Settings, size: int) -> str:
    """How to ask for a size, for messages: in place of the option that was used."""
    return f"--scales that end on {size}" if chosen.scales else f"--size {size}"


def _steps(count: int, chosen: settings.Settings) -> list[int]:
    given = chosen.iterations
    if len(given) > 1 and len(given) != count:
        raise errors.InputError(f"{len(given)} numbers of --iterations for {count} scales: give one, or one per scale")
    if given:
        return list(given) * count if len(given) == 1 else list(given)
    return [_DEFAULT_STEPS[0]] * (count - 1) + [_DEFAULT_STEPS[1]]


def _load_network(network: str, objective: perceptual.Objective, chosen: settings.Settings) -> keras.Model | None:
    if not objective.layers:
        return None
    loaded = weights.load(network, chosen.weights or None, features.needed(network, objective.layers))
    dtype = runtime.resolve_precision(chosen.precision)
    return features.build(network, objective.layers, loaded, pooling=chosen.pooling, dtype=dtype)


def _enlarge(image: tf.Tensor, scale: Scale) -> tf.Tensor:
    return tf.constant(images.resize(images.Photo(image.numpy()[0]), scale.height, scale.width).rgb[None])


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


def _check_task(objective: perceptual.Objective, count: int, chosen: settings.Settings) -> None:
    """Refuses what could only fail later.

    Args:
        objective: what to minimise.
        count: styles given.
        chosen: settings.

    Raises:
        InputError: nothing to minimise, no style, or not one weight per style.
    """
    if not (objective.layers or objective.variation or objective.pixels):
        raise errors.InputError("no layer and no weight is left, so nothing would change: give content or style layers")
    if objective.style and not count:
        raise errors.InputError("no style: give a painting's file or the name of a stored style")
    if chosen.style_weights and len(chosen.style_weights) != count:
        raise errors.InputError(f"{len(chosen.style_weights)} numbers of --style-weights for {count} styles")


def _check_memory(model: keras.Model, scale: Scale, chosen: settings.Settings, minimum: int) -> None:
    """Refuses a size that the machine's free memory cannot hold.

    Raises:
        InputError: says how much is needed and what size would fit.
    """
    needed, free = features.memory(model, scale.height, scale.width), psutil.virtual_memory().available
    if needed <= free:
        return
    fits = int(max(scale.height, scale.width) * (free / needed) ** 0.5) // 16 * 16
    large_enough = min(images.fit_size(scale.height, scale.width, max(fits, 1))) >= minimum
    advice = f"use {_as_option(chosen, fits)}" if large_enough else "close other programs"
    if model.name != "compact":
        advice += ", or --features compact, which needs less"
    raise errors.InputError(
        f"{scale.width}x{scale.height} pixels need about {needed / 2**30:.1f} GB of memory, {free / 2**30:.1f} GB "
        f"are free: {advice}"
    )


def _check_paintings(
    model: keras.Model, scale: Scale, chosen: settings.Settings, available: Sequence[styles.Style]
) -> None:
    """Refuses strokes so large that the painting at its size does not fit into memory.

    Raises:
        InputError: says how much is needed.
    """
    size, free = max(1, round(max(scale.height, scale.width) * chosen.style_scale)), psutil.virtual_memory().available
    for style in available:
        if isinstance(style, styles.Painting):
            height, width, _ = style.photo.rgb.shape
            height, width = images.fit_size(height, width, size)
            needed = features.memory(model, height, width) / 2  # The way there only, no gradient.
            if needed > free:
                raise errors.InputError(
                    f"the painting at {width}x{height} pixels needs about {needed / 2**30:.1f} GB of memory, "
                    f"{free / 2**30:.1f} GB are free: use a smaller --style-scale or --size"
                )
