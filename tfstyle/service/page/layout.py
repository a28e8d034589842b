"""The page: a photo in a moment, a picture painted slowly, the camera. Gradio draws it, `core.Service` works."""

import pathlib
from typing import Any

import fastapi
import gradio as gr

from tfstyle.service import core, limits
from tfstyle.service.page import camera_tab, optimize_tab, photo_tab

__all__ = ["mount"]

_CSS = (pathlib.Path(__file__).parent / "style.css").read_text()
_HEADING = '<header class="masthead"><h1>tfstyle</h1><p>Your photos, painted. They go nowhere else.</p></header>'


def mount(app: fastapi.FastAPI, service: core.Service) -> fastapi.FastAPI:
    """Adds the page at ``/``.

    Args:
        app: from `api.create`.
        service: its own.

    Returns:
        The application with the page.

    Raises:
        RequestError: in the routes below ``/v1``, for what does not exist.
    """
    with gr.Blocks(title="tfstyle", analytics_enabled=False, delete_cache=(300, 1800)) as blocks:
        gr.HTML(_HEADING)
        with gr.Tabs():
            with gr.Tab("Photo", id="photo", elem_id="photo"):
                photo_tab.fill(service)
            with gr.Tab("Paint slowly", id="slow", elem_id="slow"):
                optimize_tab.fill(service)
            with gr.Tab("Camera", id="camera", elem_id="camera"):
                camera_tab.fill(service)
    _keep_addresses(app)
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


def _keep_addresses(app: fastapi.FastAPI) -> None:
    """Below ``/v1`` the service answers, also where nothing is; otherwise the page would."""

    @app.api_route("/v1/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def nothing(rest: str) -> None:
        raise limits.RequestError(404, f"there is no such request as /v1/{rest[:100]}: /docs lists what there is")


def _theme() -> Any:
    """Fonts of the reader's own system: none is fetched."""
    sans = ("ui-sans-serif", "system-ui", "sans-serif")
    mono = ("ui-monospace", "monospace")
    return gr.themes.Base(primary_hue="amber", neutral_hue="stone", radius_size="lg", font=sans, font_mono=mono)
