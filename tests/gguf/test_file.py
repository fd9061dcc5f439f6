"""The container: what was written comes back, and whatever else stands in a file is refused before memory is taken."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gguf import support
from tests.gguf.support import ARRAY, BOOL, F32, F64, I8, I32, I64, STRING, U8, U32, U64, floats, gguf
from tinyllm.gguf import GGUF, values

INTEGERS = {U8: (0, 2**8 - 1), I8: (-(2**7), 2**7 - 1), U32: (0, 2**32 - 1), I32: (-(2**31), 2**31 - 1), U64: (0, 2**64 - 1),
            I64: (-(2**63), 2**63 - 1)}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
NAME = TEXT.filter(lambda text: text and text.isprintable())


@st.composite
def typed(draw, depth=2):
    kind = draw(st.sampled_from([*INTEGERS, F32, F64, BOOL, STRING, *([ARRAY] if depth else [])]))
    if kind != ARRAY:
        return kind, draw(_plain(kind))
    inner, _ = draw(typed(depth - 1))
    items = st.lists(_plain(inner) if inner != ARRAY else typed(0).map(lambda one: (one[0], [one[1]])), max_size=3)
    return ARRAY, (inner, draw(items))


def _plain(kind):
    if kind in INTEGERS:
        return st.integers(*INTEGERS[kind])
    return {F32: st.floats(width=32, allow_nan=False), F64: st.floats(allow_nan=False), BOOL: st.booleans(), STRING: TEXT}[kind]


def as_python(kind, value):
    """What `GGUF.metadata` should hold, arrays as lists."""
    if kind == ARRAY:
        return [as_python(value[0], item) for item in value[1]]
    return value


def listed(value):
    return [listed(item) for item in value] if isinstance(value, list | np.ndarray) else value


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("gguf") / "model.gguf"


def opened(path, content):
    path.write_bytes(content)
    return GGUF(path)


def whole():
    rng = np.random.default_rng(0)
    return gguf(
        {
            "general.architecture": (STRING, "llama"), "llama.block_count": (U32, 2), "small": (BOOL, True),
            "tokens": (ARRAY, (STRING, ["a", "é", "the"])), "types": (ARRAY, (I32, [1, 2, 3])),
        },
        {
            "norm": floats(rng.standard_normal(5)), "a.weight": floats(rng.standard_normal((3, 4))),
            "q": ((2, 32), 8, rng.bytes(68)),
        },
    )


WHOLE = whole()


@given(st.dictionaries(NAME, typed(), max_size=5), st.sampled_from([2, 3]), st.data())
def test_what_was_written_comes_back(path, metadata, version, data):
    metadata.pop("general.alignment", None)
    alignment = data.draw(st.sampled_from([None, 1, 8, 32, 256]))
    if alignment:
        metadata["general.alignment"] = (U32, alignment)
    shapes = data.draw(st.dictionaries(NAME, st.lists(st.integers(1, 4), min_size=1, max_size=4), max_size=4))
    rng = np.random.default_rng(0)
    arrays = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    content = gguf(metadata, {name: floats(a) for name, a in arrays.items()}, alignment or 32, version)
    file = opened(path, content)
    assert file.version == version
    got = {key: listed(value) for key, value in file.metadata.items()}
    assert got == {key: as_python(*value) for key, value in metadata.items()}
    assert {name: info.shape for name, info in file.tensors.items()} == {name: a.shape for name, a in arrays.items()}
    for name, array in arrays.items():
        np.testing.assert_array_equal(file.tensor(name), array)


def test_the_last_axis_is_the_one_whose_values_lie_side_by_side(path):
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    file = opened(path, gguf({}, {"a": floats(a)}))
    assert file.tensors["a"].shape == (2, 3) and file.tensor("a").tolist() == a.tolist()
    with pytest.raises(KeyError, match="no tensor 'b'"):
        file.tensor("b")


def test_numbers_of_an_array_keep_their_type(path):
    file = opened(path, gguf({"a": (ARRAY, (I8, [-1, 5])), "b": (U8, 7), "c": (BOOL, True), "d": (F32, 0.1)}, {}))
    assert file.metadata["a"].dtype == np.int8 and file.metadata["a"].tolist() == [-1, 5]
    assert type(file.metadata["b"]) is int and file.metadata["c"] is True
    assert file.metadata["d"] == float(np.float32(0.1))


@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_cut_short_anywhere(path, length):
    with pytest.raises(ValueError, match=r"model\.gguf.*(download the file again|is empty)"):
        opened(path, WHOLE[:length])


HUGE = [0, 1, 2**16, 2**31, 2**32 - 1, 2**61, 2**63, 2**64 - 1]


@given(st.data())
def test_changed_bytes_are_read_or_refused_in_little_memory(path, data):
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 8))
        if data.draw(st.booleans()):
            content[place] = data.draw(st.integers(0, 255))
        else:
            size = data.draw(st.sampled_from([4, 8]))
            content[place : place + size] = (data.draw(st.sampled_from(HUGE)) % 2 ** (8 * size)).to_bytes(size, "little")
    path.write_bytes(content)
    tracemalloc.start()
    try:
        file = GGUF(path)
        for name in file.tensors:
            assert file.tensor(name).nbytes <= 12.2 * len(content)
    except ValueError as error:
        assert "model.gguf" in str(error)
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 1 << 20


@given(st.binary(max_size=200), st.integers(0, 3))
def test_anything_after_the_magic_number(path, content, version):
    path.write_bytes(b"GGUF" + version.to_bytes(4, "little") + content)
    try:
        GGUF(path)
    except ValueError as error:
        assert "model.gguf" in str(error)


def counted(n_tensors, n_entries, rest=b""):
    return b"GGUF" + support.struct.pack("<IQQ", 3, n_tensors, n_entries) + rest


def with_entry(entry, data=b""):
    head = counted(1, 0, entry)
    return head + bytes(-len(head) % 32) + data


def key(kind, rest):
    return counted(0, 1, support.string("k") + support.struct.pack("<I", kind) + rest)


pack = support.struct.pack
REFUSED = {
    "another kind of file": (b"PK\3\4" + bytes(40), "does not begin with the letters GGUF"),
    "version 1": (b"GGUF" + pack("<I", 1) + bytes(40), "is of version 1"),
    "big-endian": (b"GGUF" + pack(">I", 3) + bytes(40), "is big-endian"),
    "too many tensors": (counted(2**63, 0), "claims 9,223,372,036,854,775,808 tensors"),
    "too many entries": (counted(0, 2**17), "claims 131,072 metadata entries"),
    "long string": (key(STRING, pack("<Q", 2**63)), "k needs 9,223,372,036,854,775,808 bytes, the file ends after 0"),
    "many strings": (key(ARRAY, pack("<IQ", STRING, 2**60)), "more than the file has room for"),
    "many numbers": (key(ARRAY, pack("<IQ", U64, 2**61)), "k needs 18,446,744,073,709,551,616 bytes"),
    "unknown kind": (key(13, b"\0"), "of kind 13"),
    "unknown kind in an array": (key(ARRAY, pack("<IQ", 99, 1) + b"0"), "of kind 99"),
    "deep arrays": (key(ARRAY, pack("<IQ", ARRAY, 1) * 9), "more than 4 deep"),
    "a truth value of 2": (key(BOOL, b"\2"), "holds 2"),
    "no UTF-8": (key(STRING, pack("<Q", 1) + b"\xff"), "k is not UTF-8"),
    "no key": (counted(0, 1, support.string("") + pack("<IB", U8, 1)), "a key has 0 bytes"),
    "key twice": (counted(0, 2, (support.string("k") + pack("<IB", U8, 1)) * 2), "'k' comes twice"),
    "long name": (with_entry(support.entry("n" * 65, (1,), 0, 0)), "name has 65 bytes"),
    "no dimension": (with_entry(support.entry("t", (), 0, 0)), "has 0 dimensions"),
    "five dimensions": (with_entry(support.entry("t", (1,) * 5, 0, 0)), "has 5 dimensions"),
    "many dimensions": (with_entry(support.string("t") + pack("<I", 2**32 - 1)), "has 4294967295 dimensions"),
    "a size of 0": (with_entry(support.entry("t", (0, 4), 0, 0)), "sizes are at least 1"),
    "sizes whose product is 0 in 64 bits": (with_entry(support.entry("t", (2**32, 2**32), 0, 0)), "their product at most"),
    "unknown format": (with_entry(support.entry("t", (256,), 16, 0)), "in format 16, which this code does not read"),
    "part of a block": (with_entry(support.entry("t", (4, 33), 2, 0)), "Q4_0 needs a multiple of 32"),
    "offset between": (with_entry(support.entry("t", (1,), 0, 4), bytes(99)), "not at a multiple of 32"),
    "beyond the end": (with_entry(support.entry("t", (8,), 0, 0), bytes(31)), "download the file again"),
    "offset far beyond": (with_entry(support.entry("t", (8,), 0, 2**64 - 32), bytes(31)), "download the file again"),
    "alignment of 0": (gguf({"general.alignment": (U32, 0)}, {}), "must be a power of two"),
    "alignment of 24": (gguf({"general.alignment": (U32, 24)}, {}), "must be a power of two"),
    "alignment of text": (gguf({"general.alignment": (STRING, "32")}, {}), "must be a power of two"),
    "alignment of truth": (gguf({"general.alignment": (BOOL, True)}, {}), "must be a power of two"),
}


@pytest.mark.parametrize("content, message", REFUSED.values(), ids=REFUSED.keys())
def test_refused(path, content, message):
    with pytest.raises(ValueError, match=r"model\.gguf") as error:
        opened(path, content)
    assert message in str(error.value)


def test_a_name_twice(path):
    row = support.entry("t", (1,), 0, 0)
    with pytest.raises(ValueError, match="'t' comes twice"):
        opened(path, counted(2, 0, row + row))


def test_tensors_that_share_bytes(path):
    head = counted(2, 0, support.entry("one", (16,), 0, 0) + support.entry("two", (4,), 0, 32))
    with pytest.raises(ValueError, match="one and two share bytes"):
        opened(path, head + bytes(-len(head) % 32 + 64))


def test_bounds_on_headers_and_lists(path, monkeypatch):
    content = gguf({"k": (ARRAY, (STRING, ["a"] * 20)), "l": (ARRAY, (STRING, ["b"] * 20))}, {})
    monkeypatch.setattr(values, "MOST_ITEMS", 39)
    with pytest.raises(ValueError, match="the items of all lists to 40"):
        opened(path, content)
    monkeypatch.setattr(values, "MOST_ITEMS", 40)
    assert len(opened(path, content).metadata["l"]) == 20
    monkeypatch.setattr(values, "LARGEST_HEADER", len(content))
    assert opened(path, content + bytes(1)).version == 3
    monkeypatch.setattr(values, "LARGEST_HEADER", 55)
    with pytest.raises(ValueError, match="a header has at most 0 MiB"):
        opened(path, gguf({"k": (STRING, "a" * 99)}, {}))


def test_no_file(tmp_path):
    for missing in (tmp_path, tmp_path / "missing.gguf"):
        with pytest.raises(FileNotFoundError, match="there is no file"):
            GGUF(missing)
