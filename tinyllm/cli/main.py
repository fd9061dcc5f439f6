"""`tinyllm COMMAND …`: the parser, and what happens when something goes wrong."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from . import chat, evaluate, fetch, finetune, formulas, generate, info, pretrain, progress, ranks, tour

COMMANDS = (tour, pretrain, finetune, evaluate, generate, chat, fetch, info, formulas, progress)
WRONG_INPUT, FAILED, INTERRUPTED = 2, 1, 130

EPILOG = """\
start here:
  tinyllm tour                                        all of it on real text, with a report, in minutes
  tinyllm pretrain                                    a causal model on Python's own documentation
  tinyllm generate runs/pretrain --prompt "The"       what it learned
  tinyllm finetune --from runs/pretrain               teach it to classify
  tinyllm fetch smollm2 && tinyllm chat smollm2       a real one, made by others
  tinyllm COMMAND --help                              options and examples
"""


def parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The whole command line. Modules behind it are imported when their command runs, so that --help is quick.

    `argv` is what it is to parse: the options of finetune depend on its --task.
    """
    top = argparse.ArgumentParser(
        prog="tinyllm", description="Train language models, use them, and read how it is done.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    from .. import __version__

    top.add_argument("--version", action="version", version=f"tinyllm {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in COMMANDS:
        command = finetune.add_command(commands, argv) if module is finetune else module.add_command(commands)
        command.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
        command.set_defaults(run=module.run, parser=command)
    return top


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options of a command line; `given` are the names of those that stand on it, be it with their default values."""
    args = parser(argv).parse_args(argv)
    options = argv[argv.index(args.command) + 1 :]
    found = args.parser.parse_args(options, argparse.Namespace(**dict.fromkeys(vars(args))))       # None keeps defaults away
    args.given = {name for name, value in vars(found).items() if value is not None}
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the answer is the exit status.

    0: done. 1: the computation failed (NaN, a worker killed, no GPU). 2: wrong input, said in one line on stderr; with --debug
    the exception is raised.
    128 + n: stopped by signal n, after saving (Ctrl-C: 130).
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:              # closed before the program began, as by >&-
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))         # noqa: SIM115 - open to the end
    args = parse(sys.argv[1:] if argv is None else argv)
    try:
        args.run(args)
        return 0
    except KeyboardInterrupt as interrupt:
        print(f"\ntinyllm {args.command}: {interrupt or 'interrupted'}", file=sys.stderr)
        if isinstance(getattr(interrupt, "signal", None), int):
            again = "--resume" if hasattr(args, "resume") else "--quick" if args.quick else ""     # a tour goes on by itself
            print(f"  tinyllm {args.command} --out {args.out} {again}".rstrip(), file=sys.stderr)
        return 128 + getattr(interrupt, "signal", 2)
    except BrokenPipeError:                         # whoever read the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (FloatingPointError, RuntimeError) as error:
        return _say(args, error, FAILED)
    except (ValueError, LookupError, OSError, ImportError) as error:
        return _say(args, error, WRONG_INPUT)


def _say(args: argparse.Namespace, error: Exception, status: int) -> int:
    if args.debug:
        traceback.print_exception(error)
    text = str(error)
    if isinstance(error, OSError) and error.filename is None and error.strerror:
        text = error.strerror                       # without "[Errno 28]"
    elif isinstance(error, KeyError):
        text = str(error.args[0])
    text = f"tinyllm {args.command}: error: {' '.join(text.split())}"
    if not args.debug:
        print(text, file=sys.stderr, flush=True)
    if "mpi4py.MPI" in sys.modules:
        ranks.end_all(text, status)
    return status
