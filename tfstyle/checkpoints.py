"""Where an interrupted run is kept until it is resumed: one file beside the result."""

import io
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfstyle import errors, images

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
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, recipe=np.array(json.dumps(recipe, sort_keys=True)), **state)
    images.atomic_write(path_for(result), buffer.getvalue())


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
        with np.load(path, allow_pickle=False) as arrays:
            state = {name: arrays[name] for name in arrays.files}
        return json.loads(str(state.pop("recipe"))), state
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise errors.InputError(f"{path}: is no checkpoint that can be resumed: delete it and start anew") from error


def remove(result: str | pathlib.Path) -> None:
    """Deletes the checkpoint of a finished run, if there is one."""
    path_for(result).unlink(missing_ok=True)
