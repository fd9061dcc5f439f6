"""How well a classifier does: what it confuses, and how it compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .matrices import name_axes, write_cells
from .style import COLOURS, HATCHES, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def confusion_map(counts: np.ndarray, names: Sequence[str], title: str = "confusion matrix") -> Figure:
    """Counts (K, K), row = the true label, column = the predicted one. Shaded by share of the row, so rare labels show too.

    Raises ValueError when there is not one row and column a name.
    """
    counts = np.asarray(counts)
    if counts.shape != (len(names), len(names)):
        raise ValueError(f"confusion matrix of shape {counts.shape} for {len(names)} names: one row and one column a name")
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.4 + 0.42 * len(names)
    with figure(size + 0.8, size) as (fig, ax):
        image = ax.imshow(share, cmap="Greys", vmin=0.0, vmax=1.0)
        write_cells(ax, image, [[str(n) if n else "" for n in row] for row in counts])
        name_axes(ax, names, names, (0.42, 0.42), fontsize=10)
        ax.set_xlabel("predicted")
        ax.set_ylabel("true")
        ax.set_title(title)
        ax.grid(False)
        fig.colorbar(image, ax=ax, label="share of the row", shrink=0.8)
    return fig


def accuracy_bars(
    accuracies: Mapping[str, Sequence[float | None]], settings: Sequence[str], title: str, chance: float | None = None
) -> Figure:
    """Accuracy of several methods (name → one number a setting, None where not run) in groups, one group a setting.

    `chance` draws the accuracy of always answering the commonest label.
    """
    n = len(accuracies)
    many = n * len(settings) > 12                     # then the legend goes below, and a bar has 0.3 inches for its number
    with figure(max(7.5, 1.0 + 0.375 * n * len(settings)) if many else 7.5, 4.6 if many else 4.2) as (fig, ax):
        for i, (name, values) in enumerate(accuracies.items()):
            for j, value in enumerate(values):
                if value is None:
                    continue
                x = j + (i - (n - 1) / 2) * 0.8 / n
                ax.bar(x, value, 0.8 / n * 0.92, color=COLOURS[i % len(COLOURS)], hatch=HATCHES[i % len(HATCHES)],
                       edgecolor="white", label=name if j == next(k for k, v in enumerate(values) if v is not None) else None)
                ax.text(x, value + 0.01, f"{value:.2f}", ha="center", fontsize=8)
        if chance is not None:
            ax.axhline(chance, color="black", linestyle=":", linewidth=1.2, label=f"commonest label ({chance:.2f})")
        ax.set_xticks(range(len(settings)), settings)
        ax.set_ylim(0.0, 1.05)
        ax.set_ylabel("accuracy on unseen test texts")
        ax.set_title(title)
        ax.grid(axis="x", visible=False)
        if many:
            fig.legend(loc="outside lower left", ncols=3)
        else:
            ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return fig
