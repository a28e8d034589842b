"""The slow path for many clients: jobs are optimized in turn; clients watch, stop and continue them."""

import asyncio
import contextlib
import dataclasses
import json
import pathlib
import queue
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any

from tfstyle import config, errors, files, runtime
from tfstyle.service import limits, memory, optimize_job, uploads

__all__ = ["JobQueue"]

# Seconds between two looks at a watched job.
_POLL_SECONDS = 0.25
# An empty event now and then keeps connections alive and reveals dead ones.
_HEARTBEAT_SECONDS = 10.0
# How long a job takes where nothing better is known; seconds.
_TYPICAL_SECONDS = 60
# Starts without a checkpoint before a job is given up: it may be what ends the process.
_MAX_ATTEMPTS = 3
# Of `secrets.token_urlsafe(16)`: a folder of another name is not ours to delete.
_NAME = re.compile(r"[\w-]{22}")
# Memory of a job, in bytes per pixel of its picture and at least. Measured for vgg19: 3.4 GB at 1024 x 768.
_BYTES_PER_PIXEL, _LEAST_BYTES = 4400, 300 * 2**20


class JobQueue:
    """All jobs of a service.

    Args:
        bounds: the limits.
        budget: admits jobs by their memory.
        folder: keeps jobs across restarts; None for a temporary folder.
    """

    def __init__(self, bounds: limits.Limits, budget: memory.Budget, folder: pathlib.Path | None = None) -> None:
        self._bounds, self._budget = bounds, budget
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="tfstyle-")
        self._folder = folder or pathlib.Path(self._temporary.name)  # type: ignore[union-attr]
        self._queue: queue.Queue[optimize_job.Job | None] = queue.Queue()
        self._lock, self._closing = threading.Lock(), False
        self._jobs = {job.name: job for job in self._stored()}
        self._workers = [threading.Thread(target=self._work, daemon=True) for _ in range(bounds.job_workers)]
        for worker in self._workers:
            worker.start()
        for job in self._jobs.values():
            if job.status == optimize_job.Status.WAITING:
                self._queue.put(job)

    def add(self, photo: bytes, style: str | bytes, options: Mapping[str, Any]) -> optimize_job.Job:
        """Adds a job.

        Args:
            photo: the photo's file.
            style: name of a stored style, or a painting's file.
            options: fields of `config.Settings`.

        Returns:
            The job, waiting.

        Raises:
            RequestError: a picture is unusable (400, 413), too many jobs are waiting (429), or the disk is full (507).
            InputError: a setting outside its range.
        """
        settings = config.Settings(**{"size": min(512, self._bounds.job_side), **options})
        if (settings.size or 0) > self._bounds.job_side:
            raise limits.RequestError(413, f"size is {settings.size}: use {self._bounds.job_side} or less")
        parts = {"photo": photo, "painting": style} if isinstance(style, bytes) else {"photo": photo}
        for file in parts.values():
            uploads.decode(file, self._bounds, 16)  # Damaged files are refused now, not when their turn comes.
        request = {
            "style": style if isinstance(style, str) else "",
            "settings": dataclasses.asdict(settings),
            "status": optimize_job.Status.WAITING,
        }
        with self._lock:
            self._check_room()
            job = optimize_job.Job(self._write({**parts, "request.json": json.dumps(request).encode()}))
            self._jobs[job.name] = job
            self._delete_old()
        self._queue.put(job)
        return job

    def get(self, name: str) -> optimize_job.Job:
        """Returns a job by its name.

        Raises:
            RequestError: there is none (404).
        """
        if name not in self._jobs:
            raise limits.RequestError(404, "there is no such job: it may have been deleted")
        return self._jobs[name]

    def resume(self, name: str) -> optimize_job.Job:
        """Puts a stopped job back into the queue.

        Raises:
            RequestError: there is no such job (404), it was not stopped (409), or too many are waiting (429).
        """
        with self._lock:
            job = self.get(name)
            if job.status != optimize_job.Status.STOPPED:
                raise limits.RequestError(409, f"the job is {job.status}: only a stopped job can continue")
            self._check_room()
            job.wait()
        self._queue.put(job)
        return job

    def stop(self, name: str) -> optimize_job.Job:
        """Stops a job that waits or runs.

        Raises:
            RequestError: there is none (404).
        """
        with self._lock:
            job = self.get(name)
            job.stop()
            if job.status == optimize_job.Status.WAITING:
                job.change(optimize_job.Status.STOPPED)
        return job

    async def changes(self, job: optimize_job.Job) -> AsyncGenerator[str]:
        """Watches a job until it is done, failed or stopped. A while after its last watcher has left, it stops.

        Args:
            job: one of the queue's.

        Yields:
            The status, at first and after every change; an empty string now and then in between.
        """
        job.watch()
        try:
            shown, yielded_at = None, time.monotonic()
            while True:
                current = job.version, job.status  # Both: a worker changes one after the other.
                if current != shown or time.monotonic() - yielded_at > _HEARTBEAT_SECONDS:
                    yield current[1] if current != shown else ""
                    shown, yielded_at = current, time.monotonic()
                if current[1] in optimize_job.ENDED:
                    return
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            job.unwatch(self._bounds.grace)

    def count(self, status: optimize_job.Status) -> int:
        """Returns how many jobs have a status."""
        return sum(job.status == status for job in list(self._jobs.values()))

    def close(self) -> None:
        """Stops running jobs, which continue after a restart, and ends the threads."""
        self._closing = True
        unfinished = [job for job in self._jobs.values() if job.status not in optimize_job.ENDED]
        for job in unfinished:
            job.stop()
        for _ in self._workers:
            self._queue.put(None)
        for worker in self._workers:
            worker.join()
        for job in unfinished:
            if job.status == optimize_job.Status.STOPPED:
                job.wait()
        if self._temporary:
            self._temporary.cleanup()

    def _work(self) -> None:
        while job := self._queue.get():
            if self._closing or job.status != optimize_job.Status.WAITING:  # Stopped while it waited.
                continue
            try:
                with self._memory(job), runtime.graphs_in("float32"):  # Stylizers choose another format.
                    if job.status == optimize_job.Status.WAITING and not self._closing:
                        job.paint()
            except errors.InputError as error:
                self._fail(job, str(error).replace(f"{job.folder}/", "the "))
            except Exception:  # A bug must not take the worker away from other jobs.
                self._fail(job, "an internal error: please report it")

    @contextlib.contextmanager
    def _memory(self, job: optimize_job.Job) -> Iterator[None]:
        """Waits until the job fits beside the running ones, or is stopped."""
        needed = max(_LEAST_BYTES, job.size**2 * _BYTES_PER_PIXEL)
        while not (self._closing or job.status != optimize_job.Status.WAITING):
            with contextlib.ExitStack() as stack:
                try:
                    stack.enter_context(self._budget.claim(needed, _POLL_SECONDS))
                except errors.ShortageError:
                    if self._budget.is_idle:
                        raise
                    continue
                yield
                return
        yield

    @staticmethod
    def _fail(job: optimize_job.Job, reason: str) -> None:
        with contextlib.suppress(Exception):  # Even if the disk is full, the worker must go on.
            job.change(optimize_job.Status.FAILED, error=reason)

    def _check_room(self) -> None:
        if self.count(optimize_job.Status.WAITING) >= self._bounds.job_queue:
            raise limits.RequestError(
                429, f"too many jobs are waiting: try again in {_TYPICAL_SECONDS} s", _TYPICAL_SECONDS
            )

    def _write(self, parts: Mapping[str, bytes]) -> pathlib.Path:
        """Writes a new job's files and returns their folder."""
        folder = self._folder / secrets.token_urlsafe(16)
        try:
            folder.mkdir(parents=True)
            for name, data in parts.items():
                files.atomic_write(folder / name, data)
        except (OSError, errors.InputError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise limits.RequestError(507, "the job cannot be stored: the disk is full or read-only") from error
        return folder

    def _stored(self) -> Iterator[optimize_job.Job]:
        """Yields an earlier process' jobs, oldest first; those that ran wait again, and incomplete ones are deleted."""
        for folder in sorted(self._folder.glob("*/"), key=lambda path: path.stat().st_mtime):
            if not _NAME.fullmatch(folder.name):
                continue
            try:
                job = optimize_job.Job(folder)
            except (errors.InputError, FileNotFoundError):
                shutil.rmtree(folder, ignore_errors=True)
                continue
            except OSError:
                continue
            if job.status == optimize_job.Status.RUNNING and job.attempts < _MAX_ATTEMPTS:
                job.wait()
            elif job.status == optimize_job.Status.RUNNING:
                self._fail(job, f"the service ended {_MAX_ATTEMPTS} times during this job: try a smaller size")
            yield job

    def _delete_old(self) -> None:
        ended = [job for job in self._jobs.values() if job.status in optimize_job.ENDED]
        for job in ended[: max(0, len(ended) - self._bounds.kept_jobs)]:
            del self._jobs[job.name]
            shutil.rmtree(job.folder, ignore_errors=True)
