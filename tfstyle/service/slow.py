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
from tfstyle.service import limits, slow_picture

__all__ = ["Slow"]

# Seconds between two looks at a picture that is watched.
_LOOK_EVERY = 0.25
# A word now and then keeps connections alive, and notices those that are not.
_ALIVE_EVERY = 10.0
# Of a slow picture, in seconds, where nothing better is known.
_GUESS = 60
# So often a picture is begun without coming as far as a checkpoint: it may be what ends the program.
_ATTEMPTS = 3


class Slow:
    """All slow pictures of a service.

    Args:
        bounds: how many at once, and how large.
        folder: where they are kept over restarts; None for a temporary one.
    """

    def __init__(self, bounds: limits.Limits, folder: pathlib.Path | None = None) -> None:
        self._bounds = bounds
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="tfstyle-")
        self._folder = folder or pathlib.Path(self._temporary.name)  # type: ignore[union-attr]
        self._queue: queue.Queue[slow_picture.SlowPicture | None] = queue.Queue()
        self._lock, self._closing = threading.Lock(), False
        self._pictures = {picture.name: picture for picture in self._found()}
        self._workers = [threading.Thread(target=self._work, daemon=True) for _ in range(bounds.slow)]
        for worker in self._workers:
            worker.start()
        for picture in self._pictures.values():
            if picture.status == slow_picture.Status.WAITING:
                self._queue.put(picture)

    def add(self, photo: bytes, style: str | bytes, wishes: Mapping[str, Any]) -> slow_picture.SlowPicture:
        """Takes a picture on.

        Args:
            photo: a picture's file that `pictures.read` accepts.
            style: the name of a stored style, or a painting's file.
            wishes: settings by name.

        Returns:
            The picture, waiting.

        Raises:
            Refused: too many are waiting, or the disk is full.
            InputError: a setting outside its range.
        """
        chosen = config.Settings(**{"size": min(512, self._bounds.slow_side), **wishes})
        if (chosen.size or 0) > self._bounds.slow_side:
            raise limits.Refused(413, f"size is {chosen.size}: use {self._bounds.slow_side} or less")
        with self._lock:
            if self.count(slow_picture.Status.WAITING) >= self._bounds.slow_queue:
                raise limits.Refused(429, f"too many pictures are waiting: try again in {_GUESS} s", _GUESS)
            own = isinstance(style, bytes)
            request = {
                "style": "" if own else style,
                "settings": dataclasses.asdict(chosen),
                "status": slow_picture.Status.WAITING,
            }
            parts = {
                "photo": photo,
                **({"painting": style} if own else {}),
                "request.json": json.dumps(request).encode(),
            }
            picture = slow_picture.SlowPicture(self._written(parts))
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
            raise limits.Refused(507, "the picture cannot be stored: the disk is full, or closed to writing") from error
        return folder

    def get(self, name: str) -> slow_picture.SlowPicture:
        """A picture by its name.

        Raises:
            Refused: there is none.
        """
        if name not in self._pictures:
            raise limits.Refused(404, "there is no such picture: it may have been cleared away")
        return self._pictures[name]

    def go_on(self, name: str) -> slow_picture.SlowPicture:
        """Puts a stopped picture into the queue again.

        Raises:
            Refused: there is none, it was not stopped, or too many are waiting.
        """
        with self._lock:
            picture = self.get(name)
            if picture.status != slow_picture.Status.STOPPED:
                raise limits.Refused(409, f"the picture is {picture.status}: only a stopped one can be gone on with")
            if self.count(slow_picture.Status.WAITING) >= self._bounds.slow_queue:
                raise limits.Refused(429, f"too many pictures are waiting: try again in {_GUESS} s", _GUESS)
            picture.wait()
        self._queue.put(picture)
        return picture

    def stop(self, name: str) -> slow_picture.SlowPicture:
        """Stops a picture that waits or is being painted.

        Raises:
            Refused: there is none.
        """
        with self._lock:
            picture = self.get(name)
            picture.stop()
            if picture.status == slow_picture.Status.WAITING:
                picture.change(slow_picture.Status.STOPPED)
        return picture

    @contextlib.contextmanager
    def watched(self, picture: slow_picture.SlowPicture) -> Iterator[None]:
        """While inside, somebody looks; a while after the last one has gone, the picture is stopped."""
        picture.watchers += 1
        try:
            yield
        finally:
            picture.watchers -= 1
            if not picture.watchers:
                picture.deserted_at = time.monotonic() + self._bounds.grace

    async def changes(self, picture: slow_picture.SlowPicture) -> AsyncGenerator[str]:
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
                if now[1] in slow_picture.ENDED:
                    return
                await asyncio.sleep(_LOOK_EVERY)

    def count(self, status: slow_picture.Status) -> int:
        """How many have a status."""
        return sum(picture.status == status for picture in list(self._pictures.values()))

    def close(self) -> None:
        """Stops what is being painted, to be gone on with after a restart, and ends the threads."""
        self._closing = True
        running = [
            picture
            for picture in self._pictures.values()
            if picture.status in (slow_picture.Status.WAITING, slow_picture.Status.RUNNING)
        ]
        for picture in running:
            picture.stop()
        for _ in self._workers:
            self._queue.put(None)
        for worker in self._workers:
            worker.join()
        for picture in running:
            if picture.status == slow_picture.Status.STOPPED:
                picture.wait()
        if self._temporary:
            self._temporary.cleanup()

    def _work(self) -> None:
        while picture := self._queue.get():
            if self._closing or picture.status != slow_picture.Status.WAITING:  # Stopped before its turn.
                continue
            try:
                with runtime.graphs_in("float32"):  # Whatever those who paint photos set.
                    picture.paint()
            except errors.InputError as error:
                self._fail(picture, str(error).replace(f"{picture.folder}/", "the "))
            except Exception:  # A bug must not take the others' worker away.
                self._fail(picture, "an error of the program's own: please report it")

    @staticmethod
    def _fail(picture: slow_picture.SlowPicture, reason: str) -> None:
        with contextlib.suppress(Exception):  # Perhaps the disk is full: the worker is needed all the same.
            picture.change(slow_picture.Status.FAILED, error=reason)

    def _found(self) -> Iterator[slow_picture.SlowPicture]:
        """Pictures of an earlier process; what was being painted waits again."""
        for request in sorted(self._folder.glob("*/request.json"), key=lambda path: path.stat().st_mtime):
            with contextlib.suppress(ValueError, KeyError):
                picture = slow_picture.SlowPicture(request.parent)
                if picture.status == slow_picture.Status.RUNNING and picture.attempts < _ATTEMPTS:
                    picture.wait()
                elif picture.status == slow_picture.Status.RUNNING:
                    self._fail(
                        picture, f"the program ended {_ATTEMPTS} times while it painted this: try a smaller size"
                    )
                yield picture

    def _forget(self) -> None:
        """Clears the oldest finished pictures away."""
        finished = [each for each in self._pictures.values() if each.status in slow_picture.ENDED]
        for picture in finished[: max(0, len(finished) - self._bounds.kept)]:
            del self._pictures[picture.name]
            shutil.rmtree(picture.folder, ignore_errors=True)
