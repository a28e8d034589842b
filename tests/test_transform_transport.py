"""Optimal transport of features, against SciPy and against its NumPy twin."""

import numpy as np
import pytest
import scipy.linalg

from tfstyle import stylebook
from tfstyle.runtime import keras, ops, tf
from tfstyle.stylizer import transport as in_numpy
from tfstyle.transform import transport


def maps(seed, height=24, width=30, channels=6, correlated=True):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(height, width, channels))
    if correlated:
        values = values @ generator.normal(size=(channels, channels)) + generator.normal(size=channels)
    return values.astype(np.float32)


def target(seed):
    vector = stylebook.StyleVector.measure([maps(seed)])
    return vector.means[0], vector.roots[0]


def covariance(values):
    return np.cov(values.reshape(-1, values.shape[-1]), rowvar=False, bias=True)


def moved(values, mean, root):
    return np.asarray(transport.Transport()(values[None], mean[None], root[None]))[0]


class TestSquareRoots:
    def test_against_scipy(self):
        matrix = covariance(maps(1)).astype(np.float32) + 0.1 * np.eye(6, dtype=np.float32)
        root, inverse = (np.asarray(each)[0] for each in transport.square_roots(matrix[None]))
        np.testing.assert_allclose(root, scipy.linalg.sqrtm(matrix), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(inverse @ root, np.eye(6), atol=1e-3)


class TestTransport:
    def test_reaches_mean_and_covariance(self):
        mean, root = target(2)
        result = moved(maps(1), mean, root)
        np.testing.assert_allclose(result.mean((0, 1)), mean, atol=1e-3)
        error = np.abs(covariance(result) - root @ root).max()
        assert error < 0.2 * np.abs(root @ root).max()  # Ridges keep it from being exact.

    def test_is_the_map_between_gaussians(self):
        """A = C^(-1/2) (C^(1/2) S C^(1/2))^(1/2) C^(-1/2), the usual form of the same map."""
        values, (mean, root) = maps(1), target(2)
        own = stylebook.with_ridge(covariance(values))
        half, inverse = scipy.linalg.sqrtm(own), scipy.linalg.inv(scipy.linalg.sqrtm(own))
        matrix = inverse @ scipy.linalg.sqrtm(half @ root @ root @ half) @ inverse
        expected = (values - values.mean((0, 1))) @ matrix + mean
        assert np.abs(moved(values, mean, root) - expected).mean() < 0.05

    def test_own_statistics_change_little(self):
        values = maps(3)
        vector = stylebook.StyleVector.measure([values])
        assert np.abs(moved(values, vector.means[0], vector.roots[0]) - values).mean() < 0.1

    @pytest.mark.parametrize("correlated", [True, False])
    def test_numpy_gives_the_same(self, correlated):
        values, (mean, root) = maps(1, correlated=correlated), target(2)
        np.testing.assert_allclose(in_numpy.transport(values, mean, root), moved(values, mean, root), atol=0.1)

    @pytest.mark.parametrize("value", [0, 5])
    def test_flat_features_move_to_the_mean(self, value):
        mean, root = target(2)
        flat = np.full((8, 8, 6), value, np.float32)
        for result in (moved(flat, mean, root), in_numpy.transport(flat, mean, root)):
            np.testing.assert_allclose(result, np.broadcast_to(mean, flat.shape), atol=0.05)

    def test_a_lamp_in_the_night_is_cut_off(self):
        mean, root = target(2)
        night = 0.01 * maps(1)
        night[3, 3] = 100
        deviation = np.sqrt(np.diag(root @ root))
        for result in (moved(night, mean, root), in_numpy.transport(night, mean, root)):
            assert np.abs((result - mean) / deviation).max() < 5.01

    def test_gradient_is_finite(self):
        mean, root = target(2)
        for values in (maps(1), np.zeros((8, 8, 6), np.float32)):
            tensor = tf.constant(values[None])
            with tf.GradientTape() as tape:
                tape.watch(tensor)
                total = ops.sum(ops.square(transport.Transport()(tensor, mean[None], root[None])))
            assert np.isfinite(tape.gradient(total, tensor)).all()

    def test_half_precision_network(self):
        layer = transport.Transport(dtype="mixed_bfloat16", autocast=False)
        mean, root = target(2)
        result = layer(ops.cast(maps(1)[None], "bfloat16"), mean[None], root[None])
        assert keras.backend.standardize_dtype(result.dtype) == "bfloat16"
        assert np.abs(np.asarray(ops.cast(result, "float32"))[0] - moved(maps(1), mean, root)).mean() < 0.05
