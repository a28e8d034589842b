from . import batch, predictor, runtimes
from .batch import StylizeResult, stylize
from .predictor import Stylizer

__all__ = ["StylizeResult", "Stylizer", "batch", "predictor", "runtimes", "stylize"]
