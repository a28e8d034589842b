"""What the slow path is going to do: network, weights of the loss, scales and steps; checked before anything starts."""

import dataclasses
import math
from collections.abc import Iterable, Sequence

from tfstyle import config, errors, features, images, perceptual, runtime, stylebook, weights
from tfstyle.runtime import keras

__all__ = [
    "Scale",
    "can_warm_up",
    "check_memory",
    "check_paintings",
    "check_task",
    "choose_network",
    "objective_for",
    "plan",
    "reconstruction",
]

# Long side when none is asked for: what a processor without a GPU paints in a minute or two.
_DEFAULT_SIZE = 512
# Content 1 to style 30 (the mean over five layers; 6 on their sum) at strength 0.5: looked right for the six pairs of
# benchmarks/compact_quality.py.
_STYLE_WEIGHT = 30.0
_VARIATION_WEIGHT = 0.5
# A style painted from noise, its weight 1: enough against the fine noise that compact does not see, by eye.
_VARIATION_OF_STYLE = 0.1
# Alpha / beta = 1e-3, Gatys 2015, figure 3, for the forms with the paper's own numbers.
_PAPER_STYLE_WEIGHT = 1e3


# A guess, not measured: below this long side a network sees too little of a picture to be worth a scale of its own.
_COARSEST = 128
_COARSE_STEPS, _FINE_STEPS = 60, 80
# With a warm-up: steps of compact at half and full size, then of vgg19. Measured: see benchmarks/slow_path.json.
_WARM_STEPS = (60, 60, 70)


@dataclasses.dataclass(frozen=True)
class Scale:
    """One level of the image pyramid.

    Attributes:
        height: pixels.
        width: pixels.
        steps: to do here.
        network: that the loss looks through here; empty if it sees only pixels.
    """

    height: int
    width: int
    steps: int
    network: str

    @property
    def cost(self) -> float:
        """Of one step, in units that compare between scales."""
        return self.height * self.width * (weights.BACKBONES[self.network].cost if self.network else 1.0)


def reconstruction(network: str, of: str, layers: str, chosen: config.Settings) -> perceptual.Objective:
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
    spec, variation = weights.BACKBONES[network], max(chosen.variation_weight, 0.0)
    if of == "pixels":
        return perceptual.Objective({}, {}, variation, chosen.form, pixels=1.0)
    shares = config.layer_weights(layers, spec.content_layers if of == "content" else spec.style_layers)
    features.check_layers(network, list(shares))
    if of == "content":
        return perceptual.Objective(shares, {}, variation, chosen.form)
    if chosen.variation_weight < 0 and chosen.form == "relative":
        variation = _VARIATION_OF_STYLE
    return perceptual.Objective({}, shares, variation, chosen.form)


def choose_network(chosen: config.Settings, painted_like: Iterable[stylebook.Style] = ()) -> str:
    """The network's name; ``auto`` is vgg19 if its weights are at hand and all styles are known by it, else compact."""
    if chosen.features != "auto":
        return chosen.features
    at_hand = weights.find("vgg19", chosen.weights or None)
    return "vgg19" if at_hand and all("vgg19" in style.backbones for style in painted_like) else "compact"


def objective_for(network: str, chosen: config.Settings) -> perceptual.Objective:
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
    spec = weights.BACKBONES[network]
    content = config.layer_weights(chosen.content_layers, spec.content_layers)
    style = config.layer_weights(chosen.style_layers, spec.style_layers)
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


def _overall_weights(chosen: config.Settings) -> tuple[float, float, float]:
    if chosen.weighted:
        return chosen.content_weight, chosen.style_weight, 0.0
    if chosen.form != "relative":
        return 1.0, _PAPER_STYLE_WEIGHT, 0.0
    content, style = 4 * (1 - chosen.strength) ** 2, 4 * chosen.strength**2
    return content, _STYLE_WEIGHT * style, _VARIATION_WEIGHT * style


def plan(height: int, width: int, chosen: config.Settings, network: str, *, warm_up: bool = False) -> list[Scale]:
    """The scales to work at.

    Coarse to fine paints larger strokes. With vgg19 the way there may be `compact`'s, whose losses are nearly the same
    at a third of the price (measured at 512 pixels: 60 steps after 60 of compact are worth 91 without).

    Args:
        height: of the photo.
        width: of the photo.
        chosen: `size`, `scales` and `iterations` count.
        network: that the loss looks through; empty if it sees only pixels.
        warm_up: use `compact` for all but the last steps, unless scales or steps are chosen.

    Returns:
        Coarse to fine; the last one has the size asked for.

    Raises:
        InputError: the picture is too small or too thin for the network, or the numbers do not fit each other.
    """
    long_side = chosen.size or min(max(height, width), _DEFAULT_SIZE)
    if chosen.scales and chosen.size and chosen.scales[-1] != chosen.size:
        raise errors.InputError(f"--size {chosen.size} is not the last of --scales {chosen.scales}: leave one out")
    sides = chosen.scales or ((long_side // 2, long_side) if long_side >= _COARSEST * 2 else (long_side,))
    stages = [(side, steps, network) for side, steps in zip(sides, _steps(len(sides), chosen), strict=True)]
    if warm_up and not (chosen.scales or chosen.iterations):
        coarse, fine, last = _WARM_STEPS
        stages = [(side, coarse, "compact") for side in sides[:-1]]
        stages += [(sides[-1], fine, "compact"), (sides[-1], last, network)]
    minimum = weights.BACKBONES[network].min_size if network else 1
    scales = [Scale(*images.fit_size(height, width, side), steps, name) for side, steps, name in stages]
    if min(scales[-1].height, scales[-1].width) < minimum:
        raise errors.InputError(_too_small(scales[-1], minimum, max(height, width) / min(height, width), chosen))
    return [scale for scale in scales if min(scale.height, scale.width) >= minimum]


def _too_small(last: Scale, minimum: int, elongation: float, chosen: config.Settings) -> str:
    return (
        f"the picture would be {last.width}x{last.height} pixels; the network sees nothing below {minimum} on the "
        f"short side: use {_as_option(chosen, math.ceil(minimum * elongation))} or more"
    )


def can_warm_up(network: str, objective: perceptual.Objective, chosen: config.Settings) -> bool:
    """Whether `compact` can stand in for a network: it must look at the same layers in the same way."""
    same = weights.BACKBONES["compact"]
    known = {*same.content_layers, *same.style_layers}
    alike = (chosen.form, chosen.pooling, chosen.optimizer) == ("relative", "average", "lbfgs")
    return network == "vgg19" and alike and known.issuperset(objective.layers)


def _as_option(chosen: config.Settings, size: int) -> str:
    """How to ask for a size, for messages: in place of the option that was used."""
    return f"--scales that end on {size}" if chosen.scales else f"--size {size}"


def _steps(count: int, chosen: config.Settings) -> list[int]:
    given = chosen.iterations
    if len(given) > 1 and len(given) != count:
        raise errors.InputError(f"{len(given)} numbers of --iterations for {count} scales: give one, or one per scale")
    if given:
        return list(given) * count if len(given) == 1 else list(given)
    return [_COARSE_STEPS] * (count - 1) + [_FINE_STEPS]


def check_task(objective: perceptual.Objective, count: int, chosen: config.Settings) -> None:
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


def check_memory(model: keras.Model, scale: Scale, chosen: config.Settings) -> None:
    """Refuses a size that the machine's free memory cannot hold.

    Raises:
        ShortageError: says how much is needed and what size would fit.
    """
    needed, free = features.memory(model, scale.height, scale.width), runtime.available_memory()
    if needed <= free:
        return
    fits = int(max(scale.height, scale.width) * (free / needed) ** 0.5) // 16 * 16
    smallest = min(images.fit_size(scale.height, scale.width, max(fits, 1)))
    large_enough = smallest >= weights.BACKBONES[model.name].min_size
    advice = f"use {_as_option(chosen, fits)}" if large_enough else "close other programs"
    if model.name != "compact":
        advice += ", or --features compact, which needs less"
    raise errors.ShortageError(
        f"{scale.width}x{scale.height} pixels need about {needed / 2**30:.1f} GB of memory, {free / 2**30:.1f} GB "
        f"are free: {advice}"
    )


def check_paintings(
    model: keras.Model, scale: Scale, chosen: config.Settings, available: Sequence[stylebook.Style]
) -> None:
    """Refuses strokes so small that the network cannot see the painting, or so large that it does not fit into memory.

    Raises:
        InputError: the painting is too small or too narrow.
        ShortageError: says how much is needed.
    """
    size, free = max(1, round(max(scale.height, scale.width) * chosen.style_scale)), runtime.available_memory()
    for style in available:
        if isinstance(style, stylebook.Painting):
            height, width = style.fit_size(model.name, size)
            needed = features.memory(model, height, width) / 2  # The way there only, no gradient.
            if needed > free:
                raise errors.ShortageError(
                    f"the painting at {width}x{height} pixels needs about {needed / 2**30:.1f} GB of memory, "
                    f"{free / 2**30:.1f} GB are free: use a smaller --style-scale or --size"
                )
