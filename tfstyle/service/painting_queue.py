"""The fast path for many clients: a few photos are stylized at a time, on all cores; the others wait."""

import asyncio
import concurrent.futures
import contextlib
import functools
import math
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias, TypeVar

import numpy as np

from tfstyle import errors, images, stylebook, stylizer
from tfstyle.service import limits, memory
from tfstyle.stylizer import any_painting

__all__ = ["Disconnected", "PaintingQueue"]

T = TypeVar("T")
Disconnected: TypeAlias = Callable[[], Awaitable[None]] | None

# Measured on two cores: a second photo fills the gaps that one leaves between its operations.
_WORKERS = 2
# Weight of the newest photo in the running mean of seconds per photo.
_NEWEST = 0.1
# Peak memory in bytes per pixel of a photo, decoded, stylized and encoded. Measured with SavedModels in bfloat16: 159
# for realtime and 464 for johnson, which is recognized by its file's size; float32 needs twice that.
_BYTES_PER_PIXEL, _BYTES_PER_PIXEL_LARGE, _LARGE_FILE = 360, 970, 2e6
# Of the network for all paintings, measured below full strength: 707 in bfloat16, 1112 in float32.
_BYTES_PER_PIXEL_ANY = 1250
# Networks mirror borders of a few pixels at a quarter of the resolution. Measured: photos 1, 4 and 16 pixels high need
# as much memory as 17, 20 and 32 full rows would.
_BORDER = 16
# Seconds that a photo waits for memory.
_PATIENCE = 20.0
_LOADING = threading.Lock()


class PaintingQueue:
    """All networks, each loaded when it is first used.

    Everywhere, `disconnected` returns once the client has gone; its work is then dropped.

    Args:
        bounds: the limits.
        budget: admits photos by their memory.

    Attributes:
        waiting: photos admitted and not finished, including those being decoded and stylized.
    """

    def __init__(self, bounds: limits.Limits, budget: memory.Budget) -> None:
        self.waiting = 0
        self._limit, self._budget, self._seconds = bounds.queue, budget, 0.1
        self._workers = concurrent.futures.ThreadPoolExecutor(_WORKERS, "painting")

    def warm_up(self, style: str) -> None:
        """Loads TensorFlow and a style; takes seconds. The network for all paintings follows in the background."""
        self._workers.submit(_load, stylebook.find(style)).result()
        self._workers.submit(_warm_up_engine)

    @contextlib.contextmanager
    def reserve(self, folder: stylebook.StyleFolder | None, height: int, width: int) -> Iterator[None]:
        """Holds a place in the queue, from before the photo is decoded: waiting photos take memory.

        Args:
            folder: of the trained style; None for the network for all paintings.
            height: of the photo in pixels.
            width: of the photo in pixels.

        Raises:
            RequestError: the queue is full (429).
            ShortageError: the photo needs more memory than is available.
        """
        self._budget.check(_memory(folder, height, width))
        if self.waiting >= self._limit:
            seconds = max(1, math.ceil(self.waiting * self._seconds))
            raise limits.RequestError(429, f"too many photos are waiting: try again in {seconds} s", seconds)
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    async def paint(
        self, folder: stylebook.StyleFolder, photo: np.ndarray, disconnected: Disconnected = None
    ) -> np.ndarray:
        """Stylizes a photo with a trained style's network when its turn comes.

        Args:
            folder: of the style.
            photo: ``[H, W, 3]``, uint8.
            disconnected: see above.

        Returns:
            ``[H, W, 3]``, uint8.

        Raises:
            RequestError: the client has gone (499).
            ShortageError: the photo needs more memory than is available.
        """
        needed = _memory(folder, *photo.shape[:2])
        return await self._run(lambda: _load(folder)(photo), needed, disconnected)

    async def paint_any(
        self,
        vector: stylebook.StyleVector,
        photo: np.ndarray | any_painting.EncodedPhoto,
        strength: float = 1.0,
        disconnected: Disconnected = None,
    ) -> np.ndarray:
        """Stylizes a photo with the network for all paintings.

        Args:
            vector: the style.
            photo: ``[H, W, 3]``, uint8, or from `encode`.
            strength: 0..1.
            disconnected: see above.

        Returns:
            ``[H, W, 3]``, uint8.

        Raises:
            RequestError: the client has gone (499).
            ShortageError: the photo needs more memory than is available.
        """

        def work() -> np.ndarray:
            encoded = any_painting.EncodedPhoto(photo, _engine()) if isinstance(photo, np.ndarray) else photo
            return encoded.paint(vector, strength)

        return await self._run(work, _memory(None, *photo.shape[:2]), disconnected)

    async def encode(self, photo: np.ndarray, disconnected: Disconnected = None) -> any_painting.EncodedPhoto:
        """Prepares a photo for changes of style and strength, which then only paint.

        Args:
            photo: ``[H, W, 3]``, uint8; small, because its features stay in memory.
            disconnected: see above.

        Raises:
            RequestError: the client has gone (499).
            ShortageError: the photo needs more memory than is available.
        """

        def work() -> any_painting.EncodedPhoto:
            encoded = any_painting.EncodedPhoto(photo, _engine())
            encoded.prepare()
            return encoded

        return await self._run(work, _memory(None, *photo.shape[:2]), disconnected)

    async def measure(self, painting: images.Photo, disconnected: Disconnected = None) -> stylebook.StyleVector:
        """Measures a painting.

        Args:
            painting: of any size.
            disconnected: see above.

        Raises:
            InputError: the painting is transparent everywhere.
            RequestError: the client has gone (499).
            ShortageError: the painting needs more memory than is available.
        """
        needed = _memory(None, any_painting.PAINTING_SIZE, any_painting.PAINTING_SIZE)
        return await self._run(lambda: any_painting.style_vector(painting, _engine()), needed, disconnected)

    def close(self) -> None:
        """Finishes the photos being stylized and drops the waiting ones."""
        self._workers.shutdown(cancel_futures=True)

    async def _run(self, work: Callable[[], T], needed: int, disconnected: Disconnected) -> T:
        """Does a piece of work when its turn comes and there is memory for it."""
        # Workers take from the pool's own queue: a detour through the event loop would leave them idle between photos.
        done = asyncio.wrap_future(self._workers.submit(self._work, work, needed))
        try:
            return await _unless(done, disconnected)
        finally:
            done.cancel()  # No effect on finished work.

    def _work(self, work: Callable[[], T], needed: int) -> T:
        started = time.monotonic()
        with self._budget.claim(needed, _PATIENCE):
            result = work()
        self._seconds += _NEWEST * (time.monotonic() - started - self._seconds)
        return result


async def _unless(done: "asyncio.Future[T]", disconnected: Disconnected) -> T:
    if disconnected is None:
        return await done
    watcher = asyncio.ensure_future(disconnected())
    try:
        await asyncio.wait((done, watcher), return_when=asyncio.FIRST_COMPLETED)
        if done.done():
            return done.result()
        done.cancel()
        raise limits.RequestError(499, "the client has disconnected")
    finally:
        watcher.cancel()


def _memory(folder: stylebook.StyleFolder | None, height: int, width: int) -> int:
    """Estimates a photo's peak memory in bytes."""
    if folder is None:
        per_pixel = _BYTES_PER_PIXEL_ANY
    else:
        is_large = folder.litert.stat().st_size > _LARGE_FILE
        per_pixel = _BYTES_PER_PIXEL_LARGE if is_large else _BYTES_PER_PIXEL
    return (height + _BORDER) * (width + _BORDER) * per_pixel


def _load(folder: stylebook.StyleFolder) -> stylizer.Stylizer:
    with _LOADING:  # Two threads would load the same network twice.
        return _cached(folder)


@functools.cache
def _cached(folder: stylebook.StyleFolder) -> stylizer.Stylizer:
    return stylizer.Stylizer(folder, runtime="savedmodel")


def _engine() -> any_painting.Engine:
    with _LOADING:
        return any_painting.load("savedmodel")


def _warm_up_engine() -> None:
    with contextlib.suppress(errors.InputError):  # Reported to whoever asks for it.
        photo = any_painting.EncodedPhoto(np.zeros((64, 64, 3), np.uint8), _engine())
        photo.prepare()
