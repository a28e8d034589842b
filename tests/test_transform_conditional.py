"""The network for all paintings: shapes, its parts, its files."""

import drawn
import numpy as np
import pytest

from tfstyle import stylebook
from tfstyle.runtime import keras
from tfstyle.stylizer import any_painting
from tfstyle.transform import conditional, conditional_export


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(3)
    built = conditional.ConditionalNetwork()
    for part in (built.modulator, *built.stages):  # New networks ignore the style vector, and paint gray.
        for weight in part.weights:
            weight.assign(weight + 0.05 * keras.random.normal(weight.shape, seed=1))
    return built


@pytest.fixture(scope="module")
def pictures():
    photo = drawn.photo(48, 64, seed=1)[None].astype(np.float32)
    return photo, drawn.painting(32, 48, seed=2)


def test_any_sizes(network, pictures):
    painted = np.asarray(network(*pictures))
    assert painted.shape == (1, 48, 64, 3)
    assert 0 <= painted.min() < painted.max() <= 255


def test_each_photo_of_a_batch_has_its_own_style(network, pictures):
    photo, painting = pictures
    other = drawn.painting(32, 48, seed=5)
    both = np.asarray(network(np.concatenate([photo, photo]), np.concatenate([painting, other])))
    np.testing.assert_allclose(both[0], np.asarray(network(photo, painting))[0], atol=0.1)
    assert np.abs(both[0] - both[1]).mean() > 1


def test_features_have_the_widths_of_the_scales(network, pictures):
    shapes = [tuple(each.shape[1:]) for each in network.features(pictures[0])]
    assert shapes == [(48 >> scale, 64 >> scale, width) for scale, width in enumerate(conditional.WIDTHS)]


def test_style_vector_is_numpys(network, pictures):
    maps = network.features(pictures[1])
    means, roots = network.style_vector(maps)
    expected = stylebook.StyleVector.measure([np.asarray(each)[0] for each in maps])
    for found, wanted in zip((*means, *roots), (*expected.means, *expected.roots), strict=True):
        np.testing.assert_allclose(np.asarray(found)[0], wanted, rtol=0.05, atol=0.02)


def test_the_stylizer_knows_the_shapes():
    assert (any_painting.WIDTHS, any_painting.MULTIPLE) == (conditional.WIDTHS, conditional.MULTIPLE)


def test_weights_there_and_back(network, pictures):
    copy = conditional.ConditionalNetwork()
    conditional.read_weights(copy, conditional.weights(network))
    np.testing.assert_allclose(np.asarray(copy(*pictures)), np.asarray(network(*pictures)), atol=4)  # Through float16.


@pytest.mark.slow
def test_exported_files_paint_like_the_network(network, pictures, tmp_path, monkeypatch):
    files = tmp_path / "network.tflite", tmp_path / "network.npz"
    conditional_export.write(network, *files)
    monkeypatch.setattr(any_painting, "NETWORK", files[0])
    monkeypatch.setattr(any_painting, "WEIGHTS", files[1])
    photo, painting = pictures
    means, roots = network.style_vector(network.features(painting))
    vector = stylebook.StyleVector(*(tuple(np.asarray(each)[0] for each in part) for part in (means, roots)))
    expected = np.asarray(network(*pictures))[0]
    for name in ("litert", "savedmodel"):
        engine = any_painting.load.__wrapped__(name, None, "float32")
        painted = engine.paint(engine.features(photo[0].astype(np.uint8)), vector)
        assert np.percentile(np.abs(painted - expected), 99) < 4
