"""Numbers that depend on a number: curves, and how training goes, against what simple methods reach."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import COLOURS, LINES, figure, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Curve = Sequence[tuple[float, float]] | tuple[Any, Any]
"""A list of points (x, y) in order of x, or a tuple (x, y) of two arrays."""


def lines(
    curves: Mapping[str, Curve], xlabel: str, ylabel: str, title: str, *, logx: bool = False, logy: bool = False,
    baselines: Mapping[str, float] | None = None,
) -> Figure:
    """Curves by name, and a horizontal dotted line for each baseline, with its value.

    A curve is a list of points (x, y), or a tuple (x, y) of two arrays. Few points (under 25) are marked; long jagged curves
    (over 200) are drawn thin. Raises ValueError when there is nothing to draw, when x and y have not one length, and for
    numbers that a logarithmic axis has no place for.
    """
    points = {name: _points(name, curve) for name, curve in curves.items()}
    if not any(len(x) for x, _ in points.values()):
        raise ValueError("no curve has a point: there is nothing to draw (nothing was logged yet?)")
    drawn = [(name, logx, "x", x) for name, (x, _) in points.items()]
    drawn += [(name, logy, "y", y) for name, (_, y) in points.items()]
    drawn += [(name, logy, "y", np.asarray(level)) for name, level in (baselines or {}).items()]
    for name, log, side, values in drawn:
        if log and np.any(values <= 0):
            raise ValueError(f"{name!r} has {side} = {values.min():g}: a logarithmic axis has no place for numbers <= 0")
    with figure(7.5, 4.2) as (fig, ax):
        ax.set_xscale("log" if logx else "linear")
        ax.set_yscale("log" if logy else "linear")
        for i, (name, (x, y)) in enumerate(points.items()):
            dash = LINES[(i + i // len(COLOURS)) % len(LINES)]      # the eighth curve has the first one's colour, not its dash
            ax.plot(x, y, color=COLOURS[i % len(COLOURS)], linestyle=dash, linewidth=0.8 if len(x) > 200 else 1.8,
                    marker="o" if len(x) < 25 else None, markersize=3.5, label=name)
        _draw_baselines(ax, baselines or {})
        for axis, log in ((ax.xaxis, logx), (ax.yaxis, logy)):
            if log:
                _plain_ticks(axis)
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        ax.set_title(title)
        if len(points) > 5:
            ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
        else:
            ax.legend(loc="best")
    return fig


def loss_curve(
    curves: Mapping[str, Curve], xlabel: str = "step", ylabel: str = "loss (nats)", title: str = "training",
    baselines: Mapping[str, float] | None = None,
) -> Figure:
    """`lines` over training steps; a baseline is what a method without training steps reaches. Raises as `lines`."""
    return lines(curves, xlabel, ylabel, title, baselines=baselines)


def _points(name: str, curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(curve, tuple) and len(curve) == 2:
        x, y = np.asarray(curve[0]), np.asarray(curve[1])
    else:
        pairs = np.asarray(curve) if len(curve) else np.empty((0, 2))
        if pairs.ndim != 2 or pairs.shape[1] != 2:
            raise ValueError(f"curve {name!r} has shape {pairs.shape}: give points (x, y), or a tuple (x, y) of two arrays")
        x, y = pairs.T
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"curve {name!r} has x of shape {x.shape} and y of shape {y.shape}: both must have one length")
    return x, y


def _plain_ticks(axis: Axis) -> None:
    """Within two decades powers of ten are one or two marks: 2, 5, 20 and more such numbers instead."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    low, high = axis.get_view_interval()
    decades = math.log10(high / low)
    if decades >= 2:
        return
    marks = (1.0, 2.0, 5.0) if decades >= 1 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
    axis.set_major_locator(LogLocator(subs=marks) if decades >= 0.5 else MaxNLocator(6))
    axis.set_major_formatter(lambda value, _: number(value))
    axis.set_minor_locator(NullLocator())


def _draw_baselines(ax: Axes, baselines: Mapping[str, float]) -> None:
    """Each with its name at the right end, above the line; a name too near to the next goes below, and none covers another."""
    levels = sorted(baselines.items(), key=lambda item: item[1])
    for _, level in levels:
        ax.axhline(level, color="#555555", linestyle=":", linewidth=1.2)
    to_axes = ax.transData + ax.transAxes.inverted()
    heights = [float(to_axes.transform((ax.get_xlim()[0], level))[1]) for _, level in levels] + [2.0]
    free, step = 0.0, 0.05                            # of the axes' height, 250 points: where room begins, what a name takes
    for (name, level), height, above in zip(levels, heights, heights[1:], strict=False):
        place = max(height - step if above - height < step else height, free)
        ax.annotate(f"{name} {level:.2f}", (1.0, level), (0.0, 250 * (place - height)), ("axes fraction", "data"),
                    "offset points", fontsize=8, color="#333333", ha="right", va="bottom", zorder=3,
                    bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5})
        free = place + step
