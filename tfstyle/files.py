"""Files as such, whatever they hold: written whole or not at all, checked before the work, hashed."""

import errno
import hashlib
import os
import pathlib
import secrets

from tfstyle import errors

__all__ = ["atomic_write", "check_folder", "digest", "is_folder"]


def atomic_write(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file so that a crash leaves either the old file or the whole new one.

    The bytes go to a new file in the same folder (with the permissions that the umask gives), to the disk, and then
    over the old name; a symbolic link stays one and its target is replaced.

    Raises:
        errors.ShortageError: The disk is full.
        errors.InputError: The folder does not exist, the name is taken by something that is no file, or the system
            refuses (permissions).
    """
    try:
        _replace(_target(path), data)
    except errors.InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        kind = errors.ShortageError if full else errors.InputError
        raise kind(f"{path}: cannot be written: {_cause(error)}") from error


def check_folder(path: str | os.PathLike[str]) -> None:
    """Checks, before any work is done, that `atomic_write` could write here.

    Raises:
        errors.InputError: The folder does not exist or cannot be written into, or the name is taken by something that
            is no file.
    """
    folder = _target(path).parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise errors.InputError(f"{path}: nothing can be written into {folder}: choose another folder for the result")


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Returns whether a folder is there; False, too, for what no file can be called, such as a name too long."""
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


def _target(path: str | os.PathLike[str]) -> pathlib.Path:
    target = pathlib.Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise errors.InputError(f"{path}: there is no folder {target.parent}: make it first")
    if target.exists() and not target.is_file():
        raise errors.InputError(f"{path}: is not a file: choose another name for the result")
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
        temporary.unlink(missing_ok=True)  # after the replacement there is none


def _cause(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
