"""The fast path for many clients: a few photos are stylized at a time, on all cores; the others wait."""

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
from tfstyle.service import limits, memory

__all__ = ["PaintingQueue"]

# Measured on two cores: a second photo fills the gaps that one leaves between its operations.
_WORKERS = 2
# Weight of the newest photo in the running mean of seconds per photo.
_NEWEST = 0.1
# Peak memory in bytes per pixel of a photo, decoded, stylized and encoded. Measured with SavedModels in bfloat16: 159
# for realtime and 464 for johnson, which is recognized by its file's size; float32 needs twice that.
_BYTES_PER_PIXEL, _BYTES_PER_PIXEL_LARGE, _LARGE_FILE = 360, 970, 2e6
# Networks mirror borders of a few pixels at a quarter of the resolution. Measured: photos 1, 4 and 16 pixels high need
# as much memory as 17, 20 and 32 full rows would.
_BORDER = 16
# Seconds that a photo waits for memory.
_PATIENCE = 20.0
_LOADING = threading.Lock()


class PaintingQueue:
    """All trained styles, each loaded when it is first used.

    Args:
        bounds: the limits.
        budget: admits photos by their memory.

    Attributes:
        waiting: photos admitted and not finished, including those being decoded and stylized.
    """

    def __init__(self, bounds: limits.Limits, budget: memory.Budget) -> None:
        self.waiting = 0
        self._limit, self._budget, self._seconds = bounds.queue, budget, 0.1
        self._styles = stylebook.trained()
        self._workers = concurrent.futures.ThreadPoolExecutor(_WORKERS, "painting")

    def warm_up(self, style: str) -> None:
        """Loads TensorFlow and a style; takes seconds."""
        self._workers.submit(_load, stylebook.find(style)).result()

    @contextlib.contextmanager
    def reserve(self, style: str, height: int, width: int) -> Iterator[None]:
        """Holds a place in the queue, from before the photo is decoded: waiting photos take memory.

        Args:
            style: a name from `stylebook.trained`.
            height: of the photo in pixels.
            width: of the photo in pixels.

        Raises:
            RequestError: the style is unknown (404), or the queue is full (429).
            ShortageError: the photo needs more memory than is available.
        """
        self._budget.check(_memory(self._folder(style), height, width))
        if self.waiting >= self._limit:
            seconds = max(1, math.ceil(self.waiting * self._seconds))
            raise limits.RequestError(429, f"too many photos are waiting: try again in {seconds} s", seconds)
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    async def paint(
        self, style: str, photo: np.ndarray, disconnected: Callable[[], Awaitable[None]] | None = None
    ) -> np.ndarray:
        """Stylizes a photo when its turn comes.

        Args:
            style: a name from `stylebook.trained`.
            photo: ``[H, W, 3]``, uint8.
            disconnected: returns once the client has gone; its photo is then not stylized.

        Returns:
            ``[H, W, 3]``, uint8.

        Raises:
            RequestError: the style is unknown (404), or the client has gone (499).
            ShortageError: the photo needs more memory than is available.
        """
        # Workers take from the pool's own queue: a detour through the event loop would leave them idle between photos.
        painted = asyncio.wrap_future(self._workers.submit(self._paint, self._folder(style), photo))
        try:
            return await _unless(painted, disconnected)
        finally:
            painted.cancel()  # No effect on finished work.

    def close(self) -> None:
        """Finishes the photos being stylized and drops the waiting ones."""
        self._workers.shutdown(cancel_futures=True)

    def _folder(self, style: str) -> stylebook.StyleFolder:
        if style not in self._styles:
            raise limits.RequestError(404, f"there is no style {style!r}: use one of {', '.join(self._styles)}")
        return self._styles[style]

    def _paint(self, folder: stylebook.StyleFolder, photo: np.ndarray) -> np.ndarray:
        started = time.monotonic()
        height, width, _ = photo.shape
        with self._budget.claim(_memory(folder, height, width), _PATIENCE):
            painted = _load(folder)(photo)
        self._seconds += _NEWEST * (time.monotonic() - started - self._seconds)
        return painted


async def _unless(painted: asyncio.Future, disconnected: Callable[[], Awaitable[None]] | None) -> np.ndarray:
    if disconnected is None:
        return await painted
    watcher = asyncio.ensure_future(disconnected())
    try:
        await asyncio.wait((painted, watcher), return_when=asyncio.FIRST_COMPLETED)
        if painted.done():
            return painted.result()
        painted.cancel()
        raise limits.RequestError(499, "the client has disconnected")
    finally:
        watcher.cancel()


def _memory(folder: stylebook.StyleFolder, height: int, width: int) -> int:
    """Estimates a photo's peak memory in bytes."""
    is_large = folder.litert.stat().st_size > _LARGE_FILE
    return (height + _BORDER) * (width + _BORDER) * (_BYTES_PER_PIXEL_LARGE if is_large else _BYTES_PER_PIXEL)


def _load(folder: stylebook.StyleFolder) -> stylizer.Stylizer:
    with _LOADING:  # Two threads would load the same network twice.
        return _cached(folder)


@functools.cache
def _cached(folder: stylebook.StyleFolder) -> stylizer.Stylizer:
    return stylizer.Stylizer(folder, runtime="savedmodel")
