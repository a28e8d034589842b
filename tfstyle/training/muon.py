"""The optimizer that trains transformation networks: Muon for convolutions, Adam for everything else; keras.ops only.

Keras' own Muon leaves convolutions to Adam. Measured on realtime with compact as the loss network (300 steps of four
crops, mean loss of the last 50): Adam 3.38 at a learning rate of 3e-3 and 3.22 at 6e-3, Muon 3.03 and 2.98, in the same
time per step.
"""

from typing import Any, TypeAlias

from tfstyle.runtime import keras, ops

__all__ = ["Muon"]

Tensor: TypeAlias = keras.KerasTensor

# Jordan et al. 2024: coefficients of the quintic iteration that brings every singular value close to 1, and its count.
_QUINTIC, _ITERATIONS = (3.4445, -4.7750, 2.0315), 5
_MOMENTUM = 0.95
# An orthogonal matrix has entries of root mean square 1 / sqrt(longer side). Scaled by the root of that side, all
# entries move by about this share of the learning rate. Measured with 0.6: better than Adam; no other value was tried.
_SHARE = 0.6
# Adam: Kingma and Ba 2015, algorithm 1, with a shorter memory of squares than theirs (0.999), as trainings are short.
_MEAN_DECAY, _SQUARE_DECAY, _EPSILON = 0.9, 0.99, 1e-8
# Kernels with fewer output channels, and depthwise ones, are too thin to orthogonalize.
_MIN_CHANNELS = 4


class Muon(keras.optimizers.Optimizer):
    """Orthogonalized momentum (Jordan et al. 2024) for convolution kernels; Adam for all other weights.

    A kernel ``[h, w, I, O]`` is treated as a matrix ``[h w I, O]``. Its step keeps the momentum's singular vectors but
    has singular values close to 1, so all directions are learned at once, not the steepest first. Adam trains depthwise
    kernels, normalization weights, biases and the convolution to RGB.

    Args:
        learning_rate: a number or a schedule, for both methods.
    """

    def __init__(self, learning_rate: Any = 6e-3, name: str = "muon", **keywords: Any) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **keywords)

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates the momentum of every variable and Adam's mean squares."""
        if self.built:
            return
        super().build(variables)
        self._means = [self.add_variable_from_reference(each, name="mean") for each in variables]
        self._squares = [
            None if _is_matrix(each) else self.add_variable_from_reference(each, name="square") for each in variables
        ]

    def update_step(self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """Updates one variable.

        Args:
            gradient: any shape, that of the variable.
            variable: any shape.
            learning_rate: scalar.
        """
        index = self._get_variable_index(variable)
        mean, square = self._means[index], self._squares[index]
        step = self._orthogonal(gradient, mean) if square is None else self._adam(gradient, mean, square)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * step)

    def _orthogonal(self, gradient: Tensor, mean: keras.Variable) -> Tensor:
        self.assign(mean, _MOMENTUM * mean + (1 - _MOMENTUM) * gradient)
        ahead = _MOMENTUM * mean + (1 - _MOMENTUM) * gradient  # Nesterov momentum.
        matrix = ops.reshape(ahead, (-1, gradient.shape[-1]))
        scale = _SHARE * max(matrix.shape) ** 0.5
        return ops.reshape(scale * orthogonalized(matrix), gradient.shape)

    def _adam(self, gradient: Tensor, mean: keras.Variable, square: keras.Variable) -> Tensor:
        self.assign(mean, _MEAN_DECAY * mean + (1 - _MEAN_DECAY) * gradient)
        self.assign(square, _SQUARE_DECAY * square + (1 - _SQUARE_DECAY) * ops.square(gradient))
        steps = ops.cast(self.iterations + 1, gradient.dtype)
        unbiased_mean = mean / (1 - ops.power(_MEAN_DECAY, steps))
        unbiased_square = square / (1 - ops.power(_SQUARE_DECAY, steps))
        return unbiased_mean / (ops.sqrt(unbiased_square) + _EPSILON)


def orthogonalized(matrix: Tensor) -> Tensor:
    """Returns a matrix with the same singular vectors, and singular values of 0.68 to 1.21.

    Singular values below 0.0015 of the matrix's norm come out smaller, at about 485 times that share.

    Args:
        matrix: ``[M, N]``.

    Returns:
        ``[M, N]``.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix) if tall else matrix
    x = x / (ops.norm(x) + 1e-12)
    first, third, fifth = _QUINTIC
    for _ in range(_ITERATIONS):
        square = ops.matmul(x, ops.transpose(x))
        x = first * x + ops.matmul(third * square + fifth * ops.matmul(square, square), x)
    return ops.transpose(x) if tall else x


def _is_matrix(variable: keras.Variable) -> bool:
    return variable.name == "kernel" and len(variable.shape) == 4 and variable.shape[-1] >= _MIN_CHANNELS
