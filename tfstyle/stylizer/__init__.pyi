from . import any_painting, batch, digests, mixtures, predictor, runtimes, transport, vectors
from .batch import StylizeResult, stylize
from .mixtures import StyleLike
from .predictor import Stylizer

__all__ = [
    "StyleLike",
    "StylizeResult",
    "Stylizer",
    "any_painting",
    "batch",
    "digests",
    "mixtures",
    "predictor",
    "runtimes",
    "stylize",
    "transport",
    "vectors",
]
