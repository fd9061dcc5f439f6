"""Near-duplicates, against the definition written out pair by pair."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data.duplicates import linked_groups, lot, near_duplicate_groups

TEXTS = st.lists(st.lists(st.sampled_from("abcd"), max_size=12).map(" ".join), max_size=12)


def triples(text):
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)} or {tuple(words)}


def near(one, other):
    a, b = triples(one), triples(other)
    smaller = min(len(a), len(b))
    return len(a & b) >= 0.6 * len(a | b) or (smaller >= 20 and len(a & b) >= 0.6 * smaller)


def groups_by_definition(texts):
    groups = list(range(len(texts)))
    for i, one in enumerate(texts):
        for j, other in enumerate(texts[:i]):
            if near(one, other):
                merged = {groups[i], groups[j]}
                groups = [min(merged) if group in merged else group for group in groups]
    return groups


@given(TEXTS)
def test_groups_are_the_definition(texts):
    assert near_duplicate_groups(texts) == groups_by_definition(texts)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 45)), max_size=8))
def test_groups_are_the_definition_for_long_texts_that_quote_each_other(spans):
    words = [f"w{i}" for i in range(90)]
    texts = [" ".join(words[start : start + length]) for start, length in spans]
    assert near_duplicate_groups(texts) == groups_by_definition(texts)


def test_a_quote_counts_from_twenty_triples_on():
    words = [f"w{i}" for i in range(80)]
    for length, together in ((22, True), (21, False)):      # 20 and 19 triples inside 78
        groups = near_duplicate_groups([" ".join(words), " ".join(words[30 : 30 + length])])
        assert (groups == [0, 0]) == together


def test_case_and_punctuation_do_not_matter_and_meaning_does():
    assert near_duplicate_groups(["Return the name.", "return: the NAME", "Return the value."]) == [0, 0, 2]


def test_chains_join():
    words = [f"w{i}" for i in range(40)]
    # 12 triples each: the first two share 6 of 18, the third shares 9 of 15 with both.
    texts = [" ".join(words[i : i + 14]) for i in (0, 6, 3)]
    assert near_duplicate_groups(texts[:2]) == [0, 1]
    assert near_duplicate_groups(texts) == [0, 0, 0]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=14))
def test_linked_groups_are_the_components_of_shared_keys(rows):
    groups = list(range(len(rows)))
    for i, one in enumerate(rows):
        for j, other in enumerate(rows[:i]):
            if one[0] == other[0] or one[1] == other[1]:
                merged = {groups[i], groups[j]}
                groups = [min(merged) if group in merged else group for group in groups]
    assert linked_groups([one for one, _ in rows], [other for _, other in rows]) == groups
    assert linked_groups([]) == []


def test_lots_are_even_and_depend_on_the_group_alone():
    lots = [lot([f"text {i}", f"another {i}"]) for i in range(2000)]
    assert all(0 <= one < 1 for one in lots)
    assert abs(sum(one < 0.1 for one in lots) - 200) < 5 * (2000 * 0.09) ** 0.5
    assert lot(["a", "b"]) == lot(["b", "a"]) in (lot(["a"]), lot(["b"]))
