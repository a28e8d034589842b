from .backbones import BACKBONES, Backbone, Conv, Fire, Pool
from .loading import find, load, random, shapes

__all__ = ["BACKBONES", "Backbone", "Conv", "Fire", "Pool", "find", "load", "random", "shapes"]
