"""What a user gives as a style."""

import numpy as np
import pytest

from tfstyle import errors, stylebook
from tfstyle.stylizer import mixtures


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("starry_night", [("starry_night", 1)]),
        ("starry_night:2,great_wave:1", [("starry_night", 2), ("great_wave", 1)]),
        ("starry_night, painting.jpg:0.5", [("starry_night", 1), ("painting.jpg", 0.5)]),
        ("a:0,b", [("a", 0), ("b", 1)]),
        (r"C:\a.jpg:2,D:\b.jpg", [(r"C:\a.jpg", 2), (r"D:\b.jpg", 1)]),
        (r"C:\a.jpg", [(r"C:\a.jpg", 1)]),
        ({"a": 2, "b": 1}, [("a", 2), ("b", 1)]),
    ],
)
def test_parse(text, expected):
    assert mixtures.parse(text) == expected


def test_commas_and_colons_in_the_name_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "red, blue:2.png").touch()
    assert mixtures.parse("red, blue:2.png") == [("red, blue:2.png", 1)]


def test_pictures_and_folders_are_one_style(tmp_path):
    for style in (np.zeros((4, 4, 3)), tmp_path, stylebook.StyleFolder(tmp_path)):
        assert mixtures.parse(style) == [(style, 1)]


@pytest.mark.parametrize("text", ["a:x,b", "a,,b", "a:-1,b:2", ":2,b", "a:nan,b", "a:inf,b", ","])
def test_refuses_what_is_no_mixture(text):
    with pytest.raises(errors.InputError, match="is not a mixture of styles: use for instance"):
        mixtures.parse(text)


@pytest.mark.parametrize("style", ["a:0,b:0", {}, {"a": 0}])
def test_refuses_weights_of_0_alone(style):
    with pytest.raises(errors.InputError, match="at least one style a weight above 0"):
        mixtures.parse(style)


@pytest.mark.parametrize(
    ("style", "name"),
    [
        ("starry_night", "starry_night"),
        ("private/painting.jpg", "painting.jpg"),
        ("private/a.jpg:2,b:0.5", "a.jpg:2,b:0.5"),
        (np.zeros((4, 4, 3)), "painting"),
    ],
)
def test_name_has_no_folders(style, name):
    assert mixtures.name_of(mixtures.parse(style)) == name
