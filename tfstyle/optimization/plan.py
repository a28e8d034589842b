"""Plans a run of the slow path before it starts: loss network, weights of the loss, scales and steps."""

import dataclasses
import math
from collections.abc import Sequence

from tfstyle import config, errors, features, images, perceptual, stylebook, weights

__all__ = [
    "Scale",
    "can_warm_up",
    "check_objective",
    "choose_network",
    "objective_for",
    "reconstruction_objective",
    "scales_for",
    "size_option",
]

# Long side by default: takes a minute or two on a CPU.
_DEFAULT_SIZE = 512
_DEFAULT_STRENGTH = 0.5
# Content 1 to style 30 (mean over five layers; 6 on their sum) at strength 0.5: chosen by eye on the six pairs of
# benchmarks/compact_quality.py.
_STYLE_WEIGHT = 30.0
_VARIATION_WEIGHT = 0.5
# For a style reconstructed from noise with weight 1, chosen by eye: removes the fine noise that compact cannot see.
_RECONSTRUCTION_VARIATION = 0.1
# Alpha / beta = 1e-3, Gatys 2015, figure 3; for the forms with the paper's own normalization.
_PAPER_STYLE_WEIGHT = 1e3


# A guess, not measured: below this long side, a scale of its own shows the network too little to pay off.
_COARSEST = 128
_COARSE_STEPS, _FINE_STEPS = 60, 80
# With a warm-up: steps of compact at half and at full size, then of vgg19. Measured: benchmarks/slow_path.json.
_WARM_STEPS = (60, 60, 70)


@dataclasses.dataclass(frozen=True)
class Scale:
    """One level of the image pyramid.

    Attributes:
        height: pixels.
        width: pixels.
        steps: optimizer steps at this level.
        network: loss network at this level; empty if the loss compares pixels only.
    """

    height: int
    width: int
    steps: int
    network: str

    @property
    def cost(self) -> float:
        """Relative cost of one step, comparable between scales."""
        return self.height * self.width * (weights.BACKBONES[self.network].cost if self.network else 1.0)


def choose_network(settings: config.Settings, styles: Sequence[stylebook.Style] = ()) -> str:
    """Resolves ``auto``: vgg19 if its weights are available and every style is known for it, else compact.

    Args:
        settings: `features` and `weights` count.
        styles: of the run.

    Returns:
        The loss network's name.
    """
    if settings.features != "auto":
        return settings.features
    is_available = weights.find("vgg19", settings.weights)
    return "vgg19" if is_available and all("vgg19" in style.backbones for style in styles) else "compact"


def objective_for(network: str, settings: config.Settings) -> perceptual.Objective:
    """Weights of the loss's terms for a style transfer.

    Strength s gives content the weight 4 (1 - s)^2 and style 30 x 4 s^2: their ratio rises from 0 (the photo stays
    as it is) through 30 at s = 0.5 to style alone at s = 1.

    Args:
        network: provides the default layers.
        settings: of the run.

    Returns:
        The objective.

    Raises:
        InputError: unknown layers.
    """
    spec = weights.BACKBONES[network]
    content = config.layer_weights(settings.content_layers, spec.content_layers)
    style = config.layer_weights(settings.style_layers, spec.style_layers)
    features.check_layers(network, [*content, *style])
    alpha, beta, variation = _term_weights(settings)
    return perceptual.Objective(
        {name: alpha * share for name, share in content.items() if alpha},
        {name: beta * share for name, share in style.items() if beta},
        variation if settings.variation_weight is None else settings.variation_weight,
        settings.form,
    )


def _term_weights(settings: config.Settings) -> tuple[float, float, float]:
    """Weights of content, style and, by default, total variation."""
    if settings.is_weighted:
        return settings.content_weight or 0.0, settings.style_weight or 0.0, 0.0
    if settings.form != "relative":
        return 1.0, _PAPER_STYLE_WEIGHT, 0.0
    strength = _DEFAULT_STRENGTH if settings.strength is None else settings.strength
    content, style = 4 * (1 - strength) ** 2, 4 * strength**2
    return content, _STYLE_WEIGHT * style, _VARIATION_WEIGHT * style


def reconstruction_objective(
    network: str, of: str, layers: str | None, settings: config.Settings
) -> perceptual.Objective:
    """Weights of the loss's terms for reconstructing a picture from some of its features (Gatys 2015, figure 1).

    Args:
        network: provides the default layers.
        of: ``pixels``, ``content`` or ``style``.
        layers: ``NAME[:WEIGHT],...``; None for the network's default layers.
        settings: `form` and `variation_weight` count.

    Returns:
        The objective.

    Raises:
        InputError: unknown layers.
    """
    spec, variation = weights.BACKBONES[network], settings.variation_weight or 0.0
    if of == "pixels":
        return perceptual.Objective({}, {}, variation, settings.form, pixels=1.0)
    shares = config.layer_weights(layers, spec.content_layers if of == "content" else spec.style_layers)
    features.check_layers(network, list(shares))
    if of == "content":
        return perceptual.Objective(shares, {}, variation, settings.form)
    if settings.variation_weight is None and settings.form == "relative":
        variation = _RECONSTRUCTION_VARIATION
    return perceptual.Objective({}, shares, variation, settings.form)


def check_objective(objective: perceptual.Objective, style_count: int, settings: config.Settings) -> None:
    """Refuses objectives that would only fail later.

    Args:
        objective: of the run.
        style_count: number of styles given.
        settings: of the run.

    Raises:
        InputError: nothing to minimize, no style, or a number of style weights that differs from that of styles.
    """
    if not (objective.layers or objective.variation or objective.pixels):
        raise errors.InputError(
            "all loss terms are disabled, so there is nothing to optimize: specify content or style layers"
        )
    if objective.style and not style_count:
        raise errors.InputError("no style: specify a painting file or a style name")
    if settings.style_weights and len(settings.style_weights) != style_count:
        raise errors.InputError(
            f"{len(settings.style_weights)} values in --style-weights for {style_count} styles: give one per style"
        )


def can_warm_up(network: str, objective: perceptual.Objective, settings: config.Settings) -> bool:
    """Whether `compact` can stand in for a network on the way: its losses must be nearly the same."""
    compact = weights.BACKBONES["compact"]
    layers = {*compact.content_layers, *compact.style_layers}
    has_defaults = (settings.form, settings.pooling, settings.optimizer) == ("relative", "average", "lbfgs")
    return network == "vgg19" and has_defaults and layers.issuperset(objective.layers)


def scales_for(size: tuple[int, int], settings: config.Settings, network: str, *, warm_up: bool = False) -> list[Scale]:
    """Plans the levels of the image pyramid.

    Working from coarse to fine paints larger strokes. With `warm_up`, the cheaper `compact` does all but the last
    steps (measured at 512 pixels: 60 steps of vgg19 after 60 of compact are worth 91 of vgg19 alone).

    Args:
        size: height and width of the photo.
        settings: `size`, `scales` and `iterations` count.
        network: the loss network; empty if the loss compares pixels only.
        warm_up: use `compact` for all but the last steps, unless scales or steps are given.

    Returns:
        Coarse to fine; the last one has the result's size.

    Raises:
        InputError: the picture is too small or too narrow for the network, or the settings contradict each other.
    """
    sides = _sides(max(size), settings)
    stages = [(side, steps, network) for side, steps in zip(sides, _steps(len(sides), settings), strict=True)]
    if warm_up and not (settings.scales or settings.iterations):
        coarse, fine, last = _WARM_STEPS
        stages = [(side, coarse, "compact") for side in sides[:-1]]
        stages += [(sides[-1], fine, "compact"), (sides[-1], last, network)]
    minimum = weights.BACKBONES[network].min_size if network else 1
    scales = [Scale(*images.fit_size(*size, side), steps, name) for side, steps, name in stages]
    last_scale = scales[-1]
    if min(last_scale.height, last_scale.width) < minimum:
        enough = math.ceil(minimum * max(size) / min(size))
        raise errors.InputError(
            f"the result would be {last_scale.width}x{last_scale.height} pixels, but the network needs {minimum} on "
            f"the short side: use {size_option(settings, enough)} or more"
        )
    return [scale for scale in scales if min(scale.height, scale.width) >= minimum]


def _sides(long_side: int, settings: config.Settings) -> tuple[int, ...]:
    """Long side of each scale."""
    if settings.scales and settings.size and settings.scales[-1] != settings.size:
        raise errors.InputError(
            f"--size {settings.size} is not the last of --scales {settings.scales}: omit one of them"
        )
    long_side = settings.size or min(long_side, _DEFAULT_SIZE)
    return settings.scales or ((long_side // 2, long_side) if long_side >= _COARSEST * 2 else (long_side,))


def _steps(count: int, settings: config.Settings) -> list[int]:
    """Steps of each of a number of scales."""
    given = settings.iterations
    if not given:
        return [_COARSE_STEPS] * (count - 1) + [_FINE_STEPS]
    if len(given) not in (1, count):
        raise errors.InputError(f"{len(given)} values in --iterations for {count} scales: give one, or one per scale")
    return list(given) * count if len(given) == 1 else list(given)


def size_option(settings: config.Settings, size: int) -> str:
    """The option that asks for a size, for messages: ``--scales`` if the user gave scales.

    Args:
        settings: of the run.
        size: long side, pixels.

    Returns:
        Words that follow "use".
    """
    return f"--scales ending with {size}" if settings.scales else f"--size {size}"
