"""Uploaded pictures: measured by their header, decoded within limits; encoding of results."""

import numpy as np

from tfstyle import errors, images
from tfstyle.service import limits

__all__ = ["FORMATS", "decode", "encode", "measure"]

FORMATS = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
"""Formats of results, and the suffix by which `images.encode` knows each."""

# Longest side that a format can hold: JPEG_MAX_DIMENSION of libjpeg, WEBP_MAX_DIMENSION of libwebp.
_LONGEST = {"jpeg": 65_500, "webp": 16_383}


def measure(data: bytes, bounds: limits.Limits, size: int | None = None, result_format: str = "png") -> tuple[int, int]:
    """Checks an upload by its header, before anything is decoded.

    Args:
        data: the file's content.
        bounds: the limits.
        size: long side of the result in pixels; None for the photo's own.
        result_format: a name from `FORMATS`.

    Returns:
        Height and width of the result in pixels.

    Raises:
        RequestError: the file is not a picture (400), too large (413), or the result does not fit its format (422).
    """
    try:
        height, width = images.probe(data)
        wanted = images.fit_size(height, width, size or max(height, width))
    except errors.InputError as error:
        raise limits.RequestError(400, str(error)) from error
    if max(height * width, wanted[0] * wanted[1]) > bounds.pixels:
        raise limits.RequestError(
            413, f"the picture has too many pixels: send one with at most {bounds.pixels / 1e6:g} million"
        )
    if max(height, width) > bounds.side:
        raise limits.RequestError(
            413, f"the picture is {width}x{height} pixels: no side may be longer than {bounds.side}"
        )
    if max(height, width) > bounds.aspect * min(height, width):
        raise limits.RequestError(
            413,
            f"the picture is {width}x{height} pixels: no side may be over {bounds.aspect:g} times as long as the other",
        )
    longest = _LONGEST.get(result_format, max(wanted))
    if max(wanted) > longest:
        raise limits.RequestError(
            422, f"{result_format} holds at most {longest} pixels per side: use format png, or size {longest} or less"
        )
    return wanted


def decode(data: bytes, bounds: limits.Limits, size: int | None = None) -> images.Photo:
    """Decodes an upload.

    Args:
        data: a file of any kind that `images.load_image` reads.
        bounds: the limits.
        size: long side of the result in pixels; None for the photo's own.

    Returns:
        The photo.

    Raises:
        RequestError: it is not a picture (400), or too large (413).
    """
    measure(data, bounds, size)
    try:
        return images.load_image(data, size=size)
    except errors.InputError as error:
        raise limits.RequestError(400, str(error)) from error


def encode(rgb: np.ndarray, result_format: str, alpha: np.ndarray | None = None) -> bytes:
    """Encodes a picture.

    Args:
        rgb: ``[H, W, 3]``, 0..255.
        result_format: a name from `FORMATS`.
        alpha: opacity ``[H, W]``, 0..1; None if opaque.

    Returns:
        The file's content.
    """
    return images.encode(rgb, FORMATS[result_format], alpha=alpha)
