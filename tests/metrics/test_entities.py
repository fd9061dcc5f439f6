"""Entities whole or not at all: the three schemes read alike, counts by hand, what no convention may change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.draws import taggings
from tinyllm.metrics import Score, entities, entity_scores


@st.composite
def spans(draw):
    """A length and entities in it, in order, without overlap."""
    marks = draw(st.lists(st.tuples(st.sampled_from(["PER", "LOC", "A-B"]), st.integers(0, 2), st.integers(1, 3)), max_size=4))
    found, end = [], 0
    for kind, gap, length in marks:
        found.append((kind, end + gap, end + gap + length))
        end += gap + length
    return end + draw(st.integers(0, 2)), found


def written(length, found, scheme):
    """The tags of spans, each scheme by its definition."""
    tags = ["O"] * length
    for i, (kind, start, end) in enumerate(found):
        touches = i and found[i - 1][0] == kind and found[i - 1][2] == start
        tags[start:end] = [f"I-{kind}"] * (end - start)
        if scheme == "IOB2" or (scheme == "IOB1" and touches):
            tags[start] = f"B-{kind}"
    return tags


@given(spans())
def test_entities_come_back_from_iob1_and_iob2(drawn):
    length, found = drawn
    assert entities(written(length, found, "IOB2")) == found
    assert entities(written(length, found, "IOB2"), strict=True) == found
    assert entities(written(length, found, "IOB1")) == found


@given(spans())
def test_io_joins_neighbours_of_one_type_and_nothing_else(drawn):
    length, found = drawn
    joined = []
    for kind, start, end in found:
        if joined and joined[-1][0] == kind and joined[-1][2] == start:
            start = joined.pop()[1]
        joined.append((kind, start, end))
    assert entities(written(length, found, "IO")) == joined


@pytest.mark.parametrize(
    ("tags", "lenient", "strict"),
    [
        ("I-PER I-PER O B-LOC I-ORG", [("PER", 0, 2), ("LOC", 3, 4), ("ORG", 4, 5)], [("LOC", 3, 4)]),
        ("B-PER I-LOC I-LOC", [("PER", 0, 1), ("LOC", 1, 3)], [("PER", 0, 1)]),
        ("B-PER B-PER I-PER", [("PER", 0, 1), ("PER", 1, 3)], [("PER", 0, 1), ("PER", 1, 3)]),
        ("I-PER B-PER", [("PER", 0, 1), ("PER", 1, 2)], [("PER", 1, 2)]),
        ("B-PER O I-PER", [("PER", 0, 1), ("PER", 2, 3)], [("PER", 0, 1)]),
        ("", [], []),
    ],
)
def test_tags_of_no_scheme_by_hand(tags, lenient, strict):
    assert entities(tags.split()) == lenient
    assert entities(tags.split(), strict=True) == strict


def test_scores_by_hand():
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "O", "B-ORG"]]
    guessed = [["B-PER", "O", "O", "B-LOC"], ["B-LOC", "B-LOC", "B-PER"]]
    scores = entity_scores(gold, guessed)
    # Places: 3 guessed, 2 gold, both found. People: 2 guessed, 1 gold, none right. The organisation: not found.
    assert scores.types == {"LOC": Score(2 / 3, 1.0, 0.8), "ORG": (0, 0, 0), "PER": (0, 0, 0)}
    assert scores.micro == pytest.approx((2 / 5, 2 / 4, 4 / 9))
    assert scores.macro == pytest.approx((2 / 9, 1 / 3, 0.8 / 3))
    assert (scores.precision, scores.recall, scores.f1) == scores.micro
    assert scores.support == {"LOC": 2, "ORG": 1, "PER": 1}
    assert scores.accuracy == 4 / 7
    lines = str(scores).splitlines()
    assert len(lines) == 6 and lines[1].split() == ["LOC", "66.67%", "100.00%", "80.00%", "2"]
    assert {len(line) for line in lines} == {len(lines[0])}


@given(taggings(), st.booleans())
def test_the_right_tags_score_one_and_swapping_swaps_precision_and_recall(tags, strict):
    gold, guessed = tags
    same = entity_scores(gold, gold, strict)
    assert same.accuracy == (1.0 if any(gold) else 0.0)
    assert all(score == (1, 1, 1) for score in same.types.values())
    assert same.micro == same.macro == ((1, 1, 1) if same.types else (0, 0, 0))
    there, back = entity_scores(gold, guessed, strict), entity_scores(guessed, gold, strict)
    assert there.micro == pytest.approx((back.recall, back.precision, back.f1))


@given(taggings(), st.randoms(use_true_random=False))
def test_the_order_of_sentences_changes_nothing(tags, random):
    pairs = list(zip(*tags, strict=True))
    random.shuffle(pairs)
    assert entity_scores(*tags) == entity_scores(*zip(*pairs, strict=True))


@given(taggings())
def test_correcting_a_sentence_never_lowers_recall(tags):
    gold, guessed = tags
    corrected = [gold[0], *guessed[1:]]
    before, after = entity_scores(gold, guessed), entity_scores(gold, corrected)
    assert after.recall >= before.recall and after.accuracy >= before.accuracy and after.f1 >= before.f1 - 1e-12
    assert all(0 <= value <= 1 for score in (*before.types.values(), before.micro, before.macro) for value in score)


@pytest.mark.parametrize(
    ("gold", "guessed", "error", "message"),
    [
        ([["O"]], [["O"], ["O"]], ValueError, "1 gold tag sequences and 2 guessed"),
        ([["O"], ["O"]], [["O"], ["O", "O"]], ValueError, "sentence 1: 1 gold tags and 2 guessed"),
        ([], [], ValueError, "no tag sequences"),
        ("O", ["O"], TypeError, "put it into a list"),
        ([["X-PER"]], [["O"]], ValueError, "tag 'X-PER' at word 0: write 'O', 'B-type' or 'I-type'"),
        ([["O", "B-"]], [["O", "O"]], ValueError, "tag 'B-' at word 1"),
        ([["PER"]], [["O"]], ValueError, "tag 'PER'"),
        ([["O-PER"]], [["O"]], ValueError, "tag 'O-PER'"),
    ],
)
def test_what_is_refused(gold, guessed, error, message):
    with pytest.raises(error, match=message):
        entity_scores(gold, guessed)
