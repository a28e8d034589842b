"""Reads what a user gives as a style: one style, or several with weights, ``starry_night:2,painting.jpg:1``."""

import math
import os
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from tfstyle import errors, files, images, stylebook

__all__ = ["Mixture", "OneStyle", "StyleLike", "name_of", "parse", "trained"]

# A name, a folder, a painting, or a painting's style vector.
OneStyle: TypeAlias = images.Source | stylebook.StyleVector
# One style, several in one text, or a mapping from names or files to weights.
StyleLike: TypeAlias = OneStyle | Mapping[str, float]
Mixture: TypeAlias = list[tuple[OneStyle, float]]


def parse(style: StyleLike) -> Mixture:
    """Separates the styles of a mixture.

    Args:
        style: a name, a file, a folder, a photo, array or style vector; ``A:2,B:1``, where a weight of 1 may be left
            out; or a mapping from names or files to weights.

    Returns:
        Styles and their weights.

    Raises:
        InputError: a weight is not a number of 0 or more, all are 0, or a style is missing between two commas.
    """
    if isinstance(style, Mapping):
        mixture: Mixture = [(source, float(weight)) for source, weight in style.items()]
    elif isinstance(style, str) and not _is_one(style):
        mixture = [_part(text.strip(), style) for text in style.split(",")]
    else:
        return [(style, 1.0)]
    if not mixture or sum(weight for _, weight in mixture) <= 0:
        raise errors.InputError(f"{style}: all weights are 0: give at least one style a weight above 0")
    return mixture


def _is_one(text: str) -> bool:
    """Whether a text is one style: commas and colons may be part of a file's name."""
    return os.path.lexists(text) or not {",", ":"} & set(text)


def _part(text: str, whole: str) -> tuple[str, float]:
    source, colon, number = text.rpartition(":")
    if os.path.lexists(text) or not colon or number[:1] in ("/", "\\"):  # C:\painting.jpg
        source, number = text, "1"
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not source or not 0 <= weight < math.inf:
        raise errors.InputError(f"{whole!r} is not a mixture of styles: use for instance starry_night:2,painting.jpg:1")
    return source, weight


def trained(mixture: Mixture) -> stylebook.StyleFolder | None:
    """Finds the network of a style that has its own; a file is preferred to a style of the same name.

    Args:
        mixture: from `parse`.

    Returns:
        Its folder; None for a mixture, and for what the network for all paintings paints.
    """
    source, _ = mixture[0]
    if len(mixture) > 1 or isinstance(source, np.ndarray | images.Photo | stylebook.StyleVector):
        return None
    is_file = os.path.isfile(source)  # noqa: PTH113 - the name may be no valid path
    if files.is_folder(source) or (os.fspath(source) in stylebook.trained() and not is_file):
        return stylebook.find(source)
    return None


def name_of(mixture: Mixture) -> str:
    """Describes a mixture without paths, which are private.

    Args:
        mixture: from `parse`.

    Returns:
        For instance ``starry_night`` or ``starry_night:2,painting.jpg:1``.
    """
    if len(mixture) == 1:
        return _name(mixture[0][0])
    return ",".join(f"{_name(source)}:{weight:g}" for source, weight in mixture)


def _name(source: OneStyle) -> str:
    if isinstance(source, np.ndarray | images.Photo | stylebook.StyleVector):
        return "painting"
    if isinstance(source, stylebook.StyleFolder):
        return source.name
    return os.path.basename(os.path.abspath(os.fspath(source)))  # noqa: PTH100, PTH119 - names may be invalid paths
