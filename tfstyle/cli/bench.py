"""``tfstyle bench``: compares the speed of the networks here, in PyTorch and in ONNX Runtime."""

import argparse
import json
from typing import TYPE_CHECKING

from tfstyle import config, evaluation, files
from tfstyle.cli import console, options

if TYPE_CHECKING:
    from tfstyle.evaluation import benchmarking

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    options.add_settings(parser, config.BenchmarkSettings, title="benchmark")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write all timings and a description of the machine as JSON"
    )


def run(arguments: argparse.Namespace) -> None:
    """Measures, prints a table, writes the figures.

    Raises:
        InputError: an input is unusable, or no entry could take part.
    """
    settings = options.read_settings(arguments, config.BenchmarkSettings)
    if arguments.output:
        files.check_folder(arguments.output)
    for progress in evaluation.benchmark_steps(settings):
        if progress.benchmark is None:
            console.say(progress.headline)
    if progress.benchmark:
        _print(progress.benchmark)
        for name, reason in progress.benchmark.skipped.items():
            console.say(f"skipped: {name}: {reason}")
        if arguments.output:
            text = json.dumps(progress.benchmark.stored, indent=1) + "\n"
            files.atomic_write(arguments.output, text.encode())


def _print(result: "benchmarking.Benchmark") -> None:
    from rich import table

    settings = result.settings
    title = f"{settings.width}x{settings.height} pixels, {settings.rounds} pictures each, interleaved"
    listing = table.Table(title=title, title_justify="left", box=None)
    listing.add_column("network, engine, number format", no_wrap=True)
    for name in ("median s", "minimum s", "speed, PyTorch\nfloat32 = 1", "difference in\ngray levels"):
        listing.add_column(name, justify="right")
    for name, row in result.entries.items():
        speed, difference = ("" if row[key] is None else f"{row[key]:.2f}" for key in ("speed", "difference"))
        listing.add_row(name, f"{row['median']:.3f}", f"{row['minimum']:.3f}", speed, difference)
    console.print_table(listing)
