"""What the tokenizer tests share: texts to draw, and byte-pair encoding as the papers tell it."""

from collections import Counter
from itertools import pairwise

from hypothesis import strategies as st

from tinyllm.tokenizers.words import WORD

# hypothesis' text() leaves out surrogates even where its alphabet has them: hence the lists.
UNPAIRED = st.characters(categories=["Cs"])
ANY_TEXT = st.lists(st.text(max_size=8) | UNPAIRED, max_size=8).map("".join)
# Few letters: pairs that overlap ("aaa"), ties, and merges of merges.
DENSE_TEXT = st.text("ab ", max_size=60) | st.text("aab\n é", max_size=80) | st.text("abcd '", max_size=60)
TEXT = ANY_TEXT | DENSE_TEXT

CORPUS = """The quick brown fox doesn't jump over the lazy dogs; the dogs don't mind.
    def fox(self, dog):  # 12,345 words and 67 more
        return self.jump(dog) or "naïve façade", 東京へ行く, 😀😀
""" * 3


def naive_merges(texts, n_merges):
    """Sennrich et al. 2016, §3.2, as it reads: count everything, merge the most frequent pair, again."""
    words = ["".join(map(chr, word.encode("utf-8", "surrogatepass"))) for text in texts for word in WORD.findall(text)]
    merges = []
    while len(merges) < n_merges:
        counts = Counter(pair for word in words for pair in pairwise(word))
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < 2:
            break
        words = [word.replace("".join(best), chr(256 + len(merges))) for word in words]
        merges.append((ord(best[0]), ord(best[1])))
    return merges


def naive_encode(text, merges):
    """Every merge in the order it was learned, over every word."""
    ids = []
    for word in WORD.findall(text):
        symbols = "".join(map(chr, word.encode("utf-8", "surrogatepass")))
        for rank, (left, right) in enumerate(merges):
            symbols = symbols.replace(chr(left) + chr(right), chr(256 + rank))
        ids += map(ord, symbols)
    return ids
