"""Sentence embeddings: texts that belong together become neighbours."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Hashable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ...autograd import no_grad
from ...data import ContrastivePairs, pad_batch
from ...data.first_lines import retrieval
from ...metrics import retrieval_scores
from ...models import SentenceEncoder
from ...models.pooling import POOLINGS
from ...tokenizers import Tokenizer
from ...training import Contrastive
from ...viz.matrices import heatmap
from .bags import Bags
from .outcome import Outcome
from .pairs import Pair, load_pairs, pair_sides
from .sides import Sides
from .starts import add_trunk, check_context, framed, trunk
from .task import RECIPE, Task, add_data

SHOWN, DRAWN, AT_ONCE = 20, 8, 32


class Embeddings(Task):
    """First lines of docstrings and what stands below them, or pairs of a table."""

    what = "pairs"
    recipe: ClassVar[dict[str, Any]] = {**RECIPE, "batch": 32, "steps": 400, "eval_every": 50}
    examples = """\
  tinyllm finetune --task embeddings --from minilm --out runs/embeddings
      find the docstring that a line is the first of, on a model that tinyllm fetch brought
  tinyllm finetune --task embeddings --from runs/masked --out runs/embeddings
      the same on a pretrained model of one's own
  tinyllm finetune --task embeddings --from minilm --data faq.csv --text-column question --other-column answer --out runs/faq
      your own pairs
"""

    @classmethod
    def add_options(cls, command: argparse.ArgumentParser) -> None:
        own = "first lines of docstrings and what stands below them"
        data = add_data(command, own, "a .csv, .tsv or .jsonl file with two columns of texts")
        data.add_argument("--text-column", default="text", metavar="NAME", help="what is asked; a number without header")
        data.add_argument("--other-column", default="other", metavar="NAME", help="what belongs to it and is to be found")
        data.add_argument("--max-length", type=int, default=64, metavar="N", help="tokens of a text that are read")
        add_trunk(command, ("bert", "gpt", "llama"), "reads both ways, or one way")
        group = command.add_argument_group("embeddings")
        group.add_argument("--pooling", choices=POOLINGS, default="mean", help="how one vector is made from all tokens'")
        group.add_argument("--temperature", type=float, default=0.05, metavar="T", help="how sharply neighbours are told apart")
        group.add_argument("--symmetric", action="store_true", help="also learn to find the text that an other belongs to")

    # ------------------------------------------------------------ data

    def own(self) -> Sides:
        found = retrieval()
        if found.missing:
            print(f"not in this Python's documentation: {', '.join(found.missing)}", file=sys.stderr)
        return pair_sides(found, "first lines of docstrings")

    def load(self, path: str, names: Sequence[str] | None = None) -> list[Any]:
        return load_pairs(path, self.args.text_column, self.args.other_column)

    def keys(self, row: Pair) -> Iterable[Hashable]:
        return (("text", row[0]), ("other", row[1]))

    def texts(self, sides: Sides) -> Iterable[str]:
        return [text for pair in sides.train for text in pair]

    # ------------------------------------------------------------ learning

    def build(self, start: Any, tokenizer: Tokenizer, sides: Sides) -> SentenceEncoder:
        if self.args.batch < 2:
            raise ValueError(f"--batch {self.args.batch}: the wrong answers are the batch's other texts, so take at least 2")
        model = SentenceEncoder(trunk(self.args, start, tokenizer), self.args.pooling)
        check_context("--max-length", self.args.max_length, model)
        return model

    def objective(self, sides: Sides) -> Contrastive:
        return Contrastive(self.args.temperature, self.args.symmetric)

    def batches(self, rows: Sequence[Pair], model: Any, tokenizer: Tokenizer, sides: Sides) -> ContrastivePairs:
        args = self.args
        asked, others = ([framed(model, tokenizer, pair[i], args.max_length) for pair in rows] for i in (0, 1))
        return ContrastivePairs(asked, others, args.batch, args.max_length, tokenizer.pad_id or 0, args.seed)

    # ------------------------------------------------------------ judging

    def test(self, model: Any, tokenizer: Tokenizer, sides: Sides) -> Outcome:
        """Each text is asked for its partner among all of the test side's, equal ones counted once."""
        asked = [text for text, _ in sides.test]
        others = list(dict.fromkeys(other for _, other in sides.test))
        place_of = {other: i for i, other in enumerate(others)}
        own = [place_of[other] for _, other in sides.test]
        a, b = (self.vectors(model, tokenizer, texts) for texts in (asked, others))
        similarity = a @ b.T                                                        # (N, M)
        metrics = retrieval_scores(own, similarity)._asdict()
        headline = len(metrics)
        metrics["texts_to_choose_from"] = len(others)
        bags = Bags(others)
        baselines = {"a bag of words": retrieval_scores(own, bags.of(asked) @ bags.vectors.T)._asdict()}
        if sides.train and (before := self.before()) is not None:
            untaught = self.build(before, tokenizer, sides).eval()
            a, b = (self.vectors(untaught, tokenizer, texts) for texts in (asked, others))
            baselines["the model before"] = retrieval_scores(own, a @ b.T)._asdict()
        nearest = similarity.argmax(axis=1)
        shown = [
            {"text": text, "belongs to": others[place], "nearest": others[near] if near != place else "(the same)"}
            for text, place, near in list(zip(asked, own, nearest, strict=True))[:SHOWN]
        ]
        few = list(range(min(DRAWN, len(asked))))
        names = [asked[i] if len(asked[i]) <= 40 else asked[i][:39] + "…" for i in few]
        drawn = similarity[np.ix_(few, [own[i] for i in few])]
        picture = ("similarity.png", partial(
            heatmap, drawn, "what belongs to them, in the same order", "texts", "What belongs together should be dark",
            label="cosine similarity", rows=names, values=True,
        ))
        return Outcome(metrics, headline, baselines, shown, picture=picture)

    def vectors(self, model: SentenceEncoder, tokenizer: Tokenizer, texts: Sequence[str]) -> np.ndarray:
        """(N, C)."""
        rows = [framed(model, tokenizer, text, self.args.max_length) for text in texts]
        found = []
        with no_grad():
            for start in range(0, len(rows), AT_ONCE):
                ids, mask = pad_batch(rows[start : start + AT_ONCE], tokenizer.pad_id or 0, self.args.max_length)
                found.append(model(ids, attention_mask=mask).numpy())
        return np.concatenate(found)
