"""Where arrays live, what becomes float32, and random numbers that a key fixes."""

from __future__ import annotations

import contextvars
import sys
import threading
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cupy_standin.fixtures import cupy as cupy_fixture
from tinyllm import backend

cupy = cupy_fixture
keys = st.lists(st.integers(0, 2**63), min_size=1, max_size=4)


# ---------------------------------------------------------------- arrays

@pytest.mark.parametrize(
    ("data", "dtype"),
    [(1.0, np.float32), ([1.0, 2], np.float32), ([[0.5], [1.5]], np.float32), (3, np.int64), ([1, 2], np.int64),
    ([], np.float32),
     (True, np.bool_), (np.float64(1.5), np.float64), (np.float32(1.5), np.float32), (np.int16(1), np.int16)],
)
def test_dtype_of_pythons_numbers_and_numpys(data: object, dtype: type) -> None:
    got = backend.asarray(data)
    assert type(got) is np.ndarray and got.dtype == dtype
    np.testing.assert_array_equal(got, np.asarray(data))


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int8, np.bool_])
def test_an_array_keeps_its_dtype_and_is_not_copied(dtype: type) -> None:
    a = np.ones((2, 3), dtype)
    assert backend.asarray(a) is a and backend.asarray(a, dtype) is a and backend.asarray(a, device="cpu") is a
    assert backend.asarray(a, np.float32).dtype == np.float32


def test_a_dtype_asked_for_is_given() -> None:
    assert backend.asarray([0.1, 0.2], np.float64).tolist() == [0.1, 0.2]      # not by way of float32
    assert backend.asarray(["1.5", "2"], np.float32).tolist() == [1.5, 2.0]


@pytest.mark.parametrize("data", ["text", ["a"], [[1.0], [2.0, 3.0]], None, {}, 1j,
    np.array(["2020-01-01"], "datetime64[D]"), object()])
def test_no_array_of_numbers(data: object) -> None:
    with pytest.raises(TypeError, match=r"numbers|none of bool, integer, float"):
        backend.asarray(data)


def test_what_is_an_array() -> None:
    assert backend.is_array(np.ones(2)) and backend.is_array(np.ones(()))
    assert not any(map(backend.is_array, (1.0, [1.0], np.float64(1), None)))


# ---------------------------------------------------------------- devices

def test_devices_of_the_host() -> None:
    a = np.ones(2)
    assert backend.device_of(a) == "cpu" and backend.device_of(np.float32(1)) == "cpu"
    assert backend.to_device(a, "cpu") is a and backend.to_numpy(a) is a


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cuda:-1", "CPU", "", "cpu:0", "mps"])
def test_names_that_are_no_device(device: str) -> None:
    with pytest.raises(ValueError, match="choose 'cpu', 'cuda' or 'cuda:N'"):
        backend.to_device(np.ones(2), device)


def test_cuda_without_cupy_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(RuntimeError, match=r"pip install tinyllm\[gpu\]"):
        backend.to_device(np.ones(2), "cuda")


def test_there_and_back(cupy: ModuleType) -> None:
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    there = backend.to_device(a, "cuda")
    assert isinstance(there, cupy.ndarray) and backend.is_array(there) and backend.device_of(there) == "cuda:0"
    assert backend.to_device(there, "cuda:0") is there and backend.asarray(there) is there
    back = backend.to_numpy(there)
    assert type(back) is np.ndarray and back.dtype == a.dtype and not np.shares_memory(a, back)
    np.testing.assert_array_equal(backend.to_device(there, "cpu"), a)
    assert backend.device_of(backend.asarray([1.0], device="cuda")) == "cuda:0"
    assert backend.asarray(there, np.float64).dtype == np.float64 and backend.device_of(backend.asarray(there,
        np.float64)) == "cuda:0"


def test_a_gpu_that_is_not_there(cupy: ModuleType) -> None:
    with pytest.raises(RuntimeError, match=r"no device 'cuda:99': this machine has \d+ GPU"):
        backend.to_device(np.ones(2), "cuda:99")


def test_random_numbers_are_the_hosts_on_every_device(cupy: ModuleType) -> None:
    with backend.randomness(1):
        here = backend.random_normal((3, 2), std=0.5)
    with backend.randomness(1):
        there = backend.random_normal((3, 2), std=0.5, device="cuda")
    np.testing.assert_array_equal(backend.to_numpy(there), here)
    with backend.randomness(2):
        mask = backend.random_keep((4, 4), 0.5, like=there)
    with backend.randomness(2):
        np.testing.assert_array_equal(backend.to_numpy(mask), backend.random_keep((4, 4), 0.5, like=here))
    assert backend.device_of(mask) == "cuda:0" and mask.dtype == bool


# ---------------------------------------------------------------- randomness

def draw() -> list:
    return [
        backend.random_normal((2, 3)).tolist(), backend.random_uniform((4,), -1.0, 2.0).tolist(),
        backend.random_keep((5, 5), 0.3, like=np.ones(1)).tolist(), backend.generator().permutation(10).tolist(),
    ]


@given(key=keys)
def test_a_key_fixes_the_numbers(key: list[int]) -> None:
    """Wherever and whenever they are drawn, and without a trace in the generator outside."""
    with backend.randomness(*key):
        first = draw()
    outside = backend.generator().bit_generator.state
    with backend.randomness(*key):
        assert draw() == first
    assert backend.generator().bit_generator.state == outside
    for other in ([*key, 0], [0, *key], [*key[:-1], key[-1] + 1], [*key[:-1], key[-1] + 2**32]):
        with backend.randomness(*other):
            assert draw() != first


def test_no_two_keys_are_one() -> None:
    found = {}
    for key in [(), (0,), (0, 0), (0, 0, 0), (1,), (1, 0), (0, 1), (2**32,), (2**32, 0), (1, 1), (2**32 + 1,), (2, 0),
        (2, 0, 0)]:
        with backend.randomness(*key):
            found[key] = backend.generator().integers(2**62)
    assert len(set(found.values())) == len(found)


def test_keys_nest_and_end_with_an_error() -> None:
    with backend.randomness(1):
        outer = [backend.random_normal((2,)).tolist()]
        with backend.randomness(2):
            inner = backend.random_normal((2,)).tolist()
        outer.append(backend.random_normal((2,)).tolist())
    with backend.randomness(1):
        assert [backend.random_normal((2,)).tolist() for _ in range(2)] == outer
    with backend.randomness(2):
        assert backend.random_normal((2,)).tolist() == inner
    before = backend.generator()
    with pytest.raises(KeyError), backend.randomness(3):
        raise KeyError
    assert backend.generator() is before


@pytest.mark.parametrize("key", [(-1,), (0, -5)])
def test_negative_keys_are_refused(key: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="negative"), backend.randomness(*key):
        pass


def test_threads_draw_independently() -> None:
    """Each its own key, interleaved as the scheduler likes: the numbers of a serial run."""
    def numbers(worker: int) -> list:
        with backend.randomness(5, worker):
            return [backend.random_normal((3,)).tolist() for _ in range(50)]

    found: dict[int, list] = {}
    start = threading.Barrier(4)

    def work(worker: int) -> None:
        start.wait()
        found[worker] = numbers(worker)

    threads = [threading.Thread(target=contextvars.copy_context().run, args=(work, i)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(4)] == [numbers(i) for i in range(4)]


def test_manual_seed_starts_anew() -> None:
    backend.manual_seed(3)
    first = draw()
    assert draw() != first
    backend.manual_seed(3)
    assert draw() == first
    backend.manual_seed(4)
    assert draw() != first


def test_shapes_dtypes_and_statistics() -> None:
    """A mean of n draws of variance v is off by √(v/n); five times that happens once in two million."""
    n = 200_000
    with backend.randomness(0):
        normal = backend.random_normal((n // 2, 2), std=0.02)
        uniform = backend.random_uniform((n,), -1.0, 3.0)
        assert backend.random_normal((2,), dtype=np.float64).dtype == np.float64
        assert backend.random_normal(()).shape == () and backend.random_uniform((0, 3)).shape == (0, 3)
    assert normal.dtype == uniform.dtype == np.float32 and normal.shape == (n // 2, 2)
    assert abs(normal.mean()) < 5 * 0.02 / n**0.5 and abs(normal.std() / 0.02 - 1) < 5 / (2 * n) ** 0.5
    assert uniform.min() >= -1.0 and uniform.max() <= 3.0 and abs(uniform.mean() - 1.0) < 5 * (16 / 12 / n) ** 0.5


@pytest.mark.parametrize("p", [0.0, 1.0, 0.1, 0.5, 0.9])
def test_a_mask_keeps_with_its_probability(p: float) -> None:
    n = 200_000
    with backend.randomness(1):
        keep = backend.random_keep((2, n // 2), p, like=np.ones(1, np.float32))
    assert keep.dtype == bool and keep.shape == (2, n // 2)
    assert abs(keep.mean() - p) <= 5 * (p * (1 - p) / n) ** 0.5
    if 0 < p < 1:                                     # neighbours are independent
        together = np.mean(keep[:, 1:] & keep[:, :-1])
        assert abs(together - p * p) < 5 * (p * p * (1 - p * p) / n) ** 0.5 * 2
