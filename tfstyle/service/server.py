"""Runs the service: listens on an address until it is interrupted."""

import contextlib
import dataclasses
import ipaddress
import pathlib
import socket
from collections.abc import Callable

import uvicorn

from tfstyle import config, errors, stylebook
from tfstyle.service import app as application
from tfstyle.service import connections, guard, limits, memory, page

__all__ = ["check", "run"]

_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
# Seconds that running requests get when the service ends.
_SHUTDOWN_SECONDS = 5


def check(settings: config.ServeSettings) -> None:
    """Checks what can be checked before anything is loaded.

    Args:
        settings: of the service.

    Raises:
        InputError: a host that other machines can reach without a token, an unusable token, or no trained style.
    """
    if not settings.token and not _is_local(settings.host):
        raise errors.InputError(f"{settings.host} can be reached from other machines: set a --token for clients")
    if settings.token and not settings.token.isprintable():
        raise errors.InputError("the token contains control characters: use printable characters only")
    if not stylebook.trained():
        raise errors.InputError("no trained styles found: reinstall tfstyle")


def run(settings: config.ServeSettings, started: Callable[[str], None] = print) -> None:
    """Serves the API and the page until Ctrl-C.

    Args:
        settings: where to listen and what to keep.
        started: called with the service's address once it accepts connections.

    Raises:
        InputError: unusable settings, or an address that cannot be listened on.
    """
    check(settings)
    memory.keep_freeable()
    bounds = dataclasses.replace(limits.Limits(), queue=settings.queue)
    state = _make_folder(settings.state)
    listener = _listen(settings.host, settings.port)
    app = application.create(bounds, state)
    app.state.service.paintings.warm_up(page.FIRST_STYLE)
    app = page.mount(app, app.state.service)
    hosts = (*_LOCAL_HOSTS, settings.host) if _is_local(settings.host) else ()
    guarded = guard.Guard(
        connections.BodyDeadline(app, bounds.body_seconds),
        upload=bounds.upload,
        token=settings.token or "",
        hosts=hosts,
    )
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    started(f"http://{host}:{listener.getsockname()[1]}/")
    with contextlib.suppress(KeyboardInterrupt):  # The usual end.
        uvicorn.Server(_uvicorn_config(guarded, bounds)).run(sockets=[listener])


def _uvicorn_config(guarded: guard.Guard, bounds: limits.Limits) -> uvicorn.Config:
    return uvicorn.Config(
        guarded,
        http=connections.protocol(bounds),
        limit_concurrency=bounds.connections,
        h11_max_incomplete_event_size=connections.MAX_HEADER_BYTES,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _make_folder(path: str | None) -> pathlib.Path | None:
    if path is None:
        return None
    folder = pathlib.Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.InputError(f"{folder}: cannot be created: {error.strerror}; choose another --state") from error
    return folder


def _listen(host: str, port: int) -> socket.socket:
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        if listener:
            listener.close()
        raise errors.InputError(f"{host}:{port}: {error.strerror or error}: choose another --host or --port") from error
    return listener
