"""A run's folder as the commands know it: config.json, tokenizer.json, metrics.jsonl, pictures, and two checkpoints."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..models import Pretrained
    from ..tokenizers import Tokenizer

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
LARGEST_CONFIG = 1 << 20
NOT_OPTIONS = {"command", "run", "parser", "debug", "resume", "quiet", "given"}
WORKERS = ("workers", "worker_kind")        # may be others when a run goes on
PATHS = ("text", "table", "code", "data", "from_run")


@dataclass
class Run:
    """`config`: {"command", "tinyllm", "options", "data", …} as it was written when the run began."""

    path: Path
    config: dict[str, Any]

    @property
    def options(self) -> argparse.Namespace:
        """The run's options, as `argparse` gave them."""
        return argparse.Namespace(**self.config["options"])

    def tokenizer(self) -> Tokenizer:
        from ..tokenizers import load

        file = self.path / TOKENIZER
        if not file.is_file():
            raise FileNotFoundError(f"{self.path} has no {TOKENIZER}: restore it, or train again")
        return load(file)

    def model(self, checkpoint: str) -> Pretrained:
        """The model of a checkpoint, its files compared with their checksums first."""
        from ..models import Pretrained
        from ..training import load_checkpoint

        folder = self.path / checkpoint
        if not folder.is_dir():
            there = [name for name in ("best", "last") if (self.path / name).is_dir()]
            raise FileNotFoundError(
                f"{self.path} has no checkpoint {checkpoint!r}: " + (f"use {there[0]!r}" if there else "train it first")
            )
        load_checkpoint(folder)
        return Pretrained.from_pretrained(folder)


def open_run(folder: str | Path) -> Run:
    """A run that `begin_run` began. Raises FileNotFoundError for a folder without one, NotADirectoryError for a file,
    ValueError for a damaged config."""
    path = Path(folder)
    file = path / CONFIG
    if path.is_file():
        raise NotADirectoryError(f"{path} is a file: give the folder of a run")
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {path}: give the --out folder of a run")
    if not file.is_file():
        raise FileNotFoundError(f"{path} is no run: it has no {CONFIG}; give the --out folder of pretrain or finetune")
    if file.stat().st_size > LARGEST_CONFIG:
        raise ValueError(f"{file} is larger than {LARGEST_CONFIG >> 20} MiB: this is no run's config")
    config = read_json(file)
    if not isinstance(config, dict) or not isinstance(config.get("options"), dict) or not {"command", "data"} <= config.keys():
        raise ValueError(f"{file} is not the config of a run: give the --out folder of pretrain or finetune")
    return Run(path, config)


def read_json(file: Path) -> Any:
    """What a run's file says. Raises ValueError for one that is damaged."""
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is not JSON ({error}): restore it, or train again") from error


def resumed(args: argparse.Namespace) -> argparse.Namespace:
    """The options, paths made absolute. With --resume and a run in --out: that run's, so that only --out must be given again.

    Workers may be others. Data may lie elsewhere now, if it is the same (`check_data`). Raises ValueError for any other option
    that is given and differs, for a run that goes on cannot change; FileExistsError for a run in --out without --resume.
    """
    for name in PATHS:
        given = getattr(args, name, None)
        if given is not None and (name != "from_run" or Path(given).exists()):      # else a name that tinyllm fetch knows
            setattr(args, name, str(Path(given).absolute()))
    if not args.resume:
        if (Path(args.out) / "last").exists():
            raise FileExistsError(f"{args.out} holds a run: go on with it by --resume, or choose another --out")
        return args
    if not (Path(args.out) / CONFIG).exists():
        return args                                     # it was stopped before it began
    run = open_run(args.out)
    if run.config["command"] != args.command:
        kind = run.config["command"]
        raise ValueError(f"{args.out} is a run of {kind}: go on with `tinyllm {kind} --resume`")
    before = run.config["options"]
    given = {name: value for name, value in options_of(args).items() if name in args.given and name != "out"}
    for name, value in given.items():
        moved = name in PATHS and (name != "from_run" or not Path(str(before.get(name))).exists())
        if value != before.get(name) and name not in WORKERS and not moved:
            raise ValueError(
                f"--{name.replace('_', '-')} {value} differs from the run's {before.get(name)}: leave it out, or start "
                "another run with another --out"
            )
    return argparse.Namespace(**{**vars(args), **before, **given, "out": args.out})


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(args).items() if name not in NOT_OPTIONS}


def begin_run(args: argparse.Namespace, tokenizer: Tokenizer, **entries: Any) -> Run:
    """Write config.json and tokenizer.json into the run's folder, or leave them where the run goes on. Of several ranks the
    first writes.

    Raises OSError for a folder that cannot be written to, ValueError where a run goes on with data that changed.
    """
    from .. import __version__
    from ..training.files import write_file
    from ..training.workers import first_rank

    path = Path(args.out)
    if args.resume and (path / CONFIG).exists() and (path / TOKENIZER).exists():
        run = open_run(path)
        check_data(run, entries["data"])
        return run
    config = {"command": args.command, "tinyllm": __version__, "options": options_of(args), **entries}
    if not first_rank():
        return Run(path, config)
    try:
        path.mkdir(parents=True, exist_ok=True)
        tokenizer.save(path / TOKENIZER)
        write_file(path / CONFIG, json.dumps(config, indent=1).encode() + b"\n")
    except OSError as error:
        message = f"the run's folder {path} cannot be written to ({error.strerror}): choose another"
        raise OSError(error.errno, message) from error
    return Run(path, config)


def check_data(run: Run, now: dict[str, Any]) -> None:
    """Raise ValueError unless a description of data is that of the data the run began with."""
    if now["sha256"] != run.config["data"]["sha256"]:
        raise ValueError(
            f"{now['source']} is not what {run.path} was trained on any more: restore it, or start a run with another --out"
        )


def make_tokenizer(args: argparse.Namespace, texts: Any, special_tokens: Sequence[str] = ()) -> Tokenizer:
    """The one that --tokenizer asks for; the run's own when it goes on. One from scratch has these special tokens too."""
    from ..tokenizers import SPECIAL_TOKENS, ByteBPETokenizer, CharTokenizer, load

    own = Path(args.out) / TOKENIZER
    if args.resume and own.exists():
        return load(own)
    if args.tokenizer == "char":
        return CharTokenizer.train(texts, ("<unk>", *SPECIAL_TOKENS, *special_tokens))
    if args.tokenizer == "bpe":
        special = (*SPECIAL_TOKENS, *special_tokens)
        return ByteBPETokenizer.train(texts, args.vocab_size, special, progress=not args.quiet and sys.stderr.isatty())
    path = Path(args.tokenizer)
    if not path.exists():
        raise FileNotFoundError(f"--tokenizer {args.tokenizer}: neither bpe nor char, and there is no such file or run")
    file = path / TOKENIZER if path.is_dir() else path
    if not file.exists():
        raise FileNotFoundError(f"--tokenizer {args.tokenizer}: the folder has no {TOKENIZER}: give that of a run, or the file")
    return load(file)
