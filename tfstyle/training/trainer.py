"""A Keras model that trains a transformation network with the slow path's loss (Johnson 2016, section 3)."""

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
_SMOOTH = 4  # Colors along a side of a smooth picture: it has a few soft clouds, as a sky does.
_NOISE = 2.0  # Gray levels: an estimate of what stays invisible.


@dataclasses.dataclass(frozen=True)
class Target:
    """The loss that a transformation network is trained with.

    A plain object: in a Keras model, the loss network's variables would become the trainer's and be stored with every
    checkpoint.

    Attributes:
        model: the loss network, from `features.build`.
        objective: layers and weights.
        grams: Gram matrices of the painting by style layer, ``[C, C]``.
        grid: weight of the grid loss (`losses.grid`); the slow path has no upsampling and needs none.
        border: weight of the border-consistency loss.
        stability: weight of the stability loss.
        weave: weight of the weave loss (`losses.weave`).
    """

    model: keras.Model
    objective: perceptual.Objective
    grams: Mapping[str, Any]
    grid: float = 0.0
    border: float = 0.0
    stability: float = 0.0
    weave: float = 0.0


class StyleTrainer(keras.Model):
    """Trains a transformation network with the perceptual loss; batches are photos without labels.

    Batches are ``[B, H, W, 3]``, 0..255. Metrics are the weighted ``content``, ``style``, ``variation`` and ``grid``
    losses, and ``border``, ``stability`` and ``weave`` where they have a weight.

    Args:
        network: from `networks.build`.
        target: the loss.
    """

    def __init__(self, network: keras.Model, target: Target) -> None:
        super().__init__(name=f"{network.name}_trainer")
        self.network, self.target = network, target
        optional = [kind for kind in ("border", "stability", "weave") if getattr(target, kind)]
        self._means = [keras.metrics.Mean(name=kind) for kind in (*_KINDS, *optional)]

    def call(self, inputs: Tensor) -> Tensor:
        """Stylizes ``[B, H, W, 3]``, 0..255, to the same shape and range."""
        return self.network(inputs)

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Computes the loss of stylized pictures.

        Args:
            x: the photos ``[B, H, W, 3]``, 0..255.
            y: any shape, not used.
            y_pred: the stylized photos ``[B, H, W, 3]``.
            sample_weight: any shape, not used.
            training: not used.

        Returns:
            Scalar, the mean over the batch plus the network's own losses (`layers.Restrained`), divided by the number
            of replicas, because Keras sums gradients over replicas.
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
        if target.weave:
            weighted["weave"] = target.weave * (losses.weave(y_pred) + self._weave_on_smooth(x[:1]))
        for mean in self._means:
            of_kind = [value for name, value in weighted.items() if name.startswith(mean.name)]
            mean.update_state(ops.cast(sum(of_kind), "float32"))
        return (sum(weighted.values()) + sum(self.losses)) / self._replicas()

    def _border(self, photos: Tensor, stylized: Tensor) -> Tensor:
        """Returns the change in a photo's center when the photo is cropped to it, mean square, in 0..1 units.

        A network can detect a photo's border, and long trainings paint there what a painting has only once: a horizon,
        a frame. In a larger picture that place is in the middle.
        """
        side = photos.shape[1] // 6 // networks.MULTIPLE * networks.MULTIPLE
        center = (slice(None), slice(side, -side), slice(side, -side))
        return _difference(self.network(photos[center]), stylized[center])

    def _stability(self, photos: Tensor, stylized: Tensor) -> Tensor:
        """Returns the output change under imperceptible input noise, mean square (Zheng 2016, stability training).

        Networks that amplify such noise also amplify rounding errors. The noise is the same in every step, so that a
        step depends only on its photos; one photo of a batch is enough.
        """
        noise = np.random.default_rng(0).uniform(-_NOISE, _NOISE, (1, *photos.shape[1:])).astype("float32")
        return _difference(self.network(photos + noise), stylized)

    def _weave_on_smooth(self, photos: Tensor) -> Tensor:
        """Returns the weave loss on a photo's colors without its detail, where nothing else hides a weave.

        With a camera's noise, which is the same in every step; otherwise normalization would amplify rounding errors.
        """
        side = photos.shape[1]
        coarse = ops.average_pool(photos, side // _SMOOTH, side // _SMOOTH)
        noise = np.random.default_rng(0).normal(0, 1, (1, side, side, 3)).astype("float32")
        return losses.weave(self.network(ops.image.resize(coarse, (side, side), "bicubic") + noise))

    def _replicas(self) -> int:
        strategy = getattr(self, "distribute_strategy", None)  # Only TensorFlow's backend has one.
        return strategy.num_replicas_in_sync if strategy else 1


def _difference(stylized: Tensor, reference: Tensor) -> Tensor:
    """Returns the mean square difference in 0..1 units; no gradient reaches the reference."""
    return ops.mean(ops.square(stylized - ops.stop_gradient(reference))) / 255.0**2
