"""The package's own source, parsed once: what the tests of this folder read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tinyllm"


class Module(NamedTuple):
    """A source file: its path from the root, its dotted name, its text and its syntax tree."""

    path: str
    name: str
    text: str
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.path.endswith("__init__.py")


class Import(NamedTuple):
    """One imported module."""

    name: str           # dotted
    line: int
    at_import: bool     # False inside a function or for types only: importing the file does not import it


@cache
def modules() -> tuple[Module, ...]:
    paths = sorted(PACKAGE.rglob("*.py"))
    return tuple(parse(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths)


def parse(path: str, text: str) -> Module:
    name = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    return Module(path, name, text, ast.parse(text, filename=path))


def imports(module: Module) -> Iterator[Import]:
    """Every import of a file, wherever it stands: `import`, `from`, relative, importlib.import_module("...").

    `from tinyllm.nn import layers` answers tinyllm.nn.layers, a name that may be a module or something inside one: the
    layers are told apart by the second part of the name, which is the same for both.
    """
    later = {id(inner) for outer in ast.walk(module.tree) if _runs_later(outer) for inner in ast.walk(outer)}
    for node in ast.walk(module.tree):
        for name in _imported(node, module):
            yield Import(name, node.lineno, id(node) not in later)


def _runs_later(node: ast.AST) -> bool:
    """Functions, and `if TYPE_CHECKING:`, which never runs."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _imported(node: ast.AST, module: Module) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = _absolute(node, module)
        return [f"{base}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if function in ("import_module", "__import__") and isinstance(node.args[0].value, str):
            return [node.args[0].value]
    return []


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    """`from ..nn import x` inside tinyllm/models/gpt.py: tinyllm.nn."""
    if not node.level:
        return node.module or ""
    package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
    base = package[: len(package) - (node.level - 1)]
    return ".".join([*base, node.module] if node.module else base)
