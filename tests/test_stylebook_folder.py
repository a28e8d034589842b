"""Where trained styles are found, and what their folders hold."""

import dataclasses
import os
import pathlib

import pytest

from tfstyle import config, errors, stylebook
from tfstyle.stylebook import folder as style_folder


def trained(path):
    path.mkdir(parents=True, exist_ok=True)
    folder = stylebook.StyleFolder(path)
    folder.litert.write_bytes(b"")
    return folder


class TestFind:
    def test_a_folder_is_taken_as_it_is(self, tmp_path):
        for given in (tmp_path, str(tmp_path), stylebook.StyleFolder(tmp_path)):
            assert stylebook.find(given) == stylebook.StyleFolder(tmp_path)

    @pytest.mark.parametrize("name", ["nosuch", "no/such", "x" * 5000, "a\0b"])
    def test_neither_folder_nor_name(self, name):
        with pytest.raises(errors.InputError, match="use a folder written by tfstyle train, or one of"):
            stylebook.find(name)

    def test_own_styles_by_name(self, monkeypatch, tmp_path):
        waves = trained(tmp_path / "saved_models" / "waves")
        trained(tmp_path / "saved_models" / "night")
        (tmp_path / "saved_models" / "unfinished").mkdir()
        monkeypatch.setattr(style_folder, "PACKAGE", tmp_path / "tfstyle")
        assert list(stylebook.trained()) == ["night", "waves"]
        assert stylebook.find("waves") == waves
        monkeypatch.chdir(tmp_path)
        pathlib.Path("waves").mkdir()  # A folder of pictures, perhaps.
        assert stylebook.find("waves") == waves
        trained(pathlib.Path("waves"))
        assert stylebook.find("waves").path == pathlib.Path("waves")

    def test_styles_of_an_installed_package(self, monkeypatch, tmp_path):
        trained(tmp_path / "saved_models" / "waves")
        trained(tmp_path / "tfstyle" / "saved_models" / "inside")
        monkeypatch.setattr(style_folder, "PACKAGE", tmp_path / "tfstyle")
        assert list(stylebook.trained()) == ["inside"]


class TestStyleFolder:
    def test_is_a_path(self, tmp_path):
        folder = stylebook.StyleFolder(tmp_path / "waves")
        assert os.fspath(folder) == str(folder) == str(tmp_path / "waves")
        assert folder.name == "waves"

    def test_name_of_the_current_folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert stylebook.StyleFolder(pathlib.Path()).name == tmp_path.name

    def test_card(self, tmp_path):
        folder, settings = stylebook.StyleFolder(tmp_path), config.TrainingSettings(steps=7)
        folder.write_card({"train": "waves", "settings": dataclasses.asdict(settings)})
        assert folder.read_card()["train"] == "waves"
        assert folder.settings() == settings

    @pytest.mark.parametrize("text", [None, "", "{", "[]", "7", '{"settings": 7}', '{"settings": {"nosuch": 7}}'])
    def test_damaged_card(self, tmp_path, text):
        folder = stylebook.StyleFolder(tmp_path)
        if text is not None:
            folder.card.write_text(text)
        with pytest.raises(errors.InputError, match="card.json is missing or damaged: retrain the style"):
            folder.settings()


def test_styles_are_listed_with_their_files():
    styles = {style.name: style for style in stylebook.styles()}
    assert list(styles) == sorted({**stylebook.load_all(), **stylebook.named()})
    assert [name for name, style in styles.items() if style.is_measured] == list(stylebook.load_all())
    night, hat = styles["starry_night"], styles["woman_with_a_hat"]
    assert (night.title, night.artist, night.year) == ("The Starry Night", "Vincent van Gogh", "1889")
    assert night.folder == stylebook.find("starry_night").path
    assert night.preview.is_file()
    assert (hat.folder, hat.preview) == (None, None)
