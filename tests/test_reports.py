import csv
import io
import itertools
import math
import os
import pathlib
import re
import sys

import numpy as np
import pytest
import runs
from PIL import Image, ImageSequence

from tfstyle import errors, reports, runtime


def history(steps):
    made = reports.History()
    for step in range(steps):
        made.add(step, {"loss": 10.0 / (step + 1), "style": 1 / 3 + step, "content/conv4_2": step * 1e-7})
    return made


class TestHistory:
    def test_csv(self, tmp_path):
        history(4).write_csv(tmp_path / "log.csv")
        rows = list(csv.DictReader(io.StringIO((tmp_path / "log.csv").read_text())))
        assert list(rows[0]) == ["step", "loss", "style", "content/conv4_2"]
        assert [row["step"] for row in rows] == ["0", "1", "2", "3"]
        assert [float(row["style"]) for row in rows] == [1 / 3 + step for step in range(4)]  # every digit

    def test_csv_comes_back(self, tmp_path):
        history(4).write_csv(tmp_path / "log.csv")
        assert reports.History.read_csv(tmp_path / "log.csv").rows == history(4).rows

    def test_csv_of_nothing(self, tmp_path):
        reports.History().write_csv(tmp_path / "log.csv")
        assert (tmp_path / "log.csv").read_text() == "step\n"

    def test_csv_into_no_folder(self, tmp_path):
        with pytest.raises(errors.InputError, match="does not exist: create it first"):
            history(2).write_csv(tmp_path / "nowhere" / "log.csv")

    @pytest.mark.parametrize("steps", [0, 1, 5])
    def test_state(self, tmp_path, steps):
        again = reports.History()
        again.restore(history(steps).state())
        assert again.rows == history(steps).rows
        for number, each in enumerate((history(steps), again)):
            each.write_csv(tmp_path / f"{number}.csv")
        assert (tmp_path / "0.csv").read_bytes() == (tmp_path / "1.csv").read_bytes()

    def test_steps_done_again_replace_the_old_ones(self):
        made = history(5)
        made.add(2, {"loss": -1.0, "style": 0.0, "content/conv4_2": 0.0})
        assert [row["step"] for row in made.rows] == [0, 1, 2]
        assert made.rows[-1]["loss"] == -1.0

    def test_curves(self):
        curves = history(3).curves(["loss", "style", "variation"])
        assert curves == {"loss": ([0, 1, 2], [10.0, 5.0, 10 / 3]), "style": ([0, 1, 2], [1 / 3, 4 / 3, 7 / 3])}
        assert reports.History().curves(["loss"]) == {}


@pytest.fixture
def events():
    """Reads a folder's event files: step, name and number, in the order they were written."""
    runtime.import_tensorflow()
    import tensorflow as tf

    def read(folder):
        records = tf.data.TFRecordDataset([str(path) for path in sorted(folder.iterdir())])
        told = [tf.compat.v1.Event.FromString(record.numpy()) for record in records]
        values = [(event.step, value) for event in told for value in event.summary.value]
        assert {value.metadata.plugin_data.plugin_name for _, value in values} == {"scalars"}
        return [(step, value.tag, float(tf.make_ndarray(value.tensor))) for step, value in values]

    return read


class TestBoard:
    def test_every_number_of_every_step(self, tmp_path, events):
        board = reports.Board(tmp_path / "new" / "board")
        board.add(20, {"loss": 3.25, "style": 0.1})
        board.add(40, {"loss": 3, "style": np.float64(1e-7)})
        expected = [(20, "loss", 3.25), (20, "style", 0.1), (40, "loss", 3.0), (40, "style", 1e-7)]
        told = events(tmp_path / "new" / "board")  # Though the writer is still open.
        assert [each[:2] for each in told] == [each[:2] for each in expected]
        assert [each[2] for each in told] == pytest.approx([each[2] for each in expected], rel=1e-6)

    def test_does_without_tensorboard(self, tmp_path, monkeypatch, events):
        monkeypatch.setitem(sys.modules, "tensorboard", None)
        reports.Board(tmp_path / "board").add(1, {"loss": 2.0})
        assert events(tmp_path / "board") == [(1, "loss", 2.0)]

    def test_no_folder(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(errors.InputError, match="file: cannot write event files there") as caught:
            reports.Board(tmp_path / "file")
        assert "\n" not in str(caught.value)


class TestPlot:
    @pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("PDF", b"%PDF")])
    def test_written(self, tmp_path, suffix, start):
        path = tmp_path / f"plot.{suffix}"
        reports.plot_curves(path, history(5).curves(["loss", "style"]), title="both")
        assert path.read_bytes().startswith(start)
        assert os.listdir(tmp_path) == [path.name]

    def test_the_curves_are_on_it(self, tmp_path):
        reports.plot_curves(tmp_path / "plot.svg", history(5).curves(["loss", "style"]))
        lines = re.findall(r'<path d="(M [^"]*)" clip-path', (tmp_path / "plot.svg").read_text())
        assert sum(line.count("L") == 4 for line in lines) == 2  # five points each

    @pytest.mark.parametrize(
        "curves",
        [{}, {"loss": ([], [])}, {"loss": ([0, 1], [0.0, 0.0])}, {"loss": ([0, 1, 2], [math.nan, 0.0, 1.0])}],
    )
    def test_odd_curves(self, tmp_path, curves):
        reports.plot_curves(tmp_path / "plot.png", curves)
        with Image.open(tmp_path / "plot.png") as image:
            assert image.size == (840, 540)

    @pytest.mark.parametrize("name", ["plot", "plot.gif3", "plot.csv", ".png"])
    def test_other_suffixes(self, tmp_path, name):
        with pytest.raises(errors.InputError, match=r"unsupported plot format: use \.png, \.svg or \.pdf"):
            reports.plot_curves(tmp_path / name, {})
        assert os.listdir(tmp_path) == []

    def test_without_matplotlib(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(errors.InputError, match=r"pip install \"tfstyle\[plot\]\""):
            reports.plot_curves(tmp_path / "plot.png", {})


class TestCheckFiles:
    def test_fine(self, tmp_path):
        names = {"log": "a.csv", "plot": "b.svg", "timelapse": "c.gif"}
        reports.check_files(**{name: str(tmp_path / file) for name, file in names.items()})
        reports.check_files()
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"log": "nowhere/a.csv"}, "does not exist: create it first"),
            ({"plot": "nowhere/a.png"}, "does not exist: create it first"),
            ({"timelapse": "nowhere/a.gif"}, "does not exist: create it first"),
            ({"plot": "a.txt"}, "unsupported plot format"),
            ({"timelapse": "a.avi"}, "unsupported animation format"),
            ({"log": "."}, "is not a file"),
        ],
    )
    def test_refused(self, tmp_path, monkeypatch, given, message):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(errors.InputError, match=message):
            reports.check_files(**given)


def frames_of(path):
    with Image.open(path) as image:
        return [(np.asarray(frame.convert("RGB")), frame.info["duration"]) for frame in ImageSequence.Iterator(image)]


def filled(path, steps, **options):
    """Every frame another picture; twice as large from the middle on, as at a change of scale."""
    made = reports.Timelapse(path, **options)
    for step in range(steps):
        size = (36, 48) if step < steps / 2 else (72, 96)
        made.add(step, runs.photo(*size, seed=step).rgb)
    return made


class TestTimelapse:
    def test_gif(self, tmp_path):
        path = tmp_path / "run.gif"
        made = filled(path, 6)
        last = runs.photo(72, 96, seed=77).rgb
        made.write(last)
        frames = frames_of(path)
        assert len(frames) == 7
        assert {frame.shape for frame, _ in frames} == {(72, 96, 3)}
        assert [duration for _, duration in frames] == [100] * 6 + [1200]  # the finished picture stays
        assert np.abs(frames[-1][0] - last).mean() < 12
        assert np.abs(frames[5][0] - runs.photo(72, 96, seed=5).rgb).mean() < 12
        with Image.open(path) as image:
            assert image.info["loop"] == 0
        assert os.listdir(tmp_path) == ["run.gif"]

    def test_mp4(self, tmp_path):
        av = pytest.importorskip("av")
        path = tmp_path / "run.mp4"
        last = runs.photo(72, 96, seed=77).rgb
        filled(path, 6).write(last)
        with av.open(str(path)) as container:
            decoded = list(container.decode(video=0))
            frames = [frame.to_ndarray(format="rgb24") for frame in decoded]
            tags = ("colorspace", "color_primaries", "color_trc", "color_range")
            assert {getattr(frame, tag) for frame in decoded for tag in tags} == {1}  # BT.709, limited range.
            assert float(container.streams.video[0].average_rate) == 10
        assert len(frames) == 6 + 12
        assert {frame.shape for frame in frames} == {(72, 96, 3)}
        assert np.abs(frames[-1] - last).mean() < 12

    @pytest.mark.parametrize(
        ("shape", "expected"),
        [((71, 95), (70, 94)), ((960, 1280), (360, 480)), ((1, 500), (2, 480)), ((33, 9), (32, 8))],
    )
    def test_even_sides_and_no_more_than_480(self, tmp_path, shape, expected):
        made = reports.Timelapse(tmp_path / "run.gif")
        made.write(runs.photo(*shape).rgb)
        assert frames_of(tmp_path / "run.gif")[0][0].shape[:2] == expected

    @pytest.mark.parametrize("most", [4, 5, 10])
    @pytest.mark.parametrize("steps", [4, 11, 50])
    def test_many_frames_are_thinned_out_evenly(self, tmp_path, most, steps):
        made = filled(tmp_path / "run.gif", steps, most=most)
        kept = [int(step) for step in made.state()["frame_steps"]]
        assert len(kept) <= most
        assert len(kept) > most // 2 or len(kept) == steps
        assert kept[0] == 0
        assert len({after - before for before, after in itertools.pairwise(kept)}) <= 1

    @pytest.mark.parametrize("at", [0, 3, 7, 12])
    def test_resumed_it_is_the_same_file(self, tmp_path, at):
        """Restored at a step, that step comes again first, as `Optimization` yields it."""
        last, pictures = runs.photo(seed=50).rgb, [runs.photo(seed=step).rgb for step in range(13)]
        whole = reports.Timelapse(tmp_path / "whole.gif", most=6)
        for step, picture in enumerate(pictures):
            whole.add(step, picture)
            if step == at:
                state = {name: value.copy() for name, value in whole.state().items()}
        resumed = reports.Timelapse(tmp_path / "resumed.gif", most=6)
        resumed.restore(state)
        for step, picture in list(enumerate(pictures))[at:]:
            resumed.add(step, picture)
        whole.write(last)
        resumed.write(last)
        assert (tmp_path / "whole.gif").read_bytes() == (tmp_path / "resumed.gif").read_bytes()

    def test_resumed_from_a_run_without_one(self, tmp_path):
        made = reports.Timelapse(tmp_path / "run.gif")
        made.restore({"step": np.array(3)})
        made.add(4, runs.photo().rgb)
        made.write(runs.photo(seed=9).rgb)
        assert len(frames_of(tmp_path / "run.gif")) == 2

    @pytest.mark.parametrize("name", ["run", "run.avi", "run.png"])
    def test_other_suffixes(self, name):
        with pytest.raises(errors.InputError, match=r"unsupported animation format: use \.gif or \.mp4"):
            reports.Timelapse(name)

    def test_without_pyav(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "av", None)
        with pytest.raises(errors.InputError, match=r"videos need PyAV: .* or use \.gif"):
            reports.Timelapse("run.mp4")
        reports.Timelapse(pathlib.Path("run.GIF"))


class TestContactSheet:
    @pytest.mark.parametrize(
        ("count", "columns", "grid"),
        [
            (1, 0, (1, 1)),
            (2, 0, (1, 2)),
            (4, 0, (2, 2)),
            (5, 0, (2, 3)),
            (10, 0, (3, 4)),
            (5, 1, (5, 1)),
            (3, 5, (1, 5)),
        ],
    )
    def test_geometry(self, count, columns, grid):
        """Cells of 60 x 80 with 26 rows of text above, 8 pixels between and around."""
        pictures = [runs.photo(30, 40, seed=index).rgb for index in range(count)]
        sheet = reports.contact_sheet(pictures, [str(index) for index in range(count)], columns=columns, cell=80)
        rows, across = grid
        assert sheet.shape == (rows * (60 + 26 + 8) + 8, across * (80 + 8) + 8, 3)
        assert sheet.dtype == np.uint8

    def test_pictures_are_where_they_belong(self):
        colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
        pictures = [np.full((10, 20, 3), color, np.float32) for color in colors]
        sheet = reports.contact_sheet(pictures, ["", "", ""], columns=2, cell=20)
        for (row, column), color in zip(((0, 0), (0, 1), (1, 0)), colors, strict=True):
            top, left = 8 + 26 + row * (10 + 26 + 8), 8 + column * (20 + 8)
            np.testing.assert_array_equal(sheet[top : top + 10, left : left + 20], pictures[0] * 0 + color)
            assert (sheet[top - 26 : top, left : left + 20] == 255).all()

    def test_labels_are_drawn_above(self):
        plain, labelled = (reports.contact_sheet([np.zeros((40, 40, 3))], [label], cell=40) for label in ("", "abc"))
        assert (plain[:34] == 255).all()
        assert (labelled[8:34] < 128).any()
        np.testing.assert_array_equal(plain[34:], labelled[34:])

    def test_pictures_of_other_shapes_keep_theirs(self):
        wide, tall = np.zeros((30, 60, 3)), np.zeros((60, 30, 3))
        sheet = reports.contact_sheet([wide, tall], ["", ""], cell=60)
        black = (sheet == 0).all(axis=2)
        assert black[:, :72].sum() == 30 * 60
        assert black[:, 72:].sum() == 60 * 30

    def test_one_label_per_picture(self):
        with pytest.raises(ValueError, match="zip"):
            reports.contact_sheet([np.zeros((4, 4, 3))] * 2, ["one"])
