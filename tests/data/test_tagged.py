"""Tags on pieces of words: the first piece carries the tag, whatever a tokenizer does; nothing is lost unsaid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.pieces import CLS, PAD, SEP, AnyPieces
from tests.data.support import check_keys, check_source, epoch, rows
from tinyllm.data import TaggedSentence, TaggedSentences
from tinyllm.data.located import locate
from tinyllm.data.tagged import first_pieces
from tinyllm.tokenizers import ByteBPETokenizer, CharTokenizer

NAMES = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
WORD = st.text(st.sampled_from("abé~ø漢🙂\u00a0\u0301-."), min_size=1, max_size=7)
SENTENCES = st.lists(
    st.lists(st.tuples(WORD, st.sampled_from(NAMES)), min_size=1, max_size=7).map(
        lambda rows: TaggedSentence(*map(tuple, zip(*rows, strict=True)))
    ),
    min_size=1, max_size=8,
)
TOKENIZERS = st.builds(AnyPieces, st.integers(0, 99), st.integers(1, 6), st.sampled_from([True, False, "<cls>"]))
SIGNS = ("<pad>", "<cls>", "<sep>")


def by_the_definition(words, places):
    """For each word the first token that shares a character with it and is no earlier word's, tried one by one."""
    taken, found, start = set(), [], 0
    for word in words:
        inside = set(range(start, start + len(word)))
        sharing = [
            token for token, (a, b) in enumerate(places) if inside & set(range(a, b)) and token > max(taken, default=-1)
        ]
        found.append(sharing[0] if sharing else -1)
        taken |= set(sharing[:1])
        start += len(word) + 1
    return found


@given(SENTENCES, TOKENIZERS)
def test_first_pieces_are_those_of_the_definition(sentences, tokenizer):
    for sentence in sentences:
        text = " ".join(sentence.words)
        _, places = locate(tokenizer, text)
        assert first_pieces(sentence.words, places).tolist() == by_the_definition(sentence.words, places)
        for a, b in places:
            assert text[a:b] == text[a:b].strip()


def words_and_tags(source, batch):
    """(row, targets) of every sentence without padding."""
    return [
        (row, tuple(targets[: len(row)].tolist())) for row, targets in zip(rows([batch]), batch["targets"], strict=True)
    ]


@given(SENTENCES, st.integers(0, 99), st.integers(3, 20), st.integers(0, 2**40), st.integers(0, 9))
def test_every_sentence_once_an_epoch(sentences, pieces, max_length, seed, number):
    def make(seed):
        return TaggedSentences(sentences, AnyPieces(pieces), NAMES, 3, max_length, seed)

    check_source(make, lambda batches: [row for batch in batches for row in words_and_tags(None, batch)], seed, number)
    for batch in epoch(make(seed), number):
        check_keys(batch, "ids", "attention_mask", "targets")
        assert (batch["targets"][~batch["attention_mask"]] == -100).all()
        assert (batch["ids"][~batch["attention_mask"]] == PAD).all()


@given(SENTENCES, TOKENIZERS, st.integers(3, 20))
def test_what_is_trained_on_comes_back_and_the_rest_is_counted(sentences, tokenizer, max_length):
    tokenizer_signs = tokenizer.sep_id is not None
    texts = [locate(tokenizer, " ".join(sentence.words)) for sentence in sentences]
    if not tokenizer_signs and not all(len(ids) for ids, _ in texts):
        with pytest.raises(ValueError, match="has no tokens: drop it"):
            TaggedSentences(sentences, tokenizer, NAMES, 3, max_length)
        return
    source = TaggedSentences(sentences, tokenizer, NAMES, 3, max_length)
    kept = 0
    pairs = [pair for batch in source.evaluation() for pair in words_and_tags(source, batch)]
    for i, (sentence, (row, targets), (ids, places)) in enumerate(zip(sentences, pairs, texts, strict=True)):
        room = max_length - 2 * tokenizer_signs
        assert list(row) == ([CLS, *ids[:room], SEP] if tokenizer_signs else list(ids[:room]))
        expected = {}
        for tag, place in zip(sentence.tags, by_the_definition(sentence.words, places), strict=True):
            if 0 <= place < room:
                expected[place + tokenizer_signs] = NAMES.index(tag)
        assert {t: tag for t, tag in enumerate(targets) if tag != -100} == expected
        kept += len(expected)
        # A model that guesses the targets gets every word right that it has seen, and O elsewhere.
        guessed = source.tags_of(i, np.where(np.array(targets) == -100, 3, targets))
        for tag, guess, place in zip(sentence.tags, guessed, by_the_definition(sentence.words, places), strict=True):
            assert guess == (tag if 0 <= place < room else "O")
    words = sum(len(sentence.words) for sentence in sentences)
    unseen = sum(by_the_definition(s.words, places).count(-1) for s, (_, places) in zip(sentences, texts, strict=True))
    assert source.words_unseen == unseen and source.words_cut == words - unseen - kept


@pytest.mark.parametrize("kind", [ByteBPETokenizer, CharTokenizer])
def test_real_tokenizers_see_every_word(kind):
    words = ("Zoë", "naïve", "漢字", "🙂!", "O'Neill", "e\u0301", "a\u00a0b")
    text = " ".join(words)
    tokenizer = kind.train([text, "Zoë is naïve"], vocab_size=300, special_tokens=SIGNS) if kind is ByteBPETokenizer else (
        kind.train([text], special_tokens=SIGNS)
    )
    source = TaggedSentences([TaggedSentence(words, ("B-PER", *["O"] * 6))], tokenizer, NAMES, 1, 200)
    assert source.words_unseen == source.words_cut == 0
    batch = source.batch(0)
    firsts = np.flatnonzero(batch["targets"][0] != -100)
    pieces = [b"".join(tokenizer.id_to_piece(int(i)) for i in part) for part in np.split(batch["ids"][0, :-1], firsts)[1:]]
    # From one first piece to the next: the words, and the spaces that a token has swallowed or that stand between.
    assert [piece.decode().strip(" ") for piece in pieces] == list(words)


def test_a_row_may_be_one_token_where_there_are_no_signs():
    sentence = TaggedSentence(("a", "b"), ("B-PER", "O"))
    source = TaggedSentences([sentence], AnyPieces(0, 1, signs=False), NAMES, 1, 1)
    assert source.batch(0)["targets"].tolist() == [[1]] and source.words_cut == 1


def test_tagged_sentences_refuse():
    sentence = TaggedSentence(("a", "b"), ("O", "B-X"))
    with pytest.raises(ValueError, match="sentence 0: tag 'B-X' is none of O, B-PER"):
        TaggedSentences([sentence], AnyPieces(0), NAMES, 1, 9)
    with pytest.raises(ValueError, match="batch_size 1 and max_length 2: at least 1, and 3"):
        TaggedSentences([sentence], AnyPieces(0), ("O", "B-X"), 1, 2)
    with pytest.raises(ValueError, match="no sentences: give at least one"):
        TaggedSentences([], AnyPieces(0), NAMES, 1, 9)
