"""Downloads published weights into Keras' cache, and finds those already there."""

import contextlib
import functools
import hashlib
import io
import os
import pathlib
import sys
import tempfile
import urllib.error
from collections.abc import Sequence

from tfstyle import errors
from tfstyle.weights import backbones, layouts

__all__ = ["cached", "download", "variable"]


def variable(network: str) -> str:
    """The environment variable that may name a network's weight file."""
    return f"TFSTYLE_{network.upper()}_WEIGHTS"


def cached(network: str) -> pathlib.Path | None:
    """Finds a network's weight file in the cache.

    Args:
        network: a name of `BACKBONES` with a source.

    Returns:
        The file, None if there is none with the right hash.

    Raises:
        InputError: the network has no source.
    """
    source = _source(network)
    for folder in _folders():
        for file in (source.file, *source.alternatives):
            path = folder / file.name
            if path.is_file() and _is_intact(path, file):
                return path
    return None


def download(network: str, convolutions: Sequence[str] | None = None) -> layouts.Weights:
    """Downloads a network's weights and keeps the file in the cache.

    The file gets its final name only after its hash and its arrays have been checked.

    Args:
        network: a name of `BACKBONES` with a source.
        convolutions: as in `layouts.read`.

    Returns:
        As `layouts.read`.

    Raises:
        InputError: no connection, no such file on the server, or not the published file.
    """
    source = _source(network)
    part = _folders()[-1] / f"{source.file.name}.{os.getpid()}.part"
    try:
        _fetch(source.url, part)
        if not _is_intact(part, source.file):
            raise errors.InputError(f"its {source.file.algorithm} is not {source.file.digest}")
        weights = layouts.read(network, part, convolutions)
        part.replace(part.with_name(source.file.name))
        return weights
    except errors.InputError as error:
        raise errors.InputError(_advice(network, str(error).removeprefix(f"{part}: "))) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _source(network: str) -> backbones.Source:
    source = backbones.BACKBONES[network].source
    if source is None:
        raise errors.InputError(f"{network} ships with tfstyle and is not published anywhere else")
    return source


def _folders() -> list[pathlib.Path]:
    """Lists where Keras' cache may be, the writable one last; the same rule as `keras.utils.get_file`."""
    home = pathlib.Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    nearest = next(folder for folder in (home, *home.parents) if folder.exists())
    homes = [home] if os.access(nearest, os.W_OK) else [home, pathlib.Path(tempfile.gettempdir(), ".keras")]
    return [folder / "models" for folder in homes]


def _is_intact(path: pathlib.Path, file: backbones.File) -> bool:
    """Whether a file has its published hash; True if none is published."""
    if not file.digest:
        return True
    status = path.stat()
    return _digest(path, file.algorithm, status.st_mtime_ns, status.st_size).startswith(file.digest)


@functools.cache
def _digest(path: pathlib.Path, algorithm: str, *_: int) -> str:
    """Hashes a file, once per modification time and size: `find` and `load` both ask."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, algorithm).hexdigest()


def _fetch(url: str, part: pathlib.Path) -> None:
    from tfstyle.runtime import keras  # noqa: PLC0415 - takes seconds, and only downloads need it

    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.redirect_stdout(sys.stderr or io.StringIO()):  # The progress bar. A GUI process has neither.
            keras.utils.get_file(
                part.name, url, cache_subdir=part.parent.name, cache_dir=str(part.parent.parent), force_download=True
            )
    except Exception as error:  # Keras raises a bare Exception when there is no network
        if isinstance(error.__context__, urllib.error.HTTPError):
            error.__context__.close()  # Keras leaves the connection open
        reason = " ".join(str(error).rpartition(" -- ")[2].split())  # without the URL, which the message names anyway
        raise errors.InputError(reason or type(error).__name__) from error


def _advice(network: str, reason: str) -> str:
    source = _source(network)
    target = _folders()[-1] / source.file.name
    return (
        f"no weights for {network} found, and {source.url} could not be downloaded ({reason}): save that file as "
        f"{target}, or specify one with --weights or {variable(network)}; --features compact needs none"
    )
