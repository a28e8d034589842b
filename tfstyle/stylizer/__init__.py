"""The fast path's predictor: paints with a trained network. Needs TensorFlow only for its SavedModel."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
