"""Makes the compact loss network from VGG-19, in closed form: no gradient descent.

    python -m train.compact --photos FOLDER --paintings FOLDER --vgg19 FILE [-o tfstyle/weights/compact.npz]

The network is fitted twice: to photos, paintings and mixtures of them; then also to pictures that an optimizer produces
with the first fit.
"""

import argparse
import dataclasses
import logging
import pathlib
import time
from collections.abc import Sequence

import numpy as np

from tfstyle import errors, runtime, weights
from tfstyle.runtime import tf
from train import compact_fit, compact_images, compact_walk

# VGG-19 (Simonyan and Zisserman 2015) up to the deepest layer that the losses use.
LAYERS = tuple(
    f"conv{level}_{index}" for level, count in enumerate((2, 2, 4, 4, 1), 1) for index in range(1, count + 1)
)

# Measured: most time is spent in the first blocks, most error comes from the last. Without conv3_3 the channels of the
# next layer still have an error of 3 %; without conv4_3 of 20 %, with it (and wider) of 10 %.
# Multiples of 16: oneDNN is slow for others.
WIDTHS = {
    "conv1_1": 16,
    "conv1_2": 32,
    "conv2_1": 64,
    "conv2_2": 64,
    "conv3_1": 128,
    "conv3_2": 128,
    "conv3_4": 128,
    "conv4_1": 256,
    "conv4_2": 256,
    "conv4_3": 320,
    "conv4_4": 416,
    "conv5_1": 512,
}
# Stored as float16: small, and their errors affect every later layer.
FINE_BLOCKS = (1, 2)


@dataclasses.dataclass(frozen=True)
class Settings:
    """Parameters of the recipe.

    Attributes:
        pictures: number of photos, paintings and mixtures.
        scouts: how many of them the first fit uses.
        optimizations: slow-path runs whose iterates are added for the second fit.
        side: of the crops, pixels; the receptive field of conv5_1 is 156.
        ridge: relative strength of the regularization.
        rounds: of rectified regression. Measured on conv4_4 and conv5_1: the first reduces the error by 15 and 9 %,
            the third by 5 and 2 %.
        seed: of all random choices.
    """

    pictures: int = 720
    scouts: int = 128
    optimizations: int = 56
    side: int = 256
    ridge: float = 2e-4
    rounds: int = 3
    seed: int = 0

    @property
    def positions(self) -> dict[int, int]:
        """Sampled positions per picture, by block: more where there are more inputs to fit; in block 5 all."""
        return {1: 24, 2: 48, 3: 128, 4: 192, 5: (self.side // 16) ** 2}


def make(photos: pathlib.Path, paintings: pathlib.Path, vgg19: pathlib.Path, settings: Settings) -> dict:
    """Runs the recipe.

    Args:
        photos: folder of photographs.
        paintings: folder of paintings.
        vgg19: weight file in any layout that `tfstyle.weights` reads.
        settings: parameters of the recipe.

    Returns:
        The compact network, float32: ``<layer>/kernel``, ``<layer>/bias``, ``<layer>/head``.
    """
    true = weights.load("vgg19", vgg19, LAYERS)
    random = np.random.default_rng(settings.seed)
    # Photos as VGG-19 was trained on, short side 256; paintings up to three times as large, for --style-scale.
    side = settings.side
    sources = (
        compact_images.Crops(compact_images.listed(photos), side, (side, side)),
        compact_images.Crops(compact_images.listed(paintings), side, (side, 3 * side)),
    )
    tapped = (*compact_images.STYLE, compact_images.CONTENT)
    setting = compact_walk.Walk(WIDTHS, tapped, settings.ridge, settings.rounds)

    def sampled(pictures: np.ndarray) -> compact_walk.Samples:
        places = compact_walk.positions(len(pictures), settings.side, settings.positions, random)
        return compact_walk.sample_truth(true, LAYERS, pictures, places)

    samples = sampled(compact_images.mixtures(*sources, settings.pictures, random))
    logging.info("first fit, on %d pictures", settings.scouts)
    first, _ = compact_walk.walk(samples.first(settings.scouts), true, setting)
    visited = compact_images.optimized(
        lambda image: compact_walk.heads(first, tuple(WIDTHS), image), *sources, settings.optimizations, random
    )
    samples = samples.joined(sampled(visited))
    logging.info("second fit, on %d pictures", len(samples.pictures))
    return compact_walk.walk(samples, true, setting)[0]


def packed(network: dict) -> dict:
    """Quantizes a network for its file: large kernels to 8 bits, everything else to float16."""
    arrays = {}
    for name, array in network.items():
        if name.endswith("/kernel") and compact_walk.block(name) not in FINE_BLOCKS:
            arrays[name], arrays[f"{name}_scale"] = compact_fit.quantize(array)
        else:
            arrays[name] = array.astype(np.float16)
    return arrays


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the command line, runs the recipe, writes the file."""
    parser = argparse.ArgumentParser(prog="python -m train.compact", description=(__doc__ or "").splitlines()[0])
    for name, text in (("photos", "folder of photographs"), ("paintings", "folder of paintings"), ("vgg19", "weights")):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True, help=text)
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path("tfstyle/weights/compact.npz"))
    for field in dataclasses.fields(Settings):
        parser.add_argument(f"--{field.name}", type=type(field.default), default=field.default)
    options = vars(parser.parse_args(arguments))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    tf.get_logger().setLevel(logging.ERROR)  # It would warn that every layer is a new graph.
    if runtime.fast_bfloat16():
        tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    inputs = {name: options.pop(name) for name in ("photos", "paintings", "vgg19")}
    output, begun = options.pop("output"), time.monotonic()
    try:
        network = make(**inputs, settings=Settings(**options))
    except errors.InputError as error:
        raise SystemExit(f"error: {error}") from error
    np.savez(output, **packed(network))
    logging.info("%s: %.1f MB, %.0f s", output, output.stat().st_size / 1e6, time.monotonic() - begun)


if __name__ == "__main__":
    main()
