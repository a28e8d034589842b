"""Reads the named arrays out of a file of weights: HDF5 (Keras), npz, safetensors, or PyTorch's .pth.

The format is told from the file's first bytes, not from its suffix. What the names mean is `weightnames`' matter.
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

_SCALE = "_scale"  # `X_scale` beside 8-bit `X`: our own 8-bit files


def _everything(_name: str) -> bool:
    return True


def read(path: pathlib.Path, keep: Keep = _everything) -> dict[str, np.ndarray]:
    """Returns the arrays of a file of weights.

    Args:
        path: The file.
        keep: Says which names to read; not all, as the top of a VGG is seven eighths of its file.

    Returns:
        Name as in the file (`group/…/name` for HDF5) to float32 array. 8-bit arrays `X` that come with a scale
        `X_scale` (one number per output channel, the last axis) are returned as their product; arrays that hold
        no numbers are left out.

    Raises:
        InputError: The file is missing, damaged, or none of the formats above.
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
    except Exception as error:  # damaged bytes make h5py, zipfile and NumPy raise almost anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise errors.InputError(f"{path}: damaged or cut short: {reason}") from error


def _reader(path: pathlib.Path, start: bytes) -> Callable[[pathlib.Path, Keep], dict[str, np.ndarray]]:
    """Returns the function that reads a file which starts with these 16 bytes."""
    if start.startswith(b"\x89HDF\r\n\x1a\n"):  # HDF5 File Format Specification, III.A
        return _read_h5
    if start.startswith(b"PK\x03\x04"):  # PKWARE APPNOTE 4.3.7; npz and PyTorch's are both zip archives
        return torch_file.load if _holds_pickle(path) else _read_npz
    if start[8:9] == b"{":  # a safetensors file starts with the length of its JSON header, in 8 bytes
        return _read_safetensors
    if start.startswith(torch_file.LEGACY_START):
        return torch_file.load
    raise errors.InputError(f"{path}: not a file of weights; accepted are {ACCEPTED}")


def _holds_pickle(path: pathlib.Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("data.pkl") for name in archive.namelist())


def _read_h5(path: pathlib.Path, keep: Keep) -> dict[str, np.ndarray]:
    with h5py.File(path, "r") as file:
        return {name: file[name][()] for name in _datasets(file) if keep(name)}


def _datasets(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return [name for name in names if "optimizer" not in name]  # its moments are named after the layers, too


def _read_npz(path: pathlib.Path, keep: Keep) -> dict[str, np.ndarray]:
    # Opened here, as np.load leaves a damaged file open.
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
    """Returns an array's numbers as float32, or None where it holds none.

    bfloat16, of which NumPy does not know, arrives as two raw bytes (kind V) or, from safetensors, as the type of
    ml_dtypes (of the same kind): either way it is the upper half of a float32.
    """
    if array.dtype.kind == "V" and array.dtype.itemsize == 2:
        return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    if array.dtype.kind in "biuf":
        return array.astype(np.float32)
    return None
