"""Settings of the slow path, which optimizes the pixels of one picture."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from tfstyle import errors, weights
from tfstyle.config import options

__all__ = ["Settings", "layer_weights", "parse", "without_effect"]

_LARGEST_SEED = 2**63 - 1  # TensorFlow's stateless generators take int64.


@dataclasses.dataclass(frozen=True)
class Settings(options.Options):
    """Everything that decides what the slow path paints, besides the pictures themselves.

    Each option's help text describes its attribute; None means "not given". Lengths are pixels, colors 0..255.

    Raises:
        InputError: a value outside its range, or an option that another one makes meaningless.
    """

    features: str = options.option(
        "auto",
        "loss network; auto: vgg19 if its weights are available, else compact",
        choices=("auto", *weights.BACKBONES),
    )
    weights: str | None = options.option(
        None, "weights of the loss network (.h5, .npz, .safetensors, .pth)", metavar="FILE"
    )
    size: int | None = options.option(
        None, "long side of the result (default: the photo's own, at most 512)", metavar="PIXELS", least=1
    )
    strength: float | None = options.option(
        None, "style strength, from 0 (the photo) to 1 (texture only) (default: 0.5)", metavar="0..1", least=0, most=1
    )
    style_scale: float = options.option(
        1.0, "size of the brush strokes: the painting's size relative to the photo's", metavar="X", least=0.05, most=20
    )
    style_weights: tuple[float, ...] | None = options.option(
        None, "relative weight of each of several styles (default: equal)", metavar="X,X", above=0
    )
    keep_colors: str = options.option(
        "no",
        "keep the photo's colors: luminance (repaint brightness only) or match (recolor the painting first)",
        choices=("no", "luminance", "match"),
    )
    optimizer: str = options.option("lbfgs", "optimizer that updates the pixels", choices=("lbfgs", "adam", "sgd"))
    learning_rate: float | None = options.option(
        None, "step size of adam (default: 2) or sgd (default: 1), in gray levels", metavar="X", above=0
    )
    scales: tuple[int, ...] | None = options.option(
        None, "long sides to optimize at, coarse to fine (default: half size, then full size)", metavar="N,N", least=1
    )
    iterations: tuple[int, ...] | None = options.option(
        None,
        "steps per scale, or one value for all (default: 60 to 130, depending on scale and network)",
        metavar="N,N",
        least=1,
    )
    start: str = options.option("photo", "initial picture: photo, noise, style, or a file", metavar="WHAT")
    seed: int | None = options.option(
        None, "random seed for --start noise (default: 0)", metavar="N", least=0, most=_LARGEST_SEED
    )
    content_layers: str | None = options.option(
        None, "content layers, NAME[:WEIGHT],... or none (default: depends on the network)", metavar="LAYERS"
    )
    style_layers: str | None = options.option(
        None, "style layers, NAME[:WEIGHT],... or none (default: depends on the network)", metavar="LAYERS"
    )
    pooling: str = options.option("average", "pooling of the loss network", choices=("average", "max"))
    form: str = options.option(
        "relative",
        "loss formulas: relative (weighted by --strength); gatys (the paper) and mean, weighted by alpha and beta",
        choices=("relative", "gatys", "mean"),
    )
    content_weight: float | None = options.option(
        None, "content weight (alpha); use with --style-weight, in place of --strength", metavar="X", least=0
    )
    style_weight: float | None = options.option(
        None, "style weight (beta); use with --content-weight, in place of --strength", metavar="X", least=0
    )
    variation_weight: float | None = options.option(
        None, "weight of the total variation loss, which smooths the picture (default: small)", metavar="X", least=0
    )
    precision: str = options.option(
        "auto",
        "precision of the loss network; auto: bfloat16 on processors that support it natively",
        choices=("auto", "bfloat16", "float32"),
    )
    threads: int | None = options.option(None, "CPU threads (default: all)", metavar="N", least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scales and list(self.scales) != sorted(self.scales):
            raise errors.InputError(f"scales is {self.scales}: list the sizes from coarse to fine")
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
        """See `options.Options.from_stored`. Earlier versions accepted options without effect; they are dropped."""
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
    return options.converter(options.value_type(kind, name))(text)


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
