"""``tfstyle reconstruct``: reconstruct a picture from its features in some layers."""

import argparse
import pathlib

from tfstyle import images, runtime
from tfstyle.cli import console, following, options

__all__ = ["add_arguments", "run"]

# Options that balance content and style have no meaning here.
_LEAVE_OUT = (
    *("strength", "style_scale", "style_weights", "keep_colors", "content_layers", "style_layers"),
    *("content_weight", "style_weight"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("image", metavar="IMAGE", help="photo or painting")
    parser.add_argument("--of", required=True, choices=("pixels", "content", "style"), help="what to reconstruct from")
    parser.add_argument(
        "--layer",
        nargs="+",
        default=[],
        metavar="NAME",
        help="one picture per entry; NAME+NAME combines layers (default: as in the paper's figure)",
    )
    options.add_sheet(parser)
    options.add_settings(parser, leave_out=_LEAVE_OUT)
    parser.set_defaults(start="noise")


def run(arguments: argparse.Namespace) -> None:
    """Paints every picture, then the sheet.

    Raises:
        InputError: unusable input.
        KeyboardInterrupt: the user stopped it; what is finished is kept.
    """
    images.check_writable(arguments.output)
    images.load_image(arguments.image)
    options.read_settings(arguments)
    runtime.import_tensorflow()
    from tfstyle import optimization

    following.follow_series(
        optimization.reconstruct_layers(
            arguments.image,
            arguments.of,
            arguments.output,
            arguments.layer,
            resume=arguments.resume,
            **options.given_settings(arguments),
        )
    )
    console.say(f"saved {arguments.output}, individual pictures in {pathlib.Path(arguments.output).with_suffix('')}")
