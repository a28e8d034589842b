"""Closed forms behind the compact loss network; NumPy only.

S samples (positions of feature maps), N channels of the true network, k of the compact one.
"""

import numpy as np

__all__ = ["choose_channels", "fit_head", "fit_rectified", "geometry", "importance", "quantise", "second_moment"]

# Rows per partial product: float32 products, float64 sums, little extra memory.
_ROWS = 16384
# Keeps divisions by channels that are already explained finite; relative to the mean second moment.
_TINY = 1e-6


def second_moment(left: np.ndarray, right: np.ndarray | None = None) -> np.ndarray:
    """Sums outer products over samples.

    Args:
        left: ``[S, a]`` float32.
        right: ``[S, b]`` float32; `left` itself without it.

    Returns:
        ``left.T @ right``, ``[a, b]`` float64.
    """
    right = left if right is None else right
    starts = range(0, len(left), _ROWS)
    parts = (left[start : start + _ROWS].T @ right[start : start + _ROWS] for start in starts)
    return sum(part.astype(np.float64) for part in parts) + np.zeros((left.shape[1], right.shape[1]))


def importance(moment: np.ndarray, following: np.ndarray | None, *, tapped: bool) -> np.ndarray:
    """What an error in a layer's channels costs: in the layer itself, and in what the next layer makes of it.

    Args:
        moment: ``[N, N]`` of the true activations.
        following: kernel of the next true layer ``[3, 3, N, M]``; None at the end.
        tapped: the loss looks at the layer itself.

    Returns:
        A positive semidefinite metric ``[N, N]``; both parts are relative to their own energy.
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
    """Picks channels, one by one, whose linear span leaves the least of all channels unexplained in a metric.

    Like column-pivoted QR on the activations, but by the error of everything instead of the largest leftover column.

    Args:
        moment: ``[N, N]`` second moment of all channels.
        metric: ``[N, N]`` from `importance`.
        count: how many to pick.

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

    Ridge regression to `truth` first; then rounds of it to targets that forgive what the rectifier hides: where truth
    and prediction are both negative, the prediction is its own target; where the prediction is positive, the rectified
    truth is. The inverse is computed once.

    Args:
        inputs: ``[S, d]``, the last column constant.
        truth: ``[S, k]`` pre-activations.
        ridge: strength, relative to each input's energy.
        rounds: after the first regression.

    Returns:
        ``[d, k]`` float32.
    """
    energy = second_moment(inputs)
    # Relative to a typical input too, so that one that is never active does not make the matrix singular.
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
    """Folds a head to N channels into one to k that measures the same distances.

    With r the symmetric square root of ``head @ head.T``, ``|head.T d head| = |r d r|`` (Frobenius) for every k x k
    difference d of Gram matrices, and likewise for differences of features. The factor sqrt(k / N) makes mean squares,
    not sums, the same.

    Args:
        head: ``[k, N]``.

    Returns:
        ``[k, k]`` float32.
    """
    values, vectors = np.linalg.eigh(head @ head.T)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return (root * np.sqrt(head.shape[0] / head.shape[1])).astype(np.float32)


def quantise(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rounds a kernel to 8 bits, each output channel with its own scale.

    Args:
        kernel: ``[h, w, in, out]``.

    Returns:
        int8 of the same shape, and float32 ``[out]`` to multiply it by.
    """
    largest = np.abs(kernel).max(axis=(0, 1, 2))
    scale = (np.where(largest > 0, largest, 1) / 127).astype(np.float32)
    return np.round(kernel / scale).astype(np.int8), scale
