"""What is counted and what is reported, against slow and plain counting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.training.support import MASK, model_of, objective_of, sources_of
from tinyllm.autograd import no_grad
from tinyllm.functional import log_softmax
from tinyllm.models import GPT, GPTConfig, SequenceClassifier
from tinyllm.tokenizers import ByteBPETokenizer
from tinyllm.training import Causal, Classification, Masked, evaluate, macro_f1, measure
from tinyllm.training.corpora import encode_documents


def log_p(model, batch) -> np.ndarray:
    with no_grad():
        return log_softmax(model(batch["ids"], attention_mask=batch.get("attention_mask")).numpy().astype(np.float64))


@pytest.mark.parametrize("kind", ["causal", "masked"])
def test_the_loss_of_a_language_model_is_over_every_counted_token(kind):
    model, held_out = model_of(kind, dropout=0.0), sources_of(kind)[1]
    total, n, right = 0.0, 0, 0
    for batch in held_out.evaluation():
        p = log_p(model, batch)
        for b, t in np.argwhere(batch["targets"] != -100):
            target = batch["targets"][b, t]
            total, n, right = total - p[b, t, target], n + 1, right + (p[b, t].argmax() == target)
    metrics = evaluate(model, objective_of(kind), held_out.evaluation(), 2)
    assert metrics["loss"] == pytest.approx(total / n, rel=1e-5)
    assert metrics["perplexity"] == pytest.approx(math.exp(total / n), rel=1e-4)
    if kind == "masked":
        assert metrics["accuracy"] == right / n
        assert any(MASK in batch["ids"] for batch in held_out.evaluation())
    else:
        assert n == 59                      # every token of 60 but the first


def test_the_masked_loss_is_that_of_all_logits():
    """Scores are computed at hidden places only; the loss is the one over all places, of which the rest does not count."""
    from tinyllm.functional import cross_entropy

    model, batch = model_of("masked", dropout=0.0), sources_of("masked")[0].batch(0)
    losses = []
    for loss in (Masked().loss(model, batch), cross_entropy(model(batch["ids"]), batch["targets"])):
        model.zero_grad()
        loss.backward()
        losses.append((loss.item(), [parameter.grad for parameter in model.parameters()]))
    assert losses[0][0] == pytest.approx(losses[1][0], rel=1e-5)
    for got, expected in zip(losses[0][1], losses[1][1], strict=True):
        assert np.linalg.norm(got - expected) <= 1e-5 * np.linalg.norm(expected) + 1e-7


def test_bits_per_character_do_not_depend_on_the_tokenizer():
    """A uniform model over V tokens of n characters each spends log₂ V / n bits a character."""
    batch = {"ids": np.zeros((2, 3), int), "targets": np.arange(6).reshape(2, 3)}

    def uniform(ids):
        from tinyllm import Tensor

        return Tensor(np.zeros((*ids.shape, 8), np.float32))

    uniform.training, uniform.eval, uniform.train = False, lambda: None, lambda mode: None
    metrics = evaluate(uniform, Causal(characters_per_token=2.0), [batch], 1)
    assert metrics["bits_per_character"] == pytest.approx(1.5)
    assert metrics["perplexity"] == pytest.approx(8)
    assert "bits_per_character" not in evaluate(uniform, Causal(), [batch], 1)


def test_classification_counts_into_a_confusion_matrix():
    model, held_out = model_of("classification", dropout=0.0), sources_of("classification")[1]
    confusion, total = np.zeros((3, 3), int), 0.0
    for batch in held_out.evaluation():
        for label, row in zip(batch["labels"], log_p(model, batch), strict=True):
            confusion[label, row.argmax()] += 1
            total -= row[label]
    sums = measure(model, Classification(), held_out.evaluation(), 2)
    assert (sums["confusion"] == confusion).all()
    metrics = Classification().metrics(sums)
    assert metrics["accuracy"] == pytest.approx(np.trace(confusion) / confusion.sum())
    assert metrics["loss"] == pytest.approx(total / confusion.sum(), rel=1e-5)


@given(arrays(np.int64, (4, 4), elements=st.integers(0, 5)))
def test_macro_f1_is_the_mean_of_the_f1_of_classes_that_occur(confusion):
    scores = []
    for k in range(4):
        hits, labels, guesses = confusion[k, k], confusion[k].sum(), confusion[:, k].sum()
        if labels + guesses:
            precision, recall = hits / guesses if guesses else 0.0, hits / labels if labels else 0.0
            scores.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    assert macro_f1(confusion) == pytest.approx(np.mean(scores) if scores else 0.0)


def test_macro_f1_counts_a_rare_class_like_a_common_one():
    assert macro_f1(np.array([[90, 0], [10, 0]])) == pytest.approx((180 / 190 + 0) / 2)
    assert macro_f1(np.eye(3, dtype=int)) == 1


def test_more_labels_than_the_head_has():
    model, batch = model_of("classification"), sources_of("classification")[0].batch(0)
    with pytest.raises(ValueError, match="target 3 is none of 3 classes"):
        Classification().loss(model, {**batch, "labels": np.full(len(batch["labels"]), 3)})
    with pytest.raises(ValueError, match="at least 2"):
        SequenceClassifier(GPT(GPTConfig(vocab_size=11, d_model=8, n_heads=2)), 1)


def test_ids_outside_the_vocabulary():
    batch = sources_of("causal")[0].batch(0)
    with pytest.raises(IndexError, match="11"):
        Causal().loss(model_of("causal"), {**batch, "ids": batch["ids"] + 11})


def test_documents_are_joined_with_begin_and_end():
    tokenizer = ByteBPETokenizer.train("a few words, a few more", 270)
    bos, eos = tokenizer.bos_id, tokenizer.eos_id
    ids = encode_documents(tokenizer, ["a few", "more"]).tolist()
    assert ids == [bos, *tokenizer.encode("a few"), eos, bos, *tokenizer.encode("more"), eos]
    bare = ByteBPETokenizer.train("a few words", 262, special_tokens=())
    assert encode_documents(bare, ["a", "b"]).tolist() == bare.encode("a") + bare.encode("b")
    assert encode_documents(bare, []).shape == (0,)
