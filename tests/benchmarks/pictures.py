"""The pictures of the results, in the look of `tinyllm.viz`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tinyllm.viz.style import COLOURS, HATCHES, LINES, figure, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS, PEERS, FLOOR = COLOURS[0], "#999999", "#ffffff"


def panels(n: int, columns: int, width: float, height: float, draw: Callable[[int, Axes], None], title: str) -> Figure:
    """n axes in rows of `columns`, each drawn by draw(i, axes); `width` × `height` inches are the whole picture's."""
    with figure(width, height) as (fig, whole):
        whole.remove()
        rows = -(-n // columns)
        for i in range(n):
            draw(i, fig.add_subplot(rows, columns, i + 1))
        fig.suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left")
    return fig


def contenders(found: Mapping[str, Mapping[str, Any]], title: str) -> Figure:
    """Config → contender → {"ms": …}: horizontal bars, a panel a config; ours coloured, the bare products white."""
    configs = list(found)
    names = list(dict.fromkeys(name for of in found.values() for name, row in of.items() if "ms" in row))
    columns = min(2, len(configs))

    def draw(i: int, ax: Axes) -> None:
        times = {name: row["ms"] for name, row in found[configs[i]].items() if "ms" in row}
        of = {place: times[name] for place, name in enumerate(names) if name in times}
        colours = [OURS if "tinyllm" in names[j] else FLOOR if "products" in names[j] else PEERS for j in of]
        bars = ax.barh(list(of), list(of.values()), color=colours, edgecolor="black", linewidth=0.6)
        ax.bar_label(bars, [f"{ms:,.0f}" if ms >= 100 else f"{ms:.1f}" for ms in of.values()], padding=2, fontsize=8)
        ax.set_yticks(range(len(names)), names if i % columns == 0 else [""] * len(names), fontsize=8)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.margins(x=0.18)
        ax.grid(axis="y", visible=False)
        ax.xaxis.set_major_formatter(lambda value, _: number(value))
        ax.set_xlabel("ms a step", fontsize=9)
        ax.set_title(configs[i])

    rows = -(-len(configs) // columns)
    return panels(len(configs), columns, 8.0, rows * (0.75 + 0.18 * len(names)) + 0.3, draw, title)


def stacked(shares: Mapping[str, Mapping[str, float]], xlabel: str, title: str) -> Figure:
    """Bar → part → percent: a horizontal bar each, its parts side by side, told apart by colour and hatch."""
    from matplotlib.patches import Patch

    parts = list(dict.fromkeys(part for of in shares.values() for part in of))
    looks = {part: (COLOURS[i % len(COLOURS)], HATCHES[i % len(HATCHES)]) for i, part in enumerate(parts)}
    looks |= {"rest": ("#dddddd", "")}

    def draw(_: int, ax: Axes) -> None:
        for place, of in enumerate(shares.values()):
            left = 0.0
            for part, value in of.items():
                colour, hatch = looks[part]
                ax.barh(place, value, left=left, color=colour, hatch=hatch, edgecolor="white", linewidth=0.5, height=0.6)
                if value >= 3:
                    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
                    ax.text(left + value / 2, place, f"{value:.0f}", ha="center", va="center", fontsize=8, bbox=box)
                left += value
        ax.set_yticks(range(len(shares)), list(shares))
        ax.invert_yaxis()
        ax.set_xlim(0, 100)
        ax.set_xlabel(xlabel)
        ax.grid(axis="y", visible=False)
        patches = [Patch(facecolor=c, hatch=h, edgecolor="white", label=part) for part, (c, h) in looks.items()]
        ax.figure.legend(handles=patches, loc="outside lower center", ncols=8, fontsize=8, columnspacing=1.2)

    return panels(1, 1, 8.0, 1.6 + 0.4 * len(shares), draw, title)


def curves(
    sides: Sequence[tuple[str, Mapping[str, Sequence[tuple[float, float]]]]], xlabel: str, ticks: Sequence[float], title: str
) -> Figure:
    """Panels (ylabel, curve → points) side by side, both axes logarithmic, one legend below."""
    def draw(i: int, ax: Axes) -> None:
        ylabel, of = sides[i]
        for j, (name, points) in enumerate(of.items()):
            ax.plot(*zip(*points, strict=True), color=COLOURS[j], linestyle=LINES[j], marker="o", markersize=3.5, label=name)
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xticks(list(ticks), [number(t) for t in ticks], fontsize=8)
        ax.yaxis.set_major_formatter(lambda value, _: number(value))
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        if i == 0:
            ax.legend(fontsize=8)

    return panels(len(sides), len(sides), 8.0, 3.6, draw, title)


def grouped(groups: Mapping[str, Mapping[str, float]], ylabel: str, title: str, log: bool = False) -> Figure:
    """Group → bar → height: groups of bars side by side with their numbers."""
    names = list(dict.fromkeys(name for of in groups.values() for name in of))
    width = 0.84 / len(names)

    def draw(_: int, ax: Axes) -> None:
        for j, name in enumerate(names):
            at = [(i - 0.42 + (j + 0.5) * width, of[name]) for i, of in enumerate(groups.values()) if name in of]
            hatch = HATCHES[j % len(HATCHES)]
            bars = ax.bar(*zip(*at, strict=True), width, color=COLOURS[j % 6], hatch=hatch, edgecolor="white", label=name)
            many = len(groups) * len(names) > 12
            ax.bar_label(bars, [number(float(f"{h:.3g}")) for _, h in at], padding=1, fontsize=6 if many else 8)
        ax.set_xticks(range(len(groups)), list(groups), fontsize=8 if len(groups) > 5 else 9)
        if log:
            ax.set_yscale("log")
        ax.yaxis.set_major_formatter(lambda value, _: number(value))
        ax.set_ylabel(ylabel)
        ax.grid(axis="x", visible=False)
        ax.margins(y=0.1)
        ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3)

    return panels(1, 1, 8.0, 4.3, draw, title)
