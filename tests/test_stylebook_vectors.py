"""Style vectors: statistics against NumPy's own, mixing, packing."""

import numpy as np
import pytest

from tfstyle import errors, stylebook

WIDTHS = (3, 5)


def maps(seed, height=6, width=7):
    generator = np.random.default_rng(seed)
    return [generator.normal(2, 3, (height, width, channels)).astype(np.float32) for channels in WIDTHS]


def vector(seed):
    return stylebook.StyleVector.measure(maps(seed))


class TestMeasure:
    def test_mean_and_covariance(self):
        features = maps(1)
        found = stylebook.StyleVector.measure(features)
        for each, mean, root in zip(features, found.means, found.roots, strict=True):
            flat = each.reshape(-1, each.shape[-1])
            covariance = np.cov(flat, rowvar=False, bias=True)
            ridge = stylebook.RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
            np.testing.assert_allclose(mean, flat.mean(0), rtol=1e-5)
            np.testing.assert_allclose(root @ root, covariance + ridge, rtol=1e-3, atol=1e-4)
            np.testing.assert_allclose(root, root.T, atol=1e-6)

    def test_masked_positions_do_not_count(self):
        features = maps(2)
        masks = [np.ones(each.shape[:2], np.float32) for each in features]
        for each in masks:
            each[:, 4:] = 0
        found = stylebook.StyleVector.measure(features, masks)
        expected = stylebook.StyleVector.measure([each[:, :4] for each in features])
        for one, other in zip((*found.means, *found.roots), (*expected.means, *expected.roots), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)

    def test_flat_picture(self):
        found = stylebook.StyleVector.measure([np.full((4, 4, width), 7, np.float32) for width in WIDTHS])
        assert all(np.isfinite(each).all() for each in (*found.means, *found.roots))


class TestMix:
    def test_weights_are_normalized(self):
        one, other = vector(1), vector(2)
        mixed = stylebook.StyleVector.mix([one, other], [6, 2])
        np.testing.assert_allclose(mixed.means[1], 0.75 * one.means[1] + 0.25 * other.means[1], rtol=1e-5)
        np.testing.assert_allclose(mixed.roots[0], 0.75 * one.roots[0] + 0.25 * other.roots[0], rtol=1e-4, atol=1e-6)

    def test_one_style_stays_itself(self):
        np.testing.assert_array_equal(stylebook.StyleVector.mix([vector(1)], [3]).roots[0], vector(1).roots[0])

    @pytest.mark.parametrize("weights", [(0, 0), (-1, 2), (float("nan"), 1), (float("inf"), 1)])
    def test_refuses_other_weights(self, weights):
        with pytest.raises(errors.InputError, match="use numbers of 0 or more"):
            stylebook.StyleVector.mix([vector(1), vector(2)], weights)


class TestPacking:
    def test_there_and_back(self):
        packed = vector(3).packed()
        assert packed.dtype == np.float16
        found = stylebook.StyleVector.unpack(packed, WIDTHS)
        for one, other in zip((*found.means, *found.roots), (*vector(3).means, *vector(3).roots), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)

    def test_refuses_another_size(self):
        with pytest.raises(errors.InputError, match="another version"):
            stylebook.StyleVector.unpack(vector(3).packed()[1:], WIDTHS)
