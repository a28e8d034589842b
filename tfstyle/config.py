"""Options of every command, each written once: the command line takes names, defaults, ranges and help from here."""

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Self

from tfstyle import errors, weights

__all__ = [
    "FilmSettings",
    "Options",
    "RUNTIMES",
    "ServeSettings",
    "Settings",
    "StylizeSettings",
    "TrainingSettings",
    "check_value",
    "converter",
    "flag_of",
    "layer_weights",
    "option",
    "parse",
    "value_type",
    "without_effect",
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

    @classmethod
    def from_stored(cls, values: Mapping[str, Any]) -> Self:
        """Reads `stored` values, also those that earlier versions wrote.

        Args:
            values: by name, as JSON gives them back.

        Returns:
            The options.

        Raises:
            InputError: a value that is not accepted.
            TypeError: a name that is unknown.
        """
        return cls(**cls._read(values))

    @classmethod
    def _read(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Tuples instead of lists, and None where earlier versions wrote "", 0, -1 or () for "not given"."""
        optional = {field.name: field for field in dataclasses.fields(cls) if field.default is None}  # type: ignore[arg-type]
        read = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return {
            name: None if name in optional and _meant_not_given(optional[name], value) else value
            for name, value in read.items()
        }


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


def _meant_not_given(field: dataclasses.Field, value: Any) -> bool:
    about = field.metadata
    if value in ("", ()):
        return True
    return value in (0, -1) and not _is_within(value, about["least"], about["most"], about["above"])


def _is_within(item: Any, least: float | None, most: float | None, above: float | None) -> bool:
    if not isinstance(item, int | float):
        return item is None or least is most is above is None
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
class Settings(Options):
    """Everything that decides what the slow path paints, besides the pictures themselves.

    Each option's help text describes its attribute; None means "not given". Lengths are pixels, colors 0..255.

    Raises:
        InputError: a value outside its range, or an option that another one makes meaningless.
    """

    features: str = option(
        "auto",
        "loss network; auto: vgg19 if its weights are available, else compact",
        choices=("auto", *weights.BACKBONES),
    )
    weights: str | None = option(None, "weights of the loss network (.h5, .npz, .safetensors, .pth)", metavar="FILE")
    size: int | None = option(
        None, "long side of the result (default: the photo's own, at most 512)", metavar="PIXELS", least=1
    )
    strength: float | None = option(
        None, "style strength, from 0 (the photo) to 1 (texture only) (default: 0.5)", metavar="0..1", least=0, most=1
    )
    style_scale: float = option(
        1.0, "size of the brush strokes: the painting's size relative to the photo's", metavar="X", least=0.05, most=20
    )
    style_weights: tuple[float, ...] | None = option(
        None, "relative weight of each of several styles (default: equal)", metavar="X,X", above=0
    )
    keep_colors: str = option(
        "no",
        "keep the photo's colors: luminance (repaint brightness only) or match (recolor the painting first)",
        choices=("no", "luminance", "match"),
    )
    optimizer: str = option("lbfgs", "optimizer that updates the pixels", choices=("lbfgs", "adam", "sgd"))
    learning_rate: float | None = option(
        None, "step size of adam (default: 2) or sgd (default: 1), in gray levels", metavar="X", above=0
    )
    scales: tuple[int, ...] | None = option(
        None, "long sides to optimize at, coarse to fine (default: half size, then full size)", metavar="N,N", least=1
    )
    iterations: tuple[int, ...] | None = option(
        None,
        "steps per scale, or one value for all (default: 60 to 130, depending on scale and network)",
        metavar="N,N",
        least=1,
    )
    start: str = option("photo", "initial picture: photo, noise, style, or a file", metavar="WHAT")
    seed: int | None = option(
        None, "random seed of --start noise (default: 0)", metavar="N", least=0, most=_LARGEST_SEED
    )
    content_layers: str | None = option(
        None, "content layers, NAME[:WEIGHT],... or none (default: depends on the network)", metavar="LAYERS"
    )
    style_layers: str | None = option(
        None, "style layers, NAME[:WEIGHT],... or none (default: depends on the network)", metavar="LAYERS"
    )
    pooling: str = option("average", "pooling of the loss network", choices=("average", "max"))
    form: str = option(
        "relative",
        "loss formulas: relative (weighted by --strength); gatys (the paper) and mean, weighted by alpha and beta",
        choices=("relative", "gatys", "mean"),
    )
    content_weight: float | None = option(
        None, "content weight (alpha); use with --style-weight, in place of --strength", metavar="X", least=0
    )
    style_weight: float | None = option(
        None, "style weight (beta); use with --content-weight, in place of --strength", metavar="X", least=0
    )
    variation_weight: float | None = option(
        None, "weight of the total variation loss, which smooths the picture (default: small)", metavar="X", least=0
    )
    precision: str = option(
        "auto",
        "precision of the loss network; auto: bfloat16 on processors that support it natively",
        choices=("auto", "bfloat16", "float32"),
    )
    threads: int | None = option(None, "CPU threads (default: all)", metavar="N", least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scales and list(self.scales) != sorted(self.scales):
            raise errors.InputError(f"scales is {self.scales}: use sizes in order from coarse to fine")
        for name, reason in without_effect(dataclasses.asdict(self)).items():
            raise errors.InputError(f"{name.replace('_', '-')} would have no effect: {reason}; omit it")
        for one, other in (("content", "style"), ("style", "content")):
            given, missing = getattr(self, f"{one}_weight"), getattr(self, f"{other}_weight")
            if given is not None and missing is None and getattr(self, f"{other}_layers") != "none":
                raise errors.InputError(
                    f"{one}-weight needs {other}-weight: "
                    f"specify both, or drop the {other} loss with --{other}-layers none"
                )

    @property
    def is_weighted(self) -> bool:
        """Whether alpha and beta replace the style strength."""
        return self.content_weight is not None or self.style_weight is not None

    @classmethod
    def from_stored(cls, values: Mapping[str, Any]) -> "Settings":
        """See `Options.from_stored`; options that had no effect were accepted by earlier versions, and are left out."""
        read = cls._read(values)
        if not (read.get("content_weight") or read.get("style_weight")):  # 0 and 0 stood for "not given".
            read |= {"content_weight": None, "style_weight": None}
        return cls(**{name: value for name, value in read.items() if name not in without_effect(read)})


def without_effect(values: Mapping[str, Any]) -> dict[str, str]:
    """Finds the options of `Settings` that other options make meaningless.

    Args:
        values: options by name.

    Returns:
        The reason by the name of each such option.
    """
    given = {field.name: field.default for field in dataclasses.fields(Settings)} | dict(values)
    is_weighted = given["content_weight"] is not None or given["style_weight"] is not None
    reasons = {}
    if is_weighted:
        reasons["strength"] = "content-weight and style-weight replace it"
    elif given["form"] != "relative":
        reasons["strength"] = f"form {given['form']} is weighted by content-weight and style-weight"
    if given["optimizer"] == "lbfgs":
        reasons["learning_rate"] = "lbfgs chooses its own step size"
    if given["start"] != "noise":
        reasons["seed"] = "only start noise is random"
    if given["content_layers"] == "none":
        reasons["content_weight"] = "there are no content layers"
    if given["style_layers"] == "none":
        reasons |= dict.fromkeys(("style_weight", "style_weights"), "there are no style layers")
    return {name: reason for name, reason in reasons.items() if given[name] is not None}


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
    learning_rate: float = option(6e-3, "initial learning rate; cosine decay to 2 percent of it", metavar="X", above=0)
    features: str = option("compact", "loss network", choices=("compact", "vgg19"))
    finish: float = option(
        0.1,
        "final fraction of the steps that uses vgg19 as the loss network, if its weights are available",
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
        None, "weight of the total variation loss (default: small)", metavar="X", least=0
    )
    # Measured on realtime (docs/realtime.md): the grid falls from 16 dB to 4, the loss rises by 3 percent.
    grid_weight: float = option(
        3000.0, "weight of the loss that suppresses upsampling grid artifacts", metavar="X", least=0
    )
    border_weight: float = option(0.0, "weight of the border-consistency loss", metavar="X", least=0)
    stability_weight: float = option(
        0.0, "weight of the stability loss (output change under imperceptible input noise)", metavar="X", least=0
    )
    precision: str = option(
        "auto",
        "precision of the networks; auto: bfloat16 on processors that support it natively",
        choices=("auto", "bfloat16", "float32"),
    )
    seed: int = option(0, "random seed of the initial weights, photos and crops", metavar="N", least=0, most=2**32 - 1)
    threads: int | None = option(None, "CPU threads (default: all)", metavar="N", least=1)

    def loss(self, network: str) -> Settings:
        """Returns the slow path's settings for the same loss.

        Args:
            network: the loss network.

        Returns:
            Settings for `plan.objective_for`.

        Raises:
            InputError: a value is outside its range.
        """
        shared = ("strength", "content_layers", "style_layers", "variation_weight", "precision")
        values = {name: getattr(self, name) for name in shared}
        return Settings(features=network, **{name: value for name, value in values.items() if value is not None})


@dataclasses.dataclass(frozen=True)
class FilmSettings(Options):
    """How a video is painted.

    Attributes are described by their help texts.

    Raises:
        InputError: a value is outside its range.
    """

    strength: float = option(
        1.0, "style strength, from 0 (the video itself) to 1 (as trained)", metavar="0..1", least=0, most=1
    )
    keep_colors: bool = option(False, "keep the video's colors")
    size: int | None = option(
        None, "long side of the painted video (default: the video's own)", metavar="PIXELS", least=1
    )
    flicker: bool = option(False, "paint each frame independently (no flicker suppression)")
    threads: int | None = option(None, "CPU threads (default: all)", metavar="N", least=1)


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
        1.0, "style strength, from 0 (the photo itself) to 1 (as trained)", metavar="0..1", least=0, most=1
    )
    keep_colors: bool = option(False, "keep the photo's colors")
    size: int | None = option(None, "long side of the result (default: the photo's own)", metavar="PIXELS", least=1)
    keep_gps: bool = option(False, "keep the photo's GPS location in the result's metadata")
    runtime: str = option(
        "auto", "inference runtime; auto: litert for a few photos, savedmodel for many", choices=RUNTIMES
    )
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
        "loss network used for scoring (default: vgg19, or compact if the style has statistics for compact only)",
        choices=("vgg19", "compact"),
    )
    runtime: str = option("savedmodel", "inference runtime", choices=("litert", "savedmodel"))


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


@dataclasses.dataclass(frozen=True)
class ServeSettings(Options):
    """How the service listens and what it keeps; each option's help text describes its attribute.

    Raises:
        InputError: a value is outside its range.
    """

    host: str = option("127.0.0.1", "address to listen on", metavar="ADDRESS")
    port: int = option(7860, "port to listen on, 0 for any free one", metavar="N", least=0, most=65535)
    token: str | None = option(
        None, "secret that clients must send; required unless the host is local", metavar="SECRET"
    )
    state: str | None = option(
        None, "folder that keeps jobs across restarts (default: a temporary one)", metavar="FOLDER"
    )
    queue: int = option(16, "number of photos that may wait", metavar="N", least=1)


def parse(name: str, text: str, kind: type = Settings) -> Any:
    """Parses an option's value from text, as the command line does.

    Args:
        name: of a field.
        text: as typed.
        kind: the dataclass.

    Returns:
        The value, of the field's type.

    Raises:
        ValueError: the text is not such a value.

    Example:
        >>> parse("scales", "128,256")
        (128, 256)
    """
    return converter(value_type(kind, name))(text)


def value_type(kind: type, name: str) -> Any:
    """The type of an option's value when it is given: ``X`` for a field of type ``X | None``.

    Args:
        kind: the dataclass.
        name: of a field.
    """
    hint = typing.get_type_hints(kind)[name]
    given = [each for each in typing.get_args(hint) if each is not type(None)]
    return given[0] if isinstance(hint, types.UnionType) else hint


def converter(kind: Any) -> Callable[[str], Any]:
    """Returns the function that parses a value of a type from text; tuples are comma-separated."""
    if typing.get_origin(kind) is not tuple:
        return kind
    item = typing.get_args(kind)[0]

    def numbers(text: str) -> tuple:
        return tuple(item(part) for part in text.split(","))

    numbers.__name__ = f"comma-separated {item.__name__}"
    return numbers


def layer_weights(text: str | None, default: tuple[str, ...]) -> dict[str, float]:
    """Parses a list of layers such as ``conv1_1:2,conv2_1`` into weights that sum to 1.

    Without weights the layers share equally, as in Gatys 2015: five style layers of 1/5 each.

    Args:
        text: as typed; None for the default layers, ``none`` for no layers.
        default: names of the default layers.

    Returns:
        Weight by layer.

    Raises:
        InputError: a weight that is not a positive number, or a layer named twice.

    Example:
        >>> layer_weights("conv1_1:3,conv2_1", ())
        {'conv1_1': 0.75, 'conv2_1': 0.25}
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
