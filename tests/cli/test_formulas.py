"""`tinyllm formulas`: the ledger on a terminal."""

from __future__ import annotations

import pytest

from tests.cli.test_bad_input import refused
from tests.cli.test_commands import said
from tinyllm.book import ledger


def test_the_table_has_every_number_and_fits(capsys):
    lines = said(capsys, "formulas").splitlines()
    entries = ledger.read()
    assert [line.split()[0] for line in lines[1:] if not line.startswith(" ")] == list(entries)
    assert max(map(len, lines)) <= 100
    shown = " ".join(" ".join(lines).split())
    for entry in entries.values():
        functions = ", ".join(name.removeprefix("tinyllm.") for name in entry.functions) or "not yet"
        lessons = ", ".join(stem[:2] for stem in entry.lessons)
        assert " ".join(f"{entry.number} {entry.name} {lessons} {functions}".split()) in shown


def test_a_number_shows_all_that_is_known(capsys):
    shown = said(capsys, "formulas", "f10")
    entry = ledger.read()["F10"]
    known = [entry.name, entry.printed, *entry.as_printed.splitlines(), *entry.lessons, *entry.functions, *entry.tests]
    assert all(text in shown for text in known)
    assert entry.note in " ".join(shown.split()) and entry.in_english in " ".join(shown.split())


def test_several_numbers_each_once(capsys):
    one, other = said(capsys, "formulas", "F9"), said(capsys, "formulas", "T6")
    assert said(capsys, "formulas", "F9", "t6", "F9") == one + "\n" + other


def test_what_no_lesson_treats_yet(capsys):
    for entry in ledger.read().values():
        if not entry.lessons:
            assert "lessons     not yet" in said(capsys, "formulas", entry.number)


def test_a_lessons_part(capsys):
    shown = said(capsys, "formulas", "--lesson", "15_transformer_layer")
    assert [line.split()[0] for line in shown.splitlines() if not line.startswith(" ")] == ["no.", "F5", "F7", "F16"]
    assert said(capsys, "formulas", "F7", "F8", "--lesson", "15_transformer_layer") == said(capsys, "formulas", "F7")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["F19"], "the ledger has no F19: it has F1 to F18, T1 to T13, M1, P1 to P12"),
        (["F1", "M2", "attention"], "the ledger has no M2, attention: it has F1"),
        (["--lesson", "12"], "no formula of the documents belongs to a lesson '12'; there are some in 03_chain_rule"),
        (["F9", "--lesson", "12_attention"], "lesson 12_attention does not treat F9: leave the numbers out"),
    ],
)
def test_what_is_not_there(capsys, arguments, message):
    assert message in refused(capsys, "formulas", *arguments)
