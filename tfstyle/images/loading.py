"""From an image file to a `Photo`."""

import os

from tfstyle import errors
from tfstyle.images import decoding, exif, photo, pixels, tiff

__all__ = ["load_image", "load_recipe", "probe"]


def load_image(
    path: str | os.PathLike[str] | bytes,
    *,
    size: int | None = None,
    limit: int | None = None,
    keep_gps: bool = False,
) -> photo.Photo:
    """Reads a picture of any common kind as sRGB. Its content counts, not its suffix.

    The EXIF orientation and an embedded ICC profile (of a PNG without one: its gamma and primaries) are applied. Of
    animations and multi-page files the first frame is read. Gray keeps 16 bits and more; color of 16 bits is read at
    8 bits. See `pixels.decode` and `tiff.read` for details.

    Args:
        path: A JPEG, PNG, WebP, TIFF, GIF, BMP, PPM, JPEG 2000 or AVIF file, or its content.
        size: Long side of the result in pixels, larger or smaller than the file's; None keeps the file's size.
        limit: Largest long side if `size` is None.
        keep_gps: Keep the position in the photo's metadata, so that it goes into saved results.

    Returns:
        The photo, `[H, W, 3]`, with the height and width that `fit_size` returns.

    Raises:
        errors.InputError: The file is missing, empty, damaged, cut off, not a picture, a camera raw file, or larger
            than `bounds.MAX_PIXELS` or `bounds.MAX_SIDE`; or `size` or `limit` is below 1.
    """
    for name, value in (("size", size), ("limit", limit)):
        if value is not None and value < 1:
            raise errors.InputError(f"{name} must be at least 1 pixel, got {value}")
    loaded = _read(path, keep_gps=keep_gps)
    longest = max(loaded.size)
    return photo.resize(loaded, *photo.fit_size(*loaded.size, size or min(longest, limit or longest)))


def _read(source: str | os.PathLike[str] | bytes, *, keep_gps: bool) -> photo.Photo:
    with decoding.readable(source) as file:
        if tiff.is_deep(file):
            return photo.Photo(*tiff.read(file))
    with decoding.opened(source) as image:
        return photo.Photo(*pixels.decode(image), exif.read(image, keep_gps=keep_gps))


def probe(source: str | os.PathLike[str] | bytes) -> tuple[int, int]:
    """Returns the height and width of a picture from its header alone; no pixel is decoded.

    They are the upright picture's, as `load_image` returns it.

    Args:
        source: A file of a kind that `load_image` reads, or its content.

    Raises:
        errors.InputError: The file is missing, empty, not a picture, a camera raw file, or larger than
            `bounds.MAX_PIXELS` or `bounds.MAX_SIDE`.
    """
    with decoding.readable(source) as file:
        if tiff.is_deep(file):
            return tiff.size(file)
    with decoding.opened(source) as image:
        width, height = image.size
        return (width, height) if pixels.is_on_its_side(image) else (height, width)


def load_recipe(path: str | os.PathLike[str]) -> dict:
    """Returns the recipe that `save_image` stored in a picture.

    Raises:
        errors.InputError: The file cannot be read or has no recipe.
    """
    with decoding.opened(path) as image:
        recipe = exif.recipe_in(image)
    if recipe is None:
        raise errors.InputError(f"{path} contains no tfstyle recipe: use a picture saved by tfstyle optimize")
    return recipe
