"""What holds of every kind of model: it comes back from a folder, and a config from outside is checked first."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.support import OPTIONS, SEEDS, bert, full_bert, gpt, llama, made, seq2seq, t5
from tests.nn.support import shaken
from tinyllm.models import (
    GPT,
    T5,
    Autoencoder,
    Bert,
    Llama,
    Pretrained,
    SentenceEncoder,
    Seq2Seq,
    SequenceClassifier,
    SpanReader,
    TokenClassifier,
)

IDS = np.array([[1, 2, 3, 4]])


def autoencoder(seed=0, dtype=np.float64, **options):
    if options.get("positions") not in (None, "learned"):
        options["positions"] = "sinusoidal"
    return made(Autoencoder, seed, dtype, **{"d_code": 3, **options})


def on_a_trunk(make):
    def head(seed=0, dtype=np.float64, **options):
        trunk, rng = full_bert(seed, dtype, **options)
        return shaken(make(trunk), rng).to(dtype=dtype).eval(), rng

    return head


KINDS = {
    "gpt": gpt, "llama": llama, "bert": bert, "full bert": full_bert, "seq2seq": seq2seq, "t5": t5, "autoencoder": autoencoder,
    "bare bert": lambda *a, **o: full_bert(*a, **{**o, "masked_head": False, "next_sentence": False}),
    "classifier": on_a_trunk(lambda t: SequenceClassifier(t, 3, "cls", 0.1, ["a", "b", "ü"])),
    "tagger": on_a_trunk(lambda t: TokenClassifier(t, 2, 0.1, ["O", "B-X"])),
    "reader": on_a_trunk(lambda t: SpanReader(t, 0.2)),
    "encoder": on_a_trunk(lambda t: SentenceEncoder(t, "max", normalize=False)),
}


def output(model):
    if isinstance(model, Seq2Seq):
        return model(IDS, IDS).data
    if isinstance(model, Bert) and model.pooler is not None:
        return model.pooled(model.hidden(IDS, None, [[0, 0, 1, 1]])).data
    return model(IDS).data


@given(kind=st.sampled_from(list(KINDS)), options=OPTIONS, dtype=st.sampled_from([np.float32, np.float64]), seed=SEEDS)
@settings(max_examples=60)
def test_it_goes_round(tmp_path_factory, kind, options, dtype, seed):
    model, _ = KINDS[kind](seed, dtype, **options)
    folder = tmp_path_factory.mktemp("model")
    model.save_pretrained(folder)
    again = Pretrained.from_pretrained(folder)
    assert type(again) is type(model) and not again.training
    assert again.state_dict().keys() == model.state_dict().keys()
    np.testing.assert_array_equal(output(again), output(model))
    assert output(again).dtype == dtype


@pytest.mark.parametrize("kind", ["classifier", "tagger", "reader", "encoder"])
def test_the_arguments_of_a_head_come_back(tmp_path, kind):
    model, _ = KINDS[kind]()
    model.save_pretrained(tmp_path)
    assert Pretrained.from_pretrained(tmp_path).config_dict() == model.config_dict()
    assert repr(Pretrained.from_pretrained(tmp_path)) == repr(model)


def test_labels_come_back(tmp_path):
    KINDS["tagger"]()[0].save_pretrained(tmp_path)
    again = TokenClassifier.from_pretrained(tmp_path)
    assert again.labels == ("O", "B-X") and again.dropout.p == 0.1
    assert TokenClassifier(again.trunk, 2).config_dict()["labels"] is None
    with pytest.raises(ValueError, match="holds a TokenClassifier, not a SpanReader"):
        SpanReader.from_pretrained(tmp_path)


def test_the_targets_of_an_autoencoder_come_back_frozen(tmp_path):
    KINDS["autoencoder"]()[0].save_pretrained(tmp_path)
    assert [n for n, p in Autoencoder.from_pretrained(tmp_path).named_parameters() if not p.requires_grad] == ["target.weight"]


def test_a_family_reads_its_own(tmp_path):
    for name, kinds, strangers in [("llama", (Llama, GPT), (Bert, T5)), ("t5", (T5, Seq2Seq), (GPT, Autoencoder))]:
        KINDS[name]()[0].save_pretrained(tmp_path / name)
        for kind in kinds:
            assert type(kind.from_pretrained(tmp_path / name)) is kinds[0]
        for kind in strangers:
            with pytest.raises(ValueError, match=f"holds a {kinds[0].__name__}, not a"):
                kind.from_pretrained(tmp_path / name)


# Options that no model of others has, so that the folder holds our own config.
OWN = {"activation": "gelu", "positions": "learned", "norm": "layer", "norm_first": True, "bias": False}


@pytest.mark.parametrize("kind, fields", [
    ("gpt", {"head_dim": 1 << 22}), ("gpt", {"head_dim": 0}), ("gpt", {"head_dim": "4"}), ("gpt", {"rope_base": 0}),
    ("gpt", {"rope_base": float("nan")}), ("gpt", {"rope_base": float("inf")}), ("gpt", {"norm_eps": float("nan")}),
    ("gpt", {"norm_eps": -1.0}), ("gpt", {"norm_eps": "small"}), ("gpt", {"positions": "relative", "relative_buckets": 1}),
    ("gpt", {"positions": "relative", "relative_distance": 1}), ("gpt", {"positions": "relative"}),
    ("gpt", {"relative_buckets": 1 << 40}), ("gpt", {"relative_distance": 2.5}),
    ("full bert", {"n_segments": -1}), ("full bert", {"n_segments": 3}), ("full bert", {"n_segments": 1 << 22}),
    ("full bert", {"n_segments": True}), ("full bert", {"pooler": 1}), ("full bert", {"pooler": False}),
    ("full bert", {"next_sentence": None}), ("full bert", {"masked_head": False}), ("full bert", {"n_layers": 1 << 22}),
    ("seq2seq", {"n_decoder_layers": 1 << 22}), ("seq2seq", {"n_decoder_layers": 1}), ("seq2seq", {"n_decoder_layers": 0}),
    ("seq2seq", {"start_id": -1}), ("seq2seq", {"start_id": 11}), ("seq2seq", {"start_id": None}),
    ("seq2seq", {"start_id": 1.0}), ("seq2seq", {"d_code": 3}), ("seq2seq", {"n_layers": 1 << 22}),
    ("seq2seq", {"vocab_size": 1 << 22, "d_model": 1 << 22, "context": 1, "n_heads": 1}),
    ("t5", {"n_decoder_layers": 1 << 22}), ("t5", {"tie_embeddings": False}), ("t5", {"model_type": "seq2seq", "bias": True}),
    ("autoencoder", {"d_code": 0}), ("autoencoder", {"d_code": 1 << 22}), ("autoencoder", {"d_code": 1 << 60}),
    ("autoencoder", {"n_decoder_layers": 1 << 22}), ("autoencoder", {"positions": "rotary"}),
    ("tagger", {"n_labels": 3}), ("tagger", {"n_labels": 1 << 30}), ("tagger", {"n_labels": "2"}), ("tagger", {"labels": {}}),
    ("tagger", {"labels": "OX"}), ("tagger", {"labels": [1, 2]}), ("tagger", {"pooling": "mean"}), ("tagger", {"trunk": []}),
    ("tagger", {"trunk": {"model_type": "t5", "vocab_size": 11}}), ("tagger", {"trunk": {"model_type": "tagger"}}),
    ("reader", {"dropout": 1}), ("reader", {"dropout": float("nan")}), ("reader", {"dropout": None}), ("reader", {"trunk": 1}),
    ("encoder", {"normalize": "yes"}), ("encoder", {"normalize": None}), ("encoder", {"pooling": ["mean"]}),
    ("encoder", {"pooling": None}), ("encoder", {"dropout": 0.0}),
])
def test_a_config_that_makes_no_sense_or_does_not_fit(tmp_path, kind, fields):
    KINDS[kind](**OWN)[0].save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    with pytest.raises(ValueError):
        Pretrained.from_pretrained(tmp_path)


@pytest.mark.parametrize("kind", ["seq2seq", "tagger", "encoder"])
def test_a_config_without_a_field(tmp_path, kind):
    KINDS[kind](**OWN)[0].save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    values = json.loads(path.read_text())
    for name in ("vocab_size", "trunk", "pooling", "labels"):
        if name in values:
            path.write_text(json.dumps({key: value for key, value in values.items() if key != name}))
            with pytest.raises(ValueError, match=name):
                Pretrained.from_pretrained(tmp_path)
