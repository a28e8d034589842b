"""A style found by file, folder or name."""

import numpy as np
import pytest
import runs

from tfstyle import errors, files, images, stylebook
from tfstyle.stylebook import catalog


def test_file_of_a_painting(tmp_path):
    path = tmp_path / "painting.png"
    images.save_image(path, runs.painting())
    for given in (path, str(path)):
        style = stylebook.load(given)
        assert isinstance(style, stylebook.Painting)
        np.testing.assert_array_equal(style.photo.rgb, np.rint(runs.painting().rgb))
        assert style.digest == files.digest(path)


def test_name(monkeypatch):
    stored = stylebook.StoredStyle("waves", "Waves", "Nobody", "1900", "abc", {})
    monkeypatch.setattr(catalog, "load_all", lambda: {"waves": stored})
    assert stylebook.load("waves") is stored


def test_file_is_preferred_to_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "load_all", lambda: {"waves": None})
    monkeypatch.chdir(tmp_path)
    images.save_image("waves.png", runs.painting())
    (tmp_path / "waves.png").rename("waves")
    style = stylebook.load("waves")
    assert isinstance(style, stylebook.Painting)
    assert style.digest == files.digest("waves")


def test_unknown(monkeypatch):
    monkeypatch.setattr(catalog, "load_all", lambda: {"sea": None, "waves": None})
    with pytest.raises(errors.InputError, match="no painting or style 'wave': use an .* or one of sea, waves"):
        stylebook.load("wave")
    with pytest.raises(errors.InputError, match=r"nowhere\.jpg"):
        stylebook.load("nowhere.jpg")
    with pytest.raises(errors.InputError, match="no painting"):
        stylebook.load("long" * 200)


def test_folder_without_a_style_does_not_hide_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "starry_night").mkdir()
    assert stylebook.load("starry_night") is stylebook.load_all()["starry_night"]


def test_folder_of_a_trained_style(tmp_path):
    night = stylebook.load_all()["starry_night"]
    stylebook.StyleFolder(tmp_path).statistics.write_bytes(night.packed())
    style = stylebook.load(tmp_path)
    assert (style.name, style.title) == (tmp_path.name, "The Starry Night")


def test_folder_without_a_style(tmp_path):
    with pytest.raises(errors.InputError, match="no style found there .statistics.npz is missing"):
        stylebook.load(tmp_path)
