"""Identifies styles, so that an interrupted film continues in the style in which it began."""

import hashlib
import os

import numpy as np

from tfstyle import files, images, stylebook
from tfstyle.stylizer import mixtures, vectors

__all__ = ["style_digest"]


def style_digest(source: mixtures.OneStyle) -> str:
    """Identifies a style by its content, wherever its files are.

    Args:
        source: see `vectors.find`.

    Returns:
        64 hexadecimal digits.

    Raises:
        InputError: a file cannot be read.
    """
    if isinstance(source, stylebook.StyleVector):
        return hashlib.sha256(source.packed().tobytes()).hexdigest()
    if isinstance(source, np.ndarray | images.Photo):
        return stylebook.Painting(images.as_photo(source)).digest
    if folder := mixtures.trained([(source, 1.0)]):
        return files.digest(folder.litert)
    text = os.fspath(source)
    if text in vectors.named() and not os.path.lexists(text):
        return hashlib.sha256(vectors.named()[text].tobytes()).hexdigest()
    return files.digest(text)
