"""A beam search as the tree of texts that it weighed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..generation.beam_tree import BeamNode, BeamTree
from .expressions import CHARACTER, LINE
from .style import figure, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 120
GAP, SPACE, FAMILY = 0.4, 0.07, 0.1                   # inches: between columns, between boxes, between families of them
KEY = "under a token: its log probability, and the sum of its path | dashed: pruned, with the sum | thick: the best text found"

_Place = tuple[float, float]


def beam_tree(tree: BeamTree, names: Callable[[int], str], title: str = "beam search") -> Figure:
    """The tree that `beam_search(…, tree=tree)` filled, left to right: a column is a step, a box a token at the end of its
    path. `names` gives the text of an id, such as a tokenizer's `id_to_token`.

    Solid boxes were kept, dashed ones pruned: of a column's boxes, the kept ones have the greatest sums. A text that ended says
    its score, the sum over the length's penalty, and its place among the answers; the way to the best one is thick.
    Raises ValueError for a tree without nodes or of more than 120.
    """
    if not 0 < len(tree.nodes) <= MOST:
        raise ValueError(f"a tree of {len(tree.nodes)} nodes: it takes one to {MOST} to be read; search with a smaller width, "
                         "or for fewer tokens")
    boxes = [_lines(i, tree, names) for i in range(len(tree.nodes))]
    places, widths, height = _layout(tree.nodes, boxes)
    best = set(tree.path(tree.answers[0])) if tree.answers else set()
    start = -GAP - CHARACTER * 7
    right = max(*(x + widths[i] for i, (x, _) in enumerate(places)), start + 0.057 * len(KEY), start + 0.093 * len(title))
    with figure(right - start + 0.2, height + 0.8) as (fig, ax):
        _draw_box(ax, ["start"], start, 0.0, CHARACTER * 7, "-", 1.8 if best else 0.9)
        for i, (node, lines) in enumerate(zip(tree.nodes, boxes, strict=True)):
            thick = 2.2 if i in best else 0.9
            x, y = places[i]
            left = places[node.parent] if node.parent is not None else (start, 0.0)
            out = widths[node.parent] if node.parent is not None else CHARACTER * 7
            _draw_branch(ax, (left[0] + out, left[1]), (x, y), node.kept, thick)
            _draw_box(ax, lines, x, y, widths[i], "-" if node.kept else (0, (3, 2)), thick, "black" if node.kept else "#666666")
        ax.set_xlim(start - 0.05, right + 0.05)
        ax.set_ylim(-height / 2, height / 2)
        ax.set_title(title)
        ax.axis("off")
        fig.supxlabel(KEY, x=0.01, ha="left", fontsize=8)
    return fig


def _lines(i: int, tree: BeamTree, names: Callable[[int], str]) -> list[str]:
    node = tree.nodes[i]
    token = visible(names(node.token))
    token = token if len(token) <= 12 else f"{token[:11]}…"
    if not node.kept:
        return [f"{token} {_signed(node.total)}"]
    lines = [token, f"{_signed(node.log_probability)}  {_signed(node.total)}"]
    if node.ended:
        place = f"no. {tree.answers.index(i) + 1}: " if i in tree.answers else ""
        lines.append(f"{place}score {_signed(node.score)}")
    return lines


def _signed(value: float) -> str:
    return f"{value + 0.0:.2f}".replace("-", "−")


def _height(lines: list[str]) -> float:
    return LINE * len(lines) + 0.1


def _layout(nodes: list[BeamNode], boxes: list[list[str]]) -> tuple[list[_Place], list[float], float]:
    """Where each box's left side has its middle, how wide it is, and how high the whole. The children of a box stand together,
    and families in the order of their parents, so no branches cross."""
    depth: list[int] = []
    for node in nodes:                                # a parent stands before its children
        depth.append(0 if node.parent is None else depth[node.parent] + 1)
    places: list[_Place] = [(0.0, 0.0)] * len(nodes)
    widths = [0.0] * len(nodes)
    order: dict[int | None, int] = {None: 0}
    left = tallest = 0.0
    for step in range(max(depth) + 1):
        column = [i for i in range(len(nodes)) if depth[i] == step]
        column.sort(key=lambda i: (order[nodes[i].parent], -nodes[i].total))
        order |= {i: rank for rank, i in enumerate(column)}
        width = max(CHARACTER * (max(map(len, boxes[i])) + 2) for i in column)
        offset, heights = 0.0, {}
        for before, i in zip([None, *column], column, strict=False):
            if before is not None:
                offset += SPACE + (FAMILY if nodes[i].parent != nodes[before].parent else 0.0)
            heights[i] = offset + _height(boxes[i]) / 2
            offset += _height(boxes[i])
        for i in column:
            places[i], widths[i] = (left, offset / 2 - heights[i]), width
        left += width + GAP
        tallest = max(tallest, offset)
    return places, widths, tallest + 0.1


def _draw_box(
    ax: Axes, lines: list[str], x: float, y: float, width: float, edge: object, thick: float, colour: str = "black"
) -> None:
    from matplotlib.patches import Rectangle

    height = _height(lines)
    ax.add_patch(Rectangle((x, y - height / 2), width, height, facecolor="#e8eef4" if thick > 1 else "white", edgecolor=colour,
                           linewidth=thick, linestyle=edge))
    ax.text(x + width / 2, y, "\n".join(lines), ha="center", va="center", fontsize=8, family="monospace", color=colour,
            parse_math=False, linespacing=1.2)


def _draw_branch(ax: Axes, start: _Place, end: _Place, kept: bool, thick: float) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    middle = (start[0] + end[0]) / 2
    curve = Path([start, (middle, start[1]), (middle, end[1]), end], [Path.MOVETO] + [Path.CURVE4] * 3)
    ax.add_patch(PathPatch(curve, facecolor="none", edgecolor="black" if kept else "#999999", linewidth=thick,
                           linestyle="-" if kept else (0, (3, 2)), zorder=0.5))
