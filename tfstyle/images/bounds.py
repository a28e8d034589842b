"""How large a picture may be, checked by its header before a pixel is decoded."""

from tfstyle import errors

__all__ = ["MAX_PIXELS", "MAX_SIDE", "check_size"]

MAX_PIXELS = 178_956_970
"""Larger pictures are refused: twice Pillow's default MAX_IMAGE_PIXELS, where Pillow refuses too (2 GB as float32)."""
MAX_SIDE = 100_000
"""Pictures with a longer side are refused; a strip of this length, padded for a network, still fits in memory."""


def check_size(width: int, height: int) -> None:
    """Checks that a picture fits in memory.

    Raises:
        errors.InputError: It is empty, or larger than `MAX_PIXELS` or `MAX_SIDE`.
    """
    if not 0 < width * height <= MAX_PIXELS:
        raise errors.InputError(f"has {width}x{height} pixels: shrink it to {MAX_PIXELS} pixels or fewer")
    if max(width, height) > MAX_SIDE:
        raise errors.InputError(f"has {width}x{height} pixels: crop it to at most {MAX_SIDE} pixels per side")
