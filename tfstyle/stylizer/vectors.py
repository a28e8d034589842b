"""Finds the style vector of anything that can be given as a style."""

import contextlib
import functools
import io
import os
import pathlib

import numpy as np
import platformdirs

from tfstyle import errors, files, images, stylebook
from tfstyle.stylizer import any_painting, mixtures

__all__ = ["find", "mixed", "named", "network_digest"]


def mixed(mixture: mixtures.Mixture, engine: any_painting.Engine) -> stylebook.StyleVector:
    """Mixes the style vectors of a mixture; see `find`."""
    found = [find(source, engine) for source, _ in mixture]
    return stylebook.StyleVector.mix(found, [weight for _, weight in mixture])


def find(source: mixtures.OneStyle, engine: any_painting.Engine) -> stylebook.StyleVector:
    """Finds or measures a style vector.

    Args:
        source: a name, the folder of a trained style, a painting's file, a photo, an array or a style vector.
        engine: measures paintings.

    Returns:
        The style vector. That of a painting's file is also kept in the user's cache.

    Raises:
        InputError: there is no such style, or it cannot be read.
    """
    if isinstance(source, stylebook.StyleVector):
        return source
    if isinstance(source, np.ndarray | images.Photo):
        return any_painting.style_vector(images.as_photo(source), engine)
    text = os.fspath(source)
    name = pathlib.Path(text).name
    if name in named() and (isinstance(source, stylebook.StyleFolder) or not os.path.lexists(text)):
        return _unpacked(named()[name])
    if files.is_folder(text) or text in stylebook.trained():
        raise errors.InputError(f"{text}: this style cannot be mixed with others: use the painting's file instead")
    if os.path.lexists(text):
        return _of_file(text, engine)
    if pathlib.Path(text).suffix:
        raise errors.InputError(f"{text}: no such file: check the name")
    names = ", ".join(sorted({*named(), *stylebook.trained()}))
    raise errors.InputError(
        f"no style {text!r}: use a painting's file, a folder written by tfstyle train, or one of: {names}"
    )


def named() -> dict[str, np.ndarray]:
    """The packed vectors of the paintings that come with tfstyle, by name."""
    return {name: vector.values for name, vector in stylebook.named().items()}


def _unpacked(values: np.ndarray) -> stylebook.StyleVector:
    return stylebook.StyleVector.unpack(values, any_painting.WIDTHS)


def _of_file(path: str, engine: any_painting.Engine) -> stylebook.StyleVector:
    kept = _cached_file(path)
    with contextlib.suppress(OSError, ValueError, errors.InputError):
        return _unpacked(np.load(kept, allow_pickle=False))
    packed = any_painting.style_vector(images.load_image(path), engine).packed()
    with contextlib.suppress(OSError, errors.InputError):  # Without a writable cache, it is measured each time.
        kept.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.save(buffer, packed)
        files.atomic_write(kept, buffer.getvalue())
    return _unpacked(packed)  # As it will be read.


def _cached_file(path: str) -> pathlib.Path:
    """Names the file by painting and network, so that a new network measures again."""
    name = f"{files.digest(path)[:32]}-{network_digest()[:16]}.npy"
    return pathlib.Path(platformdirs.user_cache_dir("tfstyle", appauthor=False)) / "vectors" / name


@functools.cache
def network_digest() -> str:
    """Identifies the network for all paintings."""
    return files.digest(any_painting.NETWORK)
