"""How Keras and TensorFlow are started: silently, and with tfstyle's own settings."""

import os
import subprocess
import sys
import types

import pytest

from tfstyle import runtime


def python(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in a process of its own, without what this one may have set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "KERAS_"))}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env=kept | environment, check=False)


@pytest.mark.slow
def test_tensorflow_starts_without_chatter():
    program = (
        "from tfstyle import runtime; runtime.import_tensorflow(); runtime.set_threads(1);"
        "import tensorflow as tf; threads = tf.config.threading.get_intra_op_parallelism_threads();"
        "print(float((tf.zeros(1) + 1)[0]), threads);"
        "runtime.set_threads(2); runtime.import_tensorflow()"  # too late, but no error; and once more costs nothing
    )
    done = python(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1.0 1\n", "")


BROKEN_MODULE = "import os; os.write(2, b'from below\\n'); {end}"


@pytest.mark.parametrize(
    ("end", "code", "shown"), [("", 0, "after\n"), ("raise ImportError('no luck')", 1, "from below\n")]
)
def test_messages_of_the_import_show_only_if_it_fails(tmp_path, end, code, shown):
    """A stand-in for TensorFlow writes to the process's standard error, below Python's."""
    (tmp_path / "tensorflow.py").write_text(BROKEN_MODULE.format(end=end))
    program = "from tfstyle import runtime; runtime.import_tensorflow(); import sys; print('after', file=sys.stderr)"
    done = python(program, PYTHONPATH=str(tmp_path))
    assert done.returncode == code
    assert done.stderr.startswith(shown)
    assert code == 0 or "ImportError: no luck" in done.stderr


def test_the_users_own_log_level_is_kept(tmp_path):
    (tmp_path / "tensorflow.py").write_text("")
    program = (
        "import os; from tfstyle import runtime; runtime.import_tensorflow(); print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    )
    path = str(tmp_path)
    assert python(program, PYTHONPATH=path).stdout == "3\n"
    assert python(program, PYTHONPATH=path, TF_CPP_MIN_LOG_LEVEL="0").stdout == "0\n"


KERAS = "from tfstyle.runtime import keras; c = keras.config; print(c.backend(), c.floatx(), c.image_data_format())"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "settings"),
    [
        ("jax", '{"image_data_format": "channels_first", "floatx": "float64"}'),
        ("torch", '{"floatx": "bfloat16"}'),
        ("nonsense", '{"backend": "jax"}'),
    ],
)
def test_the_users_keras_settings_do_not_matter(tmp_path, backend, settings):
    """Keras ends in a traceback if any of these names a backend that is not installed or a format it does not know."""
    (tmp_path / "keras.json").write_text(settings)
    program = f"{KERAS}; import os; print(os.environ['KERAS_BACKEND'], os.environ['KERAS_HOME'])"
    done = python(program, KERAS_BACKEND=backend, KERAS_HOME=str(tmp_path))
    assert done.stdout == f"tensorflow float32 channels_last\n{backend} {tmp_path}\n"
    assert (done.returncode, done.stderr) == (0, "")


FAKE_KERAS = """
import os, sys, types
class Config:
    backend = lambda self: os.environ["KERAS_BACKEND"] if "seen" not in globals() else seen
    set_floatx = set_image_data_format = lambda self, value: None
seen = os.environ.get("KERAS_BACKEND")
home = os.environ.get("KERAS_HOME")
config = Config()
"""


@pytest.mark.parametrize(
    ("settings", "is_hidden"),
    [
        (None, False),
        ('{"floatx": "float32", "epsilon": 1e-07, "backend": "jax", "image_data_format": "channels_last"}', False),
        ('{"floatx": "bfloat16"}', True),
        ('{"image_data_format": "channels_first"}', True),
        ("no JSON", True),
        ("[]", True),
    ],
)
def test_keras_sees_its_settings_only_if_they_are_harmless(tmp_path, monkeypatch, settings, is_hidden):
    if settings:
        (tmp_path / "keras.json").write_text(settings)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "nonsense")
    before = dict(os.environ)
    with runtime._own_settings():
        assert os.environ["KERAS_BACKEND"] == "tensorflow"
        assert (os.environ["KERAS_HOME"] != str(tmp_path)) is is_hidden
    assert dict(os.environ) == before


def test_another_backend_is_asked_for_by_name(tmp_path):
    """Stand-ins for Keras and TensorFlow, which must not be imported."""
    (tmp_path / "keras.py").write_text(FAKE_KERAS)
    (tmp_path / "tensorflow.py").write_text("raise ImportError")
    program = "from tfstyle.runtime import keras; print(keras.config.backend())"
    path = str(tmp_path)
    assert python(program, PYTHONPATH=path, TFSTYLE_BACKEND="jax", KERAS_BACKEND="torch").stdout == "jax\n"
    chosen = f"from tfstyle import runtime; runtime.use_backend('torch'); {program}"
    assert python(chosen, PYTHONPATH=path, KERAS_BACKEND="jax").stdout == "torch\n"
    wrong = python(program, PYTHONPATH=path, TFSTYLE_BACKEND="theano")
    assert "InputError: TFSTYLE_BACKEND is 'theano': use tensorflow, jax or torch" in wrong.stderr


def test_keras_on_another_backend_is_refused_in_one_line(tmp_path):
    (tmp_path / "keras.py").write_text(FAKE_KERAS)
    (tmp_path / "tensorflow.py").write_text("")
    program = "import keras; from tfstyle.runtime import ops"
    done = python(program, PYTHONPATH=str(tmp_path), KERAS_BACKEND="jax")
    assert "InputError: Keras already runs on 'jax' in this process, but tfstyle needs 'tensorflow'" in done.stderr


@pytest.mark.parametrize("stream", [None, "closed"])
def test_without_a_standard_error_there_is_nothing_to_hide(stream):
    """As in a GUI program."""
    program = f"import os, sys; os.close(2); sys.stderr = {None if stream is None else 'open(os.devnull)'};"
    program += "sys.stderr and sys.stderr.close();"
    program += "from tfstyle import runtime\nwith runtime.standard_error_aside(): print('inside')"
    assert python(program).stdout == "inside\n"


CPUS = {
    "zen 4": ("flags\t\t: fpu sse avx512f avx512_bf16 avx512_vnni\n", True),
    "sapphire rapids": ("flags\t\t: fpu avx512_bf16 amx_bf16 amx_tile\n", True),
    "amx alone": ("processor : 0\nflags : fpu amx_bf16\n\nprocessor : 1\nflags : fpu amx_bf16\n", True),
    "haswell": ("model name\t: Intel\nflags\t\t: fpu sse4_2 avx avx2 fma\n", False),
    "skylake-x": ("flags\t\t: fpu avx512f avx512bw avx512vl\n", False),
    "a name is no flag": ("model name\t: my_avx512_bf16_simulator\nflags : fpu\n", False),
    "nothing": ("", False),
}


@pytest.mark.parametrize(("text", "expected"), CPUS.values(), ids=list(CPUS))
def test_fast_bfloat16_is_read_from_the_processors_flags(tmp_path, text, expected):
    file = tmp_path / "cpuinfo"
    file.write_text(text)
    assert runtime.fast_bfloat16(file) is expected


def test_without_cpuinfo_bfloat16_counts_as_slow(tmp_path):
    assert runtime.fast_bfloat16(tmp_path / "missing") is False
    assert runtime.fast_bfloat16(tmp_path) is False


@pytest.mark.parametrize("fast", [True, False])
def test_auto_precision_follows_the_processor(monkeypatch, fast):
    monkeypatch.setattr(runtime, "fast_bfloat16", lambda: fast)
    assert runtime.resolve_precision("auto") == ("bfloat16" if fast else "float32")


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
@pytest.mark.parametrize("fast", [True, False])
def test_a_given_precision_is_kept(monkeypatch, precision, fast):
    monkeypatch.setattr(runtime, "fast_bfloat16", lambda: fast)
    assert runtime.resolve_precision(precision) == precision


def test_the_number_format_is_set_for_one_thread_only():
    """Two threads at once: one rounds, the other does not, and afterwards neither does."""
    if not runtime.fast_bfloat16():
        pytest.skip("this processor does not multiply bfloat16")
    runtime.import_tensorflow()
    import threading

    import numpy as np
    import tensorflow as tf

    random = np.random.default_rng(0)
    values, kernel = (tf.constant(random.standard_normal((64, 64)).astype(np.float32)) for _ in range(2))
    product = tf.function(lambda: tf.nn.relu(tf.matmul(values, kernel)))
    exact = np.maximum(values.numpy() @ kernel.numpy(), 0)

    def off():
        return np.abs(product().numpy() - exact).max()

    seen = {}

    def other():
        seen["before"] = off()
        ready.set()
        inside.wait()
        seen["meanwhile"] = off()
        tf.config.optimizer.set_experimental_options({})  # Reads the process's setting again.
        seen["again"] = off()
        looked.set()

    ready, inside, looked = (threading.Event() for _ in range(3))
    thread = threading.Thread(target=other)
    thread.start()
    ready.wait()
    with runtime.graphs_in("bfloat16"):
        inside.set()
        looked.wait()
        rounded = off()
    thread.join()
    assert rounded > 100 * max(seen.values())
    assert off() < 1e-4


class TestAvailableMemory:
    """Fake ``/proc`` and ``/sys`` folders, as containers show them."""

    @pytest.fixture
    def root(self, tmp_path, monkeypatch):
        monkeypatch.setattr("psutil.virtual_memory", lambda: types.SimpleNamespace(available=8 * 2**30))
        return tmp_path

    def group(self, root, path, limit, used, cache=0, *, version=2):
        folder = root / "sys/fs/cgroup" / ("" if version == 2 else "memory") / path
        folder.mkdir(parents=True, exist_ok=True)
        names = ("memory.max", "memory.current", "inactive_file")
        if version == 1:
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        (folder / names[0]).write_text(f"{limit}\n")
        (folder / names[1]).write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cache}\n")

    def process(self, root, text):
        (root / "proc/self").mkdir(parents=True)
        (root / "proc/self/cgroup").write_text(text)

    def test_without_groups_it_is_the_machines(self, root):
        assert runtime.available_memory(root) == 8 * 2**30

    def test_version_2_gives_page_cache_back(self, root):
        self.process(root, "0::/\n")
        self.group(root, "", 4 * 2**30, 3 * 2**30, 2**30)
        assert runtime.available_memory(root) == 2 * 2**30

    def test_a_parent_may_be_tighter(self, root):
        self.process(root, "0::/outer/inner\n")
        self.group(root, "outer", 2**30, 2**29)
        self.group(root, "outer/inner", "max", 2**20)
        assert runtime.available_memory(root) == 2**29

    def test_version_1_inside_a_container_is_mounted_at_the_top(self, root):
        self.process(root, "5:cpu:/x\n4:memory:/docker/abc\n0::/\n")
        self.group(root, "", 2**30, 2**28, version=1)
        assert runtime.available_memory(root) == 2**30 - 2**28

    def test_version_1_without_a_limit(self, root):
        self.process(root, "4:memory:/\n")
        self.group(root, "", 9223372036854771712, 2**28, version=1)
        assert runtime.available_memory(root) == 8 * 2**30

    def test_more_used_than_allowed_is_nothing_left(self, root):
        self.process(root, "0::/\n")
        self.group(root, "", 2**20, 2**21)
        assert runtime.available_memory(root) == 0
