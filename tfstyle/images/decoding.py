"""From an image file of nearly any kind to sRGB numbers; whatever is wrong with a file becomes one clear line."""

import contextlib
import errno
import functools
import io
import os
import pathlib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps

from tfstyle import errors

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "READERS",
    "SUFFIXES",
    "broken_link",
    "decode",
    "is_on_its_side",
    "opened",
    "srgb_profile",
]

MAX_PIXELS = 178_956_970
"""Larger pictures are refused: twice Pillow's default MAX_IMAGE_PIXELS, where Pillow refuses too (2 GB as float32)."""

MAX_SIDE = 100_000
"""Pictures with a longer side are refused; a strip of this length, padded for a network, still fits in memory."""

# A list of what is allowed: some of Pillow's other readers start programs (EPS: Ghostscript), or accept nearly any
# bytes (TGA). AVIF comes last because older builds of Pillow lack it.
READERS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "JPEG2000", "AVIF")
SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".gif", ".bmp"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".avif"),
    }
)
"""The suffixes, in lower case, of the kinds of files in `READERS`."""
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "LAB": "LAB"}  # ICC.1:2022, table 19 -> Pillow


@contextlib.contextmanager
def opened(source: str | os.PathLike[str] | bytes) -> Iterator[Image.Image]:
    """Opens an image file with Pillow, by its content; the pixels are not decoded yet.

    Args:
        source: The file's path, or what is in it.

    Yields:
        The image, of 1 to `MAX_PIXELS` pixels.

    Raises:
        errors.InputError: The file cannot be read, or anything goes wrong inside the `with`; the message
            names the file.
    """
    name = "the picture" if isinstance(source, bytes) else f"{os.fspath(source)}:"
    try:
        _refuse_non_files(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large sizes and untidy metadata: dealt with here
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=READERS) as image:
                _refuse_extreme_sizes(image)
                yield image
    except errors.InputError as error:
        raise errors.InputError(f"{name} {error}") from error
    except Exception as error:  # broken bytes make Pillow's readers raise nearly anything
        raise errors.InputError(f"{name} {_reason(source, error)}") from error


def _refuse_non_files(source: str | os.PathLike[str] | bytes) -> None:
    if isinstance(source, bytes):
        if not source:
            raise errors.InputError("is empty (0 bytes): give an intact image file")
        return
    path = pathlib.Path(source)
    if path.is_symlink() and not path.exists():
        raise errors.InputError(f"is {broken_link(path)}: give an image file")
    if path.is_dir():
        raise errors.InputError("is a folder: give one image file")
    if path.exists() and not path.is_file():
        raise errors.InputError("is not a regular file: give an image file")
    if path.stat().st_size == 0:
        raise errors.InputError("is empty (0 bytes): give an intact image file")


def broken_link(path: pathlib.Path) -> str:
    """Describes a symbolic link that leads to no file."""
    try:
        path.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop, before Python 3.13
        is_loop = isinstance(error, RuntimeError) or error.errno == errno.ELOOP
        return "a link loop" if is_loop else "a link to a missing file"
    return "a link"


def is_on_its_side(image: Image.Image) -> bool:
    """Returns whether `image.size` still has to be turned by a quarter, as EXIF says; decodes no pixels."""
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return False  # Pillow has turned a TIFF's size, and would decode a PNG's pixels in search of the orientation
    with contextlib.suppress(Exception):  # broken EXIF raises nearly anything
        return image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    return False


def _refuse_extreme_sizes(image: Image.Image) -> None:
    width, height = image.size
    if not 0 < width * height <= MAX_PIXELS:
        raise errors.InputError(f"has {width}x{height} pixels: 1 to {MAX_PIXELS} are accepted, make it smaller")
    if max(width, height) > MAX_SIDE:
        raise errors.InputError(f"is {width}x{height} pixels: a side has at most {MAX_SIDE}, crop the picture")


def _reason(source: str | os.PathLike[str] | bytes, error: Exception) -> str:
    match error:
        case Image.DecompressionBombError():
            return f"has too many pixels: up to {MAX_PIXELS} are accepted, make it smaller"
        case Image.UnidentifiedImageError() | KeyError():  # KeyError: a reader that this Pillow lacks
            return _foreign(_head(source))
        case FileNotFoundError():
            return "no such file: check the name"
        case PermissionError():
            return "cannot be read: permission denied"
    return f"is damaged, cut off or of an unknown kind ({_line(error)}): give an intact copy"


def _head(source: str | os.PathLike[str] | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[:1024]
    with pathlib.Path(source).open("rb") as file:
        return file.read(1024)


def _foreign(head: bytes) -> str:
    if head.startswith(b"%PDF"):
        return "is a PDF document: export the page as PNG"
    if b"<svg" in head.lower():
        return "is an SVG drawing: export it as PNG"
    if head[4:8] == b"ftyp":
        return "is a HEIC photo or a video, which cannot be read: convert it to JPEG"
    return f"is no image of a known kind, or damaged: give one of {', '.join(READERS)}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def decode(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the pixels of the first frame, upright and in sRGB; to be called inside `opened`.

    An embedded ICC profile is applied (a broken one is ignored). 16-bit grey keeps its precision and is read without
    its profile; Pillow reads 16-bit RGB as 8 bits.

    Returns:
        Colours `[H, W, 3]`, float32, 0..255, and opacity `[H, W]`, float32, 0..1, or None if opaque everywhere.

    Raises:
        Exception: Nearly any, for damaged files; `opened` turns it into an InputError.
    """
    tags = getattr(image, "tag_v2", {})
    _mend_transparency(image)
    image.load()  # before the steps that forgive broken metadata: broken pixels are not forgiven
    upright = _upright(image)
    alpha = _alpha(upright)
    if upright.mode.startswith("I;16"):
        rgb = _three(_grey16(np.asarray(upright, np.float32), tags))
    elif upright.mode in ("I", "F"):
        rgb = _three(_grey32(np.asarray(upright, np.float64), 1 if upright.mode == "F" else 255))
    else:
        rgb = np.asarray(_to_srgb(upright), np.float32)
    return rgb, alpha


def _mend_transparency(image: Image.Image) -> None:
    """Brings a PNG's transparent colour to the 8 bits of its pixels: Pillow leaves it at the file's own depth."""
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


def _grey16(values: np.ndarray, tags: Mapping[int, Any]) -> np.ndarray:
    """Scales grey of more than 8 bits to 0..255; TIFF may hold 12 bits (tag 258), or negatives (262: white is 0)."""
    grey = values * (255 / (2 ** tags.get(258, (16,))[0] - 1))
    return 255 - grey if tags.get(262) == 0 else grey


def _grey32(values: np.ndarray, small: int) -> np.ndarray:
    """Scales float or int32 grey to 0..255; its range is a guess: up to `small`, 255 or 65535, else stretched."""
    low, high = values.min(), values.max()
    if not np.isfinite(high - low):
        raise errors.InputError("has pixels that are no finite numbers: give an intact image")
    for top in (small, 255, 65535):
        if low >= 0 and high <= top:
            return values * (255 / top)
    return (values - low) * (255 / max(high - low, 1e-30))


def _three(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey.astype(np.float32)[..., np.newaxis], 3, axis=2)


def _to_srgb(image: Image.Image) -> Image.Image:
    """Converts 8-bit colours to sRGB, by the embedded profile if it is usable; alpha is dropped."""
    opaque = _without_alpha(image)
    embedded = image.info.get("icc_profile")
    if embedded and embedded != srgb_profile():
        with contextlib.suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError, KeyError):
            return _by_profile(opaque, ImageCms.ImageCmsProfile(io.BytesIO(embedded)))
    return opaque.convert("RGB")


def _without_alpha(image: Image.Image) -> Image.Image:
    if image.mode in ("1", "L", "LA"):
        return image.convert("L")
    return image if image.mode in ("CMYK", "LAB") else image.convert("RGB")


def _by_profile(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    mode = _PROFILE_MODES[profile.profile.xcolor_space.strip().upper()]
    source = image.convert("RGB") if (image.mode, mode) == ("L", "RGB") else image
    srgb = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    converted = ImageCms.profileToProfile(source, profile, srgb, outputMode="RGB")
    return source if converted is None else converted


@functools.lru_cache(1)
def srgb_profile() -> bytes:
    """Little CMS' sRGB profile (588 bytes) without its date (ICC.1:2022, 7.2: bytes 24 to 35), the same every day."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + bytes(12) + profile[36:]
