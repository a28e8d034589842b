"""The page's third tab: what a camera sees, painted as it comes."""

import time
from typing import Any

import gradio as gr
import numpy as np
from fastapi import concurrency

from tfstyle.images import color
from tfstyle.service import core
from tfstyle.service.page import widgets

__all__ = ["fill"]

# Long side of what is sent, pixels; seconds between two pictures.
_SIZE, _EVERY = 512, 0.05


def fill(service: core.Service) -> None:
    """Puts it into the tab that is open.

    Args:
        service: which paints.

    Raises:
        Error: Gradio's, in its handlers alone: what a visitor is told.
    """
    last = gr.State(0.0)
    with gr.Row():
        camera = gr.Image(label="Camera", sources=["webcam"], streaming=True, type="numpy")
        with gr.Column():
            result = gr.Image(label="Painted", interactive=False, streaming=True, buttons=["fullscreen"], format="jpeg")
            said = gr.Markdown("Start the camera: its pictures go nowhere else.")
    names, strip = widgets.style_gallery("wide")
    chosen = gr.State(names[0])
    strength = gr.Slider(0, 1, 1, step=0.01, label="Strength")

    async def painted(frame: np.ndarray, style: str, share: float, before: float) -> tuple[Any, str, float]:
        if frame is None:
            return None, "", before
        begun = time.monotonic()
        pixels = await concurrency.run_in_threadpool(widgets.shrink, frame, _SIZE)
        with widgets.user_errors(), service.paintings.reserve():
            picture = color.mix(await service.paintings.paint(style, pixels), pixels, share)
        now = time.monotonic()
        pace = 1 / max(now - before, 1e-3)
        return np.rint(picture).astype(np.uint8), f"{1000 * (now - begun):.0f} ms, {pace:.0f} frames a second", now

    strip.select(widgets.style_picker(names), None, chosen, show_progress="hidden")
    camera.stream(
        painted,
        [camera, chosen, strength, last],
        [result, said, last],
        stream_every=_EVERY,
        show_progress="hidden",
        time_limit=600,
        concurrency_limit=1,
    )
