"""From an opened image to sRGB numbers: bit depths, transparency, orientation."""

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

from tfstyle import errors
from tfstyle.images import profiles, tiff

__all__ = ["decode", "is_on_its_side"]


def decode(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the pixels of the first frame, upright and in sRGB; to be called inside `decoding.opened`.

    An embedded ICC profile is applied (a broken one is ignored), else a PNG's gamma and primaries. Gray of more than 8
    bits keeps its precision and is read without its profile; Pillow reads 16-bit color as 8 bits.

    Returns:
        Colors `[H, W, 3]`, float32, 0..255, and opacity `[H, W]`, float32, 0..1, or None if opaque everywhere.

    Raises:
        Exception: Nearly any, for damaged files; `decoding.opened` turns it into an InputError.
    """
    tags = getattr(image, "tag_v2", {})
    colors = profiles.png_colors(image)
    _mend_transparency(image)
    image.load()  # before the steps that forgive broken metadata: broken pixels are not forgiven
    upright = _upright(image)
    alpha = _alpha(upright)
    if upright.mode.startswith("I;16"):
        rgb = _three(_gray16(np.asarray(upright, np.float32), tags))
    elif upright.mode == "I":
        rgb = _three(_gray32(np.asarray(upright, np.float64)))
    elif upright.mode == "F":
        rgb = _three(tiff.scaled(np.asarray(upright, np.float32)))
    else:
        rgb = np.asarray(profiles.to_srgb(upright, image.info.get("icc_profile")), np.float32)
    return rgb if colors is None else colors.to_srgb(rgb), alpha


def is_on_its_side(image: Image.Image) -> bool:
    """Returns whether `image.size` still has to be turned by a quarter, as EXIF says; decodes no pixels."""
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return False  # Pillow has turned a TIFF's size, and would decode a PNG's pixels in search of the orientation
    with contextlib.suppress(Exception):  # broken EXIF raises nearly anything
        return image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    return False


def _mend_transparency(image: Image.Image) -> None:
    """Brings a PNG's transparent color to the 8 bits of its pixels: Pillow leaves it at the file's own depth."""
    key = image.info.get("transparency")
    tiles = getattr(image, "tile", None)
    depth = tiles[0][3] if tiles else None
    if isinstance(key, int) and depth in ("L;2", "L;4"):
        image.info["transparency"] = key * (85 if depth == "L;2" else 17)
    elif isinstance(key, tuple) and depth == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in key)


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken EXIF raises nearly anything, and costs no more than the orientation
        return image


def _alpha(image: Image.Image) -> np.ndarray | None:
    if not image.has_transparency_data:
        return None
    if image.mode.startswith("I;16"):
        alpha = (np.asarray(image) != image.info["transparency"]).astype(np.float32)
    else:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"), np.float32) / 255
    return None if alpha.min() == 1 else alpha


def _gray16(values: np.ndarray, tags: Mapping[int, Any]) -> np.ndarray:
    """Scales gray of more than 8 bits to 0..255; TIFF may hold 12 bits (tag 258), or negatives (262: white is 0)."""
    gray = values * (255 / (2 ** tags.get(258, (16,))[0] - 1))
    return 255 - gray if tags.get(262) == 0 else gray


def _gray32(values: np.ndarray) -> np.ndarray:
    """Scales int32 gray to 0..255; its white is a guess: 255 or 65535 if no value is larger, else it is stretched."""
    low, high = values.min(), values.max()
    if not np.isfinite(high - low):
        raise errors.InputError("has NaN or infinite pixels: use an undamaged image")
    for white in (255, 65535):
        if low >= 0 and high <= white:
            return values * (255 / white)
    return (values - low) * (255 / max(high - low, 1e-30))


def _three(gray: np.ndarray) -> np.ndarray:
    return np.repeat(gray.astype(np.float32)[..., np.newaxis], 3, axis=2)
