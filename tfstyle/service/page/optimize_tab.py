"""The second tab: a picture optimized while the visitor watches."""

import asyncio
import contextlib
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr
import numpy as np
from fastapi import concurrency

from tfstyle import images, stylebook
from tfstyle.service import core, optimize_job
from tfstyle.service.page import visitors, widgets

__all__ = ["build"]

_HINT = "Every pixel is optimized: this takes a minute or more, and you can watch."
_SOURCES = ("upload", "clipboard")


def build(service: core.Service, present: visitors.Visitors) -> None:
    """Builds the tab in the current Gradio context.

    Args:
        service: does the work.
        present: tells when a visitor leaves.

    Raises:
        Error: Gradio's, in the handlers, to show to the visitor.
    """
    name = gr.State("")
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            photo = gr.Image(label="Photo", type="filepath", sources=list(_SOURCES), height=200, image_mode=None)
            style = gr.Dropdown(_titles(), value=widgets.FIRST_STYLE, label="Style")
            painting = gr.Image(
                label="Or a painting of yours", type="filepath", sources=list(_SOURCES), height=200, image_mode=None
            )
            strength = gr.Slider(0, 1, 0.5, step=0.05, label="Strength")
            size = gr.Slider(128, service.limits.job_side, 512, step=64, label="Long side in pixels")
            with gr.Row():
                start = gr.Button("Paint", variant="primary", min_width=90)
                stop = gr.Button("Stop", min_width=90)
                resume = gr.Button("Continue", min_width=90)
        with gr.Column(scale=3, min_width=300):
            result = gr.Image(label="Picture", format="png", interactive=False, buttons=["download", "fullscreen"])
            status = gr.Markdown(_HINT)

    handlers, outputs = _Handlers(service, present), [result, status, name]
    start.click(handlers.start, [photo, painting, style, strength, size], outputs, show_progress="hidden")
    resume.click(handlers.resume, name, outputs, show_progress="hidden")
    stop.click(handlers.stop, name, None, show_progress="hidden")


class _Handlers:
    def __init__(self, service: core.Service, present: visitors.Visitors) -> None:
        self._service, self._visitors = service, present

    async def start(  # noqa: PLR0913, PLR0917 - Gradio passes every input
        self, path: str, painting: str, style: str, strength: float, size: int, request: gr.Request
    ) -> AsyncIterator[tuple[Any, str, str]]:
        """Starts a job and follows it."""
        if not path:
            raise gr.Error("Choose a photo first.", print_exception=False)
        with widgets.user_errors():
            source = pathlib.Path(painting).read_bytes() if painting else style
            options = {"strength": strength, "size": int(size)}
            job = await concurrency.run_in_threadpool(
                self._service.jobs.add, pathlib.Path(path).read_bytes(), source, options
            )
        async for update in _follow(self._service, job, self._visitors.departure(request)):
            yield update

    async def resume(self, name: str, request: gr.Request) -> AsyncIterator[tuple[Any, str, str]]:
        """Continues a stopped job and follows it."""
        if not name:
            raise gr.Error("Nothing has been stopped yet.", print_exception=False)
        with widgets.user_errors():
            job = self._service.jobs.resume(name)
        async for update in _follow(self._service, job, self._visitors.departure(request)):
            yield update

    def stop(self, name: str) -> None:
        """Stops the visitor's job."""
        if name:
            with widgets.user_errors():
                self._service.jobs.stop(name)


def _titles() -> list[tuple[str, str]]:
    titles: dict[str, str] = {}
    for style in stylebook.load_all().values():  # Each painting once: the slow path needs no network.
        titles.setdefault(style.title, style.name)
    return list(titles.items())


async def _follow(
    service: core.Service, job: optimize_job.Job, departure: asyncio.Event
) -> AsyncIterator[tuple[Any, str, str]]:
    """Yields picture, status line and job name until the job ends or the visitor leaves."""
    async with contextlib.aclosing(service.jobs.changes(job)) as changes:
        async for status in changes:
            if departure.is_set():
                return
            if status:
                file = job.result.read_bytes() if status == optimize_job.Status.DONE else job.preview
                rgb = np.rint(images.load_image(file).rgb).astype(np.uint8) if file else None
                yield rgb, _status_line(job.described()), job.name


def _status_line(job: dict[str, Any]) -> str:
    status, remaining = job["status"], job["remaining"]
    if status == "failed":
        return f"Failed: {job['error']}"
    if status == "running" and job["steps"]:
        return f"Step {job['step']} of {job['steps']}" + (f", {remaining:.0f} s left" if remaining is not None else "")
    return {"waiting": "Waiting for its turn.", "running": "Preparing.", "stopped": "Stopped."}.get(status, "Done.")
