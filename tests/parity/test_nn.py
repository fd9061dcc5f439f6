"""Modules against PyTorch's with the same weights: outputs, and the gradients of inputs and all parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn as tnn

from tests.nn.support import shaken
from tests.parity.compare import assert_all_equal, assert_equal, to_torch
from tinyllm import Tensor, nn
from tinyllm import functional as F
from tinyllm.models import GPT, Bert, BertConfig, GPTConfig, SequenceClassifier

DTYPES = st.sampled_from([np.float32, np.float64])
SEEDS = st.integers(0, 2**31)
FEW = settings(max_examples=25)


def copied(ours: nn.Module, theirs: tnn.Module, names: dict[str, str] | None = None) -> None:
    """Our weights into their module; `names` maps their names to ours where they differ."""
    state = ours.state_dict()
    with torch.no_grad():
        for name, p in theirs.named_parameters():
            p.copy_(torch.tensor(state[(names or {}).get(name, name)]))


def check(ours: nn.Module, theirs: tnn.Module, call: Any, their_call: Any, inputs: list[np.ndarray], names: dict[str, str],
          rng: np.random.Generator) -> None:
    a = [Tensor(x, requires_grad=True) for x in inputs]
    b = [to_torch(x, requires_grad=True) for x in inputs]
    got, expected = call(*a), their_call(*b)
    assert_equal(got.data, expected, "output")
    u = rng.standard_normal(got.shape).astype(got.dtype)
    got.backward(u)
    expected.backward(to_torch(u))
    gradients = {name: p.grad for name, p in ours.named_parameters()}
    theirs_by_our_name = {names.get(name, name): p.grad for name, p in theirs.named_parameters()}
    assert set(gradients) == set(theirs_by_our_name)
    order = sorted(gradients)
    assert_all_equal(order, [gradients[n] for n in order], [theirs_by_our_name[n] for n in order])
    assert_all_equal(["input"] * len(a), [x.grad for x in a], [x.grad for x in b])


SIMPLE = {
    "Linear": (lambda: nn.Linear(7, 5), lambda: tnn.Linear(7, 5)),
    "Linear without bias": (lambda: nn.Linear(7, 5, bias=False), lambda: tnn.Linear(7, 5, bias=False)),
    "LayerNorm": (lambda: nn.LayerNorm(7), lambda: tnn.LayerNorm(7)),
    "LayerNorm without bias": (lambda: nn.LayerNorm(7, bias=False), lambda: tnn.LayerNorm(7, bias=False)),
    "RMSNorm": (lambda: nn.RMSNorm(7), lambda: tnn.RMSNorm(7, eps=1e-6)),
}


@pytest.mark.parametrize("name", SIMPLE)
@FEW
@given(dtype=DTYPES, seed=SEEDS)
def test_simple_layers(name, dtype, seed):
    rng = np.random.default_rng(seed)
    make, make_theirs = SIMPLE[name]
    ours = shaken(make(), rng).to(dtype=dtype)
    theirs = make_theirs().to(to_torch(np.zeros(0, dtype)).dtype)
    copied(ours, theirs)
    check(ours, theirs, ours, theirs, [rng.standard_normal((2, 3, 7)).astype(dtype)], {}, rng)


@FEW
@given(dtype=DTYPES, seed=SEEDS)
def test_embedding(dtype, seed):
    rng = np.random.default_rng(seed)
    ours, theirs = nn.Embedding(9, 4).to(dtype=dtype), tnn.Embedding(9, 4).to(to_torch(np.zeros(0, dtype)).dtype)
    copied(ours, theirs)
    ids = rng.integers(0, 9, (3, 5))
    check(ours, theirs, lambda: ours(ids), lambda: theirs(torch.tensor(ids)), [], {}, rng)


def packed(ours: nn.MultiHeadAttention, theirs: tnn.MultiheadAttention) -> None:
    """PyTorch keeps the three projections in one matrix."""
    state = ours.state_dict()
    with torch.no_grad():
        for part in ("weight", "bias"):
            rows = [state[f"{p}_proj.{part}"] for p in "qkv"]
            getattr(theirs, f"in_proj_{part}").copy_(torch.tensor(np.concatenate(rows)))
        theirs.out_proj.weight.copy_(torch.tensor(state["o_proj.weight"]))
        theirs.out_proj.bias.copy_(torch.tensor(state["o_proj.bias"]))


def unpacked(theirs: tnn.MultiheadAttention, prefix: str = "") -> dict[str, torch.Tensor]:
    """Their gradients under our names."""
    found = {f"{prefix}o_proj.weight": theirs.out_proj.weight.grad, f"{prefix}o_proj.bias": theirs.out_proj.bias.grad}
    for part in ("weight", "bias"):
        for p, g in zip("qkv", getattr(theirs, f"in_proj_{part}").grad.chunk(3), strict=True):
            found[f"{prefix}{p}_proj.{part}"] = g
    return found


def compare_gradients(ours: nn.Module, theirs: dict[str, torch.Tensor]) -> None:
    gradients = {name: p.grad for name, p in ours.named_parameters()}
    assert set(gradients) == set(theirs)
    order = sorted(gradients)
    assert_all_equal(order, [gradients[n] for n in order], [theirs[n] for n in order])


@FEW
@given(dtype=DTYPES, heads=st.sampled_from([1, 2, 4]), cross=st.booleans(), causal=st.booleans(), padded=st.booleans(),
       seed=SEEDS)
def test_multi_head_attention(dtype, heads, cross, causal, padded, seed):
    rng = np.random.default_rng(seed)
    ours = shaken(nn.MultiHeadAttention(8, heads), rng).to(dtype=dtype)
    theirs = tnn.MultiheadAttention(8, heads, batch_first=True).to(to_torch(np.zeros(0, dtype)).dtype)
    packed(ours, theirs)
    x = rng.standard_normal((2, 6, 8)).astype(dtype)
    source = rng.standard_normal((2, 6, 8)).astype(dtype) if cross else None
    real = np.ones((2, 6), bool)
    if padded:
        real[1, 4:] = False
    a, b = Tensor(x, requires_grad=True), to_torch(x, requires_grad=True)
    got = ours(a, source, mask=real[:, None, None], causal=causal)
    key = b if source is None else to_torch(source)
    future = torch.triu(torch.ones(6, 6, dtype=torch.bool), 1) if causal else None
    expected, _ = theirs(b, key, key, key_padding_mask=torch.tensor(~real), attn_mask=future, need_weights=False)
    assert_equal(got.data, expected, "output")
    u = rng.standard_normal(got.shape).astype(dtype)
    got.backward(u)
    expected.backward(to_torch(u))
    compare_gradients(ours, unpacked(theirs))
    assert_equal(a.grad, b.grad, "input")


@FEW
@given(dtype=DTYPES, length=st.integers(1, 20), started=st.booleans(), seed=SEEDS)
def test_recurrent(dtype, length, started, seed):
    rng = np.random.default_rng(seed)
    ours = shaken(nn.RNN(4, 6), rng).to(dtype=dtype)
    theirs = tnn.RNN(4, 6, batch_first=True).to(to_torch(np.zeros(0, dtype)).dtype)
    names = {"weight_ih_l0": "weight_ih", "weight_hh_l0": "weight_hh", "bias_ih_l0": "bias", "bias_hh_l0": "bias"}
    copied(ours, theirs, names)
    torch.nn.init.zeros_(theirs.bias_hh_l0)             # the sum of the two is our one
    shapes = [(3, length, 4), (3, 6)] if started else [(3, length, 4)]
    inputs = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    check(ours, theirs, ours, lambda x, *h0: theirs(x, *(h[None] for h in h0))[0], inputs, names, rng)


@FEW
@given(dtype=DTYPES, norm_first=st.booleans(), causal=st.booleans(), cross=st.booleans(),
       activation=st.sampled_from(["relu", "gelu"]), seed=SEEDS)
def test_transformer_layer(dtype, norm_first, causal, cross, activation, seed):
    rng = np.random.default_rng(seed)
    ours = nn.TransformerLayer(8, 2, 12, activation=activation, norm_first=norm_first, causal=causal, cross=cross)
    shaken(ours, rng, 0.3).to(dtype=dtype)
    kind = tnn.TransformerDecoderLayer if cross else tnn.TransformerEncoderLayer
    theirs = kind(8, 2, 12, 0.0, activation, batch_first=True, norm_first=norm_first).to(to_torch(np.zeros(0, dtype)).dtype)
    packed(ours.attention, theirs.self_attn)
    names = {"linear1": "feed_forward.up", "linear2": "feed_forward.down", "norm1": "attention_norm"}
    if cross:
        packed(ours.cross_attention, theirs.multihead_attn)
        names |= {"norm2": "cross_norm", "norm3": "feed_forward_norm"}
    else:
        names |= {"norm2": "feed_forward_norm"}
    state = ours.state_dict()
    with torch.no_grad():
        for name, our_name in names.items():
            for part in ("weight", "bias"):
                getattr(getattr(theirs, name), part).copy_(torch.tensor(state[f"{our_name}.{part}"]))
    x, source = rng.standard_normal((2, 2, 5, 8)).astype(dtype)
    future = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1) if causal else None
    a, b = Tensor(x, requires_grad=True), to_torch(x, requires_grad=True)
    got = ours(a, source=source if cross else None)
    expected = theirs(b, to_torch(source), future) if cross else theirs(b, future)
    assert_equal(got.data, expected, "output")
    u = rng.standard_normal(got.shape).astype(dtype)
    got.backward(u)
    expected.backward(to_torch(u))
    found = unpacked(theirs.self_attn, "attention.") | (unpacked(theirs.multihead_attn, "cross_attention.") if cross else {})
    for name, our_name in names.items():
        for part in ("weight", "bias"):
            found[f"{our_name}.{part}"] = getattr(getattr(theirs, name), part).grad
    compare_gradients(ours, found)
    assert_equal(a.grad, b.grad, "input")


# ---------------------------------------------------------------- whole models, written once more in PyTorch

def rotate(x: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    angles = where[:, None].double() * 10000.0 ** (-torch.arange(half).double() / half)
    cos, sin = (f(angles).to(x.dtype) for f in (torch.cos, torch.sin))
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def reference(config: Any, w: dict[str, torch.Tensor], ids: torch.Tensor, real: torch.Tensor, causal: bool) -> torch.Tensor:
    """The hidden vectors of a trunk, from the weights by our names, with PyTorch's functions."""
    TF = torch.nn.functional
    c, length = config, ids.shape[1]
    dtype = w["embedding.weight"].dtype

    def linear(x, name):
        return TF.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))

    def norm(x, name):
        if c.norm == "rms":
            return TF.rms_norm(x, (c.d_model,), w[f"{name}.weight"], 1e-6)
        return TF.layer_norm(x, (c.d_model,), w[f"{name}.weight"], w.get(f"{name}.bias"))

    seen = real[:, None, None, :]
    if causal:
        seen = seen & torch.tril(torch.ones(length, length, dtype=torch.bool))

    def attention(x, name):
        kv = c.n_kv_heads or c.n_heads
        q, k, v = (
            linear(x, f"{name}.{p}_proj").unflatten(-1, (n, -1)).transpose(1, 2)
            for p, n in (("q", c.n_heads), ("k", kv), ("v", kv))
        )
        if c.positions == "rotary":
            q, k = rotate(q, torch.arange(length)), rotate(k, torch.arange(length))
        y = TF.scaled_dot_product_attention(q, k, v, seen, enable_gqa=kv != c.n_heads)
        return linear(y.transpose(1, 2).flatten(2), f"{name}.o_proj")

    def feed_forward(x, name):
        h = linear(x, f"{name}.up")
        h = h * bend(c, linear(x, f"{name}.gate")) if c.activation == "swiglu" else bend(c, h)
        return linear(h, f"{name}.down")

    x = TF.embedding(ids, w["embedding.weight"])
    if c.positions == "learned":
        x = x + w["positions.weight"][:length]
    if c.positions == "sinusoidal":
        angles = torch.arange(length)[:, None].double() * 10000.0 ** (-torch.arange(0, c.d_model, 2).double() / c.d_model)
        x = x + torch.stack([angles.sin(), angles.cos()], -1).flatten(1).to(dtype)
    if not c.norm_first:
        x = norm(x, "embedding_norm")
    for i in range(c.n_layers):
        for f, part in ((attention, "attention"), (feed_forward, "feed_forward")):
            name = f"layers.{i}.{part}"
            x = x + f(norm(x, f"{name}_norm"), name) if c.norm_first else norm(x + f(x, name), f"{name}_norm")
    return norm(x, "norm") if c.norm_first else x


def bend(config, x):
    TF = torch.nn.functional
    return {
        "relu": TF.relu, "gelu": TF.gelu, "gelu_tanh": lambda x: TF.gelu(x, approximate="tanh"), "swiglu": TF.silu
    }[config.activation](x)


OPTIONS = st.fixed_dictionaries(
    {
        "n_kv_heads": st.sampled_from([None, 1, 2]), "bias": st.booleans(), "norm": st.sampled_from(["layer", "rms"]),
        "activation": st.sampled_from(["relu", "gelu", "gelu_tanh", "swiglu"]), "norm_first": st.booleans(),
        "positions": st.sampled_from(["learned", "sinusoidal", "rotary"]), "tie_embeddings": st.booleans(),
    }
)


@pytest.mark.parametrize("kind", ["gpt", "bert", "classifier"])
@FEW
@given(options=OPTIONS, dtype=DTYPES, padded=st.booleans(), seed=SEEDS)
def test_models(kind, options, dtype, padded, seed):
    TF = torch.nn.functional
    rng = np.random.default_rng(seed)
    make, make_config = (Bert, BertConfig) if kind == "bert" else (GPT, GPTConfig)
    trunk = make(make_config(11, context=8, n_layers=2, n_heads=4, d_model=16, **options))
    model: Any = SequenceClassifier(trunk, 3) if kind == "classifier" else trunk
    shaken(model, rng, 0.3).to(dtype=dtype)
    prefix = "trunk." if kind == "classifier" else ""
    theirs = {name: to_torch(p.data, requires_grad=True) for name, p in model.named_parameters()}
    w = {name.removeprefix(prefix): t for name, t in theirs.items() if name.startswith(prefix)}
    ids = rng.integers(0, 11, (2, 7))
    real = np.ones((2, 7), bool)
    if padded:
        real[1, 4:] = False
    h = reference(trunk.config, w, torch.tensor(ids), torch.tensor(real), causal=kind != "bert")
    if kind == "gpt":
        expected = TF.linear(h, w.get("head.weight", w["embedding.weight"]))
    elif kind == "bert":
        dense = bend(trunk.config, TF.linear(h, w["head.dense.weight"], w["head.dense.bias"]))
        normed = TF.layer_norm(dense, (16,), w["head.norm.weight"], w["head.norm.bias"])
        expected = TF.linear(normed, w.get("head.decoder", w["embedding.weight"]), w["head.bias"])
    else:
        m = torch.tensor(real)[:, :, None].to(h.dtype)
        expected = TF.linear((h * m).sum(1) / m.sum(1), theirs["head.weight"], theirs["head.bias"])
    got = model(ids, real)
    targets = rng.integers(0, 3, 2) if kind == "classifier" else np.where(real, ids, -100)
    valid = slice(None) if kind == "classifier" else real
    assert_equal(got.data[valid], expected.detach().numpy()[valid], "logits")
    loss, their_loss = F.cross_entropy(got, targets), TF.cross_entropy(expected.movedim(-1, 1), torch.tensor(targets))
    assert_equal(loss.data, their_loss, "loss")
    loss.backward()
    their_loss.backward()
    reached = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert set(reached) == {name for name, t in theirs.items() if t.grad is not None}
    order = sorted(reached)
    assert_all_equal(order, [reached[n] for n in order], [theirs[n].grad for n in order])
