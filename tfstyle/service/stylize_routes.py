"""Routes that stylize photos at once."""

import base64
import time

import fastapi
from fastapi import responses

from tfstyle import stylebook
from tfstyle.service import core, schemas

__all__ = ["router"]

_RESULT_TYPES: dict[str, dict] = {"image/jpeg": {}, "image/png": {}, "image/webp": {}}


def router(service: core.Service) -> fastapi.APIRouter:
    """Returns the routes ``/v1/styles`` and ``/v1/stylize``.

    Args:
        service: does the work.
    """
    routes = fastapi.APIRouter(prefix="/v1", tags=["photos"])

    @routes.get("/styles", summary="List the styles")
    async def styles() -> list[dict[str, str]]:
        """Lists the paintings that have a trained network."""
        stored = stylebook.load_all()
        return [
            {name: getattr(stored[style], name) for name in ("name", "title", "artist", "year")}
            for style in stylebook.trained()
        ]

    @routes.post(
        "/stylize",
        summary="Stylize a photo",
        responses={200: {"model": schemas.StylizeResponse, "content": _RESULT_TYPES}, **schemas.ERROR_RESPONSES},
        openapi_extra={"requestBody": {"required": True, "content": schemas.REQUEST_BODY}},
    )
    async def stylize(request: fastapi.Request) -> fastapi.Response:
        """Stylizes one photo. A form returns the picture's file, JSON returns JSON."""
        started = time.monotonic()
        data, options, is_json = await schemas.read_request(request)
        file, width, height = await service.stylize(data, options, request)
        if not is_json:
            return fastapi.Response(file, media_type=f"image/{options.format}")
        text = base64.b64encode(file).decode()
        answer = schemas.StylizeResponse(image=text, width=width, height=height, seconds=time.monotonic() - started)
        return responses.JSONResponse(answer.model_dump())

    return routes
