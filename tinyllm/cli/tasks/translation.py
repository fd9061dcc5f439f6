"""Translation, or any other text from a text, learned from pairs."""

from __future__ import annotations

import argparse
from collections.abc import Hashable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

from ...data import SequencePairs, builtin
from ...generation import beam_search_batch
from ...metrics import bleu, chrf
from ...models import Seq2Seq
from ...tokenizers import Tokenizer
from ...training import SequenceToSequence
from ...viz.amounts import bars
from .bags import Bags
from .outcome import Outcome, spelt
from .pairs import Pair, load_pairs, pair_sides
from .sides import Sides
from .starts import add_trunk, check_context, closed, encoder_decoder
from .task import RECIPE, Task, add_data

SHOWN, AT_ONCE = 20, 32


class Translation(Task):
    """Sentences of a grammar and its translation, or pairs of a table."""

    what = "pairs"
    recipe: ClassVar[dict[str, Any]] = {**RECIPE, "batch": 64, "steps": 1500, "schedule": "cosine", "eval_every": 100}
    small_lr = 2e-3
    model: ClassVar[dict[str, Any]] = {"layers": 2, "context": 128, "dropout": 0.1}
    trunks: ClassVar[tuple[str, str]] = ("seq2seq", "t5")
    examples = """\
  tinyllm finetune --task translation --out runs/translation
      from one small invented language into another, from scratch
  tinyllm finetune --task translation --data eng-fra.tsv --source-column 0 --target-column 1 --out runs/french
      your own pairs, here in a table without a header: columns have numbers then
  tinyllm finetune --task translation --from runs/denoise --data pairs.csv --out runs/pairs
      on a model of tinyllm pretrain --objective denoise, or a T5 in Hugging Face's layout
"""
    default_columns = ("source", "target")
    lengths = (64, 64)

    @classmethod
    def add_options(cls, command: argparse.ArgumentParser) -> None:
        cls.add_pairs(command, "sentences of a small grammar and their translations")

    @classmethod
    def add_pairs(cls, command: argparse.ArgumentParser, own: str) -> None:
        """The options of learning one text from another."""
        data = add_data(command, own, "a .csv, .tsv or .jsonl file with two columns of texts")
        source, target = cls.default_columns
        data.add_argument("--source-column", default=source, metavar="NAME", help="what is read; a number without header")
        data.add_argument("--target-column", default=target, metavar="NAME", help="what is written")
        longest, written = cls.lengths
        data.add_argument("--max-source", type=int, default=longest, metavar="N", help="tokens of a source that are read")
        data.add_argument("--max-target", type=int, default=written, metavar="N", help="tokens of a target")
        add_trunk(command, cls.trunks, "that of the Transformer paper, or T5's")
        group = command.add_argument_group("sequences")
        group.add_argument("--smoothing", type=float, default=0.0, metavar="E", help="share of probability moved to all tokens")
        group.add_argument("--beams", type=int, default=4, metavar="N", help="width of the search when it is tested; 1: greedy")

    # ------------------------------------------------------------ data

    def own(self) -> Sides:
        found: Any = builtin("translation")
        return pair_sides(found, "the grammar of translation")

    def load(self, path: str, names: Sequence[str] | None = None) -> list[Any]:
        return load_pairs(path, self.args.source_column, self.args.target_column)

    def keys(self, row: Pair) -> Iterable[Hashable]:
        return (("source", row[0]), ("target", row[1]))

    def texts(self, sides: Sides) -> Iterable[str]:
        return [text for pair in sides.train for text in pair]

    # ------------------------------------------------------------ learning

    def build(self, start: Any, tokenizer: Tokenizer, sides: Sides) -> Seq2Seq:
        model = encoder_decoder(self.args, start, tokenizer)
        check_context("--max-source", self.args.max_source, model)
        check_context("--max-target", self.args.max_target, model)
        if self.args.beams < 1:
            raise ValueError(f"--beams {self.args.beams}: take at least 1, which is greedy")
        return model

    def objective(self, sides: Sides) -> SequenceToSequence:
        return SequenceToSequence(self.args.smoothing)

    def batches(self, rows: Sequence[Pair], model: Any, tokenizer: Tokenizer, sides: Sides) -> SequencePairs:
        """Sources are framed as `generate_text` frames what it is asked, long ones `closed`; targets end in the end token."""
        args, start, end = self.args, model.config.start_id, tokenizer.eos_id
        if end is None:
            raise ValueError(f"--task {args.task} needs a tokenizer with an end token: take another --from")
        whole = [tokenizer.encoding(source) for source, _ in rows]
        sources = [closed(row, args.max_source) for row in whole]
        targets = [tokenizer.encode(target) for _, target in rows]
        pad = tokenizer.pad_id or 0
        found = SequencePairs(sources, targets, args.batch, args.max_source, args.max_target, pad, start, end, args.seed)
        found.cut_sources = sum(len(row) > args.max_source for row in whole)
        return found

    # ------------------------------------------------------------ judging

    def test(self, model: Any, tokenizer: Tokenizer, sides: Sides) -> Outcome:
        sources, gold = [source for source, _ in sides.test], [target for _, target in sides.test]
        written = self.write(model, tokenizer, sources)
        metrics = self.scores(gold, written)
        headline = len(metrics)
        metrics["pairs"] = len(gold)
        baselines = {name: self.scores(gold, texts) for name, texts in self.simple(sides).items()}
        shown = [
            {"source": source, "right": target, "written": text}
            for source, target, text in list(zip(sources, gold, written, strict=True))[:SHOWN]
        ]
        first = next(iter(metrics))
        heights = {"this model": metrics[first], **{name: found[first] for name, found in baselines.items()}}
        title = f"{spelt(first)}, {len(gold):,} test pairs"
        picture = (f"{self.args.task}.png", partial(bars, heights, spelt(first), title))
        return Outcome(metrics, headline, baselines, shown, picture=picture)

    def write(self, model: Any, tokenizer: Tokenizer, sources: Sequence[str]) -> list[str]:
        """What the model writes of each source, found by a search of --beams."""
        longest = self.args.max_source
        rows = [closed(tokenizer.encoding(source), longest)[:longest] for source in sources]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))        # of like length together: less padding
        written = [""] * len(rows)
        for start in range(0, len(order), AT_ONCE):
            chosen = order[start : start + AT_ONCE]
            found = beam_search_batch(
                model, [rows[i] for i in chosen], self.args.max_target, width=self.args.beams, eos_id=tokenizer.eos_id
            )
            for i, hypotheses in zip(chosen, found, strict=True):
                written[i] = tokenizer.decode(hypotheses[0].ids, skip_special=True)
        return written

    def scores(self, gold: Sequence[str], written: Sequence[str]) -> dict[str, float]:
        """BLEU and chrF from 0 to 100, and the share of texts that are right to the letter."""
        exact = sum(text == target for text, target in zip(written, gold, strict=True)) / len(gold)
        return {"bleu": bleu(gold, written).score, "chrf": chrf(gold, written), "exact_match": exact}

    def simple(self, sides: Sides) -> dict[str, list[str]]:
        """What it takes no model to write."""
        found = {"the source as it is": [source for source, _ in sides.test]}
        if sides.train:
            bags = Bags([source for source, _ in sides.train])
            nearest = bags.nearest([source for source, _ in sides.test])
            found["the translation of the likest training sentence"] = [sides.train[i][1] for i in nearest]
        return found

    def next_steps(self, folder: str) -> tuple[str, ...]:
        return (f'tinyllm generate {folder} --source "…"',)
