"""`tinyllm pretrain --objective denoise`: a source is framed as finetune and generate frame one."""

from __future__ import annotations

import argparse

from tests.cli import task_data
from tests.cli.conftest import SMALL
from tests.cli.test_bad_input import refused
from tests.cli.test_commands import said
from tinyllm.cli import runs
from tinyllm.cli.corpora import Texts, read_corpus
from tinyllm.cli.pretraining import DenoisedText, frame, objective_and_sources
from tinyllm.data import SENTINELS, sentinel_ids
from tinyllm.generation import prompt_ids
from tinyllm.tokenizers import SPECIAL_TOKENS, ByteBPETokenizer, PipelineTokenizer
from tinyllm.tokenizers.pipeline import contents


def test_a_source_is_framed_as_one_is_that_a_model_is_asked_about(tmp_path, capsys):
    texts, folder = task_data.write(tmp_path, "language"), tmp_path / "run"
    said(capsys, "pretrain", "--objective", "denoise", "--text", texts, "--vocab-size", 280, *SMALL, "--out", folder)
    run = runs.open_run(folder)
    tokenizer, model = run.tokenizer(), run.model("best")
    _, *sources = objective_and_sources(run.options, tokenizer, read_corpus(run.options))
    first, *_, last = prompt_ids(model, tokenizer, "The value.")
    for batch in (sources[0].batch(0), *sources[1].evaluation()):
        assert (batch["ids"][:, 0] == first).all() and (batch["ids"][:, -1] == last).all()
        assert ((batch["ids"] == first).sum(axis=1) == 1).all() and (batch["decoder_ids"][:, 0] == tokenizer.bos_id).all()
    assert sources[0].context == 16 - 2                                         # window and frame are the model's context


def test_a_run_whose_sources_ended_otherwise_does_not_go_on_with_these(tmp_path, capsys, monkeypatch):
    texts, folder = task_data.write(tmp_path, "language"), tmp_path / "run"
    line = ("pretrain", "--objective", "denoise", "--text", texts, "--vocab-size", 280, *SMALL, "--out", folder)
    with monkeypatch.context() as older:
        older.setattr("tinyllm.cli.pretraining.frame", lambda tokenizer: ([], [tokenizer.eos_id]))
        said(capsys, *line)
    message = refused(capsys, "pretrain", "--out", folder, "--resume", "--quiet")
    assert "is of another run: data is" in message and "another folder" in message


def test_a_tokenizer_from_scratch_has_the_sentinels_that_a_window_needs_and_no_more():
    args = argparse.Namespace(context=152, mask_share=0.15, mean_span=3.0, batch=2, seed=0)     # 151 would need one more
    learner = DenoisedText(args)
    tokenizer = ByteBPETokenizer.train("a word ", 300, (*SPECIAL_TOKENS, *learner.special_tokens))
    targets = learner.source(tokenizer, Texts(["a word " * 99], [], False, {}), "train").batch(0)["targets"]
    assert set(sentinel_ids(tokenizer)) <= set(targets.ravel().tolist())


def test_the_frame_is_the_tokenizer_s_own_or_an_end():
    ours = ByteBPETokenizer.train("a", 290, (*SPECIAL_TOKENS, *SENTINELS[:2]))
    assert frame(ours) == ([ours.cls_id], [ours.sep_id])
    unframed = ByteBPETokenizer.train("a", 290, ("<eos>", "<bos>", SENTINELS[0]))
    assert frame(unframed) == ([unframed.bos_id], [unframed.eos_id])
    vocab = {token: i for i, token in enumerate(["[UNK]", "<pad>", "<s>", "</s>", "<extra_id_0>"])}
    added = [contents.added_token(i, name) for name, i in vocab.items()]
    model = {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"}
    for before, after in ([], ["</s>"]), (["<s>"], ["</s>"]), (["<s>"], []), ([], []):
        signs = ([(name, vocab[name]) for name in names] for names in (before, after))
        tokenizer = PipelineTokenizer(contents.content(model, added, post_processor=contents.template(*signs)))
        expected = (before, after) if before or after else ([], ["</s>"])
        assert frame(tokenizer) == tuple([vocab[name] for name in names] for names in expected)
