"""Optimal transport of features, the step by which `conditional` networks take on a style; keras.ops only, exportable.

A painting's features are described by their mean and covariance. The map that moves a photo's features to them, with
the least change in the mean square, is linear: optimal transport between two Gaussians (Lu et al. 2019, "A Closed-form
Solution to Universal Style Transfer", equation 8). It generalizes AdaIN (Huang and Belongie 2017), which knows
variances only, and changes content less than whitening and coloring (Li et al. 2017).
"""

from typing import TypeAlias

from tfstyle import stylebook
from tfstyle.runtime import keras, ops

__all__ = ["Transport", "moments", "square_roots", "with_ridge"]

Tensor: TypeAlias = keras.KerasTensor

_TINY = 1e-8


def moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Computes mean and covariance of the channels over all positions, in float32.

    Args:
        maps: ``[B, H, W, C]``.

    Returns:
        ``[B, C]`` and ``[B, C, C]``.
    """
    flat = _positions(maps)
    mean = ops.mean(flat, axis=1, keepdims=True)
    centered = flat - mean
    count = ops.cast(ops.shape(flat)[1], "float32")
    return mean[:, 0], ops.matmul(ops.transpose(centered, (0, 2, 1)), centered) / count


def _positions(maps: Tensor) -> Tensor:
    _, height, width, channels = ops.shape(maps)
    return ops.cast(ops.reshape(maps, (-1, height * width, channels)), "float32")


def with_ridge(matrix: Tensor, share: float = stylebook.RIDGE) -> Tensor:
    """Adds a share of the mean diagonal element to the diagonal of ``[B, C, C]``."""
    size = matrix.shape[-1]
    ridge = share * ops.trace(matrix, axis1=-2, axis2=-1) / size + _TINY
    return matrix + ridge[:, None, None] * ops.eye(size)


def square_roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Computes square roots of matrices and their inverses by matrix products alone.

    Coupled Newton-Schulz iteration (Higham 2008, "Functions of Matrices", equation 6.35).

    Args:
        matrix: ``[B, C, C]``, float32, symmetric and positive definite.

    Returns:
        The roots and the inverse roots, both ``[B, C, C]``.
    """
    norm = ops.sqrt(ops.sum(ops.square(matrix), axis=(1, 2), keepdims=True))
    identity = ops.eye(matrix.shape[-1])
    root, inverse = matrix / norm, identity + 0 * matrix
    for _ in range(stylebook.ITERATIONS):
        step = 1.5 * identity - 0.5 * ops.matmul(inverse, root)
        root, inverse = ops.matmul(root, step), ops.matmul(step, inverse)
    return root * ops.sqrt(norm), inverse / ops.sqrt(norm)


class Transport(keras.layers.Layer):
    """Moves feature maps to a given mean and covariance by the optimal-transport map between Gaussians.

    The map is x -> A (x - m) + n with A = R (R C R)^(-1/2) R, where m and C are the mean and covariance of x, n is the
    mean wanted and R the square root of the covariance wanted. Statistics and roots are float32 whatever format the
    network uses.
    """

    def call(self, inputs: Tensor, mean: Tensor, root: Tensor) -> Tensor:
        """Transports ``[B, H, W, C]`` to the mean ``[B, C]`` and the covariance root ``[B, C, C]``."""
        own_mean, covariance = moments(inputs)
        product = ops.matmul(root, ops.matmul(with_ridge(covariance), root))
        matrix = ops.matmul(root, ops.matmul(square_roots(with_ridge(product, stylebook.SMALL_RIDGE))[1], root))
        limit = stylebook.LARGEST_DEVIATION * ops.sqrt(ops.sum(ops.square(root), axis=-1))[:, None]
        moved = ops.clip(ops.matmul(_positions(inputs) - own_mean[:, None], matrix), -limit, limit) + mean[:, None]
        _, height, width, channels = ops.shape(inputs)
        return ops.cast(ops.reshape(moved, (-1, height, width, channels)), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple, *_: tuple) -> tuple:
        """Returns the maps' shape; JAX cannot infer it for unknown sides."""
        return input_shape
