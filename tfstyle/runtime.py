"""How TensorFlow is started: silently; with which threads and number format."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from absl import logging

__all__ = [
    "fast_bfloat16",
    "graphs_in",
    "import_tensorflow",
    "resolve_precision",
    "set_threads",
    "standard_error_aside",
]

# Processor features with which oneDNN multiplies bfloat16 natively; without them it is slower than float32.
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
_REWRITE = "auto_mixed_precision_onednn_bfloat16"


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
    """Inside, float32 graphs compute in a number format.

    Not for losses: TensorFlow's rewrite rounds them, too. It is a setting of the whole process, hence the block.

    Args:
        precision: ``float32`` or ``bfloat16``.
    """
    import tensorflow as tf  # noqa: PLC0415

    before = tf.config.optimizer.get_experimental_options().get(_REWRITE, False)
    tf.config.optimizer.set_experimental_options({_REWRITE: precision == "bfloat16"})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({_REWRITE: before})


def fast_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor multiplies bfloat16 natively, as far as Linux tells; False elsewhere."""
    with contextlib.suppress(OSError):
        return bool(_BFLOAT16_FLAGS & set(cpuinfo.read_text().split()))
    return False
