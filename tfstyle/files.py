"""Files of any content: atomic writes, checks before long work, hashes."""

import errno
import hashlib
import os
import pathlib
import secrets

from tfstyle import errors

__all__ = ["atomic_write", "check_folder", "digest", "is_folder", "write_error"]


def atomic_write(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file so that a crash leaves either the old file or the complete new one.

    The data is written and synced to a temporary file in the same folder, which then replaces the old file. Its
    permissions follow the umask. Of a symbolic link the target is replaced.

    Raises:
        errors.ShortageError: The disk is full.
        errors.InputError: The folder does not exist, the path is not a regular file, or the system refuses the write
            (permissions).
    """
    try:
        _replace(_target(path), data)
    except errors.InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise write_error(path, error) from error


def check_folder(path: str | os.PathLike[str]) -> None:
    """Checks that `atomic_write` can write this file, so that long work does not fail at its end.

    Raises:
        errors.InputError: The folder does not exist or cannot be written to, or the path is not a regular file.
    """
    folder = _target(path).parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise errors.InputError(f"{path}: {folder} is not writable: choose another folder")


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Returns whether a path is an existing folder; False for names that the system refuses, too."""
    try:
        return pathlib.Path(path).is_dir()
    except (OSError, ValueError):
        return False


def digest(path: str | os.PathLike[str]) -> str:
    """Returns the SHA-256 of a file as 64 hexadecimal digits.

    Raises:
        errors.InputError: The file cannot be read.
    """
    try:
        with pathlib.Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise errors.InputError(f"{path}: cannot be read: {_cause(error)}") from error


def write_error(path: str | os.PathLike[str], error: Exception) -> errors.InputError:
    """Returns the error to raise for a failed write: a `ShortageError` if the disk or the quota is full.

    Args:
        path: The file that was being written.
        error: What the system raised.
    """
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    kind = errors.ShortageError if full else errors.InputError
    return kind(f"{path}: cannot be written: {_cause(error)}")


def _target(path: str | os.PathLike[str]) -> pathlib.Path:
    target = pathlib.Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise errors.InputError(f"{path}: folder {target.parent} does not exist: create it first")
    if target.exists() and not target.is_file():
        raise errors.InputError(f"{path} is not a file: choose another name")
    return target


def _replace(target: pathlib.Path, data: bytes) -> None:
    temporary = target.with_name(f".tfstyle-{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)  # gone already if it has replaced the target


def _cause(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
