"""Identifies styles, so that an interrupted film continues in the style in which it began."""

import hashlib
import os
import pathlib

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
        photo = images.as_photo(source)
        alpha = b"" if photo.alpha is None else photo.alpha.tobytes()
        return hashlib.sha256(str(photo.size).encode() + photo.rgb.tobytes() + alpha).hexdigest()
    text = os.fspath(source)
    if folder := stylebook.StyleFolder(pathlib.Path(text)) if files.is_folder(text) else stylebook.trained().get(text):
        parts = [files.digest(file) for file in (folder.litert, folder.vector) if file.is_file()]
        return hashlib.sha256("".join(parts).encode()).hexdigest()
    if text in vectors.named() and not os.path.lexists(text):
        return hashlib.sha256(vectors.named()[text].tobytes()).hexdigest()
    return files.digest(text)
