"""The page's second tab: a picture that is painted slowly while one watches."""

import contextlib
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr
import numpy as np
from fastapi import concurrency

from tfstyle import images, stylebook
from tfstyle.service import core, optimize_job, uploads
from tfstyle.service.page import widgets

__all__ = ["fill"]


def fill(service: core.Service) -> None:
    """Puts it into the tab that is open.

    Args:
        service: which paints.

    Raises:
        Error: Gradio's, in its handlers alone: what a visitor is told.
    """
    name = gr.State("")
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            with gr.Row():
                photo = gr.Image(
                    label="Photo", type="filepath", sources=["upload", "clipboard"], height=220, image_mode=None
                )
                painting = gr.Image(
                    label="Any painting", type="filepath", sources=["upload", "clipboard"], height=220, image_mode=None
                )
            stored = gr.Dropdown(_titles(), value="starry_night", label="or one of these")
            strength = gr.Slider(0, 1, 0.5, step=0.05, label="Strength")
            size = gr.Slider(128, service.limits.slow_side, 512, step=64, label="Long side, pixels")
            with gr.Row():
                start = gr.Button("Paint", variant="primary")
                stop = gr.Button("Stop")
                resume = gr.Button("Continue")
        with gr.Column(scale=3, min_width=300):
            result = gr.Image(label="Picture", format="png", interactive=False, buttons=["download", "fullscreen"])
            said = gr.Markdown("Every pixel is optimised: it takes a minute or more, and you can watch.")

    async def painted(path: str, own: str, style: str, share: float, side: int) -> AsyncIterator[tuple[Any, str, str]]:
        if not path:
            raise gr.Error("Choose a photo first.", print_exception=False)
        with widgets.user_errors():
            files = [pathlib.Path(each).read_bytes() for each in (path, own) if each]
            for file in files:
                await concurrency.run_in_threadpool(uploads.read, file, service.limits, 32)
            wishes = {"strength": share, "size": int(side)}
            picture = await concurrency.run_in_threadpool(
                service.jobs.add, files[0], files[1] if own else style, wishes
            )
        async for step in _developed(service, picture):
            yield step

    async def continued(known: str) -> AsyncIterator[tuple[Any, str, str]]:
        with widgets.user_errors():
            picture = service.jobs.resume(known)
        async for step in _developed(service, picture):
            yield step

    def stopped(known: str) -> None:
        if known:
            service.jobs.stop(known)

    outputs = [result, said, name]
    start.click(painted, [photo, painting, stored, strength, size], outputs, show_progress="hidden")
    resume.click(continued, name, outputs, show_progress="hidden")
    stop.click(stopped, name, None, show_progress="hidden")


def _titles() -> list[tuple[str, str]]:
    titles: dict[str, str] = {}
    for style in stylebook.load_all().values():  # The slow path needs no network: each painting once.
        titles.setdefault(f"{style.title} ({style.artist})", style.name)
    return list(titles.items())


async def _developed(service: core.Service, picture: optimize_job.Job) -> AsyncIterator[tuple[Any, str, str]]:
    """The picture so far, what there is to say, the picture's name; until it is done or stopped."""
    async with contextlib.aclosing(service.jobs.changes(picture)) as changes:
        async for status in changes:
            if status:
                file = picture.result.read_bytes() if status == "done" else picture.preview
                rgb = np.rint(images.load_image(file).rgb).astype(np.uint8) if file else None
                yield rgb, _said(picture.described()), picture.name


def _said(job: dict[str, Any]) -> str:
    status, left = job["status"], job["remaining"]
    if status == "failed":
        return f"It failed: {job['error']}"
    if status == "running" and job["steps"]:
        return f"Step {job['step']} of {job['steps']}" + (f", {left:.0f} s left" if left is not None else "")
    return {"waiting": "Waiting for its turn.", "running": "Looking at the photo.", "stopped": "Stopped."}.get(
        status, "Done."
    )
