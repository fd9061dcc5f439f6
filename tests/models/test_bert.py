"""Bert: every token sees every other, except padding, and knows which text of a pair it belongs to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from tests.models.support import CONTEXT, LENGTHS, OPTIONS, SEEDS, SIDES, VOCABULARY, bert, config, full_bert, padded
from tests.nn.support import check_every_parameter_learns, close, gradcheck_module
from tinyllm import functional as F
from tinyllm.models import Bert, BertConfig
from tinyllm.nn import LayerNorm


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


@given(options=OPTIONS, lengths=LENGTHS, side=SIDES, seed=SEEDS)
def test_padding_changes_no_valid_output_and_no_loss(options, lengths, side, seed):
    model, rng = bert(seed, **options)
    ids, mask = padded(rng, lengths, side)
    logits = model(ids, mask)
    for row, m, y in zip(ids, mask, logits.data, strict=True):
        assert close(y[m], model(row[m][None]).data[0], 1e-11)
    targets = np.where(mask, rng.integers(0, VOCABULARY, ids.shape), -100)
    other = np.where(mask, ids, rng.integers(0, VOCABULARY, ids.shape))
    assert close(F.cross_entropy(logits, targets), F.cross_entropy(model(other, mask), targets), 1e-12)


@given(options=OPTIONS, seed=SEEDS)
def test_with_one_position_for_all_the_order_does_not_matter(options, seed):
    model, rng = bert(seed, **{**options, "positions": "learned"})
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


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_the_head_is_the_written_formula(activation):
    model, rng = bert(activation=activation)
    ids = rng.integers(0, VOCABULARY, (2, 5))
    h = model.hidden(ids).data
    head = model.head
    dense = getattr(F, activation).formula(h @ head.dense.weight.data.T + head.dense.bias.data)
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


# ------------------------------------------------------------ pairs of texts: segments, pooler, next sentence


def pair(rng, batch=2, length=6):
    return rng.integers(0, VOCABULARY, (batch, length)), rng.integers(0, 2, (batch, length))


@given(options=OPTIONS, seed=SEEDS)
@settings(max_examples=25)
def test_every_segment_changes_every_output(options, seed):
    model, rng = full_bert(seed, **options)
    ids, segments = pair(rng, 1, 4)
    h = model.hidden(ids, None, segments).data
    for t in range(4):
        other = segments.copy()
        other[0, t] = 1 - other[0, t]
        assert (np.abs(model.hidden(ids, None, other).data - h).max(axis=-1) > 1e-10).all()
    np.testing.assert_array_equal(model(ids).data, model(ids, None, np.zeros_like(ids)).data)


def test_a_segment_is_a_vector_added_to_the_tokens():
    model, rng = full_bert()
    plain, _ = bert()
    weights = {name: a for name, a in model.state_dict().items() if not name.startswith(("segments", "pooler", "next"))}
    weights["embedding.weight"] = weights["embedding.weight"] + model.segments.weight.data[1]
    plain.load_state_dict(weights)
    ids, _ = pair(rng)
    assert close(model.hidden(ids, None, np.ones_like(ids)), plain.hidden(ids).data, 1e-13)


@given(options=OPTIONS, lengths=LENGTHS, side=SIDES, seed=SEEDS)
@settings(max_examples=25)
def test_padding_changes_neither_tokens_nor_judgements(options, lengths, side, seed):
    model, rng = full_bert(seed, **options)
    ids, mask = padded(rng, lengths, side)
    segments = rng.integers(0, 2, ids.shape)
    h = model.hidden(ids, mask, segments)
    judged = model.next_sentence(model.pooled(h, mask))
    assert judged.shape == (len(lengths), 2)
    for row, of, m, x, y in zip(ids, segments, mask, h.data, judged.data, strict=True):
        alone = model.hidden(row[m][None], None, of[m][None])
        assert close(x[m], alone.data[0], 1e-11)
        assert close(y, model.next_sentence(model.pooled(alone)).data[0], 1e-11)


def test_the_pooler_is_the_written_formula():
    model, rng = full_bert()
    h = model.hidden(*pair(rng)[:1])
    pooled = np.tanh(h.data[:, 0] @ model.pooler.weight.data.T + model.pooler.bias.data)
    assert close(model.pooled(h), pooled, 1e-13)
    assert close(model.next_sentence(pooled), pooled @ model.next_head.weight.data.T + model.next_head.bias.data, 1e-13)


@pytest.mark.parametrize("norm_first", [True, False])
def test_both_objectives_teach_every_parameter(norm_first):
    model, rng = full_bert(bias=False, norm_first=norm_first)
    ids = np.concatenate([rng.permutation(VOCABULARY), [0]])[None]
    segments = (np.arange(CONTEXT) > 5)[None].astype(int)

    def both():
        h = model.hidden(ids, None, segments)
        return np.concatenate([np.ravel(model.head(h)), np.ravel(model.next_sentence(model.pooled(h)))])

    check_every_parameter_learns(model, both, rng)


def test_gradients_of_both_objectives():
    model, rng = full_bert(n_layers=1, norm_first=False)
    ids, segments = pair(rng, 2, 3)
    mask = np.array([[0, 1, 1], [1, 1, 1]])
    assert gradcheck_module(model, call=lambda: model.next_sentence(model.pooled(model.hidden(ids, mask, segments), mask)))


def test_the_norms_take_the_epsilon_of_the_config():
    model, _ = full_bert(norm_eps=0.25, norm_first=False)
    norms = [m for m in model.modules() if isinstance(m, LayerNorm)]
    assert len(norms) == 2 * 2 + 2 and all(norm.eps == 0.25 for norm in norms)


def test_parts_that_are_not_there_say_so():
    model, rng = bert()
    ids, segments = pair(rng)
    h = model.hidden(ids)
    bare = Bert(config(BertConfig, masked_head=False))
    for call, match in [
        (lambda: model(ids, None, segments), "has no segments"), (lambda: model.pooled(h), "no pooler"),
        (lambda: model.next_sentence(h[:, 0]), "judges no pairs"), (lambda: bare(ids), "no masked head"),
        (lambda: BertConfig(11, next_sentence=True), "pooler=True"),
    ]:
        with pytest.raises(ValueError, match=match):
            call()
    assert bare.hidden(ids).shape == h.shape and bare.head is None


def test_bad_segments():
    model, rng = full_bert()
    ids, segments = pair(rng)
    for bad, error, match in [
        (segments[:, :3], ValueError, r"segment_ids have shape \(2, 3\), the tokens \(2, 6\)"),
        (segments + 0.0, TypeError, "segment_ids are float64"), (segments + 2, IndexError, "outside the table of 2"),
    ]:
        with pytest.raises(error, match=match):
            model(ids, None, bad)
