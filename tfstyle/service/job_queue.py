"""The slow path for many: pictures are painted in turn while their makers watch, stop them and go on."""

import asyncio
import contextlib
import dataclasses
import json
import pathlib
import queue
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any

from tfstyle import config, errors, files, runtime
from tfstyle.service import limits, optimize_job

__all__ = ["JobQueue"]

# Seconds between two looks at a picture that is watched.
_LOOK_EVERY = 0.25
# A word now and then keeps connections alive, and notices those that are not.
_ALIVE_EVERY = 10.0
# Of a slow picture, in seconds, where nothing better is known.
_GUESS = 60
# So often a picture is begun without coming as far as a checkpoint: it may be what ends the program.
_ATTEMPTS = 3


class JobQueue:
    """All slow pictures of a service.

    Args:
        bounds: how many at once, and how large.
        folder: where they are kept over restarts; None for a temporary one.
    """

    def __init__(self, bounds: limits.Limits, folder: pathlib.Path | None = None) -> None:
        self._bounds = bounds
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="tfstyle-")
        self._folder = folder or pathlib.Path(self._temporary.name)  # type: ignore[union-attr]
        self._queue: queue.Queue[optimize_job.Job | None] = queue.Queue()
        self._lock, self._closing = threading.Lock(), False
        self._pictures = {picture.name: picture for picture in self._found()}
        self._workers = [threading.Thread(target=self._work, daemon=True) for _ in range(bounds.slow)]
        for worker in self._workers:
            worker.start()
        for picture in self._pictures.values():
            if picture.status == optimize_job.Status.WAITING:
                self._queue.put(picture)

    def add(self, photo: bytes, style: str | bytes, wishes: Mapping[str, Any]) -> optimize_job.Job:
        """Takes a picture on.

        Args:
            photo: a picture's file that `uploads.read` accepts.
            style: the name of a stored style, or a painting's file.
            wishes: settings by name.

        Returns:
            The picture, waiting.

        Raises:
            RequestError: too many are waiting, or the disk is full.
            InputError: a setting outside its range.
        """
        chosen = config.Settings(**{"size": min(512, self._bounds.slow_side), **wishes})
        if (chosen.size or 0) > self._bounds.slow_side:
            raise limits.RequestError(413, f"size is {chosen.size}: use {self._bounds.slow_side} or less")
        with self._lock:
            if self.count(optimize_job.Status.WAITING) >= self._bounds.slow_queue:
                raise limits.RequestError(429, f"too many pictures are waiting: try again in {_GUESS} s", _GUESS)
            own = isinstance(style, bytes)
            request = {
                "style": "" if own else style,
                "settings": dataclasses.asdict(chosen),
                "status": optimize_job.Status.WAITING,
            }
            parts = {
                "photo": photo,
                **({"painting": style} if own else {}),
                "request.json": json.dumps(request).encode(),
            }
            picture = optimize_job.Job(self._written(parts))
            self._pictures[picture.name] = picture
            self._forget()
        self._queue.put(picture)
        return picture

    def _written(self, parts: Mapping[str, Any]) -> pathlib.Path:
        """A new picture's folder with its files."""
        folder = self._folder / secrets.token_urlsafe(16)
        try:
            folder.mkdir(parents=True)
            for name, data in parts.items():
                files.atomic_write(folder / name, data)
        except (OSError, errors.InputError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise limits.RequestError(
                507, "the picture cannot be stored: the disk is full or closed to writing"
            ) from error
        return folder

    def get(self, name: str) -> optimize_job.Job:
        """A picture by its name.

        Raises:
            RequestError: there is none.
        """
        if name not in self._pictures:
            raise limits.RequestError(404, "there is no such picture: it may have been cleared away")
        return self._pictures[name]

    def resume(self, name: str) -> optimize_job.Job:
        """Puts a stopped picture into the queue again.

        Raises:
            RequestError: there is none, it was not stopped, or too many are waiting.
        """
        with self._lock:
            picture = self.get(name)
            if picture.status != optimize_job.Status.STOPPED:
                raise limits.RequestError(409, f"the picture is {picture.status}: only a stopped one can continue")
            if self.count(optimize_job.Status.WAITING) >= self._bounds.slow_queue:
                raise limits.RequestError(429, f"too many pictures are waiting: try again in {_GUESS} s", _GUESS)
            picture.wait()
        self._queue.put(picture)
        return picture

    def stop(self, name: str) -> optimize_job.Job:
        """Stops a picture that waits or is being painted.

        Raises:
            RequestError: there is none.
        """
        with self._lock:
            picture = self.get(name)
            picture.stop()
            if picture.status == optimize_job.Status.WAITING:
                picture.change(optimize_job.Status.STOPPED)
        return picture

    @contextlib.contextmanager
    def watched(self, picture: optimize_job.Job) -> Iterator[None]:
        """While inside, somebody looks; a while after the last one has gone, the picture is stopped."""
        picture.watchers += 1
        try:
            yield
        finally:
            picture.watchers -= 1
            if not picture.watchers:
                picture.deserted_at = time.monotonic() + self._bounds.grace

    async def changes(self, picture: optimize_job.Job) -> AsyncGenerator[str]:
        """Watches a picture until it is done, failed or stopped.

        Args:
            picture: one of these.

        Yields:
            Its status, at first and whenever it has changed; an empty one now and then while it has not.
        """
        with self.watched(picture):
            shown, said_at = None, time.monotonic()
            while True:
                now = picture.version, picture.status  # Both: the one may change before the other is seen.
                if now != shown or time.monotonic() - said_at > _ALIVE_EVERY:
                    yield now[1] if now != shown else ""
                    shown, said_at = now, time.monotonic()
                if now[1] in optimize_job.ENDED:
                    return
                await asyncio.sleep(_LOOK_EVERY)

    def count(self, status: optimize_job.Status) -> int:
        """How many have a status."""
        return sum(picture.status == status for picture in list(self._pictures.values()))

    def close(self) -> None:
        """Stops what is being painted, to be gone on with after a restart, and ends the threads."""
        self._closing = True
        running = [
            picture
            for picture in self._pictures.values()
            if picture.status in (optimize_job.Status.WAITING, optimize_job.Status.RUNNING)
        ]
        for picture in running:
            picture.stop()
        for _ in self._workers:
            self._queue.put(None)
        for worker in self._workers:
            worker.join()
        for picture in running:
            if picture.status == optimize_job.Status.STOPPED:
                picture.wait()
        if self._temporary:
            self._temporary.cleanup()

    def _work(self) -> None:
        while picture := self._queue.get():
            if self._closing or picture.status != optimize_job.Status.WAITING:  # Stopped before its turn.
                continue
            try:
                with runtime.graphs_in("float32"):  # Whatever those who paint photos set.
                    picture.paint()
            except errors.InputError as error:
                self._fail(picture, str(error).replace(f"{picture.folder}/", "the "))
            except Exception:  # A bug must not take the others' worker away.
                self._fail(picture, "an error of the program's own: please report it")

    @staticmethod
    def _fail(picture: optimize_job.Job, reason: str) -> None:
        with contextlib.suppress(Exception):  # Perhaps the disk is full: the worker is needed all the same.
            picture.change(optimize_job.Status.FAILED, error=reason)

    def _found(self) -> Iterator[optimize_job.Job]:
        """Pictures of an earlier process; what was being painted waits again."""
        for request in sorted(self._folder.glob("*/request.json"), key=lambda path: path.stat().st_mtime):
            with contextlib.suppress(ValueError, KeyError):
                picture = optimize_job.Job(request.parent)
                if picture.status == optimize_job.Status.RUNNING and picture.attempts < _ATTEMPTS:
                    picture.wait()
                elif picture.status == optimize_job.Status.RUNNING:
                    self._fail(
                        picture, f"the program ended {_ATTEMPTS} times while it painted this: try a smaller size"
                    )
                yield picture

    def _forget(self) -> None:
        """Clears the oldest finished pictures away."""
        finished = [each for each in self._pictures.values() if each.status in optimize_job.ENDED]
        for picture in finished[: max(0, len(finished) - self._bounds.kept)]:
            del self._pictures[picture.name]
            shutil.rmtree(picture.folder, ignore_errors=True)
