import keras
import numpy as np
import pytest
import runs

from tfstyle import errors, features, files, images, stylebook
from tfstyle.stylebook import catalog

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

    def test_only_the_layers_asked_for(self, model):
        assert set(stylebook.Painting(runs.painting()).grams(model, 30, LAYERS[:1])) == {"conv1_1"}

    def test_opaque_alpha_changes_nothing(self, model):
        photo = runs.painting()
        opaque = images.Photo(photo.rgb, np.ones(photo.rgb.shape[:2], np.float32))
        one, other = (stylebook.Painting(each).grams(model, 44, LAYERS) for each in (photo, opaque))
        for name in LAYERS:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-3)

    def test_too_small(self, model):
        with pytest.raises(errors.InputError, match="would be 20x9 pixels, but compact needs at least 16"):
            stylebook.Painting(runs.painting(20, 44)).grams(model, 20, LAYERS)

    def test_transparent_everywhere(self, model):
        photo = images.Photo(runs.painting().rgb, np.zeros((44, 40), np.float32))
        with pytest.raises(errors.InputError, match="transparent everywhere"):
            stylebook.Painting(photo).grams(model, 44, LAYERS)

    @pytest.mark.usefixtures("tiny_networks")
    def test_statistics_of_a_narrow_one_are_of_sizes_that_can_be(self):
        stored = stylebook.statistics(stylebook.Painting(runs.painting(20, 300)))
        assert {key.split("/")[1] for key in stored} == {"256", "384", "512", "768"}
        stored = stylebook.statistics(stylebook.Painting(runs.painting(20, 400)))
        assert {key.split("/")[1] for key in stored} == {"384", "512", "768"}

    def test_recolored_keeps_alpha(self):
        alpha = np.linspace(0, 1, 44 * 40, dtype=np.float32).reshape(44, 40)
        recolored = stylebook.Painting(images.Photo(runs.painting().rgb, alpha)).recolored(runs.photo())
        np.testing.assert_array_equal(recolored.photo.alpha, alpha)
        np.testing.assert_allclose(recolored.photo.rgb.mean((0, 1)), runs.photo().rgb.mean((0, 1)), atol=5)


class TestLoad:
    def test_file(self, tmp_path):
        path = tmp_path / "painting.png"
        images.save_image(path, runs.painting())
        for given in (path, str(path)):
            style = stylebook.load(given)
            assert isinstance(style, stylebook.Painting)
            np.testing.assert_array_equal(style.photo.rgb, np.rint(runs.painting().rgb))
            assert style.digest == files.digest(path)

    def test_name(self, monkeypatch):
        stored = stylebook.StoredStyle("waves", "Waves", "Nobody", "1900", "abc", {})
        monkeypatch.setattr(catalog, "load_all", lambda: {"waves": stored})
        assert stylebook.load("waves") is stored

    def test_a_file_goes_before_a_name(self, tmp_path, monkeypatch):
        monkeypatch.setattr(catalog, "load_all", lambda: {"waves": None})
        monkeypatch.chdir(tmp_path)
        images.save_image("waves.png", runs.painting())
        (tmp_path / "waves.png").rename("waves")
        style = stylebook.load("waves")
        assert isinstance(style, stylebook.Painting)
        assert style.digest == files.digest("waves")

    def test_unknown(self, monkeypatch):
        monkeypatch.setattr(catalog, "load_all", lambda: {"sea": None, "waves": None})
        with pytest.raises(errors.InputError, match="no painting or style 'wave': give a .* or one of sea, waves"):
            stylebook.load("wave")
        with pytest.raises(errors.InputError, match=r"nowhere\.jpg"):
            stylebook.load("nowhere.jpg")
        with pytest.raises(errors.InputError, match="no painting"):
            stylebook.load("long" * 200)

    def test_a_folder_of_a_stored_styles_name_does_not_hide_it(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "starry_night").mkdir()
        assert stylebook.load("starry_night") is stylebook.load_all()["starry_night"]

    def test_folder_of_a_trained_style(self, tmp_path):
        night = stylebook.load_all()["starry_night"]
        stylebook.StyleFolder(tmp_path).statistics.write_bytes(night.packed())
        style = stylebook.load(tmp_path)
        assert (style.name, style.title) == (tmp_path.name, "The Starry Night")

    def test_folder_without_a_style(self, tmp_path):
        with pytest.raises(errors.InputError, match="no style there .statistics.npz is missing"):
            stylebook.load(tmp_path)


def test_keras_model_is_not_changed(model):
    before = [np.array(each) for each in model.get_weights()]
    stylebook.Painting(runs.painting()).grams(model, 30, LAYERS)
    assert isinstance(model, keras.Model)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
