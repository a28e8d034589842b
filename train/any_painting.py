"""Trains the network for all paintings: ``python -m train.any_painting --photos FOLDER --paintings FOLDER``.

Photo i of a batch is painted in style i, with the loss of the slow path. The paintings of `held_out` are left out: all
figures for "unseen" paintings are measured on them. A few photos in each batch get their own style and are to come out
unchanged, so that a photo's own style vector gives the photo back.

Progress, samples and a checkpoint go to the output folder; the same command continues an interrupted training. At the
end, the network's files are written for `stylizer.any_painting`.
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
from tfstyle.training import data, muon
from tfstyle.transform import conditional, conditional_export
from train import style_crops

__all__ = ["Steady", "Trainer", "loss_network", "main"]

Tensor: TypeAlias = keras.KerasTensor

# Weights of the loss: content counts 1. The root of the style loss makes faint styles count as much as strong ones.
_STYLE, _VARIATION, _GRID, _PIXELS = 4.0, 3.0, 1000.0, 10.0
# In units of this many gray levels, the mean square of pixels is about as large as a content loss.
_GRAY = 64.0
# The encoder first learns to predict the loss network's features: its weight falls to 0 in so many steps.
_GUIDE, _GUIDED_STEPS = 1.0, 1000
# Gradients longer than this many times the usual length are shortened: flat photos have ones a hundred times longer.
_OUTLIER = 1.5
# Measured: 4e-3 and more break the training, 2.5e-3 does not.
_RATE, _FINAL_RATE, _WARM_UP = 2e-3, 0.02, 300
_CHUNK = 25
_SECONDS_BETWEEN_CHECKPOINTS = 300.0


class Steady(muon.Muon):
    """Muon that shortens outlying gradients and leaves out broken ones.

    A step of Muon is as long as the learning rate says, whatever the gradient's length; so one outlier would decide the
    direction of many steps.
    """

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates Muon's variables and the usual length of the gradient."""
        if self.built:
            return
        super().build(variables)
        self._usual = keras.Variable(0.0, trainable=False, name="usual_log_norm")
        self._track_variable(self._usual)

    def apply(self, grads: list[Tensor], trainable_variables: list[keras.Variable] | None = None) -> None:
        """Updates all variables.

        Args:
            grads: of any shapes.
            trainable_variables: see Keras.
        """
        norm = ops.sqrt(sum(ops.sum(ops.square(ops.cast(each, "float32"))) for each in grads))
        is_finite, step = ops.isfinite(norm), ops.cast(self.iterations, "float32")
        length = ops.log(ops.where(is_finite, norm, 1.0) + 1e-12)
        usual = ops.where(step < 1, length, ops.cast(self._usual, "float32"))
        scale = ops.where(is_finite, ops.minimum(1.0, _OUTLIER * ops.exp(usual - length)), 0.0)
        rate = ops.maximum(1 / (step + 1), 0.02)
        change = ops.clip(length - usual, -1.0, 1.0)
        self._usual.assign(ops.where(is_finite, usual + rate * change, usual))
        steady = [ops.where(is_finite, each, ops.zeros_like(each)) * ops.cast(scale, each.dtype) for each in grads]
        super().apply(steady, trainable_variables)


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
        self._plain = (look, metric)  # A tuple keeps Keras from taking the loss network for a part of this model.
        self.guides = [
            keras.layers.Dense(look.output[name].shape[-1], dtype="float32") for name in style_crops.STYLE_LAYERS
        ]
        for guide, raw in zip(self.guides, network.encoder.output["raw"], strict=True):
            guide.build((None, raw.shape[-1]))
        self.guidance = keras.Variable(0.0, trainable=False, name="guidance")
        names = ("content", "style", "variation", "grid", "guide", "pixels")
        self._means = [keras.metrics.Mean(name=name) for name in names]

    def call(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Paints ``photo`` like ``painting``; both ``[B, H, W, 3]``, 0..255."""
        return self.network(inputs["photo"], inputs["painting"])

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """Computes the loss of painted photos.

        Args:
            x: a batch of `style_crops.Pairs`.
            y: not used.
            y_pred: not used.
            sample_weight: not used.
            training: not used.

        Returns:
            Scalar.
        """
        del y, y_pred, sample_weight, training
        look, network = self._plain[0], self.network
        seen = network.encoder(x["photo"])
        painted = network.paint(seen["features"], network.style_vector(network.features(x["painting"])))
        wanted, shown = look(x["photo"]), look(painted)
        content, style = self._content(shown, wanted), self._style(shown, x)
        same, other = x["same"], 1 - x["same"]
        pixels = ops.mean(ops.square(painted - x["photo"]), (1, 2, 3)) / _GRAY**2
        parts = (
            ops.mean(content),
            _STYLE * ops.mean(other * ops.sqrt(style + 1e-3)),
            _VARIATION * losses.total_variation(painted),
            _GRID * losses.grid(painted),
            self.guidance * self._guide(seen["raw"], wanted),
            _PIXELS * ops.mean(same * pixels),
        )
        share = ops.mean(other) + 1e-6
        shown_parts = (ops.mean(other * content) / share, ops.mean(other * style) / share, *parts[2:])
        for mean, value in zip(self._means, shown_parts, strict=True):
            mean.update_state(value)
        return sum(parts) + sum(network.losses)

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

    def _guide(self, raw: list[Tensor], wanted: Mapping[str, Tensor]) -> Tensor:
        """Computes how badly linear functions of the encoder's features predict the loss network's."""
        total = 0.0
        for guide, maps, (name, unit) in zip(self.guides, raw, style_crops.UNITS.items(), strict=True):
            target = ops.cast(wanted[name], "float32") / unit
            error = guide(ops.cast(maps, "float32")) - target
            total = total + ops.mean(ops.square(error)) / ops.mean(ops.square(target))
        return total


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
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--crop", type=int, default=192)
    parser.add_argument("--learning-rate", type=float, default=_RATE)
    parser.add_argument("--begin-with", type=pathlib.Path, help="weights file of the shipped network, to go on from it")
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
        self.network = conditional.ConditionalNetwork("mixed_bfloat16")
        if arguments.begin_with:
            conditional.read_weights(self.network, np.load(arguments.begin_with))
        self._trainer = Trainer(self.network, look, metric)
        self._trainer.compile(optimizer=Steady(arguments.learning_rate), jit_compile=False)
        self._trainer.optimizer.build(self._trainer.trainable_variables)
        self._bank = style_crops.Bank.measure(arguments.paintings, look, metric)
        self._photos = data.open_photos(arguments.photos)
        self._step = 0
        self._restore()

    def train(self) -> None:
        """Trains to the last step."""
        saved = time.monotonic()
        while self._step < self._arguments.steps:
            started = time.monotonic()
            pairs = self._fit()
            print(f"{(time.monotonic() - started) / _CHUNK:.2f} s per step", flush=True)
            if time.monotonic() - saved > _SECONDS_BETWEEN_CHECKPOINTS or self._step >= self._arguments.steps:
                self._save()
                self._write_sample(pairs[0][0])
                saved = time.monotonic()

    def _fit(self) -> style_crops.Pairs:
        """Trains a few steps."""
        arguments, step = self._arguments, self._step
        decay = max(_FINAL_RATE, 0.5 * (1 + math.cos(math.pi * step / arguments.steps)))
        self._trainer.optimizer.learning_rate = arguments.learning_rate * min(1, (step + _CHUNK) / _WARM_UP) * decay
        guided = 0 if arguments.begin_with else _GUIDED_STEPS
        self._trainer.guidance.assign(_GUIDE * max(0.0, 1 - step / guided) if guided else 0.0)
        pairs = style_crops.Pairs(self._photos, self._bank, arguments.crop, arguments.batch, range(step, step + _CHUNK))
        seen = self._trainer.fit(pairs, epochs=1, shuffle=False, verbose=0).history
        self._step += _CHUNK
        print(self._step, *(f"{name} {values[-1]:.4g}" for name, values in seen.items()), end=" ")
        return pairs

    def _variables(self) -> list[keras.Variable]:
        guides = [each for guide in self._trainer.guides for each in guide.variables]
        return [*self.network.variables, *guides, *self._trainer.optimizer.variables]

    def _save(self) -> None:
        state = {f"variable {index}": np.asarray(each) for index, each in enumerate(self._variables())}
        checkpoints.save(self._result, {"trains": "any painting"}, {"step": np.array(self._step), **state})

    def _restore(self) -> None:
        if found := checkpoints.load(self._result):
            for index, variable in enumerate(self._variables()):
                variable.assign(found[1][f"variable {index}"])
            self._step = int(found[1]["step"])
            print(f"continues at step {self._step}")

    def _write_sample(self, pair: Mapping[str, np.ndarray]) -> None:
        painted = ops.convert_to_numpy(self._trainer(pair))
        each = zip(pair["photo"], pair["painting"], painted, strict=True)
        pictures = [np.asarray(picture) for row in each for picture in row]
        sheet = reports.contact_sheet(pictures, [""] * len(pictures), columns=6, cell=256)
        images.save_image(self._arguments.output / f"sample-{self._step:06}.png", sheet)


if __name__ == "__main__":
    main()
