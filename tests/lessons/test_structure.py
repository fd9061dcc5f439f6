"""A lesson has its parts, its links lead somewhere, and the table of contents is that of the lessons."""

from __future__ import annotations

import ast
import re

import pytest

from tests.project.source import ROOT
from tests.project.test_readme import anchors_of, links_of
from tinyllm import functional, nn, optim
from tinyllm.book import ledger

LESSONS = ROOT / "lessons"
SOURCES = sorted(LESSONS.glob("[0-9]*.py"))
PAGES = [*SOURCES, *sorted((LESSONS / "solutions").glob("[0-9]*.py"))]

HEAD = re.compile(
    r"# # (?P<number>\d+) · [^\n]+\n#\n# \*[^\n]+(\n# [^\n]+)*\*\n#\n"                       # title, question
    r"# \*Reading (?P<reading>\d+) min · running (?P<running>\d+) s[^*]*\*\n#\n"              # times, what it builds on
    r"# \*\*Afterwards you can\*\* "
)

each_lesson = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(LESSONS).as_posix())


def markdown_of(path):
    """The prose of a lesson, or a page."""
    text = path.read_text(encoding="utf-8")
    return "\n".join(ledger._markdown_cells(text)) if path.suffix == ".py" else text


def code_of(path):
    """Its code cells as one program."""
    cells = path.read_text(encoding="utf-8").split("\n# %%")
    return "\n".join(cell.partition("\n")[2] for cell in cells if not cell.lstrip("# %").startswith("[markdown]"))


@each_lesson
def test_it_opens_with_question_times_and_aim(path):
    text = path.read_text(encoding="utf-8")
    head = HEAD.match(text.removeprefix("# %% [markdown]\n"))
    assert head, "the first cell is not of the form of the other lessons' (see 12_attention.py)"
    assert head["number"] == path.stem[:2]
    assert 10 <= int(head["reading"]) <= 60 and 1 <= int(head["running"]) < 120


@each_lesson
def test_it_has_every_part(path):
    headings = ledger.headings(path.read_text(encoding="utf-8"))
    for part in ("Break it", "Exercises", "What you can now explain"):
        assert any(heading.startswith(part) for heading in headings), f"no section {part!r}"
    assert len(headings) == len(set(headings)), "two sections have one heading"


@each_lesson
def test_it_shows_its_part_of_the_ledger(path):
    shows = "lesson.formulas()" in path.read_text(encoding="utf-8")
    assert shows == bool(ledger.of_lesson(path.stem))


@each_lesson
def test_it_proves_what_it_says_and_has_pictures(path):
    code = code_of(path)
    assert code.count("assert") >= 5, "a lesson asserts what its text claims"
    assert len(re.findall(r"^viz\.|^fig$|^(?:lesson|check)?\S*viz\.\w+\(", code, re.MULTILINE)) >= 2, "at least two pictures"


@each_lesson
def test_what_it_defines_again_is_held_equal(path):
    """A name that the library has too (softmax, attention) may be defined only where it is compared with the library's."""
    public = {*functional.__all__, *nn.__all__, *optim.__all__}
    lesson = code_of(path).partition("check(1")[0]
    defined = {node.name for node in ast.walk(ast.parse(lesson)) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for name in defined & public:
        assert re.search(rf"\b(F|functional|nn|optim)\.{name}\b", lesson), f"{name} is defined again and never compared"


@each_page
def test_its_links_lead_somewhere(path):
    broken = []
    for link in links_of(markdown_of(path)):
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue
        target, _, anchor = link.partition("#")
        file = path.parent / target if target else path
        if file.suffix == ".ipynb":
            file = file.with_suffix(".py")          # its source: the notebook is written from it
        if not file.exists() or (anchor and file.suffix == ".py" and file.is_relative_to(LESSONS)
                                 and anchor not in anchors_of(markdown_of(file))):
            broken.append(link)
    assert not broken, f"links to what is not there: {broken}"


@each_page
def test_its_lines_can_be_read_in_an_editor(path):
    assert max(map(len, path.read_text(encoding="utf-8").splitlines())) <= 128
