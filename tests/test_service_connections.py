"""Limits of time and number for connections: raw sockets against uvicorn on localhost."""

import contextlib
import socket
import threading
import time

import pytest
import uvicorn

from tfstyle.service import connections, limits

BOUNDS = limits.Limits(connections=4, header_seconds=0.3, body_seconds=0.4, response_seconds=0.3)
LARGE = b"0" * 20_000_000


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": LARGE if scope["path"] == "/large" else b"fine"})


@pytest.fixture(scope="module")
def port():
    config = uvicorn.Config(
        connections.BodyDeadline(application, BOUNDS.body_seconds),
        port=0,
        http=connections.protocol(BOUNDS),
        log_level="critical",
        lifespan="off",
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def connected(port, data=b""):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(data)
        yield client


def received(client):
    """Everything until the server closes the connection; fails if it does not."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("data", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: 1"])
def test_a_request_that_is_never_finished(port, data):
    started = time.monotonic()
    with connected(port, data) as client:
        assert received(client) == b""
    assert 0.2 < time.monotonic() - started < 4


def test_headers_sent_drop_by_drop(port):
    with connected(port, b"GET / HTTP/1.1\r\n") as client:
        for _ in range(50):
            with contextlib.suppress(OSError):
                client.sendall(b"X: y\r\n")
            time.sleep(0.02)
        assert received(client) == b""


def test_headers_without_end(port):
    with connected(port, b"GET / HTTP/1.1\r\n") as client:
        with contextlib.suppress(OSError):
            client.sendall(b"X: y\r\n" * 30_000)
        assert b"200 OK" not in received(client)


@pytest.mark.parametrize("sent", [b"", b"half"])
def test_a_body_that_is_never_finished(port, sent):
    with connected(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n" + sent) as client:
        answer = received(client)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive within 0.4 s" in answer


def test_a_second_request_on_the_same_connection_has_the_same_limits(port):
    with connected(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") as client:
        assert b"200 OK" in client.recv(65536)
        client.sendall(b"GET / HTTP")
        assert b"200 OK" not in received(client)


def test_a_response_that_nobody_reads(port):
    with connected(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n") as client:
        time.sleep(0.8)
        assert len(received(client)) < len(LARGE)


def test_surplus_connections_are_closed(port):
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(connected(port)) for _ in range(BOUNDS.connections)]
        time.sleep(0.1)
        with connected(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") as surplus:
            assert received(surplus) == b""
        del waiting
    with connected(port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as client:
        assert b"200 OK" in received(client)
