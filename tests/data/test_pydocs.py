"""The default corpus and classification set: no text leaks from one side of a split to another.

Properties are checked on a library made for the test and on this Python's own; no number depends on the latter's words.
"""

import json
import re
import sys
from collections import Counter

import numpy as np
import pytest

from tests.data.library import write_library
from tinyllm.data import classification, corpus, pydocs
from tinyllm.data.duplicates import near_duplicate_groups

SIZES = {"tkinter": 60, "email": 40, "logging": 30, "xml": 30}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_library(tmp_path_factory.mktemp("library"), SIZES)


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("own")


@pytest.fixture
def use(tmp_path, monkeypatch):
    """use(library): from here on this is the standard library, with a cache of its own."""

    def use(library):
        monkeypatch.setenv("TINYLLM_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(pydocs, "standard_library", lambda: library)
        return tmp_path / "cache"

    return use


@pytest.fixture(params=["made", "own"])
def library(request, use, own_cache, monkeypatch):
    if request.param == "made":
        use(request.getfixturevalue("made"))
    else:
        monkeypatch.setenv("TINYLLM_CACHE", str(own_cache))
    return request.param


def triples(text):
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))}


def assert_apart(one, other, quote=20):
    """No text of one is nearly a text of the other: the definition, pair by pair, on pairs that share a triple."""
    holders = {}
    for i, text in enumerate(one):
        for triple in triples(text):
            holders.setdefault(triple, []).append(i)
    sizes = [len(triples(text)) for text in one]
    for text in other:
        mine = triples(text)
        for i, shared in Counter(i for triple in mine for i in holders.get(triple, ())).items():
            smaller = min(len(mine), sizes[i])
            assert shared < 0.6 * (len(mine) + sizes[i] - shared), (text, one[i])
            assert smaller < quote or shared < 0.6 * smaller, (text, one[i])


def test_the_corpus_has_each_text_once_and_holds_out_nothing_it_trains_on(library):
    found = corpus()
    train, validation = ([document.text for document in side] for side in (found.train, found.validation))
    assert len(set(train + validation)) == len(train) + len(validation)
    assert_apart(train, validation)
    assert all(text.strip() == text and text for text in train + validation)
    assert {"pydoc_data", "email", "logging"} <= {document.package for document in found.train}


def test_the_same_python_gives_the_same_corpus(library):
    one, other = corpus(), corpus()
    assert one == other
    assert len(one.sha256) == 64 and one.python == ".".join(map(str, sys.version_info[:3]))


def test_this_pythons_corpus_is_worth_pretraining_on(own_cache, monkeypatch):
    monkeypatch.setenv("TINYLLM_CACHE", str(own_cache))
    found = corpus()
    characters = [sum(len(document.text) for document in side) for side in (found.train, found.validation)]
    assert sum(characters) > 1_000_000
    assert 0.02 < characters[1] / sum(characters) < 0.1


def test_a_few_more_documents_move_no_other_document(made, use, tmp_path):
    use(made)
    before = corpus()
    larger = write_library(tmp_path / "larger", SIZES)
    (larger / "zipfile.py").write_text('"""Quite another text, with words that no other document has in it."""\n')
    use(larger)
    after = corpus()
    assert {document.text for document in before.train} <= {document.text for document in after.train}
    assert {document.text for document in before.validation} <= {document.text for document in after.validation}
    assert before.sha256 != after.sha256
    assert "zipfile" in before.missing and "zipfile" not in after.missing


def test_an_equal_text_in_two_places_is_one_document(use, tmp_path):
    library = write_library(tmp_path / "library", {"email": 4})
    (library / "queue.py").write_text('"""Text of two places, word by word."""\n')
    (library / "sched.py").write_text('"""Text of two places, word by word."""\n')
    use(library)
    found = corpus()
    twice = [document for document in found.train + found.validation if document.text.startswith("Text of two")]
    assert [document.file for document in twice] == ["queue.py"]


def test_a_family_that_would_fill_the_validation_set_is_for_training():
    assert not any(pydocs.held_out([f"{i} " + "x" * 101], 10_000) for i in range(300))
    small = [pydocs.held_out([f"{i} " + "x" * 90], 10_000) for i in range(4000)]
    assert abs(sum(small) - 200) < 5 * np.sqrt(4000 * 0.05 * 0.95)


@pytest.mark.parametrize("split", ["random", "file"])
def test_no_text_of_the_test_set_is_nearly_one_of_training(library, split):
    for seed in range(8 if library == "made" else 1):
        found = classification(seed, split)
        sides = [found.train.texts, found.validation.texts, found.test.texts]
        everything = [text for side in sides for text in side]
        assert len(set(everything)) == len(everything)
        assert min(map(len, everything)) >= 20
        assert_apart(sides[0], sides[1])
        assert_apart(sides[0] + sides[1], sides[2])


def test_labels_are_the_packages_the_texts_stand_in(library):
    found = classification()
    packages = {}
    for document in pydocs.all_documents()[0]:
        packages.setdefault(document.text, set()).add(document.package)
    for side in (found.train, found.validation, found.test):
        assert side.names == found.names
        for text, label in zip(side.texts, side.labels, strict=True):
            assert packages[text] & set(pydocs.CLASSES) == {found.names[label]}


def test_a_random_split_keeps_every_row_and_every_class_in_its_shares(library):
    found = classification()
    n = len(found.names)
    sides = [np.bincount(side.labels, minlength=n) for side in (found.train, found.validation, found.test)]
    totals = sum(sides)
    kept = Counter()
    packages = {}
    for document in pydocs.all_documents()[0]:
        packages.setdefault(document.text, set()).update({document.package} & set(pydocs.CLASSES))
    for text, where in packages.items():
        if len(text) >= 20 and len(where) == 1:
            kept.update(where)
    assert dict(kept) == dict(zip(found.names, totals.tolist(), strict=True))
    # A group of near-duplicates may span packages and is never cut, so shares are met to within a few rows.
    assert (abs(sides[1] - 0.1 * totals) <= 3 + 0.05 * totals).all()
    assert (abs(sides[2] - 0.2 * totals) <= 3 + 0.05 * totals).all()


def test_a_split_by_file_shares_no_file(library):
    files = {}
    for document in pydocs.all_documents()[0]:
        files.setdefault((document.text, document.package), document.file)
    found = classification(split="file")
    sides = [
        {files[text, found.names[label]] for text, label in zip(side.texts, side.labels, strict=True)}
        for side in (found.train, found.validation, found.test)
    ]
    assert all(sides)
    assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]


def test_the_seed_decides_the_split(library):
    assert classification(1).test.texts == classification(1).test.texts != classification(2).test.texts
    assert set(classification(1).train.few(3, 0).texts) <= set(classification(1).train.texts)


def test_missing_packages_are_named_and_the_rest_goes_on(use, tmp_path):
    library = write_library(tmp_path / "library", {"email": 12, "logging": 12})
    use(library)
    found = classification()
    assert found.names == ("email", "logging")
    assert found.missing == ("tkinter", "asyncio", "importlib", "xml", "multiprocessing", "unittest", "http", "urllib")
    assert {"tkinter", "zoneinfo"} <= set(corpus().missing) and "email" not in corpus().missing


def test_one_package_alone_is_no_classification(use, tmp_path):
    use(write_library(tmp_path / "library", {"email": 12}))
    with pytest.raises(ValueError, match=r"docstrings of 1 of tkinter, asyncio, .*: install two or more"):
        classification()
    with pytest.raises(ValueError, match="split 'files': take 'random' or 'file'"):
        classification(split="files")


def test_short_texts_and_texts_of_several_classes_are_left_out(use, tmp_path):
    library = write_library(tmp_path / "library", {"email": 12, "logging": 12})
    both = '    """This text stands in two packages, so it has no label."""'
    for package in ("email", "logging"):
        (library / package / "x.py").write_text(f"def f():\n{both}\n")
    long_enough, short = 'def g():\n    """Twenty characters 20"""\n', 'def h():\n    """Nineteen characters"""\n'
    (library / "email" / "y.py").write_text(long_enough + short)
    (library / "email" / "z.py").write_text(long_enough)
    (library / "queue.py").write_text(long_enough)      # not a class: no ambiguity
    use(library)
    found = classification()
    texts = found.train.texts + found.validation.texts + found.test.texts
    assert texts.count("Twenty characters 20") == 1
    assert not any(text.startswith(("This text", "Nineteen")) for text in texts)


def test_a_cached_corpus_is_not_read_again(made, use, monkeypatch):
    folder = use(made)
    first = corpus()
    monkeypatch.setattr(pydocs, "read_documents", None)
    assert corpus() == first
    assert len(list(folder.iterdir())) == 1


def test_a_tampered_cache_is_built_anew(made, use):
    folder = use(made)
    first = corpus()
    (path,) = folder.iterdir()
    text = first.train[0].text
    path.write_bytes(path.read_bytes().replace(json.dumps(text).encode(), json.dumps(text.upper()).encode()))
    with pytest.warns(UserWarning, match="does not fit its checksum: building it anew"):
        assert corpus() == first
    assert corpus() == first


def test_a_package_installed_later_is_found(use, tmp_path):
    library = write_library(tmp_path / "library", {"email": 4})
    use(library)
    assert "queue" in corpus().missing
    (library / "queue.py").write_text('"""A queue that was not here before."""\n')
    found = corpus()
    assert "queue" not in found.missing
    assert "A queue that was not here before." in {document.text for document in found.train + found.validation}


def test_groups_follow_the_documents(made, use):
    use(made)
    documents, groups, _ = pydocs.all_documents()
    assert groups == near_duplicate_groups([document.text for document in documents])
    assert len(set(groups)) < len(groups)
