"""Blocks by hand: numbers small enough to check by eye. tests/parity/test_gguf.py compares all formats with ggml's."""

import numpy as np
import pytest

from tinyllm.gguf import FORMATS, dequantize

BY_NAME = {kind.name: kind for kind in FORMATS.values()}


def bits(*parts):
    return np.frombuffer(b"".join(bytes(part) for part in parts), np.uint8)


def half(x):
    return np.array([x], "<f2").tobytes()


def test_four_bits_low_halves_first():
    data = bits(half(0.5), half(-1.0), [0x21] + [0] * 14 + [0xF3])
    w = dequantize(data, BY_NAME["Q4_1"])
    assert w[[0, 15, 16, 31]].tolist() == [0.5 * 1 - 1, 0.5 * 3 - 1, 0.5 * 2 - 1, 0.5 * 15 - 1] and w[1] == -1
    assert dequantize(bits(half(2.0), [0x80] * 16), BY_NAME["Q4_0"]).tolist() == [-16.0] * 16 + [0.0] * 16


def test_the_fifth_bit_of_weight_i_is_bit_i():
    data = bits(half(1.0), (1 << 17).to_bytes(4, "little"), [0x88] * 16)
    w = dequantize(data, BY_NAME["Q5_0"])
    assert w[17] == 8 and np.delete(w, 17).tolist() == [-8.0] * 31


def test_eight_bits_with_sign():
    assert dequantize(bits(half(0.25), [255, 128] + [4] * 30), BY_NAME["Q8_0"])[:3].tolist() == [-0.25, -32.0, 1.0]


def test_a_bf16_is_the_upper_half_of_a_float32():
    x = np.array([1.0, -3.140625, 2.0**-130], "<f4")
    assert dequantize(np.ascontiguousarray(x.view("<u2")[1::2]).view(np.uint8), BY_NAME["BF16"]).tolist() == x.tolist()


def test_six_bits_in_groups_of_sixteen():
    scales = np.zeros(16, np.int8)
    scales[[0, 15]] = 1, -2
    data = bits([0x0F] + [0] * 127, [0x03] + [0] * 63, scales.tobytes(), half(1.0))
    w = dequantize(data, BY_NAME["Q6_K"])
    assert w[0] == 63 - 32 and w[1] == -32 and not w[16:240].any() and w[240:].tolist() == [64.0] * 16


@pytest.mark.parametrize("kind", FORMATS.values(), ids=[kind.name for kind in FORMATS.values()])
def test_many_blocks_are_each_one_alone(kind, rng, monkeypatch):
    monkeypatch.setattr("tinyllm.gguf.formats.AT_ONCE", 3 * kind.block_size)
    data = rng.integers(0, 256, (7, kind.block_bytes), np.uint8)
    whole = dequantize(data.reshape(-1), kind)
    assert whole.dtype == np.float32 and whole.shape == (7 * kind.block_size,)
    np.testing.assert_array_equal(whole, np.concatenate([dequantize(row, kind) for row in data]))
    with pytest.raises(ValueError, match=f"{kind.name} has blocks of {kind.block_bytes} bytes"):
        dequantize(data.reshape(-1)[1:], kind)


def test_a_scale_that_is_no_number_shows_in_its_weights():
    assert not np.isfinite(dequantize(bits(half(np.inf), [0] * 32), BY_NAME["Q8_0"])).any()
