"""Weights of the loss networks: finding, downloading and reading them in any published layout."""

from tfstyle.weights.loading import NETWORKS, find, load, random, shapes

__all__ = ["NETWORKS", "find", "load", "random", "shapes"]
