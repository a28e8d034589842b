from .config import Settings
from .errors import InputError
from .images import Photo, load_image, save_image
from .optimization import Iterate, optimize, reconstruct

__all__ = ["InputError", "Iterate", "Photo", "Settings", "load_image", "optimize", "reconstruct", "save_image"]
