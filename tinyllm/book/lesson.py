"""A lesson as its notebook sees it: its exercises, its part of the ledger, what the reader has solved."""

from __future__ import annotations

import importlib.util
from functools import cached_property
from pathlib import Path
from typing import Any

from . import ledger, progress
from .exercises import Exercise, Result, grade

PROGRESS = "progress.json"


def find_lessons() -> Path:
    """The folder of the lessons: the one a notebook runs in, else the checkout's. Raises FileNotFoundError without either."""
    folder = Path.cwd() if (Path.cwd() / "exercises").is_dir() else ledger.lessons_folder()
    if folder is None:
        raise FileNotFoundError(f"no lessons in {Path.cwd()}, nor where tinyllm is installed: open the notebook in a clone")
    return folder


def names(folder: Path) -> list[str]:
    """The lessons that have exercises, in order."""
    return [path.stem for path in sorted((folder / "exercises").glob("[0-9]*.py"))]


class Lesson:
    """`lesson = open_lesson("12_attention")`; then `lesson.check(1, my_function)`.

    With `strict`, for the worked solutions: an answer that is not right raises AssertionError, and nothing is noted.
    """

    def __init__(self, name: str, folder: Path, strict: bool = False) -> None:
        self.name, self.folder, self.strict = name, folder, strict

    @cached_property
    def exercises(self) -> dict[int, Exercise]:
        """By number. They are read from exercises/NAME.py when first asked for. (No peeking: the right answers are there.)"""
        path = self.folder / "exercises" / f"{self.name}.py"
        spec = importlib.util.spec_from_file_location(f"exercises_{self.name}", path)
        if spec is None or spec.loader is None or not path.is_file():
            raise FileNotFoundError(f"{path} is not there: the name of a lesson is that of its file, such as 12_attention")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return dict(enumerate(module.EXERCISES, start=1))

    def grade(self, number: int, answer: Any) -> Result:
        """Try an answer. Raises LookupError for an exercise that the lesson does not have."""
        if number not in self.exercises:
            raise LookupError(f"lesson {self.name} has no exercise {number!r}: choose one from 1 to {len(self.exercises)}")
        return grade(number, self.exercises[number], answer)

    def check(self, number: int, answer: Any) -> None:
        """Try an answer and say what came of it: right, or the smallest case that fails, with a hint."""
        result = self.grade(number, answer)
        if self.strict and result.state != "solved":
            raise AssertionError(str(result))
        print(result)
        if not self.strict and result.state != "unsolved":
            progress.record(self.folder / PROGRESS, self.name, number, result.state == "solved")

    def solved(self) -> None:
        """Print which exercises of this lesson are solved, and how many of all lessons."""
        path = self.folder / PROGRESS
        mine = progress.read(path) if path.exists() else {}
        for number, exercise in self.exercises.items():
            entry = mine.get(self.name, {}).get(str(number), {})
            state = f"solved on {entry['solved']}" if entry.get("solved") else "open"
            print(f"  {number}  {exercise.title:<60} {state}")
        done = sum(bool(entry["solved"]) for entries in mine.values() for entry in entries.values())
        print(f"{done} solved in all lessons. `tinyllm progress` shows the table; lessons/{PROGRESS} is the file to hand in.")

    def formulas(self) -> ledger.Part:
        """The lesson's part of the ledger of formulas."""
        return ledger.Part(ledger.of_lesson(self.name))


def open_lesson(name: str, strict: bool = False) -> Lesson:
    """The lesson of this name, such as "12_attention". Raises FileNotFoundError where there are no lessons."""
    return Lesson(name, find_lessons(), strict)
