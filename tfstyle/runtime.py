"""The one door to Keras and TensorFlow: imported silently, with the settings tfstyle needs.

Modules write ``from tfstyle.runtime import keras, ops, tf``. The user's shell (``KERAS_BACKEND``) and
``~/.keras/keras.json`` may ask for another backend, data format or float type; that is settled here, before the import.
"""

import concurrent.futures
import contextlib
import functools
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import logging

from tfstyle import errors

if TYPE_CHECKING:
    import keras  # noqa: F401
    import tensorflow as tf  # noqa: F401
    from keras import ops  # noqa: F401

__all__ = [
    "available_memory",
    "fast_bfloat16",
    "graphs_in",
    "import_keras",
    "import_tensorflow",
    "resolve_precision",
    "set_threads",
    "standard_error_aside",
    "use_backend",
]

# Processor features with which oneDNN multiplies bfloat16 natively; without them it is slower than float32.
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
_REWRITE = "auto_mixed_precision_onednn_bfloat16"
_backend = os.environ.get("TFSTYLE_BACKEND", "tensorflow")
_SETTING = threading.Lock()
_ELSEWHERE = concurrent.futures.ThreadPoolExecutor(1, "settings")


def __getattr__(name: str) -> Any:
    """Imports Keras or TensorFlow when a module asks for it."""
    if name == "tf":
        import_tensorflow()
        return sys.modules["tensorflow"]
    if name in ("keras", "ops"):
        keras = import_keras()
        return keras if name == "keras" else keras.ops
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def use_backend(name: str) -> None:
    """Chooses Keras' backend for this process, as the environment variable ``TFSTYLE_BACKEND`` does.

    The default is TensorFlow. Call this before anything imports Keras.

    Args:
        name: ``tensorflow``, ``jax`` or ``torch``.
    """
    global _backend  # noqa: PLW0603 - one per process, as in Keras
    _backend = name


def import_keras() -> Any:
    """Imports Keras with tfstyle's backend, float32 and channels last, whatever the environment asks for.

    Returns:
        The module.

    Raises:
        InputError: Keras is already running on another backend.
    """
    if "keras" not in sys.modules:
        if _backend == "tensorflow":
            import_tensorflow()
        before = os.environ.get("KERAS_BACKEND")
        os.environ["KERAS_BACKEND"] = _backend
        try:
            import keras  # noqa: PLC0415
        finally:
            if before is None:
                del os.environ["KERAS_BACKEND"]
            else:
                os.environ["KERAS_BACKEND"] = before
    keras = sys.modules["keras"]
    if keras.config.backend() != _backend:
        raise errors.InputError(
            f"Keras already runs on {keras.config.backend()!r} in this process, tfstyle needs {_backend!r}: "
            "import tfstyle first, or set KERAS_BACKEND before Python starts"
        )
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    return keras


def import_tensorflow() -> None:
    """Imports TensorFlow without its start-up chatter.

    The chatter comes from C++ before any log level is heeded, so the process's standard error is set aside meanwhile;
    if the import fails, what was said there is shown after all.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.set_verbosity(logging.ERROR)  # Writing a SavedModel is told in ten lines.
    with standard_error_aside():
        import tensorflow  # noqa: F401, PLC0415


@contextlib.contextmanager
def standard_error_aside() -> Iterator[None]:
    """Keeps what libraries say on the process's standard error from the terminal, unless they fail."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            aside.seek(0)
            os.write(2, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def set_threads(threads: int) -> None:
    """Limits the processor threads of TensorFlow's operations; takes effect only before the first of them.

    Args:
        threads: 0 for all.
    """
    import tensorflow as tf  # noqa: PLC0415

    with contextlib.suppress(RuntimeError):  # Already running: the number can no longer change.
        tf.config.threading.set_intra_op_parallelism_threads(threads)


def resolve_precision(precision: str) -> str:
    """The number format that a network computes in.

    bfloat16 halves the time of a loss on processors made for it (measured: 0.49 s to 0.25 s, VGG-19 at 256 x 256,
    Zen 4); on others it is slower than float32.

    Args:
        precision: ``auto``, ``bfloat16`` or ``float32``.

    Returns:
        ``bfloat16`` or ``float32``.
    """
    if precision == "auto":
        return "bfloat16" if fast_bfloat16() else "float32"
    return precision


@contextlib.contextmanager
def graphs_in(precision: str) -> Iterator[None]:
    """Inside, this thread's float32 graphs compute in a number format; other threads' are left alone.

    Not for losses: TensorFlow's rewrite rounds them, too. A thread whose first call comes while another one enters
    might see the other's setting: threads that compute beside such ones enter with a format of their own.

    Args:
        precision: ``float32`` or ``bfloat16``.
    """
    import tensorflow as tf  # noqa: PLC0415

    options = tf.config.optimizer
    # The setting is the whole process's, but a thread keeps what it sees at its first call until it sets something
    # itself. So: set it, call, and let another thread set it back.
    with _SETTING:
        before = options.get_experimental_options().get(_REWRITE, False)
        options.set_experimental_options({_REWRITE: precision == "bfloat16"})
        _nothing()()
        _ELSEWHERE.submit(options.set_experimental_options, {_REWRITE: before}).result()
    try:
        yield
    finally:
        with _SETTING:
            options.set_experimental_options({})  # This thread sees the process's setting again.


@functools.cache
def _nothing() -> Callable[[], object]:
    import tensorflow as tf  # noqa: PLC0415

    return tf.function(lambda: tf.constant(0))


def fast_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor multiplies bfloat16 natively, as far as Linux tells; False elsewhere."""
    with contextlib.suppress(OSError):
        return bool(_BFLOAT16_FLAGS & set(cpuinfo.read_text().split()))
    return False


def available_memory(root: Path = Path("/")) -> int:
    """Returns how much memory this process may still use: the machine's, or its container's if that is less.

    Args:
        root: where ``proc`` and ``sys`` are, for tests.

    Returns:
        Bytes.
    """
    import psutil  # noqa: PLC0415 - not needed to start

    return min([psutil.virtual_memory().available, *_container_memory(root)])


# Limits from here on mean "none": cgroup v1 writes the largest multiple of a page below 2^63.
_NO_LIMIT = 2**60


def _container_memory(root: Path) -> Iterator[int]:
    """Yields what each control group of this process has left, cgroup v1 and v2, its parents included."""
    groups = root / "sys" / "fs" / "cgroup"
    for line in _lines(root / "proc" / "self" / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top = groups / "memory" if controllers else groups
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
        cache = "total_inactive_file" if controllers else "inactive_file"
        # Inside a container the path is the host's: the group itself is mounted at the top.
        folder = top / path.strip("/")
        for group in (folder, *folder.parents):
            if group != top and top not in group.parents:
                break
            limit, used = (_number(group / name) for name in names)
            if limit is not None and limit < _NO_LIMIT:
                yield max(0, limit - max(0, (used or 0) - _statistic(group / "memory.stat", cache)))


def _lines(path: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return path.read_text().splitlines()
    return []


def _number(path: Path) -> int | None:
    """Reads a file of one number; None if there is none (``max`` included)."""
    text = "".join(_lines(path)).strip()
    return int(text) if text.isdigit() else None


def _statistic(path: Path, name: str) -> int:
    """Reads one line of ``memory.stat``: page cache that the kernel gives back under pressure counts as free."""
    pairs = dict(line.split(" ", 1) for line in _lines(path) if " " in line)
    return int(pairs.get(name, 0))
