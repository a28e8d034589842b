"""The HTTP application: stylized photos, optimization jobs, health check and metrics."""

import contextlib
import pathlib
from collections.abc import AsyncIterator, Mapping

import fastapi
import fastapi_offline
import prometheus_client
from fastapi import concurrency, exceptions, responses

from tfstyle import _version, errors
from tfstyle.service import core, job_routes, limits, methods, schemas, stylize_routes, telemetry

__all__ = ["create"]


def create(bounds: limits.Limits | None = None, state: pathlib.Path | None = None) -> fastapi.FastAPI:
    """Creates the application, without page (`page.mount`) and access control (`guard.Guard`).

    Args:
        bounds: limits; the defaults if None.
        state: folder that keeps jobs across restarts; None for a temporary one.

    Returns:
        An ASGI application.
    """
    service = core.Service(bounds or limits.Limits(), state)

    @contextlib.asynccontextmanager
    async def lifespan(app: fastapi.FastAPI) -> AsyncIterator[None]:
        del app
        yield
        await concurrency.run_in_threadpool(service.close)

    app = fastapi_offline.FastAPIOffline(  # Its /docs loads nothing from the network.
        title="tfstyle",
        version=_version.__version__,
        summary="Paint photos in the style of paintings",
        lifespan=lifespan,
        redoc_url=None,
    )
    app.state.service = service
    registry = prometheus_client.CollectorRegistry()
    routers = (stylize_routes.router(service), job_routes.router(service), telemetry.router(service, registry))
    for router in routers:
        app.include_router(router)
    routes = [*app.routes, *(route for router in routers for route in router.routes)]
    app.add_middleware(methods.Methods, routes=routes)
    app.add_middleware(telemetry.Telemetry, registry=registry)
    _add_error_handlers(app)
    return app


def _add_error_handlers(app: fastapi.FastAPI) -> None:
    @app.exception_handler(errors.InputError)
    async def refused(request: fastapi.Request, error: errors.InputError) -> responses.JSONResponse:
        del request
        status = getattr(error, "status", 503 if isinstance(error, errors.ShortageError) else 400)
        seconds = getattr(error, "retry_after", None)
        return _error(str(error), status, {"Retry-After": str(seconds)} if seconds else None)

    @app.exception_handler(exceptions.RequestValidationError)
    async def invalid(request: fastapi.Request, error: exceptions.RequestValidationError) -> responses.JSONResponse:
        del request
        return _error(schemas.first_error(error.errors()), schemas.UNPROCESSABLE)

    @app.exception_handler(exceptions.StarletteHTTPException)
    async def other(request: fastapi.Request, error: exceptions.StarletteHTTPException) -> responses.JSONResponse:
        del request
        return _error(str(error.detail), error.status_code, error.headers)


def _error(message: str, status: int, headers: Mapping[str, str] | None = None) -> responses.JSONResponse:
    return responses.JSONResponse({"error": message}, status, headers)
