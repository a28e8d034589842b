"""``kill -9`` at any moment loses no more than what came after the last checkpoint."""

import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest
import runs

from tfstyle import checkpoints, images

# The command, with a checkpoint after every step: a quarter of the kills then hit one that is being written.
_WRAPPER = """
from tfstyle import runtime
runtime.import_tensorflow()
from tfstyle import checkpoints
from tfstyle.cli import main
checkpoints.checkpointed.__kwdefaults__["seconds"], checkpoints._LARGEST_SHARE = 0.0, float("inf")
main.main()
"""
_RUN = ["photo.png", "painting.png", "--features", "compact", "--scales", "48,96", "--iterations", "40,50"]


def started() -> subprocess.Popen:
    command = [sys.executable, "-c", _WRAPPER, "optimize", *_RUN, "--resume", "-o", "out.png"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def last_checkpoint() -> int:
    path = checkpoints.path_for("out.png")
    return path.stat().st_mtime_ns if path.exists() else 0


def wait_for_checkpoints(process: subprocess.Popen, count: int) -> None:
    before, deadline = last_checkpoint(), time.monotonic() + 120
    while count:
        assert process.poll() is None, f"it ended before it could be killed: {process.stderr.read()}"
        assert time.monotonic() < deadline
        time.sleep(0.001)
        now = last_checkpoint()
        count, before = count - (now != before), now


def step() -> int:
    kept = checkpoints.load("out.png")
    return -1 if kept is None else int(kept[1]["step"])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_six_kills(tmp_path, monkeypatch):
    """Two of them at any time from the start of the process on, the others while it paints."""
    monkeypatch.chdir(tmp_path)
    images.save_image("photo.png", runs.photo(72, 96))
    images.save_image("painting.png", runs.painting(80, 64))
    generator, steps = random.Random(9), [-1]
    for kill in range(6):
        process = started()
        try:
            if kill % 3 == 2:
                time.sleep(generator.uniform(0, 5))
            else:
                wait_for_checkpoints(process, generator.randint(1, 12))
                time.sleep(generator.uniform(0, 0.06))
        finally:
            process.kill()
            process.wait()
            process.stderr.close()
        assert process.returncode == -signal.SIGKILL
        assert not pathlib.Path("out.png").exists()
        steps.append(step())
    assert steps == sorted(steps)
    assert steps[-1] > 10
    last = started()
    assert last.wait(timeout=300) == 0, last.stderr.read()
    last.stderr.close()
    assert set(os.listdir()) == {"photo.png", "painting.png", "out.png"}
    assert runs.command("optimize", *_RUN, "-o", "whole.png") == 0
    assert pathlib.Path("out.png").read_bytes() == pathlib.Path("whole.png").read_bytes()
