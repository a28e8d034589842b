"""Routes that stylize photos at once."""

import base64
import time

import fastapi
from fastapi import responses

from tfstyle import stylebook
from tfstyle.service import core, looks, schemas

__all__ = ["router"]

_RESULT_TYPES: dict[str, dict] = {"image/jpeg": {}, "image/png": {}, "image/webp": {}}


def router(service: core.Service) -> fastapi.APIRouter:
    """Returns the routes ``/v1/styles`` and ``/v1/stylize``.

    Args:
        service: does the work.
    """
    routes = fastapi.APIRouter(prefix="/v1", tags=["photos"])

    @routes.get("/styles", summary="List the styles")
    async def styles() -> list[schemas.StyleResponse]:
        """Lists the paintings that photos can be painted like, those with their own network first."""
        return [_style(name) for name in looks.names()]

    @routes.post(
        "/stylize",
        summary="Stylize a photo",
        responses={200: {"model": schemas.StylizeResponse, "content": _RESULT_TYPES}, **schemas.ERROR_RESPONSES},
        openapi_extra={"requestBody": {"required": True, "content": schemas.REQUEST_BODY}},
    )
    async def stylize(request: fastapi.Request) -> fastapi.Response:
        """Stylizes one photo. A form returns the picture's file, JSON returns JSON."""
        started = time.monotonic()
        upload = await schemas.read_request(request)
        file, width, height = await service.stylize(upload, request)
        if not upload.is_json:
            return fastapi.Response(file, media_type=f"image/{upload.options.format}")
        text = base64.b64encode(file).decode()
        answer = schemas.StylizeResponse(image=text, width=width, height=height, seconds=time.monotonic() - started)
        return responses.JSONResponse(answer.model_dump())

    return routes


def _style(name: str) -> schemas.StyleResponse:
    about = looks.about(name)
    return schemas.StyleResponse(
        name=name,
        title=about.title,
        artist=about.artist,
        year=about.year,
        trained=name in stylebook.trained(),
        mixable=looks.mixable(name),
    )
