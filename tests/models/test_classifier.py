"""The classifier: pooling ignores padding, on every trunk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.support import CONTEXT, OPTIONS, SEEDS, VOCABULARY, bert, gpt, padded
from tests.nn.support import close, gradcheck_module, shaken
from tinyllm import functional as F
from tinyllm import grad, gradcheck
from tinyllm.models import SequenceClassifier, pool

POOLINGS = st.sampled_from(["mean", "max", "cls", "last"])
LENGTHS = st.lists(st.integers(1, CONTEXT), min_size=1, max_size=3)
SIDES = st.sampled_from(["left", "right"])


def classifier(seed=0, trunk=bert, pooling="mean", **options):
    body, rng = trunk(seed, **options)
    return shaken(SequenceClassifier(body, 3, pooling), rng).to(dtype=np.float64).eval(), rng


@given(lengths=LENGTHS, side=SIDES, dtype=st.sampled_from([np.float32, np.float64]), seed=SEEDS)
def test_pooling_is_what_it_says(lengths, side, dtype, seed):
    rng = np.random.default_rng(seed)
    _, mask = padded(rng, lengths, side)
    h = rng.standard_normal((*mask.shape, 4)).astype(dtype)
    real = [x[m] for x, m in zip(h, mask, strict=True)]
    for how, expected in [
        ("mean", [x.mean(axis=0) for x in real]), ("max", [x.max(axis=0) for x in real]),
        ("cls", [x[0] for x in real]), ("last", [x[-1] for x in real]),
    ]:
        y = pool(h, mask, how)
        assert y.dtype == dtype and y.shape == (len(lengths), 4)
        assert close(y, np.stack(expected), 1e-6 if dtype == np.float32 else 1e-14)


@given(lengths=LENGTHS, side=SIDES, how=POOLINGS, seed=SEEDS)
def test_no_gradient_reaches_padding(lengths, side, how, seed):
    rng = np.random.default_rng(seed)
    _, mask = padded(rng, lengths, side)
    h = rng.permutation(mask.size * 2).reshape(*mask.shape, 2) / 10     # no two alike: a maximum has a kink where they are
    assert gradcheck(lambda x: pool(x, mask, how), h)
    u = rng.standard_normal((len(lengths), 2))
    g = grad(lambda x: np.sum(pool(x, mask, how) * u))(h)
    assert (g[~mask] == 0).all() and np.abs(g[mask]).max() > 0


@given(options=OPTIONS, trunk=st.sampled_from([gpt, bert]), how=POOLINGS, lengths=LENGTHS, side=SIDES, seed=SEEDS)
def test_padding_changes_no_logit(options, trunk, how, lengths, side, seed):
    model, rng = classifier(seed, trunk, how, **options)
    ids, mask = padded(rng, lengths, side)
    logits = model(ids, mask)
    assert logits.shape == (len(lengths), 3)
    for row, m, y in zip(ids, mask, logits.data, strict=True):
        assert close(y, model(row[m][None]).data[0], 1e-11)
    other = np.where(mask, ids, rng.integers(0, VOCABULARY, ids.shape))
    assert close(model(other, mask), logits, 1e-12)
    wider = np.concatenate([ids, ids[:, :1]], axis=1)[:, :CONTEXT]
    if wider.shape != ids.shape:
        assert close(model(wider, np.concatenate([mask, np.zeros_like(mask[:, :1])], axis=1)), logits, 1e-11)


@pytest.mark.parametrize("how", ["mean", "max", "cls", "last"])
def test_gradients(how):
    model, _ = classifier(trunk=gpt, pooling=how, n_layers=1)
    ids, mask = np.array([[1, 2, 1], [4, 5, 6]]), np.array([[1, 1, 0], [1, 1, 1]])
    assert gradcheck_module(model, call=lambda: model(ids, mask))


@given(how=POOLINGS, seed=SEEDS)
def test_everything_but_the_trunks_own_head_learns(how, seed):
    model, _ = classifier(seed, bert, how)
    ids = np.array([[1, 2, 3], [4, 5, 6]])
    F.cross_entropy(model(ids), np.array([0, 2])).backward()
    for name, p in model.named_parameters():
        assert (p.grad is None) == name.startswith("trunk.head."), name


def test_bad_input():
    trunk, _ = gpt()
    for make, match in [
        (lambda: SequenceClassifier(trunk, 3, "median"), "no pooling 'median'"),
        (lambda: SequenceClassifier(trunk, 1), "1 label is nothing to choose from"),
        (lambda: SequenceClassifier(trunk, 3, labels=["a", "b"]), "2 names for 3 labels"),
        (lambda: SequenceClassifier(trunk, 3, dropout=2.0), "dropout 2.0"),
        (lambda: SequenceClassifier(trunk, 3)(np.ones((2, 2), int), [[1, 1], [0, 0]]), "text 1 of the batch has no real"),
    ]:
        with pytest.raises(ValueError, match=match):
            make()
    with pytest.raises(ValueError, match="target 3 is none of 3"):
        F.cross_entropy(SequenceClassifier(trunk, 3).to(dtype=np.float64)(np.ones((1, 2), int)), np.array([3]))
