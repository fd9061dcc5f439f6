"""Seq2Seq against PyTorch's Transformer with the same weights: logits, loss, and every gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn as tnn

from tests.nn.support import shaken
from tests.parity.compare import assert_all_equal, assert_equal, to_torch
from tinyllm import functional as F
from tinyllm.models import Seq2Seq, Seq2SeqConfig

PARTS = {
    "self_attn": "attention", "multihead_attn": "cross_attention", "linear1": "feed_forward.up", "linear2": "feed_forward.down",
}


def reference(model: Seq2Seq, dtype: torch.dtype) -> tnn.Transformer:
    """PyTorch's, of the same shape. By default it ends both stacks with a norm; here it does where layers begin with one."""
    c = model.config
    options: dict[str, Any] = {"activation": c.activation, "batch_first": True, "norm_first": c.norm_first, "bias": c.bias}
    norms = [tnn.LayerNorm(c.d_model, bias=c.bias) if c.norm_first else None for _ in range(2)]
    encoder = tnn.TransformerEncoder(
        tnn.TransformerEncoderLayer(c.d_model, c.n_heads, c.d_hidden, 0.0, **options), c.n_layers, norms[0],
        enable_nested_tensor=False,
    )
    decoder = tnn.TransformerDecoder(
        tnn.TransformerDecoderLayer(c.d_model, c.n_heads, c.d_hidden, 0.0, **options), len(model.decoder.layers), norms[1]
    )
    both = tnn.Transformer(c.d_model, c.n_heads, custom_encoder=encoder, custom_decoder=decoder, batch_first=True)
    return both.to(dtype)


def our_names(name: str) -> list[str]:
    """Ours of theirs: encoder.layers.0.self_attn.in_proj_weight is three of encoder.layers.0.attention.…"""
    stack, _, rest = name.partition(".")
    if rest.startswith("norm."):
        return [f"{stack}.{rest}"]
    _, i, part, *what = rest.split(".")
    norms = ["attention_norm", *(["cross_norm"] if stack == "decoder" else []), "feed_forward_norm"]
    ours = f"{stack}.layers.{i}.{norms[int(part[-1]) - 1] if part.startswith('norm') else PARTS[part]}"
    if what[0] == "out_proj":
        return [f"{ours}.o_proj.{what[1]}"]
    if what[0].startswith("in_proj"):
        return [f"{ours}.{p}_proj.{what[0].removeprefix('in_proj_')}" for p in "qkv"]
    return [f"{ours}.{what[0]}"]


def waves(length: int, d: int) -> torch.Tensor:
    angles = torch.arange(length)[:, None].double() * 10000.0 ** (-torch.arange(0, d, 2).double() / d)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)


@settings(max_examples=25)
@given(norm_first=st.booleans(), bias=st.booleans(), activation=st.sampled_from(["relu", "gelu"]), tied=st.booleans(),
       n_decoder_layers=st.sampled_from([None, 1]), positions=st.sampled_from(["sinusoidal", "learned"]),
       dtype=st.sampled_from([np.float32, np.float64]), seed=st.integers(0, 2**31))
def test_the_transformer(norm_first, bias, activation, tied, n_decoder_layers, positions, dtype, seed):
    TF = torch.nn.functional
    rng = np.random.default_rng(seed)
    model = Seq2Seq(Seq2SeqConfig(
        11, context=8, n_layers=2, n_heads=2, d_model=8, d_hidden=12, norm_first=norm_first, bias=bias, activation=activation,
        tie_embeddings=tied, n_decoder_layers=n_decoder_layers, positions=positions,
    ))
    shaken(model, rng, 0.3).to(dtype=dtype)
    state = model.state_dict()
    transformer = reference(model, to_torch(np.zeros(0, dtype)).dtype)
    with torch.no_grad():
        for name, p in transformer.named_parameters():
            p.copy_(torch.tensor(np.concatenate([state[n] for n in our_names(name)])))
    inner = [n for name, _ in transformer.named_parameters() for n in our_names(name)]
    outer = {name: to_torch(a, requires_grad=True) for name, a in state.items() if name not in inner}
    ids, decoder_ids, targets = rng.integers(0, 11, (2, 6)), rng.integers(0, 11, (2, 5)), rng.integers(0, 11, (2, 5))
    mask = np.arange(6) < np.array([6, 4])[:, None]

    def embedded(ids, stack):
        x = TF.embedding(torch.tensor(ids), outer["embedding.weight"])
        if positions == "learned":
            return x + outer[f"{stack}.positions.weight"][: ids.shape[1]]
        return x * np.sqrt(8).item() + waves(ids.shape[1], 8).to(x.dtype)

    future = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    h = transformer(
        embedded(ids, "encoder"), embedded(decoder_ids, "decoder"), tgt_mask=future,
        src_key_padding_mask=torch.tensor(~mask), memory_key_padding_mask=torch.tensor(~mask),
    )
    expected = TF.linear(h, outer.get("head.weight", outer["embedding.weight"]))
    got = model(ids, decoder_ids, mask)
    assert_equal(got.data, expected, "logits")
    loss, their_loss = F.cross_entropy(got, targets), TF.cross_entropy(expected.movedim(-1, 1), torch.tensor(targets))
    assert_equal(loss.data, their_loss, "loss")
    loss.backward()
    their_loss.backward()
    theirs = {name: t.grad for name, t in outer.items()}
    for name, p in transformer.named_parameters():
        names = our_names(name)
        theirs |= dict(zip(names, p.grad.chunk(len(names)), strict=True))
    ours = {name: p.grad for name, p in model.named_parameters()}
    assert ours.keys() == theirs.keys()
    order = sorted(ours)
    rounding = 1e-4 if dtype == np.float32 else None            # a gradient through two softmaxes is small, its terms are not
    assert_all_equal(order, [ours[n] for n in order], [theirs[n] for n in order], tolerance=rounding)
