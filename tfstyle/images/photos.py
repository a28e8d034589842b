"""Photos between files and arrays: read safely, resize, encode.

Arrays are `[H, W, 3]` in sRGB, 0..255. Pixels stay gamma-encoded (no linear light), as the networks were trained.
"""

import contextlib
import dataclasses
import io
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from tfstyle import errors, files
from tfstyle.images import decoding

__all__ = [
    "Photo",
    "WRITABLE_SUFFIXES",
    "check_suffix",
    "check_writable",
    "encode",
    "fit_size",
    "load_image",
    "load_recipe",
    "probe",
    "resize",
    "save_image",
]

_WRITERS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
WRITABLE_SUFFIXES = tuple(_WRITERS)
"""The suffixes of the files that `save_image` writes."""
_LONGEST = {"JPEG": 65500, "WEBP": 16383}  # pixels a side: JPEG_MAX_DIMENSION of libjpeg, WEBP_MAX_DIMENSION of libwebp
_DESCRIPTION = 0x010E  # EXIF ImageDescription: the one text field that all four written formats carry
_RECIPE = "tfstyle recipe: "


@dataclasses.dataclass(frozen=True, eq=False)  # eq would compare arrays, whose truth is ambiguous
class Photo:
    """An image ready for work.

    Attributes:
        rgb: Colours `[H, W, 3]`, float32, sRGB, 0..255, not multiplied by alpha.
        alpha: Opacity `[H, W]`, float32, 0..1; None if opaque everywhere.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width, _ = self.rgb.shape
        return height, width


def load_image(path: str | os.PathLike[str] | bytes, *, size: int | None = None, limit: int | None = None) -> Photo:
    """Reads a picture of any common kind (the content counts, not the suffix) as sRGB.

    The EXIF orientation and an embedded ICC profile are applied; of animations and multi-page files the first frame is
    taken. For the fine print (16 bits, broken profiles) see `decoding.decode`.

    Args:
        path: A JPEG, PNG, WebP, TIFF, GIF, BMP, PPM, JPEG 2000 or AVIF file, or what is in it.
        size: Long side of the result in pixels, larger or smaller than the file's; None keeps the file's own size.
        limit: Largest long side if `size` is None.

    Returns:
        The photo, exactly as large as `fit_size` says.

    Raises:
        errors.InputError: The file is missing, empty, damaged, cut off, no image, or larger than
            `decoding.MAX_PIXELS`, or `size` or `limit` is below 1.
    """
    for name, value in (("size", size), ("limit", limit)):
        if value is not None and value < 1:
            raise errors.InputError(f"{name} must be at least 1 pixel, got {value}")
    with decoding.opened(path) as image:
        photo = Photo(*decoding.decode(image))
    height, width = photo.rgb.shape[:2]
    own = max(height, width)
    return resize(photo, *fit_size(height, width, size or min(own, limit or own)))


def probe(source: str | os.PathLike[str] | bytes) -> tuple[int, int]:
    """Returns the height and width of a picture from its header alone; no pixel is decoded.

    They are the upright picture's, as `load_image` returns it.

    Args:
        source: A file of a kind that `load_image` reads, or its content.

    Raises:
        errors.InputError: The file is missing, empty, not a picture, or has more pixels than `decoding.MAX_PIXELS` or
            a longer side than `decoding.MAX_SIDE`.
    """
    with decoding.opened(source) as image:
        width, height = image.size
        return (width, height) if decoding.is_on_its_side(image) else (height, width)


def fit_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Returns (height, width) of the same shape with the given long side; the other is rounded (half up), at least 1.

    Raises:
        errors.InputError: A side is below 1.
    """
    longest = max(height, width)
    if min(height, width, long_side) < 1:
        raise errors.InputError(f"sizes must be at least 1 pixel, got {height}x{width} to fit {long_side}")
    new_height, new_width = (max(1, (2 * side * long_side + longest) // (2 * longest)) for side in (height, width))
    return new_height, new_width


def resize(photo: Photo, height: int, width: int) -> Photo:
    """Resizes with Pillow's antialiased Lanczos filter in float32; returns `photo` itself if it has that size.

    Colours are weighted by alpha, so that what hides under transparent pixels does not bleed into their neighbours.
    Where the result is transparent, the hidden colours are resized as they are.

    Returns:
        Photo of `[height, width]`, clipped to 0..255 (alpha: 0..1).

    Raises:
        errors.InputError: A side is below 1, or the result is larger than `decoding.MAX_PIXELS`.
    """
    if min(height, width) < 1 or height * width > decoding.MAX_PIXELS:
        raise errors.InputError(
            f"cannot resize to {width}x{height}: 1 to {decoding.MAX_PIXELS} pixels, choose another size"
        )
    if photo.rgb.shape[:2] == (height, width):
        return photo
    plain = _lanczos(photo.rgb, height, width)
    if photo.alpha is None:
        return Photo(np.clip(plain, 0, 255))
    opacity = photo.alpha[..., np.newaxis]
    alpha = _lanczos(opacity, height, width)
    weighted = _lanczos(photo.rgb * opacity, height, width) / np.maximum(alpha, 1 / 255)
    rgb = np.where(alpha > 1 / 255, weighted, plain)  # below one 8-bit step the quotient is noise
    return Photo(np.clip(rgb, 0, 255), np.clip(alpha[..., 0], 0, 1))


def save_image(
    path: str | os.PathLike[str],
    image: Photo | np.ndarray,
    *,
    alpha: np.ndarray | None = None,
    recipe: Mapping[str, Any] | None = None,
    quality: int = 95,
) -> None:
    """Encodes a picture by the file's suffix and writes it atomically; the arguments are those of `encode`.

    Raises:
        errors.InputError: What `encode` and `files.atomic_write` refuse; the message names the file.
    """
    try:
        data = encode(image, pathlib.Path(path).suffix, alpha=alpha, recipe=recipe, quality=quality)
    except errors.InputError as error:
        raise errors.InputError(f"{os.fspath(path)}: {error}") from error
    files.atomic_write(path, data)


def load_recipe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns the recipe that `save_image` stored in a picture.

    Raises:
        errors.InputError: The file cannot be read or carries no recipe.
    """
    with decoding.opened(path) as image:
        text = str(image.getexif().get(_DESCRIPTION, ""))
    recipe = None
    if text.startswith(_RECIPE):
        with contextlib.suppress(ValueError):
            recipe = json.loads(text.removeprefix(_RECIPE))
    if not isinstance(recipe, dict):
        raise errors.InputError(f"{path}: carries no tfstyle recipe; only pictures saved by tfstyle do")
    return recipe


def encode(
    image: Photo | np.ndarray,
    suffix: str,
    *,
    alpha: np.ndarray | None = None,
    recipe: Mapping[str, Any] | None = None,
    quality: int = 95,
) -> bytes:
    """Encodes a picture; the same arguments give the same bytes.

    The file carries an sRGB profile, so that wide-gamut displays show it right. JPEG has no alpha: there the picture
    is laid on white, as browsers and paper show it (without that the hidden, often black, colours would appear).

    Args:
        image: A photo, or an array `[H, W, 3]` or `[1, H, W, 3]`: uint8, or numbers in 0..255 (rounded and clipped).
        suffix: .jpg, .jpeg, .png, .webp, .tif or .tiff, in any case.
        alpha: Opacity `[H, W]`, 0..1; instead of the photo's own.
        recipe: What made the picture: anything JSON can hold, less than 64 kB for JPEG; see `load_recipe`.
        quality: Of JPEG (with full colour resolution, 4:4:4) and WebP: 1..100.

    Raises:
        errors.InputError: The suffix, a shape, a value (NaN) or the quality is not accepted, or the format cannot hold
            the picture (too wide, too long a recipe).
    """
    name = _format(suffix, quality)
    rgb, own_alpha = (image.rgb, image.alpha) if isinstance(image, Photo) else (image, None)
    picture = _picture(_checked_rgb(rgb), own_alpha if alpha is None else alpha, on_white=name == "JPEG")
    metadata = {} if recipe is None else {"exif": _exif(recipe)}
    return _written(picture, name, _options(name, quality) | metadata)


def check_suffix(suffix: str) -> None:
    """Checks that `save_image` writes files with this suffix.

    Raises:
        errors.InputError: It does not; the message lists the suffixes that it writes.
    """
    _format(suffix, 100)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Checks, before any work is done, that `save_image` could write here.

    Raises:
        errors.InputError: The suffix is not one of a picture, or the folder is missing or cannot be written into.
    """
    _format(pathlib.Path(path).suffix, 100)
    files.check_folder(path)


def _lanczos(planes: np.ndarray, height: int, width: int) -> np.ndarray:
    def resized(plane: np.ndarray) -> np.ndarray:
        image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
        return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))

    return np.stack([resized(planes[..., c]) for c in range(planes.shape[2])], axis=2)


def _format(suffix: str, quality: int) -> str:
    if suffix.lower() not in _WRITERS:
        raise errors.InputError(f"cannot write {suffix or 'a name without suffix'!r}: choose {', '.join(_WRITERS)}")
    if not 1 <= quality <= 100:
        raise errors.InputError(f"quality must be 1 to 100, got {quality}")
    return _WRITERS[suffix.lower()]


def _checked_rgb(image: np.ndarray) -> np.ndarray:
    array = np.asarray(image)
    array = array[0] if array.ndim == 4 and len(array) == 1 else array
    if array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise errors.InputError(f"a picture has the shape [H, W, 3], got {list(np.shape(image))}")
    if not np.isfinite(array).all():
        raise errors.InputError("the picture has NaN or infinite values: the computation that made it diverged")
    return array


def _picture(rgb: np.ndarray, alpha: np.ndarray | None, *, on_white: bool) -> Image.Image:
    if alpha is None:
        return Image.fromarray(_to_uint8(rgb))
    if alpha.shape != rgb.shape[:2] or not np.isfinite(alpha).all():
        raise errors.InputError(f"alpha must be numbers {list(rgb.shape[:2])}, got {list(alpha.shape)}")
    opacity = np.clip(alpha, 0, 1)[..., np.newaxis]
    if on_white:
        return Image.fromarray(_to_uint8(rgb * opacity + 255 * (1 - opacity)))
    return Image.fromarray(np.concatenate([_to_uint8(rgb), _to_uint8(opacity * 255)], axis=2))


def _to_uint8(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.uint8:
        return values  # NumPy would round it by way of float16, which takes longer than all the rest.
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _options(name: str, quality: int) -> dict[str, Any]:
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": quality, "subsampling": 0},  # 4:4:4: small strokes of saturated colour survive
        "WEBP": {"quality": quality},
        "TIFF": {"compression": "tiff_adobe_deflate"},
    }
    return options.get(name, {})


def _exif(recipe: Mapping[str, Any]) -> bytes:
    exif = Image.Exif()
    exif[_DESCRIPTION] = _RECIPE + json.dumps(dict(recipe), sort_keys=True, ensure_ascii=True)
    return exif.tobytes()


def _written(picture: Image.Image, name: str, options: Mapping[str, Any]) -> bytes:
    if max(picture.size) > _LONGEST.get(name, max(picture.size)):
        size = f"{picture.width}x{picture.height}"
        raise errors.InputError(f"{name} holds at most {_LONGEST[name]} pixels a side, got {size}: choose .png or .tif")
    buffer = io.BytesIO()
    try:
        picture.save(buffer, name, icc_profile=decoding.srgb_profile(), **options)
    except (OSError, ValueError) as error:
        raise errors.InputError(f"{name} cannot hold this picture and its recipe ({error}): choose .png") from error
    return buffer.getvalue()
