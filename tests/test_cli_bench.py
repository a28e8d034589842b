"""``tfstyle bench``: which entries take part, how they are timed, and that all engines run the same network.

Entries are replaced by a script that speaks the engines' protocol, or are LiteRT and TensorFlow with small networks.
PyTorch and ONNX Runtime themselves are tested where TFSTYLE_PEERS names a Python that has both.
"""

import json
import os
import subprocess
import sys

import drawn
import numpy as np
import pytest
import runs

from tfstyle import runtime
from tfstyle.evaluation import benchmarking, engine_process, engines

SIZE = ("--height", "16", "--width", "20")
PARAMETERS = 1_677_635  # Johnson's table with mirrored borders, and biases at the end only: counted by hand.

# Answers with the given seconds, logs its turns, ends when it has none left. Its picture has one color.
FAKE = """
import json, pathlib, sys
import numpy as np
seconds, color, facts, turns = {seconds}, {color}, {facts}, {turns!r}
engine, precision, folder, threads = sys.argv[2:]
height, width, _ = np.load(folder + "/photo.npy").shape
np.save(f"{{folder}}/{{engine}}-{{precision}}.npy", np.full((height, width, 3), color, np.uint8))
found = {{"versions": {{engine: "1.2"}}, "shape": [height, width, 3], "dtype": "uint8", "parameters": 0}}
print(json.dumps(found | facts), flush=True)
for _, answer in zip(sys.stdin, seconds):
    with pathlib.Path(turns).open("a") as file:
        print(engine, threads, file=file)
    print(answer, flush=True)
"""


@pytest.fixture
def python(tmp_path):
    """Makes an interpreter that runs `FAKE` whatever it is asked to run."""

    def make(name, seconds=(1.0, 1.0), color=0, facts=None):
        options = {"seconds": seconds, "color": color, "facts": facts or {}, "turns": str(tmp_path / "turns")}
        (tmp_path / f"{name}.py").write_text(FAKE.format(**options))
        return program(tmp_path / name, f'exec {sys.executable} {tmp_path / name}.py "$@"')

    return make


def program(path, line):
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def faked(monkeypatch):
    """Only PyTorch and ONNX Runtime, without pauses, without writing networks."""

    def write(folder, terms):
        (folder / "johnson").mkdir()
        np.save(folder / "johnson" / engines.PHOTO, np.zeros((terms.height, terms.width, 3), np.uint8))
        return {"johnson": PARAMETERS}

    monkeypatch.setattr(benchmarking, "write_networks", write)
    monkeypatch.setattr(benchmarking, "_PAUSE", 0.0)
    monkeypatch.setattr(engine_process, "_PATIENCE", 0.2)
    monkeypatch.setattr(
        benchmarking, "ENTRIES", (benchmarking.Entry("johnson", "torch"), benchmarking.Entry("johnson", "onnx"))
    )


class TestRefused:
    @pytest.mark.parametrize(
        "words",
        [
            ("--height", "12"),
            ("--height", "-16"),
            ("--width", "1022"),
            ("--rounds", "0"),
            ("--threads", "-1"),
            ("-o", "nowhere/bench.json"),
            ("--rounds", "many"),
            ("--torch", "nowhere/python"),
            ("--onnx", "nowhere/python"),
        ],
    )
    def test_in_one_line_before_the_work(self, words, capsys, monkeypatch):
        monkeypatch.setattr(benchmarking, "write_networks", None)
        assert runs.command("bench", *words) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1

    def test_unusable_interpreter(self, faked, tmp_path, capsys):
        broken = program(tmp_path / "broken", "")
        (tmp_path / "broken").write_bytes(b"\x7fELF and no more")
        assert runs.command("bench", *SIZE, "--torch", broken) == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert last == f"tfstyle: {broken}: cannot be run (Exec format error): pass a Python interpreter to --torch"

    def test_no_entry_is_left(self, faked, capsys):
        assert runs.command("bench", *SIZE, "--torch", "false", "--onnx", "false") == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert last == "tfstyle: nothing could be benchmarked: its process ended with code 1"

    @pytest.mark.parametrize("count", [0, 1])
    def test_engine_that_crashes_midway(self, faked, python, capsys, count):
        other = python("short", (1.0,) * count)
        assert runs.command("bench", *SIZE, "--rounds", "2", "--torch", python("good"), "--onnx", other) == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith("tfstyle: johnson ONNX Runtime float32 stopped unexpectedly: ")


class TestFigures:
    @pytest.fixture
    def result(self, faked, python, tmp_path, capsys):
        first, second = python("torch", (0.5, 0.9, 0.4), 100), python("onnx", (0.25, 2.0, 0.2), 103)
        words = ("--rounds", "3", "--threads", "2", "-o", str(tmp_path / "bench.json"))
        assert runs.command("bench", *SIZE, *words, "--torch", first, "--onnx", second) == 0
        return json.loads((tmp_path / "bench.json").read_text()), capsys.readouterr()

    def test_statistics(self, result):
        torch, onnx = result[0]["entries"].values()
        assert (torch["median"], torch["minimum"], torch["speed"]) == (0.5, 0.4, 1.0)
        assert (onnx["median"], onnx["minimum"], onnx["speed"]) == (0.25, 0.2, 2.0)
        assert onnx["seconds"] == [0.25, 2.0, 0.2]
        assert onnx["difference"] is None  # From our float32, which does not take part.
        assert set(result[0]["parameters"].values()) == {PARAMETERS}

    def test_settings_and_machine_are_recorded(self, result):
        figures = result[0]
        assert [figures[name] for name in ("height", "width", "rounds", "threads")] == [16, 20, 3, 2]
        assert figures["versions"]["torch"] == figures["versions"]["onnx"] == "1.2"
        assert figures["machine"]["cores"] >= 1
        assert figures["machine"]["processor"]
        assert figures["skipped"] == {}

    def test_they_take_turns(self, result, tmp_path):
        assert (tmp_path / "turns").read_text().splitlines() == ["torch 2", "onnx 2"] * 3

    def test_table_and_progress(self, result):
        table, said = result[1].out.splitlines(), result[1].err.splitlines()
        assert table[0].split() == ["20x16", "pixels,", "3", "pictures", "each,", "interleaved"]
        assert [line.split() for line in table[-2:]] == [
            ["johnson", "PyTorch", "float32", "0.500", "0.400", "1.00"],
            ["johnson", "ONNX", "Runtime", "float32", "0.250", "0.200", "2.00"],
        ]
        assert "1/2 starting johnson PyTorch float32" in said
        assert said[-1] == "round 3/3  0:00 left"


class TestLeftOut:
    @pytest.fixture
    def why(self, faked, python, tmp_path, capsys):
        """Runs with a good entry and another one; returns why the other was skipped."""

        def skip(other):
            words = ("--rounds", "2", "--torch", other, "--onnx", python("good"), "-o", str(tmp_path / "bench.json"))
            assert runs.command("bench", *SIZE, *words) == 0
            figures, said = json.loads((tmp_path / "bench.json").read_text()), capsys.readouterr().err.splitlines()
            ((name, reason),) = figures["skipped"].items()
            assert said[-1] == f"skipped: {name}: {reason}"
            assert [row["speed"] for row in figures["entries"].values()] == [None]
            return reason

        return skip

    def test_the_engines_own_error_message_is_reported(self, why, tmp_path):
        # Without site-packages there is no PyTorch, nor tfstyle nor NumPy: the file itself gets by without them.
        bare = program(tmp_path / "bare", f'exec {sys.executable} -I -S "$@"')
        assert why(bare) == "No module named 'torch'"

    def test_its_last_words(self, why, tmp_path):
        assert why(program(tmp_path / "broken", "echo first >&2; echo Illegal instruction >&2; exit 132")) == (
            "Illegal instruction"
        )

    def test_no_python(self, why):
        assert why("echo") == "its process ended with code 0"

    def test_another_network(self, why, python):
        assert why(python("small", facts={"parameters": 7})) == "has 7 parameters, not 1677635"

    def test_another_picture(self, why, python):
        assert why(python("small", facts={"shape": [16, 16, 3]})) == "returns uint8 [16, 16, 3]"
        assert why(python("float", facts={"dtype": "float32"})) == "returns float32 [16, 20, 3]"

    def test_bfloat16_on_other_processors(self, faked, python, tmp_path, monkeypatch, capsys):
        several = [benchmarking.Entry("johnson", "torch", precision) for precision in ("float32", "bfloat16")]
        monkeypatch.setattr(benchmarking, "ENTRIES", several)
        monkeypatch.setattr(runtime, "fast_bfloat16", lambda: False)
        assert runs.command("bench", *SIZE, "--rounds", "2", "--torch", python("good")) == 0
        last = capsys.readouterr().err.splitlines()[-1]
        assert last == "skipped: johnson PyTorch bfloat16: this CPU does not multiply bfloat16"


class TestOurs:
    """A small network with real files and processes."""

    @pytest.fixture
    def figures(self, monkeypatch, tmp_path):
        runtime.import_tensorflow()
        from tfstyle.transform import networks

        def measure(*contenders):
            monkeypatch.setattr(benchmarking, "ENTRIES", [benchmarking.Entry("realtime", *each) for each in contenders])
            words = ("--height", "32", "--width", "40", "--rounds", "2", "-o", str(tmp_path / "bench.json"))
            assert runs.command("bench", *words) == 0
            return json.loads((tmp_path / "bench.json").read_text())

        monkeypatch.setitem(networks.NETWORKS, "realtime", runs.small_body)
        return measure

    @pytest.mark.slow
    def test_litert(self, figures):
        result = figures(("litert",))
        assert result["skipped"] == {}
        (row,) = result["entries"].values()
        assert len(row["seconds"]) == 2
        assert 0 < row["minimum"] <= row["median"]
        assert set(result["versions"]) == {"tfstyle", "ai_edge_litert"}

    @pytest.mark.slow
    def test_number_formats(self, figures, monkeypatch):
        monkeypatch.setattr(runtime, "fast_bfloat16", lambda: True)  # The process has its own.
        result = figures(("tensorflow",), ("tensorflow", "bfloat16"), ("litert",))
        assert result["skipped"] == {}
        single, half, litert = (row["difference"] for row in result["entries"].values())
        assert single == 0.0
        assert litert < 0.1
        monkeypatch.undo()
        if runtime.fast_bfloat16():
            assert 0.1 < half < 10


@pytest.fixture(scope="module")
def interpreter():
    if not os.environ.get("TFSTYLE_PEERS"):
        pytest.skip("TFSTYLE_PEERS is not set")
    return os.environ["TFSTYLE_PEERS"]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Johnson's network with random weights, and the folder that an engine needs."""
    runtime.import_tensorflow()
    from tfstyle.transform import networks

    network, folder = runs.shaken(networks.build("johnson")), tmp_path_factory.mktemp("johnson")
    np.save(folder / engines.PHOTO, drawn.photo(48, 64, 3))
    np.savez(folder / engines.WEIGHTS, *network.get_weights())
    return network, folder


@pytest.fixture(scope="module")
def painted(interpreter, network):
    """Description and picture of each engine."""

    def paint(engine, precision):
        command = [interpreter, engines.__file__, engine, precision, str(network[1]), "1"]
        done = subprocess.run(command, input="go\n", capture_output=True, text=True, check=True)
        facts, seconds = done.stdout.splitlines()
        assert float(seconds) > 0
        picture = np.load(engines.picture_file(network[1], engine, precision)).astype(np.float32)
        return json.loads(facts), picture

    return {name: paint(*name) for name in (("torch", "float32"), ("torch", "bfloat16"), ("onnx", "float32"))}


class TestPeers:
    """They run the same network as ours, with the same weights."""

    def test_size(self, painted):
        for facts, picture in painted.values():
            assert facts["parameters"] == PARAMETERS
            assert facts["shape"] == [48, 64, 3] == list(picture.shape)
            assert facts["dtype"] == "uint8"

    def test_both_paint_the_same(self, painted):
        (_, torch), (_, half), (_, onnx) = painted.values()
        assert torch.std() > 10
        assert np.abs(torch - onnx).max() <= 1
        assert 0 < np.abs(torch - half).mean() < 10

    def test_output_matches_ours_except_at_the_border(self, interpreter, network, tmp_path):
        """Ours mirrors the edge row as well; with that, PyTorch paints the same picture."""
        script = """
import importlib.util, pathlib, sys
import numpy as np, torch

class Mirrored(torch.nn.Conv2d):
    def forward(self, tensor):
        margin = self.kernel_size[0] // 2
        for axis in (2, 3):
            first, last = tensor.narrow(axis, 0, margin), tensor.narrow(axis, tensor.shape[axis] - margin, margin)
            tensor = torch.cat([first.flip(axis), tensor, last.flip(axis)], axis)
        return torch.nn.functional.conv2d(tensor, self.weight, self.bias, self.stride)

torch.nn.Conv2d = Mirrored
spec = importlib.util.spec_from_file_location("engines", sys.argv[1])
engines = importlib.util.module_from_spec(spec)
sys.modules["engines"] = engines
spec.loader.exec_module(engines)
folder = pathlib.Path(sys.argv[2])
paint, _ = engines.ENGINES["torch"][0](folder, "float32", 1)
np.save(sys.argv[3], paint(np.load(folder / engines.PHOTO)))
"""
        words = [engines.__file__, str(network[1]), str(tmp_path / "painted.npy")]
        subprocess.run([interpreter, "-c", script, *words], check=True)
        ours = network[0](np.load(network[1] / engines.PHOTO)[None].astype(np.float32)).numpy()[0]
        assert ours.std() > 10
        assert np.abs(np.load(tmp_path / "painted.npy") - ours).max() < 0.6  # Half a level.


def test_constants_agree():
    """Mean and epsilon are written down twice, because engines run without tfstyle."""
    runtime.import_tensorflow()
    from tfstyle import layers
    from tfstyle.transform import networks

    assert (engines._MEAN, engines._DEVIATION) == (networks._MEAN, networks._DEVIATION)
    assert layers.InstanceNorm().epsilon == engines._EPSILON
