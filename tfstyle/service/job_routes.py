"""Routes for optimization jobs: start, follow, stop, continue, fetch the picture."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Annotated

import fastapi
from fastapi import concurrency, responses

from tfstyle import stylebook
from tfstyle.service import core, limits, optimize_job, schemas

__all__ = ["router"]

_NO_STORE = {"Cache-Control": "no-store"}


def router(service: core.Service) -> fastapi.APIRouter:
    """Returns the routes below ``/v1/jobs``.

    Args:
        service: owns the jobs.

    Raises:
        RequestError: in the routes, for requests that are refused.
    """
    routes = fastapi.APIRouter(prefix="/v1/jobs", tags=["jobs"], responses=schemas.ERROR_RESPONSES)
    _add_actions(routes, service)
    _add_views(routes, service)
    return routes


def _add_actions(routes: fastapi.APIRouter, service: core.Service) -> None:
    @routes.post("", summary="Start a job", status_code=202)
    async def start(
        image: Annotated[fastapi.UploadFile, fastapi.File(description="The photo")],
        style: Annotated[str, fastapi.Form(description="Name of a style", max_length=100)] = "",
        painting: Annotated[fastapi.UploadFile | None, fastapi.File(description="A painting, instead of style")] = None,
        strength: Annotated[float, fastapi.Form(ge=0, le=1, description="0 is the photo, 1 texture only")] = 0.5,
        size: Annotated[int, fastapi.Form(ge=32, le=8192, description="Long side in pixels")] = 512,
    ) -> schemas.JobResponse:
        """Optimizes a picture in the background: better than a network's, for any painting, in minutes."""
        photo, own = await image.read(), await painting.read() if painting else b""
        if bool(own) == bool(style):
            raise limits.RequestError(schemas.UNPROCESSABLE, "style: send a style's name or a painting, not both")
        if style and style not in stylebook.load_all():
            names = ", ".join(stylebook.load_all())
            raise limits.RequestError(404, f"there is no style {style!r}: use one of {names}")
        job = await concurrency.run_in_threadpool(
            service.jobs.add, photo, own or style, {"strength": strength, "size": size}
        )
        return schemas.JobResponse(**job.described())

    @routes.post("/{name}/stop", summary="Stop a job")
    def stop(name: str) -> schemas.JobResponse:
        """Stops a job after its current step; it can continue later."""
        return schemas.JobResponse(**service.jobs.stop(name).described())

    @routes.post("/{name}/continue", summary="Continue a job")
    def resume(name: str) -> schemas.JobResponse:
        """Continues a stopped job."""
        return schemas.JobResponse(**service.jobs.resume(name).described())


def _add_views(routes: fastapi.APIRouter, service: core.Service) -> None:
    @routes.get("/{name}", summary="Get a job's progress")
    async def progress(name: str) -> schemas.JobResponse:
        """Returns a job's status and progress."""
        return schemas.JobResponse(**service.jobs.get(name).described())

    @routes.get("/{name}/events", summary="Follow a job", response_class=responses.StreamingResponse)
    async def events(name: str) -> responses.StreamingResponse:
        """Streams server-sent events, at most four per second. When the last listener leaves, the job stops."""
        stream = _events(service, service.jobs.get(name))
        return responses.StreamingResponse(stream, media_type="text/event-stream", headers=_NO_STORE)

    @routes.get("/{name}/picture", summary="Get a job's picture", response_class=responses.Response)
    async def picture(name: str) -> fastapi.Response:
        """Returns the finished picture (PNG), or the current one (JPEG)."""
        job = service.jobs.get(name)
        if job.status == optimize_job.Status.DONE:
            return responses.FileResponse(job.result, media_type="image/png", filename=f"{job.name}.png")
        if not job.preview:
            raise limits.RequestError(404, "there is no picture yet: wait for the first step")
        return fastapi.Response(job.preview, media_type="image/jpeg", headers=_NO_STORE)


async def _events(service: core.Service, job: optimize_job.Job) -> AsyncIterator[str]:
    async with contextlib.aclosing(service.jobs.changes(job)) as changes:
        async for status in changes:
            yield f"event: {status}\ndata: {json.dumps(job.described())}\n\n" if status else ":\n\n"
