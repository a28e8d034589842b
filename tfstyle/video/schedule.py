"""Films that change their style over time: ``starry_night@0s,painting.jpg@10s``."""

import dataclasses
import itertools
import math
import numbers
import os
import re
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import numpy as np

from tfstyle import errors, stylizer

__all__ = ["FilmStyle", "Schedule", "parse"]

# One style for the whole film, a text with times, or a mapping from seconds to styles.
FilmStyle: TypeAlias = stylizer.StyleLike | Mapping[float, stylizer.StyleLike]

# 1h2m3s, 1m30s, 10s, 2.5s, 90.
_TIME = re.compile(r"(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")
_EXAMPLE = "use for instance starry_night@0s,painting.jpg@1m30s"


@dataclasses.dataclass(frozen=True)
class Schedule:
    """The styles of a film and their times.

    Attributes:
        times: seconds, rising.
        styles: as many, see `stylizer.Stylizer`.
    """

    times: tuple[float, ...]
    styles: tuple[stylizer.StyleLike, ...]

    def __post_init__(self) -> None:
        if not all(math.isfinite(time) and time >= 0 for time in self.times):
            raise errors.InputError(f"the times of the styles are {self._shown}: use seconds of 0 or more")
        if not all(earlier < later for earlier, later in itertools.pairwise(self.times)):
            raise errors.InputError(f"the times of the styles are {self._shown}: list them in rising order, none twice")

    @property
    def name(self) -> str:
        """Describes the schedule without paths: ``starry_night``, or ``starry_night@0s,painting.jpg@10s``."""
        names = [stylizer.mixtures.name_of(stylizer.mixtures.parse(style)) for style in self.styles]
        if len(names) == 1:
            return names[0]
        return ",".join(f"{name}@{time:g}s" for name, time in zip(names, self.times, strict=True))

    def shares(self, seconds: float) -> list[float]:
        """Weighs the styles at a time.

        Between two times, one style turns into the next at a constant rate. Before the first and after the last, there
        is only one.

        Args:
            seconds: since the film's start.

        Returns:
            Weights of all styles, 0..1; their sum is 1.
        """
        place = np.interp(seconds, self.times, range(len(self.times)))
        return [max(0.0, 1 - abs(float(place) - index)) for index in range(len(self.times))]

    @property
    def _shown(self) -> str:
        return ", ".join(f"{time:g}" for time in self.times)


def parse(style: FilmStyle) -> Schedule:
    """Reads what a user gives as the style of a film.

    >>> parse("starry_night@0s,painting.jpg@1m30s").times
    (0.0, 90.0)

    Args:
        style: what `stylizer.Stylizer` accepts; ``A@0s,B@10s``, where the first time may be left out; or a mapping from
            seconds to styles.

    Returns:
        The schedule; without times, it has one style.

    Raises:
        InputError: a time is missing, is not a time or is not later than the one before, or styles with times have
            weights.
    """
    if isinstance(style, Mapping) and style and all(isinstance(key, numbers.Real) for key in style):
        entries = sorted(cast(Mapping[float, Any], style).items())
        return Schedule(tuple(float(time) for time, _ in entries), tuple(each for _, each in entries))
    if isinstance(style, str) and not os.path.lexists(style) and any(map(_has_time, style.split(","))):
        parts = [_entry(text.strip(), index == 0) for index, text in enumerate(style.split(","))]
        return Schedule(tuple(time for time, _ in parts), tuple(each for _, each in parts))
    return Schedule((0.0,), (cast(stylizer.StyleLike, style),))


def _has_time(text: str) -> bool:
    """Whether there is a time, perhaps a wrong one, behind a style: me@home.jpg has none."""
    _, sign, time = text.strip().rpartition("@")
    is_file = os.path.lexists(text.strip()) or bool(set("./\\") & set(time) and not _TIME.fullmatch(time))
    return bool(sign) and not is_file


def _entry(text: str, is_first: bool) -> tuple[float, str]:
    """Separates a style and its time."""
    style, _, time = text.rpartition("@") if _has_time(text) else (text, "", "0" if is_first else "")
    if not style:
        raise errors.InputError(f"a style is missing before {text!r}: {_EXAMPLE}")
    if not time:
        raise errors.InputError(f"{text!r} has no time: {_EXAMPLE}")
    if stylizer.mixtures.parse(style) != [(style, 1.0)]:
        raise errors.InputError(f"{style!r} has a weight and a time: {_EXAMPLE}, without weights")
    return _seconds(time), style


def _seconds(text: str) -> float:
    found = _TIME.fullmatch(text)
    if not found:
        raise errors.InputError(f"{text!r} is not a time: use for instance 10s, 2.5s or 1m30s")
    hours, minutes, seconds = (float(each or 0) for each in found.groups())
    return 3600 * hours + 60 * minutes + seconds
