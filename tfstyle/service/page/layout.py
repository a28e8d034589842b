"""The page: three tabs drawn by Gradio; `core.Service` does the work."""

import pathlib
from typing import Any

import fastapi
import gradio as gr

from tfstyle.service import core, limits
from tfstyle.service.page import camera_tab, optimize_tab, photo_tab, visitors

__all__ = ["mount"]

_CSS = (pathlib.Path(__file__).parent / "style.css").read_text()
_HEADING = '<header class="masthead"><h1>tfstyle</h1><p>Paint your photos. Nothing leaves your server.</p></header>'


def mount(app: fastapi.FastAPI, service: core.Service) -> fastapi.FastAPI:
    """Adds the page at ``/``.

    Args:
        app: from `app.create`.
        service: the application's.

    Returns:
        The application with the page.

    Raises:
        RequestError: in requests below ``/v1`` that match no route.
    """
    present = visitors.Visitors()
    with gr.Blocks(title="tfstyle", analytics_enabled=False, delete_cache=(300, 1800)) as blocks:
        gr.HTML(_HEADING)
        with gr.Tabs():
            with gr.Tab("Photo", id="photo", elem_id="photo"):
                photo_tab.build(service, present)
            with gr.Tab("Best quality", id="optimize", elem_id="optimize"):
                optimize_tab.build(service, present)
            with gr.Tab("Camera", id="camera", elem_id="camera"):
                camera_tab.build(service)
        blocks.unload(present.leave)
    _reserve_api_paths(app)
    blocks.queue(default_concurrency_limit=8, max_size=service.limits.queue * 4)
    return gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        footer_links=[],
        run_history=False,
        max_file_size=service.limits.upload,
        ssr_mode=False,
        theme=_theme(),
        css=_CSS,
    )


def _reserve_api_paths(app: fastapi.FastAPI) -> None:
    """Answers every path below ``/v1`` as the API does; the page would answer unknown ones otherwise."""

    @app.api_route("/v1/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def unknown(rest: str) -> None:
        raise limits.RequestError(404, f"there is nothing at /v1/{rest[:100]}: see /docs")


def _theme() -> Any:
    """Returns a theme with the system's fonts: none are downloaded."""
    sans = ("ui-sans-serif", "system-ui", "sans-serif")
    mono = ("ui-monospace", "monospace")
    return gr.themes.Base(primary_hue="amber", neutral_hue="stone", radius_size="lg", font=sans, font_mono=mono)
