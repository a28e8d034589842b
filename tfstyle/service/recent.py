"""A small memory for what was computed last."""

import collections
import threading
from typing import Generic, TypeVar

__all__ = ["Recent"]

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by key; the one that was used longest ago is forgotten first.

    Args:
        size: values that are kept.
    """

    def __init__(self, size: int) -> None:
        self._size, self._lock = size, threading.Lock()
        self._values: collections.OrderedDict[str, T] = collections.OrderedDict()

    def get(self, key: str) -> T | None:
        """Returns a value, or None if there is none."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: str, value: T) -> None:
        """Keeps a value.

        Args:
            key: its key.
            value: not None.
        """
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            if len(self._values) > self._size:
                self._values.popitem(last=False)
