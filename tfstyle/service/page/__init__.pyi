from . import camera_tab, layout, optimize_tab, photo_tab, visitors, widgets
from .layout import mount
from .widgets import FIRST_STYLE

__all__ = [
    "FIRST_STYLE",
    "camera_tab",
    "layout",
    "mount",
    "optimize_tab",
    "photo_tab",
    "visitors",
    "widgets",
]
