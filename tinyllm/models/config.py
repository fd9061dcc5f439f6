"""What a model is made of, as numbers and names: checked once, saved as JSON."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field, fields
from typing import Any, Self

from ..nn.attention import check_heads
from ..nn.feedforward import check_activation
from ..nn.normalization import NORMS

UNBOUNDED = ("relative", "alibi")
POSITIONS = ("learned", "sinusoidal", "rotary", *UNBOUNDED)
LARGEST, LARGEST_TABLE = 1 << 22, 1 << 28
"""No size of a model, no table of positions, is larger: a config from outside must not ask for all memory."""


@dataclass(frozen=True)
class ModelConfig:
    """The sizes and choices that all Transformers share.

    vocab_size tokens, sequences of at most `context` of them; n_layers layers, d_model wide, with n_heads heads (n_kv_heads for
    keys and values, if fewer; head_dim wide, None: d_model / n_heads) and d_hidden inside the feed-forward networks (None:
    `nn.FeedForward` chooses). norm_eps None leaves each norm its own.

    Positions: "learned" and "sinusoidal" vectors are added to the tokens'; "rotary" turns queries and keys, by angles that fall
    from 1 to 1/rope_base a step; "relative" learns a number for each of relative_buckets distances, all beyond
    relative_distance in one; "alibi" lowers scores with the distance, ahead as behind, so that layers that see both sides
    cannot tell a text from its reverse. The last two have no table as long as the context, which then limits memory and nothing
    else: `model.set_context(4096)`, and a longer text may follow.

    Raises TypeError for a field of the wrong type, ValueError for sizes that do not fit and unknown names.
    """

    vocab_size: int
    context: int = 128
    n_layers: int = 4
    n_heads: int = 4
    d_model: int = 128
    d_hidden: int | None = None
    n_kv_heads: int | None = None
    head_dim: int | None = None
    dropout: float = 0.0
    bias: bool = True
    activation: str = "gelu"
    norm: str = "layer"
    norm_first: bool = True
    norm_eps: float | None = None
    positions: str = "learned"
    rope_base: float = 10000.0
    relative_buckets: int = 32
    relative_distance: int = 128
    tie_embeddings: bool = True

    def __post_init__(self) -> None:
        for f in fields(self):
            check_type(f.name, str(f.type), getattr(self, f.name), least=f.metadata.get("least", 1))
        check_heads(self.d_model, self.n_heads, self.n_heads if self.n_kv_heads is None else self.n_kv_heads, self.head_dim)
        check_activation(self.activation)
        for name, value, known in (("norm", self.norm, NORMS), ("positions", self.positions, POSITIONS)):
            if value not in known:
                raise ValueError(f"no {name} {value!r}: choose one of {', '.join(known)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout {self.dropout} is the share that is dropped: choose one from 0 to below 1")
        if self.norm_eps is not None and not 0 < self.norm_eps < 1:
            raise ValueError(f"norm_eps {self.norm_eps} keeps a norm from dividing by 0: choose a small number above 0")
        if not 1 < self.rope_base < math.inf:
            raise ValueError(f"rope_base {self.rope_base} makes angles that fall: choose a number above 1")
        if self.positions == "sinusoidal" and self.d_model % 2:
            raise ValueError(f"sinusoidal positions fill features in pairs, d_model {self.d_model} is odd: pick an even one")
        if self.positions == "rotary" and self.d_head % 2:
            raise ValueError(f"rotary positions turn pairs of features, heads of {self.d_head} are odd: change their width")
        for name, width in (("d_model", self.d_model), ("the width of a head", self.d_head)):
            if self.context * width > LARGEST_TABLE:
                raise ValueError(f"context {self.context} × {name} {width} is more than {LARGEST_TABLE:,}: choose less")
        if self.n_heads * self.d_head > LARGEST:
            raise ValueError(f"{self.n_heads} heads of {self.d_head} are wider than {LARGEST:,}: choose less")

    @property
    def d_head(self) -> int:
        """The width of a head."""
        return self.d_model // self.n_heads if self.head_dim is None else self.head_dim

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From what JSON gives. Raises ValueError naming fields that this model does not have, or lacks."""
        known = {f.name for f in fields(cls)}
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
class LlamaConfig(GPTConfig):
    """ModelConfig with Llama's choices; Llama itself does not tie its embeddings, its small relatives do."""

    activation: str = "swiglu"
    norm: str = "rms"
    positions: str = "rotary"


@dataclass(frozen=True)
class BertConfig(ModelConfig):
    """ModelConfig with BERT's choices, but norms first, which trains without fuss; norm_first=False is the paper's.

    n_segments kinds of segments (0: none), a `pooler` for the vector at [CLS], and on it the head for `next_sentence`;
    `masked_head` fills in tokens.
    """

    n_segments: int = field(default=0, metadata={"least": 0})
    pooler: bool = False
    next_sentence: bool = False
    masked_head: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.next_sentence and not self.pooler:
            raise ValueError("next_sentence judges what the pooler makes: give pooler=True as well")


@dataclass(frozen=True)
class Seq2SeqConfig(ModelConfig):
    """ModelConfig with the choices of the Transformer paper, but norms first; norm_first=False is the paper's.

    n_layers layers in the encoder, n_decoder_layers in the decoder (None: as many). The decoder's first input is `start_id`.
    """

    activation: str = "relu"
    positions: str = "sinusoidal"
    n_decoder_layers: int | None = None
    start_id: int = field(default=0, metadata={"least": 0})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.start_id >= self.vocab_size:
            raise ValueError(f"start_id {self.start_id} is none of {self.vocab_size} tokens: choose a smaller one")


@dataclass(frozen=True)
class T5Config(Seq2SeqConfig):
    """ModelConfig with T5's choices: those of version 1.0; 1.1 has activation="geglu" and tie_embeddings=False."""

    context: int = 512
    bias: bool = False
    norm: str = "rms"
    norm_eps: float | None = 1e-6
    positions: str = "relative"


@dataclass(frozen=True)
class AutoencoderConfig(ModelConfig):
    """ModelConfig for an encoder (n_layers) and a decoder (n_decoder_layers, None: as many) with d_code numbers in between."""

    d_code: int = 64
    n_decoder_layers: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.positions not in ("learned", "sinusoidal"):
            raise ValueError(
                f"the decoder starts from one vector for all places, among which {self.positions} positions alone make no "
                "difference: choose learned or sinusoidal ones"
            )


def check_type(name: str, kind: str, value: Any, least: int = 1) -> None:
    """Raise TypeError unless the value is of the type, as an annotation writes it; ValueError for integers out of bounds."""
    if value is None and kind.endswith("| None"):
        return
    types: dict[str, Any] = {"int": int, "bool": bool, "str": str, "float": (int, float)}
    fits = types[kind.removesuffix(" | None")]
    if not isinstance(value, fits) or (isinstance(value, bool) and fits is not bool):
        raise TypeError(f"{name} is {value!r}: it must be of type {kind}")
    if kind.startswith("float") and isinstance(value, int) and abs(value) > sys.float_info.max:
        raise ValueError(f"{name} is an integer beyond the largest float, {sys.float_info.max:.1e}: choose less")
    if kind.startswith("int") and not least <= value <= LARGEST:
        raise ValueError(f"{name} is {value}: choose one from {least} to {LARGEST:,}")
