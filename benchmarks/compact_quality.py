"""How good the pictures are that are painted with other networks than vgg19, scored by the true vgg19.

Run: ``python benchmarks/compact_quality.py FOLDER [--networks vgg19,compact] [-o benchmarks/compact_quality.json]``,
where FOLDER holds ``content/`` and ``paintings/``, with vgg19's weights at hand. Every picture: 384 pixels, 60 steps of
L-BFGS at 192 and 50 at 384. The score is relative: style summed over the five layers, content at conv4_2.
"""

import argparse
import json
import pathlib
import statistics

from tfstyle import runtime

runtime.import_tensorflow()

import tensorflow as tf  # noqa: E402

from tfstyle import config, features, images, optimization, perceptual, stylebook, weights  # noqa: E402

_PAIRS = (
    ("tubingen", "vangogh_starry_night"),
    ("chicago", "munch_scream"),
    ("golden_gate", "kandinsky_composition_vii"),
    ("stata", "hokusai_great_wave"),
    ("coco_gull", "picabia_udnie"),
    ("boston", "turner_shipwreck_minotaur"),
)
_SIZES, _STEPS = (192, 384), (60, 50)


def paint(photo: images.Photo, painting: stylebook.Painting, network: str) -> optimization.Iterate:
    """The last iterate."""
    settings = config.Settings(features=network, scales=_SIZES, iterations=_STEPS)
    *_, last = optimization.optimize(photo, painting, settings)
    return last


def score(photo: images.Photo, painting: stylebook.Painting, last: optimization.Iterate) -> tuple[float, float]:
    """Relative style (sum of layers) and content of a picture by vgg19 in float32."""
    spec, size = weights.BACKBONES["vgg19"], _SIZES[-1]
    layers = (*spec.content_layers, *spec.style_layers)
    model = features.build("vgg19", layers, weights.load("vgg19", layers=layers))
    image = images.resize(photo, *images.fit_size(*photo.size, size)).rgb[None]
    content = perceptual.content_targets(model, image, spec.content_layers)
    grams = painting.grams(model, size, spec.style_layers)
    once = perceptual.Objective(dict.fromkeys(spec.content_layers, 1.0), dict.fromkeys(spec.style_layers, 1.0))
    terms = perceptual.PerceptualLoss(model, once, content, grams).terms(tf.constant(last.image[None]))
    values = {name: float(value) for name, value in terms.items()}
    return sum(value for name, value in values.items() if name.startswith("style/")), values["content/conv4_2"]


def main() -> None:
    """Reads the arguments, paints, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--networks", default="vgg19,compact")
    parser.add_argument("--pictures", type=pathlib.Path, help="folder for the pictures")
    parser.add_argument("-o", "--output", type=pathlib.Path)
    arguments = parser.parse_args()
    table: dict[str, dict[str, tuple[float, float]]] = {}
    for content, style in _PAIRS:
        photo = images.load_image(arguments.folder / "content" / f"{content}.jpg", limit=1024)
        painting = stylebook.Painting(images.load_image(arguments.folder / "paintings" / f"{style}.jpg"))
        for network in arguments.networks.split(","):
            last = paint(photo, painting, network)
            found = score(photo, painting, last)
            table.setdefault(network, {})[f"{content}, {style}"] = found
            line = f"{content:12} {style:26} {network:10} style {found[0]:.3f}  content {found[1]:.3f}"
            print(f"{line}  {last.seconds:.0f} s", flush=True)
            if arguments.pictures:
                images.save_image(arguments.pictures / f"{content}-{style}-{network}.png", last.image)
    for network, rows in table.items():
        print(f"median {network}: style {statistics.median(row[0] for row in rows.values()):.3f}")
    if arguments.output:
        arguments.output.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
