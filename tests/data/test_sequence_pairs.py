"""Pairs for encoder-decoder models: the decoder sees what it has to say, one place late."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.support import check_keys, check_source, epoch, rows
from tinyllm.data import SequencePairs

PAD, START, END = 0, 1, 2
ROW = st.lists(st.integers(3, 30), max_size=9)
PAIRS = st.lists(st.tuples(ROW.filter(len), ROW), min_size=1, max_size=25)


def make(pairs, batch_size=4, max_source=20, max_target=20, seed=0):
    sources, targets = zip(*pairs, strict=True)
    return SequencePairs(sources, targets, batch_size, max_source, max_target, PAD, START, END, seed)


def contents(batches):
    """(source, what the decoder sees, what it says) of every row."""
    said = [tuple(row[row != -100].tolist()) for batch in batches for row in batch["targets"]]
    seen = [
        tuple(row[wanted != -100].tolist())
        for batch in batches for row, wanted in zip(batch["decoder_ids"], batch["targets"], strict=True)
    ]
    return list(zip(rows(batches), seen, said, strict=True))


@given(PAIRS, st.integers(1, 6), st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**40), st.integers(0, 20))
def test_every_pair_once_an_epoch(pairs, batch_size, max_source, max_target, seed, number):
    check_source(lambda seed: make(pairs, batch_size, max_source, max_target, seed), contents, seed, number)


@given(PAIRS, st.integers(1, 8), st.integers(1, 8))
def test_teacher_forcing(pairs, max_source, max_target):
    source = make(pairs, 3, max_source, max_target)
    found = contents(list(source.evaluation()))
    for (ids, seen, said), (text, target) in zip(found, pairs, strict=True):
        assert ids == tuple(text[:max_source])
        assert said == tuple([*target, END][:max_target])
        assert seen == (START, *said[:-1])
    assert source.cut_sources == sum(len(text) > max_source for text, _ in pairs)
    assert source.cut_targets == sum(len(target) + 1 > max_target for _, target in pairs)
    for batch in source.evaluation():
        check_keys(batch, "ids", "attention_mask", "decoder_ids", "targets")
        assert (batch["ids"][~batch["attention_mask"]] == PAD).all()
        ignored = batch["targets"] == -100
        assert (batch["decoder_ids"][ignored] == PAD).all() and not (ignored[:, :-1] & ~ignored[:, 1:]).any()


def test_little_of_a_batch_is_padding(rng):
    lengths = rng.integers(1, 60, 3000)
    source = make([([3] * n, [3] * max(1, n + rng.integers(-3, 4))) for n in lengths], 16, 100, 100)
    used = held = 0
    for batch in epoch(source, 0):
        used += batch["attention_mask"].sum() + (batch["targets"] != -100).sum()
        held += batch["ids"].size + batch["targets"].size
    assert used / held > 0.93


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"targets": [[3]]}, ValueError, "2 sources and 1 targets: give one target a source"),
        ({"sources": [[3], []]}, ValueError, "source 1 has no tokens"),
        ({"sources": [[3], [0.5]]}, TypeError, "source 1 has shape .* and type float64"),
        ({"sources": [], "targets": []}, ValueError, "no sources: give at least one"),
        ({"max_target": 0}, ValueError, "max_length 0: both are at least 1"),
    ],
)
def test_pairs_refuse(change, error, message):
    good = {"sources": [[3], [4]], "targets": [[3], []], "batch_size": 2, "max_source": 4, "max_target": 4,
            "pad_id": PAD, "start_id": START, "end_id": END}
    with pytest.raises(error, match=message):
        SequencePairs(**{**good, **change})
    assert np.array_equal(SequencePairs(**good).batch(0)["targets"].shape, (2, 2))
