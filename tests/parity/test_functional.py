"""Every formula against PyTorch's function of that name: values, and gradients for a random output gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as TF
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.parity.compare import assert_equal, to_torch
from tinyllm import Tensor, formulas_only
from tinyllm import functional as F


class Row(NamedTuple):
    """One call: `arrays` carry gradients, both functions take them in this order."""

    arrays: list[np.ndarray]
    ours: Callable[..., Any]
    theirs: Callable[..., Any]


def one_array(f: Callable, g: Callable) -> Callable:
    def row(rng: np.random.Generator) -> Row:
        shape = tuple(rng.integers(1, 8, rng.integers(1, 4)))
        return Row([rng.standard_normal(shape) * rng.choice([0.1, 1.0, 10.0])], f, g)

    return row


def linear(rng, bias=True):
    n, m = rng.integers(1, 20, 2)
    arrays = [rng.standard_normal(s) for s in ((2, 3, n), (m, n), (m,))]
    return Row(arrays if bias else arrays[:2], F.linear, TF.linear)


def softmax(rng):
    axis = int(rng.integers(-3, 3))
    arrays = [rng.standard_normal((2, 5, 7)) * rng.choice([1.0, 30.0])]
    return Row(arrays, lambda x: F.softmax(x, axis), lambda x: TF.softmax(x, axis))


def softmax_of_some(rng):
    where = rng.random((4, 1, 7)) < 0.6
    where[:, :, 0] = True
    hidden = torch.tensor(~where)
    return Row(
        [rng.standard_normal((4, 5, 7))], lambda x: F.softmax(x, where=where),
        lambda x: TF.softmax(x.masked_fill(hidden, -torch.inf), -1),
    )


def log_softmax(rng):
    axis = int(rng.integers(-3, 3))
    return Row(
        [rng.standard_normal((2, 5, 7)) * rng.choice([1.0, 30.0])], lambda x: F.log_softmax(x, axis),
        lambda x: TF.log_softmax(x, axis),
    )


def cross_entropy(rng, smoothing=0.0, weighted=False, ignored=False):
    n, classes = rng.integers(1, 20), rng.integers(2, 30)
    targets = rng.integers(0, classes, (2, n))
    if ignored:
        targets[rng.random(targets.shape) < 0.4] = -100
        targets[0, 0] = 1
    weights = rng.uniform(0.1, 2.0, classes) if weighted else None

    def ours(x):
        w = None if weights is None else weights.astype(x.dtype)
        return F.cross_entropy(x, targets, label_smoothing=smoothing, class_weights=w)

    def theirs(x):
        w = None if weights is None else torch.tensor(weights, dtype=x.dtype)
        return TF.cross_entropy(x.movedim(-1, 1), torch.tensor(targets), weight=w, label_smoothing=smoothing)

    return Row([rng.standard_normal((2, n, classes)) * rng.choice([0.1, 1.0, 20.0])], ours, theirs)


def mse_loss(rng):
    return Row(list(rng.standard_normal((2, 3, 4))), F.mse_loss, TF.mse_loss)


def contrastive_loss(rng, symmetric=False):
    n = int(rng.integers(2, 20))

    def theirs(a, b):
        scores, own = a @ b.T / 0.05, torch.arange(n)
        rows = TF.cross_entropy(scores, own)
        return (rows + TF.cross_entropy(scores.T, own)) / 2 if symmetric else rows

    vectors = rng.standard_normal((2, n, 8))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return Row(list(vectors), lambda a, b: F.contrastive_loss(a, b, 0.05, symmetric), theirs)


def layer_norm(rng, bias=True):
    n = int(rng.integers(8, 70))        # over two entries a norm is all sign: its gradient cancels to nothing
    arrays = [rng.standard_normal(s) for s in ((3, 4, n), (n,), (n,))]
    return Row(
        arrays if bias else arrays[:2], lambda x, w, b=None: F.layer_norm(x, w, b, 1e-5),
        lambda x, w, b=None: TF.layer_norm(x, (n,), w, b, 1e-5),
    )


def rms_norm(rng):
    n = int(rng.integers(8, 70))
    return Row(
        [rng.standard_normal((3, 4, n)), rng.standard_normal(n)], lambda x, w: F.rms_norm(x, w, 1e-6),
        lambda x, w: TF.rms_norm(x, (n,), w, 1e-6),
    )


def embedding(rng):
    ids = rng.integers(0, 6, (3, 5))
    return Row([rng.standard_normal((6, 4))], lambda w: F.embedding(ids, w), lambda w: TF.embedding(torch.tensor(ids), w))


def attention(rng, causal=False, masked=False):
    tq = int(rng.integers(1, 150))
    tk = tq if causal else int(rng.integers(1, 150))    # PyTorch aligns unequal causal lengths to the start
    mask = None
    if masked:
        mask = rng.random((2, 1, tq, tk)) < 0.7
        mask[..., 0] = True
    scale = rng.choice([1.0, 2.0])
    arrays = [rng.standard_normal((2, 3, t, 4)) * scale for t in (tq, tk, tk)]
    past = np.tril(np.ones((tq, tk), bool)) if causal else True
    both = None if mask is None else torch.tensor(mask & past)
    return Row(
        arrays, lambda q, k, v: F.attention(q, k, v, mask, causal),
        lambda q, k, v: TF.scaled_dot_product_attention(q, k, v, both, is_causal=causal and both is None),
    )


def dropout(rng):
    keep = rng.random((3, 4)) < 0.7
    return Row([rng.standard_normal((3, 4))], lambda x: F.dropout(x, keep, 0.3), lambda x: x * torch.tensor(keep) / 0.7)


def recurrent(rng):
    """As torch.nn.RNN, whose second bias is then zero."""
    batch, length, n, m = (int(k) for k in rng.integers(1, 9, 4))
    shapes = [(batch, length, n), (batch, m), (m, n), (m, m), (m,)]

    def theirs(x, h0, w_x, w_h, b):
        flags = True, 1, 0.0, False, False, True        # biases, layers, dropout, training, bidirectional, batch first
        return torch.rnn_tanh(x, h0[None], [w_x, w_h, b, torch.zeros_like(b)], *flags)[0]

    return Row([rng.standard_normal(shape) * 0.5 for shape in shapes], F.recurrent, theirs)


def rotary(rng):
    """Turning as a product of complex numbers: another way to the same."""
    cos, sin = F.rotary_table(5, 6, dtype=np.float64)

    def theirs(x):
        a, b = x[..., :3], x[..., 3:]
        turned = torch.complex(a, b) * torch.complex(*(torch.tensor(t).to(x.dtype) for t in (cos, sin)))
        return torch.cat([turned.real, turned.imag], -1)

    return Row([rng.standard_normal((2, 3, 5, 6))], lambda x: F.rotary(x, cos.astype(x.dtype), sin.astype(x.dtype)), theirs)


ROWS: dict[str, Callable[[np.random.Generator], Row]] = {
    "linear": linear,
    "linear without bias": lambda rng: linear(rng, bias=False),
    "relu": one_array(F.relu, TF.relu),
    "sigmoid": one_array(F.sigmoid, torch.sigmoid),
    "silu": one_array(F.silu, TF.silu),
    "gelu": one_array(F.gelu, TF.gelu),
    "gelu tanh": one_array(lambda x: F.gelu(x, approximate="tanh"), lambda x: TF.gelu(x, approximate="tanh")),
    "erf": one_array(F.erf, torch.erf),
    "softmax": softmax,
    "softmax of some": softmax_of_some,
    "log_softmax": log_softmax,
    "cross_entropy": cross_entropy,
    "cross_entropy, smoothing": lambda rng: cross_entropy(rng, smoothing=0.1),
    "cross_entropy, weights": lambda rng: cross_entropy(rng, weighted=True),
    "cross_entropy, ignored": lambda rng: cross_entropy(rng, ignored=True),
    "cross_entropy, all three": lambda rng: cross_entropy(rng, 0.2, True, True),
    "mse_loss": mse_loss,
    "contrastive_loss": contrastive_loss,
    "contrastive_loss, symmetric": lambda rng: contrastive_loss(rng, symmetric=True),
    "layer_norm": layer_norm,
    "layer_norm without bias": lambda rng: layer_norm(rng, bias=False),
    "rms_norm": rms_norm,
    "embedding": embedding,
    "rotary": rotary,
    "attention": attention,
    "attention, causal": lambda rng: attention(rng, causal=True),
    "attention, masked": lambda rng: attention(rng, masked=True),
    "attention, causal and masked": lambda rng: attention(rng, True, True),
    "recurrent": recurrent,
    "dropout": dropout,
}


def test_every_formula_has_a_row():
    covered = {name.partition(",")[0].split(" ")[0] for name in ROWS}
    assert set(F.FORMULAS) <= covered, f"no parity with PyTorch for {sorted(set(F.FORMULAS) - covered)}"


@pytest.mark.parametrize("twin", [True, False], ids=["twin", "formula"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ROWS)
@settings(max_examples=15)
@given(seed=st.integers(0, 2**31))
def test_parity(name, dtype, twin, seed):
    rng = np.random.default_rng(seed)
    row = ROWS[name](rng)
    ours = [Tensor(a.astype(dtype), requires_grad=True) for a in row.arrays]
    theirs = [to_torch(a.astype(dtype), requires_grad=True) for a in row.arrays]
    if twin:
        got = row.ours(*ours)
    else:
        with formulas_only():
            got = row.ours(*ours)
    expected = row.theirs(*theirs)
    assert_equal(got.data, expected, "value")
    u = np.asarray(rng.standard_normal(got.shape), dtype)
    got.backward(u)
    expected.backward(to_torch(u))
    # A gradient may be zero by cancellation, a softmax's over one entry, say: its error is that of what cancels.
    scale = float(np.linalg.norm(u)) * max(1e-2, float(np.linalg.norm(np.asarray(expected.detach()))) * 1e-2)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert_equal(a.grad, b.grad, f"gradient {i}", scale)
