"""From whatever a caller has (a file, a photo, an array) to a `Photo`."""

import os
from typing import Any, TypeAlias

import numpy as np

from tfstyle import errors
from tfstyle.images import loading
from tfstyle.images import photo as photo_module

__all__ = ["Source", "as_photo", "check_array"]

Source: TypeAlias = str | os.PathLike[str] | photo_module.Photo | np.ndarray

# An array may leave 0..255 by this much: interpolation overshoots.
_OVERSHOOT = 1


def as_photo(source: Source) -> photo_module.Photo:
    """Returns a picture as a photo.

    >>> as_photo(np.zeros((48, 64, 3), np.uint8)).size
    (48, 64)

    Args:
        source: A file, see `loading.load_image`; an array `[H, W, 3]`, sRGB, 0..255; or a photo, which is returned as
            it is.

    Raises:
        errors.InputError: The file cannot be read, or the array has another shape or other values.
    """
    if isinstance(source, photo_module.Photo):
        return source
    if isinstance(source, str | os.PathLike):
        return loading.load_image(source)
    return photo_module.Photo(np.clip(check_array(source), 0, 255).astype(np.float32))


def check_array(image: Any) -> np.ndarray:
    """Checks that something is a picture, and returns it as an array `[H, W, 3]`.

    Args:
        image: What NumPy can make such an array of: uint8, or numbers in 0..255 of any type.

    Returns:
        The array `[H, W, 3]`, in its own type.

    Raises:
        errors.InputError: It has another shape, or values that are not finite or outside 0..255.
    """
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise errors.InputError(f"an image must have the shape [H, W, 3], got {list(array.shape)}")
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise errors.InputError(f"an image must contain finite numbers (got an array of {array.dtype})")
    lowest, highest = array.min(), array.max()
    if lowest < -_OVERSHOOT or highest > 255 + _OVERSHOOT:
        raise errors.InputError(f"an image must have values in 0..255, got {lowest:g}..{highest:g}: rescale it")
    return array
