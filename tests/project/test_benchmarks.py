"""The benchmark harness compares like with like: it refuses a contender that computes something else, and names a missing
peer."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.benchmarks import report
from tests.benchmarks.configs import CONFIGS, SIZES
from tests.benchmarks.report import Options, Result
from tests.benchmarks.rounds import Contender, Disagreement, compare
from tests.benchmarks.sections import training
from tests.benchmarks.server import Failed, Server

TINYLLM = Contender("tinyllm, 1 thread", "tests.benchmarks.peers.tinyllm:build", {"config": "tiny"})
PRODUCTS = Contender("its matrix products alone", "tests.benchmarks.peers.products:build", {"config": "tiny"}, compared=False)
HERE = "tests.project.test_benchmarks"


def something_else() -> Callable[[], float]:
    return lambda: 1.0


def needs_what_is_nowhere() -> Callable[[], float]:
    import a_package_that_is_nowhere  # type: ignore[import-not-found]

    return a_package_that_is_nowhere.step


def fails() -> Callable[[], float]:
    raise ValueError("a shape does not fit")


def test_every_contender_gets_a_time_and_a_memory():
    formulas = Contender("formulas only, 1 thread", TINYLLM.target, {"config": "tiny", "formulas": True})
    absent = Contender("Nowhere, 1 thread", f"{HERE}:needs_what_is_nowhere")
    found = compare([TINYLLM, formulas, PRODUCTS, absent], rounds=2, steps_a_round=2)
    assert found[absent.name] == {"missing": "a_package_that_is_nowhere", "threads": 1}
    for contender in (TINYLLM, formulas, PRODUCTS):
        of = found[contender.name]
        assert len(of["rounds"]) == 2 and of["ms"] > 0
        assert of["peak_mb"] >= of["imports_mb"] > 5
    shown = "\n".join(training.rows(found))
    assert "a_package_that_is_nowhere is not installed" in shown
    assert all(f"| {name} |" in shown for name in found)


def test_a_contender_that_computes_something_else_is_refused():
    with pytest.raises(Disagreement, match="Odd computes something else than tinyllm"):
        compare([TINYLLM, Contender("Odd", f"{HERE}:something_else")], rounds=1, steps_a_round=1)


def test_each_twin_is_measured_by_itself_on_every_call_of_a_step():
    with Server(1) as server:
        found = server.ask("call", target="tests.benchmarks.peers.one_twin:alone", options={"config": "tiny", "rounds": 1})
    layers = CONFIGS["tiny"].layers
    assert {name: of["calls"] for name, of in found.items()} == {
        "linear": 6 * layers + 1, "gelu": layers, "cross_entropy": 1, "layer_norm": 2 * layers + 1, "embedding": 1,
        "attention": layers,
    }
    assert all(of["twin_ms"] > 0 and of["formula_ms"] > 0 for of in found.values())


def test_a_contender_that_fails_says_why():
    with Server(1) as server, pytest.raises(Failed, match="a shape does not fit"):
        server.build(f"{HERE}:fails")


def test_each_process_computes_on_the_threads_it_was_given():
    with Server(1) as server:
        assert server.ask("call", target=f"{HERE}:blas_threads", options={}) == [1]


def blas_threads() -> list[int]:
    import numpy  # noqa: F401 (BLAS must be there to be asked)
    from threadpoolctl import threadpool_info

    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_shares_add_up_to_the_whole():
    with Server(1) as server:
        found = server.ask("call", target="tests.benchmarks.sections.shares:measure", options={"config": "tiny", "steps": 2})
    parts = {name: value for name, value in found.items() if name != "step_ms"}
    assert sum(parts.values()) == pytest.approx(100)
    assert {"linear", "attention", "norm", "activation", "loss", "embedding", "optimiser", "rest"} <= parts.keys()


def test_the_first_contender_is_ours_and_quick_leaves_compiling_out():
    found = training.contenders("tiny", "weights.npz", Options(cores=2, quick=True))
    assert found[0].name == "tinyllm, 2 workers"
    assert not any("compile" in contender.name for contender in found)
    assert CONFIGS.keys() - set(training.DEFAULT) == {"tiny", *SIZES}


def test_results_name_machine_and_command(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    report.save(Result("some", "Some numbers", report.table(["a", "b"], [[1, None]]), {"found": {"a": 1}}))
    page = (tmp_path / "some.md").read_text(encoding="utf-8")
    assert page.startswith("# Some numbers\n") and "| 1 | – |" in page
    assert "Python" in page and "python -m tests.benchmarks" in page
    assert json.loads((tmp_path / "some.json").read_text(encoding="utf-8"))["found"] == {"a": 1}
