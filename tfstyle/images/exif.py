"""What a file says about its photo (Exif 3.0, CIPA DC-008), and the recipe that tfstyle stores in its results."""

import contextlib
import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags, Image

__all__ = ["Metadata", "encode", "read", "recipe_in"]

_RECIPE = "tfstyle recipe: "
_BASE, _CAMERA, _POSITION = ExifTags.Base, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo
# Of the main directory an allow-list: in a TIFF it also describes how the pixels are stored.
_KEPT = (
    *(_BASE.ImageDescription, _BASE.Make, _BASE.Model, _BASE.DateTime, _BASE.Artist, _BASE.Copyright, _BASE.Rating),
    *(_BASE.XPTitle, _BASE.XPComment, _BASE.XPAuthor, _BASE.XPKeywords, _BASE.XPSubject),
)
# Of the camera's directory all standard tags, but none that describe the old file, or a private format.
_CAMERA_TAGS = range(_BASE.ExposureTime, _BASE.Gamma + 1)
_DROPPED = {
    *(_BASE.MakerNote, _BASE.CompressedBitsPerPixel, _BASE.ComponentsConfiguration, _BASE.ExifInteroperabilityOffset),
    *(_BASE.ColorSpace, _BASE.ExifImageWidth, _BASE.ExifImageHeight, _BASE.GPSInfo, _BASE.Gamma),
}
_LONGEST = 2000  # bytes of one value: JPEG has 64 kB for all of EXIF
_INCH = 2  # the resolution's unit
_SRGB = 1  # the color space


@dataclasses.dataclass(frozen=True)
class Metadata:
    """What goes from a photo's file into its results: not orientation, thumbnail and maker note, which no longer fit.

    Attributes:
        main: EXIF's main tags by number: date, artist, copyright, camera model, caption.
        camera: The tags of the Exif directory: when and how the photo was taken.
        position: The GPS tags; empty unless they were asked for.
        dpi: Dots per inch, horizontally and vertically; None if the file has none.
    """

    main: Mapping[int, Any] = dataclasses.field(default_factory=dict)
    camera: Mapping[int, Any] = dataclasses.field(default_factory=dict)
    position: Mapping[int, Any] = dataclasses.field(default_factory=dict)
    dpi: tuple[float, float] | None = None


def read(image: Image.Image, *, keep_gps: bool = False) -> Metadata | None:
    """Returns the metadata of an opened image; what is broken is left out. None if there is nothing.

    Args:
        image: The image, with its pixels decoded (some files have their EXIF behind the pixels).
        keep_gps: Read the position, too.
    """
    main, camera, position = {}, {}, {}
    with contextlib.suppress(Exception):  # broken EXIF raises nearly anything
        exif = image.getexif()
        main = _storable({tag: exif[tag] for tag in _KEPT if tag in exif})
        directory = exif.get_ifd(_CAMERA)
        camera = _storable({tag: directory[tag] for tag in directory if tag in _CAMERA_TAGS and tag not in _DROPPED})
        position = _storable(exif.get_ifd(_POSITION)) if keep_gps else {}
    if _recipe_of(main.get(_BASE.ImageDescription)) is not None:
        del main[_BASE.ImageDescription]  # the result has a recipe of its own
    metadata = Metadata(main, camera, position, _dpi(image.info.get("dpi")))
    return None if metadata == Metadata() else metadata


def encode(metadata: Metadata | None, recipe: Mapping[str, Any] | None) -> bytes | None:
    """Returns an EXIF block, or None if there is nothing to store. A recipe takes the place of the caption."""
    exif = Image.Exif()
    if metadata:
        exif.update(metadata.main)
        for directory, tags in ((_CAMERA, metadata.camera), (_POSITION, metadata.position)):
            if tags:
                exif[directory] = {**tags, _BASE.ColorSpace: _SRGB} if directory == _CAMERA else dict(tags)
        if metadata.dpi:
            exif[_BASE.XResolution], exif[_BASE.YResolution] = metadata.dpi
            exif[_BASE.ResolutionUnit] = _INCH
    if recipe is not None:  # ImageDescription is the one text field that all written formats carry
        exif[_BASE.ImageDescription] = _RECIPE + json.dumps(dict(recipe), sort_keys=True, ensure_ascii=True)
    return exif.tobytes() if len(exif) else None


def recipe_in(image: Image.Image) -> dict[str, Any] | None:
    """Returns the recipe in an opened image, or None if it has none."""
    return _recipe_of(image.getexif().get(_BASE.ImageDescription))


def _recipe_of(description: Any) -> dict[str, Any] | None:
    text = description.decode("latin-1") if isinstance(description, bytes) else str(description)
    if not text.startswith(_RECIPE):
        return None
    with contextlib.suppress(ValueError):
        recipe = json.loads(text.removeprefix(_RECIPE))
        return recipe if isinstance(recipe, dict) else None
    return None


def _storable(tags: Mapping[int, Any]) -> dict[int, Any]:
    """Returns the tags whose values Pillow can write again."""
    kept = {}
    for tag, value in tags.items():
        # Pillow reads text as Latin-1, but would write it as ASCII. As bytes it stays what it was, often UTF-8.
        stored = value.encode("latin-1", "replace") if isinstance(value, str) else value
        with contextlib.suppress(Exception):  # odd types and numbers raise nearly anything
            exif = Image.Exif()
            exif[_CAMERA] = {tag: stored}
            if len(exif.tobytes()) <= _LONGEST:
                kept[int(tag)] = stored
    return kept


def _dpi(value: Any) -> tuple[float, float] | None:
    with contextlib.suppress(TypeError, ValueError, ZeroDivisionError):
        x, y = (round(float(each), 2) for each in value)
        if min(x, y) >= 1 and max(x, y) <= 65535:  # JPEG's bounds
            return x, y
    return None
