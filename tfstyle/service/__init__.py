"""The HTTP service: stylized photos at once, optimized pictures as jobs, a page for browsers."""

import os

import lazy_loader

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # Gradio reads it on import.

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
