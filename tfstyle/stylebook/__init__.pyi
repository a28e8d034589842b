from . import catalog, folder, loading, painting, stored, style
from .catalog import StyleInfo, load_all, styles
from .folder import StyleFolder, find, root, trained
from .loading import load
from .painting import Painting, statistics
from .stored import STORED_BACKBONES, STORED_SIZES, StoredStyle, compress, pack, unpack
from .style import Style

__all__ = [
    "Painting",
    "STORED_BACKBONES",
    "STORED_SIZES",
    "StoredStyle",
    "Style",
    "StyleFolder",
    "StyleInfo",
    "catalog",
    "compress",
    "find",
    "folder",
    "load",
    "load_all",
    "loading",
    "pack",
    "painting",
    "root",
    "statistics",
    "stored",
    "style",
    "styles",
    "trained",
    "unpack",
]
