"""Whether a grid is found where one is, and none where none is."""

import drawn
import numpy as np
import pytest
from skimage import data

from tfstyle.evaluation import metrics


def noise(height=192, width=256, deviation=10.0):
    """White, around a middle grey."""
    return np.random.default_rng(4).normal(128, deviation, (height, width, 3))


def grid(kind: str, height=192, width=256):
    """Waves of mean 0 and amplitude 1 at the period, along the axis and with the phase that the name says."""
    rows, columns = np.mgrid[:height, :width]
    return {
        "2 down": np.cos(np.pi * rows),
        "2 across": np.cos(np.pi * columns),
        "2 both": np.cos(np.pi * (rows + columns)),
        "4 down": np.cos(np.pi / 2 * rows + 0.7) * 2**0.5,
        "4 across": np.cos(np.pi / 2 * columns + 0.7) * 2**0.5,
        "4 diagonal": np.cos(np.pi / 2 * (rows - columns) + 0.7) * 2**0.5,
        "4 and 2": np.cos(np.pi / 2 * rows) * np.cos(np.pi * columns) * 2**0.5,
        "one pixel of sixteen": (rows % 4 == 0) * (columns % 4 == 0) * 4.0,
    }[kind][..., None]


KINDS = ["2 down", "2 across", "2 both", "4 down", "4 across", "4 diagonal", "4 and 2", "one pixel of sixteen"]


class TestCheckerboard:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("height", [192, 131])
    def test_a_grid_on_noise(self, kind, height):
        picture = noise(height) + 5 * grid(kind, height)
        assert metrics.checkerboard(np.clip(picture, 0, 255)) > 10
        assert metrics.checkerboard(np.clip(picture, 0, 255).astype(np.uint8)) > 10

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_grid_on_a_photo(self, kind):
        photo = data.astronaut()[:192, :256].astype(np.float64)
        assert metrics.checkerboard(np.clip(photo + 6 * grid(kind), 0, 255)) > 8

    def test_grows_with_the_grid(self):
        scores = [metrics.checkerboard(noise() + strength * grid("4 down")) for strength in (0, 2, 4, 8)]
        assert scores == sorted(scores)
        # Twice the amplitude is 6 dB, once the grid is far above the noise.
        assert scores[3] - scores[2] == pytest.approx(20 * np.log10(2), abs=1)

    def test_noise_alone(self):
        for deviation in (1, 10, 40):
            assert abs(metrics.checkerboard(noise(deviation=deviation))) < 4

    @pytest.mark.parametrize("seed", range(3))
    def test_smooth_pictures(self, seed):
        assert abs(metrics.checkerboard(drawn.photo(150, 200, seed))) < 3

    @pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
    def test_photos(self, name):
        assert metrics.checkerboard(getattr(data, name)()) < 4

    @pytest.mark.parametrize("period", [3, 5, 8])
    def test_other_periods_are_no_grid(self, period):
        """Strokes of a painting, say."""
        rows, _ = np.mgrid[:192, :256]
        assert metrics.checkerboard(noise() + 20 * np.cos(2 * np.pi * rows / period)[..., None]) < 5

    def test_a_plain_picture_has_none(self):
        assert metrics.checkerboard(np.full((64, 64, 3), 77.0)) == 0

    @pytest.mark.parametrize("shape", [(63, 200, 3), (200, 63, 3), (1, 1, 3)])
    def test_too_small(self, shape):
        with pytest.raises(ValueError, match="at least 64 pixels on each side"):
            metrics.checkerboard(np.zeros(shape))

    def test_the_smallest(self):
        assert metrics.checkerboard(noise(64, 64) + 20 * grid("4 across", 64, 64)) > 10
