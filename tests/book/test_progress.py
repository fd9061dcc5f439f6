"""What is solved is noted, kept, and collected; a lesson finds its exercises."""

from __future__ import annotations

import json
import re

import pytest

from tinyllm.book import lesson, open_lesson, progress
from tinyllm.cli import main

EXERCISES = '''
from tinyllm.book import Exercise, Mistake

EXERCISES = [Exercise("two", 2, mistakes=(Mistake(3, "less"),)), Exercise("three", 3)]
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of lessons with one lesson, and the reader in it."""
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises" / "01_numbers.py").write_text(EXERCISES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tries_are_counted_until_it_is_solved(folder, capsys):
    check = open_lesson("01_numbers").check
    for answer in (..., 3, 2, 3):
        check(1, answer)
    said = capsys.readouterr().out
    assert said.count("not solved yet") == 1 and said.count("hint: ") == 2 and said.count("right.") == 1
    noted = progress.read(folder / "progress.json")
    assert noted["01_numbers"]["1"]["tries"] == 2 and re.fullmatch(r"\d{4}-\d\d-\d\d", noted["01_numbers"]["1"]["solved"])


def test_the_unsolved_lesson_leaves_no_trace(folder):
    open_lesson("01_numbers").check(1, ...)
    assert not (folder / "progress.json").exists()


def test_solutions_are_strict_and_leave_no_trace(folder):
    check = open_lesson("01_numbers", strict=True).check
    check(2, 3)
    with pytest.raises(AssertionError, match="less"):
        check(1, 3)
    with pytest.raises(AssertionError, match="not solved yet"):
        check(1, ...)
    assert not (folder / "progress.json").exists()


def test_the_readers_own_summary(folder, capsys):
    reader = open_lesson("01_numbers")
    reader.check(2, 3)
    capsys.readouterr()
    reader.solved()
    said = capsys.readouterr().out
    assert re.search(r"1  two +open", said) and re.search(r"2  three +solved on", said) and "1 solved in all lessons" in said


def test_a_course(folder, capsys):
    for name, answers in (("ada", {1: 2, 2: 3}), ("alan", {1: 3})):
        for number, answer in answers.items():
            open_lesson("01_numbers").check(number, answer)
        (folder / name).mkdir()
        (folder / "progress.json").rename(folder / name / "progress.json")
    capsys.readouterr()
    assert main(["progress", *(str(folder / name / "progress.json") for name in ("ada", "alan"))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["lesson", "ada", "alan"], ["01_numbers", "2", "of", "2", "0", "of", "2"], ["all", "2", "of", "2", "0", "of", "2"],
    ]


def test_nothing_yet(folder, capsys):
    assert main(["progress"]) == 0
    assert "nothing yet" in capsys.readouterr().out


@pytest.mark.parametrize("text", [
    "{", "[]", '{"a": 1}', '{"a": {"x": {}}}', '{"a": {"1": {"solved": 1, "tries": 0}}}', '{"a": {"1": {"solved": null}}}',
    "\xff",
])
def test_a_damaged_file_is_named_and_left_alone(folder, capsys, text):
    file = folder / "progress.json"
    file.write_bytes(text.encode("latin-1"))
    assert main(["progress", str(file)]) == 2
    assert "is no record of progress" in capsys.readouterr().err
    with pytest.raises(ValueError, match="move it away"):
        open_lesson("01_numbers").check(1, 2)
    assert file.read_bytes() == text.encode("latin-1")


def test_a_huge_file_is_not_read(tmp_path):
    (tmp_path / "p.json").write_bytes(b" " * (progress.LARGEST + 1))
    with pytest.raises(ValueError, match="at most"):
        progress.read(tmp_path / "p.json")


def test_what_a_lesson_does_not_have(folder):
    with pytest.raises(LookupError, match="no exercise 3: choose one from 1 to 2"):
        open_lesson("01_numbers").check(3, 1)
    with pytest.raises(FileNotFoundError, match=r"02_none\.py is not there"):
        open_lesson("02_none").check(1, 1)


def test_no_lessons_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lesson.ledger, "lessons_folder", lambda: None)
    with pytest.raises(FileNotFoundError, match="open the notebook in a clone"):
        open_lesson("01_numbers")


def test_notes_are_plain_json(folder):
    open_lesson("01_numbers").check(1, 2)
    assert list(json.loads((folder / "progress.json").read_text())) == ["01_numbers"]
    assert [path.name for path in folder.glob(".*")] == []
