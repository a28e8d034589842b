"""Contenders of a benchmark: processes that paint the same photo with the same weights and take turns.

Each is a process of its own (`peers`), warm before the first turn. They take turns, one picture each, so that a drift
of the machine's speed meets all of them; a short pause before every turn lets the threads of the one before go to
sleep. All of them run on the processor, with random weights, which change no time.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from tfstyle import errors, runtime
from tfstyle.evaluation import engines

__all__ = ["CONTENDERS", "Child", "Contender", "Terms", "painted", "started", "turns", "write"]

_TITLES = {"tensorflow": "TensorFlow", "litert": "LiteRT", "torch": "PyTorch", "onnx": "ONNX Runtime"}
# Seconds. Idle threads go on looking for work before they sleep: milliseconds in most libraries, 200 in LLVM's OpenMP.
_PAUSE = 0.25
# Seconds for a process to end by itself, once it has closed its output or said what makes no sense.
_PATIENCE = 2


@dataclasses.dataclass(frozen=True)
class Terms:
    """What all contenders have in common.

    Attributes:
        height: of the picture, pixels; a multiple of four.
        width: likewise.
        threads: processor threads, 0 for all.
        pythons: interpreters of those engines that are not this one's, by name of the engine.
    """

    height: int
    width: int
    threads: int
    pythons: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Contender:
    """Who takes part: a network of `networks.NETWORKS`, an engine of `engines.ENGINES`, float32 or bfloat16."""

    network: str
    engine: str
    precision: str = "float32"

    @property
    def name(self) -> str:
        """As the table has it."""
        return f"{self.network} {_TITLES[self.engine]} {self.precision}"


CONTENDERS = (
    Contender("realtime", "tensorflow"),
    Contender("realtime", "tensorflow", "bfloat16"),
    Contender("realtime", "litert"),
    Contender("johnson", "tensorflow"),
    Contender("johnson", "tensorflow", "bfloat16"),
    Contender("johnson", "litert"),
    Contender("johnson", "torch"),
    Contender("johnson", "torch", "bfloat16"),
    Contender("johnson", "onnx"),
)


def write(folder: pathlib.Path, terms: Terms) -> dict[str, int]:
    """Writes what `peers` reads, a folder for each network.

    Args:
        folder: exists.
        terms: give the picture's size.

    Returns:
        The networks' numbers of parameters.
    """
    runtime.import_tensorflow()
    from tfstyle.runtime import keras  # noqa: PLC0415 - seconds that only this needs
    from tfstyle.transform import export, networks  # noqa: PLC0415

    keras.utils.set_random_seed(0)
    photo = np.random.default_rng(0).integers(0, 256, (terms.height, terms.width, 3), np.uint8)
    parameters = {}
    for name in sorted({contender.network for contender in CONTENDERS}):
        network = networks.build(name)
        export.write(network, folder / name)
        np.save(folder / name / engines.PHOTO, photo)
        np.savez(folder / name / engines.WEIGHTS, *network.get_weights())
        parameters[name] = network.count_params()
    return parameters


class Child:
    """A contender's process, once it is warm.

    Attributes:
        facts: what it said of itself; nothing if it does not take part.
        why: it does not take part; empty if it does.
    """

    def __init__(self, process: subprocess.Popen[str], log: pathlib.Path) -> None:
        self._process, self._log = process, log
        try:
            said = dict(json.loads(self._answer()))
        except (TypeError, ValueError):  # It was killed, or is no Python.
            said = {"left_out": self._last_words()}
        self.why = said.pop("left_out", "")
        self.facts = engines.Facts({}, [], "", 0) if self.why else engines.Facts(**said)

    def seconds(self) -> float:
        """Of one more picture.

        Raises:
            InputError: the process has died.
        """
        try:
            self._process.stdin.write("go\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
            return float(self._answer())
        except (OSError, ValueError) as error:
            raise errors.InputError(f"stopped in the middle: {self._last_words()}") from error

    def _answer(self) -> str:
        return self._process.stdout.readline()  # type: ignore[union-attr]

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        self._process.kill()
        code = self._process.wait()
        said = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        return said[-1] if said else f"its process ended with code {code}"


@contextlib.contextmanager
def started(
    terms: Terms, folder: pathlib.Path, parameters: Mapping[str, int], say: Callable[[str], None]
) -> Iterator[tuple[dict[Contender, Child], dict[str, str]]]:
    """Starts them all; afterwards all processes are ended.

    Args:
        terms: what they have in common.
        folder: where `write` wrote.
        parameters: what it returned.
        say: is told who is started.

    Yields:
        Those that are ready, and why the others are not, by name.

    Raises:
        InputError: nobody could take part.
    """
    children: dict[Contender, Child] = {}
    left_out: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for number, contender in enumerate(CONTENDERS, start=1):
            say(f"{number}/{len(CONTENDERS)} starting {contender.name}")
            if contender.precision == "bfloat16" and not runtime.fast_bfloat16():
                left_out[contender.name] = "this processor does not multiply bfloat16"
                continue
            process = stack.enter_context(_process(contender, terms, folder))
            child = Child(process, _log(folder, contender))
            why = child.why or _otherwise(child.facts, terms, parameters[contender.network])
            if why:
                left_out[contender.name] = why
            else:
                children[contender] = child
        if not children:
            raise errors.InputError(f"nobody could take part: {next(iter(left_out.values()))}")
        yield children, left_out


@contextlib.contextmanager
def _process(contender: Contender, terms: Terms, folder: pathlib.Path) -> Iterator[subprocess.Popen[str]]:
    """Ours run with this interpreter, the peers with the one given; without tfstyle there, so by the file's path."""
    python = terms.pythons.get(contender.engine)
    program = [python, engines.__file__] if python else [sys.executable, "-m", engines.__name__]
    words = [contender.engine, contender.precision, str(folder / contender.network), str(terms.threads)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    with _log(folder, contender).open("w") as log:
        try:
            process = subprocess.Popen(
                [*program, *words],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        except OSError as error:
            raise errors.InputError(
                f"{python}: cannot be run ({error.strerror}): give --{contender.engine} a Python interpreter"
            ) from error
    with process:
        try:
            yield process
        finally:
            process.kill()
            with contextlib.suppress(OSError):  # Closing tries once more to say what a dead process did not hear.
                process.stdin.close()  # type: ignore[union-attr]


def _log(folder: pathlib.Path, contender: Contender) -> pathlib.Path:
    return folder / f"{contender.name}.log"


def _otherwise(facts: engines.Facts, terms: Terms, parameters: int) -> str:
    """What a contender does otherwise than all others: another network, another kind of picture; empty: nothing."""
    if facts.parameters not in {0, parameters}:
        return f"has {facts.parameters} parameters, not {parameters}"
    if (facts.shape, facts.dtype) != ([terms.height, terms.width, 3], "uint8"):
        return f"paints {facts.dtype} {facts.shape}"
    return ""


def turns(children: Mapping[Contender, Child], rounds: int) -> Iterator[dict[Contender, float]]:
    """Lets them paint, one after the other.

    Args:
        children: from `started`.
        rounds: pictures of each.

    Yields:
        Seconds of everybody's picture, for each round.

    Raises:
        InputError: a process has died.
    """
    for _ in range(rounds):
        seconds = {}
        for contender, child in children.items():
            time.sleep(_PAUSE)
            try:
                seconds[contender] = child.seconds()
            except errors.InputError as error:
                raise errors.InputError(f"{contender.name} {error}") from error
        yield seconds


def painted(folder: pathlib.Path, contender: Contender) -> np.ndarray:
    """The picture that a contender painted.

    Args:
        folder: where `write` wrote.
        contender: has taken part.

    Returns:
        ``[H, W, 3]``, float32, 0..255.
    """
    file = engines.painted_file(folder / contender.network, contender.engine, contender.precision)
    return np.load(file).astype(np.float32)
