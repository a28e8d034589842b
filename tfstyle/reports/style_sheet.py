"""A contact sheet of all styles: one photo, painted in each."""

from collections.abc import Iterator

import numpy as np

from tfstyle import images, stylebook, stylizer
from tfstyle.reports import sheet

__all__ = ["StyleSheet"]

_CELL = 320


class StyleSheet:
    """Paints one photo in every style that comes with tfstyle.

    Args:
        photo: a file, a `Photo` or an array ``[H, W, 3]``; None for scikit-image's photo of a cup of coffee.

    Attributes:
        styles: to be painted.
    """

    def __init__(self, photo: images.Source | None = None) -> None:
        given = images.as_photo(_coffee() if photo is None else photo)
        self._photo = images.resize(given, *images.fit_size(*given.size, _CELL))
        self.styles = stylebook.styles()
        self._pictures: list[np.ndarray] = []

    def __iter__(self) -> Iterator[stylebook.StyleInfo]:
        """Paints style after style.

        Yields:
            Each style once it is painted.
        """
        for style in self.styles:
            self._pictures.append(stylizer.Stylizer(style.name)(self._photo))
            yield style

    def draw(self) -> np.ndarray:
        """Arranges the photo and the pictures painted so far.

        Returns:
            ``[H, W, 3]``, uint8.
        """
        names = [style.name for style in self.styles[: len(self._pictures)]]
        return sheet.contact_sheet([self._photo.rgb, *self._pictures], ["photo", *names], cell=_CELL)


def _coffee() -> np.ndarray:
    from skimage import data  # noqa: PLC0415 - half a second

    return data.coffee()
