"""A painting measured: Gram matrices at a size, digests, colors, refusals."""

import hashlib

import keras
import numpy as np
import pytest
import runs

from tfstyle import errors, features, images, stylebook
from tfstyle.stylebook import stored

LAYERS = ("conv1_1", "conv2_1")


@pytest.fixture(scope="module")
def model(tiny_weights):
    return features.build("compact", LAYERS, tiny_weights)


def grams_by_hand(model, rgb):
    outputs = model(rgb[None].astype(np.float32))
    flat = {name: np.asarray(outputs[name])[0].reshape(-1, outputs[name].shape[-1]) for name in LAYERS}
    return {name: each.T @ each / len(each) for name, each in flat.items()}


class TestPainting:
    @pytest.mark.parametrize("size", [20, 44, 60])
    def test_grams_at_a_size(self, model, size):
        photo = runs.painting()
        expected = grams_by_hand(model, images.resize(photo, *images.fit_size(44, 40, size)).rgb)
        for name, gram in stylebook.Painting(photo).grams(model, size, LAYERS).items():
            assert gram.dtype == np.float32
            np.testing.assert_allclose(gram, expected[name], rtol=1e-4, atol=1e-3)

    def test_grams_of_one_layer(self, model):
        assert set(stylebook.Painting(runs.painting()).grams(model, 30, LAYERS[:1])) == {"conv1_1"}

    def test_opaque_alpha_changes_nothing(self, model):
        photo = runs.painting()
        opaque = images.Photo(photo.rgb, np.ones(photo.rgb.shape[:2], np.float32))
        one, other = (stylebook.Painting(each).grams(model, 44, LAYERS) for each in (photo, opaque))
        for name in LAYERS:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-3)

    @pytest.mark.parametrize(("height", "width", "size", "fitted"), [(20, 44, 20, "20x9"), (3, 300, 512, "512x5")])
    def test_too_narrow(self, model, height, width, size, fitted):
        message = f"the painting would be {fitted} pixels, but compact needs at least 16 on the short side"
        with pytest.raises(errors.InputError, match=message):
            stylebook.Painting(runs.painting(height, width)).grams(model, size, LAYERS)

    def test_transparent_everywhere(self, model):
        photo = images.Photo(runs.painting().rgb, np.zeros((44, 40), np.float32))
        with pytest.raises(errors.InputError, match="transparent everywhere"):
            stylebook.Painting(photo).grams(model, 44, LAYERS)

    def test_statistics_leave_out_sizes_at_which_the_painting_is_too_narrow(self, tiny_networks):
        tiny_networks.setattr(stored, "STORED_SIZES", (256, 384))
        statistics = stylebook.statistics(stylebook.Painting(runs.painting(20, 300)))
        assert {key.split("/")[1] for key in statistics} == {"256", "384"}
        statistics = stylebook.statistics(stylebook.Painting(runs.painting(20, 400)))
        assert {key.split("/")[1] for key in statistics} == {"384"}

    def test_digest(self, tmp_path):
        photo = runs.painting()
        images.save_image(tmp_path / "painting.png", photo)
        painting = stylebook.Painting.open(tmp_path / "painting.png")
        assert painting.digest == hashlib.sha256((tmp_path / "painting.png").read_bytes()).hexdigest()
        digests = {
            painting.digest,
            stylebook.Painting(photo).digest,
            stylebook.Painting(images.Photo(photo.rgb + 1)).digest,
            stylebook.Painting(images.Photo(photo.rgb, np.ones(photo.size, np.float32))).digest,
            painting.recolored(runs.photo()).digest,
        }
        assert len(digests) == 5
        assert stylebook.Painting(photo).digest == stylebook.Painting(runs.painting()).digest

    def test_recolored_keeps_alpha(self):
        alpha = np.linspace(0, 1, 44 * 40, dtype=np.float32).reshape(44, 40)
        recolored = stylebook.Painting(images.Photo(runs.painting().rgb, alpha)).recolored(runs.photo())
        np.testing.assert_array_equal(recolored.photo.alpha, alpha)
        np.testing.assert_allclose(recolored.photo.rgb.mean((0, 1)), runs.photo().rgb.mean((0, 1)), atol=5)


def test_model_is_not_changed(model):
    before = [np.array(each) for each in model.get_weights()]
    stylebook.Painting(runs.painting()).grams(model, 30, LAYERS)
    assert isinstance(model, keras.Model)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
