"""A run ends well whatever becomes of the terminal it was started from."""

import errno
import io
import json
import os
import pathlib
import subprocess
import sys

import pytest
import runs

from tfstyle import errors, images
from tfstyle.cli import streams


def tfstyle(words: str, **options) -> subprocess.CompletedProcess[bytes]:
    """Runs a command line in a shell, where `tfstyle` is `python -m tfstyle`."""
    script = f'tfstyle() {{ "{sys.executable}" -m tfstyle "$@"; }}\n{words}'
    return subprocess.run(["bash", "-c", script], capture_output=True, timeout=240, check=False, **options)


class Broken(io.StringIO):
    """A stream whose file is full, or whose reader has left."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ENOSPC])
def test_standard_error_that_breaks_is_ignored(monkeypatch, number):
    monkeypatch.setattr(sys, "stderr", Broken(number))
    with streams.safe():
        print("progress", file=sys.stderr, flush=True)
        print("more", file=sys.stderr, flush=True)


def test_standard_output_without_a_reader_is_no_error(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Broken(errno.EPIPE))
    with streams.safe():
        print("a table")


def test_standard_output_on_a_full_disk_is_an_error_at_the_end(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Broken(errno.ENOSPC))
    steps = []

    def work() -> None:
        with streams.safe():
            print("a table")
            steps.append("after")

    with pytest.raises(errors.InputError, match="standard output cannot be written: No space left on device"):
        work()
    assert steps == ["after"]


@pytest.mark.parametrize("closed", [True, False])
def test_a_process_without_streams(monkeypatch, closed):
    stream = None
    if closed:
        stream = io.StringIO()
        stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    with streams.safe():
        print("a table")
        print("progress", file=sys.stderr, flush=True)
        assert not sys.stderr.isatty()
    assert sys.stdout is stream


def test_characters_that_a_terminal_does_not_have(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    with streams.safe():
        print("Vétheuil")
    assert raw.getvalue() == b"V\\xe9theuil\n"


def test_the_streams_come_back(capsys):
    before = sys.stdout, sys.stderr
    with streams.safe():
        print("shown")
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr().out == "shown\n"


class TestCommand:
    def test_module_and_version(self):
        done = tfstyle("tfstyle --version")
        assert done.stdout.startswith(b"tfstyle ")
        assert (done.returncode, done.stderr) == (0, b"")

    def test_a_full_disk(self):
        done = tfstyle("tfstyle styles >/dev/full")
        assert done.stderr == b"tfstyle: standard output cannot be written: No space left on device\n"
        assert done.returncode == 2

    def test_a_reader_that_has_left(self):
        done = tfstyle("tfstyle styles | true; exit ${PIPESTATUS[0]}")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    def test_help_for_python_m(self):
        done = tfstyle("tfstyle --help | head -1")
        assert done.stdout.startswith(b"usage: tfstyle [-h]")

    @pytest.mark.slow
    def test_an_unusable_environment(self, folder: pathlib.Path, tiny: str):
        """Keras settings that Keras itself refuses, warnings as errors, and a closed standard error."""
        settings = {"floatx": "bfloat16", "image_data_format": "channels_first", "backend": "jax", "epsilon": 1}
        home = folder / "keras"
        home.mkdir()
        (home / "keras.json").write_text(json.dumps(settings))
        odd = {"KERAS_HOME": str(home), "KERAS_BACKEND": "nonsense", "PYTHONWARNINGS": "error"}
        odd |= {"TFSTYLE_COMPACT_WEIGHTS": tiny, "TFSTYLE_VGG19_WEIGHTS": ""}
        words = "tfstyle optimize photo.png painting.png -o out.png --features compact --size 40 --iterations 1 2>&-"
        done = tfstyle(words, env=os.environ | odd, cwd=folder)
        assert (done.returncode, done.stdout) == (0, b"")
        assert max(images.load_image(folder / "out.png").size) == 40
        assert json.loads((home / "keras.json").read_text()) == settings

    @pytest.mark.slow
    @pytest.mark.parametrize("end", ["2>&1 | head -1; exit ${PIPESTATUS[0]}", "2>&1 | true", "2>/dev/full", "<&- >&-"])
    def test_a_picture_is_saved_whatever_happens_to_its_progress(self, folder, tiny, end):
        paint = f"tfstyle optimize photo.png painting.png -o out.png --weights {tiny} --features compact --iterations 2"
        done = tfstyle(f"{paint} {end}", cwd=folder)
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stdout + done.stderr
        assert images.load_image(folder / "out.png").size == runs.photo().size
