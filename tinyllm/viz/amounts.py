"""How much, and how it is spread: bars and histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import COLOURS, LINES, figure, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def bars(
    values: Mapping[str, float], ylabel: str, title: str, *, baseline: float | None = None, baseline_name: str = "baseline"
) -> Figure:
    """One bar a name, from 0, with its number on it; `baseline` is a dotted line, with its number in the legend.

    Raises ValueError when there is nothing to draw or a value is not finite.
    """
    heights = np.array([float(value) for value in values.values()])
    if not heights.size or not np.all(np.isfinite(heights)):
        raise ValueError(f"bars of {dict(values)}: it takes at least one value, all finite")
    names = list(values)
    long = sum(map(len, names)) > 70 or max(map(len, names)) * len(names) > 80
    with figure(7.5, 4.2) as (fig, ax):
        drawn = ax.bar(range(len(names)), heights, 0.7, color=COLOURS[0])
        ax.bar_label(drawn, [number(height) for height in heights], padding=2, fontsize=8 if len(names) > 12 else 9)
        if (heights < 0).any():
            ax.axhline(0.0, color="black", linewidth=0.8)
        if baseline is not None:
            ax.axhline(baseline, color="black", linestyle=":", linewidth=1.2, label=f"{baseline_name} ({number(baseline)})")
            fig.legend(loc="outside lower right")
        ax.set_xticks(range(len(names)), names, parse_math=False, rotation=40 if long else 0, ha="right" if long else "center")
        ax.margins(y=0.1)
        ax.yaxis.set_major_formatter(lambda height, _: number(height))
        ax.set_ylabel(ylabel)
        ax.set_title(title)
        ax.grid(axis="x", visible=False)
    return fig


def histogram(
    samples: Mapping[str, Any], xlabel: str, title: str, *, bins: int | str | Sequence[float] = 40, logy: bool = False
) -> Figure:
    """How often numbers occur, as outlines over shared bins, one a name; arrays of any shape count entry by entry.

    `bins` is NumPy's: how many, a rule's name, or the edges; what lies outside given edges is not counted.
    Raises ValueError when a name has no numbers, or numbers that are not finite.
    """
    flat = {name: np.asarray(sample).ravel() for name, sample in samples.items()}
    if not flat:
        raise ValueError("a histogram of nothing: give at least one name and its numbers")
    for name, sample in flat.items():
        if not sample.size or not np.all(np.isfinite(sample)):
            raise ValueError(f"the numbers of {name!r}: {sample.size} of them, {np.isfinite(sample).sum()} finite; "
                             "a histogram needs at least one, and all finite")
    edges = np.histogram_bin_edges(np.concatenate(list(flat.values())), bins)
    with figure(7.5, 4.2) as (fig, ax):
        for i, (name, sample) in enumerate(flat.items()):
            counts, _ = np.histogram(sample, edges)
            ax.stairs(counts, edges, baseline=None if logy else 0, color=COLOURS[i % len(COLOURS)],
                      linestyle=LINES[(i + i // len(COLOURS)) % len(LINES)], linewidth=1.8, label=name)
        if logy:
            ax.set_yscale("log")
        else:
            ax.set_ylim(bottom=0)
        ax.set_xlabel(xlabel)
        ax.set_ylabel("count a bin")
        ax.set_title(title)
        ax.legend(loc="best")
    return fig
