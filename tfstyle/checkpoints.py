"""Where an interrupted run is kept until it is resumed: one file beside the result."""

import contextlib
import json
import os
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfstyle import errors

__all__ = ["load", "path_for", "remove", "save"]


def path_for(result: str | pathlib.Path) -> pathlib.Path:
    """The checkpoint's file for a result: ``out.png`` has ``out.png.tfstyle``."""
    result = pathlib.Path(result)
    return result.with_name(result.name + ".tfstyle")


def save(result: str | pathlib.Path, recipe: Mapping[str, Any], state: Mapping[str, np.ndarray]) -> None:
    """Writes the state, atomically.

    Args:
        result: the picture that the run is to write.
        recipe: what the run is; a resumed one must be the same.
        state: arrays by name.

    Raises:
        InputError: the file cannot be written.
    """
    path, part = path_for(result), _part(result)
    try:
        with part.open("wb") as file:  # Not by way of memory: a state is twenty times as large as its picture.
            np.savez(file, recipe=np.array(json.dumps(recipe, sort_keys=True)), **state)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise errors.InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def load(result: str | pathlib.Path) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Reads what `save` wrote for this result.

    Args:
        result: the picture that the run is to write.

    Returns:
        Recipe and state; None if there is no checkpoint.

    Raises:
        InputError: the file is damaged.
    """
    path = path_for(result)
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:  # np.load leaks a file it refuses
            state = {name: arrays[name] for name in arrays.files}
        return json.loads(str(state.pop("recipe"))), state
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise errors.InputError(f"{path}: is no checkpoint that can be resumed: delete it and start anew") from error


def remove(result: str | pathlib.Path) -> None:
    """Deletes the checkpoint of a finished run, if there is one, and what a killed run left of the next."""
    path_for(result).unlink(missing_ok=True)
    _part(result).unlink(missing_ok=True)


def _part(result: str | pathlib.Path) -> pathlib.Path:
    """A fixed name, so that killed runs do not leave ever more half-written files behind."""
    return path_for(result).with_suffix(".tfstyle.part")
