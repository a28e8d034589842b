from .config import Settings, TrainingSettings
from .errors import InputError
from .images import Photo, load_image, save_image
from .optimization import Iterate, optimize, reconstruct
from .stylebook import StyleInfo, styles
from .training import TrainingProgress, train
from .video import FilmProgress, paint_film

__all__ = [
    "FilmProgress",
    "InputError",
    "Iterate",
    "Photo",
    "Settings",
    "StyleInfo",
    "TrainingProgress",
    "TrainingSettings",
    "load_image",
    "optimize",
    "paint_film",
    "reconstruct",
    "save_image",
    "styles",
    "train",
]
