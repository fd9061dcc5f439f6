"""`tinyllm generate`: text from a run's model, as it comes."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from . import options, runs

EXAMPLES = """\
examples:
  tinyllm generate runs/pretrain --prompt "Return the"
  tinyllm generate runs/pretrain --temperature 0.7 --top-p 0.95 --samples 3 --seed 1
  tinyllm generate runs/pretrain --prompt "ROMEO:" --greedy --tokens 300
  tinyllm generate runs/pretrain --prompt "Q: " --stop "\\n\\n"
"""


def add_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "generate", help="write text with a run's model", description="Write text with a causal model, token by token.",
        epilog=EXAMPLES, formatter_class=options.HelpFormatter,
    )
    command.add_argument("folder", metavar="RUN", help="the folder of a run of pretrain --objective causal")
    command.add_argument("--checkpoint", choices=("best", "last"), default="best", help="which weights")
    command.add_argument("--prompt", metavar="TEXT", help="how the text begins (default: as a document does)")
    command.add_argument("--tokens", type=int, default=200, metavar="N", help="at most so many new tokens")
    command.add_argument("--temperature", type=float, default=0.8, metavar="T", help="below 1 careful, above 1 wild")
    command.add_argument("--top-k", type=int, metavar="K", help="draw from the K likeliest tokens (default: all)")
    command.add_argument("--top-p", type=float, metavar="P", help="draw from the likeliest that add up to P (default: all)")
    command.add_argument("--repetition-penalty", type=float, default=1.0, metavar="X", help="above 1: repeat less")
    command.add_argument("--greedy", action="store_true", help="always the likeliest token")
    command.add_argument("--stop", action="append", default=[], metavar="TEXT", help="end before this text; may be given again")
    command.add_argument("--samples", type=int, default=1, metavar="N", help="so many texts, written together")
    command.add_argument("--seed", type=int, metavar="N", help="the same seed, the same text (default: drawn)")
    return command


def run(args: argparse.Namespace) -> None:
    import secrets

    from ..generation import generate_text, stream_text
    from ..models import GPT

    home = runs.open_run(args.folder)
    model, tokenizer = home.model(args.checkpoint), home.tokenizer()
    if not isinstance(model, GPT):
        raise ValueError(f"{home.path} holds a {type(model).__name__}, which does not write: take a run of --objective causal")
    prompt = args.prompt if args.prompt is not None else ("" if home.config["data"]["documents"] else "\n")
    how = {
        "temperature": args.temperature, "top_k": args.top_k, "top_p": args.top_p, "greedy": args.greedy,
        "repetition_penalty": args.repetition_penalty, "seed": secrets.randbits(32) if args.seed is None else args.seed,
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
