"""Where weights are published, and Keras' cache of what was downloaded."""

import contextlib
import dataclasses
import functools
import hashlib
import os
import pathlib
import tempfile
import urllib.error
from collections.abc import Sequence

from tfstyle import errors
from tfstyle.weights import layouts

__all__ = ["cached", "download", "variable"]


@dataclasses.dataclass(frozen=True)
class _File:
    """A published file: its name in the cache, and how its hash begins (a few digits for PyTorch's), "" if unknown."""

    name: str
    algorithm: str = ""
    digest: str = ""


@dataclasses.dataclass(frozen=True)
class _Source:
    """Where a network's weights are published, and what else in the cache will do."""

    url: str
    file: _File
    others: tuple[_File, ...] = ()


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
_SOURCES = {
    # URLs, names and MD5 sums: keras/src/applications/vgg19.py and vgg16.py. The second file has the top, too.
    "vgg19": _Source(
        f"{_KERAS}/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        _File("vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5", "md5", "253f8cb515780f3b799900260a226db6"),
        (_File("vgg19_weights_tf_dim_ordering_tf_kernels.h5", "md5", "cbe5617147190e668d6c5d5026f83318"),),
    ),
    "vgg16": _Source(
        f"{_KERAS}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        _File("vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", "md5", "6d6bbae143d832006294945121d1f1fc"),
        (_File("vgg16_weights_tf_dim_ordering_tf_kernels.h5", "md5", "64373286793e3c8b2b4e3219cbf3544b"),),
    ),
    # torchvision/models/alexnet.py; the file's name ends with the first 8 digits of its SHA-256.
    "alexnet": _Source(
        "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        _File("alexnet-owt-7be5be79.pth", "sha256", "7be5be79"),
    ),
    # No hash is published: the file is read and its shapes are checked before it is kept.
    "squeezenet": _Source(
        "https://github.com/rcmalli/keras-squeezenet/releases/download/v1.0/"
        "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5",
        _File("squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ),
}


def variable(network: str) -> str:
    """Returns the name of the environment variable that may name a network's file of weights."""
    return f"TFSTYLE_{network.upper()}_WEIGHTS"


def _folders() -> list[pathlib.Path]:
    """Returns where Keras' cache may be; the last is where to write (`keras.utils.get_file` has the same rule)."""
    home = pathlib.Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    nearest = next(folder for folder in (home, *home.parents) if folder.exists())
    homes = [home] if os.access(nearest, os.W_OK) else [home, pathlib.Path(tempfile.gettempdir(), ".keras")]
    return [folder / "models" for folder in homes]


def cached(network: str) -> pathlib.Path | None:
    """Returns a network's file in the cache, passing over files whose hash differs; None where there is none."""
    source = _SOURCES[network]
    for folder in _folders():
        for file in (source.file, *source.others):
            path = folder / file.name
            if path.is_file() and _intact(path, file):
                return path
    return None


def _intact(path: pathlib.Path, file: _File) -> bool:
    """Returns whether a file's hash begins as published; true where none is."""
    if not file.digest:
        return True
    status = path.stat()
    return _digest(path, file.algorithm, status.st_mtime_ns, status.st_size).startswith(file.digest)


@functools.cache
def _digest(path: pathlib.Path, algorithm: str, *_: int) -> str:
    """Returns a file's hash; once per file, time and size, as `find` and `load` both ask."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, algorithm).hexdigest()


def download(network: str, layers: Sequence[str] | None = None) -> layouts.Weights:
    """Returns a network's weights from where they are published, and keeps the file in the cache.

    The file gets its name in the cache only when its hash and its arrays have proved good.

    Args:
        network: "vgg19", "vgg16", "alexnet" or "squeezenet".
        layers: As in `layouts.read`.

    Raises:
        InputError: No network, no such file there, or another file than was published.
    """
    source = _SOURCES[network]
    part = _folders()[-1] / f"{source.file.name}.{os.getpid()}.part"
    try:
        _fetch(source.url, part)
        if not _intact(part, source.file):
            raise errors.InputError(f"its {source.file.algorithm} is not {source.file.digest}")
        weights = layouts.read(network, part, layers)
        part.replace(part.with_name(source.file.name))
        return weights
    except errors.InputError as error:
        raise errors.InputError(_missing(network, str(error).removeprefix(f"{part}: "))) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _fetch(url: str, part: pathlib.Path) -> None:
    from tfstyle.runtime import keras  # noqa: PLC0415 - seconds that only this needs

    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        keras.utils.get_file(
            part.name, url, cache_subdir=part.parent.name, cache_dir=str(part.parent.parent), force_download=True
        )
    except Exception as error:  # Keras raises a bare Exception when there is no network
        if isinstance(error.__context__, urllib.error.HTTPError):
            error.__context__.close()  # Keras leaves the connection open
        reason = " ".join(str(error).rpartition(" -- ")[2].split())  # without the URL: the message names it anyway
        raise errors.InputError(reason or type(error).__name__) from error


def _missing(network: str, reason: str) -> str:
    source = _SOURCES[network]
    place = _folders()[-1] / source.file.name
    return (
        f"no weights of {network} at hand, and {source.url} could not be downloaded ({reason}): put that file at "
        f"{place}, or name one with --weights or {variable(network)}; --features compact needs none"
    )
