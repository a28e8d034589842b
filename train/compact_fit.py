"""The linear algebra behind the compact loss network; NumPy only.

Notation: S samples (positions in feature maps), N channels of the true network, k of the compact one.
"""

import numpy as np

__all__ = ["choose_channels", "fit_head", "fit_rectified", "geometry", "importance", "quantize", "second_moment"]

# Rows per partial product: float32 products and float64 sums without much extra memory.
_ROWS = 16384
# Avoids division by zero for channels that are already explained; relative to the mean second moment.
_TINY = 1e-6


def second_moment(left: np.ndarray, right: np.ndarray | None = None) -> np.ndarray:
    """Sums outer products over samples.

    Args:
        left: ``[S, a]`` float32.
        right: ``[S, b]`` float32; None stands for `left`.

    Returns:
        ``left.T @ right``, ``[a, b]`` float64.
    """
    right = left if right is None else right
    starts = range(0, len(left), _ROWS)
    parts = (left[start : start + _ROWS].T @ right[start : start + _ROWS] for start in starts)
    return sum(part.astype(np.float64) for part in parts) + np.zeros((left.shape[1], right.shape[1]))


def importance(moment: np.ndarray, following: np.ndarray | None, *, tapped: bool) -> np.ndarray:
    """Computes the cost of errors in a layer's channels, for the layer itself and for the next one.

    Args:
        moment: ``[N, N]`` of the true activations.
        following: kernel of the next true layer ``[3, 3, N, M]``; None for the last.
        tapped: whether the loss uses the layer itself.

    Returns:
        A positive semidefinite metric ``[N, N]``; each part is relative to its own energy.
    """
    metric = np.zeros_like(moment)
    if tapped or following is None:
        metric += np.eye(len(moment)) / np.trace(moment)
    if following is not None:
        taps = following.astype(np.float64).reshape(-1, *following.shape[2:])
        spread = sum(tap @ tap.T for tap in taps)
        metric += spread / np.trace(moment @ spread)
    return metric


def choose_channels(moment: np.ndarray, metric: np.ndarray, count: int) -> np.ndarray:
    """Selects channels greedily so that their span explains all channels best, in a metric.

    Like column-pivoted QR of the activations, but by the total error instead of the largest remaining column.

    Args:
        moment: ``[N, N]`` second moment of all channels.
        metric: ``[N, N]`` from `importance`.
        count: how many to select.

    Returns:
        Sorted indices ``[count]``.
    """
    left = moment.astype(np.float64)
    cost = metric @ left
    tiny = _TINY * np.trace(left) / len(left)
    chosen: list[int] = []
    for _ in range(count):
        gain = np.einsum("ij,ij->j", left, cost) / np.maximum(np.diag(left), tiny)
        gain[chosen] = -np.inf
        best = int(np.argmax(gain))
        chosen.append(best)
        step = left[best] / max(left[best, best], tiny)
        cost -= np.outer(cost[:, best], step)
        left -= np.outer(left[:, best], step)
    return np.sort(chosen)


def fit_rectified(inputs: np.ndarray, truth: np.ndarray, ridge: float, rounds: int) -> np.ndarray:
    """Fits ``max(inputs @ w, 0)`` to ``max(truth, 0)``.

    Starts with ridge regression to `truth`. Further rounds use targets that ignore what the ReLU hides: where truth and
    prediction are both negative, the prediction is its own target; where the prediction is positive, the target is the
    rectified truth. The inverse is computed once.

    Args:
        inputs: ``[S, d]``, the last column constant.
        truth: ``[S, k]`` pre-activations.
        ridge: strength, relative to each input's energy.
        rounds: further rounds after the first regression.

    Returns:
        ``[d, k]`` float32.
    """
    energy = second_moment(inputs)
    # Also relative to a typical input, so that one that is never active does not make the matrix singular.
    penalty = ridge * (np.diag(energy) + _TINY * np.trace(energy) / len(energy))
    inverse = np.linalg.inv(energy + np.diag(penalty))
    solution = (inverse @ second_moment(inputs, truth)).astype(np.float32)
    rectified = np.maximum(truth, 0)
    for _ in range(rounds):
        guess = inputs @ solution
        target = np.where(guess > 0, rectified, np.where(truth < 0, guess, truth))
        solution = (inverse @ second_moment(inputs, target)).astype(np.float32)
    return solution


def fit_head(features: np.ndarray, truth: np.ndarray, ridge: float) -> np.ndarray:
    """Fits ``features @ h`` to all channels of the true network.

    Args:
        features: ``[S, k]``.
        truth: ``[S, N]``.
        ridge: as in `fit_rectified`.

    Returns:
        ``[k, N]`` float64.
    """
    energy = second_moment(features)
    penalty = ridge * (np.diag(energy) + _TINY * np.trace(energy) / len(energy))
    return np.linalg.solve(energy + np.diag(penalty), second_moment(features, truth))


def geometry(head: np.ndarray) -> np.ndarray:
    """Reduces a head with N outputs to one with k outputs that preserves distances.

    With r the symmetric square root of ``head @ head.T``, ``|head.T d head| = |r d r|`` (Frobenius) for every k x k
    difference d of Gram matrices; the same holds for differences of features. The factor sqrt(k / N) preserves mean
    squares instead of sums.

    Args:
        head: ``[k, N]``.

    Returns:
        ``[k, k]`` float32.
    """
    values, vectors = np.linalg.eigh(head @ head.T)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return (root * np.sqrt(head.shape[0] / head.shape[1])).astype(np.float32)


def quantize(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quantizes a kernel to 8 bits with one scale per output channel.

    Args:
        kernel: ``[h, w, in, out]``.

    Returns:
        int8 of the same shape, and the scale ``[out]``, float32.
    """
    largest = np.abs(kernel).max(axis=(0, 1, 2))
    scale = (np.where(largest > 0, largest, 1) / 127).astype(np.float32)
    return np.round(kernel / scale).astype(np.int8), scale
