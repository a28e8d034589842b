"""``tfstyle stylize``: paint photos with a trained network."""

import argparse
import collections
import pathlib
from collections.abc import Sequence

import numpy as np

from tfstyle import _version, errors, files, images, stylebook, stylizer
from tfstyle.cli import console, options
from tfstyle.images import color

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("image", nargs="+", metavar="IMAGE", help="photos, or folders of photos")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="a picture's file, or a folder")
    options.add_painting(parser, "photo")
    parser.add_argument("--runtime", choices=stylizer.RUNTIMES, default="auto", help="default: %(default)s")


def run(arguments: argparse.Namespace) -> None:
    """Paints every photo; what cannot be painted is named and left out.

    Raises:
        InputError: unusable input, or some photos could not be painted; all others are.
    """
    options.check_painting(arguments)
    pairs = _pairs([pathlib.Path(each) for each in arguments.image], arguments.output)
    paint = stylizer.Stylizer(
        stylebook.find(arguments.style), engine=arguments.runtime, count=len(pairs), threads=arguments.threads
    )
    recipe = {name: getattr(arguments, name) for name in ("style", "strength", "keep_colors", "size")}
    failed = 0
    for number, (source, result) in enumerate(pairs, start=1):
        try:
            _paint(
                source, result, paint, arguments, {"tfstyle": _version.__version__, "stylize": str(source), **recipe}
            )
        except errors.InputError as error:
            if len(pairs) == 1:
                raise
            failed += 1
            console.say(f"tfstyle: {error}")
        else:
            console.say(f"{number}/{len(pairs)} {result}")
    if failed:
        others = f"the other {len(pairs) - failed} were painted" if failed < len(pairs) else "nothing was painted"
        raise errors.InputError(f"{failed} of {len(pairs)} photos could not be painted (see above); {others}")


def _pairs(sources: Sequence[pathlib.Path], output: str) -> list[tuple[pathlib.Path, pathlib.Path]]:
    """Pairs every photo with its result's file; the names below a folder stay the same."""
    if not images.is_folder_name(output):
        if len(sources) != 1 or files.is_folder(sources[0]):
            raise errors.InputError(f"{output} is one picture's name: name a folder for the results of several photos")
        images.check_writable(output)
        return [(sources[0], pathlib.Path(output))]
    folder = pathlib.Path(output)
    pairs = [pair for source in sources for pair in _pairs_of(source, folder)]
    if not pairs:
        raise errors.InputError(f"no photos in {', '.join(map(str, sources))}: give {images.KINDS} files")
    _check_results([result for _, result in pairs])
    return pairs


def _check_results(results: Sequence[pathlib.Path]) -> None:
    """Refuses what would overwrite one result by the next."""
    twice = [result for result, count in collections.Counter(results).items() if count > 1]
    if twice:
        raise errors.InputError(f"several photos would become {twice[0]}: give the folder that they lie in instead")


def _pairs_of(source: pathlib.Path, output: pathlib.Path) -> list[tuple[pathlib.Path, pathlib.Path]]:
    """Pairs a photo, or all photos below a folder but earlier results, with their results."""
    if not files.is_folder(source):
        return [(source, output / images.writable_name(pathlib.PurePath(source.name)))]
    found = images.find_photos(source, exclude=output)
    if summary := found.skipped_summary():
        console.say(f"tfstyle: {summary}")
    names = images.result_names([path.relative_to(source) for path in found.paths])
    return [(path, output / name) for path, name in zip(found.paths, names, strict=True)]


def _paint(
    source: pathlib.Path, result: pathlib.Path, paint: stylizer.Stylizer, arguments: argparse.Namespace, recipe: dict
) -> None:
    photo = images.load_image(source, size=arguments.size)
    if result.exists() and result.samefile(source):
        raise errors.InputError(f"{result} is the photo itself: choose another place for the result")
    try:
        result.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.InputError(
            f"{result.parent}: cannot be made: {error.strerror}; choose another --output"
        ) from error
    painted = paint(np.rint(photo.rgb).astype(np.uint8))
    shown = color.mix(painted, photo.rgb, arguments.strength, keep_colors=arguments.keep_colors)
    images.save_image(result, shown, alpha=photo.alpha, recipe=recipe)
