"""One look for every picture: readable in black and white, in print, and by colour-blind readers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette: told apart with any kind of colour vision."""
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 3)))
"""Each colour has its own dash, so that the lines stay apart without colour."""

_RC: Any = {
    "font.size": 10, "axes.titlesize": 11, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.labelsize": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#dddddd", "grid.linewidth": 0.6,
    "axes.axisbelow": True, "legend.frameon": False, "lines.linewidth": 1.8, "figure.constrained_layout.use": True,
    "savefig.dpi": 130, "svg.fonttype": "none",
}


@contextlib.contextmanager
def figure(width: float = 7.0, height: float = 4.0, **axes: Any) -> Iterator[tuple[Figure, Axes]]:
    """A figure of width × height inches and its axes, in the project's look; process-wide settings stay as they are.

    `axes` go to matplotlib's `add_subplot`. The figure is no window's: it lives as long as somebody holds it.
    Raises ImportError, naming the extra, where matplotlib is missing.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install tinyllm[viz]") from error
    with matplotlib.rc_context(_RC):
        fig = Figure(figsize=(width, height))
        yield fig, fig.add_subplot(**axes)


def save(fig: Figure, path: str | Path) -> Path:
    """Write the picture beside its place and rename it there: an interrupted write leaves the old one."""
    path = Path(path)
    beside = path.with_name(f".{path.stem}.partial{path.suffix}")
    fig.savefig(beside)
    beside.replace(path)
    return path
