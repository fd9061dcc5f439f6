"""Are the tests good? Break the derivative table and the formulas in many small ways, one at a time: some test must fail.

    python -m tests.mutants                     as many mutants as four minutes allow, spread evenly, the same each time
    python -m tests.mutants --all               every one
    python -m tests.mutants reductions.py       of files whose path contains this
    python -m tests.mutants --budget 60         seconds

First every test runs once and notes the lines it reaches. A mutant is then made in memory, in a forked process that has all
imported, and meets only the tests that reach its line, the most specific first, until one fails. Nothing is written to the
checkout. A survivor is a change that no test notices: it needs a test or, if the change makes no difference, its reason in
explained.toml. Exit status 1 if one has neither.
"""

from __future__ import annotations

import argparse
import ast
import gc
import hashlib
import importlib
import os
import pickle
import signal
import sys
import tempfile
import time
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutants.mutations import Mutant, mutants, mutated, read

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ["tinyllm/autograd/rules/*.py", "tinyllm/functional/*.py"]
EXCLUDED = {"__init__.py", "classes.py", "formula.py", "checks.py"}      # re-exports, lists of names, no arithmetic
TESTS = [
    "tests/autograd/test_derivatives.py", "tests/autograd/test_edges.py", "tests/autograd/test_tensor.py",
    "tests/autograd/test_in_place.py", "tests/autograd/test_backward.py", "tests/autograd/test_cuda.py", "tests/functional",
]
EXPLAINED = Path(__file__).with_name("explained.toml")
EXAMPLES = 10                                         # of hypothesis, a test
THOROUGH, CLOSEST = 40, 20                            # examples of the tests closest to a mutant that survived so far
PATIENCE = 30                                         # seconds a test: a mutant that takes longer hangs, which is noticed too
SURVIVED, KILLED, INAPPLICABLE = 0, 1, 2


def sources() -> list[str]:
    paths = [p for pattern in SOURCES for p in sorted(ROOT.glob(pattern)) if p.name not in EXCLUDED]
    return [p.relative_to(ROOT).as_posix() for p in paths]


# ---------------------------------------------------------------- making a mutant, in memory

def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


class Patcher:
    """Puts mutated code where the original is in use: into the functions themselves, whoever holds them."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.modules = {p: importlib.import_module(p.removesuffix(".py").replace("/", ".")) for p in paths}
        files = {module.__file__: path for path, module in self.modules.items()}
        self.functions: dict[tuple[str, str, int], list[FunctionType]] = defaultdict(list)
        for thing in gc.get_objects():
            if isinstance(thing, FunctionType) and thing.__code__.co_filename in files:
                code = thing.__code__
                self.functions[files[code.co_filename], code.co_qualname, code.co_firstlineno].append(thing)

    def apply(self, mutant: Mutant) -> bool:
        """False if there is nothing to change, or Python does not allow it."""
        module = self.modules[mutant.path]
        tree = mutated(mutant, read(ROOT, mutant.path))
        statement = tree.body[mutant.statement]
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
            exec(compile(ast.Module([statement], []), str(module.__file__), "exec"), module.__dict__)
            return True
        first, last = min([statement.lineno, *(d.lineno for d in statement.decorator_list)]), statement.end_lineno or 0
        done = False
        for code in _codes(compile(tree, str(module.__file__), "exec")):
            if first <= code.co_firstlineno <= last:
                for function in self.functions.get((mutant.path, code.co_qualname, code.co_firstlineno), ()):
                    if len(function.__code__.co_freevars) == len(code.co_freevars):
                        function.__code__ = code
                        done = True
        return done


# ---------------------------------------------------------------- running tests in forked processes

def fork(work: Callable[[], int]) -> int:
    """The id of a child that runs `work` in silence and ends with its answer."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    status = 3
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        status = work()
    finally:
        os._exit(status)


def passes(item: pytest.Item) -> bool:
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def trace_lines(item: pytest.Item, files: dict[str, str]) -> tuple[bool, set[tuple[str, int]], float]:
    """Whether a test passes, the lines of the files it reaches, and the seconds it takes."""
    reached: set[tuple[str, int]] = set()

    def in_file(frame: FrameType, event: str, _: Any) -> Any:
        reached.add((files[frame.f_code.co_filename], frame.f_lineno))
        return in_file

    def tracer(frame: FrameType, event: str, _: Any) -> Any:
        return in_file(frame, event, _) if frame.f_code.co_filename in files else None

    sys.settrace(tracer)
    start = time.perf_counter()
    try:
        return passes(item), reached, time.perf_counter() - start
    finally:
        sys.settrace(None)


def limit_examples(item: pytest.Item, number: int) -> None:
    from hypothesis import Phase, settings  # not before pytest, which warns when a plugin was imported first

    test = getattr(item, "obj", None)
    if hasattr(test, "_hypothesis_internal_use_settings"):
        test._hypothesis_internal_use_settings = settings(
            test._hypothesis_internal_use_settings, max_examples=number, phases=[Phase.explicit, Phase.generate], database=None,
            derandomize=True, report_multiple_bugs=False,
        )


class Runner:
    """A pytest plugin that runs the tests its own way: once for the lines they reach, then against mutants."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.jobs = os.cpu_count() or 1
        self.status = 2

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            limit_examples(item, EXAMPLES)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        start = time.perf_counter()
        paths = [p for p in sources() if any(part in p for part in self.options.files or [""])]
        print(f"{len(session.items)} tests run once, to see what they reach", flush=True)
        self.patcher = Patcher(paths)
        self.items = session.items
        self.reach = self._reach(session.items)
        gc.collect()
        gc.freeze()                                   # children share this memory as it is
        print(f"done in {time.perf_counter() - start:.0f} s", flush=True)
        found = [m for p in paths for m in mutants(p, read(ROOT, p))]
        found.sort(key=_lot)
        results = self._meet(found, start)
        self.status = report(results, len(found), self.options.all)
        return True

    def _reach(self, items: list[pytest.Item]) -> dict[tuple[str, int], list[tuple[float, pytest.Item]]]:
        """Line → (seconds, test) of the tests that reach it, those that reach least first."""
        files = {str(module.__file__): path for path, module in self.patcher.modules.items()}
        with tempfile.TemporaryDirectory() as folder:

            def work(part: int) -> int:
                rows = [trace_lines(item, files) for item in items[part::self.jobs]]
                Path(folder, str(part)).write_bytes(pickle.dumps(rows))
                return 0

            for child in [fork(lambda part=part: work(part)) for part in range(self.jobs)]:
                os.waitpid(child, 0)
            rows: list[Any] = [None] * len(items)
            for part in range(self.jobs):
                rows[part::self.jobs] = pickle.loads(Path(folder, str(part)).read_bytes())
        failing = [item.nodeid for item, (passed, _, _) in zip(items, rows, strict=True) if not passed]
        if failing:
            raise SystemExit("without any mutant these fail:\n  " + "\n  ".join(failing))
        reach: dict[tuple[str, int], list[tuple[float, pytest.Item]]] = defaultdict(list)
        for item, (_, lines, seconds) in sorted(zip(items, rows, strict=True), key=lambda pair: len(pair[1][1])):
            for line in lines:
                reach[line].append((seconds, item))
        return reach

    def _tests_for(self, mutant: Mutant) -> list[pytest.Item]:
        found: dict[str, pytest.Item] = {}
        for line in range(mutant.line, mutant.last_line + 1):
            for _, item in self.reach.get((mutant.path, line), ()):
                found.setdefault(item.nodeid, item)
        if not found and not self._inside_a_function(mutant):
            for (path, _), tests in self.reach.items():      # run at import: what uses the file, then all else
                if path == mutant.path:
                    found.update((item.nodeid, item) for _, item in tests)
            for item in self.items:
                found.setdefault(item.nodeid, item)
        return list(found.values())

    def _inside_a_function(self, mutant: Mutant) -> bool:
        statement = ast.parse(read(ROOT, mutant.path)).body[mutant.statement]
        return isinstance(statement, ast.FunctionDef | ast.ClassDef)

    def _meet(self, found: list[Mutant], start: float) -> dict[Mutant, str]:
        """Mutant → killed, survived, not reached: for as many as time allows."""
        running: dict[int, Mutant] = {}
        results: dict[Mutant, str] = {}
        waiting = iter(found[: self.options.most])
        out_of_time = False
        while True:
            while len(running) < self.jobs and not out_of_time:
                if not self.options.all and time.perf_counter() - start > self.options.budget:
                    out_of_time = True
                    break
                mutant = next(waiting, None)
                if mutant is None:
                    break
                tests = self._tests_for(mutant)
                if not tests:
                    results[mutant] = "no test reaches it"
                    continue
                running[fork(lambda mutant=mutant, tests=tests: self._face(mutant, tests))] = mutant
            if not running:
                return results
            child, status = os.wait()
            mutant = running.pop(child)
            code = os.waitstatus_to_exitcode(status)
            results[mutant] = {SURVIVED: "survived", INAPPLICABLE: "not applicable"}.get(code, "killed")
            if len(results) % 200 == 0:
                print(f"  {len(results)} of {len(found)} after {time.perf_counter() - start:.0f} s", flush=True)

    def _face(self, mutant: Mutant, tests: list[pytest.Item]) -> int:
        try:
            if not self.patcher.apply(mutant):
                return INAPPLICABLE
        except Exception:
            return KILLED                             # the table itself refuses it

        def survives(item: pytest.Item) -> bool:
            signal.alarm(PATIENCE)
            return passes(item)

        if not all(survives(item) for item in tests):
            return KILLED
        for item in tests[:CLOSEST]:
            limit_examples(item, THOROUGH)
        return SURVIVED if all(survives(item) for item in tests[:CLOSEST]) else KILLED


def _lot(mutant: Mutant) -> str:
    """Its place in the order in which mutants are tried: by chance, and the same whatever changes elsewhere."""
    name = f"{mutant.path}\n{mutant.text}\n{mutant.change}\n{mutant.variant}"
    return hashlib.sha256(name.encode()).hexdigest()


# ---------------------------------------------------------------- what came out

def report(results: dict[Mutant, str], of: int, complete: bool) -> int:
    rows = tomllib.loads(EXPLAINED.read_text(encoding="utf-8")).get("mutant", [])
    reasons = {(row["file"], row["line"], row["change"]): row["reason"] for row in rows}
    killed = sum(result == "killed" for result in results.values())
    alive = [m for m, result in results.items() if result in ("survived", "no test reaches it")]
    unexplained = [m for m in alive if (m.path, m.text, m.change) not in reasons]
    explained = len(alive) - len(unexplained)
    if of and not results:
        print("no time was left for any mutant: give a larger --budget")
        return 2
    print(f"\n{killed} of {len(results)} mutants killed ({of} there are); {explained} survivors are explained")
    for m in sorted(unexplained, key=lambda m: (m.path, m.line)):
        print(f"{m}\n    {m.text}\n    {results[m]}")
    used = {(m.path, m.text, m.change) for m in alive}
    met = {m.path for m in results}
    stale = [key for key in reasons if key not in used and key[0] in met] if complete else []
    for path, line, change in stale:
        print(f"explained.toml explains what is killed or gone: {path}: {line}: {change}")
    return 1 if unexplained or stale else 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", help="parts of paths; all by default")
    parser.add_argument("--all", action="store_true", help="every mutant, however long it takes")
    parser.add_argument("--most", type=int, metavar="N", help="the first N, whatever the time: on any machine the same")
    parser.add_argument("--budget", type=float, default=240.0, metavar="SECONDS", help="for all of it (default 240)")
    runner = Runner(parser.parse_args(arguments))
    os.chdir(ROOT)
    tests = [t for t in TESTS if (ROOT / t).exists()]
    flags = ["-s", "-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:xdist", "-o", "addopts=--import-mode=importlib"]
    code = pytest.main([*flags, "-m", "not slow and not parity and not gpu", *tests], plugins=[runner])
    if code not in (0, 5):
        print(f"the tests could not be collected (pytest's status {int(code)}): run {' '.join(tests)}")
        return 2
    return runner.status
