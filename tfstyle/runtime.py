"""The one door to Keras and TensorFlow.

Modules write ``from tfstyle.runtime import keras, ops, tf``. The first such import loads the libraries, which takes
seconds: silently, and with the backend, data format and float type that tfstyle needs, whatever the user's shell
(``KERAS_BACKEND``) or ``~/.keras/keras.json`` says. Importing this module itself is cheap.

>>> from tfstyle import runtime
>>> runtime.resolve_precision("float32")
'float32'
"""

import concurrent.futures
import contextlib
import functools
import json
import os
import sys
import tempfile
import threading
import warnings
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

# CPU features with which oneDNN multiplies bfloat16 natively; without them it is slower than float32.
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
_REWRITE = "auto_mixed_precision_onednn_bfloat16"
# What keras.json may say without harm.
_KERAS_DEFAULTS = {"floatx": "float32", "epsilon": 1e-07, "image_data_format": "channels_last", "nnx_enabled": False}
_backend = os.environ.get("TFSTYLE_BACKEND") or "tensorflow"
_SETTING = threading.Lock()
_ELSEWHERE = concurrent.futures.ThreadPoolExecutor(1, "settings")


def __getattr__(name: str) -> Any:
    """Imports Keras or TensorFlow on the first ``from tfstyle.runtime import keras, ops, tf``."""
    if name == "tf":
        import_tensorflow()
        return sys.modules["tensorflow"]
    if name in ("keras", "ops"):
        keras = import_keras()
        return keras if name == "keras" else keras.ops
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def use_backend(name: str) -> None:
    """Sets Keras' backend for this process, like the environment variable ``TFSTYLE_BACKEND``.

    Training runs on any backend, everything else on TensorFlow, the default. Call this before anything imports Keras.

    Args:
        name: ``tensorflow``, ``jax`` or ``torch``.
    """
    global _backend  # noqa: PLW0603 - one per process, as in Keras
    _backend = name


def import_keras() -> Any:
    """Imports Keras with tfstyle's backend, float32 and channels last, whatever the environment says.

    Returns:
        The module.

    Raises:
        InputError: unknown backend, or Keras already runs on another one in this process.
    """
    if _backend not in ("tensorflow", "jax", "torch"):
        raise errors.InputError(f"TFSTYLE_BACKEND is {_backend!r}: use tensorflow, jax or torch")
    if "keras" not in sys.modules:
        if _backend == "tensorflow":
            import_tensorflow()
        with _own_settings():
            import keras  # noqa: PLC0415
    keras = sys.modules["keras"]
    if keras.config.backend() != _backend:
        raise errors.InputError(
            f"Keras already runs on {keras.config.backend()!r} in this process, but tfstyle needs {_backend!r}: "
            "use tfstyle before anything imports Keras, or start Python with KERAS_BACKEND set to it"
        )
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    return keras


@contextlib.contextmanager
def _own_settings() -> Iterator[None]:
    """Hides the user's settings of Keras and of warnings during an import; some would make it fail."""
    with tempfile.TemporaryDirectory() as empty, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PYTHONWARNINGS=error would turn third parties' warnings into errors.
        own = {"KERAS_BACKEND": _backend, "KERAS_NNX_ENABLED": "0"}
        if not _is_harmless(Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "keras.json"):
            own["KERAS_HOME"] = empty
        before = {name: os.environ.get(name) for name in own}
        os.environ.update(own)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


def _is_harmless(file: Path) -> bool:
    """Whether Keras may read a keras.json: there is none, or it holds the defaults. The backend does not matter."""
    if not file.exists():
        return True
    try:
        settings = json.loads(file.read_text())
        return all(settings.get(name, default) == default for name, default in _KERAS_DEFAULTS.items())
    except (OSError, ValueError, AttributeError):
        return False


def import_tensorflow() -> None:
    """Imports TensorFlow without its start-up messages.

    They come from C++ before any log level is read, so the process's standard error is set aside meanwhile. If the
    import fails, they are shown.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.set_verbosity(logging.ERROR)  # Writing a SavedModel logs ten lines.
    with _own_settings(), standard_error_aside():  # TensorFlow reads keras.json as well.
        import tensorflow  # noqa: F401, PLC0415


@contextlib.contextmanager
def standard_error_aside() -> Iterator[None]:
    """Hides what libraries write to the process's standard error inside the block, unless the block fails.

    A process without a standard error (``2>&-``, a GUI program) has nothing to hide.
    """
    try:
        kept = os.dup(2)
    except OSError:
        yield
        return
    with contextlib.suppress(AttributeError, OSError, ValueError):  # None, a broken pipe, closed.
        sys.stderr.flush()
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            aside.seek(0)
            with contextlib.suppress(OSError):
                os.write(2, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def set_threads(threads: int) -> None:
    """Limits the CPU threads of TensorFlow's operations. Has no effect after the first operation.

    Args:
        threads: 0 for all.
    """
    import tensorflow as tf  # noqa: PLC0415

    with contextlib.suppress(RuntimeError):  # Already running: the number can no longer change.
        tf.config.threading.set_intra_op_parallelism_threads(threads)


def resolve_precision(precision: str) -> str:
    """Resolves ``auto`` to the faster number format for networks on this machine.

    bfloat16 halves the time of a loss on CPUs that multiply it natively (measured: 0.49 s to 0.25 s, VGG-19 at
    256 x 256, Zen 4); on others it is slower than float32.

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
    """Sets the number format in which this thread's float32 graphs compute inside the block.

    Not for losses: TensorFlow's rewrite rounds them as well. A thread whose first call comes while another one enters
    might see the other's setting, so threads that run at the same time should each enter with their own format.

    Args:
        precision: ``float32`` or ``bfloat16``.
    """
    import tensorflow as tf  # noqa: PLC0415

    options = tf.config.optimizer
    # The setting belongs to the process, but a thread keeps what it sees at its first call until it sets something
    # itself. So: set it, make a call, and let another thread restore it.
    with _SETTING:
        before = options.get_experimental_options().get(_REWRITE, False)
        options.set_experimental_options({_REWRITE: precision == "bfloat16"})
        _empty_graph()()
        _ELSEWHERE.submit(options.set_experimental_options, {_REWRITE: before}).result()
    try:
        yield
    finally:
        with _SETTING:
            options.set_experimental_options({})  # This thread sees the process's setting again.


@functools.cache
def _empty_graph() -> Callable[[], object]:
    import tensorflow as tf  # noqa: PLC0415

    return tf.function(lambda: tf.constant(0))


def fast_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this CPU multiplies bfloat16 natively, according to Linux; False on other systems."""
    with contextlib.suppress(OSError):
        return bool(_BFLOAT16_FLAGS & set(cpuinfo.read_text().split()))
    return False


def available_memory(root: Path = Path("/")) -> int:
    """Measures how much more memory this process can use: the machine's or, if less, its container's.

    Containers (Docker, Kubernetes, systemd) set their limits by control groups: a process that exceeds them is killed,
    however much the machine has left.

    Args:
        root: folder that holds ``proc`` and ``sys``.

    Returns:
        Bytes, 0 or more.
    """
    import psutil  # noqa: PLC0415 - not needed to start

    return min([psutil.virtual_memory().available, *_container_memory(root)])


# Larger limits mean "none": cgroup v1 then has the largest multiple of a page below 2^63.
_NO_LIMIT = 2**60


def _container_memory(root: Path) -> Iterator[int]:
    """Yields what is left in each control group of this process and its parents, cgroup v1 and v2."""
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
