"""Minimizers over the pixels of one image: bounded L-BFGS, Adam and gradient descent with momentum.

All three share one interface: `step` moves to a better `image`; `state` and `restore` save and continue a run to the
same bits. The objective returns the loss, its gradient and anything else that the caller wants to know about the
accepted point.

The operations run eagerly: they are few and large, and TensorFlow's graph rewriting for bfloat16 must not touch them.
"""

import abc
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tfstyle.runtime import tf

__all__ = ["Adam", "LBFGS", "LossFunction", "Minimizer", "SGD", "create"]

LossFunction = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor, Any]]
State = dict[str, np.ndarray]


class Minimizer(abc.ABC):
    """Common interface of the minimizers.

    Attributes:
        image: the current point, float32, any shape, within `bounds`.
        loss: the objective there.
        extras: whatever else the objective returned there.
        evaluations: number of calls of the objective so far.
        converged: no step lowers the loss any further.
    """

    def __init__(self, objective: LossFunction, start: tf.Tensor, bounds: tuple[float, float] = (0.0, 255.0)) -> None:
        self.bounds = bounds
        self.image = self._clip(tf.convert_to_tensor(start, tf.float32))
        self.evaluations = 0
        self.converged = False
        self._objective = objective
        self.loss, self._gradient, self.extras = self._evaluate(self.image)

    @abc.abstractmethod
    def step(self) -> float:
        """Does one iteration.

        Returns:
            The loss afterwards.
        """

    def state(self) -> State:
        """Everything that the next step depends on, as arrays of any shape by name."""
        counts = {"evaluations": np.array(self.evaluations), "converged": np.array(self.converged)}
        return {"image": self.image.numpy(), **counts}

    def restore(self, state: State) -> None:
        """Continues from a state.

        Args:
            state: from `state` of a minimizer with the same objective.
        """
        self.image = tf.constant(state["image"])
        self.loss, self._gradient, self.extras = self._evaluate(self.image)
        self.evaluations, self.converged = int(state["evaluations"]), bool(state["converged"])

    def _clip(self, image: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(image, *self.bounds)

    def _evaluate(self, image: tf.Tensor) -> tuple[float, tf.Tensor, Any]:
        loss, gradient, extras = self._objective(image)
        self.evaluations += 1
        return float(loss), gradient, extras


class SGD(Minimizer):
    """Gradient descent with momentum, independent of the loss's scale.

    The gradient is divided by its mean absolute value at the start, so the rate is the mean change of a pixel in the
    first step, in gray levels.

    Args:
        objective: from image to loss, gradient, extras.
        start: the first image, any shape.
        rate: gray levels.
        momentum: share of the previous step that is kept.
    """

    def __init__(self, objective: LossFunction, start: tf.Tensor, *, rate: float = 1.0, momentum: float = 0.9) -> None:
        super().__init__(objective, start)
        self._rate, self._momentum = rate, momentum
        self._unit = float(tf.reduce_mean(tf.abs(self._gradient))) or 1.0
        self._velocity = tf.zeros_like(self.image)

    def step(self) -> float:
        """Moves by the velocity, within the bounds."""
        self._velocity = self._momentum * self._velocity - self._rate / self._unit * self._gradient
        self.image = self._clip(self.image + self._velocity)
        self.loss, self._gradient, self.extras = self._evaluate(self.image)
        return self.loss

    def state(self) -> State:
        """Adds the velocity and the unit."""
        return {**super().state(), "velocity": self._velocity.numpy(), "unit": np.array(self._unit)}

    def restore(self, state: State) -> None:
        """See `Minimizer.restore`."""
        super().restore(state)
        self._velocity, self._unit = tf.constant(state["velocity"]), float(state["unit"])


class Adam(Minimizer):
    """Kingma and Ba 2015, algorithm 1, with bounds.

    Args:
        objective: from image to loss, gradient, extras.
        start: the first image, any shape.
        rate: gray levels per step; 1 to 5 are usual for images.
        decay: of the two moments; 0.99 for the second (0.999 in the paper), because runs are only a few hundred steps.
    """

    def __init__(
        self, objective: LossFunction, start: tf.Tensor, *, rate: float = 2.0, decay: tuple[float, float] = (0.9, 0.99)
    ) -> None:
        super().__init__(objective, start)
        self._rate, self._decay, self._count = rate, decay, 0
        self._mean = self._square = tf.zeros_like(self.image)

    def step(self) -> float:
        """Moves by the bias-corrected mean, divided by the root of the bias-corrected mean square."""
        first, second = self._decay
        self._count += 1
        self._mean = first * self._mean + (1 - first) * self._gradient
        self._square = second * self._square + (1 - second) * tf.square(self._gradient)
        mean = self._mean / (1 - first**self._count)
        root = tf.sqrt(self._square / (1 - second**self._count))
        self.image = self._clip(self.image - self._rate * tf.math.divide_no_nan(mean, root))
        self.loss, self._gradient, self.extras = self._evaluate(self.image)
        return self.loss

    def state(self) -> State:
        """Adds both moments and the number of steps."""
        moments = {"mean": self._mean.numpy(), "square": self._square.numpy(), "count": np.array(self._count)}
        return {**super().state(), **moments}

    def restore(self, state: State) -> None:
        """See `Minimizer.restore`."""
        super().restore(state)
        self._mean, self._square = tf.constant(state["mean"]), tf.constant(state["square"])
        self._count = int(state["count"])


class LBFGS(Minimizer):
    """Limited-memory BFGS with bounds, for losses computed in float32 or bfloat16.

    Nocedal and Wright, "Numerical Optimization" (2006), algorithm 7.4 (two loops), with the active set of projected
    Newton methods (Bertsekas 1982): pixels that the gradient pushes against their bound are held, the others move, and
    the line search follows the projected path. The two loops use inner products of the stored pairs only (Chen, Wang
    and Zhou 2014, "vector-free L-BFGS"), so that memory is read twice instead of 4 m times.

    Args:
        objective: from image to loss, gradient, extras.
        start: the first image, any shape.
        memory: number of pairs kept; takes 2 x memory float32 images.
        first_step: mean change of a pixel that the first line search tries, gray levels.
    """

    # Nocedal and Wright, section 3.1: sufficient decrease.
    _DECREASE = 1e-4
    # Smaller relative differences of the loss are rounding errors of float32 sums.
    _NOISE = 1e-6
    _TRIALS = 12

    def __init__(self, objective: LossFunction, start: tf.Tensor, *, memory: int = 20, first_step: float = 2.0) -> None:
        super().__init__(objective, start)
        self._memory, self._first_step, self._count = memory, first_step, 0
        # Rows 0..m-1: steps s; rows m..2m-1: gradient changes y.
        self._pairs = tf.Variable(tf.zeros((2 * memory, tf.size(self.image))), trainable=False)
        self._products = np.zeros((2 * memory, 2 * memory))

    def step(self) -> float:
        """Searches along the quasi-Newton direction; if that fails, drops the pairs and tries steepest descent."""
        if not self._search(self._direction()):
            self.converged = self._count == 0
            self._count = 0
            if not self.converged:
                self.converged = not self._search(self._direction())
        return self.loss

    def state(self) -> State:
        """Adds the stored pairs, their inner products and the number of pairs ever stored."""
        pairs = {"pairs": self._pairs.numpy(), "products": self._products.copy()}
        return {**super().state(), **pairs, "count": np.array(self._count)}

    def restore(self, state: State) -> None:
        """See `Minimizer.restore`."""
        super().restore(state)
        self._pairs.assign(state["pairs"])
        self._products = state["products"].copy()
        self._count = int(state["count"])

    def _free(self) -> tf.Tensor:
        """1 where a pixel may move, 0 where it is held at its bound."""
        low, high = self.bounds
        held = ((self.image <= low) & (self._gradient > 0)) | ((self.image >= high) & (self._gradient < 0))
        return tf.cast(~held, tf.float32)

    def _direction(self) -> tf.Tensor:
        """Minus the estimated inverse Hessian times the gradient, on the free pixels."""
        free = self._free()
        gradient = self._gradient * free
        if self._count == 0:
            scale = self._first_step / max(float(tf.reduce_mean(tf.abs(gradient))), 1e-30)
            return -scale * gradient
        flat = tf.reshape(gradient, (-1, 1))
        along = tf.linalg.matmul(self._pairs, flat).numpy()
        square = np.float64(tf.reduce_sum(tf.square(flat)))
        products = np.block([[self._products, along], [along.T, square]])
        weights = _two_loops(products, self._order(), self._memory).astype(np.float32)
        step = tf.linalg.matmul(weights[None, :-1], self._pairs)
        return -free * (tf.reshape(step, gradient.shape) + weights[-1] * gradient)

    def _order(self) -> list[int]:
        """Rows of the stored pairs, oldest first."""
        return [index % self._memory for index in range(max(0, self._count - self._memory), self._count)]

    def _search(self, direction: tf.Tensor) -> bool:
        """Backtracks along the projected path until the loss falls enough.

        Returns:
            Whether a better point was found; it is then the current one, and its pair is stored.
        """
        length = 1.0
        for _ in range(self._TRIALS):
            image = self._clip(self.image + length * direction)
            move = image - self.image
            slope = float(tf.reduce_sum(self._gradient * move))
            if not slope < 0:  # Not a descent direction: the stored curvature is useless.
                return False
            loss, gradient, extras = self._evaluate(image)
            low_enough = loss <= self.loss + self._DECREASE * slope + self._NOISE * abs(self.loss)
            if low_enough and math.isfinite(loss) and _is_finite(gradient):
                self._store(move, gradient - self._gradient)
                self.image, self.loss, self._gradient, self.extras = image, loss, gradient, extras
                return True
            length *= _shorten(self.loss, slope, loss)
        return False

    def _store(self, move: tf.Tensor, change: tf.Tensor) -> None:
        """Stores a pair if its curvature is clearly positive."""
        curvature = float(tf.reduce_sum(move * change))
        if curvature <= 1e-10 * float(tf.norm(move) * tf.norm(change)):
            return
        row = self._count % self._memory
        self._pairs[row].assign(tf.reshape(move, (-1,)))
        self._pairs[self._memory + row].assign(tf.reshape(change, (-1,)))
        both = tf.stack([tf.reshape(move, (-1,)), tf.reshape(change, (-1,))])
        products = tf.linalg.matmul(both, self._pairs, transpose_b=True).numpy()
        for index, line in zip((row, self._memory + row), products, strict=True):
            self._products[index, :] = self._products[:, index] = line
        self._count += 1


def _two_loops(products: np.ndarray, order: list[int], memory: int) -> np.ndarray:
    """The two loops of L-BFGS on inner products.

    Args:
        products: ``[2m + 1, 2m + 1]``, inner products of the steps, the gradient changes and the gradient.
        order: rows of the pairs to use, oldest first.
        memory: m.

    Returns:
        ``[2m + 1]``: inverse Hessian times gradient as a weighted sum of those vectors.
    """
    weights = np.zeros(2 * memory + 1)
    weights[-1] = 1.0
    usable = [row for row in order if products[row, memory + row] > 0]
    alphas = {}
    for row in reversed(usable):
        alphas[row] = products[row] @ weights / products[row, memory + row]
        weights[memory + row] -= alphas[row]
    if usable:
        newest = usable[-1]
        weights *= products[newest, memory + newest] / products[memory + newest, memory + newest]
    for row in usable:
        beta = products[memory + row] @ weights / products[row, memory + row]
        weights[row] += alphas[row] - beta
    return weights


def _is_finite(tensor: tf.Tensor) -> bool:
    return bool(tf.reduce_all(tf.math.is_finite(tensor)))


def _shorten(here: float, slope: float, there: float) -> float:
    """Factor for the next trial: minimum of the parabola through both losses, clipped to 0.1..0.5."""
    if not math.isfinite(there):
        return 0.1
    return min(0.5, max(0.1, -slope / (2 * (there - here - slope))))


def create(name: str, objective: LossFunction, start: tf.Tensor, rate: float | None = None) -> Minimizer:
    """Creates a minimizer by name.

    Args:
        name: ``lbfgs``, ``adam`` or ``sgd``.
        objective: from image to loss, gradient, extras.
        start: the first image, any shape.
        rate: step size of adam and sgd in gray levels; None for their defaults. L-BFGS chooses its own.

    Returns:
        The minimizer at the start.
    """
    if name == "lbfgs":
        return LBFGS(objective, start)
    kind = {"adam": Adam, "sgd": SGD}[name]
    return kind(objective, start, rate=rate) if rate else kind(objective, start)
