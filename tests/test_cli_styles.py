"""The command ``tfstyle styles``."""

import drawn
import pytest
import runs

import tfstyle
from tfstyle import reports, stylebook


def test_one_line_per_style_without_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert runs.command("styles") == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split()[0] == "name"
    for line, style in zip(lines, tfstyle.styles(), strict=True):
        assert line.split()[0] == style.name
        assert style.title in line
        assert line.endswith(str(style.preview or style.year))


def test_every_painting_with_a_style_vector_is_listed(capsys):
    assert runs.command("styles") == 0
    names = {line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]}
    assert names >= set(stylebook.named())
    assert len(stylebook.named()) >= 32
    assert names >= set(stylebook.trained())


class TestSheet:
    @pytest.fixture(autouse=True)
    def _few(self, monkeypatch, tmp_path):
        """A style with its own network, and one without."""
        every = {style.name: style for style in tfstyle.styles()}
        monkeypatch.setattr(stylebook, "styles", lambda: [every["great_wave"], every["irises"]])
        monkeypatch.chdir(tmp_path)
        tfstyle.save_image("photo.png", drawn.photo(48, 64))

    def test_one_picture_per_style(self, capsys):
        assert runs.command("styles", "--sheet", "sheet.png", "--photo", "photo.png") == 0
        said = capsys.readouterr().err.splitlines()
        assert said == ["1/2 great_wave", "2/2 irises", "saved sheet.png"]
        sheet = tfstyle.load_image("sheet.png").rgb
        assert sheet.shape == tuple(reports.contact_sheet([drawn.photo(48, 64)] * 3, [""] * 3, cell=320).shape)

    def test_refuses_a_photo_without_a_sheet(self, capsys):
        assert runs.command("styles", "--photo", "photo.png") == 2
        assert "--photo has no effect without --sheet" in capsys.readouterr().err

    def test_refuses_an_unusable_photo_or_file(self, capsys):
        assert runs.command("styles", "--sheet", "sheet.png", "--photo", "nosuch.png") == 2
        assert runs.command("styles", "--sheet", "nosuch/sheet.png") == 2
        assert capsys.readouterr().err.count("\n") == 2
