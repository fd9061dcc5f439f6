"""The classifier to beat: logistic regression on a bag of words, which sees which words occur and never their order."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from .. import functional as F
from ..autograd import value_and_grad


class BagOfWords:
    """softmax(x W + b) on tf-idf features x.

        tf-idf(w, text) = (how often w occurs in text) · (log((1 + N) / (1 + texts with w)) + 1), each text scaled to length 1

    W and b minimise mean cross-entropy + λ ‖W‖², which is convex: any method finds the same answer. Here gradient descent with
    Nesterov's momentum, on the gradient that `value_and_grad` derives.
    Raises ValueError when there is no word or no text to learn from.
    """

    def __init__(
        self, texts: Sequence[str], labels: np.ndarray, n_labels: int, penalty: float = 1e-3, steps: int = 300
    ) -> None:
        frequency = Counter(word for text in texts for word in set(_words(text)))
        if not frequency:
            raise ValueError(f"{len(texts)} texts without a word: a bag of words needs some")
        self.column = {word: i for i, word in enumerate(sorted(frequency))}
        self.idf = np.array([math.log((1 + len(texts)) / (1 + frequency[w])) + 1 for w in self.column], np.float32)
        x = self._features(texts)
        self.weight = np.zeros((n_labels, x.shape[1]), np.float32)
        self.bias = np.zeros(n_labels, np.float32)

        def loss(weight, bias):
            return F.cross_entropy(F.linear(x, weight, bias), labels) + penalty * (weight * weight).sum()

        slope = value_and_grad(loss, argnums=(0, 1))
        rate = 1.0 / (1.0 + 2 * penalty)              # ‖x‖ = 1 and the bias: curvature is at most ½ · 2 + 2λ
        previous = (self.weight, self.bias)
        for step in range(steps):
            ahead = [p + step / (step + 3) * (p - q) for p, q in zip((self.weight, self.bias), previous, strict=True)]
            _, gradients = slope(*ahead)
            previous = (self.weight, self.bias)
            self.weight, self.bias = (p - rate * g for p, g in zip(ahead, gradients, strict=True))

    def _features(self, texts: Sequence[str]) -> np.ndarray:
        x = np.zeros((len(texts), len(self.column)), np.float32)
        for row, text in zip(x, texts, strict=True):
            for word, count in Counter(_words(text)).items():
                if word in self.column:
                    row[self.column[word]] = count
        x *= self.idf
        return x / np.maximum(np.sqrt(np.sum(x * x, axis=1, keepdims=True)), 1e-12)

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """The most probable label of each text."""
        return np.argmax(F.linear(self._features(texts), self.weight, self.bias), axis=1)


def _words(text: str) -> list[str]:
    return re.findall(r"\w\w+", text.lower())
