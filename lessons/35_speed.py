# %% [markdown]
# # 35 · Where the time goes
#
# *What is the least time a step of training can take, and why does it take longer?*
#
# *Reading 50 min · running 25 s · builds on lessons 9 (optimisers), 12 (attention), 18 (generation) and 22 (operations and
# bytes)*
#
# **Afterwards you can** find where a program spends its time, say what bounds each operation, arithmetic or memory, derive
# the online softmax and write attention whose memory grows with the length and not with its square, split a step over
# workers without changing its gradient, count what an all-reduce sends, and compare two times so that the answer is true.

# %%
import inspect
import math
import statistics
import time
import tracemalloc
from collections import defaultdict

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor, formulas_only, manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.data import CausalWindows
from tinyllm.functional import FORMULAS
from tinyllm.generation import generate
from tinyllm.models import GPT, GPTConfig
from tinyllm.optim import AdamW
from tinyllm.training import Causal, TrainConfig, train
from tinyllm.training.shards import Shards
from tinyllm.training.workers import Threads
from tinyllm.training.workers.workers import add_in_order
from tinyllm.viz.style import COLOURS, HATCHES

lesson = open_lesson("35_speed")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# Lesson 22 ended its account of a training step with one number: so much of the machine's arithmetic is used, and the rest
# "goes to norms, activations, softmax and the optimiser, and to calls". Which of them, and must it be so? Whoever makes a
# program faster by guessing makes the wrong thing faster. So we measure first, then find out what each operation could cost
# at best, and then close the gap where there is one: in one operation (fusion), in attention (blocks), and over several
# cores or machines (workers).

# %% [markdown]
# ## Where a step's time goes
#
# A step calls a few formulas many times. Each has its twin, a function that returns the value and the way back (lesson 12),
# and the twins stand in one dictionary, `FORMULAS`. So a stopwatch goes around every twin and around every way back; what
# they leave over is the rest: the residual sums, the splitting into heads, the graph.

# %%
PARTS = {"linear": "linear", "attention": "attention", "layer_norm": "norm", "gelu": "activation", "cross_entropy": "loss",
         "embedding": "embedding"}


class Stopwatch:
    """`with Stopwatch() as watch:` sums up seconds by part, of all twins and of their ways back; `shapes` are linear's."""

    def __enter__(self):
        self.seconds, self.shapes = defaultdict(float), []
        self.bodies = {name: f.twin.fused for name, f in FORMULAS.items() if f.twin is not None}
        for name, body in self.bodies.items():
            FORMULAS[name].twin.fused = self.both_ways(name, body)
        return self

    def __exit__(self, *error):
        for name, body in self.bodies.items():
            FORMULAS[name].twin.fused = body

    def timed(self, part, f):
        def call(*args):
            start = time.perf_counter()
            result = f(*args)
            self.seconds[part] += time.perf_counter() - start
            return result

        return call

    def both_ways(self, name, body):
        part = PARTS.get(name, name)
        forward = self.timed(part, body)

        def call(*args):
            if name == "linear":
                self.shapes.append((math.prod(args[0].shape[:-1]), *args[1].shape))         # rows, out, in
            value, vjp = forward(*args)
            return value, self.timed(part, vjp)

        return call


def trainer(d_model, context=128, batch=4):
    """A function that takes one training step of a GPT of three layers, and its optimiser."""
    manual_seed(0)
    model = GPT(GPTConfig(1000, context=context, n_layers=3, n_heads=4, d_model=d_model))
    ids = np.random.default_rng(0).integers(0, 1000, (batch, context + 1))
    optimizer = AdamW(model.parameters(), lr=1e-3)

    def step():
        loss = F.cross_entropy(model(ids[:, :-1]), ids[:, 1:])
        model.zero_grad()
        loss.backward()
        optimizer.step()

    return step, optimizer


# %% [markdown]
# And a floor. No method computes the step without its products, so we take the shapes that `linear` met and multiply bare
# arrays of these shapes: three products each, $xW^\top$, $gW$ and $g^\top x$ (lesson 7).
#
# **Predict**: with a model 64 wide and one 384 wide, which share do the products have in each?

# %% tags=["varies"]
def bare_products(shapes):
    """Seconds of the three products of every linear layer, and nothing else."""
    total = 0.0
    for rows, out, width in shapes:
        x, w, g = (np.ones(shape, np.float32) for shape in ((rows, width), (out, width), (rows, out)))
        start = time.perf_counter()
        _, _, _ = x @ w.T, g @ w, g.T @ x
        total += time.perf_counter() - start
    return total


def shares(d_model, steps=7):
    """Part → median percent of a step's time, and the medians of a step and of its bare products in ms."""
    step, optimizer = trainer(d_model)
    found = defaultdict(list)
    for i in range(steps + 2):
        with Stopwatch() as watch:
            move, optimizer.step = optimizer.step, watch.timed("optimiser", optimizer.step)
            start = time.perf_counter()
            step()
            whole = time.perf_counter() - start
            optimizer.step = move
        if i >= 2:                                                              # the first steps fetch memory
            for part, seconds in watch.seconds.items():
                found[part].append(100 * seconds / whole)
            found["step"].append(1e3 * whole)
            found["floor"].append(1e3 * bare_products(watch.shapes))
    median = {part: statistics.median(values) for part, values in found.items()}
    step_ms, floor_ms = median.pop("step"), median.pop("floor")
    return median | {"rest": max(0.0, 100 - sum(median.values()))}, step_ms, floor_ms


def usually(holds, what):
    """A note where times say otherwise: other programs may have upset them, and the lesson goes on."""
    if not holds:
        print(f"Not so this time: {what}. (Is the machine busy? Then run the cell again.)")


of_width = {d: shares(d) for d in (64, 384)}
for d, (_, step_ms, floor_ms) in of_width.items():
    print(f"{d:3} wide: {step_ms:5.0f} ms a step; bare products {floor_ms:4.0f} ms; a step is {step_ms / floor_ms:.1f} floors")
usually(of_width[384][0]["linear"] > of_width[64][0]["linear"], "of the wider model's step, more is products")
usually(all(floor_ms < step_ms for _, step_ms, floor_ms in of_width.values()), "a step takes longer than its floor")

# %% tags=["varies"]
with viz.figure(7.5, 3.0) as (fig, ax):
    order = sorted(of_width[384][0].keys() - {"rest"}, key=lambda part: -of_width[384][0][part]) + ["rest"]
    left = np.zeros(2)
    for i, part in enumerate(order):
        widths = np.array([of_width[d][0].get(part, 0.0) for d in of_width])
        colour = "#dddddd" if part == "rest" else COLOURS[i % 6]
        ax.barh(range(2), widths, left=left, height=0.6, color=colour, hatch=HATCHES[i % 7], edgecolor="white", label=part)
        for row, (at, width) in enumerate(zip(left, widths)):
            if width >= 4:
                ax.text(at + width / 2, row, f"{width:.0f}", ha="center", va="center", fontsize=9,
                        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0})
        left += widths
    ax.set_yticks(range(2), [f"{d} wide" for d in of_width])
    ax.invert_yaxis()
    ax.set_xlim(0, 100)
    ax.set_xlabel("percent of a training step's time")
    ax.set_title("The wider the model, the more of a step is products")
    ax.grid(axis="y", visible=False)
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=8, fontsize=8, columnspacing=1.0)
fig

# %% [markdown]
# Products grow with the square of the width, all else with the width itself. So a wide model is close to its floor by
# nature, and a narrow one pays for everything else. The same measurement, on two models of the benchmarks and with a run's
# optimiser, is [tests/benchmarks/sections/shares.py](../tests/benchmarks/sections/shares.py).
#
# Note what the picture says about effort. If norms are 8 percent of a step, a norm that costs nothing saves 8 percent. Let
# a part have the share $s$ of the time and become $k$ times faster; the rest stays:
#
# $$\text{speed-up} = \frac{1}{(1 - s) + s/k} \;\le\; \frac{1}{1 - s}$$
#
# This is **Amdahl's law** (1967), and we shall meet it twice more.

# %% [markdown]
# ## The roofline, with operations on it
#
# Lesson 22 derived the bound: work of $F$ operations and $M$ bytes, on a machine of $P$ operations and $W$ bytes a second,
# runs at
#
# $$\frac{F}{t} \le \min\Big(P,\; W \cdot \frac{F}{M}\Big)$$
#
# and only the **intensity** $F/M$ depends on the work. Here are operations that a step consists of, in float32, on arrays
# of $N$ numbers, with the bytes that they cannot avoid (inputs read once, result written once):
#
# | operation | operations | bytes | intensity |
# |---|---|---|---|
# | $a + b$ | $N$ | $12N$ | 1/12 |
# | layer norm | about $8N$ (two means, a difference, a square, two factors, a term) | $8N$ | 1 |
# | GELU (tanh) | about $10N$, tanh counted as one | $8N$ | 1.25 |
# | matrix times vector, $(n, n)$ by $(n)$ | $2n^2$ | $4n^2$ | 1/2 |
# | matrix times matrix, $(n, n)$ by $(n, n)$ | $2n^3$ | $12n^2$ | $n/6$ |
#
# Measure $P$ by a large product and $W$ by the better of a copy and a dot product of arrays too large for the cache.

# %% tags=["varies"]
def seconds(work, repeats=5):
    """The shortest of several runs: whatever else the machine does only ever adds."""
    best = math.inf
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


rng = np.random.default_rng(0)
N, n = 1 << 24, 4096
a, b, out = rng.standard_normal(N, np.float32), rng.standard_normal(N, np.float32), np.empty(N, np.float32)
square, vector = a.reshape(n, n), b[:n]
left, right = (rng.standard_normal((1024, 1024), np.float32) for _ in range(2))
rows, gain = a.reshape(-1, 1024), np.ones(1024, np.float32)

W = max(8 * N / seconds(lambda: np.copyto(out, a)), 8 * N / seconds(lambda: a @ b))
with no_grad():
    points = {                                                                  # operations, bytes, seconds
        "add": (N, 12 * N, seconds(lambda: np.add(a, b, out=out))),
        "layer norm": (8 * N, 8 * N, seconds(lambda: F.layer_norm(rows, gain, gain), 3)),
        "GELU": (10 * N, 8 * N, seconds(lambda: F.gelu(a, "tanh"), 3)),
        "matrix · vector": (2 * n * n, 4 * n * n, seconds(lambda: square @ vector)),
        "matrix · 16 vectors": (32 * n * n, 4 * n * n, seconds(lambda: square @ a[: 16 * n].reshape(n, 16))),
        "matrix · matrix": (2 * 1024**3, 12 * 1024**2, seconds(lambda: left @ right)),
    }
P = max(flop / t for flop, _, t in points.values())
print(f"P = {P / 1e9:.0f} GFLOP/s, W = {W / 1e9:.1f} GB/s, corner at {P / W:.1f} operations a byte")
for name, (flop, moved, t) in points.items():
    bound = min(P, W * flop / moved)
    print(f"{name:20} intensity {flop / moved:7.2f}: {flop / t / 1e9:6.1f} GFLOP/s, {flop / t / bound:4.0%} of the roof")
speed = {name: flop / t for name, (flop, _, t) in points.items()}
usually(speed["add"] < speed["matrix · matrix"] / 10 and speed["matrix · vector"] < speed["matrix · matrix"] / 3,
        "matrices times matrices are far ahead")
usually(all(flop / t < 3 * min(P, W * flop / moved) for flop, moved, t in points.values()), "no point is far above the roof")

# %% tags=["varies"]
with viz.figure(7.0, 4.2) as (fig, ax):
    intensities = np.geomspace(1 / 20, 400, 200)
    ax.loglog(intensities, np.minimum(P, W * intensities) / 1e9, color="black", label="roof: min(P, W · intensity)")
    for i, (name, (flop, moved, t)) in enumerate(points.items()):
        ax.plot(flop / moved, flop / t / 1e9, linestyle="none", marker="osD^vP"[i], markersize=8, color=COLOURS[i], label=name)
    ax.axvline(P / W, color="#555555", linestyle=":", linewidth=1.2)
    ax.text(P / W, 0.03, "corner P/W ", ha="right", fontsize=9, transform=ax.get_xaxis_transform())
    ax.set_xlabel("operations a byte")
    ax.set_ylabel("GFLOP/s")
    ax.set_title("Left of the corner memory decides, right of it arithmetic")
    ax.legend(loc="lower right", fontsize=9)
fig

# %% [markdown]
# No cleverness lifts a point above the roof (a point above it says that $W$ was measured in a worse moment, or that part of
# the data is in the cache). Sums and products with vectors are near it: memory is busy, and nothing is to be won. Layer
# norm and GELU lie far below, although they are twins: in NumPy each is a dozen passes, and a pass does one operation for
# each number that it fetches. There are two ways left:
#
# - **Up**, towards the roof: fewer passes, and passes over what the cache holds. That is *fusion*, below. (A CUDA kernel
# keeps all between the first and the last pass beside the arithmetic, and reaches the slope.)
# - **To the right**: do more with each byte. That is what a *batch* is for, next.

# %% [markdown]
# ## Generating is reading the weights
#
# To write one token, a model multiplies each of its weight matrices with *one* vector: two operations a weight. Every
# weight has to come from memory for that, and with $p$ weights of 4 bytes, far more than a cache holds, one token takes at
# least $4p/W$:
#
# $$\text{tokens a second} \;\le\; \frac{W}{4p}$$
#
# $P$ does not occur. Now let $b$ texts be written side by side. The weights are read once for all of them, and the
# arithmetic grows:
#
# $$t(b) \ge \max\Big(\frac{4p}{W},\; \frac{2pb}{P}\Big) \qquad\text{so}\qquad
# \frac{b}{t(b)} \le \min\Big(b\,\frac{W}{4p},\; \frac{P}{2p}\Big)$$
#
# Up to $b = 2P/W$, twice the roofline's corner, each further text is free. **Predict** how much faster 16 texts are written
# than one, all tokens counted.

# %% tags=["varies"]
manual_seed(0)
writer = GPT(GPTConfig(2000, context=64, n_layers=6, n_heads=8, d_model=640)).eval()
p = writer.n_parameters()
batches, written = (1, 2, 4, 8, 16, 32), []
for b in batches:
    taken = seconds(lambda b=b: generate(writer, [1], 12, n_samples=b, seed=0), 2)
    written.append(12 * b / taken)
    print(f"{b:2} texts: {written[-1]:6.0f} tokens a second, bound {min(b * W / (4 * p), P / (2 * p)):6.0f}")
print(f"{p / 1e6:.0f} million weights, {4 * p / 1e6:.0f} MB; batches help up to {2 * P / W:.0f}")
usually(written[0] < 3 * W / (4 * p) and written[-1] > 2 * written[0], "one text is bounded by memory, and many pay")
viz.lines(
    {"measured": list(zip(batches, written)),
     "bound": [(b, min(b * W / (4 * p), P / (2 * p))) for b in batches]},
    "texts at a time", "tokens a second, all texts together", "One text alone waits for the weights", logx=True, logy=True,
)

# %% [markdown]
# The curve rises as it should, but begins below its bound, and the first step to the right gains little or even loses. The
# reason is in the product. One row has a routine of its own, which reads the weights once. Several rows take the routine
# for large matrices, and that one first copies the weights into an order that its inner loop likes (*packing*): for a
# thousand rows a trifle, for two rows most of the work.

# %% tags=["varies"]
inputs = rng.standard_normal((32, n), np.float32)
by_rows = {r: 1e3 * seconds(lambda r=r: inputs[:r] @ square.T) for r in (1, 2, 4, 8, 16, 32)}
print("rows times a matrix:", ", ".join(f"{r}: {ms:.1f} ms" for r, ms in by_rows.items()))
usually(by_rows[32] < 32 * by_rows[1], "32 rows cost less than 32 times one")

# %% [markdown]
# Sixteen rows do not cost sixteen times one. That is why a service answers many people at once, why a small model writes
# faster than a large one *in proportion*, and why weights in fewer bits (lesson 33) mean speed where a chip can multiply
# them as they are. In NumPy they must be turned into float32 first, and the conversion costs more than it saves.

# %% [markdown]
# ## Fusion: passes over memory
#
# GELU, as the formula stands: `0.5 * x * (1 + tanh(c (x + 0.044715 x x x)))`. NumPy computes one call at a time. Each reads
# its whole arrays from memory and writes a whole new one. Count them: an array that, as in lesson 22, is asked before NumPy
# computes.

# %%
class Counted(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that counts, of all calls it takes part in, the numbers that are read and written."""

    calls = moved = 0

    def __init__(self, values):
        self.values = values

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        arrays = {id(x): x.values for x in inputs if isinstance(x, Counted)}                # x * x reads x once
        result = getattr(ufunc, method)(*(x.values if isinstance(x, Counted) else x for x in inputs), **options)
        Counted.calls += 1
        Counted.moved += sum(x.size for x in arrays.values()) + result.size
        return Counted(result)


x = rng.standard_normal(1000, np.float32)
through = F.gelu.formula(Counted(x), "tanh")
print(f"{Counted.calls} calls, each number moved {Counted.moved / x.size:.0f} times")
assert Counted.calls == 9 and Counted.moved == 21 * x.size
np.testing.assert_allclose(through.values, F.gelu(x, "tanh"), rtol=1e-5, atol=1e-6)

# %% [markdown]
# Twenty-one passes where two would do: read $x$, write $y$. How to do without the others in Python, which knows no loop that is
# fast? By a **tile**: take 65,536 numbers, do all nine calls on them, and go on to the next. The calls are the same; but
# what lies between them is a quarter of a megabyte, which stays in the chip's cache. Memory sees $x$ once and $y$ once.
# That is [tinyllm/functional/fusing.py](../tinyllm/functional/fusing.py):

# %%
print(inspect.getsource(F.fusing.tiles))


def gelu_in_tiles(x, tile):
    y = np.empty_like(x)
    for start in range(0, len(x), tile):
        y[start : start + tile] = F.gelu.formula(x[start : start + tile], "tanh")
    return y


np.testing.assert_array_equal(gelu_in_tiles(x, 64), F.gelu.formula(x, "tanh"))

# %% [markdown]
# **Predict** the time a number takes against the size of the tile, from 256 to 4 million. Where does it rise, and why at
# both ends?

# %% tags=["varies"]
many = a[: 1 << 22]
sizes = [1 << k for k in range(8, 23, 2)]
per_number = [1e9 * seconds(lambda size=size: gelu_in_tiles(many, size), 3) / many.size for size in sizes]
twin = 1e9 * seconds(lambda: F.gelu(many, "tanh"), 3) / many.size
print(f"all at once {per_number[-1]:.1f} ns a number, best tile {min(per_number):.1f}, twin with its slope {twin:.1f}")
usually(min(per_number) < min(per_number[0], per_number[-1]), "a tile of middle size is the best")
viz.lines({"formula, tile by tile": list(zip(sizes, per_number))}, "numbers in a tile", "ns a number",
          "Small tiles pay for calls, large ones for memory", logx=True,
          baselines={"twin, which also computes the slope": twin})

# %% [markdown]
# At the left a call's microsecond is shared by few numbers. At the right the tile and what is made of it exceed the cache
# (and every large temporary array is fetched from the system anew and given back, unless the process is told to keep it:
# [tinyllm/training/memory.py](../tinyllm/training/memory.py), which training does). The twin, `_tanh_gelu` in
# [tinyllm/functional/activations.py](../tinyllm/functional/activations.py), works in place besides, and computes the
# derivative out of the same tanh, since the way back would otherwise need it once more.
#
# The second half of fusion is the graph. Composed, GELU is nine nodes, each of which keeps arrays for the way back; the
# twin is one node that keeps one array, the slope. Over a whole step, `formulas_only()` switches all twins off. Both are
# timed in turns, for a reason that comes at the end of this lesson:

# %% tags=["varies"]
def nodes(y):
    """The operations in the graph behind y."""
    found, stack = set(), [y._node]
    while stack:
        node = stack.pop()
        if node.op is not None and node.serial not in found:
            found.add(node.serial)
            stack += [parent for parent in node.parents or () if parent is not None]
    return len(found)


t = Tensor(x, requires_grad=True)
with formulas_only():
    composed = nodes(F.gelu(t, "tanh"))
assert composed == 9 and nodes(F.gelu(t, "tanh")) == 1

step, _ = trainer(128)
step()
fused_ms, formula_ms = [], []
for _ in range(7):
    fused_ms.append(1e3 * seconds(step, 1))
    with formulas_only():
        formula_ms.append(1e3 * seconds(step, 1))
ratio = statistics.median(one / other for one, other in zip(formula_ms, fused_ms))
print(f"a step with twins {statistics.median(fused_ms):.0f} ms, formulas only {statistics.median(formula_ms):.0f} ms: "
      f"{ratio:.2f} times as long")
usually(ratio > 1.0, "the twins are faster")

# %% [markdown]
# What each twin brings by itself: `make bench ARGS=twins`. That each is equal to its formula, in value, gradient and second
# gradient: `test_value_and_gradients` in [tests/functional/test_twins.py](../tests/functional/test_twins.py).

# %% [markdown]
# ## Attention without its matrix (F1, P5)
#
# > Q: How do LLMs treat long sequences? A: by self-attention, which can look at any position of the input.
#
# So says document 001 §9. It reaches any distance, yes; but at what price? The formula makes scores of shape $(T, T)$, and
# weights of the same shape, and keeps them for the way back. At $T = 32{,}768$ and four bytes that is 4.3 GB, *for one head
# of one layer*. The output has only $T d$ numbers. Can it be had without ever holding $T^2$?
#
# Rows are no problem: each query is a softmax of its own, so queries can be taken a block at a time. But one row is still
# all keys. Can a softmax be computed from *pieces* of its row? The trouble is that it needs the largest score first, and
# the sum of all, before any weight is known.
#
# ### The online softmax, derived
#
# One query, scores $s_j$, values $v_j$. For a set $J$ of keys that have been seen so far define
#
# $$m_J = \max_{j \in J} s_j \qquad \ell_J = \sum_{j \in J} e^{s_j - m_J} \qquad o_J = \sum_{j \in J} e^{s_j - m_J}\, v_j$$
#
# If $J$ is all keys, then $o_J / \ell_J$ is the attention, by definition. Now a block $B$ of new keys comes. The maximum is
# easy:
#
# $$m' = \max(m_J,\; \max_{j \in B} s_j)$$
#
# The sum over the old keys has the wrong shift, $m_J$ in place of $m'$. But a shift is a factor, the same for all terms:
# $e^{s_j - m'} = e^{s_j - m_J} \cdot e^{m_J - m'}$. So the old sums need not be computed again, only scaled:
#
# $$\ell' = \ell_J\, e^{m_J - m'} + \sum_{j \in B} e^{s_j - m'} \qquad\qquad
# o' = o_J\, e^{m_J - m'} + \sum_{j \in B} e^{s_j - m'}\, v_j$$
#
# These are $m$, $\ell$, $o$ of $J \cup B$. With the empty set, $m = -\infty$, $\ell = 0$, $o = 0$, for a start, the
# definition holds after every block, by induction, and at the end it is the softmax. Exponents are never positive: nothing
# overflows. (Milakov and Gimelshein 2018, for the softmax; Rabe and Staats 2021 and Dao et al. 2022, for attention.)
#
# By hand, with scores 1, 3, 2 and a block for each key: $m$ = 1, 3, 3. $\ell$ = 1, then $1 \cdot e^{-2} + 1 = 1.135$, then
# $1.135 \cdot e^{0} + e^{-1} = 1.503$. Directly: $e^{-2} + 1 + e^{-1} = 1.503$.

# %%
def online_attention(q, k, v, block):
    """q (T, d), k (S, d), v (S, dv) → the attention (T, dv), and log Σ exp of every row of scores (T, 1)."""
    m, l, o = np.full((len(q), 1), -np.inf), np.zeros((len(q), 1)), np.zeros((len(q), v.shape[1]))
    for start in range(0, len(k), block):
        s = q @ k[start : start + block].T / math.sqrt(q.shape[1])                          # (T, block)
        top = np.maximum(m, s.max(axis=1, keepdims=True))
        p, shrink = np.exp(s - top), np.exp(m - top)
        l = l * shrink + p.sum(axis=1, keepdims=True)
        o = o * shrink + p @ v[start : start + block]
        m = top
    return o / l, m + np.log(l)


one, three = np.ones((1, 1)), np.array([[1.0], [3.0], [2.0]])
_, lse = online_attention(one, three, three, 1)
assert math.isclose(math.exp(lse.item() - 3), 1.503, abs_tol=1e-3)
q, k, v = (rng.standard_normal(shape) for shape in ((50, 16), (70, 16), (70, 8)))
for scale in (1.0, 100.0):                                                      # scores of some hundreds too
    for block in (1, 7, 64, 100):
        np.testing.assert_allclose(online_attention(scale * q, k, v, block)[0], F.attention(scale * q, k, v), rtol=1e-9,
                                   atol=1e-12)
print("blocks of 1, 7, 64 and 100 keys: the same attention")

# %% [markdown]
# ### The way back, from two numbers a query
#
# The weights are gone. The gradient needs them (lesson 12, exercise 6):
#
# $$\frac{\partial L}{\partial v} = P^\top g \qquad \frac{\partial L}{\partial S} = P \odot (g v^\top - D) \qquad
# D_i = \sum_j P_{ij}\,(g_i \cdot v_j)$$
#
# But they are cheap to have again: with the logarithm of the row's sum, $\Lambda = m + \log \ell$, a weight is
#
# $$P_{ij} = \frac{e^{s_{ij} - m_i}}{\ell_i} = e^{s_{ij} - \Lambda_i}$$
#
# for any block alone, in any order, without a maximum. And $D$ needs no row of $P$ either, because the sum can be pulled
# inside: $D_i = g_i \cdot \sum_j P_{ij} v_j = g_i \cdot O_i$. So forward keeps $O$ and $\Lambda$, and backward computes
# each block of scores a second time. That is *recomputation*: a fifth product in exchange for $T^2$ numbers.

# %%
def online_backward(q, k, v, out, lse, g, block):
    """The gradients of q, k, v from that of the output, g (T, dv)."""
    root, d = math.sqrt(q.shape[1]), np.sum(g * out, axis=1, keepdims=True)                 # (T, 1)
    gq, gk, gv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    for start in range(0, len(k), block):
        keys = slice(start, start + block)
        p = np.exp(q @ k[keys].T / root - lse)                                              # (T, block), computed again
        gs = p * (g @ v[keys].T - d) / root
        gv[keys], gk[keys] = p.T @ g, gs.T @ q
        gq += gs @ k[keys]
    return gq, gk, gv


g = rng.standard_normal((50, 8))
tensors = [Tensor(x, requires_grad=True) for x in (q, k, v)]
F.attention(*tensors).backward(g)
out, lse = online_attention(q, k, v, 16)
for mine, tensor in zip(online_backward(q, k, v, out, lse, g, 16), tensors):
    np.testing.assert_allclose(mine, tensor.grad, rtol=1e-9, atol=1e-12)
print("the same gradients")

# %% [markdown]
# The library has it twice. On the CPU the twin in [tinyllm/functional/attention.py](../tinyllm/functional/attention.py)
# takes blocks of *queries*, each with all its keys at once: then a row's maximum is there, no running one is needed, and
# NumPy makes fewer and larger calls. Up to 1,024 keys it keeps the weights (undivided, `KEPT`); beyond, it recomputes them.
# On a GPU keys are cut as well, because a block must fit into the small memory beside the arithmetic, and there the online
# softmax is needed: [tinyllm/functional/cuda/attention.cu](../tinyllm/functional/cuda/attention.cu).
#
# **Predict** the memory of forward and backward against the length $T$, with both axes logarithmic: which slope has the
# formula, which ours, and what does the twin's curve do at 1,024?

# %% tags=["varies"]
def peak(work):
    """Megabytes that were allocated at the worst moment; NumPy tells tracemalloc of its arrays."""
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1e6


def there_and_back(T):
    q, k, v = (Tensor(rng.standard_normal((T, 32), np.float32), requires_grad=True) for _ in range(3))
    F.attention(q, k, v).backward(np.ones((T, 32), np.float32))


def ours(T):
    q, k, v, g = (rng.standard_normal((T, 32), np.float32) for _ in range(4))
    out, lse = online_attention(q, k, v, 64)
    online_backward(q, k, v, out, lse, g, 64)


lengths, memory = (256, 512, 1024, 2048, 4096), defaultdict(list)
for T in lengths:
    with formulas_only():
        memory["formula"].append((T, peak(lambda T=T: there_and_back(T))))
    memory["twin"].append((T, peak(lambda T=T: there_and_back(T))))
    memory["online, blocks of 64 keys"].append((T, peak(lambda T=T: ours(T))))
for name, curve in memory.items():
    print(f"{name:26}", ", ".join(f"{T}: {mb:.1f} MB" for T, mb in curve))
doubled = {name: curve[-1][1] / curve[-2][1] for name, curve in memory.items()}
assert doubled["formula"] > 3.5 and doubled["twin"] < 2.5 and doubled["online, blocks of 64 keys"] < 2.5
guides = {"slope 2": [(T, memory["formula"][0][1] * (T / 256) ** 2 * 2.5) for T in (256, 4096)],
          "slope 1": [(T, memory["online, blocks of 64 keys"][0][1] * (T / 256) / 2) for T in (256, 4096)]}
viz.lines(memory | guides, "length T", "peak memory, MB", "A matrix grows with the square, blocks do not", logx=True, logy=True)

# %% [markdown]
# Doubling the length multiplies the formula's memory by four, and ours by two. The twin follows the square, with fewer
# copies, as long as keeping the weights is cheap, and then steps down to the line.
# `test_memory_grows_with_the_length_not_with_its_square` in
# [tests/functional/test_attention.py](../tests/functional/test_attention.py) holds it there. Note what does *not* change:
# the number of operations is still proportional to $T^2$. Blocks make long texts fit; they do not make them cheap. Time
# against length is measured by `make bench ARGS=attention`.

# %% [markdown]
# ## Break it: without the rescaling
#
# The factor $e^{m - m'}$ looks like a detail of numerical hygiene. Leave it out: old terms keep their old shift, new ones
# get the new. **Predict**: will the result (a) overflow, (b) be plainly wrong, no mean of the values at all, (c) look like
# an attention and be another one? And is there a query for which it stays right?

# %%
def not_rescaled(q, k, v, block):
    m, l, o = np.full((len(q), 1), -np.inf), np.zeros((len(q), 1)), np.zeros((len(q), v.shape[1]))
    for start in range(0, len(k), block):
        s = q @ k[start : start + block].T / math.sqrt(q.shape[1])
        m = np.maximum(m, s.max(axis=1, keepdims=True))
        p = np.exp(s - m)
        l, o = l + p.sum(axis=1, keepdims=True), o + p @ v[start : start + block]           # nothing scaled
    return o / l


draw = np.random.default_rng(1)
q, k, v = draw.standard_normal((2000, 16)), draw.standard_normal((64, 16)), draw.standard_normal((64, 8))
q *= 2                                                                          # clear preferences
right, wrong = F.attention(q, k, v), not_rescaled(q, k, v, 8)
assert np.allclose(not_rescaled(q, k, np.ones_like(v), 8), 1)                   # its weights still sum to 1
error = np.abs(wrong - right).mean(axis=1)                                      # (2000,)
place = (q @ k.T).argmax(axis=1) // 8                                           # the block with the largest score
by_place = {f"block {i + 1}": round(float(error[place == i].mean()), 3) for i in range(8)}
print("mean error by the block in which the largest score stands:", *(f"{e:.3f}" for e in by_place.values()))
assert error[place == 0].max() < 1e-12 and min(list(by_place.values())[1:]) > 0.05
viz.bars(by_place, "mean error of the result", "Right only where the largest score stands in the first block")

# %% [markdown]
# Answer (c). The same wrong terms stand in $\ell$ and in $o$, so the weights are positive and sum to 1, and every output is
# a mean of values: no overflow, no odd size, nothing to see. Keys that came before a new maximum weigh too much. And a
# query whose largest score stands in the first block is *right*, because no factor was needed. A test with one block,
# or with a decreasing row of scores, passes. So the library's tests draw lengths over several blocks and compare with the
# formula, gradients included (`test_gradients_over_several_blocks_are_the_formulas`, in the same file).

# %% [markdown]
# ## Many workers, one gradient (P6)
#
# > Model parallelism: use distributed computing for more parallel computing power.
#
# Document 004 §9, on how to make models faster, one line. What is usually split first is not the model but the *data*: each
# of $n$ workers has all weights and takes a part of the batch. Is the result the same? A batch with $N$ targets, of which
# $n_i$ are in part $i$:
#
# $$L = \frac1N \sum_{\text{targets}} L_t = \sum_i \frac{n_i}{N} \cdot \underbrace{\frac{1}{n_i}
# \sum_{t \in \text{part } i} L_t}_{L_i} \qquad\Longrightarrow\qquad \nabla L = \sum_i \frac{n_i}{N} \nabla L_i$$
#
# since a gradient is linear. The whole gradient is the **weighted** mean of the parts'. With equal parts the weights are
# $1/n$; but parts are not equal where padding is ignored, where replies alone are learned (lesson 34), where 15 percent are
# masked (lesson 19). What if one takes the plain mean nevertheless?

# %%
manual_seed(0)
model = GPT(GPTConfig(50, context=16, n_layers=2, n_heads=2, d_model=32))
ids = rng.integers(0, 50, (4, 17))
targets = ids[:, 1:].copy()
targets[0, 2:] = targets[1, 1:] = -100                                          # the first two rows: three targets
counts = [(targets[rows] != -100).sum() for rows in (slice(0, 2), slice(2, 4))]


def gradient(rows):
    """The gradient of the mean loss of these rows, as one long vector."""
    model.zero_grad()
    F.cross_entropy(model(ids[rows, :-1]), targets[rows]).backward()
    return np.concatenate([parameter.grad.ravel() for parameter in model.parameters()])


whole, parts = gradient(slice(0, 4)), [gradient(slice(0, 2)), gradient(slice(2, 4))]
weighted = sum(n / sum(counts) * part for n, part in zip(counts, parts))
plain = sum(parts) / 2
off = {name: float(np.linalg.norm(g - whole) / np.linalg.norm(whole)) for name, g in (("weighted", weighted), ("plain", plain))}
print(f"targets {counts[0]} and {counts[1]}; off by: weighted {off['weighted']:.0e}, plain {off['plain']:.0%}")
assert off["weighted"] < 1e-5 and off["plain"] > 0.2

# %% [markdown]
# Three targets got as much say as thirty-two. Nothing fails, the loss falls, and it is another loss. In the library the
# weight is `share` in [tinyllm/training/gradients.py](../tinyllm/training/gradients.py): each worker starts its backward
# pass not from 1 but from $n_i/N$, and then the gradients are simply added
# (`test_workers_give_the_gradient_of_backward`, [tests/training/test_gradients.py](../tests/training/test_gradients.py)).

# %% [markdown]
# ### All-reduce: everyone gets the sum
#
# Now $n$ machines hold a gradient each, $G$ bytes long, and all need the sum. If all send theirs to the first, which adds
# and sends the sum back, that one receives and sends $(n-1)G$: with a hundred machines it moves a hundred gradients while
# all others wait.
#
# Better: cut the vector into $n$ pieces, and let *each* machine be the one that adds for one piece. In a **ring**, each
# sends to its right neighbour only.
#
# 1. **Reduce-scatter**, $n - 1$ rounds: each passes a piece on and adds what comes from the left to its own. A piece
# collects a term at every machine it passes; at the end each machine has *one* piece complete.
# 2. **All-gather**, $n - 1$ rounds: the complete pieces go round once.
#
# In each round each machine sends $G/n$, so in all
#
# $$2\,(n-1)\,\frac{G}{n} \;=\; 2\,\frac{n-1}{n}\,G \;<\; 2G$$
#
# however many there are.

# %%
def ring_all_reduce(gradients):
    """n vectors → what each rank has in the end (all: their sum), and the numbers that each has sent."""
    n = len(gradients)
    pieces, sent = [np.array_split(g.copy(), n) for g in gradients], [0] * n
    for turn in range(2 * (n - 1)):
        moving = [(rank, (rank - turn) % n) for rank in range(n)]                           # who sends which piece
        letters = [pieces[rank][i].copy() for rank, i in moving]                            # all send at the same time
        for (rank, i), letter in zip(moving, letters):
            there = pieces[(rank + 1) % n]
            there[i] = there[i] + letter if turn < n - 1 else letter                        # first add, then replace
            sent[rank] += len(letter)
    return [np.concatenate(of) for of in pieces], sent


for n in (2, 3, 8):
    gradients = [rng.integers(-9, 10, 240).astype(float) for _ in range(n)]                 # whole numbers: sums are exact
    results, sent = ring_all_reduce(gradients)
    assert all(np.array_equal(result, sum(gradients)) for result in results)
    assert sent == [2 * (n - 1) * 240 // n] * n
    print(f"{n} ranks: each sends {sent[0]} numbers, {sent[0] / 240:.2f} gradients")

# %%
viz.lines({"ring: every rank": [(n, 2 * (n - 1) / n) for n in (2, 4, 8, 16, 32, 64)],
           "all to one and back: that one": [(n, 2.0 * (n - 1)) for n in (2, 4, 8, 16, 32, 64)]},
          "ranks n", "gradients through one rank", "However many they are, each sends less than two gradients",
          logx=True, logy=True)

# %% [markdown]
# ### Between the halves: the optimiser, once (ZeRO, stage 1)
#
# After reduce-scatter a machine knows the whole gradient of its piece, and of nothing else. AdamW needs no more to move
# that piece: it works number by number. So stop the all-reduce in the middle, let each move its own piece, its **shard**,
# and let the all-gather carry the moved *weights* around in place of gradients. The same bytes are sent; but each machine
# keeps $m$ and $v$ of its shard alone. Of the 16 bytes a weight of lesson 22's first exercise, 8 become $8/n$ (Rajbhandari
# et al. 2020, §5.1).
#
# | in the derivation | in the library |
# |---|---|
# | parts, and their weights $n_i/N$ | `part_gradient` ([gradients.py](../tinyllm/training/gradients.py)) |
# | a gradient as one long vector, a row for each worker; shards | `Shards` ([shards.py](../tinyllm/training/shards.py)) |
# | reduce-scatter: worker $i$ adds up shard $i$ of all rows | `Shards.sum` |
# | the optimiser's step on a shard | `Shards.move` |
# | all-gather of the weights | `Shards.share` |
# | workers with one memory: to send is to add | `Threads` ([threads](../tinyllm/training/workers/threads.py)) |
# | a Python each, arrays in memory that all see | `Processes` ([processes](../tinyllm/training/workers/processes.py)) |
# | workers that send | `Ranks` ([mpi.py](../tinyllm/training/workers/mpi.py)) |
#
# Cut where? A parameter stays whole, because Muon (lesson 9) wants to see a matrix as a matrix. So shards are only about
# equal:

# %%
manual_seed(0)
model = GPT(GPTConfig(200, context=32, n_layers=2, n_heads=2, d_model=64))
parameters = list(model.parameters())
for n in (2, 4):
    shards = Shards(parameters, AdamW(parameters, lr=1e-3), Threads(n))
    sizes = [part.stop - part.start for part in shards.parts]
    print(f"{n} workers: shards of {', '.join(f'{size:,}' for size in sizes)}")
    assert sum(sizes) == model.n_parameters() and max(sizes) < 1.3 * min(sizes)

# %% [markdown]
# **Overlap.** The backward pass has the last layer's gradients first. They can travel while the layers below are still
# computing, so the library sends a *bucket* of neighbours as soon as its last gradient is there (`Gradient.add`, and
# `Ranks.ready`). Let each of $k$ buckets take $b$ to compute and $c$ to send. One after the other that is $k(b + c)$.
# Overlapped, bucket $i$ starts to travel when it is computed *and* the one before has arrived:
#
# $$\text{end}_i = \max(i\,b,\; \text{end}_{i-1}) + c \qquad\Longrightarrow\qquad \text{end}_k = \max(k b + c,\; b + k c)$$
#
# Where sending is the faster, all of it but the last bucket's hides.

# %%
k, compute, send = 5, 3.0, 2.0
ends = [0.0]
for i in range(1, k + 1):
    ends.append(max(i * compute, ends[-1]) + send)
assert ends[-1] == max(k * compute + send, compute + k * send) == 17 < k * (compute + send)
with viz.figure(7.5, 2.8) as (fig, ax):
    for i in range(k):
        for y, at, length in ((3.2, i * compute, compute), (2.2, k * compute + i * send, send),         # one after the other
                              (1, i * compute, compute), (0, ends[i + 1] - send, send)):                # overlapped
            look = {"color": COLOURS[0]} if length == compute else {"color": COLOURS[4], "hatch": "//"}
            ax.barh(y, length, left=at, height=0.8, edgecolor="white", **look)
            ax.text(at + length / 2, y, str(k - i), ha="center", va="center", fontsize=9,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0})
    ax.set_yticks([3.2, 2.2, 1, 0], ["compute", "then send", "compute", "send meanwhile"])
    ax.set_xlabel("time (numbers: layers, the last one first)")
    ax.set_title("What is ready may travel while the rest is computed")
    ax.grid(axis="y", visible=False)
fig

# %% [markdown]
# ### The same bits
#
# Adding floating-point numbers is not associative: each sum is rounded, and another order rounds otherwise.

# %%
print(f"(0.1 + 0.2) + 0.3 = {(0.1 + 0.2) + 0.3!r},  0.1 + (0.2 + 0.3) = {0.1 + (0.2 + 0.3)!r}")
assert (0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)
gradients = [rng.standard_normal(4000, np.float32) for _ in range(4)]
around = ring_all_reduce(gradients)[0][0]
in_order = add_in_order(gradients, np.empty(4000, np.float32))
differ = np.mean(around != in_order)
print(f"round the ring and in order: {differ:.0%} of the sums differ in their last bits, "
      f"at most by {np.abs(around - in_order).max():.0e}")
assert np.array_equal(in_order, ((gradients[0] + gradients[1]) + gradients[2]) + gradients[3])
assert 0.01 < differ < 0.9 and np.allclose(around, in_order, atol=1e-5)

# %% [markdown]
# In the ring each piece begins its way at another machine, so each piece is added in another order. That is no error. But
# "the same run twice gives the same weights" is worth much to whoever looks for one. So our ranks do not add on the way:
# all send their piece straight to its owner, who adds in order of rank, `add_in_order` in
# [workers.py](../tinyllm/training/workers/workers.py). The bytes sent are the same (exercise 5), and threads, processes and
# ranks give **the same bits**. With another *number* of workers the batch is cut otherwise, and the sums are other sums.
#
# **Predict** for a real run of 20 steps: which of the three pairs of final weights are equal to the bit?

# %%
tokens = rng.integers(0, 200, 4000)


def weights_after(workers, batch_seed=0):
    manual_seed(0)
    model = GPT(GPTConfig(200, context=32, n_layers=2, n_heads=2, d_model=64))
    config = TrainConfig(steps=20, lr=1e-3, workers=workers, processes=False)
    train(model, Causal(), CausalWindows(tokens, 32, 8, batch_seed), None, config, progress=False)
    return np.concatenate([parameter.data.ravel() for parameter in model.parameters()])


one, two, two_again = weights_after(1), weights_after(2), weights_after(2)
apart = float(np.abs(one - two).max())
print(f"two workers, twice: {'the same bits' if np.array_equal(two, two_again) else 'different'}")
print(f"one and two: {'the same bits' if np.array_equal(one, two) else 'different bits'}, equal to rounding: {apart < 1e-3}")
assert np.array_equal(two, two_again) and not np.array_equal(one, two) and apart < 1e-3

# %% [markdown]
# In a terminal, `tinyllm pretrain` takes a worker for each core (`--workers 2` says how many). Over several machines, or as
# a trial on one, MPI starts them, and nothing else changes:
#
# ```
# mpiexec -n 4 tinyllm pretrain --out runs/book
# ```
#
# Every rank runs the same program; the first one writes and speaks. `test_ranks_give_the_bytes_of_as_many_workers…` in
# [tests/training/test_mpi.py](../tests/training/test_mpi.py) compares the files of both, byte by byte, and
# [tests/training/test_workers.py](../tests/training/test_workers.py) threads with processes.
#
# **How far does it go?** With $n$ workers the share $s$ of a step that is split becomes $n$ times faster, and Amdahl says
# the rest:

# %%
def amdahl(s, k):
    return 1 / ((1 - s) + s / k)


assert math.isclose(amdahl(0.9, 10), 1 / 0.19) and amdahl(0.9, 1e9) < 10 + 1e-6
ks = [1, 2, 4, 8, 16, 32, 64, 128]
viz.lines({f"{s:.0%} split": [(k, amdahl(s, k)) for k in ks] for s in (1.0, 0.99, 0.95, 0.8)}, "workers", "speed-up",
          "A hundred workers and one percent that is not split: half is lost", logx=True, logy=True)

# %% [markdown]
# Drawing the batch, adding rows, clipping, waiting for the slowest worker: all that counts as "not split". There is a way
# out that Amdahl does not see. Give each worker a *whole* batch, so that the step becomes larger and not shorter: the part
# that is split grows, the other does not. It costs optimisation instead: a batch twice as large is not worth two steps.

# %% [markdown]
# ## Is it faster? Measuring without fooling oneself
#
# "Twin 41 ms, formula 60 ms." Is that so? A machine is not one speed. It does other things, grows warm, is shared. Let us
# play such a machine, where we know the truth: method B takes 1.2 times as long as A. The machine becomes slower over time,
# by 40 percent in all, and now and then something interrupts. We measure 20 times each, in three ways.

# %%
def machine(seed):
    """A function from (true duration, when) to a measured time: slower and slower, interrupted now and then."""
    chance = np.random.default_rng(seed)
    return lambda truth, when: truth * (1 + 0.4 * when) * (1 + 0.02 * chance.random()) + 8.0 * (chance.random() < 0.06)


def measure(seed, n=20):
    """How many times as long as A takes B? Three answers; and the times taken in turns."""
    run = machine(seed)
    a, b = [run(1.0, i / (2 * n)) for i in range(n)], [run(1.2, (n + i) / (2 * n)) for i in range(n)]
    turns = [(run(1.0, i / n), run(1.2, (i + 0.5) / n)) for i in range(n)]
    return {
        "A, then B; means": np.mean(b) / np.mean(a),
        "A, then B; medians": np.median(b) / np.median(a),
        "in turns; median of ratios": np.median([y / x for x, y in turns]),
    }


answers = [measure(seed) for seed in range(1000)]
spread = {name: np.array([answer[name] for answer in answers]) for name in answers[0]}
for name, values in spread.items():
    low, high = np.percentile(values, [5, 95])
    print(f"{name:28} {np.median(values):.2f}, nine times in ten between {low:.2f} and {high:.2f}   (true: 1.20)")
assert abs(np.median(spread["in turns; median of ratios"]) - 1.2) < 0.03
assert np.median(spread["A, then B; medians"]) > 1.3
assert np.ptp(spread["A, then B; means"]) > 5 * np.ptp(spread["in turns; median of ratios"])
viz.histogram(spread, "B's time over A's", "Whoever is measured last is slow", bins=np.arange(0.5, 3.0, 0.04).tolist())

# %% [markdown]
# A median does not mind interruptions, and does not help against the drift: both methods must meet the *same* machine. So
# in turns, a ratio a round, and the median of the ratios. [tests/benchmarks](../tests/benchmarks/__main__.py) measures like
# that ([rounds.py](../tests/benchmarks/rounds.py)), with some more rules:
#
# - **The same work.** Contenders start from the same weights and batches, and their losses are compared *before* any time
# is: a program that is fast because it computes something else is refused (`Disagreement`).
# - **The same means.** As many threads, one process each, the same dtype, the strongest form of the other program; what was
# left out is said.
# - **Ratios, not milliseconds**, in what is claimed: the ratio lives longer than the machine.
# - **What could have been had**: a floor (bare products) says how much there is to win.
#
# Here stand no figures of this kind, because they would be those of one machine on one day. `make bench` makes yours, and
# writes them to [tests/benchmarks/results](../tests/benchmarks/results/README.md). What is there now on the training step:

# %% tags=["varies"]
report = lesson.folder.parent / "tests" / "benchmarks" / "results" / "training_step.md"
if report.exists():
    _, *parts = report.read_text(encoding="utf-8").split("\n## ")
    print(*(part for part in parts if part.startswith(("S:", "M:"))), sep="\n")
else:
    print("nothing was measured here yet: make bench ARGS=training")

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations: [solutions/35_speed.ipynb](solutions/35_speed.ipynb).
#
# **1. Amdahl (warm-up).** Products are 60 percent of a step. Somebody makes everything *else* take no time at all. How many
# times faster is the step?

# %%
speed_up = ...

check(1, speed_up)


# %% [markdown]
# **2. Free texts.** A machine does `P` operations and reads `W` bytes a second; a weight has `size` bytes and costs two
# operations a text. Up to how many texts at a time does reading the weights decide? A number, not rounded.

# %%
def free_texts(P, W, size):
    ...


check(2, free_texts)


# %% [markdown]
# **3. Two halves of a row.** One query has seen some keys, with maximum m1 and sums l1 and o1 (D,), and others with m2, l2,
# o2. (A number, a number, and an array each; neither half is empty.) The attention over all of them, (D,).

# %%
def merged(m1, l1, o1, m2, l2, o2):
    ...


check(3, merged)


# %% [markdown]
# **4. The way back.** From the scores s (T, S) (divided already), Λ (T,), which is the logarithm of each row's Σ exp, the
# values v (S, E), the output o (T, E) and its gradient g (T, E): ∂L/∂s (T, S), without a softmax.

# %%
def gradient_of_scores(s, lse, v, o, g):
    ...


check(4, gradient_of_scores)


# %% [markdown]
# **5. Straight to the owner.** n ranks; each shard of a gradient of `size` bytes has an owner. Each rank sends every piece
# that is not its own straight to its owner, and after the step each owner sends its moved shard to every other rank. All
# shards are equally large. How many bytes does one rank send in all?

# %%
def bytes_sent(n, size):
    ...


check(5, bytes_sent)


# %% [markdown]
# **6. Parts.** Gradients of the parts' means, gs (n, D), and how many targets each part had, counts (n,); at least one is
# not 0. The gradient of the whole mean (D,).

# %%
def whole_gradient(gs, counts):
    ...


check(6, whole_gradient)


# %% [markdown]
# **7. Something to think about.** Buckets take `compute[i]` to be computed, one after the other, and `send[i]` to be sent,
# also one after the other, each no sooner than it is computed. (Two lists of one length.) When has the last one arrived?

# %%
def arrival(compute, send):
    ...


check(7, arrival)

# %% [markdown]
# ## What you can now explain
#
# - Where a step's time goes, what its floor is, and what Amdahl's law says about the rest.
# - Which operations memory bounds and which arithmetic; why one text is written slowly, and why a batch helps.
# - What a fused twin saves: passes over memory, nodes, and what the way back keeps.
# - The online softmax, its rescaling, recomputation in the backward pass, and what blocks do not save.
# - Why gradients of parts are weighted by their targets; reduce-scatter, all-gather, shards; overlap; and the order of
# addition that keeps the bits.
# - How to compare two times.
#
# This is the last lesson. You began with a number and its slope; now you can open a model that somebody trained on
# trillions of tokens, know each of its parts by how it breaks, and say what each costs. What remains is larger, and not
# different.
