"""Texts as bags of words, and how like they are: the baseline of whatever finds texts."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np


class Bags:
    """Vectors of how often each word stands in a text, rare words weighing more, of length 1.

        tf-idf(w, text) = (1 + log count of w in text) · log((1 + N) / (1 + texts with w) + 1)

    Words are lower-cased runs of letters and digits; words that `texts` lack weigh nothing.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        frequency = Counter(word for text in texts for word in set(_words(text)))
        self.column = {word: i for i, word in enumerate(frequency)}
        self.weight = np.array([math.log((1 + len(texts)) / (1 + n) + 1) for n in frequency.values()], np.float32)
        self.vectors = self.of(texts)

    def of(self, texts: Sequence[str]) -> np.ndarray:
        """(N, words): each row of length 1, or 0 where no word is known."""
        x = np.zeros((len(texts), len(self.column)), np.float32)
        for row, text in zip(x, texts, strict=True):
            for word, count in Counter(_words(text)).items():
                if word in self.column:
                    row[self.column[word]] = 1 + math.log(count)
        x *= self.weight
        return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)

    def nearest(self, texts: Sequence[str]) -> list[int]:
        """For each text the number of the likest of those it was made of."""
        found: list[int] = (self.of(texts) @ self.vectors.T).argmax(axis=1).tolist()
        return found


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
