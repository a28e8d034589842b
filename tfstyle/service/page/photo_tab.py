"""The page's first tab: a photo, painted in a moment in one style after the other."""

import pathlib
from typing import Any

import gradio as gr
import numpy as np
from fastapi import concurrency

from tfstyle import images
from tfstyle.images import color
from tfstyle.service import core
from tfstyle.service.page import widgets

__all__ = ["fill"]

# Long side of what is shown while one tries, pixels.
_SHOWN = 768


class _Tried:
    """What one visitor is trying: the photo as it is shown, and what was painted of it."""

    def __init__(self, path: str = "", photo: np.ndarray | None = None) -> None:
        self.path, self.photo, self.painted = path, photo, dict[str, np.ndarray]()


def fill(service: core.Service) -> None:
    """Puts it into the tab that is open.

    Args:
        service: which paints.

    Raises:
        Error: Gradio's, in its handlers alone: what a visitor is told.
    """
    tried = gr.State(None, time_to_live=600)
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            photo = gr.Image(
                label="Photo: drop, paste or choose one",
                type="filepath",
                sources=["upload", "clipboard"],
                height=260,
                image_mode=None,
            )
            names, strip = widgets.style_gallery()
            chosen = gr.State(names[0])
            strength = gr.Slider(0, 1, 1, step=0.01, label="Strength")
            keep = gr.Checkbox(label="Keep the photo's colours")
        with gr.Column(scale=3, min_width=300):
            result = gr.ImageSlider(
                label="Photo and painting", interactive=False, max_height=720, buttons=["fullscreen"]
            )
            with gr.Row():
                whole = gr.Button("Paint it in full size", variant="primary")
                saved = gr.DownloadButton("Save", visible=False)

    async def shown(path: str, style: str, share: float, colours: bool, state: Any) -> tuple[Any, Any]:
        if not path:
            return None, None
        with widgets.user_errors():
            if state is None or state.path != path:
                whole, _ = await service.decoded(pathlib.Path(path).read_bytes())
                state = _Tried(path, await concurrency.run_in_threadpool(widgets.shrink, whole, _SHOWN))
            if style not in state.painted:
                with service.paintings.reserve():
                    state.painted[style] = await service.paintings.paint(style, state.photo)

            def mixed() -> np.ndarray:
                picture = color.mix(state.painted[style], state.photo, share, keep_colors=colours)
                return np.clip(np.rint(picture), 0, 255).astype(np.uint8)

            return (state.photo, await concurrency.run_in_threadpool(mixed)), state

    async def full(path: str, style: str, share: float, colours: bool) -> Any:
        if not path:
            raise gr.Error("Choose a photo first.", print_exception=False)
        with widgets.user_errors():
            with service.paintings.reserve():
                photo, _ = await service.decoded(pathlib.Path(path).read_bytes())
                painted = await service.paintings.paint(style, photo)
            # Beside the upload, in Gradio's own folder, which it clears.
            file = pathlib.Path(path).with_name(f"{pathlib.Path(path).stem}-{style}.jpg")

            def save() -> None:
                images.save_image(file, color.mix(painted, photo, share, keep_colors=colours))

            await concurrency.run_in_threadpool(save)
        height, width, _ = photo.shape
        return gr.DownloadButton(f"Save {width} x {height} pixels", value=str(file), visible=True)

    inputs = [photo, chosen, strength, keep]
    live = (shown, [*inputs, tried], [result, tried])
    strip.select(widgets.style_picker(names), None, chosen, show_progress="hidden").then(*live, show_progress="hidden")
    photo.change(*live, show_progress="minimal")
    strength.input(*live, show_progress="hidden", trigger_mode="always_last")
    keep.input(*live, show_progress="hidden", trigger_mode="always_last")
    gr.on(
        [each.change for each in (photo, chosen, strength, keep)],
        lambda: gr.DownloadButton(visible=False),
        None,
        saved,
        show_progress="hidden",
    )
    whole.click(full, inputs, saved)
