"""The floor: the matrix products of a step and nothing else, in NumPy, into arrays that are there already.

Each linear map is three products, forward, to its input and to its weight; attention is two batched ones and four on the way
back, over whole T × T squares (a causal kernel may skip half of these: about 5% of all products at M).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tests.benchmarks.configs import CONFIGS, Config


def build(config: str) -> Callable[[], float]:
    calls = list(products(CONFIGS[config]))

    def run() -> float:
        for a, b, out in calls:
            np.matmul(a, b, out=out)
        return 0.0

    return run


def products(c: Config) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(a, b, out) of every product, in float32. Layers have arrays of their own, so that none is found in the cache."""
    rng = np.random.default_rng(0)

    def array(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32)

    def linear(n: int, wide: int, out: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        x, w, y, g = array(n, wide), array(out, wide), np.empty((n, out), np.float32), array(n, out)
        yield x, w.T, y
        yield g, w, np.empty_like(x)
        yield g.T, x, np.empty_like(w)

    def attention() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        q, k, v, g = (array(c.batch, c.heads, c.context, c.width // c.heads) for _ in range(4))
        p = array(c.batch, c.heads, c.context, c.context)
        row, square = np.empty_like(q), np.empty_like(p)
        p_t, k_t, v_t = (np.swapaxes(x, -1, -2) for x in (p, k, v))
        yield from ((q, k_t, square), (p, v, row), (p_t, g, row), (g, v_t, square), (p, k, row), (p_t, q, row))

    n, width = c.batch * c.context, c.width
    encoders = {"gpt": 0, "seq2seq": c.layers, "bert": c.layers}[c.family]
    decoders = {"gpt": c.layers, "seq2seq": c.layers, "bert": 0}[c.family]
    attentions = encoders + decoders + (decoders if c.family == "seq2seq" else 0)
    for _ in range(attentions):
        for _ in range(4):
            yield from linear(n, width, width)
        yield from attention()
    for _ in range(encoders + decoders):
        yield from linear(n, width, 4 * width)
        yield from linear(n, 4 * width, width)
    yield from linear(c.batch, width, 2) if c.family == "bert" else linear(n, width, c.vocab)
