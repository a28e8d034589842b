"""What every public name owes its reader: a docstring, shapes of arrays, the errors it raises. Read by `ast`."""

import ast
import pathlib
import re
from collections.abc import Iterator

import pytest

import tfstyle

PACKAGE = pathlib.Path(tfstyle.__file__).parent
FILES = {".".join(file.relative_to(PACKAGE).with_suffix("").parts): file for file in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(file.read_text()) for name, file in FILES.items()}
MODULES = [name for name in TREES if not name.endswith("__init__") and name not in {"__main__", "_version"}]

Function = ast.FunctionDef | ast.AsyncFunctionDef
# Annotations that are arrays; a mapping of arrays, a model or a picture's dataclass says its shapes elsewhere.
_ARRAY = re.compile(r"^(?:np\.ndarray|tf\.Tensor|Tensor|keras\.KerasTensor)(?: \| None)?$")
_SHAPE = re.compile(r"\[[^\]]+\]|[Ss]calar|any shape")
_ERROR = re.compile(r"(?:Error|BrokenLoss)$")


def exported(tree: ast.Module) -> list[str] | None:
    """The literal list of `__all__`; None if there is none, or if it is put together in several statements."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "__all__"]
    found = [node for node in names if isinstance(node.ctx, ast.Store)]
    assigned = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]
    ]
    return ast.literal_eval(assigned[0]) if len(found) == len(assigned) == 1 else None


def public(tree: ast.Module) -> Iterator[tuple[str, Function | ast.ClassDef, str]]:
    """Exported functions and classes, and the classes' public methods: name, definition, docstring of the class."""
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and node.name in (exported(tree) or []):
            yield node.name, node, ""
            for method in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(method, Function) and (not method.name.startswith("_") or method.name == "__init__"):
                    yield f"{node.name}.{method.name}", method, ast.get_docstring(node) or ""


PUBLIC = {module: found for module in MODULES if (found := list(public(TREES[module])))}
ANY_MODULE = pytest.mark.parametrize("module", PUBLIC)


def text_of(node: Function | ast.ClassDef, of_class: str) -> str:
    """A docstring; a constructor's is its class's, and one that refers to another's (`name`) has that too."""
    own = ast.get_docstring(node) or ""
    return of_class if node.name == "__init__" else own


def refers_elsewhere(text: str) -> bool:
    return bool(re.search(r"(?:[Ss]ee|those of) `\w+(?:\.\w+)*`", text))


def array_parameters(node: Function) -> list[str]:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return [each.arg for each in arguments if each.annotation and _ARRAY.match(ast.unparse(each.annotation))]


def described(text: str, name: str) -> str:
    """What `Args:` says of a parameter, its continuation lines included."""
    match = re.search(rf"^ +{name}(?: \([^)]*\))?: (.*(?:\n {{8,}}.*)*)", text, re.MULTILINE)
    return match[1] if match else ""


def raised_by(node: ast.AST, helpers: dict[str, Function], seen: frozenset[str] = frozenset()) -> set[str]:
    """Errors raised in a body or in private functions and methods of the same module that it calls."""
    errors: set[str] = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Raise) and isinstance(child.exc, ast.Call):
            errors.add(ast.unparse(child.exc.func).rpartition(".")[2])
        if isinstance(child, ast.Call):
            name = ast.unparse(child.func).removeprefix("self.")
            if name.startswith("_") and name in helpers and name not in seen:
                errors |= raised_by(helpers[name], helpers, seen | {name})
    return {name for name in errors if _ERROR.search(name)} - {"AttributeError"}


def helpers_in(tree: ast.Module) -> dict[str, Function]:
    return {node.name: node for node in ast.walk(tree) if isinstance(node, Function) and node.name.startswith("_")}


# --------------------------------------------------------------------------------------------------------- the checks


@pytest.mark.parametrize("name", TREES)
def test_every_module_says_what_it_is_for(name):
    text = ast.get_docstring(TREES[name])
    assert text
    assert text.splitlines()[0].endswith((".", ":"))


@pytest.mark.parametrize("name", MODULES)
def test_every_module_lists_its_names_sorted_in_one_list(name):
    """Sorted as Python sorts strings: constants and classes before functions."""
    names = exported(TREES[name])
    assert names is not None, f"{name} needs one literal __all__"
    assert names == sorted(names)
    assert len(names) == len(set(names))
    assert not any(each.startswith("_") for each in names)


@pytest.mark.parametrize("name", MODULES)
def test_every_listed_name_exists(name):
    defined = {node.name for node in TREES[name].body if isinstance(node, Function | ast.ClassDef)}
    for node in TREES[name].body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        defined |= {target.id for target in targets if isinstance(target, ast.Name)}
    assert set(exported(TREES[name]) or []) <= defined


@ANY_MODULE
def test_every_public_name_is_described(module):
    for name, node, of_class in PUBLIC[module]:
        text = text_of(node, of_class)
        assert text, name
        assert text.splitlines()[0].endswith((".", ":", "``")), f"{name}: {text.splitlines()[0]}"


@ANY_MODULE
def test_shapes_of_arrays_are_stated(module):
    """In the library; functions of the command line have no other callers."""
    for name, node, of_class in PUBLIC[module]:
        internal = module.startswith("cli.") or isinstance(node, ast.ClassDef)
        if internal or refers_elsewhere(ast.get_docstring(node) or ""):
            continue
        text = text_of(node, of_class)
        for parameter in array_parameters(node):
            said = described(text, parameter)
            stated = _SHAPE.search(said) or said.startswith("the same") or (not said and _SHAPE.search(text))
            assert stated, f"{name}: shape of {parameter}? It says: {said!r}"
        if node.returns and _ARRAY.match(ast.unparse(node.returns)):
            assert _SHAPE.search(text), f"{name}: shape of the returned array?"


@ANY_MODULE
def test_errors_are_documented(module):
    helpers = helpers_in(TREES[module])
    for name, node, of_class in PUBLIC[module]:
        if isinstance(node, ast.ClassDef):
            continue
        text = text_of(node, of_class)
        for error in raised_by(node, helpers):
            section = text.partition("Raises:")[2]
            assert error in section or refers_elsewhere(text), f"{name} raises {error} without documenting it"


def test_the_package_offers_what_it_lists():
    for name in set(tfstyle.__all__) - {"__version__"}:
        assert getattr(tfstyle, name).__name__ == name
    with pytest.raises(AttributeError, match="nonsense"):
        tfstyle.nonsense  # noqa: B018


BAD = '''
"""A module."""
__all__ = ["f"]
def f(image: np.ndarray) -> float:
    """Does.

    Args:
        image: a picture.
    """
    _check(image)
def _check(image):
    raise errors.InputError("no")
'''


def test_the_checks_can_fail():
    tree = ast.parse(BAD)
    ((name, node, of_class),) = public(tree)
    assert name == "f"
    assert array_parameters(node) == ["image"]
    assert not _SHAPE.search(described(text_of(node, of_class), "image"))
    assert raised_by(node, helpers_in(tree)) == {"InputError"}
    assert exported(ast.parse('__all__ = ["a"]\n__all__ += ["b"]')) is None
