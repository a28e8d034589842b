"""``tfstyle bench``: transformation networks side by side, and the same network in PyTorch and ONNX Runtime.

Each contender is a process of its own (`peers`), warm before the first turn. They take turns, one picture each, so that
a drift of the machine's speed meets all of them; a short pause before every turn lets the threads of the one before go
to sleep. All of them run on the processor, with random weights, which change no time.

All paint the same photo, with the same weights: how much a picture differs from that of our SavedModel in float32 tells
what a number format costs. The peers' differ at the borders, where they mirror without the edge row, and have no filter
against grids.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import psutil

import tfstyle
from tfstyle import errors, files, peers, runtime
from tfstyle.cli import console

__all__ = ["CONTENDERS", "Contender", "add_arguments", "run"]

_TITLES = {"tensorflow": "TensorFlow", "litert": "LiteRT", "torch": "PyTorch", "onnx": "ONNX Runtime"}
# Of the sides: the peers' networks know no others, and mirrored borders need some pixels.
_MULTIPLE, _SMALLEST = 4, 16
# Seconds. Idle threads go on looking for work before they sleep: milliseconds in most libraries, 200 in LLVM's OpenMP.
_PAUSE = 0.25
# Seconds for a process to end by itself, once it has closed its output or said what makes no sense.
_PATIENCE = 2
# Load per core, of the last minute, from which on a machine is called busy.
_BUSY = 0.25
_CPUINFO = pathlib.Path("/proc/cpuinfo")
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16")


@dataclasses.dataclass(frozen=True)
class Contender:
    """Who takes part: a network of `networks.NETWORKS`, an engine of `peers.ENGINES`, float32 or bfloat16."""

    network: str
    engine: str
    precision: str = "float32"

    @property
    def name(self) -> str:
        """As the table has it."""
        return f"{self.network} {_TITLES[self.engine]} {self.precision}"


CONTENDERS = (
    Contender("realtime", "tensorflow"),
    Contender("realtime", "tensorflow", "bfloat16"),
    Contender("realtime", "litert"),
    Contender("johnson", "tensorflow"),
    Contender("johnson", "tensorflow", "bfloat16"),
    Contender("johnson", "litert"),
    Contender("johnson", "torch"),
    Contender("johnson", "torch", "bfloat16"),
    Contender("johnson", "onnx"),
)
# What the others are compared with.
_MEASURE = Contender("johnson", "torch")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("--height", type=int, default=768, metavar="PIXELS", help="default: %(default)s")
    parser.add_argument("--width", type=int, default=1024, metavar="PIXELS", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="pictures of each (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="processor threads, 0 for all (default)")
    for engine, needed in (("torch", "PyTorch"), ("onnx", "onnxruntime and onnx")):
        text = f"a Python interpreter that has {needed} (default: this one)"
        parser.add_argument(f"--{engine}", metavar="PYTHON", default=sys.executable, help=text)
    parser.add_argument("-o", "--output", metavar="FILE", help="all seconds and the machine as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Measures, prints a table.

    Raises:
        InputError: unusable input, or nobody could take part.
    """
    _check(arguments)
    machine = _machine()
    if machine["load"] > _BUSY * machine["cores"]:
        console.say(f"the machine is busy (load {machine['load']:.1f}): the times will say little")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        console.say("writing the networks")
        parameters = _write(folder, arguments.height, arguments.width)
        with _started(arguments, folder, parameters) as (children, left_out):
            seconds = _turns(children, arguments.rounds)
        rows = _rows(seconds, {contender: _painted(folder, contender) for contender in children})
    _print(rows, arguments)
    for name, why in left_out.items():
        console.say(f"left out: {name}: {why}")
    if arguments.output:
        rest = {"machine": machine, **_about(children, parameters), "contenders": rows, "left out": left_out}
        told = {name: getattr(arguments, name) for name in ("height", "width", "rounds", "threads")}
        files.atomic_write(arguments.output, (json.dumps({**told, **rest}, indent=1) + "\n").encode())


def _check(arguments: argparse.Namespace) -> None:
    for side in ("height", "width"):
        value = getattr(arguments, side)
        if value < _SMALLEST or value % _MULTIPLE:
            raise errors.InputError(f"{side} is {value}: use a multiple of {_MULTIPLE}, {_SMALLEST} or more")
    for name, least in (("rounds", 1), ("threads", 0)):
        if getattr(arguments, name) < least:
            raise errors.InputError(f"{name} is {getattr(arguments, name)}: use {least} or more")
    for engine in ("torch", "onnx"):
        python = getattr(arguments, engine)
        if not shutil.which(python):
            raise errors.InputError(f"{python}: is no program: give --{engine} a Python interpreter")
    if arguments.output:
        files.check_folder(arguments.output)


def _machine() -> dict[str, Any]:
    """What the times depend on, besides the libraries' versions."""
    lines = _CPUINFO.read_text().splitlines() if _CPUINFO.is_file() else []
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return {
        "processor": facts.get("model name") or platform.processor() or platform.machine(),
        "family and model": f"{facts.get('cpu family', '')} {facts.get('model', '')}".strip(),
        "instructions": [name for name in _INSTRUCTIONS if name in flags],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory in GB": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": round(psutil.getloadavg()[0], 2),
    }


def _write(folder: pathlib.Path, height: int, width: int) -> dict[str, int]:
    """Writes what `peers` reads, a folder for each network; returns their numbers of parameters."""
    runtime.import_tensorflow()
    import keras

    from tfstyle import export, networks

    keras.utils.set_random_seed(0)
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    parameters = {}
    for name in sorted({contender.network for contender in CONTENDERS}):
        network = networks.build(name)
        export.write(network, folder / name)
        np.save(folder / name / peers.PHOTO, photo)
        np.savez(folder / name / peers.WEIGHTS, *network.get_weights())
        parameters[name] = network.count_params()
    return parameters


# ----------------------------------------------------------------------------------------------------------- processes


class _Child:
    """A contender's process, once it is warm.

    Attributes:
        facts: what it said of itself; nothing if it does not take part.
        why: it does not take part; empty if it does.
    """

    def __init__(self, process: subprocess.Popen[str], log: pathlib.Path) -> None:
        self._process, self._log = process, log
        try:
            said = dict(json.loads(self._answer()))
        except (TypeError, ValueError):  # It was killed, or is no Python.
            said = {"left_out": self._last_words()}
        self.why = said.pop("left_out", "")
        self.facts = peers.Facts({}, [], "", 0) if self.why else peers.Facts(**said)

    def seconds(self) -> float:
        """Of one more picture.

        Raises:
            InputError: the process has died.
        """
        try:
            self._process.stdin.write("go\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
            return float(self._answer())
        except (OSError, ValueError) as error:
            raise errors.InputError(f"stopped in the middle: {self._last_words()}") from error

    def _answer(self) -> str:
        return self._process.stdout.readline()  # type: ignore[union-attr]

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        self._process.kill()
        code = self._process.wait()
        said = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        return said[-1] if said else f"its process ended with code {code}"


@contextlib.contextmanager
def _started(
    arguments: argparse.Namespace, folder: pathlib.Path, parameters: Mapping[str, int]
) -> Iterator[tuple[dict[Contender, _Child], dict[str, str]]]:
    """Those that are ready, and why the others are not, by name; afterwards all processes are ended."""
    children: dict[Contender, _Child] = {}
    left_out: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for number, contender in enumerate(CONTENDERS, start=1):
            console.say(f"{number}/{len(CONTENDERS)} starting {contender.name}")
            if contender.precision == "bfloat16" and not runtime.fast_bfloat16():
                left_out[contender.name] = "this processor does not multiply bfloat16"
                continue
            process = stack.enter_context(_process(contender, arguments, folder))
            child = _Child(process, _log(folder, contender))
            why = child.why or _otherwise(child.facts, arguments, parameters[contender.network])
            if why:
                left_out[contender.name] = why
            else:
                children[contender] = child
        if not children:
            raise errors.InputError(f"nobody could take part: {next(iter(left_out.values()))}")
        yield children, left_out


@contextlib.contextmanager
def _process(
    contender: Contender, arguments: argparse.Namespace, folder: pathlib.Path
) -> Iterator[subprocess.Popen[str]]:
    """Ours run with this interpreter, the peers with the one given; without tfstyle there, so by the file's path."""
    python = {"torch": arguments.torch, "onnx": arguments.onnx}.get(contender.engine)
    program = [python, peers.__file__] if python else [sys.executable, "-m", peers.__name__]
    words = [contender.engine, contender.precision, str(folder / contender.network), str(arguments.threads)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    with _log(folder, contender).open("w") as log:
        try:
            process = subprocess.Popen(
                [*program, *words],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        except OSError as error:
            raise errors.InputError(
                f"{python}: cannot be run ({error.strerror}): give --{contender.engine} a Python interpreter"
            ) from error
    with process:
        try:
            yield process
        finally:
            process.kill()
            with contextlib.suppress(OSError):  # Closing tries once more to say what a dead process did not hear.
                process.stdin.close()  # type: ignore[union-attr]


def _log(folder: pathlib.Path, contender: Contender) -> pathlib.Path:
    return folder / f"{contender.name}.log"


def _otherwise(facts: peers.Facts, arguments: argparse.Namespace, parameters: int) -> str:
    """What a contender does otherwise than all others: another network, another kind of picture; empty: nothing."""
    if facts.parameters not in {0, parameters}:
        return f"has {facts.parameters} parameters, not {parameters}"
    if (facts.shape, facts.dtype) != ([arguments.height, arguments.width, 3], "uint8"):
        return f"paints {facts.dtype} {facts.shape}"
    return ""


def _turns(children: Mapping[Contender, _Child], rounds: int) -> dict[Contender, list[float]]:
    """Seconds of each picture."""
    seconds: dict[Contender, list[float]] = {contender: [] for contender in children}
    begun = time.perf_counter()
    for number in range(1, rounds + 1):
        for contender, child in children.items():
            time.sleep(_PAUSE)
            try:
                seconds[contender].append(child.seconds())
            except errors.InputError as error:
                raise errors.InputError(f"{contender.name} {error}") from error
        left = (time.perf_counter() - begun) / number * (rounds - number)
        console.say(f"round {number}/{rounds}  {int(left) // 60}:{int(left) % 60:02d} left")
    return seconds


# ------------------------------------------------------------------------------------------------------------- results


def _painted(folder: pathlib.Path, contender: Contender) -> np.ndarray:
    """The picture that a contender painted."""
    file = peers.painted_file(folder / contender.network, contender.engine, contender.precision)
    return np.load(file).astype(np.float32)


def _rows(
    seconds: Mapping[Contender, list[float]], pictures: Mapping[Contender, np.ndarray]
) -> dict[str, dict[str, Any]]:
    """By contender's name: median and minimum, how many times as fast as PyTorch, difference from our float32."""
    medians = {contender: statistics.median(each) for contender, each in seconds.items()}
    rows = {}
    for contender, each in seconds.items():
        ours = pictures.get(Contender(contender.network, "tensorflow"))
        rows[contender.name] = {
            "median": medians[contender],
            "minimum": min(each),
            "speed": medians[_MEASURE] / medians[contender] if _MEASURE in medians else None,
            "difference": None if ours is None else float(np.abs(pictures[contender] - ours).mean()),
            "seconds": each,
        }
    return rows


def _about(children: Mapping[Contender, _Child], parameters: Mapping[str, int]) -> dict[str, Any]:
    """Versions of all libraries; parameters of each contender's network, as it counts them if it does."""
    versions = {"tfstyle": tfstyle.__version__}
    for child in children.values():
        versions |= child.facts.versions
    counts = {each.name: child.facts.parameters or parameters[each.network] for each, child in children.items()}
    return {"versions": versions, "parameters": counts}


def _print(rows: Mapping[str, Mapping[str, Any]], arguments: argparse.Namespace) -> None:
    from rich import console as rich_console
    from rich import table

    title = f"{arguments.width}x{arguments.height} pixels, {arguments.rounds} pictures each, in turns"
    listing = table.Table(title=title, title_justify="left", box=None)
    listing.add_column("network, engine, numbers", no_wrap=True)
    for name in ("median s", "minimum s", "PyTorch\nfloat32 = 1", "differs by\ngrey levels"):
        listing.add_column(name, justify="right")
    for name, row in rows.items():
        speed, difference = ("" if row[key] is None else f"{row[key]:.2f}" for key in ("speed", "difference"))
        listing.add_row(name, f"{row['median']:.3f}", f"{row['minimum']:.3f}", speed, difference)
    rich_console.Console().print(listing)
