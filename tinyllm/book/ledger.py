"""The ledger of formulas: what the source documents print, and which lesson, function and test carries it.

    read()["F4"]                one entry: its name, where and how it is printed, functions, tests, what is loose about it
    of_lesson("12_attention")   the entries that a lesson treats
    show("12_attention")        the same as a table, for the end of the lesson

formulas.toml holds the entries in the order of their numbers (F formulas, T tasks, M models, P methods); functions and tests
are listed there by hand. Which section of a lesson treats a number is read from the lesson: the section's heading ends with it,
`## Dividing by the root of d (F1)`.
"""

from __future__ import annotations

import html
import re
import textwrap
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

WIDTH = 100                         # of everything printed, but for formulas, which stay as they are

CELL = re.compile(r"^# %%(.*)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} +(.*?) *#*$", re.MULTILINE)
NUMBERS = re.compile(r"\(([FTMP]\d+(?:, [FTMP]\d+)*)\)$")
CODE = re.compile(r"```\w*\n(.*)\n```", re.DOTALL)
FORMULA = re.compile(r"(\$\$.*?\$\$|\$.*?\$)", re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """What the ledger knows of one number. Where nothing carries it yet, lessons, functions and tests are empty."""

    number: str
    name: str
    printed: str                    # document and section: "001 §4.2" is section 4.2 of the document whose file starts with 001
    lessons: tuple[str, ...]        # "12_attention"
    functions: tuple[str, ...]      # "tinyllm.functional.attention"
    tests: tuple[str, ...]          # "tests/functional/test_attention.py", or one of its tests after "::"
    as_printed: str = ""            # a piece of the document's Markdown: formulas in $, code in a fence
    in_english: str = ""            # where that piece is Chinese prose
    note: str = ""                  # what is loose or wrong about it, and what the lesson shows

    @property
    def carried(self) -> bool:
        """Whether lessons, functions and tests carry it yet."""
        return bool(self.functions)


class Section(NamedTuple):
    """A section of a lesson; slug is its anchor on a code host."""

    lesson: str
    heading: str
    slug: str


def read() -> dict[str, Entry]:
    """The whole ledger, by number, in order."""
    tables = tomllib.loads(Path(__file__).with_name("formulas.toml").read_text(encoding="utf-8"))
    return {number: _entry(number, table) for number, table in tables.items()}


def _entry(number: str, table: dict) -> Entry:
    lists = {key: tuple(value) for key, value in table.items() if isinstance(value, list)}
    prose = {key: " ".join(table[key].split()) for key in ("in_english", "note") if key in table}
    return Entry(number, **{**table, "as_printed": table.get("as_printed", "").strip(), **prose, **lists})


def of_lesson(lesson: str) -> list[Entry]:
    """The entries that a lesson, such as "12_attention", treats; none for a lesson without formulas of the documents."""
    return [entry for entry in read().values() if lesson in entry.lessons]


def find(numbers: Sequence[str]) -> list[Entry]:
    """The entries of these numbers, however they are written: "F4", "f4". Raises ValueError for one that is not there."""
    entries = read()
    unknown = [number for number in numbers if number.upper() not in entries]
    if unknown:
        raise ValueError(f"the ledger has no {', '.join(unknown)}: it has {_ranges(list(entries))}")
    return [entries[number] for number in dict.fromkeys(map(str.upper, numbers))]


def _ranges(numbers: list[str]) -> str:
    """F1 to F18, T1 to T13, M1, ..."""
    kinds: dict[str, list[str]] = {}
    for number in numbers:
        kinds.setdefault(number[0], []).append(number)
    return ", ".join(f"{some[0]} to {some[-1]}" if some[1:] else some[0] for some in kinds.values())


# ---------------------------------------------------------------- lessons

def lessons_folder() -> Path | None:
    """The lessons of this checkout; None in a plain installation, which has none."""
    root = Path(__file__).resolve().parents[2]
    folder = root / "lessons"                                       # in site-packages somebody else's: no pyproject.toml there
    return folder if folder.is_dir() and (root / "pyproject.toml").is_file() else None


def sections(folder: Path) -> dict[str, list[Section]]:
    """For each number of the ledger, the sections that treat it, in the lessons' order. Numbers of no entry come last."""
    found: dict[str, list[Section]] = {number: [] for number in read()}
    for path in sorted(folder.glob("[0-9][0-9]_*.py")):
        for heading in headings(path.read_text(encoding="utf-8")):
            for number in numbers_of(heading):
                found.setdefault(number, []).append(Section(path.stem, heading, slug_of(heading)))
    return found


def headings(text: str) -> list[str]:
    """The headings in the Markdown cells of a notebook in jupytext's percent format; code blocks have none."""
    return [heading for cell in _markdown_cells(text) for heading in HEADING.findall(FENCE.sub("", cell))]


def _markdown_cells(text: str) -> Iterator[str]:
    _, *pieces = CELL.split(text)                                   # what stands before the first cell is the file's header
    for marker, body in zip(pieces[::2], pieces[1::2]):
        if "[markdown]" in marker:
            yield re.sub(r"^# ?", "", body, flags=re.MULTILINE)


def numbers_of(heading: str) -> list[str]:
    """The numbers that a heading ends with: "The elementwise form (F2, F1)" has F2 and F1."""
    found = NUMBERS.search(heading)
    return found[1].split(", ") if found else []


def slug_of(heading: str) -> str:
    """The anchor that code hosts give a heading: lower case, punctuation dropped, spaces to hyphens."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# ---------------------------------------------------------------- to look at

@dataclass(frozen=True)
class Part:
    """Some entries, to look at: a table in a notebook, text elsewhere. Neither depends on which lessons are there."""

    entries: Sequence[Entry]

    def __repr__(self) -> str:
        texts = [_text(entry, {"functions": entry.functions or ["not yet"]}) for entry in self.entries]
        return "\n\n".join(texts) or "no formula of the documents"

    def _repr_html_(self) -> str:
        if not self.entries:
            return "<p>no formula of the documents</p>"
        head = "".join(f"<th{LEFT}>{title}</th>" for title in ("no.", "name", "as printed", "function", "note"))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(_row, self.entries))}</tbody></table>"


LEFT = ' style="text-align: left; vertical-align: top"'


def show(lesson: str) -> Part:
    """A lesson's part of the ledger. Raises ValueError for a lesson that treats no number of it."""
    entries = of_lesson(lesson)
    if not entries:
        lessons = sorted({stem for entry in read().values() for stem in entry.lessons})
        raise ValueError(f"no formula of the documents belongs to a lesson {lesson!r}; there are some in {', '.join(lessons)}")
    return Part(entries)


def table(entries: Sequence[Entry]) -> str:
    """A line or two for each entry: number, name, lessons and functions."""
    rows = [("no.", "name", "lessons", "functions in tinyllm")]
    for entry in entries:
        lessons = ", ".join(stem[:2] for stem in entry.lessons)
        functions = ", ".join(name.removeprefix("tinyllm.") for name in entry.functions) or "not yet"
        rows.append((entry.number, entry.name, lessons, functions))
    widths = [max(map(len, column)) for column in list(zip(*rows))[:3]]
    lines = []
    for *cells, functions in rows:
        start = "".join(f"{cell:<{width}}  " for cell, width in zip(cells, widths))
        lines += textwrap.wrap(functions, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
    return "\n".join(lines)


def details(entry: Entry) -> str:
    """All that the ledger knows of one entry, with the sections of the lessons where there are lessons."""
    if not entry.carried:
        return _text(entry, {"lessons": ["not yet"]})
    return _text(entry, {"lessons": _places(entry), "functions": entry.functions, "tests": entry.tests})


def _text(entry: Entry, carriers: dict[str, Sequence[str]]) -> str:
    lines = [f"{entry.number}  {entry.name} ({entry.printed})"]
    fields = {
        "as printed": (_code(entry.as_printed) or entry.as_printed).splitlines(),
        "in English": textwrap.wrap(entry.in_english, WIDTH - 14),
        **carriers,
        "note": textwrap.wrap(entry.note, WIDTH - 14),
    }
    for title, values in fields.items():
        lines += [f"  {'' if i else title:<12}{value}".rstrip() for i, value in enumerate(values)]
    return "\n".join(lines)


def _places(entry: Entry) -> list[str]:
    folder = lessons_folder()
    if folder is None:
        return [f"{stem} (sections unknown: no lessons in this installation)" for stem in entry.lessons]
    there = [section for section in sections(folder)[entry.number] if section.lesson in entry.lessons]
    missing = [stem for stem in entry.lessons if stem not in {section.lesson for section in there}]
    return [f"{section.lesson}#{section.slug}" for section in there] + [f"{stem} (no section yet)" for stem in missing]


def _row(entry: Entry) -> str:
    functions = "<br>".join(f"<code>{html.escape(name)}</code>" for name in entry.functions) or "not yet"
    printed = f"{_html_of(entry.as_printed)}<br><small>{html.escape(entry.in_english)} {html.escape(entry.printed)}</small>"
    cells = (entry.number, html.escape(entry.name), printed, functions, html.escape(entry.note))
    return f"<tr>{''.join(f'<td{LEFT}>{cell}</td>' for cell in cells)}</tr>"


def _html_of(markdown: str) -> str:
    """Code in a fence becomes a block; formulas in $ stay as they are, for the notebook to typeset; prose keeps its lines."""
    code = _code(markdown)
    if code:
        return f"<pre>{html.escape(code)}</pre>"
    pieces = FORMULA.split(html.escape(markdown, quote=False))      # prose, formula, prose, ...
    return "".join(piece if i % 2 else re.sub(r"(?<=\S)\n(?=\S)", "<br>", piece) for i, piece in enumerate(pieces))


def _code(markdown: str) -> str:
    """What stands in a fence that is all of it; nothing otherwise."""
    fence = CODE.fullmatch(markdown)
    return textwrap.dedent(fence[1]) if fence else ""
