"""How training goes: curves over steps, against what simple methods reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .style import COLOURS, LINES, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curve = Sequence[tuple[float, float]]
"""(x, y) pairs in order of x."""


def loss_curve(
    curves: Mapping[str, Curve], xlabel: str = "step", ylabel: str = "loss (nats)", title: str = "training",
    baselines: Mapping[str, float] | None = None,
) -> Figure:
    """Curves by name, and a horizontal line for each baseline: what a method without training steps reaches.

    Long jagged curves (more than 200 points) are drawn thin. Raises ValueError when there is nothing to draw.
    """
    if not any(curves.values()):
        raise ValueError("no curve has a point: nothing was logged yet")
    with figure(7.5, 4.2) as (fig, ax):
        for i, (name, curve) in enumerate(curves.items()):
            x, y = zip(*curve, strict=True) if curve else ((), ())
            thin = len(curve) > 200
            ax.plot(x, y, color=COLOURS[i % len(COLOURS)], linestyle=LINES[i % len(LINES)], linewidth=0.8 if thin else 1.8,
                    marker="o" if len(curve) < 25 else None, markersize=3.5, label=name)
        levels: list[float] = []
        span = max(ax.get_ylim()[1] - ax.get_ylim()[0], 1e-9)
        for name, level in sorted((baselines or {}).items(), key=lambda item: item[1]):
            ax.axhline(level, color="#555555", linestyle=":", linewidth=1.2)
            crowded = any(abs(level - other) < 0.04 * span for other in levels)
            ax.annotate(f"{name} {level:.2f}", (1.0, level), xycoords=("axes fraction", "data"), fontsize=8, color="#333333",
                        ha="right", va="top" if crowded else "bottom")
            levels.append(level)
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        ax.set_title(title)
        ax.legend(loc="best")
    return fig
