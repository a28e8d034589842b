"""Finding and mixing the style vectors of whatever is given as a style."""

import numpy as np
import pytest

from tfstyle import errors, stylebook
from tfstyle.stylizer import any_painting, vectors


def style_vector(seed):
    generator = np.random.default_rng(seed)
    return stylebook.StyleVector.measure([generator.normal(size=(8, 8, width)) for width in any_painting.WIDTHS])


def test_style_vector_is_used_as_it_is():
    vector = style_vector(0)
    assert vectors.find(vector, engine=None) is vector


def test_mixed():
    a, b = style_vector(0), style_vector(1)
    mixed = vectors.mixed([(a, 3.0), (b, 1.0)], engine=None)
    np.testing.assert_allclose(mixed.roots[2], (3 * a.roots[2] + b.roots[2]) / 4, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "message"),
    [("nowhere.jpg", "no such file: check the name"), ("nobody", "no style 'nobody': use a painting's file")],
)
def test_nothing_found(name, message):
    with pytest.raises(errors.InputError, match=message):
        vectors.find(name, engine=None)
