"""Runs an iterator in a thread of its own, a few items ahead of its consumer."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["prefetch"]

Item = TypeVar("Item")

# Enough to keep decoding and painting busy; every item holds a frame or two.
_CAPACITY = 4


def prefetch(items: Iterable[Item], capacity: int = _CAPACITY) -> Iterator[Item]:
    """Yields the same items, produced ahead of time by a thread.

    >>> list(prefetch(range(3)))
    [0, 1, 2]

    Args:
        items: an exception raised here is raised again in the consumer, after the items before it. A generator is
            closed when the consumer stops early.
        capacity: items waiting to be consumed.

    Yields:
        The items, in order.
    """
    waiting: queue.Queue = queue.Queue(capacity)
    stopped = threading.Event()
    worker = threading.Thread(target=_produce, args=(items, waiting, stopped), daemon=True)
    worker.start()
    try:
        while True:
            item, error = waiting.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item
    finally:
        stopped.set()
        worker.join()


def _produce(items: Iterable, waiting: queue.Queue, stopped: threading.Event) -> None:
    try:
        if all(_put((item, None), waiting, stopped) for item in items):
            _put((None, StopIteration()), waiting, stopped)
    except BaseException as error:  # Raised again in the consumer's thread.
        _put((None, error), waiting, stopped)
    finally:
        getattr(items, "close", bool)()  # A generator that is not exhausted would keep its film open.


def _put(entry: tuple, waiting: queue.Queue, stopped: threading.Event) -> bool:
    """Waits for room in the queue; returns whether the consumer is still there."""
    while not stopped.is_set():
        try:
            waiting.put(entry, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
