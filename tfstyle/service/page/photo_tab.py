"""The first tab: a photo in a style, in a mixture of two, or like a painting of the visitor's, at once."""

import pathlib
from typing import Any

import gradio as gr
import numpy as np
from fastapi import concurrency

from tfstyle import images, stylebook
from tfstyle.service import core, looks, recent, uploads
from tfstyle.service.page import visitors, widgets
from tfstyle.stylizer import any_painting

__all__ = ["build"]

# Long side of the preview in pixels: by a style's own network, which paints it once, and by the network for all
# paintings, which paints it again after each change of a slider.
_PREVIEW_SIDE, _LIVE_SIDE = 768, 512
# Photos whose features are kept; each takes 13 MB in bfloat16.
_KEPT_PHOTOS = 8
_YOURS = "Your painting"
_SOURCES = ("upload", "webcam", "clipboard")


class _Session:
    """One visitor's photo at preview size, its stylized versions by style, and the visitor's painting."""

    def __init__(self, path: str, photo: np.ndarray) -> None:
        self.path, self.photo, self.painted = path, photo, dict[str, np.ndarray]()
        self.live = widgets.shrink(photo, _LIVE_SIDE)
        self.painting = "", stylebook.StyleVector((), ())


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
            photo = _picture("Photo", 260, ["upload", "clipboard"])
            names, gallery = widgets.style_gallery()
            style = gr.State(names[0])
            painting = _picture("Or drop a painting of yours", 150, list(_SOURCES))
            second = gr.Dropdown(_seconds(), value="", label="Mix with", visible=len(_seconds()) > 1)
        with gr.Column(scale=3, min_width=300):
            result = gr.ImageSlider(
                label="Before and after", interactive=False, max_height=720, buttons=["fullscreen"], format="jpeg"
            )
            blend = gr.Slider(0, 1, 0.5, step=0.01, label="Share of the second style", visible=False)
            strength = gr.Slider(0, 1, 1, step=0.01, label="Strength")
            keep = gr.Checkbox(label="Keep the photo's colors")
            with gr.Row():
                full_size = gr.Button("Paint at full size", variant="primary")
                download = gr.DownloadButton("Download", visible=False)

    inputs = [photo, style, painting, second, blend, strength, keep]
    preview = {"fn": handlers.preview, "inputs": [*inputs, session], "outputs": [result, session]}
    hidden, live = {"show_progress": "hidden"}, {"show_progress": "hidden", "trigger_mode": "always_last"}
    gallery.select(widgets.style_picker([*names, looks.UPLOAD]), None, style, **hidden).then(**preview, **hidden)
    painting.change(_show_painting, [painting, style, second], [gallery, style, second], **hidden).then(
        **preview, show_progress="minimal"
    )
    photo.change(**preview, show_progress="minimal")
    second.change(lambda name: gr.Slider(visible=bool(name)), second, blend, **hidden).then(**preview, **hidden)
    for control in (strength, blend, keep):
        control.input(**preview, **live)
    gr.on([each.change for each in inputs], lambda: gr.DownloadButton(visible=False), None, download, **hidden)
    full_size.click(handlers.full_size, inputs, download)


def _picture(label: str, height: int, sources: list[str]) -> Any:
    return gr.Image(label=label, type="filepath", sources=sources, height=height, image_mode=None)


def _seconds(path: str | None = None) -> list[tuple[str, str]]:
    """Lists what can be mixed with a style; `path` is the visitor's painting."""
    stored = sorted((looks.about(name).title, name) for name in looks.names() if looks.mixable(name))
    yours = [(_YOURS, looks.UPLOAD)] if path else []
    return [("Nothing", ""), *yours, *stored]


def _show_painting(path: str | None, style: str, second: str) -> tuple[Any, str, Any]:
    """Adds a tile for the visitor's painting and selects it, or removes it."""
    names = widgets.style_names()
    tiles = widgets.style_tiles(names)
    if path:
        style, tiles = looks.UPLOAD, [*tiles, (path, _YOURS)]
    elif style not in names:
        style = names[0]
    choices = _seconds(path)
    second = second if second in {name for _, name in choices} else ""
    selected = [*names, looks.UPLOAD].index(style)
    dropdown = gr.Dropdown(choices, value=second, visible=len(choices) > 1)
    return gr.Gallery(tiles, selected_index=selected), style, dropdown


def _look(style: str, painting: str | None, second: str | None, blend: float) -> looks.Look:
    """Returns the look of two styles."""
    parts = {style: 1 - blend, second: blend} if second and second != style else {style: 1.0}
    text = ",".join(f"{name}:{weight:.4f}" for name, weight in parts.items())
    return looks.parse(text, has_upload=bool(painting) and looks.UPLOAD in parts)


class _Handlers:
    def __init__(self, service: core.Service, present: visitors.Visitors) -> None:
        self._service, self._visitors = service, present
        self._encoded = recent.Recent[any_painting.EncodedPhoto](_KEPT_PHOTOS)

    async def preview(  # noqa: PLR0913, PLR0917 - Gradio passes every input
        self,
        path: str | None,
        style: str,
        painting: str | None,
        second: str | None,
        blend: float,
        strength: float,
        keep_colors: bool,
        session: Any,
        request: gr.Request,
    ) -> tuple[Any, Any]:
        """Stylizes the photo at preview size."""
        if not path:
            return None, None
        with widgets.user_errors():
            look = _look(style, painting, second, blend)
            if session is None or session.path != path:
                photo, _ = await self._service.decode(pathlib.Path(path).read_bytes())
                session = await concurrency.run_in_threadpool(
                    lambda: _Session(path, widgets.shrink(photo, _PREVIEW_SIDE))
                )
            photo = session.photo if look.folder else session.live
            with self._service.paintings.reserve(look.folder, *photo.shape[:2]):
                vector = await self._measure(look, painting, session, request)
                painted = await self._paint(look, session, strength, vector, request)

            def finish() -> np.ndarray:
                picture = look.finish(painted, photo, strength, keep_colors=keep_colors)
                return np.clip(np.rint(picture), 0, 255).astype(np.uint8)

            return (photo, await concurrency.run_in_threadpool(finish)), session

    async def full_size(  # noqa: PLR0913, PLR0917 - Gradio passes every input
        self,
        path: str | None,
        style: str,
        painting: str | None,
        second: str | None,
        blend: float,
        strength: float,
        keep_colors: bool,
        request: gr.Request,
    ) -> Any:
        """Stylizes the photo at its own size and offers the file."""
        if not path:
            raise gr.Error("Choose a photo first.", print_exception=False)
        data = pathlib.Path(path).read_bytes()
        with widgets.user_errors():
            look = _look(style, painting, second, blend)
            height, width = uploads.measure(data, self._service.limits, result_format="jpeg")
            with self._service.paintings.reserve(look.folder, height, width):
                vector = await self._measure(look, painting, None, request)
                photo, _ = await self._service.decode(data)
                painted = await self._service.paint(look, photo, strength, vector, self._left(request))
            # Next to the upload, in Gradio's own folder, which it cleans.
            file = pathlib.Path(path).with_name(f"{pathlib.Path(path).stem}-{look.file_name}.jpg")

            def save() -> None:
                images.save_image(file, look.finish(painted, photo, strength, keep_colors=keep_colors))

            await concurrency.run_in_threadpool(save)
        return gr.DownloadButton(f"Download {width} x {height} pixels", value=str(file), visible=True)

    async def _measure(
        self, look: looks.Look, painting: str | None, session: _Session | None, request: gr.Request
    ) -> stylebook.StyleVector | None:
        """Measures the visitor's painting, if it takes part; once."""
        if not look.has_upload or not painting:
            return None
        if session and session.painting[0] == painting:
            return session.painting[1]
        data = await concurrency.run_in_threadpool(pathlib.Path(painting).read_bytes)
        vector = await self._service.measure(data, self._left(request))
        if session:
            session.painting = painting, vector
        return vector

    async def _paint(
        self,
        look: looks.Look,
        session: _Session,
        strength: float,
        vector: stylebook.StyleVector | None,
        request: gr.Request,
    ) -> np.ndarray:
        """Paints the preview: by a style's own network only once, by the network for all paintings without encoding."""
        left = self._left(request)
        if not look.folder:
            photo = self._encoded.get(session.path)
            if photo is None:
                photo = await self._service.paintings.encode(session.live, left)
                self._encoded.put(session.path, photo)
            return await self._service.paint(look, photo, strength, vector, left)
        name = look.parts[0][0]
        if name not in session.painted:
            session.painted[name] = await self._service.paint(look, session.photo, disconnected=left)
        return session.painted[name]

    def _left(self, request: gr.Request) -> Any:
        departure = self._visitors.departure(request)

        async def left() -> None:
            await departure.wait()

        return left
