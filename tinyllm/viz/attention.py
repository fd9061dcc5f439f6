"""Where a model looks: attention weights as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .matrices import name_axes
from .style import figure, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


def attention_map(
    weights: np.ndarray, tokens: Sequence[str], title: str = "attention", *, source: Sequence[str] | None = None
) -> Figure:
    """Weights (T, T) of one head, or their mean over heads: row = the token that looks, column = the token looked at.
    In cross-attention (T, S) these are another text's, `source`.

    Each row sums to 1; dark is much. Raises ValueError when there is not one row and column a token.
    """
    weights = np.asarray(weights)
    across = tokens if source is None else source
    if weights.shape != (len(tokens), len(across)):
        texts = f"{len(tokens)} tokens" if source is None else f"{len(tokens)} tokens that look at {len(source)}"
        raise ValueError(f"attention of shape {weights.shape} for {texts}: one row and one column a token")
    width = max(2.8 + 0.28 * len(across), 0.3 + 0.093 * len(title))
    with figure(width, 2.0 + 0.28 * len(tokens)) as (fig, ax):
        image = _draw(ax, weights, tokens, across, max(float(weights.max()), 1e-9))
        ax.set_xlabel("token looked at" if source is None else "token of the source, looked at")
        ax.set_ylabel("token that looks")
        fig.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        fig.colorbar(image, ax=ax, label="weight (a row sums to 1)", shrink=0.8)
    return fig


def attention_heads(weights: np.ndarray, tokens: Sequence[str], title: str = "attention by head") -> Figure:
    """Weights (H, T, T): the heads side by side, on one scale. Raises ValueError as `attention_map`."""
    weights = np.asarray(weights)
    if weights.ndim != 3 or weights.shape[1:] != (len(tokens), len(tokens)):
        raise ValueError(f"attention of shape {weights.shape} for {len(tokens)} tokens: heads, then one row and column a token")
    columns = min(len(weights), 2)
    rows = -(-len(weights) // columns)
    side = 1.1 + 0.2 * len(tokens)
    with figure(side * columns + 1.0, side * rows + 0.7) as (fig, first):
        first.remove()
        grid = fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for unused in grid.flat[len(weights):]:
            unused.remove()
        axes = list(grid.flat[:len(weights)])
        for h, ax in enumerate(axes):
            image = _draw(ax, weights[h], tokens, tokens, 1.0)
            ax.set_title(f"head {h + 1}", fontsize=9)
        fig.supxlabel("token looked at", fontsize=10)
        fig.supylabel("token that looks", fontsize=10)
        fig.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        fig.colorbar(image, ax=axes, label="weight (a row sums to 1)", shrink=0.6)
    return fig


def _draw(ax: Axes, weights: np.ndarray, rows: Sequence[str], columns: Sequence[str], most: float) -> AxesImage:
    image = ax.imshow(weights, cmap="Greys", vmin=0.0, vmax=most)
    name_axes(ax, [visible(token) for token in rows], [visible(token) for token in columns], (0.2, 0.2), family="monospace")
    ax.grid(False)
    return image
