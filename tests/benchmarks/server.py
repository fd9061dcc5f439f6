"""A process for each contender, asked over pipes.

BLAS, OpenMP and PyTorch read how many threads to use when they are imported, and a peak of memory belongs to a process: so each
contender gets a process of its own, made with its own environment, and is stopped while the others compute: threads that wait
for work, and MPI's ranks, would keep a core busy by asking for it.

    with Server(threads=1) as server:
        server.build("tests.benchmarks.peers.pytorch:build", config="S", weights=path)      # or Missing: no such package
        server.ask("losses", n=3)                           # [4.17, 4.16, 4.16]
        server.ask("steps", n=8)                            # seconds for 8 steps
        server.ask("memory")                                # {"peak": 364.0, "imports": 201.5}
        server.ask("call", target="module:function", options={...})         # anything else, once

Questions and answers are a line of JSON each. What a contender prints goes to a file, which is shown if it fails.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks import memory
from tinyllm.training.workers import started_by_mpi

ROOT = Path(__file__).parents[2]
SECONDS_WATCHED = 1.0   # of stepping, while the memory of several processes is looked at


class Missing(Exception):
    """A package that a contender needs is not installed; the message is its name."""


class Failed(RuntimeError):
    """A contender raised an error, or its process ended; the message holds the last of what it printed."""


class Server:
    """The side that asks."""

    def __init__(self, threads: int, environment: dict[str, str] | None = None, ranks: int = 1) -> None:
        self._printed = tempfile.TemporaryFile("w+")    # noqa: SIM115 (closed with the server)
        start = [] if ranks == 1 else [mpiexec(), "-n", str(ranks)]
        self._process = subprocess.Popen(
            [*start, sys.executable, "-m", "tests.benchmarks.server"], cwd=ROOT,
            env=os.environ | limits(threads) | (environment or {}),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._printed, text=True,
        )

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def build(self, target: str, **options: Any) -> None:
        """Make the contender: target is "module:function", which answers a function that takes a step and returns its loss."""
        self.ask("build", target=target, options=options)

    def ask(self, command: str, **arguments: Any) -> Any:
        """Raises Missing, or Failed."""
        self._send(signal.SIGCONT)
        try:
            self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        self._send(signal.SIGSTOP)
        answer = json.loads(line) if line else {"error": f"its process ended with {self._process.wait()}"}
        if "missing" in answer:
            raise Missing(answer["missing"])
        if "error" in answer:
            self._printed.seek(0)
            raise Failed(f"{command}: {answer['error']}\n{self._printed.read()[-2000:]}")
        return answer["value"]

    def _send(self, number: int) -> None:
        """A signal to the contender and all that it started."""
        for process in (self._process.pid, *memory.children(self._process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def close(self) -> None:
        self._send(signal.SIGCONT)
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._printed.close()


def mpiexec() -> str:
    """The program that starts ranks, beside this Python or elsewhere. Raises Missing."""
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    found = shutil.which("mpiexec", path=here)
    if found is None or importlib.util.find_spec("mpi4py") is None:
        raise Missing("mpiexec with mpi4py")
    return found


def limits(threads: int) -> dict[str, str]:
    """What tells each library how many threads to use. XLA's own pools follow NPROC."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NPROC")
    one = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"} if threads == 1 else {}
    return {name: str(threads) for name in names} | one | {"JAX_PLATFORMS": "cpu", "TORCHINDUCTOR_COMPILE_THREADS": "1"}


# ---------------------------------------------------------------- the side that answers


class Answers:
    """One method a command."""

    def __init__(self) -> None:
        self.step: Callable[[], float] | None = None
        self.imports = 0.0

    def build(self, target: str, options: dict[str, Any]) -> None:
        function = found(target)
        self.imports = memory.now()
        self.step = function(**options)

    def losses(self, n: int) -> list[float]:
        return [float(self.step()) for _ in range(n)]

    def steps(self, n: int) -> float:
        start = time.perf_counter()
        for _ in range(n):
            self.step()
        return time.perf_counter() - start

    def memory(self) -> dict[str, float]:
        """The process's peak since it began, and with it the most that its children were seen to hold of their own."""
        more = 0.0
        if memory.children():
            end = time.perf_counter() + SECONDS_WATCHED
            with memory.highest() as seen:
                while time.perf_counter() < end:
                    self.losses(1)
            more = seen[0]
        return {"peak": memory.peak() + more, "imports": self.imports}

    def call(self, target: str, options: dict[str, Any]) -> Any:
        return found(target)(**options)


def found(target: str) -> Callable:
    """The function that "module:function" names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def questions() -> Iterator[dict[str, Any]]:
    """Lines from the side that asks. Of several ranks the first hears them; all build, and from then on follow it."""
    if not started_by_mpi():
        yield from map(json.loads, sys.stdin)
        return
    from mpi4py.MPI import COMM_WORLD

    while question := COMM_WORLD.bcast(json.loads(sys.stdin.readline()) if COMM_WORLD.Get_rank() == 0 else None):
        built = question["command"] == "build"
        yield question
        if built:
            yield from map(json.loads, sys.stdin)
            return


def main() -> None:
    answer_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)                                       # prints must not mix with answers
    answers = Answers()
    for question in questions():
        try:
            answer = {"value": getattr(answers, question.pop("command"))(**question)}
        except ModuleNotFoundError as error:
            answer = {"missing": error.name or str(error)}
        except Exception as error:
            import traceback

            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answer_to, flush=True)


if __name__ == "__main__":
    main()
