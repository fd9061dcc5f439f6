"""A run killed with SIGKILL at random moments, in training and in saving, ends with the bytes of an undisturbed run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.cli import task_data
from tests.project.source import ROOT
from tinyllm.cli.tasks import TASKS
from tinyllm.training import read_records

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")

SAME = ["--dropout", "0.2", "--eval-every", "2", "--workers", "2", "--seed", "3", "--quiet", "--resume"]
OPTIONS = ["--tokenizer", "char", "--layers", "1", "--heads", "2", "--width", "16", "--context", "16", "--batch", "4"]


def start(text: Path, out: Path, steps: int) -> subprocess.Popen:
    """A run, or its continuation: the same command starts and resumes."""
    return launch(["pretrain", "--text", str(text), *OPTIONS, *SAME, "--steps", str(steps), "--out", str(out)])


def launch(arguments: list[str]) -> subprocess.Popen:
    command = [sys.executable, "-m", "tinyllm", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> None:
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err


def killed(process: subprocess.Popen, run: Path, delay: float) -> bool:
    """SIGKILL so long after the loop began to write; False where the run was done before."""
    metrics = run / "metrics.jsonl"
    before = metrics.stat().st_mtime_ns if metrics.exists() else 0
    while process.poll() is None and (not metrics.exists() or metrics.stat().st_mtime_ns == before):
        time.sleep(0.001)
    time.sleep(delay)
    process.kill()
    _, err = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGKILL), err
    return process.returncode != 0


def compare(whole: Path, parts: Path) -> None:
    for folder in ("last", "best"):
        assert sorted(os.listdir(whole / folder)) == sorted(os.listdir(parts / folder))
        for name in os.listdir(whole / folder):
            assert (whole / folder / name).read_bytes() == (parts / folder / name).read_bytes(), f"{folder}/{name} differs"
    records = [read_records(run / "metrics.jsonl") for run in (whole, parts)]
    for one, other in zip(*records, strict=True):
        assert {**one, "tokens_per_second": 0} == {**other, "tokens_per_second": 0}
    assert sorted(os.listdir(whole)) == sorted(os.listdir(parts)), "something of a killed run was left behind"


@pytest.mark.parametrize("kills, steps", [(2, 100), pytest.param(20, 400, marks=pytest.mark.slow)])
def test_killed_again_and_again(tmp_path, kills, steps):
    text = tmp_path / "book.txt"
    text.write_text("the value of the key is the number of the line in the file. " * 30)
    finish(start(text, tmp_path / "whole", steps))
    rng = np.random.default_rng(kills)
    interrupted, in_saving = 0, 0
    for _ in range(kills):
        delay = float(rng.uniform(0, steps / 200 / kills))
        interrupted += killed(start(text, tmp_path / "parts", steps), tmp_path / "parts", delay)
        in_saving += any(name.endswith((".writing", ".old")) for name in os.listdir(tmp_path / "parts"))
    assert interrupted >= kills - 1, "the run was over too soon: it needs more steps"
    if kills > 10:
        assert in_saving, "no kill came while a checkpoint was being written"
    finish(start(text, tmp_path / "parts", steps))
    compare(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc here")
def test_a_killed_worker_ends_the_run_with_a_sentence_and_loses_nothing(tmp_path):
    text = tmp_path / "book.txt"
    text.write_text("the value of the key is the number of the line in the file. " * 30)
    finish(start(text, tmp_path / "whole", 400))        # so long that it is not over before the kill on a busy machine
    process = start(text, tmp_path / "parts", 400)
    while process.poll() is None and not (tmp_path / "parts" / "last").exists():
        time.sleep(0.001)
    worker = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
    os.kill(worker, signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "error: process 1 of 2 was ended by SIGKILL" in err and "resume" in err
    finish(start(text, tmp_path / "parts", 400))
    compare(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_killed_and_ends_with_the_same_numbers(tmp_path, task):
    """Those of its test too, which is made after training."""
    file = task_data.write(tmp_path, task)
    if task == "language":
        finish(start(task_data.write(tmp_path, task), tmp_path / "before", 2))

    def run(out: str) -> subprocess.Popen:
        return launch(task_data.command(task, file, tmp_path / "before", tmp_path / out, "--steps", 40, *SAME))

    finish(run("whole"))
    rng, interrupted = np.random.default_rng(1), 0
    for _ in range(3):
        interrupted += killed(run("parts"), tmp_path / "parts", float(rng.uniform(0, 0.15)))
    assert interrupted, "the run was over too soon: it needs more steps"
    finish(run("parts"))
    compare(tmp_path / "whole", tmp_path / "parts")
    assert (tmp_path / "whole" / "test.json").read_bytes() == (tmp_path / "parts" / "test.json").read_bytes()
