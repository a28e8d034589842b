"""``tfstyle evaluate``: measures how good a trained style is."""

import argparse
import json
from typing import TYPE_CHECKING

from tfstyle import config, files, images, runtime
from tfstyle.cli import console, options

if TYPE_CHECKING:
    from tfstyle import evaluation

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("style", metavar="STYLE", help="a trained style: its name or its folder")
    parser.add_argument(
        "--photos", required=True, metavar="FOLDER", help="folder of photos that the network has not seen"
    )
    options.add_settings(parser, config.EvaluationSettings, title="evaluation")
    parser.add_argument("-o", "--output", metavar="FILE", help="write all measurements as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Scores, prints a table, writes the figures.

    Raises:
        InputError: an input is unusable.
    """
    settings = options.read_settings(arguments, config.EvaluationSettings)
    if arguments.output:
        files.check_folder(arguments.output)
    runtime.import_tensorflow()
    from tfstyle import evaluation

    with console.showing_warnings(images.SkippedFilesWarning):
        for progress in evaluation.evaluation_steps(arguments.style, arguments.photos, settings):
            console.say(f"{progress.step}/{progress.steps} {progress.headline}")
    if progress.evaluation:
        _print(progress.evaluation)
        if arguments.output:
            text = json.dumps(progress.evaluation.stored, indent=1) + "\n"
            files.atomic_write(arguments.output, text.encode())


def _print(result: "evaluation.Evaluation") -> None:
    from rich import table

    figures = result.stored
    columns = (f"{size} pixels, by {result.features}" for size in figures["sizes"])
    listing = table.Table("figure", *columns, box=None)
    scores = list(figures["sizes"].values())
    for name in scores[0]["median"]:
        listing.add_row(name.replace("_", " "), *(f"{each['median'][name]:.3g}" for each in scores))
    ranges = (f"{each['iterations'][0]:.1f} to {each['iterations'][-1]:.1f}" for each in scores)
    listing.add_row("range of iterations", *ranges)
    for picture, decibels in result.weave.items():
        listing.add_row(f"weave on {picture}", f"{decibels:.1f}")
    for size, each in result.speed.items():
        memory = f"{each.memory / 2**20:.0f} MB peak memory"
        listing.add_row(f"{size}, {result.runtime}", f"{each.median:.3f} s (95 %: {each.p95:.3f} s), {memory}")
    console.print_table(listing)
