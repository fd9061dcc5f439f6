"""`tinyllm chat`, and where models come from."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from tests.cli.test_bad_input import refused
from tests.cli.test_commands import said
from tests.cli.tiny_gguf import write
from tinyllm.cli import main
from tinyllm.cli.sources import chat_template, open_model
from tinyllm.data import fetching
from tinyllm.generation import PLAIN
from tinyllm.models import GPT, Llama


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def talked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lines: str, *arguments: object) -> list[str]:
    """What is shown when these lines are typed."""
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    return said(capsys, "chat", *arguments).splitlines()


# ---------------------------------------------------------------- where models come from

def test_a_gguf_file_its_folder_and_a_fetched_name(file, tmp_path, monkeypatch, capsys):
    ask = ("--prompt", "Hello", "--tokens", 8, "--greedy")
    expected = said(capsys, "generate", file, *ask)
    assert expected.startswith("Hello") and len(expected) == len("Hello") + 8 + 1
    assert said(capsys, "generate", file.parent, *ask) == expected
    monkeypatch.setenv("TINYLLM_CACHE", str(tmp_path))
    assert "smollm2 is not here yet: tinyllm fetch smollm2" in refused(capsys, "generate", "smollm2", *ask)
    folder = tmp_path / "models" / f"smollm2-{fetching.MODELS['smollm2'].version}"
    folder.mkdir(parents=True)
    shutil.copy(file, folder)
    assert said(capsys, "generate", "smollm2", *ask) == expected


def test_a_models_folder(file, tmp_path, capsys):
    model, tokenizer = open_model(file)
    assert type(model) is Llama
    model.save_pretrained(tmp_path)
    tokenizer.save(tmp_path / "tokenizer.json")
    again, its_tokenizer = open_model(tmp_path)
    assert type(again) is Llama and its_tokenizer.encode("Hé") == tokenizer.encode("Hé")
    ask = ("--prompt", "Hello", "--tokens", 8, "--greedy")
    assert said(capsys, "chat", tmp_path, *ask) == said(capsys, "chat", file, *ask)     # the template came along


def test_a_run(causal_run, capsys):
    model, tokenizer = open_model(causal_run)
    assert type(model) is GPT and chat_template(tokenizer).source == PLAIN


def test_what_is_no_model(file, tmp_path, masked_run, capsys):
    assert "there is no folder" in refused(capsys, "chat", tmp_path / "nothing")
    assert "is no run: it has no config.json" in refused(capsys, "chat", tmp_path)
    assert "holds a Bert, which does not write" in refused(capsys, "chat", masked_run)
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    assert "download the file again" in refused(capsys, "chat", tmp_path)
    shutil.copy(file, tmp_path)
    assert "holds 2 GGUF files: name one" in refused(capsys, "chat", tmp_path)


# ---------------------------------------------------------------- the conversation

def test_one_answer(file, capsys):
    ask = ("chat", file, "--prompt", "Hello", "--tokens", 8)
    answer, note = said(capsys, *ask, "--greedy").splitlines()
    assert len(answer) == 8 and answer.isalpha() and note.startswith("(stopped after 8 tokens")
    assert said(capsys, *ask, "--seed", 1) == said(capsys, *ask, "--seed", 1) != said(capsys, *ask, "--seed", 2)
    assert said(capsys, *ask, "--greedy", "--system", "Be brief.") != said(capsys, *ask, "--greedy")


def test_turns_reset_and_the_end(file, capsys, monkeypatch):
    how = (file, "--tokens", 6, "--greedy")
    shown = talked(monkeypatch, capsys, "Hello\n\nHello\n/reset\nHello\n/quit\nnever asked\n", *how)
    answers = [line for line in shown if not line.startswith("(")]
    assert len(answers) == 3 and answers[0] == answers[2] != answers[1] and "(forgotten)" in shown
    assert talked(monkeypatch, capsys, "Hello\n", *how)[0] == answers[0]         # the end of the input is the end


def test_a_full_context_is_said(tmp_path, capsys, monkeypatch):
    file = write(tmp_path / "small.gguf", context=120)
    shown = talked(monkeypatch, capsys, "one\ntwo\nthree\nfour\n" + "a" * 120 + "\nfive", file, "--tokens", 9, "--greedy")
    assert any(line.startswith("(the context is full: the oldest 2 messages are forgotten") for line in shown)
    assert any(line.startswith("(the message makes") for line in shown)
    assert len([line for line in shown if line.isalpha()]) == 5


def test_ctrl_c_stops_an_answer_and_not_the_conversation(file, capsys, monkeypatch):
    from tinyllm.generation import Conversation

    real, asked = Conversation._next, []

    def interrupted(self, ids, read):
        asked.append(1)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return real(self, ids, read)

    monkeypatch.setattr(Conversation, "_next", interrupted)
    shown = talked(monkeypatch, capsys, "Hello\nGo on\n", file, "--tokens", 6, "--greedy")
    assert len(shown[0]) == 3 and shown[1] == "(stopped)" and len(shown[2]) == 6


def test_a_model_without_a_template_and_signs(tmp_path, capsys, causal_run):
    file = write(tmp_path / "plain.gguf", template=None)
    assert said(capsys, "chat", file, "--prompt", "Hello", "--tokens", 3)         # <|im_start|> and <|im_end|> do
    broken = write(tmp_path / "broken.gguf", template="{% for %}")
    assert "the chat template is damaged" in refused(capsys, "chat", broken, "--prompt", "a")
    refusing = write(tmp_path / "refusing.gguf", template="{{ raise_exception('not today') }}")
    assert "not today" in refused(capsys, "chat", refusing, "--prompt", "a")


def test_without_jinja2(file, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    assert "pip install tinyllm[chat]" in refused(capsys, "chat", file, "--prompt", "a")


def test_numbers_out_of_range(file, capsys):
    assert "temperature 0" in refused(capsys, "chat", file, "--prompt", "a", "--temperature", "0")
    assert "at least 1" in refused(capsys, "chat", file, "--prompt", "a", "--tokens", "0")
    assert main(["chat", str(file), "--prompt", "a", "--top-k", "0"]) == 2
