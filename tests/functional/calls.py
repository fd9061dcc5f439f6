"""Calls of every formula: a row each, which draws the arguments. What is proven of formulas and twins alike runs over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.autograd.draws import Draw
from tinyllm import Tensor
from tinyllm import functional as F
from tinyllm.backend import device_of, to_device


@dataclass
class Call:
    """f(*arrays, *constants): arrays vary; constants (masks, targets, None) follow the arrays to their device."""

    f: Callable
    arrays: list[np.ndarray]
    constants: tuple[Any, ...] = ()
    condition: float = 1.0
    """By how much the call may multiply rounding."""

    def __call__(self, *arrays: Any) -> Any:
        device = device_of(arrays[0].data if isinstance(arrays[0], Tensor) else arrays[0])
        return self.f(*arrays, *(c if c is None else to_device(c, device) for c in self.constants))


ROWS: dict[str, Callable[[Draw], Call]] = {}
"""Name of a formula → how one of its calls is drawn."""


def row(draw: Callable[[Draw], Call]) -> Callable[[Draw], Call]:
    ROWS[draw.__name__] = draw
    return draw


def numbers(d: Draw, *shape: int, scale: float = 1.0) -> np.ndarray:
    """Normal values, none within 0.01 of zero, where ReLU has its kink."""
    x = np.asarray(d.values.standard_normal(shape))
    return np.asarray((x + np.copysign(0.01, x)) * scale)


def lengths(d: Draw, count: int, zero: bool = True) -> list[int]:
    """Up to 5 each, none in one of five unless `zero` is off."""
    return [d.choice([1, 2, 3, 5] + [0] * zero) for _ in range(count)]


def broadcastable_mask(d: Draw, shape: tuple[int, ...]) -> np.ndarray:
    """Booleans that broadcast to shape, with a few leading axes dropped and a few shrunk to 1; many rows may look nowhere."""
    kept = shape[d.integer(0, len(shape)):]
    mask_shape = tuple(1 if d.integer(0, 2) == 2 else n for n in kept)
    return d.values.random(mask_shape) < d.choice([0.7, 0.2])


def elementwise(f: Callable) -> Callable[[Draw], Call]:
    return lambda d: Call(f, [numbers(d, *d.shape(), scale=d.choice([1.0, 3.0, 30.0]))])


ROWS["relu"] = elementwise(F.relu)
ROWS["sigmoid"] = elementwise(F.sigmoid)
ROWS["silu"] = elementwise(F.silu)


@row
def gelu(d: Draw) -> Call:
    approximate = d.choice(["none", "tanh"])
    return Call(lambda x: F.gelu(x, approximate), [numbers(d, *d.shape(), scale=d.choice([1.0, 3.0, 30.0]))])


@row
def linear(d: Draw) -> Call:
    n_in, n_out = lengths(d, 2)
    arrays = [numbers(d, *d.shape(), n_in), numbers(d, n_out, n_in)] + [numbers(d, n_out)] * d.boolean()
    return Call(F.linear, arrays)


@row
def softmax(d: Draw) -> Call:
    shape = d.shape(1)
    axis = d.axis(len(shape))
    d.require(shape[axis] > 0)
    where = broadcastable_mask(d, shape) if d.boolean() else None
    return Call(lambda x, where: F.softmax(x, axis, where), [numbers(d, *shape, scale=d.choice([1.0, 1e4]))], (where,))


@row
def log_softmax(d: Draw) -> Call:
    shape = d.shape(1)
    axis = d.axis(len(shape))
    d.require(shape[axis] > 0)
    return Call(lambda x: F.log_softmax(x, axis), [numbers(d, *shape, scale=d.choice([1.0, 1e4]))])


@row
def cross_entropy(d: Draw) -> Call:
    shape, n_classes = d.shape(), d.choice([1, 2, 5])
    targets = np.asarray(d.values.integers(0, n_classes, shape))
    options: dict[str, Any] = {}
    if d.boolean():
        options["ignore_index"] = d.choice([-1, -100, 0])
        targets = np.where(d.values.random(shape) < d.choice([0.4, 1.0]), options["ignore_index"], targets)
    if d.boolean():
        options["label_smoothing"] = 0.3
    weights = d.values.uniform(0.0, 2.0, n_classes) if d.boolean() else None

    def f(logits, targets, weights):
        weights = weights if weights is None else weights.astype(logits.dtype)
        return F.cross_entropy(logits, targets, class_weights=weights, **options)

    return Call(f, [numbers(d, *shape, n_classes, scale=d.choice([1.0, 1e4]))], (targets, weights))


@row
def mse_loss(d: Draw) -> Call:
    shape = d.shape(zero=False)
    return Call(F.mse_loss, [numbers(d, *shape), numbers(d, *shape)])


@row
def contrastive_loss(d: Draw) -> Call:
    (rows,), (width,) = lengths(d, 1, zero=False), lengths(d, 1)
    temperature, symmetric = d.choice([0.05, 1.0]), d.boolean()
    arrays = [numbers(d, rows, width), numbers(d, rows, width)]
    return Call(lambda a, b: F.contrastive_loss(a, b, temperature, symmetric), arrays, condition=10.0)


@row
def layer_norm(d: Draw) -> Call:
    width = d.choice([2, 3, 5])                         # of one feature nothing is left but rounding
    arrays = [numbers(d, *d.shape(), width), numbers(d, width)] + [numbers(d, width)] * d.boolean()
    return Call(lambda *xs: F.layer_norm(*xs, eps=0.1), arrays, condition=10.0)


@row
def rms_norm(d: Draw) -> Call:
    width = d.choice([1, 2, 5])
    return Call(lambda *xs: F.rms_norm(*xs, eps=0.1), [numbers(d, *d.shape(), width), numbers(d, width)], condition=10.0)


@row
def embedding(d: Draw) -> Call:
    (n_rows,), (width,) = lengths(d, 1, zero=False), lengths(d, 1)
    ids = np.asarray(d.values.integers(0, n_rows, d.shape())).astype(d.choice([np.int64, np.int32, np.uint16]))
    return Call(lambda weight, ids: F.embedding(ids, weight), [numbers(d, n_rows, width)], (d.choice([ids, ids.T]),))


@row
def rotary(d: Draw) -> Call:
    lead, (length,), half = d.shape(0, 2), lengths(d, 1), d.integer(0, 3)
    cos, sin = F.rotary_table(length, 2 * half)
    if lead and d.boolean():                            # packed sequences: every one has positions of its own
        cos, sin = (np.broadcast_to(t, (*lead, length, half)) for t in (cos, sin))
    x = numbers(d, *lead, length, 2 * half)
    return Call(lambda x, cos, sin: F.rotary(x, cos.astype(x.dtype), sin.astype(x.dtype)), [x], (cos, sin))


@row
def attention(d: Draw) -> Call:
    lead, (n_queries, width, wide) = d.shape(0, 2), lengths(d, 3)
    (n_keys,) = lengths(d, 1, zero=False)
    mask = broadcastable_mask(d, (*lead, n_queries, n_keys)) if d.boolean() else None
    causal, scale, width = d.boolean(), d.choice([1.0, 100.0]), max(1, width)
    arrays = [
        numbers(d, *lead, n_queries, width, scale=scale),
        numbers(d, *lead, n_keys, width, scale=scale),
        numbers(d, *lead, n_keys, wide),
    ]
    if d.boolean():
        kept = (*lead, n_queries, n_keys)[d.integer(0, len(lead) + 1):]
        arrays.append(numbers(d, *(1 if d.integer(0, 2) == 2 else n for n in kept), scale=scale))
    times = d.choice([None, 0.5])

    def call(q, k, v, *rest):
        *score_bias, mask = rest
        return F.attention(q, k, v, mask, causal, *(score_bias or [None]), times)

    return Call(call, arrays, (mask,), scale * scale)


@row
def recurrent(d: Draw) -> Call:
    (batch, width, hidden), (length,) = lengths(d, 3), lengths(d, 1, zero=False)
    shapes = [(batch, length, width), (batch, hidden), (hidden, width), (hidden, hidden), (hidden,)]
    return Call(F.recurrent, [numbers(d, *shape, scale=0.5) for shape in shapes], condition=10.0)


@row
def dropout(d: Draw) -> Call:
    shape, p = d.shape(), d.choice([0.0, 0.1, 0.9])
    return Call(lambda x, keep: F.dropout(x, keep, p), [numbers(d, *shape)], (np.asarray(d.values.random(shape) >= p),))
