"""BERT's pairs: B follows A in half of the rows, the other half gets another document's; nothing else tells them apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.support import assert_same, check_keys, epoch, rows
from tinyllm.data import SentencePairs
from tinyllm.data.sentence_pairs import trim

PAD, CLS, SEP, MASK = 0, 1, 2, 3


def documents_of(sizes):
    """Documents whose every token is its own, counted through, so that a token tells where it comes from."""
    token, documents = 10, []
    for document in sizes:
        segments = []
        for length in document:
            segments.append(list(range(token, token + length)))
            token += length
        documents.append(segments)
    return documents, token


SIZES = st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=8).map(
    lambda sizes: [*sizes, [2, 3], [1, 1, 4]]
)


def make(sizes, max_length=12, seed=0, batch_size=3, **options):
    documents, vocab_size = documents_of(sizes)
    return SentencePairs(documents, batch_size, max_length, CLS, SEP, MASK, PAD, vocab_size, seed, **options)


def originals(batch):
    """The rows before anything was hidden, as (A, B, label)."""
    ids = np.where(batch["targets"] == -100, batch["ids"], batch["targets"])
    found = []
    for row, label in zip(rows([{**batch, "ids": ids}]), batch["labels"], strict=True):
        middle = row.index(SEP)
        assert row[0] == CLS and row[-1] == SEP and row.count(SEP) == 2 and row.count(CLS) == 1
        found.append((row[1:middle], row[middle + 1 : -1], int(label)))
    return found


@given(SIZES, st.integers(5, 30), st.integers(0, 2**40), st.integers(0, 9))
def test_rows_are_what_they_are_labelled(sizes, max_length, seed, number):
    source = make(sizes, max_length, seed)
    documents, _ = documents_of(sizes)
    owner = {token: i for i, document in enumerate(documents) for segment in document for token in segment}
    begins = {segment[0] for document in documents for segment in document if segment}
    batches = epoch(source, number)
    found = [row for batch in batches for row in originals(batch)]
    n = len(found)
    assert n == len(source.chunks) and sum(label for *_, label in found) == n // 2
    for a, b, label in found:
        assert len(a) + len(b) <= max_length - 3
        for piece in (a, b):
            assert piece and list(piece) == list(range(piece[0], piece[0] + len(piece)))
            assert len({owner[token] for token in piece}) == 1
        if label == 0:
            assert owner[a[0]] == owner[b[0]] and a[-1] < b[0]
            if len(a) + len(b) < max_length - 3:        # nothing trimmed: B begins where A ends, at a segment's start
                assert b[0] == a[-1] + 1 and b[0] in begins
        else:
            assert owner[a[0]] != owner[b[0]]
    for batch in batches:
        check_keys(batch, "ids", "attention_mask", "segment_ids", "targets", "labels")
        for ids, mask, segments in zip(batch["ids"], batch["attention_mask"], batch["segment_ids"], strict=True):
            length, middle = mask.sum(), int(np.flatnonzero(ids == SEP)[0])
            assert segments.tolist() == [0] * (middle + 1) + [1] * (length - middle - 1) + [0] * (len(ids) - length)
            assert (ids[length:] == PAD).all()
        hidden = batch["targets"] != -100
        assert hidden.any(axis=1).all() and (batch["targets"][hidden] >= 10).all() and batch["attention_mask"][hidden].all()


@given(SIZES, st.integers(5, 30), st.integers(0, 99))
def test_chunks_cover_every_document_in_order(sizes, max_length, seed):
    source = make(sizes, max_length, seed)
    full = [[length for length in document if length] for document in sizes]
    kept = [document for document in full if len(document) > 1]
    assert source.left_out == len(sizes) - len(kept)
    ends = np.cumsum([len(document) for document in kept])
    first, last, document = source.chunks.T
    assert first[0] == 0 and last[-1] == ends[-1] and (first[1:] == last[:-1]).all()
    assert (last - first >= 2).all() and (first >= ends[document] - [len(kept[d]) for d in document]).all()
    assert (last <= ends[document]).all()


@given(SIZES, st.integers(0, 2**40), st.integers(0, 30), st.integers(1, 9))
def test_a_batch_depends_on_seed_and_step_alone_and_evaluation_on_nothing(sizes, seed, step, size):
    source, fresh = make(sizes, seed=seed), make(sizes, seed=seed)
    fresh.batch(step + 5)
    assert_same(source.batch(step), fresh.batch(step))
    keep = [tuple(zip(rows([batch]), originals(batch), strict=True)) for batch in source.evaluation(size)]
    again = [tuple(zip(rows([batch]), originals(batch), strict=True)) for batch in fresh.evaluation()]
    assert [row for batch in keep for row in batch] == [row for batch in again for row in batch]
    assert sum(map(len, keep)) == len(source.chunks)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(2, 40), st.integers(0, 99))
def test_trim_leaves_what_the_loop_leaves(a, b, room, seed):
    left = [a, b]
    while sum(left) > room:
        left[0 if left[0] > left[1] else 1] -= 1
    one, other = trim(np.arange(a), np.arange(b), room, np.random.default_rng(seed))
    assert [len(one), len(other)] == left
    for piece in (one, other):
        assert (np.diff(piece) == 1).all()


@pytest.mark.parametrize("side", [0, 1])
def test_trim_takes_from_both_ends_evenly(side, rng):
    texts = [np.arange(4), np.arange(14)]
    starts = [trim(*texts[:: 1 if side else -1], 8, rng)[side][0] for _ in range(2000)]
    assert set(starts) <= set(range(11)) and abs(np.mean(starts) - 5) < 5 * np.sqrt(10 / 4 / 2000)


def test_a_tenth_of_the_chunks_is_short():
    source = make([[1] * 20_000, [1, 1]], max_length=23)
    sizes = np.diff(source.chunks[:-1, :2], axis=1)[:-1, 0]      # the last ones end where their document does
    assert sizes.max() == 20 and sizes.min() == 2
    short = 0.1 * 18 / 19                                        # a tenth is drawn from 2 to 20, which may be 20
    assert abs((sizes < 20).mean() - short) < 5 * np.sqrt(short / len(sizes))


def test_all_words_may_be_hidden():
    batch = make([[2, 3], [4, 1]], p=1.0).batch(0)
    special = np.isin(batch["ids"], [CLS, SEP, PAD])
    assert ((batch["targets"] == -100) <= special).all()


def test_b_alone_tells_nothing():
    """Each text is as often a wrong B as a right one, whatever its length: a table of B's first tokens is at chance."""
    source = make([[2, 9], [8, 1], [3, 3], [1, 7], [5, 5]], max_length=40)
    counts = {}
    for number in range(400):
        for batch in epoch(source, number):
            for _, b, label in originals(batch):
                counts.setdefault(b[0], [0, 0])[label] += 1
    assert len(counts) == 5
    for right, wrong in counts.values():
        total = right + wrong
        assert abs(right / total - 0.6) < 5 * np.sqrt(0.24 / total)        # of 5 rows, 2 are wrong
    assert abs(sum(wrong for _, wrong in counts.values()) - 800) == 0


def test_lengths_tell_nothing():
    """Whoever sees nothing but how long A and B are is at chance, though A and what follows it fill the row together."""
    source = make([[2, 9], [8, 1], [3, 3], [1, 7], [5, 5]], max_length=14)
    counts = {}
    for number in range(400):
        for batch in epoch(source, number):
            for a, b, label in originals(batch):
                counts.setdefault((len(a), len(b)), [0, 0])[label] += 1
    assert len(counts) > 5
    for right, wrong in counts.values():
        total = right + wrong
        assert abs(right / total - 0.6) < 5 * np.sqrt(0.24 / total)        # of 5 rows, 2 are wrong


def test_cuts_and_partners_change_from_epoch_to_epoch():
    source = make([[1] * 6, [1] * 6, [1] * 6], max_length=40, batch_size=9)
    assert len({tuple(sorted(originals(source.batch(step)))) for step in range(20)}) > 15


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"max_length": 4}, ValueError, "batch_size 1 and max_length 4: at least 1, and 5"),
        ({"documents": [[[5], [6]], [[7]]]}, ValueError, "1 documents of two segments or more: give at least two"),
        ({"vocab_size": 8}, ValueError, "token id 8 is outside the vocabulary of 8"),
        ({"documents": [[[5], [6]], [[-7], [8]]]}, ValueError, "token id -7 is outside"),
        ({"documents": [[[5], [6]], [[0.5], [8]]]}, TypeError, "segments of type float64: give token ids"),
        ({"p": 0}, ValueError, "p 0: the share of hidden tokens"),
        ({"mask_id": 99}, ValueError, "special id 99 is outside the vocabulary of 20"),
    ],
)
def test_sentence_pairs_refuse(change, error, message):
    good = {"documents": [[[5], [6]], [[7], [8]]], "batch_size": 1, "max_length": 9, "cls_id": CLS, "sep_id": SEP,
            "mask_id": MASK, "pad_id": PAD, "vocab_size": 20}
    with pytest.raises(error, match=message):
        SentencePairs(**{**good, **change})
    assert SentencePairs(**good).batch(0)["ids"].shape == (1, 5)
