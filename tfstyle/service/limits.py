"""What a service takes on, and how it says no."""

import dataclasses
import os

from tfstyle import errors

__all__ = ["Limits", "RequestError"]


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one service does for everybody together.

    Attributes:
        upload: bytes of a request.
        pixels: of a picture; more is refused before it is decoded.
        queue: photos that wait to be painted.
        slow: pictures that are painted slowly at the same time.
        slow_queue: that wait for it.
        slow_side: long side of a picture that is painted slowly, pixels.
        kept: slow pictures that are kept when they are finished.
        grace: seconds that a slow picture goes on when nobody looks any more.
    """

    upload: int = 20 * 2**20
    pixels: int = 40_000_000
    queue: int = 16
    slow: int = os.cpu_count() or 1
    slow_queue: int = 8
    slow_side: int = 1024
    kept: int = 50
    grace: float = 10.0


class RequestError(errors.InputError):
    """A request that is not fulfilled.

    Attributes:
        status: of HTTP.
        retry_after: seconds after which another try may have more luck; None if none will.
    """

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after
