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


def number(block, at):
    return np.frombuffer(block[at : at + 2].tobytes(), "<f2").astype(np.float32)[0]


def six_bits(block, j):
    """Scale and minimum of group j of 8: six bits each, in bytes 4 to 15."""
    s = [int(byte) for byte in block[4:16]]
    if j < 4:
        return s[j] & 63, s[j + 4] & 63
    return s[j + 4] & 15 | s[j - 4] >> 6 << 4, s[j + 4] >> 4 | s[j] >> 6 << 4


def weight(name, block, i):
    """Weight i of a block of 256, one at a time: (scale, q) and what is taken off, where the format has it."""
    b = [int(byte) for byte in block]
    run, place = divmod(i, 32)              # eight runs of 32; planes of bits lie beside each other
    if name == "Q2_K":
        s = b[i // 16]
        q = b[16 + i // 128 * 32 + place] >> 2 * (run % 4) & 3
        return number(block, 80) * np.float32(s & 15), q, number(block, 82) * np.float32(s >> 4)
    if name == "Q3_K":
        j = i // 16
        low = b[96 + j % 8] >> 4 * (j // 8) & 15
        s = low | (b[104 + j % 4] >> 2 * (j // 4) & 3) << 4
        q = (b[32 + i // 128 * 32 + place] >> 2 * (run % 4) & 3) - (0 if b[place] >> run & 1 else 4)
        return number(block, 108) * np.float32(s - 32), q, None
    if name == "Q6_K":
        half_of, within = divmod(i, 128)
        low = b[64 * half_of + within % 64] >> 4 * (within // 64) & 15
        high = b[128 + 32 * half_of + place] >> 2 * (within // 32) & 3
        return number(block, 208) * np.float32(np.int8(np.uint8(b[192 + i // 16]))), (low | high << 4) - 32, None
    s, m = six_bits(block, run)
    at = 16 if name == "Q4_K" else 48
    q = b[at + run // 2 * 32 + place] >> 4 * (run % 2) & 15
    if name == "Q5_K":
        q |= (b[16 + place] >> run & 1) << 4
    return number(block, 0) * np.float32(s), q, number(block, 2) * np.float32(m)


@pytest.mark.parametrize("name", ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"])
def test_each_weight_of_a_k_block_by_itself(name, rng):
    block = rng.integers(0, 256, BY_NAME[name].block_bytes, np.uint8)
    for at in {"Q2_K": (80, 82), "Q3_K": (108,), "Q6_K": (208,)}.get(name, (0, 2)):
        block[at : at + 2] = np.frombuffer(half(rng.standard_normal()), np.uint8)
    got = dequantize(block, BY_NAME[name])
    for i in range(256):
        scale, q, minimum = weight(name, block, i)
        assert got[i] == scale * np.float32(q) - (np.float32(0) if minimum is None else minimum), i
