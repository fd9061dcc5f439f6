"""Heads on a trunk: a label for each token, a span, an embedding. Padding changes none of them; the trunk learns along."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.support import LENGTHS, OPTIONS, SEEDS, SIDES, VOCABULARY, bert, config, full_bert, gpt, llama, others, padded
from tests.nn.support import close, gradcheck_module, shaken
from tinyllm.models import (
    T5,
    Bert,
    BertConfig,
    SentenceEncoder,
    SequenceClassifier,
    SpanReader,
    T5Config,
    TokenClassifier,
    TrunkHead,
)

HEADS = {
    "classifier": lambda trunk: SequenceClassifier(trunk, 3),
    "tagger": lambda trunk: TokenClassifier(trunk, 5),
    "reader": SpanReader,
    "encoder": SentenceEncoder,
    "plain encoder": lambda trunk: SentenceEncoder(trunk, "cls", normalize=False),
}
KINDS, TRUNKS = st.sampled_from(list(HEADS)), st.sampled_from([gpt, llama, bert, full_bert])


def headed(name, seed=0, trunk=bert, **options):
    body, rng = trunk(seed, **options)
    return shaken(HEADS[name](body), rng).to(dtype=np.float64).eval(), rng


@given(name=KINDS, trunk=TRUNKS, options=OPTIONS, lengths=LENGTHS, side=SIDES, seed=SEEDS)
def test_padding_changes_nothing_real(name, trunk, options, lengths, side, seed):
    model, rng = headed(name, seed, trunk, **options)
    ids, mask = padded(rng, lengths, side)
    segments = rng.integers(0, 2, ids.shape)
    got = model(ids, mask, segments).data
    other = model(np.where(mask, ids, others(rng, ids)), mask, segments).data
    for i, (row, m, of) in enumerate(zip(ids, mask, segments, strict=True)):
        alone = model(row[m][None], None, of[m][None]).data[0]
        here = got[i][m] if got.ndim == 3 else got[i]
        assert close(here, alone, 1e-10)
        assert close(other[i][m] if got.ndim == 3 else other[i], here, 1e-11)


@pytest.mark.parametrize("name, n", [("tagger", 5), ("reader", 2)])
def test_a_tokens_logits_are_a_linear_map_of_its_vector(name, n):
    model, rng = headed(name)
    ids = rng.integers(0, VOCABULARY, (2, 6))
    h = model.trunk.hidden(ids).data
    assert model(ids).shape == (2, 6, n)
    assert close(model(ids), h @ model.head.weight.data.T + model.head.bias.data, 1e-13)


@given(trunk=TRUNKS, pooling=st.sampled_from(["mean", "max", "cls", "last"]), lengths=LENGTHS, side=SIDES, seed=SEEDS)
@settings(max_examples=25)
def test_embeddings_have_length_one(trunk, pooling, lengths, side, seed):
    body, rng = trunk(seed)
    ids, mask = padded(rng, lengths, side)
    e = SentenceEncoder(body, pooling)(ids, mask).data
    raw = SentenceEncoder(body, pooling, normalize=False)(ids, mask).data
    assert e.shape == (len(lengths), 8)
    assert close(np.linalg.norm(e, axis=1), np.ones(len(lengths)), 1e-12)
    assert close(e * np.linalg.norm(raw, axis=1, keepdims=True), raw, 1e-12)


def test_an_embedding_of_zeros_is_no_division_by_zero():
    model, _ = headed("encoder", bias=False, norm="rms")
    model.trunk.norm.weight.data[:] = 0
    e = model([[1, 2, 3]])
    e.backward(np.ones(e.shape))
    assert (e.data == 0).all() and all(np.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("trunk", [gpt, full_bert])
def test_gradients(name, trunk):
    model, _ = headed(name, trunk=trunk, n_layers=1)
    ids, mask = np.array([[1, 2, 1], [4, 5, 6]]), np.array([[1, 1, 0], [1, 1, 1]])
    assert gradcheck_module(model, call=lambda: model(ids, mask))


@given(name=KINDS, seed=SEEDS)
@settings(max_examples=25)
def test_everything_but_the_trunks_own_heads_learns(name, seed):
    model, rng = headed(name, seed, full_bert)
    y = model([[1, 2, 3], [4, 5, 6]])
    y.backward(rng.standard_normal(y.shape))
    own = ("trunk.head.", "trunk.next_head.", "trunk.pooler.")
    for parameter, p in model.named_parameters():
        assert (p.grad is None) == parameter.startswith(own), parameter


@pytest.mark.parametrize("name", HEADS)
def test_segments_reach_a_trunk_that_tells_them_apart(name):
    ids, segments = np.array([[1, 2, 3, 4]]), np.array([[0, 0, 1, 1]])
    knowing, _ = headed(name, trunk=full_bert)
    assert not close(knowing(ids, None, segments), knowing(ids).data, 1e-6)
    for trunk in (gpt, bert):
        unknowing, _ = headed(name, trunk=trunk)
        np.testing.assert_array_equal(unknowing(ids, None, segments).data, unknowing(ids).data)


def test_heads_start_small():
    trunk = Bert(BertConfig(11, d_model=512, n_layers=1))
    for make in (lambda: SequenceClassifier(trunk, 64), lambda: TokenClassifier(trunk, 64), lambda: SpanReader(trunk)):
        head = make().head
        assert abs(head.weight.data.std() / 0.02 - 1) < 0.1 and (head.bias.data == 0).all()


def test_dropout_falls_before_the_head():
    for name, make in (("tagger", lambda t: TokenClassifier(t, 5, 0.5)), ("reader", lambda t: SpanReader(t, 0.5))):
        model = make(bert()[0]).to(dtype=np.float64)
        a, b = (model([[1, 2, 3, 4]]).data for _ in range(2))
        assert not np.array_equal(a, b), name
        model.eval()
        np.testing.assert_array_equal(model([[1, 2, 3, 4]]).data, model([[1, 2, 3, 4]]).data)


def test_bad_input():
    trunk, _ = gpt()
    for make, error, match in [
        (lambda: TokenClassifier(trunk, 1), ValueError, "1 label is nothing to choose from"),
        (lambda: TokenClassifier(trunk, 3, labels=["a", "b"]), ValueError, "2 names for 3 labels"),
        (lambda: TokenClassifier(trunk, 3, labels="abc"), ValueError, "a list of names"),
        (lambda: TokenClassifier(trunk, 2, labels=["a", 2]), ValueError, "a list of names"),
        (lambda: TokenClassifier(trunk, 2.0), TypeError, "n_labels is 2.0"),
        (lambda: SpanReader(trunk, 1.0), ValueError, "dropout 1.0"),
        (lambda: SpanReader(trunk, "no"), TypeError, "dropout is 'no'"),
        (lambda: SentenceEncoder(trunk, "sum"), ValueError, "no pooling 'sum'"),
        (lambda: SentenceEncoder(trunk, normalize=1), TypeError, "normalize is 1"),
        (lambda: SentenceEncoder(trunk)([[1], [2]], [[1], [0]]), ValueError, "text 1 of the batch has no real"),
        (lambda: SentenceEncoder.from_config_dict(
            {"pooling": "mean", "normalize": True, "trunk": {"model_type": "t5", **T5(config(T5Config)).config_dict()}}
        ), ValueError, "not on a T5"),
    ]:
        with pytest.raises(error, match=match):
            make()
    assert all(issubclass(kind, TrunkHead) for kind in (SequenceClassifier, TokenClassifier, SpanReader, SentenceEncoder))
