"""A folder of Python files: read as text, in order, within bounds; nothing hidden, nothing linked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data import read_code
from tinyllm.data.code_files import source_text


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["", "# coding: utf-8\n"]))
def test_a_source_is_its_text_with_plain_line_ends(text, cookie):
    text = cookie + "#\n#\n" + text        # two lines without a declaration: what comes after is no cookie
    assert source_text(text.encode("utf-8")) == text.replace("\r\n", "\n").replace("\r", "\n")


def test_declared_encodings():
    assert source_text("# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1")).endswith("'é'\n")
    assert source_text(b"\xef\xbb\xbfx = 1\r\n") == "x = 1\n"
    assert source_text(b"# coding: raw_unicode_escape\n\\ud800").endswith("\n?")     # half a surrogate pair
    for raw in (b"# coding: utf-9\n", b"# coding: rot13\n", b"x = '\xe9'\n", b"# coding: zlib\nx", b"# coding: utf-8\n\xff"):
        with pytest.raises(ValueError, match="not in the encoding it declares"):
            source_text(raw)


def test_a_folder_is_read_in_order(tmp_path):
    for name in ("b.py", "a/z.py", "a/y/x.py", ".hidden/h.py", "a/__pycache__/c.py", ".h.py", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"'{name}'\n", encoding="utf-8")
    (tmp_path / "a" / "__init__.py").write_text("\n")
    outside = tmp_path.parent / "outside.py"
    outside.write_text("secret = 1\n")
    (tmp_path / "link.py").symlink_to(outside)
    (tmp_path / "up").symlink_to(tmp_path)
    found = read_code(tmp_path)
    assert [document.file for document in found] == ["b.py", "a/z.py", "a/y/x.py"]
    assert [document.package for document in found] == ["b", "a", "a"]
    assert [document.text for document in found] == [f"'{document.file}'\n" for document in found]


def test_bounds_and_bad_folders(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no Python source"):
        read_code(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        read_code(tmp_path / "absent")
    (tmp_path / "a.py").write_bytes(b"x" * 60)
    (tmp_path / "b.py").write_bytes(b"y" * 40)
    assert len(read_code(tmp_path, max_bytes=100, max_files=2)) == 2
    with pytest.raises(ValueError, match="holds more than 99 bytes of code"):
        read_code(tmp_path, max_bytes=99)
    with pytest.raises(ValueError, match=r"holds more than 1 \.py files"):
        read_code(tmp_path, max_files=1)
    (tmp_path / "c.py").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"c\.py: not in the encoding it declares"):
        read_code(tmp_path)
