"""Memory: what running work may still claim, and how freed memory returns to the system."""

import concurrent.futures
import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator

import psutil

from tfstyle import errors, runtime

__all__ = ["Budget", "keep_freeable", "release"]

# mallopt(3): parameters of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
# Freed memory is kept for the next picture; `release` returns it after a large one.
_KEEP = 2**31 - 1
# Claims that are worth returning: releasing takes 10 to 500 ms (measured).
_LARGE = 256 * 2**20


def keep_freeable() -> None:
    """Makes TensorFlow allocate in a way that `release` can undo; call this before TensorFlow is imported.

    By default its oneDNN operations allocate from a pool that grows to the largest picture ever painted and never
    shrinks: 2.6 GB stayed after one photo. The system allocator returns memory, but maps every large tensor anew, which
    makes photos of 6 megapixels six times slower (measured). One arena without mmap has neither fault.
    """
    os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "true")
    with contextlib.suppress(OSError, AttributeError):  # Not glibc.
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEEP)


def release() -> None:
    """Returns freed memory to the system."""
    with contextlib.suppress(OSError, AttributeError):  # Not glibc.
        ctypes.CDLL("libc.so.6").malloc_trim(0)


class Budget:
    """Admits work by its estimated memory: all running estimates together must fit into what is available."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._claimed = 0
        self._largest = 0
        self._idle_size = _process_size()
        self._releaser = concurrent.futures.ThreadPoolExecutor(1, "release")

    @property
    def is_idle(self) -> bool:
        """Whether nothing is claimed."""
        return not self._claimed

    def check(self, needed: int) -> None:
        """Checks that a piece of work would fit if it ran alone.

        Args:
            needed: bytes, estimated.

        Raises:
            ShortageError: it would not.
        """
        with self._changed:
            if needed > self._total():
                raise self._shortage(needed, 0)

    @contextlib.contextmanager
    def claim(self, needed: int, patience: float = 0.0) -> Iterator[None]:
        """Holds memory while a piece of work runs.

        Args:
            needed: bytes, estimated.
            patience: seconds to wait for other work to end.

        Raises:
            ShortageError: it does not fit beside what is running.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._claimed + needed <= self._total(), patience):
                raise self._shortage(needed, self._claimed)
            self._claimed += needed
            self._largest = max(self._largest, needed)
        try:
            yield
        finally:
            with self._changed:
                self._claimed -= needed
                if not self._claimed and self._largest >= _LARGE:
                    self._largest = 0
                    self._releaser.submit(release)
                self._changed.notify_all()

    def close(self) -> None:
        """Ends the thread that returns memory."""
        self._releaser.shutdown()

    def _shortage(self, needed: int, claimed: int) -> errors.ShortageError:
        free = max(0, self._total() - claimed)
        return errors.ShortageError(
            f"this needs about {needed / 2**30:.1f} GB of memory, but only {free / 2**30:.1f} GB is free: "
            "use a smaller size, or try again later"
        )

    def _total(self) -> int:
        """Returns how many bytes claims may sum up to: what is available, plus what running work already uses."""
        if not self._claimed:
            self._idle_size = _process_size()
        return runtime.available_memory() + max(0, _process_size() - self._idle_size)


def _process_size() -> int:
    return psutil.Process().memory_info().rss
