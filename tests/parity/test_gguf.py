"""GGUF against the package `gguf` of llama.cpp: the same metadata, and the same weights bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, quants
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.gguf import FORMATS, GGUF, dequantize

KINDS = pytest.mark.parametrize("number", FORMATS, ids=[kind.name for kind in FORMATS.values()])


@KINDS
@given(seed=st.integers(0, 2**31), n=st.integers(1, 40))
def test_random_blocks(number, seed, n):
    kind = FORMATS[number]
    data = np.random.default_rng(seed).integers(0, 256, n * kind.block_bytes, np.uint8)
    with np.errstate(invalid="ignore"):
        expected = quants.dequantize(data.reshape(n, -1), GGMLQuantizationType(number)).reshape(-1)
    np.testing.assert_array_equal(dequantize(data, kind), expected)


@KINDS
def test_sizes(number):
    from gguf.constants import GGML_QUANT_SIZES

    kind = FORMATS[number]
    assert GGMLQuantizationType(number).name == kind.name
    assert GGML_QUANT_SIZES[GGMLQuantizationType(number)] == (kind.block_size, kind.block_bytes)


def test_a_file_of_their_writer(tmp_path, rng):
    path = tmp_path / "model.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_name("é")
    writer.add_uint8("a", 255)
    writer.add_int64("b", -(2**62))
    writer.add_float32("c", 0.1)
    writer.add_bool("d", True)
    writer.add_array("e", ["x", "", "ß"])
    writer.add_array("f", [1, -2, 3])
    writer.add_array("g", [0.5, 1.5])
    writer.add_custom_alignment(64)
    arrays = {"one": rng.standard_normal((3, 64)).astype(np.float32), "two": rng.standard_normal(96).astype(np.float32)}
    writer.add_tensor("one", arrays["one"])
    for kind in (GGMLQuantizationType.Q4_0, GGMLQuantizationType.Q8_0):
        writer.add_tensor(kind.name, quants.quantize(arrays["two"].reshape(1, -1), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    same(path)
    np.testing.assert_array_equal(GGUF(path).tensor("one"), arrays["one"])


def same(path):
    ours, theirs = GGUF(path), GGUFReader(path)
    fields = {key: field.contents() for key, field in theirs.fields.items() if not key.startswith("GGUF.")}
    plain = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in ours.metadata.items()}
    assert plain == fields
    assert list(ours.tensors) == [tensor.name for tensor in theirs.tensors]
    for tensor in theirs.tensors:
        expected = quants.dequantize(tensor.data, tensor.tensor_type)
        np.testing.assert_array_equal(ours.tensor(tensor.name), expected.reshape(ours.tensors[tensor.name].shape))
