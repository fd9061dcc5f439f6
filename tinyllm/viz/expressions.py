"""The graph of a small computation, as it was recorded: what was computed from what, with values and gradients."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import backend
from ..autograd.graph import Node, backward_pass
from ..autograd.table import Primitive
from ..autograd.tensor import Tensor
from .style import figure, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 40
CHARACTER, LINE, GAP, LANE = 0.072, 0.15, 0.45, 0.18    # inches: one of 8 points, its line, between columns, a passing arrow


def graph(output: Tensor, names: Mapping[str, Tensor] | None = None, title: str = "computation graph") -> Figure:
    """The graph behind `output`, left to right; draw it before `backward()`, which frees it. Nothing is freed or written.

    Rounded boxes are leaves, square ones operations, `·` in a call is what the arrows bring in their order from above.
    `names` gives Tensors of the graph, leaves and intermediate results, a name. A box shows its value where somebody holds
    it (a named Tensor, a leaf, the output) or the graph keeps it for the backward pass, else its shape; and, if the output
    is a single number, its gradient `∂`: ∂output/∂value. Of more than four numbers, values show as their shape, and gradients
    as their length ‖∂‖.

    Raises ValueError for an output that carries no gradient, a graph of more than 40 nodes, and a named Tensor that is not
    in it; RuntimeError when the graph was freed.
    """
    if output._node is None:
        raise ValueError("the output carries no gradient: there is no graph; compute it from leaves with requires_grad=True")
    nodes = _nodes(output._node)
    labels = defaultdict(list)
    for name, tensor in (names or {}).items():
        if tensor._node is None or tensor._node.serial not in nodes:
            raise ValueError(f"{name!r} is not in this graph: name Tensors that the output was computed from")
        labels[tensor._node.serial].append(name)
    values = _values(nodes, [output, *(names or {}).values()])
    gradients = _gradients(output._node, nodes, np.ones_like(output.data)) if output.size == 1 else {}
    boxes = {
        serial: _box(node, " = ".join(labels[serial]), values.get(serial), gradients.get(serial))
        for serial, node in nodes.items()
    }
    arrows = [
        (parent.serial, serial) for serial, node in nodes.items() for parent in node.parents or () if parent is not None
    ]
    places, lanes, width, height = _layout(boxes, arrows)
    wide = max(width, 4.0, 0.093 * len(title))
    with figure(wide + 0.2, height + 0.5) as (fig, ax):
        for serial, box in boxes.items():
            _draw_box(ax, box, places[serial], thick=serial == output._node.serial)
        _draw_arrows(ax, boxes, places, arrows, lanes)
        ax.set_xlim(-0.05, wide + 0.05)
        ax.set_ylim(-height / 2, height / 2)
        ax.set_title(title)
        ax.axis("off")
    return fig


# ---------------------------------------------------------------- what the graph knows

def _nodes(root: Node) -> dict[int, Node]:
    """By serial number, inputs first."""
    found: dict[int, Node] = {}
    stack = [root]
    while stack:
        node = stack.pop()
        if node.serial in found:
            continue
        found[node.serial] = node
        if node.parents is None:
            raise RuntimeError("the graph was freed by backward(): draw it before, or pass retain_graph=True")
        if len(found) > MOST:
            raise ValueError(f"the graph has more than {MOST} nodes: too many to read; draw that of a smaller example")
        stack.extend(parent for parent in node.parents if parent is not None)
    return dict(sorted(found.items()))


def _values(nodes: dict[int, Node], held: list[Tensor]) -> dict[int, Any]:
    """What leaves, held Tensors and the saved arrays of the rules know of the nodes' values."""
    values: dict[int, Any] = {}
    for serial, node in nodes.items():
        leaf = node.leaf() if node.leaf is not None else None
        if leaf is not None:
            values[serial] = leaf.data
        if isinstance(node.op, Primitive):
            for source, saved in zip((node, *(node.parents or ())), node.saved, strict=True):
                if source is not None and backend.is_array(saved):
                    values[source.serial] = saved
    return values | {tensor._node.serial: tensor.data for tensor in held if tensor._node is not None}


def _gradients(root: Node, nodes: dict[int, Node], g: Any) -> dict[int, Any]:
    """∂root/∂node. A pass ends at the nodes it is asked for, so each has a pass of its own."""
    return {node.serial: gradient for stop in nodes for node, gradient in backward_pass(root, g, {stop})}


# ---------------------------------------------------------------- what a box says

class _Box(NamedTuple):
    lines: list[str]
    leaf: bool

    @property
    def width(self) -> float:
        return CHARACTER * (max(map(len, self.lines)) + 2)

    @property
    def height(self) -> float:
        return LINE * len(self.lines) + 0.14


def _box(node: Node, name: str, value: Any, gradient: Any) -> _Box:
    lines = [name] if name else []
    if node.op is not None:
        lines.append(_call(node))
    elif not name:
        lines.append("leaf")
    lines.append(f"shape {node.shape}" if value is None or node.size > 4 else _numbers(value))
    if gradient is not None:
        length = float(np.linalg.norm(backend.to_numpy(gradient)))
        lines.append(f"‖∂‖ {number(length)}" if node.size > 4 else f"∂ {_numbers(gradient)}")
    return _Box(lines, node.op is None)


def _call(node: Node) -> str:
    """np.power(·, 3): the operation, with the arguments that are no part of the graph."""
    assert node.op is not None
    if not isinstance(node.op, Primitive):
        return node.op.name
    given = zip(node.parents or (), node.saved[1:], strict=True)
    arguments = ["·" if parent is not None else _constant(saved) for parent, saved in given]
    keywords = [f"{key}={_constant(value)}" for key, value in (node.kwargs or {}).items() if value is not None]
    if not keywords and set(arguments) == {"·"}:
        return node.op.name
    return f"{node.op.name}({', '.join(arguments + keywords)})"


def _constant(value: Any) -> str:
    if hasattr(value, "shape"):                       # an array, or what is kept of one
        return _numbers(value) if backend.is_array(value) and value.size == 1 else f"array{value.shape}"
    text = number(value) if type(value) is float else str(value)
    return text if len(text) <= 12 else f"{text[:11]}…"


def _numbers(value: Any) -> str:
    array = backend.to_numpy(value)
    if not array.ndim:
        return number(array)
    return "[" + " ".join(_numbers(entry) for entry in array) + "]"


# ---------------------------------------------------------------- where it stands

_Place = tuple[float, float]


def _layout(
    boxes: dict[int, _Box], arrows: list[tuple[int, int]]
) -> tuple[dict[int, _Place], list[list[tuple[float, float, float]]], float, float]:
    """Centres of the boxes, the (left, right, height) that each arrow passes on its way, and the size of it all.

    A node's column is the longest path that leads to it; a leaf stands just before its first use. Where an arrow crosses a
    column it gets a lane there, as if it were a box, so that no arrow runs behind one. Columns are then sorted, forth and
    back, each by the mean height of its neighbours: few arrows cross.
    """
    column = dict.fromkeys(boxes, 0)
    for child in boxes:                               # inputs come first
        column[child] = 1 + max((column[a] for a, b in arrows if b == child), default=-1)
    for leaf in [key for key, box in boxes.items() if box.leaf]:
        column[leaf] = min((column[b] for a, b in arrows if a == leaf), default=1) - 1

    columns: list[list[int]] = [[] for _ in range(max(column.values()) + 1)]
    for key in boxes:
        columns[column[key]].append(key)
    chains, lane = [], 0
    for a, b in arrows:
        chain = [a]
        for i in range(column[a] + 1, column[b]):
            lane -= 1                                 # a lane's key is negative: no serial number is
            columns[i].append(lane)
            chain.append(lane)
        chains.append([*chain, b])
    links = [
        (a, b, _entry(k, arrows) * 0.1 if b == chain[-1] else 0.0)
        for k, chain in enumerate(chains) for a, b in itertools.pairwise(chain)
    ]

    room = {key: box.height + 0.2 for key, box in boxes.items()} | dict.fromkeys(range(lane, 0), LANE)
    y: dict[int, float] = {}
    for keys in columns:
        _stack(keys, room, y)
    for sweep in range(8):
        back = sweep % 2
        for keys in columns[::-1] if back else columns:
            near = {key: [y[b] + up if back else y[a] for a, b, up in links if key == (a if back else b)] for key in keys}
            keys.sort(key=lambda key: -float(np.mean(near[key])) if near[key] else -y[key])
            _stack(keys, room, y)

    places: dict[int, _Place] = {}
    spans, left = [], 0.0
    for keys in columns:
        width = max(boxes[key].width for key in keys if key in boxes)
        spans.append((left, left + width))
        places |= {key: (left + width / 2, y[key]) for key in keys if key in boxes}
        left += width + GAP
    lanes = [[(*spans[column[chain[0]] + i], y[key]) for i, key in enumerate(chain[1:-1], start=1)] for chain in chains]
    return places, lanes, left - GAP, max(sum(room[key] for key in keys) for keys in columns)


def _entry(arrow: int, arrows: list[tuple[int, int]]) -> float:
    """Where an arrow ends on its box: from 1/2, the upper edge, to −1/2, in the order of the operation's arguments."""
    same = [k for k, (_, b) in enumerate(arrows) if b == arrows[arrow][1]]
    return 0.5 - (same.index(arrow) + 0.5) / len(same)


def _stack(keys: list[int], room: dict[int, float], y: dict[int, float]) -> None:
    """One above the other, around height 0."""
    top = sum(room[key] for key in keys) / 2
    for key in keys:
        y[key] = top - room[key] / 2
        top -= room[key]


# ---------------------------------------------------------------- drawing

def _draw_box(ax: Axes, box: _Box, centre: _Place, thick: bool) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y = centre
    style = "round,pad=0,rounding_size=0.12" if box.leaf else "square,pad=0"
    ax.add_patch(FancyBboxPatch(
        (x - box.width / 2, y - box.height / 2), box.width, box.height, style, facecolor="#e8eef4" if box.leaf else "white",
        edgecolor="black", linewidth=1.8 if thick else 0.8,
    ))
    ax.text(x, y, "\n".join(box.lines), ha="center", va="center", fontsize=8, family="monospace", parse_math=False,
            linespacing=1.2)


def _draw_arrows(
    ax: Axes, boxes: dict[int, _Box], places: dict[int, _Place], arrows: list[tuple[int, int]],
    lanes: list[list[tuple[float, float, float]]],
) -> None:
    """From the right side of a box, through its lanes, to the left side of the next; several end one below the other."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    for k, (a, b) in enumerate(arrows):
        x, y = places[a][0] + boxes[a].width / 2, places[a][1]
        points: list[_Place] = [(x, y)]
        codes = [Path.MOVETO]
        stops = [*lanes[k], (places[b][0] - boxes[b].width / 2, None, places[b][1] + _entry(k, arrows) * boxes[b].height * 0.6)]
        for left, right, height in stops:
            middle = (x + left) / 2
            points += [(middle, y), (middle, height), (left, height)]
            codes += [Path.CURVE4] * 3
            if right is not None:
                points.append((right, height))
                codes.append(Path.LINETO)
            x, y = right or left, height
        ax.add_patch(FancyArrowPatch(path=Path(points, codes), arrowstyle="-|>", mutation_scale=9, linewidth=0.9,
                                     color="#444444", shrinkA=0, shrinkB=0))
