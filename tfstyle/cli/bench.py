"""``tfstyle bench``: transformation networks side by side, and the same network in PyTorch and ONNX Runtime.

All contenders (`contest`) paint the same photo, with the same weights: how much a picture differs from that of our
SavedModel in float32 tells what a number format costs. The peers' differ at the borders, where they mirror without the
edge row, and have no filter against grids.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import psutil

from tfstyle import _version, errors, files
from tfstyle.cli import console
from tfstyle.evaluation import benchmark

__all__ = ["add_arguments", "run"]

# Of the sides: the peers' networks know no others, and mirrored borders need some pixels.
_MULTIPLE, _SMALLEST = 4, 16
# Load per core, of the last minute, from which on a machine is called busy.
_BUSY = 0.25
_CPUINFO = pathlib.Path("/proc/cpuinfo")
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16")
# What the others are compared with.
_MEASURE = benchmark.Contender("johnson", "torch")


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
    pythons = {"torch": arguments.torch, "onnx": arguments.onnx}
    terms = benchmark.Terms(arguments.height, arguments.width, arguments.threads, pythons)
    machine = _machine()
    if machine["load"] > _BUSY * machine["cores"]:
        console.say(f"the machine is busy (load {machine['load']:.1f}): the times will say little")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        console.say("writing the networks")
        parameters = benchmark.write(folder, terms)
        with benchmark.started(terms, folder, parameters, console.say) as (children, left_out):
            seconds = _turns(children, arguments.rounds)
        rows = _rows(seconds, {contender: benchmark.painted(folder, contender) for contender in children})
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


def _turns(
    children: Mapping[benchmark.Contender, benchmark.Child], rounds: int
) -> dict[benchmark.Contender, list[float]]:
    """Seconds of each picture."""
    seconds: dict[benchmark.Contender, list[float]] = {contender: [] for contender in children}
    begun = time.perf_counter()
    for number, latest in enumerate(benchmark.turns(children, rounds), start=1):
        for contender, each in latest.items():
            seconds[contender].append(each)
        left = (time.perf_counter() - begun) / number * (rounds - number)
        console.say(f"round {number}/{rounds}  {int(left) // 60}:{int(left) % 60:02d} left")
    return seconds


def _rows(
    seconds: Mapping[benchmark.Contender, list[float]], pictures: Mapping[benchmark.Contender, np.ndarray]
) -> dict[str, dict[str, Any]]:
    """By contender's name: median and minimum, how many times as fast as PyTorch, difference from our float32."""
    medians = {contender: statistics.median(each) for contender, each in seconds.items()}
    rows = {}
    for contender, each in seconds.items():
        ours = pictures.get(benchmark.Contender(contender.network, "tensorflow"))
        rows[contender.name] = {
            "median": medians[contender],
            "minimum": min(each),
            "speed": medians[_MEASURE] / medians[contender] if _MEASURE in medians else None,
            "difference": None if ours is None else float(np.abs(pictures[contender] - ours).mean()),
            "seconds": each,
        }
    return rows


def _about(children: Mapping[benchmark.Contender, benchmark.Child], parameters: Mapping[str, int]) -> dict[str, Any]:
    """Versions of all libraries; parameters of each contender's network, as it counts them if it does."""
    versions = {"tfstyle": _version.__version__}
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
