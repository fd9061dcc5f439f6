"""`tinyllm tour`: the main job, and its report."""

from __future__ import annotations

import argparse
from typing import Any

EXAMPLES = """\
examples:
  tinyllm tour                    everything, under 6 minutes on two cores; then open runs/tour/report.html
  tinyllm tour --quick            the same with less training, under 1 minute
"""


def add_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "tour", help="learn a tokenizer, train models on real text, write a report",
        description="Learn a tokenizer, pretrain a causal and a masked model on Python's own documentation, write text, "
        "classify against honest baselines, and report it all on one page.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--quick", action="store_true", help="less training: to see that it works")
    command.add_argument("--out", default="runs/tour", metavar="FOLDER", help="where the report goes (default: %(default)s)")
    return command


def run(args: argparse.Namespace) -> None:
    from ..tour import main

    main(args)
