"""The command line ``tfstyle train``: progress, Ctrl-C, kills, and refusals in one line."""

import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import h5py
import pytest
import runs

from tfstyle import checkpoints, images, training
from tfstyle.cli import console
from tfstyle.stylebook import stored as stored_styles
from tfstyle.transform import export

LAYERS = ("--content-layers", "conv2_2", "--style-layers", "conv1_1,conv2_1")
SMALL = ("--batch", "1", "--crop", "64", "--style-size", "64", "--precision", "float32", *LAYERS)
WORDS = ("painting.png", "--name", "waves", "--data", "photos", *SMALL)
THREE = (*WORDS, "--steps", "3")
FEW = "warning: photos has only 4 photos: the network will memorize them; use hundreds, preferably thousands"


@pytest.fixture(autouse=True)
def workplace(folder, tiny_networks):
    """The current folder with painting.png and photos; a small network that reports after each step."""
    tiny_networks.setattr(training.Training, "REPORT_EVERY", 1)
    tiny_networks.setattr(training.log, "SAMPLE_SIZE", 48)
    tiny_networks.setattr(stored_styles, "STORED_SIZES", (256,))
    runs.folder_of_photos(folder / "photos")
    images.save_image("painting.png", runs.painting(70, 90))
    return folder


def tfstyle(*words):
    return runs.command("train", *words)


def weights_of(folder):
    """The trained weights, bit by bit."""
    found = {}
    with h5py.File(pathlib.Path(folder, "network.weights.h5")) as file:
        file.visititems(lambda name, item: found.update({name: item[()].tobytes()} if hasattr(item, "shape") else {}))
    return found


def refused(capsys, *words):
    """The one line of a training that does not start or cannot continue."""
    capsys.readouterr()
    assert tfstyle(*words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith("tfstyle: ")
    assert "Traceback" not in said.err
    return said.err.splitlines()[-1]


@pytest.fixture
def weights_only(monkeypatch):
    """Skips the export, which takes longest."""
    monkeypatch.setattr(export, "write", lambda *_: None)


@pytest.fixture
def interrupt(monkeypatch):
    """Sends this process a signal at a step, once."""
    show = console.ProgressBar.show

    def arrange(step, number=signal.SIGINT):
        pending = [number]

        def shown(self, progress):
            show(self, progress)
            if progress.step == step and pending:
                os.kill(os.getpid(), pending.pop())

        monkeypatch.setattr(console.ProgressBar, "show", shown)

    return arrange


@pytest.mark.usefixtures("weights_only")
class TestOutput:
    @pytest.mark.slow
    def test_progress_warning_and_result(self, capsys):
        assert tfstyle(*WORDS, "--steps", "2") == 0
        said = capsys.readouterr()
        assert said.out == ""
        lines = said.err.splitlines()
        assert lines[0] == FEW
        assert lines[1].startswith("waves 1/2  loss ")
        assert lines[-1] == "saved waves: stylize with tfstyle stylize PHOTO --style waves"
        assert set(os.listdir()) == {"painting.png", "photo.png", "photos", "waves"}
        assert tfstyle(*WORDS, "--steps", "2", "--resume") == 0
        assert capsys.readouterr().err == "waves is already trained\n"
        assert "contains a trained style" in refused(capsys, *WORDS, "--steps", "2")

    @pytest.mark.slow
    def test_unusable_photos_are_counted(self, capsys, monkeypatch):
        for name in ("a.jpg", "b.png"):
            pathlib.Path("photos", name).write_bytes(b"broken")
        monkeypatch.setattr(training.Training, "REPORT_EVERY", 9)
        assert tfstyle(*WORDS, "--steps", "9") == 0
        assert "; 2 photos were skipped (damaged, grayscale or too small)" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.usefixtures("weights_only")
class TestInterruption:
    @pytest.mark.parametrize(("step", "number"), [(1, signal.SIGINT), (2, signal.SIGTERM)])
    def test_stop_and_resume(self, capsys, interrupt, step, number):
        assert tfstyle(*THREE, "-o", "whole") == 0
        interrupt(step, number)
        assert tfstyle(*THREE) == 130
        assert f"stopped after step {step}: continue with the same command and --resume" in capsys.readouterr().err
        assert checkpoints.load("waves/training/network")[1]["step"] == step
        assert "contains an interrupted training run" in refused(capsys, *THREE)
        assert tfstyle(*THREE, "--resume") == 0
        assert weights_of("waves") == weights_of("whole")

    def test_in_the_last_step_there_is_nothing_to_stop(self, interrupt):
        interrupt(3)
        assert tfstyle(*THREE) == 0
        assert weights_of("waves")

    def test_in_the_preview_there_is_nothing_to_continue(self, capsys, interrupt):
        interrupt(2)
        assert tfstyle(*THREE, "--preview") == 130
        assert "stopped" not in capsys.readouterr().err
        assert not pathlib.Path("waves/training/network.tfstyle").exists()


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["nowhere.png", *WORDS[1:]], "nowhere.png"),
            (["nosuch", *WORDS[1:]], "no painting or style 'nosuch'"),
            ([*WORDS[:4], "nowhere"], "neither a folder nor a TensorFlow dataset"),
            ([*WORDS[:4], "empty"], "no photos found in"),
            ([*WORDS, "-o", "painting.png"], "cannot be created"),
            ([*WORDS, "--sample-every", "0"], "use 1 or more steps"),
            ([*WORDS, "--tensorboard", "painting.png"], "painting.png: cannot write event files there"),
            ([*WORDS, "--begin-with", "nosuch"], "no style 'nosuch'"),
            ([*WORDS, "--begin-with", "photos"], "photos/network.weights.h5: cannot be read"),
            ([*WORDS, "--crop", "8"], "64 or more"),
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

    def test_all_photos_are_damaged(self, capsys):
        for path in pathlib.Path("photos").iterdir():
            path.write_bytes(b"broken")
        assert "500 photos in a row are damaged" in refused(capsys, *THREE)


# The command with a small network, and a checkpoint after every step.
_WRAPPER = """
from tfstyle import runtime
runtime.import_tensorflow()
import runs
from tfstyle import training
from tfstyle.transform import networks
from tfstyle.cli import main
networks.NETWORKS["realtime"] = runs.small_body
training.Training.REPORT_EVERY, training.session._SECONDS_BETWEEN_CHECKPOINTS, training.log.SAMPLE_SIZE = 1, 0.0, 48
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
def test_two_kills():
    """One at any time from the start of the process on, the other in the middle of it."""
    generator, steps = random.Random(3), [0]
    for kill in range(2):
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
