"""PyTorch's files, written here opcode by opcode (`torchwriter`), read back without PyTorch."""

import builtins
import collections
import pickle
import zipfile

import numpy as np
import pytest
import torchwriter

from tfstyle import errors
from tfstyle.weights import torch_file

WRITERS = [torchwriter.write_zip, torchwriter.write_legacy]


@pytest.fixture(params=WRITERS, ids=["zip", "legacy"])
def write(request):
    return request.param


def arrays():
    generator = np.random.default_rng(3)
    return {
        "features.0.weight": generator.standard_normal((4, 3, 2, 5)).astype(np.float32),
        "features.0.bias": generator.standard_normal(4).astype(np.float32),
        "half": generator.standard_normal((2, 2)).astype(np.float16),
        "double": generator.standard_normal(3),
        "steps": np.array([-5, 0, 2**40]),
        "scalar": np.array(7.5, np.float32),
        "empty": np.zeros((0, 3), np.float32),
    }


def same(left, right):
    return left.dtype == right.dtype and left.shape == right.shape and np.array_equal(left, right)


def refused(path, *parts, keep=None):
    with pytest.raises(errors.InputError) as caught:
        torch_file.load(path, *([keep] if keep else []))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    for part in parts:
        assert part in message, message


# ----------------------------------------------------------------------------------------------------- what is read


def test_reads_every_array_and_type(tmp_path, write):
    written = arrays()
    read = torch_file.load(write(tmp_path / "a.pth", written))
    assert list(read) == list(written)
    for name, array in written.items():
        assert same(read[name], array), name


def test_arrays_can_be_written_to(tmp_path, write):
    read = torch_file.load(write(tmp_path / "a.pth", arrays()))
    read["features.0.bias"] += 1


def test_bfloat16_is_widened_exactly(tmp_path, write):
    bits = np.array([[0x3F80, 0xC000], [0x7F80, 0x0001]], np.uint16)  # 1, -2, infinity, the smallest positive
    read = torch_file.load(write(tmp_path / "a.pth", {"x": bits}))["x"]
    assert same(read, np.array([[1, -2], [np.inf, 2.0**-133]], np.float32))


def test_only_some_tensors_are_read(tmp_path, write):
    path = write(tmp_path / "a.pth", arrays())
    read = torch_file.load(path, lambda name: name.startswith("features"))
    assert sorted(read) == ["features.0.bias", "features.0.weight"]
    assert same(read["features.0.bias"], arrays()["features.0.bias"])


def test_strides_and_offset(tmp_path):
    flat = np.arange(24, dtype=np.float32)
    part = torchwriter.tensor(torchwriter.word("torch", "FloatStorage"), "0", 24, (2, 3, 2), (1, 4, 2), offset=5)
    path = torchwriter.write_zip(tmp_path / "a.pth", {"x": flat}, pickled=torchwriter.state({"part": part}))
    indices = 5 + np.arange(2)[:, None, None] + 4 * np.arange(3)[:, None] + 2 * np.arange(2)
    assert same(torch_file.load(path)["part"], flat[indices])


def test_transposed_array_in_both_formats(tmp_path, write):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    turned = array.T  # its bytes, in `tobytes`, are in the order of the shape: write them in the storage's order
    name = "0" if write is torchwriter.write_zip else "1000"
    legacy = write is torchwriter.write_legacy
    body = torchwriter.tensor(torchwriter.word("torch", "FloatStorage"), name, 6, (3, 2), (1, 3), legacy=legacy)
    path = write(tmp_path / "a.pth", {"x": array}, pickled=torchwriter.state({"t": body}))
    assert same(torch_file.load(path)["t"], np.ascontiguousarray(turned))


def test_two_tensors_share_a_storage(tmp_path):
    storage = torchwriter.word("torch", "FloatStorage")
    tensors = {
        "first": torchwriter.tensor(storage, "0", 6, (3,), (1,)),
        "rest": torchwriter.tensor(storage, "0", 6, (3,), (1,), offset=3),
    }
    flat = np.arange(6, dtype=np.float32)
    read = torch_file.load(
        torchwriter.write_zip(tmp_path / "a.pth", {"x": flat}, pickled=torchwriter.state(tensors)),
    )
    assert same(np.concatenate([read["first"], read["rest"]]), flat)


def test_parameters_are_their_tensors(tmp_path):
    array = np.arange(3, dtype=np.float32)
    inner = torchwriter.array_tensor(array, "0")
    hooks = torchwriter.value(collections.OrderedDict())
    body = torchwriter.word("torch._utils", "_rebuild_parameter") + b"(" + inner + torchwriter.value(True) + hooks
    pickled = torchwriter.state({"p": body + b"tR"}, metadata=False)
    assert same(torch_file.load(torchwriter.write_zip(tmp_path / "a.pth", {"x": array}, pickled=pickled))["p"], array)


def test_checkpoint_of_nested_dictionaries(tmp_path):
    array = np.arange(3, dtype=np.float32)
    inner = torchwriter.state({"w": torchwriter.array_tensor(array, "0")})[2:-1]
    pickled = torchwriter.state({"state_dict": inner, "epoch": torchwriter.value(3)})
    read = torch_file.load(torchwriter.write_zip(tmp_path / "a.pth", {"x": array}, pickled=pickled))
    assert list(read) == ["state_dict.w"]


@pytest.mark.parametrize("extra", [{"byteorder": b"little"}, {".data/serialization_id": b"1234"}])
def test_what_newer_versions_add_to_the_archive(tmp_path, extra):
    assert len(torch_file.load(torchwriter.write_zip(tmp_path / "a.pth", arrays(), extra=extra))) == len(arrays())


def test_legacy_start_is_how_the_files_start(tmp_path):
    data = torchwriter.write_legacy(tmp_path / "a.pth", arrays()).read_bytes()
    assert data.startswith(torch_file.LEGACY_START)
    assert len(torch_file.LEGACY_START) <= 16


# -------------------------------------------------------------------------------------------------- what is refused


def call(module, name, *arguments):
    body = b"".join(torchwriter.value(argument) for argument in arguments)
    return b"\x80\x02" + torchwriter.word(module, name) + b"(" + body + b"tR."


def test_a_pickle_that_runs_a_command_is_refused(tmp_path, write):
    trace = tmp_path / "trace"
    path = write(tmp_path / "a.pth", {}, pickled=call("os", "system", f"touch {trace}"))
    refused(path, "os.system", "state_dict()")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("torch.nn.modules.container", "Sequential"),
        ("collections", "defaultdict"),
        ("collections.abc", "OrderedDict"),
        ("torch", "CharStorage"),
    ],
)
def test_unknown_globals_are_refused(tmp_path, module, name):
    refused(torchwriter.write_zip(tmp_path / "a.pth", {}, pickled=call(module, name, "1")), f"{module}.{name}")


def test_protocol_4_globals_are_refused(tmp_path, write):
    pickled = pickle.dumps(builtins.eval, protocol=4)
    refused(write(tmp_path / "a.pth", {}, pickled=pickled), "builtins.eval")


def test_a_malicious_start_of_a_legacy_file_is_refused(tmp_path):
    path = tmp_path / "a.pth"
    path.write_bytes(call("os", "system", "false"))
    refused(path, "os.system")


def test_the_readers_own_globals_cannot_be_changed(tmp_path):
    change = torchwriter.word("torch._utils", "_rebuild_tensor_v2") + torchwriter.value({"__call__": 1}) + b"b."
    refused(torchwriter.write_zip(tmp_path / "a.pth", {}, pickled=b"\x80\x02" + change))
    assert len(torch_file.load(torchwriter.write_zip(tmp_path / "b.pth", arrays()))) == len(arrays())


def test_a_dictionary_that_holds_itself_is_refused(tmp_path):
    pickled = b"\x80\x02}q\x00U\x04selfh\x00s."
    refused(torchwriter.write_zip(tmp_path / "a.pth", {}, pickled=pickled), "recursion")


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((7,), (1,), 0),
        ((2, 3), (4, 1), 0),
        ((1,), (1,), 6),
        ((3,), (-1,), 2),
        ((-1,), (1,), 0),
        ((1 << 40,), (0,), 0),
        ((2, 3), (1,), 0),
        ((2,), (1,), -2),
        (("a",), (1,), 0),
    ],
)
def test_views_outside_their_storage_are_refused(tmp_path, shape, strides, offset):
    body = torchwriter.tensor(torchwriter.word("torch", "FloatStorage"), "0", 6, shape, strides, offset=offset)
    written = {"x": np.arange(6, dtype=np.float32)}
    refused(torchwriter.write_zip(tmp_path / "a.pth", written, pickled=torchwriter.state({"x": body})), "tensor")


def test_a_tensor_of_something_else_than_a_storage_is_refused(tmp_path):
    pickled = call("torch._utils", "_rebuild_tensor_v2", "storage", 0, (1,), (1,), False, None)
    refused(torchwriter.write_zip(tmp_path / "a.pth", {}, pickled=pickled), "without a storage")


def test_storage_shorter_than_announced(tmp_path):
    body = torchwriter.tensor(torchwriter.word("torch", "FloatStorage"), "0", 8, (8,), (1,))
    written = {"x": np.arange(6, dtype=np.float32)}
    refused(torchwriter.write_zip(tmp_path / "a.pth", written, pickled=torchwriter.state({"x": body})), "incomplete")


def test_big_endian_is_refused(tmp_path):
    refused(torchwriter.write_zip(tmp_path / "a.pth", arrays(), extra={"byteorder": b"big"}), "big-endian")


def test_other_pickles_are_refused(tmp_path):
    path = tmp_path / "a.pth"
    path.write_bytes(pickle.dumps({"x": 1}))
    refused(path, "unreadable PyTorch file")
    refused(torchwriter.write_legacy(path, arrays(), magic=12345), "not written by torch.save")


def test_other_zip_archives_and_missing_files_are_refused(tmp_path):
    path = tmp_path / "a.pth"
    refused(path, "No such file")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", b"")
    refused(path, "unreadable PyTorch file")


def test_every_truncation_is_refused(tmp_path, write):
    path = tmp_path / "a.pth"
    data = write(path, arrays()).read_bytes()
    for length in np.linspace(0, len(data) - 1, 25).astype(int):
        path.write_bytes(data[:length])
        refused(path)


def test_damaged_bytes_never_crash(tmp_path, write):
    path = tmp_path / "a.pth"
    data = write(path, arrays()).read_bytes()
    generator = np.random.default_rng(11)
    for _ in range(150):
        damaged = bytearray(data)
        damaged[generator.integers(len(data))] = generator.integers(256)
        path.write_bytes(damaged)
        try:
            read = torch_file.load(path)
        except errors.InputError:
            continue
        assert isinstance(read, dict)
