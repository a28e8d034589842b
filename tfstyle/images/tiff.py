"""What TIFF can hold beyond Pillow's reach: camera raw files, which are refused, and deep color, which tifffile reads.

TIFF 6.0 (Adobe 1992), DNG 1.7 (Adobe 2023) and TIFF/EP (ISO 12234-2) define the tags.
"""

import logging
import warnings
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin

from tfstyle import errors
from tfstyle.images import bounds, profiles

__all__ = ["is_deep", "is_raw", "read", "scaled", "size"]

_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION = 256, 257, 258, 259, 262, 274
_SUBFILE_TYPE, _CHANNELS, _SUBDIRECTORIES, _SAMPLE_FORMAT, _PROFILE, _DNG_VERSION = 254, 277, 330, 339, 34675, 50706
_SENSOR = {32803, 34892}  # photometric interpretations: color filter array (TIFF/EP), linear raw (DNG)
_MOST_SUBDIRECTORIES = 16  # cameras write at most 4
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2  # photometric interpretations that `read` knows
_PREMULTIPLIED, _OPACITY = 1, 2  # meanings of a fourth channel (ExtraSamples)
_PLANAR = 2  # one plane for each channel
_FLOAT = 3

# The brightest twentieth of the values is ignored: a window or lamp may be far brighter than white.
_HIGHLIGHTS = 0.95
_SAMPLES = 1_000_000  # values that the quantiles are taken from
_UNDERSHOOT = 0.1  # share of the brightest: sharpening and color conversion go a little below black
# White, and the value up to which highlights may reach: four stops over 1 (scene-linear light), two over the others.
_WHITES = ((1.0, 16.0), (255.0, 1020.0), (65535.0, 262140.0))

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # its remarks on untidy files are not for users


def _directory(file: BinaryIO, offset: int | None = None) -> Mapping[int, Any]:
    """Reads the first directory, or the one at an offset; empty if the file is not a TIFF with a readable one."""
    file.seek(0)
    head = file.read(16)
    if head[:4] not in _SIGNATURES:
        return {}
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(head if head[2:3] == b"+" or head[3:] == b"+" else head[:8])
        file.seek(directory.next if offset is None else offset)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            directory.load(file)
    except Exception:  # a broken directory raises nearly anything; Pillow's reader will say so
        return {}
    return directory


def _tag(directory: Mapping[int, Any], tag: int, default: Any = None) -> Any:
    try:
        value = directory.get(tag, default)
    except Exception:  # a broken value raises nearly anything
        return default
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def is_raw(file: BinaryIO) -> bool:
    """Returns whether a file is camera raw data in a TIFF container (DNG, NEF, CR2, ARW, PEF, 3FR, …).

    The signs: a DNG version, Canon's signature, a first directory that is a thumbnail (bit 0 of NewSubfileType), or a
    directory with the values of a sensor.
    """
    first = _directory(file)
    if not first:
        return False
    file.seek(8)
    if file.read(2) == b"CR" or _DNG_VERSION in first:
        return True
    kind = _tag(first, _SUBFILE_TYPE, 0)
    if isinstance(kind, int) and kind & 1:
        return True
    offsets = _tag(first, _SUBDIRECTORIES, ())
    offsets = (offsets,) if isinstance(offsets, int) else tuple(offsets or ())[:_MOST_SUBDIRECTORIES]
    others = (_directory(file, offset) for offset in offsets if isinstance(offset, int))
    return any(_tag(each, _PHOTOMETRIC) in _SENSOR for each in (first, *others))


def is_deep(file: BinaryIO) -> bool:
    """Returns whether a TIFF has numbers that Pillow does not read: float color, float16, float64, 32-bit color."""
    directory = _directory(file)
    file.seek(0)
    if not directory:
        return False
    bits, channels = _tag(directory, _BITS, 1), _tag(directory, _CHANNELS, 1)
    widest = max(bits) if isinstance(bits, tuple) else bits
    formats = _tag(directory, _SAMPLE_FORMAT, 1)
    is_float = _FLOAT in (formats if isinstance(formats, tuple) else (formats,))
    return (is_float or widest > 16) and (channels, widest) != (1, 32)


def size(file: BinaryIO) -> tuple[int, int]:
    """Returns the height and width of a deep TIFF, upright, from its header.

    Raises:
        errors.InputError: It is empty, or larger than `bounds.MAX_PIXELS` or `bounds.MAX_SIDE`.
    """
    directory = _directory(file)
    width, height = directory[_WIDTH], directory[_HEIGHT]
    bounds.check_size(width, height)
    return (width, height) if directory.get(_ORIENTATION, 1) in (5, 6, 7, 8) else (height, width)


def read(file: BinaryIO) -> tuple[np.ndarray, np.ndarray | None]:
    """Reads the first page of a deep TIFF with tifffile, upright and in sRGB.

    See `scaled` for the range of the values. An embedded ICC profile is applied at 8 bits; without one the values are
    taken as gamma-encoded.

    Returns:
        Colors `[H, W, 3]`, float32, 0..255, and opacity `[H, W]`, float32, 0..1, or None if opaque everywhere.

    Raises:
        errors.InputError: The picture is too large, or of a kind that tifffile does not read without its codecs.
    """
    import tifffile  # noqa: PLC0415 - rarely needed, and as slow to import as all the rest

    size(file)
    directory = _directory(file)
    array, extra, is_inverted = _page(file, tifffile)
    rgb, alpha = _split(_upright(array, _tag(directory, _ORIENTATION, 1)), extra)
    rgb = 255 - rgb if is_inverted else rgb
    if profile := _tag(directory, _PROFILE):
        eight_bit = Image.fromarray(np.rint(rgb).astype(np.uint8))
        rgb = np.asarray(profiles.to_srgb(eight_bit, bytes(profile)), np.float32)
    return rgb, alpha


def _page(file: BinaryIO, tifffile: Any) -> tuple[np.ndarray, int, bool]:
    """Returns the first page `[H, W, C]` as it is stored, the meaning of its extra channel, and if white is 0."""
    file.seek(0)
    with tifffile.TiffFile(file) as document:
        page = document.pages.first
        if page.photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB) or page.samplesperpixel > 5:
            raise errors.InputError("is an unsupported kind of TIFF: export it as a 16-bit RGB TIFF")
        try:
            array = page.asarray()
        except Exception as error:
            if "imagecodecs" not in str(error):
                raise
            raise errors.InputError(
                "is a floating-point or 32-bit TIFF with an unsupported compression or predictor: "
                "save it without compression, or as a 16-bit TIFF"
            ) from error
        if page.samplesperpixel > 1 and page.planarconfig == _PLANAR:
            array = np.moveaxis(array, 0, -1)
        array = array[..., np.newaxis] if array.ndim == 2 else array
        return array, page.extrasamples[0] if page.extrasamples else 0, page.photometric == _WHITE_IS_ZERO


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Undoes the orientation (TIFF 6.0, tag 274) of `[H, W, C]`."""
    turned = array.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else array
    flip_rows, flip_columns = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return turned[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]


def _split(array: np.ndarray, extra: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Splits channels of any number type into colors `[H, W, 3]`, 0..255, and opacity `[H, W]`, 0..1, if there is."""
    count = 3 if array.shape[2] >= 3 else 1
    white = None if array.dtype.kind == "f" else float(np.iinfo(array.dtype).max)
    values: np.ndarray = array.astype(np.float64 if array.dtype.itemsize > 4 or white else np.float32)
    colors = values[..., :count]
    alpha = None
    if extra in (_PREMULTIPLIED, _OPACITY) and array.shape[2] > count:
        alpha = np.clip(values[..., count] / (white or 1.0), 0, 1).astype(np.float32)
        if extra == _PREMULTIPLIED:
            colors = colors / np.maximum(alpha, 1 / 255)[..., np.newaxis]
    rgb = scaled(colors) if white is None else np.clip(colors * (255 / white), 0, 255)
    rgb = np.repeat(rgb, 3, axis=2) if count == 1 else rgb
    return rgb.astype(np.float32), None if alpha is None or alpha.min() == 1 else alpha


def scaled(values: np.ndarray) -> np.ndarray:
    """Scales floating-point values, whose white no file states, to 0..255.

    White is 1, 255 or 65535: the first for which 95 % of the values are at most 16, 1020 or 262140. A picture's
    maximum says nothing: highlights of normalized and scene-linear pictures go beyond 1, in a few pixels far beyond.
    Values above white or below 0 are clipped. Pictures with larger values, or with far negative ones (5 % below -0.1
    of the brightest), hold no colors but, for example, heights: they are stretched from minimum to maximum.

    Args:
        values: Finite numbers of any shape.

    Returns:
        Numbers of the same shape, 0..255.

    Raises:
        errors.InputError: Some values are NaN or infinite.
    """
    if not np.isfinite(values).all():
        raise errors.InputError("has NaN or infinite pixels: use an undamaged image")
    some = values.ravel()[:: max(1, values.size // _SAMPLES)]
    low, high = np.quantile(some.astype(np.float64), [1 - _HIGHLIGHTS, _HIGHLIGHTS])
    for white, brightest in _WHITES:
        if low >= -_UNDERSHOOT * min(white, high) and high <= brightest:
            return np.clip(values, 0, white) * (255 / white)
    wide = values.astype(np.float64)  # the span of float32 values may exceed float32
    span = max(wide.max() - wide.min(), 1e-30)
    return (wide - wide.min()) * (255 / span)
