"""Paint photographs in the style of paintings."""

__version__ = "0.1.0"
