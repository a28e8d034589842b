"""The fast path for many: few pictures are painted at a time, with all processor cores; the others wait their turn."""

import asyncio
import concurrent.futures
import contextlib
import functools
import math
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import numpy as np

from tfstyle import stylebook, stylizer
from tfstyle.service import limits

__all__ = ["PaintingQueue"]

# Pictures. Telemetry on two cores: two fill the gaps that one leaves between its operations.
_AT_ONCE = 2
# Of how long a picture takes, a running mean: so much of it is the newest one's.
_NEWEST = 0.1
_LOADING = threading.Lock()


class PaintingQueue:
    """All trained styles, each loaded when it is first asked for.

    Attributes:
        waiting: pictures, those being decoded and painted included.

    Args:
        bounds: how many may wait.
    """

    def __init__(self, bounds: limits.Limits) -> None:
        self._bounds, self.waiting, self._seconds = bounds, 0, 0.1
        self._styles = stylebook.trained()
        self._threads = concurrent.futures.ThreadPoolExecutor(_AT_ONCE, "painting")

    def start(self, style: str) -> None:
        """Loads TensorFlow and a style; takes seconds."""
        self._threads.submit(_loaded, stylebook.find(style)).result()

    async def paint(
        self, style: str, photo: np.ndarray, gone: Callable[[], Awaitable[None]] | None = None
    ) -> np.ndarray:
        """Paints one picture when its turn has come.

        Args:
            style: a name of `stylebook.trained`.
            photo: ``[H, W, 3]``, uint8.
            gone: returns when nobody wants it any more.

        Returns:
            ``[H, W, 3]``, uint8.

        Raises:
            RequestError: no such style, or nobody wants it any more.
            InputError: there is not enough memory.
        """
        folder = self._styles.get(style)
        if folder is None:
            raise limits.RequestError(404, f"there is no style {style!r}: use one of {', '.join(self._styles)}")
        # The thread's own queue: going by way of the event loop between two pictures would leave it idle.
        painted = asyncio.wrap_future(self._threads.submit(self._painted, folder, photo))
        try:
            return await _unless(painted, gone)
        finally:
            painted.cancel()  # Has no effect on what is done.

    @contextlib.contextmanager
    def reserve(self) -> Iterator[None]:
        """A place among those who wait, to be held from before the photo is decoded: photos take memory.

        Raises:
            RequestError: all are taken.
        """
        if self.waiting >= self._bounds.queue:
            after = max(1, math.ceil(self.waiting * self._seconds))
            raise limits.RequestError(429, f"too many pictures are waiting: try again in {after} s", after)
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    def close(self) -> None:
        """Ends the thread after what it is painting."""
        self._threads.shutdown(cancel_futures=True)

    def _painted(self, folder: stylebook.StyleFolder, photo: np.ndarray) -> np.ndarray:
        begun = time.monotonic()
        painted = _loaded(folder)(photo)
        self._seconds += _NEWEST * (time.monotonic() - begun - self._seconds)
        return painted


async def _unless(painted: asyncio.Future, gone: Callable[[], Awaitable[None]] | None) -> np.ndarray:
    """What is painted; if nobody wants it any more and its turn has not come, it is not."""
    if gone is None:
        return await painted
    watcher = asyncio.ensure_future(gone())
    try:
        await asyncio.wait((painted, watcher), return_when=asyncio.FIRST_COMPLETED)
        if painted.done():
            return painted.result()
        painted.cancel()
        raise limits.RequestError(499, "nobody waits for the picture any more")
    finally:
        watcher.cancel()


def _loaded(folder: stylebook.StyleFolder) -> stylizer.Stylizer:
    with _LOADING:  # Two threads would load the same network twice.
        return _kept(folder)


@functools.cache
def _kept(folder: stylebook.StyleFolder) -> stylizer.Stylizer:
    return stylizer.Stylizer(folder, runtime="savedmodel")
