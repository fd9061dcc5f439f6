"""A matrix as a picture, and what every such picture needs: a scale of colours, names along the sides, numbers in the cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import figure, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


def heatmap(
    matrix: Any, xlabel: str, ylabel: str, title: str, *, label: str = "value", diverging: bool = False,
    rows: Sequence[str] | None = None, columns: Sequence[str] | None = None, values: bool = False,
) -> Figure:
    """A matrix (R, C), row 0 on top: dark is much. `label` names the numbers beside the colour bar.

    `diverging` centres the colours at 0 and hatches negative cells, so that the sign reads without colour. `rows` and
    `columns` name the sides (every second name or fewer where all would not fit); `values` writes each number into its cell.
    Entries that are not finite are crossed out, and left out of the scale.
    Raises ValueError when there is no finite entry, and when there is not one name a row or column.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"a heat map of shape {matrix.shape}: it needs two axes, (rows, columns), each of at least 1")
    for names, count, side in ((rows, len(matrix), "row"), (columns, matrix.shape[1], "column")):
        if names is not None and len(names) != count:
            raise ValueError(f"{len(names)} names for a matrix of shape {matrix.shape}: one name a {side}, so {count}")
    colours, scale = colour_scale(matrix, diverging)
    texts = [[number(entry) for entry in row] for row in matrix] if values else None
    width, height, square = _cell_area(matrix.shape, texts)
    widest = max(map(len, rows or [""]))
    with figure(max(width + 1.9 + 0.07 * widest, 0.093 * len(title) + 0.3), height + 1.0) as (fig, ax):
        image = ax.imshow(np.ma.masked_invalid(matrix), cmap=colours, norm=scale, aspect="equal" if square else "auto")
        name_axes(ax, rows, columns, (height / len(matrix), width / matrix.shape[1]))
        if texts:
            write_cells(ax, image, texts)
        else:
            finite = np.isfinite(matrix)
            negative = finite & (matrix < 0) & diverging
            for where, hatch, meaning in ((negative, "///", "negative"), (~finite, "xxx", "not finite")):
                if where.any():
                    _hatch(ax, where, hatch)
                    label += f"\n({hatch[0]} {meaning})"
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        fig.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        ax.grid(False)
        fig.colorbar(image, ax=ax, label=label, shrink=0.9 if height < 2.5 else 0.8)
    return fig


def _cell_area(shape: tuple[int, ...], texts: list[list[str]] | None) -> tuple[float, float, bool]:
    """Inches for all cells together, and whether a cell comes out square."""
    if texts:
        longest = max(len(text) for row in texts for text in row)
        return max(1.5, shape[1] * (0.16 + 0.065 * longest)), max(1.0, 0.34 * shape[0]), False
    cell = min(0.4, 5.5 / max(shape))
    width, height = cell * shape[1], cell * shape[0]
    return max(width, 1.5), max(height, 1.2), width >= 1.5 and height >= 1.2


def colour_scale(values: np.ndarray, diverging: bool = False) -> tuple[Colormap, Normalize]:
    """White to black from the least to the greatest value; or red, white at 0, blue. Raises ValueError if none is finite."""
    import matplotlib
    from matplotlib.colors import Normalize

    finite = np.asarray(values)[np.isfinite(values)]
    if not finite.size:
        raise ValueError("no value is finite: there is nothing to draw")
    low, high = float(finite.min()), float(finite.max())
    if diverging:
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    elif low == high:
        low, high = low - 0.5, high + 0.5
    return matplotlib.colormaps["RdBu" if diverging else "Greys"], Normalize(low, high)


def ink(background: Any) -> str:
    """Black or white, whichever is read better on a colour (r, g, b, opacity) over white."""
    r, g, b, opacity = background
    return "black" if opacity * (0.299 * r + 0.587 * g + 0.114 * b) + 1 - opacity > 0.5 else "white"


def name_axes(
    ax: Axes, rows: Sequence[str] | None, columns: Sequence[str] | None, cell: tuple[float, float], **text: Any
) -> None:
    """Names along the sides of cells of (height, width) inches: upright where they don't fit side by side, and sparse where
    even that is too tight. Where there are no names, whole numbers."""
    from matplotlib.ticker import MaxNLocator

    text = {"fontsize": 8, "parse_math": False} | text
    for axis, names, inches in ((ax.yaxis, rows, cell[0]), (ax.xaxis, columns, cell[1])):
        if names is None:
            axis.set_major_locator(MaxNLocator(nbins="auto", integer=True))
            continue
        every = max(1, -int(-0.13 // inches))         # a line of text is 0.13 inches high
        chosen = range(0, len(names), every)
        upright = axis is ax.xaxis and max(len(names[i]) for i in chosen) * 0.08 > inches * every
        axis.set_ticks(chosen, [names[i] for i in chosen], rotation=90 if upright else 0, **text)


def write_cells(ax: Axes, image: AxesImage, texts: Sequence[Sequence[str]]) -> None:
    """A text into each cell of an image, in black or white as the cell demands."""
    colours = image.to_rgba(np.ma.asarray(image.get_array()))
    for i, row in enumerate(texts):
        for j, text in enumerate(row):
            if text:
                ax.text(j, i, text, ha="center", va="center", fontsize=8, color=ink(colours[i][j]))


def _hatch(ax: Axes, where: np.ndarray, hatch: str) -> None:
    edges = (np.arange(n + 1) - 0.5 for n in reversed(where.shape))
    ax.pcolor(*edges, np.ma.masked_where(~where, where), hatch=hatch, facecolor="none", edgecolor="#777777", linewidth=0.0)
