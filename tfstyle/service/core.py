"""What the routes and the page share: limits, both paths, room to decode in."""

from typing import Any

import anyio
import anyio.to_thread
import fastapi
import numpy as np
from fastapi import concurrency

from tfstyle.images import color
from tfstyle.service import job_queue, limits, painting_queue, schemas, uploads

__all__ = ["Service"]

# Uploads that are decoded at the same time.
_DECODERS = 2


class Service:
    """Both paths, within limits.

    Attributes:
        bounds_: limits.
        painting_: the fast path.
        slow_: the slow path.

    Args:
        bounds_: limits.
        state: where slow pictures are kept over restarts; None for a temporary folder.
    """

    def __init__(self, bounds: limits.Limits, state: Any = None) -> None:
        self.limits, self.paintings = bounds, painting_queue.PaintingQueue(bounds)
        self.jobs = job_queue.JobQueue(bounds, state)
        self._decoders = anyio.CapacityLimiter(_DECODERS)

    async def stylized(
        self, data: bytes, wishes: schemas.StylizeRequest, request: fastapi.Request
    ) -> tuple[bytes, int, int]:
        """Paints an upload; the file, its width and height."""

        async def gone() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass

        with self.paintings.reserve():
            pixels, alpha = await self.decoded(data, wishes.size)
            painted = await self.paintings.paint(wishes.style, pixels, gone)

            def finished() -> bytes:
                mixed = color.mix(painted, pixels, wishes.strength, keep_colors=wishes.keep_colors)
                return uploads.encoded(mixed, wishes.format, alpha)

            height, width, _ = pixels.shape
            return await concurrency.run_in_threadpool(finished), width, height

    async def decoded(self, data: bytes, size: int | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Decodes an upload, few at a time; what waits to be painted takes four times less memory as uint8.

        Args:
            data: the file.
            size: long side, pixels; None for its own.

        Returns:
            ``[H, W, 3]``, uint8, and opacity ``[H, W]``, 0..1, or None.

        Raises:
            RequestError: see `uploads.read`.
        """

        def read() -> tuple[np.ndarray, np.ndarray | None]:
            photo = uploads.read(data, self.limits, size)
            return np.rint(photo.rgb).astype(np.uint8), photo.alpha

        return await anyio.to_thread.run_sync(read, limiter=self._decoders)
