"""`tinyllm generate`: text from a model, as it comes."""

from __future__ import annotations

import argparse
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
"""


def add_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "generate", help="write text with a model", description="Write text with a causal model, token by token.",
        epilog=EXAMPLES, formatter_class=options.HelpFormatter,
    )
    command.add_argument(
        "model", metavar="MODEL", help="a run of pretrain --objective causal, a model's folder, a .gguf file, or smollm2"
    )
    command.add_argument("--checkpoint", choices=("best", "last"), default="best", help="which weights of a run")
    command.add_argument("--prompt", metavar="TEXT", help="how the text begins (default: as a document does)")
    command.add_argument("--stop", action="append", default=[], metavar="TEXT", help="end before this text; may be given again")
    command.add_argument("--samples", type=int, default=1, metavar="N", help="so many texts, written together")
    options.add_sampling(command, tokens=200)
    return command


def run(args: argparse.Namespace) -> None:
    import secrets

    from ..generation import generate_text, stream_text
    from ..models import GPT

    model, tokenizer = sources.open_model(args.model, args.checkpoint)
    if not isinstance(model, GPT):
        raise ValueError(f"{args.model} holds a {type(model).__name__}, which does not write: take a causal model")
    prompt = args.prompt if args.prompt is not None else _beginning(args.model, tokenizer)
    how = {
        **options.sampling(args), "seed": secrets.randbits(32) if args.seed is None else args.seed,
        "stop": [text.encode().decode("unicode_escape") if "\\" in text else text for text in args.stop],
    }
    if args.samples == 1:
        sys.stdout.write(prompt.lstrip("\n"))
        for piece in stream_text(model, tokenizer, prompt, args.tokens, **how):
            sys.stdout.write(piece)
            sys.stdout.flush()
        print()
        return
    texts = generate_text(model, tokenizer, prompt, args.tokens, n_samples=args.samples, **how)
    for i, text in enumerate(texts, start=1):
        print(f"--- {i}\n{prompt.lstrip(chr(10))}{text}")


def _beginning(name: str, tokenizer: Any) -> str:
    """How a text begins: as a document does, with the start token; in a run on one long text, as a line does."""
    path = sources.locate(name)
    documents = runs.open_run(path).config["data"]["documents"] if sources.is_run(path) else tokenizer.bos_id is not None
    return "" if documents else "\n"
