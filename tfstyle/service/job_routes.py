"""The routes of slow pictures: begin one, follow it, stop it, go on, fetch it."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Annotated

import fastapi
from fastapi import concurrency, responses

from tfstyle import stylebook
from tfstyle.service import core, limits, optimize_job, schemas, uploads

__all__ = ["router"]

_NOT_KEPT = {"Cache-Control": "no-store"}


def router(service: core.Service) -> fastapi.APIRouter:
    """The routes below ``/v1/jobs``.

    Args:
        service: whose slow pictures they are.

    Returns:
        The routes.

    Raises:
        RequestError: in the routes, for what cannot be done.
    """
    routes = fastapi.APIRouter(prefix="/v1/jobs", tags=["jobs"], responses=schemas.ERROR_RESPONSES)
    _add_orders(routes, service)
    _add_views(routes, service)
    return routes


def _add_orders(routes: fastapi.APIRouter, service: core.Service) -> None:
    @routes.post("", summary="Begin a slow picture", status_code=202)
    async def start(
        image: Annotated[fastapi.UploadFile, fastapi.File(description="the photo")],
        style: Annotated[str, fastapi.Form(description="a name that tfstyle styles lists", max_length=100)] = "",
        painting: Annotated[fastapi.UploadFile | None, fastapi.File(description="any painting, instead")] = None,
        strength: Annotated[float, fastapi.Form(ge=0, le=1)] = 0.5,
        size: Annotated[int, fastapi.Form(ge=32, le=8192, description="long side, pixels")] = 512,
    ) -> schemas.JobResponse:
        """Begins to paint a picture slowly."""
        photo, own = await image.read(), await painting.read() if painting else b""
        if bool(own) == bool(style):
            raise limits.RequestError(schemas.UNPROCESSABLE, "style: send a style's name or a painting, one of the two")
        if style and style not in stylebook.load_all():
            raise limits.RequestError(404, f"there is no style {style!r}: use one of {', '.join(stylebook.load_all())}")
        for file in filter(None, (photo, own)) if photo else (photo,):
            await concurrency.run_in_threadpool(uploads.read, file, service.limits, 16)
        wishes = {"strength": strength, "size": size}
        picture = await concurrency.run_in_threadpool(service.jobs.add, photo, own or style, wishes)
        return schemas.JobResponse(**picture.described())

    @routes.post("/{name}/stop", summary="Stop it")
    def stop(name: str) -> schemas.JobResponse:
        """Stops a picture after the present step; it can be gone on with."""
        return schemas.JobResponse(**service.jobs.stop(name).described())

    @routes.post("/{name}/continue", summary="Go on with it")
    def resume(name: str) -> schemas.JobResponse:
        """Goes on with a stopped picture."""
        return schemas.JobResponse(**service.jobs.resume(name).described())


def _add_views(routes: fastapi.APIRouter, service: core.Service) -> None:
    @routes.get("/{name}", summary="How far it is")
    async def described(name: str) -> schemas.JobResponse:
        """How far a picture is."""
        return schemas.JobResponse(**service.jobs.get(name).described())

    @routes.get("/{name}/events", summary="Follow it", response_class=responses.StreamingResponse)
    async def events(name: str) -> responses.StreamingResponse:
        """Server-sent events, at most four a second; when nobody listens any more, the picture is stopped."""
        stream = _events(service, service.jobs.get(name))
        return responses.StreamingResponse(stream, media_type="text/event-stream", headers=_NOT_KEPT)

    @routes.get("/{name}/picture", summary="The picture itself", response_class=responses.Response)
    async def picture(name: str) -> fastapi.Response:
        """The picture so far (JPEG), or the finished one (PNG)."""
        found = service.jobs.get(name)
        if found.status == "done":
            return responses.FileResponse(found.result, media_type="image/png", filename=f"{found.name}.png")
        if not found.preview:
            raise limits.RequestError(404, "nothing is painted yet: wait for the first step")
        return fastapi.Response(found.preview, media_type="image/jpeg", headers=_NOT_KEPT)


async def _events(service: core.Service, picture: optimize_job.Job) -> AsyncIterator[str]:
    async with contextlib.aclosing(service.jobs.changes(picture)) as changes:
        async for status in changes:
            yield f"event: {status}\ndata: {json.dumps(picture.described())}\n\n" if status else ":\n\n"
