"""A run that was stopped and resumed gives the numbers of an undisturbed run, bit for bit."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.support import KINDS, OBJECTIVES, Breaking, config_of, model_of, objective_of, sources_of
from tinyllm.training import Contrastive, Interrupted, TrainConfig, load_checkpoint, read_records, read_state, train


class Stopped(Exception):
    """What a power cut would be, if Python could raise it."""


def stop() -> None:
    raise Stopped


def run(folder: Path, kind: str, config: Any, breaking: tuple[int, Any] | None = None, batch: int = 5) -> Any:
    """A run in a fresh process's state: the model is made anew and knows nothing of an earlier one."""
    model = model_of(kind)
    source, held_out = sources_of(kind, batch)
    if breaking is not None:
        source = Breaking(source, *breaking)
    history = train(model, objective_of(kind), source, held_out, config, folder, progress=False)
    return model.state_dict(), history


def same_files(one: Path, other: Path) -> None:
    for name in ("last/model.safetensors", "last/optimizer.safetensors", "best/model.safetensors", "last/state.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), f"{name} differs"


def measured(folder: Path) -> list[dict]:
    """The records without the clock's."""
    return [
        {key: value for key, value in record.items() if key != "tokens_per_second"}
        for record in read_records(folder / "metrics.jsonl")
    ]


OPTIONS = ({"workers": 1}, {"workers": 2}, {"workers": 2, "accumulation": 2}, {"optimizer": "muon"})


@pytest.mark.parametrize(
    "kind, options",
    [(kind, options) for kind in KINDS[:3] for options in OPTIONS] + [(kind, OPTIONS[2]) for kind in KINDS[3:]],
)
def test_a_resumed_run_is_the_undisturbed_run(tmp_path, kind, options):
    config = config_of(**options)
    weights, history = run(tmp_path / "whole", kind, config)
    for stopped_at in (6, 10):              # after the checkpoints of steps 4 and 8
        with pytest.raises(Stopped):
            run(tmp_path / "parts", kind, config, (stopped_at * config.accumulation, stop))
    resumed, resumed_history = run(tmp_path / "parts", kind, config)
    assert all(np.array_equal(weights[name], resumed[name]) for name in weights)
    same_files(tmp_path / "whole", tmp_path / "parts")
    assert measured(tmp_path / "whole") == measured(tmp_path / "parts")
    assert resumed_history.valid == history.valid
    assert resumed_history.best == history.best
    assert len(history.train) == len(resumed_history.train) == 4


def test_a_run_stopped_before_its_first_checkpoint_begins_anew(tmp_path):
    weights, _ = run(tmp_path / "whole", "causal", config_of())
    with pytest.raises(Stopped):
        run(tmp_path / "parts", "causal", config_of(), (2, stop))
    resumed, _ = run(tmp_path / "parts", "causal", config_of())
    assert all(np.array_equal(weights[name], resumed[name]) for name in weights)
    assert measured(tmp_path / "whole") == measured(tmp_path / "parts")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_after_its_step_with_a_checkpoint(tmp_path, number):
    whole, _ = run(tmp_path / "whole", "causal", config_of())
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=r"after step 6 of 12; the run is saved in .*parts, resume it") as stopped:
        run(tmp_path / "parts", "causal", config_of(), (5, lambda: os.kill(os.getpid(), number)))
    assert stopped.value.signal == number
    assert isinstance(stopped.value, KeyboardInterrupt)
    assert signal.getsignal(number) is before
    assert read_state(tmp_path / "parts" / "last")["step"] == 6         # between two evaluations
    resumed, _ = run(tmp_path / "parts", "causal", config_of())
    assert all(np.array_equal(whole[name], resumed[name]) for name in whole)
    same_files(tmp_path / "whole", tmp_path / "parts")
    assert measured(tmp_path / "whole") == measured(tmp_path / "parts")


def test_a_finished_run_does_nothing_more(tmp_path):
    weights, history = run(tmp_path, "causal", config_of())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")}
    again, same = run(tmp_path, "causal", config_of(), (0, lambda: None))
    assert all(np.array_equal(weights[name], again[name]) for name in weights)
    assert (same.step, same.valid, same.stopped) == (history.step, history.valid, "steps")
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")}


def test_the_checkpoint_decides_the_number_of_workers(tmp_path):
    with pytest.raises(Stopped):
        run(tmp_path, "causal", config_of(workers=3), (6, stop))
    with pytest.raises(ValueError, match="made by 3 workers, this run has 2"):
        run(tmp_path, "causal", config_of(workers=2))
    run(tmp_path, "causal", config_of(workers=None))
    assert read_state(tmp_path / "last")["workers"] == 3


@pytest.mark.parametrize(
    "change, message",
    [
        ({"lr": 2e-2}, r"train.lr is 0.01 there, 0.02 here"),
        ({"seed": 1}, r"train.seed is 0 there, 1 here"),
        ({"betas": (0.9, 0.99)}, r"train.betas is \[0.9, 0.95\] there"),
        ({"optimizer": "sgd"}, r"train.optimizer is adamw there, sgd here"),
    ],
)
def test_a_checkpoint_of_another_config_is_refused(tmp_path, change, message):
    run(tmp_path, "causal", config_of())
    with pytest.raises(ValueError, match=message):
        run(tmp_path, "causal", config_of(**change))


def test_a_run_older_than_the_choice_of_precision_goes_on(tmp_path, monkeypatch):
    now = TrainConfig.what_decides_the_numbers
    before = {name: value for name, value in now(config_of()).items() if name != "precision"}
    with monkeypatch.context() as then, pytest.raises(Stopped):
        then.setattr(TrainConfig, "what_decides_the_numbers", lambda config: before)
        run(tmp_path, "causal", config_of(), (6, stop))
    with pytest.raises(ValueError, match=r"train\.precision is float32 there, bfloat16 here"):
        run(tmp_path, "causal", config_of(precision="bfloat16"))
    assert run(tmp_path, "causal", config_of())[1].stopped == "steps"


def test_a_checkpoint_of_other_data_or_another_model_is_refused(tmp_path):
    run(tmp_path, "causal", config_of())
    with pytest.raises(ValueError, match="is of another run: data is"):
        run(tmp_path, "causal", config_of(), batch=4)
    with pytest.raises(ValueError, match=r"is of another run: data is .*model.* is gpt there, bert here"):
        run(tmp_path, "masked", config_of())


def test_without_resume_nothing_is_overwritten(tmp_path):
    run(tmp_path, "causal", config_of())
    source, held_out = sources_of("causal")
    with pytest.raises(FileExistsError, match="holds a run"):
        train(model_of("causal"), objective_of("causal"), source, held_out, config_of(), tmp_path, resume=False, progress=False)


def test_the_metrics_file_is_cut_back_to_the_checkpoint(tmp_path):
    with pytest.raises(Stopped):
        run(tmp_path, "causal", config_of(log_every=1), (7, stop))
    file = tmp_path / "metrics.jsonl"
    assert read_records(file)[-1]["step"] == 7
    file.write_bytes(file.read_bytes() + b'{"step": 8, "split": "tr')       # a line that a kill cut short
    with pytest.raises(Stopped):
        run(tmp_path, "causal", config_of(log_every=1), (4, stop))
    assert [record["step"] for record in read_records(file)] == [1, 2, 3, 4, 4]


def test_the_best_checkpoint_is_the_best(tmp_path):
    _, history = run(tmp_path, "causal", config_of(lr=0.5, clip=0, warmup=0, steps=20))
    losses = {record["step"]: record["loss"] for record in history.valid}
    assert history.best["loss"] == min(losses.values())
    state = read_state(tmp_path / "best")
    assert losses[state["step"]] == min(losses.values())
    assert json.loads((tmp_path / "best" / "config.json").read_text())["model_type"] == "gpt"
    model = model_of("causal")
    model.load_state_dict(load_checkpoint(tmp_path / "best").model)
    from tinyllm.training import Causal, evaluate

    assert evaluate(model, Causal(), sources_of("causal")[1].evaluation(), 2)["loss"] == history.best["loss"]


def test_another_objective_or_other_frozen_parameters_are_refused(tmp_path, monkeypatch):
    config = config_of()
    run(tmp_path, "contrastive", config)
    with monkeypatch.context() as now, pytest.raises(ValueError, match=r"settings.temperature is 0.5 there, 0.1"):
        now.setitem(OBJECTIVES, "contrastive", lambda: Contrastive(temperature=0.1))
        run(tmp_path, "contrastive", config)
    source, _ = sources_of("contrastive")
    model = model_of("contrastive")
    next(iter(model.parameters())).requires_grad = False
    with pytest.raises(ValueError, match=r"frozen is \[\] there, \['"):
        train(model, objective_of("contrastive"), source, None, config, tmp_path, progress=False)
