"""`make bench`: everything that is measured, side by side, in one command.

    python -m tests.benchmarks [SECTION ...] [--rounds N] [--configs S M ...] [--quick] [--no-save]

    training     a training step and its memory: tinyllm, PyTorch, JAX, HIPS autograd, the matrix products alone
    sizes        a training step's time against the model's size
    generation   tokens a second with a KV cache
    tokenizers   encoding speed, next to Hugging Face's
    attention    time and memory against length
    twins        what each fused twin and each technique brings
    shares       where a training step's time goes
    ranks        threads, processes and MPI ranks
    startup      how long an import takes

Each contender is a process of its own, limited to its threads before it imports anything; only one of them computes at a time,
and rounds are interleaved. Contenders that are compared must compute the same: their losses are held together first. Peers that
are not installed are named: make bench-peers installs them. M holds a dozen models in memory at once: about 10 GB.
"""

from __future__ import annotations

import argparse
import importlib
import time

from tests.benchmarks.configs import CONFIGS
from tests.benchmarks.report import RESULTS, Options, company, machine, save
from tests.benchmarks.rounds import Disagreement
from tinyllm.training import default_workers

SECTIONS = ("training", "sizes", "generation", "tokenizers", "attention", "twins", "shares", "ranks", "startup")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"{', '.join(SECTIONS)}; all by default")
    parser.add_argument("--rounds", type=int, help="instead of each section's own")
    parser.add_argument("--configs", nargs="+", metavar="NAME", help=f"of {', '.join(CONFIGS)}; generation has its own")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds: minutes, rough")
    parser.add_argument("--no-save", action="store_true", help=f"leave {RESULTS.name}/ as it is")
    args = parser.parse_args()
    if unknown := set(args.sections) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}: choose of {', '.join(SECTIONS)}")
    if unknown := set(args.configs or ()) - {*CONFIGS, "GPT-2 small", "SmolLM2"}:
        parser.error(f"no config {', '.join(sorted(unknown))}: choose of {', '.join(CONFIGS)}")
    options = Options(default_workers(), args.rounds, args.configs, args.quick)
    beside = company()
    print(f"{machine()}.{beside}")
    began = time.perf_counter()
    for name in args.sections or SECTIONS:
        print(f"== {name}", flush=True)
        try:
            result = importlib.import_module(f"tests.benchmarks.sections.{name}").run(options)
        except Disagreement as error:
            raise SystemExit(str(error)) from None
        if result is not None and not args.no_save:
            save(result, beside)
    where = "" if args.no_save else f", written to {RESULTS}"
    print(f"== {(time.perf_counter() - began) / 60:.1f} minutes{where}")


if __name__ == "__main__":
    main()
