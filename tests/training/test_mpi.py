"""Real ranks on one machine: `mpiexec -n …` gives the bytes of as many workers, and a rank that dies loses nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.project.source import ROOT
from tinyllm.training import load_checkpoint, read_records

pytest.importorskip("mpi4py", reason="mpi4py is not installed")
BIN = Path(sys.executable).parent
MPIEXEC = shutil.which("mpiexec", path=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(MPIEXEC is None, reason="no mpiexec here")]
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
RECIPE = ["--tokenizer", "char", "--layers", "1", "--heads", "2", "--width", "16", "--context", "16", "--batch", "6",
          "--dropout", "0.1", "--eval-every", "10", "--seed", "3", "--quiet"]


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("text") / "book.txt"
    path.write_text("the value of the key is the number of the line in the file. " * 30)
    return path


def command(text: Path, out: Path, *more: object) -> list[str]:
    line = ["-m", "tinyllm", "pretrain", "--text", str(text), "--out", str(out), *RECIPE, *map(str, more)]
    return [sys.executable, *line]


def start(n: int, line: list[str]) -> subprocess.Popen:
    ranks = [MPIEXEC, "-n", str(n)] if n > 1 else []
    pipes: dict = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*ranks, *line], cwd=ROOT, env=ONE_THREAD, text=True, **pipes)


def ended(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def weights(run: Path) -> np.ndarray:
    return np.concatenate([array.ravel() for _, array in sorted(load_checkpoint(run / "last").model.items())])


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_ranks_give_the_bytes_of_as_many_workers_and_nearly_those_of_one(text, tmp_path, optimizer):
    """One rank writes and speaks. After 20 steps the sums of one, two and three parts differ by rounding."""
    recipe = ["--steps", 20, "--optimizer", optimizer, "--dropout", 0]      # what is dropped depends on the number of parts
    spoken = []
    for n in (1, 2, 3):
        code, out, err = ended(start(n, command(text, tmp_path / f"ranks{n}", *recipe, *(["--workers", 1] if n == 1 else []))))
        assert code == 0, err
        spoken.append(out.count("Next:"))
        if n > 1:
            code, _, err = ended(start(1, command(text, tmp_path / f"workers{n}", *recipe, "--workers", n)))
            assert code == 0, err
            same(tmp_path / f"ranks{n}", tmp_path / f"workers{n}")
    assert spoken == [1, 1, 1]
    one = weights(tmp_path / "ranks1")
    for n in (2, 3):
        assert 0 < np.linalg.norm(weights(tmp_path / f"ranks{n}") - one) < 1e-3 * np.linalg.norm(one)


def same(one: Path, other: Path) -> None:
    for name in ("model.safetensors", "optimizer.safetensors"):
        assert (one / "last" / name).read_bytes() == (other / "last" / name).read_bytes(), name
    for a, b in zip(read_records(one / "metrics.jsonl"), read_records(other / "metrics.jsonl"), strict=True):
        assert {**a, "tokens_per_second": 0} == {**b, "tokens_per_second": 0}


def test_a_killed_rank_ends_the_job_and_loses_nothing(text, tmp_path):
    """Whichever it is. Resumed, the run ends with the bytes of an undisturbed one."""
    recipe = ["--steps", 300, "--resume"]
    assert ended(start(2, command(text, tmp_path / "whole", *recipe)))[0] == 0
    for victim in (0, 1):
        run = start(2, command(text, tmp_path / "parts", *recipe))
        metrics = tmp_path / "parts" / "metrics.jsonl"
        before = metrics.stat().st_mtime_ns if metrics.exists() else 0
        while run.poll() is None and (not metrics.exists() or metrics.stat().st_mtime_ns == before):
            time.sleep(0.001)
        time.sleep(0.05)
        os.kill(rank_of(run.pid, victim), signal.SIGKILL)
        code, out, err = ended(run)
        assert code != 0 and "BAD TERMINATION" in out + err, (code, out, err)
    code, _, err = ended(start(2, command(text, tmp_path / "parts", *recipe)))
    assert code == 0, err
    same(tmp_path / "whole", tmp_path / "parts")


def rank_of(mpiexec: int, rank: int) -> int:
    """The process of a rank: a descendant of mpiexec that was told so."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"PMI_RANK={rank}\0".encode() in (folder / "environ").read_bytes() and _descends(int(folder.name), mpiexec):
                return int(folder.name)
        except OSError:
            continue
    raise AssertionError(f"mpiexec has no rank {rank}")


def _descends(process: int, ancestor: int) -> bool:
    while process > 1 and process != ancestor:
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return process == ancestor


def test_what_is_wrong_is_said_once_and_ends_all_ranks(text, tmp_path):
    began = time.monotonic()
    code, out, err = ended(start(2, command(text, tmp_path / "run", "--context", "0")))
    assert code != 0 and (out + err).count("error: ") == 1
    code, out, err = ended(start(3, command(text, tmp_path / "run", "--workers", 2, "--steps", 2)))
    assert code != 0 and (out + err).count("2 workers are asked for, mpiexec started 3 ranks") == 1
    assert time.monotonic() - began < 60


def test_one_rank_that_fails_ends_the_others(tmp_path):
    program = tmp_path / "fails.py"
    program.write_text(
        "from tinyllm.training import Ranks\n"
        "workers = Ranks()\n"
        "if workers.rank == 1: raise ZeroDivisionError('rank 1 alone')\n"
        "workers.collect(None)\n"
    )
    code, out, err = ended(start(2, [sys.executable, str(program)]))
    assert code != 0 and "ZeroDivisionError: rank 1 alone" in out + err


def test_ctrl_c_saves_and_the_run_goes_on(text, tmp_path):
    recipe = ["--steps", 300, "--resume"]
    run = start(2, command(text, tmp_path / "run", *recipe))
    while run.poll() is None and not (tmp_path / "run" / "last").exists():
        time.sleep(0.001)
    os.kill(rank_of(run.pid, 1), signal.SIGINT)         # any rank may be the one that hears of it
    code, out, err = ended(run)
    assert code != 0 and "resume" in out + err
    assert ended(start(2, command(text, tmp_path / "run", *recipe)))[0] == 0
    assert ended(start(2, command(text, tmp_path / "whole", *recipe)))[0] == 0
    same(tmp_path / "whole", tmp_path / "run")


def test_ranks_with_a_gpu_each_give_the_numbers_of_workers(tmp_path):
    """On a stand-in, whose NCCL is MPI: rank r has card r, sums come to their owners, weights to all. To rounding."""
    program = tmp_path / "gpus.py"
    program.write_text(
        "import sys\n"
        "import numpy as np\n"
        "from tests.cupy_standin import install\n"
        "from tests.training.support import config_of, model_of, objective_of, sources_of\n"
        "from tinyllm.training import train\n"
        "from tinyllm.training.workers import first_rank, local_device, started_by_mpi\n"
        "with install(2):\n"
        "    model = model_of('masked', 0.0)\n"
        "    if started_by_mpi():\n"
        "        model.to(local_device('cuda'))\n"
        "    source, held_out = sources_of('masked')\n"
        "    config = config_of(workers=2, optimizer=sys.argv[2], steps=6)\n"
        "    history = train(model, objective_of('masked'), source, held_out, config, progress=False)\n"
        "    sys.stdout.write(f'{model.device} {history.best[\"loss\"]}\\n')\n"     # whole, among the other rank's
        "    if first_rank():\n"
        "        np.savez(sys.argv[1], **model.state_dict())\n"
    )
    for optimizer in ("adamw", "muon"):
        found = []
        for n in (1, 2):
            file = tmp_path / f"{optimizer}{n}.npz"
            code, out, err = ended(start(n, [sys.executable, str(program), str(file), optimizer]))
            assert code == 0, err
            assert sorted(line.split()[0] for line in out.splitlines()) == (["cpu"] if n == 1 else ["cuda:0", "cuda:1"])
            assert len({line.split()[1] for line in out.splitlines()}) == 1
            found.append(dict(np.load(file)))
        for name, array in found[0].items():
            np.testing.assert_allclose(found[1][name], array, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("more", [[], ["--debug"]])
def test_a_folder_that_cannot_be_written_ends_all_ranks(text, tmp_path, more):
    (tmp_path / "file").write_text("")
    code, out, err = ended(start(2, command(text, tmp_path / "file" / "run", *more)))
    assert code != 0 and ("Traceback" in out + err) == bool(more) and "cannot be written to" in out + err


def test_a_run_after_one_that_broke_is_as_any_other(tmp_path):
    """The half pass that explains a NaN sends nothing, and what one rank alone finds wrong stops all."""
    program = tmp_path / "again.py"
    program.write_text(
        "import sys\n"
        "import numpy as np\n"
        "from tests.training.support import config_of, model_of, objective_of, sources_of\n"
        "from tinyllm.training import Causal, NonFiniteError, train\n"
        "class Breaks(Causal):\n"
        "    def loss(self, model, batch):\n"
        "        return super().loss(model, batch) * np.float32('nan')\n"
        "source, _ = sources_of('causal')\n"
        "def run(objective, folder=None):\n"
        "    model = model_of('causal')\n"
        "    train(model, objective, source, None, config_of(steps=3), folder, progress=False)\n"
        "    return b''.join(array.tobytes() for array in model.state_dict().values())\n"
        "clean = run(Causal())\n"
        "for objective, folder in ((Breaks(), None), (Causal(), sys.argv[1])):\n"
        "    try:\n"
        "        run(objective, folder)\n"
        "    except (NonFiniteError, OSError):\n"
        "        assert run(Causal()) == clean\n"
        "    else:\n"
        "        raise SystemExit('nothing broke')\n"
        "print('the same', flush=True)\n"
    )
    (tmp_path / "file").write_text("")
    code, out, err = ended(start(2, [sys.executable, str(program), str(tmp_path / "file" / "run")]))
    assert (code, out.count("the same")) == (0, 2), err
