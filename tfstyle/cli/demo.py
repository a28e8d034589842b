"""``tfstyle demo``: a bundled photo in the bundled styles, fast and slow, without any download."""

import argparse
import pathlib

import numpy as np

from tfstyle import config, errors, images, runtime, stylebook, stylizer
from tfstyle.cli import console, following

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("-o", "--output", metavar="OUT", default="tfstyle-demo.png", help="default: %(default)s")
    parser.add_argument(
        "--style", metavar="NAME", help='a style listed by "tfstyle styles" (default: all trained styles)'
    )
    parser.add_argument("--resume", action="store_true", help="continue an interrupted demo")
    parser.add_argument(
        "--size",
        type=int,
        default=256,
        metavar="PIXELS",
        help="long side of the pictures painted by optimization (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Paints scikit-image's photo of a cat with every trained network and, smaller, by optimization; one sheet.

    Raises:
        InputError: unusable input.
        KeyboardInterrupt: the user stopped it.
    """
    images.check_writable(arguments.output)
    settings = config.Settings(features="compact", size=arguments.size)
    trained, stored = stylebook.trained(), stylebook.load_all()
    names = [arguments.style] if arguments.style else list(trained) or ["starry_night"]
    if unknown := set(names) - set(stored):
        raise errors.InputError(f"no style {min(unknown)!r}: choose one of {', '.join(stored)}")
    photo = _photo()
    networks = {name: stylizer.Stylizer(trained[name]) for name in names if name in trained}
    fast = [(f"{name}, fast", paint(photo.rgb.astype(np.uint8))) for name, paint in networks.items()]
    runtime.import_tensorflow()
    from tfstyle import optimization

    small = images.resize(photo, *images.fit_size(*photo.size, arguments.size))

    def entry(name: str) -> optimization.Entry:
        recipe = {"demo": name, "settings": settings.stored}
        return optimization.Entry(
            f"{name}, slow", recipe, lambda: optimization.Optimization(small, [stored[name]], settings)
        )

    slow = {stored[name].title: name for name in reversed(names)}  # Some paintings have two networks.
    entries = [entry(name) for name in names if name in slow.values()]
    series = optimization.Series(
        entries, arguments.output, first=[("photo", photo.rgb), *fast], resume=arguments.resume
    )
    following.follow_series(iter(series))
    console.say(f"saved {arguments.output}, individual pictures in {pathlib.Path(arguments.output).with_suffix('')}")


def _photo() -> images.Photo:
    from skimage import data

    return images.Photo(data.chelsea().astype(np.float32))
