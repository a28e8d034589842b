"""Whether what an interrupted run has left beside OUT belongs to the run that is asked for now."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfstyle import checkpoints, errors

__all__ = ["Interrupted"]


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
        self._found = checkpoints.load(output) if resume else None

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
