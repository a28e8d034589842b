"""The service: painted photos in a moment, slowly painted ones as jobs, health and metrics."""

import asyncio
import base64
import binascii
import contextlib
import functools
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import anyio
import anyio.to_thread
import fastapi
import fastapi_offline
import numpy as np
import prometheus_client
import pydantic
from fastapi import concurrency, exceptions, responses

import tfstyle
from tfstyle import color, errors, shipped, stylizer
from tfstyle.service import limits, painting, pictures, slow

__all__ = ["Service", "create"]

# Seconds between two looks at a slow picture for the event stream.
_LOOK_EVERY = 0.25
# An empty line now and then keeps connections alive, and notices those that are not.
_ALIVE_EVERY = 10.0
# Uploads that are decoded at the same time.
_DECODERS = 2
_KINDS = Literal["jpeg", "png", "webp"]
_ERROR = {"description": "what is wrong, in one line", "content": {"application/json": {"example": {"error": "..."}}}}
_REFUSALS: dict[int | str, dict[str, Any]] = dict.fromkeys(
    (400, 401, 403, 404, 409, 413, 415, 421, 422, 429, 503, 507), _ERROR
)
_UNPROCESSABLE = 422


class Wishes(pydantic.BaseModel):
    """How a photo is to be painted."""

    model_config = pydantic.ConfigDict(extra="forbid")

    style: str = pydantic.Field(description="a name that /v1/styles lists", max_length=100)
    strength: float = pydantic.Field(1.0, ge=0, le=1, description="0: the photo; 1: as trained")
    keep_colors: bool = pydantic.Field(False, description="keep the photo's colours")
    size: int | None = pydantic.Field(None, ge=1, le=8192, description="long side, pixels; the photo's own if left out")
    format: _KINDS = pydantic.Field("jpeg", description="of the answer")


class Encoded(Wishes):
    """The same with the photo itself."""

    image: str = pydantic.Field(description="a picture's file, base64")


class Painted(pydantic.BaseModel):
    """A painted photo."""

    image: str = pydantic.Field(description="a picture's file, base64")
    width: int
    height: int
    seconds: float = pydantic.Field(description="from the request to the picture")


class Job(pydantic.BaseModel):
    """A picture that is painted slowly."""

    model_config = pydantic.ConfigDict(extra="allow")

    id: str
    status: Literal["waiting", "running", "stopped", "done", "failed"]
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    seconds: float | None = None
    remaining: float | None = pydantic.Field(None, description="seconds, estimated")
    error: str | None = None


class Service:
    """What the routes share.

    Attributes:
        bounds: limits.
        painting: the fast path.
        slow: the slow path.

    Args:
        bounds: limits.
        state: where slow pictures are kept over restarts; None for a temporary folder.
    """

    def __init__(self, bounds: limits.Limits, state: Any = None) -> None:
        self.bounds, self.painting, self.slow = bounds, painting.Painting(bounds), slow.Slow(bounds, state)
        self._decoders = anyio.CapacityLimiter(_DECODERS)
        self.registry = prometheus_client.CollectorRegistry()
        self.requests = prometheus_client.Counter(
            "tfstyle_requests", "Requests", ("route", "method", "status"), registry=self.registry
        )
        self.seconds = prometheus_client.Histogram(
            "tfstyle_request_seconds", "Time to the answer", ("route",), registry=self.registry
        )
        waiting = prometheus_client.Gauge("tfstyle_photos_waiting", "Photos to be painted", registry=self.registry)
        waiting.set_function(lambda: self.painting.waiting)
        jobs = prometheus_client.Gauge("tfstyle_jobs", "Slow pictures", ("status",), registry=self.registry)
        for status in ("waiting", "running", "stopped", "done", "failed"):
            jobs.labels(status).set_function(functools.partial(self.slow.count, status))

    async def stylized(self, data: bytes, wishes: Wishes, request: fastapi.Request) -> tuple[bytes, int, int]:
        """Paints an upload; the file, its width and height."""

        async def gone() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass

        with self.painting.place():
            pixels, alpha = await self.decoded(data, wishes.size)
            painted = await self.painting.paint(wishes.style, pixels, gone)

            def finished() -> bytes:
                mixed = color.mix(painted, pixels, wishes.strength, keep_colors=wishes.keep_colors)
                return pictures.encoded(mixed, wishes.format, alpha)

            height, width, _ = pixels.shape
            return await concurrency.run_in_threadpool(finished), width, height

    async def decoded(self, data: bytes, size: int | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Decodes an upload, few at a time; what waits to be painted takes four times less memory as uint8.

        Args:
            data: the file.
            size: long side, pixels; None for its own.

        Returns:
            ``[H, W, 3]``, uint8, and opacity ``[H, W]``, 0..1, or None.

        Raises:
            Refused: see `pictures.read`.
        """

        def read() -> tuple[np.ndarray, np.ndarray | None]:
            photo = pictures.read(data, self.bounds, size)
            return np.rint(photo.rgb).astype(np.uint8), photo.alpha

        return await anyio.to_thread.run_sync(read, limiter=self._decoders)


def create(bounds: limits.Limits | None = None, state: Any = None) -> fastapi.FastAPI:
    """Makes the application, without the `guard`.

    Args:
        bounds: limits; the default ones if None.
        state: folder where slow pictures are kept over restarts; None for a temporary one.

    Returns:
        An ASGI application.
    """
    service = Service(bounds or limits.Limits(), state)

    @contextlib.asynccontextmanager
    async def lifespan(app: fastapi.FastAPI) -> AsyncIterator[None]:
        del app
        yield
        service.painting.close()
        await concurrency.run_in_threadpool(service.slow.close)

    app = fastapi_offline.FastAPIOffline(  # Whose page about the routes fetches nothing from elsewhere.
        title="tfstyle",
        version=tfstyle.__version__,
        summary="Photos painted in the style of paintings",
        lifespan=lifespan,
        redoc_url=None,
    )
    app.state.service = service
    _add_errors(app)
    _add_photos(app, service)
    _add_jobs(app, service)
    _add_views(app, service)
    _add_metrics(app, service)
    return app


def _add_errors(app: fastapi.FastAPI) -> None:
    @app.exception_handler(errors.InputError)
    async def refused(request: fastapi.Request, error: errors.InputError) -> responses.JSONResponse:
        del request
        status = getattr(error, "status", 503 if isinstance(error, errors.ShortageError) else 400)
        after = getattr(error, "retry_after", None)
        headers = {"Retry-After": str(after)} if after else None
        return responses.JSONResponse({"error": str(error)}, status, headers)

    @app.exception_handler(exceptions.RequestValidationError)
    async def unprocessable(request: fastapi.Request, error: exceptions.RequestValidationError) -> Any:
        del request
        return responses.JSONResponse({"error": _first(error.errors())}, _UNPROCESSABLE)

    @app.exception_handler(exceptions.StarletteHTTPException)
    async def other(request: fastapi.Request, error: exceptions.StarletteHTTPException) -> responses.JSONResponse:
        del request
        return responses.JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)


def _first(problems: Any) -> str:
    problem = problems[0]
    place = ".".join(str(part) for part in problem["loc"] if part != "body") or "the request"
    return f"{place}: {problem['msg']}"


class _Measured:
    """Counts requests and their time, by route: paths themselves anybody can make up."""

    def __init__(self, app: Any, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        begun, status = time.monotonic(), 500

        async def noted(message: dict) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            if scope["type"] == "http":
                route = getattr(scope.get("route"), "path", "other")
                self._service.requests.labels(route, scope["method"], status).inc()
                self._service.seconds.labels(route).observe(time.monotonic() - begun)


def _add_metrics(app: fastapi.FastAPI, service: Service) -> None:
    app.add_middleware(_Measured, service=service)

    @app.get(
        "/metrics", summary="Numbers for Prometheus", response_class=responses.PlainTextResponse, tags=["operation"]
    )
    async def metrics() -> fastapi.Response:
        """Numbers for Prometheus."""
        text = prometheus_client.generate_latest(service.registry)
        return fastapi.Response(text, media_type=prometheus_client.CONTENT_TYPE_LATEST)

    @app.get("/healthz", summary="Whether it is alive", tags=["operation"])
    async def healthz() -> dict[str, str]:
        """Whether the service is alive."""
        return {"status": "ok", "version": tfstyle.__version__}


def _add_photos(app: fastapi.FastAPI, service: Service) -> None:
    @app.get("/v1/styles", summary="The styles", tags=["photos"])
    async def styles() -> list[dict[str, str]]:
        """Paintings with a trained network."""
        stored = shipped.load_all()
        return [
            {name: getattr(stored[style], name) for name in ("name", "title", "artist", "year")}
            for style in stylizer.trained()
        ]

    fields = {**Wishes.model_json_schema()["properties"], "image": {"type": "string", "format": "binary"}}
    form = {"type": "object", "properties": fields, "required": ["image", "style"]}
    body = {
        "multipart/form-data": {"schema": form},
        "application/json": {"schema": Encoded.model_json_schema()},
    }

    @app.post(
        "/v1/stylize",
        summary="Paint a photo",
        tags=["photos"],
        responses={
            200: {"model": Painted, "content": {"image/jpeg": {}, "image/png": {}, "image/webp": {}}},
            **_REFUSALS,
        },
        openapi_extra={"requestBody": {"required": True, "content": body}},
    )
    async def stylize(request: fastapi.Request) -> fastapi.Response:
        """Paints one photo: a form gets a picture's file back, JSON gets JSON."""
        begun = time.monotonic()
        data, wishes, as_json = await _upload(request)
        file, width, height = await service.stylized(data, wishes, request)
        if not as_json:
            return fastapi.Response(file, media_type=f"image/{wishes.format}")
        text = base64.b64encode(file).decode()
        painted = Painted(image=text, width=width, height=height, seconds=time.monotonic() - begun)
        return responses.JSONResponse(painted.model_dump())


async def _upload(request: fastapi.Request) -> tuple[bytes, Wishes, bool]:
    """The picture, what is wished, and whether it came as JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            encoded = Encoded.model_validate_json(await request.body())
            data = base64.b64decode(encoded.image, validate=True)
        except pydantic.ValidationError as error:
            raise limits.Refused(_UNPROCESSABLE, _first(error.errors())) from error
        except (binascii.Error, ValueError) as error:
            raise limits.Refused(_UNPROCESSABLE, "image: is not base64: encode the picture's file") from error
        return data, encoded, True
    if kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=10) as form:
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            file = form.get("image")
            if file is None or isinstance(file, str):
                raise limits.Refused(_UNPROCESSABLE, "image: is missing: send the picture's file in this field")
            try:
                return await file.read(), Wishes.model_validate(fields), False
            except pydantic.ValidationError as error:
                raise limits.Refused(_UNPROCESSABLE, _first(error.errors())) from error
    raise limits.Refused(415, "send multipart/form-data or application/json")


def _add_jobs(app: fastapi.FastAPI, service: Service) -> None:
    @app.post("/v1/jobs", summary="Begin a slow picture", status_code=202, tags=["jobs"], responses=_REFUSALS)
    async def start(
        image: Annotated[fastapi.UploadFile, fastapi.File(description="the photo")],
        style: Annotated[str, fastapi.Form(description="a name that tfstyle styles lists", max_length=100)] = "",
        painting: Annotated[fastapi.UploadFile | None, fastapi.File(description="any painting, instead")] = None,
        strength: Annotated[float, fastapi.Form(ge=0, le=1)] = 0.5,
        size: Annotated[int, fastapi.Form(ge=32, le=8192, description="long side, pixels")] = 512,
    ) -> Job:
        """Begins to paint a picture slowly."""
        photo, own = await image.read(), await painting.read() if painting else b""
        if bool(own) == bool(style):
            raise limits.Refused(_UNPROCESSABLE, "style: send a style's name or a painting, one of the two")
        if style and style not in shipped.load_all():
            raise limits.Refused(404, f"there is no style {style!r}: use one of {', '.join(shipped.load_all())}")
        for file in filter(None, (photo, own)) if photo else (photo,):
            await concurrency.run_in_threadpool(pictures.read, file, service.bounds, 16)
        wishes = {"strength": strength, "size": size}
        picture = await concurrency.run_in_threadpool(service.slow.add, photo, own or style, wishes)
        return Job(**picture.described())

    @app.post("/v1/jobs/{name}/stop", summary="Stop it", tags=["jobs"], responses=_REFUSALS)
    def stop(name: str) -> Job:
        """Stops a picture after the present step; it can be gone on with."""
        return Job(**service.slow.stop(name).described())

    @app.post("/v1/jobs/{name}/continue", summary="Go on with it", tags=["jobs"], responses=_REFUSALS)
    def go_on(name: str) -> Job:
        """Goes on with a stopped picture."""
        return Job(**service.slow.go_on(name).described())


def _add_views(app: fastapi.FastAPI, service: Service) -> None:
    @app.get("/v1/jobs/{name}", summary="How far it is", tags=["jobs"], responses=_REFUSALS)
    async def described(name: str) -> Job:
        """How far a picture is."""
        return Job(**service.slow.get(name).described())

    @app.get(
        "/v1/jobs/{name}/events",
        summary="Follow it",
        tags=["jobs"],
        response_class=responses.StreamingResponse,
        responses=_REFUSALS,
    )
    async def events(name: str) -> responses.StreamingResponse:
        """Server-sent events, at most four a second; when nobody listens any more, the picture is stopped."""
        stream = _events(service, service.slow.get(name))
        return responses.StreamingResponse(
            stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    @app.get(
        "/v1/jobs/{name}/picture",
        summary="The picture itself",
        tags=["jobs"],
        response_class=responses.Response,
        responses=_REFUSALS,
    )
    async def picture(name: str) -> fastapi.Response:
        """The picture so far (JPEG), or the finished one (PNG)."""
        found = service.slow.get(name)
        if found.status == "done":
            return responses.FileResponse(found.result, media_type="image/png", filename=f"{found.name}.png")
        if not found.preview:
            raise limits.Refused(404, "nothing is painted yet: wait for the first step")
        return fastapi.Response(found.preview, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


async def _events(service: Service, picture: slow.SlowPicture) -> AsyncIterator[str]:
    with service.slow.watched(picture):
        shown, said_at = None, time.monotonic()
        while True:
            now = picture.version, picture.status  # Both: the one may change between two looks, the other be seen late.
            if now != shown:
                yield f"event: {now[1]}\ndata: {json.dumps(picture.described())}\n\n"
                shown, said_at = now, time.monotonic()
            elif time.monotonic() - said_at > _ALIVE_EVERY:
                yield ":\n\n"
                said_at = time.monotonic()
            if now[1] in ("done", "failed", "stopped"):
                return
            await asyncio.sleep(_LOOK_EVERY)
