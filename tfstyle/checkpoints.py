"""Checkpoints: one file beside the result, from which an interrupted run continues to the same bits."""

import contextlib
import json
import os
import pathlib
import time
import zipfile
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from tfstyle import errors, files

__all__ = ["Interrupted", "checkpointed", "load", "path_for", "remove", "save"]

Step = TypeVar("Step")

# Saving a large picture's state takes seconds; it may take this share of the whole time.
_LARGEST_SHARE = 0.05


def path_for(result: str | pathlib.Path) -> pathlib.Path:
    """Returns the checkpoint's path: ``out.png`` has ``out.png.tfstyle``."""
    result = pathlib.Path(result)
    return result.with_name(result.name + ".tfstyle")


def checkpointed(
    steps: Iterable[Step],
    save: Callable[[], None],
    *,
    seconds: float = 20.0,
    is_due: Callable[[Step], bool] | None = None,
) -> Generator[Step, None, None]:
    """Yields the steps of a run and saves checkpoints between them.

    A checkpoint is saved every few seconds, and once more when the consumer stops early: breaking out of the loop
    interrupts a run without losing a step. A consumer that may raise should close the generator (`contextlib.closing`).
    An error inside a step saves nothing, because the state may be half updated: the previous checkpoint stays.

    Args:
        steps: the run.
        save: writes the state as it is between two steps.
        seconds: between two checkpoints; more if saving takes long. A killed run loses about this much work.
        is_due: decides instead of the clock, from the step that was just yielded.

    Yields:
        The steps.
    """
    next_save = time.monotonic() + seconds
    for step in steps:
        try:
            yield step
        except GeneratorExit:
            save()
            raise
        if is_due(step) if is_due else time.monotonic() >= next_save:
            started = time.monotonic()
            save()
            now = time.monotonic()
            next_save = now + max(seconds, (now - started) / _LARGEST_SHARE)


def save(result: str | pathlib.Path, recipe: Mapping[str, Any], state: Mapping[str, np.ndarray]) -> None:
    """Writes a checkpoint atomically.

    Args:
        result: the file that the run will write.
        recipe: describes the run; a resumed run must have the same recipe.
        state: arrays by name, any shape.

    Raises:
        ShortageError: the disk is full.
        InputError: the file cannot be written for another reason.
    """
    path, part = path_for(result), _part(result)
    try:
        with part.open("wb") as file:  # Streamed: a state is twenty times the size of its picture.
            np.savez(file, recipe=np.array(json.dumps(recipe, sort_keys=True)), **state)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise files.write_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def load(result: str | pathlib.Path) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Reads a result's checkpoint.

    Args:
        result: the file that the run will write.

    Returns:
        Recipe and state; None if there is no checkpoint.

    Raises:
        InputError: the checkpoint is damaged.
    """
    path = path_for(result)
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:  # np.load leaks a file it refuses.
            state = {name: arrays[name] for name in arrays.files}
        return json.loads(str(state.pop("recipe"))), state
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise errors.InputError(f"{path} is not a usable checkpoint: delete it and start over") from error


def remove(result: str | pathlib.Path) -> None:
    """Deletes a finished run's checkpoint, if any, and what a killed run left of the next one."""
    path_for(result).unlink(missing_ok=True)
    _part(result).unlink(missing_ok=True)


def _part(result: str | pathlib.Path) -> pathlib.Path:
    """Returns a fixed name, so that killed runs do not pile up half-written files."""
    return path_for(result).with_suffix(".tfstyle.part")


class Interrupted:
    """The checkpoint of an interrupted run, if there is one and it is to be resumed.

    Args:
        result: the file that the run will write.
        resume: False ignores any checkpoint.

    Raises:
        InputError: the checkpoint is damaged.
    """

    def __init__(self, result: str | pathlib.Path, *, resume: bool) -> None:
        self._result = result
        self._found = load(result) if resume else None

    @property
    def recipe(self) -> dict[str, Any] | None:
        """The interrupted run's recipe; None without a checkpoint."""
        return self._found and self._found[0]

    def state(self, recipe: Mapping[str, Any], *, insist: bool = False) -> dict[str, np.ndarray] | None:
        """Returns the state to resume a run from.

        Args:
            recipe: of the run to resume.
            insist: refuse if the checkpoint belongs to another run, instead of starting over.

        Returns:
            Arrays by name, any shape; None if there is no checkpoint, or it belongs to another run.

        Raises:
            InputError: the checkpoint belongs to another run; the message names the difference.
        """
        if self._found is None:
            return None
        found, state = self._found
        wanted = json.loads(json.dumps(recipe))  # As it is read back: tuples become lists.
        if found == wanted:
            return state
        if insist:
            raise errors.InputError(
                f"the interrupted run that was writing {self._result} used different settings "
                f"({_difference(found, wanted)}): use the same ones, or start over without --resume"
            )
        return None


def _difference(found: dict, wanted: dict) -> str:
    old, new = ({**each, **each.get("settings", {})} for each in (found, wanted))
    names = [name for name in old if name not in ("settings", "sha256") and old[name] != new.get(name)]
    changes = [f"{name} was {_shown(old[name])}, now {_shown(new.get(name))}" for name in names]
    return "; ".join(changes) or "its files have changed"


def _shown(value: Any) -> str:
    if value is None:
        return "not given"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
