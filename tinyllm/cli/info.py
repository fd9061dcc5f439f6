"""`tinyllm info`: what a run is, or what this installation has."""

from __future__ import annotations

import argparse
from typing import Any

from . import options, runs

EXAMPLES = """\
examples:
  tinyllm info                    versions, cores, optional parts, where things are kept
  tinyllm info runs/pretrain      a run: how it was made, how far it is, how good, and the model's layers
"""
OPTIONAL = {
    "tqdm": "train", "safetensors": "train", "threadpoolctl": "train", "matplotlib": "viz", "jinja2": "chat",
}


def add_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "info", help="describe a run, or this installation", description="Describe a run, or this installation.",
        epilog=EXAMPLES, formatter_class=options.HelpFormatter,
    )
    command.add_argument("folder", nargs="?", metavar="RUN", help="the folder of a run (default: this installation)")
    return command


def run(args: argparse.Namespace) -> None:
    if args.folder is None:
        _installation()
    else:
        _run(runs.open_run(args.folder))


def _installation() -> None:
    import platform
    from importlib import metadata

    import numpy as np

    from .. import __version__
    from ..data import cache_folder
    from ..training import default_workers

    print(f"tinyllm {__version__}, Python {platform.python_version()}, NumPy {np.__version__}, {default_workers()} workers")
    for name, extra in OPTIONAL.items():
        try:
            print(f"  {name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            print(f"  {name} is missing: pip install tinyllm[{extra}]")
    print(f"cache: {cache_folder()}")


def _run(home: runs.Run) -> None:
    from ..training import read_state

    print(f"{home.path}: a run of {home.config['command']} by tinyllm {home.config['tinyllm']}")
    print("data: " + ", ".join(f"{name} {value}" for name, value in home.config["data"].items()))
    changed = {name: value for name, value in home.config["options"].items() if value is not None}
    print("options: " + " ".join(f"{name}={value}" for name, value in sorted(changed.items())))
    there = [name for name in ("best", "last") if (home.path / name).is_dir()]
    for name in there:
        state = read_state(home.path / name)
        best = f", best so far {state['best']}" if state["best"] else ""
        print(f"{name}: step {state['step']} of {home.config['options']['steps']}, {state['workers']} workers{best}")
    if not there:
        print("no checkpoint yet: go on with --resume")
        return
    print(home.model(there[0]).summary())
