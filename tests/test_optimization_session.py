"""The slow path from Python: results with recipes, interruption and resumption, as with the command."""

import os
import pathlib

import numpy as np
import pytest
import runs

import tfstyle
from tfstyle import checkpoints, errors, images, optimization

pytestmark = pytest.mark.usefixtures("folder")
INPUTS = ("photo.png", "painting.png")


@pytest.fixture
def settings(tiny):
    return runs.settings(tiny, **runs.TWO_SCALES)


def test_interrupted_and_resumed_is_the_uninterrupted_run(settings):
    list(tfstyle.optimize(*INPUTS, settings, output="whole.png"))
    outputs = optimization.Outputs("out.png", log="log.csv")
    for iterate in tfstyle.optimize(*INPUTS, settings, output=outputs):
        if iterate.step == 3:
            break
    assert images.load_recipe("out.png")["unfinished"] is True
    assert checkpoints.load("out.png")[1]["step"] == 3
    assert len(pathlib.Path("log.csv").read_text().splitlines()) == 5
    rest = list(tfstyle.optimize(*INPUTS, settings, output=outputs, resume=True))
    assert [each.step for each in rest] == [3, 4, 5]
    assert pathlib.Path("out.png").read_bytes() == pathlib.Path("whole.png").read_bytes()
    assert not checkpoints.path_for("out.png").exists()
    assert len(pathlib.Path("log.csv").read_text().splitlines()) == 7


def test_an_exception_in_the_loop_loses_nothing(settings):
    with pytest.raises(KeyboardInterrupt):
        _stopped_by(KeyboardInterrupt, settings)
    assert checkpoints.load("out.png")[1]["step"] == 2
    with pytest.raises(errors.InputError, match="had other settings"):
        list(tfstyle.optimize(*INPUTS, settings, output="out.png", resume=True, strength=0.9))


def _stopped_by(error, settings):
    for iterate in tfstyle.optimize(*INPUTS, settings, output="out.png"):
        if iterate.step == 2:
            raise error


def test_a_recipe_is_repeated_to_the_byte_and_with_changes(tiny):
    list(tfstyle.optimize(*INPUTS, runs.settings(tiny, iterations=(1,)), output="out.png"))
    *_, last = optimization.repeat("out.png", "again.png", {"weights": tiny})
    assert pathlib.Path("again.png").read_bytes() == pathlib.Path("out.png").read_bytes()
    *_, other = optimization.repeat("out.png", "other.png", {"weights": tiny, "strength": 0.9})
    assert np.abs(other.image - last.image).max() > 1


def test_output_needs_files(settings):
    with pytest.raises(errors.InputError, match="output needs the files"):
        next(tfstyle.optimize(runs.photo(), "painting.png", settings, output="out.png"))
    assert set(os.listdir()) == set(INPUTS)


def test_compare_from_python(tiny):
    settings = {"weights": tiny, "features": "compact", "precision": "float32", "scales": (48,), "iterations": (1,)}
    seen = list(tfstyle.compare(*INPUTS, "optimizer=adam,lbfgs", "sheet.png", **settings, learning_rate=3.0))
    assert [(each.label, each.number, each.count, each.iterate.step) for each in seen] == [
        ("optimizer adam", 1, 2, 0),
        ("optimizer adam", 1, 2, 1),
        ("optimizer lbfgs", 2, 2, 0),
        ("optimizer lbfgs", 2, 2, 1),
    ]
    assert {"sheet.png", "sheet.csv", "sheet-curves.png", "sheet"} <= set(os.listdir())
