"""From a picture to a file of a common kind."""

import io
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from tfstyle import errors, files
from tfstyle.images import exif, photo, profiles

__all__ = ["WRITABLE_SUFFIXES", "check_format", "check_writable", "encode", "save_image"]

_WRITERS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
WRITABLE_SUFFIXES = tuple(_WRITERS)
"""The suffixes of the files that `save_image` writes."""
_LONGEST = {"JPEG": 65500, "WEBP": 16383}  # pixels: JPEG_MAX_DIMENSION of libjpeg, WEBP_MAX_DIMENSION of libwebp
_LONGEST_EXIF = 65_500  # bytes: a JPEG marker's 65,533 less its identifier


def save_image(
    path: str | os.PathLike[str],
    image: photo.Photo | np.ndarray,
    *,
    alpha: np.ndarray | None = None,
    recipe: Mapping[str, Any] | None = None,
    quality: int = 95,
) -> None:
    """Encodes a picture by the file's suffix and writes it atomically. The arguments are those of `encode`.

    Raises:
        errors.InputError: What `encode` and `files.atomic_write` refuse; the message names the file.
    """
    try:
        data = encode(image, pathlib.Path(path).suffix, alpha=alpha, recipe=recipe, quality=quality)
    except errors.InputError as error:
        raise errors.InputError(f"{os.fspath(path)}: {error}") from error
    files.atomic_write(path, data)


def encode(
    image: photo.Photo | np.ndarray,
    suffix: str,
    *,
    alpha: np.ndarray | None = None,
    recipe: Mapping[str, Any] | None = None,
    quality: int = 95,
) -> bytes:
    """Encodes a picture; the same arguments give the same bytes.

    The file has an sRGB profile, so that wide-gamut displays show it correctly, and a photo's metadata. JPEG has no
    alpha: there the picture is composited on white, as browsers and paper show it; otherwise the hidden, often black,
    colors would appear.

    Args:
        image: A photo, or an array `[H, W, 3]` or `[1, H, W, 3]`: uint8, or numbers in 0..255, which are rounded and
            clipped. To save a result with its photo's alpha and metadata, pass `photo.with_rgb(result)`.
        suffix: .jpg, .jpeg, .png, .webp, .tif or .tiff, in any case.
        alpha: Opacity `[H, W]`, 0..1, in place of the photo's own.
        recipe: What made the picture: anything that JSON can hold, less than 64 kB for JPEG. See `load_recipe`.
        quality: Of JPEG (at full color resolution, 4:4:4) and WebP, 1..100.

    Raises:
        errors.InputError: The suffix, a shape, a value (NaN) or the quality is not accepted, or the format cannot hold
            the picture (sides too long) or the recipe.
    """
    name = _format(suffix, quality)
    whole = image if isinstance(image, photo.Photo) else photo.Photo(image)
    _check_sides(name, *_checked_rgb(whole.rgb).shape[:2])
    opacity = whole.alpha if alpha is None else alpha
    picture = _picture(_checked_rgb(whole.rgb), opacity, on_white=name == "JPEG")
    data = _written(picture, name, _options(name, quality) | _metadata(name, whole.metadata, recipe))
    return exif.append_to_tiff(data, whole.metadata) if whole.metadata and name == "TIFF" else data


def check_format(suffix: str, size: tuple[int, int] | None = None) -> None:
    """Checks that `save_image` writes files with this suffix, and that they can hold a picture of this size.

    Args:
        suffix: With its dot.
        size: Height and width, pixels; None if they are not known yet.

    Raises:
        errors.InputError: It does not; the message lists the suffixes that it writes.
    """
    name = _format(suffix, 100)
    if size:
        _check_sides(name, *size)


def check_writable(path: str | os.PathLike[str], size: tuple[int, int] | None = None) -> None:
    """Checks, before any work is done, that `save_image` could write here.

    Args:
        path: The picture's file.
        size: Height and width, pixels; None if they are not known yet.

    Raises:
        errors.InputError: The suffix is not that of a picture, the format cannot hold sides so long, or the folder is
            missing or cannot be written to.
    """
    check_format(pathlib.Path(path).suffix, size)
    files.check_folder(path)


def _format(suffix: str, quality: int) -> str:
    if suffix.lower() not in _WRITERS:
        given = repr(suffix) if suffix else "a file name without an extension"
        raise errors.InputError(f"cannot write {given}: choose {', '.join(_WRITERS)}")
    if not 1 <= quality <= 100:
        raise errors.InputError(f"quality must be 1 to 100, got {quality}")
    return _WRITERS[suffix.lower()]


def _checked_rgb(image: np.ndarray) -> np.ndarray:
    array = np.asarray(image)
    array = array[0] if array.ndim == 4 and len(array) == 1 else array
    if array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise errors.InputError(f"a picture must have the shape [H, W, 3], got {list(np.shape(image))}")
    if not np.isfinite(array).all():
        raise errors.InputError("the picture contains NaN or infinite values: the computation diverged")
    return array


def _picture(rgb: np.ndarray, alpha: np.ndarray | None, *, on_white: bool) -> Image.Image:
    if alpha is None:
        return Image.fromarray(_to_uint8(rgb))
    if alpha.shape != rgb.shape[:2] or not np.isfinite(alpha).all():
        raise errors.InputError(f"alpha must be an array {list(rgb.shape[:2])} of numbers, got {list(alpha.shape)}")
    opacity = np.clip(alpha, 0, 1)[..., np.newaxis]
    if on_white:
        return Image.fromarray(_to_uint8(rgb * opacity + 255 * (1 - opacity)))
    return Image.fromarray(np.concatenate([_to_uint8(rgb), _to_uint8(opacity * 255)], axis=2))


def _to_uint8(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.uint8:
        return values  # NumPy would round it through float16, slower than everything else here
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _options(name: str, quality: int) -> dict[str, Any]:
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": quality, "subsampling": 0},  # 4:4:4: small strokes of saturated color survive
        "WEBP": {"quality": quality},
        "TIFF": {"compression": "tiff_adobe_deflate"},
    }
    return options.get(name, {})


def _metadata(name: str, own: exif.Metadata | None, recipe: Mapping[str, Any] | None) -> dict[str, Any]:
    block = exif.encode(own, recipe, whole=name != "TIFF")
    if name == "JPEG" and block and len(block) > _LONGEST_EXIF:
        block = exif.encode(None, recipe)  # the recipe matters more than the camera's data
    options: dict[str, Any] = {"exif": block} if block else {}
    if own and own.dpi and name != "WEBP":  # there EXIF alone holds it
        options["dpi"] = own.dpi
    return options


def _check_sides(name: str, height: int, width: int) -> None:
    longest = _LONGEST.get(name)
    if longest and max(height, width) > longest:
        raise errors.InputError(
            f"{name} supports at most {longest} pixels per side, got {width}x{height}: choose .png or .tif"
        )


def _written(picture: Image.Image, name: str, options: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    try:
        picture.save(buffer, name, icc_profile=profiles.srgb_profile(), **options)
    except (OSError, ValueError) as error:
        raise errors.InputError(f"{name} cannot store this picture and its recipe ({error}): choose .png") from error
    return buffer.getvalue()
