"""The service: painted photos in a moment, slowly painted ones as jobs, health and metrics."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import fastapi
import fastapi_offline
import prometheus_client
from fastapi import concurrency, exceptions, responses

from tfstyle import _version, errors
from tfstyle.service import core, job_routes, limits, schemas, stylize_routes, telemetry

__all__ = ["create"]


def create(bounds: limits.Limits | None = None, state: Any = None) -> fastapi.FastAPI:
    """Makes the application, without the `guard`.

    Args:
        bounds: limits; the default ones if None.
        state: folder where slow pictures are kept over restarts; None for a temporary one.

    Returns:
        An ASGI application.
    """
    service = core.Service(bounds or limits.Limits(), state)

    @contextlib.asynccontextmanager
    async def lifespan(app: fastapi.FastAPI) -> AsyncIterator[None]:
        del app
        yield
        service.paintings.close()
        await concurrency.run_in_threadpool(service.jobs.close)

    app = fastapi_offline.FastAPIOffline(  # Whose page about the routes fetches nothing from elsewhere.
        title="tfstyle",
        version=_version.__version__,
        summary="Photos painted in the style of paintings",
        lifespan=lifespan,
        redoc_url=None,
    )
    app.state.service = service
    registry = prometheus_client.CollectorRegistry()
    app.add_middleware(telemetry.Telemetry, registry=registry)
    for routes in (stylize_routes.router(service), job_routes.router(service), telemetry.router(service, registry)):
        app.include_router(routes)
    _add_errors(app)
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
        return responses.JSONResponse({"error": schemas.first_error(error.errors())}, schemas.UNPROCESSABLE)

    @app.exception_handler(exceptions.StarletteHTTPException)
    async def other(request: fastapi.Request, error: exceptions.StarletteHTTPException) -> responses.JSONResponse:
        del request
        return responses.JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)
