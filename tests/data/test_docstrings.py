"""Docstrings and topics, read from source files and never run."""

import sys
import sysconfig
import zipfile

import pytest

from tests.data.library import NAMES, write_library
from tinyllm.data import docstrings
from tinyllm.data.docstrings import PACKAGES, Document, present, read_documents, standard_library

SOURCE = b'''# -*- coding: latin-1 -*-
"""The m\xf6dule."""
raise SystemExit("running this file ends the test")

class A:
    """A class.

    Indented:
        example
    """
    def method(self):
        """   A method, with an inner function."""
        def inner():
            "Inner."
        return lambda: inner

    async def later(self):
        'Later.'

try:
    if True:
        def guarded(): "In a branch."
except ImportError:
    def guarded(): "In a handler."

def nothing(): return "no docstring"
def empty(): "   "
def half(): "\\ud800 alone"
'''


def test_docstrings_stand_in_the_order_of_the_file_with_their_names():
    assert list(docstrings.docstrings(SOURCE)) == [
        ("", "The mödule."),
        ("A", "A class.\n\nIndented:\n    example"),
        ("A.method", "A method, with an inner function."),
        ("A.method.inner", "Inner."),
        ("A.later", "Later."),
        ("guarded", "In a branch."),
        ("guarded", "In a handler."),
        ("half", "? alone"),
    ]


def test_origin_names_file_and_place():
    assert Document("t", "email", "email/message.py", "Message.walk").origin == "email/message.py:Message.walk"
    assert Document("t", "email", "email/message.py", "").origin == "email/message.py"


def test_documents_come_in_a_fixed_order_without_tests_and_missing_packages_are_named(tmp_path):
    library = write_library(tmp_path, {"logging": 4, "email": 7, "unlisted": 3})
    (library / "http").mkdir()      # a folder without sources is as good as none
    documents, missing = read_documents(library)
    files = [document.file for document in documents]
    in_order = list(dict.fromkeys(files))
    packages = [f"{package}/{name}.py" for package in ("email", "logging") for name in NAMES]
    assert in_order == ["pydoc_data/topics.py", "abc.py", *packages]
    assert files == sorted(files, key=in_order.index)
    assert [document.name for document in documents[:2]] == ["assert", "while"]
    assert {document.package for document in documents} == {"pydoc_data", "abc", "email", "logging"}
    assert missing == [name for name in PACKAGES if name not in ("abc", "email", "logging")]
    assert read_documents(library) == (documents, missing)
    assert present(library) == ["pydoc_data", "abc", "email", "http", "logging"]


def test_missing_topics_are_named(tmp_path):
    library = write_library(tmp_path, {"email": 3})
    (library / "pydoc_data" / "topics.py").unlink()
    documents, missing = read_documents(library)
    assert missing[0] == "pydoc_data" and documents[0].package == "abc"


def test_a_library_in_an_archive_reads_like_a_folder(tmp_path, monkeypatch):
    library = write_library(tmp_path / "lib", {"email": 5, "logging": 5})
    with zipfile.ZipFile(tmp_path / "python.zip", "w") as archive:
        for path in sorted(library.rglob("*"), reverse=True):
            archive.write(path, path.relative_to(library))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "nowhere"))
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), str(tmp_path / "python.zip")])
    found = standard_library()
    assert isinstance(found, zipfile.Path)
    assert present(found) == present(library)
    assert read_documents(found) == read_documents(library)


def test_no_standard_library_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "nowhere"))
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(FileNotFoundError, match=r"no sources of the standard library at .*nowhere: install them"):
        standard_library()


def test_the_list_of_packages_is_sorted_and_without_repeats():
    assert list(PACKAGES) == sorted(set(PACKAGES), key=lambda name: PACKAGES.index(name))
    assert list(PACKAGES) == sorted(PACKAGES)
