"""An operation with a gradient of its own: for what the derivative table lacks, and for what is faster by hand."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any

from .. import backend
from . import modes
from .graph import Node, backward_pass, report_nonfinite
from .table import check_one_device
from .tensor import Tensor


class Operation:
    """A function on raw arrays that returns its value and the way back.

        @tinyllm.operation
        def cube(x):
            def vjp(g):                               # d(x³) = 3 x² dx
                return (3 * x * x * g,)
            return x * x * x, vjp

    The function gets raw arrays where it was called with Tensors. `vjp(g)` gets ∂L/∂(value) and answers a tuple: ∂L/∂(argument)
    for the leading parameters in their order, None where there is none; it may overwrite nothing but what it made itself.
    Second derivatives need `formula`, the same function written with differentiable ones: it is replayed when a gradient is
    itself differentiated.
    """

    def __init__(self, fused: Callable, formula: Callable | None = None) -> None:
        functools.update_wrapper(self, fused)
        self.fused, self.definition = fused, formula
        self.name: str = fused.__name__
        parameters = inspect.signature(fused).parameters.values()
        if any(p.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters):
            raise TypeError(f"{self.name}: an operation's gradients are found by place, so its parameters have no * and no **")
        self._parameters = [(p.name, p.default) for p in parameters]

    def _bind(self, args: tuple, kwargs: dict) -> list:
        """All arguments by position: gradients are found by place."""
        values = list(args)
        for name, default in self._parameters[len(args):]:
            value = kwargs.pop(name, default)
            if value is inspect.Parameter.empty:
                raise TypeError(f"{self.name}() lacks the argument {name!r}")
            values.append(value)
        if kwargs or len(values) > len(self._parameters):
            known = ", ".join(name for name, _ in self._parameters)
            named = ", ".join(kwargs) or "none"
            raise TypeError(f"{self.name}() takes {known}; got {len(args)} by position and {named} by name")
        return values

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        values = self._bind(args, kwargs)
        raw = [a.data if isinstance(a, Tensor) else a for a in values]
        if backend.on_gpu():
            check_one_device(self.name, raw)
        value, vjp = self.fused(*raw)
        if not any(isinstance(a, Tensor) for a in values):
            return value
        mode, node = modes.current(), None
        if mode.recording:
            parents = tuple(a._node if isinstance(a, Tensor) else None for a in values)
            if any(p is not None for p in parents):
                guards = [(a._version, a._version[0]) for a in values if isinstance(a, Tensor) and a.is_leaf]
                saved = (vjp, raw if mode.rebuilding else None)
                node = Node(value, self, parents, saved, None, guards)
        if mode.anomalies:
            report_nonfinite(backend.asarray(value), self.name, *(a.shape for a in raw if backend.is_array(a)))
        return Tensor._wrap(value, node)

    def pull(self, node: Node, g: Any, build: bool, needed: Collection[int] | None) -> list[Any]:
        vjp, inputs = node.saved
        parents = node.parents or ()
        if build:
            return self._replay(inputs, parents, g)
        gradients = list(vjp(g))
        return gradients + [None] * (len(parents) - len(gradients))

    def _replay(self, inputs: list, parents: tuple[Node | None, ...], g: Tensor) -> list[Any]:
        """The gradients as Tensors: run the formula on leaves linked to the parents and differentiate that."""
        if self.definition is None:
            raise RuntimeError(
                f"{self.name} has a gradient of its own but no formula: its gradient can't be differentiated again. Give the "
                "formula, or take first derivatives only"
            )
        leaves = [linked(a, p) if p is not None else a for a, p in zip(inputs, parents, strict=True)]
        output = self.definition(*leaves)
        places = {leaf._node.serial: i for i, leaf in enumerate(leaves) if isinstance(leaf, Tensor) and leaf._node}
        gradients: list[Any] = [None] * len(leaves)
        for leaf_node, gradient in backward_pass(output._node, g, places, build=True):
            gradients[places[leaf_node.serial]] = gradient
        return gradients


def operation(fused: Callable) -> Operation:
    """Decorator: a function on raw arrays returning (value, vjp) becomes an operation on Tensors. See `Operation`."""
    return Operation(fused)


class _Link:
    """The identity: a leaf to differentiate for that still hangs in the graph it came from."""

    name = "link"

    def pull(self, node: Node, g: Any, build: bool, needed: Collection[int] | None) -> list[Any]:
        return [g]


_LINK = _Link()


def linked(data: Any, parent: Node | None) -> Tensor:
    """A fresh leaf holding data, behind which the graph goes on at parent. The same Tensor in two places gives two leaves."""
    return Tensor._wrap(data, Node(data, _LINK, (parent,)))
