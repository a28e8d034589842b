"""Reads the arrays of a PyTorch ``.pth`` file, without PyTorch and without executing code from the file.

`torch.save` (torch/serialization.py) writes two formats: since PyTorch 1.6, a zip archive with one pickle and one
file per storage; before, several pickles followed by the storages. A pickle is a program. This reader knows the few
globals that a dictionary of tensors needs and refuses all others.
"""

import collections
import dataclasses
import io
import math
import pathlib
import pickle
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np

from tfstyle import errors

__all__ = ["LEGACY_START", "load"]

# `MAGIC_NUMBER` of torch/serialization.py, as the pickle that opens every legacy file.
_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
LEGACY_START = pickle.dumps(_MAGIC_NUMBER, protocol=2)
_LEGACY_VERSION = 1001  # `PROTOCOL_VERSION` of torch/serialization.py

# Storage classes of `torch`, as little-endian NumPy types; bfloat16 has none and is read as its 16 bits.
_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
}


@dataclasses.dataclass(frozen=True, slots=True)
class _Storage:
    """A flat block of numbers, as the pickle refers to it; see `_Unpickler.persistent_load`."""

    kind: str
    key: str
    length: int


@dataclasses.dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage; counts are in elements, as in PyTorch."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def view(self, flat: np.ndarray) -> np.ndarray:
        """Copies this view out of the flat storage, after checking that it stays inside."""
        sizes = (self.offset, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or any(not isinstance(n, int) or n < 0 for n in sizes):
            raise ValueError("a tensor with an invalid shape")
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        count = math.prod(self.shape)
        if count and (last >= flat.size or count > flat.size):
            raise ValueError("a tensor that reaches beyond its storage")
        strides = [step * flat.itemsize for step in self.strides]
        part = flat[self.offset :] if count else flat[:0]
        return np.lib.stride_tricks.as_strided(part, self.shape, strides).copy()


class _RebuildTensor:
    """Replaces `torch._utils._rebuild_tensor_v2`. No attributes: a pickle can set those of its objects."""

    __slots__ = ()

    def __call__(self, storage: _Storage, offset: int, shape: Any, strides: Any, *_: object) -> _Tensor:
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError("a tensor without a storage")
        return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _RebuildParameter:
    """Replaces `torch._utils._rebuild_parameter`: a parameter is its tensor."""

    __slots__ = ()

    def __call__(self, data: _Tensor, *_: object) -> _Tensor:
        return data


_GLOBALS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _RebuildTensor(),
    ("torch._utils", "_rebuild_parameter"): _RebuildParameter(),
    **{("torch", name): name for name in _DTYPES},
}


class _Unpickler(pickle.Unpickler):
    """Allows `_GLOBALS` and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Returns the replacement for a global, or refuses."""
        if (module, name) not in _GLOBALS:
            raise pickle.UnpicklingError(
                f"it refers to {module}.{name}, but only plain tensors are read: save the model's state_dict()"
            )
        return _GLOBALS[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        """Resolves ``("storage", kind, key, device, length)``; legacy files add a view, None."""
        tag, kind, key, _, length, *view = pid
        if tag != "storage" or kind not in _DTYPES or any(view) or not isinstance(length, int):
            raise pickle.UnpicklingError(f"an unknown kind of storage: {str(kind)[:40]}")
        return _Storage(kind, str(key), length)


def _everything(_name: str) -> bool:
    return True


def load(path: pathlib.Path, keep: Callable[[str], bool] = _everything) -> dict[str, np.ndarray]:
    """Reads the tensors of a file that `torch.save` wrote from a dictionary of tensors.

    Args:
        path: the file, zip or legacy.
        keep: whether to read a tensor, by its name.

    Returns:
        Arrays by name. Names in nested dictionaries are joined with dots; other objects are left out. Arrays are
        float64, float32, float16 or int64 as stored; bfloat16 becomes float32, which represents it exactly.

    Raises:
        InputError: the file is damaged or holds more than plain tensors.
    """
    try:
        reader = _load_zip if zipfile.is_zipfile(path) else _load_legacy
        return reader(path, keep)
    except Exception as error:  # On damaged bytes pickle and zipfile raise almost anything.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise errors.InputError(f"{path}: unreadable PyTorch file: {reason}") from error


def _load_zip(path: pathlib.Path, keep: Callable[[str], bool]) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        (pickled,) = [name for name in archive.namelist() if name.endswith("data.pkl")]
        root = pickled.removesuffix("data.pkl")
        if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder") != b"little":
            raise ValueError("written on a big-endian machine")
        tensors = _selected(_Unpickler(io.BytesIO(archive.read(pickled))).load(), keep)
        return {
            name: _array(tensor, archive.read(f"{root}data/{tensor.storage.key}")) for name, tensor in tensors.items()
        }


def _load_legacy(path: pathlib.Path, keep: Callable[[str], bool]) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        if [_Unpickler(file).load(), _Unpickler(file).load()] != [_MAGIC_NUMBER, _LEGACY_VERSION]:
            raise ValueError("not written by torch.save")
        _Unpickler(file).load()  # The word sizes of the machine that wrote it; nothing here depends on them.
        tensors = dict(_tensors(_Unpickler(file).load()))
        storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
        starts = _legacy_starts(file, storages, _Unpickler(file).load())
        arrays = {}
        for name, tensor in tensors.items():
            if keep(name):
                file.seek(starts[tensor.storage.key])
                arrays[name] = _array(tensor, file.read(_bytes(tensor.storage)))
        return arrays


def _legacy_starts(file: BinaryIO, storages: dict[str, _Storage], keys: list[str]) -> dict[str, int]:
    """Finds where the numbers of each storage start, after their count in 8 bytes."""
    starts = {}
    for key in keys:
        if file.read(8) != storages[key].length.to_bytes(8, "little"):
            raise ValueError("incomplete, or a storage of unexpected length")
        starts[key] = file.tell()
        file.seek(_bytes(storages[key]), io.SEEK_CUR)
    return starts


def _selected(root: object, keep: Callable[[str], bool]) -> dict[str, _Tensor]:
    return {name: tensor for name, tensor in _tensors(root) if keep(name)}


def _tensors(value: object, name: str = "") -> Iterator[tuple[str, _Tensor]]:
    """Yields every tensor in nested dictionaries, with the keys that lead to it."""
    if isinstance(value, _Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _tensors(item, f"{name}.{key}" if name else str(key))


def _bytes(storage: _Storage) -> int:
    return storage.length * np.dtype(_DTYPES[storage.kind]).itemsize


def _array(tensor: _Tensor, data: bytes) -> np.ndarray:
    """Reads a tensor from the bytes of its storage."""
    if len(data) != _bytes(tensor.storage):
        raise ValueError("incomplete")
    array = tensor.view(np.frombuffer(data, _DTYPES[tensor.storage.kind]))
    if tensor.storage.kind == "BFloat16Storage":  # the upper half of a float32
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array
