"""The command line ``tfstyle video``: what comes out, what is refused, what an interruption leaves."""

import itertools
import os
import pathlib
import signal
import subprocess
import sys
import time

import filmed
import numpy as np
import pytest
import runs
from PIL import Image

from tfstyle import checkpoints, errors
from tfstyle.cli import console
from tfstyle.video import painter, prefetching, reader

STYLE = "starry_night"
COUNT = 24


@pytest.fixture(autouse=True)
def film(tmp_path, monkeypatch):
    """The current folder holds film.mp4: moving colours with a tone."""
    monkeypatch.chdir(tmp_path)
    return filmed.write(pathlib.Path("film.mp4"), filmed.pan(COUNT), sound="aac")


def paint(*words, style=STYLE):
    return runs.command("video", "film.mp4", "--style", style, *words)


def frames(path):
    clip = reader.open_clip(path)
    return [frame.pixels for frame in clip.frames((clip.height, clip.width))]


def times(path):
    clip = reader.open_clip(path)
    return [float(frame.time * clip.tick) for frame in clip.frames((clip.height, clip.width))]


def left():
    return {str(path) for path in pathlib.Path().rglob("*")} - {"film.mp4"}


def difference(one, other):
    return np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(one, other, strict=True)])


def test_a_painted_film(capsys):
    assert paint("-o", "out.mp4") == 0
    assert f"saved out.mp4: {COUNT} frames" in capsys.readouterr().err
    before, after = reader.open_clip("film.mp4"), reader.open_clip("out.mp4")
    assert (after.height, after.width, after.rate, after.audio) == (before.height, before.width, before.rate, True)
    assert times("out.mp4") == times("film.mp4")
    assert difference(frames("out.mp4"), frames("film.mp4")) > 20
    assert left() == {"out.mp4"}


def test_gif_to_gif_and_a_folder_to_a_film():
    pathlib.Path("in").mkdir()
    for number, frame in enumerate(filmed.pan(4)):
        Image.fromarray(frame).save(f"in/{number}.png")
    assert runs.command("video", "in", "--style", STYLE, "-o", "out.gif") == 0
    assert runs.command("video", "out.gif", "--style", STYLE, "-o", "again.mp4") == 0
    assert times("again.mp4") == times("out.gif") == pytest.approx([0, 0.04, 0.08, 0.12])


def test_no_strength_is_the_film_itself():
    assert paint("-o", "out", "--strength", "0") == 0
    assert difference(frames("out"), frames("film.mp4")) == 0


def test_more_strength_is_further_away():
    original, changes = frames("film.mp4"), []
    for strength in ("0.3", "0.6", "1"):
        assert paint("-o", f"out {strength[-1]}", "--strength", strength) == 0
        changes.append(difference(frames(f"out {strength[-1]}"), original))
    assert changes == sorted(changes)
    assert changes[0] > 1


def test_colours_can_be_kept():
    assert paint("-o", "out", "--keep-colors") == 0
    for name in ("out", "own"):
        assert name == "out" or paint("-o", name) == 0

    def chroma(picture):
        return picture.astype(float) - picture.astype(float) @ np.array([[0.299], [0.587], [0.114]])

    original = [chroma(each) for each in frames("film.mp4")]
    kept, own = ([chroma(each) for each in frames(name)] for name in ("out", "own"))
    assert np.mean([np.abs(a - b).mean() for a, b in zip(kept, original, strict=True)]) < 0.6 * np.mean(
        [np.abs(a - b).mean() for a, b in zip(own, original, strict=True)]
    )


@pytest.mark.parametrize(("size", "expected"), [("48", (32, 48)), ("50", (32, 50)), ("192", (128, 192))])
def test_another_size(size, expected):
    assert paint("-o", "out.mp4", "--size", size) == 0
    assert frames("out.mp4")[0].shape[:2] == expected


def test_less_than_half_of_the_flicker():
    """Moved by the known motion, each frame is compared to the one before."""
    assert paint("-o", "steady") == 0
    assert paint("-o", "single", "--flicker") == 0

    def flicker(name):
        pictures = [picture.astype(float)[8:-8, 8:-8] for picture in frames(name)][4:]
        return np.mean([np.mean((b[:, :-2] - a[:, 2:]) ** 2) for a, b in itertools.pairwise(pictures)])

    assert flicker("steady") < 0.5 * flicker("single")


class TestInterrupted:
    @pytest.fixture(autouse=True)
    def _small_parts(self, monkeypatch):
        monkeypatch.setattr(painter, "_PART", 5)

    @pytest.fixture
    def stop_after(self, monkeypatch):
        """Ctrl-C after so many frames of the next film only."""

        def stop(count):
            class Impatient(console.Interrupts):
                def __init__(self):
                    self.left = count
                    monkeypatch.setattr(console, "Interrupts", usual)

                @property
                def asked(self):
                    self.left -= 1
                    return self.left < 1

            monkeypatch.setattr(console, "Interrupts", Impatient)

        usual = console.Interrupts
        return stop

    @pytest.mark.parametrize("count", [1, 5, 7])
    def test_leaves_a_film_that_ends_there(self, stop_after, count, capsys):
        stop_after(count)
        assert paint("-o", "out.mp4") == 130
        assert (
            f"stopped after frame {count}: out.mp4 ends there; run the same command with --resume"
            in capsys.readouterr().err
        )
        assert times("out.mp4") == times("film.mp4")[:count]

    def test_resumed_is_uninterrupted(self, stop_after):
        assert paint("-o", "whole") == 0
        stop_after(7)
        assert paint("-o", "out") == 130
        assert paint("-o", "out", "--resume") == 0
        for ours, expected in zip(frames("out"), frames("whole"), strict=True):
            np.testing.assert_array_equal(ours, expected)
        assert not checkpoints.path_for("out").exists()

    def test_another_command_is_not_gone_on_with(self, stop_after, capsys):
        stop_after(7)
        assert paint("-o", "out.mp4") == 130
        before = left()
        capsys.readouterr()
        assert paint("-o", "out.mp4", "--resume", "--strength", "0.5") == 2
        assert (
            r"the interrupted run of out.mp4 had other settings (strength was 1.0, now 0.5" in capsys.readouterr().err
        )
        assert left() == before


class TestRefuses:
    def refused(self, capsys, *words, **options):
        capsys.readouterr()
        before = left()
        assert paint(*words, **options) == 2
        said = capsys.readouterr().err
        assert said.startswith("tfstyle: ")
        assert said.count("\n") == 1
        assert left() == before
        return said

    @pytest.mark.parametrize("strength", ["-0.1", "1.5", "nan"])
    def test_strength(self, capsys, strength):
        assert "use 0 to 1" in self.refused(capsys, "-o", "out.mp4", "--strength", strength)

    @pytest.mark.parametrize(("option", "accepted"), [("--size", "use 1 or more"), ("--threads", "use 0 or more")])
    def test_negative_numbers(self, capsys, option, accepted):
        assert accepted in self.refused(capsys, "-o", "out.mp4", option, "-3")

    def test_unknown_style(self, capsys):
        assert "no style 'nobody'" in self.refused(capsys, "-o", "out.mp4", style="nobody")

    def test_another_kind_of_file(self, capsys):
        assert "films are written as .mp4, .gif" in self.refused(capsys, "-o", "out.avi")

    def test_the_film_itself(self, capsys):
        assert "film.mp4 is the film itself" in self.refused(capsys, "-o", "film.mp4")

    def test_a_film_that_is_none(self, capsys):
        pathlib.Path("film.mp4").write_bytes(b"no film" * 50)
        assert "cannot be read as a film" in self.refused(capsys, "-o", "out.mp4")

    def test_a_folder_with_something_in_it(self, capsys):
        pathlib.Path("full").mkdir()
        pathlib.Path("full/letter.txt").write_text("mine")
        assert "full: is not empty: name a new folder" in self.refused(capsys, "-o", "full")


class TestPrefetch:
    def test_same_items_in_order(self):
        assert list(prefetching.prefetch(iter(range(100)))) == list(range(100))

    def test_works_ahead_but_not_far(self):
        made = []

        def items():
            for number in range(100):
                made.append(number)
                yield number

        ahead = prefetching.prefetch(items(), capacity=3)
        assert next(ahead) == 0
        time.sleep(0.3)
        assert len(made) in (4, 5)
        ahead.close()

    def test_errors_come_where_they_happened(self):
        def items():
            yield 1
            raise errors.InputError("broken")

        ahead = prefetching.prefetch(items())
        assert next(ahead) == 1
        with pytest.raises(errors.InputError, match="broken"):
            next(ahead)

    def test_stops_with_its_reader(self):
        closed = []

        def items():
            try:
                yield from range(1000)
            finally:
                closed.append(True)

        ahead = prefetching.prefetch(items())
        next(ahead)
        ahead.close()
        assert closed == [True]


_WRAPPER = """
from tfstyle.cli import main
from tfstyle.video import painter
painter._PART = 3
main.main()
"""


@pytest.mark.slow
def test_killed_three_times():
    """kill -9 while it paints: what was painted before is not painted again, and the film is the same."""
    filmed.write(pathlib.Path("film.mp4"), filmed.pan(150, 240, 320), sound="aac")
    assert paint("-o", "whole.mp4") == 0
    command = [sys.executable, "-c", _WRAPPER, "video", "film.mp4", "--style", STYLE, "-o", "out.mp4", "--resume"]
    painted = 0
    for _ in range(3):
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
    # H.264 begins anew with each part; one frame earlier or later is farther off.
    assert difference(ours, whole) < 0.6 * difference(ours[1:], whole[:-1])
    assert left() == {"out.mp4", "whole.mp4"}
