"""Modules in reading order: module (parameters and trees of them), evaluation_mode (no dropout, for a while), init, linear,
embedding, normalization, dropout, positions, cache, attention, feedforward, transformer; recurrent, the contrast to attention;
summary prints a tree. `nn.init` holds the initialisers.

Each layer draws or holds what its formula in `functional` needs; the mathematics stands there.
"""

from . import init
from .module import Missed, Module, ModuleList, Parameter, Sequential
from .evaluation_mode import evaluation_mode
from .linear import Linear
from .embedding import Embedding
from .normalization import LayerNorm, RMSNorm
from .dropout import Dropout
from .positions import AlibiPositions, LearnedPositions, RelativePositions, RotaryPositions, SinusoidalPositions
from .cache import KVCache, LayerCache
from .attention import MultiHeadAttention, record_attention
from .feedforward import FeedForward
from .transformer import TransformerLayer
from .recurrent import RNN

__all__ = [
    "evaluation_mode", "init", "Missed", "Module", "ModuleList", "Parameter", "Sequential", "Linear", "Embedding", "LayerNorm",
    "RMSNorm", "Dropout", "AlibiPositions", "LearnedPositions", "RelativePositions", "RotaryPositions", "SinusoidalPositions",
    "KVCache", "LayerCache", "MultiHeadAttention", "record_attention", "FeedForward", "TransformerLayer", "RNN",
]
