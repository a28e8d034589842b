"""Pictures as they come in and go out: bytes of unknown origin, judged by what they are, not by their names."""

import numpy as np

from tfstyle import errors, images
from tfstyle.images import decoding
from tfstyle.service import limits

__all__ = ["KINDS", "encoded", "read"]

KINDS = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
"""What can be asked for, and the suffix that `images.encode` knows it by."""


def read(data: bytes, bounds: limits.Limits, size: int | None = None) -> images.Photo:
    """Decodes an upload.

    Args:
        data: a JPEG, PNG, WebP, TIFF, GIF, BMP or AVIF file.
        bounds: what is accepted.
        size: long side of the result, pixels; None for the picture's own.

    Returns:
        The photo.

    Raises:
        RequestError: it has too many pixels, or is none.
    """
    try:
        with decoding.opened(data) as image:  # Its head alone: a bomb is small until it is decoded.
            width, height = image.size
        wanted_height, wanted_width = images.fit_size(height, width, size or max(height, width))
        if max(width * height, wanted_width * wanted_height) <= bounds.pixels:
            return images.load_image(data, size=size)
    except errors.InputError as error:
        raise limits.RequestError(400, str(error)) from error
    raise limits.RequestError(
        413, f"the picture has too many pixels: send one of at most {bounds.pixels / 1e6:g} million"
    )


def encoded(rgb: np.ndarray, kind: str, alpha: np.ndarray | None = None) -> bytes:
    """A file.

    Args:
        rgb: ``[H, W, 3]``, 0..255.
        kind: of `KINDS`.
        alpha: ``[H, W]``, 0..1; None if opaque.
    """
    return images.encode(rgb, KINDS[kind], alpha=alpha)
