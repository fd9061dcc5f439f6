"""MiniLM fine-tuned twice, by tinyllm and by Transformers on PyTorch: the same weights, batches, recipe and judges.

    python -m tests.benchmarks.minilm entities [--seeds 0 1 2]      named entities, ../shared/data/wikigold.conll.txt
    python -m tests.benchmarks.minilm answers [--seeds 0 1 2]       questions on passages, ../shared/data/squad-dev-v1.1.json

Needs MiniLM (tinyllm fetch minilm) and what `make parity` installs. A seed draws the first weights of the head and the order of
the batches, the same for both sides; dropout is 0, so that nothing else is drawn. Then only rounding tells the two apart, and
the training it is stirred up by. This compares what is learned; `make bench` compares the time. Results are written to
results/minilm_TASK.md after every seed.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyllm import manual_seed, no_grad
from tinyllm.cli.tasks.answers import likeliest_sentence
from tinyllm.cli.tasks.entities import by_dictionary
from tinyllm.data import AnswerSpans, TaggedSentences, fetched, read_conll, read_squad, tag_names
from tinyllm.metrics import answer_scores, entity_scores
from tinyllm.models import Bert, SpanReader, TokenClassifier
from tinyllm.nn import Dropout
from tinyllm.optim import warmup_linear
from tinyllm.tokenizers import Tokenizer, load
from tinyllm.training import SpanExtraction, TokenClassification, TrainConfig, train

SHARED = Path(__file__).parents[3] / "shared" / "data"
RESULTS = Path(__file__).parent / "results"
BETAS, DECAY, CLIP, WARMUP = (0.9, 0.999), 0.01, 1.0, 0.1


class Entities:
    """Wikigold: Wikipedia's sentences, a tag for each word. One sentence in five is the test."""

    batch, epochs, lr = 16, 4, 1e-4
    columns = ("F1 of entities", "precision", "recall")

    def __init__(self, tokenizer: Tokenizer) -> None:
        sentences = list(read_conll(SHARED / "wikigold.conll.txt", scheme="BIO"))
        order = np.random.default_rng(0).permutation(len(sentences))
        cut = len(sentences) // 5
        self.test, self.train = ([sentences[i] for i in part] for part in (order[:cut], order[cut:]))
        self.tokenizer, self.names = tokenizer, tag_names(sentences)
        self.about = f"{len(self.train):,} sentences to learn from, {len(self.test):,} to test on"

    def source(self, rows: Sequence[Any], seed: int) -> TaggedSentences:
        return TaggedSentences(rows, self.tokenizer, self.names, self.batch, 128, seed)

    def model(self, trunk: Bert) -> TokenClassifier:
        return TokenClassifier(trunk, len(self.names), 0.0, self.names)

    objective = property(lambda self: TokenClassification(self.names))
    peer = "BertForTokenClassification"

    def scores(self, logits: dict[int, np.ndarray], source: Any) -> tuple[float, ...]:
        guessed = [source.tags_of(row, logits[row].argmax(axis=-1)) for row in range(len(self.test))]
        return self._scores(guessed)

    def baseline(self) -> tuple[str, tuple[float, ...]]:
        return "each word as it was tagged most often", self._scores(by_dictionary(self.train, self.test))

    def _scores(self, guessed: Sequence[Sequence[str]]) -> tuple[float, ...]:
        found = entity_scores([sentence.tags for sentence in self.test], guessed)
        return found.f1, found.precision, found.recall


class Answers:
    """SQuAD 1.1's development set, for want of the rest: two thirds of its articles to learn from, others to test on."""

    batch, epochs, lr = 16, 2, 2e-4
    columns = ("F1 of answers", "exact match")
    n_train, n_test = 1000, 400

    def __init__(self, tokenizer: Tokenizer) -> None:
        questions = read_squad(SHARED / "squad-dev-v1.1.json")
        passages = list(dict.fromkeys(question.passage for question in questions))
        cut = len(passages) * 2 // 3                                    # articles stand one after the other
        known = set(passages[:cut])
        rng = np.random.default_rng(0)
        sides = [[q for q in questions if (q.passage in known) == here] for here in (True, False)]
        sizes = (self.n_train, self.n_test)
        self.train, self.test = (
            [side[i] for i in rng.permutation(len(side))[:n]] for side, n in zip(sides, sizes, strict=True)
        )
        self.tokenizer = tokenizer
        self.about = f"{len(self.train):,} questions to learn from, {len(self.test):,} to test on"

    def source(self, rows: Sequence[Any], seed: int) -> AnswerSpans:
        return AnswerSpans(rows, self.tokenizer, self.batch, 192, 64, 48, seed)

    def model(self, trunk: Bert) -> SpanReader:
        return SpanReader(trunk)

    objective = property(lambda self: SpanExtraction())
    peer = "BertForQuestionAnswering"

    def scores(self, logits: dict[int, np.ndarray], source: Any) -> tuple[float, ...]:
        return self._scores([reading.answer() for reading in source.readings(logits)])

    def baseline(self) -> tuple[str, tuple[float, ...]]:
        return "the sentence that shares most with the question", self._scores([likeliest_sentence(q) for q in self.test])

    def _scores(self, guessed: Sequence[str]) -> tuple[float, ...]:
        found = answer_scores([[answer.text for answer in question.answers] for question in self.test], guessed)
        return found.f1, found.exact_match


Task = Entities | Answers


def made(task: Task, folder: Path, seed: int) -> Any:
    """MiniLM with a new head, without dropout."""
    manual_seed(seed)
    model = task.model(Bert.from_pretrained(folder))
    for part in model.modules():
        if isinstance(part, Dropout):
            part.p = 0.0
    return model


def keys(batch: dict[str, np.ndarray], place: int) -> list[int]:
    """Which sentence or window each row of a batch of the evaluation is."""
    rows = batch.get("row")
    return list(range(place, place + len(batch["ids"]))) if rows is None else rows.tolist()


def by_tinyllm(task: Task, folder: Path, seed: int, workers: int) -> tuple[float, ...]:
    model, source, test = made(task, folder, seed), task.source(task.train, seed), task.source(task.test, seed)
    steps = task.epochs * source.steps_per_epoch
    config = TrainConfig(
        steps=steps, lr=task.lr, min_lr=0.0, schedule="linear", warmup=int(WARMUP * steps), betas=BETAS, weight_decay=DECAY,
        clip=CLIP, workers=workers, eval_every=steps,
    )
    train(model, task.objective, source, None, config)
    logits: dict[int, np.ndarray] = {}
    model.eval()
    with no_grad():
        for batch in test.evaluation():
            extra = [batch["segment_ids"]] if "segment_ids" in batch else []
            found = model(batch["ids"], batch["attention_mask"], *extra).numpy()
            logits.update(zip(keys(batch, len(logits)), found, strict=True))
    return task.scores(logits, test)


def by_transformers(task: Task, folder: Path, seed: int, threads: int) -> tuple[float, ...]:
    import torch
    import torch.nn.functional as F
    import transformers

    torch.set_num_threads(threads)
    ours, source, test = made(task, folder, seed), task.source(task.train, seed), task.source(task.test, seed)
    n_labels = ours.head.weight.shape[0]
    peer = getattr(transformers, task.peer).from_pretrained(
        folder, num_labels=n_labels, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, classifier_dropout=0.0,
    )
    head = peer.classifier if hasattr(peer, "classifier") else peer.qa_outputs
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(ours.head.weight.numpy().copy()))
        head.bias.copy_(torch.from_numpy(ours.head.bias.numpy().copy()))
    groups = [{"params": [p for p in peer.parameters() if (p.ndim > 1) == matrix], "weight_decay": DECAY * matrix}
              for matrix in (True, False)]
    optimizer = torch.optim.AdamW(groups, lr=task.lr, betas=BETAS, eps=1e-8)
    steps = task.epochs * source.steps_per_epoch
    factor = warmup_linear(int(WARMUP * steps), steps, 0.0)

    def logits_of(batch: dict[str, np.ndarray]) -> Any:
        names = {"ids": "input_ids", "attention_mask": "attention_mask", "segment_ids": "token_type_ids"}
        found = peer(**{name: torch.from_numpy(batch[key]).long() for key, name in names.items() if key in batch})
        return found.logits if hasattr(found, "logits") else torch.stack([found.start_logits, found.end_logits], -1)

    peer.train()
    for step in range(steps):
        batch = source.batch(step)
        logits = logits_of(batch)
        if "targets" in batch:
            loss = F.cross_entropy(logits.flatten(0, 1), torch.from_numpy(batch["targets"]).flatten(), ignore_index=-100)
        else:
            logits = logits.masked_fill(~torch.from_numpy(batch["attention_mask"])[..., None], -torch.inf)
            starts, ends = (torch.from_numpy(batch[name]) for name in ("starts", "ends"))
            loss = (F.cross_entropy(logits[..., 0], starts) + F.cross_entropy(logits[..., 1], ends)) / 2
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(peer.parameters(), CLIP)
        for group in optimizer.param_groups:
            group["lr"] = task.lr * factor(step)
        optimizer.step()
    found: dict[int, np.ndarray] = {}
    peer.eval()
    with torch.no_grad():
        for batch in test.evaluation():
            found.update(zip(keys(batch, len(found)), logits_of(batch).numpy(), strict=True))
    return task.scores(found, test)


def report(name: str, task: Task, rows: dict[str, list[tuple[float, ...]]], seeds: Sequence[int]) -> str:
    about, (simple, scores) = type(task).__doc__, task.baseline()
    lines = [
        f"# MiniLM learns {name}\n",
        f"{about} {task.about}. {task.epochs} epochs, batches of {task.batch}, AdamW at {task.lr:g}, falling in a line after a "
        f"tenth of warm-up, no dropout; seeds {list(seeds)}: mean ± standard deviation. Written by "
        f"`python -m tests.benchmarks.minilm {name}`.\n",
        f"| who | {' | '.join(task.columns)} |", "|---" * (len(task.columns) + 1) + "|",
        f"| {simple} | {' | '.join(f'{100 * score:.1f}' for score in scores)} |",
    ]
    for who, found in rows.items():
        columns = [[100 * scores[i] for scores in found] for i in range(len(task.columns))]
        lines.append(f"| {who} | {' | '.join(map(_spread, columns))} |")
    ours, theirs = ([scores[0] for scores in found] for found in rows.values())
    apart = [f"{100 * (a - b):+.1f}" for a, b in zip(ours, theirs, strict=True)]
    lines.append(f"\n{task.columns[0]}, tinyllm less Transformers, seed by seed: {', '.join(apart)} points.")
    return "\n".join(lines) + "\n"


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values) if len(values) > 1 else 0.0:.1f}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("task", choices=("entities", "answers"))
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--threads", type=int, default=1, help="for both")
    args = options.parse_args()
    folder = fetched("minilm")
    if folder is None:
        raise SystemExit("MiniLM is not here: tinyllm fetch minilm")
    task: Task = {"entities": Entities, "answers": Answers}[args.task](load(folder))
    rows: dict[str, list[tuple[float, ...]]] = {"tinyllm": [], "Transformers on PyTorch": []}
    for done, seed in enumerate(args.seeds, start=1):
        rows["tinyllm"].append(by_tinyllm(task, folder, seed, args.threads))
        rows["Transformers on PyTorch"].append(by_transformers(task, folder, seed, args.threads))
        text = report(args.task, task, rows, args.seeds[:done])
        print(text)
        (RESULTS / f"minilm_{args.task}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
