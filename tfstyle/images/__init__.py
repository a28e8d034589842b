"""Photos between files and arrays: finding, reading, resizing, color, encoding."""

from tfstyle.images import color, decoding
from tfstyle.images.bounds import MAX_PIXELS, MAX_SIDE
from tfstyle.images.decoding import KINDS, READERS
from tfstyle.images.encoding import check_format, check_writable, encode, save_image
from tfstyle.images.exif import Metadata
from tfstyle.images.folders import (
    FoundPhotos,
    SkippedFilesWarning,
    find_photos,
    is_folder_name,
    result_names,
    writable_name,
)
from tfstyle.images.loading import load_image, load_recipe, probe
from tfstyle.images.photo import Photo, fit_size, resize
from tfstyle.images.sources import Source, as_photo, check_array

__all__ = [
    "FoundPhotos",
    "KINDS",
    "MAX_PIXELS",
    "MAX_SIDE",
    "Metadata",
    "Photo",
    "READERS",
    "SkippedFilesWarning",
    "Source",
    "as_photo",
    "check_array",
    "check_format",
    "check_writable",
    "color",
    "decoding",
    "encode",
    "find_photos",
    "fit_size",
    "is_folder_name",
    "load_image",
    "load_recipe",
    "probe",
    "resize",
    "result_names",
    "save_image",
    "writable_name",
]
