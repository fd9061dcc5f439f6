"""The corpus of code: each file whole, no file nearly another, sides that follow from the text."""

import pytest

from tests.data.library import write_library
from tests.data.test_pydocs import assert_apart
from tinyllm.data import code, pycode


@pytest.fixture(params=["made", pytest.param("own", marks=pytest.mark.slow)])
def library(request, tmp_path, monkeypatch):
    """The folder of the sources; this Python's own where the parameter says so."""
    monkeypatch.setenv("TINYLLM_CACHE", str(tmp_path / "cache"))
    if request.param == "own":
        return pycode.standard_library()
    made = write_library(tmp_path / "library", {"email": 60, "http": 40, "xml": 30, "queue": 9})
    (made / "http" / "copy.py").write_bytes((made / "http" / "a.py").read_bytes() + b"\n# Nearly the same.\n")
    (made / "http" / "empty.py").write_text(" \n")
    (made / "http" / "old.py").write_bytes("# coding: latin-1\nname = 'José'\n".encode("latin-1"))
    monkeypatch.setattr(pycode, "standard_library", lambda: made)
    return made


def test_files_are_whole_and_apart(library):
    found = code()
    documents = found.train + found.validation
    assert {"email", "http"} <= {document.package for document in documents}
    assert len({document.file for document in documents}) == len(documents)
    for document in documents:
        raw = (library / document.file).read_bytes().replace(b"\r\n", b"\n")
        assert document.text in (raw.decode("utf-8-sig", "replace"), raw.decode("latin-1")) and document.text.strip()
        assert not set(document.file.split("/")) & {"test", "tests", "idle_test"}
    train, validation = ([document.text for document in side] for side in (found.train, found.validation))
    assert_apart(train, validation)
    assert "abc" not in found.missing and found == code()


def test_copies_and_empty_files_are_left_out_and_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYLLM_CACHE", str(tmp_path / "cache"))
    made = write_library(tmp_path / "library", {"email": 30, "http": 40})
    (made / "http" / "copy.py").write_bytes((made / "http" / "a.py").read_bytes() + b"\n# Nearly the same.\n")
    (made / "http" / "empty.py").write_text(" \n")
    (made / "http" / "old.py").write_bytes("# coding: latin-1\nname = 'José'\n".encode("latin-1"))
    monkeypatch.setattr(pycode, "standard_library", lambda: made)
    found = code()
    texts = {document.file: document.text for document in found.train + found.validation}
    assert "http/copy.py" not in texts and "http/empty.py" not in texts
    assert texts["http/old.py"] == "# coding: latin-1\nname = 'José'\n"
    assert "queue" in found.missing and "http" not in found.missing
    before = {document.file for document in found.validation}
    (made / "queue.py").write_text("class Queue:\n    items = 'one that was not here before'\n")
    after = code()
    assert "queue" not in after.missing and after.sha256 != found.sha256
    assert {document.file for document in after.validation} - {"queue.py"} == before
