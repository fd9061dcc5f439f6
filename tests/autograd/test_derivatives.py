"""The derivative table, a row at a time: values, gradients, gradients of gradients, dtypes, layouts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.autograd.checks import check_gradient_functions_stay_in_float32, check_gradients, check_values_and_dtypes
from tests.autograd.draws import FromHypothesis, FromSeed, Rejected
from tests.autograd.operations import ROWS, Row
from tinyllm import Tensor
from tinyllm.autograd.operators import TABLE
from tinyllm.autograd.table import Composition, Primitive

each_row = pytest.mark.parametrize("row", ROWS, ids=str)
fewer = settings(max_examples=max(settings().max_examples // 5, 1))     # of hundreds of rows


@each_row
@fewer
@given(data=st.data())
def test_value_dtype_and_layout(row: Row, data: st.DataObject) -> None:
    check_values_and_dtypes(row, FromHypothesis(data))


@each_row
@fewer
@given(data=st.data())
def test_gradient_is_the_slope_to_second_order(row: Row, data: st.DataObject) -> None:
    check_gradients(row, FromHypothesis(data))


@pytest.mark.parametrize("row", [row for row in ROWS if not row.casts], ids=str)
@fewer
@given(data=st.data())
def test_float32_stays_float32_in_gradients_of_gradients(row: Row, data: st.DataObject) -> None:
    check_gradient_functions_stay_in_float32(row, FromHypothesis(data))


@pytest.mark.slow
@each_row
@settings(max_examples=50)
@given(data=st.data())
def test_a_row_thoroughly(row: Row, data: st.DataObject) -> None:
    d = FromHypothesis(data)
    check_values_and_dtypes(row, d)
    check_gradients(row, d)
    if not row.casts:
        check_gradient_functions_stay_in_float32(row, d)


def test_every_entry_of_the_derivative_table_has_a_row() -> None:
    covered = {key for row in ROWS for key in row.covers}
    differentiable = {key for key, entry in TABLE.items() if isinstance(entry, Primitive | Composition) or type(key) is tuple}
    differentiable = {key for key in differentiable if not str(getattr(key, "__module__", "")).startswith("tinyllm.functional")}
    assert not differentiable - covered, "add a row to tests/autograd/operations/"
    assert not covered - TABLE.keys(), "a row covers what the table does not hold"


@each_row
def test_a_row_uses_the_entries_it_covers(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    used = set()
    for key in row.covers:
        def entry(args: tuple, kwargs: dict, key=key, entry=TABLE[key]):
            used.add(key)
            return entry(args, kwargs)

        monkeypatch.setitem(TABLE, key, entry)
    for seed in range(100):
        try:
            f, arrays = row.draw(FromSeed(seed))
            f(*(Tensor(a, requires_grad=True) for a in arrays))
        except Rejected:
            continue
        if used == set(row.covers):
            return
    raise AssertionError(f"{row} never used {set(row.covers) - used}")
