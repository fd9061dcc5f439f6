"""The cache: right or rebuilt, whole or absent."""

import json
import os
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data import cache_folder
from tinyllm.data.cache import cached


class Counting:
    """A build function that counts its calls."""

    def __init__(self, value):
        self.value, self.calls = value, 0

    def __call__(self):
        self.calls += 1
        return self.value


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYLLM_CACHE", str(tmp_path / "deep" / "cache"))
    return tmp_path / "deep" / "cache"


def test_built_once_then_read(folder):
    build = Counting({"texts": ["é", "\n", "b"], "n": [1, 2]})
    assert cached("a", "key", build) == cached("a", "key", build) == build.value
    assert build.calls == 1
    assert [path.name for path in folder.iterdir()] == ["a.json"]


def test_another_key_builds_anew_without_a_warning(folder):
    first, second = Counting(1), Counting(2)
    assert cached("a", "key", first) == 1
    assert cached("a", "other", second) == 2 == cached("a", "other", second)
    assert second.calls == 1


def test_whatever_happened_to_the_file_the_value_is_right(folder):
    value = {"texts": ["some text", "more"]}
    cached("a", "key", lambda: value)
    whole = (folder / "a.json").read_bytes()

    @given(st.integers(0, len(whole) - 1), st.integers(1, 255), st.booleans())
    def tampered(place, change, cut):
        body = whole[:place] if cut else whole[:place] + bytes([whole[place] ^ change]) + whole[place + 1 :]
        (folder / "a.json").write_bytes(body)
        build = Counting(value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")     # a damaged key reads like another key, which is no accident to report
            assert cached("a", "key", build) == value
        assert build.calls == 1
        assert (folder / "a.json").read_bytes() == whole

    tampered()


def test_a_changed_value_is_reported(folder):
    cached("a", "key", lambda: ["right"])
    path = folder / "a.json"
    path.write_bytes(path.read_bytes().replace(b"right", b"wrong"))
    with pytest.warns(UserWarning, match="does not fit its checksum: building it anew"):
        assert cached("a", "key", lambda: ["right"]) == ["right"]


@pytest.mark.parametrize("content", [b"", b"no json\n[]", b"[]\n[]", b"{}\n[]", b"\xff\xfe"])
def test_a_file_that_is_none_of_ours_is_reported(folder, content):
    folder.mkdir(parents=True)
    (folder / "a.json").write_bytes(content)
    with pytest.warns(UserWarning, match="cannot be read .*: building it anew"):
        assert cached("a", "key", lambda: 5) == 5
    assert cached("a", "key", Counting(6)) == 5


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TINYLLM_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="cannot be written .*: set TINYLLM_CACHE to a folder that can"):
        assert cached("a", "key", lambda: 5) == 5


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(folder, monkeypatch):
    cached("a", "key", lambda: 1)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.warns(UserWarning, match="No space left on device"):
        assert cached("a", "other", lambda: 2) == 2
    monkeypatch.undo()
    monkeypatch.setenv("TINYLLM_CACHE", str(folder))
    assert [path.name for path in folder.iterdir()] == ["a.json"]
    assert json.loads((folder / "a.json").read_bytes().splitlines()[0])["key"] == "key"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, Path.home() / ".cache" / "tinyllm"),
        ("linux", {"XDG_CACHE_HOME": "/x"}, Path("/x/tinyllm")),
        ("darwin", {}, Path.home() / "Library" / "Caches" / "tinyllm"),
        ("win32", {"LOCALAPPDATA": "/y"}, Path("/y/tinyllm/cache")),
        ("linux", {"TINYLLM_CACHE": "/z", "XDG_CACHE_HOME": "/x"}, Path("/z")),
    ],
)
def test_the_folder_of_each_system(monkeypatch, platform, variables, expected):
    for name in ("TINYLLM_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert cache_folder() == expected
