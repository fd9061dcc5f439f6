"""Learning merges: the fast way against the plain one."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenizers.support import CORPUS, DENSE_TEXT, TEXT, naive_merges
from tinyllm.tokenizers.merges import learn_merges, merge
from tinyllm.tokenizers.words import split_words


def learned(texts, n_merges, **options):
    return learn_merges(Counter(word for text in texts for word in split_words(text)), n_merges, **options)


@given(st.lists(st.integers(0, 2), max_size=30), st.integers(0, 2), st.integers(0, 2))
def test_merge_is_replacing_in_a_string(symbols, left, right):
    replaced = "".join(map(chr, symbols)).replace(chr(left) + chr(right), chr(9))
    assert merge(symbols, (left, right), 9) == [ord(symbol) for symbol in replaced]


@given(st.lists(TEXT, max_size=4), st.integers(0, 40))
def test_the_fast_way_learns_what_the_plain_way_learns(texts, n_merges):
    assert learned(texts, n_merges) == naive_merges(texts, n_merges)


def test_the_fast_way_learns_what_the_plain_way_learns_from_real_text():
    expected = naive_merges([CORPUS], 10_000)
    assert len(expected) > 100
    assert learned([CORPUS], 10_000) == expected
    assert learned([CORPUS], 57) == expected[:57]


@given(st.lists(DENSE_TEXT, max_size=5).flatmap(lambda texts: st.tuples(st.just(texts), st.permutations(texts))))
def test_the_order_of_texts_makes_no_difference(both):
    texts, shuffled = both
    assert learned(texts, 30) == learned(shuffled, 30)


@given(st.lists(DENSE_TEXT, max_size=4))
def test_no_token_is_made_twice(texts):
    pieces = [bytes([byte]) for byte in range(256)]
    for left, right in learned(texts, 100):
        pieces.append(pieces[left] + pieces[right])
    assert len(set(pieces)) == len(pieces)


def test_frequency_decides_then_age():
    a, b, c, d = b"abcd"
    assert learned(["cd cd cd ab ab"], 1) == [(c, d)]
    assert learned(["cd ab cd ab"], 1) == [(ord(" "), a)]
    assert learned(["cd.ab.cd.ab"], 2) == [(a, b), (c, d)]
    assert learned(["ad.ac.ad.ac"], 2) == [(a, c), (a, d)]


def test_a_pair_must_occur_twice():
    assert learned(["ab"], 10) == []
    assert learned(["ab.ab"], 10) == [(ord("a"), ord("b"))]
    assert learned(["aaa"], 10) == [(ord("a"), ord("a"))]  # two neighbours that overlap


def test_progress_changes_nothing_but_the_screen(capsys):
    assert learned([CORPUS], 20, progress=True) == learned([CORPUS], 20)
    assert "learning merges" in capsys.readouterr().err


def test_without_tqdm_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tqdm", None)
    with pytest.raises(ImportError, match=r"pip install tinyllm\[train\]"):
        learned([CORPUS], 20, progress=True)
    assert len(learned([CORPUS], 20)) == 20
