"""``tfstyle evaluate``: how good a trained network is, in numbers."""

import argparse
import dataclasses
import json
import multiprocessing
import pathlib
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tfstyle import errors, files, images, runtime, stylebook, stylizer
from tfstyle.cli import console
from tfstyle.evaluation import metrics as measures

if TYPE_CHECKING:
    from tfstyle.evaluation import scoring

__all__ = ["add_arguments", "peak_memory", "run"]

# What latency and memory are measured at: height, width.
_LATENCIES = ((256, 256), (512, 512), (768, 1024))
_REPEATS = 15
_STATUS = pathlib.Path("/proc/self/status")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("style", metavar="STYLE", help="a trained style's folder or a shipped style's name")
    parser.add_argument("--photos", required=True, metavar="FOLDER", help="photos that the network has not seen")
    parser.add_argument("--count", type=int, default=10, metavar="N", help="how many of them (default: %(default)s)")
    parser.add_argument(
        "--size", type=int, nargs="+", default=[256], metavar="PIXELS", help="long sides to score at (default: 256)"
    )
    parser.add_argument(
        "--features",
        choices=("vgg19", "compact"),
        help="network that scores (default: vgg19, or compact where the style's statistics are of that alone)",
    )
    parser.add_argument("--runtime", choices=stylizer.RUNTIMES[1:], default="savedmodel", help="default: %(default)s")
    parser.add_argument("-o", "--output", metavar="FILE", help="the numbers as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Paints, scores, prints a table.

    Raises:
        InputError: unusable input.
    """
    if arguments.output:
        files.check_folder(arguments.output)
    folder = stylebook.find(arguments.style)
    photos = {size: _photos(pathlib.Path(arguments.photos), arguments.count, size) for size in arguments.size}
    chosen = folder.settings()
    runtime.import_tensorflow()
    from tfstyle import training
    from tfstyle.evaluation import scoring

    style = stylebook.load(folder)
    scorer = arguments.features or ("vgg19" if "vgg19" in style.backbones else "compact")
    target = training.target_for(chosen, style, scorer, "float32")
    paint = stylizer.Stylizer(folder, engine=arguments.runtime)
    summary = {
        "features": scorer,
        "sizes": {
            str(size): _scored(photos[size], lambda photo: scoring.assess(paint, photo, target), size)
            for size in photos
        },
        "flat checkerboard": scoring.flat_checkerboard(paint),
        "runtime": arguments.runtime,
        "speed": {
            f"{width}x{height}": {
                **_latency(paint, height, width),
                "memory": _alone(peak_memory, str(folder), arguments.runtime, height, width),
            }
            for height, width in _LATENCIES
        },
    }
    _print(summary)
    if arguments.output:
        files.atomic_write(arguments.output, (json.dumps(summary, indent=1) + "\n").encode())


def _scored(
    photos: dict[str, np.ndarray], assess: Callable[[np.ndarray], "scoring.Score"], size: int
) -> dict[str, Any]:
    """Medians, all photos' iterations in order, and each photo's row."""
    rows = {}
    for number, (name, photo) in enumerate(photos.items(), start=1):
        rows[name] = dataclasses.asdict(assess(photo))
        console.say(f"{size} pixels, {number}/{len(photos)} {name}: {rows[name]['iterations']:.1f} iterations")
    return {
        "median": {key: statistics.median(row[key] for row in rows.values()) for key in next(iter(rows.values()))},
        "iterations": sorted(row["iterations"] for row in rows.values()),
        "photos": rows,
    }


def _photos(folder: pathlib.Path, count: int, size: int) -> dict[str, np.ndarray]:
    paths = images.find_photos(folder).paths[:count]
    if not paths:
        raise errors.InputError(f"{folder}: no photos there: give a folder with {images.KINDS} files")
    photos = {path: np.rint(images.load_image(path, size=size).rgb).astype(np.uint8) for path in paths}
    for path, photo in photos.items():
        if min(photo.shape[:2]) < measures.SMALLEST:
            raise errors.InputError(
                f"{path}: has {min(photo.shape[:2])} pixels on its short side at --size {size}; scores need "
                f"{measures.SMALLEST}: use a larger --size, or leave it out"
            )
    return {path.relative_to(folder).as_posix(): photo for path, photo in photos.items()}


def _latency(paint: stylizer.Stylizer, height: int, width: int) -> dict[str, float]:
    """Seconds, warm: median and 95th percentile."""
    photo = _noise(height, width)
    seconds = []
    for _ in range(_REPEATS + 2):
        begun = time.perf_counter()
        paint(photo)
        seconds.append(time.perf_counter() - begun)
    return {"median": statistics.median(seconds[2:]), "p95": float(np.percentile(seconds[2:], 95))}


def _noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def peak_memory(folder: str, engine: str, height: int, width: int) -> int:
    """Paints one picture; what this process, with all it has loaded, has ever had in memory.

    Args:
        folder: of the style.
        engine: a name of `stylizer.RUNTIMES`.
        height: pixels.
        width: pixels.

    Returns:
        Bytes; 0 where the system does not tell (it does on Linux).
    """
    stylizer.Stylizer(folder, engine=engine)(_noise(height, width))
    told = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines()) if _STATUS.is_file() else {}
    return int(told.get("VmHWM", "0 kB").split()[0]) * 1024  # getrusage's figure would have the parent's in it.


def _alone(function: Callable[..., int], *arguments: Any) -> int:
    """Calls in a process of its own: this one has a loss network in its memory."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def _print(summary: dict) -> None:
    from rich import console as rich_console
    from rich import table

    listing = table.Table(
        "figure", *(f"{size} pixels, by {summary['features']}" for size in summary["sizes"]), box=None
    )
    scored = list(summary["sizes"].values())
    for name in scored[0]["median"]:
        listing.add_row(name, *(f"{each['median'][name]:.3g}" for each in scored))
    spread = (f"{each['iterations'][0]:.1f} {each['iterations'][-1]:.1f}" for each in scored)
    listing.add_row("iterations, from to", *spread)
    listing.add_row("checkerboard on flat grey", f"{summary['flat checkerboard']:.1f}")
    for size, speed in summary["speed"].items():
        seconds = f"{speed['median']:.3f} s, 95 %: {speed['p95']:.3f}, {speed['memory'] / 2**20:.0f} MB at most"
        listing.add_row(f"{size}, {summary['runtime']}", seconds)
    rich_console.Console().print(listing)
