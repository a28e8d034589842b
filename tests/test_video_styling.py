"""Films painted by the network for all paintings: styles that turn into each other, strength, flicker, resuming."""

import fractions
import itertools
import pathlib
import shutil

import filmed
import numpy as np
import pytest
import runs
from filmed import difference, frames

import tfstyle
from tfstyle import checkpoints, errors, images
from tfstyle.video import painter, schedule, styling

# Half seconds: not one frame after the other.
TIMES = (0, 1, 3, 5, 6)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder has a film and two paintings; what is measured is not kept for the user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    filmed.write(pathlib.Path("film.mkv"), filmed.pan(5, 48, 64), times=TIMES, tick=fractions.Fraction(1, 2))
    images.save_image("a.png", runs.painting(seed=2))
    images.save_image("b.png", np.clip(runs.painting(seed=5).rgb * (0.3, 0.6, 1.0), 0, 255))


def paint(result, style="a.png@0.5s,b.png@2.5s", film="film.mkv", **settings):
    """Paints a film; returns its frames."""
    list(tfstyle.paint_film(film, result, style, **settings))
    return frames(result)


def painted(style, **settings):
    """The film's frames, painted as photos are."""
    stylizer = tfstyle.Stylizer(style, runtime="savedmodel")
    return [stylizer(frame, **settings) for frame in frames("film.mkv")]


class TestMorphing:
    def test_one_style_turns_into_the_next(self):
        a, both, b = (painted(style) for style in ("a.png", {"a.png": 1, "b.png": 1}, "b.png"))
        film = paint("out", flicker=True)
        expected = [a[0], a[1], both[2], b[3], b[4]]
        np.testing.assert_array_equal(film, expected)
        assert not any(np.array_equal(film[2], other[2]) for other in (a, b))
        assert not np.array_equal(film[1], b[1])

    def test_three_quarters(self):
        expected = painted("a.png:3,b.png:1")[1]
        np.testing.assert_array_equal(paint("out", "a.png,b.png@2s", flicker=True)[1], expected)

    def test_mapping(self):
        plan = {2.5: {"b.png": 1}, 0.5: pathlib.Path("a.png")}
        np.testing.assert_array_equal(paint("out", plan, flicker=True), paint("same", flicker=True))

    def test_only_one_time_is_the_plain_style(self):
        np.testing.assert_array_equal(paint("out", "b.png@5s"), paint("plain", "b.png"))
        assert styling.FrameStylizer(schedule.parse("starry_night@5s")).is_trained

    def test_style_that_does_not_exist(self):
        with pytest.raises(errors.InputError, match=r"nowhere\.jpg: no such file"):
            paint("out", "a.png@0s,nowhere.jpg@3s")


class TestStrength:
    def test_mixtures_of_styles_and_not_of_pixels(self):
        film, expected, full = (
            paint("out", "a.png", strength=0.5, flicker=True),
            painted("a.png", strength=0.5),
            painted("a.png"),
        )
        np.testing.assert_array_equal(film, expected)
        faded = [(a.astype(float) + b) / 2 for a, b in zip(full, frames("film.mkv"), strict=True)]
        assert difference(film, faded) > 1

    @pytest.mark.parametrize("style", ["a.png", "a.png,b.png@2s"])
    def test_zero_is_the_film(self, style):
        np.testing.assert_array_equal(paint("out", style, strength=0), frames("film.mkv"))

    def test_colors_are_kept_once(self):
        expected = painted("a.png", strength=0.5, keep_colors=True)
        film = paint("out", "a.png", strength=0.5, keep_colors=True, flicker=True)
        np.testing.assert_array_equal(film, expected)


def test_noise_flickers_less_with_the_filter():
    """A scene that does not move; what changes from frame to frame is noise."""
    scene, generator = filmed.texture(48, 64), np.random.default_rng(0)
    pathlib.Path("noisy").mkdir()
    for number in range(8):
        images.save_image(f"noisy/{number}.png", np.clip(scene + generator.normal(0, 3, scene.shape), 0, 255))

    def flicker(film):
        return np.mean([np.square(b.astype(float) - a).mean() for a, b in itertools.pairwise(film[2:])])

    steady, single = paint("steady", "a.png", "noisy"), paint("single", "a.png", "noisy", flicker=True)
    assert flicker(steady) < 0.7 * flicker(single)


class TestResuming:
    @pytest.fixture(autouse=True)
    def _small_parts(self, monkeypatch):
        monkeypatch.setattr(painter, "_PART", 2)

    def stop(self, count=3, style="a.png@0.5s,b.png@2.5s", **settings):
        steps = tfstyle.paint_film("film.mkv", "out", style, **settings)
        assert next(itertools.islice(steps, count - 1, None)).step == count
        steps.close()

    @pytest.mark.parametrize(
        "style", ["a.png@0.5s,b.png@2.5s", pytest.param("a.png:2,b.png:1", marks=pytest.mark.slow)]
    )
    def test_same_bits(self, style):
        """The second run reads the style vectors that the first one measured."""
        self.stop(style=style, strength=0.7)
        film = paint("out", style, strength=0.7, resume=True)
        np.testing.assert_array_equal(film, paint("whole", style, strength=0.7))
        assert not checkpoints.path_for("out").exists()

    def test_refused_if_a_painting_has_changed(self):
        self.stop()
        shutil.copy("a.png", "b.png")
        with pytest.raises(errors.InputError, match="its files have changed"):
            paint("out", resume=True)

    def test_painting_may_have_moved(self):
        self.stop()
        pathlib.Path("elsewhere").mkdir()
        pathlib.Path("b.png").rename("elsewhere/b.png")
        moved = "a.png@0.5s,elsewhere/b.png@2.5s"
        np.testing.assert_array_equal(paint("out", moved, resume=True), paint("whole", moved))

    def test_refused_with_other_times(self):
        self.stop()
        with pytest.raises(errors.InputError, match=r"style was a\.png@0\.5s,b\.png@2\.5s, now a\.png@0\.5s,b\.png@2s"):
            paint("out", "a.png@0.5s,b.png@2s", resume=True)
