"""Whether waves are found whatever their period, direction and color, and nothing is found where there are none."""

import drawn
import numpy as np
import pytest
from skimage import data

from tfstyle import weave

DIRECTIONS = {"down": (1, 0), "across": (0, 1), "diagonal": (1, 1), "other diagonal": (1, -1), "steep": (1, 0.6)}
COLORS = {"gray": (1, 1, 1), "red against green": (1, -1, 0), "blue against yellow": (-0.5, -0.5, 1)}


def wave(period, direction=(1, 0), color=(1, 1, 1), side=256):
    """Of amplitude 1, with its period along the first axis."""
    rows, columns = np.mgrid[:side, :side]
    phase = 2 * np.pi / period * (direction[0] * rows + direction[1] * columns)
    return np.cos(phase)[..., None] * np.array(color)


def noise(deviation, side=256):
    return np.random.default_rng(4).normal(128, deviation, (side, side, 3))


def colored(exponent, side=256):
    """Noise whose power falls with frequency, as photos' does."""
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(side)] * 2))
    frequency[0, 0] = 1
    white = np.random.default_rng(5).normal(size=(3, side, side))
    filtered = np.fft.ifft2(np.fft.fft2(white) / frequency**exponent).real
    return np.moveaxis(128 + 40 * filtered / filtered.std(), 0, -1)


class TestMeasure:
    @pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
    @pytest.mark.parametrize("period", range(2, 17))
    def test_every_period_in_every_direction(self, period, direction):
        picture = 128 + 2 * wave(period, direction)
        assert weave.measure(np.rint(picture)) > weave.LIMIT

    @pytest.mark.parametrize("color", COLORS.values(), ids=COLORS)
    @pytest.mark.parametrize("period", [2, 4, 8.5, 13])
    def test_every_color(self, period, color):
        assert weave.measure(noise(2) + 5 * wave(period, (1, 1), color)) > weave.LIMIT

    @pytest.mark.parametrize("period", [3, 9])
    def test_on_a_slope(self, period):
        slope = np.mgrid[:256, :256].sum(axis=0)[..., None] / 4.0
        assert weave.measure(60 + slope + 3 * wave(period, (1, 1))) > weave.LIMIT

    def test_half_a_picture_is_enough(self):
        picture = noise(2)
        picture[:, 128:] += 4 * wave(9, (1, -1))[:, 128:]
        assert weave.measure(picture) > weave.LIMIT

    def test_grows_with_the_wave(self):
        found = [weave.measure(noise(4) + amplitude * wave(8, (1, 1))) for amplitude in (0, 2, 4, 8)]
        assert found == sorted(found)
        # Twice the amplitude is 6 dB, once the wave is far above the noise.
        assert found[3] - found[2] == pytest.approx(20 * np.log10(2), abs=1)

    @pytest.mark.parametrize("period", [2, 5, 8, 16])
    def test_what_rounding_hides_does_not_count(self, period):
        assert weave.measure(128 + 0.2 * wave(period, (1, 1))) < 6

    @pytest.mark.parametrize("deviation", [1, 10, 40])
    def test_noise(self, deviation):
        assert weave.measure(noise(deviation)) < 6

    @pytest.mark.parametrize("exponent", [1, 1.5, 2])
    def test_noise_with_the_spectrum_of_photos(self, exponent):
        assert weave.measure(colored(exponent)) < 5

    def test_a_slope(self):
        slope = np.mgrid[:256, :256].astype(float)[..., None] * np.ones(3) / 2
        for each in (*slope, slope.sum(axis=0) / 2):
            assert weave.measure(np.rint(50 + each)) < 8  # Rounding is a wave of a quarter of a level itself.

    def test_edges(self):
        picture = np.full((256, 256, 3), 60.0)
        picture[:, 90:] = 200
        picture[150:] = 120
        assert weave.measure(picture) < 5

    @pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
    def test_photos(self, name):
        assert weave.measure(getattr(data, name)()) < 7

    def test_long_waves_are_strokes(self):
        assert weave.measure(noise(4) + 20 * wave(24)) < 6

    def test_smooth_and_plain_pictures(self):
        assert weave.measure(drawn.photo(150, 200)) < 3
        assert weave.measure(np.full((128, 128, 3), 77.0)) == 0

    @pytest.mark.parametrize("shape", [(127, 200, 3), (200, 127, 3), (1, 1, 3)])
    def test_too_small(self, shape):
        with pytest.raises(ValueError, match="at least 128 pixels on each side"):
            weave.measure(np.zeros(shape))


class TestSpectrum:
    def test_white_noise_has_its_variance_everywhere(self):
        power = weave.spectrum(np.random.default_rng(0).normal(0, 3, (1024, 1024)), 64)
        assert power[5:60, 5:60].mean() == pytest.approx(9, rel=0.02)

    def test_a_wave_has_the_power_of_its_amplitude(self):
        power = weave.spectrum(3 * wave(8)[..., 0], 64)
        window = np.hanning(65)[:-1]
        expected = 9 / 4 * np.sum(window) ** 4 / np.sum(window**2) ** 2
        assert power[8, 0] == pytest.approx(expected, rel=1e-6)


class TestPictures:
    def test_are_smooth_and_have_no_weave(self):
        assert list(weave.pictures()) == ["flat", "ramp", "sky"]
        for picture in weave.pictures().values():
            assert (picture.shape, picture.dtype) == ((384, 384, 3), np.uint8)
            assert weave.measure(picture) < 3
            assert np.abs(np.diff(picture.astype(int), axis=0)).max() < 12

    def test_are_the_same_every_time(self):
        for one, other in zip(weave.pictures().values(), weave.pictures().values(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_of_network():
    def paint(picture):
        return picture + 4 * wave(9, (1, 1), COLORS["blue against yellow"], side=384) * (picture.std() > 0)

    found = weave.of_network(paint)
    assert found["flat"] == 0
    assert min(found["ramp"], found["sky"]) > weave.LIMIT
    assert max(weave.of_network(lambda picture: picture).values()) < 3


def test_advice():
    assert weave.advice({"flat": 0.0, "ramp": 10.0}, "waves") == ""
    assert weave.advice({"flat": 0.0, "ramp": 12.34, "sky": 11.0}, "waves") == (
        "waves weaves a pattern into smooth areas, 12.3 dB on ramp, 11.0 dB on sky (limit: 10 dB): "
        "train on for a few hundred steps with --begin-with waves and a larger --weave-weight"
    )
