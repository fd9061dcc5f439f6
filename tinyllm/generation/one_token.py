"""One more token at the speed of memory: the twin of a causal model's forward pass, for one new position a row.

A token reads every weight once and does two operations with it: what limits it is memory, 4 bytes a weight. Where that takes
less than a millisecond, what Tensors, Modules and fresh arrays cost counts as well. So here the formulas of the layers run on
raw arrays, in rooms made once, in which every layer and every token works again.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import nn
from ..autograd import Tensor
from ..autograd.modes import no_grad
from ..backend import available_cores
from ..functional.activations import CUBIC, SQRT_2_OVER_PI, SQRT_HALF
from ..functional.erf import erf
from ..models import GPT, Llama

Map = Callable[[np.ndarray, np.ndarray], Any]
"""f(x, out): writes f(x) into out, both (B, …) and C-contiguous."""

PARTS = (
    GPT, Llama, nn.ModuleList, nn.TransformerLayer, nn.MultiHeadAttention, nn.FeedForward, nn.Linear, nn.Embedding, nn.Dropout,
    nn.LayerNorm, nn.RMSNorm, nn.LearnedPositions, nn.SinusoidalPositions, nn.RotaryPositions, nn.RelativePositions,
    nn.AlibiPositions,
)
CACHED = 1 << 22
"""Bytes of weights that the processor may still have in its cache when the next token comes."""
SHARED = 460_800
"""Numbers in a matrix from which OpenBLAS divides its product with a vector among its threads."""


def has_twin(model: Any) -> bool:
    """Whether `OneToken` computes what the model does: a GPT or a Llama, of this library's parts alone and none with a function
    put in its place, in evaluation mode, float32 or float64 throughout, on the CPU."""
    if type(model) not in (GPT, Llama):
        return False
    modules, arrays = list(model.modules()), [parameter.data for parameter in model.parameters()]
    return (
        all(type(module) in PARTS and not module.training for module in modules)
        and not any(callable(own) and not isinstance(own, nn.Module) for module in modules for own in vars(module).values())
        and all(type(array) is np.ndarray and array.dtype == arrays[0].dtype for array in arrays)
        and arrays[0].dtype in (np.float32, np.float64)
    )


def blas_threads() -> int:
    """How many BLAS took when NumPy was imported: as many as the environment says, else as there are cores; 1 in a browser."""
    if sys.platform == "emscripten":
        return 1
    told = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS", "")
    first = told.partition(",")[0]
    return int(first) if first.isdecimal() else available_cores()


class Position(NamedTuple):
    """What all layers share where the new token stands."""

    scores: np.ndarray
    """(B, Hkv, H / Hkv, keys), room: a group of heads for each key/value head."""
    bias: np.ndarray | None
    """(Hkv, H / Hkv, keys): added to the scores."""
    turn: tuple[np.ndarray, np.ndarray] | None
    """cos (D/2,) and −sin, sin (2, D/2) of the angles: the pair (a, b) becomes (a, b) cos + (b, a) (−sin, sin)."""


class OneToken:
    """The logits after one more token in each of B texts, as `model(ids[:, None], cache=cache)` has them: (B,) → (B, V).

    The next call overwrites them. Weights changed in place are seen, replaced ones are not. For a model that `has_twin`.
    """

    def __init__(self, model: Any, batch: int) -> None:
        self.batch, self.table, self.score_bias = batch, model.embedding.weight.data, model.score_bias      # (V, C)
        self.streams = batch == 1 and sum(p.data.nbytes for p in model.parameters()) > CACHED
        self.alone = blas_threads() == 1
        self.rooms: dict[str, np.ndarray] = {}
        self.x, self.logits = self._room("x", self.table.shape[1]), self._room("logits", len(self.table))
        attention, added = model.layers[0].attention, model.positions
        self.rotary, self.n_kv, self.group = attention.rotary, attention.n_kv_heads, attention.n_heads // attention.n_kv_heads
        self.scores = self._room("scores", attention.n_heads * model.config.context).reshape(-1)
        self.places = added.weight.data if isinstance(added, nn.LearnedPositions) else added and added.table
        self.first, self.last = (norm and self._norm(norm) for norm in (model.embedding_norm, model.norm))
        self.layers = [
            (
                self._residual(layer.norm_first, self._norm(layer.attention_norm), self._attention(layer.attention)),
                self._residual(layer.norm_first, self._norm(layer.feed_forward_norm), self._feed_forward(layer.feed_forward)),
            )
            for layer in model.layers
        ]
        self.head = self._product(self.table if model.head is None else model.head.weight.data)

    def __call__(self, ids: np.ndarray, cache: nn.KVCache) -> np.ndarray:
        x, t = self.x, cache.length
        position = self._position(t)
        np.take(self.table, ids, axis=0, out=x)
        if self.places is not None:
            x += self.places[t]
        if self.first is not None:
            self.first(x, x)
        for (attend, feed), kept in zip(self.layers, cache.layers, strict=True):
            attend(x, kept, position)
            feed(x)
        if self.last is not None:
            self.last(x, x)
        self.head(x, self.logits)
        return self.logits

    def _position(self, t: int) -> Position:
        bias = turn = None
        if self.score_bias is not None:
            with no_grad():
                bias = self.score_bias(1, t + 1)                                    # (1, H, 1, keys)
            bias = (bias.data if isinstance(bias, Tensor) else bias).reshape(self.n_kv, self.group, t + 1)
        if self.rotary is not None:
            turn = self.rotary.cos[t], np.stack([-self.rotary.sin[t], self.rotary.sin[t]])
        shape = self.batch, self.n_kv, self.group, t + 1
        return Position(self.scores[: math.prod(shape)].reshape(shape), bias, turn)

    def _room(self, name: str, *shape: int) -> np.ndarray:
        """(B, *shape) to work in, the same array for the same name."""
        return self.rooms.setdefault(name, np.empty_like(self.table, shape=(self.batch, *shape)))

    # ------------------------------------------------------------ a layer's parts, as maps that hold their arrays

    def _product(self, weight: np.ndarray) -> Map:
        """x Wᵀ. From memory one thread reads W fastest row after row; BLAS takes several rows at once, which suits a W in the
        processor's cache. But BLAS divides a large W among threads that stay awake between two products: threads of ours would
        fall asleep, and take longer to wake than to read their part."""
        if self.streams and (self.alone or weight.size < SHARED):
            return lambda x, out: np.vecdot(weight, x, out=out[0])
        transposed = weight.T
        return lambda x, out: np.dot(x, transposed, out)

    def _linear(self, linear: nn.Linear) -> Map:
        product = self._product(linear.weight.data)
        if linear.bias is None:
            return product
        bias = linear.bias.data

        def apply(x: np.ndarray, out: np.ndarray) -> None:
            product(x, out)
            out += bias

        return apply

    def _norm(self, norm: nn.LayerNorm | nn.RMSNorm) -> Map:
        centred, weight = isinstance(norm, nn.LayerNorm), norm.weight.data
        bias = None if not isinstance(norm, nn.LayerNorm) or norm.bias is None else norm.bias.data
        square, moment = self._room("square", len(weight)), self._room("moment", 1)
        mean = np.full_like(weight, 1.0 / len(weight), shape=(len(weight), 1))      # x @ mean is the mean
        eps = np.full_like(weight, norm.eps, shape=1)

        def apply(x: np.ndarray, out: np.ndarray) -> None:
            if centred:
                np.dot(x, mean, moment)
                x = np.subtract(x, moment, out=out)
            np.multiply(x, x, out=square)
            np.dot(square, mean, moment)
            np.add(moment, eps, out=moment)
            np.sqrt(moment, out=moment)
            np.divide(x, moment, out=out)
            out *= weight
            if bias is not None:
                out += bias

        return apply

    def _residual(self, norm_first: bool, norm: Map, sublayer: Callable) -> Callable:
        """x ← x + f(norm(x)), or x ← norm(x + f(x)), in place."""
        h, y = self._room("h", self.table.shape[1]), self._room("y", self.table.shape[1])

        def before(x: np.ndarray, *rest: Any) -> None:
            norm(x, h)
            sublayer(h, y, *rest)
            x += y

        def after(x: np.ndarray, *rest: Any) -> None:
            sublayer(x, y, *rest)
            x += y
            norm(x, x)

        return before if norm_first else after

    def _attention(self, attention: nn.MultiHeadAttention) -> Callable:
        n_heads, n_kv, d = attention.n_heads, attention.n_kv_heads, attention.head_dim
        scale = 1.0 / math.sqrt(d) if attention.scale is None else float(attention.scale)
        heads = self._room("heads", n_heads + 2 * n_kv, d).reshape(-1, d)           # all queries, then all keys, all values
        q, k, v = np.split(heads, [self.batch * n_heads, self.batch * (n_heads + n_kv)])
        turning = heads[: len(q) + len(k)]
        crossed = np.empty_like(turning)
        projections = [
            (self._linear(projection), room.reshape(self.batch, -1))
            for projection, room in ((attention.q_proj, q), (attention.k_proj, k), (attention.v_proj, v))
        ]
        q = q.reshape(self.batch, n_kv, -1, d)                                      # (B, Hkv, H / Hkv, D)
        k, v = k.reshape(self.batch, n_kv, d), v.reshape(self.batch, n_kv, d)
        mixed, total = self._room("mixed", n_kv, n_heads // n_kv, d), self._room("total", n_kv, n_heads // n_kv, 1)
        joined, o_proj = mixed.reshape(self.batch, -1), self._linear(attention.o_proj)

        def apply(x: np.ndarray, out: np.ndarray, cache: nn.LayerCache, position: Position) -> None:
            for projection, room in projections:
                projection(x, room)
            if position.turn is not None:
                _turn(turning, crossed, *position.turn)
            keys, values = cache.append_one(k, v)                                   # (B, Hkv, keys, D)
            scores = position.scores
            np.multiply(q, scale, out=q)
            np.matmul(keys[:, :, None], q[..., None], out=scores[..., None])        # for each head K q
            if position.bias is not None:
                scores += position.bias
            scores -= np.maximum.reduce(scores, axis=-1, keepdims=True, out=total)
            np.exp(scores, out=scores)
            np.matmul(scores, values, out=mixed)
            np.divide(mixed, np.add.reduce(scores, axis=-1, keepdims=True, out=total), out=mixed)
            o_proj(joined, out)

        return apply

    def _feed_forward(self, network: nn.FeedForward) -> Map:
        bend, d_hidden = BENDS[network.activation], len(network.up.weight.data)
        up, down, gate = self._linear(network.up), self._linear(network.down), network.gate and self._linear(network.gate)
        hidden, bent, work = (self._room(name, d_hidden) for name in ("hidden", "bent", "work"))

        def apply(x: np.ndarray, out: np.ndarray) -> None:
            up(x, hidden)
            if gate is None:
                bend(hidden, work)
            else:
                gate(x, bent)
                bend(bent, work)
                np.multiply(hidden, bent, out=hidden)
            down(hidden, out)

        return apply


def _turn(x: np.ndarray, crossed: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> None:
    """`functional.rotary` in place, of rows (N, D) that stand at one position."""
    pairs, crossed = x.reshape(len(x), 2, -1), crossed.reshape(len(x), 2, -1)       # (N, 2, D/2)
    np.multiply(pairs[:, ::-1], sin, out=crossed)
    pairs *= cos
    pairs += crossed


# ---------------------------------------------------------------- bends, in place, with room to work in

def _relu(x: np.ndarray, work: np.ndarray) -> None:
    np.maximum(x, 0.0, out=x)


def _gelu(x: np.ndarray, work: np.ndarray) -> None:
    np.multiply(x, SQRT_HALF, out=work)
    _open(x, erf(work))


def _gelu_tanh(x: np.ndarray, work: np.ndarray) -> None:
    np.multiply(x, x, out=work)
    work *= SQRT_2_OVER_PI * CUBIC
    work += SQRT_2_OVER_PI
    work *= x
    _open(x, np.tanh(work, out=work))


def _silu(x: np.ndarray, work: np.ndarray) -> None:
    """σ(x) = ½ (1 + tanh(x/2)): nothing overflows."""
    np.multiply(x, 0.5, out=work)
    _open(x, np.tanh(work, out=work))


def _open(x: np.ndarray, s: np.ndarray) -> None:
    """x ← ½ (1 + s) x, s between −1 and 1."""
    s += 1.0
    s *= 0.5
    x *= s


BENDS: dict[str, Callable[[np.ndarray, np.ndarray], None]] = {
    "relu": _relu, "gelu": _gelu, "gelu_tanh": _gelu_tanh, "swiglu": _silu, "geglu": _gelu_tanh,
}
