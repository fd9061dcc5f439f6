"""The kinds of row in the derivative table, and how a row is written.

A derivative is one line beside the name of its function, as on the inside cover of a calculus book:

    defvjp(np.exp, lambda g, y, _x: g * y)
    defvjp(np.multiply, lambda g, _y, _a, b: g * b, lambda g, _y, a, _b: g * a)

One rule per argument place. Each gets g = ∂L/∂y, the value y, and the call's own arguments, and answers ∂L/∂(that argument):
the vector-Jacobian product. **A name with a leading underscore is used for its shape and dtype only**: the array isn't kept
until the backward pass. Sums over broadcast axes and casts to the input's dtype are done for all rules alike, by the pass.

Rules are NumPy too. On raw arrays the backward pass is plain array code; under a nested `grad` the same rules run on Tensors,
and what they compute is itself recorded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from . import modes
from .graph import Node, report_nonfinite
from .operators import TABLE
from .tensor import Tensor


class Spec(NamedTuple):
    """What is kept of an array that a rule uses for its shape and dtype only."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)


class Primitive:
    """A function with a derivative rule per argument place (None: piecewise constant in that place)."""

    def __init__(self, fn: Callable, rules: tuple[Callable | None, ...], each: Callable | None = None) -> None:
        self.fn, self.rules, self.each = fn, rules, each
        self.name = "np." + fn.__name__ if getattr(np, fn.__name__, None) is fn else fn.__name__.strip("_")
        self.keeps, self.keywords = [], set[str]()
        for rule in rules:
            places, keywords = _keeps(rule)
            self.keeps.append(places)
            self.keywords |= keywords
        if each is not None:
            self.keywords |= _keeps(each)[1]

    def __call__(self, args: tuple, kwargs: dict) -> Tensor:
        if kwargs and any(isinstance(v, Tensor) for v in kwargs.values()):
            args, kwargs = _positional(self.fn, args, kwargs)
        arrays, carries = [], False
        for a in args:
            if isinstance(a, Tensor):
                arrays.append(a.data)
                carries = carries or a._node is not None
            else:
                arrays.append(a)
        try:
            value = self.fn(*arrays, **kwargs)
        except TypeError as error:
            check_one_device(self.name, arrays)
            raise TypeError(f"{self.name}: {error}") from error
        mode = modes.current()
        if mode.anomalies:
            report_nonfinite(value, self.name, *(a.shape for a in arrays if backend.is_array(a)))
        if carries and mode.recording:
            return Tensor._wrap(value, self._record(args, arrays, kwargs, value))
        result = Tensor._wrap(value)
        if result.data.base is not None or any(result.data is a for a in arrays):      # a view changes with its base
            result._version = next(a._version for a in args if isinstance(a, Tensor))
        return result

    def _record(self, args: tuple, arrays: list, kwargs: dict, value: Any) -> Node:
        if kwargs and not self.keywords.issuperset(kwargs):
            unknown = ", ".join(sorted(kwargs.keys() - self.keywords))
            raise TypeError(f"{self.name} has no derivative rule with {unknown}=: leave the argument out, or .detach() first")
        parents: list[Node | None] = []
        guards: list[tuple[list[int], int]] = []
        keep = set[int]()
        for i, a in enumerate(args):
            node = None
            if isinstance(a, Tensor):
                node = a._node
                if node is None or node.op is None:   # what can be written in place
                    guards.append((a._version, a._version[0]))
                if node is not None and self.each is None:
                    node, kept = self._rule_for(i, node)
                    keep |= kept
            parents.append(node)
        if self.each is not None:
            saved = [value, *arrays]
        else:
            saved = [value if -1 in keep else None]
            for i, (a, parent) in enumerate(zip(arrays, parents, strict=True)):
                if i in keep or not backend.is_array(a):
                    differentiable = i < len(self.rules) and self.rules[i] is not None
                    saved.append(np.asarray(a) if differentiable and type(a) is list else a)
                else:
                    saved.append(parent or Spec(a.shape, a.dtype))
        return Node(value, self, tuple(parents), saved, kwargs, guards)

    def _rule_for(self, place: int, node: Node) -> tuple[Node | None, set[int]]:
        if place >= len(self.rules):
            raise TypeError(f"{self.name} has no derivative rule for argument {place}: .detach() it if it is a constant")
        return (node if self.rules[place] is not None else None), self.keeps[place]

    def pull(self, node: Node, g: Any, build: bool, needed: Collection[int] | None) -> list[Any]:
        y, *args = node.saved
        if y is None:
            y = node
        parents, kwargs = node.parents or (), node.kwargs or {}
        if build:                                     # the saved arrays, as Tensors that hang where they hung
            y = Tensor._wrap(y, node) if y is not node else node
            args = [
                Tensor._wrap(a, p) if p is not None and a is not p else a
                for a, p in zip(args, parents, strict=True)
            ]
        gradients: list[Any] = []
        for i, parent in enumerate(parents):
            if parent is None or (needed is not None and parent.serial not in needed):
                gradients.append(None)
            elif self.each is not None:
                gradients.append(self.each(i, g, y, *args, **kwargs))
            else:
                gradients.append(self.rules[i](g, y, *args, **kwargs))  # type: ignore[misc]
        return gradients


class Composition:
    """A function written with others that have rules: its derivative is theirs."""

    def __init__(self, fn: Callable, written: Callable) -> None:
        self.written = written
        self.name = getattr(fn, "__name__", str(fn))

    def __call__(self, args: tuple, kwargs: dict) -> Any:
        try:
            inspect.signature(self.written).bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"np.{self.name} on Tensors: {error}") from None
        return self.written(*args, **kwargs)


class Raw:
    """A function whose answer carries no gradient: a query, or piecewise constant. Computed on, and answering, raw arrays."""

    def __init__(self, fn: Callable) -> None:
        self.fn = fn

    def __call__(self, args: tuple, kwargs: dict) -> Any:
        return self.fn(*raw(args), **raw(kwargs))


class Refused:
    """A function that does not take Tensors, and why."""

    def __init__(self, fn: Callable, reason: str) -> None:
        self.name, self.reason = f"{fn.__module__}.{fn.__name__}".replace("numpy", "np", 1), reason

    def __call__(self, args: tuple, kwargs: dict) -> Any:
        raise TypeError(f"{self.name} does not take Tensors: {self.reason}")


# ---------------------------------------------------------------- how rows are written

def defvjp(fn: Callable, *rules: Callable | None) -> None:
    """fn's derivative: a rule (g, y, *arguments) → gradient for each argument place; None where fn is piecewise constant."""
    TABLE[fn] = Primitive(fn, rules)


def defvjp_each(fn: Callable, rule: Callable) -> None:
    """For a function of any number of arrays: one rule (i, g, y, *arguments) → gradient of argument i."""
    TABLE[fn] = Primitive(fn, (), rule)


def composed(*fns: Callable) -> Callable[[Callable], Callable]:
    """Decorator: on Tensors, these functions are computed as the decorated one is written."""

    def register(written: Callable) -> Callable:
        for fn in fns:
            TABLE[fn] = Composition(fn, written)
        return written

    return register


def defraw(*fns: Callable) -> None:
    """These functions answer raw arrays: queries, and functions that are constant between their jumps."""
    for fn in fns:
        TABLE[fn] = Raw(fn)


def refuse(reason: str, *fns: Callable) -> None:
    """These functions raise, with the reason."""
    for fn in fns:
        TABLE[fn] = Refused(fn, reason)


# ---------------------------------------------------------------- helpers

def _keeps(rule: Callable | None) -> tuple[set[int], set[str]]:
    """The places (y is -1) whose arrays a rule keeps, and the keywords it knows."""
    if rule is None:
        return set(), set()
    names = _parameters(rule)[1:]
    return {i - 1 for i, name in enumerate(names) if not name.startswith("_")}, set(names)


def _parameters(function: Any) -> tuple[str, ...]:
    """What inspect.signature would say in a hundred times the time, for the two hundred rules that an import reads."""
    code = function.__code__
    n, keywords = code.co_argcount, code.co_kwonlyargcount
    names, rest = code.co_varnames[:n], code.co_varnames[n + keywords :]
    several = rest[: bool(code.co_flags & inspect.CO_VARARGS)]                      # *xs
    return (*names, *several, *code.co_varnames[n : n + keywords])


def raw(x: Any) -> Any:
    """x with the Tensors in it replaced by their arrays."""
    if isinstance(x, Tensor):
        return x.data
    if isinstance(x, dict):
        return {k: raw(v) for k, v in x.items()}
    if type(x) in (list, tuple):
        return type(x)(raw(v) for v in x)
    return x


def _positional(fn: Callable, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """Tensors given by name, moved to their places: rules are found by place."""
    try:
        names = list(inspect.signature(fn).parameters)
    except ValueError:
        raise TypeError(f"pass the Tensors of {fn.__name__} by position, not by name") from None
    kwargs = dict(kwargs)
    for name in names[len(args):]:
        if not any(isinstance(v, Tensor) for v in kwargs.values()):
            break
        if name not in kwargs:
            raise TypeError(f"pass the Tensors of {fn.__name__} by position: {name} is missing before them")
        args = (*args, kwargs.pop(name))
    return args, kwargs


def check_one_device(name: str, arrays: list) -> None:
    """Raise TypeError, naming the devices, if the arrays among these live on several."""
    devices = {backend.device_of(a) for a in arrays if backend.is_array(a)}
    if len(devices) > 1:
        raise TypeError(f"{name} got arrays on {' and '.join(sorted(devices))}: move them to one device with .to(…)")
