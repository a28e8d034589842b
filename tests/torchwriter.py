"""Writes PyTorch's two file formats opcode by opcode, for the tests: neither PyTorch nor the reader is involved."""

import collections
import pickle
import struct
import zipfile

_STORAGES = {"float64": "Double", "float32": "Float", "float16": "Half", "uint16": "BFloat16", "int64": "Long"}
_MAGIC = 0x1950A86A20F9469CFC6C


def word(module, name):
    return f"c{module}\n{name}\n".encode()


def value(item):
    """Plain Python data, without the pickle's start and stop."""
    return pickle.dumps(item, protocol=2)[2:-1]


def tensor(storage, key, length, shape, strides, *, offset=0, legacy=False):
    end = value(None) if legacy else b""
    pid = b"(" + value("storage") + storage + value(key) + value("cpu") + value(length) + end + b"tQ"
    arguments = pid + value(offset) + value(tuple(shape)) + value(tuple(strides)) + value(False)
    return word("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + value(collections.OrderedDict()) + b"tR"


def array_tensor(array, key, *, legacy=False):
    steps = [step // array.itemsize for step in array.strides]
    storage = word("torch", f"{_STORAGES[array.dtype.name]}Storage")
    return tensor(storage, key, array.size, array.shape, steps, legacy=legacy)


def state(tensors, *, metadata=True):
    """The pickle of an OrderedDict, with the attribute that `Module.state_dict` gives it."""
    items = b"".join(value(name) + body for name, body in tensors.items())
    attribute = value({"_metadata": collections.OrderedDict(version=1)}) + b"b" if metadata else b""
    return b"\x80\x02" + word("collections", "OrderedDict") + b")R(" + items + b"u" + attribute + b"."


def write_zip(path, arrays, *, pickled=None, extra=None):
    tensors = {name: array_tensor(array, str(i)) for i, (name, array) in enumerate(arrays.items())}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", state(tensors) if pickled is None else pickled)
        for i, array in enumerate(arrays.values()):
            archive.writestr(f"archive/data/{i}", array.tobytes())
        for name, data in (extra or {}).items():
            archive.writestr(f"archive/{name}", data)
        archive.writestr("archive/version", b"3\n")
    return path


def write_legacy(path, arrays, *, pickled=None, magic=_MAGIC):
    keys = [str(1000 + i) for i in range(len(arrays))]
    tensors = {name: array_tensor(arrays[name], key, legacy=True) for name, key in zip(arrays, keys, strict=True)}
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    with path.open("wb") as file:
        for start in (magic, 1001, system):
            file.write(pickle.dumps(start, protocol=2))
        file.write(state(tensors) if pickled is None else pickled)
        file.write(pickle.dumps(keys, protocol=2))
        for array in arrays.values():
            file.write(struct.pack("<q", array.size) + array.tobytes())
    return path
