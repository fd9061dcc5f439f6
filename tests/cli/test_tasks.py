"""Every task of finetune, end to end on a user's file: what it leaves, evaluation, going on, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import types
from pathlib import Path

import pytest

from tests.cli import task_data
from tests.cli.conftest import SMALL, sentences
from tests.cli.task_data import MEASURES, PICTURES, command
from tests.cli.test_bad_input import refused
from tests.cli.test_commands import said
from tinyllm.cli import main
from tinyllm.cli.finetune import NOT_LEARNED, not_learned
from tinyllm.cli.main import parse
from tinyllm.cli.tasks import TASKS, find
from tinyllm.training import loop
from tinyllm.training.run_folder import RunFolder

every_task = pytest.mark.parametrize("task", TASKS)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No loss.png, and few short replies of an untrained model."""
    monkeypatch.setattr(RunFolder, "draw", lambda self, history: None)
    monkeypatch.setattr("tinyllm.cli.tasks.chat.ROOM", 4)
    monkeypatch.setattr("tinyllm.cli.tasks.chat.REPLIES", 3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, causal_run: Path) -> object:
    """The folder of a task's run with its file beside it, made when first asked for."""
    known: dict[str, Path] = {}

    def of(task: str) -> Path:
        if task not in known:
            folder = tmp_path_factory.mktemp(task)
            file = task_data.write(folder, task)
            assert main(command(task, file, causal_run, folder / "run", "--dropout", 0.1)) == 0
            known[task] = folder / "run"
        return known[task]

    return of


def file_of(run: Path) -> Path:
    return next(path for path in run.parent.iterdir() if path.is_file())


@every_task
def test_a_run_leaves_numbers_beside_baselines_examples_and_a_picture(task, made):
    run = made(task)
    test = json.loads((run / "test.json").read_text())
    assert all(isinstance(test[name], int | float) for name in MEASURES[task])
    assert test["baselines"] and all(set(found) <= set(test) for found in test["baselines"].values())
    if task not in ("classification", "language"):
        rows = (run / "examples.md").read_text().splitlines()
        assert len(rows) == 2 + len(test["examples"]) and len({row.count(" | ") for row in rows}) == 1
    if task in PICTURES:
        assert (run / PICTURES[task]).read_bytes().startswith(b"\x89PNG")


@every_task
def test_evaluation_repeats_the_test_and_takes_another_file(task, made, capsys):
    run = made(task)
    test = json.loads((run / "test.json").read_text())
    again = json.loads(said(capsys, "evaluate", run, "--json"))
    assert again == {name: test[name] for name in again} and set(MEASURES[task]) <= set(again)
    other = json.loads(said(capsys, "evaluate", run, "--data", file_of(run), "--json"))
    assert set(MEASURES[task]) <= set(other) and other != again


@every_task
def test_a_stopped_task_goes_on_with_its_folder_alone(task, made, causal_run, tmp_path, capsys, monkeypatch):
    """Weights and everything said of them in the test are those of the undisturbed run."""
    whole, real = made(task), loop.Loop.update

    def stops(self):
        if self.step == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return real(self)

    monkeypatch.setattr(loop.Loop, "update", stops)
    line = command(task, file_of(whole), causal_run, tmp_path / "run", "--dropout", 0.1)
    assert main(line) == 130
    monkeypatch.setattr(loop.Loop, "update", real)
    monkeypatch.setattr("tinyllm.cli.tasks.outcome.save_picture", lambda *_: None)
    capsys.readouterr()
    said(capsys, "finetune", "--out", tmp_path / "run", "--resume", "--quiet")
    for name in ("last/model.safetensors", "last/optimizer.safetensors", "best/model.safetensors", "test.json"):
        assert (whole / name).read_bytes() == (tmp_path / "run" / name).read_bytes(), name


@every_task
def test_help_shows_the_options_of_the_task(task, capsys):
    for line in (["--task", task, "--help"], [f"--task={task}", "-h"]):
        with pytest.raises(SystemExit) as end:
            main(["finetune", *line])
        shown = capsys.readouterr().out
        assert end.value.code == 0
        assert "--data FILE" in shown and all(f"  {name} " in shown for name in TASKS)
        assert f"above are those of {task}" in shown and find(task).examples.splitlines()[0] in shown
        assert ("--beams" in shown) == (task in ("translation", "summary"))


# ---------------------------------------------------------------- from what was pretrained

@pytest.mark.parametrize(
    "objective, tasks",
    [("masked-next", ["answers", "entities"]), ("denoise", ["translation"]), ("autoencode", ["classification"])],
)
def test_every_pretrained_model_learns_a_task(objective, tasks, tmp_path, table, capsys, monkeypatch):
    monkeypatch.setattr("tinyllm.cli.tasks.outcome.save_picture", lambda *_: None)
    texts = tmp_path / "texts.jsonl"
    texts.write_text("\n".join(json.dumps({"text": " ".join(sentences(4, seed))}) for seed in range(30)))
    start = ("pretrain", "--objective", objective, "--table", texts, "--vocab-size", 290, *SMALL)
    more = {"masked-next": (), "denoise": ("--mask-share", 0.3), "autoencode": ("--hide-share", 0.2, "--code-size", 4)}
    shown = said(capsys, *start, *more[objective], "--out", tmp_path / "start")
    assert "what always says the same reaches " in shown
    measured = json.loads(said(capsys, "evaluate", tmp_path / "start", "--json"))
    assert "loss" in measured and all(name in shown for name in ("loss", "best on held-out data"))
    for task in tasks:
        (folder := tmp_path / task).mkdir()
        file, out = task_data.write(folder, task), folder / "run"
        said(capsys, *command(task, file, tmp_path, out), "--from", tmp_path / "start")
        assert (out / "tokenizer.json").read_bytes() == (tmp_path / "start" / "tokenizer.json").read_bytes()
    again = ("finetune", "--task", "classification", *task_data.OPTIONS["classification"], "--data", table)
    if objective == "denoise":
        assert "holds a T5: --task classification takes" in refused(capsys, *again, "--from", tmp_path / "start")


def test_a_task_is_learned_on_another_task_s_trunk(made, table, tmp_path, capsys):
    run = made("entities")
    line = ("finetune", "--from", run, "--data", table, *task_data.OPTIONS["classification"], *SMALL, "--out", tmp_path / "run")
    said(capsys, *line)
    tests = [json.loads((folder / "config.json").read_text())["options"]["task"] for folder in (run, tmp_path / "run")]
    assert tests == ["entities", "classification"]


def test_a_large_model_is_changed_with_care(made, monkeypatch, tmp_path, capsys):
    from tinyllm.cli import options

    for task, expected in (("entities", options.LR), ("translation", find("translation").small_lr)):
        assert json.loads((made(task) / "config.json").read_text())["options"]["lr"] == expected
    assert find("translation").small_lr != options.LR
    monkeypatch.setattr(options, "LARGE", 10)
    said(capsys, *command("entities", file_of(made("entities")), tmp_path, tmp_path / "run"))
    assert json.loads((tmp_path / "run" / "config.json").read_text())["options"]["lr"] == options.LARGE_LR


@pytest.mark.parametrize("objective, tasks", [("causal", ["classification", "chat"]), ("denoise", ["translation", "summary"])])
def test_lengths_that_were_not_given_fit_what_was_pretrained(objective, tasks, tmp_path, capsys, monkeypatch):
    """The commands that pretrain names next run as they stand, and the run knows what it read."""
    monkeypatch.setattr("tinyllm.cli.tasks.outcome.save_picture", lambda *_: None)
    texts = task_data.write(tmp_path, "language")
    small = [*SMALL, "--tokenizer", "char", "--context", "48"]
    shown = said(capsys, "pretrain", "--objective", objective, "--text", texts, *small, "--out", tmp_path / "start")
    for task in tasks:
        (folder := tmp_path / task).mkdir()
        assert task in ("classification", "chat") or f"--task {task} --from {tmp_path / 'start'}" in shown
        columns = task_data.OPTIONS[task][:4] if task == "classification" else []
        line = ("finetune", "--task", task, "--data", task_data.write(folder, task), *columns, *SMALL)
        said(capsys, *line, "--from", tmp_path / "start", "--out", folder / "run")
        told = json.loads((folder / "run" / "config.json").read_text())["options"]
        lengths = {name: told[name] for name in ("max_length", "max_source", "max_target") if name in told}
        expected = {"translation": {"max_source": 48, "max_target": 48}, "summary": {"max_source": 48, "max_target": 32}}
        assert lengths == expected.get(task, {"max_length": 48})
        said(capsys, "finetune", "--out", folder / "run", "--resume", "--quiet")
        option = "--max-source" if "max_source" in lengths else "--max-length"
        message = refused(capsys, *line, "--from", tmp_path / "start", option, 64, "--out", folder / "other")
        assert f"{option} 64 is more than the model's context 48: take less" in message


# ---------------------------------------------------------------- what is not learned from

LOST = [
    ("translation", ["--max-source", "4", "--max-target", "3", "--tokenizer", "char"], (
        "34 of 34 sources lose what is beyond --max-source 4", "34 of 34 targets lose what is beyond --max-target 3")),
    ("entities", ["--max-length", "4"], (" words in 34 sentences stand beyond --max-length 4: their tags are not learned",)),
    ("answers", ["--overlap", "1", "--max-length", "11"], (
        " questions have an answer that no window of --max-length 11 holds whole: it is not learned",)),
    ("chat", ["--max-length", "48"], (" of 34 dialogues lose what is beyond --max-length 48",)),
    ("classification", ["--max-length", "4"], ()),
]


@pytest.mark.parametrize("task, options, lines", LOST)
def test_what_is_lost_is_said(task, options, lines, tmp_path, causal_run, capsys):
    line = command(task, task_data.write(tmp_path, task), causal_run, tmp_path / "run", *options)
    loud = [option for option in line if option != "--quiet"]
    assert main(loud) == 0
    err = [text for text in capsys.readouterr().err.splitlines() if "lose what" in text or "learned" in text]
    assert len(err) == len(lines) and all(text.endswith(expected) for text, expected in zip(err, lines, strict=True)), err


def test_every_count_of_what_is_lost_has_a_line():
    args = parse(["finetune", "--max-length", "9"])
    args.max_source, args.max_target = 7, 8
    assert list(not_learned([types.SimpleNamespace(cut=0, unseen=0), object()], 3, args)) == []
    counted = [types.SimpleNamespace(**dict.fromkeys(NOT_LEARNED, n)) for n in (1, 1_999)]
    said_of = dict(zip(NOT_LEARNED, not_learned(counted, 3_000, args), strict=True))
    assert all(line.startswith("2,000 ") and " 3,000 " in line for line in said_of.values())
    assert said_of["left_out"] == "2,000 of 3,000 dialogues have no reply within --max-length 9 and are left out"
    assert said_of["cut_targets"].endswith("--max-target 8") and said_of["cut_sources"].endswith("--max-source 7")


# ---------------------------------------------------------------- writing

def test_what_was_learned_can_be_used(made, tmp_path, capsys):
    run = made("translation")
    ask = ("generate", run, "--source", "The value of a list", "--tokens", 5)
    best = said(capsys, *ask, "--beams", 3)
    several = said(capsys, *ask, "--beams", 3, "--samples", 2, "--tree", tmp_path / "tree.png").splitlines()
    assert several[0].split("  ")[-1].strip() == best.strip() and len(several) == 3
    assert (tmp_path / "tree.png").read_bytes().startswith(b"\x89PNG")
    assert said(capsys, *ask, "--beams", 1) == said(capsys, *ask, "--beams", 0, "--greedy")
    assert said(capsys, *ask, "--beams", 0, "--seed", 1) == said(capsys, *ask, "--beams", 0, "--seed", 1)
    greedy = said(capsys, *ask, "--beams", 0, "--greedy")
    assert said(capsys, *ask, "--greedy") == greedy             # who asks for a way to draw is not answered by a search
    assert main([str(part) for part in (*ask, "--beams", 99, "--tree", tmp_path / "other.png")]) == 0
    shown = capsys.readouterr()
    assert shown.out == said(capsys, *ask, "--beams", 99) and shown.err.startswith("not drawn: a tree of ")
    assert not (tmp_path / "other.png").exists()
    said(capsys, "chat", made("chat"), "--prompt", "12?", "--tokens", 5, "--greedy")
    said(capsys, "generate", made("language"), "--tokens", 5)
    said(capsys, "generate", made("language"), "--prompt", "The", "--beams", 2, "--tokens", 5)


# ---------------------------------------------------------------- wrong input

TALK = '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "b"}]}'
TALKS = "\n".join(TALK % text for text in ("a", "c", "d", "e", "f", "g<eos>", "h"))
BAD_FILES = [
    ("entities", "words.conll", "Anna B-PER\nsaw\n", "line 2: 1 columns, the first line has 2"),
    ("entities", "words.conll", "Anna PERSON\n", "neither O nor like B-PER"),
    ("entities", "words.conll", "Anna B-PER\n\nsaw O\n", "too few, or too much alike"),
    ("entities", "words.conll", "Anna O\nsaw O\n\nBert O\n", "words.conll: every tag is O"),
    ("answers", "q.json", "{", "not JSON"),
    ("answers", "q.json", '{"data": []}', "has no questions"),
    ("translation", "pairs.tsv", "source\tgoal\na\tb\n", "no column 'target': there are 'source', 'goal'"),
    ("translation", "pairs.doc", "a", "name it .csv, .tsv, .jsonl"),
    ("summary", "pairs.csv", "text,summary\na,\n", "column 'summary' is ''"),
    ("embeddings", "pairs.csv", "text,other\n" + "same,same\n" * 9, "too few, or too much alike"),
    ("chat", "talk.jsonl", '{"messages": [{"role": "user", "content": "hello"}]}\n', "the last message is no reply"),
    ("chat", "talk.txt", "hello", "dialogues are read from .jsonl"),
    ("chat", "talk.jsonl", TALKS, "talk.jsonl, dialogue 6: a message holds the control sign '<eos>'"),
    ("language", "book.txt", "", "holds no text"),
]


@pytest.mark.parametrize("task, name, content, message", BAD_FILES)
def test_a_bad_file_is_named_with_the_mend_and_leaves_no_folder(task, name, content, message, tmp_path, causal_run, capsys):
    file = tmp_path / name
    file.write_text(content)
    assert message in refused(capsys, *command(task, file, causal_run, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "task, options, message",
    [
        ("translation", ["--beams", "0"], "--beams 0"),
        ("translation", ["--source-column", "0"], "columns 0 and 'target': give two names, or two numbers"),
        ("translation", ["--source-column", "0", "--target-column", "-1"], "no column -1: there are 0, 1"),
        ("translation", ["--smoothing", "1"], "label_smoothing 1"),
        ("translation", ["--max-source", "99"], "--max-source 99 is more than the model's context 16"),
        ("entities", ["--valid-share", "0.6", "--test-share", "0.4"], "above 0, together below 1"),
        ("entities", ["--trunk", "gpt", "--positions", "relative", "--heads", "3"], "does not split into 3 heads"),
        ("answers", ["--overlap", "20"], "overlap 20"),
        ("answers", ["--max-answer", "0"], "--max-answer 0: an answer has at least 1 token"),
        ("embeddings", ["--batch", "1"], "--batch 1: the wrong answers are the batch's other texts, so take at least 2"),
        ("embeddings", ["--temperature", "0"], "temperature 0"),
        ("chat", ["--max-length", "3"], "no reply within max_length 3"),
        ("classification", ["--from", "nowhere"], "there is no folder or file nowhere"),
        ("classification", ["--from", "minilm"], "minilm is not here yet: tinyllm fetch minilm"),
    ],
)
def test_options_that_cannot_be(task, options, message, tmp_path, causal_run, capsys, monkeypatch):
    monkeypatch.setenv("TINYLLM_CACHE", str(tmp_path))
    file = task_data.write(tmp_path, task)
    assert message in refused(capsys, *command(task, file, causal_run, tmp_path / "run", *options))


def test_kinds_that_do_not_fit(made, causal_run, tmp_path, capsys):
    out = ("--out", tmp_path / "run", "--quiet")
    language = ("finetune", "--task", "language", "--data", file_of(made("language")))
    assert "give it by --from" in refused(capsys, *language, *out)
    assert "holds a TokenClassifier: --task language" in refused(capsys, *language, "--from", made("entities"), *out)
    assert "writes about a source: give --source" in refused(capsys, "generate", made("translation"), "--prompt", "a")
    assert "goes on with a prompt: give --prompt" in refused(capsys, "generate", causal_run, "--source", "a")
    assert "give --beams as well" in refused(capsys, "generate", causal_run, "--tree", tmp_path / "tree.png")


def test_an_option_of_another_task_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        main(["finetune", "--task", "entities", "--beams", "4"])
    assert end.value.code == 2 and "unrecognized arguments: --beams 4" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["finetune", "--task", "painting"])
    assert "invalid choice: 'painting'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_short_run_learns_the_grammar_of_translation(tmp_path):
    """The defaults but for their number of steps; what all of them reach stands in tests/benchmarks/results."""
    line = ["finetune", "--task", "translation", "--steps", "250", "--beams", "1", "--quiet", "--out", str(tmp_path / "run")]
    assert main(line) == 0
    test = json.loads((tmp_path / "run" / "test.json").read_text())
    assert test["exact_match"] > 0.4 and test["bleu"] > 60
    assert all(found["exact_match"] < 0.01 for found in test["baselines"].values())
