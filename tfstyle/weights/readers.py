"""Reads the named arrays of a weight file: HDF5 (Keras), npz, safetensors or PyTorch's .pth.

The format is recognized by the file's first bytes, not by its suffix. `layer_names` knows what the names mean.
"""

import pathlib
import zipfile
from collections.abc import Callable, Iterator

import h5py
import numpy as np
import safetensors

from tfstyle import errors
from tfstyle.weights import torch_file

__all__ = ["ACCEPTED", "read"]

Keep = Callable[[str], bool]

ACCEPTED = "Keras .h5 or .weights.h5, .npz, .safetensors, PyTorch .pth"

_SCALE = "_scale"  # `X_scale` next to 8-bit `X`: the format of compact.npz


def _everything(_name: str) -> bool:
    return True


def read(path: pathlib.Path, keep: Keep = _everything) -> dict[str, np.ndarray]:
    """Reads the arrays of a weight file.

    Args:
        path: the file.
        keep: whether to read an array, by its name. (The top of a VGG is seven eighths of its file.)

    Returns:
        float32 arrays by their name in the file (``group/…/name`` for HDF5). An 8-bit array ``X`` with a scale
        ``X_scale`` (one number per output channel, the last axis) is multiplied by it. Arrays without numbers are left
        out.

    Raises:
        InputError: the file is missing, damaged or in another format.
    """
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise errors.InputError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return _floats(_reader(path, start)(path, keep))
    except errors.InputError:
        raise
    except Exception as error:  # On damaged bytes h5py, zipfile and NumPy raise almost anything.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise errors.InputError(f"{path}: damaged or incomplete: {reason}") from error


def _reader(path: pathlib.Path, start: bytes) -> Callable[[pathlib.Path, Keep], dict[str, np.ndarray]]:
    """Selects the reader for a file by its first 16 bytes."""
    if start.startswith(b"\x89HDF\r\n\x1a\n"):  # HDF5 File Format Specification, III.A
        return _read_h5
    if start.startswith(b"PK\x03\x04"):  # PKWARE APPNOTE 4.3.7; both npz and PyTorch files are zip archives
        return torch_file.load if _holds_pickle(path) else _read_npz
    if start[8:9] == b"{":  # safetensors: 8 bytes with the length of the header, then the header, JSON
        return _read_safetensors
    if start.startswith(torch_file.LEGACY_START):
        return torch_file.load
    raise errors.InputError(f"{path}: not a weight file: use {ACCEPTED}")


def _holds_pickle(path: pathlib.Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("data.pkl") for name in archive.namelist())


def _read_h5(path: pathlib.Path, keep: Keep) -> dict[str, np.ndarray]:
    with h5py.File(path, "r") as file:
        return {name: file[name][()] for name in _datasets(file) if keep(name)}


def _datasets(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return [name for name in names if "optimizer" not in name]  # Its moments are named after the layers as well.


def _read_npz(path: pathlib.Path, keep: Keep) -> dict[str, np.ndarray]:
    # Opened here because np.load leaves a damaged file open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files if keep(name)}


def _read_safetensors(path: pathlib.Path, keep: Keep) -> dict[str, np.ndarray]:
    with safetensors.safe_open(path, framework="np") as file:
        return {name: file.get_tensor(name) for name in file.keys() if keep(name)}  # noqa: SIM118 - not a dict


def _floats(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return dict(_each_float(arrays))


def _each_float(arrays: dict[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    for name, array in arrays.items():
        if name.endswith(_SCALE) and name.removesuffix(_SCALE) in arrays:
            continue
        number = _float32(array)
        if number is not None:
            scale = arrays.get(name + _SCALE)
            yield name, number if scale is None else number * scale.astype(np.float32)


def _float32(array: np.ndarray) -> np.ndarray | None:
    """Converts an array to float32; None if it does not hold numbers.

    NumPy has no bfloat16. It arrives as two raw bytes (kind V) or, from safetensors, as the type of ml_dtypes (the same
    kind); both are the upper half of a float32.
    """
    if array.dtype.kind == "V" and array.dtype.itemsize == 2:
        return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    if array.dtype.kind in "biuf":
        return array.astype(np.float32)
    return None
