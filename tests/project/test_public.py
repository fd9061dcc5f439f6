"""The public interface: what the package and its parts re-export has a docstring and types."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import types
from collections import defaultdict
from collections.abc import Iterator

import pytest

import tinyllm
from tests.project.source import Module, imports, modules, parse

PACKAGES = ["tinyllm"] + [
    found.name for found in pkgutil.walk_packages(tinyllm.__path__, "tinyllm.") if found.ispkg
]


def exported(package: types.ModuleType) -> dict[str, object]:
    """The functions and classes that a package offers: those in __all__, or every public name where there is none."""
    names = getattr(package, "__all__", None) or [name for name in vars(package) if not name.startswith("_")]
    everything = {name: getattr(package, name) for name in names}
    return {
        name: value
        for name, value in everything.items()
        if callable(value) and (getattr(value, "__module__", None) or "").partition(".")[0] == "tinyllm"
    }


def own_docstring(value: object, name: str) -> str:
    """The docstring written for this object: not one inherited, nor the signature that @dataclass puts there."""
    text = (vars(value).get("__doc__") if isinstance(value, type) else value.__doc__) or ""
    return "" if isinstance(value, type) and text.startswith(f"{value.__name__}(") else text.strip()


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_public_is_explained(package):
    module = importlib.import_module(package)
    assert (module.__doc__ or "").strip(), f"{package}/__init__.py opens with what it is for and a reading order"
    bare = [name for name, value in exported(module).items() if not own_docstring(value, name)]
    assert not bare, f"{package} re-exports without a docstring: {', '.join(bare)}"


@pytest.mark.parametrize("package", PACKAGES)
def test_all_names_exist(package):
    module = importlib.import_module(package)
    names = getattr(module, "__all__", [])
    assert len(names) == len(set(names)), f"{package}.__all__ names something twice"
    assert [name for name in names if not hasattr(module, name)] == []


def untyped(module: Module, public: set[str]) -> Iterator[str]:
    """Functions, and public methods of classes, among the public names, with a parameter or a result without a type.

    A twin (`@softmax.fused`) has its formula's signature and types; closures inside functions are not public.
    """
    for function, owner in _public_functions(module.tree, public):
        arguments = function.args
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        starred = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
        if owner and not any(_called(decorator) == "staticmethod" for decorator in function.decorator_list):
            named = named[1:]       # self, cls
        bare = [argument.arg for argument in [*named, *starred] if argument.annotation is None]
        if function.returns is None and function.name != "__init__":
            bare.append("return")
        if bare:
            yield f"{module.path}:{function.lineno}: {owner}{function.name}: {', '.join(bare)}"


def _public_functions(tree: ast.Module, public: set[str]) -> Iterator[tuple[ast.FunctionDef, str]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in public:
            if not any(_called(decorator) == "fused" for decorator in node.decorator_list):
                yield node, ""
        elif isinstance(node, ast.ClassDef) and node.name in public:
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and _is_public(method.name):
                    yield method, f"{node.name}."


def _is_public(method: str) -> bool:
    return not method.startswith("_") or method in ("__init__", "__call__")


def _called(decorator: ast.expr) -> str:
    """@softmax.fused and @softmax.fused(...): fused."""
    decorator = decorator.func if isinstance(decorator, ast.Call) else decorator
    return decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")


def reexported() -> dict[str, set[str]]:
    """For each module, the names that some package's __init__ takes from it."""
    public: dict[str, set[str]] = defaultdict(set)
    for package in modules():
        if package.is_package:
            for name in imports(package):
                home, _, what = name.name.rpartition(".")
                public[home].add(what)
    return public


def test_the_public_interface_is_typed():
    public = reexported()
    found = [line for module in modules() for line in untyped(module, public[module.name])]
    assert not found, "without types:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "text, bare",
    [
        ("def f(x: int, *rest) -> int: ...", "rest"),
        ("def f(x: int): ...", "return"),
        ("class A:\n    def __init__(self, x): ...", "x"),
        ("class A:\n    @staticmethod\n    def make(x) -> int: ...", "x"),
        ("def unlisted(x): ...", None),
        ("@softmax.fused\ndef softmax(x, axis=-1): ...", None),
        ("def f(x: int) -> int:\n    def vjp(g): ...", None),
        ("class A:\n    def __init__(self, x: int): ...\n    def __add__(self, other): ...", None),
    ],
)
def test_a_missing_type_is_seen(text, bare):
    found = list(untyped(parse("tinyllm/x.py", text), {"f", "A", "softmax"}))
    assert found == [] if bare is None else found[0].endswith(f": {bare}")
