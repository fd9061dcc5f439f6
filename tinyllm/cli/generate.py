"""`tinyllm generate`: text from a model, as it comes."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any

from . import options, runs, sources

EXAMPLES = """\
examples:
  tinyllm generate runs/pretrain --prompt "Return the"
  tinyllm generate runs/pretrain --temperature 0.7 --top-p 0.95 --samples 3 --seed 1
  tinyllm generate runs/pretrain --prompt "ROMEO:" --greedy --tokens 300
  tinyllm generate runs/pretrain --prompt "Q: " --stop "\\n\\n"
  tinyllm generate smollm2 --prompt "The capital of France is" --greedy --tokens 20
  tinyllm generate runs/translation --source "the girls called a dog" --beams 4 --tree search.png
"""
BEAMS = 4
ESCAPED, ESCAPES = re.compile(r"\\[nt\\]"), {r"\n": "\n", r"\t": "\t", "\\\\": "\\"}      # in --stop


def add_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "generate", help="write text with a model",
        description="Write text: a causal model goes on with a prompt, an encoder-decoder writes about a source.",
        epilog=EXAMPLES, formatter_class=options.HelpFormatter,
    )
    command.add_argument("model", metavar="MODEL", help="a run, a model's folder, a .gguf file, or smollm2")
    command.add_argument("--checkpoint", choices=("best", "last"), default="best", help="which weights of a run")
    command.add_argument("--prompt", metavar="TEXT", help="a causal model: how the text begins (default: as a document does)")
    command.add_argument("--source", metavar="TEXT", help="an encoder-decoder: what it reads, such as a sentence to translate")
    command.add_argument("--stop", action="append", default=[], metavar="TEXT", help="end before this text; may be given again")
    command.add_argument("--samples", type=int, default=1, metavar="N", help="so many texts, written together")
    command.add_argument(
        "--beams", type=int, metavar="N",
        help=f"search for the likeliest text with N candidates instead of drawing tokens; 0: draw (default: {BEAMS} for an "
        "encoder-decoder, 0 for a causal model)",
    )
    command.add_argument("--tree", metavar="FILE", help="with --beams: a picture of what was searched, such as search.png")
    options.add_sampling(command, tokens=200)
    return command


def run(args: argparse.Namespace) -> None:
    from ..models import GPT, Seq2Seq

    model, tokenizer = sources.open_model(args.model, args.checkpoint)
    if not isinstance(model, GPT | Seq2Seq):
        name = type(model).__name__
        raise ValueError(f"{args.model} holds a {name}, which does not write: take a causal model or an encoder-decoder")
    holds = f"{args.model} holds a {type(model).__name__}, which"
    if isinstance(model, Seq2Seq):
        if args.source is None or args.prompt is not None:
            raise ValueError(f"{holds} writes about a source: give --source, no --prompt")
        prompt, beams = args.source, BEAMS if args.beams is None else args.beams
    else:
        if args.source is not None:
            raise ValueError(f"{holds} goes on with a prompt: give --prompt, no --source")
        prompt = args.prompt if args.prompt is not None else _beginning(args.model, tokenizer)
        beams = args.beams or 0
    if beams < 0:
        raise ValueError(f"--beams {beams}: keep at least 1 text, or 0 to draw instead of searching")
    if beams:
        _search(args, model, tokenizer, prompt, beams)
    elif args.tree is not None:
        raise ValueError("--tree draws a search, and tokens are drawn one by one here: give --beams as well")
    else:
        _draw(args, model, tokenizer, prompt)


def _draw(args: argparse.Namespace, model: Any, tokenizer: Any, prompt: str) -> None:
    import secrets

    from ..generation import generate_text, stream_text

    how = {
        **options.sampling(args), "seed": secrets.randbits(32) if args.seed is None else args.seed,
        "stop": [ESCAPED.sub(lambda found: ESCAPES[found[0]], text) for text in args.stop],
    }
    shown = "" if args.source is not None else prompt.lstrip("\n")
    if args.samples == 1:
        pieces = stream_text(model, tokenizer, prompt, args.tokens, **how)      # bad options raise before anything is shown
        sys.stdout.write(shown)
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
        print()
        return
    texts = generate_text(model, tokenizer, prompt, args.tokens, n_samples=args.samples, **how)
    for i, text in enumerate(texts, start=1):
        print(f"--- {i}\n{shown}{text}")


def _search(args: argparse.Namespace, model: Any, tokenizer: Any, prompt: str, beams: int) -> None:
    """The likeliest texts that a search finds, with their scores where there are several."""
    from ..generation import BeamTree, beam_search, prompt_ids
    from ..viz.beams import beam_tree
    from ..viz.style import save as save_picture

    begin = "" if args.source is not None else prompt.lstrip("\n")
    tree = BeamTree() if args.tree is not None else None
    n_best, ids = args.samples, prompt_ids(model, tokenizer, prompt)
    found = beam_search(
        model, ids, args.tokens, width=max(beams, n_best), n_best=n_best, eos_id=tokenizer.eos_id, tree=tree
    )
    if tree is not None:
        save_picture(beam_tree(tree, lambda i: tokenizer.decode([i])), args.tree)
    for hypothesis in found:
        text = begin + tokenizer.decode(hypothesis.ids, skip_special=True)
        print(text if n_best == 1 else f"{hypothesis.score:8.3f}  {text}")
    if tree is not None:
        print(f"in {args.tree}: what the search weighed")


def _beginning(name: str, tokenizer: Any) -> str:
    """How a text begins: as a document does, with the start token; in a run on one long text, as a line does."""
    path = sources.locate(name)
    known = runs.open_run(path).config["data"].get("documents") if sources.is_run(path) else None
    documents = tokenizer.bos_id is not None if known is None else known
    return "" if documents else "\n"
