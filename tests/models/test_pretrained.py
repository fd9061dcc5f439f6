"""Models as folders: what is saved comes back, and what was tampered with does not."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.support import OPTIONS, SEEDS, bert, gpt
from tinyllm.models import GPT, Bert, Pretrained, SequenceClassifier
from tinyllm.models.hugging_face import layout_for

IDS = np.array([[1, 2, 3, 4]])


@pytest.fixture
def folder(tmp_path):
    model, _ = gpt(dtype=np.float32)
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@given(options=OPTIONS, trunk=st.sampled_from([gpt, bert]), dtype=st.sampled_from([np.float32, np.float64]), seed=SEEDS)
def test_a_model_goes_round(tmp_path_factory, options, trunk, dtype, seed):
    model, _ = trunk(seed, dtype, **options)
    folder = tmp_path_factory.mktemp("model")
    model.save_pretrained(folder)
    again = type(model).from_pretrained(folder)
    assert not again.training
    if layout_for(model) is None:           # theirs has no words for sizes left open, nor for fields that do nothing
        assert again.config == model.config and type(again) is type(model)
    np.testing.assert_array_equal(again(IDS).data, model(IDS).data)
    assert again(IDS).dtype == dtype
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("trunk", [gpt, bert])
def test_a_classifier_goes_round_with_its_labels(tmp_path, trunk):
    model = SequenceClassifier(trunk(dtype=np.float32)[0], 3, "max", 0.1, ["a", "b", "ü"]).eval()
    model.save_pretrained(tmp_path)
    again = Pretrained.from_pretrained(tmp_path)
    assert isinstance(again, SequenceClassifier) and type(again.trunk) is type(model.trunk)
    assert (again.labels, again.pooling, again.dropout.p) == (("a", "b", "ü"), "max", 0.1)
    np.testing.assert_array_equal(again(IDS).data, model(IDS).data)


def test_loading_draws_no_random_numbers(folder):
    from tinyllm import backend

    state = backend.generator().bit_generator.state
    GPT.from_pretrained(folder)
    assert backend.generator().bit_generator.state == state


def test_loading_reads_no_memory_that_nobody_wrote(tmp_path, monkeypatch):
    """What np.empty finds is chance: here every such array is full of signalling NaNs, which no cast lets through."""
    model, _ = gpt(dtype=np.float64)
    model.save_pretrained(tmp_path)

    def poisoned(shape, dtype=float, *args, **kwargs):
        array = np.zeros(shape, dtype)
        if array.dtype == np.float32:
            array.view(np.uint32)[...] = 0x7FA00000
        return array

    monkeypatch.setattr(np, "empty", poisoned)
    np.testing.assert_array_equal(GPT.from_pretrained(tmp_path)(IDS).data, model(IDS).data)


def test_saving_again_replaces(folder):
    other, _ = gpt(5, dtype=np.float32)
    other.save_pretrained(folder)
    np.testing.assert_array_equal(GPT.from_pretrained(folder)(IDS).data, other(IDS).data)


def test_a_failed_save_leaves_the_old_file(folder, monkeypatch):
    before = (folder / "model.safetensors").read_bytes()
    model, _ = gpt(5, dtype=np.float32)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        model.save_pretrained(folder)
    assert (folder / "model.safetensors").read_bytes() == before
    assert not [p for p in folder.iterdir() if p.name.endswith(".new")]


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        gpt()[0].save_pretrained(tmp_path / "file" / "model")


def test_missing_files_are_named(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match=r"has no config.json"):
        GPT.from_pretrained(tmp_path / "nowhere")
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no model.safetensors"):
        GPT.from_pretrained(folder)


def changed(folder, **fields):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize(
    "fields, match",
    [
        ({"model_type": "bert"}, "holds a Bert, not a GPT"),
        ({"model_type": "mamba"}, "no model_type 'mamba'"),
        ({"model_type": None}, "no model_type None"),
        ({"model_type": ["gpt"]}, "no model_type"),
        ({"d_model": 30, "n_heads": 4}, "does not split into 4 heads"),
        ({"d_model": "8"}, "d_model is '8'"),
        ({"d_model": 16}, "the config says"),
        ({"n_layers": 3}, "layers.2.attention.q_proj.weight is missing"),
        ({"n_layers": 1}, "layers.1.attention.q_proj.weight is unexpected"),
        ({"n_layers": 4_000_000}, "they are not of one model"),
        ({"vocab_size": 4_000_000, "d_model": 4_000_000, "context": 1}, "the files hold 1,120"),
        ({"context": 1 << 22, "positions": "sinusoidal", "head_dim": 10}, "table of positions would have 41,943,040"),
        ({"vocab_size": 12}, r"embedding.weight has shape \(11, 8\), the config says \(12, 8\)"),
        ({"surprise": 1}, "no field surprise"),
        ({"tie_embeddings": False}, "head.weight is missing"),
    ],
)
def test_a_config_that_does_not_fit(folder, fields, match):
    changed(folder, **fields)
    with pytest.raises(ValueError, match=match):
        GPT.from_pretrained(folder)


@pytest.mark.parametrize("text, match", [
    ("", "no JSON"), ("{", "no JSON"), ("[1]", "holds a list"), ("[" * 100_000, "no JSON"), (b"\xff\xfe\x00", "no JSON"),
    (" " * (1 << 21), "has at most"),
])
def test_a_config_that_is_none(folder, text, match):
    (folder / "config.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=match):
        GPT.from_pretrained(folder)


@pytest.mark.parametrize("fields", [
    {"trunk": None}, {"trunk": []}, {"trunk": {"model_type": "classifier"}}, {"trunk": {}}, {"n_labels": "3"},
    {"n_labels": 1 << 30}, {"labels": [1, 2, 3]}, {"labels": ["a"]}, {"pooling": []}, {"pooling": "sum"}, {"dropout": None},
    {"n_labels": True},
])
def test_a_classifiers_config_that_makes_no_sense(tmp_path, fields):
    SequenceClassifier(gpt()[0], 3).save_pretrained(tmp_path)
    changed(tmp_path, **fields)
    with pytest.raises(ValueError):
        Pretrained.from_pretrained(tmp_path)


@given(cut=st.integers(1, 1000))
def test_truncated_weights(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("model")
    gpt(dtype=np.float32)[0].save_pretrained(folder)
    path = folder / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[: max(0, len(data) - 7 * cut)])
    with pytest.raises(ValueError, match="damaged or no safetensors file"):
        GPT.from_pretrained(folder)


@given(place=st.integers(0, 7), bit=st.integers(0, 7))
def test_a_tampered_header(tmp_path_factory, place, bit):
    folder = tmp_path_factory.mktemp("model")
    gpt(dtype=np.float32)[0].save_pretrained(folder)
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)
    with pytest.raises(ValueError):
        GPT.from_pretrained(folder)


def with_header(folder, change):
    """Rewrite the header of the weights: a length in eight bytes, then JSON."""
    path = folder / "model.safetensors"
    data = path.read_bytes()
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + n])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + n :])


def test_integers_in_the_place_of_weights(folder):
    with_header(folder, lambda header: header["norm.weight"].update(dtype="I32"))
    with pytest.raises(ValueError, match=r"norm.weight is I32, none of BF16, F16, F32, F64"):
        GPT.from_pretrained(folder)


def test_weights_of_another_shape(folder):
    with_header(folder, lambda header: header["embedding.weight"].update(shape=[8, 11]))
    with pytest.raises(ValueError, match=r"embedding.weight has shape \(8, 11\), the config says \(11, 8\)"):
        GPT.from_pretrained(folder)


def test_an_array_renamed(folder):
    with_header(folder, lambda header: header.update({"x": header.pop("norm.weight")}))
    with pytest.raises(ValueError, match=r"norm.weight is missing; x is unexpected"):
        GPT.from_pretrained(folder)


def test_half_precision_is_read_as_single(folder):
    from safetensors.numpy import load_file, save_file

    path = folder / "model.safetensors"
    save_file({name: a.astype(np.float16) for name, a in load_file(path).items()}, path)
    assert GPT.from_pretrained(folder)(IDS).dtype == np.float32


def test_the_other_class_is_named(folder):
    with pytest.raises(ValueError, match=r"holds a GPT, not a Bert: use GPT.from_pretrained"):
        Bert.from_pretrained(folder)


def test_without_safetensors_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    with pytest.raises(ImportError, match=r"pip install tinyllm\[train\]"):
        GPT.from_pretrained(folder)
