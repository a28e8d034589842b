"""Trains the encoder of the network for all paintings, before `any_painting` trains the rest with a fixed encoder.

The encoder learns features from which the loss network's can be predicted linearly. (Trained along with the rest, it
broke that training three times: its deep features died, or its fine ones lost their variance.) Then its projections are
set in closed form: to the principal components of the features within a picture, scaled to variance 1. Features that
vary about equally in all directions are what `transform.transport` is accurate on.
"""

import math
import time
from typing import Any, TypeAlias

import numpy as np

from tfstyle.runtime import keras, ops
from tfstyle.training import data
from tfstyle.transform import conditional
from train import steady, style_crops

__all__ = ["Guide", "train", "whiten"]

Tensor: TypeAlias = keras.KerasTensor

_RATE, _FINAL_RATE, _WARM_UP, _CHUNK = 1.5e-3, 0.03, 60, 20
# Crops per step: as many of photos as of paintings.
_HALF, _SIZE = 3, 160
# Batches from which the start of the linear functions, and the projections, are computed.
_MEASURED = 40
# Share of the mean variance that is added to a component's: of the faintest, only noise would be left.
_RIDGE = 3e-3


class Guide(keras.Model):
    """An encoder with linear functions that predict the loss network's features.

    Args:
        encoder: of a `conditional.ConditionalNetwork`.
        look: the loss network without heads.
    """

    def __init__(self, encoder: keras.Model, look: keras.Model) -> None:
        super().__init__(name="any_encoder_guide")
        self.encoder, self._plain = encoder, (look,)  # A tuple: the loss network is not trained.
        self.heads = [keras.layers.Dense(look.output[name].shape[-1], dtype="float32") for name in style_crops.UNITS]
        for head, raw in zip(self.heads, encoder.output["raw"], strict=True):
            head.build((None, raw.shape[-1]))
        self._means = [keras.metrics.Mean(name=name) for name in style_crops.UNITS]

    def call(self, inputs: Tensor) -> Tensor:
        """Returns the pictures ``[B, H, W, 3]``: only the loss matters."""
        return inputs

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """Computes the relative squared errors of the predictions, summed over layers.

        Args:
            x: pictures ``[B, H, W, 3]``, 0..255.
            y: not used.
            y_pred: not used.
            sample_weight: not used.
            training: not used.

        Returns:
            Scalar.
        """
        del y, y_pred, sample_weight, training
        wanted, total = self._plain[0](x), 0.0
        each = zip(self.heads, self.encoder(x)["raw"], style_crops.UNITS.items(), self._means, strict=True)
        for head, maps, (name, unit), mean in each:
            target = ops.cast(wanted[name], "float32") / unit
            error = ops.mean(ops.square(head(ops.cast(maps, "float32")) - target)) / ops.mean(ops.square(target))
            mean.update_state(error)
            total = total + error
        return total


class _Crops(keras.utils.PyDataset):
    """Batches of photo and painting crops, a pure function of the step."""

    def __init__(self, photos: data.Photos, bank: style_crops.Bank, steps: range) -> None:
        super().__init__(workers=2, max_queue_size=6)
        self._photos, self._bank, self._steps = data.Batches(photos, _SIZE, _HALF, steps, seed=21), bank, steps

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        (photos,) = self._photos[index]
        random = np.random.default_rng((31, self._steps[index]))
        crops = self._bank.crops[random.integers(len(self._bank.crops), size=_HALF)]
        top, left = random.integers(0, crops.shape[1] - _SIZE + 1, 2)
        return (np.concatenate([photos, crops[:, top : top + _SIZE, left : left + _SIZE].astype(np.float32)]),)


def train(encoder: keras.Model, look: keras.Model, photos: data.Photos, bank: style_crops.Bank, steps: int) -> None:
    """Trains an encoder and sets its projections.

    Args:
        encoder: of a `conditional.ConditionalNetwork`.
        look: the loss network without heads.
        photos: from `data.open_photos`.
        bank: the paintings.
        steps: to train.
    """
    projections = encoder.layers[-len(conditional.WIDTHS) :]
    for layer in projections:
        layer.trainable = False
    guide = Guide(encoder, look)
    guide.compile(optimizer=steady.Steady(_RATE), jit_compile=False)
    guide.optimizer.build(guide.trainable_variables)
    for step in range(0, steps, _CHUNK):
        decay = max(_FINAL_RATE, 0.5 * (1 + math.cos(math.pi * step / steps)))
        guide.optimizer.learning_rate = _RATE * decay * min(1, (step + _CHUNK) / _WARM_UP)
        started = time.monotonic()
        seen = guide.fit(_Crops(photos, bank, range(step, step + _CHUNK)), epochs=1, shuffle=False, verbose=0).history
        pace = (time.monotonic() - started) / _CHUNK
        print(step + _CHUNK, *(f"{name} {values[-1]:.3g}" for name, values in seen.items()), f"{pace:.2f} s per step")
    whiten(encoder, _Crops(photos, bank, range(steps, steps + _MEASURED)))


def whiten(encoder: keras.Model, batches: keras.utils.PyDataset) -> None:
    """Sets the projections to the whitened principal components of the features within a picture.

    Args:
        encoder: of a `conditional.ConditionalNetwork`.
        batches: of pictures ``[B, H, W, 3]``, 0..255.
    """
    moments = [_moments(encoder(batches[index][0])["raw"]) for index in range(len(batches))]
    for scale, layer in enumerate(encoder.layers[-len(conditional.WIDTHS) :]):
        mean = np.mean([each[scale][0] for each in moments], axis=0)
        covariance = np.mean([each[scale][1] for each in moments], axis=0)
        values, vectors = np.linalg.eigh(covariance)
        chosen = slice(None, -conditional.WIDTHS[scale] - 1, -1)
        values, vectors = values[chosen], vectors[:, chosen]
        projection = vectors / np.sqrt(values + _RIDGE * values.mean())
        layer.set_weights([projection[None, None].astype(np.float32), -(mean @ projection).astype(np.float32)])


def _moments(raw: list[Tensor]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Computes the mean ``[C]`` and the mean covariance within a picture ``[C, C]``, by scale."""
    found = []
    for maps in raw:
        flat = ops.convert_to_numpy(ops.cast(maps, "float32")).astype(np.float64)
        flat = flat.reshape(len(flat), -1, flat.shape[-1])
        centered = flat - flat.mean(1, keepdims=True)
        found.append((flat.mean((0, 1)), np.einsum("bnc,bnd->cd", centered, centered) / flat[..., 0].size))
    return found
