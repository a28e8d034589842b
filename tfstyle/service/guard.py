"""Access control around the application: token, host names, foreign pages, request size, security headers."""

import hashlib
import hmac
import http.cookies
import urllib.parse
from collections.abc import Collection
from typing import Any

from starlette import exceptions, responses, websockets

__all__ = ["COOKIE", "Guard"]

COOKIE = "tfstyle_token"
"""Its value is derived from the token, which may contain characters that a cookie must not."""

# Without a token, because monitoring asks for it.
_PUBLIC = {"/healthz"}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# Nothing is loaded from other hosts; Gradio's styles and scripts are partly inline.
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
    """ASGI middleware that decides which requests reach the application.

    Args:
        app: the application.
        upload: largest request body, bytes.
        token: required from clients, as ``Authorization: Bearer TOKEN`` or by the cookie that a visit to
            ``/?token=TOKEN`` sets; empty for none.
        hosts: names by which clients may address the service, against DNS rebinding; empty for any.
    """

    def __init__(self, app: Any, *, upload: int, token: str = "", hosts: Collection[str] = ()) -> None:
        self._app, self._upload = app, upload
        self._hosts = frozenset(host.lower() for host in hosts)
        self._token = token.encode(errors="surrogateescape")  # As the shell passed it.
        self._cookie = hmac.new(self._token, COOKIE.encode(), hashlib.sha256).hexdigest() if token else ""

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        """Handles one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        problem = self._problem(scope, headers)
        if problem and problem[0] == 401 and self._has_token_in_query(scope):
            await self._set_cookie(scope, receive, send)
        elif problem:
            await self._refuse(scope, receive, send, *problem)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await self._forward(scope, receive, send)

    def _problem(self, scope: dict, headers: dict[str, str]) -> tuple[int, str] | None:
        if self._hosts and _host_name(headers.get("host", "")) not in self._hosts:
            return 421, "this is not the service's name: use the address that it printed when it started"
        if scope.get("method") not in _SAFE_METHODS and _is_foreign(headers):
            return 403, "pages of other sites may not send this request"
        if self._token and scope["path"] not in _PUBLIC and not self._is_authorized(headers):
            return 401, "a token is required: send the header Authorization: Bearer TOKEN, or visit /?token=TOKEN"
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._upload:
            return 413, self._too_large()
        return None

    def _is_authorized(self, headers: dict[str, str]) -> bool:
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(value.encode("latin-1")):
            return True
        cookies = http.cookies.SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
        except http.cookies.CookieError:
            return False
        value = cookies[COOKIE].value if COOKIE in cookies else ""
        return hmac.compare_digest(value.encode(), self._cookie.encode())

    def _is_token(self, given: bytes) -> bool:
        """Compares bytes: headers and addresses carry UTF-8 from most clients, Latin-1 from some."""
        spellings = [given]
        try:
            spellings.append(given.decode("latin-1").encode())
        except UnicodeError:
            return False
        return any(hmac.compare_digest(spelling, self._token) for spelling in spellings)

    def _has_token_in_query(self, scope: dict) -> bool:
        query = scope["query_string"].decode("latin-1")
        given = urllib.parse.parse_qs(query, encoding="latin-1").get("token", [""])[0]
        return scope.get("method") == "GET" and self._is_token(given.encode("latin-1", "replace"))

    async def _set_cookie(self, scope: dict, receive: Any, send: Any) -> None:
        """Moves the token from the address, which others may see, into a cookie."""
        response = responses.RedirectResponse(scope["path"], 303, _HEADERS)
        response.set_cookie(COOKIE, self._cookie, httponly=True, samesite="strict")
        await response(scope, receive, send)

    def _too_large(self) -> str:
        return f"the request is too large: send at most {self._upload / 2**20:g} MB"

    async def _forward(self, scope: dict, receive: Any, send: Any) -> None:
        received = 0

        async def counted_receive() -> dict:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._upload:
                raise exceptions.HTTPException(413, self._too_large())  # The application answers it.
            return message

        async def send_with_headers(message: dict) -> None:
            if message["type"] == "http.response.start":
                present = {key.lower() for key, _ in message["headers"]}
                added = [(key.encode(), value.encode()) for key, value in _HEADERS.items()]
                headers = [*message["headers"], *(pair for pair in added if pair[0] not in present)]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, counted_receive, send_with_headers)

    async def _refuse(self, scope: dict, receive: Any, send: Any, status: int, message: str) -> None:
        if scope["type"] == "websocket":
            await websockets.WebSocketClose(code=1008)(scope, receive, send)
            return
        headers = {**_HEADERS, **({"www-authenticate": "Bearer"} if status == 401 else {})}
        await responses.JSONResponse({"error": message}, status, headers)(scope, receive, send)


def _host_name(header: str) -> str:
    """Returns the name in a Host header, without port and brackets."""
    name = header.rpartition(":")[0] if header.rpartition(":")[2].isdigit() else header
    return name.strip("[]").lower()


def _is_foreign(headers: dict[str, str]) -> bool:
    """Returns whether a browser sends this for another site's page."""
    origin = headers.get("origin", "").rpartition("//")[2].lower()
    return headers.get("sec-fetch-site") in ("cross-site", "same-site") or origin not in (
        "",
        headers.get("host", "").lower(),
    )
