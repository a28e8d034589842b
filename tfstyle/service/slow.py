"""The slow path for many: pictures that are painted pixel by pixel while their makers watch, stop them and go on."""

import contextlib
import dataclasses
import json
import math
import pathlib
import queue
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from tfstyle import checkpoints, errors, files, images, runtime, settings
from tfstyle.service import limits

__all__ = ["Slow", "SlowPicture"]

_SECONDS_BETWEEN_CHECKPOINTS = 20.0
_SECONDS_BETWEEN_PREVIEWS = 1.0
_WAITING, _RUNNING, _STOPPED, _DONE, _FAILED = "waiting", "running", "stopped", "done", "failed"
_NUMBERS = ("step", "steps", "loss", "seconds", "remaining")
# Of a slow picture, in seconds, where nothing better is known.
_GUESS = 60
# So often a picture is begun without coming as far as a checkpoint: it may be what ends the program.
_ATTEMPTS = 3


class SlowPicture:
    """One picture with its files: upload, painting, checkpoint, result.

    Attributes:
        name: of the picture, which nobody can guess.
        status: ``waiting``, ``running``, ``stopped``, ``done`` or ``failed``.
        progress: step, steps, loss, seconds, remaining; what else there is to say under ``error``.
        preview: the picture so far, a JPEG file; empty at first.
        version: rises with every change.
        attempts: how often it was begun since it last came to a checkpoint.

    Args:
        folder: with ``request.json`` and what that needs.

    Raises:
        KeyError: that file is another program's.
        ValueError: it is damaged.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        kept = json.loads((folder / "request.json").read_text())
        self.folder, self.name, self.status = folder, folder.name, kept["status"]
        self.progress: dict[str, Any] = dict.fromkeys(_NUMBERS) | kept.get("progress", {})
        self.preview = self._shown.read_bytes() if self._shown.exists() else b""
        self.version, self.attempts = 0, kept.get("attempts", 0)
        self.watchers, self.deserted_at = 0, math.inf
        self._stop = threading.Event()

    @property
    def result(self) -> pathlib.Path:
        """The finished picture's file."""
        return self.folder / "result.png"

    @property
    def _shown(self) -> pathlib.Path:
        """The preview's file, for restarts."""
        return self.folder / "preview.jpg"

    def described(self) -> dict[str, Any]:
        """What there is to know, as JSON."""
        return {"id": self.name, "status": self.status, **self.progress}

    def stop(self) -> None:
        """Asks it to stop after the present step."""
        self._stop.set()

    def change(self, status: str, **progress: Any) -> None:
        """Notes a new status, for restarts, too."""
        self.progress |= progress
        self.version += 1
        self.status = status
        request = json.loads((self.folder / "request.json").read_text())
        request |= {"status": status, "progress": self.progress, "attempts": self.attempts}
        files.atomic_write(self.folder / "request.json", json.dumps(request).encode())

    def wait(self) -> None:
        """Waits for its turn, whatever was asked before."""
        self._stop.clear()
        self.deserted_at = math.inf
        self.change(_WAITING)

    def paint(self) -> None:
        """Paints from the start or the last checkpoint, to the end or until it is stopped."""
        from tfstyle import jobs  # noqa: PLC0415 - loads TensorFlow

        self.attempts += 1
        self.change(_RUNNING)
        request = json.loads((self.folder / "request.json").read_text())
        chosen = settings.Settings(**request["settings"])
        style = request["style"] or str(self.folder / "painting")
        job = jobs.prepare(str(self.folder / "photo"), [style], chosen)
        photo = job.photo()
        run = job.start(photo)
        kept = checkpoints.load(self.result)
        if kept and kept[0] == json.loads(json.dumps(job.recipe)):  # Not another version's, or network's.
            run.restore(kept[1])
        saved_at = time.monotonic()
        for iterate in run:
            self._show(iterate)
            stopping = self._stop.is_set() and iterate.step < iterate.steps
            if stopping or time.monotonic() - saved_at > _SECONDS_BETWEEN_CHECKPOINTS:
                checkpoints.save(self.result, job.recipe, run.state())
                saved_at, self.attempts = time.monotonic(), 0
                files.atomic_write(self._shown, self.preview)
                self.change(_STOPPED if stopping else _RUNNING)
            if stopping:
                return
        images.save_image(self.result, iterate.image, alpha=photo.alpha, recipe=job.recipe)
        checkpoints.remove(self.result)
        self.preview = images.encode(iterate.image, ".jpg")
        files.atomic_write(self._shown, self.preview)
        self.change(_DONE, remaining=0.0)

    def _show(self, iterate: Any) -> None:
        numbers = {name: getattr(iterate, name) for name in _NUMBERS}
        # JSON has no NaN.
        self.progress |= {name: None if number != number else number for name, number in numbers.items()}  # noqa: PLR0124
        if time.monotonic() - getattr(self, "_shown_at", -math.inf) > _SECONDS_BETWEEN_PREVIEWS:
            self.preview = images.encode(iterate.image, ".jpg", quality=85)
            self._shown_at = time.monotonic()
        self.version += 1
        if time.monotonic() > self.deserted_at and not self.watchers:
            self.stop()


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
        self._queue: queue.Queue[SlowPicture | None] = queue.Queue()
        self._lock, self._closing = threading.Lock(), False
        self._pictures = {picture.name: picture for picture in self._found()}
        self._workers = [threading.Thread(target=self._work, daemon=True) for _ in range(bounds.slow)]
        for worker in self._workers:
            worker.start()
        for picture in self._pictures.values():
            if picture.status == _WAITING:
                self._queue.put(picture)

    def add(self, photo: bytes, style: str | bytes, wishes: Mapping[str, Any]) -> SlowPicture:
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
        chosen = settings.Settings(**{"size": min(512, self._bounds.slow_side), **wishes})
        if (chosen.size or 0) > self._bounds.slow_side:
            raise limits.Refused(413, f"size is {chosen.size}: use {self._bounds.slow_side} or less")
        with self._lock:
            if self.count(_WAITING) >= self._bounds.slow_queue:
                raise limits.Refused(429, f"too many pictures are waiting: try again in {_GUESS} s", _GUESS)
            own = isinstance(style, bytes)
            request = {"style": "" if own else style, "settings": dataclasses.asdict(chosen), "status": _WAITING}
            parts = {
                "photo": photo,
                **({"painting": style} if own else {}),
                "request.json": json.dumps(request).encode(),
            }
            picture = SlowPicture(self._written(parts))
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

    def get(self, name: str) -> SlowPicture:
        """A picture by its name.

        Raises:
            Refused: there is none.
        """
        if name not in self._pictures:
            raise limits.Refused(404, "there is no such picture: it may have been cleared away")
        return self._pictures[name]

    def go_on(self, name: str) -> SlowPicture:
        """Puts a stopped picture into the queue again.

        Raises:
            Refused: there is none, it was not stopped, or too many are waiting.
        """
        with self._lock:
            picture = self.get(name)
            if picture.status != _STOPPED:
                raise limits.Refused(409, f"the picture is {picture.status}: only a stopped one can be gone on with")
            if self.count(_WAITING) >= self._bounds.slow_queue:
                raise limits.Refused(429, f"too many pictures are waiting: try again in {_GUESS} s", _GUESS)
            picture.wait()
        self._queue.put(picture)
        return picture

    def stop(self, name: str) -> SlowPicture:
        """Stops a picture that waits or is being painted.

        Raises:
            Refused: there is none.
        """
        with self._lock:
            picture = self.get(name)
            picture.stop()
            if picture.status == _WAITING:
                picture.change(_STOPPED)
        return picture

    @contextlib.contextmanager
    def watched(self, picture: SlowPicture) -> Iterator[None]:
        """While inside, somebody looks; a while after the last one has gone, the picture is stopped."""
        picture.watchers += 1
        try:
            yield
        finally:
            picture.watchers -= 1
            if not picture.watchers:
                picture.deserted_at = time.monotonic() + self._bounds.grace

    def count(self, status: str) -> int:
        """How many have a status."""
        return sum(picture.status == status for picture in list(self._pictures.values()))

    def close(self) -> None:
        """Stops what is being painted, to be gone on with after a restart, and ends the threads."""
        self._closing = True
        running = [picture for picture in self._pictures.values() if picture.status in (_WAITING, _RUNNING)]
        for picture in running:
            picture.stop()
        for _ in self._workers:
            self._queue.put(None)
        for worker in self._workers:
            worker.join()
        for picture in running:
            if picture.status == _STOPPED:
                picture.wait()
        if self._temporary:
            self._temporary.cleanup()

    def _work(self) -> None:
        while picture := self._queue.get():
            if self._closing or picture.status != _WAITING:  # Stopped before its turn.
                continue
            try:
                with runtime.graphs_in("float32"):  # Whatever those who paint photos set.
                    picture.paint()
            except errors.InputError as error:
                self._fail(picture, str(error).replace(f"{picture.folder}/", "the "))
            except Exception:  # A bug must not take the others' worker away.
                self._fail(picture, "an error of the program's own: please report it")

    @staticmethod
    def _fail(picture: SlowPicture, reason: str) -> None:
        with contextlib.suppress(Exception):  # Perhaps the disk is full: the worker is needed all the same.
            picture.change(_FAILED, error=reason)

    def _found(self) -> Iterator[SlowPicture]:
        """Pictures of an earlier process; what was being painted waits again."""
        for request in sorted(self._folder.glob("*/request.json"), key=lambda path: path.stat().st_mtime):
            with contextlib.suppress(ValueError, KeyError):
                picture = SlowPicture(request.parent)
                if picture.status == _RUNNING and picture.attempts < _ATTEMPTS:
                    picture.wait()
                elif picture.status == _RUNNING:
                    self._fail(
                        picture, f"the program ended {_ATTEMPTS} times while it painted this: try a smaller size"
                    )
                yield picture

    def _forget(self) -> None:
        """Clears the oldest finished pictures away."""
        finished = [each for each in self._pictures.values() if each.status in (_DONE, _FAILED, _STOPPED)]
        for picture in finished[: max(0, len(finished) - self._bounds.kept)]:
            del self._pictures[picture.name]
            shutil.rmtree(picture.folder, ignore_errors=True)
