import json
import os
import pathlib

import numpy as np
import pytest

from tfstyle import checkpoints, errors

RECIPE = {"content": "photo.png", "settings": {"size": 96, "strength": 0.3, "iterations": [3, 4]}, "ü": None}


def state():
    return {
        "image": np.random.default_rng(0).uniform(0, 255, (1, 3, 4, 3)).astype(np.float32),
        "step": np.array(7),
        "converged": np.array(False),
        "names": np.array(["loss", "content/conv4_2"]),
    }


@pytest.fixture
def result(tmp_path):
    return tmp_path / "out.png"


def test_name():
    assert checkpoints.path_for("folder/out.png") == pathlib.Path("folder/out.png.tfstyle")


def test_round_trip_to_the_bit(result):
    checkpoints.save(result, RECIPE, state())
    recipe, arrays = checkpoints.load(result)
    assert recipe == RECIPE
    assert set(arrays) == set(state())
    for name, value in state().items():
        assert arrays[name].dtype == value.dtype
        np.testing.assert_array_equal(arrays[name], value)
    assert os.listdir(result.parent) == ["out.png.tfstyle"]


def test_the_last_one_counts(result):
    checkpoints.save(str(result), RECIPE, state())
    checkpoints.save(result, RECIPE, {**state(), "step": np.array(8)})
    assert checkpoints.load(str(result))[1]["step"] == 8


def test_none(result):
    assert checkpoints.load(result) is None


def test_remove(result):
    checkpoints.save(result, RECIPE, state())
    pathlib.Path(f"{result}.tfstyle.part").write_bytes(b"left by a killed run")
    checkpoints.remove(result)
    checkpoints.remove(result)
    assert os.listdir(result.parent) == []


def test_a_killed_runs_half_file_is_overwritten(result):
    pathlib.Path(f"{result}.tfstyle.part").write_bytes(b"x" * 100_000)
    checkpoints.save(result, RECIPE, state())
    assert checkpoints.load(result)[0] == RECIPE
    assert os.listdir(result.parent) == ["out.png.tfstyle"]


class TestDamaged:
    def check(self, result):
        with pytest.raises(errors.InputError, match=r"out\.png\.tfstyle: is no checkpoint .* delete it"):
            checkpoints.load(result)

    @pytest.mark.parametrize("share", [0, 0.02, 0.3, 0.7, 0.99])
    def test_cut_off(self, result, share):
        checkpoints.save(result, RECIPE, state())
        path = checkpoints.path_for(result)
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])
        self.check(result)

    def test_bits_flipped(self, result):
        checkpoints.save(result, RECIPE, state())
        path = checkpoints.path_for(result)
        data = bytearray(path.read_bytes())
        for place in range(40, len(data), 97):
            data[place] ^= 255
        path.write_bytes(data)
        self.check(result)

    @pytest.mark.parametrize("data", [b"nonsense", b"PK\x03\x04nonsense", b"\x93NUMPY", b"\x80\x04N."])
    def test_something_else(self, result, data):
        checkpoints.path_for(result).write_bytes(data)
        self.check(result)

    def test_no_recipe(self, result):
        with checkpoints.path_for(result).open("wb") as file:
            np.savez(file, image=np.zeros(3))
        self.check(result)

    def test_recipe_that_is_no_json(self, result):
        with checkpoints.path_for(result).open("wb") as file:
            np.savez(file, recipe=np.array("{"))
        self.check(result)

    def test_pickles_are_not_run(self, result):
        with checkpoints.path_for(result).open("wb") as file:
            np.savez(file, recipe=np.array(json.dumps(RECIPE)), evil=np.array([{}], object))
        self.check(result)

    def test_folder(self, result):
        checkpoints.path_for(result).mkdir()
        self.check(result)


class TestNotWritable:
    def test_no_folder(self, tmp_path):
        with pytest.raises(errors.InputError, match=r"out\.png\.tfstyle: cannot be written: No such file"):
            checkpoints.save(tmp_path / "nowhere" / "out.png", RECIPE, state())

    def test_full_disk_keeps_the_old_one(self, result, monkeypatch):
        checkpoints.save(result, RECIPE, state())

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(errors.InputError, match="cannot be written: No space left on device"):
            checkpoints.save(result, RECIPE, {**state(), "step": np.array(8)})
        assert checkpoints.load(result)[1]["step"] == 7
        assert os.listdir(result.parent) == ["out.png.tfstyle"]

    def test_interrupted_in_the_middle(self, result, monkeypatch):
        def interrupted(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            checkpoints.save(result, RECIPE, state())
        assert os.listdir(result.parent) == []
