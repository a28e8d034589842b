from . import catalog, folder, loading, painting, stored, style, vectors
from .catalog import StyleInfo, load_all, styles
from .folder import StyleFolder, find, root, trained
from .loading import load
from .painting import Painting, statistics
from .stored import STORED_BACKBONES, STORED_SIZES, StoredStyle, compress, pack, unpack
from .style import Style
from .vectors import (
    ITERATIONS,
    LARGEST_DEVIATION,
    RIDGE,
    SMALL_RIDGE,
    NamedVector,
    StyleVector,
    named,
    square_roots,
    with_ridge,
    write_named,
)

__all__ = [
    "ITERATIONS",
    "LARGEST_DEVIATION",
    "NamedVector",
    "Painting",
    "RIDGE",
    "SMALL_RIDGE",
    "STORED_BACKBONES",
    "STORED_SIZES",
    "StoredStyle",
    "Style",
    "StyleFolder",
    "StyleInfo",
    "StyleVector",
    "catalog",
    "compress",
    "find",
    "folder",
    "load",
    "load_all",
    "loading",
    "named",
    "pack",
    "painting",
    "root",
    "square_roots",
    "statistics",
    "stored",
    "style",
    "styles",
    "trained",
    "unpack",
    "vectors",
    "with_ridge",
    "write_named",
]
