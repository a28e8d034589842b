"""The image pyramid, against independent formulas: gradients by differences, scales by hand."""

import numpy as np
import pytest
import runs
import tensorflow as tf

from tfstyle import errors, images, stylebook
from tfstyle.optimization import pyramid


def made(tiny, *, photo=None, style=None, **changes):
    style = [stylebook.Painting(runs.painting())] if style is None else style
    return pyramid.Pyramid(photo or runs.photo(), style, runs.settings(tiny, **changes))


def random_image(scale, seed=0):
    generator = np.random.default_rng(seed)
    return tf.constant(generator.uniform(0, 255, (1, scale.height, scale.width, 3)), tf.float32)


class TestFirstImage:
    def first(self, tiny, **changes):
        return made(tiny, **changes).first_image().numpy()[0]

    def test_photo(self, tiny):
        expected = images.resize(runs.photo(), 36, 48).rgb
        np.testing.assert_array_equal(self.first(tiny), expected)

    def test_noise_depends_on_the_seed_alone(self, tiny):
        first = self.first(tiny, start="noise", seed=1)
        np.testing.assert_array_equal(first, self.first(tiny, start="noise", seed=1, strength=0.9))
        assert np.abs(first - self.first(tiny, start="noise", seed=2)).mean() > 20
        assert first.min() >= 0
        assert first.max() <= 255
        assert first.mean() == pytest.approx(127.5, abs=5)
        assert first.std() == pytest.approx(56, abs=5)  # of a normal cut off at two deviations of 63.75

    def test_style(self, tiny):
        expected = images.resize(runs.painting(), 36, 48).rgb
        np.testing.assert_array_equal(self.first(tiny, start="style"), expected)

    def test_file(self, tiny, tmp_path):
        path = tmp_path / "first.png"
        images.save_image(path, runs.photo(50, 70, seed=8))
        expected = images.resize(images.load_image(path), 36, 48).rgb
        np.testing.assert_array_equal(self.first(tiny, start=str(path)), expected)

    def test_missing_file(self, tiny):
        with pytest.raises(errors.InputError, match=r"nowhere\.png"):
            self.first(tiny, start="nowhere.png")

    def test_style_without_a_painting(self, tiny):
        with pytest.raises(errors.InputError, match="needs a painting file"):
            self.first(tiny, start="style", style=[], strength=0.0)


class TestCarryOver:
    """From 24 to 48 pixels."""

    def carried(self, tiny, image, **changes):
        made_up = made(tiny, **{**runs.TWO_SCALES, **changes})
        return made_up.carry_over(image(made_up), *made_up.scales).numpy()[0], made_up

    def test_the_unchanged_photo_is_the_photo(self, tiny):
        image, _ = self.carried(tiny, lambda made_up: made_up.first_image())
        np.testing.assert_array_equal(image, runs.photo().rgb)

    def test_from_the_photo_only_the_change_is_enlarged(self, tiny):
        image, made_up = self.carried(tiny, lambda made_up: made_up.first_image() * 0.5)
        small = images.resize(runs.photo(), 18, 24)
        large, half = (images.resize(images.Photo(rgb), 36, 48).rgb for rgb in (small.rgb, small.rgb * 0.5))
        np.testing.assert_allclose(image, runs.photo().rgb + half - large, atol=1e-3)
        assert image.shape == (made_up.scales[1].height, made_up.scales[1].width, 3)

    @pytest.mark.parametrize("start", ["noise", "style"])
    def test_from_elsewhere_the_picture_is_enlarged(self, tiny, start):
        noise = random_image(made(tiny, **runs.TWO_SCALES).scales[0])
        image, _ = self.carried(tiny, lambda _: noise, start=start)
        np.testing.assert_array_equal(image, images.resize(images.Photo(noise.numpy()[0]), 36, 48).rgb)

    def test_at_the_same_size_it_is_the_same_picture(self, tiny):
        made_up = made(tiny)
        image = random_image(made_up.scales[0])
        assert made_up.carry_over(image, made_up.scales[0], made_up.scales[0]) is image


class TestLossAt:
    @pytest.mark.parametrize("form", ["relative", "gatys", "mean"])
    def test_gradient_is_the_slope(self, tiny, form):
        made_up = made(tiny, form=form, scales=(32,), start="noise")
        scale = made_up.scales[0]
        evaluate, image = made_up.loss_at(scale), made_up.first_image()
        _, gradient, _ = evaluate(image)
        direction = gradient / tf.norm(gradient)
        (ahead, *_), (behind, *_) = evaluate(image + 0.5 * direction), evaluate(image - 0.5 * direction)
        assert float(ahead - behind) == pytest.approx(float(tf.norm(gradient)), rel=0.02)

    def test_total_is_the_weighted_sum_of_the_terms(self, tiny):
        made_up = made(tiny, content_weight=2.0, style_weight=3.0, variation_weight=0.5)
        total, _, terms = made_up.loss_at(made_up.scales[0])(made_up.first_image() * 0.9)
        weights = {"content/conv2_2": 2.0, "style/conv1_1": 1.5, "style/conv2_1": 1.5, "variation": 0.5}
        assert {name: float(value) for name, value in terms.items()}.keys() == weights.keys()
        assert float(total) == pytest.approx(sum(weights[name] * float(terms[name]) for name in weights), rel=1e-5)


class TestFinished:
    @pytest.mark.parametrize("keep", ["no", "match"])
    def test_the_picture_itself(self, tiny, keep):
        made_up = made(tiny, keep_colors=keep)
        image = random_image(made_up.scales[0])
        np.testing.assert_array_equal(made_up.finished(image), image.numpy()[0])

    def test_the_photos_colours_with_the_pictures_light(self, tiny):
        made_up = made(tiny, keep_colors="luminance")
        luma = np.array([0.299, 0.587, 0.114])
        grey = tf.fill((1, 36, 48, 3), 120.0)
        np.testing.assert_allclose(made_up.finished(grey) @ luma, 120, atol=0.01)
        assert np.ptp(made_up.finished(grey), axis=2).mean() > 10
