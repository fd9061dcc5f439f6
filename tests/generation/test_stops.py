"""Stop sequences: what is shown never contains one, nor the beginning of one that came to be."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tinyllm.generation import StopFilter

letters = st.binary(max_size=30).map(lambda raw: bytes(97 + byte % 2 for byte in raw))
stops = st.lists(letters.filter(bool).map(lambda text: text[:4]), max_size=3)


def cut(text: bytes, ends: list[bytes]) -> bytes:
    """The text up to where the earliest stop that becomes complete begins, the longest first."""
    for end in range(len(text) + 1):
        starts = [end - len(stop) for stop in ends if text[:end].endswith(stop)]
        if starts:
            return text[: min(starts)]
    return text


@given(letters, stops, st.integers(1, 5))
@example(b"bbab", [b"a", b"bab"], 4)
def test_any_pieces_give_the_text_before_the_first_stop(text, ends, size):
    row = StopFilter(ends, b"")
    shown = b""
    for start in range(0, len(text), size):
        shown += row.push(text[start : start + size])
        assert cut(text, ends).startswith(shown), "something was shown that belongs to a stop"
    shown += row.finish()
    assert shown == cut(text, ends)
    assert not any(stop in shown for stop in ends)
    assert row.stopped == any(stop in text for stop in ends)


def test_ids_work_as_bytes_do():
    row: StopFilter[tuple[int, ...]] = StopFilter([(5, 6), (9,)], ())
    assert [row.push((i,)) for i in (1, 5, 5, 6, 7)] == [(1,), (), (5,), (), ()]
    assert row.stopped
    assert row.finish() == ()


def test_what_was_held_back_comes_at_the_end():
    row = StopFilter([b"END"], b"")
    assert (row.push(b"the E"), row.push(b"N"), row.finish()) == (b"the ", b"", b"EN")


def test_an_empty_stop_is_an_error():
    with pytest.raises(ValueError, match="empty stop"):
        StopFilter([b""], b"")
