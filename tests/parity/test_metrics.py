"""Every metric against the program whose numbers papers report: seqeval, sacrebleu, rouge_score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from seqeval.metrics import accuracy_score
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as lenient_scores
from seqeval.metrics.v1 import precision_recall_fscore_support as strict_scores
from seqeval.scheme import IOB2

from tests.metrics.draws import TEXTS, corpora, taggings
from tinyllm.metrics import Score, bleu, chrf, entity_scores, rouge
from tinyllm.metrics.words_13a import words_13a


def seqeval(gold, guessed, average, strict):
    if strict:
        return strict_scores(gold, guessed, average=average, scheme=IOB2, zero_division=0)
    return lenient_scores(gold, guessed, average=average, zero_division=0)


@pytest.mark.parametrize("strict", [False, True])
@given(tags=taggings())
def test_entities_equal_seqeval(strict, tags):
    gold, guessed = tags
    ours = entity_scores(gold, guessed, strict=strict)
    if not ours.types:      # seqeval averages over no types: not a number, with warnings
        assert ours.micro == ours.macro == (0, 0, 0)
        return
    precision, recall, f1, support = seqeval(gold, guessed, None, strict)
    np.testing.assert_allclose([list(score) for score in ours.types.values()], np.transpose([precision, recall, f1]))
    assert list(ours.support.values()) == list(support)
    for average, got in (("micro", ours.micro), ("macro", ours.macro)):
        np.testing.assert_allclose(got, seqeval(gold, guessed, average, strict)[:3])
    np.testing.assert_allclose(ours.accuracy, accuracy_score(gold, guessed))


@given(TEXTS)
def test_words_equal_13a(text):
    assert " ".join(words_13a(text)) == Tokenizer13a()(text.rstrip())


@given(corpora())
def test_bleu_equals_sacrebleu(corpus):
    gold, guessed = corpus
    oracle = BLEU()
    expected = oracle.corpus_score(guessed, list(map(list, zip(*gold, strict=True))))
    ours = bleu(gold, guessed)
    np.testing.assert_allclose(ours.score, expected.score, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.precisions, expected.precisions)
    np.testing.assert_allclose(ours.brevity_penalty, expected.bp)
    # sacrebleu's line, but for its version number.
    signature, _, numbers = str(expected.format(signature=str(oracle.get_signature()))).partition("|version:")
    assert str(ours) == f"{signature} = {numbers.partition(' = ')[2]}"


@given(corpora())
def test_chrf_equals_sacrebleu(corpus):
    gold, guessed = corpus
    expected = CHRF().corpus_score(guessed, list(map(list, zip(*gold, strict=True)))).score
    np.testing.assert_allclose(chrf(gold, guessed), expected, rtol=1e-9, atol=1e-9)


def test_a_different_number_of_references_for_each_text():
    gold = [["the cat sat on the mat", "a cat was on the mat"], ["it rained all day long"]]
    guessed = ["a cat sat on the mat", "it rained for a day"]
    columns = [[gold[0][0], gold[1][0]], [gold[0][1], None]]
    oracle = BLEU()
    expected = oracle.corpus_score(guessed, columns)
    np.testing.assert_allclose(bleu(gold, guessed).score, expected.score)
    assert bleu(gold, guessed).signature in str(oracle.get_signature())
    np.testing.assert_allclose(chrf(gold, guessed), CHRF().corpus_score(guessed, columns).score)


KINDS = ["rouge1", "rouge2", "rougeL"]


@given(corpora(texts=TEXTS | st.lists(st.sampled_from("abcd"), max_size=12).map(" ".join)))
def test_rouge_equals_rouge_score(corpus):
    gold, guessed = corpus
    scorer = RougeScorer(KINDS, use_stemmer=False)
    expected = [scorer.score_multi(answers, guess) for answers, guess in zip(gold, guessed, strict=True)]
    for kind, ours in zip(KINDS, rouge(gold, guessed), strict=True):
        assert isinstance(ours, Score)
        np.testing.assert_allclose(ours, np.mean([list(row[kind]) for row in expected], axis=0), rtol=1e-12)
