"""Unigram: begin with far too many tokens, and let go of those that the text misses least."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from .base import SPECIAL_TOKENS, TextOrTexts, as_texts, check_special_tokens, check_vocab_size
from .pipeline import contents
from .pipeline.aligned import Aligned
from .pipeline.entries import Entry
from .pipeline.pre_tokenizers import read_pre_tokenizer
from .pipeline.tokenizer import PipelineTokenizer

UNKNOWN = "<unk>"
LONGEST_PIECE = 16      # characters
LONGEST_WORD = 100
KEPT = 0.75             # of the tokens, in each round
SEEDS_PER_TOKEN = 10
NEVER = 100.0           # below the least probable token: no text becomes <unk> by its name

Edge = tuple[int, int, str]         # start, end, the token between them


class UnigramTokenizer(PipelineTokenizer):
    """SentencePiece's tokenizer: a space is the sign ▁ in front of a word, and a word is written in the most probable way.

    Its file is one of Hugging Face's kind; `tinyllm.tokenizers.load` and the `tokenizers` library read it to the same
    ids. Ids go from the most probable token to the least, special tokens last. Characters that were not learned are
    `<unk>`; one space at the very beginning of a text is not kept.

    Kudo 2018.
    """

    @classmethod
    def train(
        cls, texts: TextOrTexts, vocab_size: int, special_tokens: Iterable[str] = (UNKNOWN, *SPECIAL_TOKENS)
    ) -> UnigramTokenizer:
        """A tokenizer learned from one text or several.

        vocab_size counts learned tokens and special tokens, `<unk>` among them; every character of the text is a
        token. Where the text has fewer strings worth keeping, the vocabulary is smaller.

        Raises ValueError for a vocab_size without room for the characters and special tokens, special tokens without
        `<unk>`, and where there is no text.
        """
        check_vocab_size(vocab_size)
        special = check_special_tokens(special_tokens)
        if UNKNOWN not in special:
            raise ValueError(f"Unigram needs {UNKNOWN!r} among the special tokens, for characters it does not know")
        cut = {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
                contents.split(r"\n"),
            ],
        }
        split = read_pre_tokenizer(Entry(cut, ""))
        counts: Counter[str] = Counter()
        for text in filter(None, as_texts(texts)):
            for word in split(Aligned(text)):
                counts.update(word.text[i : i + LONGEST_WORD] for i in range(0, len(word.text), LONGEST_WORD))
        if not counts:
            raise ValueError("there is no text to learn from: give at least one character")
        scores = learn_pieces(counts, vocab_size - len(special), special)
        pieces = sorted(scores.items(), key=lambda piece: (-piece[1], piece[0]))
        # <unk> is part of the model; the other signs come after it and stand beside the model, out of text's reach.
        signs = [UNKNOWN, *(name for name in special if name != UNKNOWN)]
        ids = {name: len(pieces) + i for i, name in enumerate(signs)}
        vocab = [[piece, score] for piece, score in [*pieces, (UNKNOWN, min(scores.values()) - NEVER)]]
        space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
        content = contents.content(
            {"type": "Unigram", "unk_id": ids[UNKNOWN], "vocab": vocab, "byte_fallback": False},
            [contents.added_token(ids[name], name) for name in signs],
            pre_tokenizer=cut,
            post_processor=contents.frame(ids),
            decoder=space,
        )
        return cls(content)


def learn_pieces(word_counts: Mapping[str, int], n_pieces: int, special: Collection[str] = ()) -> dict[str, float]:
    """Tokens and their log-probabilities, at most `n_pieces` of them, none with the name of a special one.

    Text is a row of tokens drawn independently; which tokens a word was made of is hidden, since a word can be
    written in many ways x. A good vocabulary makes the words probable:

        L = Σ over words of count · log Σ over x of Π p(token)

    1. Seed: the strings that occur most (times their length), and every character.
    2. Expectation maximisation: share each word's count out over its ways in proportion to their probability, which
       gives every token an expected count; the counts' shares are the new p. L never falls by this. Twice; a token
       that is expected less than half a time goes.
    3. Loss: without a token, each of its places is written in the next best way. The loss in L is about its expected
       count times what log p falls by there. The tokens with the smallest loss go, a quarter of all at a time;
       characters stay, so that every word can be written.
    4. From 2 again, until there are n_pieces.

    Raises ValueError where n_pieces is smaller than the number of characters.

    Kudo 2018, §3.2; Dempster et al. 1977 (step 2).
    """
    characters = sorted({character for word in word_counts for character in word})
    if n_pieces < len(characters):
        raise ValueError(
            f"vocab_size has room for {n_pieces} tokens beside the special ones, the text has {len(characters)} characters"
        )
    scores = _seeds(word_counts, characters, max(n_pieces * SEEDS_PER_TOKEN, 1000), special)
    while True:
        lattices = [(_edges(word, scores), len(word), count) for word, count in sorted(word_counts.items())]
        for _ in range(2):
            expected = _expected_counts(lattices, scores)
            scores = _log_shares(expected, characters)
        if len(scores) <= n_pieces:
            return scores
        losses = {piece: expected[piece] * _fall(piece, scores) for piece in scores if len(piece) > 1}
        n_kept = max(n_pieces, int(len(scores) * KEPT)) - len(characters)
        kept = sorted(losses, key=lambda piece: (-losses[piece], piece))[:n_kept]
        scores = {piece: scores[piece] for piece in [*characters, *kept]}


def _seeds(
    word_counts: Mapping[str, int], characters: list[str], n_seeds: int, special: Collection[str]
) -> dict[str, float]:
    """Step 1. A string that occurs once explains nothing but its place."""
    times: Counter[str] = Counter()
    for word, count in word_counts.items():
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + LONGEST_PIECE) + 1):
                times[word[start:end]] += count
    strings = [string for string, n in times.items() if n > 1 and len(string) > 1 and string not in special]
    strings.sort(key=lambda string: (-times[string] * len(string), string))
    return _log_shares({string: float(times[string]) for string in [*characters, *strings[:n_seeds]]}, characters)


def _log_shares(counts: Mapping[str, float], characters: Iterable[str]) -> dict[str, float]:
    """Step 2, maximisation: log p = log of each token's share. A token that hardly occurs goes, a character stays."""
    kept = {piece: n for piece, n in counts.items() if n >= 0.5} | {c: max(counts.get(c, 0.0), 1e-3) for c in characters}
    log_total = math.log(sum(kept.values()))
    return {piece: math.log(n) - log_total for piece, n in kept.items()}


def _edges(word: str, scores: Mapping[str, float]) -> list[Edge]:
    """The word's lattice: an edge for each token that stands somewhere in it, from left to right."""
    n = len(word)
    return [
        (start, end, word[start:end])
        for start in range(n)
        for end in range(start + 1, min(n, start + LONGEST_PIECE) + 1)
        if word[start:end] in scores
    ]


def _expected_counts(lattices: list[tuple[list[Edge], int, int]], scores: Mapping[str, float]) -> dict[str, float]:
    """Step 2, expectation, by the forward-backward algorithm.

    forward[i] is the log-probability of all ways to write a word up to i together, backward[i] of all ways from i on.
    A token between i and j is then part of the word with probability

        exp( forward[i] + log p(token) + backward[j] − forward[n] )
    """
    expected = dict.fromkeys(scores, 0.0)
    for edges, n, count in lattices:
        known = [(start, end, piece, scores[piece]) for start, end, piece in edges if piece in scores]
        forward = [0.0] + [-math.inf] * n
        for start, end, _, score in known:                  # by their starts: all ways to `start` are in already
            forward[end] = _log_add(forward[end], forward[start] + score)
        backward = [-math.inf] * n + [0.0]
        for start, end, _, score in reversed(known):
            backward[start] = _log_add(backward[start], score + backward[end])
        for start, end, piece, score in known:
            expected[piece] += count * math.exp(forward[start] + score + backward[end] - forward[n])
    return expected


def _log_add(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    if a < b:
        a, b = b, a
    return a if b == -math.inf else a + math.log1p(math.exp(b - a))


def _fall(piece: str, scores: Mapping[str, float]) -> float:
    """Step 3: what log p falls by where the token is written in the best way without it."""
    n = len(piece)
    best = [0.0] + [-math.inf] * n
    for start, end, part in _edges(piece, scores):
        if end - start < n:
            best[end] = max(best[end], best[start] + scores[part])
    return scores[piece] - best[n]
