"""The page: a photo stylized at once, a picture optimized while you watch, the camera."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
