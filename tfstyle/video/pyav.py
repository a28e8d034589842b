"""The door to PyAV, an extra: imports it, and turns its errors into the user's."""

import contextlib
import errno
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from tfstyle import errors

__all__ = ["demux", "import_av", "opened", "writing"]

# Attempts to read on after an error; a readable film needs one or two.
_MOST_ERRORS = 100


def import_av() -> Any:
    """Imports PyAV.

    Raises:
        InputError: it is not installed.
    """
    try:
        import av  # noqa: PLC0415 - an extra
        import av.subtitles.subtitle  # noqa: PLC0415 - PyAV itself does not
    except ImportError:
        raise errors.InputError('videos need PyAV: pip install "tfstyle[video]"') from None
    return av


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Opens a film for reading.

    Yields:
        PyAV's container.

    Raises:
        InputError: the file cannot be read as a film.
    """
    av = import_av()
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            yield container
    except av.FFmpegError as error:
        reason = error.strerror or type(error).__name__
        raise errors.InputError(f"{path}: cannot be read as a video: {reason}; use another file") from error


def demux(container: Any, *streams: Any) -> Iterator[Any]:
    """Yields a container's packets, reading on past errors; of all streams if none is given."""
    error = import_av().FFmpegError
    for _ in range(_MOST_ERRORS):
        try:
            yield from container.demux(*streams)
        except error:
            continue
        return


@contextlib.contextmanager
def writing(path: pathlib.Path) -> Iterator[None]:
    """Translates errors of the block, which writes to a file.

    Raises:
        ShortageError: the disk is full.
        InputError: the file cannot be written for another reason.
    """
    av = import_av()
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        kind, advice = (errors.ShortageError, "; free some space") if is_full else (errors.InputError, "")
        raise kind(f"{path}: cannot be written: {error.strerror or error}{advice}") from error
