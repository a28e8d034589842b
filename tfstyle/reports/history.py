"""Losses of every step of a run: kept, checkpointed, written as CSV."""

import csv
import dataclasses
import io
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from tfstyle import files

__all__ = ["History"]


@dataclasses.dataclass
class History:
    """Values per step, in the order of the steps.

    >>> history = History()
    >>> history.add(1, {"loss": 3.5})
    >>> history.add(2, {"loss": 3.0})
    >>> history.curves(["loss"])
    {'loss': ([1, 2], [3.5, 3.0])}

    Attributes:
        rows: one dict per step; all have the same keys.
    """

    rows: list[dict[str, float]] = dataclasses.field(default_factory=list)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Appends a step; a resumed run replaces the steps that it repeats."""
        self.rows = [row for row in self.rows if row["step"] < step]
        self.rows.append({"step": step, **values})

    def state(self) -> dict[str, np.ndarray]:
        """Arrays for a checkpoint."""
        if not self.rows:
            return {}
        names = list(self.rows[0])
        return {"history": np.array([[row[n] for n in names] for row in self.rows]), "history_names": np.array(names)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Restores what `state` returned."""
        if "history" in state:
            names = [str(name) for name in state["history_names"]]
            self.rows = [dict(zip(names, map(float, row), strict=True)) for row in state["history"]]

    def write_csv(self, path: str | pathlib.Path) -> None:
        """Writes one line per step, atomically.

        Raises:
            InputError: the file cannot be written.
        """
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(self.rows[0]) if self.rows else ["step"], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "step": int(row["step"])} for row in self.rows)
        files.atomic_write(path, buffer.getvalue().encode())

    @classmethod
    def read_csv(cls, path: str | pathlib.Path) -> "History":
        """Reads a file that `write_csv` wrote."""
        with pathlib.Path(path).open(newline="") as file:
            return cls([{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)])

    def curves(self, names: Sequence[str]) -> dict[str, tuple[list[float], list[float]]]:
        """Steps and values of the columns that exist, for `plot_curves`."""
        present = [name for name in names if self.rows and name in self.rows[0]]
        steps = [row["step"] for row in self.rows]
        return {name: (steps, [row[name] for row in self.rows]) for name in present}
