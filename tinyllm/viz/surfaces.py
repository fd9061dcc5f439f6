"""A function of two numbers, and the ways that lead down it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import COLOURS, LINES, figure, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def surface_path(
    f: Callable, paths: Mapping[str, Any], xlim: tuple[float, float], ylim: tuple[float, float], title: str, *,
    xlabel: str = "x", ylabel: str = "y",
) -> Figure:
    """Contour lines of f(x, y), which gets two arrays and answers one, and paths upon it: name → points (n, 2).

    A path starts at the ring and ends at the dot. The heights of the lines are chosen so that equal areas lie between
    neighbours, which shows a narrow valley and a steep wall on one picture; they are written on the lines.
    Raises ValueError for a path of another shape and for a function that does not vary in the window.
    """
    points = {name: np.asarray(path) for name, path in paths.items()}
    for name, path in points.items():
        if path.ndim != 2 or path.shape[1] != 2 or not len(path):
            raise ValueError(f"path {name!r} has shape {path.shape}: it takes (n, 2), one point (x, y) a row")
    x, y = np.meshgrid(np.linspace(*xlim, 161), np.linspace(*ylim, 161))
    heights = np.ma.masked_invalid(np.asarray(f(x, y)))
    if heights.shape != x.shape:
        raise ValueError(f"f answered shape {heights.shape} for x and y of shape {x.shape}: it must take arrays")
    levels = np.unique(np.quantile(heights.compressed(), np.linspace(0.03, 0.97, 14))) if heights.count() else np.empty(0)
    if len(levels) < 2:
        raise ValueError(f"f does not vary for x in {xlim} and y in {ylim}: there is no contour to draw")
    with figure(7.5, 5.0) as (fig, ax):
        contours = ax.contour(x, y, heights, levels, colors="#999999", linewidths=0.7)
        ax.clabel(contours, fontsize=7, fmt=number)
        for i, (name, path) in enumerate(points.items()):
            colour = COLOURS[i % len(COLOURS)]
            dash = LINES[(i + i // len(COLOURS)) % len(LINES)]
            ax.plot(*path.T, color=colour, linestyle=dash, linewidth=1.8, marker="." if len(path) < 60 else None, label=name)
            ax.plot(*path[0], color=colour, marker="o", markerfacecolor="white", markersize=8, linestyle="none")
            ax.plot(*path[-1], color=colour, marker="o", markersize=8, linestyle="none")
        ax.set_xlim(*xlim)
        ax.set_ylim(*ylim)
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        ax.set_title(title)
        ax.grid(False)
        if points:
            ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return fig
