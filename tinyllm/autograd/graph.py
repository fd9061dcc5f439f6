"""The graph an expression leaves behind, and the pass that walks it backwards.

A node stands for one operation that was carried out. Nodes link to nodes, never to Tensors, and children to parents only: no
reference cycle, so a graph is freed by reference counting the moment its last Tensor goes.

The chain rule, for an output L and a node y computed from parents x₁ … xₙ (formula F15):

    ∂L/∂xᵢ = Σ over all nodes y that used xᵢ of  (∂y/∂xᵢ)ᵀ ∂L/∂y

A node's serial number is higher than its parents', so visiting nodes by falling serial number meets every y before its x:
when a node's turn comes, its sum is complete.
"""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from ..backend import Array
from . import modes

_serials = itertools.count()


class Operation(Protocol):
    """What a node knows of the function that made it."""

    name: str

    def pull(self, node: Node, g: Any, build: bool, needed: Collection[int] | None) -> list[Any]:
        """The gradients of the node's parents, one per place (None where none is due), from the gradient g of its output.

        `build`: g is a Tensor and so must the results be, linked to the graph. `needed`: the serial numbers of the parents
        that want a gradient (None: all).
        """
        ...


class Node:
    """One operation of the graph, or (op None) a leaf. Stands in for its own value's shape and dtype."""

    __slots__ = ("__weakref__", "dtype", "guards", "kwargs", "leaf", "op", "parents", "saved", "serial", "shape")

    def __init__(
        self,
        value: Array,
        op: Operation | None = None,
        parents: tuple[Node | None, ...] = (),
        saved: Any = (),
        kwargs: dict[str, Any] | None = None,
        guards: Sequence[tuple[list[int], int]] = (),
    ) -> None:
        self.serial = next(_serials)
        self.shape: tuple[int, ...] = value.shape
        self.dtype: np.dtype = value.dtype
        self.op = op
        self.parents: tuple[Node | None, ...] | None = parents
        self.saved = saved
        self.kwargs = kwargs
        self.guards = guards                          # (version cell, version when recorded) of each input that can change
        self.leaf: weakref.ref | None = None          # the leaf's Tensor, which owns the node

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def check_unchanged(self) -> None:
        for cell, version in self.guards:
            if cell[0] != version:
                raise RuntimeError(
                    f"an input of {self.op.name if self.op else 'a leaf'} with shape {self.shape} was changed in place after "
                    "the graph was recorded: call backward() before the optimiser steps or the array is written"
                )

    def free(self) -> None:
        self.parents = self.saved = None


def backward_pass(
    root: Node, g: Any, stops: Collection[int] = (), build: bool = False, free: bool = False
) -> Iterator[tuple[Node, Any]]:
    """Yield (leaf, ∂L/∂leaf) for every leaf that root depends on, given g = ∂L/∂root. Touches no Tensor.

    `stops`: serial numbers of the nodes to differentiate for, instead of the leaves; paths to anything else are not walked.
    `build`: g is a Tensor and the results are recorded too. `free`: each node lets go of its arrays as the pass leaves it.
    Raises RuntimeError when the graph was freed before or when an input changed since.
    """
    order = _reachable(root, stops)
    needed = _leading_to(stops, order) if stops else None
    gradients: dict[int, Any] = {root.serial: g}
    ours: set[int] = set()                            # sums we allocated: the only arrays added to in place
    watch = modes.current().anomalies
    while order:
        node = order.pop()
        g = gradients.pop(node.serial, None)
        if g is None:
            continue
        if node.op is None or node.serial in stops:
            yield node, g
            continue
        node.check_unchanged()
        parents = node.parents
        assert parents is not None                    # _reachable has refused freed nodes
        pulled = node.op.pull(node, g, build, needed)
        if free:
            node.free()
        for parent, gradient in zip(parents, pulled, strict=True):
            if parent is None or gradient is None:
                continue
            gradient = _fit(gradient, parent)
            if watch:
                report_nonfinite(gradient, f"the gradient of {node.op.name}", node.shape, parent.shape)
            key = parent.serial
            if key not in gradients:
                gradients[key] = gradient
            elif key in ours:
                gradients[key] += gradient
            else:
                gradients[key] = gradients[key] + gradient
                if not build and gradient.ndim:
                    ours.add(key)


def _reachable(root: Node, stops: Collection[int]) -> list[Node]:
    """The nodes root depends on, by rising serial number. A loop, not recursion: a graph may be 100,000 operations deep.

    A leaf stands just before the first node that used it: there its sum is complete, and can be handed out and let go.
    """
    found: dict[int, Node] = {}
    first_use: dict[int, int] = {}
    stack = [root]
    while stack:
        node = stack.pop()
        if node.serial in found:
            continue
        found[node.serial] = node
        if node.parents is None:
            raise RuntimeError(
                "the graph was freed by an earlier backward(): compute the output again, or pass retain_graph=True before"
            )
        if node.serial in stops:
            continue
        for parent in node.parents:
            if parent is not None:
                stack.append(parent)
                if parent.op is None:
                    first_use[parent.serial] = min(first_use.get(parent.serial, node.serial), node.serial)
    return [found[serial] for serial in sorted(found, key=lambda serial: (first_use.get(serial, serial), serial))]


def _leading_to(stops: Collection[int], order: list[Node]) -> set[int]:
    needed = set(stops)
    for node in order:                                # parents come before children
        if any(parent is not None and parent.serial in needed for parent in node.parents or ()):
            needed.add(node.serial)
    return needed


def _fit(g: Any, parent: Node) -> Any:
    """A gradient has its input's shape and dtype: sum over the axes that broadcasting stretched, cast back.

    If x of shape (3, 1) was used as (5, 3, 4), each entry of x was used 20 times, and its gradient is the sum of the 20.
    """
    if g.shape != parent.shape:
        extra = g.ndim - parent.ndim
        stretched = tuple(range(extra)) + tuple(
            extra + i for i, n in enumerate(parent.shape) if n == 1 and g.shape[extra + i] != 1
        )
        g = np.reshape(np.sum(g, axis=stretched), parent.shape)
    return g if g.dtype == parent.dtype else g.astype(parent.dtype)


def report_nonfinite(value: Any, what: str, *shapes: tuple[int, ...]) -> None:
    """Raise FloatingPointError if value (an array, or a Tensor's) holds a NaN or an infinity."""
    value = value if isinstance(value, np.ndarray | np.generic) else getattr(value, "data", value)
    if value.dtype.kind == "f" and not bool(np.isfinite(value).all()):
        kind = "NaN" if bool(np.isnan(value).any()) else "infinity"
        raise FloatingPointError(f"{what} is the first to hold {kind}; shapes {', '.join(map(str, shapes))}")
