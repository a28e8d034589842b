from . import painting, stored
from .painting import Painting, Style, digest, load, measure, statistics
from .stored import LITERT, NETWORKS, SIZES, STATISTICS, StoredStyle, compress, load_all, models, pack, read

__all__ = [
    "LITERT",
    "NETWORKS",
    "Painting",
    "SIZES",
    "STATISTICS",
    "StoredStyle",
    "Style",
    "compress",
    "digest",
    "load",
    "load_all",
    "measure",
    "models",
    "pack",
    "painting",
    "read",
    "statistics",
    "stored",
]
