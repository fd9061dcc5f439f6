"""Generation and search on a GPU, or on the stand-in for one: the same texts."""

from __future__ import annotations

import pytest

from tests.cupy_standin.fixtures import cupy as cupy_fixture
from tests.generation.support import KINDS, tiny
from tinyllm.generation import beam_search, beam_search_batch, generate, generate_batch

cupy = cupy_fixture


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_texts(cupy, kind):
    model = tiny(kind, 3, 6, 4.0).model
    expected = generate(model, [1, 2], 12, n_samples=3, seed=0), beam_search(model, [1, 2], 12, width=3, n_best=3, eos_id=0)
    model.to("cuda")
    assert generate(model, [1, 2], 12, n_samples=3, seed=0) == expected[0]
    found = beam_search(model, [1, 2], 12, width=3, n_best=3, eos_id=0)
    assert [h.ids for h in found] == [h.ids for h in expected[1]]


def test_the_same_texts_about_several_sources(cupy):
    model = tiny("seq2seq", 3, 6, 4.0).model
    sources = [[1, 2], [3], [4, 5, 1]]
    expected = generate_batch(model, sources, 8, seed=0), beam_search_batch(model, sources, 8, eos_id=0)
    model.to("cuda")
    assert generate_batch(model, sources, 8, seed=0) == expected[0]
    assert [[h.ids for h in found] for found in beam_search_batch(model, sources, 8, eos_id=0)] == [
        [h.ids for h in found] for found in expected[1]
    ]
