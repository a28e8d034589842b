"""What routes and page share: the limits, both queues, and decoding."""

import pathlib

import anyio
import anyio.to_thread
import fastapi
import numpy as np
from fastapi import concurrency

from tfstyle.images import color
from tfstyle.service import job_queue, limits, memory, painting_queue, schemas, uploads

__all__ = ["Service"]

# Uploads decoded at the same time.
_DECODERS = 2


class Service:
    """The fast path and the slow path, within limits.

    Args:
        bounds: the limits.
        state: folder that keeps jobs across restarts; None for a temporary one.

    Attributes:
        limits: the limits.
        paintings: the fast path.
        jobs: the slow path.
    """

    def __init__(self, bounds: limits.Limits, state: pathlib.Path | None = None) -> None:
        self.limits, self._budget = bounds, memory.Budget()
        self.paintings = painting_queue.PaintingQueue(bounds, self._budget)
        self.jobs = job_queue.JobQueue(bounds, self._budget, state)
        self._decoders = anyio.CapacityLimiter(_DECODERS)

    async def stylize(
        self, data: bytes, options: schemas.StylizeRequest, request: fastapi.Request
    ) -> tuple[bytes, int, int]:
        """Stylizes an upload.

        Args:
            data: the photo's file.
            options: style, strength, size and format.
            request: dropped from the queue when its client disconnects.

        Returns:
            The result's file, its width and its height.
        """

        async def disconnected() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass

        height, width = uploads.measure(data, self.limits, options.size, options.format)
        with self.paintings.reserve(options.style, height, width):
            pixels, alpha = await self.decode(data, options.size)
            painted = await self.paintings.paint(options.style, pixels, disconnected)

            def finish() -> bytes:
                mixed = color.mix(painted, pixels, options.strength, keep_colors=options.keep_colors)
                return uploads.encode(mixed, options.format, alpha)

            return await concurrency.run_in_threadpool(finish), width, height

    async def decode(self, data: bytes, size: int | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Decodes an upload, a few at a time; as uint8, because waiting photos then take a quarter of the memory.

        Args:
            data: the photo's file.
            size: long side in pixels; None for its own.

        Returns:
            ``[H, W, 3]``, uint8, and opacity ``[H, W]``, 0..1, or None.

        Raises:
            RequestError: see `uploads.decode`.
        """

        def read() -> tuple[np.ndarray, np.ndarray | None]:
            photo = uploads.decode(data, self.limits, size)
            return np.rint(photo.rgb).astype(np.uint8), photo.alpha

        return await anyio.to_thread.run_sync(read, limiter=self._decoders)

    def close(self) -> None:
        """Stops both queues; jobs can continue after a restart."""
        self.paintings.close()
        self.jobs.close()
        self._budget.close()
