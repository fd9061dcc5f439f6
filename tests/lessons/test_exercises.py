"""Every exercise knows right from wrong: the right answer passes, each known mistake fails and gets a hint of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.project.source import ROOT
from tinyllm.book import Lesson
from tinyllm.book.exercises import Exercise, grade

LESSONS = ROOT / "lessons"
NAMES = [path.stem for path in sorted((LESSONS / "exercises").glob("[0-9]*.py"))]
EXERCISES = [
    pytest.param(name, number, exercise, id=f"{name}-{number}")
    for name in NAMES
    for number, exercise in Lesson(name, LESSONS).exercises.items()
]


def checked(path: Path) -> list[int]:
    """The exercises that a file checks, in order."""
    return [int(number) for number in re.findall(r"^check\((\d+)", path.read_text(encoding="utf-8"), re.MULTILINE)]


def test_every_lesson_has_exercises_and_solutions():
    sources = [path.stem for path in sorted(LESSONS.glob("[0-9]*.py"))]
    assert sources == NAMES == [path.stem for path in sorted((LESSONS / "solutions").glob("[0-9]*.py"))]


@pytest.mark.parametrize("name", NAMES)
def test_lesson_and_solutions_check_each_exercise_once(name):
    numbers = list(Lesson(name, LESSONS).exercises)
    assert 4 <= len(numbers) <= 8
    assert checked(LESSONS / f"{name}.py") == numbers
    assert checked(LESSONS / "solutions" / f"{name}.py") == numbers


@pytest.mark.parametrize("name, number, exercise", EXERCISES)
def test_the_right_answer_is_right(name, number, exercise: Exercise):
    result = grade(number, exercise, exercise.expected)
    assert result.state == "solved", str(result)


@pytest.mark.slow
@pytest.mark.parametrize("name, number, exercise", EXERCISES)
def test_each_mistake_is_seen_and_named(name, number, exercise: Exercise):
    assert len(exercise.mistakes) >= 3, "write three plausible wrong answers"
    assert len({mistake.hint for mistake in exercise.mistakes}) == len(exercise.mistakes)
    for mistake in exercise.mistakes:
        result = grade(number, exercise, mistake.answer)
        assert result.state == "wrong", f"this mistake passes: {mistake.hint}"
        assert result.hint == mistake.hint, f"this mistake gets the hint of another: {mistake.hint}"
        assert mistake.hint in str(result)


@pytest.mark.parametrize("name, number, exercise", EXERCISES)
def test_another_wrong_answer_gets_the_general_hint(name, number, exercise: Exercise):
    result = grade(number, exercise, (lambda *args: "nonsense") if callable(exercise.expected) else "nonsense")
    assert result.state == "wrong" and exercise.hint and result.hint == exercise.hint


@pytest.mark.parametrize("name, number, exercise", EXERCISES)
def test_unsolved_is_said_politely(name, number, exercise: Exercise):
    answers = [..., lambda *args: None] if exercise.inputs is not None else [...]
    for answer in answers:
        result = grade(number, exercise, answer)
        assert result.state == "unsolved" and "not solved yet" in str(result)
