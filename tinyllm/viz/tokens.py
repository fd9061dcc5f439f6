"""A text as the tokens a model sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .matrices import colour_scale, ink
from .style import COLOURS, HATCHES, figure, visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHARACTER, LINE, WIDTH = 0.0836, 0.3, 7.2       # inches: one of 10 points, a line of boxes, all of a line


def token_strip(
    tokens: Sequence[str], values: Any = None, title: str = "tokens", *, label: str = "value", diverging: bool = False
) -> Figure:
    """Tokens as boxes in reading order, wrapped into lines; a space shows as ·, a line end as ⏎.

    Without `values` two shades alternate, to show the boundaries. With one value a token, dark is much, and `label` names the
    number beside the colour bar; `diverging` centres the colours at 0 and gives negative tokens a dashed edge.
    Raises ValueError without tokens, or when there is not one value a token.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.patches import Rectangle

    if not len(tokens):
        raise ValueError("no tokens: there is nothing to draw")
    if values is not None and np.shape(values) != (len(tokens),):
        raise ValueError(f"values of shape {np.shape(values)} for {len(tokens)} tokens: one value a token")
    texts = [_shortened(visible(token)) for token in tokens]
    boxes, count = _wrapped([CHARACTER * (len(text) + 1) for text in texts])
    with figure(WIDTH + 0.3, LINE * count + (0.45 if values is None else 1.15)) as (fig, ax):
        edges = ["-"] * len(tokens)
        if values is None:
            fills: Any = [("#ffffff", "#dcdcdc")[i % 2] for i in range(len(tokens))]
            inks = ["black"] * len(tokens)
        else:
            values = np.asarray(values)
            colours, scale = colour_scale(values, diverging)
            image = ScalarMappable(scale, colours)
            fills = image.to_rgba(values)
            inks = [ink(fill) for fill in fills]
            if diverging and (values < 0).any():
                edges = ["--" if value < 0 else "-" for value in values]
                label += " (dashed edge: negative)"
            fig.colorbar(image, ax=ax, label=label, orientation="horizontal", shrink=0.5, aspect=40, pad=0.02)
        for text, (line, left, width), fill, colour, edge in zip(texts, boxes, fills, inks, edges, strict=True):
            ax.add_patch(Rectangle((left + 0.01, line + 0.08), width - 0.02, 0.84, facecolor=fill, edgecolor="#777777",
                                   linewidth=1.0 if edge == "--" else 0.5, linestyle=edge))
            ax.text(left + width / 2, line + 0.5, text, ha="center", va="center_baseline", family="monospace", fontsize=10,
                    color=colour, parse_math=False)
        ax.set_xlim(0.0, WIDTH)
        ax.set_ylim(count, 0.0)
        ax.set_title(title)
        ax.axis("off")
    return fig


def tagged_text(tokens: Sequence[str], tags: Sequence[str], title: str = "tagged text") -> Figure:
    """Tokens in reading order, wrapped into lines; what a tag marks is shaded, with a hatched bar and its label beneath.

    A tag a token, as in CoNLL files: "O" for none, "B-PER" where a person's name begins, "I-PER" where it goes on (or begins,
    after another label or none). Each label has its colour and its hatch.
    Raises ValueError without tokens, or when there is not one tag a token.
    """
    from matplotlib.patches import Rectangle

    if not len(tokens) or len(tags) != len(tokens):
        raise ValueError(f"{len(tokens)} tokens and {len(tags)} tags: at least one token, and one tag a token")
    texts = [_shortened(visible(token)) for token in tokens]
    labels = ["" if tag == "O" else tag.removeprefix("B-").removeprefix("I-") for tag in tags]
    boxes, count = _wrapped([
        max(CHARACTER * (len(text) + 1), 0.065 * (len(label) + 1)) for text, label in zip(texts, labels, strict=True)
    ])
    style = {label: i for i, label in enumerate(sorted(set(labels) - {""}))}
    with figure(WIDTH + 0.3, 1.8 * LINE * count + 0.45) as (fig, ax):
        for i, (text, label, (line, left, width)) in enumerate(zip(texts, labels, boxes, strict=True)):
            if label:
                colour, hatch = COLOURS[style[label] % len(COLOURS)], HATCHES[style[label] % len(HATCHES)]
                begins = tags[i].startswith("B-") or i == 0 or labels[i - 1] != label
                gap = 0.03 if begins else 0.0
                ax.add_patch(Rectangle((left + gap, line + 0.05), width - gap, 0.45, facecolor=colour, alpha=0.2, linewidth=0))
                ax.add_patch(Rectangle((left + gap, line + 0.5), width - gap, 0.14, facecolor=colour, hatch=hatch,
                                       edgecolor="white", linewidth=0))
                if begins or left == 0.0:             # a line that goes on with a name says again what it is
                    ax.text(left + gap, line + 0.66, label, ha="left", va="top", family="monospace", fontsize=7.5,
                            parse_math=False)
            ax.text(left + width / 2, line + 0.29, text, ha="center", va="center_baseline", family="monospace", fontsize=10,
                    parse_math=False)
        ax.set_xlim(0.0, WIDTH)
        ax.set_ylim(count, 0.0)
        ax.set_title(title)
        ax.axis("off")
    return fig


def _wrapped(widths: Sequence[float]) -> tuple[list[tuple[int, float, float]], int]:
    """(line, left, width) of each box, and the number of lines."""
    boxes: list[tuple[int, float, float]] = []
    line, left = 0, 0.0
    for width in widths:
        if left and left + width > WIDTH:
            line, left = line + 1, 0.0
        boxes.append((line, left, width))
        left += width
    return boxes, line + 1


def _shortened(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[:most - 20]}…{text[-19:]}"
