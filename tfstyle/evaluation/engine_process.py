"""Processes that stylize one photo each time they are asked; one process per benchmark entry."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

from tfstyle import errors
from tfstyle.evaluation import engines

__all__ = ["EngineProcess", "started"]

# Seconds for a process to end after it closed its output or sent something unreadable.
_PATIENCE = 2


class EngineProcess:
    """A running engine, warmed up.

    Attributes:
        info: the engine's description of itself; empty if it cannot take part.
        problem: why the engine cannot take part; empty if it can.
    """

    def __init__(self, process: subprocess.Popen[str], log: pathlib.Path) -> None:
        self._process, self._log = process, log
        try:
            answer = dict(json.loads(self._answer()))
        except (TypeError, ValueError):  # It was killed, or is not Python.
            answer = {"problem": self._last_words()}
        self.problem = answer.pop("problem", "")
        self.info = engines.EngineInfo({}, [], "", 0) if self.problem else engines.EngineInfo(**answer)

    def seconds(self) -> float:
        """Stylizes the photo once more and returns the time it took.

        Raises:
            InputError: the process has ended.
        """
        try:
            self._process.stdin.write("go\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
            return float(self._answer())
        except (OSError, ValueError) as error:
            raise errors.InputError(f"stopped unexpectedly: {self._last_words()}") from error

    def _answer(self) -> str:
        return self._process.stdout.readline()  # type: ignore[union-attr]

    def _last_words(self) -> str:
        """Returns the last line of the process's log, or its exit code."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        self._process.kill()
        code = self._process.wait()
        lines = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else f"its process ended with code {code}"


@contextlib.contextmanager
def started(
    engine: str, precision: str, folder: pathlib.Path, threads: int | None, python: str | None
) -> Iterator[EngineProcess]:
    """Starts an engine's process, and ends it after the block.

    Args:
        engine: a name from `engines.ENGINES`.
        precision: ``float32`` or ``bfloat16``.
        folder: of the network, as `benchmarking.write_networks` left it.
        threads: CPU threads; None for all.
        python: another Python interpreter, which may lack tfstyle; None for this one.

    Yields:
        The process, warmed up, or with the reason why it cannot take part.

    Raises:
        InputError: the interpreter cannot be run.
    """
    program = [python, engines.__file__] if python else [sys.executable, "-m", engines.__name__]
    words = [engine, precision, str(folder), str(threads or 0)]
    log = folder / f"{engine}-{precision}.log"
    with log.open("w") as stderr:
        try:
            process = subprocess.Popen(
                [*program, *words],
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        except OSError as error:
            raise errors.InputError(
                f"{python}: cannot be run ({error.strerror}): pass a Python interpreter to --{engine}"
            ) from error
    with process:
        try:
            yield EngineProcess(process, log)
        finally:
            process.kill()
            with contextlib.suppress(OSError):  # Closing flushes once more to a process that is gone.
                process.stdin.close()  # type: ignore[union-attr]
