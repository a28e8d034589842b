"""One optimization job and its files, which outlive the process."""

import contextlib
import enum
import json
import math
import pathlib
import threading
import time
from collections.abc import Mapping
from typing import Any

from tfstyle import checkpoints, config, errors, files, images

__all__ = ["ENDED", "Job", "Status"]

_SECONDS_BETWEEN_CHECKPOINTS = 20.0
_SECONDS_BETWEEN_PREVIEWS = 1.0
_DEFAULT_SIZE = 512
_NUMBERS = ("step", "steps", "loss", "seconds", "remaining")


class Status(enum.StrEnum):
    """The state of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"


ENDED = frozenset({Status.DONE, Status.FAILED, Status.STOPPED})
"""States that last until somebody acts."""


class Job:
    """A job with its files: request, photo, painting, checkpoint, preview, result.

    Args:
        folder: contains ``request.json`` and the files it needs.

    Attributes:
        name: random, so that only its owner knows it.
        status: see `Status`.
        progress: step, steps, loss, seconds, remaining; after a failure, ``error``.
        preview: the current picture as a JPEG file; empty at first.
        version: increases with every change.
        attempts: starts since the last checkpoint.
        size: long side of the picture in pixels.

    Raises:
        InputError: ``request.json`` is damaged.
        OSError: it cannot be read.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder, self.name = folder, folder.name
        try:
            self._request: dict[str, Any] = json.loads((folder / "request.json").read_text())
            self._style = self._request["style"] or str(folder / "painting")
            self.status = Status(self._request["status"])
            self.size = int(self._request["settings"].get("size") or _DEFAULT_SIZE)
            self.progress: dict[str, Any] = dict.fromkeys(_NUMBERS) | self._request.get("progress", {})
            self.attempts = int(self._request.get("attempts", 0))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise errors.InputError(f"{folder}: request.json is damaged: delete the folder") from error
        self.preview = self._preview_file.read_bytes() if self._preview_file.exists() else b""
        self.version = 0
        self._watchers, self._abandoned_at = 0, math.inf
        self._shown_at = -math.inf
        self._stop = threading.Event()

    @property
    def result(self) -> pathlib.Path:
        """The finished picture's file."""
        return self.folder / "result.png"

    @property
    def is_stopping(self) -> bool:
        """Whether the job has been asked to stop, or its last watcher has left for good."""
        return self._stop.is_set() or (not self._watchers and time.monotonic() > self._abandoned_at)

    @property
    def _preview_file(self) -> pathlib.Path:
        return self.folder / "preview.jpg"

    def described(self) -> dict[str, Any]:
        """Returns name, status and progress as JSON."""
        return {"id": self.name, "status": self.status, **self.progress}

    def stop(self) -> None:
        """Asks the job to stop after its current step."""
        self._stop.set()

    def watch(self) -> None:
        """Adds a watcher."""
        self._watchers += 1

    def unwatch(self, grace: float) -> None:
        """Removes a watcher; after the last one, the job continues for so many seconds."""
        self._watchers -= 1
        if not self._watchers:
            self._abandoned_at = time.monotonic() + grace

    def change(self, status: Status, **progress: Any) -> None:
        """Stores a status for a restart, then shows it; a full disk does not keep it from being shown."""
        self.progress |= progress
        self._request |= {"status": status, "progress": self.progress, "attempts": self.attempts}
        try:
            files.atomic_write(self.folder / "request.json", json.dumps(self._request).encode())
        finally:
            self.status = status
            self.version += 1

    def wait(self) -> None:
        """Returns the job to the queue and forgets earlier requests to stop."""
        self._stop.clear()
        self._abandoned_at = math.inf
        self.change(Status.WAITING)

    def paint(self) -> None:
        """Optimizes from the start or the last checkpoint until the picture is done or the job is stopped."""
        from tfstyle.optimization import recipes  # noqa: PLC0415 - loads TensorFlow

        self.attempts += 1
        self.change(Status.RUNNING)
        settings = config.Settings.from_stored(self._request["settings"])
        task = recipes.prepare(str(self.folder / "photo"), [self._style], settings)
        photo = task.photo()
        run = task.start(photo)
        found = checkpoints.load(self.result)
        if found and found[0] == task.recipe:  # Not from another version or network.
            run.restore(found[1])

        def save() -> None:
            checkpoints.save(self.result, task.recipe, run.state())
            self.attempts = 0
            files.atomic_write(self._preview_file, self.preview)
            self.change(Status.RUNNING)

        steps = checkpoints.checkpointed(run, save, seconds=_SECONDS_BETWEEN_CHECKPOINTS)
        with contextlib.closing(steps):
            for iterate in steps:
                self._show(iterate)
                if self.is_stopping and iterate.step < iterate.steps:
                    break
        if iterate.step < iterate.steps:
            self.change(Status.STOPPED)
        else:
            self._finish(iterate, photo, recipes.without_folders(task.recipe))

    def _finish(self, iterate: Any, photo: images.Photo, recipe: Mapping[str, Any]) -> None:
        images.save_image(self.result, iterate.image, alpha=photo.alpha, recipe=recipe)
        checkpoints.remove(self.result)
        self.preview = images.encode(iterate.image, ".jpg")
        files.atomic_write(self._preview_file, self.preview)
        self.change(Status.DONE, remaining=0.0)

    def _show(self, iterate: Any) -> None:
        numbers = {name: getattr(iterate, name) for name in _NUMBERS}
        # JSON has no NaN.
        self.progress |= {name: None if number != number else number for name, number in numbers.items()}  # noqa: PLR0124
        if time.monotonic() - self._shown_at > _SECONDS_BETWEEN_PREVIEWS:
            self.preview = images.encode(iterate.image, ".jpg", quality=85)
            self._shown_at = time.monotonic()
        self.version += 1
