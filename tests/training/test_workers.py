"""Threads, processes and MPI's ranks do one and the same thing, to the last bit; none is left waiting when one is gone."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from tests.project.source import ROOT
from tests.training.support import KINDS, config_of, model_of, objective_of, sources_of
from tinyllm.autograd import modes, no_grad
from tinyllm.backend import generator, randomness
from tinyllm.nn import Parameter
from tinyllm.optim import AdamW
from tinyllm.training import Processes, Threads, WorkerDied, train
from tinyllm.training.shards import Shards
from tinyllm.training.workers.processes import can_fork
from tinyllm.training.workers.workers import TILE, add_in_order

needs_fork = pytest.mark.skipif(not can_fork(), reason="no safe fork here")
MAKERS = [Threads, pytest.param(Processes, marks=needs_fork)]


def trained(kind: str, optimizer: str, n: int, processes: bool, **changes):
    model = model_of(kind)
    source, held_out = sources_of(kind)
    config = config_of(workers=n, processes=processes, optimizer=optimizer, steps=6, eval_every=3, **changes)
    history = train(model, objective_of(kind), source, held_out, config, progress=False)
    return model.state_dict(), history


@pytest.mark.parametrize("kind, optimizer, n, accumulation", [
    *((kind, "adamw", 2, 1) for kind in KINDS), ("causal", "muon", 3, 2), ("masked", "sgd", 5, 2), ("tags", "muon", 7, 1),
])
@needs_fork
def test_processes_give_the_bits_of_threads(kind, optimizer, n, accumulation):
    """Weights and every number on the way, dropout too; more workers than rows leave some without work."""
    (weights, history), (others, other) = (trained(kind, optimizer, n, p, accumulation=accumulation) for p in (False, True))
    assert all(np.array_equal(weights[name], others[name]) for name in weights)
    for one, two in zip(history.train + history.valid, other.train + other.valid, strict=True):
        assert {**one, "tokens_per_second": 0} == {**two, "tokens_per_second": 0}


@pytest.mark.parametrize("make", MAKERS)
def test_what_each_finds_comes_to_all_in_order(make):
    with make(3) as workers:
        seen = [workers.of_all(lambda i, x=x: (i, x)) for x in range(50)]
        shared = workers.collect(workers.rank)
    assert seen == [[(0, x), (1, x), (2, x)] for x in range(50)]
    assert shared == ([0] if make is Threads else [0, 1, 2])


@pytest.mark.parametrize("make", MAKERS)
def test_an_exception_of_a_worker_is_raised_as_itself(make):
    def work(i: int) -> None:
        if i == 1:
            raise KeyError(f"part {i}")

    with pytest.raises(KeyError, match="part 1"), make(3) as workers:
        workers.of_all(work)
    with pytest.raises(ValueError, match="0 workers"):
        make(0)


class Awkward(Exception):
    """Pickles, and does not unpickle."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} in {where}")


@needs_fork
@pytest.mark.parametrize("error, raised, said", [
    (EOFError("the file ended"), EOFError, "the file ended"),               # no sign that rank 0 is gone
    (Awkward("a flaw", "the model"), RuntimeError, "Awkward: a flaw in the model"),
])
def test_any_exception_of_a_process_arrives_with_its_traceback(error, raised, said):
    def fails_here(i: int) -> None:
        if i == 1:
            raise error

    with pytest.raises(raised, match=said) as caught, Processes(2) as workers:
        workers.of_all(fails_here)
    assert "fails_here" in "".join(caught.value.__notes__)


@needs_fork
def test_a_process_that_cannot_be_started_leaves_none_behind(monkeypatch):
    threads = [pool["num_threads"] for pool in threadpool_info()]
    children = []

    def fork() -> int:
        if children:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        children.append(os.fork())
        return children[0]

    monkeypatch.setattr("tinyllm.training.workers.processes._fork", fork)
    with pytest.raises(OSError, match=r"process 2 of 3 could not be started .*: take fewer workers, or threads"), Processes(3):
        pass
    with pytest.raises(ChildProcessError):
        os.waitpid(children[0], 0)
    assert [pool["num_threads"] for pool in threadpool_info()] == threads


@needs_fork
def test_after_training_the_weights_are_this_processs_own():
    model = model_of("causal")
    source, _ = sources_of("causal")
    train(model, objective_of("causal"), source, None, config_of(workers=2, processes=True, steps=3), progress=False)
    before = model.state_dict()
    child = os.fork()
    if not child:
        for parameter in model.parameters():
            parameter.data += 1.0
        os._exit(0)
    os.waitpid(child, 0)
    assert all(np.array_equal(array, before[name]) for name, array in model.state_dict().items())


@needs_fork
def test_a_killed_process_is_missed_at_once():
    with pytest.raises(WorkerDied, match="process 1 of 3 was ended by SIGKILL"), Processes(3) as workers:
        workers.collect(None)
        if workers.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        workers.collect(None)


@needs_fork
def test_a_process_that_is_killed_after_it_spoke_is_missed_too():
    """Its pipe breaks when the first process answers: no BrokenPipeError, by which a program means that nobody reads on."""
    with pytest.raises(WorkerDied, match="process 1 of 2 was ended by SIGKILL"), Processes(2) as workers:
        if workers.rank == 1:
            workers._first.send(None)
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitid(os.P_PID, workers._children[1], os.WEXITED | os.WNOWAIT)
        workers.collect(None)


@needs_fork
def test_no_process_outlives_the_block_whatever_ends_it():
    children = []
    for error in (None, ValueError("the first process fails")):
        try:
            with Processes(3) as workers:
                children += workers.collect(os.getpid())[1:]
                if error is not None and workers.rank == 0:
                    raise error
                workers.collect(None)
        except ValueError as raised:
            assert raised is error
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


@needs_fork
def test_when_the_first_process_is_killed_the_others_end():
    program = (
        "import os, time\nfrom tinyllm.training import Processes\n"
        "with Processes(3) as workers:\n"
        "    pids = workers.collect(os.getpid())\n"
        "    if workers.rank == 0: print(*pids, flush=True); time.sleep(60)\n"
        "    workers.collect(None)\n"
    )
    first = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in first.stdout.readline().split()]
    first.kill()
    first.communicate(timeout=30)
    waited = time.monotonic() + 30
    while any(_alive(pid) for pid in pids) and time.monotonic() < waited:
        time.sleep(0.01)
    assert len(pids) == 3 and not any(_alive(pid) for pid in pids)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_threads_have_the_callers_modes_and_one_blas_thread_each():
    def look(i: int):
        barrier.wait(timeout=30)            # all three at the same time
        with one_looks:                     # it walks through the libraries of the process
            blas = {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}
        return threading.current_thread().name, modes.current().recording, generator().random(), blas

    before = {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}
    barrier, one_looks = threading.Barrier(3), threading.Lock()
    with Threads(3) as workers, no_grad(), randomness(7):
        seen = workers.each(look)
    assert len({name for name, *_ in seen}) == 3
    assert [recording for _, recording, *_ in seen] == [False] * 3
    assert [blas for *_, blas in seen] == [{1}] * 3
    assert {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"} == before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tinyllm-worker")]


@needs_fork
def test_processes_are_the_default_where_forking_is_safe():
    """In a fresh program, with or without a progress bar that was shown before; not beside a thread of somebody else."""
    program = (
        "import io, threading\nfrom tqdm import tqdm\nfrom tinyllm.training import choose_workers\n"
        "kinds = [type(choose_workers(2)).__name__]\n"
        "for _ in tqdm(range(3), file=io.StringIO()): pass\n"
        "kinds += [threading.active_count(), type(choose_workers(2)).__name__]\n"
        "done = threading.Event(); thread = threading.Thread(target=done.wait); thread.start()\n"
        "kinds += [type(choose_workers(n, p)).__name__ for n, p in ((2, None), (2, True), (1, True), (2, False))]\n"
        "done.set(); print(*kinds)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["Processes", "2", "Processes", "Threads", "Processes", "Threads", "Threads"]


# ---------------------------------------------------------------- shards

@given(st.lists(st.lists(st.integers(1, 5), min_size=0, max_size=3), min_size=1, max_size=12), st.integers(1, 5))
def test_shards_hold_every_parameter_once_and_whole(shapes, n):
    parameters = [Parameter(np.random.default_rng(i).normal(size=shape)) for i, shape in enumerate(shapes)]
    values = [parameter.data.copy() for parameter in parameters]
    groups = [{"params": parameters[::2]}, {"params": parameters[1::2], "lr": 0.5}]
    optimizer = AdamW([group for group in groups if group["params"]])
    shards = Shards(parameters, optimizer, Threads(n))
    assert sorted(place for places in shards.places for place in places) == list(range(len(parameters)))
    assert sorted(i for bucket in shards.buckets for i in bucket) == list(range(len(parameters)))
    assert [part.stop for part in shards.parts] == [part.start for part in shards.parts[1:]] + [shards.data.size]
    for parameter, value in zip(parameters, values, strict=True):
        assert np.array_equal(parameter.data, value) and np.shares_memory(parameter.data, shards.data)
    largest = max(parameter.size for parameter in parameters)
    sizes = [part.stop - part.start for part in shards.parts]
    assert max(sizes) <= min(sizes) + largest


@given(st.integers(1, 5), st.integers(0, 3), st.integers(-2, 2), st.data())
def test_rows_are_added_in_order(n, tiles, more, data):
    size = max(0, tiles * TILE + more)
    rows = np.random.default_rng(0).normal(size=(n, size)).astype(np.float32)
    expected = rows[0].copy()
    for row in rows[1:]:
        expected = expected + row
    into = data.draw(st.integers(0, n - 1))
    assert np.array_equal(add_in_order(list(rows), rows[into]), expected)
    assert np.array_equal(rows[into], expected)
