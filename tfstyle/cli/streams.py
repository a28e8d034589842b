"""Standard output and standard error that cannot end a run.

Painting goes on, and the result is saved, when the terminal has gone, the pipe's reader has left or the disk behind a
redirection is full.
"""

import contextlib
import errno
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from tfstyle import errors

__all__ = ["safe"]


class _SafeStream:
    """A text stream whose failures end nothing; what follows the first one is thrown away.

    Attributes:
        failure: the first error, None if there was none.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: Exception | None = None

    def write(self, text: str) -> int:
        """Writes, if that is still possible."""
        self._try(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Flushes, if that is still possible."""
        self._try(self._stream.flush)

    def _try(self, function: Any, *arguments: str) -> None:
        if self.failure is not None:
            return
        try:
            function(*arguments)
        except (OSError, ValueError) as error:
            self.failure = error
            # Python itself flushes at its end; that must go somewhere.
            with contextlib.suppress(OSError, ValueError), pathlib.Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def safe() -> Iterator[None]:
    """Inside, nothing that happens to standard output or standard error raises an error.

    Both may be closed (``>&-``), None (a GUI program), a pipe without a reader (``| head -1``), a full disk, or unable
    to encode a character.

    Raises:
        InputError: at the end: standard output could not be written. A pipe whose reader has left is no error.
    """
    _open_descriptors()
    before = sys.stdout, sys.stderr
    with pathlib.Path(os.devnull).open("w") as nowhere:
        streams = [_SafeStream(_prepared(stream) or nowhere) for stream in before]
        sys.stdout, sys.stderr = streams
        try:
            yield
        finally:
            for stream in streams:
                stream.flush()
            sys.stdout, sys.stderr = before
    failure = streams[0].failure
    if isinstance(failure, OSError) and failure.errno != errno.EPIPE:
        raise errors.InputError(f"standard output cannot be written: {failure.strerror}")


def _open_descriptors() -> None:
    """Opens closed standard descriptors, or the next file opened would get their numbers, and libraries' messages."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _prepared(stream: TextIO | None) -> TextIO | None:
    """Makes a stream accept every character; None if it cannot be written to."""
    if stream is None or stream.closed:
        return None
    with contextlib.suppress(AttributeError, OSError, ValueError):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]
    return stream
