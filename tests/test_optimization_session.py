"""The slow path from Python: results with recipes, interruption and resumption, as with the command."""

import doctest
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
    with pytest.raises(errors.InputError, match="used different settings"):
        list(tfstyle.optimize(*INPUTS, settings, output="out.png", resume=True, strength=0.9))


def _stopped_by(error, settings):
    for iterate in tfstyle.optimize(*INPUTS, settings, output="out.png"):
        if iterate.step == 2:
            raise error


def test_a_recipe_is_repeated_to_the_byte_and_with_changes(tiny):
    # The first step of L-BFGS is independent of the strength: at the photo, only the style has a gradient.
    list(tfstyle.optimize(*INPUTS, runs.settings(tiny, iterations=(3,)), output="out.png"))
    *_, last = optimization.repeat("out.png", "again.png", {"weights": tiny})
    assert pathlib.Path("again.png").read_bytes() == pathlib.Path("out.png").read_bytes()
    *_, other = optimization.repeat("out.png", "other.png", {"weights": tiny, "strength": 0.9})
    assert np.abs(other.image - last.image).max() > 1


def in_memory(name: str, kind: str) -> object:
    """A picture as its file, as a photo or as an array."""
    loaded = images.load_image(name)
    return {"file": name, "photo": loaded, "array": loaded.rgb.astype(np.uint8)}[kind]


@pytest.mark.parametrize("kind", ["photo", "array"])
def test_pictures_in_memory_paint_the_same_as_their_files(tiny, kind):
    one = runs.settings(tiny, iterations=(1,), keep_colors="match")
    *_, expected = tfstyle.optimize(*INPUTS, one)
    *_, last = tfstyle.optimize(*(in_memory(name, kind) for name in INPUTS), one)
    np.testing.assert_array_equal(last.image, expected.image)
    *_, expected = tfstyle.reconstruct(INPUTS[0], "pixels", settings=one, iterations=(1,))
    *_, last = tfstyle.reconstruct(in_memory(INPUTS[0], kind), "pixels", settings=one, iterations=(1,))
    np.testing.assert_array_equal(last.image, expected.image)


def test_arrays_are_saved_and_resumed_but_cannot_be_repeated(settings):
    photo, painting = (in_memory(name, "array") for name in INPUTS)
    list(tfstyle.optimize(photo, painting, settings, output="whole.png"))
    for iterate in tfstyle.optimize(photo, painting, settings, output="out.png"):
        if iterate.step == 3:
            break
    with pytest.raises(errors.InputError, match="its files have changed"):
        next(tfstyle.optimize(255 - photo, painting, settings, output="out.png", resume=True))
    list(tfstyle.optimize(photo, painting, settings, output="out.png", resume=True))
    assert pathlib.Path("out.png").read_bytes() == pathlib.Path("whole.png").read_bytes()
    assert images.load_recipe("out.png")["content"] == "(in memory)"
    with pytest.raises(errors.InputError, match="the recipe's content was an array, not a file"):
        next(optimization.repeat("out.png", "again.png"))


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 4)), np.zeros((0, 4, 3)), np.full((4, 4, 3), np.nan), np.full((4, 4, 3), 999)]
)
def test_invalid_arrays_are_refused(bad, settings):
    for given in ((bad, "painting.png"), ("photo.png", bad)):
        with pytest.raises(errors.InputError, match="an image"):
            next(tfstyle.optimize(*given, settings))


@pytest.mark.parametrize("module", ["transfer", "reconstruction", "comparison"])
def test_the_examples_run(module):
    failed, tried = doctest.testmod(getattr(optimization, module))
    assert tried > 2
    assert failed == 0


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


def test_compare_resumes_with_arrays(tiny):
    settings = {"weights": tiny, "features": "compact", "precision": "float32", "scales": (48,), "iterations": (1,)}
    arrays = [in_memory(name, "array") for name in INPUTS]
    first = list(tfstyle.compare(*arrays, "strength=0.3,0.7", "sheet.png", **settings))
    assert len(first) == 4
    assert not list(tfstyle.compare(*arrays, "strength=0.3,0.7", "sheet.png", resume=True, **settings))
