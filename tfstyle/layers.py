"""Layers that both the loss networks and the transformation networks are made of; keras.ops only, exportable."""

import keras
from keras import ops

__all__ = ["MirrorPadding"]


class MirrorPadding(keras.layers.Layer):
    """Pads an image or feature map by its own mirror image.

    Zero padding tells a network where the border is, and an optimiser paints a frame there; a mirrored border looks
    like more of the picture. The edge row itself is repeated ("symmetric"), so a map of one pixel can be padded too.

    Args:
        size: rows and columns added on each side; at most the map's own height and width.
    """

    def __init__(self, size: int, **keywords: object) -> None:
        super().__init__(**keywords)
        self.size = size

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """``[B, H, W, C]`` to ``[B, H + 2 size, W + 2 size, C]``."""
        margin = (self.size, self.size)
        return ops.pad(inputs, ((0, 0), margin, margin, (0, 0)), mode="symmetric")

    def get_config(self) -> dict:
        """The layer's settings, for saving."""
        return {**super().get_config(), "size": self.size}
