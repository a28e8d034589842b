from . import camera_tab, layout, optimize_tab, photo_tab, widgets
from .layout import mount

__all__ = ["camera_tab", "layout", "mount", "optimize_tab", "photo_tab", "widgets"]
