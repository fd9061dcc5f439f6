"""`train` on a GPU, or on the stand-in for one: the CPU's numbers, and a step that moves its batch and its loss."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from tests.cupy_standin import install, kernels, transfers
from tests.cupy_standin.fixtures import cupy as cupy_fixture
from tests.training.support import KINDS, config_of, model_of, objective_of, sources_of
from tinyllm.cli import main
from tinyllm.training import Loop, Threads, load_checkpoint, read_records, train

cupy = cupy_fixture


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_training_on_a_gpu_gives_the_cpus_numbers(cupy, kind, optimizer):
    """In float64, where rounding does not grow in a dozen steps."""
    found = []
    for device in ("cpu", "cuda"):
        model = model_of(kind, dropout=0.0).to(device, np.float64)
        source, held_out = sources_of(kind)
        history = train(model, objective_of(kind), source, held_out, config_of(workers=1, optimizer=optimizer), progress=False)
        found.append((model.state_dict(), history.train + history.valid))
    for name, array in found[0][0].items():
        np.testing.assert_allclose(found[1][0][name], array, rtol=1e-6, atol=1e-8)
    for one, other in zip(found[0][1], found[1][1], strict=True):
        numbers = [{key: x for key, x in r.items() if isinstance(x, float)} for r in (one, other)]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-6)


@pytest.mark.skipif(kernels.compiler() is None, reason="no g++: a step's transfers were NOT counted")
@pytest.mark.parametrize("accumulation", [1, 3])
def test_a_step_moves_its_batches_and_one_answer(accumulation):
    """Ids and targets of each batch go there; loss and gradient's length, which a step reports, come back together."""
    with install():
        model = model_of("causal", dropout=0.0).to("cuda")
        config = config_of(accumulation=accumulation)
        loop = Loop(model, objective_of("causal"), sources_of("causal")[0], None, config, Threads(1))
        with loop.workers:
            loop.begin()
            for _ in range(3):
                transfers.clear()
                loop.update()
                assert [way.partition(":")[0] for way in transfers] == ["to device"] * 2 * accumulation + ["to host"], transfers


def test_the_command_line_trains_there(tmp_path, capsys):
    """And says plainly where there is no GPU."""
    text = tmp_path / "book.txt"
    text.write_text("the value of the key is the number of the line in the file. " * 30)
    line = ["pretrain", "--text", str(text), "--tokenizer", "char", "--layers", "1", "--heads", "2", "--width", "16",
            "--context", "16", "--steps", "6", "--eval-every", "3", "--device", "cuda", "--precision", "bfloat16", "--quiet"]
    with install():
        assert main([*line, "--out", str(tmp_path / "run")]) == 0
        steps = read_records(tmp_path / "run" / "metrics.jsonl")
    assert steps[-1]["loss"] < steps[0]["loss"]
    assert load_checkpoint(tmp_path / "run" / "best").state["workers"] == 1
    if importlib.util.find_spec("cupy") is None:
        capsys.readouterr()
        assert main([*line, "--out", str(tmp_path / "other")]) == 1
        assert "'cuda' needs CuPy" in capsys.readouterr().err
