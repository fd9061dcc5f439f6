"""Write cupy_api.json: which of NumPy's names CuPy has, and with which parameters, read from a CuPy wheel.

    python tests/cupy_standin/generate_api.py cupy_cuda12x-14.2.0-cp311-cp311-manylinux2014_x86_64.whl

Needs the Python version the wheel was built for, but no GPU: CuPy imports without one, and nothing here computes.
Parameters are written the way Signature reads them: "a axis? / * dtype? *args **kwargs" (`?` = has a default).
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import json
import re
import subprocess
import sys
import tempfile
import textwrap
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

MODULES = ["numpy", "numpy.linalg", "numpy.fft", "numpy.lib.stride_tricks"]
UFUNC_KEYWORDS = ["out", "dtype", "casting", "where", "order", "subok", "signature", "axes", "axis", "keepdims"]


def import_cupy(wheel: Path, folder: Path) -> ModuleType:
    """Installed for this process alone; the NumPy that is here already serves."""
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    subprocess.run([*install, str(wheel), "cuda-pathfinder"], check=True)
    sys.path.insert(0, str(folder))
    return importlib.import_module("cupy")


# ---------------------------------------------------------------- parameters

def keywords_popped(function: Any) -> list[str]:
    """The keywords a function takes out of its **kwargs: `kwargs.pop("name", …)`, or a table `allowed_kwargs`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "kwargs.pop":
            names.append(ast.literal_eval(node.args[0]))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "allowed_kwargs":
            names += [name for row in ast.literal_eval(node.value).values() for name in row]
    return list(dict.fromkeys(names))


def python_parameters(function: Any) -> str:
    words = []
    last = None
    for p in inspect.signature(function).parameters.values():
        if last == p.POSITIONAL_ONLY and p.kind != last:
            words.append("/")
        if p.kind == p.KEYWORD_ONLY and last not in (p.VAR_POSITIONAL, p.KEYWORD_ONLY):
            words.append("*")
        if p.kind == p.VAR_KEYWORD and (popped := keywords_popped(function)):
            words += [*([] if last == p.VAR_POSITIONAL else ["*"]), *(f"{name}?" for name in popped)]
        else:
            star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
            words.append(star + p.name + ("" if p.default is p.empty else "?"))
        last = p.kind
    return " ".join([*words, "/"] if last == inspect.Parameter.POSITIONAL_ONLY else words)


def compiled_parameters(function: Any) -> str | None:
    """Compiled functions carry their signature as the first line of their documentation; None if this one does not."""
    if not (match := re.match(r"[\w.]+\((.*)\)", function.__doc__ or "")):
        return None
    words = []
    for text in filter(None, (part.strip() for part in match[1].split(","))):
        name, _, default = text.partition("=")
        words.append(name.split()[-1] + ("?" if default else ""))
    return " ".join(word for word in words if word != "self")


def parameters(function: Any) -> str | None:
    if hasattr(type(function), "_apply_func_to_inputs"):          # CuPy's generalized ufuncs (matmul)
        words = python_parameters(type(function).__call__)
        return words.removeprefix("self ")
    return python_parameters(function) if inspect.isfunction(function) else compiled_parameters(function)


# ---------------------------------------------------------------- what CuPy has

def functions(cupy: ModuleType, numpy_name: str) -> tuple[dict[str, str], list[str]]:
    """The functions of a NumPy module that CuPy has, and the names only CuPy has."""
    theirs = importlib.import_module("cupy" + numpy_name.removeprefix("numpy"))
    ours = importlib.import_module(numpy_name)
    found, only = {}, []
    for name, value in sorted(vars(theirs).items()):
        mine = getattr(ours, name, None)
        skip = name.startswith("_") or isinstance(value, (type, ModuleType, cupy.ufunc)) or not callable(value)
        if skip or value is mine:
            continue
        if mine is None:
            only.append(name)
        elif isinstance(mine, np.ufunc):
            continue
        elif (words := parameters(value)) is not None:
            found[name] = words
    return found, only


class Probe:
    """An array that only notes that a ufunc method would have computed with it."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: self


def has_method(ufunc: Any, method: str) -> bool:
    arguments = (Probe(), [0]) if method in ("at", "reduceat") else (Probe(),)
    try:
        getattr(ufunc, method)(*arguments)
    except NotImplementedError:
        return False
    return True


def has_keyword(ufunc: Any, keyword: str) -> bool:
    """Called without arguments, a ufunc complains of unknown keywords first, of the arguments it misses second."""
    try:
        ufunc(**{keyword: None})
    except TypeError as error:
        return "Wrong arguments" not in str(error)
    raise AssertionError(f"{ufunc} took no arguments")


def texts(library: bytes) -> bytes:
    """The literals of a compiled module. Cython stores them compressed, and a zlib stream opens with the byte 78."""
    found = []
    for start in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", library):
        with contextlib.suppress(zlib.error):
            found.append(zlib.decompressobj().decompress(library[start.start():]))
    return library + b"".join(found)


def dtypes_of_at(folder: Path) -> dict[str, list[str]]:
    """Which dtypes `ufunc.at` takes: only the compiled module's error message says so."""
    [library] = folder.glob("cupy/_core/_routines_indexing.*")
    sentences = re.findall(rb"cupy\.(\w+)\.at only supports ([\w, ]+?),? as data type", texts(library.read_bytes()))
    return {name.decode(): types.decode().split(", ") for name, types in sentences}


def ufuncs(cupy: ModuleType, folder: Path) -> dict[str, dict[str, Any]]:
    of_at = dtypes_of_at(folder)
    found: dict[str, dict[str, Any]] = {}
    for name, value in sorted(vars(cupy).items()):
        if isinstance(value, cupy.ufunc):
            methods = ["reduce", "accumulate", "reduceat", "at"] if value.nin == 2 else []
            found[name] = {
                "types": value.types,
                "keywords": [k for k in UFUNC_KEYWORDS if has_keyword(value, k)],
                "methods": [m for m in methods if has_method(value, m)] + (["outer"] if value.nin == 2 else []),
            }
            if "at" in found[name]["methods"]:
                found[name]["at"] = of_at[name]
        elif isinstance(getattr(np, name, None), np.ufunc):
            keywords = [word.strip("?") for word in (parameters(value) or "").split()]
            found[name] = {"keywords": [k for k in UFUNC_KEYWORDS if k in keywords], "methods": []}
    return found


def members(kind: type) -> dict[str, Any]:
    """Public attributes and methods of a class."""
    public = {name: getattr(kind, name) for name in dir(kind) if not name.startswith("_")}
    methods = {name: compiled_parameters(value) for name, value in public.items() if callable(value)}
    attributes = [name for name, value in public.items() if not callable(value)]
    return {"attributes": attributes, "methods": methods}


def main(wheel: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cupy = import_cupy(wheel, folder)
        tables = {module: functions(cupy, module) for module in MODULES}
        api = {
            "cupy": cupy.__version__,
            "functions": {module: found for module, (found, _) in tables.items()},
            "ufuncs": ufuncs(cupy, folder),
            "ndarray": members(cupy.ndarray),
            "generator": members(cupy.random.Generator)["methods"],
            "cupy_only": {module: only for module, (_, only) in tables.items()},
        }
    text = json.dumps(api, indent=1, sort_keys=True)
    text = re.sub(r"\[[^][{}]*\]", lambda m: re.sub(r"\s*\n\s*", " ", m[0]), text)      # each list on one line
    Path(__file__).with_name("cupy_api.json").write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
