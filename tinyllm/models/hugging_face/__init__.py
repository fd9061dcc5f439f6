"""Hugging Face's layouts in reading order: layout (what the tables mean), gpt2, llama, bert, t5. Their config.json and their
arrays' names, and ours; `Pretrained` reads and writes with them.

    layout_of(values)               # the layout of a config.json, or None: our own
    layout_for(model)               # (the layout that this model fits exactly, its config.json), or None
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ...nn import Module, TransformerLayer
from . import bert, gpt2, llama, t5
from .layout import Field, Layout, Only, Row, numbered

__all__ = ["Field", "Layout", "Only", "Row", "numbered", "layout_of", "layout_for", "LAYOUTS"]

LAYOUTS = (gpt2.LAYOUT, llama.LAYOUT, bert.LAYOUT, t5.LAYOUT)


def layout_of(values: Mapping[str, Any]) -> Layout | None:
    """The layout that a config.json is written in. "bert" is both's and decides nothing: n_layers is ours alone."""
    if "n_layers" in values:
        return None
    return next((layout for layout in LAYOUTS if layout.model_type == values.get("model_type")), None)


def layout_for(model: Module) -> tuple[Layout, dict[str, Any]] | None:
    """The layout of a model that is exactly one of theirs, with no parameter more, and the config.json that says so; None for
    all others.
    """
    fitting = [layout for layout in LAYOUTS if getattr(model, "model_type", None) in layout.kinds]
    if not fitting:
        return None
    config, parameters = _complete(model), dict(model.named_parameters())
    for layout in fitting:
        values = layout.their_config(config)
        rows = numbered(layout.rows(config), parameters)
        if values is not None and {name for row in rows for name in row.ours} == parameters.keys():
            return layout, {**values, "dtype": next(iter(parameters.values())).dtype.name}
    return None


def _complete(model: Any) -> dict[str, Any]:
    """The config with the sizes that it leaves to the layers."""
    layer = next(part for part in model.modules() if isinstance(part, TransformerLayer))
    attention = layer.attention
    return {
        **asdict(model.config), "n_kv_heads": attention.n_kv_heads, "head_dim": attention.head_dim,
        "d_hidden": layer.feed_forward.up.weight.shape[0], "norm_eps": layer.attention_norm.eps,
    }
