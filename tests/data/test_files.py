"""The user's own text: read as it is, or an error that says what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data import read_text

TEXT = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: text.removeprefix("\ufeff").strip())


@given(TEXT)
def test_a_text_comes_back_with_plain_line_ends(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(text.encode("utf-8"))
    assert read_text(path) == text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def test_line_ends_and_byte_order_mark(tmp_path):
    path = tmp_path / "windows.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    assert read_text(str(path)) == "one\ntwo\nthree\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"one\ntwo \xe9t\xe9\n", r"not UTF-8: byte 8 \(line 2\) is 0xe9, .*: save the file as UTF-8"),
        (b"\xff\xfeo\x00", r"byte 0 \(line 1\) is 0xff"),
        (b"ok \xe2\x82", r"byte 3 \(line 1\) is 0xe2, unexpected end of data"),
        (b"", "holds no text: give a file with at least one visible character"),
        (b" \n\t\n", "holds no text"),
        (b"\xef\xbb\xbf\n", "holds no text"),
        (b"x" * 101, "larger than 100 bytes: split it, or raise max_bytes"),
    ],
)
def test_bad_files(tmp_path, content, message):
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_text(path, max_bytes=100)
    assert str(path) in str(error.value)


def test_a_file_of_exactly_the_limit_is_read(tmp_path):
    path = tmp_path / "full.txt"
    path.write_bytes(b"x" * 100)
    assert len(read_text(path, max_bytes=100)) == 100


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*absent\.txt: check the path"):
        read_text(tmp_path / "absent.txt")
    with pytest.raises(ValueError, match="is a folder: name a text file in it"):
        read_text(tmp_path)
