"""Questions on passages in the JSON of SQuAD, the Stanford question answering set, versions 1.1 and 2.0."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyllm.data.files import MAX_BYTES, read_text


@dataclass(frozen=True)
class Answer:
    """A piece of the passage: passage[start : start + len(text)] == text."""

    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True)
class Question:
    """A question and the passage that answers it, or does not: then answers is empty."""

    id: str
    question: str
    passage: str
    answers: tuple[Answer, ...]

    @property
    def impossible(self) -> bool:
        return not self.answers


def read_squad(path: str | Path, max_bytes: int = MAX_BYTES) -> tuple[Question, ...]:
    """The questions of a SQuAD file, in file order; several answers where several people were asked.

    Version 2.0 marks with "is_impossible" what its passage does not answer; in 1.1 every question has an answer.
    Start offsets count characters (code points), and each is checked against the passage.

    Raises ValueError that names the place, such as data[0].paragraphs[3].qas[1], and the fix: no JSON, a missing or
    mistyped entry, an answer that does not stand where it should, an id that comes twice, no question at all.

    Rajpurkar et al. 2016, §3; Rajpurkar, Jia and Liang 2018, §4.
    """
    path = Path(path)
    content = read_text(path, max_bytes)
    try:
        root = json.loads(content)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON ({error}): give a file in SQuAD's format") from error
    questions, seen = [], set()
    for article_place, article in _entries(path, "", root, "data"):
        for paragraph_place, paragraph in _entries(path, article_place, article, "paragraphs"):
            passage = _string(path, paragraph_place, paragraph, "context")
            for place, entry in _entries(path, paragraph_place, paragraph, "qas"):
                question = _question(path, place, entry, passage)
                if question.id in seen:
                    raise ValueError(f"{path}, {place}: the id {question.id!r} came before: give each question its own")
                seen.add(question.id)
                questions.append(question)
    if not questions:
        raise ValueError(f"{path} has no questions: give at least one")
    return tuple(questions)


def _question(path: Path, place: str, entry: dict[str, Any], passage: str) -> Question:
    impossible = entry.get("is_impossible", False)
    if not isinstance(impossible, bool):
        raise ValueError(f"{path}, {place}: 'is_impossible' is {impossible!r}: write true or false")
    answers = []
    for answer_place, found in _entries(path, place, entry, "answers"):
        text, start = _string(path, answer_place, found, "text"), found.get("answer_start")
        if not isinstance(start, int) or isinstance(start, bool):
            raise ValueError(f"{path}, {answer_place}: 'answer_start' is {start!r}: give the place of its first character")
        if start < 0 or passage[start : start + len(text)] != text:
            there = passage.find(text)
            fix = f"it stands at {there}" if there >= 0 else "copy the answer from the passage"
            stands = passage[max(start, 0) : max(start, 0) + len(text)]
            raise ValueError(f"{path}, {answer_place}: at character {start} stands {stands!r}, not {text!r}: {fix}")
        answers.append(Answer(text, start))
    if impossible == bool(answers):
        fix = 'drop the answers, or "is_impossible"' if answers else 'give one, or set "is_impossible": true'
        raise ValueError(f"{path}, {place}: is_impossible is {impossible} with {len(answers)} answers: {fix}")
    return Question(_string(path, place, entry, "id"), _string(path, place, entry, "question"), passage, tuple(answers))


def _entries(path: Path, place: str, holder: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, object) for each object of the list that `holder` has under this name."""
    found = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(found, list):
        kind = "nothing" if found is None else type(found).__name__
        raise ValueError(f"{path}{place and ', '}{place}: {name!r} is {kind}: SQuAD's format has a list there")
    for i, entry in enumerate(found):
        inside = f"{place}{place and '.'}{name}[{i}]"
        if not isinstance(entry, dict):
            raise ValueError(f"{path}, {inside}: {entry!r} is no object: write {{...}}")
        yield inside, entry


def _string(path: Path, place: str, holder: dict[str, Any], name: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{path}, {place}: {name!r} is {value!r}: give a text")
    return value
