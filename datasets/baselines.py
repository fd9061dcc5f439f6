"""What simple methods reach on the data sets: the numbers on the cards, measured."""

import math
import sys
from collections import Counter, defaultdict
from itertools import accumulate
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))     # the package, where it is not installed

from tinyllm.metrics import answer_scores, bleu, entity_scores

Rows = list[list[str]]
LEVELS = (1, 2, 3)


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


def translation(train: Rows, test: Rows) -> dict[str, str]:
    """Card line → number."""
    lexicon = likeliest_words([(source.split(), target.split()) for source, target, _ in train])
    words = [[lexicon[word] for word in source.split()] for source, _, _ in test]
    nearest = [train[i][1] for i in most_alike([row[0] for row in train], [row[0] for row in test])]
    gold, levels = [target for _, target, _ in test], [int(level) for _, _, level in test]
    pairs = [(guess, target.split()) for guess, target in zip(words, gold, strict=True)]
    return {
        **by_level("word by word, whole sentences", [guess == target for guess, target in pairs], levels),
        **by_level("word by word, the same words", [sorted(guess) == sorted(target) for guess, target in pairs], levels),
        "word by word, BLEU": f"{bleu(gold, [' '.join(guess) for guess in words]).score:.1f}",
        "nearest training sentence, whole sentences": percent([g == t for g, t in zip(nearest, gold, strict=True)]),
        "nearest training sentence, BLEU": f"{bleu(gold, nearest).score:.1f}",
    }


def likeliest_words(pairs: list[tuple[list[str], list[str]]], rounds: int = 5) -> dict[str, str]:
    """The likeliest target word of each source word, after IBM's model 1 (Brown et al. 1993, §4.1).

    The share t(target | source) of each pair of words starts even; each round shares every target word out among the
    source words of its sentence by t, and sets t to what each source word got. A tie goes to the word that comes first.
    """
    share: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(lambda: 1.0))      # source → target → t
    for _ in range(rounds):
        counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for source, target in pairs:
            of_each = [(share[word], counts[word]) for word in source]
            for word in target:
                whole = math.fsum(t[word] for t, _ in of_each)
                for t, count in of_each:
                    count[word] += t[word] / whole
        share = {word: {other: n / math.fsum(count.values()) for other, n in count.items()} for word, count in counts.items()}
    return {word: max(sorted(t), key=t.__getitem__) for word, t in share.items()}


def entities(train: list[Rows], test: list[Rows]) -> dict[str, str]:
    """Card line → number."""
    gold, levels = [[tag for _, _, tag in rows] for rows in test], [int(rows[0][1]) for rows in test]
    nothing = entity_scores(gold, [["O"] * len(tags) for tags in gold])
    result = {"always O, accuracy of tags": f"{nothing.accuracy:.1%}", "always O, F1": f"{nothing.f1:.1%}"}
    for method, guessed in (("seen names", seen_names(train, test)), ("word and neighbours", neighbours(train, test))):
        result[f"{method}, F1"] = f"{entity_scores(gold, guessed).f1:.1%}"
        for level in LEVELS:
            chosen = [i for i, other in enumerate(levels) if other == level]
            scores = entity_scores([gold[i] for i in chosen], [guessed[i] for i in chosen])
            result[f"{method}, F1, level {level}"] = f"{scores.f1:.1%}"
    return result


def seen_names(train: list[Rows], test: list[Rows]) -> Rows:
    """The tags by looking up: a name of the training set, the longest that fits, has the tags it had there most often."""
    names: dict[tuple[str, ...], Counter] = defaultdict(Counter)
    for rows in train:
        starts = [i for i, (_, _, tag) in enumerate(rows) if tag[0] == "B"]
        for i in starts:
            end = next((j for j in range(i + 1, len(rows)) if rows[j][2][0] != "I"), len(rows))
            names[tuple(word for word, _, _ in rows[i:end])][tuple(tag for _, _, tag in rows[i:end])] += 1
    guessed = []
    for rows in test:
        words, tags = [word for word, _, _ in rows], []
        while len(tags) < len(words):
            i = len(tags)
            fits = [tuple(words[i : i + n]) for n in (3, 2, 1) if tuple(words[i : i + n]) in names]
            tags += max(sorted(names[fits[0]]), key=names[fits[0]].__getitem__) if fits else ["O"]
        guessed.append(tags)
    return guessed


def neighbours(train: list[Rows], test: list[Rows]) -> Rows:
    """The commonest tag of a word with the words beside it; where that was not met, of the words beside it, of one, of none."""
    def views(words: list[str], i: int) -> list[tuple[str, ...]]:
        before, word, after = (["", *words, ""][i + step] for step in range(3))
        return [("3", before, word, after), ("2", before, after), ("l", before), ("r", after), ("w", word), ("",)]

    counts: dict[tuple[str, ...], Counter] = defaultdict(Counter)
    for rows in train:
        words = [word for word, _, _ in rows]
        for i, (_, _, tag) in enumerate(rows):
            for view in views(words, i):
                counts[view][tag] += 1
    guessed = []
    for rows in test:
        words = [word for word, _, _ in rows]
        views_met = [next(view for view in views(words, i) if view in counts) for i in range(len(words))]
        guessed.append([max(sorted(counts[view]), key=counts[view].__getitem__) for view in views_met])
    return guessed


def questions(train: list[Any], test: list[Any]) -> dict[str, str]:
    """Card line → number."""
    gold, levels = [[answer["text"] for answer in entry["answers"]] for entry in test], [entry["level"] for entry in test]
    result = {"never an answer, exact match": f"{answer_scores(gold, [''] * len(gold)).exact_match:.1%}"}
    answers: dict[str, Counter] = defaultdict(Counter)
    for entry in train:
        answers[opening(entry["question"])].update(answer["text"] for answer in entry["answers"])
    guessed = [nearest_sentence(entry, answers) for entry in test]
    scores = answer_scores(gold, guessed)
    result |= {"nearest sentence, exact match": f"{scores.exact_match:.1%}", "nearest sentence, F1": f"{scores.f1:.1%}"}
    for level in LEVELS:
        chosen = [i for i, other in enumerate(levels) if other == level]
        exact = answer_scores([gold[i] for i in chosen], [guessed[i] for i in chosen]).exact_match
        result[f"nearest sentence, exact match, level {level}"] = f"{exact:.1%}"
    return result


def nearest_sentence(entry: dict[str, Any], answers: dict[str, Counter]) -> str:
    """Of the sentence with most of the question's words, the word that was most often the answer to questions that open so.

    No answer, where none of its words ever was.
    """
    asked = set(entry["question"].rstrip("?").split())
    sentences = [sentence.rstrip(".").split() for sentence in entry["context"].split(". ")]
    nearest = max(sentences, key=lambda words: len(asked & set(words)))
    known = answers[opening(entry["question"])]
    return max((word for word in nearest if word not in asked and word in known), key=known.__getitem__, default="")


def opening(question: str) -> str:
    """Its first two words: "What colour", "Where is"."""
    return " ".join(question.split()[:2])


def dialogues(train: list[Any], test: list[Any]) -> dict[str, str]:
    """Card line → number."""
    def replies(rows: list[Any]) -> list[tuple[str, str]]:
        texts = [[message["content"] for message in row["messages"]] for row in rows]
        return [pair for said in texts for pair in zip(said[1::2], said[2::2], strict=True)]

    met, asked = replies(train), replies(test)
    commonest = Counter(reply for _, reply in met).most_common(1)[0][0]
    by_message: dict[str, Counter] = defaultdict(Counter)
    for message, reply in met:
        by_message[message][reply] += 1
    known = list(by_message.values())
    nearest = most_alike(list(by_message), [message for message, _ in asked])
    right = [max(sorted(known[i]), key=known[i].__getitem__) == reply for i, (_, reply) in zip(nearest, asked, strict=True)]
    ends = list(accumulate(len(row["messages"]) // 2 for row in test))      # the last reply of each dialogue
    last = [right[end - 1] for end in ends]
    return {
        "always the commonest reply, all replies": percent([commonest == reply for _, reply in asked]),
        "always the commonest reply, last replies": percent([commonest == asked[end - 1][1] for end in ends]),
        "commonest reply to the same message, all replies": percent(right),
        **by_level("commonest reply to the same message, last replies", last, [row["level"] for row in test]),
    }


def most_alike(known: list[str], texts: list[str]) -> list[int]:
    """For each text the place of the known one that shares most words with it, |A ∩ B| / |A ∪ B|; of equals the first."""
    bit = {word: 1 << i for i, word in enumerate(dict.fromkeys(word for text in known + texts for word in text.split()))}

    def bag(text: str) -> int:
        return sum(bit[word] for word in set(text.split()))     # a set of words as a number: & and | are quick

    found, bags = [], [bag(text) for text in known]
    for text in texts:
        own = bag(text)
        shares = [(other & own).bit_count() / (other | own).bit_count() for other in bags]
        found.append(shares.index(max(shares)))
    return found


def by_level(method: str, hits: list[bool], levels: list[int]) -> dict[str, str]:
    """The share of hits, of all and at each level."""
    at = {level: [hit for hit, other in zip(hits, levels, strict=True) if other == level] for level in LEVELS}
    return {method: percent(hits)} | {f"{method}, level {level}": percent(at[level]) for level in LEVELS}


def percent(hits: list[bool]) -> str:
    return f"{100 * sum(hits) / len(hits):.1f}%"


MEASURE = {
    "sentiment_negation": sentiment,
    "reverse": copying,
    "translation": translation,
    "entities": entities,
    "questions": questions,
    "dialogues": dialogues,
}
