"""Sentences and documents: nothing of the text is lost, and the seams are where they should be."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data import SentencePairs, file_segments, split_documents, split_sentences
from tinyllm.data.docstrings import Document

PIECE = st.text(st.sampled_from("aB.!?\n \t\"')(é漢"), max_size=4)
TEXT = st.lists(PIECE | st.sampled_from(["It is. ", "\n\n", " \n\t\n", "Is it? "]), max_size=20).map("".join)


@given(TEXT)
def test_sentences_are_the_text(text):
    found = split_sentences(text)
    assert "".join(found) == text and all(found)
    for before, after in pairwise(found):
        assert after[0].isspace() and not before[-1].isspace()


@given(TEXT, st.integers(1, 5))
def test_documents_are_the_text(text, least):
    found = split_documents(text, least)
    assert "".join(sentence for document in found for sentence in document) == text
    assert all(len(document) >= least for document in found) or len(found) <= 1
    for document in found[1:]:
        assert document[0].lstrip(" \t").startswith("\n")


def test_where_sentences_end():
    text = 'One owl, e.g. this one, saw 3.5 mice! "Really?" (Yes.) It did.\n\nthen\nnothing more'
    assert split_sentences(text) == [
        "One owl, e.g. this one, saw 3.5 mice!", ' "Really?"', " (Yes.)", " It did.", "\n\nthen\nnothing more",
    ]
    assert split_sentences("") == [] and split_documents("") == []


def test_documents_end_at_empty_lines_once_they_are_long_enough():
    text = "A is. B is.\n\nC is. D is.\n\nE is."
    assert [len(document) for document in split_documents(text, 2)] == [2, 3]
    assert [len(document) for document in split_documents(text, 3)] == [5]


def test_docstrings_of_a_file_stand_side_by_side():
    documents = [
        Document("Open it. Then read it.", "io", "io.py", "open"), Document("About while.", "pydoc_data", "t.py", "while"),
        Document("Close it.", "io", "io.py", "close"), Document("About for. It loops.", "pydoc_data", "t.py", "for"),
    ]
    files = file_segments(documents)
    assert files == [["Open it.", " Then read it.", "\n\nClose it."], ["About while."], ["About for.", " It loops."]]
    pairs = SentencePairs([[list(map(ord, sentence)) for sentence in file] for file in files], 2, 64, 0, 1, 2, 3, 128)
    assert pairs.left_out == 1 and pairs.batch(0)["ids"].shape[0] == 2
