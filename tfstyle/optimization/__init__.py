"""The slow path: Gatys, Ecker and Bethge 2015, optimization of the pixels of one picture."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
