"""``tfstyle demo``: a bundled photo in the bundled styles, fast and slow, without any download."""

import argparse

import numpy as np

from tfstyle import config, errors, images, runtime, stylebook, stylizer

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("-o", "--output", metavar="OUT", default="tfstyle-demo.png", help="default: %(default)s")
    parser.add_argument("--style", metavar="NAME", help="one that tfstyle styles lists (default: all that are trained)")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted demo")
    parser.add_argument(
        "--size", type=int, default=256, metavar="PIXELS", help="long side of the slow pictures (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Paints scikit-image's photo of a cat: with every trained network, then, smaller, pixel by pixel; one sheet.

    Raises:
        InputError: unusable input.
        KeyboardInterrupt: the user stopped it.
    """
    images.check_writable(arguments.output)
    chosen = config.Settings(features="compact", size=arguments.size)
    trained = stylebook.trained()
    names = [arguments.style] if arguments.style else list(trained) or ["starry_night"]
    if unknown := set(names) - set(stylebook.load_all()):
        raise errors.InputError(f"no style {min(unknown)!r}: choose one of {', '.join(stylebook.load_all())}")
    photo = _photo()
    small = images.resize(photo, *images.fit_size(*photo.size, arguments.size))
    paint = {name: stylizer.Stylizer(trained[name]) for name in names if name in trained}
    fast = [(f"{name}, fast", painter(photo.rgb.astype(np.uint8))) for name, painter in paint.items()]
    runtime.import_tensorflow()
    from tfstyle import optimization
    from tfstyle.cli import gallery

    def entry(name: str) -> gallery.Entry:
        return gallery.Entry(
            f"{name}, slow",
            {"demo": name, "settings": chosen.stored},
            lambda: optimization.Optimization(small, [stylebook.load_all()[name]], chosen),
        )

    first = [("photo", photo.rgb), *fast]
    slow = {stylebook.load_all()[name].title: name for name in reversed(names)}  # Some paintings have two networks.
    entries = [entry(name) for name in names if name in slow.values()]
    gallery.complete(entries, arguments.output, first=first, resume=arguments.resume)


def _photo() -> images.Photo:
    from skimage import data

    return images.Photo(data.chelsea().astype(np.float32))
