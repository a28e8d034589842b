"""``tfstyle reconstruct``: paint a picture back from what a layer knows of it."""

import argparse
import dataclasses
import itertools

from tfstyle import config, images, runtime, weights
from tfstyle.cli import options

__all__ = ["add_arguments", "run"]

# Neither style nor knob: these settings mean nothing here.
_LEFT_OUT = (
    *("strength", "style_scale", "style_weights", "keep_colors", "content_layers", "style_layers"),
    *("content_weight", "style_weight"),
)
_PICTURE_SIZE = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommand's arguments."""
    parser.add_argument("image", metavar="IMAGE", help="photo or painting")
    parser.add_argument("--of", required=True, choices=("pixels", "content", "style"), help="what to paint back")
    parser.add_argument(
        "--layer",
        nargs="+",
        default=[],
        metavar="NAME",
        help="one picture each; NAME+NAME for several layers at once; default: as in the paper's figure",
    )
    options.add_sheet(parser)
    options.add_settings(parser, leave_out=_LEFT_OUT)
    parser.set_defaults(start="noise")


def run(arguments: argparse.Namespace) -> None:
    """Paints every picture, then the sheet.

    Raises:
        InputError: unusable input.
        KeyboardInterrupt: the user stopped it; what is done is kept.
    """
    images.check_writable(arguments.output)
    photo = images.load_image(arguments.image)
    chosen = options.read_settings(arguments)
    if not (chosen.size or chosen.scales):
        chosen = dataclasses.replace(chosen, size=_PICTURE_SIZE)
    runtime.import_tensorflow()
    from tfstyle import optimization, stylebook
    from tfstyle.cli import gallery
    from tfstyle.optimization import planning, recipes

    job = recipes.prepare(arguments.image, [], chosen)

    def entry(label: str) -> gallery.Entry:
        layers = label.replace("+", ",") if arguments.of != "pixels" else ""
        objective = planning.reconstruction(job.chosen.features, arguments.of, layers, job.chosen)
        painting = [stylebook.Painting(photo)]
        return gallery.Entry(
            label,
            {**job.recipe, "reconstruct": arguments.of, "layers": label},
            lambda: optimization.Optimization(photo, painting, job.chosen, objective),
        )

    labels = arguments.layer or _figure(arguments.of, job.chosen)
    entries = [entry(label) for label in labels]
    gallery.complete(entries, arguments.output, first=[("original", photo.rgb)], resume=arguments.resume)


def _figure(of: str, chosen: config.Settings) -> list[str]:
    """Gatys 2015, figure 1: the content of each style layer by itself, the style of ever more of them."""
    layers = weights.BACKBONES[chosen.features].style_layers
    match of:
        case "pixels":
            return ["pixels"]
        case "content":
            return list(layers)
        case _:
            return list(itertools.accumulate(layers, lambda before, layer: f"{before}+{layer}"))
