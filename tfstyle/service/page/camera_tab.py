"""The third tab: the camera's frames, stylized as they arrive."""

import time
from typing import Any

import gradio as gr
import numpy as np
from fastapi import concurrency

from tfstyle.service import core, looks
from tfstyle.service.page import widgets

__all__ = ["build"]

# Long side of a frame in pixels.
_FRAME_SIDE = 512
# Between two frames.
_SECONDS = 0.05
# A visitor starts the camera again after this; Gradio ends the stream when the tab is closed.
_MAX_SECONDS = 600


def build(service: core.Service) -> None:
    """Builds the tab in the current Gradio context.

    Args:
        service: does the work.

    Raises:
        Error: Gradio's, in the handlers, to show to the visitor.
    """
    previous = gr.State(0.0)
    with gr.Row():
        camera = gr.Image(label="Camera", sources=["webcam"], streaming=True, type="numpy")
        with gr.Column():
            result = gr.Image(label="Painted", interactive=False, streaming=True, buttons=["fullscreen"], format="jpeg")
            status = gr.Markdown("Start the camera. Its pictures stay on the machine that runs tfstyle.")
    names, gallery = widgets.style_gallery("wide")
    style = gr.State(names[0])
    strength = gr.Slider(0, 1, 1, step=0.01, label="Strength")

    async def stylize(frame: np.ndarray, style: str, strength: float, before: float) -> tuple[Any, str, float]:
        if frame is None:
            return None, "", before
        started = time.monotonic()
        pixels = await concurrency.run_in_threadpool(widgets.shrink, frame, _FRAME_SIDE)
        height, width, _ = pixels.shape
        with widgets.user_errors():
            look = looks.parse(style)
            with service.paintings.reserve(look.folder, height, width):
                picture = look.finish(await service.paint(look, pixels, strength), pixels, strength)
        now = time.monotonic()
        rate = 1 / max(now - before, 1e-3)
        line = f"{1000 * (now - started):.0f} ms per frame, {rate:.0f} frames per second"
        return np.rint(picture).astype(np.uint8), line, now

    gallery.select(widgets.style_picker(names), None, style, show_progress="hidden")
    camera.stream(
        stylize,
        [camera, style, strength, previous],
        [result, status, previous],
        stream_every=_SECONDS,
        show_progress="hidden",
        time_limit=_MAX_SECONDS,
        concurrency_limit=1,
    )
