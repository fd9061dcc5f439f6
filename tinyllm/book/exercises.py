"""Exercises that grade themselves: a reader's function is tried on drawn cases, and the smallest failing one is shown.

An exercise knows the right answer and a few wrong ones that readers are likely to give. A wrong answer is told apart by what it
does: if the reader's function answers like a known mistake on every case tried, the hint is the one for that mistake.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from .compare import difference, plain

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True)
class Mistake:
    """A plausible wrong answer, and the hint that leads away from it."""

    answer: Any
    hint: str


def call(answer: Callable, *args: Any) -> Any:
    """What is done with an answer unless the exercise says otherwise: it is called."""
    return answer(*args)


@dataclass(frozen=True)
class Exercise:
    """What is asked, what is right, and how it is tried.

    `expected` is the right answer: a value, or a function that `inputs` (a hypothesis strategy of argument tuples, see `draws`)
    gives arguments to. `run(answer, *args)` is what must agree between the reader's answer and the right one: the result of
    calling it, unless given. `hint` is shown for a wrong answer that is none of the `mistakes`.
    """

    title: str
    expected: Any
    inputs: SearchStrategy[tuple] | None = None
    mistakes: tuple[Mistake, ...] = ()
    hint: str = ""
    run: Callable[..., Any] = call
    rtol: float = 1e-5
    atol: float = 1e-8
    examples: int = 60


class Case(NamedTuple):
    """Arguments, and what came of them: a value, or the exception raised."""

    args: tuple
    got: Any
    expected: Any
    problem: str


@dataclass(frozen=True)
class Result:
    """What became of an answer. As text: what the reader is told."""

    state: Literal["solved", "wrong", "unsolved"]
    number: int
    title: str
    tried: int = 0
    case: Case | None = None
    names: tuple[str, ...] = field(default=())
    hint: str = ""

    def __str__(self) -> str:
        head = f"Exercise {self.number}, {self.title}: "
        if self.state == "solved":
            return head + ("right." if self.tried == 0 else f"right, on {self.tried} drawn cases.")
        if self.state == "unsolved":
            return head + "not solved yet. Replace the `...` by your answer and run the cell again."
        assert self.case is not None
        lines = [head + "not yet."]
        if self.case.args:
            given = [f"{name} = {shown(value)}" for name, value in zip(self.names, self.case.args, strict=True)]
            lines.append(_aligned("the smallest case that fails", "\n".join(given)))
        lines.append(_aligned("got", shown(self.case.got)))
        lines.append(_aligned("expected", shown(self.case.expected)))
        lines.append(_aligned("difference", self.case.problem))
        if self.hint:
            lines.append(_aligned("hint", self.hint))
        return "\n".join(lines)


def grade(number: int, exercise: Exercise, answer: Any) -> Result:
    """Try an answer. Nothing the answer does (raising, changing its arguments) gets out of here, but Ctrl-C does."""
    if answer is None or answer is ...:
        return Result("unsolved", number, exercise.title)
    if exercise.inputs is None:
        case = _try(exercise, answer, ())
        if not case.problem:
            return Result("solved", number, exercise.title)
        return Result("wrong", number, exercise.title, case=case, hint=_hint(exercise, answer))
    if not callable(answer):
        case = Case((), answer, "a function", "no function")
        return Result("wrong", number, exercise.title, case=case, hint="Give the function itself, without calling it.")
    tried, failed = _search(exercise, answer)
    if failed is None:
        return Result("solved", number, exercise.title, tried)
    if failed.got is None or isinstance(failed.got, NotImplementedError):
        return Result("unsolved", number, exercise.title)
    names = _argument_names(exercise.expected, len(failed.args))
    return Result("wrong", number, exercise.title, tried, failed, names, _hint(exercise, answer))


class _Fails(Exception):
    pass


def _search(exercise: Exercise, answer: Any) -> tuple[int, Case | None]:
    """How many cases were tried, and the smallest that fails, if any."""
    tried, failed = 0, list[Case]()

    def attempt(args: tuple) -> None:
        nonlocal tried
        tried += 1
        case = _try(exercise, answer, args)
        if case.problem:
            failed.append(case)                         # the last one replayed is the smallest
            raise _Fails

    with contextlib.suppress(_Fails):
        _on_drawn(exercise, attempt)
    return tried, failed[-1] if failed else None


def _on_drawn(exercise: Exercise, attempt: Callable[[tuple], None]) -> None:
    """Hand drawn arguments to `attempt`, and ever smaller ones once it raises. The same ones every time."""
    try:
        import hypothesis
    except ImportError as error:
        raise ImportError("exercises are checked with hypothesis: pip install tinyllm[lessons]") from error
    settings = hypothesis.settings(
        max_examples=exercise.examples, derandomize=True, database=None, deadline=None, report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck), phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
    )
    assert exercise.inputs is not None
    with _quiet():
        settings(hypothesis.given(exercise.inputs)(lambda args: attempt(args)))()


def _try(exercise: Exercise, answer: Any, args: tuple) -> Case:
    given = exercise.inputs is not None
    expected = _outcome(exercise.run, exercise.expected, args) if given else exercise.expected
    got = _outcome(exercise.run, answer, args) if given else answer
    if isinstance(expected, Exception):                 # the right answer may be to refuse
        problem = "" if isinstance(got, type(expected)) else "no error, where one is due"
    elif isinstance(got, Exception):
        problem = "your function stops with an error"
    else:
        problem = difference(got, expected, exercise.rtol, exercise.atol) or ""
    return Case(args, got, expected, problem)


def _outcome(run: Callable, answer: Any, args: tuple) -> Any:
    """What comes back, or the exception. Arguments are copies: an answer that writes into them spoils nothing."""
    try:
        with _quiet():
            return run(answer, *copy.deepcopy(args))
    except Exception as error:
        return error


def _hint(exercise: Exercise, answer: Any) -> str:
    """That of the mistake which answers as the reader does, on every case drawn; else the general one."""
    cases: list[tuple] = []
    if exercise.inputs is None:
        cases.append(())
    else:
        _on_drawn(exercise, cases.append)
    mine = [_try(exercise, answer, args).got for args in cases]
    for mistake in exercise.mistakes:
        theirs = (_try(exercise, mistake.answer, args).got for args in cases)
        if all(_alike(a, b, exercise) for a, b in zip(mine, theirs, strict=True)):
            return mistake.hint
    return exercise.hint


def _alike(a: Any, b: Any, exercise: Exercise) -> bool:
    if isinstance(a, Exception) or isinstance(b, Exception):
        return type(a) is type(b)
    return difference(a, b, exercise.rtol, exercise.atol) is None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Warnings are not the lesson's subject: an overflow shows in the numbers."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _argument_names(function: Callable, n: int) -> tuple[str, ...]:
    try:
        names = tuple(inspect.signature(function).parameters)[:n]
    except (TypeError, ValueError):                     # NumPy's own functions tell no names
        names = ()
    return names if len(names) == n else tuple(f"argument {i + 1}" for i in range(n))


def shown(value: Any) -> str:
    """A value as a reader types it, arrays in few digits."""
    if isinstance(value, Exception):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, tuple) and value:
        return "(" + ", ".join(map(shown, value)) + ("," if len(value) == 1 else "") + ")"
    value = plain(value)
    if not isinstance(value, np.ndarray):
        return repr(value)
    if value.ndim == 0:
        return f"{value.item():.6g}" if value.dtype.kind == "f" else repr(value.item())
    if 0 in value.shape:
        return f"an empty array of shape {value.shape}"
    return np.array2string(value, separator=", ", precision=5, suppress_small=True, threshold=60)


def _aligned(label: str, text: str) -> str:
    head = f"  {label + ':':<30}"
    return head + text.replace("\n", "\n" + " " * len(head))
