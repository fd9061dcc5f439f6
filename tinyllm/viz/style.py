"""One look for every picture: readable in black and white, in print, and by colour-blind readers."""

from __future__ import annotations

import contextlib
import functools
import io
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
HATCHES = ("", "//", "..", "xx", "\\\\", "++", "oo")
"""The same for areas."""

_DPI = 100
_RC: Any = {
    "font.size": 10, "axes.titlesize": 11, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.labelsize": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#dddddd", "grid.linewidth": 0.6,
    "axes.axisbelow": True, "legend.frameon": False, "lines.linewidth": 1.8, "hatch.linewidth": 0.6,
    "figure.constrained_layout.use": True, "svg.fonttype": "none",
}


@contextlib.contextmanager
def figure(width: float = 7.0, height: float = 4.0, **axes: Any) -> Iterator[tuple[Figure, Axes]]:
    """A figure of width × height inches (100 pixels each) and its axes, in the project's look.

    `axes` go to matplotlib's `add_subplot`. Process-wide settings stay as they are. The figure is no window's: it lives as
    long as somebody holds it, and a notebook shows it where it is the last expression of a cell.
    Raises ImportError, naming the extra, where matplotlib is missing.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install tinyllm[viz]") from error
    with matplotlib.rc_context(_RC):
        fig = _picture()(figsize=(width, height), dpi=_DPI)
        yield fig, fig.add_subplot(**axes)


@functools.cache
def _picture() -> type[Figure]:
    import matplotlib
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A Figure that shows itself in a notebook, with pyplot and without, and keeps its look however it is drawn."""

        def draw(self, renderer: Any) -> None:
            with matplotlib.rc_context(_RC):          # ticks and grid lines are made, and read the settings, when drawn
                super().draw(renderer)

        def _repr_png_(self) -> bytes:
            png = io.BytesIO()
            self.savefig(png, format="png")
            return png.getvalue()

    return Picture


def save(fig: Figure, path: str | Path) -> Path:
    """Write the picture beside its place and rename it there: an interrupted write leaves the old one."""
    path = Path(path)
    beside = path.with_name(f".{path.stem}.partial{path.suffix}")
    fig.savefig(beside)
    beside.replace(path)
    return path


# ---------------------------------------------------------------- numbers and tokens as text

def number(value: Any) -> str:
    """As one would write it on a board: 12,345, 0.0123, 1e-09, −∞."""
    value = float(value)
    if abs(value) == float("inf"):
        return "∞" if value > 0 else "−∞"
    whole = value.is_integer() or abs(value) >= 1000
    text = f"{value + 0.0:,.0f}" if whole and abs(value) < 1e7 else f"{value:.3g}"      # + 0.0: no −0
    return text.replace("-", "−", 1) if text.startswith("-") else text


def visible(token: str) -> str:
    """A token as it can be drawn: spaces and line ends as signs, what the font lacks by its number, nothing as ∅."""
    signs = {" ": "·", "\n": "⏎", "\t": "⇥"}
    return "".join(signs.get(c) or (c if c.isprintable() and ord(c) in _glyphs() else f"[{ord(c):X}]") for c in token) or "∅"


@functools.cache
def _glyphs() -> frozenset[int]:
    """The characters of the font that tokens are drawn in."""
    from matplotlib import font_manager, ft2font

    return frozenset(ft2font.FT2Font(font_manager.findfont("monospace")).get_charmap())
