"""The ledger tells the truth: what it lists is there, and what is there it lists."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.project.source import ROOT, Module, modules, parse
from tinyllm.book import ledger
from tinyllm.book.ledger import Entry

ENTRIES = ledger.read()
NUMBERS = [*(f"F{i}" for i in range(1, 19)), *(f"T{i}" for i in range(1, 14)), "M1", *(f"P{i}" for i in range(1, 13))]
LESSONS = ROOT / "lessons"
MENTION = re.compile(r"\bformulas? ((?:F\d+)(?:(?:, | and |, and )F\d+)*)", re.IGNORECASE)

entries = pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.number)


# ---------------------------------------------------------------- the entries

def test_every_number_is_there_in_order():
    assert list(ENTRIES) == NUMBERS


@entries
def test_a_number_is_carried_whole_or_not_at_all(entry):
    assert entry.name and re.match(r"00[0-4] §\d", entry.printed)
    assert entry.number[0] != "F" or entry.as_printed
    assert [bool(entry.lessons), bool(entry.functions), bool(entry.tests)] == [entry.carried] * 3
    for listed in (entry.lessons, entry.functions, entry.tests):
        assert len(set(listed)) == len(listed)
    assert list(entry.lessons) == sorted(entry.lessons)


@entries
def test_what_is_printed_in_chinese_is_translated(entry):
    prose = re.sub(r"```.*```", "", entry.as_printed, flags=re.DOTALL)
    assert bool(re.search(r"[\u4e00-\u9fff]", prose)) == bool(entry.in_english)
    assert not re.search(r"[\u4e00-\u9fff]", entry.name + entry.in_english + entry.note)


@entries
def test_formulas_are_whole(entry):
    """Markdown that a notebook can typeset: every $ has its partner, every fence its end."""
    assert entry.as_printed.count("$") % 2 == 0
    assert entry.as_printed.count("```") in (0, 2)
    formulas = re.findall(r"\$+([^$]+)\$+", entry.as_printed)
    assert all(formula.count("{") == formula.count("}") for formula in formulas)


# ---------------------------------------------------------------- functions

def resolve(name: str) -> object:
    """tinyllm.functional.attention: the function, not the module of that name."""
    home, _, what = name.rpartition(".")
    return getattr(importlib.import_module(home), what)


@entries
def test_every_function_is_there(entry):
    for name in entry.functions:
        found = resolve(name)
        assert callable(found) and not inspect.ismodule(found), name


@pytest.mark.parametrize("name", ["tinyllm.functional.atention", "tinyllm.nothing.attention"])
def test_a_function_that_is_not_there_is_noticed(name):
    with pytest.raises((AttributeError, ModuleNotFoundError)):
        resolve(name)


def mentions(module: Module) -> set[str]:
    """The formulas that docstrings of a module name, "formula F8" or "formulas F4 and F5"."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = [ast.get_docstring(node) or "" for node in ast.walk(module.tree) if isinstance(node, documented)]
    return {number for text in docstrings for some in MENTION.findall(text) for number in re.findall(r"F\d+", some)}


def strangers(module: Module, ledger_entries: dict[str, Entry]) -> Iterator[str]:
    """Formulas that a module names although the ledger lists none of its functions for them.

    A formula that nothing carries yet may be named: a part of it can be there before the whole is.
    """
    for number in sorted(mentions(module)):
        entry = ledger_entries.get(number)
        if entry is None:
            yield f"{module.path} names {number}, which the ledger does not have"
        elif entry.carried and module.name not in homes(entry):
            yield f"{module.path} names {number}, for which formulas.toml lists none of its functions"


def homes(entry: Entry) -> set[str]:
    """The modules in which an entry's functions are defined."""
    return {resolve(name).__module__ for name in entry.functions}


def test_docstrings_name_the_formulas_that_the_ledger_lists():
    found = [breach for module in modules() for breach in strangers(module, ENTRIES)]
    assert not found, "\n" + "\n".join(found)


def test_the_formulas_that_the_ledger_lists_are_named_in_docstrings():
    named = {module.name: mentions(module) for module in modules()}
    silent = [
        entry.number for entry in ENTRIES.values()
        if entry.number[0] == "F" and entry.carried and not any(entry.number in named[home] for home in homes(entry))
    ]
    assert not silent, f"no docstring of their functions' modules says `formula F...` for {silent}"


@pytest.mark.parametrize(
    "path, text, expected",
    [
        ("tinyllm/functional/attention.py", '"""Formula F1."""', 0),
        ("tinyllm/functional/attention.py", 'def f():\n    """Source: formulas F1 and\n    F2; more."""', 0),
        ("tinyllm/functional/linear.py", 'class A:\n    def f(self):\n        """Source: formula F1."""', 1),
        ("tinyllm/functional/linear.py", '"""Formulas F1, F2 and F7 use it."""', 2),
        ("tinyllm/functional/linear.py", '"""Formula F99."""', 1),
        ("tinyllm/functional/linear.py", '"""Formula F9."""', 0),
        ("tinyllm/functional/linear.py", '"""Macro F1, the mean of F1."""\nx = "formula F1"', 0),
    ],
)
def test_a_formula_named_by_a_stranger_is_noticed(path, text, expected):
    not_yet = {"F9": replace(ENTRIES["F9"], lessons=(), functions=(), tests=())}
    assert len(list(strangers(parse(path, text), ENTRIES | not_yet))) == expected


# ---------------------------------------------------------------- tests

def untested(entry: Entry, root: Path = ROOT) -> Iterator[str]:
    """Listed tests that are not there."""
    for test in entry.tests:
        path, _, name = test.partition("::")
        file = root / path
        if not (path.startswith("tests/") and file.name.startswith("test_") and file.is_file()):
            yield test
        elif name:
            tree = ast.parse(file.read_text(encoding="utf-8"))
            if name not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
                yield test


@entries
def test_every_test_is_there(entry):
    assert list(untested(entry)) == []


def test_a_test_that_is_not_there_is_noticed():
    wrong = ("tests/book/test_nothing.py", "tests/book/test_ledger.py::test_nothing", "tests/project/source.py", "README.md")
    right = ("tests/book/test_ledger.py", "tests/book/test_ledger.py::test_every_test_is_there")
    assert tuple(untested(replace(ENTRIES["F1"], tests=wrong + right))) == wrong


# ---------------------------------------------------------------- lessons

def lesson_breaches(folder: Path, ledger_entries: dict[str, Entry]) -> Iterator[str]:
    """Where lessons and ledger disagree, and headings whose numbers cannot be read."""
    sections = ledger.sections(folder)
    stems = {path.stem for path in folder.glob("[0-9][0-9]_*.py")}
    for number, entry in ledger_entries.items():
        for stem in entry.lessons:
            if stem not in stems:
                yield f"{number}: there is no lesson {stem}"
            elif stem not in {section.lesson for section in sections[number]}:
                yield f"{number}: no heading of {stem} ends with it"
    for number, found in sections.items():
        for section in found:
            if number not in ledger_entries:
                yield f"{section.lesson}: the ledger has no {number} ({section.heading})"
            elif section.lesson not in ledger_entries[number].lessons:
                yield f"{section.lesson}: formulas.toml does not list it for {number} ({section.heading})"
    for path in sorted(folder.glob("[0-9][0-9]_*.py")):
        for heading in ledger.headings(path.read_text(encoding="utf-8")):
            in_brackets = re.search(r"\(([^()]*\b[FTMP]\d+\b[^()]*)\)\W*$", heading)
            if in_brackets and not ledger.numbers_of(heading):
                yield f"{path.stem}: write the numbers as (F1, F2) at the end of {heading!r}"


def test_lessons_treat_what_the_ledger_says_and_nothing_else():
    found = list(lesson_breaches(LESSONS, ENTRIES))
    assert not found, "\n" + "\n".join(found)


ONE = """# ---
# jupyter: {}
# ---

# %% [markdown]
# # 1 A lesson
# ## Dividing by the root of d (F1)
# Text (F9) that is no heading.
# ```python
# # a comment (F3)
# ```
# ### The elementwise form (F2, F1)

# %%
# ## a comment in code (F4)
x = 1

# %% [markdown] tags=["a"]
# ## What is *next*: masks, and heads?
"""
TWO = """# %% [markdown]
# # 2 Another lesson
# %% [markdown]
#
# ## Heads (F3) ##
"""


@pytest.fixture
def lessons(tmp_path: Path) -> Path:
    (tmp_path / "01_one.py").write_text(ONE, encoding="utf-8")
    (tmp_path / "02_two.py").write_text(TWO, encoding="utf-8")
    (tmp_path / "build.py").write_text("# %% [markdown]\n# ## No lesson (F5)\n", encoding="utf-8")
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "01_one.py").write_text(ONE, encoding="utf-8")
    return tmp_path


def some(**lessons_of: tuple[str, ...]) -> dict[str, Entry]:
    return {number: replace(ENTRIES[number], lessons=stems) for number, stems in lessons_of.items()}


def test_sections_are_read_from_headings(lessons):
    found = {number: places for number, places in ledger.sections(lessons).items() if places}
    root = ("01_one", "Dividing by the root of d (F1)", "dividing-by-the-root-of-d-f1")
    elements = ("01_one", "The elementwise form (F2, F1)", "the-elementwise-form-f2-f1")
    assert found == {"F1": [root, elements], "F2": [elements], "F3": [("02_two", "Heads (F3)", "heads-f3")]}
    assert ledger.headings(ONE)[-1] == "What is *next*: masks, and heads?"
    assert ledger.slug_of(ledger.headings(ONE)[-1]) == "what-is-next-masks-and-heads"


def test_slugs_are_the_anchors_that_links_are_checked_by():
    from tests.project.test_readme import anchors_of

    for heading in [*ledger.headings(ONE + TWO), "A_b — c: `d`, 80/10/10 (F12, T1)"]:
        assert anchors_of(f"## {heading}\n") == {ledger.slug_of(heading)}


def test_lessons_and_ledger_that_agree(lessons):
    assert list(lesson_breaches(lessons, some(F1=("01_one",), F2=("01_one",), F3=("02_two",), F9=()))) == []


@pytest.mark.parametrize(
    "listed, message",
    [
        ({"F1": ("01_one", "02_two")}, "F1: no heading of 02_two ends with it"),
        ({"F1": ("01_one", "03_three")}, "F1: there is no lesson 03_three"),
        ({"F3": ()}, "02_two: formulas.toml does not list it for F3 (Heads (F3))"),
        ({"F9": ("02_two",)}, "F9: no heading of 02_two ends with it"),
    ],
)
def test_a_ledger_that_is_wrong_about_lessons_is_noticed(lessons, listed, message):
    right = {"F1": ("01_one",), "F2": ("01_one",), "F3": ("02_two",), "F9": ()}
    assert list(lesson_breaches(lessons, some(**{**right, **listed}))) == [message]


@pytest.mark.parametrize(
    "heading, message",
    [
        ("Heads (F3), (F99)", "02_two: the ledger has no F99"),
        ("Heads (F3 and F1)", "02_two: write the numbers as (F1, F2) at the end of"),
        ("Heads (F3).", "02_two: write the numbers as (F1, F2) at the end of"),
        ("Heads, F3", "F3: no heading of 02_two ends with it"),
    ],
)
def test_a_heading_that_is_wrong_is_noticed(lessons, heading, message):
    (lessons / "02_two.py").write_text(TWO.replace("Heads (F3) ##", heading), encoding="utf-8")
    found = list(lesson_breaches(lessons, some(F1=("01_one",), F2=("01_one",), F3=("02_two",))))
    assert any(breach.startswith(message) for breach in found)


# ---------------------------------------------------------------- to look at

class Tags(HTMLParser):
    """The text of a piece of HTML by the tag it stands in, and whether all tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: dict[str, list[str]] = {}

    def handle_starttag(self, tag, attrs):
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.setdefault(self.open[-1], []).append(data)


def test_the_part_of_a_lesson():
    part = ledger.show("12_attention")
    assert [entry.number for entry in part.entries] == ["F1", "F2"]
    assert part.entries == ledger.of_lesson("12_attention")
    tags = Tags()
    tags.feed(part._repr_html_())
    assert tags.open == []
    assert tags.text["th"] == ["no.", "name", "as printed", "function", "note"]
    assert {"F1", "F2", ENTRIES["F1"].as_printed, ENTRIES["F2"].note} <= set(tags.text["td"])
    assert "tinyllm.functional.attention" in tags.text["code"]
    assert all(text in repr(part) for text in ("F1", "F2", ENTRIES["F1"].as_printed, "tinyllm.functional.attention"))


def test_a_notebooks_part_does_not_depend_on_other_lessons(lessons, monkeypatch):
    part = ledger.Part(list(ENTRIES.values()))
    before = repr(part), part._repr_html_()
    monkeypatch.setattr(ledger, "lessons_folder", lambda: lessons)
    assert (repr(part), part._repr_html_()) == before
    assert not re.search(r"\b\d\d_\w|tests/", repr(part) + part._repr_html_())


def test_html_is_escaped():
    bad = replace(ENTRIES["F1"], name="<b>", as_printed="$x_{<t} & y$", in_english="<i>", note="<script>", printed="<u>")
    shown = ledger.Part([bad, replace(bad, as_printed="```python\na < b\n```")])._repr_html_()
    assert "$x_{&lt;t} &amp; y$" in shown and "<pre>a &lt; b</pre>" in shown
    assert not re.search(r"<(b|i|u|script|t)>", shown)


def test_lines_of_prose_stay_lines_and_formulas_stay_whole():
    shown = ledger.Part([replace(ENTRIES["F10"], as_printed="$$\na\nb\n$$\none $x$ two\nthree")])._repr_html_()
    assert "$$\na\nb\n$$\none $x$ two<br>three" in shown


def test_a_lesson_without_formulas():
    assert ledger.of_lesson("10_tokens") == []
    assert "no formula" in repr(ledger.Part([])) and "no formula" in ledger.Part([])._repr_html_()
    with pytest.raises(ValueError, match=r"'10_tokens'; there are some in 03_chain_rule, "):
        ledger.show("10_tokens")


def test_details_name_the_sections(lessons, monkeypatch):
    entry = replace(ENTRIES["F1"], lessons=("01_one", "02_two"))
    monkeypatch.setattr(ledger, "lessons_folder", lambda: lessons)
    shown = ledger.details(entry).splitlines()
    at = shown.index("  lessons     01_one#dividing-by-the-root-of-d-f1")
    assert shown[at + 1 : at + 3] == [" " * 14 + "01_one#the-elementwise-form-f2-f1", " " * 14 + "02_two (no section yet)"]


def test_without_lessons_everything_else_is_shown(monkeypatch):
    monkeypatch.setattr(ledger, "lessons_folder", lambda: None)
    shown = ledger.details(ENTRIES["F1"])
    assert "12_attention (sections unknown: no lessons in this installation)" in shown
    assert "tinyllm.functional.attention" in shown


def test_an_installation_has_no_lessons(tmp_path, monkeypatch):
    """A folder `lessons` beside the package may be anything: only a checkout's counts."""
    monkeypatch.setattr(ledger, "__file__", str(tmp_path / "tinyllm" / "book" / "ledger.py"))
    assert ledger.lessons_folder() is None
    (tmp_path / "lessons").mkdir()
    assert ledger.lessons_folder() is None
    (tmp_path / "pyproject.toml").touch()
    assert ledger.lessons_folder() == tmp_path / "lessons"
