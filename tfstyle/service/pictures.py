"""Pictures as they come in and go out: bytes of unknown origin, judged by what they are, not by their names."""

import io
import pathlib
import tempfile

import numpy as np
from PIL import Image

from tfstyle import decoding, errors, images
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
        Refused: it has too many pixels, or is none.
    """
    _check_pixels(data, bounds)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "picture"
        path.write_bytes(data)
        try:
            return images.load_image(path, size=size)
        except errors.InputError as error:
            raise limits.Refused(400, str(error).replace(f"{path}: ", "the picture ")) from error


def encoded(rgb: np.ndarray, kind: str, alpha: np.ndarray | None = None) -> bytes:
    """A file.

    Args:
        rgb: ``[H, W, 3]``, 0..255.
        kind: of `KINDS`.
        alpha: ``[H, W]``, 0..1; None if opaque.
    """
    return images.encode(rgb, KINDS[kind], alpha=alpha)


def _check_pixels(data: bytes, bounds: limits.Limits) -> None:
    """From the file's head alone: a bomb is small until it is decoded."""
    try:
        with Image.open(io.BytesIO(data), formats=decoding.READERS) as image:
            width, height = image.size
    except Image.DecompressionBombError as error:
        raise limits.Refused(413, _too_large(bounds)) from error
    except Exception as error:  # Broken bytes make Pillow's readers raise nearly anything.
        raise limits.Refused(400, "the picture cannot be read: send an intact JPEG, PNG, WebP or TIFF file") from error
    if width * height > bounds.pixels:
        raise limits.Refused(413, _too_large(bounds))


def _too_large(bounds: limits.Limits) -> str:
    return f"the picture has too many pixels: send one of at most {bounds.pixels / 1e6:g} million"
