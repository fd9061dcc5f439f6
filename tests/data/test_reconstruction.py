"""Texts for autoencoders: the whole text is the answer, holes are only in the input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.support import assert_same, check_keys, check_source, epoch, rows
from tinyllm.data import NoisyTexts

PAD, MASK, BOS = 0, 1, 2
ROWS = st.lists(st.lists(st.integers(3, 30), min_size=1, max_size=9), min_size=1, max_size=20)


def make(texts, hide_p=0.0, seed=0, batch_size=4, max_length=6):
    return NoisyTexts(texts, batch_size, max_length, PAD, seed, hide_p, MASK, [BOS])


def contents(batches):
    return list(rows(batches))


@given(ROWS, st.sampled_from([0.0, 0.4]), st.integers(0, 2**40), st.integers(0, 20))
def test_every_row_once_an_epoch(texts, hide_p, seed, number):
    check_source(lambda seed: make(texts, hide_p, seed), contents, seed, number)
    assert contents(list(make(texts).evaluation())) == [tuple(text[:6]) for text in texts]


@given(ROWS, st.integers(0, 99), st.integers(1, 9))
def test_evaluation_has_the_same_holes_whatever_the_batch_size(texts, seed, size):
    source = make(texts, 0.5, seed)
    for batch in source.evaluation():
        check_keys(batch, "ids", "attention_mask", "input_ids")
    source.batch(3)
    holes = [list(rows(source.evaluation(n), "input_ids")) for n in (4, size)]
    assert holes[0] == holes[1]


def test_holes_take_their_share_and_leave_padding_and_special_tokens():
    source = make([[BOS] + [20] * 50, [BOS] + [20] * 99], 0.1, max_length=100, batch_size=2)
    hidden = 0
    for step in range(200):
        batch = source.batch(step)
        changed = batch["input_ids"] != batch["ids"]
        assert (batch["input_ids"][changed] == MASK).all() and (batch["ids"][changed] == 20).all()
        assert batch["attention_mask"][changed].all()
        hidden += changed.sum()
    assert abs(hidden - 0.1 * 200 * 149) < 5 * np.sqrt(200 * 149 * 0.09)


def test_holes_change_from_step_to_step_from_seed_to_seed_and_from_row_to_row():
    sources = [make([[20] * 60], 0.3, seed, max_length=60) for seed in range(3)]
    assert len({source.batch(step)["input_ids"].tobytes() for source in sources for step in range(20)}) == 60
    (batch,) = make([[20] * 60] * 4, 0.3, max_length=60).evaluation()
    assert len({row.tobytes() for row in batch["input_ids"]}) == 4


def test_without_holes_there_is_no_input_of_its_own():
    check_keys(make([[5, 6]]).batch(0), "ids", "attention_mask")
    assert_same(epoch(make([[5, 6]]), 3)[0], next(make([[5, 6]]).evaluation()))
    with pytest.raises(ValueError, match=r"hide_p 1.0: a probability"):
        make([[5]], 1.0)
    with pytest.raises(ValueError, match=r"hide_p 0.1 needs a mask_id"):
        NoisyTexts([[5]], 1, 4, PAD, hide_p=0.1)
