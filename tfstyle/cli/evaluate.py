"""``tfstyle evaluate``: how good a trained network is, in numbers."""

import argparse
import dataclasses
import json
import pathlib
import statistics
import time

import numpy as np

from tfstyle import errors, files, images, runtime, settings, stylizer
from tfstyle.cli import console

__all__ = ["add_arguments", "run"]

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
# What latency is measured at: height, width.
_LATENCIES = ((256, 256), (512, 512), (768, 1024))
_REPEATS = 15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("style", metavar="STYLE", help="a trained style's folder or a shipped style's name")
    parser.add_argument("--photos", required=True, metavar="FOLDER", help="photos that the network has not seen")
    parser.add_argument("--count", type=int, default=10, metavar="N", help="how many of them (default: %(default)s)")
    parser.add_argument("--size", type=int, default=256, metavar="PIXELS", help="long side (default: %(default)s)")
    parser.add_argument("--features", choices=("vgg19", "compact"), default="vgg19", help="that scores")
    parser.add_argument("--runtime", choices=stylizer.RUNTIMES[1:], default="savedmodel", help="default: %(default)s")
    parser.add_argument("-o", "--output", metavar="FILE", help="the numbers as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Paints, scores, prints a table.

    Raises:
        InputError: unusable input.
    """
    if arguments.output:
        files.check_folder(arguments.output)
    folder = stylizer.find(arguments.style)
    photos = _photos(pathlib.Path(arguments.photos), arguments.count, arguments.size)
    chosen = _settings(folder)
    runtime.import_tensorflow()
    from tfstyle import assessment, styles, training

    target = training.target_for(chosen, styles.load(folder), arguments.features, "float32")
    paint = stylizer.Stylizer(folder, engine=arguments.runtime)
    rows = {}
    for number, (name, photo) in enumerate(photos.items(), start=1):
        rows[name] = dataclasses.asdict(assessment.assess(paint, photo, target))
        console.say(f"{number}/{len(photos)} {name}: {rows[name]['iterations']:.1f} iterations")
    summary = {
        "features": arguments.features,
        "size": arguments.size,
        "median": {key: statistics.median(row[key] for row in rows.values()) for key in next(iter(rows.values()))},
        "iterations": sorted(row["iterations"] for row in rows.values()),
        "flat checkerboard": assessment.flat_checkerboard(paint),
        "latency": {f"{width}x{height}": _latency(paint, height, width) for height, width in _LATENCIES},
    }
    _print(summary)
    if arguments.output:
        files.atomic_write(arguments.output, (json.dumps({**summary, "photos": rows}, indent=1) + "\n").encode())


def _photos(folder: pathlib.Path, count: int, size: int) -> dict[str, np.ndarray]:
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)[:count]
    if not paths:
        raise errors.InputError(f"{folder}: no photos there: give a folder with {', '.join(sorted(_SUFFIXES))} files")
    return {path.name: np.rint(images.load_image(path, size=size).rgb).astype(np.uint8) for path in paths}


def _settings(folder: pathlib.Path) -> settings.Training:
    try:
        return settings.Training(**json.loads((folder / "card.json").read_text())["settings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise errors.InputError(f"{folder}: its card.json is missing or damaged: train the style again") from error


def _latency(paint: stylizer.Stylizer, height: int, width: int) -> dict[str, float]:
    """Seconds, warm: median and 95th percentile."""
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    seconds = []
    for _ in range(_REPEATS + 2):
        begun = time.perf_counter()
        paint(photo)
        seconds.append(time.perf_counter() - begun)
    return {"median": statistics.median(seconds[2:]), "p95": float(np.percentile(seconds[2:], 95))}


def _print(summary: dict) -> None:
    from rich import console as rich_console
    from rich import table

    listing = table.Table("figure", f"median, {summary['size']} pixels, by {summary['features']}", box=None)
    for name, value in summary["median"].items():
        listing.add_row(name, f"{value:.3g}")
    listing.add_row("iterations, from to", f"{summary['iterations'][0]:.1f} {summary['iterations'][-1]:.1f}")
    listing.add_row("checkerboard on flat grey", f"{summary['flat checkerboard']:.1f}")
    for size, latency in summary["latency"].items():
        listing.add_row(f"seconds at {size}", f"{latency['median']:.3f}, 95 %: {latency['p95']:.3f}")
    rich_console.Console().print(listing)
