"""Named entities: a tag for each word."""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ...autograd import no_grad
from ...data import TaggedSentence, TaggedSentences, builtin, read_conll, tag_names
from ...data.conll import OUTSIDE
from ...metrics import entities, entity_scores
from ...models import TokenClassifier
from ...tokenizers import Tokenizer
from ...training import TokenClassification
from ...viz.amounts import bars
from .outcome import Outcome
from .sides import Sides
from .starts import add_trunk, check_context, trunk
from .task import RECIPE, Task, add_data

SHOWN = 20


class Entities(Task):
    """Sentences of a grammar, or words with tags in the format of CoNLL."""

    what = "sentences"
    recipe: ClassVar[dict[str, Any]] = {**RECIPE, "steps": 600, "eval_every": 100}
    examples = """\
  tinyllm finetune --task entities --out runs/entities
      names whose type the other words tell, from scratch, in a minute
  tinyllm finetune --task entities --from minilm --data wikigold.conll.txt --out runs/entities
      your own words and tags, a pair a line, on a model that tinyllm fetch brought
"""

    @classmethod
    def add_options(cls, command: argparse.ArgumentParser) -> None:
        data = add_data(
            command, "sentences of a small grammar", "a word and its tag (O, B-PER, …) a line, an empty line after a sentence"
        )
        data.add_argument("--word-column", type=int, default=0, metavar="N", help="the words of --data, counted from 0")
        data.add_argument("--tag-column", type=int, default=-1, metavar="N", help="the tags of --data; -1 is the last column")
        data.add_argument("--max-length", type=int, default=128, metavar="N", help="tokens of a sentence that are read")
        add_trunk(command, ("bert", "gpt", "llama"), "reads both ways, or one way")

    # ------------------------------------------------------------ data

    def own(self) -> Sides:
        found: Any = builtin("entities")
        names = tag_names(found.train)
        return Sides(found.train, found.validation, found.test, "the grammar of entities", self.what, names)

    def load(self, path: str, names: Sequence[str] | None = None) -> list[Any]:
        rows = read_conll(path, self.args.word_column, self.args.tag_column, scheme="BIO")
        if names is None and not any(set(sentence.tags) - {OUTSIDE} for sentence in rows):
            raise ValueError(f"{path}: every tag is {OUTSIDE}: there is nothing to learn, tag some words, as B-PER")
        return list(rows)

    def keys(self, row: TaggedSentence) -> Iterable[Hashable]:
        return (row.words,)

    def names(self, rows: Sequence[Any]) -> tuple[str, ...]:
        return tag_names(rows)

    def texts(self, sides: Sides) -> Iterable[str]:
        return [" ".join(sentence.words) for sentence in sides.train]

    # ------------------------------------------------------------ learning

    def build(self, start: Any, tokenizer: Tokenizer, sides: Sides) -> TokenClassifier:
        model = TokenClassifier(trunk(self.args, start, tokenizer), len(sides.names), self.args.dropout, sides.names)
        check_context("--max-length", self.args.max_length, model)
        return model

    def objective(self, sides: Sides) -> TokenClassification:
        return TokenClassification(sides.names)

    def batches(self, rows: Sequence[TaggedSentence], model: Any, tokenizer: Tokenizer, sides: Sides) -> TaggedSentences:
        args = self.args
        return TaggedSentences(rows, tokenizer, sides.names, args.batch, args.max_length, args.seed)

    # ------------------------------------------------------------ judging

    def test(self, model: Any, tokenizer: Tokenizer, sides: Sides) -> Outcome:
        gold = [sentence.tags for sentence in sides.test]
        guessed = predicted(model, self.batches(sides.test, model, tokenizer, sides))
        scores = entity_scores(gold, guessed)
        metrics = {"f1": scores.f1, "precision": scores.precision, "recall": scores.recall, "accuracy": scores.accuracy}
        metrics |= {"sentences": len(gold), "entities": sum(scores.support.values())}
        metrics |= {f"F1 of {kind}": score.f1 for kind, score in scores.types.items()}
        baselines = {}
        if sides.train:
            known = entity_scores(gold, by_dictionary(sides.train, sides.test))
            baselines["names as they were tagged in training"] = {
                "f1": known.f1, "precision": known.precision, "recall": known.recall, "accuracy": known.accuracy
            }
        shown = [
            {"sentence": " ".join(words), "right": _spelt(words, right), "found": _spelt(words, tags)}
            for words, right, tags in zip((sentence.words for sentence in sides.test[:SHOWN]), gold, guessed, strict=False)
        ]
        types = {kind: score.f1 for kind, score in scores.types.items()}
        title = f"F1 of whole entities, {len(gold):,} test sentences"
        picture = ("entities.png", partial(bars, types, "F1", title, baseline=scores.f1, baseline_name="all types together"))
        return Outcome(metrics, 4, baselines, shown, picture=picture if types else None)


def predicted(model: TokenClassifier, source: TaggedSentences) -> list[tuple[str, ...]]:
    """The tag of every word; O for words beyond what was read."""
    guesses: list[tuple[str, ...]] = []
    with no_grad():
        for batch in source.evaluation():
            logits = model(batch["ids"], attention_mask=batch["attention_mask"])            # (B, T, L)
            for row in np.argmax(logits.numpy(), axis=-1):
                guesses.append(source.tags_of(len(guesses), row))
    return guesses


def by_dictionary(train: Sequence[TaggedSentence], test: Sequence[TaggedSentence]) -> list[list[str]]:
    """Each word with the tag that it had most often in training; O for a word not seen there."""
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sentence in train:
        for word, tag in zip(sentence.words, sentence.tags, strict=True):
            seen[word][tag] += 1
    commonest = {word: counts.most_common(1)[0][0] for word, counts in seen.items()}
    return [[commonest.get(word, OUTSIDE) for word in sentence.words] for sentence in test]


def _spelt(words: Sequence[str], tags: Sequence[str]) -> str:
    """Anton Berg (PER), Oslo (LOC)."""
    return ", ".join(f"{' '.join(words[start:end])} ({kind})" for kind, start, end in entities(tags)) or "nothing"
