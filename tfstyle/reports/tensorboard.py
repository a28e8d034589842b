"""Losses as an event file for TensorBoard, written without the TensorBoard package."""

import pathlib
from collections.abc import Mapping

import numpy as np

from tfstyle import errors

__all__ = ["Board"]


class Board:
    """An event file of scalars.

    Args:
        folder: for the file; created if missing.

    Raises:
        InputError: the folder cannot be written to.
    """

    def __init__(self, folder: str | pathlib.Path) -> None:
        from tfstyle.runtime import tf  # noqa: PLC0415 - takes seconds; only training needs it

        self._summary = tf.summary
        # `tf.summary.scalar` adds this metadata, but needs the package tensorboard.
        self._metadata = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"}, data_class=1)
        try:
            self._writer = tf.summary.create_file_writer(str(folder))
        except tf.errors.OpError as error:
            raise errors.InputError(f"{folder}: cannot write event files there: choose another folder") from error

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Appends a step's values and flushes them to disk."""
        with self._writer.as_default(step):
            for name, value in values.items():
                self._summary.write(name, np.float32(value), metadata=self._metadata)
        self._writer.flush()
