"""What routes and page share: the limits, both queues, and decoding."""

import hashlib
import pathlib

import anyio
import anyio.to_thread
import fastapi
import numpy as np
from fastapi import concurrency

from tfstyle import images, stylebook
from tfstyle.service import job_queue, limits, looks, memory, painting_queue, recent, schemas, uploads
from tfstyle.stylizer import any_painting

__all__ = ["Service"]

# Uploads decoded at the same time.
_DECODERS = 2
# Uploaded paintings whose style vectors are kept; each takes 150 kB.
_KEPT_VECTORS = 64


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
        self._vectors = recent.Recent[stylebook.StyleVector](_KEPT_VECTORS)

    async def stylize(self, upload: schemas.Upload, request: fastapi.Request) -> tuple[bytes, int, int]:
        """Stylizes an upload.

        Args:
            upload: the photo, the painting if there is one, and what to do.
            request: dropped from the queue when its client disconnects.

        Returns:
            The result's file, its width and its height.
        """

        async def disconnected() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass

        options, painting = upload.options, upload.painting
        look = looks.parse(options.style, has_upload=painting is not None)
        height, width = uploads.measure(upload.image, self.limits, options.size, options.format)
        with self.paintings.reserve(look.folder, height, width):
            vector = None if painting is None else await self.measure(painting, disconnected)
            pixels, alpha = await self.decode(upload.image, options.size)
            painted = await self.paint(look, pixels, options.strength, vector, disconnected)

            def finish() -> bytes:
                whole = look.finish(painted, pixels, options.strength, keep_colors=options.keep_colors)
                return uploads.encode(whole, options.format, alpha)

            return await concurrency.run_in_threadpool(finish), width, height

    async def paint(
        self,
        look: looks.Look,
        photo: np.ndarray | any_painting.EncodedPhoto,
        strength: float = 1.0,
        painting: stylebook.StyleVector | None = None,
        disconnected: painting_queue.Disconnected = None,
    ) -> np.ndarray:
        """Stylizes a photo; `Look.finish` does the rest.

        Args:
            look: the style.
            photo: ``[H, W, 3]``, uint8; for the network for all paintings also encoded.
            strength: 0..1; a style with its own network is painted at full strength.
            painting: from `measure`, if an upload takes part.
            disconnected: see `painting_queue.PaintingQueue`.

        Returns:
            ``[H, W, 3]``, uint8.
        """
        if look.folder and isinstance(photo, np.ndarray):
            return await self.paintings.paint(look.folder, photo, disconnected)
        return await self.paintings.paint_any(look.vector(painting), photo, strength, disconnected)

    async def measure(self, painting: bytes, disconnected: painting_queue.Disconnected = None) -> stylebook.StyleVector:
        """Measures an uploaded painting; the vectors of recent ones are kept in memory.

        Args:
            painting: the painting's file.
            disconnected: see `painting_queue.PaintingQueue`.

        Raises:
            RequestError: see `uploads.decode`.
            InputError: the painting is transparent everywhere.
        """
        key = await concurrency.run_in_threadpool(lambda: hashlib.sha256(painting).hexdigest())
        vector = self._vectors.get(key)
        if vector is None:
            photo = await self._read(painting, any_painting.PAINTING_SIZE)
            vector = await self.paintings.measure(photo, disconnected)
            self._vectors.put(key, vector)
        return vector

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
        photo = await self._read(data, size)
        pixels = await concurrency.run_in_threadpool(lambda: np.rint(photo.rgb).astype(np.uint8))
        return pixels, photo.alpha

    async def _read(self, data: bytes, size: int | None) -> images.Photo:
        return await anyio.to_thread.run_sync(uploads.decode, data, self.limits, size, limiter=self._decoders)

    def close(self) -> None:
        """Stops both queues; jobs can continue after a restart."""
        self.paintings.close()
        self.jobs.close()
        self._budget.close()
