"""A Tensor in a notebook: everything it is, escaped, and never an exception."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.cupy_standin.fixtures import cupy as cupy_fixture
from tinyllm import Tensor, detect_anomaly, operation

cupy = cupy_fixture

DTYPES = st.sampled_from([np.float32, np.float64, np.int64, np.bool_])


def cells(text):
    return re.findall(r"<td>([^<]*)</td>", text)


@given(hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=15)))
def test_every_tensor_shows_its_shape_and_a_corner(array):
    text = Tensor(array)._repr_html_()
    assert f"shape {array.shape}" in text and array.dtype.name in text
    shown = [cell for cell in cells(text) if cell != "…"]
    sides = [min(n, 12) for n in array.shape[-2:]]
    assert len(shown) == (int(np.prod(sides)) if array.size else 0)


def test_values_gradient_and_where_from():
    x = Tensor([[1.5, -2.0]], requires_grad=True)
    (x * x).sum().backward()
    assert cells(x._repr_html_()) == ["1.5", "-2", "3", "-4"]
    assert "requires_grad" in x._repr_html_() and "from np.exp" in np.exp(x)._repr_html_()


def test_names_are_escaped():
    class Odd(Tensor):
        __slots__ = ()

    Odd.__name__ = "<script>"
    assert "<script>" not in Odd([1.0])._repr_html_() and "&lt;script&gt;" in Odd([1.0])._repr_html_()


def test_a_name_of_an_operation_is_escaped():
    y = operation(lambda x: (x, lambda g: (g,)))(Tensor([1.0], requires_grad=True))
    assert "from &lt;lambda&gt;" in y._repr_html_() and "<lambda>" not in y._repr_html_()


def test_on_a_gpu_the_numbers_shown_come_home(cupy):
    x = Tensor(np.arange(200.0).reshape(2, 4, 25), requires_grad=True, device="cuda")
    np.sum(x * x).backward()
    text = x._repr_html_()
    assert "cuda:0" in text and cells(text)[:2] == ["0", "1"] and len([cell for cell in cells(text) if cell != "…"]) == 96
    assert cells(Tensor(1.5, device="cuda")._repr_html_()) == ["1.5"]


def test_looking_loses_no_gradient_and_records_nothing():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    with detect_anomaly():
        y._repr_html_()
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0, 2.0])
