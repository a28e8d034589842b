"""Limits of time and number for connections, so that slow or silent clients cannot occupy the service."""

import asyncio
import time
from typing import Any

from fastapi import responses
from uvicorn.protocols.http import auto

from tfstyle.service import limits

__all__ = ["BodyDeadline", "MAX_HEADER_BYTES", "protocol"]

MAX_HEADER_BYTES = 64 * 1024
"""Of one request; uvicorn's default for its other parser."""


def protocol(bounds: limits.Limits) -> type[asyncio.Protocol]:
    """Returns an HTTP protocol for uvicorn with these limits of time and number.

    Args:
        bounds: the limits.
    """
    return type("LimitedProtocol", (_LimitedProtocol,), {"bounds": bounds})


class _LimitedProtocol(auto.AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's HTTP protocol with limits.

    uvicorn itself closes only connections that are idle after a response. This one also closes surplus connections,
    those without complete headers in time, and those whose client does not read the response.
    """

    bounds = limits.Limits()
    deadline: asyncio.TimerHandle | None = None
    header_bytes = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            transport.abort()
        else:
            self._start(self.bounds.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        cycle, transport = self.cycle, self.transport
        is_between_requests = cycle is None or cycle.response_complete
        if is_between_requests and self.deadline is None:
            self._start(self.bounds.header_seconds)
        super().data_received(data)
        if self.cycle is not cycle or transport.get_protocol() is not self:  # A request, or a websocket.
            self._cancel()
            self.header_bytes = 0
        elif is_between_requests:
            self.header_bytes += len(data)
            if self.header_bytes > MAX_HEADER_BYTES:
                transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start(self.bounds.response_seconds)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._cancel()

    def _start(self, seconds: float) -> None:
        self._cancel()
        self.deadline = self.loop.call_later(seconds, self.transport.abort)

    def _cancel(self) -> None:
        if self.deadline:
            self.deadline.cancel()
            self.deadline = None


class BodyDeadline:
    """ASGI middleware that answers 408 when a request's body does not arrive in time.

    Args:
        app: the application.
        seconds: from headers to the end of the body.
    """

    def __init__(self, app: Any, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        deadline, is_sending, is_answered, is_late = time.monotonic() + self._seconds, True, False, False

        async def timed_receive() -> dict:
            nonlocal is_sending, is_late
            if not is_sending:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                is_late = True
                return {"type": "http.disconnect"}
            is_sending = message.get("more_body", False)
            return message

        async def observed_send(message: dict) -> None:
            nonlocal is_answered
            if is_late and not is_answered:  # What the application says of a client that seems to have gone.
                return
            is_answered = True
            await send(message)

        await self._app(scope, timed_receive, observed_send)
        if is_late and not is_answered:
            text = f"the request did not arrive within {self._seconds:g} s: send it faster"
            await responses.JSONResponse({"error": text}, 408, {"Connection": "close"})(scope, receive, send)
