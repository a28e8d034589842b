"""What the page's tabs have in common: styles to choose from, refusals for visitors, pictures small enough."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from tfstyle import errors, images, stylebook

__all__ = ["shrink", "style_gallery", "style_picker", "user_errors"]


def style_gallery(more: str = "") -> tuple[list[str], Any]:
    """Styles to choose from.

    Args:
        more: CSS classes.

    Returns:
        Names of the trained styles, and the gallery of their pictures, in the same order.
    """
    trained, stored = stylebook.trained(), stylebook.load_all()
    labels: list[str] = []
    for name in trained:  # A painting's second network is the large one.
        title = stored[name].title
        labels.append(f"large: {title}" if title in labels else title)
    entries = [(str(folder.preview), label) for folder, label in zip(trained.values(), labels, strict=True)]
    gallery = gr.Gallery(
        entries,
        label="Style",
        columns=5,
        height="auto",
        allow_preview=False,
        selected_index=0,
        object_fit="cover",
        buttons=[],
        elem_classes=f"strip {more}",
        interactive=False,
    )
    return list(trained), gallery


def style_picker(names: list[str]) -> Callable[[gr.SelectData], str]:
    """What makes a style's name of a click on its picture.

    Args:
        names: from `style_gallery`.

    Returns:
        A handler of the gallery's selection.
    """

    def choose(event: gr.SelectData) -> str:
        return names[event.index]

    return choose


@contextlib.contextmanager
def user_errors() -> Iterator[None]:
    """Refusals inside become what Gradio shows to its visitor.

    Raises:
        Error: Gradio's, in place of `errors.InputError`.
    """
    try:
        yield
    except errors.InputError as error:
        raise gr.Error(str(error), print_exception=False) from error


def shrink(picture: np.ndarray, longest: int) -> np.ndarray:
    """Makes a picture smaller, if need be.

    Args:
        picture: ``[H, W, 3]``, uint8.
        longest: its side at most, pixels.

    Returns:
        Likewise.
    """
    height, width, _ = picture.shape
    fitting = images.fit_size(height, width, min(longest, max(height, width)))
    return np.asarray(Image.fromarray(picture).resize(fitting[::-1], Image.Resampling.BICUBIC))
