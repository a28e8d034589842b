"""Measures the speed and memory of a trained style."""

import dataclasses
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from tfstyle import stylizer

__all__ = ["Speed", "measure", "peak_memory"]

_WARM_UP, _REPEATS = 2, 15  # The first pictures of a size take longer.
_STATUS = pathlib.Path("/proc/self/status")


@dataclasses.dataclass(frozen=True)
class Speed:
    """Time and memory for pictures of one size.

    Attributes:
        median: seconds per picture.
        p95: 95th percentile of the seconds per picture.
        memory: peak memory of a process that stylizes one such picture, bytes; 0 where the system does not report it.
    """

    median: float
    p95: float
    memory: int


def measure(paint: stylizer.Stylizer, height: int, width: int) -> Speed:
    """Stylizes a picture of noise several times.

    Args:
        paint: the style.
        height: pixels.
        width: pixels.

    Returns:
        Time and memory.
    """
    picture, seconds = _noise(height, width), []
    for _ in range(_WARM_UP):
        paint(picture)
    for _ in range(_REPEATS):
        started = time.perf_counter()
        paint(picture)
        seconds.append(time.perf_counter() - started)
    memory = _in_new_process(peak_memory, str(paint.folder), paint.runtime, height, width)
    return Speed(float(np.median(seconds)), float(np.percentile(seconds, 95)), memory)


def peak_memory(folder: str | os.PathLike[str], engine: str, height: int, width: int) -> int:
    """Stylizes one picture and returns the peak memory of this process, libraries included.

    Args:
        folder: of the style.
        engine: a name from `config.RUNTIMES`.
        height: pixels.
        width: pixels.

    Returns:
        Bytes; 0 where the system does not report it (Linux does).
    """
    stylizer.Stylizer(folder, runtime=engine)(_noise(height, width))
    lines = _STATUS.read_text().splitlines() if _STATUS.is_file() else []
    status = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(status.get("VmHWM", "0 kB").split()[0]) * 1024  # getrusage would include the parent process.


def _noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def _in_new_process(function: Callable[..., int], *arguments: str | int) -> int:
    """Calls a function of this module in a process of its own, because this one also holds a loss network.

    Not by `multiprocessing`, which would run the user's script again if it has no ``__main__`` guard.
    """
    code = f"from {__name__} import {function.__name__} as call; print(call(*{arguments!r}))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    result = subprocess.run([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True, check=True)
    return int(result.stdout.splitlines()[-1])
