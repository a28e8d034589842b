"""``tfstyle demo``: a bundled photo, a stored style, the bundled network: a picture without any download."""

import argparse
import dataclasses

from tfstyle import images, runtime, settings
from tfstyle.cli import console, resumption

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("-o", "--output", metavar="OUT", default="tfstyle-demo.png", help="default: %(default)s")
    parser.add_argument("--style", default="starry_night", metavar="NAME", help="a style that tfstyle styles lists")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted demo")
    parser.add_argument("--size", type=int, default=384, metavar="PIXELS", help="long side (default: %(default)s)")


def run(arguments: argparse.Namespace) -> None:
    """Paints scikit-image's photo of a cat.

    Raises:
        InputError: unusable input.
        KeyboardInterrupt: the user stopped it.
    """
    images.check_writable(arguments.output)
    chosen = settings.Settings(features="compact", size=arguments.size)
    runtime.import_tensorflow()
    from skimage import data

    from tfstyle import optimization, styles
    from tfstyle.cli import session

    photo = images.Photo(data.chelsea().astype("float32"))
    run = optimization.Optimization(photo, [styles.load(arguments.style)], chosen)
    recipe = {"demo": arguments.style, "settings": dataclasses.asdict(chosen)}
    painting = session.Session(run, recipe, session.Outputs(arguments.output))
    painting.resume(resumption.Interrupted(arguments.output, resume=arguments.resume).state(recipe))
    painting.complete("compact")
    console.say(f"saved {arguments.output}")
