"""Prefetching: the same items in the same order, a bounded number of them ahead."""

import time

import pytest

from tfstyle import errors
from tfstyle.video import prefetching


def test_same_items_in_order():
    assert list(prefetching.prefetch(iter(range(100)))) == list(range(100))


def test_produces_ahead_up_to_its_capacity():
    produced = []

    def items():
        for number in range(100):
            produced.append(number)
            yield number

    ahead = prefetching.prefetch(items(), capacity=3)
    assert next(ahead) == 0
    deadline = time.monotonic() + 5
    while len(produced) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(produced) == 5  # One consumed, three waiting, one in the producer's hand.
    ahead.close()


def test_exceptions_are_raised_after_the_items_before_them():
    def items():
        yield 1
        raise errors.InputError("broken")

    ahead = prefetching.prefetch(items())
    assert next(ahead) == 1
    with pytest.raises(errors.InputError, match="broken"):
        next(ahead)


def test_closing_closes_the_source():
    closed = []

    def items():
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    ahead = prefetching.prefetch(items())
    next(ahead)
    ahead.close()
    assert closed == [True]
