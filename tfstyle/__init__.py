"""Paint photographs in the style of paintings.

The slow path in three lines::

    *_, last = tfstyle.optimize("photo.jpg", "starry_night")
    tfstyle.save_image("painted.png", last.image)

Importing this package is quick: TensorFlow is loaded, without its chatter, when the first name that needs it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfstyle.errors import InputError
    from tfstyle.images import Photo, load_image, save_image
    from tfstyle.optimization import Iterate, optimize, reconstruct
    from tfstyle.settings import Settings

__all__ = ["InputError", "Iterate", "Photo", "Settings", "load_image", "optimize", "reconstruct", "save_image"]
__version__ = "0.1.0"

_LIGHT = {
    "InputError": "errors",
    "Photo": "images",
    "Settings": "settings",
    "load_image": "images",
    "save_image": "images",
}
_HEAVY = {"Iterate": "optimization", "optimize": "optimization", "reconstruct": "optimization"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tfstyle' has no attribute {name!r}")
    if name in _HEAVY:
        importlib.import_module("tfstyle.runtime").import_tensorflow()
    return getattr(importlib.import_module(f"tfstyle.{(_LIGHT | _HEAVY)[name]}"), name)
