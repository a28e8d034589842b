from .config import Settings
from .errors import InputError
from .images import Photo, load_image, save_image
from .optimization import Iterate, optimize, reconstruct
from .video import FilmProgress, paint_film

__all__ = [
    "FilmProgress",
    "InputError",
    "Iterate",
    "Photo",
    "Settings",
    "load_image",
    "optimize",
    "paint_film",
    "reconstruct",
    "save_image",
]
