"""Layers of a SavedModel: those of training with the same weights and numbers, in fewer passes; TensorFlow only."""

import numpy as np

from tfstyle import layers
from tfstyle.runtime import tf
from tfstyle.transform import networks, upsampling

__all__ = ["FusedNorm", "FusedPhases", "FusedUpsampling", "KIT"]

# TensorFlow makes convolution, bias and rectifier one operation, but a rectifier alone waits until the phases are put
# together, and a bias of 0 is removed.
_NEXT_TO_NOTHING = 1e-30


class FusedNorm(layers.InstanceNorm):
    """Batch normalisation with the statistics of a batch of one, which is instance normalisation, in one operation."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """``[1, H, W, C]`` to the same shape."""
        options = {"epsilon": self.epsilon, "is_training": True}
        return tf.compat.v1.nn.fused_batch_norm(inputs, self.gamma, self.beta, **options)[0]


class FusedPhases(upsampling.LinearPhases):
    """Interpolates and rectifies in one operation."""

    def _rectified(self, phase: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(tf.nn.bias_add(phase, np.full(phase.shape[-1], _NEXT_TO_NOTHING, np.float32)))


class FusedUpsampling(FusedPhases, upsampling.LinearUpsampling):
    """Likewise; and the pixels find their places in the order in which memory is written.

    Pixels of two columns in turn are a row of twice the width, two such rows in turn a map of twice the height: nothing
    but concatenation, which is faster than `depth_to_space`. LiteRT cannot plan such shapes ahead.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """``[B, H + 2, W + 2, C]`` to ``[B, 2 H, 2 W, C]``."""
        phases = self._phases(inputs)
        batch, height, width, channels = tf.unstack(tf.shape(phases[0]))
        rows = [tf.concat(pair, axis=-1) for pair in (phases[:2], phases[2:])]
        rows = [tf.reshape(row, [batch, height, 2 * width, channels]) for row in rows]
        result = tf.reshape(tf.concat(rows, axis=2), [batch, 2 * height, 2 * width, channels])
        return tf.ensure_shape(result, [None, None, None, inputs.shape[-1]])


KIT = networks.Kit(FusedNorm, FusedUpsampling, FusedPhases)
"""For `networks.build`."""
