"""The model to start from: a pretrained one, or one from scratch of the size that the options say."""

from __future__ import annotations

import argparse
from typing import Any

from ...models import GPT, Autoencoder, Seq2Seq, Trunk, TrunkHead
from ...tokenizers import Encoding, Tokenizer
from .. import options

LENGTHS = ("max_length", "max_source", "max_target")


def add_trunk(command: argparse.ArgumentParser, kinds: tuple[str, ...], text: str) -> None:
    """--trunk, the kind of a model from scratch; the first is the default."""
    command.add_argument("--trunk", choices=kinds, default=kinds[0], help=f"from scratch: {text}")


def trunk(args: argparse.Namespace, start: Any, tokenizer: Tokenizer, **more: Any) -> Trunk:
    """A GPT, a Llama or a Bert for a head to stand on: what was pretrained, without what was put on it or behind it.

    `more` are fields of the config of one from scratch.

    Raises ValueError for any other model.
    """
    if start is None:
        made: Trunk = _new(args, tokenizer, **more)
        return made
    if isinstance(start, TrunkHead):
        return start.trunk
    if isinstance(start, Autoencoder):
        return start.encoder
    if not isinstance(start, Trunk):
        raise ValueError(f"{args.from_run} holds a {type(start).__name__}: --task {args.task} takes a GPT, a Llama or a Bert")
    return start


def causal(args: argparse.Namespace, start: Any, tokenizer: Tokenizer) -> GPT:
    """A model that writes. Raises ValueError for any other."""
    if start is None:
        made: GPT = _new(args, tokenizer)
        return made
    if not isinstance(start, GPT):
        raise ValueError(f"{args.from_run} holds a {type(start).__name__}: --task {args.task} takes a GPT or a Llama")
    return start


def encoder_decoder(args: argparse.Namespace, start: Any, tokenizer: Tokenizer) -> Seq2Seq:
    """A model that reads one text and writes another. Raises ValueError for any other."""
    if start is None:
        first = tokenizer.bos_id if tokenizer.bos_id is not None else tokenizer.pad_id
        if first is None or tokenizer.eos_id is None:
            raise ValueError("an encoder-decoder needs a tokenizer with <bos> and <eos>: take --tokenizer bpe or char")
        # With a head of its own a Seq2Seq learned the grammar of translation in fewer steps than with a tied one.
        made: Seq2Seq = _new(args, tokenizer, start_id=first, tie_embeddings=args.trunk == "t5")
        return made
    if not isinstance(start, Seq2Seq):
        raise ValueError(f"{args.from_run} holds a {type(start).__name__}: --task {args.task} takes a Seq2Seq or a T5")
    return start


def fit_lengths(args: argparse.Namespace, start: Any) -> None:
    """Lengths of texts that were not given are at most what the model reads: that of --from, or one from scratch."""
    context = args.context if start is None else _context(start)
    for name in LENGTHS:
        if hasattr(args, name) and name not in args.given:
            setattr(args, name, min(getattr(args, name), context))


def check_context(option: str, length: int, model: Any) -> None:
    """Raise ValueError for texts longer than the model reads."""
    context = _context(model)
    if length > context:
        raise ValueError(f"{option} {length} is more than the model's context {context}: take less")


def framed(model: Any, tokenizer: Tokenizer, text: str, max_length: int) -> list[int]:
    """The ids of a text as the trunk met texts when it was pretrained.

    A trunk that knows segments is BERT's kind and read [CLS] text [SEP], `closed` here; any other read what follows a start
    token.
    """
    own = model.trunk if isinstance(model, TrunkHead) else model
    if getattr(own, "n_segments", 0) or tokenizer.bos_id is None:
        return closed(tokenizer.encoding(text), max_length)
    return [tokenizer.bos_id, *tokenizer.encode(text)]


def closed(row: Encoding, max_length: int) -> list[int]:
    """The ids of a framed text, max_length at most: a longer one loses the end of its text, not the sign that closes it.

    Without such a sign the row is answered whole: whoever makes a batch of it cuts it.
    """
    if len(row) <= max_length or row.special[-1:] != [True]:
        return row.ids
    return [*row.ids[: max_length - 1], row.ids[-1]]


def _context(model: Any) -> int:
    """How many tokens a model reads."""
    found: int = (model.trunk if isinstance(model, TrunkHead) else model).config.context
    return found


def _new(args: argparse.Namespace, tokenizer: Tokenizer, **more: Any) -> Any:
    return options.model_of(args.trunk, options.model_config(args, args.trunk, tokenizer.vocab_size, **more))
