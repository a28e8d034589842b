"""The fast path for many: one picture is painted at a time, with all processor cores; the others wait their turn."""

import asyncio
import concurrent.futures
import functools
import math
import pathlib
import time
from collections.abc import Awaitable, Callable

import numpy as np

from tfstyle import stylizer
from tfstyle.service import limits

__all__ = ["Painting"]

# Of how long a picture takes, a running mean: so much of it is the newest one's.
_NEWEST = 0.1


class Painting:
    """All trained styles, each loaded when it is first asked for.

    Attributes:
        waiting: pictures, the one being painted included.

    Args:
        bounds: how many may wait.
    """

    def __init__(self, bounds: limits.Limits) -> None:
        self._bounds, self.waiting, self._seconds = bounds, 0, 0.1
        self._turn = asyncio.Lock()
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "painting")

    def start(self, style: str) -> None:
        """Loads TensorFlow and a style; takes seconds."""
        self._thread.submit(_loaded, stylizer.find(style)).result()

    async def paint(
        self, style: str, photo: np.ndarray, gone: Callable[[], Awaitable[bool]] | None = None
    ) -> np.ndarray:
        """Paints one picture when its turn has come.

        Args:
            style: a name of `stylizer.trained`.
            photo: ``[H, W, 3]``, uint8.
            gone: whether nobody wants it any more; asked when its turn has come.

        Returns:
            ``[H, W, 3]``, uint8.

        Raises:
            Refused: no such style, too many are waiting, or nobody wants it any more.
            InputError: there is not enough memory.
        """
        folder = stylizer.trained().get(style)
        if folder is None:
            raise limits.Refused(404, f"there is no style {style!r}: use one of {', '.join(stylizer.trained())}")
        if self.waiting >= self._bounds.queue:
            after = max(1, math.ceil(self.waiting * self._seconds))
            raise limits.Refused(429, f"too many pictures are waiting: try again in {after} s", after)
        self.waiting += 1
        try:
            async with self._turn:
                if gone is not None and await gone():
                    raise limits.Refused(499, "nobody waits for the picture any more")
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._painted, folder, photo)
        finally:
            self.waiting -= 1

    def close(self) -> None:
        """Ends the thread after what it is painting."""
        self._thread.shutdown()

    def _painted(self, folder: pathlib.Path, photo: np.ndarray) -> np.ndarray:
        begun = time.monotonic()
        painted = _loaded(folder)(photo)
        self._seconds += _NEWEST * (time.monotonic() - begun - self._seconds)
        return painted


@functools.cache
def _loaded(folder: pathlib.Path) -> stylizer.Stylizer:
    return stylizer.Stylizer(folder, engine="savedmodel")
