"""Benchmarks the transformation networks, and the same network in PyTorch and ONNX Runtime.

Every entry is a process of its own, warmed up before the first round. In a round each entry stylizes the same photo
once, so that a drift of the machine's speed affects all of them. A short pause before each picture lets the threads of
the previous entry go to sleep. All entries run on the CPU with the same random weights.

How much a picture differs from that of our SavedModel in float32 tells what a number format costs. The pictures of
PyTorch and ONNX Runtime also differ at the borders, which they mirror without the edge row, and have no grid filter.
"""

import contextlib
import dataclasses
import os
import pathlib
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any, cast

import numpy as np
import psutil

from tfstyle import _version, config, errors, runtime
from tfstyle.evaluation import engine_process, engines

__all__ = ["Benchmark", "BenchmarkProgress", "ENTRIES", "Entry", "benchmark", "benchmark_steps", "write_networks"]

_TITLES = {"tensorflow": "TensorFlow", "litert": "LiteRT", "torch": "PyTorch", "onnx": "ONNX Runtime"}
# Seconds. Idle threads spin before they sleep: milliseconds in most libraries, 200 ms in LLVM's OpenMP.
_PAUSE = 0.25
# A load per core above this, over the last minute, makes times unreliable.
_BUSY = 0.25
_CPUINFO = pathlib.Path("/proc/cpuinfo")
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16")


@dataclasses.dataclass(frozen=True)
class Entry:
    """A network from `networks.NETWORKS` in an engine from `engines.ENGINES`, in float32 or bfloat16."""

    network: str
    engine: str
    precision: str = "float32"

    @property
    def name(self) -> str:
        """The entry's name in tables."""
        return f"{self.network} {_TITLES[self.engine]} {self.precision}"


ENTRIES = (
    Entry("realtime", "tensorflow"),
    Entry("realtime", "tensorflow", "bfloat16"),
    Entry("realtime", "litert"),
    Entry("johnson", "tensorflow"),
    Entry("johnson", "tensorflow", "bfloat16"),
    Entry("johnson", "litert"),
    Entry("johnson", "torch"),
    Entry("johnson", "torch", "bfloat16"),
    Entry("johnson", "onnx"),
)
# The entry that the others' speed is relative to.
_REFERENCE = Entry("johnson", "torch")


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """The figures of a benchmark.

    Attributes:
        settings: of the benchmark.
        machine: what times depend on besides the libraries.
        versions: of the libraries, by name.
        parameters: number of each network's weights, by entry.
        entries: ``median``, ``minimum`` and ``seconds`` of the pictures; ``speed`` relative to PyTorch in float32, and
            mean ``difference`` from our float32 picture in gray levels, each None without that entry.
        skipped: why entries could not take part, by name.
    """

    settings: config.BenchmarkSettings
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    parameters: Mapping[str, int]
    entries: Mapping[str, Mapping[str, Any]]
    skipped: Mapping[str, str]

    @property
    def stored(self) -> dict[str, Any]:
        """The figures as JSON can hold them."""
        settings = {name: getattr(self.settings, name) for name in ("height", "width", "rounds", "threads")}
        return {
            **settings,
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "parameters": dict(self.parameters),
            "entries": {name: dict(row) for name, row in self.entries.items()},
            "skipped": dict(self.skipped),
        }


@dataclasses.dataclass(frozen=True)
class BenchmarkProgress:
    """The state of a benchmark.

    Attributes:
        headline: what is going on, in one line.
        benchmark: the result, at the end.
    """

    headline: str
    benchmark: Benchmark | None = None


def benchmark(settings: config.BenchmarkSettings | None = None, **changes: Any) -> Benchmark:
    """Measures the speed of the transformation networks on this machine.

    Args:
        settings: of the benchmark.
        **changes: settings by name that differ from `settings`.

    Returns:
        Times and pictures' differences by entry.

    Raises:
        InputError: a value is outside its range, or no entry could take part.
    """
    *_, last = benchmark_steps(dataclasses.replace(settings or config.BenchmarkSettings(), **changes))
    return cast("Benchmark", last.benchmark)


def benchmark_steps(settings: config.BenchmarkSettings) -> Generator[BenchmarkProgress]:
    """Does what `benchmark` does, step by step.

    Args:
        settings: of the benchmark.

    Yields:
        Progress; the last one has the result.

    Raises:
        InputError: an interpreter is unusable, a process ended early, or no entry could take part.
    """
    _check_interpreters(settings)
    machine = _machine()
    if machine["load"] > _BUSY * machine["cores"]:
        yield BenchmarkProgress(f"the machine is busy (load {machine['load']:.1f}): times will be unreliable")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        run = _Run(settings, pathlib.Path(folder), stack)
        yield from run.start()
        yield from run.rounds()
        entries = run.figures()
    result = Benchmark(settings, machine, run.versions(), run.parameters(), entries, run.skipped)
    yield BenchmarkProgress("done", result)


class _Run:
    """The processes of a benchmark, and what they have measured."""

    def __init__(self, settings: config.BenchmarkSettings, folder: pathlib.Path, stack: contextlib.ExitStack) -> None:
        self._settings, self._folder, self._stack = settings, folder, stack
        self._processes: dict[Entry, engine_process.EngineProcess] = {}
        self._seconds: dict[Entry, list[float]] = {}
        self._counts: dict[str, int] = {}
        self.skipped: dict[str, str] = {}

    def start(self) -> Iterator[BenchmarkProgress]:
        """Writes the networks and starts all entries."""
        yield BenchmarkProgress("writing the networks")
        self._counts = write_networks(self._folder, self._settings)
        for number, entry in enumerate(ENTRIES, start=1):
            yield BenchmarkProgress(f"{number}/{len(ENTRIES)} starting {entry.name}")
            if problem := self._start(entry):
                self.skipped[entry.name] = problem
        if not self._processes:
            raise errors.InputError(f"nothing could be benchmarked: {next(iter(self.skipped.values()))}")

    def _start(self, entry: Entry) -> str:
        """Starts an entry; returns why it cannot take part, or nothing."""
        if entry.precision == "bfloat16" and not runtime.fast_bfloat16():
            return "this CPU does not multiply bfloat16"
        python = getattr(self._settings, entry.engine, None)
        started = engine_process.started(
            entry.engine, entry.precision, self._folder / entry.network, self._settings.threads, python
        )
        process = self._stack.enter_context(started)
        if problem := process.problem or self._difference(process.info, self._counts[entry.network]):
            return problem
        self._processes[entry] = process
        return ""

    def _difference(self, info: engines.EngineInfo, parameters: int) -> str:
        """Returns how an engine's network or picture differs from the others', or nothing."""
        if info.parameters not in {0, parameters}:
            return f"has {info.parameters} parameters, not {parameters}"
        if (info.shape, info.dtype) != ([self._settings.height, self._settings.width, 3], "uint8"):
            return f"returns {info.dtype} {info.shape}"
        return ""

    def rounds(self) -> Iterator[BenchmarkProgress]:
        """Lets each entry stylize the photo once per round."""
        started, rounds = time.perf_counter(), self._settings.rounds
        for number in range(1, rounds + 1):
            for entry, process in self._processes.items():
                time.sleep(_PAUSE)
                try:
                    self._seconds.setdefault(entry, []).append(process.seconds())
                except errors.InputError as error:
                    raise errors.InputError(f"{entry.name} {error}") from error
            left = int((time.perf_counter() - started) / number * (rounds - number))
            yield BenchmarkProgress(f"round {number}/{rounds}  {left // 60}:{left % 60:02d} left")

    def figures(self) -> dict[str, dict[str, Any]]:
        """Returns the entries of a `Benchmark`."""
        medians = {entry: statistics.median(seconds) for entry, seconds in self._seconds.items()}
        rows = {}
        for entry, seconds in self._seconds.items():
            exact = Entry(entry.network, "tensorflow")
            difference = np.abs(self._picture(entry) - self._picture(exact)) if exact in medians else None
            rows[entry.name] = {
                "median": medians[entry],
                "minimum": min(seconds),
                "speed": medians[_REFERENCE] / medians[entry] if _REFERENCE in medians else None,
                "difference": None if difference is None else float(difference.mean()),
                "seconds": seconds,
            }
        return rows

    def versions(self) -> dict[str, str]:
        """Returns the versions of all libraries."""
        versions = {"tfstyle": _version.__version__}
        for process in self._processes.values():
            versions |= process.info.versions
        return versions

    def parameters(self) -> dict[str, int]:
        """Returns the number of weights by entry, as the engine counts them if it does."""
        return {
            entry.name: process.info.parameters or self._counts[entry.network]
            for entry, process in self._processes.items()
        }

    def _picture(self, entry: Entry) -> np.ndarray:
        return np.load(engines.picture_file(self._folder / entry.network, entry.engine, entry.precision)).astype(
            "float32"
        )


def write_networks(folder: pathlib.Path, settings: config.BenchmarkSettings) -> dict[str, int]:
    """Writes the files that the engines read, one folder for each network.

    Args:
        folder: the destination.
        settings: give the photo's size.

    Returns:
        The number of weights of each network.
    """
    runtime.import_tensorflow()
    from tfstyle import transform  # noqa: PLC0415 - takes seconds
    from tfstyle.runtime import keras  # noqa: PLC0415

    keras.utils.set_random_seed(0)
    photo = np.random.default_rng(0).integers(0, 256, (settings.height, settings.width, 3), np.uint8)
    parameters = {}
    for name in sorted({entry.network for entry in ENTRIES}):
        network = transform.networks.build(name)
        transform.export.write(network, folder / name)
        np.save(folder / name / engines.PHOTO, photo)
        np.savez(folder / name / engines.WEIGHTS, *network.get_weights())
        parameters[name] = network.count_params()
    return parameters


def _check_interpreters(settings: config.BenchmarkSettings) -> None:
    for engine in ("torch", "onnx"):
        python = getattr(settings, engine)
        if python and not shutil.which(python):
            raise errors.InputError(f"{python} is not a program: pass a Python interpreter to --{engine}")


def _machine() -> dict[str, Any]:
    """Returns what times depend on besides the libraries' versions."""
    lines = _CPUINFO.read_text().splitlines() if _CPUINFO.is_file() else []
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return {
        "processor": facts.get("model name") or platform.processor() or platform.machine(),
        "family_and_model": f"{facts.get('cpu family', '')} {facts.get('model', '')}".strip(),
        "instructions": [name for name in _INSTRUCTIONS if name in flags],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": round(psutil.getloadavg()[0], 2),
    }
