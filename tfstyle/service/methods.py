"""HTTP methods: HEAD works wherever GET does, and other methods are refused with the list of allowed ones.

The framework would pass a request with the wrong method on to the page below it, which answers 404.
"""

from collections.abc import Sequence
from typing import Any

from fastapi import responses
from starlette import routing

__all__ = ["Methods"]

# Streams have no length to announce, and no end.
_STREAMS = "/events"


class Methods:
    """ASGI middleware around the router.

    Args:
        app: the application.
        routes: the routes to answer for; other paths pass through.
    """

    def __init__(self, app: Any, routes: Sequence[Any]) -> None:
        self._app = app
        self._routes = [route for route in routes if isinstance(route, routing.Route)]

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        """Handles one request."""
        matching = self._matching(scope["path"]) if scope["type"] == "http" else []
        allowed = {method for route in matching for method in route.methods or ()}
        if "GET" in allowed and not scope["path"].endswith(_STREAMS):
            allowed.add("HEAD")
        if not matching or (scope["method"] in allowed and scope["method"] != "HEAD"):
            await self._app(scope, receive, send)
        elif scope["method"] in allowed:
            await self._app({**scope, "method": "GET"}, receive, _without_body(send))
        else:
            scope["route"] = matching[0]  # For the metrics.
            names = ", ".join(sorted(allowed))
            message = f"{scope['method']} is not possible here: use {names}"
            await responses.JSONResponse({"error": message}, 405, {"Allow": names})(scope, receive, send)

    def _matching(self, path: str) -> list[routing.Route]:
        """Returns the routes for a path; those without parameters win."""
        found = [route for route in self._routes if route.path_regex.match(path)]
        exact = [route for route in found if route.path == path]
        return exact or found


def _without_body(send: Any) -> Any:
    async def send_head(message: dict) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head
