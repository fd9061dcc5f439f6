"""Gradients as functions: grad(f) is f's derivative, and can be differentiated again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array
from . import modes
from .graph import backward_pass
from .operation import linked
from .tensor import Tensor


def value_and_grad(f: Callable, argnums: int | Sequence[int] = 0) -> Callable:
    """x ↦ (f(x), f'(x)) for a function whose result is a single number.

    `argnums` says for which positional arguments (a tuple of them gives a tuple of gradients). Arguments may be numbers, arrays
    or Tensors; the results are raw arrays, or, inside another `grad`, Tensors that can be differentiated again. Never touches
    anyone's `.grad`.
    Raises TypeError for a result that is not a single number and for arguments that are not floats.
    """

    def differentiated(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        places = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        if any(not -len(args) <= i < len(args) for i in places):
            raise TypeError(f"argnums={argnums} of a call with {len(args)} positional arguments: count from 0")
        inputs = list(args)
        outer = modes.current()
        nested = outer.nested or any(isinstance(args[i], Tensor) and args[i].requires_grad for i in places)
        for i in places:
            inputs[i] = _leaf(args[i], i)
        with modes.differentiating(rebuilding=nested):
            value = f(*inputs, **kwargs)
            if not isinstance(value, Tensor):
                value = Tensor(value)
            if value.size != 1:
                raise TypeError(f"grad needs a function to a single number, this one answered shape {value.shape}: reduce it")
            gradients = _gradients(value, [inputs[i] for i in places], nested)
        result = tuple(g if nested else _raw(g, inputs[i]) for g, i in zip(gradients, places, strict=True))
        return value if nested else value.data, result[0] if isinstance(argnums, int) else result

    return differentiated


def grad(f: Callable, argnums: int | Sequence[int] = 0) -> Callable:
    """The gradient of a function to a single number: `grad(np.sin)(0.0)` is 1, `grad(grad(np.sin))` is −sin.

    Arguments, results and errors as for `value_and_grad`.
    """
    both = value_and_grad(f, argnums)
    return lambda *args, **kwargs: both(*args, **kwargs)[1]


def gradients(output: Tensor, leaves: Sequence[Tensor], gradient: Any = None, retain_graph: bool = False) -> list[Array | None]:
    """∂L/∂leaf for each of the leaves, given gradient = ∂L/∂output (1 for a single number), None for one not reached.

    What `output.backward()` computes, as a pure function: nobody's `.grad` is touched, so threads can share parameters.
    Raises as `Tensor.backward`, and ValueError for something that is no leaf.
    """
    if any(leaf._node is None or not leaf.is_leaf for leaf in leaves):
        raise ValueError("gradients(…) differentiates for leaves with requires_grad=True")
    root, g = output._output_gradient(gradient)
    found = {node.serial: g for node, g in backward_pass(root, g, free=not retain_graph)}
    return [found.get(leaf._node.serial) for leaf in leaves if leaf._node is not None]


def leaf_gradients(output: Tensor, gradient: Any = None) -> Iterator[tuple[Tensor, Array]]:
    """(leaf, ∂L/∂leaf) for every leaf with a gradient, each when the backward pass has all of it: the last first.

    Whoever takes a gradient and lets go of it keeps the memory of a pass small. It may be an array that others hold: copy it,
    or add it to something, before the next. The graph is freed on the way. Raises as `Tensor.backward`.
    """
    for node, g in backward_pass(*output._output_gradient(gradient), free=True):
        leaf = node.leaf() if node.leaf is not None else None
        if leaf is not None:
            yield leaf, g


def _leaf(x: Any, place: int) -> Tensor:
    if not isinstance(x, Tensor):
        x = Tensor(x)
    if x.dtype.kind != "f":
        raise TypeError(f"argument {place} is {x.dtype}: only floats have derivatives, pass 3.0 rather than 3")
    return linked(x.data, x._node)


def _gradients(value: Tensor, leaves: list[Tensor], build: bool) -> list[Any]:
    """∂value/∂leaf; where value does not depend on it None, or a Tensor of zeros if `build`."""
    g = np.ones_like(value.data)
    serials = [leaf._node.serial for leaf in leaves if leaf._node is not None]
    found = {} if value._node is None else dict(
        (node.serial, g) for node, g in backward_pass(value._node, Tensor(g) if build else g, set(serials), build, not build)
    )
    zero = (Tensor(np.zeros_like(leaf.data)) if build else None for leaf in leaves)
    return [found.get(serial, z) for serial, z in zip(serials, zero, strict=True)]


def _raw(g: Any, leaf: Tensor) -> Array:
    """An array of the caller's own, zeros where the function does not depend on the argument."""
    if g is None:
        return np.zeros_like(leaf.data)
    return backend.asarray(g).copy()
