"""Weight files of every format, intact and damaged."""

import h5py
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import torchwriter

from tfstyle import errors
from tfstyle.weights import readers


def arrays():
    generator = np.random.default_rng(5)
    return {
        "conv1/kernel": generator.standard_normal((3, 3, 2, 4)).astype(np.float32),
        "conv1/bias": generator.standard_normal(4).astype(np.float32),
    }


def write_h5(path, written):
    with h5py.File(path, "w") as file:
        for name, array in written.items():
            file.create_dataset(name, data=array)
    return path


def write_npz(path, written):
    with path.open("wb") as file:  # np.savez itself would append .npz to the name
        np.savez(file, **written)
    return path


def write_safetensors(path, written):
    safetensors.numpy.save_file(written, path)
    return path


WRITERS = {
    "h5": write_h5,
    "npz": write_npz,
    "safetensors": write_safetensors,
    "pth": torchwriter.write_zip,
    "legacy pth": torchwriter.write_legacy,
}


@pytest.fixture(params=WRITERS.values(), ids=WRITERS.keys())
def write(request):
    return request.param


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.any"  # the suffix does not matter


def refused(path, *parts):
    with pytest.raises(errors.InputError) as caught:
        readers.read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    for part in parts:
        assert part in message, message


def test_every_format_is_read_whatever_its_suffix(path, write):
    read = readers.read(write(path, arrays()))
    assert set(read) == set(arrays())
    for name, array in arrays().items():
        assert read[name].dtype == np.float32
        np.testing.assert_array_equal(read[name], array)


def test_only_some_arrays_are_read(path, write):
    assert list(readers.read(write(path, arrays()), lambda name: name.endswith("bias"))) == ["conv1/bias"]


@pytest.mark.parametrize(("name", "dtype"), [("npz", np.float16), ("h5", np.float64), ("pth", np.int64)])
def test_other_numbers_become_float32(path, name, dtype):
    written = {"x": np.arange(-3, 4).astype(dtype)}
    read = readers.read(WRITERS[name](path, written))["x"]
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, np.arange(-3, 4))


@pytest.mark.parametrize("name", ["h5", "npz", "safetensors"])
def test_bfloat16(path, name):
    values = np.array([[1, -2.5], [3e38, 1e-38]], ml_dtypes.bfloat16)
    read = readers.read(WRITERS[name](path, {"x": values}))["x"]
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, values.astype(np.float32))


def test_8_bit_kernels_are_multiplied_by_their_scale(path):
    kernel = np.arange(-12, 12, dtype=np.int8).reshape(1, 2, 3, 4)
    scale = np.array([0.5, 1, 2, 4], np.float16)
    written = {"a/kernel": kernel, "a/kernel_scale": scale, "a/bias": np.ones(4, np.float32)}
    read = readers.read(write_npz(path, written))
    assert set(read) == {"a/kernel", "a/bias"}
    np.testing.assert_array_equal(read["a/kernel"], kernel * scale.astype(np.float64))


def test_a_scale_without_its_array_is_an_array(path):
    assert list(readers.read(write_npz(path, {"a_scale": np.ones(3)}))) == ["a_scale"]


def test_a_scale_that_does_not_fit_is_refused(path):
    written = {"a": np.ones((2, 3), np.int8), "a_scale": np.ones(4, np.float32)}
    refused(write_npz(path, written), "broadcast")


@pytest.mark.parametrize("name", ["h5", "npz"])
def test_arrays_without_numbers_are_left_out(path, name):
    written = {"note": np.array(b"CC BY 4.0"), "x": np.ones(2, np.float32)}
    assert list(readers.read(WRITERS[name](path, written))) == ["x"]


def test_optimizers_arrays_in_keras_files_are_left_out(path):
    moment = {"optimizer_weights/adam/conv1/kernel_m": np.ones(1)}
    model = {f"model_weights/conv1/{name}": array for name, array in arrays().items()}
    assert len(readers.read(write_h5(path, moment | model))) == 2


def test_pickled_arrays_are_refused(path):
    write_npz(path, {"x": np.array([{"a": 1}], object)})
    refused(path, "allow_pickle=False")


def test_missing_file_and_folder(tmp_path):
    refused(tmp_path / "nowhere.npz", "No such file")
    refused(tmp_path, "directory")


@pytest.mark.parametrize("data", [b"", b"PK", b"hello, world, this is text", b"\xff\xd8\xff\xe0" * 9])
def test_other_files(path, data):
    path.write_bytes(data)
    refused(path, "not a weight file", ".safetensors")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_files(path, write, share):
    data = write(path, arrays()).read_bytes()
    path.write_bytes(data[: max(17, int(len(data) * share))])
    refused(path)


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "h5"])  # libhdf5 on damaged bytes: not ours
def test_damaged_bytes_never_crash(path, name):
    data = WRITERS[name](path, arrays()).read_bytes()
    generator = np.random.default_rng(7)
    for _ in range(60):
        damaged = bytearray(data)
        damaged[generator.integers(len(data))] = generator.integers(256)
        path.write_bytes(damaged)
        try:
            read = readers.read(path)
        except errors.InputError:
            continue
        assert all(array.dtype == np.float32 for array in read.values())
