"""What a file says about its photo (Exif 3.0, CIPA DC-008), and the recipe that tfstyle stores in its results."""

import contextlib
import dataclasses
import json
import struct
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags, Image, TiffImagePlugin, TiffTags

__all__ = ["Metadata", "append_to_tiff", "encode", "read", "recipe_in"]

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
_AUTHORS = (_BASE.Artist, _BASE.Copyright)
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


def encode(metadata: Metadata | None, recipe: Mapping[str, Any] | None, *, whole: bool = True) -> bytes | None:
    """Returns an EXIF block, or None if there is nothing to store.

    Args:
        metadata: The photo's.
        recipe: Takes the place of the caption: ImageDescription is the one text field that all written formats have.
        whole: With the camera's directory and the position; see `append_to_tiff`.
    """
    block = Image.Exif()
    if metadata:
        block.update(metadata.main)
        block.update(_directories(metadata) if whole else {})
        if metadata.dpi:
            block[_BASE.XResolution], block[_BASE.YResolution] = metadata.dpi
            block[_BASE.ResolutionUnit] = _INCH
    if recipe is not None:
        block[_BASE.ImageDescription] = _RECIPE + json.dumps(dict(recipe), sort_keys=True, ensure_ascii=True)
    return block.tobytes() if len(block) else None


def append_to_tiff(tiff: bytes, metadata: Metadata) -> bytes:
    """Appends to a TIFF what Pillow cannot write beside compressed pixels: the camera's directory, position, UTF-8.

    Args:
        tiff: A TIFF of one page, little-endian.
        metadata: The photo's.
    """
    data, entries = tiff + bytes(len(tiff) % 2), {}
    for tag, text in metadata.main.items():
        if isinstance(text, bytes) and not text.isascii() and tag in _AUTHORS and len(text) >= 4:
            entries[int(tag)] = struct.pack("<HHII", tag, 2, len(text) + 1, len(data))  # 2: of type ASCII
            data += text + bytes(1 + (len(text) + 1) % 2)
    for tag, values in _directories(metadata).items():
        directory = TiffImagePlugin.ImageFileDirectory_v2(tiff[:4] + bytes(4), group=tag)
        directory.update(values)
        entries[int(tag)] = struct.pack("<HHII", tag, 4, 1, len(data))  # 4: the value, an offset, is of type LONG
        data += directory.tobytes(len(data))
        data += bytes(len(data) % 2)
    if not entries:
        return tiff
    start = struct.unpack_from("<I", tiff, 4)[0]
    for index in range(struct.unpack_from("<H", tiff, start)[0]):
        entry = tiff[start + 2 + 12 * index :][:12]
        entries.setdefault(struct.unpack_from("<H", entry)[0], entry)
    main = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + main


def _directories(metadata: Metadata) -> dict[int, dict[int, Any]]:
    directories = {_CAMERA: {**metadata.camera, _BASE.ColorSpace: _SRGB}} if metadata.camera else {}
    return directories | ({_POSITION: dict(metadata.position)} if metadata.position else {})


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
        # Pillow reads text as Latin-1 and writes it as ASCII. As bytes it stays what it was, which often is UTF-8.
        is_special = isinstance(value, str) and not value.isascii() and tag in TiffTags.TAGS_V2
        stored = value.encode("latin-1", "replace") if is_special else value
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
