"""The mutants themselves: what they change, that all else stays, and that putting one in place takes effect."""

from __future__ import annotations

import ast
import os
import tomllib

import numpy as np
import pytest

import tinyllm
from tests.mutants.mutations import mutants, mutated, read
from tests.mutants.run import EXPLAINED, KILLED, ROOT, SURVIVED, Patcher, fork, sources

SAMPLE = '''
"""Docstring with 1 + 1."""
import numpy as np

SCALE = 0.5

def f(g, x, k=1):
    """Not 2 * 3."""
    if x.ndim < 1:
        raise ValueError(f"{x.ndim + 1}")
    return -g * np.where(x > 0, SCALE, 0.0), x[1:]

defvjp(np.exp, lambda g, y, _x: g * y, lambda g, y, x: g)
'''


def changes() -> list[str]:
    return [m.change for m in mutants("sample.py", SAMPLE)]


@pytest.mark.parametrize(
    "change",
    [
        "0.5  →  1.0", "-g  →  g", "x > 0  →  x >= 0", "x.ndim < 1  →  x.ndim <= 1", "1  →  2", "g * y  →  g / y",
        "g * y  →  g", "g * y  →  y",
        "np.where(x > 0, SCALE, 0.0)  →  SCALE", "lambda g, y, _x: g * y  →  lambda g, y, _x: -(g * y)",
        "defvjp(np.exp, lambda g, y, _x: g * y, lambda g, y, x: g)  →  "
        "defvjp(np.exp, lambda g, y, x: g, lambda g, y, _x: g * y)",
    ],
)
def test_ways_to_break_a_formula(change: str) -> None:
    assert change in changes()


def test_messages_docstrings_and_defaults_are_left_alone() -> None:
    assert not any("ndim + 1" in change or "2 * 3" in change or "1 + 1" in change for change in changes())
    assert changes().count("1  →  2") == 2            # the comparison and the slice, not the default of k


def test_every_mutant_changes_one_thing_and_compiles() -> None:
    original = ast.dump(ast.parse(SAMPLE))
    found = mutants("sample.py", SAMPLE)
    trees = [ast.dump(mutated(m, SAMPLE)) for m in found]
    assert len(set(trees)) == len(trees) and original not in trees
    for m in found:
        compile(mutated(m, SAMPLE), "sample.py", "exec")


@pytest.mark.parametrize(("change", "status"), [("g * np.cos(x)  →  g", KILLED), (None, SURVIVED)])
def test_a_mutant_lives_in_its_own_process(change: str | None, status: int) -> None:
    slope, expected = lambda: tinyllm.grad(np.sin)(0.5), np.cos(np.float32(0.5))
    path = "tinyllm/autograd/rules/elementwise.py"
    found = [m for m in mutants(path, read(ROOT, path)) if m.change == change]
    patcher = Patcher([path])

    def work() -> int:
        for m in found:
            assert patcher.apply(m)
        return SURVIVED if slope() == expected else KILLED

    assert os.waitstatus_to_exitcode(os.waitpid(fork(work), 0)[1]) == status
    assert slope() == expected


def test_functions_are_changed_wherever_they_are_held() -> None:
    """A decorated composition, a formula and its twin, a helper imported by another module."""
    for path, change in [
        ("tinyllm/autograd/rules/reductions.py",
        "np.sqrt(np.var(x, axis=axis, ddof=ddof, keepdims=keepdims, correction=correction))"),
        ("tinyllm/autograd/rules/indexing.py", "np.zeros_like(values, shape=(math.prod(shape),))"),
    ]:
        m = next(m for m in mutants(path, read(ROOT, path)) if m.change.startswith(change[:50]))
        patcher = Patcher([path])

        def work(m=m, patcher=patcher) -> int:
            x = tinyllm.Tensor(np.array([1.0, 2.0, 5.0]), requires_grad=True)

            def run() -> list:
                return [np.std(x).item(), tinyllm.scatter_add(np.ones(2), np.array([0, 0]), (3,)).tolist()]

            before = run()
            patcher.apply(m)
            return KILLED if run() != before else SURVIVED

        assert os.waitstatus_to_exitcode(os.waitpid(fork(work), 0)[1]) == KILLED


def test_what_is_explained_exists() -> None:
    rows = tomllib.loads(EXPLAINED.read_text(encoding="utf-8")).get("mutant", [])
    known = {(m.path, m.text, m.change) for path in sources() for m in mutants(path, read(ROOT, path))}
    for row in rows:
        assert len(row["reason"]) > 15
        assert (row["file"], row["line"], row["change"]) in known, "explains a line or a change that is gone"
