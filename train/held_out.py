"""The paintings that networks for any painting are judged on, and that no training may see."""

import csv
import os
import pathlib

import numpy as np

from tfstyle import errors

__all__ = ["held_out", "public_domain"]

_MANIFEST = "manifest.csv"
_COLUMNS = {"file", "kind", "public_domain"}
# Part of the definition: another seed would hold out paintings that networks have been trained on.
_SEED = 2026


def public_domain(folder: str | os.PathLike[str]) -> list[dict[str, str]]:
    """Reads which paintings of a folder are in the public domain.

    Args:
        folder: has ``manifest.csv`` with at least the columns ``file``, ``kind`` and ``public_domain``.

    Returns:
        The manifest's rows whose ``public_domain`` is ``yes``, in its order.

    Raises:
        InputError: there is no such manifest.
    """
    path = pathlib.Path(folder) / _MANIFEST
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except OSError as error:
        raise errors.InputError(f"{path}: cannot be read: {error.strerror}: choose a folder with a manifest") from error
    if missing := _COLUMNS - set(reader.fieldnames or ()):
        raise errors.InputError(f"{path}: a manifest needs the columns {', '.join(sorted(missing))}")
    return [row for row in rows if row["public_domain"] == "yes"]


def held_out(folder: str | os.PathLike[str], count: int = 30) -> list[str]:
    """Draws paintings in proportion to their kinds: always the same ones for the same manifest.

    Args:
        folder: see `public_domain`.
        count: most paintings to draw. Each kind gets its share, rounded, and at least one while there is room, so
            that a few fewer may be drawn.

    Returns:
        File names, sorted.

    Raises:
        InputError: see `public_domain`.
    """
    rows = public_domain(folder)
    order = np.random.default_rng(_SEED).permutation(len(rows))
    kinds = [row["kind"] for row in rows]
    wanted = {kind: max(1, round(count * kinds.count(kind) / len(rows))) for kind in sorted(set(kinds))}
    names: list[str] = []
    for row in (rows[index] for index in order):
        if wanted[row["kind"]] and len(names) < count:
            wanted[row["kind"]] -= 1
            names.append(row["file"])
    return sorted(names)
