"""``tfstyle stylize``: paint photos in the style of a trained network or of any painting."""

import argparse

import tfstyle
from tfstyle import config, errors, images
from tfstyle.cli import console, options

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("image", nargs="+", metavar="IMAGE", help="photos, or folders of photos")
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="output file, or a folder for several results"
    )
    parser.add_argument(
        "--style",
        required=True,
        metavar="STYLE",
        help='a name listed by "tfstyle styles", the folder of a trained style, or any painting file; several with '
        "weights: starry_night:2,painting.jpg:1",
    )
    options.add_settings(parser, config.StylizeSettings)


def run(arguments: argparse.Namespace) -> None:
    """Paints every photo, and reports those that could not be painted.

    Raises:
        InputError: unusable input, or some photos could not be painted; all others were.
    """
    given, failed, total = options.given_settings(arguments, config.StylizeSettings), 0, 0
    with console.showing_warnings(images.SkippedFilesWarning):
        results = tfstyle.stylize(arguments.image, arguments.output, arguments.style, **given)
    for result in results:
        total = result.steps
        if result.error is None:
            console.say(f"{result.step}/{total} {result.path}")
        elif total == 1:
            raise result.error
        else:
            failed += 1
            console.say(f"tfstyle: {result.error}")
    if failed:
        others = f"the other {total - failed} were painted" if failed < total else "nothing was painted"
        raise errors.InputError(f"{failed} of {total} photos could not be painted (see above); {others}")
