"""What several test modules need: small weights, pictures drawn by code, fixed seeds, a quiet TensorFlow."""

import os
import pathlib
import random
import re
import sys
from typing import TYPE_CHECKING

import drawn
import numpy as np
import pytest
import runs

from tfstyle import images, runtime

if TYPE_CHECKING:
    import keras

_USES_TENSORFLOW = re.compile(r"^(?:import|from) (?:keras|tensorflow)\b", re.MULTILINE)
_WIDTHS = {"1": 4, "2": 6, "3": 8, "4": 12, "5": 16}
_COUNTS = {"1": 2, "2": 2, "3": 4, "4": 4, "5": 4}


def pytest_pycollect_makemodule(module_path: pathlib.Path) -> None:
    """Starts TensorFlow silently before the first test module that imports it; the others do without its seconds."""
    if _USES_TENSORFLOW.search(module_path.read_text()):
        runtime.import_tensorflow()


@pytest.fixture(autouse=True)
def _seeds() -> None:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - whatever still draws from the global generator
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(scope="session")
def tiny_weights() -> dict[str, np.ndarray]:
    """A VGG-19 of 4 to 16 channels with random kernels and biases; as quick as it is meaningless."""
    generator, before, weights = np.random.default_rng(19), 3, {}
    for block, width in _WIDTHS.items():
        for index in range(1, _COUNTS[block] + 1):
            kernel = generator.standard_normal((3, 3, before, width)) * np.sqrt(2 / (9 * before))
            weights[f"conv{block}_{index}/kernel"] = kernel.astype(np.float32)
            weights[f"conv{block}_{index}/bias"] = generator.uniform(-0.1, 0.1, width).astype(np.float32)
            before = width
    return weights


@pytest.fixture(scope="session")
def tiny(tiny_weights: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of `tiny_weights`, for `runs.settings` and --weights."""
    runtime.import_tensorflow()
    return runs.weights_file(tmp_path_factory.mktemp("weights"), tiny_weights)


@pytest.fixture
def tiny_networks(tiny: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Realtime and compact are small, and there is no vgg19; returns its monkeypatch."""
    from tfstyle.transform import networks

    monkeypatch.setitem(networks.NETWORKS, "realtime", runs.small_body)
    monkeypatch.setenv("TFSTYLE_COMPACT_WEIGHTS", tiny)
    monkeypatch.delenv("TFSTYLE_VGG19_WEIGHTS", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return monkeypatch


@pytest.fixture(scope="session")
def _exports() -> dict[str, tuple["keras.Model", pathlib.Path]]:
    return {}


@pytest.fixture(scope="session", params=["realtime", pytest.param("johnson", marks=pytest.mark.slow)])
def exported(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    _exports: dict[str, tuple["keras.Model", pathlib.Path]],
) -> tuple["keras.Model", pathlib.Path]:
    """A transformation network, as if trained, and the folder that it was exported to, once (it takes seconds)."""
    runtime.import_tensorflow()
    from tfstyle.transform import export, networks

    if request.param not in _exports:
        network, folder = runs.shaken(networks.build(request.param)), tmp_path_factory.mktemp(request.param)
        export.write(network, folder)
        _exports[request.param] = network, folder
    return _exports[request.param]


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The current folder, with photo.png and painting.png."""
    monkeypatch.chdir(tmp_path)
    images.save_image("photo.png", runs.photo())
    images.save_image("painting.png", runs.painting())
    return tmp_path


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A smooth picture, `[1, 40, 56, 3]`, float32, 0..255."""
    return drawn.photo(40, 56, seed=1)[None].astype(np.float32)


@pytest.fixture(scope="session")
def painting() -> np.ndarray:
    """A picture full of strokes, of another size: `[1, 48, 44, 3]`, float32, 0..255."""
    return drawn.painting(48, 44, seed=2)


def _path_from(variable: str) -> pathlib.Path:
    if not os.environ.get(variable):
        pytest.skip(f"{variable} is not set")
    return pathlib.Path(os.environ[variable])


@pytest.fixture(scope="session")
def vgg19_weights() -> pathlib.Path:
    """The real weights' file, named by TFSTYLE_VGG19_WEIGHTS; skips without it."""
    return _path_from("TFSTYLE_VGG19_WEIGHTS")


@pytest.fixture(scope="session")
def photos() -> pathlib.Path:
    """A folder of real photos, named by TFSTYLE_PHOTOS; skips without it."""
    return _path_from("TFSTYLE_PHOTOS")
