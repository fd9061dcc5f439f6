"""The formulas of the field, in reading order: precision (how many bits linear's products have), linear, activations (erf),
softmax, losses, contrastive, normalization, embedding, positions, attention, recurrent (what it took the place of), dropout.
`formula` says how a formula and its fused twin hang together; cuda holds the bodies that twins have on a GPU.

Each is written as the literature has it and runs on NumPy arrays, CuPy arrays and Tensors alike.
"""

from .formula import FORMULAS, Formula, formula
from .precision import precision
from .linear import linear
from .erf import erf
from .activations import gelu, relu, sigmoid, silu
from .softmax import log_softmax, softmax
from .losses import cross_entropy, mse_loss
from .contrastive import contrastive_loss
from .normalization import layer_norm, rms_norm
from .embedding import embedding
from .positions import alibi_slopes, relative_buckets, rotary, rotary_table, sinusoidal_table
from .attention import attention, attention_weights
from .recurrent import recurrent
from .dropout import dropout
from . import cuda

__all__ = [
    "FORMULAS", "Formula", "alibi_slopes", "attention", "attention_weights", "contrastive_loss", "cross_entropy", "dropout",
    "embedding", "erf", "formula", "gelu", "layer_norm", "linear", "log_softmax", "mse_loss", "precision", "recurrent",
    "relative_buckets", "relu", "rms_norm", "rotary", "rotary_table", "sigmoid", "silu", "sinusoidal_table", "softmax",
]
