"""What CuPy has: the table cupy_api.json, and the checks that a call keeps to it."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

API = json.loads(Path(__file__).with_name("cupy_api.json").read_text())
FUNCTIONS: dict[str, dict[str, str]] = API["functions"]
UFUNCS: dict[str, dict[str, Any]] = API["ufuncs"]
METHODS: dict[str, str] = API["ndarray"]["methods"]
GENERATOR: dict[str, str] = API["generator"]

ELEMENTWISE = "x / out? dtype? casting?"
"""The parameters of what is a ufunc in CuPy and a plain function in NumPy (fix, i0, sinc)."""


@functools.cache
def signature(words: str) -> inspect.Signature:
    """"a axis? / * dtype? *args **kwargs" as Python's own Signature (`?` = may be left out)."""
    P = inspect.Parameter
    parameters: list[inspect.Parameter] = []
    kind = P.POSITIONAL_OR_KEYWORD
    for word in words.split():
        name = word.strip("*?")
        if word == "/":
            parameters = [p.replace(kind=P.POSITIONAL_ONLY) for p in parameters]
        elif word == "*":
            kind = P.KEYWORD_ONLY
        elif word.startswith("**"):
            parameters.append(P(name, P.VAR_KEYWORD))
        elif word.startswith("*"):
            parameters.append(P(name, P.VAR_POSITIONAL))
            kind = P.KEYWORD_ONLY
        else:
            parameters.append(P(name, kind, default=None if word.endswith("?") else P.empty))
    return inspect.Signature(parameters)


def check_call(name: str, words: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse arguments that CuPy's function of this name would not take."""
    parameters = signature(words).parameters.values()
    if not any(p.kind == p.VAR_KEYWORD for p in parameters):
        known = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        for keyword in kwargs:
            if keyword not in known:
                raise TypeError(f"CuPy's {name} has no keyword {keyword!r}: it takes ({words})")
    try:
        signature(words).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"CuPy's {name} takes ({words}): {error}") from None
    if "kind?" in words.split() and kwargs.get("kind") not in (None, "stable"):
        raise TypeError(f"CuPy's {name} sorts by kind=None or 'stable', not {kwargs['kind']!r}")


def find_function(function: Callable[..., Any]) -> tuple[str, str] | None:
    """The name of a NumPy function and the parameters of CuPy's, None if CuPy has no function of this name."""
    module, name = function.__module__, function.__name__
    words = FUNCTIONS.get(module, {}).get(name)
    if words is None and module == "numpy" and name in UFUNCS and not isinstance(function, np.ufunc):
        words = ELEMENTWISE
    return None if words is None else (module.replace("numpy", "np", 1) + "." + name, words)


def check_positions(name: str, function: Callable[..., Any], words: str, count: int) -> None:
    """Refuse an argument given by position where the two libraries put different ones (argmax: out and dtype)."""
    try:
        numpys = list(inspect.signature(function).parameters)
    except ValueError:          # NumPy compiled it and tells no parameters (concatenate, where, dot)
        return
    cupys = list(signature(words).parameters)
    for ours, theirs in zip(numpys[:count], cupys, strict=False):
        if ours != theirs and (ours in cupys or theirs in numpys):
            raise TypeError(f"{name}: NumPy's {ours!r} stands where CuPy has {theirs!r}: pass it by keyword")


def check_ufunc(ufunc: np.ufunc, method: str, kwargs: dict[str, Any]) -> None:
    """Refuse a ufunc, one of its methods or keywords that CuPy lacks."""
    name = ufunc.__name__
    if name not in UFUNCS:
        raise TypeError(f"CuPy has no np.{name}")
    row = UFUNCS[name]
    if method != "__call__" and method not in row["methods"]:
        raise TypeError(f"CuPy has no np.{name}.{method}, only {row['methods'] or 'the plain call'}")
    allowed = {
        "reduce": ["axis", "dtype", "out", "keepdims"],
        "accumulate": ["axis", "dtype", "out"],
        "reduceat": ["axis", "dtype", "out"],
        "at": [],
    }.get(method, row["keywords"])
    for keyword in kwargs:
        if keyword not in allowed:
            title = name if method == "__call__" else f"{name}.{method}"
            raise TypeError(f"CuPy's np.{title} has no keyword {keyword!r}, only {allowed}")


def check_loop(ufunc: np.ufunc, dtypes: list[np.dtype | None]) -> None:
    """Refuse dtypes that none of CuPy's loops takes, such as complex numbers in logical_and. None: a Python number."""
    loops = UFUNCS[ufunc.__name__].get("types", ["O"])
    for loop in loops:
        if all(dtype is None or np.can_cast(dtype, kind) for dtype, kind in zip(dtypes, loop, strict=False)):
            return
    raise TypeError(f"CuPy's np.{ufunc.__name__} has no loop for {', '.join(map(str, dtypes))}")


def check_at(ufunc: np.ufunc, dtype: np.dtype) -> None:
    allowed = UFUNCS[ufunc.__name__]["at"]
    if dtype.name not in allowed:
        raise TypeError(f"CuPy's np.{ufunc.__name__}.at takes {', '.join(allowed)}, not {dtype}")
