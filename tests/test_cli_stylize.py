"""The command ``tfstyle stylize``: what it prints and refuses; that it starts quickly."""

import os
import pathlib
import subprocess
import sys

import drawn
import pytest
import runs

from tfstyle import images

COMMAND = [sys.executable, "-X", "importtime", "-m", "tfstyle.cli.main"]
FRAMEWORKS = {"tensorflow", "keras"}
STYLE = ("--style", "starry_night")


@pytest.fixture(autouse=True)
def _folder(folder):
    """The current folder holds photo.png."""
    (folder / "painting.png").unlink()


def stylize(*words):
    return runs.command("stylize", *words, *STYLE)


def files():
    return {str(path) for path in pathlib.Path().rglob("*") if path.is_file()} - {"photo.png"}


def refused(capsys, *words):
    """The one line of a command that must fail without a trace."""
    before = files()
    assert runs.command("stylize", *words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("tfstyle: ")
    assert said.err.count("\n") == 1
    assert files() == before
    return said.err


def test_one_photo(capsys):
    options = ("--strength", "0.5", "--keep-colors", "--size", "24", "--runtime", "litert", "--threads", "1")
    assert stylize("photo.png", "-o", "out.png", *options) == 0
    assert files() == {"out.png"}
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "1/1 out.png\n")
    recipe = images.load_recipe("out.png")
    assert (recipe["strength"], recipe["keep_colors"], recipe["size"]) == (0.5, True, 24)


def test_a_painting_and_a_mixture(capsys):
    images.save_image("painting.png", drawn.painting(48, 64, 3)[0])
    for style, output in (("painting.png", "out.png"), ("painting.png:2, starry_night:1", "mixed.png")):
        assert runs.command("stylize", "photo.png", "-o", output, "--style", style, "--strength", "0.8") == 0
    assert capsys.readouterr().err == "1/1 out.png\n1/1 mixed.png\n"
    assert images.load_recipe("mixed.png")["style"] == "painting.png:2,starry_night:1"


def test_a_folder_with_broken_photos_and_other_files(capsys):
    pathlib.Path("album").mkdir()
    pathlib.Path("photo.png").rename("album/c.png")
    pathlib.Path("album/a.png").write_bytes(b"")
    pathlib.Path("album/b.png").write_bytes(b"nonsense" * 40)
    pathlib.Path("album/d.heic").write_bytes(b"")
    assert stylize("album", "-o", "painted") == 2
    skipped, first, second, third, last = capsys.readouterr().err.splitlines()
    assert skipped == "warning: left out album/d.heic (HEIC: convert it to JPEG)"
    assert first.startswith("tfstyle: album/a.png: ")
    assert second.startswith("tfstyle: album/b.png: ")
    assert third == "3/3 painted/c.png"
    assert last == "tfstyle: 2 of 3 photos could not be painted (see above); the other 1 were painted"


def test_all_photos_broken(capsys):
    for name in ("a.png", "b.png"):
        pathlib.Path(name).write_bytes(b"nonsense" * 40)
    assert stylize("a.png", "b.png", "-o", "painted") == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "tfstyle: 2 of 2 photos could not be painted (see above); nothing was painted"


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["photo.png", "-o", "photo.png"], "is the photo itself"),
            (["photo.png", "-o", "."], "is the photo itself"),
            (["nowhere.png", "-o", "out.png"], "nowhere.png"),
            (["nowhere.png", "-o", "painted"], "nowhere.png"),
            (["x" * 5000, "-o", "out.png"], "too long"),
            (["photo.png", "-o", "nowhere/out.png"], "create it first"),
            (["photo.png", "-o", "out.gif"], "cannot write '.gif'"),
            (["photo.png", "-o", "out.heic"], "cannot write '.heic': choose .jpg"),
            (["photo.png", "-o", "out.png", "--strength", "nan"], "use 0 to 1"),
            (["photo.png", "-o", "out.png", "--size", "-4"], "size"),
            (["photo.png", "-o", "out.png", "--threads", "-1"], "threads"),
        ],
    )
    def test_in_one_line(self, capsys, *, words, message):
        assert message in refused(capsys, *words, *STYLE)

    def test_no_such_style(self, capsys):
        assert "no style 'nosuch'" in refused(capsys, "photo.png", "-o", "out.png", "--style", "nosuch")
        assert "no trained style found there" in refused(capsys, "photo.png", "-o", "out.png", "--style", ".")

    @pytest.mark.parametrize(
        "words", [["photo.png", "-o", "out.png"], ["photo.png", *STYLE], ["-o", "out.png", *STYLE]]
    )
    def test_required_arguments(self, capsys, words):
        assert "required" in refused(capsys, *words)


def test_tensorflow_is_not_loaded():
    words = ["stylize", "photo.png", *STYLE, "-o", "out.png"]
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    loaded = {line.rpartition("|")[2].strip() for line in lines}
    assert "ai_edge_litert" in loaded
    assert loaded & FRAMEWORKS == set()
    assert [line for line in done.stderr.splitlines() if line not in lines] == ["1/1 out.png"]
    assert done.stdout == ""
    assert os.path.exists("out.png")  # noqa: PTH110
