"""Which checkpoint is resumed, which is refused, which is passed over."""

import pathlib

import numpy as np
import pytest

from tfstyle import checkpoints, errors

RECIPE = {"content": "photo.png", "settings": {"seed": 0, "scales": (24, 48)}, "sha256": {"content": "ab"}}
STATE = {"step": np.array(3), "image": np.arange(6.0)}


@pytest.fixture
def output(tmp_path):
    """A result whose run was interrupted."""
    checkpoints.save(tmp_path / "out.png", RECIPE, STATE)
    return tmp_path / "out.png"


@pytest.mark.parametrize("insist", [False, True])
def test_the_same_run_goes_on(output, insist):
    state = checkpoints.Interrupted(output, resume=True).state(RECIPE, insist=insist)
    assert set(state) == set(STATE)
    for name, value in STATE.items():
        np.testing.assert_array_equal(state[name], value)


@pytest.mark.parametrize("insist", [False, True])
@pytest.mark.parametrize(("name", "resume"), [("out.png", False), ("other.png", True), ("other.png", False)])
def test_nothing_is_left_or_asked_for(output, name, resume, insist):
    interrupted = checkpoints.Interrupted(output.with_name(name), resume=resume)
    assert interrupted.recipe is None
    assert interrupted.state(RECIPE, insist=insist) is None


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"content": "cat.png"}, "content was photo.png, now cat.png"),
        ({"settings": {"seed": 4, "scales": [24]}}, r"scales was 24,48, now 24; seed was 0, now 4"),
        ({"sha256": {"content": "cd"}}, "its files have changed"),
        ({"settings": {}}, "seed was 0, now not given"),
    ],
)
def test_another_run_is_passed_over_or_refused_with_the_difference(output, change, difference):
    interrupted = checkpoints.Interrupted(output, resume=True)
    assert interrupted.recipe["content"] == "photo.png"
    assert interrupted.state({**RECIPE, **change}) is None
    with pytest.raises(errors.InputError, match=rf"out\.png used different settings \(.*{difference}"):
        interrupted.state({**RECIPE, **change}, insist=True)
    assert checkpoints.path_for(output).exists()


def test_another_kind_of_run_has_a_difference_too(output):
    with pytest.raises(errors.InputError, match="content was photo.png, now not given"):
        checkpoints.Interrupted(output, resume=True).state({"demo": "scream"}, insist=True)


def test_a_damaged_checkpoint_is_refused_if_it_is_looked_for(tmp_path: pathlib.Path):
    checkpoints.path_for(tmp_path / "out.png").write_bytes(b"PK")
    assert checkpoints.Interrupted(tmp_path / "out.png", resume=False).recipe is None
    with pytest.raises(errors.InputError, match="delete it and start over"):
        checkpoints.Interrupted(tmp_path / "out.png", resume=True)
