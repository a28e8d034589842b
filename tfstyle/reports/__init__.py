"""What a run leaves besides its picture: loss curves as CSV, plot and event file, an animation, contact sheets."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
