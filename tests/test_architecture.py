"""The order of the packages: which may import which, and which may load TensorFlow; read from the source by `ast`."""

import ast
import functools
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

import tfstyle

PACKAGE = pathlib.Path(tfstyle.__file__).parent

# Packages and modules from the ground up: each imports only from those before it, and freely within itself.
ORDER = [
    "_version",
    "errors",
    "files",
    "checkpoints",
    "runtime",
    "weights",
    "config",
    "images",
    "weave",
    "losses",
    "layers",
    "features",
    "perceptual",
    "stylebook",
    "transform",
    "stylizer",
    "video",
    "reports",
    "optimization",
    "training",
    "evaluation",
    "service",
    "cli",
    "__main__",
]
# Modules that load Keras or TensorFlow when imported; all others are imported in a moment.
HEAVY = {"losses", "layers", "features", "perceptual", "stylebook.painting", "stylebook.loading"}
HEAVY |= {f"optimization.{name}" for name in ("comparison", "memory", "minimizers", "plan", "pyramid", "recipes")}
HEAVY |= {f"optimization.{name}" for name in ("reconstruction", "run", "series", "session", "transfer")}
HEAVY |= {
    f"transform.{name}"
    for name in (
        "conditional",
        "conditional_export",
        "export",
        "inference_layers",
        "networks",
        "transport",
        "upsampling",
    )
}
HEAVY |= {f"training.{name}" for name in ("data", "log", "loop", "muon", "session", "trainer")}
HEAVY |= {"evaluation.scoring", "evaluation.style_evaluation"}
# Backend-neutral: training runs on whatever backend Keras has.
KERAS_ONLY = {"losses", "layers", "features", "perceptual"}
KERAS_ONLY |= {f"transform.{name}" for name in ("conditional", "networks", "transport", "upsampling")}
KERAS_ONLY |= {f"training.{name}" for name in ("log", "loop", "muon", "trainer")}
FRAMEWORKS = {"keras", "tensorflow", "tensorflow_datasets"}
# What `runtime`, the one door to them, calls them.
DOOR = {"keras": "keras", "ops": "keras", "tf": "tensorflow"}


def modules() -> dict[str, ast.Module]:
    """Every module of the package but its `__init__`s, by name."""
    files = [file for file in PACKAGE.rglob("*.py") if file.name != "__init__.py"]
    names = {".".join(file.relative_to(PACKAGE).with_suffix("").parts): file for file in files}
    return {name: ast.parse(file.read_text()) for name, file in sorted(names.items())}


MODULES = modules()


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(node: ast.AST, *, deep: bool) -> Iterator[str]:
    """Full names of what is imported at run time: on import, or (deep) inside functions as well."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if not is_for_types(child) and (deep or not inside):
            yield from imports(child, deep=deep)


@functools.cache
def own(name: str, *, deep: bool) -> set[str]:
    """The modules of the package that a module imports."""
    found = {full.removeprefix("tfstyle.") for full in imports(MODULES[name], deep=deep) if full.startswith("tfstyle.")}
    return {part for full in found for part in (full, full.rpartition(".")[0]) if part in MODULES}


@functools.cache
def frameworks(name: str, *, deep: bool) -> set[str]:
    """Keras, TensorFlow and its datasets, as far as a module imports them through `runtime`."""
    found = {full.removeprefix("tfstyle.runtime.") for full in imports(MODULES[name], deep=deep)}
    return {DOOR[each] for each in found & set(DOOR)} | {each.partition(".")[0] for each in found} & FRAMEWORKS


def room(name: str) -> str:
    return name.partition(".")[0]


@functools.cache
def loads_a_framework(name: str) -> bool:
    """Whether importing a module imports TensorFlow or Keras, itself or through others."""
    return bool(frameworks(name, deep=False)) or any(loads_a_framework(other) for other in own(name, deep=False))


# --------------------------------------------------------------------------------------------------------- the checks


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_its_place(name):
    assert room(name) in ORDER, f"tfstyle/{name}.py is new: place it in ORDER of {pathlib.Path(__file__).name}"


@pytest.mark.parametrize("name", ORDER)
def test_every_place_is_taken(name):
    assert name in {room(module) for module in MODULES}, f"{name} is gone: take it out of ORDER"


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_upwards_only(name):
    for other in own(name, deep=True):
        both_there = room(name) == room(other)
        assert both_there or ORDER.index(room(other)) < ORDER.index(room(name)), f"{name} must not import {other}"


def test_only_main_imports_the_entry_point():
    assert [name for name in MODULES if "cli.main" in own(name, deep=True)] == ["__main__"]


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_imported_as_modules(name):
    """`losses.gram_matrix`, not `from tfstyle.losses import gram_matrix`."""
    inits = PACKAGE.rglob("__init__.py")
    packages = {".".join(("tfstyle", *path.parent.relative_to(PACKAGE).parts)) for path in inits}
    sources = {node.module for node in ast.walk(MODULES[name]) if isinstance(node, ast.ImportFrom) and not node.level}
    assert {source for source in sources if source and source.startswith("tfstyle")} <= packages | {"tfstyle.runtime"}
    assert not any(node.level for node in ast.walk(MODULES[name]) if isinstance(node, ast.ImportFrom))


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"runtime"}))
def test_keras_and_tensorflow_come_through_one_door(name):
    """`from tfstyle.runtime import keras`: imported silently, whatever the user's shell and files ask Keras for."""
    assert {
        full for full in imports(MODULES[name], deep=True) if full.partition(".")[0] in {"keras", "tensorflow"}
    } == set()


@pytest.mark.parametrize("name", sorted(KERAS_ONLY))
def test_losses_and_networks_know_keras_only(name):
    assert frameworks(name, deep=True) <= {"keras"}


@pytest.mark.parametrize("name", MODULES)
def test_what_is_light_stays_light(name):
    if name in HEAVY:
        assert loads_a_framework(name), f"{name} no longer loads TensorFlow: take it out of HEAVY"
    else:
        assert not loads_a_framework(name), (
            f"importing {name} would load TensorFlow, seven seconds: import it in a function"
        )


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "import tfstyle; tfstyle.Settings(); tfstyle.InputError; tfstyle.load_image"],
        ["-m", "tfstyle.cli.main", "--help"],
    ],
    ids=["import tfstyle", "tfstyle --help"],
)
def test_starting_does_not_load_tensorflow(arguments):
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "tfstyle.errors" in loaded
    assert loaded & FRAMEWORKS == set()


def test_the_checks_can_fail():
    """The reader of imports sees what it is meant to see."""
    source = "from tfstyle.runtime import keras\nif TYPE_CHECKING:\n    import tensorflow\n"
    source += "def f():\n    from tfstyle import losses\n"
    tree = ast.parse(source)
    assert list(imports(tree, deep=False)) == ["tfstyle.runtime.keras"]
    assert list(imports(tree, deep=True)) == ["tfstyle.runtime.keras", "tfstyle.losses"]
    assert loads_a_framework("perceptual")
    assert not loads_a_framework("errors")
