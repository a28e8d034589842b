"""Styles as clients ask for them: a name, a mixture, an uploaded painting. No text is ever taken for a file."""

import dataclasses
import functools
import math
from collections.abc import Collection

import numpy as np

from tfstyle import stylebook, stylizer
from tfstyle.images import color
from tfstyle.service import limits
from tfstyle.stylizer import any_painting

__all__ = ["EXAMPLE", "Look", "UPLOAD", "about", "mixable", "names", "parse"]

UPLOAD = "painting"
"""Stands for the uploaded painting in a mixture."""

EXAMPLE = "starry_night:2,great_wave:1"
"""A mixture, for messages."""


@dataclasses.dataclass(frozen=True)
class Look:
    """What a photo shall look like.

    Attributes:
        parts: names of styles, or `UPLOAD`, and their weights, all above 0.
    """

    parts: tuple[tuple[str, float], ...]

    @property
    def folder(self) -> stylebook.StyleFolder | None:
        """Of the trained style, whose own network paints it; None for the network for all paintings."""
        return stylebook.trained().get(self.parts[0][0]) if len(self.parts) == 1 else None

    @property
    def has_upload(self) -> bool:
        """Whether an uploaded painting takes part."""
        return any(name == UPLOAD for name, _ in self.parts)

    @property
    def file_name(self) -> str:
        """Names the styles, for a result's file."""
        return "-".join(name for name, _ in self.parts)

    def vector(self, upload: stylebook.StyleVector | None = None) -> stylebook.StyleVector:
        """Mixes the styles.

        Args:
            upload: style vector of the uploaded painting, if it takes part.
        """
        found = [upload if name == UPLOAD and upload else _stored(name) for name, _ in self.parts]
        return stylebook.StyleVector.mix(found, [weight for _, weight in self.parts])

    def finish(
        self, painted: np.ndarray, photo: np.ndarray, strength: float, *, keep_colors: bool = False
    ) -> np.ndarray:
        """Does what is left to do after a network: see `images.color.mix`.

        Args:
            painted: ``[H, W, 3]``, 0..255. By the network for all paintings, it already has its strength.
            photo: of the same size.
            strength: of a style with its own network, 0..1.
            keep_colors: keep the photo's colors.

        Returns:
            ``[H, W, 3]``, 0..255.
        """
        return color.mix(painted, photo, strength if self.folder else 1.0, keep_colors=keep_colors)


def names() -> list[str]:
    """Lists the styles that photos can be painted in: those with their own network first."""
    trained = stylebook.trained()
    return [*trained, *sorted(stylizer.vectors.named().keys() - trained.keys())]


def about(name: str) -> stylebook.StyleInfo:
    """Returns what is known of a style; of a vector without a record, its name as the title.

    Args:
        name: from `names`.
    """
    return _records().get(name) or stylebook.StyleInfo(name, name.replace("_", " ").title(), "", "")


@functools.cache
def _records() -> dict[str, stylebook.StyleInfo]:
    return {style.name: style for style in stylebook.styles()}


def mixable(name: str) -> bool:
    """Whether a style can be part of a mixture."""
    return name in stylizer.vectors.named()


def parse(style: str, *, has_upload: bool = False) -> Look:
    """Reads a style.

    Args:
        style: a name, or a mixture such as ``starry_night:2,painting:1``; may be empty with an upload.
        has_upload: whether a painting was uploaded.

    Returns:
        The look; styles of weight 0 are left out.

    Raises:
        RequestError: unknown style (404); not a mixture, or one that does not fit the upload (422).
    """
    if not style and not has_upload:
        raise limits.RequestError(422, "style is missing: send a style's name, a mixture, or the file of a painting")
    mixture = [_part(text) for text in style.split(",")] if style else [(UPLOAD, "1")]
    known = names()
    for name, _ in mixture:
        _check_name(name, known, has_upload=has_upload)
    if has_upload and all(name != UPLOAD for name, _ in mixture):
        raise limits.RequestError(422, f"style does not mention the painting: use for instance {style}:2,{UPLOAD}:1")
    look = Look(tuple((name, _weight(text)) for name, text in mixture if _weight(text)))
    if not look.parts:
        raise limits.RequestError(422, "style: all weights are 0: give at least one style a weight above 0")
    for name, _ in look.parts if not look.folder else ():
        if name != UPLOAD and not mixable(name):
            raise limits.RequestError(422, f"style: {name} cannot be mixed with others: use it alone")
    return look


# `stylizer.mixtures` looks for files.
def _part(text: str) -> tuple[str, str]:
    name, colon, weight = text.strip().rpartition(":")
    return (name, weight) if colon else (weight, "1")


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise limits.RequestError(422, f"style: {text!r} is not a weight: use a mixture such as {EXAMPLE}")
    return weight


def _check_name(name: str, known: Collection[str], *, has_upload: bool) -> None:
    if name == UPLOAD and not has_upload:
        raise limits.RequestError(422, f"{UPLOAD} is missing: send the file of a painting in this field")
    if name not in {*known, UPLOAD}:
        raise limits.RequestError(404, f"there is no style {name!r}: use one of {', '.join(known)}")


def _stored(name: str) -> stylebook.StyleVector:
    return stylebook.StyleVector.unpack(stylizer.vectors.named()[name], any_painting.WIDTHS)
