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

__all__ = ["Interrupted", "load", "path_for", "remove", "save"]


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


class Interrupted:
    """What an interrupted run has left beside its result, if it is to be resumed; else nothing.

    Args:
        output: the result's file.
        resume: whether to look for it at all.

    Raises:
        InputError: it is damaged.
    """

    def __init__(self, output: str | pathlib.Path, *, resume: bool) -> None:
        self._output = output
        self._found = load(output) if resume else None

    @property
    def recipe(self) -> dict[str, Any] | None:
        """What the run was; None if nothing is left."""
        return self._found and self._found[0]

    def state(self, recipe: Mapping[str, Any], *, insist: bool = False) -> dict[str, np.ndarray] | None:
        """Where to go on with a run.

        Args:
            recipe: what the run is.
            insist: refuse if another run was interrupted, instead of starting anew.

        Returns:
            The state for `Session.resume`; None if nothing, or another run's state, is left.

        Raises:
            InputError: another run was interrupted, which is named.
        """
        if self._found is None:
            return None
        kept, state = self._found
        asked = json.loads(json.dumps(recipe))  # As it is read back: lists for tuples.
        if kept == asked:
            return state
        if insist:
            difference = _difference(kept, asked)
            raise errors.InputError(f"the interrupted run of {self._output} was another one: {difference}")
        return None


def _difference(kept: dict, asked: dict) -> str:
    old, new = ({**each, **each.get("settings", {})} for each in (kept, asked))
    names = [name for name in old if name not in ("settings", "sha256") and old[name] != new.get(name)]
    return "; ".join(f"{name} was {old[name]}, now {new.get(name)}" for name in names) or "its files have changed"
