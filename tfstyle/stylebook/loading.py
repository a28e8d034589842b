"""Finds a style by the file of a painting, the folder of a trained style, or a name."""

import os
import pathlib

import numpy as np

from tfstyle import errors, files, images
from tfstyle.stylebook import catalog, folder, painting, stored, style

__all__ = ["load"]


def load(source: images.Source | style.Style) -> style.Style:
    """Loads a style; a file is preferred to a style of the same name.

    Args:
        source: a painting's file, the folder of a trained style, or a name that `catalog.styles` lists; a painting as a
            photo or an array `[H, W, 3]`, 0..255; or a loaded style, which is returned as it is.

    Returns:
        The style.

    Raises:
        InputError: none of these, or a file that cannot be read.
    """
    if isinstance(source, images.Photo | np.ndarray):
        return painting.Painting(images.as_photo(source))
    if not isinstance(source, str | os.PathLike):
        return source
    text, known = os.fspath(source), catalog.load_all()
    if files.is_folder(text):
        trained = folder.StyleFolder(pathlib.Path(text))
        if trained.statistics.is_file():
            return stored.StoredStyle.open(trained.statistics, trained.name)
        if text not in known:  # A folder of results may have the name of a style.
            raise errors.InputError(
                f"{text}: no style found there ({trained.statistics.name} is missing): "
                "use a folder written by tfstyle train"
            )
    elif os.path.lexists(text) or pathlib.Path(text).suffix:  # lexists accepts names too long for a file.
        return painting.Painting.open(text)
    if text not in known:
        raise errors.InputError(f"no painting or style {text!r}: use an image file or one of {', '.join(known)}")
    return known[text]
