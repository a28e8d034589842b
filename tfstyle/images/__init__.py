"""Photos between files and arrays: reading, resizing, colour, encoding."""

from tfstyle.images import color, decoding
from tfstyle.images.photos import Photo, check_writable, encode, fit_size, load_image, load_recipe, resize, save_image

__all__ = [
    "Photo",
    "check_writable",
    "color",
    "decoding",
    "encode",
    "fit_size",
    "load_image",
    "load_recipe",
    "resize",
    "save_image",
]
