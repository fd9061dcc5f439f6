"""The loop: it learns, reports, stops early, and stops with a reason when numbers break."""

from __future__ import annotations

import gc
import math
import subprocess
import sys

import numpy as np
import pytest

from tests.training.support import KINDS, TOKENS, Breaking, config_of, model_of, objective_of, sources_of
from tinyllm.data import CausalWindows
from tinyllm.training import Causal, NonFiniteError, TrainConfig, evaluate, keep_freed_memory, read_records, train
from tinyllm.training.optimization import make_optimizer, make_schedule


def run(kind: str = "causal", folder=None, breaking=None, **options):
    source, held_out = sources_of(kind)
    source = Breaking(source, *breaking) if breaking else source
    model = model_of(kind)
    return train(model, objective_of(kind), source, held_out, config_of(**options), folder, progress=False), model


@pytest.mark.parametrize("kind, chance", [("causal", math.log(9)), ("masked", math.log(9)), ("classification", math.log(3))])
@pytest.mark.parametrize("optimizer", ["adamw", "muon", "sgd"])
def test_every_objective_learns_with_every_optimizer(kind, chance, optimizer):
    lr = 0.1 if optimizer == "sgd" else 1e-2
    history, _ = run(kind, steps=200, lr=lr, optimizer=optimizer, momentum=0.9, weight_decay=0.0, eval_every=200)
    assert history.valid[-1]["loss"] < 0.9 * chance


@pytest.mark.parametrize(
    "kind, chance",
    [
        ("masked-next", math.log(9) + math.log(2)), ("sequences", math.log(9)), ("tags", math.log(3)), ("spans", math.log(3)),
        ("contrastive", math.log(5)), ("reconstruction", 1.9),
    ],
)
def test_every_other_objective_learns(kind, chance):
    history, _ = run(kind, steps=100, lr=3e-2, weight_decay=0.0, eval_every=100)
    assert history.valid[-1]["loss"] < 0.9 * chance


def test_every_parameter_moves():
    for kind in KINDS:
        before = model_of(kind).state_dict()
        after = run(kind)[1].state_dict()
        for name, array in before.items():
            # A head asks its trunk for vectors, not for tokens; what an autoencoder is to reconstruct is frozen.
            still = name.startswith(("trunk.head", "target."))
            assert np.array_equal(array, after[name]) == still, f"{kind}: {name} {'moved' if still else 'did not move'}"


def test_a_frozen_parameter_stays():
    model = model_of("classification")
    model.trunk.requires_grad_(False)
    before = model.state_dict()
    source, held_out = sources_of("classification")
    train(model, objective_of("classification"), source, held_out, config_of(), progress=False)
    moved = {name for name, array in model.state_dict().items() if not np.array_equal(array, before[name])}
    assert moved == {"head.weight", "head.bias"}


def test_metrics_are_written_as_they_come(tmp_path):
    history, _ = run(folder=tmp_path, log_every=5)
    records = read_records(tmp_path / "metrics.jsonl")
    assert [(record["step"], record["split"]) for record in records] == [
        (4, "valid"), (5, "train"), (8, "valid"), (10, "train"), (12, "train"), (12, "valid")
    ]
    assert [record for record in records if record["split"] == "valid"] == history.valid
    assert [record for record in records if record["split"] == "train"] == history.train
    assert set(history.train[0]) == {"step", "split", "loss", "lr", "gradient_norm", "tokens_per_second"}
    assert (history.step, history.stopped, history.folder) == (12, "steps", tmp_path)


def test_the_training_loss_is_the_mean_since_the_line_before():
    every = [record["loss"] for record in run(log_every=1)[0].train]
    some = [record["loss"] for record in run(log_every=5)[0].train]
    assert some == pytest.approx([np.mean(every[:5]), np.mean(every[5:10]), np.mean(every[10:])])


def test_evaluation_is_over_all_held_out_data_with_dropout_off():
    model = model_of("causal", dropout=0.5)
    model.train()
    windows = CausalWindows(TOKENS[:61], 8, 5)
    losses = {evaluate(model, Causal(), windows.evaluation(size), n)["loss"] for size, n in [(5, 1), (5, 2), (1, 2), (8, 3)]}
    assert max(losses) - min(losses) < 1e-6 * max(losses)
    assert model.training, "evaluation leaves the mode as it was"
    with pytest.raises(ValueError, match="no batches"):
        evaluate(model, Causal(), [])


@pytest.mark.parametrize("n_workers", [1, 2])
def test_early_stopping_after_patience_evaluations_without_a_best(n_workers, tmp_path):
    # A rate that destroys the model: the first evaluations are the best.
    history, _ = run(folder=tmp_path, steps=100, lr=2.0, clip=0, warmup=0, eval_every=2, patience=3, workers=n_workers)
    losses = [record["loss"] for record in history.valid]
    best = int(np.argmin(losses))
    assert history.stopped == "patience"
    assert len(losses) == best + 1 + 3
    assert history.best == history.valid[best]
    assert history.step == history.valid[-1]["step"] < 100
    again, _ = run(folder=tmp_path, steps=100, lr=2.0, clip=0, warmup=0, eval_every=2, patience=3, workers=n_workers)
    assert (again.stopped, again.step, again.valid) == ("patience", history.step, history.valid)


def test_without_held_out_data_nothing_is_evaluated(tmp_path):
    source, _ = sources_of("causal")
    history = train(model_of("causal"), Causal(), source, None, config_of(), tmp_path, progress=False)
    assert (history.valid, history.best) == ([], None)
    assert (tmp_path / "last").exists() and not (tmp_path / "best").exists()


def test_the_model_is_left_in_the_mode_it_was_in():
    for training in (True, False):
        model = model_of("causal").train(training)
        source, held_out = sources_of("causal")
        train(model, Causal(), source, held_out, config_of(steps=2, warmup=0), progress=False)
        assert model.training is training


# ---------------------------------------------------------------- when numbers break

@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_loss_that_is_not_finite_stops_with_step_rate_and_operation(tmp_path, n_workers):
    model = model_of("causal", dropout=0.0)

    def poison() -> None:
        model.layers[0].feed_forward.up.weight.data[0, 0] = np.nan

    source, held_out = sources_of("causal")
    with pytest.raises(NonFiniteError, match=r"step 7, learning rate 0\.0\d+: the loss is nan\. .*linear.* NaN; shapes"):
        train(model, Causal(), Breaking(source, 6, poison), held_out, config_of(workers=n_workers), tmp_path, progress=False)
    assert (tmp_path / "last").exists()             # step 4's
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_gradient_that_is_not_finite_stops_too():
    """A loss of 10³⁸ is a float32, its gradient's squares are not."""

    class Steep(Causal):
        def loss(self, model, batch):
            return super().loss(model, batch) * 1e38

    source, held_out = sources_of("causal")
    model = model_of("causal", dropout=0.0)
    before = model.state_dict()
    with pytest.raises(NonFiniteError, match=r"step 1, .* its gradient's length inf"):
        train(model, Steep(), source, held_out, config_of(), progress=False)
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items()), "no step was made"


def test_an_error_in_a_step_is_raised_as_itself(tmp_path):
    class Broken(Causal):
        def loss(self, model, batch):
            raise KeyError("what the objective said")

    source, held_out = sources_of("causal")
    with pytest.raises(KeyError, match="what the objective said"):
        train(model_of("causal"), Broken(), source, held_out, config_of(), tmp_path, progress=False)


# ---------------------------------------------------------------- what a run is told

@pytest.mark.parametrize(
    "options, message",
    [
        ({"steps": 0}, "steps 0"), ({"accumulation": 0}, "accumulation 0"), ({"optimizer": "adam"}, "adamw, muon, sgd"),
        ({"schedule": "step"}, "cosine, linear, constant"), ({"lr": -1.0}, "lr -1"), ({"lr": 0.0}, "lr 0"),
        ({"lr": math.nan}, "lr nan"), ({"min_lr": 1.0}, "min_lr 1.0 is above lr"), ({"workers": 0}, "workers 0"),
        ({"warmup": 1000}, "warmup 1000 of 1000 steps"), ({"betas": (0.9, 1.0)}, "betas"), ({"clip": math.inf}, "clip inf"),
        ({"seed": -1}, "seed -1"), ({"patience": -1}, "patience -1"), ({"eval_every": 0}, "eval_every 0"),
    ],
)
def test_a_config_that_makes_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**options)


def test_the_schedule_is_the_configs():
    def rates(**options) -> list[float]:
        config = TrainConfig(steps=20, lr=2.0, warmup=4, **options)
        return [config.lr * make_schedule(config)(step) for step in range(20)]

    for schedule, last in (("cosine", 0.2), ("linear", 0.2), ("constant", 2.0)):
        values = rates(schedule=schedule, min_lr=0.2)
        assert values[:4] == pytest.approx([0.4, 0.8, 1.2, 1.6])
        assert max(values) == pytest.approx(2.0)
        assert values[4:] == sorted(values[4:], reverse=True)
        assert last <= values[-1] <= last + 0.12
    assert TrainConfig(steps=100).warmup_steps == 5
    assert TrainConfig(lr=1e-3).floor == pytest.approx(0.1)
    assert TrainConfig(lr=1e-3, min_lr=0.0).floor == 0


def test_the_optimizer_is_the_configs():
    model = model_of("causal")
    for name, kind in (("adamw", "AdamW"), ("muon", "Muon"), ("sgd", "SGD")):
        optimizer = make_optimizer(model, TrainConfig(optimizer=name, lr=0.5, weight_decay=0.3, momentum=0.8, betas=(0.7, 0.6)))
        assert type(optimizer).__name__ == kind
        for group in optimizer.groups:
            assert group["weight_decay"] == (0.3 if group["params"][0].ndim > 1 else 0)
            assert group["lr"] == (0.02 if group.get("orthogonal") else 0.5)
            assert group.get("momentum", 0.8) == 0.8
            assert list(group.get("betas", (0.7, 0.6))) == [0.7, 0.6]
        assert sum(parameter.size for parameter in optimizer.parameters()) == model.n_parameters()


# ---------------------------------------------------------------- memory, progress, pictures

def test_a_thousand_steps_keep_memory_flat_without_the_garbage_collector():
    """What a step leaves behind in a cycle stays until the collector comes: with it off, memory would rise."""
    objects, resident = {}, {}

    class Watching:
        def batch(self, step: int):
            if step in (200, 999):
                objects[step] = len(gc.get_objects())       # no cycle without one that the collector knows
                resident[step] = resident_bytes()
            return source.batch(step)

    source, _ = sources_of("causal")
    gc.collect()
    gc.disable()
    try:
        train(model_of("causal"), Causal(), Watching(), None, config_of(steps=1000, log_every=1000), progress=False)
    finally:
        gc.enable()
    assert objects[999] - objects[200] < 50
    assert resident[999] - resident[200] < 4 << 20


def resident_bytes() -> int:
    """Of this process; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096
    except OSError:
        return 0


def test_progress_is_lines_where_there_is_no_terminal(capsys):
    source, held_out = sources_of("causal")
    train(model_of("causal"), Causal(2.0), source, held_out, config_of(steps=5, warmup=0), progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [line.split(":")[0].split() for line in shown.err.splitlines()] == [["step", "4"], ["step", "5"]]
    assert "perplexity" in shown.err and "bits per character" in shown.err


def test_the_loss_curve_is_drawn(tmp_path, pictures):
    run(folder=tmp_path)
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "last", "loss.png", "metrics.jsonl"]


def in_a_process(code: str, **environment: str) -> str:
    fresh = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert fresh.returncode == 0, fresh.stderr
    return fresh.stdout.strip()


GROWTH = """
import resource, numpy as np
from tinyllm.training import keep_freed_memory
print(keep_freed_memory())
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        [np.ones(1 << 20, np.float32) for _ in range(3)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_freed_memory_is_kept():
    import os

    kept = in_a_process(GROWTH, **os.environ).split()
    given_back = in_a_process(GROWTH, **{**os.environ, "TINYLLM_KEEP_MEMORY": "0"}).split()
    assert given_back[0] == "False"
    if kept[0] == "True":                   # another C library has nothing to be told
        assert int(kept[1]) < int(given_back[1])            # page faults: none for kept memory, many for an array made anew


def test_keeping_memory_can_be_turned_off(monkeypatch):
    monkeypatch.setenv("TINYLLM_KEEP_MEMORY", "0")
    assert keep_freed_memory() is False
