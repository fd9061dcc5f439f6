"""Grading: right answers pass, wrong ones are shown at their smallest, and nothing an answer does gets out."""

from __future__ import annotations

import numpy as np
import pytest

from tinyllm.book.draws import arrays, token_ids
from tinyllm.book.exercises import Exercise, Mistake, grade, shown


def row_sums(x):
    return np.sum(x, axis=1)


SUMS = Exercise(
    "row sums", row_sums, arrays("T C"),
    mistakes=(
        Mistake(lambda x: np.sum(x, axis=0), "the other axis"),
        Mistake(lambda x: np.sum(x, axis=1, keepdims=True), "one axis too many"),
        Mistake(lambda x: np.sum(x, axis=2), "there is no axis 2"),
    ),
    hint="axis 1",
)


def test_a_right_answer_by_other_means():
    result = grade(1, SUMS, lambda x: [sum(row) for row in x])
    assert result.state == "solved" and str(result) == "Exercise 1, row sums: right, on 60 drawn cases."


def test_a_wrong_answer_shows_the_smallest_case():
    """Wrong from two columns on: the smallest case has two, one row, and only zeros but where it matters."""
    result = grade(1, SUMS, lambda x: x[:, 0])
    assert result.state == "wrong" and result.case is not None
    (x,) = result.case.args
    assert x.shape == (1, 2) and x[0, 0] == 0 and np.abs(x).sum() == 0.25
    text = str(result)
    assert "x = [[0.  , 0.25]]" in text and "got:" in text and "expected:" in text and "hint:" in text and "axis 1" in text


@pytest.mark.parametrize("mistake", SUMS.mistakes, ids=lambda mistake: mistake.hint)
def test_a_mistake_made_in_other_words_gets_its_hint(mistake):
    again = {
        "the other axis": lambda x: x.T.sum(axis=1),
        "one axis too many": lambda x: x.sum(axis=1)[:, None],
        "there is no axis 2": lambda x: x.sum(axis=-3),
    }
    assert grade(1, SUMS, again[mistake.hint]).hint == mistake.hint


def test_the_same_answer_gets_the_same_report():
    assert str(grade(1, SUMS, lambda x: x[:, 0])) == str(grade(1, SUMS, lambda x: x[:, 0]))


def test_unsolved_in_all_its_forms():
    def raises(x):
        raise NotImplementedError

    for answer in (..., None, lambda x: None, raises):
        assert grade(1, SUMS, answer).state == "unsolved"


def test_a_value_in_place_of_a_function():
    result = grade(1, SUMS, np.zeros(3))
    assert result.state == "wrong" and "without calling it" in result.hint


def test_an_error_is_shown_and_does_not_get_out():
    result = grade(1, SUMS, lambda x: x.no_such_thing)
    assert result.state == "wrong" and "AttributeError" in str(result) and "stops with an error" in str(result)


def test_an_answer_that_writes_into_its_argument_spoils_nothing():
    def writes(x):
        total = x.sum(axis=1)
        x[...] = 100.0
        return total

    assert grade(1, SUMS, writes).state == "solved"


def test_warnings_are_errors_here_but_not_there():
    exercise = Exercise("logarithm", np.log, arrays("T", low=0))
    assert grade(1, exercise, lambda x: np.log(x)).state == "solved"


def test_refusing_can_be_the_answer():
    def positive(x):
        if x < 0:
            raise ValueError("negative")
        return np.sqrt(x)

    exercise = Exercise("root", positive, arrays(""), mistakes=(Mistake(lambda x: np.sqrt(np.abs(x)), "refuse"),))
    assert grade(1, exercise, positive).state == "solved"
    wrong = grade(1, exercise, lambda x: np.sqrt(np.abs(x)))
    assert wrong.hint == "refuse" and wrong.case is not None and "no error, where one is due" in str(wrong)


def test_values():
    exercise = Exercise("shape", (2, 3), mistakes=(Mistake((3, 2), "rows first"),), hint="think")
    assert str(grade(4, exercise, (2, 3))) == "Exercise 4, shape: right."
    assert grade(4, exercise, (3, 2)).hint == "rows first" and grade(4, exercise, (3, 3)).hint == "think"


def test_run_says_what_is_compared():
    """Here: the slope at a place, by differences, not the function's value."""
    slope = Exercise("a function with slope x", lambda x: x * x / 2, arrays(""), run=lambda f, x: (f(x + 1) - f(x - 1)) / 2)
    assert grade(1, slope, lambda x: x * x / 2 + 7).state == "solved" and grade(1, slope, lambda x: x).state == "wrong"


def test_drawn_sizes_agree_by_name():
    seen = []
    exercise = Exercise("shapes", lambda q, k, n: 0.0, arrays("T D", "S D", "", D=(2, 3)))
    grade(1, exercise, lambda q, k, n: seen.append((q.shape, k.shape, n.shape)) or 0.0)
    assert {q[1] == k[1] for q, k, _ in seen} == {True} and {q[1] for q, _, _ in seen} == {2, 3}
    assert {n for _, _, n in seen} == {()} and len({q[0] for q, _, _ in seen}) > 1


def test_a_size_of_no_axis_is_refused():
    with pytest.raises(ValueError, match="no axis is called X: the shapes name D, T"):
        arrays("T D", X=3)


def test_token_ids_are_integers_below_the_vocabulary():
    seen = []
    exercise = Exercise("ids", lambda ids: 0, token_ids("B T", vocab_size=3))
    grade(1, exercise, lambda ids: seen.append(ids) or 0)
    assert {ids.dtype for ids in seen} == {np.dtype(np.int64)} and {i for ids in seen for i in ids.ravel()} == {0, 1, 2}


@pytest.mark.parametrize("value, text", [
    (0.5, "0.5"), (np.float32(0.25), "0.25"), (3, "3"), ("a", "'a'"), (np.zeros((0, 2)), "an empty array of shape (0, 2)"),
    ((2, 3), "(2, 3)"), ((1,), "(1,)"), (np.array([0.5, 1.0]), "[0.5, 1. ]"), (ValueError("no"), "ValueError: no"),
    (True, "True"),
])
def test_how_values_are_shown(value, text):
    assert shown(value) == text


def test_the_number_of_cases_is_the_number_tried():
    from hypothesis import strategies as st

    few = Exercise("a sign", np.sign, st.tuples(st.sampled_from([-1.0, 0.0, 1.0])), SUMS.mistakes, "")
    assert str(grade(1, few, np.sign)) == "Exercise 1, a sign: right, on 3 drawn cases."
