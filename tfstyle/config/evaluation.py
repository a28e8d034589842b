"""Settings of evaluation and benchmark."""

import dataclasses

from tfstyle import errors
from tfstyle.config import options

__all__ = ["BenchmarkSettings", "EvaluationSettings"]


@dataclasses.dataclass(frozen=True)
class EvaluationSettings(options.Options):
    """Options of `evaluate`; each option's help text describes its attribute.

    Raises:
        InputError: a value is outside its range.
    """

    count: int = options.option(10, "number of photos to score", metavar="N", least=1)
    sizes: tuple[int, ...] = options.option(
        (256,), "long sides to score at", metavar="PIXELS", least=1, flag="size", nargs="+"
    )
    features: str | None = options.option(
        None,
        "loss network used for scoring (default: vgg19, or compact if the style has statistics for compact only)",
        choices=("vgg19", "compact"),
    )
    runtime: str = options.option("savedmodel", "inference runtime", choices=("litert", "savedmodel"))


@dataclasses.dataclass(frozen=True)
class BenchmarkSettings(options.Options):
    """Options of `benchmark`; each option's help text describes its attribute.

    Raises:
        InputError: a value is outside its range.
    """

    # Mirrored borders need a few pixels, and the networks in other frameworks accept only multiples of four.
    height: int = options.option(768, "height of the picture, a multiple of 4", metavar="PIXELS", least=16)
    width: int = options.option(1024, "width of the picture, a multiple of 4", metavar="PIXELS", least=16)
    rounds: int = options.option(15, "pictures per entry", metavar="N", least=1)
    threads: int | None = options.option(None, "CPU threads (default: all)", metavar="N", least=1)
    torch: str | None = options.option(
        None, "Python interpreter that has PyTorch (default: this one)", metavar="PYTHON"
    )
    onnx: str | None = options.option(
        None, "Python interpreter that has onnxruntime and onnx (default: this one)", metavar="PYTHON"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("height", "width"):
            if getattr(self, name) % 4:
                raise errors.InputError(f"{name} is {getattr(self, name)}: use a multiple of 4")
