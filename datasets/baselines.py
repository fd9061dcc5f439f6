"""What simple methods reach on the data sets: the numbers on the cards, measured."""

import math
from collections import Counter

Rows = list[list[str]]


def naive_bayes(train: Rows, test: Rows, order: int) -> list[bool]:
    """Which test rows multinomial naive Bayes gets right, on word n-grams of length 1 to `order`, add-one smoothing.

    A tie goes to the label that comes first in the alphabet. A row is (text, label, ...).
    """
    counts: dict[str, Counter] = {}
    for text, label, *_ in train:
        counts.setdefault(label, Counter()).update(ngrams(text, order))
    features = len(set().union(*counts.values()))
    totals = {label: sum(count.values()) + features for label, count in counts.items()}

    def score(text: str, label: str) -> float:
        # fsum is exact whatever the order: two rows of the same words score the same to the last bit.
        return math.fsum(math.log((counts[label][gram] + 1) / totals[label]) for gram in ngrams(text, order))

    return [max(sorted(counts), key=lambda kind: score(text, kind)) == label for text, label, *_ in test]


def ngrams(text: str, order: int) -> list[str]:
    words = text.split()
    return [" ".join(words[i : i + n]) for n in range(1, order + 1) for i in range(len(words) - n + 1)]


def sentiment(train: Rows, test: Rows) -> dict[str, str]:
    """Card line → number."""
    result = {"always the same label": percent([row[1] == "positive" for row in test])}
    for order, name in ((1, "words"), (2, "words and pairs"), (3, "words, pairs and triples")):
        right = naive_bayes(train, test, order)
        result[f"naive Bayes, {name}"] = percent(right)
        for level in "123":
            at_level = [hit for hit, row in zip(right, test, strict=True) if row[2] == level]
            result[f"naive Bayes, {name}, level {level}"] = percent(at_level)
    return result


def copying(train: Rows, test: Rows) -> dict[str, str]:
    """Card line → number."""
    copies = [(source.split()[1:], target.split()) for source, target, *_ in test]
    turned = [copy for copy, row in zip(copies, test, strict=True) if row[0].startswith("reverse")]
    symbols = [pair for guess, target in turned for pair in zip(guess, target, strict=True)]
    return {
        "always copy, whole sequences": percent([guess == target for guess, target in copies]),
        "always copy, whole sequences of the reverse task": percent([guess == target for guess, target in turned]),
        "always copy, symbols of the reverse task": percent([guess == target for guess, target in symbols]),
    }


def percent(hits: list[bool]) -> str:
    return f"{100 * sum(hits) / len(hits):.1f}%"


MEASURE = {"sentiment_negation": sentiment, "reverse": copying}
