"""Windows, answers and tags against the recipe of Transformers' examples, on its tokenizer: token for token."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertTokenizerFast

from tinyllm.data import Answer, AnswerSpans, Question, TaggedSentence, TaggedSentences, tag_names
from tinyllm.tokenizers import load

PIECES = ["crow", "owl", "s", "see", "##s", "##ing", "##ly", ".", ",", "-", "(", ")", "'", "é", "漢", "a", "##b", "##a", "b"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *PIECES]
WORDS = ("Crow", "owls", "Seeing", "sees", "ab", "aabb", "É", "漢漢", "(a)", "owl-ly", "'s", "zebra", "a,b.", "\u200bs")
WORD = st.sampled_from(WORDS)
TEXT = st.lists(st.tuples(WORD, st.sampled_from([" ", "  ", "\n"])), min_size=1, max_size=25).map(
    lambda rows: "".join(word + space for word, space in rows)
)


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    path = tmp_path_factory.mktemp("bert") / "vocab.txt"
    path.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    theirs = BertTokenizerFast(str(path))
    theirs.save_pretrained(path.parent)
    return load(path.parent / "tokenizer.json"), theirs


def their_windows(tokenizer, question, max_length, overlap):
    """Transformers' examples/pytorch/question-answering/run_qa.py, retold: windows with their answer's tokens."""
    found = tokenizer(
        question.question, question.passage, truncation="only_second", max_length=max_length, stride=overlap,
        return_overflowing_tokens=True, return_offsets_mapping=True,
    )
    for i, ids in enumerate(found["input_ids"]):
        offsets, sequence = found["offset_mapping"][i], found.sequence_ids(i)
        passage = [t for t, side in enumerate(sequence) if side == 1]
        start = end = 0
        answer = question.answers[0] if question.answers else None
        if answer and passage and offsets[passage[0]][0] <= answer.start and offsets[passage[-1]][1] >= answer.end:
            start = max(t for t in passage if offsets[t][0] <= answer.start)
            end = min(t for t in passage if offsets[t][1] >= answer.end)
        yield ids, found["token_type_ids"][i], start, end


@given(TEXT, TEXT, st.integers(0, 4), st.integers(1, 9), st.data())
def test_windows_are_those_of_transformers(tokenizers, asked, passage, overlap, new, data):
    ours, theirs = tokenizers
    words = passage.split()
    first = data.draw(st.integers(0, len(words) - 1))
    text = words[first].strip("\u200b")
    start = passage.index(text)
    answers = (Answer(text, start),) if data.draw(st.booleans()) else ()
    question = Question("a", asked, passage, answers)
    max_length = len(ours.encode(asked)) + 3 + overlap + new
    source = AnswerSpans([question], ours, 1, max_length, overlap, max_question=999)
    found = {}
    for batch in source.evaluation():
        places = (batch[key][0].tolist() for key in ("ids", "segment_ids", "starts", "ends"))
        found[int(batch["row"][0])] = tuple(places)
    assert [found[row] for row in range(source.n)] == list(their_windows(theirs, question, max_length, overlap))


ROW = st.lists(st.tuples(WORD, st.sampled_from(["O", "B-A", "I-A"])), min_size=1, max_size=12)


@given(st.lists(ROW, min_size=1, max_size=3), st.integers(3, 25))
def test_tags_are_where_transformers_puts_them(tokenizers, rows, max_length):
    ours, theirs = tokenizers
    sentences = [TaggedSentence(*map(tuple, zip(*row, strict=True))) for row in rows]
    names = tag_names([*sentences, TaggedSentence(("x",), ("B-A",))])
    source = TaggedSentences(sentences, ours, names, 1, max_length)
    for sentence, batch in zip(sentences, source.evaluation(), strict=True):
        found = theirs(list(sentence.words), is_split_into_words=True, truncation=True, max_length=max_length)
        words = found.word_ids()
        targets = [
            -100 if word is None or word in words[:t] else names.index(sentence.tags[word]) for t, word in enumerate(words)
        ]
        assert batch["ids"][0].tolist() == found["input_ids"] and batch["targets"][0].tolist() == targets
