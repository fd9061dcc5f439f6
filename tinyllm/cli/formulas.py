"""`tinyllm formulas`: what the source documents print, and where it is explained, computed and tested."""

from __future__ import annotations

import argparse
from typing import Any

from . import options

EXAMPLES = """\
examples:
  tinyllm formulas                            the whole table: numbers, names, lessons, functions
  tinyllm formulas F4                         one number: as it is printed, what is wrong with it, where it is built
  tinyllm formulas F1 F2 F3                   several
  tinyllm formulas --lesson 12_attention      what a lesson treats

F are formulas, T tasks, M models and P methods that the source documents name. "001 §4.2" is section 4.2 of document 001.
"""


def add_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "formulas", help="every formula: as printed, in which lesson, by which function",
        description="The ledger: every formula of the source documents, with the lesson, functions and tests that carry it.",
        epilog=EXAMPLES, formatter_class=options.HelpFormatter,
    )
    command.add_argument(
        "numbers", nargs="*", metavar="NUMBER", help="show all that is known of it, such as F4 (default: a table of all)"
    )
    command.add_argument("--lesson", metavar="NAME", help="only what this lesson treats, such as 12_attention")
    return command


def run(args: argparse.Namespace) -> None:
    from ..book import ledger

    entries = ledger.find(args.numbers) if args.numbers else list(ledger.read().values())
    if args.lesson is not None:
        treated = ledger.show(args.lesson).entries
        entries = [entry for entry in entries if entry in treated]
        if not entries:
            numbers = ", ".join(args.numbers)
            raise ValueError(f"lesson {args.lesson} does not treat {numbers}: leave the numbers out to see what it treats")
    print("\n\n".join(map(ledger.details, entries)) if args.numbers else ledger.table(entries))
