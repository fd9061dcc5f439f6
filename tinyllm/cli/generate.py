"""`tinyllm generate`: text from a model, as it comes."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
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
DRAWING = ("stop", "temperature", "top_k", "top_p", "repetition_penalty", "greedy", "seed")     # options that no search heeds
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
    command.add_argument(
        "--stop", action="append", default=[], metavar="TEXT", help="end before this text; may be given again; not with --beams"
    )
    command.add_argument("--samples", type=int, default=1, metavar="N", help="so many texts, written together")
    command.add_argument(
        "--beams", type=int, metavar="N",
        help="search for the likeliest text with N candidates instead of drawing tokens, with neither --stop nor an option of "
        f"sampling but --tokens; 0: draw (default: {BEAMS} for an encoder-decoder where none of those is given, else 0)",
    )
    command.add_argument("--tree", metavar="FILE", help="with --beams: a picture of what was searched, such as search.png")
    options.add_sampling(command, tokens=200)
    return command


def run(args: argparse.Namespace) -> None:
    from ..models import GPT, Seq2Seq

    if args.tree is not None:
        _check_picture(Path(args.tree))
    drawing = [f"--{name.replace('_', '-')}" for name in DRAWING if name in args.given]
    if args.beams is not None and args.beams < 0:
        raise ValueError(f"--beams {args.beams}: keep at least 1 text, or 0 to draw instead of searching")
    if args.beams and drawing:
        raise ValueError(f"{drawing[0]} is for drawing tokens, --beams {args.beams} searches: leave one out, or give --beams 0")
    model, tokenizer = sources.open_model(args.model, args.checkpoint)
    if not isinstance(model, GPT | Seq2Seq):
        name = type(model).__name__
        raise ValueError(f"{args.model} holds a {name}, which does not write: take a causal model or an encoder-decoder")
    holds = f"{args.model} holds a {type(model).__name__}, which"
    if isinstance(model, Seq2Seq):
        if args.source is None or args.prompt is not None:
            raise ValueError(f"{holds} writes about a source: give --source, no --prompt")
        prompt, usual = args.source, 0 if drawing else BEAMS
    else:
        if args.source is not None:
            raise ValueError(f"{holds} goes on with a prompt: give --prompt, no --source")
        prompt, usual = args.prompt if args.prompt is not None else _beginning(args.model, tokenizer), 0
    beams = usual if args.beams is None else args.beams
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
    for hypothesis in found:
        text = begin + tokenizer.decode(hypothesis.ids, skip_special=True)
        print(text if n_best == 1 else f"{hypothesis.score:8.3f}  {text}")
    if tree is not None:
        try:
            picture = beam_tree(tree, lambda i: tokenizer.decode([i]))
        except ValueError as error:
            print(f"not drawn: {error}", file=sys.stderr)
            return
        save_picture(picture, args.tree)
        print(f"in {args.tree}: what the search weighed")


def _check_picture(path: Path) -> None:
    """Raise ValueError or FileNotFoundError for a picture that could not be written, ImportError where none can be drawn."""
    from ..viz.style import figure

    with figure() as (fig, _):
        endings = fig.canvas.get_supported_filetypes()
    if path.is_dir():
        raise ValueError(f"--tree {path} is a folder: name a picture in it, such as {path / 'search.png'}")
    if path.suffix[1:].lower() not in endings:
        raise ValueError(f"--tree {path} ends in {path.suffix!r}: name a picture, such as {path.with_suffix('.png')}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"--tree {path}: there is no folder {path.parent}: make it first")


def _beginning(name: str, tokenizer: Any) -> str:
    """How a text begins: as a document does, with the start token; in a run on one long text, as a line does."""
    path = sources.locate(name)
    known = runs.open_run(path).config["data"].get("documents") if path.is_dir() and sources.is_run(path) else None
    documents = tokenizer.bos_id is not None if known is None else known
    return "" if documents else "\n"
