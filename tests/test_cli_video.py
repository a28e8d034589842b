"""The command line ``tfstyle video``: what it says, what it refuses, what Ctrl-C and kill leave."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import filmed
import pytest
import runs
from filmed import difference, files, frames, times

import tfstyle
from tfstyle import checkpoints
from tfstyle.cli import console, video
from tfstyle.video import reader

STYLE = "starry_night"
COUNT = 6


@pytest.fixture(autouse=True)
def film(tmp_path, monkeypatch):
    """The current folder holds film.mp4: moving colors with a tone."""
    monkeypatch.chdir(tmp_path)
    return filmed.write(pathlib.Path("film.mp4"), filmed.pan(COUNT), sound="aac")


def paint(*words, style=STYLE, film="film.mp4"):
    return runs.command("video", film, "--style", style, *words)


def test_options_reach_the_video(capsys):
    assert paint("-o", "out", "--strength", "0", "--size", "48", "--keep-colors", "--flicker", "--threads", "1") == 0
    assert f"saved out: {COUNT} frames, " in capsys.readouterr().err
    original = [frame.pixels for frame in reader.open_film("film.mp4").frames((32, 48))]
    assert difference(frames("out"), original) == 0


def test_problems_with_the_video_are_reported(monkeypatch, capsys):
    notes = ("not kept: the audio", "tone-mapped from HDR (PQ) to SDR")
    last = tfstyle.FilmProgress(9, 9, 3.0, 0, skipped=1, is_truncated=True, notes=notes)
    monkeypatch.setattr(tfstyle, "paint_film", lambda *_, **__: (each for each in [last]))
    assert paint("-o", "out.gif") == 0
    assert capsys.readouterr().err.splitlines()[-5:] == [
        "film.mp4: 1 damaged frame skipped",
        "film.mp4 is truncated: it ends before the time in its header",
        "film.mp4: not kept: the audio",
        "film.mp4: tone-mapped from HDR (PQ) to SDR",
        "saved out.gif: 9 frames, 3.0 per second",
    ]


def test_ctrl_c_leaves_a_video_and_resume_completes_it(monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(video, "_UPDATE_EVERY", 0)
        patch.setattr(console.ProgressBar, "show", lambda *_: signal.raise_signal(signal.SIGINT))
        assert paint("-o", "out.mp4") == 130
    said = capsys.readouterr().err
    assert "stopped after frame 1: out.mp4 ends there; run the same command with --resume to continue" in said
    assert times("out.mp4") == [0]
    assert paint("-o", "out.mp4", "--resume") == 0
    assert times("out.mp4") == times("film.mp4")
    assert files() == {"out.mp4"}


class TestRefuses:
    def refused(self, capsys, *words, **options):
        capsys.readouterr()
        before = files()
        assert paint(*words, **options) == 2
        said = capsys.readouterr().err
        assert said.startswith("tfstyle: ")
        assert said.count("\n") == 1
        assert files() == before
        return said

    @pytest.mark.parametrize("strength", ["-0.1", "1.5", "nan"])
    def test_strength(self, capsys, strength):
        assert "use 0 to 1" in self.refused(capsys, "-o", "out.mp4", "--strength", strength)

    @pytest.mark.parametrize(("option", "accepted"), [("--size", "use 1 or more"), ("--threads", "use 1 or more")])
    def test_negative_numbers(self, capsys, option, accepted):
        assert accepted in self.refused(capsys, "-o", "out.mp4", option, "-3")

    def test_unknown_style(self, capsys):
        assert "no style 'nobody'" in self.refused(capsys, "-o", "out.mp4", style="nobody")

    @pytest.mark.parametrize(
        ("style", "message"),
        [
            ("nowhere.jpg", "nowhere.jpg: no such file"),
            ("scream@10s,starry_night@5s", "list them in rising order"),
            ("scream@0s,starry_night", "'starry_night' has no time: use for instance starry_night@0s,"),
        ],
    )
    def test_paintings_and_times(self, capsys, style, message):
        assert message in self.refused(capsys, "-o", "out.mp4", style=style)

    def test_unsupported_results(self, capsys):
        assert "unsupported video format: use .mp4, .gif" in self.refused(capsys, "-o", "out.avi")

    def test_output_is_the_input(self, capsys):
        assert "film.mp4 is the input video" in self.refused(capsys, "-o", "film.mp4")

    def test_not_a_video_file(self, capsys):
        pathlib.Path("film.mp4").write_bytes(b"no film" * 50)
        assert "cannot be read as a video" in self.refused(capsys, "-o", "out.mp4")

    def test_output_folder_is_not_empty(self, capsys):
        pathlib.Path("full").mkdir()
        pathlib.Path("full/letter.txt").write_text("mine")
        assert "full is not empty: specify a new folder" in self.refused(capsys, "-o", "full")


_WRAPPER = """
from tfstyle.cli import main
from tfstyle.video import painter
painter._PART = 3
main.main()
"""


@pytest.mark.slow
def test_killed_twice():
    """kill -9 while it paints: frames of closed parts are not painted again, and the film is the same."""
    filmed.write(pathlib.Path("film.mp4"), filmed.pan(150, 240, 320), sound="aac")
    assert paint("-o", "whole.mp4") == 0
    command = [sys.executable, "-c", _WRAPPER, "video", "film.mp4", "--style", STYLE, "-o", "out.mp4", "--resume"]
    painted = 0
    for _ in range(2):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while (kept := checkpoints.load("out.mp4")) is None or int(kept[1]["painted"]) <= painted:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        painted = int(checkpoints.load("out.mp4")[1]["painted"])
    assert subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
    assert times("out.mp4") == times("whole.mp4") == times("film.mp4")
    ours, whole = frames("out.mp4"), frames("whole.mp4")
    # H.264 starts over with each part; a frame of another time would differ more.
    assert difference(ours, whole) < 0.6 * difference(ours[1:], whole[:-1])
    assert files() == {"out.mp4", "whole.mp4"}
