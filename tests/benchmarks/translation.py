"""Translation learned from some 5,000 pairs of real sentences, English to French.

    python -m tests.benchmarks.translation [--steps N] [--seeds 0 1 2] [--data FILE]

Writes results/translation.md anew after each seed. The file of pairs, a table of two columns without a header, does not come
with tinyllm.

The pairs are short ("Go." is the shortest) and many English sentences have several French ones, all of them right. The split
is by English sentence: one sentence in ten is held out with all its translations, which are its references. BLEU is the
corpus's, sacrebleu's definition (tests/parity/test_metrics.py compares). How hard the set is, is said by what needs no
learning: the translation of the training sentence that shares most pieces (nearest), and one reference against the others
where there are several (another reference): a person who knows French and not this set.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinyllm import manual_seed
from tinyllm.data import SequencePairs, read_pairs
from tinyllm.generation import beam_search_batch
from tinyllm.metrics import bleu
from tinyllm.models import Seq2Seq, Seq2SeqConfig
from tinyllm.tokenizers import ByteBPETokenizer
from tinyllm.training import SequenceToSequence, TrainConfig, train

DATA = Path(__file__).parents[3] / "shared" / "data" / "eng-fra.tsv"
RESULT = Path(__file__).parent / "results" / "translation.md"
VOCABULARY, LONGEST, BATCH = 800, 32, 32
ASKED = (                           # our own; the last ones have words that the pairs hardly know
    "I am happy.", "She is not here.", "Where is my dog?", "We have to go home.", "He likes to read.",
    "Do you want some water?", "They were late again.", "Close the door, please.", "My sister sings well.",
    "The king follows the owl.",
)

Pair = tuple[str, list[str]]        # an English sentence, its French ones


def split(path: Path, seed: int = 0) -> tuple[list[Pair], list[Pair]]:
    """Sentences to learn from and sentences held out."""
    table = read_pairs(path, 0, 1)
    by_source: dict[str, list[str]] = {}
    for source, target in zip(table.sources, table.targets, strict=True):
        by_source.setdefault(source, []).append(target)
    pairs = list(by_source.items())
    order = np.random.default_rng(seed).permutation(len(pairs))
    held_out = len(pairs) // 10
    return [pairs[i] for i in order[held_out:]], [pairs[i] for i in order[:held_out]]


def nearest(tokenizer: ByteBPETokenizer, known: list[Pair], asked: list[str]) -> list[str]:
    """The first translation of the known sentence with the greatest share of pieces in common (Jaccard)."""
    pieces = [(set(tokenizer.encode(source)), targets[0]) for source, targets in known]
    answers = []
    for source in asked:
        mine = set(tokenizer.encode(source))
        answers.append(max(pieces, key=lambda other: len(mine & other[0]) / len(mine | other[0]))[1])
    return answers


def trained(known: list[Pair], tokenizer: ByteBPETokenizer, seed: int, steps: int) -> Seq2Seq:
    """A model that has learned from the known pairs."""
    rows = [(tokenizer.encode(source), tokenizer.encode(target)) for source, targets in known for target in targets]
    sources, targets = [source for source, _ in rows], [target for _, target in rows]
    pad, start, end = tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id
    assert pad is not None and start is not None and end is not None
    batches = SequencePairs(sources, targets, BATCH, LONGEST, LONGEST, pad, start, end, seed)
    manual_seed(seed)
    model = Seq2Seq(Seq2SeqConfig(
        tokenizer.vocab_size, context=LONGEST, n_layers=2, n_heads=4, d_model=128, dropout=0.2, start_id=start,
        tie_embeddings=False,
    ))
    recipe = TrainConfig(steps=steps, lr=2e-3, weight_decay=0.1, seed=seed, eval_every=steps, workers=1)
    train(model, SequenceToSequence(label_smoothing=0.1), batches, None, recipe, progress=False)
    return model


def translations(model: Seq2Seq, tokenizer: ByteBPETokenizer, asked: Sequence[str], width: int) -> list[str]:
    found: list[str] = []
    for start in range(0, len(asked), 64):
        sources = [tokenizer.encode(source) for source in asked[start : start + 64]]
        for hypotheses in beam_search_batch(model, sources, LONGEST - 1, width=width, eos_id=tokenizer.eos_id):
            found.append(tokenizer.decode(hypotheses[0].ids))
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--steps", type=int, default=4500)
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--data", type=Path, default=DATA)
    args = options.parse_args()
    known, held_out = split(args.data)
    asked, references = [source for source, _ in held_out], [targets for _, targets in held_out]
    tokenizer = ByteBPETokenizer.train([text for source, targets in known for text in (source, *targets)], VOCABULARY)

    def scores(answers: list[str]) -> tuple[float, float]:
        exact = sum(answer in right for answer, right in zip(answers, references, strict=True)) / len(answers)
        return bleu(references, answers).score, 100 * exact

    several = [(r[0], r[1:]) for r in references if len(r) > 1]
    other = bleu([rest for _, rest in several], [one for one, _ in several]).score
    simple = {"the source itself": scores(asked), "nearest known sentence": scores(nearest(tokenizer, known, asked))}
    found: dict[str, list[tuple[float, float]]] = {"greedy": [], "beam of 4": []}
    shown: list[str] = []
    for done, seed in enumerate(args.seeds, 1):
        model = trained(known, tokenizer, seed, args.steps)
        for name, width in (("greedy", 1), ("beam of 4", 4)):
            answers = translations(model, tokenizer, asked, width)
            found[name].append(scores(answers))
        shown = shown or translations(model, tokenizer, ASKED, 4)
        lines = [
            "# English to French, 5,000 pairs of Tatoeba\n",
            f"{len(known):,} English sentences to learn from, {len(held_out)} held out ({len(several)} of them with several "
            f"translations). A Seq2Seq of {model.n_parameters():,} parameters, {args.steps} steps of {BATCH} pairs, the last "
            "weights. Written by `python -m tests.benchmarks.translation`.\n",
            "| method | BLEU | exact, of all references, % |", "|---|---|---|",
            *(f"| {name} | {score:.1f} | {exact:.1f} |" for name, (score, exact) in simple.items()),
            *(f"| Seq2Seq, {name}, seeds {args.seeds[:done]} | {_spread([b for b, _ in of])} | {_spread([e for _, e in of])} |"
              for name, of in found.items()),
            f"\nOne reference against the others, where there are several: BLEU {other:.1f}.",
            f"\nSentences of our own, seed {args.seeds[0]}, beam of 4:\n", "| English | the model |", "|---|---|",
            *(f"| {source} | {answer} |" for source, answer in zip(ASKED, shown, strict=True)),
        ]
        RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(RESULT.read_text(encoding="utf-8"), flush=True)


def _spread(values: list[float]) -> str:
    mean = f"{statistics.mean(values):.1f}"
    return f"{mean} ± {statistics.stdev(values):.1f}" if len(values) > 1 else mean


if __name__ == "__main__":
    main()
