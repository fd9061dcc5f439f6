"""Wrong input: one line on stderr that says what and how to mend it, exit status 2, and no folder half made."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.cli.conftest import SMALL
from tinyllm.cli import main
from tinyllm.cli.main import parse


def refused(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 2) -> str:
    """The one line that a command which is refused says."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert len(lines) == 1, shown.err
    assert lines[0].startswith(f"tinyllm {arguments[0]}: error: ")
    return lines[0]


@pytest.mark.parametrize(
    "content, options, message",
    [
        (None, [], "there is no file"),
        (b"", [], "holds no text"),
        (b" \n\t", [], "holds no text"),
        (b"good\nbad \xff", [], "not UTF-8: byte 9 (line 2)"),
        (b"short", [], "context 16 needs at least 17"),
        (b"just long enough to learn", [], "context 16 needs at least 17"),      # but nothing is left to hold out
        (b"long enough " * 40, ["--heads", "3"], "d_model 16 does not split into 3 heads: pick a multiple of 3"),
        (b"long enough " * 40, ["--warmup", "100"], "warmup 100 of 6 steps"),
        (b"long enough " * 40, ["--lr", "-1"], "lr -1"),
        (b"long enough " * 40, ["--steps", "0"], "steps 0"),
        (b"long enough " * 40, ["--valid-share", "1"], "--valid-share 1.0"),
        (b"long enough " * 40, ["--dropout", "1"], "dropout 1"),
        (b"long enough " * 40, ["--batch", "0"], "batch_size 0"),
        (b"long enough " * 40, ["--activation", "tanh"], "tanh"),
        (b"long enough " * 40, ["--tokenizer", "words"], "neither bpe nor char"),
        (b"long enough " * 40, ["--tokenizer", "bpe", "--vocab-size", "10"], "vocab_size 10 is too small"),
        (b"long enough " * 40, ["--objective", "masked", "--mask-share", "0"], "p 0"),
        (b"long enough " * 40, ["--objective", "denoise", "--mean-span", "nan"], "mean_span nan: at least 2"),
        (b"Long enough. " * 40, ["--objective", "masked-next"], "part to learn from has 1 documents of two sentences or more"),
        ((b"Long enough. " * 18 + b"\n\n") * 2, ["--objective", "masked-next"], "the part held out has 1 documents of two"),
        (b"long enough " * 40, ["--workers", "0"], "workers 0"),
        (b"long enough " * 40, ["--seed", "-1"], "seed -1"),
    ],
)
def test_pretrain(tmp_path, capsys, content, options, message):
    file = tmp_path / "book.txt"
    if content is not None:
        file.write_bytes(content)
    out = tmp_path / "run"
    assert message in refused(capsys, "pretrain", "--text", file, "--tokenizer", "char", *SMALL, "--out", out, *options)
    assert not out.exists()


FORTY = "text,label\n" + "".join(f"a{i},b\nc{i},d\n" for i in range(20))


@pytest.mark.parametrize(
    "name, content, options, message",
    [
        ("t.csv", "text,kind\na,b\nc,d\n", [], "no column 'label': there are 'text', 'kind'"),
        ("t.csv", "text,label\na,b\nc,b\n", [], "at least two different labels"),
        ("t.csv", "text,label\na,b\nc,d\n", [], "too few to hold parts of them out"),
        ("t.csv", "text,label\na\n", [], "line 2"),
        ("t.csv", "", [], "holds no text"),
        ("t.txt", "text", [], "name it .csv, .tsv, .jsonl"),
        ("t.jsonl", '{"text": "a", "label": ', [], "line 1: not JSON"),
        ("t.csv", FORTY, ["--max-length", "17"], "more than the model's context 16"),
        ("t.csv", FORTY, ["--labels-per-class", "99"], "fewer than 99"),
        ("t.csv", FORTY, ["--test-share", "1"], "together below 1"),
        ("t.csv", FORTY, ["--hide-share", "1"], "hide_p 1"),
    ],
)
def test_finetune(tmp_path, capsys, name, content, options, message):
    file = tmp_path / name
    file.write_text(content)
    out = tmp_path / "run"
    common = ["--tokenizer", "char", "--max-length", "16", *SMALL]
    assert message in refused(capsys, "finetune", "--data", file, *common, *options, "--out", out)
    assert not out.exists()


def test_runs_that_are_none(tmp_path, capsys, causal_run, text):
    (tmp_path / "empty").mkdir()
    for command in ("evaluate", "generate", "info"):
        assert "there is no folder" in refused(capsys, command, tmp_path / "nothing")
        assert "is no run: it has no config.json" in refused(capsys, command, tmp_path / "empty")
        assert "book.txt is a file: give the folder of a run" in refused(capsys, command, text)
    broken = tmp_path / "broken"
    broken.mkdir()
    for text, message in (("{", "is not JSON"), ("[]", "not the config of a run"), ('{"options": 3}', "not the config")):
        (broken / "config.json").write_text(text)
        assert message in refused(capsys, "info", broken)
    shutil.copytree(causal_run, tmp_path / "untrained")
    for name in ("best", "last"):
        shutil.rmtree(tmp_path / "untrained" / name)
    assert "has no checkpoint 'best': train it first" in refused(capsys, "generate", tmp_path / "untrained")


def test_the_wrong_kind_of_run(capsys, tmp_path, causal_run, masked_run, classifier_run, text, table):
    assert "holds a Bert, which does not write" in refused(capsys, "generate", masked_run)
    assert "holds a SequenceClassifier, which does not write" in refused(capsys, "generate", classifier_run)
    out = ("--out", tmp_path / "run", *SMALL)
    other = ("finetune", "--task", "translation", "--from", classifier_run, "--data", table, *out)
    assert "--task translation takes a Seq2Seq or a T5" in refused(
        capsys, *other, "--source-column", "review", "--target-column", "stars"
    )
    assert "it is measured on --text" in refused(capsys, "evaluate", causal_run, "--data", table)
    assert "it is measured on --data" in refused(capsys, "evaluate", classifier_run, "--text", text)
    assert "go on with `tinyllm pretrain --resume`" in refused(capsys, "finetune", "--resume", "--out", causal_run)


def test_a_run_is_not_overwritten_nor_changed_on_the_way(capsys, causal_run, text):
    before = {path: path.read_bytes() for path in causal_run.rglob("*") if path.is_file()}
    common = ("pretrain", "--text", text, "--out", causal_run)
    assert "holds a run: go on with it by --resume, or choose another --out" in refused(capsys, *common)
    assert "--lr 0.1 differs from the run's 0.005" in refused(capsys, *common, "--resume", "--lr", 0.1)
    default = parse(["pretrain"]).batch       # as good as another number, where it is given
    assert f"--batch {default} differs from the run's 4" in refused(capsys, *common, "--resume", "--batch", default)
    assert before == {path: path.read_bytes() for path in causal_run.rglob("*") if path.is_file()}


def test_a_text_that_changed_since(capsys, tmp_path, text):
    file, run = tmp_path / "book.txt", tmp_path / "run"
    file.write_text(text.read_text())
    assert main(["pretrain", "--text", str(file), "--tokenizer", "char", *SMALL, "--out", str(run)]) == 0
    moved = file.rename(tmp_path / "moved.txt")
    assert main(["pretrain", "--out", str(run), "--text", str(moved), "--resume", "--quiet"]) == 0
    moved.rename(file)
    file.write_text(text.read_text().replace("the", "teh"))
    assert "is not what" in refused(capsys, "evaluate", run)
    assert "is not what" in refused(capsys, "pretrain", "--out", run, "--resume", "--quiet")
    assert "is not what" in refused(capsys, "pretrain", "--out", run, "--text", file, "--resume", "--quiet")


@pytest.mark.parametrize("name", ["model.safetensors", "state.json", "config.json"])
@pytest.mark.parametrize("how", ["truncated", "changed"])
def test_a_damaged_checkpoint(capsys, tmp_path, causal_run, name, how):
    shutil.copytree(causal_run, tmp_path / "run")
    file = tmp_path / "run" / "best" / name
    content = bytearray(file.read_bytes())
    if how == "truncated":
        content = content[:-5]
    else:
        content[-20] ^= 1
    file.write_bytes(content)
    for command in ("evaluate", "generate", "info"):
        assert name in refused(capsys, command, tmp_path / "run") if command != "info" else True


def test_a_damaged_tokenizer(capsys, tmp_path, causal_run, text):
    shutil.copytree(causal_run, tmp_path / "run")
    file = tmp_path / "run" / "tokenizer.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "model": {}}))
    assert "tokenizer" in refused(capsys, "generate", tmp_path / "run")
    file.unlink()
    assert "has no tokenizer.json: restore it, or train again" in refused(capsys, "generate", tmp_path / "run")
    common = ("pretrain", "--text", text, *SMALL, "--out", tmp_path / "other", "--tokenizer", tmp_path / "run")
    assert "run: the folder has no tokenizer.json: give that of a run, or the file" in refused(capsys, *common)


@pytest.mark.parametrize("content, message", [("{", "test.json is not JSON"), ("[]", "test.json is no JSON object")])
def test_a_damaged_test(capsys, tmp_path, classifier_run, table, content, message):
    shutil.copytree(classifier_run, tmp_path / "run")
    (tmp_path / "run" / "test.json").write_text(content)
    assert message in refused(capsys, "evaluate", tmp_path / "run", "--data", table)


def test_evaluation_takes_a_worker(capsys, causal_run):
    assert "0 workers: take at least 1" in refused(capsys, "evaluate", causal_run, "--workers", 0)


def test_an_output_that_cannot_be_written(capsys, tmp_path, text):
    (tmp_path / "file").write_text("")
    message = refused(capsys, "pretrain", "--text", text, "--tokenizer", "char", *SMALL, "--out", tmp_path / "file" / "run")
    assert "cannot be written to" in message and "choose another" in message


@pytest.mark.parametrize(
    "options, message",
    [
        (["--temperature", "0"], "greedy=True"), (["--top-k", "0"], "top_k 0"), (["--top-p", "2"], "top_p 2"),
        (["--repetition-penalty", "0"], "repetition_penalty 0"), (["--tokens", "-1"], "max_new_tokens -1"),
        (["--samples", "0"], "n_samples 0"), (["--stop", ""], "empty stop"), (["--seed", "-1"], "-1"),
        (["--beams", "-1"], "--beams -1: keep at least 1"),
    ],
)
def test_generate(capsys, causal_run, options, message):
    assert message in refused(capsys, "generate", causal_run, "--prompt", "the", *options)


@pytest.mark.parametrize(
    "option", [["--stop", "e"], ["--temperature", 0.8], ["--top-k", 2], ["--top-p", 0.5], ["--repetition-penalty", 1.0],
               ["--greedy"], ["--seed", 3]]
)
def test_a_search_does_not_draw(capsys, causal_run, option):
    message = refused(capsys, "generate", causal_run, "--prompt", "the", "--beams", 2, *option)
    assert f"{option[0]} is for drawing tokens, --beams 2 searches: leave one out, or give --beams 0" in message


@pytest.mark.parametrize(
    "name, message",
    [("", "is a folder: name a picture in it"), ("tree", "ends in '': name a picture"), ("tree.txt", "ends in '.txt': name a"),
     ("nothere/tree.png", "there is no folder")],
)
def test_a_picture_is_refused_before_the_search(capsys, tmp_path, causal_run, monkeypatch, name, message):
    monkeypatch.setattr("tinyllm.generation.beam_search", None)
    tree = ("--beams", 2, "--tree", tmp_path / name)
    assert message in refused(capsys, "generate", causal_run, "--prompt", "the", *tree)


def test_a_rate_that_breaks_the_numbers_says_where(capsys, tmp_path, text):
    options = ["--optimizer", "sgd", "--lr", "1e30", "--warmup", "0", "--clip", "0"]
    common = ("pretrain", "--text", text, "--tokenizer", "char", *SMALL, *options, "--out", tmp_path / "run")
    message = refused(capsys, *common, status=1)
    assert "step 2, learning rate" in message and "Try a lower lr" in message


def test_debug_shows_the_traceback(capsys, tmp_path):
    assert main(["info", str(tmp_path / "nothing"), "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["learn"], ["pretrain", "--steps", "many"], ["pretrain", "--text", "a", "--table", "b"]]
)
def test_what_argparse_refuses(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: tinyllm" in capsys.readouterr().err
