"""Writes one reference page per package into ``api/`` before Sphinx reads the sources."""

import ast
import pathlib
from typing import Any

import tfstyle
from sphinx import application

__all__ = ["setup"]

_PACKAGE = pathlib.Path(tfstyle.__file__).parent
# The command line has its own help, and the service its own pages.
_ROOMS = (
    "images",
    "losses",
    "features",
    "perceptual",
    "weights",
    "stylebook",
    "optimization",
    "transform",
    "training",
    "stylizer",
    "video",
    "evaluation",
    "reports",
    "config",
    "errors",
)


def setup(app: application.Sphinx) -> dict[str, Any]:
    """Registers the hook."""
    app.connect("builder-inited", _write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write_pages(app: application.Sphinx) -> None:
    folder = pathlib.Path(app.srcdir, "api")
    folder.mkdir(exist_ok=True)
    pages = {
        folder / f"{room}.md": _page(room) for room in _ROOMS if (_PACKAGE / room).exists() or _file(room).exists()
    }
    for stale in set(folder.glob("*.md")) - set(pages):
        stale.unlink()
    for file, text in pages.items():
        if not file.exists() or file.read_text() != text:
            file.write_text(text)


def _file(room: str) -> pathlib.Path:
    return _PACKAGE / f"{room}.py"


def _page(room: str) -> str:
    if _file(room).exists():
        return f"# {room}\n\n{_automodule(f'tfstyle.{room}')}"
    files = sorted((_PACKAGE / room).glob("*.py"))
    modules = [file.stem for file in files if file.stem != "__init__" and _has_names(file)]
    about = ast.get_docstring(ast.parse((_PACKAGE / room / "__init__.py").read_text())) or ""
    sections = [f"## {room}.{name}\n\n{_automodule(f'tfstyle.{room}.{name}')}" for name in modules]
    return "\n".join([f"# {room}\n", f"```{{eval-rst}}\n{about}\n```\n", *sections])


def _automodule(name: str) -> str:
    return f"```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n"


def _has_names(file: pathlib.Path) -> bool:
    """Whether a module offers anything to document."""
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.parse(file.read_text()).body)
