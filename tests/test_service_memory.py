"""Memory of running work is counted; freed memory returns to the system."""

import subprocess
import sys
import threading
import time

import pytest

from tfstyle import errors, runtime
from tfstyle.service import memory

GB = 2**30


@pytest.fixture
def budget(monkeypatch):
    monkeypatch.setattr(runtime, "available_memory", lambda: 10 * GB)
    budget = memory.Budget()
    yield budget
    budget.close()


def test_claims_add_up(budget):
    with budget.claim(6 * GB):
        budget.check(9 * GB)  # Alone it would fit.
        with (
            pytest.raises(errors.ShortageError, match=r"needs about 5.0 GB of memory, but only 4.0 GB is free"),
            budget.claim(5 * GB),
        ):
            pass
        with budget.claim(3 * GB):
            pass
    with budget.claim(9 * GB):
        assert not budget.is_idle
    assert budget.is_idle


def test_more_than_there_is(budget):
    with pytest.raises(errors.ShortageError, match="use a smaller size"):
        budget.check(11 * GB)


def test_what_running_work_already_uses_is_not_counted_twice(budget, monkeypatch):
    size = [GB]
    monkeypatch.setattr(memory, "_process_size", lambda: size[0])
    with budget.claim(6 * GB):
        size[0] += 6 * GB
        monkeypatch.setattr(runtime, "available_memory", lambda: 4 * GB)
        with budget.claim(3 * GB):
            pass


def test_a_patient_claim_waits(budget):
    def hold():
        with budget.claim(6 * GB):
            held.set()
            time.sleep(0.2)

    held = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with budget.claim(6 * GB, patience=10):
        assert not thread.is_alive() or budget._claimed == 6 * GB
    thread.join()


def test_a_large_claim_returns_its_memory(budget, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(memory, "release", released.set)
    with budget.claim(2**20):
        pass
    assert not released.wait(0.05)
    with budget.claim(GB):
        pass
    assert released.wait(5)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_memory_of_a_large_photo_returns_to_the_system():
    """TensorFlow's own pool would keep over 500 MB."""
    code = """if True:
        from tfstyle.service import memory
        memory.keep_freeable()
        import numpy as np
        from tfstyle import stylizer
        paint = stylizer.Stylizer("starry_night", runtime="savedmodel")
        paint(np.zeros((64, 64, 3), np.uint8))
        memory.release()
        before = memory._process_size()
        paint(np.zeros((2000, 3000, 3), np.uint8))
        memory.release()
        print((memory._process_size() - before) / 2**20)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 150
