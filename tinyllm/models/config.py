"""What a model is made of, as numbers and names: checked once, saved as JSON."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

from ..nn.attention import check_heads
from ..nn.feedforward import check_activation
from ..nn.normalization import NORMS

POSITIONS = ("learned", "sinusoidal", "rotary")
LARGEST, LARGEST_TABLE = 1 << 22, 1 << 28
"""No size of a model, no table of positions, is larger: a config from outside must not ask for all memory."""


@dataclass(frozen=True)
class ModelConfig:
    """The sizes and choices that GPT and Bert share.

    vocab_size tokens, sequences of at most `context` of them; n_layers layers, d_model wide, with n_heads heads (n_kv_heads for
    keys and values, if fewer) and d_hidden inside the feed-forward networks (None: `nn.FeedForward` chooses).

    Raises TypeError for a field of the wrong type, ValueError for sizes that do not fit and unknown names.
    """

    vocab_size: int
    context: int = 128
    n_layers: int = 4
    n_heads: int = 4
    d_model: int = 128
    d_hidden: int | None = None
    n_kv_heads: int | None = None
    dropout: float = 0.0
    bias: bool = True
    activation: str = "gelu"
    norm: str = "layer"
    norm_first: bool = True
    positions: str = "learned"
    tie_embeddings: bool = True

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_type(field.name, str(field.type), getattr(self, field.name))
        check_heads(self.d_model, self.n_heads, self.n_heads if self.n_kv_heads is None else self.n_kv_heads)
        check_activation(self.activation)
        for name, value, known in (("norm", self.norm, NORMS), ("positions", self.positions, POSITIONS)):
            if value not in known:
                raise ValueError(f"no {name} {value!r}: choose one of {', '.join(known)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout {self.dropout} is the share that is dropped: choose one from 0 to below 1")
        if self.positions == "sinusoidal" and self.d_model % 2:
            raise ValueError(f"sinusoidal positions fill features in pairs, d_model {self.d_model} is odd: pick an even one")
        head_dim = self.d_model // self.n_heads
        if self.positions == "rotary" and head_dim % 2:
            raise ValueError(f"rotary positions turn pairs of features, heads of {head_dim} are odd: change n_heads or d_model")
        if self.context * self.d_model > LARGEST_TABLE:
            raise ValueError(f"context {self.context} × d_model {self.d_model} is more than {LARGEST_TABLE:,}: choose less")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From what JSON gives. Raises ValueError naming fields that this model does not have, or lacks."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(values.keys() - known):
            raise ValueError(f"{cls.__name__} has no field {', '.join(unknown)}: it has {', '.join(sorted(known))}")
        if "vocab_size" not in values:
            raise ValueError(f"{cls.__name__} needs vocab_size")
        return cls(**values)


@dataclass(frozen=True)
class GPTConfig(ModelConfig):
    """ModelConfig with GPT-2's choices, and no biases. See `ModelConfig` for the fields."""

    bias: bool = False
    activation: str = "gelu_tanh"


@dataclass(frozen=True)
class BertConfig(ModelConfig):
    """ModelConfig with BERT's choices, but norms first, which trains without fuss; norm_first=False is the paper's."""


def _check_type(name: str, kind: str, value: Any) -> None:
    if value is None and kind.endswith("| None"):
        return
    types: dict[str, Any] = {"int": int, "bool": bool, "str": str, "float": (int, float)}
    fits = types[kind.removesuffix(" | None")]
    if not isinstance(value, fits) or (isinstance(value, bool) and fits is not bool):
        raise TypeError(f"{name} is {value!r}: it must be of type {kind}")
    if kind.startswith("int") and not 1 <= value <= LARGEST:
        raise ValueError(f"{name} is {value}: choose one from 1 to {LARGEST:,}")
