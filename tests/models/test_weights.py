"""Weights in files: bfloat16 by the definition, shards and their index, and whatever else a file may hold."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from tests.models.hugging_face import DRAWN, MAKERS, answer, config_of, gpt2, small_llama
from tests.models.support import gpt
from tinyllm.models import GPT, Llama, Pretrained
from tinyllm.models.weights import opened

# ------------------------------------------------------------ bfloat16


def bfloat16_file(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """A safetensors file of 16-bit patterns, written by hand."""
    header, data = {}, b""
    for name, bits in arrays.items():
        raw = bits.astype("<u2").tobytes()
        header[name] = {"dtype": "BF16", "shape": bits.shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_every_bfloat16(tmp_path):
    """All 65,536: sign, 8 bits of exponent, 7 of mantissa, as the definition has them."""
    bits = np.arange(1 << 16).reshape(256, 256)
    bfloat16_file(tmp_path / "model.safetensors", {"first": bits[:1], "all": bits})
    with opened(tmp_path) as weights:
        got = weights.read("all")
    assert got.dtype == np.float32 and got.shape == (256, 256)
    sign, exponent, mantissa = bits >> 15, bits >> 7 & 255, bits & 127
    value = np.where(exponent == 0, mantissa / 128 * 2.0**-126, (1 + mantissa / 128) * 2.0 ** np.minimum(exponent - 127.0, 127))
    value = np.where(exponent == 255, np.where(mantissa == 0, np.inf, np.nan), value) * (1 - 2 * sign)
    nan = np.isnan(value)
    np.testing.assert_array_equal(np.isnan(got), nan)
    np.testing.assert_array_equal(got[~nan].astype(np.float64), value[~nan])


def test_a_model_in_bfloat16(tmp_path):
    model = small_llama()
    model.save_pretrained(tmp_path)
    arrays = load_file(tmp_path / "model.safetensors")
    bfloat16_file(tmp_path / "model.safetensors", {name: a.view(np.uint32) >> 16 for name, a in arrays.items()})
    again = dict(Llama.from_pretrained(tmp_path).named_parameters())
    for name, parameter in model.named_parameters():
        np.testing.assert_array_equal(again[name].data.view(np.uint32), parameter.data.view(np.uint32) & 0xFFFF0000)
    data = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(data[:-1])
    with pytest.raises(ValueError, match="damaged"):
        Llama.from_pretrained(tmp_path)


# ------------------------------------------------------------ shards


def shards_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("model-*.safetensors"))


@settings(max_examples=12)           # each waits for the disk, once a file
@given(most=st.integers(800, 12000), drawn=DRAWN)
def test_shards_go_round(tmp_path_factory, most, drawn):
    name, options = drawn
    model, folder = MAKERS[name][0](**options), tmp_path_factory.mktemp("model")
    model.save_pretrained(folder / "whole")
    model.save_pretrained(folder / "parts", max_shard_size=most)
    np.testing.assert_array_equal(answer(Pretrained.from_pretrained(folder / "parts")), answer(model))
    whole = load_file(folder / "whole" / "model.safetensors")
    if not (folder / "parts" / "model.safetensors").exists():
        index = json.loads((folder / "parts" / "model.safetensors.index.json").read_text())
        found: dict = {}
        for path in shards_in(folder / "parts"):
            part = load_file(path)
            assert len(part) == 1 or sum(array.nbytes for array in part.values()) <= most
            assert {key for key, file in index["weight_map"].items() if file == path.name} == set(part)
            found |= part
        assert index["metadata"]["total_size"] == sum(array.nbytes for array in whole.values())
        whole_names = [path.name for path in shards_in(folder / "parts")]
        n = len(whole_names)
        assert n > 1 and whole_names == [f"model-{i:05}-of-{n:05}.safetensors" for i in range(1, n + 1)]
        assert all(np.array_equal(found[key], array) for key, array in whole.items()) and found.keys() == whole.keys()


def test_our_own_layout_has_shards_too(tmp_path):
    model, _ = gpt(dtype=np.float32)
    model.save_pretrained(tmp_path, max_shard_size=1000)
    assert len(shards_in(tmp_path)) > 1
    np.testing.assert_array_equal(answer(Pretrained.from_pretrained(tmp_path)), answer(model))


def test_the_size_of_a_shard_is_a_number_of_bytes(tmp_path):
    for size in ("5GB", 0, 1.5):
        with pytest.raises(ValueError, match=f"max_shard_size is {size!r}: give the number of bytes"):
            gpt2().save_pretrained(tmp_path, max_shard_size=size)


def test_an_older_save_does_not_linger(tmp_path):
    """A reader looks at model.safetensors first: the one of an older save would be read in place of the newer shards."""
    old, new = gpt2(1), gpt2(2)
    for sizes in ((5_000_000, 1000), (1000, 5_000_000), (500, 1000)):
        for model, size in zip((old, new), sizes, strict=True):
            model.save_pretrained(tmp_path, max_shard_size=size)
        np.testing.assert_array_equal(answer(Pretrained.from_pretrained(tmp_path)), answer(new))
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json", "model.safetensors.index.json", *index["weight_map"].values(),
    }  # fmt: skip


def test_max_shard_size_is_a_size(tmp_path):
    with pytest.raises(ValueError, match="max_shard_size is 0"):
        gpt2().save_pretrained(tmp_path, max_shard_size=0)


@pytest.fixture
def sharded(tmp_path):
    gpt2().save_pretrained(tmp_path / "model", max_shard_size=2000)
    return tmp_path / "model"


def reindexed(folder: Path, change: Callable) -> None:
    path = folder / "model.safetensors.index.json"
    values = json.loads(path.read_text())
    values = change(values) or values
    path.write_text(json.dumps(values))


NAME = "transformer.ln_f.bias"


@pytest.mark.parametrize("file", [
    "../model/model-00001-of-00002.safetensors", "/etc/passwd", "/tmp/x.safetensors", "..", "", "a/b.safetensors",
    "a\\b.safetensors", "C:x.safetensors", ".hidden.safetensors", "pytorch_model.bin", "x.safetensors\n", "ü.safetensors", 7,
    None, ["x.safetensors"], "x.safetensors\x00",
])  # fmt: skip
def test_an_index_leads_nowhere_else(sharded, file):
    reindexed(sharded, lambda values: values["weight_map"].update({NAME: file}))
    with pytest.raises(ValueError, match="only files beside it"):
        Pretrained.from_pretrained(sharded)


@pytest.mark.parametrize("change, match", [
    (lambda values: {"metadata": {}}, "has no weight_map"), (lambda values: {"weight_map": []}, "has no weight_map"),
    (lambda values: {"weight_map": {}}, "has no weight_map"), (lambda values: [1], "holds a list"),
    (lambda values: values["weight_map"].pop(NAME) and None, f"disagree on {NAME}"),
    (lambda values: values["weight_map"].update(x="model-00001-of-00002.safetensors"), "(disagree on x|is missing)"),
    (lambda values: {"weight_map": {f"a{i}": f"b{i}.safetensors" for i in range(300)}}, "lists 300 files: at most 256"),
])  # fmt: skip
def test_an_index_that_does_not_fit(sharded, change, match):
    reindexed(sharded, change)
    with pytest.raises((ValueError, FileNotFoundError), match=match):
        Pretrained.from_pretrained(sharded)


def test_a_shard_that_is_missing_or_there_twice(sharded):
    first, second, *_ = shards_in(sharded)
    data = second.read_bytes()
    second.unlink()
    with pytest.raises(FileNotFoundError, match=rf"{second.name} is missing, .* the download is not complete"):
        Pretrained.from_pretrained(sharded)
    shutil.copy(first, second)
    with pytest.raises(ValueError, match="keep one of them"):
        Pretrained.from_pretrained(sharded)
    second.write_bytes(data[:-4])
    with pytest.raises(ValueError, match="damaged"):
        Pretrained.from_pretrained(sharded)


def test_links_to_files_are_followed_as_in_the_cache_of_downloads(sharded, tmp_path):
    for path in [*shards_in(sharded), sharded / "config.json"]:
        path.rename(tmp_path / path.name)
        path.symlink_to(tmp_path / path.name)
    assert isinstance(Pretrained.from_pretrained(sharded), GPT)
    shards_in(sharded)[0].unlink()
    (sharded / "model-00001-of-00002.safetensors").unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        Pretrained.from_pretrained(sharded)


def test_a_pickle_is_named_and_not_opened(tmp_path):
    gpt2().save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"its pytorch_model\.bin is a pickle, which can run code"):
        Pretrained.from_pretrained(tmp_path)


# ------------------------------------------------------------ anything at all

CLEAN = (ValueError, FileNotFoundError)
NUMBERS = st.one_of(
    st.integers(-3, 300), st.sampled_from([1 << 22, 1 << 31, 1 << 64, 10**30, -(1 << 63)]), st.floats(), st.booleans()
)
JSON = st.recursive(
    st.none() | NUMBERS | st.text(max_size=5) | st.sampled_from(["gelu", "relu", "bert", "t5", "gpt", "model.safetensors"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=5,
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """One folder of each architecture, whole, and one in parts."""
    found = {}
    for name, (make, _) in MAKERS.items():
        for size in (5_000_000, 2000):
            found[name, size] = tmp_path_factory.mktemp("model")
            make().save_pretrained(found[name, size], max_shard_size=size)
    return found


def opens_or_says_why_not(folder: Path) -> None:
    try:
        Pretrained.from_pretrained(folder)
    except CLEAN as error:
        assert str(error)


@pytest.mark.parametrize("name", sorted(MAKERS))
@given(data=st.data())
def test_any_config(folders, tmp_path_factory, name, data):
    values = config_of(folders[name, 5_000_000])
    keys = data.draw(st.lists(st.sampled_from([*sorted(values), "rope_scaling", "n_layers", "quantization_config"]), min_size=1,
                              max_size=3, unique=True))
    folder = tmp_path_factory.mktemp("model")
    (folder / "model.safetensors").symlink_to(folders[name, 5_000_000] / "model.safetensors")
    for key in keys:
        values[key] = data.draw(JSON)
    (folder / "config.json").write_text(json.dumps(values))
    opens_or_says_why_not(folder)


@given(data=st.data())
def test_any_index(folders, tmp_path_factory, data):
    source = folders[data.draw(st.sampled_from(sorted(MAKERS))), 2000]
    folder = tmp_path_factory.mktemp("model")
    for path in source.iterdir():
        (folder / path.name).symlink_to(path)
    path = folder / "model.safetensors.index.json"
    values = json.loads(path.read_text())
    path.unlink()
    if data.draw(st.booleans()):
        for key in data.draw(st.lists(st.sampled_from(sorted(values["weight_map"])), min_size=1, max_size=3)):
            file = st.sampled_from(["../x.safetensors", "config.json", *(p.name for p in shards_in(folder))])
            values["weight_map"][data.draw(st.just(key) | st.text(max_size=5))] = data.draw(file | JSON)
    else:
        values = data.draw(JSON)
    path.write_text(json.dumps(values))
    opens_or_says_why_not(folder)


@given(data=st.data())
def test_any_damage(folders, tmp_path_factory, data):
    """Cut, or with bytes of the header changed: a flip among the numbers is a number and cannot be told."""
    source = folders[data.draw(st.sampled_from(sorted(MAKERS))), 5_000_000]
    folder = tmp_path_factory.mktemp("model")
    raw = bytearray((source / "model.safetensors").read_bytes())
    (folder / "config.json").symlink_to(source / "config.json")
    header = 8 + struct.unpack("<Q", raw[:8])[0]
    for place in data.draw(st.lists(st.integers(0, header - 1), max_size=4)):
        raw[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    (folder / "model.safetensors").write_bytes(raw[: len(raw) - cut])
    opens_or_says_why_not(folder)
