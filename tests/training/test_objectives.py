"""What is counted and what is reported, against slow and plain counting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.training.support import KINDS, MASK, TAGS, model_of, objective_of, rows_of, sources_of
from tinyllm.autograd import no_grad
from tinyllm.data import split_batch
from tinyllm.functional import cross_entropy, log_softmax
from tinyllm.models import GPT, GPTConfig, SequenceClassifier
from tinyllm.tokenizers import ByteBPETokenizer
from tinyllm.training import (
    Causal,
    Classification,
    Contrastive,
    Masked,
    SequenceToSequence,
    TokenClassification,
    evaluate,
    macro_f1,
    measure,
)
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
    with pytest.raises(ValueError, match="0 workers: take at least 1"):
        evaluate(uniform, Causal(), [batch], 0)


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


# ---------------------------------------------------------------- what holds for all

@pytest.mark.parametrize("kind", KINDS)
def test_what_is_reported_is_what_is_learned_from(kind):
    """`measure` over parts adds up to the loss that training sees; only a contrastive loss is another in other company."""
    model, objective, batch = model_of(kind, dropout=0.0), objective_of(kind), sources_of(kind)[0].batch(0)
    loss = float(np.sum(objective.loss(model, batch).numpy()))
    parts = [batch] if kind == "contrastive" else split_batch(batch, 2)
    metrics = evaluate(model, objective, parts, 1)
    assert metrics["loss"] == pytest.approx(loss, rel=1e-5)
    assert objective.watch in metrics and all(type(value) is float for value in metrics.values())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "attention_mask" in sources_of(kind)[0].batch(0)])
def test_padding_changes_no_loss(kind):
    """What stands at masked places is nobody's business, in source and target."""
    model, objective, batch = model_of(kind, dropout=0.0), objective_of(kind), sources_of(kind)[0].batch(0)
    losses = []
    for junk in (0, 7):
        ids = np.where(batch["attention_mask"], batch["ids"], junk)
        other = {"other_ids": np.where(batch["other_mask"], batch["other_ids"], junk)} if "other_ids" in batch else {}
        losses.append(objective.loss(model, {**batch, "ids": ids, **other}).numpy())
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)


# ---------------------------------------------------------------- each

def test_masked_and_next_are_the_two_losses_added():
    model, batch = model_of("masked-next", dropout=0.0), rows_of("masked-next", 12)
    metrics = evaluate(model, objective_of("masked-next"), split_batch(batch, 3), 2)
    h = model.hidden(batch["ids"], batch["attention_mask"], batch["segment_ids"])
    words, pairs = model.head(h), model.next_sentence(model.pooled(h))
    masked, following = cross_entropy(words, batch["targets"]).item(), cross_entropy(pairs, batch["labels"]).item()
    hidden = batch["targets"] != -100
    expected = {
        "loss": masked + following, "masked_loss": masked, "next_loss": following, "perplexity": math.exp(masked),
        "masked_accuracy": (words.numpy().argmax(-1) == batch["targets"])[hidden].mean(),
        "next_accuracy": (pairs.numpy().argmax(-1) == batch["labels"]).mean(),
    }
    assert metrics == pytest.approx(expected, rel=1e-5)


def test_pairs_alone_can_be_judged():
    """A batch that hides nothing: the masked part is 0, not NaN."""
    model, batch = model_of("masked-next", dropout=0.0), dict(rows_of("masked-next", 4))
    batch["targets"] = np.full_like(batch["targets"], -100)
    metrics = evaluate(model, objective_of("masked-next"), [batch], 1)
    assert metrics["masked_loss"] == metrics["masked_accuracy"] == 0 and metrics["loss"] == metrics["next_loss"] > 0


def test_a_sequence_is_predicted_from_what_stood_before():
    model, batch = model_of("sequences", dropout=0.0), rows_of("sequences", 6)
    with no_grad():
        p = log_softmax(model(batch["ids"], batch["decoder_ids"], batch["attention_mask"]).numpy().astype(np.float64))
    places = np.argwhere(batch["targets"] != -100)
    found = [p[b, t, batch["targets"][b, t]] for b, t in places]
    right = [p[b, t].argmax() == batch["targets"][b, t] for b, t in places]
    metrics = evaluate(model, SequenceToSequence(label_smoothing=0.3), split_batch(batch, 2), 1)    # reported without
    assert metrics["loss"] == pytest.approx(-np.mean(found), rel=1e-5)
    assert metrics["perplexity"] == pytest.approx(math.exp(-np.mean(found)), rel=1e-4)
    assert metrics["token_accuracy"] == pytest.approx(np.mean(right))
    everywhere = np.mean([p[b, t].mean() for b, t in places])
    smoothed = SequenceToSequence(label_smoothing=0.3).loss(model, batch).item()
    assert smoothed == pytest.approx(-0.7 * np.mean(found) - 0.3 * everywhere, rel=1e-5)
    with pytest.raises(ValueError, match="label_smoothing 1"):
        SequenceToSequence(label_smoothing=1.0)


class Says:
    """A model that gives these logits, whatever it is asked."""

    training = False

    def __init__(self, logits: np.ndarray) -> None:
        self.logits = logits

    def __call__(self, ids, attention_mask=None, segment_ids=None):
        from tinyllm import Tensor

        return Tensor(self.logits.astype(np.float32))

    def eval(self) -> None: ...

    def train(self, mode: bool) -> None: ...


def test_entities_count_whole_and_only_where_words_begin():
    """O B I | a piece inside a word | I: of two entities one is found, one has a wrong end."""
    gold = np.array([[0, 1, 2, -100, 1, 2], [1, -100, -100, -100, -100, -100]])
    guessed = np.array([[0, 1, 2, 1, 1, 0], [0] * 6])
    batch = {"ids": np.zeros((2, 6), int), "attention_mask": np.ones((2, 6), bool), "targets": gold}
    metrics = evaluate(Says(10 * np.eye(3)[guessed]), TokenClassification(TAGS), [batch], 1)
    assert metrics["accuracy"] == pytest.approx(4 / 6)
    assert (metrics["precision"], metrics["recall"], metrics["f1"]) == pytest.approx((1 / 2, 1 / 3, 2 / 5))
    with pytest.raises(ValueError, match="tag 'NOUN'"):
        TokenClassification(("NOUN", "VERB"))


def test_a_span_is_right_when_both_ends_are():
    logits = np.zeros((3, 4, 2))
    for row, (start, end) in enumerate([(1, 2), (1, 2), (0, 0)]):
        logits[row, start, 0] = logits[row, end, 1] = 5
    logits[:, 3] = 9                            # padding, which no answer may point to
    batch = {
        "ids": np.zeros((3, 4), int), "attention_mask": np.arange(4) < np.full((3, 1), 3),
        "starts": np.array([1, 1, 0]), "ends": np.array([2, 1, 0]), "row": np.arange(3),
    }
    metrics = evaluate(Says(logits), objective_of("spans"), [batch], 1)
    assert metrics["start_accuracy"] == 1 and metrics["end_accuracy"] == metrics["span_accuracy"] == pytest.approx(2 / 3)
    right, wrong = (-float(log_softmax(np.array([5.0, 0, 0]))[i]) for i in (0, 1))
    assert metrics["loss"] == pytest.approx((5 * right + wrong) / 6, rel=1e-5)


def test_a_partner_is_found_among_the_batch():
    model, batch = model_of("contrastive", dropout=0.0), rows_of("contrastive", 6)
    a = model(batch["ids"], batch["attention_mask"]).numpy()
    b = model(batch["other_ids"], batch["other_mask"]).numpy()
    metrics = evaluate(model, Contrastive(0.5), [batch], 1)
    assert metrics["accuracy"] == np.mean([max(range(6), key=lambda j: a[i] @ b[j]) == i for i in range(6)])
    assert evaluate(model, Contrastive(), [{**batch, "other_ids": batch["ids"]}], 1)["accuracy"] == 1


def test_a_reconstruction_is_judged_at_real_tokens_against_the_whole_text():
    model, batch = model_of("reconstruction", dropout=0.0), rows_of("reconstruction", 6)
    with no_grad():
        x_hat = model(batch["input_ids"], batch["attention_mask"]).numpy()
    x, real = model.targets(batch["ids"]), batch["attention_mask"]
    metrics = evaluate(model, objective_of("reconstruction"), split_batch(batch, 2), 1)
    assert metrics["loss"] == pytest.approx(np.mean((x - x_hat)[real] ** 2), rel=1e-5)
    assert metrics["token_accuracy"] == pytest.approx(np.mean((model.nearest(x_hat) == batch["ids"])[real]))


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
