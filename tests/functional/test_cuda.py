"""The CUDA bodies: every kernel computes its formula, value and gradients, whatever the shape; and nvcc takes every source.

Without a GPU the kernels run on the stand-in, compiled by g++ from the same text; test_twins.py runs them over the small
calls of all formulas as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.autograd.draws import Draw, FromHypothesis
from tests.benchmarks import gpu as benchmark
from tests.cupy_standin import kernels
from tests.cupy_standin.fixtures import cupy as cupy_fixture
from tests.functional.calls import Call, broadcastable_mask, numbers
from tests.functional.test_twins import close
from tinyllm import Tensor, formulas_only, gradients
from tinyllm import functional as F
from tinyllm.backend import to_device, to_numpy
from tinyllm.functional.cuda import activations, adam, adam_step
from tinyllm.functional.cuda.kernels import source
from tinyllm.functional.precision import ROUND
from tinyllm.optim.adam import adam_update

cupy = cupy_fixture
needs_nvcc = pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc: CUDA kernels were NOT compiled for a GPU")

FILES = ["norms", "softmax", "cross_entropy", "embedding", "attention"]
WIDTHS = (32, 64, 128)
DTYPES = [np.float32, np.float64]
ELEMENTWISE = {
    **{name: ("T x", "T y, T slope", body) for name, body in activations.BODIES.items()},
    "adam": (adam.INPUTS, adam.OUTPUTS, adam.BODY),
    "bfloat16": ("float32 x", "uint16 y", ROUND),
}


@pytest.fixture
def gpu(cupy: ModuleType) -> ModuleType:
    """CuPy, or the stand-in if it can run kernels."""
    if not hasattr(cupy, "RawKernel"):
        pytest.skip("no g++: CUDA kernels were NOT run")
    return cupy


# ---------------------------------------------------------------- shapes that fill several warps, blocks and tiles

def norm(f: Callable, n_vectors: int) -> Callable[[Draw], Call]:
    def draw(d: Draw) -> Call:
        width = d.choice([2, 31, 33, 130, 300])
        arrays = [numbers(d, d.choice([1, 5, 70]), width), *(numbers(d, width) for _ in range(d.integer(1, n_vectors)))]
        return Call(lambda *xs: f(*xs, eps=0.1), arrays, condition=10.0)

    return draw


def softmax(d: Draw) -> Call:
    shape = (d.choice([1, 2]), d.choice([1, 5, 9]), d.choice([1, 31, 33, 130]))
    where = broadcastable_mask(d, shape) if d.boolean() else None
    return Call(lambda x, where: F.softmax(x, -1, where), [numbers(d, *shape, scale=d.choice([1.0, 1e3]))], (where,))


def cross_entropy(d: Draw) -> Call:
    rows, n_classes, smoothing = d.choice([1, 5, 70]), d.choice([2, 33, 130]), d.choice([0.0, 0.3])
    targets = np.where(d.values.random(rows) < 0.3, -100, d.values.integers(0, n_classes, rows))
    weights = d.values.uniform(0.0, 2.0, n_classes) if d.boolean() else None

    def f(logits, targets, weights):
        weights = weights if weights is None else weights.astype(logits.dtype)
        return F.cross_entropy(logits, targets, label_smoothing=smoothing, class_weights=weights)

    return Call(f, [numbers(d, rows, n_classes)], (targets, weights))


def embedding(d: Draw) -> Call:
    n_rows, width = d.choice([1, 3, 40]), d.choice([1, 33, 200])
    return Call(lambda w, ids: F.embedding(ids, w), [numbers(d, n_rows, width)], (d.values.integers(0, n_rows, (2, 9)),))


def attention(d: Draw) -> Call:
    lead = d.choice([(), (2,), (2, 1), (1, 2)])
    n_queries, n_keys = d.choice([1, 17, 33]), d.choice([1, 16, 35])
    width, v_width, causal = d.choice([1, 8, 31]), d.choice([3, 8, 32]), d.boolean()
    mask = broadcastable_mask(d, (*lead, n_queries, n_keys)) if d.boolean() else None
    arrays = [numbers(d, *lead, *shape) for shape in ((n_queries, width), (n_keys, width), (n_keys, v_width))]
    if len(lead) == 2 and d.boolean():                  # as a model cuts heads out of tokens
        arrays = [np.swapaxes(np.ascontiguousarray(np.swapaxes(x, 1, 2)), 1, 2) for x in arrays]
    return Call(lambda q, k, v, mask: F.attention(q, k, v, mask, causal), arrays, (mask,), condition=10.0)


SHAPES: dict[str, Callable[[Draw], Call]] = {
    "layer_norm": norm(F.layer_norm, 2), "rms_norm": norm(F.rms_norm, 1), "softmax": softmax, "cross_entropy": cross_entropy,
    "embedding": embedding, "attention": attention,
}


@contextmanager
def threads_from_the_last() -> Iterator[None]:
    kernels.descending = True
    try:
        yield
    finally:
        kernels.descending = False


def on_device(call: Call, arrays: list[np.ndarray], g: np.ndarray) -> list[np.ndarray]:
    leaves = [Tensor(to_device(a, "cuda"), requires_grad=True) for a in arrays]
    y = call(*leaves)
    return [to_numpy(x) for x in (y.data, *gradients(y, leaves, to_device(g, "cuda")))]


def compare(name: str, d: Draw) -> None:
    """A kernel against the formula on the CPU, and against itself with its threads in the other order."""
    call, dtype = SHAPES[name](d), d.choice(DTYPES)
    arrays = [a.astype(dtype) for a in call.arrays]
    with formulas_only():
        y = call(*(leaves := [Tensor(a, requires_grad=True) for a in arrays]))
        g = np.asarray(d.values.standard_normal(y.shape), dtype)
        expected = [y.data, *gradients(y, leaves, g)]
    found = on_device(call, arrays, g)
    for got, want in zip(found, expected, strict=True):
        close(got, want, float(np.linalg.norm(np.ravel(g))), call.condition)
    with threads_from_the_last():
        for got, again in zip(found, on_device(call, arrays, g), strict=True):
            np.testing.assert_array_equal(got, again)


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_a_kernel_is_its_formula(name: str, gpu: ModuleType, data: st.DataObject) -> None:
    compare(name, FromHypothesis(data))


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_a_kernel_is_its_formula_at_length(name: str, gpu: ModuleType, data: st.DataObject) -> None:
    compare(name, FromHypothesis(data))


@pytest.mark.slow
@pytest.mark.parametrize("width", [33, 64, 65, 128, 129])
def test_attention_of_wide_heads(width: int, gpu: ModuleType, rng: np.random.Generator) -> None:
    arrays = [rng.standard_normal((1, 2, 20, w)).astype(np.float32) for w in (width, width, 33)]
    call = Call(lambda q, k, v: F.attention(q, k, v, causal=True), arrays)
    g = rng.standard_normal((1, 2, 20, 33)).astype(np.float32)
    leaves = [Tensor(a, requires_grad=True) for a in arrays]
    y = F.attention.formula(*leaves, causal=True)
    for got, want in zip(on_device(call, arrays, g), [y.data, *gradients(y, leaves, g)], strict=True):
        close(got, want, 1.0, 1.0)


# ---------------------------------------------------------------- which body runs

def test_bodies_run_on_a_gpu_and_nowhere_else(gpu: ModuleType, rng: np.random.Generator) -> None:
    x, w = rng.standard_normal((3, 4)).astype(np.float32), np.ones(4, np.float32)
    there = [to_device(a, "cuda") for a in (x, w)]
    kernels.launches.clear()
    F.layer_norm(x, w)
    with formulas_only():
        F.layer_norm(*there)
    F.layer_norm(*(a.astype(np.float16) for a in there))
    F.softmax(there[0], axis=0)
    assert not kernels.launches
    F.layer_norm(*there)
    F.gelu(there[0])
    if "stand-in" in (gpu.__doc__ or ""):
        assert kernels.launches == ["norm_forward", "tinyllm_gelu"]


def test_a_wrong_id_or_target_is_nan(gpu: ModuleType) -> None:
    """The host does not look at a GPU's numbers; what would be a wrong number becomes none."""
    table = to_device(np.ones((3, 2), np.float32), "cuda")
    rows = to_numpy(F.embedding(to_device(np.array([0, 3, -1]), "cuda"), table))
    np.testing.assert_array_equal(np.isnan(rows[:, 0]), [False, True, True])
    for wrong in (-1, 2, 10**6):
        logits = Tensor(table, requires_grad=True)
        loss = F.cross_entropy(logits, to_device(np.array([0, wrong, -100]), "cuda"))
        loss.backward()
        assert np.isnan(loss.item()) and np.isnan(to_numpy(logits.grad)[1]).all()
    with formulas_only(), pytest.raises(IndexError, match="outside the table"):
        F.embedding(to_device(np.array([3]), "cuda"), table)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("decoupled", [True, False])
def test_adam_in_one_kernel(gpu: ModuleType, rng: np.random.Generator, decoupled: bool, dtype: type) -> None:
    x, group = rng.standard_normal((3, 50)).astype(dtype), {"lr": 0.1, "betas": (0.8, 0.99), "eps": 1e-8, "weight_decay": 0.1}
    state: dict[str, np.ndarray] = {}
    there, m, v = (to_device(a, "cuda") for a in (x, np.zeros_like(x), np.zeros_like(x)))
    for t in range(1, 4):
        g = rng.standard_normal(x.shape).astype(dtype)
        adam_update(x, g, state, t, group, decoupled)
        adam_step(there, to_device(g, "cuda"), m, v, t, 0.1, (0.8, 0.99), 1e-8, 0.1, decoupled)
    for got, want in zip((there, m, v), (x, state["m"], state["v"]), strict=True):
        close(to_numpy(got), want, 0.0, 1.0)


# ---------------------------------------------------------------- the sources, for a GPU's compiler

def elementwise_source(name: str, dtype: type) -> str:
    """As a function on the device: the loop that the stand-in puts around the operation."""
    kernel = kernels.ElementwiseKernel(*ELEMENTWISE[name])
    return kernel.source({"T": np.dtype(dtype)}).replace('extern "C" void run', f'extern "C" __device__ void {name}')


def nvcc(text: str, folder: Path) -> None:
    (folder / "kernel.cu").write_text(text)
    done = subprocess.run(["nvcc", "-ptx", "-arch=sm_80", "-Werror", "all-warnings", "kernel.cu"], cwd=folder,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@needs_nvcc
@pytest.mark.parametrize("file", FILES)
def test_nvcc_takes_the_kernels(file: str, tmp_path: Path) -> None:
    constants = {"WIDTH": 64} if file == "attention" else {}
    nvcc(source(file, np.dtype(np.float32), **constants), tmp_path)


@needs_nvcc
def test_nvcc_takes_the_elementwise_kernels(tmp_path: Path) -> None:
    texts = [elementwise_source(name, np.float32) for name in ELEMENTWISE]
    nvcc("\n".join(texts), tmp_path)


@needs_nvcc
@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("file", FILES)
def test_nvcc_takes_all_variants(file: str, dtype: type, tmp_path: Path) -> None:
    for constants in [{"WIDTH": width} for width in WIDTHS] if file == "attention" else [{}]:
        nvcc(source(file, np.dtype(dtype), **constants), tmp_path)


# ---------------------------------------------------------------- the benchmark

def test_the_benchmark_runs_as_far_as_it_can_without_a_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    benchmark.main(["--stand-in"])
    assert capsys.readouterr().out.count("losses") == 3
    lines = benchmark.table({
        "PyTorch float32": {"losses": [4.0], "seconds": [0.002]}, "tinyllm float32": {"losses": [4.0001], "seconds": [0.001]},
        "torch.compile TF32": {"missing": "no torch"},
    })
    assert lines[2:] == [
        "| PyTorch float32 | 2.00 | 1.00 |", "| tinyllm float32 | 1.00 | 0.50 |",
        "| torch.compile TF32 | – | not measured: no torch |",
    ]
    with pytest.raises(SystemExit, match="something else"):
        found = {"PyTorch float32": 4.0, "PyTorch TF32": 5.0}
        benchmark.table({name: {"losses": [loss], "seconds": [1.0]} for name, loss in found.items()})


# ---------------------------------------------------------------- the tests tested

MUTANTS = {
    "no barrier before a tile is read": ("attention", "        __syncthreads();\n        T old", "        T old"),
    "no barrier before a tile is overwritten": ("attention", "__syncthreads();                        // before", "// before"),
    "forgets to shrink the sum": ("attention", "sum *= shrink;", ""),
    "sees the future": ("attention", "j > behind(s) + i)", "j > behind(s) + i + 1)"),
    "stops a tile early": ("attention", "behind(s) + first + ROWS)", "behind(s) + first)"),
    "starts too late": ("attention", "first - behind(s)) / TILE * TILE", "first - behind(s) + TILE) / TILE * TILE"),
    "no scale in the gradient": ("attention", "p * (g_dot_v - g_dot_o) * scale", "p * (g_dot_v - g_dot_o)"),
    "half a warp": ("softmax", "step = WARP / 2", "step = WARP / 4"),
    "mean of d forgotten": ("norms", "- mean_d -", "-"),
    "bias not added": ("norms", "(has_bias ? bias[c] : T(0))", "T(0)"),
    "target not subtracted": ("cross_entropy", "(c == y[row] ? t.at_target : T(0)) + ", ""),
    "counts ignored rows": ("cross_entropy", "if (y == ignored) return {0, 0, 0};", "if (y == ignored) y = 0;"),
    "a run's last one lost": ("embedding", "i < n_ids && ids", "i < n_ids - 1 && ids"),
}


@pytest.mark.slow
@pytest.mark.skipif(kernels.compiler() is None, reason="no g++: CUDA kernels were NOT run")
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_kernel_is_caught(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.autograd.draws import FromSeed
    from tests.cupy_standin import install

    file, old, new = MUTANTS[mutant]
    real = kernels.library
    assert old in source(file, np.dtype(np.float32), WIDTH=32)
    monkeypatch.setattr(kernels, "library", lambda code: real(code.replace(old, new)))
    names = {"norms": "layer_norm"}.get(file, file)
    with install(), pytest.raises((AssertionError, RuntimeError)):
        for seed in range(40):
            compare(names, FromSeed(seed))


# In a process of its own, which the address sanitizer must be loaded into before Python.
WITHIN_BOUNDS = """
import sys
from tests.autograd.draws import FromSeed
from tests.cupy_standin import install, kernels
from tests.functional import test_cuda
old, new = sys.argv[1:]
real = kernels.library
kernels.flags[:] = ["-fsanitize=address"]
kernels.library = lambda code: real(code.replace(old, new) if old else code)
with install():
    for name in test_cuda.SHAPES:
        for seed in range(5):
            test_cuda.compare(name, FromSeed(seed))
print("all within")
"""


@pytest.mark.slow
@pytest.mark.skipif(kernels.compiler() is None, reason="no g++: CUDA kernels were NOT run")
@pytest.mark.parametrize("old, new", [("", ""), ("row >= n_rows", "row > n_rows")], ids=["as they are", "one row too many"])
def test_kernels_stay_within_their_arrays(old: str, new: str) -> None:
    find = lambda name: subprocess.run(["g++", f"-print-file-name={name}"], capture_output=True, text=True).stdout.strip()
    sanitizer = find("libasan.so")
    if not Path(sanitizer).is_absolute():
        pytest.skip("no address sanitizer: the kernels' bounds were NOT checked")
    environment = os.environ | {
        "LD_PRELOAD": f"{sanitizer} {find('libstdc++.so')}", "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc",
    }
    done = subprocess.run([sys.executable, "-c", WITHIN_BOUNDS, old, new], env=environment, capture_output=True, text=True)
    if old:
        assert "heap-buffer-overflow" in done.stderr
    else:
        assert done.stdout.endswith("all within\n"), done.stderr
