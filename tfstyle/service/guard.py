"""What stands before the application: who may ask, how much they may send, what browsers are told."""

import hmac
import http.cookies
import urllib.parse
from collections.abc import Collection
from typing import Any

__all__ = ["COOKIE", "Guard"]

COOKIE = "tfstyle_token"
# Without a token: other programs ask whether it is alive.
_OPEN = {"/healthz"}
_SAFE = {"GET", "HEAD", "OPTIONS"}
# Nothing comes from another machine; the page's own styles and scripts are inline in part.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}


class Guard:
    """An ASGI application around another one.

    Args:
        app: the other one.
        upload: bytes of a request at most.
        token: that requests must bring (``Authorization: Bearer ...``, or the cookie that a visit of ``/?token=...``
            leaves); empty for none.
        hosts: names by which the service may be called; other names are a trick of some foreign page (DNS rebinding).
            Empty for any.
    """

    def __init__(self, app: Any, *, upload: int, token: str = "", hosts: Collection[str] = ()) -> None:
        self._app, self._upload, self._token, self._hosts = app, upload, token, frozenset(hosts)

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        problem = self._problem(scope, headers)
        if problem and problem[0] == 401 and self._shown_in_address(scope):
            await self._let_in(scope, receive, send)
        elif problem:
            await self._refuse(scope, receive, send, *problem)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await self._passed_on(scope, receive, send)

    def _problem(self, scope: dict, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
        if self._hosts and host.strip("[]") not in self._hosts:
            return 421, "this name is not the service's: call it by the address that it said when it started"
        origin = headers.get("origin", "").rpartition("//")[2]
        foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site") or origin not in (
            "",
            headers.get("host"),
        )
        if scope.get("method") not in _SAFE and foreign:
            return 403, "another site's page may not ask for this"
        if self._token and scope["path"] not in _OPEN and not self._admitted(headers):
            return 401, "a token is needed: send the header Authorization: Bearer TOKEN, or visit /?token=TOKEN"
        if int(length if (length := headers.get("content-length", "0")).isdigit() else 0) > self._upload:
            return 413, self._too_much()
        return None

    def _admitted(self, headers: dict[str, str]) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        cookie = http.cookies.SimpleCookie()
        try:
            cookie.load(headers.get("cookie", ""))
        except http.cookies.CookieError:
            cookie = http.cookies.SimpleCookie()
        offered = [given] if kind.lower() == "bearer" else []
        offered += [cookie[COOKIE].value] if COOKIE in cookie else []
        return any(hmac.compare_digest(each.encode("latin-1"), self._token.encode()) for each in offered)

    def _shown_in_address(self, scope: dict) -> bool:
        """A browser's first visit: ``/?token=...``."""
        given = urllib.parse.parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return scope.get("method") == "GET" and hmac.compare_digest(given.encode(), self._token.encode())

    async def _let_in(self, scope: dict, receive: Any, send: Any) -> None:
        """The token moves from the address, which others may see, into a cookie."""
        from starlette import responses  # noqa: PLC0415 - an extra

        response = responses.RedirectResponse(scope["path"], 303, _HEADERS)
        response.set_cookie(COOKIE, self._token, httponly=True, samesite="strict")
        await response(scope, receive, send)

    def _too_much(self) -> str:
        return f"the request is too large: send {self._upload / 2**20:g} MB at most"

    async def _passed_on(self, scope: dict, receive: Any, send: Any) -> None:
        from starlette import exceptions  # noqa: PLC0415 - an extra

        received = 0

        async def counted() -> dict:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._upload:
                raise exceptions.HTTPException(413, self._too_much())  # The application's own, which it answers.
            return message

        async def with_headers(message: dict) -> None:
            if message["type"] == "http.response.start":
                present = {key.lower() for key, _ in message["headers"]}
                more = [
                    (key.encode(), value.encode()) for key, value in _HEADERS.items() if key.encode() not in present
                ]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._app(scope, counted, with_headers)

    async def _refuse(self, scope: dict, receive: Any, send: Any, status: int, message: str) -> None:
        from starlette import responses, websockets  # noqa: PLC0415 - an extra

        if scope["type"] == "websocket":
            await websockets.WebSocketClose(code=1008)(scope, receive, send)
            return
        headers = {**_HEADERS, **({"www-authenticate": "Bearer"} if status == 401 else {})}
        await responses.JSONResponse({"error": message}, status, headers)(scope, receive, send)
