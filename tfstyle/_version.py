"""The version, which recipes, cards and the service state."""

__all__ = ["__version__"]

__version__ = "0.1.0"
