"""The service's limits, and the error for requests that exceed them."""

import dataclasses
import os

from tfstyle import errors

__all__ = ["Limits", "RequestError"]


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one service accepts from all its clients together.

    Attributes:
        upload: largest request body, bytes.
        pixels: largest photo, pixels; checked before decoding.
        side: longest side of a photo, pixels.
        aspect: largest ratio of a photo's sides: networks pad every side, so thin photos cost more than their pixels.
        queue: photos that may wait to be stylized.
        job_workers: pictures optimized at the same time.
        job_queue: jobs that may wait.
        job_side: longest side of an optimized picture, pixels.
        kept_jobs: finished jobs whose pictures are kept.
        grace: seconds a watched job continues after its last watcher has left.
        connections: open connections; more are closed at once.
        header_seconds: time to send a request's headers, from the connection's or the previous response's end.
        body_seconds: time to send a request's body.
        response_seconds: time to read one chunk of a response.
    """

    upload: int = 20 * 2**20
    pixels: int = 40_000_000
    side: int = 30_000
    aspect: float = 100.0
    queue: int = 16
    job_workers: int = os.cpu_count() or 1
    job_queue: int = 8
    job_side: int = 1024
    kept_jobs: int = 50
    grace: float = 10.0
    connections: int = 256
    header_seconds: float = 10.0
    body_seconds: float = 60.0
    response_seconds: float = 60.0


class RequestError(errors.InputError):
    """A request that the service refuses.

    Attributes:
        status: HTTP status code.
        retry_after: seconds after which the client may try again; None if trying again is no use.
    """

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after
