"""Bert: every token sees every other, except padding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.support import CONTEXT, OPTIONS, SEEDS, VOCABULARY, bert, config, padded
from tests.nn.support import check_every_parameter_learns, close, gradcheck_module
from tinyllm import functional as F
from tinyllm.models import Bert, BertConfig


@given(options=OPTIONS, seed=SEEDS)
def test_every_token_sees_every_other(options, seed):
    model, rng = bert(seed, **options)
    ids = rng.integers(0, VOCABULARY, (1, 5))
    y = model(ids).data
    assert y.shape == (1, 5, VOCABULARY)
    for t in range(5):
        other = ids.copy()
        other[0, t] = (other[0, t] + 1) % VOCABULARY
        assert (np.abs(model(other).data - y).max(axis=-1) > 1e-9).all()


@given(options=OPTIONS, lengths=st.lists(st.integers(1, CONTEXT), min_size=1, max_size=3),
       side=st.sampled_from(["left", "right"]), seed=SEEDS)
def test_padding_changes_no_valid_output_and_no_loss(options, lengths, side, seed):
    model, rng = bert(seed, **options)
    ids, mask = padded(rng, lengths, side)
    logits = model(ids, mask)
    for row, m, y in zip(ids, mask, logits.data, strict=True):
        assert close(y[m], model(row[m][None]).data[0], 1e-11)
    targets = np.where(mask, rng.integers(0, VOCABULARY, ids.shape), -100)
    other = np.where(mask, ids, rng.integers(0, VOCABULARY, ids.shape))
    assert close(F.cross_entropy(logits, targets), F.cross_entropy(model(other, mask), targets), 1e-12)


@given(options=OPTIONS.filter(lambda o: o["positions"] == "learned"), seed=SEEDS)
def test_with_one_position_for_all_the_order_does_not_matter(options, seed):
    model, rng = bert(seed, **options)
    model.positions.weight.data[:] = model.positions.weight.data[0]
    ids = rng.integers(0, VOCABULARY, (2, 6))
    order = rng.permutation(6)
    assert close(model(ids[:, order]), model(ids).data[:, order], 1e-11)


@pytest.mark.parametrize("options", [{}, {"norm_first": False}, {"positions": "rotary", "tie_embeddings": False}])
def test_gradients(options):
    model, _ = bert(n_layers=1, **options)
    ids, mask = np.array([[1, 2, 1], [4, 5, 6]]), np.array([[1, 1, 0], [1, 1, 1]])
    assert gradcheck_module(model, call=lambda: model(ids, mask))


@pytest.mark.parametrize("norm_first", [True, False])
def test_every_parameter_learns(norm_first):
    model, rng = bert(bias=False, norm_first=norm_first)
    ids = np.concatenate([rng.permutation(VOCABULARY), [0]])[None]
    check_every_parameter_learns(model, lambda: model(ids), rng)


def test_the_head_is_the_written_formula():
    model, rng = bert()
    ids = rng.integers(0, VOCABULARY, (2, 5))
    h = model.hidden(ids).data
    head = model.head
    dense = F.gelu.formula(h @ head.dense.weight.data.T + head.dense.bias.data)
    y = F.layer_norm.formula(dense, head.norm.weight.data, head.norm.bias.data) @ model.embedding.weight.data.T + head.bias.data
    assert close(model(ids), y, 1e-12)


def test_tied_embeddings_are_one_parameter():
    tied, untied = Bert(config(BertConfig)), Bert(config(BertConfig, tie_embeddings=False))
    assert tied.head.decoder is tied.embedding.weight
    assert untied.n_parameters() - tied.n_parameters() == VOCABULARY * 8
    assert abs(untied.head.decoder.data.std() / 0.02 - 1) < 0.3


def test_a_fresh_model_is_undecided():
    model = Bert(BertConfig(65))
    ids = np.random.default_rng(0).integers(0, 65, (4, 128))
    assert abs(F.cross_entropy(model(ids), ids).item() - np.log(65)) < 0.2


def test_no_cache():
    model, _ = bert()
    with pytest.raises(ValueError, match="needs causal layers"):
        model.make_cache()
