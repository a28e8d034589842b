"""Photos between files and arrays: finding, reading, resizing, color, encoding."""

from tfstyle.images import color, decoding
from tfstyle.images.folders import FoundPhotos, find_photos, is_folder_name, result_names, writable_name
from tfstyle.images.photos import (
    Photo,
    check_writable,
    encode,
    fit_size,
    load_image,
    load_recipe,
    probe,
    resize,
    save_image,
)

__all__ = [
    "FoundPhotos",
    "Photo",
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
