"""Styles: paintings, stored statistics of paintings, and the folders of trained styles."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
