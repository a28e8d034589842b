"""Training of a transformation network: Keras' own `fit`, with the slow path's loss (Johnson 2016, section 3)."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from tfstyle import losses, perceptual
from tfstyle.runtime import keras, ops
from tfstyle.transform import networks

__all__ = ["StyleTrainer", "Target"]

Tensor: TypeAlias = keras.KerasTensor

_KINDS = ("content", "style", "variation", "grid")
_NOISE = 2.0  # Grey levels; a guess: what nobody sees.


@dataclasses.dataclass(frozen=True)
class Target:
    """What a transformation network is trained towards.

    A plain object: Keras would take the loss network's variables for the trainer's and store them with every
    checkpoint.

    Attributes:
        model: the loss network, from `features.build`.
        objective: layers and weights.
        grams: Gram matrices of the painting by style layer, ``[C, C]``.
        grid: weight of `losses.grid`; the slow path has no upsampling that could leave one.
        border: weight of the difference between a picture's middle and what is painted of the photo's middle alone.
        stability: weight of the difference that noise in a photo makes to its picture.
    """

    model: keras.Model
    objective: perceptual.Objective
    grams: Mapping[str, Any]
    grid: float = 0.0
    border: float = 0.0
    stability: float = 0.0


class StyleTrainer(keras.Model):
    """A transformation network with the perceptual loss in place of labels; everything else is `keras.Model`.

    Batches are photos ``[B, H, W, 3]``, 0..255, alone. Metrics: the weighted ``content``, ``style``,
    ``variation``, ``grid`` and, if they count, ``border`` and ``stability``.

    Args:
        network: from `networks.build`.
        target: what for.
    """

    def __init__(self, network: keras.Model, target: Target) -> None:
        super().__init__(name=f"{network.name}_trainer")
        self.network, self.target = network, target
        asked = [kind for kind in ("border", "stability") if getattr(target, kind)]
        self._parts = [keras.metrics.Mean(name=kind) for kind in (*_KINDS, *asked)]

    def call(self, inputs: Tensor) -> Tensor:
        """Paints ``[B, H, W, 3]``, 0..255, to the same shape and range."""
        return self.network(inputs)

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """The loss of painted pictures.

        Args:
            x: the photos ``[B, H, W, 3]``, 0..255.
            y: any shape, not used.
            y_pred: what the network made of them, ``[B, H, W, 3]``.
            sample_weight: any shape, not used.
            training: not used.

        Returns:
            Scalar, the batch's mean, with the network's own losses (`layers.Restrained`); divided by the number of
            replicas, over which Keras adds gradients up.
        """
        del y, sample_weight, training
        target = self.target
        content = perceptual.content_targets(target.model, x, list(target.objective.content))
        loss = perceptual.PerceptualLoss(target.model, target.objective, content, target.grams)
        terms = loss.terms(y_pred)
        weighted = {name: target.objective.weight(name) * value for name, value in terms.items()}
        weighted["grid"] = target.grid * losses.grid(y_pred)
        if target.border:
            weighted["border"] = target.border * self._border(x, y_pred)
        if target.stability:
            weighted["stability"] = target.stability * self._stability(x[:1], y_pred[:1])
        for part in self._parts:
            of_kind = [value for name, value in weighted.items() if name.startswith(part.name)]
            part.update_state(ops.cast(sum(of_kind), "float32"))
        return (sum(weighted.values()) + sum(self.losses)) / self._replicas()

    def _border(self, photos: Tensor, painted: Tensor) -> Tensor:
        """How else the photos' middles are painted where they end there, mean square, in 0..1 units.

        A network can tell where a photo ends, and long trainings put there what a painting has only once: a horizon, a
        frame. In a larger picture that place is in the middle.
        """
        side = photos.shape[1] // 6 // networks.MULTIPLE * networks.MULTIPLE
        middle = (slice(None), slice(side, -side), slice(side, -side))
        return _difference(self.network(photos[middle]), painted[middle])

    def _stability(self, photos: Tensor, painted: Tensor) -> Tensor:
        """What noise in the photos, too little to be seen, changes of their pictures (Zheng 2016, stability training).

        The pictures of networks that make much of it change with the last bits of the arithmetic, too. The noise is the
        same in every step, which so remains a function of its photos; one photo of a batch is enough.
        """
        noise = np.random.default_rng(0).uniform(-_NOISE, _NOISE, (1, *photos.shape[1:])).astype("float32")
        return _difference(self.network(photos + noise), painted)

    def _replicas(self) -> int:
        strategy = getattr(self, "distribute_strategy", None)  # TensorFlow's backend has one, others divide themselves.
        return strategy.num_replicas_in_sync if strategy else 1


def _difference(painted: Tensor, wanted: Tensor) -> Tensor:
    """Mean square, in 0..1 units; what is wanted is taken as it is."""
    return ops.mean(ops.square(painted - ops.stop_gradient(wanted))) / 255.0**2
