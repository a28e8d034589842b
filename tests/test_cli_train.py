"""The command line ``tfstyle train``: from photos and a painting to a style's folder; interrupted, killed, refused."""

import csv
import dataclasses
import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import runs
import tensorflow as tf

from tfstyle import checkpoints, images, optimization, reports, stylebook, stylizer, training
from tfstyle.cli import console, train
from tfstyle.stylebook import stored as stored_styles
from tfstyle.transform import export, networks

LAYERS = ("--content-layers", "conv2_2", "--style-layers", "conv1_1,conv2_1")
SMALL = ("--batch", "1", "--crop", "64", "--style-size", "64", "--precision", "float32", *LAYERS)
WORDS = ("painting.png", "--name", "waves", "--data", "photos", *SMALL)
THREE = (*WORDS, "--steps", "3")
PARTS = ("content", "style", "variation", "grid")


@pytest.fixture(autouse=True)
def workplace(folder, tiny_networks):
    """The current folder with painting.png and photos; a small network that reports after each step."""
    tiny_networks.setattr(training.Training, "REPORT_EVERY", 1)
    tiny_networks.setattr(train, "_SAMPLE_SIZE", 48)
    tiny_networks.setattr(stored_styles, "SIZES", (256,))
    runs.folder_of_photos(folder / "photos")
    images.save_image("painting.png", runs.painting(70, 90))
    return folder


def tfstyle(*words):
    return runs.command("train", *words)


def weights_of(folder):
    """The trained weights, bit by bit."""
    found = {}
    with h5py.File(pathlib.Path(folder, stylizer.WEIGHTS)) as file:
        file.visititems(lambda name, item: found.update({name: item[()].tobytes()} if hasattr(item, "shape") else {}))
    return found


def refused(capsys, *words):
    """The one line of a training that does not begin or cannot go on."""
    capsys.readouterr()
    assert tfstyle(*words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith("tfstyle: ")
    assert "Traceback" not in said.err
    return said.err.splitlines()[-1]


@pytest.fixture
def weights_only(monkeypatch):
    """Leaves out SavedModel and LiteRT file, which take longest."""
    monkeypatch.setattr(export, "write", lambda *_: None)


@pytest.fixture(scope="module")
def kept():
    return []


@pytest.fixture
def whole(kept, weights_only):  # noqa: ARG001
    """The weights of the uninterrupted training, done once."""
    if not kept:
        assert tfstyle(*THREE, "-o", "whole") == 0
        kept.append(weights_of("whole"))
    return kept[0]


class TestHappyPath:
    def test_leaves_a_style(self, capsys):
        assert tfstyle(*THREE, "--sample-every", "2") == 0
        made = {str(path.relative_to("waves")) for path in pathlib.Path("waves").rglob("*") if path.is_file()}
        assert made >= {"saved_model.pb", "model.tflite", "preview.jpg", "training/losses.csv"}
        assert {name for name in made if name.startswith("training/")} == {
            "training/losses.csv",
            "training/losses.png",
            "training/sample-000002.jpg",
            "training/sample-000003.jpg",
        }
        said = capsys.readouterr()
        assert said.out == ""
        lines = said.err.splitlines()
        assert lines[0].startswith("waves 1/3  loss ")
        assert lines[-1] == "saved waves: paint with tfstyle stylize PHOTO --style waves"
        assert set(os.listdir()) == {"painting.png", "photo.png", "photos", "waves"}

        rows = _rows("waves")
        assert [row["step"] for row in rows] == ["1", "2", "3"]
        for row in rows:
            parts = sum(float(row[name]) for name in PARTS)
            assert parts == pytest.approx(float(row["loss"]), rel=1e-3)
        assert max(images.load_image("waves/preview.jpg").rgb.shape) == 48
        assert _card("waves")["beginning"] is None

        served = tf.saved_model.load("waves").signatures["serve"]
        image = np.rint(images.load_image("photo.png").rgb).astype(np.uint8)
        painted = served(image=tf.constant(image[None]))["stylized"].numpy()[0]
        other = stylizer.Stylizer("waves", engine="litert")(image)
        assert np.abs(painted.astype(np.int16) - other).max() <= 2

        assert runs.command("stylize", "photo.png", "--style", "waves", "-o", "out.png") == 0
        np.testing.assert_array_equal(images.load_image("out.png").rgb, other)

    def test_the_preview_is_what_the_network_paints(self, weights_only, monkeypatch):
        seen = []
        finish = train.Course.finish
        monkeypatch.setattr(train.Course, "finish", lambda self: (finish(self), seen.append(self)))
        assert tfstyle(*THREE, "-o", "out") == 0
        (course,) = seen
        expected = course._run.paint(course._diary.photo)
        assert np.abs(images.load_image("out/preview.jpg").rgb - expected).mean() < 3
        for variable, stored in zip(course._run.network.variables, _stored("out", course._run.network), strict=True):
            np.testing.assert_array_equal(variable, stored)

    def test_curves_are_drawn_with_every_sample(self, weights_only, monkeypatch):
        drawn, plot = [], reports.plot_curves

        def plotted(path, curves):
            drawn.append((str(path), set(curves), curves["loss"]))
            plot(path, curves)

        monkeypatch.setattr(reports, "plot_curves", plotted)
        assert tfstyle(*THREE, "--sample-every", "2") == 0
        losses = [float(row["loss"]) for row in _rows("waves")]
        names = {"loss", *PARTS}
        assert drawn == [
            ("waves/training/losses.png", names, ([1, 2], losses[:2])),
            ("waves/training/losses.png", names, ([1, 2, 3], losses)),
        ]
        assert images.load_image("waves/training/losses.png").rgb.std() > 5

    def test_without_matplotlib_there_is_the_table_alone(self, weights_only, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        assert tfstyle(*WORDS, "--steps", "1") == 0
        assert {path.name for path in pathlib.Path("waves/training").iterdir()} == {"losses.csv", "sample-000001.jpg"}
        assert "matplotlib" not in capsys.readouterr().err

    def test_losses_for_tensorboard(self, weights_only):
        assert tfstyle(*THREE, "--tensorboard", "board/waves") == 0
        (file,) = pathlib.Path("board/waves").iterdir()
        told = [tf.compat.v1.Event.FromString(each.numpy()) for each in tf.data.TFRecordDataset(str(file))]
        values = [(event.step, value) for event in told for value in event.summary.value]
        found = {(step, value.tag): float(tf.make_ndarray(value.tensor)) for step, value in values}
        expected = {(int(row["step"]), name): float(row[name]) for row in _rows("waves") for name in (*PARTS, "loss")}
        assert len(found) == len(values) == 15
        assert found == pytest.approx(expected, rel=1e-6)

    def test_begins_with_another_styles_network(self, weights_only):
        beginning = runs.shaken(networks.build("realtime"))
        path = pathlib.Path("first", stylizer.WEIGHTS)
        path.parent.mkdir()
        beginning.save_weights(path)
        hardly = ("--steps", "1", "--learning-rate", "1e-7")
        assert tfstyle(*WORDS, *hardly, "--begin-with", "first") == 0
        for variable, stored in zip(beginning.variables, _stored("waves", beginning), strict=True):
            np.testing.assert_allclose(stored, variable, atol=1e-5)
        assert _card("waves")["beginning"] == hashlib.sha256(path.read_bytes()).hexdigest()

    def test_a_stored_style_in_place_of_a_painting(self, weights_only, monkeypatch):
        monkeypatch.delenv("TFSTYLE_COMPACT_WEIGHTS")
        small = SMALL[: -len(LAYERS)]
        assert tfstyle("scream", "--name", "s", "--data", "photos", *small, "--steps", "1") == 0
        assert weights_of("s")

    def test_photos_that_cannot_serve_are_counted(self, weights_only, capsys, monkeypatch):
        for name in ("a.jpg", "b.png"):
            pathlib.Path("photos", name).write_bytes(b"broken")
        monkeypatch.setattr(training.Training, "REPORT_EVERY", 9)
        assert tfstyle(*WORDS, "--steps", "9") == 0
        assert "2 photos were broken, grey or small, and left out" in capsys.readouterr().err.splitlines()[-1]

    def test_a_slow_picture_beforehand(self, weights_only, capsys, monkeypatch):
        def quick(photo, available, chosen):
            assert (chosen.size, chosen.style_scale, chosen.strength) == (48, 64 / 48, 0.35)
            return paint(photo, available, dataclasses.replace(chosen, iterations=(2,)))

        paint = optimization.Optimization
        monkeypatch.setattr(optimization, "Optimization", quick)
        assert tfstyle(*THREE, "--preview") == 0
        assert max(images.load_image("waves/training/preview.png").rgb.shape) == 48
        assert "saved waves/training/preview.png" in capsys.readouterr().err

    def test_the_seed_decides(self, whole):
        assert tfstyle(*THREE, "--seed", "1", "-o", "other") == 0
        assert weights_of("other") != whole


def _rows(folder):
    return list(csv.DictReader(pathlib.Path(folder, "training", "losses.csv").read_text().splitlines()))


def _card(folder):
    return json.loads(pathlib.Path(folder, "card.json").read_text())


def _stored(folder, network):
    copy = networks.build(network.name)
    copy.load_weights(pathlib.Path(folder, stylizer.WEIGHTS))
    return copy.variables


@pytest.fixture
def interrupt(monkeypatch):
    """Sends this process a signal at a step, once."""
    show = console.Progress.show

    def arrange(step, number=signal.SIGINT):
        pending = [number]

        def shown(self, progress):
            show(self, progress)
            if progress.step == step and pending:
                os.kill(os.getpid(), pending.pop())

        monkeypatch.setattr(console.Progress, "show", shown)

    return arrange


@pytest.mark.slow
class TestInterruption:
    @pytest.mark.parametrize(("step", "number"), [(1, signal.SIGINT), (2, signal.SIGTERM)])
    def test_stop_and_resume(self, whole, capsys, interrupt, step, number):
        interrupt(step, number)
        assert tfstyle(*THREE) == 130
        assert f"stopped after step {step}: go on with the same command and --resume" in capsys.readouterr().err
        assert not pathlib.Path("waves", stylizer.WEIGHTS).exists()
        assert checkpoints.load("waves/training/network")[1]["step"] == step
        assert tfstyle(*THREE, "--resume") == 0
        assert weights_of("waves") == whole
        assert checkpoints.load("waves/training/network") is None
        assert [row["step"] for row in _rows("waves")] == ["1", "2", "3"]

    def test_in_the_last_step_there_is_nothing_to_stop(self, whole, interrupt):
        interrupt(3)
        assert tfstyle(*THREE) == 0
        assert weights_of("waves") == whole

    def test_another_training_is_refused_with_the_difference(self, capsys, interrupt):
        interrupt(1)
        assert tfstyle(*THREE) == 130
        kept = pathlib.Path("waves/training/network.tfstyle").read_bytes()
        said = refused(capsys, *THREE, "--seed", "4", "--resume")
        assert r"had other settings (seed was 0, now 4" in said
        images.save_image("photos/new.png", runs.photo(90, 90, seed=9))
        assert "data was ['photos', 4], now ['photos', 5]" in refused(capsys, *THREE, "--resume")
        assert pathlib.Path("waves/training/network.tfstyle").read_bytes() == kept

    def test_resume_of_nothing_starts(self, whole):
        assert tfstyle(*THREE, "--resume") == 0
        assert weights_of("waves") == whole

    def test_resume_of_what_is_done_does_nothing(self, weights_only, capsys):
        assert tfstyle(*THREE) == 0
        before = pathlib.Path("waves", stylizer.WEIGHTS).stat().st_mtime_ns
        capsys.readouterr()
        assert tfstyle(*THREE, "--resume") == 0
        assert capsys.readouterr().err == "waves is trained already\n"
        assert pathlib.Path("waves", stylizer.WEIGHTS).stat().st_mtime_ns == before
        assert tfstyle(*WORDS, "--steps", "2", "--resume") == 0
        assert _card("waves")["settings"]["steps"] == 2

    def test_a_finished_style_stays_whole_meanwhile(self, weights_only, interrupt):
        assert tfstyle(*THREE) == 0
        files = [pathlib.Path("waves", name) for name in (stylizer.WEIGHTS, "card.json", stylebook.STATISTICS)]
        before = [path.read_bytes() for path in files]
        images.save_image("other.png", runs.painting(70, 90, seed=8))
        interrupt(1)
        assert tfstyle("other.png", *THREE[1:]) == 130
        assert [path.read_bytes() for path in files] == before

    @pytest.mark.usefixtures("weights_only")
    def test_samples_among_the_photos_are_no_photos(self, interrupt):
        words = [*THREE, "--sample-every", "1", "-o", "photos/waves"]
        interrupt(2)
        assert tfstyle(*words) == 130
        assert list(pathlib.Path("photos/waves/training").glob("sample-*.jpg"))
        assert tfstyle(*words, "--resume") == 0
        assert _card("photos/waves")["data"] == ["photos", 4]

    def test_another_last_network_is_another_training(self, capsys, interrupt, *, tiny, monkeypatch):
        interrupt(1)
        assert tfstyle(*THREE, "--finish", "0.4") == 130
        monkeypatch.setenv("TFSTYLE_VGG19_WEIGHTS", tiny)
        said = refused(capsys, *THREE, "--finish", "0.4", "--resume")
        assert "last network was compact, now vgg19" in said

    def test_a_damaged_checkpoint(self, capsys):
        pathlib.Path("waves/training").mkdir(parents=True)
        pathlib.Path("waves/training/network.tfstyle").write_bytes(b"PK\x03\x04")
        assert "delete it and start over" in refused(capsys, *THREE, "--resume")


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["nowhere.png", *WORDS[1:]], "nowhere.png"),
            (["nosuch", *WORDS[1:]], "no painting 'nosuch'"),
            ([*WORDS[:4], "nowhere"], "neither a folder nor a TensorFlow dataset"),
            ([*WORDS[:4], "empty"], "no photos there"),
            ([*WORDS, "-o", "painting.png"], "cannot be made"),
            ([*WORDS, "--sample-every", "0"], "use 1 or more steps"),
            ([*WORDS, "--tensorboard", "painting.png"], "painting.png: no event file can be written there"),
            ([*WORDS, "--begin-with", "nosuch"], "no style 'nosuch'"),
            ([*WORDS, "--begin-with", "photos"], "photos/network.weights.h5: cannot be read"),
            ([*WORDS, "--crop", "8"], "64 or more"),
            ([*WORDS, "--steps", "0"], "1 or more"),
            ([*WORDS, "--learning-rate", "0"], "a positive number"),
            ([*WORDS, "--network", "vgg19"], "--network"),
            ([*WORDS, "--style-layers", "conv9_9"], "conv9_9"),
            (["painting.png", "--data", "photos"], "--name"),
            (["painting.png", "--name", "waves"], "--data"),
        ],
    )
    def test_in_one_line(self, capsys, *, words, message):
        pathlib.Path("empty").mkdir()
        assert message in refused(capsys, *words)
        assert not pathlib.Path("waves/saved_model.pb").exists()

    def test_photos_that_are_all_broken(self, capsys):
        for path in pathlib.Path("photos").iterdir():
            path.write_bytes(b"broken")
        assert "500 photos in a row are broken" in refused(capsys, *THREE)

    def test_a_loss_that_is_no_number(self, capsys):
        said = refused(capsys, *WORDS, "--steps", "5", "--learning-rate", "1e30")
        assert "no longer a number" in said
        assert "smaller --learning-rate" in said
        assert not pathlib.Path("waves/saved_model.pb").exists()


# The command with a small network, and a checkpoint after every step.
_WRAPPER = """
from tfstyle import runtime
runtime.import_tensorflow()
import runs
from tfstyle import training
from tfstyle.transform import networks
from tfstyle.cli import main, train
networks.NETWORKS["realtime"] = runs.small_body
training.Training.REPORT_EVERY, train._SECONDS_BETWEEN_CHECKPOINTS, train._SAMPLE_SIZE = 1, 0.0, 48
main.main()
"""
_LONG = (*WORDS, "--steps", "40", "-o", "out")


def _started():
    command = [sys.executable, "-c", _WRAPPER, "train", *_LONG, "--resume"]
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parent)}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)


def _step():
    kept = checkpoints.load("out/training/network")
    return 0 if kept is None else int(kept[1]["step"])


def _wait_for_step(process, step):
    deadline = time.monotonic() + 120
    while _step() < step:
        assert process.poll() is None, f"it ended before it could be killed: {process.stderr.read()}"
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_three_kills():
    """One at any time from the start of the process on, the others in the middle of the training."""
    generator, steps = random.Random(3), [0]
    for kill in range(3):
        process = _started()
        try:
            if kill == 1:
                time.sleep(generator.uniform(0, 12))
            else:
                _wait_for_step(process, steps[-1] + generator.randint(1, 8))
                time.sleep(generator.uniform(0, 0.2))
        finally:
            process.kill()
            process.wait()
            process.stderr.close()
        assert process.returncode == -signal.SIGKILL
        assert not pathlib.Path("out/saved_model.pb").exists()
        steps.append(_step())
    assert steps == sorted(steps)
    assert 0 < steps[-1] < 40
    last = _started()
    assert last.wait(timeout=300) == 0, last.stderr.read()
    last.stderr.close()
    left = {path.name for path in pathlib.Path("out/training").iterdir()}
    assert left == {"losses.csv", "losses.png", "sample-000040.jpg"}
    assert tfstyle(*_LONG[:-1], "whole") == 0
    assert weights_of("out") == weights_of("whole")
