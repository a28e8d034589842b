from .config import BenchmarkSettings, Settings, TrainingSettings
from .errors import InputError, ShortageError
from .evaluation import Benchmark, Evaluation, benchmark, evaluate
from .images import Photo, load_image, save_image
from .optimization import Iterate, compare, optimize, reconstruct
from .stylebook import StyleInfo, styles
from .stylizer import Stylizer, StylizeResult, stylize
from .training import TrainingProgress, train
from .video import FilmProgress, paint_film

__all__ = [
    "Benchmark",
    "BenchmarkSettings",
    "Evaluation",
    "FilmProgress",
    "InputError",
    "Iterate",
    "Photo",
    "Settings",
    "ShortageError",
    "StyleInfo",
    "StylizeResult",
    "Stylizer",
    "TrainingProgress",
    "TrainingSettings",
    "benchmark",
    "compare",
    "evaluate",
    "load_image",
    "optimize",
    "paint_film",
    "reconstruct",
    "save_image",
    "styles",
    "stylize",
    "train",
]
