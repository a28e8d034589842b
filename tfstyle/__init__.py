"""Paint photographs in the style of paintings.

The slow path in three lines::

    *_, last = tfstyle.optimize("photo.jpg", "starry_night")
    tfstyle.save_image("painted.png", last.image)

Importing this package is quick: TensorFlow is loaded, without its chatter, when the first name that needs it is used.
"""

import lazy_loader

from tfstyle._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
