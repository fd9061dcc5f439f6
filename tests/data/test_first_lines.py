"""Summaries and retrieval pairs: rows are what they are said to be, and nothing of a test is nearly in training.

Properties are checked on a library made for the test and on this Python's own; no number depends on the latter's words.
"""

import random

import pytest

from tests.data.library import sentence
from tests.data.test_pydocs import assert_apart
from tinyllm.data import pydocs, retrieval, summaries
from tinyllm.data.first_lines import first_line


def write_docstrings(folder, seed=0, n=150):
    """Functions with a first line and a body; every fifth is like another, or shares another's first line or body."""
    rng = random.Random(seed)
    for package in ("email", "logging"):
        lines, pairs = [], []
        for i in range(n):
            line, body = sentence(rng, 6), sentence(rng, 15) + "\n\n    " + sentence(rng, 15)
            if i % 5 == 0 and pairs:
                other = rng.choice(pairs)
                line, body = rng.choice([(other[0], body), (line, other[1]), (line, "Now " + other[1])])
            pairs.append((line, body))
            lines.append(f'def f{i}():\n    """{line}\n\n    {body}\n    """\n')
        (folder / package).mkdir(parents=True)
        (folder / package / "a.py").write_text("\n".join(lines), encoding="utf-8")
    (folder / "abc.py").write_text('"""Abstract base classes, all of them."""\n', encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_docstrings(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("own")


@pytest.fixture(params=["made", pytest.param("own", marks=pytest.mark.slow)])
def library(request, tmp_path, own_cache, monkeypatch):
    monkeypatch.setenv("TINYLLM_CACHE", str(own_cache if request.param == "own" else tmp_path))
    if request.param == "made":
        folder = request.getfixturevalue("made")
        monkeypatch.setattr(pydocs, "standard_library", lambda: folder)
    return request.param


def sides_of(sets):
    return sets.train, sets.validation, sets.test


def test_rows_are_docstrings_cut_at_their_first_line(library):
    texts = {" ".join(document.text.split()) for document in pydocs.all_documents()[0]}
    for side in sides_of(summaries()):
        for body, line in zip(side.sources, side.targets, strict=True):
            assert " ".join(f"{line} {body}".split()) in texts
            assert 15 <= len(line) <= 100 and 60 <= len(body) <= 4000 and "\n" not in line
            assert line.rstrip(".").lower() not in " ".join(body.lower().split())


def test_no_side_knows_another(library):
    sides = sides_of(summaries())
    everything = [row for side in sides for row in zip(side.sources, side.targets, strict=True)]
    assert len(set(everything)) == len(everything)
    assert all(map(len, sides)) and len(sides[0]) > 0.7 * len(everything)
    for held_out, known in ((1, (0,)), (2, (0, 1))):
        bodies, lines = ([text for i in known for text in getattr(sides[i], which)] for which in ("sources", "targets"))
        assert_apart(bodies, sides[held_out].sources)
        assert not {line.lower() for line in lines} & {line.lower() for line in sides[held_out].targets}


def test_every_question_has_one_answer(library):
    found = retrieval()
    lines = [line.lower() for side in sides_of(found) for line in side.sources]
    bodies = [body for side in sides_of(found) for body in side.targets]
    assert len(set(lines)) == len(lines)
    for i in range(1, len(bodies), max(1, len(bodies) // 10)):
        assert_apart(bodies[:i], bodies[i : i + 1])
    for side, all_of_side in zip(sides_of(found), sides_of(summaries()), strict=True):
        pairs = set(zip(all_of_side.targets, all_of_side.sources, strict=True))
        assert pairs >= set(zip(side.sources, side.targets, strict=True)) and len(side) <= len(all_of_side)


def test_a_side_does_not_depend_on_the_rest(made, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYLLM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pydocs, "standard_library", lambda: made)
    before = summaries()
    assert "queue" in before.missing
    larger = write_docstrings(tmp_path / "library")
    (larger / "queue.py").write_text(
        'def f():\n    """Something else altogether, new.\n\n    ' + "Words that nobody has read so far, many. " * 3 + '"""\n'
    )
    monkeypatch.setattr(pydocs, "standard_library", lambda: larger)
    after = summaries()
    assert "queue" not in after.missing and sum(map(len, sides_of(after))) == sum(map(len, sides_of(before))) + 1
    for one, other in zip(sides_of(before), sides_of(after), strict=True):
        assert set(one.sources) <= set(other.sources)


BODY = "It is made of words that explain at some length what the first line has said."


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"Return what was asked for.\n\n{BODY}", "Return what was asked for."),
        (f"Return what was asked for.  \n   \n\n{BODY}\n", "Return what was asked for."),
        (f"Return what was asked for.\n{BODY}", None),
        ("Return what was asked for.", None),
        ("Return what was asked for.\n\nToo short a body.", None),
        (f"Too short.\n\n{BODY}", None),
        (f"{'Too long ' * 12}\n\n{BODY}", None),
        (f"dump(obj, file, *, indent=None)\n\n{BODY}", None),
        (f"It is made of words.\n\n{BODY}", None),
        (f"Return what was asked for.\n\n{'Long ' * 900}", None),
    ],
)
def test_which_docstrings_count(text, line):
    assert first_line(text) == (None if line is None else (line, BODY))
