"""Every command end to end, on tiny settings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import SMALL
from tests.project.source import ROOT
from tinyllm.cli import main
from tinyllm.models import GPT, SequenceClassifier
from tinyllm.training import evaluate, read_records

COMMANDS = ["tour", "pretrain", "finetune", "evaluate", "generate", "chat", "fetch", "info", "formulas"]


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a command that succeeds prints."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_examples(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    shown = capsys.readouterr().out
    assert end.value.code == 0
    assert f"examples:\n  tinyllm {command}" in shown


def test_help_and_version_name_the_commands(capsys):
    for option, expected in (("--help", COMMANDS), ("--version", ["tinyllm "])):
        with pytest.raises(SystemExit) as end:
            main([option])
        assert end.value.code == 0
        shown = capsys.readouterr().out
        assert all(word in shown for word in expected)


def test_tour_is_imported_when_it_runs(monkeypatch):
    asked = []
    tour = types.ModuleType("tinyllm.tour")
    tour.main = lambda args: asked.append((args.quick, args.out))
    monkeypatch.setitem(sys.modules, "tinyllm.tour", tour)
    assert main(["tour", "--quick", "--out", "somewhere"]) == 0
    assert main(["tour"]) == 0
    assert asked == [(True, "somewhere"), (False, "runs/tour")]


# ---------------------------------------------------------------- pretrain, generate, evaluate, info

def test_a_run_leaves_config_metrics_checkpoints_tokenizer_and_picture(causal_run):
    assert sorted(path.name for path in causal_run.iterdir()) == [
        "best", "config.json", "last", "loss.png", "metrics.jsonl", "tokenizer.json"
    ]
    config = json.loads((causal_run / "config.json").read_text())
    assert (config["command"], config["options"]["steps"], config["options"]["width"]) == ("pretrain", 6, 16)
    assert Path(config["options"]["text"]).is_absolute()
    assert [record["step"] for record in read_records(causal_run / "metrics.jsonl") if record["split"] == "valid"] == [3, 6]
    assert GPT.from_pretrained(causal_run / "best").config.d_model == 16


def test_a_run_says_what_to_do_next(text, tmp_path, capsys):
    shown = said(capsys, "pretrain", "--text", text, "--tokenizer", "char", *SMALL, "--out", tmp_path / "run")
    for line in ("generate", "finetune --from", "evaluate", "info"):
        assert f"  tinyllm {line} {tmp_path / 'run'}" in shown
    assert "6 steps; best on held-out data at step 6: loss " in shown


def test_python_s_own_documentation_is_the_default(tmp_path, capsys):
    assert main(["pretrain", *SMALL, "--vocab-size", "280", "--out", str(tmp_path / "run")]) == 0
    assert "not in this Python's documentation: tkinter" in capsys.readouterr().err
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["data"]["source"] == "documentation of Python 3.x"
    shown = said(capsys, "generate", tmp_path / "run", "--tokens", 20, "--seed", 1)      # begins as a document does
    assert shown == said(capsys, "generate", tmp_path / "run", "--tokens", 20, "--seed", 1)


def test_a_column_of_a_table_is_text_too(table, tmp_path, capsys):
    options = ("--table", table, "--text-column", "review", "--vocab-size", 280)
    said(capsys, "pretrain", *options, *SMALL, "--out", tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["data"]["documents"] is True


def test_every_option_of_a_recipe_arrives(text, tmp_path, capsys):
    said(
        capsys, "pretrain", "--text", text, "--tokenizer", "char", *SMALL, "--dropout", 0.1, "--lr", 2e-3, "--min-lr", 1e-4,
        "--beta1", 0.8, "--beta2", 0.99, "--warmup", 2, "--weight-decay", 0.3, "--clip", 0.5, "--optimizer", "muon",
        "--muon-lr", 0.01, "--momentum", 0.9, "--schedule", "linear", "--accumulation", 2, "--workers", 1, "--seed", 4,
        "--positions", "rotary", "--activation", "swiglu", "--out", tmp_path / "run",
    )
    state = json.loads((tmp_path / "run" / "last" / "state.json").read_text())
    told = state["identity"]["train"]
    expected = {
        "lr": 2e-3, "min_lr": 1e-4, "betas": [0.8, 0.99], "warmup": 2, "weight_decay": 0.3, "clip": 0.5, "optimizer": "muon",
        "muon_lr": 0.01, "momentum": 0.9, "schedule": "linear", "accumulation": 2, "seed": 4,
    }
    assert {name: told[name] for name in expected} == expected
    assert state["workers"] == 1
    model = state["identity"]["model"]
    assert (model["positions"], model["activation"], model["dropout"], model["n_layers"]) == ("rotary", "swiglu", 0.1, 1)


def test_the_last_tenth_of_a_text_is_held_out_and_evaluated_whole(causal_run, text, capsys):
    metrics = json.loads(said(capsys, "evaluate", causal_run, "--json"))
    from tinyllm.data import CausalWindows
    from tinyllm.tokenizers import load
    from tinyllm.training import Causal

    whole = text.read_text()
    held_out = whole[int(len(whole) * 0.9) :]
    tokens = load(causal_run / "tokenizer.json").encode_array(held_out)
    model = GPT.from_pretrained(causal_run / "best")
    expected = evaluate(model, Causal(), CausalWindows(tokens, 16, 3).evaluation())["loss"]
    assert metrics["loss"] == pytest.approx(expected, rel=1e-5)
    valid = [record for record in read_records(causal_run / "metrics.jsonl") if record["split"] == "valid"]
    assert metrics["loss"] == pytest.approx(min(record["loss"] for record in valid), rel=1e-6)
    assert metrics["bits_per_character"] == pytest.approx(metrics["loss"] / np.log(2), rel=1e-6)


def test_evaluate_on_another_text(causal_run, text, tmp_path, capsys):
    other = tmp_path / "other.txt"
    other.write_text("The value of a list is the key. " * 5)
    shown = said(capsys, "evaluate", causal_run, "--text", other)
    assert shown.startswith("loss ") and "perplexity" in shown
    assert said(capsys, "evaluate", causal_run, "--checkpoint", "last") != shown


def test_generate_streams_what_it_says_it_does(causal_run, capsys):
    ask = ("generate", causal_run, "--prompt", "The ", "--tokens", 30, "--seed", 3)
    one = said(capsys, *ask)
    assert one.startswith("The ") and len(one) > len("The ")
    assert said(capsys, *ask) == one
    assert said(capsys, *ask, "--temperature", 2.0) != one
    greedy = said(capsys, *ask, "--greedy")
    assert greedy == said(capsys, "generate", causal_run, "--prompt", "The ", "--tokens", 30, "--greedy", "--seed", 9)
    assert said(capsys, *ask, "--top-k", 1) == greedy
    assert said(capsys, *ask, "--top-p", 0.0001) == greedy
    assert said(capsys, *ask, "--greedy", "--repetition-penalty", 5) != greedy
    three = said(capsys, *ask, "--samples", 3)
    assert [line for line in three.splitlines() if line.startswith("---")] == ["--- 1", "--- 2", "--- 3"]
    assert three.startswith(f"--- 1\n{one}")
    stop = one[10:12]
    assert said(capsys, *ask, "--stop", stop) == "The " + one[4:].split(stop)[0] + "\n"


def test_info_describes_a_run_and_the_installation(causal_run, classifier_run, capsys):
    shown = said(capsys, "info", causal_run)
    for part in ("a run of pretrain", "width=16", "best: step", "last: step 6 of 6", "GPT", "embedding"):
        assert part in shown
    assert "a run of finetune" in said(capsys, "info", classifier_run)
    shown = said(capsys, "info")
    for part in ("tinyllm", "NumPy", "workers", "safetensors", "cache"):
        assert part in shown


# ---------------------------------------------------------------- masked, and classification

def test_a_masked_run(masked_run, capsys):
    metrics = json.loads(said(capsys, "evaluate", masked_run, "--json"))
    assert set(metrics) == {"loss", "perplexity", "accuracy"}


def test_a_classifier_from_a_masked_model(classifier_run, masked_run, table, capsys):
    model = SequenceClassifier.from_pretrained(classifier_run / "best")
    assert model.labels == ("0", "1", "2")
    assert (classifier_run / "tokenizer.json").read_bytes() == (masked_run / "tokenizer.json").read_bytes()
    assert (classifier_run / "confusion.png").read_bytes().startswith(b"\x89PNG")
    test = json.loads((classifier_run / "test.json").read_text())
    assert np.sum(test["confusion"]) == 9 and 0 <= test["accuracy"] <= 1         # 15% of 60
    metrics = json.loads(said(capsys, "evaluate", classifier_run, "--json"))
    assert metrics["accuracy"] == test["accuracy"] and metrics["macro_f1"] == test["macro_f1"]
    assert {"F1 of 0", "F1 of 1", "F1 of 2", "texts"} <= set(metrics)
    on_all = json.loads(said(capsys, "evaluate", classifier_run, "--data", table, "--json"))
    assert on_all["texts"] == 60


@pytest.mark.parametrize("options", [["--trunk", "gpt", "--pooling", "last"], ["--trunk", "bert", "--labels-per-class", "2"]])
def test_a_classifier_from_scratch_on_docstrings(tmp_path, options, capsys):
    command = ("finetune", *options, "--vocab-size", 280, "--max-length", 16, *SMALL, "--out", tmp_path / "run")
    shown = said(capsys, *command)
    assert "test: accuracy" in shown and "always the commonest class" in shown
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["labels"] == ["email", "http", "xml"]
    assert config["data"]["texts"]["train"] == (6 if "--labels-per-class" in options else 30)


def test_a_classifier_from_a_causal_model(causal_run, tmp_path, capsys):
    said(capsys, "finetune", "--from", causal_run, "--max-length", 16, *SMALL, "--out", tmp_path / "run")


# ---------------------------------------------------------------- going on

def files(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*.safetensors")}


@pytest.mark.parametrize("command", ["pretrain", "finetune"])
def test_a_stopped_run_goes_on_with_its_folder_alone(command, text, tmp_path, capsys, monkeypatch):
    options = {
        "pretrain": ["--text", str(text), "--tokenizer", "char", "--dropout", "0.1"],
        "finetune": ["--vocab-size", "280", "--max-length", "16", "--dropout", "0.1"],
    }[command]
    said(capsys, command, *options, *SMALL, "--out", tmp_path / "whole")
    from tinyllm.training import loop

    real = loop.Loop.update

    def stops(self):
        if self.step == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return real(self)

    monkeypatch.setattr(loop.Loop, "update", stops)
    assert main([command, *options, *SMALL, "--out", str(tmp_path / "parts")]) == 130
    err = capsys.readouterr().err
    assert f"tinyllm {command}: stopped after step 5 of 6" in err and "--resume" in err
    monkeypatch.setattr(loop.Loop, "update", real)
    said(capsys, command, "--out", tmp_path / "parts", "--resume", "--quiet")
    assert files(tmp_path / "whole") == files(tmp_path / "parts")


def test_resume_where_nothing_is_yet_begins(text, tmp_path, capsys):
    said(capsys, "pretrain", "--text", text, "--tokenizer", "char", *SMALL, "--out", tmp_path / "run", "--resume")


# ---------------------------------------------------------------- as a process

def start(*arguments: object, **options: object) -> subprocess.Popen:
    command = [sys.executable, "-m", "tinyllm", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_ctrl_c_saves_says_how_to_go_on_and_exits_130(text, tmp_path):
    options = [option if option != "6" else "100000" for option in SMALL]
    process = start("pretrain", "--text", text, "--tokenizer", "char", *options, "--out", tmp_path / "run")
    deadline = time.monotonic() + 60
    while not (tmp_path / "run" / "last").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert f"tinyllm pretrain --out {tmp_path / 'run'} --resume" in err
    state = json.loads((tmp_path / "run" / "last" / "state.json").read_text())
    assert f"stopped after step {state['step']} of 100000" in err


def test_a_closed_output_is_no_error(causal_run):
    command = f"{sys.executable} -m tinyllm generate {causal_run} --tokens 5 >&-"
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_output_that_nobody_reads_any_more_is_no_error(causal_run):
    with start("generate", causal_run, "--tokens", 3000) as process:
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == ""
