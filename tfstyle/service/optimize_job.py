"""A picture that is painted pixel by pixel, with its files: it outlives the process."""

import enum
import json
import math
import pathlib
import threading
import time
from typing import Any

from tfstyle import checkpoints, config, files, images

__all__ = ["ENDED", "Job", "Status"]

_SECONDS_BETWEEN_CHECKPOINTS = 20.0
_SECONDS_BETWEEN_PREVIEWS = 1.0
_NUMBERS = ("step", "steps", "loss", "seconds", "remaining")


class Status(enum.StrEnum):
    """What becomes of a picture."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"


ENDED = frozenset({Status.DONE, Status.FAILED, Status.STOPPED})
"""Nothing happens to these of itself."""


class Job:
    """One picture with its files: upload, painting, checkpoint, result.

    Attributes:
        name: of the picture, which nobody can guess.
        status: what becomes of it.
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
        self.folder, self.name, self.status = folder, folder.name, Status(kept["status"])
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

    def change(self, status: Status, **progress: Any) -> None:
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
        self.change(Status.WAITING)

    def paint(self) -> None:
        """Paints from the start or the last checkpoint, to the end or until it is stopped."""
        from tfstyle.optimization import recipes  # noqa: PLC0415 - loads TensorFlow

        self.attempts += 1
        self.change(Status.RUNNING)
        request = json.loads((self.folder / "request.json").read_text())
        chosen = config.Settings.from_stored(request["settings"])
        style = request["style"] or str(self.folder / "painting")
        job = recipes.prepare(str(self.folder / "photo"), [style], chosen)
        photo = job.photo()
        run = job.start(photo)
        kept = checkpoints.load(self.result)
        if kept and kept[0] == job.recipe:  # Not another version's, or network's.
            run.restore(kept[1])
        saved_at = time.monotonic()
        for iterate in run:
            self._show(iterate)
            stopping = self._stop.is_set() and iterate.step < iterate.steps
            if stopping or time.monotonic() - saved_at > _SECONDS_BETWEEN_CHECKPOINTS:
                checkpoints.save(self.result, job.recipe, run.state())
                saved_at, self.attempts = time.monotonic(), 0
                files.atomic_write(self._shown, self.preview)
                self.change(Status.STOPPED if stopping else Status.RUNNING)
            if stopping:
                return
        images.save_image(self.result, iterate.image, alpha=photo.alpha, recipe=recipes.without_folders(job.recipe))
        checkpoints.remove(self.result)
        self.preview = images.encode(iterate.image, ".jpg")
        files.atomic_write(self._shown, self.preview)
        self.change(Status.DONE, remaining=0.0)

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
