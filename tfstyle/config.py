"""What a user can choose for the slow path, written once: the command line reads names, defaults and help from here."""

import dataclasses
import math
from typing import Any

from tfstyle import errors, weights

__all__ = [
    "FilmSettings",
    "Options",
    "RUNTIMES",
    "Settings",
    "StylizeSettings",
    "TrainingSettings",
    "check_value",
    "flag_of",
    "layer_weights",
    "option",
]

_LARGEST_SEED = 2**63 - 1  # TensorFlow's stateless generators take int64.


def option(  # noqa: PLR0913 - keywords, most of which an option leaves out
    default: Any,
    text: str,
    *,
    choices: tuple[str, ...] = (),
    metavar: str = "",
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    flag: str = "",
    nargs: str = "",
) -> Any:
    """A dataclass field with everything the command line needs to offer it as an option.

    The field's type decides how a value is parsed: ``str``, ``int``, ``float``, ``bool`` (a flag without a value) or
    a tuple of these (comma-separated); ``X | None`` is parsed as ``X``, and None means "not given".

    Args:
        default: the value when the option is not given.
        text: help, half a line.
        choices: accepted words; empty if any value of the type will do.
        metavar: stands for the value in the help.
        least: smallest accepted number.
        most: largest accepted number.
        above: exclusive lower bound.
        flag: the option's name without dashes, if it is not the field's own.
        nargs: ``+`` if several values are separated by spaces instead of commas.

    Returns:
        A `dataclasses.field`.
    """
    about = {"help": text, "choices": choices, "metavar": metavar, "least": least, "most": most, "above": above}
    return dataclasses.field(default=default, metadata=about | {"flag": flag, "nargs": nargs})


def flag_of(field: dataclasses.Field) -> str:
    """A field's name on the command line, without the dashes: ``style-scale`` for ``style_scale``."""
    return field.metadata["flag"] or field.name.replace("_", "-")


class Options:
    """Base of the frozen dataclasses of options: checks every value against its option's choices and range.

    Raises:
        InputError: a value that is not accepted.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            check_value(field, getattr(self, field.name))

    @property
    def stored(self) -> dict[str, Any]:
        """Values by name, as JSON gives them back: lists instead of tuples."""
        values = dataclasses.asdict(self)  # type: ignore[call-overload]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def check_value(field: dataclasses.Field, value: Any) -> None:
    """Checks one value against its option's choices and range; None, "not given", is always accepted.

    Args:
        field: made by `option`.
        value: of the field's type.

    Raises:
        InputError: names the option, the value and what is accepted.
    """
    about, items = field.metadata, value if isinstance(value, tuple) else (value,)
    if about["choices"] and not {*items, None} <= {*about["choices"], None}:
        raise errors.InputError(f"{flag_of(field)} {value!r}: choose one of {', '.join(about['choices'])}")
    if not all(_is_within(item, about["least"], about["most"], about["above"]) for item in items):
        raise errors.InputError(f"{flag_of(field)} is {value}: use {_range_text(about)}")


def _is_within(item: Any, least: float | None, most: float | None, above: float | None) -> bool:
    if not isinstance(item, int | float):
        return True
    return (
        -math.inf < item < math.inf
        and (least is None or item >= least)
        and (most is None or item <= most)
        and (above is None or item > above)
    )


def _range_text(about: Any) -> str:
    least, most, above = about["least"], about["most"], about["above"]
    if above is not None:
        return f"a number above {above:g}"
    if least is None:
        return "a finite number"
    return f"{least} or more" if most is None else f"{least} to {most}"


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that decides what the slow path paints, besides the pictures themselves.

    Attributes are described by their help texts. Lengths are pixels, colours grey levels 0..255.

    Raises:
        InputError: a value outside its range.
    """

    features: str = option(
        "auto",
        "network the loss looks through; auto: vgg19 if its weights are at hand, else compact",
        choices=("auto", *weights.BACKBONES),
    )
    weights: str = option("", "file with that network's weights (h5, npz, safetensors, pth)", metavar="FILE")
    size: int = option(0, "long side of the picture; 0: the photo's own, up to 512", metavar="PIXELS")
    strength: float = option(0.5, "how much style, 0 (the photo) to 1 (texture only)", metavar="0..1")
    style_scale: float = option(1.0, "size of brush strokes: the painting's size relative to the photo's", metavar="X")
    style_weights: tuple[float, ...] = option((), "weight of each style, if there are several", metavar="X,X")
    keep_colors: str = option(
        "no",
        "keep the photo's colours: luminance (only light and dark change) or match (recolour the painting beforehand)",
        choices=("no", "luminance", "match"),
    )
    optimizer: str = option("lbfgs", "minimiser over the pixels", choices=("lbfgs", "adam", "sgd"))
    learning_rate: float = option(0.0, "of adam and sgd, grey levels per step; 0: 2 for adam, 1 for sgd", metavar="X")
    scales: tuple[int, ...] = option((), "long sides to work at; default: half, then full size", metavar="N,N")
    iterations: tuple[int, ...] = option((), "steps at each scale (or one number for all)", metavar="N,N")
    start: str = option("photo", "first picture: photo, noise, style, or a file", metavar="WHAT")
    seed: int = option(0, "of the noise", metavar="N")
    content_layers: str = option("", "NAME[:WEIGHT],... of the content loss; default: the network's", metavar="LAYERS")
    style_layers: str = option("", "NAME[:WEIGHT],... of the style loss; default: the network's", metavar="LAYERS")
    pooling: str = option("average", "of the network", choices=("average", "max"))
    form: str = option("relative", "normalisation of the losses", choices=("relative", "gatys", "mean"))
    content_weight: float = option(0.0, "alpha, instead of --strength", metavar="X")
    style_weight: float = option(0.0, "beta, instead of --strength", metavar="X")
    variation_weight: float = option(-1.0, "of the total variation (smoothness); default: a little", metavar="X")
    precision: str = option(
        "auto",
        "of the network's arithmetic; auto: bfloat16 where the processor is made for it",
        choices=("auto", "bfloat16", "float32"),
    )
    threads: int = option(0, "processor threads, 0 for all", metavar="N")

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check_choice(field, getattr(self, field.name))
        _require(0 <= self.strength <= 1, "strength", self.strength, "0 to 1")
        _require(self.size >= 0, "size", self.size, "1 or more pixels")
        _require(0.05 <= self.style_scale <= 20, "style-scale", self.style_scale, "0.05 to 20")
        _require(0 <= self.learning_rate < math.inf, "learning-rate", self.learning_rate, "a positive number")
        _require(0 <= self.seed <= _LARGEST_SEED, "seed", self.seed, f"0 to {_LARGEST_SEED}")
        _require(self.threads >= 0, "threads", self.threads, "0 or more")
        _require(all(count > 0 for count in self.iterations), "iterations", self.iterations, "1 or more")
        _require(all(side > 0 for side in self.scales), "scales", self.scales, "1 or more pixels")
        _require(list(self.scales) == sorted(self.scales), "scales", self.scales, "sizes from coarse to fine")
        usable = all(0 < weight < math.inf for weight in self.style_weights)
        _require(usable, "style-weights", self.style_weights, "numbers above 0")
        _require(0 <= self.content_weight < math.inf, "content-weight", self.content_weight, "0 or more")
        _require(0 <= self.style_weight < math.inf, "style-weight", self.style_weight, "0 or more")
        usable = self.variation_weight == -1 or 0 <= self.variation_weight < math.inf
        _require(usable, "variation-weight", self.variation_weight, "0 or more")

    @property
    def weighted(self) -> bool:
        """Whether alpha and beta were given in place of the one knob."""
        return bool(self.content_weight or self.style_weight)

    @property
    def stored(self) -> dict[str, Any]:
        """Values by name as a recipe holds them and JSON gives them back: lists for tuples."""
        values = dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclasses.dataclass(frozen=True)
class TrainingSettings(Options):
    """Everything that decides what a transformation network learns, besides the painting and the photos.

    Each option's help text describes its attribute.

    Raises:
        InputError: a value is outside its range.
    """

    network: str = option("realtime", "architecture of the trained network", choices=("realtime", "johnson"))
    strength: float = option(0.35, "style strength, 0 (the photo) to 1 (texture only)", metavar="0..1", least=0, most=1)
    steps: int = option(8000, "training steps", metavar="N", least=1)
    batch: int = option(4, "photos per step", metavar="N", least=1)
    crop: int = option(256, "side of the random crops", metavar="PIXELS", least=64)
    style_size: int = option(
        512, "long side of the painting; larger means larger brush strokes", metavar="PIXELS", least=64
    )
    learning_rate: float = option(6e-3, "initial learning rate; decays by a cosine to 2 percent", metavar="X", above=0)
    features: str = option("compact", "loss network", choices=("compact", "vgg19"))
    finish: float = option(
        0.1,
        "share of the steps, at the end, with vgg19 as loss network if its weights are available",
        metavar="0..1",
        least=0,
        most=1,
    )
    content_layers: str | None = option(
        None, "content layers, NAME[:WEIGHT],... (default: depends on the loss network)", metavar="LAYERS"
    )
    style_layers: str | None = option(
        None, "style layers, NAME[:WEIGHT],... (default: depends on the loss network)", metavar="LAYERS"
    )
    variation_weight: float | None = option(
        None, "weight of the total variation loss (default: a small one)", metavar="X", least=0
    )
    # Measured on realtime (docs/realtime.md): the grid falls from 16 dB to 4, the loss rises by 3 percent.
    grid_weight: float = option(3000.0, "weight of the loss on the grid that upsampling leaves", metavar="X", least=0)
    border_weight: float = option(0.0, "weight of the border-consistency loss", metavar="X", least=0)
    stability_weight: float = option(
        0.0, "weight of the stability loss (output change under imperceptible input noise)", metavar="X", least=0
    )
    precision: str = option(
        "auto",
        "number format of the networks; auto: bfloat16 on processors that support it natively",
        choices=("auto", "bfloat16", "float32"),
    )
    seed: int = option(0, "seed of initial weights, photos and crops", metavar="N", least=0, most=2**32 - 1)
    threads: int | None = option(None, "CPU threads (default: all)", metavar="N", least=1)

    def loss(self, network: str) -> Settings:
        """Returns the slow path's settings for the same loss.

        Args:
            network: the loss network.

        Returns:
            Settings for `planning.objective_for`.

        Raises:
            InputError: a value is outside its range.
        """
        shared = ("strength", "content_layers", "style_layers", "variation_weight", "precision")
        values = {name: getattr(self, name) for name in shared}
        return Settings(features=network, **{name: value for name, value in values.items() if value is not None})


@dataclasses.dataclass(frozen=True)
class FilmSettings(Options):
    """How a film is painted.

    Attributes are described by their help texts.

    Raises:
        InputError: a value is outside its range.
    """

    strength: float = option(
        1.0, "how much style, 0 (the film itself) to 1 (as trained)", metavar="0..1", least=0, most=1
    )
    keep_colors: bool = option(False, "keep the film's colors")
    size: int | None = option(
        None, "long side of the painted film (default: the film's own)", metavar="PIXELS", least=1
    )
    flicker: bool = option(False, "paint each frame on its own, which flickers")
    threads: int = option(0, "CPU threads, 0 for all", metavar="N", least=0)


# What runs an exported network; auto: LiteRT for a few pictures, the SavedModel for many.
RUNTIMES = ("auto", "litert", "savedmodel")


@dataclasses.dataclass(frozen=True)
class StylizeSettings(Options):
    """How photos are painted with a trained network.

    Each option's help text describes its attribute.

    Raises:
        InputError: a value is outside its range.
    """

    strength: float = option(
        1.0, "how much style, 0 (the photo itself) to 1 (as trained)", metavar="0..1", least=0, most=1
    )
    keep_colors: bool = option(False, "keep the photo's colors")
    size: int | None = option(None, "long side of the result (default: the photo's own)", metavar="PIXELS", least=1)
    keep_gps: bool = option(False, "keep the place where the photo was taken in the result's metadata")
    runtime: str = option("auto", "what runs the network; auto: litert for a few photos", choices=RUNTIMES)
    threads: int | None = option(None, "CPU threads (default: all)", metavar="N", least=1)


@dataclasses.dataclass(frozen=True)
class EvaluationSettings(Options):
    """Options of `evaluate`; each option's help text describes its attribute.

    Raises:
        InputError: a value is outside its range.
    """

    count: int = option(10, "number of photos to score", metavar="N", least=1)
    sizes: tuple[int, ...] = option((256,), "long sides to score at", metavar="PIXELS", least=1, flag="size", nargs="+")
    features: str | None = option(
        None,
        "loss network that scores (default: vgg19, or compact if the style has statistics for compact only)",
        choices=("vgg19", "compact"),
    )
    runtime: str = option("savedmodel", "runtime of the network", choices=("litert", "savedmodel"))


@dataclasses.dataclass(frozen=True)
class BenchmarkSettings(Options):
    """Options of `benchmark`; each option's help text describes its attribute.

    Raises:
        InputError: a value is outside its range.
    """

    # Mirrored borders need a few pixels, and the networks in other frameworks accept only multiples of four.
    height: int = option(768, "height of the picture, a multiple of 4", metavar="PIXELS", least=16)
    width: int = option(1024, "width of the picture, a multiple of 4", metavar="PIXELS", least=16)
    rounds: int = option(15, "pictures per entry", metavar="N", least=1)
    threads: int | None = option(None, "CPU threads (default: all)", metavar="N", least=1)
    torch: str | None = option(None, "Python interpreter that has PyTorch (default: this one)", metavar="PYTHON")
    onnx: str | None = option(
        None, "Python interpreter that has onnxruntime and onnx (default: this one)", metavar="PYTHON"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("height", "width"):
            if getattr(self, name) % 4:
                raise errors.InputError(f"{name} is {getattr(self, name)}: use a multiple of 4")


def layer_weights(text: str, default: tuple[str, ...]) -> dict[str, float]:
    """Reads ``conv1_1:2,conv2_1``; weights are shares, their sum is 1.

    Gatys 2015 gives each of five style layers 1/5.

    Args:
        text: as typed; empty for the default layers, ``none`` for no layer at all.
        default: names that share equally.

    Returns:
        Weight by layer.

    Raises:
        InputError: a weight that is not a positive number, a layer named twice.
    """
    if text == "none":
        return {}
    pairs = [part.strip().partition(":") for part in text.split(",")] if text else [(name, "", "") for name in default]
    try:
        weights = {name.strip(): float(weight or 1) for name, _, weight in pairs}
    except ValueError:
        raise errors.InputError(f"layers {text!r}: write NAME or NAME:WEIGHT, separated by commas") from None
    if len(weights) < len(pairs):
        raise errors.InputError(f"layers {text!r}: name each layer once")
    if not all(0 < weight < math.inf for weight in weights.values()):
        raise errors.InputError(f"layers {text!r}: weights must be above 0")
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _check_choice(field: dataclasses.Field, value: object) -> None:
    choices = field.metadata["choices"]
    if choices and value not in choices:
        raise errors.InputError(f"{field.name.replace('_', '-')} {value!r}: choose one of {', '.join(choices)}")


def _require(fine: bool, name: str, value: object, accepted: str) -> None:
    if not fine:
        raise errors.InputError(f"{name} is {value}: use {accepted}")
