"""`tinyllm chat`: a conversation with a model, its answers streamed."""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import TYPE_CHECKING, Any

from . import options, sources

if TYPE_CHECKING:
    from ..generation import Conversation

EXAMPLES = """\
examples:
  tinyllm chat smollm2                                          a small model that speaks English: tinyllm fetch smollm2
  tinyllm chat smollm2 --system "You answer in one sentence."   what it shall be
  tinyllm chat smollm2 --prompt "What is gravity?" --greedy     one answer, and the end

while you chat:
  /reset    forget all that was said
  /quit     leave; so does Ctrl-D
  Ctrl-C    stops an answer
"""
QUIT, RESET = "/quit", "/reset"


def add_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "chat", help="talk with a model", description="Talk with a causal model that was trained to chat.", epilog=EXAMPLES,
        formatter_class=options.HelpFormatter,
    )
    command.add_argument("model", metavar="MODEL", help="smollm2, a run, a model's folder, or a .gguf file")
    command.add_argument("--checkpoint", choices=("best", "last"), default="best", help="which weights of a run")
    command.add_argument("--system", metavar="TEXT", help="what the model is told before all else")
    command.add_argument("--prompt", metavar="TEXT", help="ask this, show the answer, and end")
    options.add_sampling(command, tokens=512)
    return command


def run(args: argparse.Namespace) -> None:
    import secrets

    from ..generation import Conversation, Sampling
    from ..models import GPT

    model, tokenizer = sources.open_model(args.model, args.checkpoint)
    if not isinstance(model, GPT):
        raise ValueError(f"{args.model} holds a {type(model).__name__}, which does not write: take a causal model")
    seed = secrets.randbits(32) if args.seed is None else args.seed
    template = sources.chat_template(tokenizer)
    talk = Conversation(model, tokenizer, template, args.system, Sampling(**options.sampling(args)), seed)
    if args.prompt is not None:
        _answer(talk, args.prompt, args.tokens)
    else:
        _talk(talk, args.tokens)


def _talk(talk: Conversation, tokens: int) -> None:
    if sys.stdin.isatty():
        print(f"{RESET} forgets, {QUIT} leaves, Ctrl-C stops an answer")
        with contextlib.suppress(ImportError):          # arrow keys and a history, where the system has them
            import readline  # noqa: F401
    while (text := _asked()) != QUIT:
        if text == RESET:
            talk.reset()
            print("(forgotten)")
        elif text:
            try:
                _answer(talk, text, tokens)
            except KeyboardInterrupt:
                print("\n(stopped)")
            except ValueError as error:
                print(f"({error})")


def _asked() -> str:
    """The next line; the end of the input is /quit."""
    try:
        return input("> " if sys.stdin.isatty() else "").strip()
    except (EOFError, KeyboardInterrupt):
        print()
        return QUIT


def _answer(talk: Conversation, text: str, tokens: int) -> None:
    pieces = talk.ask(text, tokens)
    if talk.dropped:
        print(f"(the context is full: the oldest {talk.dropped} messages are forgotten)")
    with contextlib.closing(pieces):
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
    print()
    if not talk.complete:
        print(f"(stopped after {tokens} tokens, or at the end of the context)")
