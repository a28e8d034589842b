"""An optimizer for batches of unequal difficulty: every picture of a batch has its own style."""

from typing import TypeAlias

from tfstyle.runtime import keras, ops
from tfstyle.training import muon

__all__ = ["Steady"]

Tensor: TypeAlias = keras.KerasTensor

# Gradients longer than this many times the usual length are shortened: flat photos have ones a hundred times longer.
_OUTLIER = 1.5
# Weight of the newest gradient in the usual length.
_NEWEST = 0.02


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
        rate = ops.maximum(1 / (step + 1), _NEWEST)
        change = ops.clip(length - usual, -1.0, 1.0)
        self._usual.assign(ops.where(is_finite, usual + rate * change, usual))
        steady = [ops.where(is_finite, each, ops.zeros_like(each)) * ops.cast(scale, each.dtype) for each in grads]
        super().apply(steady, trainable_variables)
