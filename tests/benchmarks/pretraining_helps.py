"""Does pretraining help when labels are few? The same network from scratch and fine-tuned, over several seeds.

    python -m tests.benchmarks.pretraining_helps [--tour runs/tour] [--labels 8] [--steps 60] [--seeds 0 1 2 3 4]

Needs the masked model of a finished tour. Each seed draws its own split, labels, first weights and order; both networks and the
bag of words get the same. Prints a table with the paired difference and its standard error, and writes it to results/.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from tinyllm.cli.main import parse
from tinyllm.cli.tasks.classification import read_labels
from tinyllm.tour.run import accuracy_by_words

RESULTS = Path(__file__).parent / "results"
NAMES = ("from scratch", "pretrained", "bag of words")


def accuracies(tour: Path, labels: int, steps: int, seed: int) -> dict[str, float]:
    """Test accuracy of the three, with one seed."""
    few = ["--labels-per-class", str(labels), "--seed", str(seed)]
    recipe = [*few, "--steps", str(steps), "--warmup", str(steps // 10), "--eval-every", str(max(steps // 4, 1)), "--quiet"]
    networks = {
        "from scratch": ["--tokenizer", str(tour / "masked"), "--layers", str(option(tour, "layers")),
                         "--positions", option(tour, "positions")],
        "pretrained": ["--from", str(tour / "masked")],
    }
    found = {}
    for name, start in networks.items():
        with tempfile.TemporaryDirectory() as folder:
            line = ["finetune", *start, *recipe, "--out", folder]
            args = parse(line)
            args.run(args)
            found[name] = json.loads((Path(folder) / "test.json").read_bytes())["accuracy"]
    line = ["finetune", *few]
    return {**found, "bag of words": accuracy_by_words(read_labels(parse(line)))}


def option(tour: Path, name: str) -> Any:
    """An option the masked model was trained with: the network from scratch has the same."""
    return json.loads((tour / "masked" / "config.json").read_bytes())["options"][name]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tour", type=Path, default=Path("runs/tour"))
    options.add_argument("--labels", type=int, default=8)
    options.add_argument("--steps", type=int, default=60)
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    args = options.parse_args()
    runs = [accuracies(args.tour, args.labels, args.steps, seed) for seed in args.seeds]
    lines = [
        f"# {args.labels} labels a class, {args.steps} steps\n",
        "Test accuracy, docstring → package. Written by "
        "`python -m tests.benchmarks.pretraining_helps`.\n",
        "The text it was pretrained on holds most of the test texts, without their labels: lesson 21 measures without them.\n",
        "| seed | " + " | ".join(NAMES) + " |", "|---" * (len(NAMES) + 1) + "|",
        *(f"| {s} | " + " | ".join(f"{run[name]:.3f}" for name in NAMES) + " |" for s, run in zip(args.seeds, runs)),
        "| mean | " + " | ".join(f"{statistics.mean(run[name] for run in runs):.3f}" for name in NAMES) + " |\n",
    ]
    for other in ("from scratch", "bag of words"):
        differences = [100 * (run["pretrained"] - run[other]) for run in runs]
        error = statistics.stdev(differences) / len(runs) ** 0.5 if len(runs) > 1 else float("nan")
        mean = statistics.mean(differences)
        lines.append(f"Pretrained less {other}: {mean:+.1f} ± {error:.1f} points (mean, standard error).\n")
    print("\n".join(lines))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "pretraining_helps.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
