"""SQuAD's exact match and F1: normalisation, several gold answers, none at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.draws import TEXTS
from tinyllm.metrics import AnswerScores, answer_f1, answer_scores, exact_match
from tinyllm.metrics.answers import normalized


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Eiffel Tower.", "eiffel tower"),
        ("an apple a day", "apple day"),
        ("theatre, a-b", "theatre ab"),      # an article is a word; a dash between letters joins them
        ("a's", "as"),
        ("a.", ""),
        ("  1,000\u00a0km\n", "1000 km"),
        ("L’Été—là", "l’été—là"),            # signs outside ASCII stay
    ],
)
def test_normalisation_by_hand(text, expected):
    assert normalized(text) == expected


@given(TEXTS)
def test_normalisation_is_done_once_and_blind_to_what_it_drops(text):
    assert normalized(text.upper().lower()) == normalized(text.lower())
    assert normalized(f"The {text} ?") == normalized(text)
    assert exact_match(text, f" An {text}!") == answer_f1(text, f" An {text}!") == 1.0


@pytest.mark.parametrize(
    ("gold", "guessed", "exact", "f1"),
    [
        ("in the summer of 1889", "summer 1889", 0, 2 / 3),
        (["1889", "summer of 1889"], "summer 1889", 0, 0.8),
        (["1889", "summer of 1889"], "the 1889", 1, 1),
        ("to be or not to be", "be be be", 0, 4 / 9),       # two of three words, two of six
        ("Paris", "London", 0, 0),
        ([], "", 1, 1),
        ([], "Paris", 0, 0),
        ("", "a", 1, 1),                    # nothing is left of the guess
        ("Paris", "", 0, 0),
        (["the", "Paris"], "", 0, 0),       # an answer of which nothing is left is none beside others
        (["the"], "", 1, 1),
    ],
)
def test_scores_by_hand(gold, guessed, exact, f1):
    assert exact_match(gold, guessed) == exact
    assert answer_f1(gold, guessed) == pytest.approx(f1)


@given(st.lists(TEXTS, max_size=3), TEXTS, TEXTS)
def test_bounds_and_more_answers(gold, guessed, more):
    exact, f1 = exact_match(gold, guessed), answer_f1(gold, guessed)
    assert 0 <= f1 <= 1 and exact in (0, 1) and (f1 == 1 or not exact)
    if any(map(normalized, gold)):          # one more way to be right never hurts
        assert exact_match([*gold, more], guessed) >= exact
        assert answer_f1([*gold, more], guessed) >= f1
    assert answer_f1(gold[::-1], guessed) == f1


@given(TEXTS, TEXTS)
def test_one_answer_is_symmetric_and_blind_to_the_order_of_words(one, other):
    assert answer_f1(one, other) == pytest.approx(answer_f1(other, one))
    turned = " ".join(reversed(normalized(other).split()))
    assert answer_f1(one, turned) == answer_f1(one, other)


def test_means_by_hand():
    scores = answer_scores([["Paris"], ["the red house", "house"], [], ""], ["paris", "red", "", "Rome"])
    assert scores == AnswerScores(0.5, (1 + 2 / 3 + 1) / 4, 0.5, (1 + 2 / 3) / 2, 0.5, 4, 2)
    assert str(scores) == (
        "exact match 50.00%, F1 66.67% of 4 questions (50.00%, 83.33% where there is an answer; silent at 50.00% of the 2 "
        "that have none)"
    )
    assert str(answer_scores(["a b"], ["b"])) == "exact match 100.00%, F1 100.00% of 1 questions"


@given(st.lists(st.tuples(st.lists(TEXTS, max_size=2), TEXTS), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_questions_changes_nothing(pairs, random):
    before = answer_scores(*zip(*pairs, strict=True))
    random.shuffle(pairs)
    after = answer_scores(*zip(*pairs, strict=True))
    assert after.f1 == pytest.approx(before.f1) and after.unanswerable == before.unanswerable
    assert (after.exact_match, after.questions, after.without_answer) == (
        before.exact_match, before.questions, before.without_answer
    )


def test_another_number_of_guesses_is_refused():
    with pytest.raises(ValueError, match="2 gold answers and 1 guessed: give one guess for each"):
        answer_scores(["a", "b"], ["a"])
    with pytest.raises(TypeError, match="not one string"):
        answer_scores(["a"], "a")
    with pytest.raises(TypeError, match="guessed answers, number 0: None is no string: give \"\" where nothing is said"):
        answer_scores([["a"]], [None])
