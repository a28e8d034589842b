"""The routes of photos that are painted in a moment."""

import base64
import time

import fastapi
from fastapi import responses

from tfstyle import stylebook
from tfstyle.service import core, schemas

__all__ = ["router"]

_PICTURES: dict[str, dict] = {"image/jpeg": {}, "image/png": {}, "image/webp": {}}


def router(service: core.Service) -> fastapi.APIRouter:
    """The routes ``/v1/styles`` and ``/v1/stylize``.

    Args:
        service: which paints.

    Returns:
        The routes.
    """
    routes = fastapi.APIRouter(prefix="/v1", tags=["photos"])

    @routes.get("/styles", summary="The styles")
    async def styles() -> list[dict[str, str]]:
        """Paintings with a trained network."""
        stored = stylebook.load_all()
        return [
            {name: getattr(stored[style], name) for name in ("name", "title", "artist", "year")}
            for style in stylebook.trained()
        ]

    @routes.post(
        "/stylize",
        summary="Paint a photo",
        responses={200: {"model": schemas.StylizeResponse, "content": _PICTURES}, **schemas.ERROR_RESPONSES},
        openapi_extra={"requestBody": {"required": True, "content": schemas.REQUEST_BODY}},
    )
    async def stylize(request: fastapi.Request) -> fastapi.Response:
        """Paints one photo: a form gets a picture's file back, JSON gets JSON."""
        begun = time.monotonic()
        data, wishes, as_json = await schemas.read_request(request)
        file, width, height = await service.stylized(data, wishes, request)
        if not as_json:
            return fastapi.Response(file, media_type=f"image/{wishes.format}")
        text = base64.b64encode(file).decode()
        painted = schemas.StylizeResponse(image=text, width=width, height=height, seconds=time.monotonic() - begun)
        return responses.JSONResponse(painted.model_dump())

    return routes
