"""The main job, in steps: a tokenizer, two language models, a classifier, each next to the simplest method for the same task.

Training goes through the commands that a user would type, so every number of the report can be had again by hand. Each step's
results are written to results.json as it ends; a tour that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..autograd import no_grad
from ..cli import runs
from ..cli.corpora import read_corpus
from ..cli.main import parse
from ..cli.pretraining import objective_and_sources
from ..cli.tasks.classification import read_labels
from ..cli.tasks.sides import Sides
from ..data import corpus
from ..data.batching import IGNORED
from ..functional import softmax
from ..generation import generate_text
from ..nn import record_attention
from ..tokenizers import ByteBPETokenizer, Tokenizer, load
from ..training import read_records
from ..training.corpora import encode_documents
from ..training.files import write_file
from ..viz import save as save_picture
from .bag_of_words import BagOfWords
from .ngrams import NGram
from .report import accuracy_picture, report

ORDERS = {"unigram": 1, "2-gram": 2, "3-gram": 3, "5-gram": 5}
POSITIONS = ("--positions", "rotary")                  # learn from fewer tokens than learned positions do
PENALTIES = (1e-5, 1e-4, 1e-3)
SENTENCE = "Return a new string with all the characters of the file."
PROMPTS = (("Return the", 0.5), ("Return the", 0.9), ("If the", 0.7))                   # words begin with their space


class Size:
    """How much is trained."""

    def __init__(self, quick: bool) -> None:
        self.causal_steps, self.masked_steps, self.masked_layers = (150, 100, 2) if quick else (1000, 550, 4)
        self.labels: dict[int | None, int] = {8: 40} if quick else {8: 60, 32: 120, None: 250}   # labels a class → steps


def main(args: argparse.Namespace) -> None:
    """Run the tour into args.out and say where its page is."""
    home = Path(args.out)
    tour = Tour(home, args.quick)
    for name, step in tour.steps().items():
        tour.do(name, step)
    page = report(tour.results).write(home / "report.html")
    save_picture(accuracy_picture(tour.results["classification"]), home / "accuracy.png")
    minutes = sum(tour.results["seconds"].values()) / 60
    print(f"\nDone in {minutes:.1f} minutes. Open {page} in a browser; then try\n")
    print("\n".join(f"  {command}" for command in tour.results["commands"]))


class Tour:
    """The folder of a tour and what its steps have found so far."""

    def __init__(self, home: Path, quick: bool) -> None:
        self.home, self.size = home, Size(quick)
        versions = f"tinyllm {__version__} · NumPy {np.__version__} · Python {platform.python_version()}"
        what = {"quick": quick, "versions": versions}
        self.results = self._begun(what) or {**what, "seed": 0, "seconds": {}}
        self.tokenizer_file = home / "tokenizer.json"

    def _begun(self, what: dict[str, Any]) -> dict[str, Any] | None:
        """The results of an unfinished tour of the same kind; anything else of a tour that is in the way is removed."""
        file = self.home / "results.json"
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            found = json.loads(file.read_bytes()) if file.exists() else None
        except json.JSONDecodeError:
            found = None
        except OSError as error:
            raise OSError(error.errno, f"the tour's folder {self.home} cannot be written to ({error.strerror})") from error
        if found and "commands" not in found and all(found.get(key) == value for key, value in what.items()):
            print(f"going on with the tour in {self.home}: {', '.join(found['seconds'])} are done")
            return found
        networks = (f"{start}-{n or 'all'}" for start in ("scratch", "pretrained") for n in Size(quick=False).labels)
        for run in ("causal", "masked", *networks):
            shutil.rmtree(self.home / run, ignore_errors=True)
        file.unlink(missing_ok=True)
        return None

    def steps(self) -> dict[str, Callable[[], None]]:
        return {
            "read the text and learn a tokenizer": self.learn_tokenizer,
            "pretrain a causal model": self.pretrain_causal,
            "count n-grams": self.count_ngrams,
            "pretrain a masked model": self.pretrain_masked,
            "classify by a bag of words": self.classify_by_words,
            "classify by networks": self.classify_by_networks,
            "write, look, fill in": self.use_models,
        }

    def do(self, name: str, step: Callable[[], None]) -> None:
        if name in self.results["seconds"]:
            return
        print(f"\n== {len(self.results['seconds']) + 1}/{len(self.steps())}: {name}", flush=True)
        start = time.perf_counter()
        step()
        self.results["seconds"][name] = time.perf_counter() - start
        write_file(self.home / "results.json", json.dumps(self.results, indent=1).encode() + b"\n")

    # ------------------------------------------------------------ steps

    def learn_tokenizer(self) -> None:
        texts = corpus()
        train, held_out = ([document.text for document in side] for side in (texts.train, texts.validation))
        start = time.perf_counter()
        tokenizer = ByteBPETokenizer.train(train, 2048, progress=sys.stderr.isatty())
        seconds = time.perf_counter() - start
        tokenizer.save(self.tokenizer_file)
        pieces = [tokenizer.id_to_piece(i).decode("utf-8", "replace") for i in tokenizer.encode(SENTENCE)]
        self.results["corpus"] = {
            "characters": sum(map(len, train)) + sum(map(len, held_out)), "documents": len(train) + len(held_out),
            "python": texts.python, "sha256": texts.sha256, "missing": list(texts.missing),
        }
        self.results["tokenizer"] = {
            "merges": len(tokenizer.merges), "seconds": seconds, "sample": pieces,
            "characters_per_token": sum(map(len, held_out)) / sum(map(len, tokenizer.encode_batch(held_out))),
        }
        print(f"{self.results['corpus']['characters']:,} characters; {tokenizer.vocab_size:,} tokens, " + " ".join(pieces))

    def pretrain_causal(self) -> None:
        steps = self.size.causal_steps
        args = self.command(
            "pretrain", *POSITIONS, "--tokenizer", self.tokenizer_file, "--steps", steps, "--eval-every", max(steps // 9, 25),
            "--out", "causal",
        )
        train, valid = self.measurements("causal")
        self.results["language"] = {
            "curve": [(r["step"], r["bits_per_character"]) for r in valid],
            "bits": min(r["bits_per_character"] for r in valid), "tokens": steps * args.batch * args.context,
            "tokens_per_second": float(np.median([r["tokens_per_second"] for r in train])),
            "parameters": runs.open_run(self.home / "causal").model("best").n_parameters(),
        }

    def count_ngrams(self) -> None:
        texts, tokenizer = corpus(), load(self.tokenizer_file)
        train, held_out = ([document.text for document in side] for side in (texts.train, texts.validation))
        tokens, unseen = encode_documents(tokenizer, train), encode_documents(tokenizer, held_out)
        per_character = len(unseen) / sum(map(len, held_out))
        models = {name: NGram(tokens, order, tokenizer.vocab_size) for name, order in ORDERS.items()}
        bits = {name: model.bits_per_token(unseen) * per_character for name, model in models.items()}
        self.results["language"]["baselines"] = bits
        print("bits per character on held-out text: " + ", ".join(f"{name} {value:.2f}" for name, value in bits.items()))

    def pretrain_masked(self) -> None:
        steps = self.size.masked_steps
        args = self.command(
            "pretrain", "--objective", "masked", "--mask-share", 0.25, *POSITIONS, "--tokenizer", self.tokenizer_file,
            "--optimizer", "muon", "--layers", self.size.masked_layers, "--batch", 16, "--steps", steps,
            "--eval-every", max(steps // 6, 25), "--out", "masked",
        )
        _, valid = self.measurements("masked")
        best = min(valid, key=lambda r: r["loss"])
        loss, accuracy = unigram_at_hidden(args, load(self.tokenizer_file))
        self.results["masked"] = {
            "curve": [(r["step"], r["loss"]) for r in valid], "loss": best["loss"], "accuracy": best["accuracy"],
            "unigram_loss": loss, "unigram_accuracy": accuracy, "hidden_share": args.mask_share,
            "parameters": runs.open_run(self.home / "masked").model("best").n_parameters(),
        }
        print(f"hidden tokens: unigram {loss:.2f} nats, {accuracy:.1%} right; model {best['loss']:.2f}, {best['accuracy']:.1%}")

    def classify_by_words(self) -> None:
        accuracies = []
        for n in self.size.labels:
            line = ["finetune", *(["--labels-per-class", str(n)] if n else [])]
            labels = read_labels(parse(line))
            accuracies.append(accuracy_by_words(labels))
            print(f"{setting(n)}: accuracy {accuracies[-1]:.3f} on test texts")
        self.results["classification"] = {
            "settings": [setting(n) for n in self.size.labels], "names": list(labels.names),
            "rows": {"train": len(labels.train), "test": len(labels.test)}, "accuracy": {"bag of words": accuracies},
        }

    def classify_by_networks(self) -> None:
        found = self.results["classification"]
        for start in ("from scratch", "pretrained"):
            network: tuple[Any, ...] = ("--from", self.home / "masked")
            if start == "from scratch":
                network = ("--tokenizer", self.tokenizer_file, "--layers", self.size.masked_layers, *POSITIONS)
            found["accuracy"][start] = []
            for n, steps in self.size.labels.items():
                out = f"{start.removeprefix('from ')}-{n or 'all'}"
                few = ("--labels-per-class", n) if n else ()
                self.command("finetune", *network, *few, "--steps", steps, "--warmup", steps // 10, "--eval-every", steps // 4,
                             "--out", out)
                test = json.loads((self.home / out / "test.json").read_bytes())
                found["accuracy"][start].append(test["accuracy"])
        found["confusion"], found["majority"] = test["confusion"], test["majority_accuracy"]

    def use_models(self) -> None:
        causal, masked = (runs.open_run(self.home / name) for name in ("causal", "masked"))
        tokenizer, writer = causal.tokenizer(), causal.model("best")
        self.results["language"]["samples"] = [
            {"prompt": prompt, "temperature": temperature, "text": text}
            for i, (prompt, temperature) in enumerate(PROMPTS)
            for text in generate_text(writer, tokenizer, prompt, 60, temperature=temperature, top_k=50, seed=i)
        ]
        ids = tokenizer.encode(SENTENCE)
        with no_grad(), record_attention(writer) as maps:
            writer(np.array([ids]))
        last = list(maps.values())[-1]
        self.results["attention"] = {
            "layer": len(maps), "weights": last[0][0].tolist(),
            "tokens": [tokenizer.id_to_piece(i).decode("utf-8", "replace") for i in ids],
        }
        self.results["masked"]["examples"] = fill_in(masked.model("best"), tokenizer)
        self.results["commands"] = [
            f'tinyllm generate {shlex.quote(str(self.home / "causal"))} --prompt "Return the"',
            f"tinyllm evaluate {shlex.quote(str(self.home / 'masked'))}",
            f"tinyllm info {shlex.quote(str(self.home / 'causal'))}",
        ]
        print(SENTENCE, "...", self.results["language"]["samples"][0]["text"][:60])

    # ------------------------------------------------------------ helpers

    def command(self, name: str, *words: Any) -> argparse.Namespace:
        """Run a command of `tinyllm` into a folder of the tour, going on with it if it was begun; answer its options."""
        line = [name, *map(str, words)]
        line[-1] = str(self.home / line[-1])
        print("$ tinyllm " + shlex.join(line), flush=True)
        args = parse([*line, "--resume"])
        args.run(args)
        return args

    def measurements(self, run: str) -> tuple[list[dict], list[dict]]:
        """A run's lines of training and of held-out data."""
        records = read_records(self.home / run / "metrics.jsonl")
        return [r for r in records if r["split"] == "train"], [r for r in records if r["split"] == "valid"]


def accuracy_by_words(labels: Sides) -> float:
    """Test accuracy of the bag of words, its penalty chosen on the validation texts."""
    few = labels.train
    models = [BagOfWords(few.texts, few.labels, len(labels.names), penalty) for penalty in PENALTIES]
    best = max(models, key=lambda model: np.mean(model.predict(labels.valid.texts) == labels.valid.labels))
    return float(np.mean(best.predict(labels.test.texts) == labels.test.labels))


def setting(labels_per_class: int | None) -> str:
    return f"{labels_per_class} labels a class" if labels_per_class else "all labels"


def unigram_at_hidden(args: argparse.Namespace, tokenizer: Tokenizer) -> tuple[float, float]:
    """Loss and accuracy of guessing the hidden held-out tokens by how often each token occurs in the training text."""
    texts = read_corpus(args)
    counts = np.bincount(encode_documents(tokenizer, texts.train), minlength=tokenizer.vocab_size).astype(float) + 1.0
    counts[list(tokenizer.special_ids)] = 0.0
    _, _, valid = objective_and_sources(args, tokenizer, texts)
    targets = np.concatenate([batch["targets"].ravel() for batch in valid.evaluation()])
    targets = targets[targets != IGNORED]
    return float(-np.log(counts[targets] / counts.sum()).mean()), float(np.mean(targets == counts.argmax()))


def fill_in(model: Any, tokenizer: Tokenizer, n: int = 4) -> list[dict[str, Any]]:
    """Held-out sentences with the middle token hidden, and the model's three likeliest guesses."""
    examples: list[dict[str, Any]] = []
    name = [tokenizer.decode([i]).replace("\n", "⏎").strip() or "space" for i in range(tokenizer.vocab_size)]
    for document in corpus().validation:
        sentence = document.text.split("\n")[0].strip()
        ids = tokenizer.encode(sentence)
        if not 8 <= len(ids) <= 18 or not sentence.endswith("."):
            continue
        place = len(ids) // 2
        hidden = [*ids[:place], tokenizer.mask_id, *ids[place + 1:]]
        with no_grad():
            p = softmax(model(np.array([hidden]))[0, place]).numpy()
        shown = tokenizer.decode(ids[:place]) + " ▁▁▁ " + tokenizer.decode(ids[place + 1:])
        guesses = [(name[i], float(p[i])) for i in np.argsort(-p)[:3]]
        examples.append({"text": shown, "hidden": name[ids[place]], "guesses": guesses})
        if len(examples) == n:
            break
    return examples
