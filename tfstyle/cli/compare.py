"""``tfstyle compare``: one picture per value of one setting."""

import argparse
import pathlib

from tfstyle import images, runtime
from tfstyle.cli import console, following, options

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("content", metavar="CONTENT", help="the photo")
    parser.add_argument("style", metavar="STYLE", help="a painting file or a style name")
    parser.add_argument(
        "--vary",
        required=True,
        metavar="SETTING=A,B,...",
        help="optimizer=adam,sgd,lbfgs  ratio=1e-2,1e-3,1e-4,1e-5 (alpha/beta)  features=vgg19,compact  "
        "layers=conv1_1,conv1_1+conv2_1 (of the style)  pooling=average,max  form=relative,gatys  strength=0.3,0.7 ...",
    )
    options.add_sheet(parser)
    options.add_settings(parser)


def run(arguments: argparse.Namespace) -> None:
    """Paints every variant; writes the sheet, the curves (.png) and the table (.csv) beside it.

    Raises:
        InputError: unusable input.
        KeyboardInterrupt: the user stopped it; what is finished is kept.
    """
    from tfstyle.optimization import variants

    images.check_writable(arguments.output)
    images.load_image(arguments.content)
    given = options.given_settings(arguments)
    variants.parse(arguments.vary, given)
    runtime.import_tensorflow()
    from tfstyle.optimization import comparison

    following.follow_series(
        comparison.compare(
            arguments.content,
            arguments.style,
            arguments.vary,
            arguments.output,
            resume=arguments.resume,
            **given,
        )
    )
    table, curves = comparison.report_files(arguments.output)
    console.say(f"saved {arguments.output}, individual pictures in {pathlib.Path(arguments.output).with_suffix('')}")
    console.say(f"saved {table} and {curves}")
