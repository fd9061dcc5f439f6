"""What the stand-in lets through agrees with NumPy (and with CuPy, on a GPU); what CuPy lacks it refuses."""

from __future__ import annotations

import copy
import importlib
import operator
import sys
import threading

import numpy as np
import pytest

from tests.cupy_standin import install, no_transfers, transfers
from tests.cupy_standin.api import API, FUNCTIONS, GENERATOR, METHODS, UFUNCS, signature
from tests.cupy_standin.fixtures import cupy as cupy_fixture

cupy = cupy_fixture
F32 = np.float32


@pytest.fixture
def standin():
    with install() as module:
        yield module


def example(shape=(3, 4), dtype=F32, seed=0):
    scale = 1 if np.dtype(dtype).kind == "f" else 10
    return (scale * np.random.default_rng(seed).uniform(0.1, 0.9, shape)).astype(dtype)


# ---------------------------------------------------------------- let through: the same values and dtypes as NumPy

ALLOWED = {
    "scalar on the left": lambda x, i: 2 * x + 1.5,
    "numpy scalar": lambda x, i: x * np.float64(2),
    "python scalar keeps float32": lambda x, i: x / 8,
    "matmul": lambda x, i: x @ x.T,
    "in place": lambda x, i: operator.iadd(x.copy(), x),
    "power, modulo, abs": lambda x, i: abs(-x) ** 2 % 3,
    "comparison": lambda x, i: (x > 0.5) & ~(x == x[0]),
    "divmod": lambda x, i: divmod(i, 3)[1],
    "basic index": lambda x, i: x[..., None, ::-2, 1],
    "one element": lambda x, i: x[1, 2],
    "index array": lambda x, i: x[:, i],
    "two index arrays": lambda x, i: x[i[1:4], i[:3]],
    "boolean index": lambda x, i: x[x > 0.5],
    "list as an index": lambda x, i: x[[0, 2]],
    "sum": lambda x, i: np.sum(x, axis=(0, 1), keepdims=True, dtype=np.float64),
    "sum to no axes": lambda x, i: x.sum(),
    "max": lambda x, i: np.max(x, axis=-1, keepdims=True),
    "mean, var": lambda x, i: np.mean(x, axis=0) + x.var(axis=0, ddof=1),
    "argmax": lambda x, i: np.argmax(x, axis=1),
    "cumsum": lambda x, i: np.cumsum(x, axis=1),
    "where": lambda x, i: np.where(x > 0.5, x, -1.0),
    "clip": lambda x, i: np.clip(x, 0.3, None),
    "einsum": lambda x, i: np.einsum("ij,kj->ik", x, x, optimize=True),
    "tensordot": lambda x, i: np.tensordot(x, x, axes=([0], [0])),
    "concatenate": lambda x, i: np.concatenate([x, x[:1]], axis=0),
    "stack": lambda x, i: np.stack((x, x), axis=-1),
    "repeat": lambda x, i: np.repeat(x, i[:4], axis=1),
    "split": lambda x, i: np.split(x, 2, axis=1)[1],
    "reshape": lambda x, i: x.reshape(2, -1) + np.reshape(x, (2, 6)),
    "transpose": lambda x, i: x.transpose(1, 0) + np.swapaxes(x, 0, 1) + x.T,
    "take_along_axis": lambda x, i: np.take_along_axis(x, np.argmax(x, axis=1, keepdims=True), axis=1),
    "take": lambda x, i: np.take(x, i, axis=1),
    "sort": lambda x, i: np.sort(x, axis=0),
    "pad": lambda x, i: np.pad(x, ((1, 0), (0, 2)), constant_values=1),
    "broadcast_to": lambda x, i: np.broadcast_to(x, (2, 3, 4)),
    "norm": lambda x, i: np.linalg.norm(x, axis=1),
    "sinc": lambda x, i: np.sinc(x),
    "zeros_like": lambda x, i: np.zeros_like(x, shape=(2,)),
    "full_like": lambda x, i: np.full_like(x, 7),
    "zeros": lambda x, i: np.zeros((2, 2), dtype=F32, like=x),
    "arange": lambda x, i: np.arange(5, like=i),
    "tri": lambda x, i: np.tri(3, 4, k=1, like=x),
    "asarray like": lambda x, i: np.asarray([1.0, 2.0], like=x),
    "astype": lambda x, i: x.astype(np.int32),
    "out": lambda x, i: np.exp(x, out=np.empty_like(x)),
    "add.reduce": lambda x, i: np.add.reduce(x, axis=1),
    "multiply.accumulate": lambda x, i: np.multiply.accumulate(x, axis=1),
    "subtract.outer": lambda x, i: np.subtract.outer(x[0], x[1]),
    "allclose": lambda x, i: np.allclose(x, x + 1e-9),
    "count_nonzero": lambda x, i: np.count_nonzero(x > 0.5),
    "nonzero": lambda x, i: np.nonzero(x > 0.5)[1],
}


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(cupy, name):
    x, i = example(), np.array([3, 0, 0, 2, 1])
    expected = np.asarray(ALLOWED[name](x, i))
    result = ALLOWED[name](cupy.asarray(x), cupy.asarray(i))
    assert isinstance(result, cupy.ndarray)         # an array without axes stays one, never a NumPy scalar
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(cupy.asnumpy(result), expected, rtol=1e-6)


ELEMENTWISE = [name for name in UFUNCS if isinstance(getattr(np, name), np.ufunc) and name != "matmul"]


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("dtype", [F32, np.int32])
def test_ufuncs_agree(cupy, name, dtype):
    ufunc = getattr(np, name)
    inputs = [example(dtype=dtype, seed=n) for n in range(ufunc.nin)]
    if name == "ldexp":
        inputs[1] = inputs[1].astype(np.int32)
    try:
        with np.errstate(all="ignore"):
            expected = ufunc(*inputs)
    except TypeError:
        with pytest.raises(TypeError):
            ufunc(*map(cupy.asarray, inputs))
        return
    with np.errstate(all="ignore"):
        result = ufunc(*map(cupy.asarray, inputs))
    for ours, numpys in zip(_tuple(result), _tuple(expected), strict=True):
        assert ours.dtype == numpys.dtype
        np.testing.assert_allclose(cupy.asnumpy(ours), numpys, rtol=1e-5, atol=1e-6)


def _tuple(x):
    return x if isinstance(x, tuple) else (x,)


@pytest.mark.parametrize("dtype", [F32, np.float64, np.int64])
def test_add_at(cupy, dtype):
    x, i = np.zeros((4, 3), dtype), np.array([1, 1, 3])
    d = cupy.asarray(x)
    np.add.at(d, cupy.asarray(i), dtype(2))
    np.add.at(x, i, dtype(2))
    np.testing.assert_array_equal(cupy.asnumpy(d), x)


def test_add_at_by_cupys_name(cupy):
    """np.add.at of CuPy arrays takes one index array; cupy.add.at takes what x[…] takes."""
    x, i = np.zeros((4, 3), F32), np.array([1, 1, 3])
    d = cupy.asarray(x)
    cupy.add.at(d, (cupy.asarray(i), 2), cupy.asarray(example((3,))))
    cupy.add.at(d, (slice(None), cupy.asarray(i[:2])), 1)
    np.add.at(x, (i, 2), example((3,)))
    np.add.at(x, (slice(None), i[:2]), 1)
    np.testing.assert_allclose(cupy.asnumpy(d), x, rtol=1e-6)


def test_add_reduceat(cupy):
    x, i = example((6, 2)), np.array([0, 2, 3])
    result = np.add.reduceat(cupy.asarray(x), cupy.asarray(i), axis=0)
    np.testing.assert_allclose(cupy.asnumpy(result), np.add.reduceat(x, i, axis=0), rtol=1e-6)


def test_assignment(cupy):
    x = example()
    d = cupy.asarray(x)
    for place in (d, x):
        asarray = cupy.asarray if place is d else np.asarray
        place[0] = 3
        place[1:, ::2] = asarray(np.ones((2, 2), F32))
        place[asarray(np.array([2, 0])), 1] = asarray(np.array([7, 8], F32))
        place[place > 5] = np.float32(-1)
        place[:, 3] += 1
    np.testing.assert_array_equal(cupy.asnumpy(d), x)


def test_views_share_memory(cupy):
    x = cupy.zeros((2, 3), dtype=F32)
    x.reshape(3, 2)[0, 1] = 1
    x.T[2] = 2
    x[1, 0][...] = 3
    np.testing.assert_array_equal(cupy.asnumpy(x), [[0, 1, 2], [3, 0, 2]])


def test_attributes(cupy):
    x = example()
    d = cupy.asarray(x)
    names = ("shape", "dtype", "ndim", "size", "nbytes", "itemsize", "strides")
    assert [getattr(d, name) for name in names] == [getattr(x, name) for name in names]
    assert d.T.flags.f_contiguous and not d.T.flags.c_contiguous
    assert d.device == cupy.cuda.Device(0) and d.device.id == 0
    assert d.base is None and d.T.base is not None
    assert d.data.ptr == d.T.data.ptr
    assert len(d) == 3 and [row.shape for row in d] == [(4,)] * 3
    assert np.shape(d) == (3, 4) and np.ndim(d) == 2 and np.size(d) == 12


@pytest.mark.parametrize("draw", [
    lambda g: g.random((50, 4), dtype=F32),
    lambda g: g.uniform(-1, 1, (50, 4), dtype=F32),
    lambda g: g.standard_normal((50, 4), dtype=F32),
])
def test_generator_draws(cupy, draw):
    first, second = (draw(cupy.random.default_rng(seed)) for seed in (5, 5))
    assert first.shape == (50, 4) and first.dtype == F32
    np.testing.assert_array_equal(cupy.asnumpy(first), cupy.asnumpy(second))
    assert len(np.unique(cupy.asnumpy(first))) > 190


def test_module_functions(cupy):
    assert cupy.get_array_module(cupy.ones(2)) is cupy
    assert cupy.get_array_module(np.ones(2)) is np
    np.testing.assert_allclose(cupy.asnumpy(cupy.exp(cupy.full((2,), 1.0))), np.e)
    np.testing.assert_allclose(cupy.asnumpy(cupy.add.reduce(cupy.ones((2, 3)), axis=1)), [3, 3])
    np.testing.assert_allclose(cupy.asnumpy(cupy.linalg.norm(cupy.array([3.0, 4.0]))), 5)
    assert cupy.float32 is np.float32
    assert copy.deepcopy(cupy.ones(2)).shape == (2,)


# ---------------------------------------------------------------- refused: TypeError with the reason

REFUSED = {
    "no such function": (lambda x, h: np.unstack(x), "CuPy has no np.unstack"),
    "no such linalg function": (lambda x, h: np.linalg.vecdot(x, x), "CuPy has no np.linalg.vecdot"),
    "no such ufunc": (lambda x, h: np.spacing(x), "CuPy has no np.spacing"),
    "max initial": (lambda x, h: np.max(x, initial=0), "np.max has no keyword 'initial'"),
    "max where": (lambda x, h: np.max(x, where=x > 0), "np.max has no keyword 'where'"),
    "sum where": (lambda x, h: np.sum(x, where=x > 0), "np.sum has no keyword 'where'"),
    "sum initial": (lambda x, h: np.sum(x, initial=1), "np.sum has no keyword 'initial'"),
    "method keyword": (lambda x, h: x.sum(where=x > 0), "ndarray.sum has no keyword 'where'"),
    "clip min": (lambda x, h: np.clip(x, min=0), "np.clip has no keyword 'min'"),
    "einsum out": (lambda x, h: np.einsum("ij->j", x, out=x[0]), "np.einsum has no keyword 'out'"),
    "too many positions": (lambda x, h: np.take(x, 0, 0, None, "clip"), "np.take takes"),
    "argmax out by position": (lambda x, h: np.argmax(x, 0, x[0]), "pass it by keyword"),
    "ufunc where": (lambda x, h: np.exp(x, where=x > 0), "np.exp has no keyword 'where'"),
    "maximum.reduce": (lambda x, h: np.maximum.reduce(x), "no np.maximum.reduce"),
    "logical_and.accumulate": (lambda x, h: np.logical_and.accumulate(x), "no np.logical_and.accumulate"),
    "multiply.reduceat": (lambda x, h: np.multiply.reduceat(x, x), "no np.multiply.reduceat"),
    "add.reduce where": (lambda x, h: np.add.reduce(x, where=x > 0), "np.add.reduce has no keyword 'where'"),
    "subtract.at float": (lambda x, h: np.subtract.at(x, x.astype(int), 1), "np.subtract.at takes int32"),
    "add.at with a tuple": (lambda x, h: np.add.at(x, (0, 1), 1), "takes arrays and numbers, not tuple"),
    "complex logic": (lambda x, h: np.logical_and(x * 1j, x), "no loop for complex"),
    "host array right": (lambda x, h: x + h, "NumPy array"),
    "host array left": (lambda x, h: h * x, "NumPy array"),
    "host array in place": (lambda x, h: operator.iadd(x, h), "NumPy array"),
    "host array compared": (lambda x, h: x < h, "NumPy array"),
    "host array in a function": (lambda x, h: np.where(x > 0, x, h), "NumPy array"),
    "host array in a list": (lambda x, h: np.concatenate([x, h]), "NumPy array"),
    "host array in a method": (lambda x, h: x.dot(h), "NumPy array"),
    "host array as out": (lambda x, h: np.exp(x, out=h), "NumPy array"),
    "host 0-d array": (lambda x, h: x * np.array(2.0), "NumPy array"),
    "host array as an index": (lambda x, h: x[h.astype(int)], "NumPy array"),
    "host mask": (lambda x, h: x[h > 0], "NumPy array"),
    "host array in cupy.add.at": (lambda x, h: sys.modules["cupy"].add.at(x, (h.astype(int),), 1), "NumPy array"),
    "subtract.at by CuPy's name": (lambda x, h: sys.modules["cupy"].subtract.at(x, 0, 1), "np.subtract.at takes int32"),
    "host array in a list index": (lambda x, h: x[[h[0].astype(int)]], "NumPy array"),
    "host right-hand side": (lambda x, h: operator.setitem(x, slice(None), h), "NumPy array"),
    "list as right-hand side": (lambda x, h: operator.setitem(x, 0, [1, 2, 3, 4]), "only arrays and numbers"),
    "list as an operand": (lambda x, h: x + [1, 2, 3, 4], "not list"),
    "None as an operand": (lambda x, h: np.exp(None, out=x), "not NoneType"),
    "asarray": (lambda x, h: np.asarray(x), "use .get"),
    "array of a list": (lambda x, h: np.array([x, x]), "use .get"),
    "assigned to a host array": (lambda x, h: operator.setitem(h, slice(None), x), "use .get"),
    "as a number of times": (lambda x, h: list(range(x)), "integer"),
    "sorted in another way": (lambda x, h: np.argsort(x, kind="quicksort"), "by kind=None or 'stable'"),
    "where on a number": (lambda x, h: np.where(True, x, x), "np.where"),
    "astype casting": (lambda x, h: x.astype(int, casting="unsafe"), "casting"),
    "function of mine": (lambda x, h: np.apply_along_axis(sum, 0, x), "function of yours"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(standin, name):
    call, reason = REFUSED[name]
    with pytest.raises(TypeError, match=reason):
        call(standin.asarray(example()), example())


@pytest.mark.parametrize("name", ["normal", "permutation", "shuffle", "choice"])
def test_generator_lacks(standin, name):
    with pytest.raises(AttributeError, match=f"no {name}"):
        getattr(standin.random.default_rng(0), name)


@pytest.mark.parametrize("name", ["ElementwiseKernel", "RawKernel"])
def test_without_a_compiler_there_are_no_kernels(name):
    with install(with_kernels=False) as standin, pytest.raises(AttributeError, match=f"no {name}"):
        getattr(standin, name)


def test_other_refusals(standin):
    x = standin.asarray(example())
    with pytest.raises(ValueError, match="dtype"):
        standin.asarray(np.array(["text"]))
    with pytest.raises(ValueError, match="one element"):
        x.item()
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x)
    with pytest.raises(ValueError, match="one result"):
        np.divmod(x, 2, out=(x.copy(), x.copy()))
    with pytest.raises(IndexError):
        x[3]
    with pytest.raises(IndexError, match="not float32"):
        x[x]
    with pytest.raises(TypeError, match="0-d"):
        iter(x.sum())
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
    with pytest.raises(AttributeError, match="no take_it"):
        _ = standin.take_it


def test_a_place_written_twice(standin):
    x, i = standin.zeros((3,), dtype=F32), standin.asarray(np.array([1, 1]))
    x[i] = 5
    with pytest.raises(ValueError, match="twice"):
        x[i] = standin.asarray(np.array([1, 2], F32))


def test_overlapping_assignment(standin):
    x = standin.zeros((3,), dtype=F32)
    x[1:] = x[:-1].copy()
    with pytest.raises(ValueError, match="overlaps"):
        x[1:] = x[:-1]


# ---------------------------------------------------------------- transfers

TRANSFERS = {
    "to device: asarray of ndarray": lambda c, x: c.asarray(np.ones(2)),
    "to device: asarray of list": lambda c, x: np.asarray([1.0], like=x),
    "to device: a list as an index": lambda c, x: x[[0]],
    "to device: set()": lambda c, x: x.set(np.ones(1)),
    "to host: get()": lambda c, x: c.asnumpy(x),
    "to host: item()": lambda c, x: x.item(),
    "to host: tolist()": lambda c, x: x.tolist(),
    "to host: float()": lambda c, x: float(x.sum()),
    "to host: int()": lambda c, x: int(x.sum()),
    "to host: bool()": lambda c, x: bool(x > 0),
    "to host: complex()": lambda c, x: complex(x.sum()),
    "to host: repr()": lambda c, x: repr(x),
    "to host: format()": lambda c, x: f"{x}",
    "to host: size of a boolean index": lambda c, x: x[x > 0],
    "to host: size of np.nonzero": lambda c, x: np.nonzero(x),
    "to host: size of np.where": lambda c, x: np.where(x),
    "to host: size of np.repeat": lambda c, x: np.repeat(x, x.astype(int)),
}


@pytest.mark.parametrize("line", TRANSFERS)
def test_transfers_are_logged(standin, line):
    x = standin.ones((1,))
    assert transfers == []                          # making an array on the device moves nothing
    TRANSFERS[line](standin, x)
    assert transfers == [line]
    with no_transfers(), pytest.raises(AssertionError, match="transfer between"):
        TRANSFERS[line](standin, x)


def test_computing_transfers_nothing(standin):
    x = standin.asarray(example())
    y = standin.asarray(x)
    assert y is x
    with no_transfers():
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        y = e / np.sum(e, axis=-1, keepdims=True)
        y[0] = y[1] * 2.0
        np.stack([y, standin.asarray([y, y])[0]]).mean()
    assert transfers == ["to device: asarray of ndarray"]


def test_answers_do_not_alias_the_host(standin):
    host = np.ones(3)
    x = standin.asarray(host)
    host[0] = 5
    x.get()[1] = 7
    np.testing.assert_array_equal(x.get(), np.ones(3))


# ---------------------------------------------------------------- devices and installation

def test_devices():
    with install(count=2) as cupy:
        assert cupy.cuda.runtime.getDeviceCount() == 2
        with cupy.cuda.Device(1):
            x = cupy.asarray(np.ones(3, F32))
            seen = []
            thread = threading.Thread(target=lambda: seen.append(cupy.cuda.Device().id))
            thread.start()
            thread.join()
            assert (seen, cupy.cuda.Device().id, (x + x).device.id) == ([0], 1, 1)
        with pytest.raises(ValueError, match="current device 0"):
            x + x
        assert cupy.asarray(x).device.id == 0
        with pytest.raises(RuntimeError, match="ordinal 2"):
            cupy.cuda.Device(2)


def test_install_leaves_no_trace():
    before = sys.modules.get("cupy")
    with install() as cupy:
        assert sys.modules["cupy"] is cupy is importlib.import_module("cupy")
        assert importlib.import_module("cupy.linalg") is cupy.linalg
    assert sys.modules.get("cupy") is before


# ---------------------------------------------------------------- the table

def test_every_name_resolves_in_numpy():
    functions = {f"{module}.{name}" for module, names in FUNCTIONS.items() for name in names}
    for full in sorted(functions):
        module, _, name = full.rpartition(".")
        assert callable(getattr(importlib.import_module(module), name)), full
    for name in UFUNCS:
        assert callable(getattr(np, name)), name
    for module, names in API["cupy_only"].items():
        assert [name for name in names if hasattr(importlib.import_module(module), name)] == []


def test_every_signature_is_read():
    tables = [*FUNCTIONS.values(), METHODS, GENERATOR]
    for name, words in ((name, words) for table in tables for name, words in table.items()):
        parameters = signature(words).parameters
        assert [word.strip("*?") for word in words.split() if word.strip("*/?")] == list(parameters), name


def test_table_says_what_the_design_rests_on():
    methods = {name: row["methods"] for name, row in UFUNCS.items()}
    assert [name for name in methods if "reduceat" in methods[name]] == ["add"]
    assert [name for name in methods if "reduce" in methods[name]] == ["add", "multiply"]
    assert "float32" in UFUNCS["add"]["at"] and "float32" not in UFUNCS["subtract"]["at"]
    assert not any("where" in row["keywords"] for row in UFUNCS.values())
    assert not {"normal", "permutation", "shuffle", "choice"} & set(GENERATOR)
    assert FUNCTIONS["numpy"]["max"] == "a axis? out? keepdims?"
