from . import batch, predictor, runtimes
from .batch import SkippedFilesWarning, StylizeResult, stylize
from .predictor import Stylizer

__all__ = ["SkippedFilesWarning", "StylizeResult", "Stylizer", "batch", "predictor", "runtimes", "stylize"]
