"""WordPiece and Unigram learn what their formulas say, and what they save is read back."""

import itertools
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tokenizers.support import CORPUS
from tinyllm.tokenizers import PipelineTokenizer, UnigramTokenizer, WordPieceTokenizer, load, unigram, wordpiece

WORDS = st.dictionaries(st.text("abc", min_size=1, max_size=6), st.integers(1, 9), min_size=1, max_size=6)
WORDPIECE = WordPieceTokenizer.train(CORPUS, 200)
UNIGRAM = UnigramTokenizer.train(CORPUS, 200)
LEARNED = pytest.mark.parametrize("kind", [WordPieceTokenizer, UnigramTokenizer])


def joined(symbols, pair, name):
    """The pair put together, from the left."""
    result, i = [], 0
    while i < len(symbols):
        both = tuple(symbols[i : i + 2]) == pair
        result.append(name if both else symbols[i])
        i += 1 + both
    return result


@given(WORDS, st.integers(0, 12))
def test_wordpiece_joins_the_pair_with_the_largest_gain(counts, n_more):
    characters = sorted({c for word in counts for c in wordpiece.characters_of(word)})
    learned = wordpiece.learn_pieces(counts, len(characters) + n_more)
    assert learned[: len(characters)] == characters and len(set(learned)) == len(learned) <= len(characters) + n_more
    rows = {word: wordpiece.characters_of(word) for word in counts}
    ids = list(characters)
    for _ in range(100):
        if len(ids) == len(characters) + n_more:
            break
        tokens = Counter(t for word, row in rows.items() for t in row for _ in range(counts[word]))
        pairs = Counter(p for word, row in rows.items() for p in itertools.pairwise(row) for _ in range(counts[word]))
        total = sum(tokens.values())
        gains = {p: n * math.log(n * total / (tokens[p[0]] * tokens[p[1]])) for p, n in pairs.items() if n > 1}
        best = max(gains.values(), default=0.0)
        if best <= 1e-9:
            break
        equals = [p for p in gains if gains[p] > best - 1e-9]
        pair = min(equals, key=lambda p: (ids.index(p[0]), ids.index(p[1])))
        name = pair[0] + pair[1].removeprefix("##")
        if name not in ids:
            ids.append(name)
        rows = {word: joined(row, pair, name) for word, row in rows.items()}
    assert learned == ids


def ways(word, scores):
    """Each way to write a word with the tokens."""
    if not word:
        yield []
    for end in range(1, len(word) + 1):
        if word[:end] in scores:
            for rest in ways(word[end:], scores):
                yield [word[:end], *rest]


SCORES = {"a": -1.5, "b": -2.0, "c": -2.25, "ab": -1.75, "bc": -3.0, "abc": -4.0, "aa": -2.5}


def likelihood(counts, scores):
    """Σ count · log Σ over the ways Π p."""
    return sum(
        n * math.log(sum(math.exp(sum(map(scores.get, way))) for way in ways(word, scores))) for word, n in counts.items()
    )


def lattices(counts, scores):
    return [(unigram._edges(word, scores), len(word), n) for word, n in counts.items()]


@given(WORDS)
def test_expected_counts_are_those_of_all_ways(counts):
    expected = dict.fromkeys(SCORES, 0.0)
    for word, n in counts.items():
        weights = {tuple(way): math.exp(sum(map(SCORES.get, way))) for way in ways(word, SCORES)}
        for way, weight in weights.items():
            for piece in way:
                expected[piece] += n * weight / sum(weights.values())
    assert unigram._expected_counts(lattices(counts, SCORES), SCORES) == pytest.approx(expected)


@given(WORDS)
def test_a_round_of_learning_makes_the_text_no_less_probable(counts):
    characters = sorted(set("".join(counts)))
    scores = {piece: score for piece, score in SCORES.items() if set(piece) <= set(characters)}
    for _ in range(3):
        expected = unigram._expected_counts(lattices(counts, scores), scores)
        if any(n < 0.5 for n in expected.values()):         # a token about to be dropped takes its share along
            return
        better = unigram._log_shares(expected, characters)
        assert math.fsum(map(math.exp, better.values())) == pytest.approx(1)
        assert likelihood(counts, better) >= likelihood(counts, scores) - 1e-9
        scores = better


def test_the_fall_is_to_the_next_best_way():
    assert unigram._fall("abc", SCORES) == pytest.approx(-4.0 - max(-1.75 - 2.25, -1.5 - 3.0, -1.5 - 2.0 - 2.25))
    assert unigram._fall("ab", SCORES) == pytest.approx(-1.75 + 1.5 + 2.0)


@settings(max_examples=25)
@given(WORDS, st.integers(0, 20))
def test_unigram_keeps_every_character_and_no_more_than_asked(counts, n_more):
    characters = set("".join(counts))
    scores = unigram.learn_pieces(counts, len(characters) + n_more)
    assert characters <= scores.keys() and len(scores) <= len(characters) + n_more
    assert math.fsum(map(math.exp, scores.values())) <= 1 + 1e-6
    times = Counter()
    for word, n in counts.items():
        for a, b in itertools.combinations(range(len(word) + 1), 2):
            times[word[a:b]] += n
    assert all(len(piece) == 1 or times[piece] > 1 for piece in scores)


def test_what_was_learned_from_real_words():
    assert "fox" in UNIGRAM.encoding("the fox").tokens[2] and UNIGRAM.token_to_id("▁the") < 20
    assert WORDPIECE.encoding("Foxes").tokens[:2] == ["<cls>", "fox"]
    assert WORDPIECE.encoding("q!").tokens[-2] == "<unk>"
    assert WordPieceTokenizer.train(CORPUS, 110).vocab_size == 110
    assert UnigramTokenizer.train(CORPUS, 80).vocab_size == 80


@given(st.lists(st.sampled_from(sorted(set(CORPUS))), max_size=30).map("".join))
def test_unigram_text_comes_back(text):
    assert UNIGRAM.decode(UNIGRAM.encode(text)) == text.removeprefix(" ")
    found = UNIGRAM.encoding(text, special=False)
    assert all(0 <= start <= end <= len(text) for start, end in found.offsets)


@given(st.lists(st.sampled_from(CORPUS.split()), max_size=8))
def test_wordpiece_knows_the_words_it_learned_from(words):
    found = WORDPIECE.encoding(" ".join(words), special=False)
    assert WORDPIECE.unk_id not in found.ids
    spelled = "".join(token.removeprefix("##") for token in found.tokens)
    assert spelled == "".join(words).lower().replace("ï", "i").replace("ç", "c")


@LEARNED
def test_saved_and_loaded(tmp_path, kind):
    made = WORDPIECE if kind is WordPieceTokenizer else UNIGRAM
    made.save(tmp_path / "tokenizer.json")
    again = load(tmp_path)
    assert type(again) is PipelineTokenizer
    for text in (CORPUS, "unseen ñ words", "<mask> of <cls>", ""):
        for signs in (False, True):
            assert again.encoding(text, "pair", allow_special=signs) == made.encoding(text, "pair", allow_special=signs)
    for role in ("pad", "bos", "eos", "mask", "cls", "sep", "unk"):
        assert getattr(again, f"{role}_id") == getattr(made, f"{role}_id") == made.token_to_id(f"<{role}>")
    assert made.special_ids == tuple(range(made.vocab_size - 7, made.vocab_size))


@LEARNED
def test_the_frame_is_that_of_the_other_tokenizers(kind):
    text = "the fox"
    names = {("<unk>", "<cls>", "<sep>"): "<cls> A <sep> | <cls> A <sep> B <sep>", ("<unk>", "<eos>"): "A <eos> | A B <eos>",
             ("<unk>", "<bos>", "<eos>"): "<bos> A <eos> | <bos> A B <eos>", ("<unk>",): "A | A B"}  # fmt: skip
    for special, frames in names.items():
        made = kind.train(CORPUS, 120, special)
        bare = made.encoding(text, special=False).tokens
        for found, frame in zip((made.encoding(text), made.encoding(text, text)), frames.split(" | ")):
            assert found.tokens == [t for part in frame.split() for t in (bare if part in "AB" else [part])]
            if " B" in frame:
                assert found.segment_ids == sorted(found.segment_ids) and found.segment_ids[-1] == 1


@LEARNED
def test_the_names_of_signs_in_text_are_text(kind):
    made = kind.train(CORPUS + "<mask>" * 9, 150)
    assert not set(made.special_ids) - {made.unk_id} & set(made.encode("<mask> <pad> the"))
    assert made.mask_id in made.encode("the <mask>", allow_special=True)


@LEARNED
def test_the_order_of_texts_makes_no_difference(kind):
    lines = CORPUS.splitlines(keepends=True)
    assert kind.train(lines, 130).as_json() == kind.train(iter(reversed(lines)), 130).as_json()


@LEARNED
def test_what_cannot_be_learned(kind):
    with pytest.raises(ValueError, match="there is no text"):
        kind.train([], 100)
    with pytest.raises(ValueError, match="there is no text"):
        kind.train("", 100)
    for size in ("300", None, 300.5, True):
        with pytest.raises(TypeError, match=f"vocab_size is {size!r}: give a whole number"):
            kind.train(CORPUS, size)
    with pytest.raises(ValueError, match=r"room for 3 tokens .* has \d+ characters"):
        kind.train(CORPUS, 10)
    with pytest.raises(ValueError, match="needs '<unk>'"):
        kind.train(CORPUS, 200, ["<pad>"])
    with pytest.raises(TypeError, match="learns from text"):
        kind.train([b"bytes"], 200)
    assert kind.train("ab ab", 100).vocab_size < 20


@LEARNED
def test_empty_texts_and_names_of_signs_are_no_hindrance(kind):
    """A blank line among the texts; a corpus that writes <unk> where a word was."""
    lines = ["the <unk> of <unk> and a <unk> , x<unk>y z<unk>", "", "<unk>", "say<mask>it", ""] * 20
    made = kind.train(lines, 100)
    signs = {made.unk_id, made.mask_id}
    assert not signs & set(made.encode("a <unk> x<unk>y say<mask>it"))


def test_wordpiece_takes_no_memory_for_tokens_that_cannot_be():
    assert WordPieceTokenizer.train("hello world " * 9, 10**13).vocab_size < 40


def test_capital_letters_if_wanted():
    made = WordPieceTokenizer.train("Ab Ab É É", 40, lower=False)
    assert made.encoding("Ab É", special=False).tokens == ["Ab", "É"]
