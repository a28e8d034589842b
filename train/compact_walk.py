"""Fits the compact network to VGG-19 layer by layer, each layer from the compact network's own features.

Both networks run here as plain lists of layers: 3x3 convolutions with the padding of `tfstyle.features` (the image
mirrored, feature maps padded with zeros; it matters, as a fifth of the positions of conv5_1 touch the border) and
average pooling between blocks. Feature maps are too large to keep: samples are taken in the graph, and only pooled maps
are kept.
"""

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tfstyle.runtime import tf
from train import compact_fit

__all__ = ["Samples", "Walk", "block", "forward", "heads", "positions", "sample_truth", "walk"]

Arrays = dict[str, np.ndarray]

# ImageNet's mean, BGR, as Simonyan and Zisserman used it.
_MEAN = np.array([103.939, 116.779, 123.68], np.float32)
_BATCH = 8


@dataclasses.dataclass(frozen=True)
class Walk:
    """Layout of the compact network and parameters of its fit.

    Attributes:
        widths: channels by layer, shallow to deep; the network lacks all other layers.
        tapped: layers that the losses use.
        ridge: strength of the regularization.
        rounds: of rectified regression.
    """

    widths: Mapping[str, int]
    tapped: Sequence[str]
    ridge: float
    rounds: int


@dataclasses.dataclass(frozen=True)
class Samples:
    """Pictures, positions in their feature maps, and the true network's values there.

    Attributes:
        pictures: ``[n, side, side, 3]`` uint8.
        places: rows and columns ``[n, p, 2]`` by block.
        truth: pre-activations of the true network by layer, ``[n, p, N]`` float32.
    """

    pictures: np.ndarray
    places: Mapping[int, np.ndarray]
    truth: Arrays

    def first(self, count: int) -> "Samples":
        """Returns the samples of the first pictures."""
        places = {key: value[:count] for key, value in self.places.items()}
        return Samples(self.pictures[:count], places, {key: value[:count] for key, value in self.truth.items()})

    def joined(self, other: "Samples") -> "Samples":
        """Concatenates two sets of samples."""
        both = [np.concatenate([self.pictures, other.pictures])]
        places = {key: np.concatenate([value, other.places[key]]) for key, value in self.places.items()}
        truth = {key: np.concatenate([value, other.truth[key]]) for key, value in self.truth.items()}
        return Samples(both[0], places, truth)


def block(name: str) -> int:
    """Returns the block of a layer: 4 for ``conv4_2``."""
    return int(name[4])


def positions(count: int, side: int, per_block: Mapping[int, int], random: np.random.Generator) -> dict:
    """Draws positions without replacement.

    Args:
        count: number of pictures.
        side: of the pictures, pixels.
        per_block: positions per picture, by block; at most as many as its maps have.
        random: the random generator.

    Returns:
        Rows and columns ``[count, p, 2]`` int32 by block.
    """
    places = {}
    for level, wanted in per_block.items():
        edge = side >> (level - 1)
        draws = [random.permutation(edge * edge)[:wanted] for _ in range(count)]
        places[level] = np.stack(np.divmod(np.stack(draws), edge), axis=-1).astype(np.int32)
    return places


def _padded(maps: tf.Tensor) -> tf.Tensor:
    """Pads by one row and column on each side."""
    mode = "SYMMETRIC" if maps.shape[-1] == len(_MEAN) else "CONSTANT"
    return tf.pad(maps, [[0, 0], [1, 1], [1, 1], [0, 0]], mode)


def _convolve(maps: tf.Tensor, weights: Mapping[str, np.ndarray], name: str) -> tf.Tensor:
    return tf.nn.bias_add(tf.nn.conv2d(_padded(maps), weights[f"{name}/kernel"], 1, "VALID"), weights[f"{name}/bias"])


def forward(weights: Mapping[str, np.ndarray], names: Sequence[str], image: tf.Tensor) -> Iterator[tuple]:
    """Runs a network of 3x3 convolutions.

    Args:
        weights: kernels and biases.
        names: the layers in order.
        image: ``[B, H, W, 3]``, RGB 0..255.

    Yields:
        Name and pre-activations ``[B, h, w, C]`` of each layer.
    """
    maps, level = image[..., ::-1] - _MEAN, 1
    for name in names:
        if block(name) != level:
            maps, level = tf.nn.avg_pool2d(maps, 2, 2, "VALID"), block(name)
        sums = _convolve(maps, weights, name)
        yield name, sums
        maps = tf.nn.relu(sums)


def heads(weights: Mapping[str, np.ndarray], names: Sequence[str], image: tf.Tensor) -> dict[str, tf.Tensor]:
    """Computes a compact network's features at the layers that have a head, heads applied."""
    outputs = {}
    for name, sums in forward(weights, names, image):
        if f"{name}/head" in weights:
            outputs[name] = tf.linalg.matmul(tf.nn.relu(sums), weights[f"{name}/head"])
    return outputs


def sample_truth(
    weights: Arrays, names: Sequence[str], pictures: np.ndarray, places: Mapping[int, np.ndarray]
) -> Samples:
    """Runs the true network and keeps its pre-activations at the given positions."""
    levels = sorted(places)

    @tf.function
    def run(image: tf.Tensor, *where: tf.Tensor) -> list[tf.Tensor]:
        chosen = dict(zip(levels, where, strict=True))
        image = tf.cast(image, tf.float32)
        return [tf.gather_nd(sums, chosen[block(name)], 1) for name, sums in forward(weights, names, image)]

    parts = [
        run(pictures[start : start + _BATCH], *(places[level][start : start + _BATCH] for level in levels))
        for start in range(0, len(pictures), _BATCH)
    ]
    truth = {name: np.concatenate([part[index] for part in parts]) for index, name in enumerate(names)}
    return Samples(pictures, places, truth)


def walk(truth: Samples, true_weights: Arrays, setting: Walk) -> tuple[Arrays, dict[str, float]]:
    """Fits a compact network.

    Args:
        truth: samples of all layers of the true network, in order.
        true_weights: kernels and biases of the true network.
        setting: layout and parameters.

    Returns:
        Float32 weights (kernels, biases, heads of the tapped layers), and the relative mean squared error of every
        layer's best linear prediction of all true channels.
    """
    names = list(truth.truth)
    student: Arrays = {}
    mistakes: dict[str, float] = {}
    maps = (truth.pictures[..., ::-1] - _MEAN).astype(np.float16)
    before: list[str] = []
    for name in setting.widths:
        if before and block(before[-1]) != block(name):
            maps, before = _pooled(maps, student, before), []
        values = truth.truth[name].reshape(-1, truth.truth[name].shape[-1])
        chosen = _choose(np.maximum(values, 0), true_weights, names, name, setting)
        inputs = _patches(maps, student, before, truth.places[block(name)])
        solution = compact_fit.fit_rectified(inputs, values[:, chosen], setting.ridge, setting.rounds)
        student[f"{name}/kernel"] = solution[:-1].reshape(3, 3, -1, len(chosen))
        student[f"{name}/bias"] = solution[-1]
        outputs, values = np.maximum(inputs @ solution, 0), np.maximum(values, 0)
        head = compact_fit.fit_head(outputs, values, setting.ridge)
        mistakes[name] = relative_error(outputs @ head.astype(np.float32), values)
        if name in setting.tapped:
            student[f"{name}/head"] = compact_fit.geometry(head)
        own = relative_error(outputs, values[:, chosen])
        logging.info("%s: %d channels, error %.4f (own channels %.4f)", name, len(chosen), mistakes[name], own)
        before.append(name)
    return student, mistakes


def relative_error(guess: np.ndarray, truth: np.ndarray) -> float:
    """Computes the mean squared error relative to the truth's mean square."""
    return float(np.mean(np.square(guess - truth)) / np.mean(np.square(truth)))


def _choose(activations: np.ndarray, weights: Arrays, names: Sequence[str], name: str, setting: Walk) -> np.ndarray:
    index = names.index(name)
    following = weights[f"{names[index + 1]}/kernel"] if index + 1 < len(names) else None
    moment = compact_fit.second_moment(activations)
    metric = compact_fit.importance(moment, following, tapped=name in setting.tapped)
    return compact_fit.choose_channels(moment, metric, setting.widths[name])


def _through(maps: tf.Tensor, student: Arrays, names: Sequence[str]) -> tf.Tensor:
    maps = tf.cast(maps, tf.float32)
    for name in names:
        maps = tf.nn.relu(_convolve(maps, student, name))
    return maps


def _pooled(maps: np.ndarray, student: Arrays, names: Sequence[str]) -> np.ndarray:
    """Computes the maps at the start of the next block, float16."""

    @tf.function
    def run(part: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.nn.avg_pool2d(_through(part, student, names), 2, 2, "VALID"), tf.float16)

    return np.concatenate([run(maps[start : start + _BATCH]) for start in range(0, len(maps), _BATCH)])


def _patches(maps: np.ndarray, student: Arrays, names: Sequence[str], places: np.ndarray) -> np.ndarray:
    """Extracts 3x3 patches at positions after some layers, plus a constant: ``[S, 9 C + 1]`` float32."""

    @tf.function
    def run(part: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
        padded = _padded(_through(part, student, names))
        taps = [tf.gather_nd(padded, where + tf.constant((row, column)), 1) for row in range(3) for column in range(3)]
        return tf.concat([*taps, tf.ones_like(taps[0][..., :1])], axis=-1)

    parts = (
        run(maps[start : start + _BATCH], places[start : start + _BATCH]).numpy()
        for start in range(0, len(maps), _BATCH)
    )
    return np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])
