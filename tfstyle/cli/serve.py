"""``tfstyle serve``: the service on this machine."""

import argparse
import contextlib
import dataclasses
import ipaddress
import pathlib
import socket

from tfstyle import errors, stylebook
from tfstyle.cli import console

__all__ = ["add_arguments", "run"]

_LOCAL = ("localhost", "127.0.0.1", "::1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=7860, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--token", default="", metavar="SECRET", help="that requests must bring; needed beyond localhost"
    )
    parser.add_argument("--state", metavar="FOLDER", help="keeps slow pictures over restarts")
    parser.add_argument(
        "--queue", type=int, default=16, metavar="N", help="photos that may wait (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Serves until Ctrl-C.

    Raises:
        InputError: unusable options, a port that is taken, or missing packages.
    """
    _check(arguments)
    try:
        import uvicorn

        from tfstyle import service

        create, mount, guard = service.create, service.page.mount, service.Guard
    except ImportError as error:
        raise errors.InputError(f'{error.name} is missing: pip install "tfstyle[serve]"') from error
    bounds = dataclasses.replace(service.Limits(), queue=arguments.queue)
    state = _state(arguments.state)
    listener = _listener(arguments.host, arguments.port)
    app = create(bounds, state)
    app.state.service.paintings.start(next(iter(stylebook.trained())))
    app = mount(app, app.state.service)
    hosts = (*_LOCAL, arguments.host) if _is_local(arguments.host) else ()
    guarded = guard(app, upload=bounds.upload, token=arguments.token, hosts=hosts)
    port = listener.getsockname()[1]
    console.say(f"tfstyle: http://{_shown(arguments.host)}:{port}/ (Ctrl-C ends it)")
    config = uvicorn.Config(guarded, log_level="warning", server_header=False, timeout_graceful_shutdown=5)
    with contextlib.suppress(KeyboardInterrupt):  # The usual end.
        uvicorn.Server(config).run(sockets=[listener])


def _check(arguments: argparse.Namespace) -> None:
    if not 0 <= arguments.port < 65536:
        raise errors.InputError(f"port is {arguments.port}: use 1 to 65535, or 0 for any that is free")
    if arguments.queue < 1:
        raise errors.InputError(f"queue is {arguments.queue}: use 1 or more")
    if not arguments.token and not _is_local(arguments.host):
        raise errors.InputError(f"{arguments.host} can be reached from other machines: give a --token, which they need")
    if not stylebook.trained():
        raise errors.InputError("there is no trained style: install tfstyle again")


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _state(text: str | None) -> pathlib.Path | None:
    if text is None:
        return None
    folder = pathlib.Path(text)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.InputError(f"{folder}: cannot be made: {error.strerror}; choose another --state") from error
    return folder


def _listener(host: str, port: int) -> socket.socket:
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


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
