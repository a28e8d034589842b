"""Optimal transport of features in NumPy, for LiteRT; the same map as `transform.transport`."""

import numpy as np

from tfstyle import stylebook

__all__ = ["transport"]


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
    centered = flat - flat.mean(axis=0)  # Products of features far from 0 would lose the variance in float32.
    covariance = (centered.T @ centered) / len(flat)
    product = root @ stylebook.with_ridge(covariance) @ root
    matrix = root @ stylebook.square_roots(stylebook.with_ridge(product, stylebook.SMALL_RIDGE))[1] @ root
    moved = np.matmul(centered, matrix.astype(np.float32))
    limit = stylebook.LARGEST_DEVIATION * np.sqrt(np.square(root).sum(axis=-1))
    np.clip(moved, -limit, limit, out=moved)
    moved += mean
    return moved.reshape(maps.shape)
