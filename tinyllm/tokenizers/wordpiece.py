"""WordPiece: the tokens that make the text they are learned from most probable, put together from characters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np

from .base import SPECIAL_TOKENS, TextOrTexts, as_texts, check_special_tokens, check_vocab_size
from .merges import Pair, merge
from .pipeline import contents
from .pipeline.aligned import Aligned
from .pipeline.entries import Entry
from .pipeline.normalizers import read_normalizer
from .pipeline.pre_tokenizers import read_pre_tokenizer
from .pipeline.tokenizer import PipelineTokenizer

WITHIN = "##"           # what the name of a token within a word begins with
UNKNOWN = "<unk>"
LONGEST_WORD = 100


class WordPieceTokenizer(PipelineTokenizer):
    """BERT's tokenizer: words and signs, lower-cased if wanted, each written with the longest tokens from the left.

    Its file is one of Hugging Face's kind; `tinyllm.tokenizers.load` and the `tokenizers` library read it to the same
    ids. Ids follow the order of learning, special tokens last. A word with a character that was not learned is
    `<unk>`, and white space is not kept: `decode` puts one space between words.

    Devlin et al. 2018, §3 (use); Schuster and Nakajima 2012, §4 (learning).
    """

    @classmethod
    def train(
        cls, texts: TextOrTexts, vocab_size: int, special_tokens: Iterable[str] = (UNKNOWN, *SPECIAL_TOKENS), lower: bool = True
    ) -> WordPieceTokenizer:
        """A tokenizer learned from one text or several.

        vocab_size counts characters, learned tokens and special tokens, `<unk>` among them; where the text has fewer
        pairs worth joining, the vocabulary is smaller. lower: letters become lower case and lose their accents.

        Raises ValueError for a vocab_size without room for the characters and special tokens, special tokens without
        `<unk>`, and where there is no text.
        """
        check_vocab_size(vocab_size)
        special = check_special_tokens(special_tokens)
        if UNKNOWN not in special:
            raise ValueError(f"WordPiece needs {UNKNOWN!r} among the special tokens, for words it cannot write")
        normalizer = {
            "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
            "lowercase": lower,
        }  # fmt: skip
        cut = {"type": "BertPreTokenizer"}
        normalize, split = read_normalizer(Entry(normalizer, "")), read_pre_tokenizer(Entry(cut, ""))
        counts: Counter[str] = Counter()
        for text in as_texts(texts):
            counts.update(word.text for word in split(normalize(Aligned(text))) if len(word.text) <= LONGEST_WORD)
        if not counts:
            raise ValueError("there is no text to learn from: give at least one word")
        tokens = learn_pieces(counts, vocab_size - len(special))
        vocab = {token: i for i, token in enumerate([*tokens, *special])}
        if len(vocab) < len(tokens) + len(special):
            raise ValueError("a learned token has the name of a special one: pick another name for that")
        content = contents.content(
            {
                "type": "WordPiece", "unk_token": UNKNOWN, "continuing_subword_prefix": WITHIN,
                "max_input_chars_per_word": LONGEST_WORD, "vocab": vocab,
            },
            [contents.added_token(vocab[name], name) for name in special],
            normalizer=normalizer,
            pre_tokenizer=cut,
            post_processor=contents.frame(vocab),
            decoder={"type": "WordPiece", "prefix": WITHIN, "cleanup": False},
        )  # fmt: skip
        return cls(content)


def characters_of(word: str) -> list[str]:
    """ "cafe" → c, ##a, ##f, ##e."""
    return [word[0], *(WITHIN + character for character in word[1:])]


def learn_pieces(word_counts: Mapping[str, int], n_pieces: int) -> list[str]:
    """The tokens that WordPiece learns, in order: first the characters, then what is joined from two.

    Take the text for a row of independent tokens. Its log-likelihood is then Σ count(t) · log p(t) with
    p(t) = count(t) / N. Joining a and b wherever they stand side by side, count(ab) times, changes it by about

        gain(ab) = count(ab) · log( p(ab) / (p(a) p(b)) ) = count(ab) · log( count(ab) · N / (count(a) · count(b)) )

    since each such place now costs log p(ab) instead of log p(a) + log p(b). The pair with the largest gain is joined,
    again and again, until there are `n_pieces` or nothing is gained; of equals, the one of the oldest tokens.

    Byte-pair encoding joins the pair with the largest count(ab) alone; here two frequent neighbours that are side by
    side no more often than chance has it are left apart. The quotient without the count before it, which is sometimes
    given as WordPiece's score, would first join what occurs once: it is the gain of one place and not of the text.
    (The `tokenizers` library learns WordPiece by count alone.)

    A join changes the counts of its two parts, and so the gain of every pair they are in, up or down. So all gains are
    computed anew each time, which NumPy does at once; the words are only looked at where the pair stands.

    Raises ValueError where n_pieces is smaller than the number of characters.

    Schuster and Nakajima 2012, §4.
    """
    names = sorted({character for word in word_counts for character in characters_of(word)})
    if n_pieces < len(names):
        raise ValueError(
            f"vocab_size has room for {n_pieces} tokens beside the special ones, the text has {len(names)} characters"
        )
    ids = {name: i for i, name in enumerate(names)}
    listed = sorted(word_counts)
    words = [[ids[character] for character in characters_of(word)] for word in listed]
    n_pieces = min(n_pieces, len(names) + sum(len(word) - 1 for word in words))     # each join makes a word shorter
    times = [word_counts[word] for word in listed]

    counts = np.zeros(n_pieces + 1)                     # of each token
    pairs: dict[Pair, int] = {}                         # pair → its place in the arrays that follow
    lefts, rights, together = (np.zeros(1 << 12, dtype) for dtype in (int, int, float))
    seen_in: defaultdict[Pair, set[int]] = defaultdict(set)

    def count(symbols: list[int], sign: int, place: int) -> None:
        """Adds a word's tokens and pairs to the counts, or takes them away."""
        nonlocal lefts, rights, together
        for symbol in symbols:
            counts[symbol] += sign * times[place]
        for pair in pairwise(symbols):
            if pair not in pairs:
                if len(pairs) == len(lefts):
                    lefts, rights, together = (np.concatenate([a, np.zeros_like(a)]) for a in (lefts, rights, together))
                lefts[len(pairs)], rights[len(pairs)] = pair
                pairs[pair] = len(pairs)
            together[pairs[pair]] += sign * times[place]
            if sign > 0:
                seen_in[pair].add(place)

    for place, symbols in enumerate(words):
        count(symbols, 1, place)
    while len(names) < n_pieces and pairs:
        n = len(pairs)
        gain = _gains(together[:n], counts[lefts[:n]], counts[rights[:n]], counts[: len(names)].sum())
        if gain.max() <= 0:
            break
        pair = min((int(lefts[i]), int(rights[i])) for i in np.flatnonzero(gain == gain.max()))
        name = names[pair[0]] + names[pair[1]].removeprefix(WITHIN)
        if name not in ids:                             # the same letters may come together in two ways
            ids[name] = len(names)
            names.append(name)
        for place in seen_in.pop(pair):
            after = merge(words[place], pair, ids[name])
            if len(after) < len(words[place]):
                count(words[place], -1, place)
                count(after, 1, place)
                words[place] = after
    return names


def _gains(together: np.ndarray, left: np.ndarray, right: np.ndarray, total: float) -> np.ndarray:
    """count(ab) · log( count(ab) · N / (count(a) · count(b)) ); a pair seen once is worth no token."""
    gains = np.zeros(len(together))
    often = together >= 2
    gains[often] = together[often] * np.log(together[often] * total / (left[often] * right[often]))
    return gains
