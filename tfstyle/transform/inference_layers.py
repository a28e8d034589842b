"""Faster layers for a SavedModel: the same weights and results as in training, in fewer passes; TensorFlow only."""

import numpy as np

from tfstyle import layers
from tfstyle.runtime import tf
from tfstyle.transform import networks, upsampling

__all__ = ["FusedNorm", "FusedPhases", "FusedUpsampling", "LAYER_CLASSES"]

# TensorFlow fuses convolution, bias and ReLU into one operation, but not convolution and ReLU alone, and its optimizer
# removes a bias of zero. A bias this small changes no result.
_TINY_BIAS = 1e-30


class FusedNorm(layers.InstanceNorm):
    """Instance normalization as one operation: batch normalization with the statistics of a batch of one."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Normalizes ``[1, H, W, C]`` to the same shape."""
        options = {"epsilon": self.epsilon, "is_training": True}
        return tf.compat.v1.nn.fused_batch_norm(inputs, self.gamma, self.beta, **options)[0]


class FusedPhases(upsampling.LinearPhases):
    """Interpolation and ReLU as one operation."""

    def _rectified(self, phase: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(tf.nn.bias_add(phase, np.full(phase.shape[-1], _TINY_BIAS, np.float32)))


class FusedUpsampling(FusedPhases, upsampling.LinearUpsampling):
    """Interpolation and ReLU as one operation, followed by concatenations instead of `depth_to_space`.

    Interleaving two maps' columns makes rows of twice the width; interleaving two such rows makes a map of twice the
    height. Both are concatenations of adjacent memory and faster than `depth_to_space`. LiteRT cannot plan memory for
    the shapes involved, so its file keeps `depth_to_space`.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Upsamples ``[B, H + 2, W + 2, C]`` to ``[B, 2 H, 2 W, C]``."""
        phases = self._phases(inputs)
        batch, height, width, channels = tf.unstack(tf.shape(phases[0]))
        rows = [tf.concat(pair, axis=-1) for pair in (phases[:2], phases[2:])]
        rows = [tf.reshape(row, [batch, height, 2 * width, channels]) for row in rows]
        result = tf.reshape(tf.concat(rows, axis=2), [batch, 2 * height, 2 * width, channels])
        return tf.ensure_shape(result, [None, None, None, inputs.shape[-1]])


LAYER_CLASSES = networks.LayerClasses(FusedNorm, FusedUpsampling, FusedPhases)
"""For `networks.build`."""
