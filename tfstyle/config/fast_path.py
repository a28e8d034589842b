"""Settings of the fast path, which paints photos and videos with a trained network."""

import dataclasses

from tfstyle.config import options

__all__ = ["FilmSettings", "RUNTIMES", "StylizeSettings"]

# What runs an exported network; auto: LiteRT for a few pictures, the SavedModel for many.
RUNTIMES = ("auto", "litert", "savedmodel")


@dataclasses.dataclass(frozen=True)
class StylizeSettings(options.Options):
    """How photos are painted with a trained network.

    Each option's help text describes its attribute.

    Raises:
        InputError: a value is outside its range.
    """

    strength: float = options.option(
        1.0, "style strength, from 0 (the photo itself) to 1 (the full style)", metavar="0..1", least=0, most=1
    )
    keep_colors: bool = options.option(False, "keep the photo's colors")
    size: int | None = options.option(
        None, "long side of the result (default: the photo's own)", metavar="PIXELS", least=1
    )
    keep_gps: bool = options.option(False, "keep the photo's GPS location in the result's metadata")
    runtime: str = options.option(
        "auto", "inference runtime; auto: litert for a few photos, savedmodel for many", choices=RUNTIMES
    )
    threads: int | None = options.option(None, "CPU threads (default: all)", metavar="N", least=1)


@dataclasses.dataclass(frozen=True)
class FilmSettings(options.Options):
    """How a video is painted.

    Attributes are described by their help texts.

    Raises:
        InputError: a value is outside its range.
    """

    strength: float = options.option(
        1.0, "style strength, from 0 (the video itself) to 1 (the full style)", metavar="0..1", least=0, most=1
    )
    keep_colors: bool = options.option(False, "keep the video's colors")
    size: int | None = options.option(
        None, "long side of the painted video (default: the video's own)", metavar="PIXELS", least=1
    )
    flicker: bool = options.option(False, "paint each frame independently (no flicker suppression)")
    threads: int | None = options.option(None, "CPU threads (default: all)", metavar="N", least=1)
