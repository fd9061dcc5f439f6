"""Span corruption: text and spans together are the window again, sentinels in order, amounts as asked."""

from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.support import assert_same, check_keys
from tinyllm.data import SENTINELS, SpanCorruption, corrupt_spans, sentinel_ids
from tinyllm.data.span_corruption import noise_amount

SENT = np.arange(199, 99, -1)       # T5's own count down
START, END = 0, 1


def restore(source, target, sentinels=SENT):
    """The window: each sentinel of the source replaced by what the target has behind it; and the spans."""
    spans, at = {}, None
    for token in target:
        if token in sentinels:
            assert token not in spans
            at, spans[token] = token, []
        else:
            spans[at].append(token)
    order = [token for token in source if token in sentinels]
    assert list(spans) == [*order, sentinels[len(order)]] and order == list(sentinels[: len(order)])
    assert spans.pop(sentinels[len(order)]) == [] and all(spans.values())
    assert not any(a in sentinels and b in sentinels for a, b in pairwise(source)), "spans lie apart"
    return [token for piece in source for token in spans.get(piece, [piece])], list(spans.values())


@st.composite
def windows(draw):
    p, mean = draw(st.sampled_from([0.05, 0.15, 0.5, 0.9])), draw(st.sampled_from([1.0, 3.0, 10.0]))
    ids = draw(st.lists(st.integers(2, 99), min_size=2, max_size=70))
    return np.array(ids), p, mean, np.random.default_rng(draw(st.integers(0, 999)))


@given(windows())
def test_text_and_spans_are_the_window(window):
    ids, p, mean, rng = window
    source, target = corrupt_spans(ids, rng, SENT, p, mean)
    text, spans = restore(source.tolist(), target.tolist())
    assert text == ids.tolist()
    assert (sum(map(len, spans)), len(spans)) == noise_amount(len(ids), p, mean)


@given(st.integers(2, 600), st.sampled_from([0.01, 0.15, 0.5, 0.99]), st.sampled_from([1.0, 3.0, 20.0]))
def test_amounts(length, p, mean):
    hidden, spans = noise_amount(length, p, mean)
    assert 1 <= spans <= hidden < length and spans - 1 <= length - hidden
    assert abs(hidden - p * length) <= max(0.5, 1 - p * length, 1 - (1 - p) * length) + 1e-9
    if length - hidden >= hidden:
        assert abs(spans - hidden / mean) <= max(0.5, 1 - hidden / mean) + 1e-9


def test_amounts_at_their_bounds():
    assert [noise_amount(*sizes) for sizes in ((2, 0.99, 1.0), (5, 0.6, 1.0), (9, 0.99, 1.0))] == [(1, 1), (3, 3), (8, 2)]


def test_every_choice_of_spans_is_equally_likely():
    # 3 of 7 tokens in 2 spans that lie apart: choices of places whose runs are two.
    def runs(places):
        return 1 + sum(b - a > 1 for a, b in pairwise(places))

    possible = [places for places in combinations(range(7), 3) if runs(places) == 2]
    rng, n = np.random.default_rng(0), 4000
    counts = Counter()
    for _ in range(n):
        source, _ = corrupt_spans(np.arange(2, 9), rng, SENT, 3 / 7, 1.5)
        counts[tuple(sorted(set(range(7)) - set((source[source < 100] - 2).tolist())))] += 1
    assert set(counts) == set(possible)
    share = n / len(possible)
    assert max(abs(count - share) for count in counts.values()) < 4 * np.sqrt(share)


def make(n=400, context=40, batch_size=5, seed=0, end_id=END, **options):
    tokens = np.random.default_rng(n).integers(2, 100, n)
    return SpanCorruption(tokens, context, batch_size, SENT, START, end_id, seed, **options)


SEED, STEP = st.integers(0, 2**40), st.integers(0, 99)


@given(st.integers(2, 90), st.integers(0, 50), st.integers(1, 6), SEED, STEP, st.sampled_from([END, None]))
def test_a_batch_is_windows_and_depends_on_seed_and_step_alone(context, more, batch_size, seed, step, end_id):
    source, fresh = (make(context + more, context, batch_size, seed, end_id) for _ in range(2))
    batch = source.batch(step)
    fresh.batch(step + 1)
    assert_same(fresh.batch(step), batch)
    check_keys(batch, "ids", "attention_mask", "decoder_ids", "targets")
    assert batch["ids"].shape == batch["attention_mask"].shape == (batch_size, source.source_length)
    assert batch["targets"].shape == batch["decoder_ids"].shape == (batch_size, source.target_length)
    assert batch["attention_mask"].all() and (batch["decoder_ids"][:, 0] == START).all()
    np.testing.assert_array_equal(batch["decoder_ids"][:, 1:], batch["targets"][:, :-1])
    tokens = source.tokens.tolist()
    for ids, target in zip(batch["ids"].tolist(), batch["targets"].tolist(), strict=True):
        if end_id is not None:
            assert ids.pop() == target.pop() == END
        text, _ = restore(ids, target)
        assert any(tokens[i : i + context] == text for i in range(len(tokens) - context + 1))


@given(st.integers(2, 30), st.integers(0, 100), st.integers(1, 6), st.integers(1, 6))
def test_evaluation_reads_every_token_once_and_is_fixed(context, more, one, other):
    source = make(context + more, context)
    read = {}
    for size in (one, other):
        texts = [
            restore(ids[:-1], target[:-1])[0]
            for batch in source.evaluation(size)
            for ids, target in zip(batch["ids"].tolist(), batch["targets"].tolist(), strict=True)
        ]
        read[size] = [batch["ids"].tolist() for batch in source.evaluation(size)]
        assert {len(text) for text in texts[:-1]} <= {context} and len(texts[-1]) <= context
        assert max(len(batch["ids"]) for batch in source.evaluation(size)) <= size
        flat = [token for text in texts for token in text]
        assert flat == source.tokens[: len(flat)].tolist() and len(source.tokens) - len(flat) in (0, 1)
    assert [row for batch in read[one] for row in batch] == [row for batch in read[other] for row in batch]


def test_every_window_is_drawn():
    source = make(43, 40, 8)
    batches = [source.batch(step) for step in range(20)]
    pairs = [pair for batch in batches for pair in zip(batch["ids"].tolist(), batch["targets"].tolist(), strict=True)]
    first = {restore(ids[:-1], target[:-1])[0][0] for ids, target in pairs}
    assert first == set(source.tokens[:4].tolist())


@given(st.lists(st.integers(300, 310), max_size=2), st.lists(st.integers(300, 310), max_size=2), STEP)
def test_a_frame_stands_around_every_source_and_changes_nothing_else(before, after, step):
    framed, bare = make(frame=(before, after)), make(frame=([], []))
    pairs = [(framed.batch(step), bare.batch(step)), *zip(framed.evaluation(), bare.evaluation(), strict=True)]
    for one, other in pairs:
        assert one["ids"].tolist() == [[*before, *row, *after] for row in other["ids"].tolist()]
        assert one["ids"].shape == one["attention_mask"].shape and one["attention_mask"].all()
        np.testing.assert_array_equal(one["targets"], other["targets"])
    assert pairs[0][0]["ids"].shape[1] == framed.source_length == bare.source_length + len(before) + len(after)
    assert_same(make(frame=([], [END])).batch(step), make().batch(step))


def test_spans_change_from_step_to_step():
    source = make(40, 40, 1)
    assert len({source.batch(step)["ids"].tobytes() for step in range(30)}) > 25


class Named:
    def __init__(self, names):
        self.names = names

    def token_to_id(self, token):
        return self.names[token]


def test_sentinels_are_found_by_name():
    assert len(set(SENTINELS)) == 100 and SENTINELS[7] == "<extra_id_7>"
    assert sentinel_ids(Named({name: 500 - i for i, name in enumerate(SENTINELS[:12])})) == list(range(500, 488, -1))
    with pytest.raises(ValueError, match="the tokenizer has no <extra_id_0>: train it with special_tokens"):
        sentinel_ids(Named({}))


def test_span_corruption_refuses():
    assert SpanCorruption(np.arange(200), 100, 2, SENT[:6], START).batch(0)["targets"].shape == (2, 15 + 6)
    with pytest.raises(ValueError, match="5 sentinels for 5 spans and the end: take a context below 100"):
        SpanCorruption(np.arange(200), 100, 2, SENT[:5], START)
    with pytest.raises(ValueError, match="the text has 8 tokens, context 9 needs at least 9"):
        SpanCorruption(np.arange(8), 9, 2, SENT, START)
    for change in ({"p": 0.0}, {"p": 1.0}, {"mean_span": 0.5}, {"mean_span": np.nan}):
        with pytest.raises(ValueError, match="at least 2, above 0 and below 1, at least 1"):
            make(**change)
    with pytest.raises(ValueError, match="length 1, p"):
        make(context=1)
