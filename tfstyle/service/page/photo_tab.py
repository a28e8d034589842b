"""The first tab: a photo in one style after the other, at once."""

import pathlib
from typing import Any

import gradio as gr
import numpy as np
from fastapi import concurrency

from tfstyle import images
from tfstyle.images import color
from tfstyle.service import core, uploads
from tfstyle.service.page import visitors, widgets

__all__ = ["build"]

# Long side of the preview in pixels.
_PREVIEW_SIDE = 768


class _Session:
    """One visitor's photo at preview size, and its stylized versions by style."""

    def __init__(self, path: str, photo: np.ndarray) -> None:
        self.path, self.photo, self.painted = path, photo, dict[str, np.ndarray]()


def build(service: core.Service, present: visitors.Visitors) -> None:
    """Builds the tab in the current Gradio context.

    Args:
        service: does the work.
        present: tells when a visitor leaves.

    Raises:
        Error: Gradio's, in the handlers, to show to the visitor.
    """
    handlers = _Handlers(service, present)
    session = gr.State(None, time_to_live=600)
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            photo = gr.Image(
                label="Photo",
                type="filepath",
                sources=["upload", "clipboard"],
                height=260,
                image_mode=None,
            )
            names, gallery = widgets.style_gallery()
            style = gr.State(names[0])
            strength = gr.Slider(0, 1, 1, step=0.01, label="Strength")
            keep = gr.Checkbox(label="Keep the photo's colors")
        with gr.Column(scale=3, min_width=300):
            result = gr.ImageSlider(label="Before and after", interactive=False, max_height=720, buttons=["fullscreen"])
            with gr.Row():
                full_size = gr.Button("Paint at full size", variant="primary")
                download = gr.DownloadButton("Download", visible=False)

    inputs = [photo, style, strength, keep]
    preview = (handlers.preview, [*inputs, session], [result, session])
    gallery.select(widgets.style_picker(names), None, style, show_progress="hidden").then(
        *preview, show_progress="hidden"
    )
    photo.change(*preview, show_progress="minimal")
    strength.input(*preview, show_progress="hidden", trigger_mode="always_last")
    keep.input(*preview, show_progress="hidden", trigger_mode="always_last")
    changes = [each.change for each in (photo, style, strength, keep)]
    gr.on(changes, lambda: gr.DownloadButton(visible=False), None, download, show_progress="hidden")
    full_size.click(handlers.full_size, inputs, download)


class _Handlers:
    def __init__(self, service: core.Service, present: visitors.Visitors) -> None:
        self._service, self._visitors = service, present

    async def preview(  # noqa: PLR0913, PLR0917 - Gradio passes every input
        self, path: str, style: str, strength: float, keep_colors: bool, session: Any, request: gr.Request
    ) -> tuple[Any, Any]:
        """Stylizes the photo at preview size; each style once."""
        if not path:
            return None, None
        with widgets.user_errors():
            if session is None or session.path != path:
                photo, _ = await self._service.decode(pathlib.Path(path).read_bytes())
                session = _Session(path, await concurrency.run_in_threadpool(widgets.shrink, photo, _PREVIEW_SIDE))
            photo = session.photo
            if style not in session.painted:
                height, width, _ = photo.shape
                with self._service.paintings.reserve(style, height, width):
                    session.painted[style] = await self._paint(style, photo, request)

            def mix() -> np.ndarray:
                picture = color.mix(session.painted[style], photo, strength, keep_colors=keep_colors)
                return np.clip(np.rint(picture), 0, 255).astype(np.uint8)

            return (photo, await concurrency.run_in_threadpool(mix)), session

    async def full_size(self, path: str, style: str, strength: float, keep_colors: bool, request: gr.Request) -> Any:
        """Stylizes the photo at its own size and offers the file."""
        if not path:
            raise gr.Error("Choose a photo first.", print_exception=False)
        data = pathlib.Path(path).read_bytes()
        with widgets.user_errors():
            height, width = uploads.measure(data, self._service.limits, result_format="jpeg")
            with self._service.paintings.reserve(style, height, width):
                photo, _ = await self._service.decode(data)
                painted = await self._paint(style, photo, request)
            # Next to the upload, in Gradio's own folder, which it cleans.
            file = pathlib.Path(path).with_name(f"{pathlib.Path(path).stem}-{style}.jpg")

            def save() -> None:
                images.save_image(file, color.mix(painted, photo, strength, keep_colors=keep_colors))

            await concurrency.run_in_threadpool(save)
        return gr.DownloadButton(f"Download {width} x {height} pixels", value=str(file), visible=True)

    async def _paint(self, style: str, photo: np.ndarray, request: gr.Request) -> np.ndarray:
        departure = self._visitors.departure(request)

        async def left() -> None:
            await departure.wait()

        return await self._service.paintings.paint(style, photo, left)
