"""Prometheus metrics and the health check."""

import functools
import time
from typing import Any

import fastapi
import prometheus_client
from fastapi import responses

from tfstyle import _version
from tfstyle.service import core, optimize_job

__all__ = ["Telemetry", "router"]

_DISCONNECTED = 499  # nginx' status for clients that close the connection.


class Telemetry:
    """ASGI middleware that counts requests and their time by route, never by path: clients can invent paths.

    A client that disconnects while it sends counts as 499, and whatever error that causes goes no further.

    Args:
        app: the application.
        registry: holds the metrics.
    """

    def __init__(self, app: Any, registry: prometheus_client.CollectorRegistry) -> None:
        self._app = app
        self._requests = prometheus_client.Counter(
            "tfstyle_requests", "Requests", ("route", "method", "status"), registry=registry
        )
        self._seconds = prometheus_client.Histogram(
            "tfstyle_request_seconds", "Time to the response", ("route",), registry=registry
        )

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, is_sending = time.monotonic(), 0, True

        async def observed_receive() -> dict:
            nonlocal is_sending, status
            message = await receive()
            if message["type"] == "http.disconnect" and is_sending and not status:
                status = _DISCONNECTED
            is_sending = message.get("more_body", False)
            return message

        async def observed_send(message: dict) -> None:
            nonlocal status
            status = status or message.get("status", 0)
            await send(message)

        try:
            await self._app(scope, observed_receive, observed_send)
        except Exception:
            if status != _DISCONNECTED:
                status = 500
                raise
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._requests.labels(route, scope["method"], status or 500).inc()
            self._seconds.labels(route).observe(time.monotonic() - started)


def router(service: core.Service, registry: prometheus_client.CollectorRegistry) -> fastapi.APIRouter:
    """Returns the routes ``/metrics`` and ``/healthz``.

    Args:
        service: whose queues are measured.
        registry: holds the metrics.
    """
    waiting = prometheus_client.Gauge("tfstyle_photos_waiting", "Photos in the queue", registry=registry)
    waiting.set_function(lambda: service.paintings.waiting)
    jobs = prometheus_client.Gauge("tfstyle_jobs", "Optimization jobs", ("status",), registry=registry)
    for status in optimize_job.Status:
        jobs.labels(status).set_function(functools.partial(service.jobs.count, status))
    routes = fastapi.APIRouter(tags=["operation"])

    @routes.get("/metrics", summary="Prometheus metrics", response_class=responses.PlainTextResponse)
    async def metrics() -> fastapi.Response:
        """Returns metrics in Prometheus' text format."""
        text = prometheus_client.generate_latest(registry)
        return fastapi.Response(text, media_type=prometheus_client.CONTENT_TYPE_LATEST)

    @routes.get("/healthz", summary="Health check")
    async def healthz() -> dict[str, str]:
        """Answers as long as the service runs."""
        return {"status": "ok", "version": _version.__version__}

    return routes
