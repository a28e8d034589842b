"""What the tabs share: the gallery of styles, error messages for visitors, photos of limited size."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from tfstyle import errors, images, stylebook
from tfstyle.service import looks

__all__ = ["FIRST_STYLE", "shrink", "style_gallery", "style_names", "style_picker", "style_tiles", "user_errors"]

FIRST_STYLE = "starry_night"
"""The style that the page opens with."""


def style_names() -> list[str]:
    """Returns the names of the trained styles, the one that the page opens with first."""
    return sorted(stylebook.trained(), key=lambda name: (name != FIRST_STYLE, name))


def style_gallery(css_class: str = "") -> tuple[list[str], Any]:
    """Creates a gallery to choose a style from. A tile shows the painting's colors and brushwork (``train.swatches``).

    Args:
        css_class: CSS classes to add.

    Returns:
        The names of the styles, and the gallery of their tiles in the same order.
    """
    names = style_names()
    gallery = gr.Gallery(
        style_tiles(names),
        label="Style",
        columns=5,
        height="auto",
        allow_preview=False,
        selected_index=0,
        object_fit="cover",
        buttons=[],
        elem_classes=f"styles {css_class}",
        interactive=False,
    )
    return names, gallery


def style_tiles(names: Sequence[str]) -> list[tuple[str, str]]:
    """Returns the tiles of styles: a picture's file and a label.

    Args:
        names: from `style_names`.
    """
    folders, labels = stylebook.trained(), list[str]()
    for name in names:  # A painting's second network is the larger one.
        title = looks.about(name).title
        labels.append(f"{title}, large network" if title in labels else title)
    return list(zip([_tile(folders[name]) for name in names], labels, strict=True))


def _tile(folder: stylebook.StyleFolder) -> str:
    return str(folder.swatch if folder.swatch.exists() else folder.preview)


def style_picker(names: Sequence[str]) -> Callable[[gr.SelectData], str]:
    """Returns a handler that turns a click on a tile into the style's name.

    Args:
        names: from `style_gallery`.
    """

    def pick(event: gr.SelectData) -> str:
        return names[event.index]

    return pick


@contextlib.contextmanager
def user_errors() -> Iterator[None]:
    """Shows refusals to the visitor.

    Raises:
        Error: Gradio's, in place of `errors.InputError`.
    """
    try:
        yield
    except errors.InputError as error:
        raise gr.Error(str(error), print_exception=False) from error


def shrink(picture: np.ndarray, long_side: int) -> np.ndarray:
    """Shrinks a picture whose long side is longer; never enlarges.

    Args:
        picture: ``[H, W, 3]``, uint8.
        long_side: in pixels.

    Returns:
        ``[h, w, 3]``, uint8.
    """
    height, width, _ = picture.shape
    height, width = images.fit_size(height, width, min(long_side, max(height, width)))
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))
