"""Fine-tunes the deepest layers of the compact network by gradient descent, after its closed-form fit.

    python -m train.compact_tune --photos FOLDER --paintings FOLDER --vgg19 FILE [--network tfstyle/assets/compact.npz]

Most of what the closed form leaves is at conv5_1. Here conv4_3, conv4_4, conv5_1 and a full head move together, so that
conv5_1's features and their Gram matrices come near VGG-19's over mixtures of photos and paintings and over what
optimisers visit. The layers before conv4_3 stay as they are.
"""

import argparse
import dataclasses
import logging
import pathlib
import time

import numpy as np
import tensorflow as tf

from tfstyle import losses, runtime, weights
from train import compact, compact_fit, compact_images, compact_walk

__all__ = ["Settings", "main", "tune"]

_TAIL = ("conv4_3", "conv4_4", "conv5_1")
_BODY = tuple(name for name in compact.WIDTHS if name not in _TAIL)
_TARGET = "conv5_1"


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the recipe was run with.

    Attributes:
        pictures: mixtures of photos and paintings.
        optimisations: slow-path runs with the network as it was; each gives three pictures.
        side: of the crops, pixels.
        seconds: to descend for; the rate falls to nothing by then.
        batch: pictures per step.
        rate: of Adam at first. Measured: 3e-4 undoes the closed form within 100 steps (held-out error 0.14 to 0.46).
        gram: weight of the relative Gram error against the relative feature error.
        seed: of everything random.
    """

    pictures: int = 280
    optimisations: int = 36
    side: int = 256
    seconds: float = 600.0
    batch: int = 8
    rate: float = 2e-5
    gram: float = 1.0
    seed: int = 1


def tune(network: dict, true: dict, pictures: np.ndarray, settings: Settings) -> dict:
    """Moves the tail.

    Args:
        network: the compact network, float32.
        true: VGG-19's weights.
        pictures: ``[P, side, side, 3]`` uint8.
        settings: see there.

    Returns:
        The network with a new tail and head of conv5_1.
    """
    inputs, targets = _seen(network, true, pictures)
    logging.info("%d pictures", len(inputs))
    held_out = len(inputs) // 10
    variables = {f"{n}/{k}": tf.Variable(network[f"{n}/{k}"]) for n in _TAIL for k in ("kernel", "bias")}
    variables["head"] = tf.Variable(_head(network, inputs, targets))
    _descend(variables, inputs[held_out:], targets[held_out:], (inputs[:held_out], targets[:held_out]), settings)
    tuned = {**network, **{name: variable.numpy() for name, variable in variables.items() if name != "head"}}
    tuned[f"{_TARGET}/head"] = compact_fit.geometry(_head(tuned, inputs, targets).astype(np.float64))
    return tuned


def _seen(network: dict, true: dict, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the body gives the tail, and what VGG-19 has at the end, both float16 to save memory."""

    @tf.function
    def run(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        *_, (_, body) = compact_walk.forward(network, _BODY, image)
        *_, (_, deepest) = compact_walk.forward(true, compact.LAYERS, image)
        return tf.nn.relu(body), tf.nn.relu(deepest)

    pairs = [[each.numpy()[0].astype(np.float16) for each in run(tf.constant(p[None], tf.float32))] for p in pictures]
    inputs, targets = (np.stack(each) for each in zip(*pairs, strict=True))
    return inputs, targets


def _tail(variables: dict, maps: tf.Tensor) -> tf.Tensor:
    for name in _TAIL:
        if compact_walk.block(name) == 5:  # noqa: PLR2004 - the pooling before block 5
            maps = tf.nn.avg_pool2d(maps, 2, 2, "VALID")
        maps = tf.pad(maps, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
        maps = tf.nn.conv2d(maps, variables[f"{name}/kernel"], 1, "VALID")
        maps = tf.nn.relu(tf.nn.bias_add(maps, variables[f"{name}/bias"]))
    return maps


def _head(network: dict, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The best linear map ``[k, N]`` from the tail's output to VGG-19's, float32."""
    run = tf.function(lambda maps: _tail(network, maps))
    outputs = [run(tf.constant(inputs[i : i + 8], tf.float32)).numpy() for i in range(0, len(inputs), 8)]
    flat = np.concatenate(outputs).reshape(-1, outputs[0].shape[-1])
    ridge = compact.Settings().ridge
    return compact_fit.fit_head(flat, targets.reshape(len(flat), -1).astype(np.float32), ridge).astype(np.float32)


def _descend(variables: dict, inputs: np.ndarray, targets: np.ndarray, check: tuple, settings: Settings) -> None:
    rate = tf.Variable(settings.rate)
    moments = {name: (tf.Variable(tf.zeros_like(v)), tf.Variable(tf.zeros_like(v))) for name, v in variables.items()}

    @tf.function
    def errors(maps: tf.Tensor, truth: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        guess = tf.einsum("bhwk,kn->bhwn", _tail(variables, maps), variables["head"])
        return losses.content_relative(guess, truth), losses.style_relative(
            losses.gram_matrix(guess), losses.gram_matrix(truth)
        )

    @tf.function
    def step(maps: tf.Tensor, truth: tf.Tensor, count: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            feature, gram = errors(maps, truth)
            loss = feature + settings.gram * gram
        names = list(variables)
        for name, gradient in zip(names, tape.gradient(loss, [variables[n] for n in names]), strict=True):
            mean, square = moments[name]  # Adam: Kingma and Ba 2015.
            mean.assign(0.9 * mean + 0.1 * gradient)
            square.assign(0.99 * square + 0.01 * gradient**2)
            corrected = mean / (1 - 0.9**count) / (tf.sqrt(square / (1 - 0.99**count)) + 1e-8)
            variables[name].assign_sub(rate * corrected)

    random, begun, count = np.random.default_rng(settings.seed), time.monotonic(), 0
    while (share := (time.monotonic() - begun) / settings.seconds) < 1:
        if count % 100 == 0:
            found = [errors(*(tf.constant(e[i : i + 8], tf.float32) for e in check)) for i in range(0, len(check[0]), 8)]
            mean = np.mean(np.array(found), axis=0)
            logging.info("step %d: held-out feature error %.4f, Gram error %.4f", count, *mean)
        rate.assign(settings.rate * 0.5 * (1 + np.cos(np.pi * share)))
        chosen = random.choice(len(inputs), settings.batch, replace=False)
        maps, truth = (tf.constant(each[chosen], tf.float32) for each in (inputs, targets))
        count += 1
        step(maps, truth, tf.constant(float(count)))


def main() -> None:
    """Reads the arguments, tunes, writes the file in place."""
    parser = argparse.ArgumentParser(prog="python -m train.compact_tune", description=(__doc__ or "").splitlines()[0])
    for name, text in (("photos", "folder of photographs"), ("paintings", "folder of paintings"), ("vgg19", "weights")):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True, help=text)
    parser.add_argument("--network", type=pathlib.Path, default=pathlib.Path("tfstyle/assets/compact.npz"))
    parser.add_argument("-o", "--output", type=pathlib.Path, help="default: in place")
    for field in dataclasses.fields(Settings):
        parser.add_argument(f"--{field.name}", type=type(field.default), default=field.default)
    options = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if runtime.fast_bfloat16():
        tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    photos, paintings, vgg19, file = (options.pop(n) for n in ("photos", "paintings", "vgg19", "network"))
    output = options.pop("output") or file
    settings = Settings(**options)
    network, true = weights.load("compact", file), weights.load("vgg19", vgg19, compact.LAYERS)
    random, side = np.random.default_rng(settings.seed), settings.side
    sources = (
        compact_images.Crops(compact_images.listed(photos), side, (side, side)),
        compact_images.Crops(compact_images.listed(paintings), side, (side, 3 * side)),
    )
    visited = compact_images.optimised(
        lambda image: compact_walk.heads(network, tuple(compact.WIDTHS), image), *sources, settings.optimisations, random
    )
    pictures = np.concatenate([compact_images.mixtures(*sources, settings.pictures, random), visited])
    np.savez(output, **compact.packed(tune(network, true, random.permutation(pictures), settings)))


if __name__ == "__main__":
    main()
