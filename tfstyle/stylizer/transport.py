"""Optimal transport of features in NumPy, for LiteRT; the same map as `transform.transport`."""

import numpy as np

from tfstyle import stylebook

__all__ = ["transport"]

# As in `transform.transport`.
_SMALL_RIDGE = 1e-3


def transport(maps: np.ndarray, mean: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Moves features to a mean and covariance, with the least change in the mean square.

    Args:
        maps: ``[h, w, C]``, float32.
        mean: ``[C]``, wanted.
        root: ``[C, C]``, square root of the covariance wanted.

    Returns:
        ``[h, w, C]``, float32.
    """
    flat = maps.reshape(-1, maps.shape[-1])
    own_mean = flat.mean(axis=0, dtype=np.float64)
    covariance = (flat.T @ flat) / len(flat) - np.outer(own_mean, own_mean)
    product = root @ stylebook.with_ridge(covariance) @ root
    matrix = root @ _inverse_root(stylebook.with_ridge(product, _SMALL_RIDGE)) @ root
    moved = flat @ matrix.astype(np.float32)
    moved += (mean - own_mean @ matrix).astype(np.float32)
    return moved.reshape(maps.shape)


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors / np.sqrt(values)) @ vectors.T
