"""Reading the styles of a film and their times, and how the styles are weighed between two times."""

import pathlib

import numpy as np
import pytest

from tfstyle import errors
from tfstyle.video import schedule


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestTexts:
    @pytest.mark.parametrize(
        ("time", "seconds"),
        [
            ("0s", 0),
            ("10s", 10),
            ("90", 90),
            ("2.5s", 2.5),
            ("0.25", 0.25),
            ("1m30s", 90),
            ("2m", 120),
            ("1h2m3.5s", 3723.5),
        ],
    )
    def test_times(self, time, seconds):
        assert schedule.parse(f"a@{time}") == schedule.Schedule((seconds,), ("a",))

    def test_several_styles(self):
        plan = schedule.parse("starry_night@0s, paintings/waves.jpg@10s ,scream@1m")
        assert plan == schedule.Schedule((0, 10, 60), ("starry_night", "paintings/waves.jpg", "scream"))

    def test_first_time_may_be_left_out(self):
        assert schedule.parse("a,b@10s") == schedule.Schedule((0, 10), ("a", "b"))

    @pytest.mark.parametrize("style", ["starry_night", "a:2,b:1", "me@home.jpg", "with@paintings/waves.jpg"])
    def test_one_style_or_mixture(self, style):
        assert schedule.parse(style) == schedule.Schedule((0,), (style,))

    def test_file_with_such_a_name(self):
        pathlib.Path("a@0s,b@10s").touch()
        assert schedule.parse("a@0s,b@10s").styles == ("a@0s,b@10s",)
        pathlib.Path("a@5").touch()
        assert schedule.parse("a@5,b@10s") == schedule.Schedule((0, 10), ("a@5", "b"))

    @pytest.mark.parametrize(
        ("style", "message"),
        [
            ("a@0s,b", "'b' has no time: use for instance starry_night@0s"),
            ("a@0s,", "a style is missing before ''"),
            ("a@0s,@10s", "a style is missing before '@10s'"),
            ("a@soon", "'soon' is not a time: use for instance 10s"),
            ("a@0s,b@", "'b@' has no time"),
            ("a@0s,b@-5s", "'-5s' is not a time"),
            ("a@0s,b@1:30", "'1:30' is not a time"),
            ("a@0s,b@30s1m", "'30s1m' is not a time"),
            ("a@10s,b@5s", "times of the styles are 10, 5: list them in rising order"),
            ("a,b@0s", "times of the styles are 0, 0: list them in rising order, none twice"),
            ("waves:2@0s,b@10s", "'waves:2' has a weight and a time: .* without weights"),
            ("waves:2,b:1@10s", "'waves:2' has a weight and a time"),
        ],
    )
    def test_refused(self, style, message):
        with pytest.raises(errors.InputError, match=message) as caught:
            schedule.parse(style)
        assert "\n" not in str(caught.value)


class TestMappings:
    def test_seconds_to_styles(self):
        painting = np.zeros((8, 8, 3), np.uint8)
        plan = schedule.parse({10: "b:1,c:2", 0: painting, 2.5: pathlib.Path("c.jpg")})
        assert plan.times == (0, 2.5, 10)
        assert plan.styles[0] is painting
        assert plan.styles[1:] == (pathlib.Path("c.jpg"), "b:1,c:2")

    def test_styles_to_weights(self):
        assert schedule.parse({"a": 1, "b": 2}) == schedule.Schedule((0,), ({"a": 1, "b": 2},))

    @pytest.mark.parametrize("time", [-1, float("inf"), float("nan")])
    def test_refused(self, time):
        with pytest.raises(errors.InputError, match="use seconds of 0 or more"):
            schedule.parse({0: "a", time: "b"})


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, (1, 0, 0)), (2, (1, 0, 0)), (4, (0.75, 0.25, 0)), (10, (0, 1, 0)), (11, (0, 0.5, 0.5)), (99, (0, 0, 1))],
)
def test_shares(seconds, expected):
    assert schedule.parse("a@2s,b@10s,c@12s").shares(seconds) == pytest.approx(expected, abs=1e-12)


def test_shares_at_a_styles_time_are_exact():
    times = np.cumsum(np.random.default_rng(0).uniform(0.1, 9, 20))
    plan = schedule.Schedule(tuple(times), ("a",) * 20)
    np.testing.assert_array_equal([plan.shares(time) for time in times], np.eye(20))


def test_names_have_no_folders():
    assert schedule.parse("starry_night").name == schedule.parse("starry_night@7s").name == "starry_night"
    assert schedule.parse("private/a.jpg,b@1m30s").name == "a.jpg@0s,b@90s"
    assert schedule.parse({0: {"private/a.jpg": 2, "b": 1}, 3: "c"}).name == "a.jpg:2,b:1@0s,c@3s"
