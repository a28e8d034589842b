"""Contact sheets: pictures in a labeled grid."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfstyle import images
from tfstyle.reports import thumbnails

__all__ = ["contact_sheet"]

# Pixels: height of a label, and space between pictures.
_LABEL, _GAP = 26, 8
_FONT_SIZE = 15


def contact_sheet(
    pictures: Sequence[np.ndarray], labels: Sequence[str], *, columns: int = 0, cell: int = 320
) -> np.ndarray:
    """Arranges pictures in a labeled grid.

    >>> contact_sheet([np.zeros((30, 40, 3))] * 2, ["before", "after"], cell=40).shape
    (72, 104, 3)

    Args:
        pictures: ``[H, W, 3]`` each, 0..255, of any size.
        labels: one per picture, drawn above it.
        columns: 0 for a sheet as square as possible.
        cell: long side of a picture on the sheet, pixels.

    Returns:
        ``[H, W, 3]``, uint8.
    """
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    thumbs = [_thumb(picture, cell) for picture in pictures]
    height, width = (max(thumb.shape[axis] for thumb in thumbs) for axis in (0, 1))
    rows = -(-len(thumbs) // columns)
    across, down = width + _GAP, height + _LABEL + _GAP
    sheet = Image.new("RGB", (columns * across + _GAP, rows * down + _GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT_SIZE)
    for index, (thumb, label) in enumerate(zip(thumbs, labels, strict=True)):
        left, top = _GAP + index % columns * across, _GAP + index // columns * down
        pen.text((left, top + 3), label, "black", font)
        sheet.paste(Image.fromarray(thumb), (left, top + _LABEL))
    return np.asarray(sheet)


def _thumb(picture: np.ndarray, cell: int) -> np.ndarray:
    height, width, _ = picture.shape
    return thumbnails.thumbnail(picture, *images.fit_size(height, width, cell))
