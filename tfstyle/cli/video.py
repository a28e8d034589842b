"""``tfstyle video``: paint a film in one style, or in styles that turn into each other."""

import argparse
import contextlib
import pathlib
import time
from collections.abc import Iterator

import tfstyle
from tfstyle import config
from tfstyle.cli import console, options

__all__ = ["add_arguments", "run"]

# Seconds between two updates of the progress bar: a small film has hundreds of frames in a second.
_UPDATE_EVERY = 0.25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("film", metavar="IN", help="a video, a GIF, or a folder of frames")
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="an .mp4 or .gif file, or a folder for the frames"
    )
    parser.add_argument(
        "--style",
        required=True,
        metavar="NAME|FOLDER|PAINTING",
        help="a trained style (its name or its folder), a painting's file, a mixture (waves.jpg:2,sea.jpg:1), "
        "or styles that turn into each other (waves.jpg@0s,sea.jpg@10s)",
    )
    parser.add_argument("--resume", action="store_true", help="continue an interrupted run")
    options.add_settings(parser, config.FilmSettings)


def run(arguments: argparse.Namespace) -> None:
    """Paints the film with a progress bar.

    Raises:
        InputError: unusable input.
        KeyboardInterrupt: the user stopped it; the frames painted so far are a film, and can be continued.
    """
    given = options.given_settings(arguments, config.FilmSettings)
    steps = tfstyle.paint_film(arguments.film, arguments.output, arguments.style, resume=arguments.resume, **given)
    with console.Interrupts().watch() as interrupts, contextlib.closing(steps):
        last = _show(steps, pathlib.Path(arguments.output).name, interrupts)
    _report_source(arguments.film, last)
    if last.step < last.steps:
        console.say(
            f"stopped after frame {last.step}: {arguments.output} ends there; "
            "run the same command with --resume to continue"
        )
        raise KeyboardInterrupt
    console.say(f"saved {arguments.output}: {last.step} frames, {last.frames_per_second:.1f} per second")


def _report_source(film: str, last: tfstyle.FilmProgress) -> None:
    """Says what was wrong with the film, and what became of its tracks."""
    if last.skipped:
        console.say(f"{film}: {last.skipped} damaged frame{'s' * (last.skipped > 1)} skipped")
    if last.is_truncated:
        console.say(f"{film} is truncated: it ends before the time in its header")
    for note in last.notes:
        console.say(f"{film}: {note}")


def _show(steps: Iterator[tfstyle.FilmProgress], title: str, interrupts: console.Interrupts) -> tfstyle.FilmProgress:
    """Shows progress until the film is finished or the user stops it; returns the last step."""
    next_update = 0.0
    with console.ProgressBar(title) as bar:
        for progress in steps:
            if time.monotonic() >= next_update or progress.step == progress.steps:
                bar.show(progress)
                next_update = time.monotonic() + _UPDATE_EVERY
            if interrupts.asked:
                break
    return progress
