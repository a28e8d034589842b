"""Numbers for Prometheus: requests and their time, by route; what waits."""

import functools
import time
from typing import Any

import fastapi
import prometheus_client
from fastapi import responses

from tfstyle import _version
from tfstyle.service import core, optimize_job

__all__ = ["Telemetry", "router"]


class Telemetry:
    """Counts requests and their time, by route: paths themselves anybody can make up.

    Args:
        app: whose requests are counted.
        registry: where their numbers are kept.
    """

    def __init__(self, app: Any, registry: prometheus_client.CollectorRegistry) -> None:
        self._app = app
        self._requests = prometheus_client.Counter(
            "tfstyle_requests", "Requests", ("route", "method", "status"), registry=registry
        )
        self._seconds = prometheus_client.Histogram(
            "tfstyle_request_seconds", "Time to the answer", ("route",), registry=registry
        )

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        """Passes a request on, and counts it."""
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
                self._requests.labels(route, scope["method"], status).inc()
                self._seconds.labels(route).observe(time.monotonic() - begun)


def router(service: core.Service, registry: prometheus_client.CollectorRegistry) -> fastapi.APIRouter:
    """The routes ``/metrics`` and ``/healthz``.

    Args:
        service: whose photos and pictures are counted.
        registry: where the numbers are kept.

    Returns:
        The routes.
    """
    waiting = prometheus_client.Gauge("tfstyle_photos_waiting", "Photos to be painted", registry=registry)
    waiting.set_function(lambda: service.paintings.waiting)
    jobs = prometheus_client.Gauge("tfstyle_jobs", "Slow pictures", ("status",), registry=registry)
    for status in optimize_job.Status:
        jobs.labels(status).set_function(functools.partial(service.jobs.count, status))
    routes = fastapi.APIRouter(tags=["operation"])

    @routes.get("/metrics", summary="Numbers for Prometheus", response_class=responses.PlainTextResponse)
    async def metrics() -> fastapi.Response:
        """Numbers for Prometheus."""
        text = prometheus_client.generate_latest(registry)
        return fastapi.Response(text, media_type=prometheus_client.CONTENT_TYPE_LATEST)

    @routes.get("/healthz", summary="Whether it is alive")
    async def healthz() -> dict[str, str]:
        """Whether the service is alive."""
        return {"status": "ok", "version": _version.__version__}

    return routes
