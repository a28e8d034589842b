"""Trains the network for all paintings: ``python -m train.any_painting --photos FOLDER --paintings FOLDER``.

The encoder is trained first (`any_encoder`) and then stays as it is. Photo i of a batch is painted in style i, with the
loss of the slow path. The paintings of `held_out` are left out: figures for "unseen" paintings are measured on them.
A few photos in each batch get their own style and are to come out unchanged, so that a photo's own style vector gives
the photo back.

Progress, samples and a checkpoint go to the output folder; the same command continues an interrupted training. At the
end, the network's files are written for `stylizer.any_painting`; measure the named paintings again (`vectors`).
"""

import argparse
import math
import pathlib
import time
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from tfstyle import checkpoints, features, images, losses, reports, weights
from tfstyle.runtime import keras, ops
from tfstyle.stylizer import any_painting
from tfstyle.training import data
from tfstyle.transform import conditional, conditional_export
from train import any_encoder, steady, style_crops

__all__ = ["Trainer", "loss_network", "main"]

Tensor: TypeAlias = keras.KerasTensor

# Weights of the loss: content counts 1. The root of the style loss makes faint styles count as much as strong ones.
_STYLE, _VARIATION, _GRID, _PIXELS = 4.0, 3.0, 1000.0, 10.0
# In units of this many gray levels, the mean square of pixels is about as large as a content loss.
_GRAY = 64.0
_RATE, _FINAL_RATE, _WARM_UP, _DECAY = 2.5e-3, 0.02, 300, 0.1
_CHUNK = 25
# A chunk whose style loss is this many times the best is undone, and the learning rate lowered.
_BROKEN, _LOWER = 4.0, 0.8
_SECONDS_BETWEEN_CHECKPOINTS = 300.0


class Trainer(keras.Model):
    """The network with the perceptual loss on pairs of photos and paintings.

    Args:
        network: to be trained.
        look: the loss network, without heads: `style_crops.STYLE_LAYERS` and `style_crops.CONTENT_LAYER`.
        metric: ``[C, C]`` by layer: turns products of its channels into those of VGG-19's.
    """

    def __init__(
        self, network: conditional.ConditionalNetwork, look: keras.Model, metric: Mapping[str, np.ndarray]
    ) -> None:
        super().__init__(name="any_painting_trainer")
        self.network = network
        network.encoder.trainable = False
        self._plain = (look, metric)  # A tuple keeps Keras from taking the loss network for a part of this model.
        self._means = [keras.metrics.Mean(name=name) for name in ("content", "style", "variation", "grid", "pixels")]

    def build(self, *_: tuple) -> None:
        """Does nothing: the network is built already."""
        self.built = True

    def call(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Paints a batch of `style_crops.Pairs`.

        Args:
            inputs: ``photo`` ``[B, H, W, 3]``, 0..255; ``mean_0`` ..., ``root_0`` ... of the paintings; ``same``
                ``[B]``, 1 where the photo's own style is to be used.

        Returns:
            ``[B, H, W, 3]``, 0..255.
        """
        maps = [ops.stop_gradient(each) for each in self.network.features(inputs["photo"])]
        means, roots = self.network.style_vector(maps)
        same, scales = inputs["same"], range(len(conditional.WIDTHS))
        vector = (
            [_chosen(same, means[scale], inputs[f"mean_{scale}"]) for scale in scales],
            [_chosen(same, roots[scale], inputs[f"root_{scale}"]) for scale in scales],
        )
        return self.network.paint(maps, vector)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """Computes the loss of painted photos.

        Args:
            x: a batch of `style_crops.Pairs`.
            y: not used.
            y_pred: the painted photos ``[B, H, W, 3]``, 0..255.
            sample_weight: not used.
            training: not used.

        Returns:
            Scalar.
        """
        del y, sample_weight, training
        look = self._plain[0]
        wanted, shown = look(x["photo"]), look(y_pred)
        content, style = self._content(shown, wanted), self._style(shown, x)
        same, other = x["same"], 1 - x["same"]
        pixels = ops.mean(ops.square(y_pred - x["photo"]), (1, 2, 3)) / _GRAY**2
        parts = (
            ops.mean(content),
            _STYLE * ops.mean(other * ops.sqrt(style + 1e-3)),
            _VARIATION * losses.total_variation(y_pred),
            _GRID * losses.grid(y_pred),
            _PIXELS * ops.mean(same * pixels),
        )
        share = ops.mean(other) + 1e-6
        shown_parts = (ops.mean(other * content) / share, ops.mean(other * style) / share, *parts[2:])
        for mean, value in zip(self._means, shown_parts, strict=True):
            mean.update_state(value)
        return sum(parts) + sum(self.network.losses)

    def _content(self, shown: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Tensor:
        """Computes the relative content loss ``[B]`` in VGG-19's geometry."""
        name = style_crops.CONTENT_LAYER
        target = ops.cast(wanted[name], "float32")
        return self._energy(ops.cast(shown[name], "float32") - target) / self._energy(target)

    def _energy(self, maps: Tensor) -> Tensor:
        flat = ops.reshape(maps, (-1, maps.shape[1] * maps.shape[2], maps.shape[3]))
        return ops.sum(flat * ops.matmul(flat, self._plain[1][style_crops.CONTENT_LAYER]), (1, 2))

    def _style(self, shown: Mapping[str, Tensor], x: Mapping[str, Tensor]) -> Tensor:
        """Computes the relative style loss ``[B]``, summed over layers, in VGG-19's geometry."""
        total = 0.0
        for index, (name, unit) in enumerate(style_crops.UNITS.items()):
            gram = losses.gram_matrix(ops.cast(shown[name], "float32")) / unit**2
            product = ops.matmul(self._plain[1][name], gram - ops.cast(x[name], "float32"))
            energy = ops.sum(product * ops.transpose(product, (0, 2, 1)), (1, 2))
            total = total + energy / x["energies"][:, index]
        return total


def _chosen(same: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """Returns the photo's own statistics where ``same`` ``[B]`` is 1, the painting's where it is 0."""
    share = ops.reshape(same, (-1,) + (1,) * (len(own.shape) - 1))
    return ops.stop_gradient(share * own + (1 - share) * ops.cast(other, "float32"))


def loss_network(dtype: str) -> tuple[keras.Model, dict[str, np.ndarray]]:
    """Builds compact without its heads.

    Args:
        dtype: ``float32`` or ``bfloat16``.

    Returns:
        The model, and H H^T ``[C, C]`` of the heads H by layer.
    """
    names = [*style_crops.STYLE_LAYERS, style_crops.CONTENT_LAYER]
    loaded = weights.load("compact", layers=names)
    bare = {name: value for name, value in loaded.items() if not name.endswith("/head")}
    heads = {name: loaded[f"{name}/head"].astype(np.float32) for name in names}
    return features.build("compact", names, bare, dtype=dtype), {name: head @ head.T for name, head in heads.items()}


def main() -> None:
    """Reads the command line, trains and prints progress."""
    parser = argparse.ArgumentParser(prog="python -m train.any_painting", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", required=True, help="folder of photos")
    parser.add_argument("--paintings", required=True, type=pathlib.Path, help="folder of paintings with manifest.csv")
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path("any_painting"))
    parser.add_argument("--encoder-steps", type=int, default=1500)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--crop", type=int, default=192)
    parser.add_argument("--learning-rate", type=float, default=_RATE)
    parser.add_argument(
        "--begin-with", type=pathlib.Path, help="weights file of the shipped network, to go on with its encoder"
    )
    arguments = parser.parse_args()
    keras.utils.set_random_seed(1)
    run = _Run(arguments)
    run.train()
    network = conditional.ConditionalNetwork()
    conditional.read_weights(network, conditional.weights(run.network))
    conditional_export.write(network, any_painting.NETWORK, any_painting.WEIGHTS)
    print(f"saved {any_painting.NETWORK}")


class _Run:
    """A training that can be interrupted."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments, self._result = arguments, arguments.output / "network"
        arguments.output.mkdir(exist_ok=True)
        look, metric = loss_network("bfloat16")
        self._photos = data.open_photos(arguments.photos)
        bank = style_crops.Bank.measure(arguments.paintings, look, metric)
        self.network = conditional.ConditionalNetwork("mixed_bfloat16")
        self._prepare(look, bank)
        self._bank = bank.with_vectors(self.network)
        self._trainer = Trainer(self.network, look, metric)
        optimizer = steady.Steady(arguments.learning_rate, weight_decay=_DECAY)
        self._trainer.compile(optimizer=optimizer, jit_compile=False)
        optimizer.build(self._trainer.trainable_variables)
        self._step, self._best, self._share = 0, math.inf, 1.0
        self._restore()
        self._kept = self._values()

    def _prepare(self, look: keras.Model, bank: style_crops.Bank) -> None:
        """Loads or trains the encoder."""
        file = self._arguments.output / "encoder.weights.h5"
        if self._arguments.begin_with:
            conditional.read_weights(self.network, np.load(self._arguments.begin_with))
        elif file.is_file():
            self.network.encoder.load_weights(file)
        else:
            any_encoder.train(self.network.encoder, look, self._photos, bank, self._arguments.encoder_steps)
            self.network.encoder.save_weights(file)

    def train(self) -> None:
        """Trains to the last step."""
        saved = time.monotonic()
        while self._step < self._arguments.steps:
            pairs = self._pairs()
            seen = self._fit(pairs)
            if not seen["style"] < _BROKEN * self._best:
                self._undo()
                continue
            self._step, self._best = self._step + _CHUNK, min(self._best, seen["style"])
            if time.monotonic() - saved > _SECONDS_BETWEEN_CHECKPOINTS or self._step >= self._arguments.steps:
                self._save()
                self._write_sample(pairs[0][0])
                saved = time.monotonic()

    def _pairs(self) -> style_crops.Pairs:
        steps = range(self._step, self._step + _CHUNK)
        return style_crops.Pairs(self._photos, self._bank, self._arguments.crop, self._arguments.batch, steps)

    def _fit(self, pairs: style_crops.Pairs) -> dict[str, float]:
        """Trains a few steps."""
        arguments, started = self._arguments, time.monotonic()
        decay = max(_FINAL_RATE, 0.5 * (1 + math.cos(math.pi * self._step / arguments.steps)))
        rate = self._share * arguments.learning_rate * decay * min(1, (self._step + _CHUNK) / _WARM_UP)
        self._trainer.optimizer.learning_rate = rate
        seen = self._trainer.fit(pairs, epochs=1, shuffle=False, verbose=0).history
        pace = (time.monotonic() - started) / _CHUNK
        shown = (f"{name} {values[-1]:.4g}" for name, values in seen.items())
        print(self._step + _CHUNK, *shown, f"{pace:.2f} s per step", flush=True)
        return {name: values[-1] for name, values in seen.items()}

    def _undo(self) -> None:
        """Returns to the last checkpoint, with a lower learning rate."""
        print(f"undoes the steps since {self._kept[0]}", flush=True)
        self._set(*self._kept)
        self._share *= _LOWER

    def _variables(self) -> list[keras.Variable]:
        return [*self.network.variables, *self._trainer.optimizer.variables]

    def _values(self) -> tuple[int, list[np.ndarray]]:
        return self._step, [np.array(ops.convert_to_numpy(each)) for each in self._variables()]

    def _set(self, step: int, values: list[np.ndarray]) -> None:
        self._step = step
        for variable, value in zip(self._variables(), values, strict=True):
            variable.assign(value)

    def _save(self) -> None:
        self._kept = self._values()
        state = {f"variable {index}": value for index, value in enumerate(self._kept[1])}
        checkpoints.save(self._result, {"trains": "any painting"}, {"step": np.array(self._step), **state})

    def _restore(self) -> None:
        if found := checkpoints.load(self._result):
            state = found[1]
            self._set(int(state["step"]), [state[f"variable {index}"] for index in range(len(self._variables()))])
            print(f"continues at step {self._step}")

    def _write_sample(self, pair: Mapping[str, np.ndarray]) -> None:
        painted = ops.convert_to_numpy(self._trainer(pair))
        pictures = [np.asarray(each) for couple in zip(pair["photo"], painted, strict=True) for each in couple]
        sheet = reports.contact_sheet(pictures, [""] * len(pictures), columns=4, cell=256)
        images.save_image(self._arguments.output / f"sample-{self._step:06}.png", sheet)


if __name__ == "__main__":
    main()
