"""Points in a plane, such as texts by two numbers made of their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import COLOURS, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
WIDTH, HEIGHT = 7.5, 5.2                              # of the picture, inches; its axes take about 9/10 of both


def scatter(
    points: Any, xlabel: str, ylabel: str, title: str, *, names: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
) -> Figure:
    """Points (n, 2), on one scale in both directions, so that distances on the picture are distances.

    `names` writes a text beside each, on the side where it covers least; `groups` says which group each point belongs to, and
    a group has its colour and its marker. Vectors of more than two numbers are projected before; the axes' labels say how.
    Raises ValueError for another shape, points that are not finite, and when there is not one name or group a point.
    """
    points = np.asarray(points, float)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.all(np.isfinite(points)):
        raise ValueError(f"points of shape {points.shape}: it takes (n, 2), at least one point (x, y), and all finite")
    for given, what in ((names, "names"), (groups, "groups")):
        if given is not None and len(given) != len(points):
            raise ValueError(f"{len(given)} {what} for {len(points)} points: one a point")
    kinds = list(dict.fromkeys(groups)) if groups is not None else [""]
    with figure(WIDTH, HEIGHT) as (fig, ax):
        for i, kind in enumerate(kinds):
            chosen = points if groups is None else points[[group == kind for group in groups]]
            ax.plot(*chosen.T, linestyle="none", color=COLOURS[i % len(COLOURS)],
                    marker=MARKERS[(i + i // len(COLOURS)) % len(MARKERS)], markersize=6, label=kind)
        scale = max(np.ptp(points[:, 0]) / WIDTH, np.ptp(points[:, 1]) / HEIGHT, 1e-12) / 0.8     # of the axes, an inch
        for name, point, side in zip(names or (), points, _sides(points / scale, names or ()), strict=False):
            right, up = side
            ax.annotate(name, point, (6 * right, 6 * up), textcoords="offset points", fontsize=8, parse_math=False,
                        ha=("right", "center", "left")[right + 1], va=("top", "center", "bottom")[up + 1])
        ax.set_aspect("equal", adjustable="datalim")
        ax.margins(0.12 if names is not None else 0.05)
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        ax.set_title(title)
        if groups is not None:
            fig.legend(loc="outside lower left", ncols=min(len(kinds), 5))
    return fig


def _sides(points: np.ndarray, names: Sequence[str]) -> list[tuple[int, int]]:
    """For each name the side (right, up) of its point where it covers least of points and of names before it. Inches."""
    taken = [(x - 0.05, y - 0.05, x + 0.05, y + 0.05) for x, y in points]
    sides = []
    for (x, y), name in zip(points, names, strict=False):
        width, height = 0.068 * len(name), 0.13
        rooms = {}
        for right, up in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)):
            left = x + 0.083 * right - width * (1 - right) / 2
            bottom = y + 0.083 * up - height * (1 - up) / 2
            rooms[right, up] = (left, bottom, left + width, bottom + height)
        side = min(rooms, key=lambda side: sum(_overlap(rooms[side], other) for other in taken))
        taken.append(rooms[side])
        sides.append(side)
    return sides


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
