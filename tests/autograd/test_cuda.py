"""The derivative table where arrays are CuPy's: the same values and gradients as on the CPU, and nothing travels between.

Without a GPU a stand-in serves that is as narrow as CuPy (tests/cupy_standin).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tinyllm
from tests.autograd.checks import close, outputs
from tests.autograd.draws import FromSeed, Rejected
from tests.autograd.operations import ROWS, Row
from tests.cupy_standin.fixtures import cupy as cupy_fixture
from tinyllm import Tensor
from tinyllm.backend import device_of, to_device, to_numpy

cupy = cupy_fixture


def _run(f: Any, arrays: list[np.ndarray], us: list[np.ndarray], device: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    leaves = [Tensor(to_device(a, device), requires_grad=True) for a in arrays]
    results = outputs(f(*leaves))
    assert all(y.device.startswith(device) for y in results)
    total = sum(np.sum(y * to_device(u.astype(y.dtype), device)) for y, u in zip(results, us, strict=True))
    total.backward()
    assert all(device_of(t.grad).startswith(device) for t in leaves)
    return [to_numpy(y.data) for y in results], [to_numpy(t.grad) for t in leaves]


@pytest.mark.parametrize("row", [row for row in ROWS if row.name != "moved"], ids=str)
def test_values_and_gradients_are_the_cpus(row: Row, cupy: ModuleType) -> None:
    for seed in range(12):
        d = FromSeed(seed)
        try:
            f, arrays = row.draw(d)
        except Rejected:
            continue
        arrays = [a.astype(np.float32) for a in arrays]
        us = [d.values.standard_normal(np.shape(y)) for y in outputs(f(*arrays))]
        values, gradients = _run(f, arrays, us, "cpu")
        on_gpu, gradients_on_gpu = _run(f, arrays, us, "cuda")
        for a, b in [*zip(on_gpu, values, strict=True), *zip(gradients_on_gpu, gradients, strict=True)]:
            assert a.dtype == b.dtype and a.shape == b.shape and close(a, b, 1e-5)


def on_cuda(*values: float) -> Tensor:
    return Tensor(np.array(values, np.float32), requires_grad=True, device="cuda")


def test_a_gradient_flows_back_to_where_its_input_is(cupy: ModuleType) -> None:
    host = Tensor(np.array([1.0, 2.0], np.float32), requires_grad=True)
    device = on_cuda(3.0, 4.0)
    y = host.to("cuda") * device
    assert y.device == "cuda:0" and device.device == "cuda:0" and host.device == "cpu"
    (y.to("cpu") * np.array([1.0, 10.0], np.float32)).sum().backward()
    assert type(host.grad) is np.ndarray and device_of(device.grad) == "cuda:0"
    np.testing.assert_array_equal(host.grad, [3.0, 40.0])
    np.testing.assert_array_equal(to_numpy(device.grad), [1.0, 20.0])
    seconds = tinyllm.grad(lambda x: np.sum(tinyllm.grad(lambda z: np.sum(z.to("cuda") ** 3))(x).to("cuda")))(host)
    np.testing.assert_array_equal(getattr(seconds, "data", seconds), [6.0, 12.0])


MIXED = {
    "operator": lambda t, a: t * a,
    "reflected": lambda t, a: a * t,
    "two Tensors": lambda t, a: t + Tensor(a),
    "matmul": lambda t, a: t @ a,
    "function": lambda t, a: np.maximum(t, a),
    "stacking": lambda t, a: np.stack([t, a]),
    "where": lambda t, a: np.where(a > 0, t, 0.0),
    "index": lambda t, a: t[np.array([0])],
    "index in a tuple": lambda t, a: t[(np.array([0]),)],
    "take": lambda t, a: np.take(t, np.array([0])),
    "take_along_axis": lambda t, a: np.take_along_axis(t, np.array([0]), 0),
    "an operation": lambda t, a: times(t, a),
    "backward": lambda t, a: (t * 2).backward(a),
    "item assignment": lambda t, a: Tensor(t.data).__setitem__(slice(None), a),
    "copy_": lambda t, a: Tensor(t.data).copy_(a),
    "in place": lambda t, a: Tensor(t.data).__iadd__(a),
}


@tinyllm.operation
def times(a: Any, b: Any) -> tuple:
    return a * b, lambda g: (g * b, g * a)


@pytest.mark.parametrize("way", MIXED)
def test_mixing_devices_is_an_error_that_says_where(way: str, cupy: ModuleType) -> None:
    with pytest.raises((TypeError, ValueError), match=r"cpu|NumPy"):
        MIXED[way](on_cuda(1.0, 2.0), np.array([3.0, 4.0], np.float32))


def test_a_tensor_on_a_gpu_does_not_come_home_by_itself(cupy: ModuleType) -> None:
    with tinyllm.no_grad():
        t = on_cuda(1.0, 2.0)
        with pytest.raises(TypeError, match="does not convert implicitly"):
            np.asarray(t)
        np.testing.assert_array_equal(t.numpy(), [1.0, 2.0])
        assert t[1].item() == 2.0 and float(t[1]) == 2.0 and "device='cuda:0'" in repr(t) and t.tolist() == [1.0, 2.0]
    with pytest.raises(RuntimeError, match="no device 'cuda:9'"):
        t.to("cuda:9")


def test_indices_on_a_gpu(cupy: ModuleType) -> None:
    x = on_cuda(1.0, 2.0, 3.0)
    places = to_device(np.array([2, 0]), "cuda")
    for index in (places, Tensor(places)):
        for got in (x[index], np.take(x, index), np.take_along_axis(x, index, 0), x[(index,)]):
            np.testing.assert_array_equal(got.numpy(), [3.0, 1.0])
    np.testing.assert_array_equal(np.take(x, [2, 0]).numpy(), [3.0, 1.0])


def test_gradients_of_gradients_on_a_gpu(cupy: ModuleType) -> None:
    x = to_device(np.array([0.3, 0.7]), "cuda")
    f = lambda t: np.sum(np.exp(t) * np.cumsum(np.sin(t)) / (1.0 + np.square(t[::-1])))
    second = lambda x: tinyllm.grad(lambda t: np.sum(tinyllm.grad(f)(t) ** 2))(x)
    got = second(x)
    assert device_of(got) == "cuda:0"
    np.testing.assert_allclose(to_numpy(got), second(to_numpy(x)), rtol=1e-12)


def test_a_training_step_moves_nothing(cupy: ModuleType) -> None:
    from tests.cupy_standin import no_transfers

    w, x = on_cuda(0.1, -0.2, 0.3), to_device(np.ones((4, 3), np.float32), "cuda")
    with no_transfers():
        y = np.mean(np.square(np.tanh(x * w) - np.max(x, axis=-1, keepdims=True)))
        y.backward()
        with tinyllm.no_grad():
            w -= 0.1 * w.grad
    assert w.device == "cuda:0" and w.dtype == np.float32
