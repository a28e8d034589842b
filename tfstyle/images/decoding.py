"""Opens image files of unknown origin safely; whatever is wrong with a file becomes one clear line."""

import contextlib
import errno
import io
import os
import pathlib
import warnings
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image, PngImagePlugin

from tfstyle import errors
from tfstyle.images import bounds, tiff

__all__ = ["KINDS", "READERS", "SUFFIXES", "broken_link", "opened", "readable"]

# An allow-list: some of Pillow's other readers start programs (EPS: Ghostscript), or accept nearly any bytes (TGA).
# AVIF comes last because some builds of Pillow lack it.
READERS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "JPEG2000", "AVIF")
"""Pillow's names of the formats that are read."""
KINDS = "JPEG, PNG, WebP, TIFF, GIF, BMP, PPM, JPEG 2000 or AVIF"
"""The same, for messages."""
SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".gif", ".bmp"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".avif"),
    }
)
"""The suffixes, in lower case, of the files in these formats."""

_MAX_METADATA = 2**24  # bytes: 16 times Pillow's default, which refuses real XMP packets and ICC profiles
PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, _MAX_METADATA)  # MAX_TEXT_MEMORY bounds the sum
_RAW_SIGNATURES = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM", b"II\x1a\0\0\0HEAPCCDR")
_RAW = "is a camera raw file: export it as JPEG or TIFF"


@contextlib.contextmanager
def readable(source: str | os.PathLike[str] | bytes) -> Iterator[BinaryIO]:
    """Opens a file, or bytes as a file, and turns every failure inside the `with` into one line.

    Args:
        source: The file's path, or its content.

    Yields:
        The file, at its start.

    Raises:
        errors.InputError: The file is missing, empty or a camera raw file, or anything goes wrong inside the `with`;
            the message names the file.
    """
    name = "the picture" if isinstance(source, bytes) else f"{os.fspath(source)}:"
    head = b""
    try:
        _refuse_non_files(source)
        with io.BytesIO(source) if isinstance(source, bytes) else pathlib.Path(source).open("rb") as file:
            head = file.read(1024)
            _refuse_raw(file, head)
            file.seek(0)
            yield file
    except errors.InputError as error:
        raise errors.InputError(f"{name} {error}") from error
    except Exception as error:  # broken bytes make readers raise nearly anything
        raise errors.InputError(f"{name} {_reason(head, error)}") from error


@contextlib.contextmanager
def opened(source: str | os.PathLike[str] | bytes) -> Iterator[Image.Image]:
    """Opens an image file with Pillow, by its content; the pixels are not decoded yet.

    Args:
        source: The file's path, or its content.

    Yields:
        The image, within `bounds.MAX_PIXELS` and `bounds.MAX_SIDE`.

    Raises:
        errors.InputError: The file cannot be read, or anything goes wrong inside the `with`; the message names the
            file.
    """
    with readable(source) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large sizes and untidy metadata, which are handled here
        with Image.open(file, formats=READERS) as image:
            bounds.check_size(*image.size)
            yield image


def broken_link(path: pathlib.Path) -> str:
    """Describes a symbolic link that leads to no file."""
    try:
        path.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop, before Python 3.13
        is_loop = isinstance(error, RuntimeError) or error.errno == errno.ELOOP
        return "a link loop" if is_loop else "a link to a missing file"
    return "a link"


def _refuse_non_files(source: str | os.PathLike[str] | bytes) -> None:
    if isinstance(source, bytes):
        if not source:
            raise errors.InputError("is empty (0 bytes): use an undamaged image file")
        return
    path = pathlib.Path(source)
    if path.is_symlink() and not path.exists():
        raise errors.InputError(f"is {broken_link(path)}: use an image file")
    if path.is_dir():
        raise errors.InputError("is a folder: use an image file")
    if path.exists() and not path.is_file():
        raise errors.InputError("is not a regular file: use an image file")
    if path.stat().st_size == 0:
        raise errors.InputError("is empty (0 bytes): use an undamaged image file")


def _refuse_raw(file: BinaryIO, head: bytes) -> None:
    """Refuses what cameras store: a reader would find the thumbnail, or nothing."""
    if head.startswith(_RAW_SIGNATURES) or head[4:12] == b"ftypcrx " or tiff.is_raw(file):
        raise errors.InputError(_RAW)


def _reason(head: bytes, error: Exception) -> str:
    match error:
        case Image.DecompressionBombError():
            return f"has too many pixels: shrink it to {bounds.MAX_PIXELS} or fewer"
        case Image.UnidentifiedImageError() | KeyError():  # KeyError: a reader that this Pillow lacks
            return _unknown_kind(head)
        case FileNotFoundError():
            return "no such file: check the name"
        case PermissionError():
            return "cannot be read: permission denied"
        case ValueError() if "MAX_TEXT" in str(error):
            return f"has more than {_MAX_METADATA >> 20} MiB of metadata in one piece: save it without metadata"
    return f"is damaged, truncated or in an unknown format ({_line(error)}): use an undamaged copy"


def _unknown_kind(head: bytes) -> str:
    if head.startswith(b"%PDF"):
        return "is a PDF document: export the page as PNG"
    if b"<svg" in head.lower():
        return "is an SVG drawing: export it as PNG"
    if head[4:8] == b"ftyp":
        return "is a HEIC photo or a video, which cannot be read: convert it to JPEG"
    return f"is damaged or not in a supported image format: use a {KINDS} file"


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
