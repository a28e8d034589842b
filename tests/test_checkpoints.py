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
        with pytest.raises(errors.InputError, match=r"out\.png\.tfstyle is not a usable checkpoint: delete it"):
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

    def test_recipe_is_not_json(self, result):
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
        with pytest.raises(errors.ShortageError, match="cannot be written: No space left on device"):
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


class TestCheckpointed:
    def test_passes_every_step_on(self):
        assert list(checkpoints.checkpointed(range(3), lambda: None)) == [0, 1, 2]

    def test_saves_when_the_loop_is_left(self):
        saved = []
        steps = iter(range(5))
        for step in checkpoints.checkpointed(steps, lambda: saved.append("now")):
            if step == 2:
                break
        assert saved == ["now"]
        assert next(steps) == 3

    def test_saves_nothing_at_the_end(self):
        saved = []
        list(checkpoints.checkpointed(range(3), lambda: saved.append(1)))
        assert saved == []

    def test_an_error_inside_a_step_saves_nothing(self):
        def broken():
            yield 1
            raise ValueError("half a step")

        saved = []
        with pytest.raises(ValueError, match="half a step"):
            list(checkpoints.checkpointed(broken(), lambda: saved.append(1)))
        assert saved == []

    def test_the_clock_decides(self, monkeypatch):
        clock, saved = [0.0], []

        def steps():
            for step in range(10):
                clock[0] += 3
                yield step

        monkeypatch.setattr(checkpoints.time, "monotonic", lambda: clock[0])
        list(checkpoints.checkpointed(steps(), lambda: saved.append(clock[0]), seconds=10))
        assert saved == [12, 24]

    def test_slow_saving_is_done_less_often(self, monkeypatch):
        clock, saved = [0.0], []

        def steps():
            for step in range(60):
                clock[0] += 1
                yield step

        def save():
            saved.append(clock[0])
            clock[0] += 2

        monkeypatch.setattr(checkpoints.time, "monotonic", lambda: clock[0])
        list(checkpoints.checkpointed(steps(), save, seconds=10))
        assert saved == [10, 52]

    def test_the_step_may_decide(self):
        saved, latest = [], iter(range(9))
        steps = checkpoints.checkpointed(
            range(6), lambda: saved.append(next(latest)), is_due=lambda step: step % 3 == 2
        )
        assert [len(saved) for _ in steps] == [0, 0, 0, 1, 1, 1]
        assert saved == [0, 1]
