"""BERT's two objectives on Python's documentation, trained long enough that both are learned, against simple rules.

    python -m tests.benchmarks.next_sentence [--run FOLDER] [--steps N]

Without --run the model is trained first: `tinyllm pretrain --objective masked-next` with RECIPE, on one core. Written to
results/next_sentence.md. The rules know no more than the training side of the same batches: the commonest token, every token by
its frequency, and for the pairs the share of tokens that A and B have in common, with the best threshold.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import tempfile
from pathlib import Path

import numpy as np

from tinyllm.cli import main as tinyllm
from tinyllm.cli.corpora import read_corpus
from tinyllm.cli.main import parse
from tinyllm.cli.pretraining import LOOKED_AT, objective_and_sources
from tinyllm.cli.sources import open_model
from tinyllm.data import SentencePairs
from tinyllm.data.batching import IGNORED, Batch
from tinyllm.training import evaluate

RESULT = Path(__file__).parent / "results" / "next_sentence.md"
RECIPE = ["--objective", "masked-next", "--context", "128", "--batch", "16", "--lr", "0.002", "--workers", "1"]
STEPS = 12_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--run", type=Path, help="a finished run of RECIPE (default: train one)")
    options.add_argument("--steps", type=int, default=STEPS)
    args = options.parse_args()
    line = ["pretrain", *RECIPE, "--steps", str(args.steps), "--eval-every", str(max(args.steps // 10, 1))]
    if args.run is not None:
        report(args.run, line)
        return
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        if tinyllm([*line, "--out", str(run)]):
            raise SystemExit("the model was not trained, so there is nothing to report")
        report(run, line)


def report(run: Path, line: list[str]) -> None:
    """Write the table of a run."""
    args = parse(line)
    model, tokenizer = open_model(run)
    objective, train, valid = objective_and_sources(args, tokenizer, read_corpus(args))
    measured = evaluate(model, objective, valid.evaluation())
    records = [json.loads(text) for text in (run / "metrics.jsonl").read_text().splitlines()]
    curve = [record for record in records if record["split"] == "valid"]
    rules = simple_rules(train, valid)
    pairs, words = rules["pairs"], rules["words"]
    error = 100 * math.sqrt(measured["next_accuracy"] * (1 - measured["next_accuracy"]) / pairs)
    lines = [
        "# Masked words and next sentences, learned together\n",
        f"`tinyllm {' '.join(line)}`: a {type(model).__name__} of {model.n_parameters():,} parameters, on Python's "
        f"documentation. Measured on its held-out documents, {pairs:,} pairs with {words:,} hidden tokens. On "
        f"{platform.machine()}, written by `python -m tests.benchmarks.next_sentence`.\n",
        "| | masked words right, % | nats | next sentence right, % |", "|---|---|---|---|",
        f"| the model | {100 * measured['masked_accuracy']:.1f} | {measured['masked_loss']:.2f} | "
        f"{100 * measured['next_accuracy']:.1f} ± {error:.1f} |",
        f"| the commonest token; the commoner answer | {100 * rules['commonest']:.1f} | | {100 * rules['constant']:.1f} |",
        f"| every token by its frequency | | {rules['unigram']:.2f} | |",
        f"| common words of A and B, best threshold | | | {100 * rules['overlap']:.1f} |",
        "\n± is the standard error over the pairs.\n",
        "| step | masked words right, % | next sentence right, % |", "|---|---|---|",
        *(f"| {r['step']} | {100 * r['masked_accuracy']:.1f} | {100 * r['next_accuracy']:.1f} |" for r in curve),
    ]
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(RESULT.read_text(encoding="utf-8"))


def simple_rules(train: SentencePairs, valid: SentencePairs) -> dict[str, float]:
    """What rules that know no language reach on the held-out pairs, and how many pairs and hidden tokens those are."""
    learn, asked = [train.batch(step) for step in range(LOOKED_AT)], list(valid.evaluation())
    counts = np.bincount(hidden(learn), minlength=int(train.tokens.max()) + 1) + 1.0
    targets = hidden(asked)
    labels = np.concatenate([batch["labels"] for batch in asked])
    known, shares = common_shares(learn), common_shares(asked)
    answers = np.concatenate([batch["labels"] for batch in learn])
    threshold = max(np.linspace(0, 1, 201), key=lambda t: float(np.mean((known < t) == answers)))
    return {
        "pairs": len(labels), "words": len(targets),
        "commonest": float(np.mean(targets == counts.argmax())),
        "unigram": float(-np.log(counts[targets] / counts.sum()).mean()),
        "constant": float(max(labels.mean(), 1 - labels.mean())),
        "overlap": float(np.mean((shares < threshold) == labels)),
    }


def hidden(batches: list[Batch]) -> np.ndarray:
    """The tokens that were hidden."""
    return np.concatenate([batch["targets"][batch["targets"] != IGNORED] for batch in batches])


def common_shares(batches: list[Batch]) -> np.ndarray:
    """For each pair: tokens that A and B share, of all that occur, with the hidden ones put back."""
    shares = []
    for batch in batches:
        whole = np.where(batch["targets"] == IGNORED, batch["ids"], batch["targets"])
        for ids, mask, segments in zip(whole, batch["attention_mask"], batch["segment_ids"], strict=True):
            a, b = set(ids[mask & (segments == 0)][1:-1].tolist()), set(ids[mask & (segments == 1)][:-1].tolist())
            shares.append(len(a & b) / len(a | b))
    return np.array(shares)


if __name__ == "__main__":
    main()
