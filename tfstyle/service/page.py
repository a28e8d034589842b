"""The page: a photo in a moment, a picture painted slowly, the camera. Gradio draws it, `core.Service` works."""

import contextlib
import os
import pathlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import fastapi
import numpy as np
from fastapi import concurrency
from PIL import Image

from tfstyle import color, errors, images, shipped, stylizer
from tfstyle.service import core, jobs, limits, pictures, slow

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # Read on import: nothing is told to anybody.

import gradio as gr

__all__ = ["mount"]

# Long sides, pixels: what is shown while one tries, and what a camera sends.
_SHOWN, _CAMERA = 768, 512
_CAMERA_EVERY = 0.05
_CSS = (pathlib.Path(__file__).parent / "page.css").read_text()
_HEADING = '<header class="masthead"><h1>tfstyle</h1><p>Your photos, painted. They go nowhere else.</p></header>'


class _Tried:
    """What one visitor is trying: the photo as it is shown, and what was painted of it."""

    def __init__(self, path: str = "", photo: np.ndarray | None = None) -> None:
        self.path, self.photo, self.painted = path, photo, dict[str, np.ndarray]()


def mount(app: fastapi.FastAPI, service: core.Service) -> fastapi.FastAPI:
    """Adds the page at ``/``.

    Args:
        app: from `api.create`.
        service: its own.

    Returns:
        The application with the page.

    Raises:
        Error: Gradio's, in its handlers alone: what a visitor is told.
    """
    with gr.Blocks(title="tfstyle", analytics_enabled=False, delete_cache=(300, 1800)) as blocks:
        gr.HTML(_HEADING)
        with gr.Tabs():
            with gr.Tab("Photo", id="photo", elem_id="photo"):
                _photo_tab(service)
            with gr.Tab("Paint slowly", id="slow", elem_id="slow"):
                _slow_tab(service)
            with gr.Tab("Camera", id="camera", elem_id="camera"):
                _camera_tab(service)
    _keep_addresses(app)
    blocks.queue(default_concurrency_limit=8, max_size=service.bounds.queue * 4)
    return gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        footer_links=[],
        run_history=False,
        max_file_size=service.bounds.upload,
        ssr_mode=False,
        theme=_theme(),
        css=_CSS,
    )


def _keep_addresses(app: fastapi.FastAPI) -> None:
    """Below ``/v1`` the service answers, also where nothing is; otherwise the page would."""

    @app.api_route("/v1/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def nothing(rest: str) -> None:
        raise limits.Refused(404, f"there is no such request as /v1/{rest[:100]}: /docs lists what there is")


def _theme() -> Any:
    """Fonts of the reader's own system: none is fetched."""
    sans = ("ui-sans-serif", "system-ui", "sans-serif")
    mono = ("ui-monospace", "monospace")
    return gr.themes.Base(primary_hue="amber", neutral_hue="stone", radius_size="lg", font=sans, font_mono=mono)


def _strip(more: str = "") -> tuple[list[str], Any]:
    """Names of the styles, and their pictures to choose from."""
    trained, stored = stylizer.trained(), shipped.load_all()
    labels: list[str] = []
    for name in trained:  # A painting's second network is the large one.
        title = stored[name].title
        labels.append(f"large: {title}" if title in labels else title)
    entries = [(str(folder / "preview.jpg"), label) for folder, label in zip(trained.values(), labels, strict=True)]
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


def _photo_tab(service: core.Service) -> None:
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
            names, strip = _strip()
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
        with _told():
            if state is None or state.path != path:
                whole, _ = await service.decoded(pathlib.Path(path).read_bytes())
                state = _Tried(path, await concurrency.run_in_threadpool(_small, whole, _SHOWN))
            if style not in state.painted:
                with service.painting.place():
                    state.painted[style] = await service.painting.paint(style, state.photo)

            def mixed() -> np.ndarray:
                picture = color.mix(state.painted[style], state.photo, share, keep_colors=colours)
                return np.clip(np.rint(picture), 0, 255).astype(np.uint8)

            return (state.photo, await concurrency.run_in_threadpool(mixed)), state

    async def full(path: str, style: str, share: float, colours: bool) -> Any:
        if not path:
            raise gr.Error("Choose a photo first.", print_exception=False)
        with _told():
            with service.painting.place():
                photo, _ = await service.decoded(pathlib.Path(path).read_bytes())
                painted = await service.painting.paint(style, photo)
            # Beside the upload, in Gradio's own folder, which it clears.
            file = pathlib.Path(path).with_name(f"{pathlib.Path(path).stem}-{style}.jpg")

            def save() -> None:
                images.save_image(file, color.mix(painted, photo, share, keep_colors=colours))

            await concurrency.run_in_threadpool(save)
        height, width, _ = photo.shape
        return gr.DownloadButton(f"Save {width} x {height} pixels", value=str(file), visible=True)

    inputs = [photo, chosen, strength, keep]
    live = (shown, [*inputs, tried], [result, tried])
    strip.select(_chooser(names), None, chosen, show_progress="hidden").then(*live, show_progress="hidden")
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


def _slow_tab(service: core.Service) -> None:
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
            size = gr.Slider(128, service.bounds.slow_side, 512, step=64, label="Long side, pixels")
            with gr.Row():
                start = gr.Button("Paint", variant="primary")
                stop = gr.Button("Stop")
                go_on = gr.Button("Continue")
        with gr.Column(scale=3, min_width=300):
            result = gr.Image(label="Picture", format="png", interactive=False, buttons=["download", "fullscreen"])
            said = gr.Markdown("Every pixel is optimised: it takes a minute or more, and you can watch.")

    async def painted(path: str, own: str, style: str, share: float, side: int) -> AsyncIterator[tuple[Any, str, str]]:
        if not path:
            raise gr.Error("Choose a photo first.", print_exception=False)
        with _told():
            files = [pathlib.Path(each).read_bytes() for each in (path, own) if each]
            for file in files:
                await concurrency.run_in_threadpool(pictures.read, file, service.bounds, 32)
            wishes = {"strength": share, "size": int(side)}
            picture = await concurrency.run_in_threadpool(
                service.slow.add, files[0], files[1] if own else style, wishes
            )
        async for step in _developed(service, picture):
            yield step

    async def continued(known: str) -> AsyncIterator[tuple[Any, str, str]]:
        with _told():
            picture = service.slow.go_on(known)
        async for step in _developed(service, picture):
            yield step

    def stopped(known: str) -> None:
        if known:
            service.slow.stop(known)

    outputs = [result, said, name]
    start.click(painted, [photo, painting, stored, strength, size], outputs, show_progress="hidden")
    go_on.click(continued, name, outputs, show_progress="hidden")
    stop.click(stopped, name, None, show_progress="hidden")


def _camera_tab(service: core.Service) -> None:
    last = gr.State(0.0)
    with gr.Row():
        camera = gr.Image(label="Camera", sources=["webcam"], streaming=True, type="numpy")
        with gr.Column():
            result = gr.Image(label="Painted", interactive=False, streaming=True, buttons=["fullscreen"], format="jpeg")
            said = gr.Markdown("Start the camera: its pictures go nowhere else.")
    names, strip = _strip("wide")
    chosen = gr.State(names[0])
    strength = gr.Slider(0, 1, 1, step=0.01, label="Strength")

    async def painted(frame: np.ndarray, style: str, share: float, before: float) -> tuple[Any, str, float]:
        if frame is None:
            return None, "", before
        begun = time.monotonic()
        pixels = await concurrency.run_in_threadpool(_small, frame, _CAMERA)
        with _told(), service.painting.place():
            picture = color.mix(await service.painting.paint(style, pixels), pixels, share)
        now = time.monotonic()
        pace = 1 / max(now - before, 1e-3)
        return np.rint(picture).astype(np.uint8), f"{1000 * (now - begun):.0f} ms, {pace:.0f} frames a second", now

    strip.select(_chooser(names), None, chosen, show_progress="hidden")
    camera.stream(
        painted,
        [camera, chosen, strength, last],
        [result, said, last],
        stream_every=_CAMERA_EVERY,
        show_progress="hidden",
        time_limit=600,
        concurrency_limit=1,
    )


def _chooser(names: list[str]) -> Any:
    def choose(event: gr.SelectData) -> str:
        return names[event.index]

    return choose


def _titles() -> list[tuple[str, str]]:
    titles: dict[str, str] = {}
    for style in shipped.load_all().values():  # The slow path needs no network: each painting once.
        titles.setdefault(f"{style.title} ({style.artist})", style.name)
    return list(titles.items())


async def _developed(service: core.Service, picture: slow.SlowPicture) -> AsyncIterator[tuple[Any, str, str]]:
    """The picture so far, what there is to say, the picture's name; until it is done or stopped."""
    async with contextlib.aclosing(jobs.changes(service, picture)) as changing:
        async for status in changing:
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


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Refusals inside become what Gradio shows to its visitor."""
    try:
        yield
    except errors.InputError as error:
        raise gr.Error(str(error), print_exception=False) from error


def _small(picture: np.ndarray, longest: int) -> np.ndarray:
    """At most so large, ``[H, W, 3]``, uint8."""
    height, width, _ = picture.shape
    fitting = images.fit_size(height, width, min(longest, max(height, width)))
    return np.asarray(Image.fromarray(picture).resize(fitting[::-1], Image.Resampling.BICUBIC))
