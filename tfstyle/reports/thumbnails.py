"""Small versions of pictures, for animations and contact sheets."""

import numpy as np
from PIL import Image

__all__ = ["thumbnail"]


def thumbnail(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resizes a picture to ``[height, width, 3]``, uint8.

    Args:
        picture: ``[H, W, 3]``, 0..255.
        height: pixels.
        width: pixels.
    """
    pixels = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
