# %% [markdown]
# # 22 · On a GPU
#
# *What changes in a program when its arrays live on another chip, and which parts of it get faster?*
#
# *Reading 35 min · running 10 s · builds on lessons 2 (arrays), 5 (the derivative table), 9 (AdamW) and 17 (a small GPT)*
#
# **Afterwards you can** explain how one line of NumPy runs on a CPU and on a GPU, count the operations and bytes of a
# computation and predict from them what limits it, find the transfers in a training step, and say what float16 and bfloat16
# lose.
#
# This lesson runs everywhere. Where there is a GPU it uses it; where there is none it says so.

# %%
import inspect
import sys
import time
from collections import Counter

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor, backend, manual_seed, viz
from tinyllm.book import open_lesson
from tinyllm.models import GPT, GPTConfig
from tinyllm.optim import AdamW

lesson = open_lesson("22_on_a_gpu")
check = lesson.check

# %% [markdown]
# ## The question
#
# A CPU is a few quick workers who can do anything. A GPU is thousands of slower ones who all do *the same* at the same
# time, each on his own numbers, with a memory of their own beside them. A matrix product is such work: every entry of the
# result is the same recipe on other numbers. So is `exp` of a million entries.
#
# The other chip has its own memory, and that is the source of all trouble in this lesson: an array is *here* or *there*.
# Let us see what your machine has.

# %% tags=["varies"]
try:
    backend.to_device(np.ones(2, np.float32), "cuda")
    has_gpu = True
    print("there is a GPU: the cells below use it")
except Exception as error:                                                      # no CuPy, no driver, no GPU
    has_gpu = False
    print(f"no GPU here, so what follows runs on the CPU: {type(error).__name__}: {error}")

# %% [markdown]
# ## One formula, two chips
#
# Here is the softmax of lesson 8. It says `np.exp`, and NumPy is a library for the CPU. How can this line run on a GPU?

# %%
def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


# %% [markdown]
# NumPy asks its arguments first. If an argument's class has a method `__array_ufunc__` (for functions entry by entry, such
# as `np.exp` and `+`) or `__array_function__` (for the others, such as `np.max`), NumPy does not compute; it hands the call
# over to that method. CuPy's arrays have both, and compute on the GPU. So do our Tensors, and record what they do: that is
# how lesson 5's table comes to work on plain NumPy code.
#
# We can build such an array ourselves. Its chip is imaginary; that it is *elsewhere* is real: NumPy cannot reach its
# numbers.

# %%
calls = []                                                                      # what was done elsewhere


class Elsewhere(np.lib.mixins.NDArrayOperatorsMixin):                           # +, −, /, … become np.add, np.subtract, …
    """An array on an imaginary chip: every call of a NumPy function is handed to it, and written down."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return self.run(getattr(ufunc, method), ufunc.__name__, inputs, options)

    def __array_function__(self, function, types, args, options):
        return self.run(function, function.__name__, args, options)

    def run(self, function, name, args, options):
        if any(isinstance(x, np.ndarray) for x in args):
            raise TypeError(f"{name} got one array here and one elsewhere")
        calls.append(name)
        return Elsewhere(function(*(x.values if isinstance(x, Elsewhere) else x for x in args), **options))


x = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 10.0]])
there = softmax(Elsewhere(x))                                                   # the very same function
print(type(there).__name__, there.values.round(4).tolist())
print("done there, one after the other:", calls)
np.testing.assert_array_equal(there.values, softmax(x))
np.testing.assert_allclose(softmax(x), F.softmax(x), rtol=1e-12)
assert calls == ["max", "subtract", "exp", "sum", "divide"]

# %% [markdown]
# The formula does not know where it ran. This is why no formula of this book needs a GPU version. What dispatch cannot decide
# is where a *new* array is made and how arrays travel; that stands in one file,
# [tinyllm/backend.py](../tinyllm/backend.py), the only one that names CuPy:

# %%
print(inspect.getsource(backend.to_device))

# %% [markdown]
# In use it is three words: `model.to("cuda")`, and `backend.to_device(ids, "cuda")` for the data. What was a Tensor there
# stays there: its gradient, the optimiser's moments, everything computed from it.

# %% [markdown]
# ## A GPU for everybody
#
# The project's tests have to prove that nothing computes in the wrong place, on machines without a GPU. For that there is a
# stand-in for CuPy ([tests/cupy_standin](../tests/cupy_standin/__init__.py)): it computes with NumPy, refuses all that CuPy
# refuses, and writes down every transfer. It makes nothing fast. It makes mistakes visible, which is just what we need
# here.

# %%
sys.path.insert(0, str(lesson.folder.parent))                                   # the tests stand beside the lessons
from tests.cupy_standin import install, transfers


def three_steps(device, ids_travel=True):
    """Losses of three training steps of a small GPT, and what travelled meanwhile."""
    manual_seed(0)
    model = GPT(GPTConfig(50, context=16, n_layers=2, n_heads=2, d_model=32)).to(device)
    optimizer, ids = AdamW(model.parameters(), lr=1e-3), np.random.default_rng(0).integers(0, 50, (4, 17))
    inputs, targets = ids[:, :-1], backend.to_device(ids[:, 1:], device)
    if ids_travel:
        inputs = backend.to_device(inputs, device)
    transfers.clear()
    losses = []
    for _ in range(3):
        loss = F.cross_entropy(model(inputs), targets)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, Counter(transfers)


here, _ = three_steps("cpu")
with install(with_kernels=False):                                               # arrays alone, as the formulas are written
    there, travelled = three_steps("cuda")
    there_too, with_host_ids = three_steps("cuda", ids_travel=False)
print("losses here: ", [round(loss, 6) for loss in here])
print("losses there:", [round(loss, 6) for loss in there])
print("ids there:", dict(travelled))
print("ids here: ", dict(with_host_ids))
np.testing.assert_allclose(there, here, rtol=1e-6)
np.testing.assert_allclose(there_too, here, rtol=1e-6)
assert travelled["to host: item()"] == 3 and travelled.total() == 3 * (5 + 1)
assert (with_host_ids - travelled).total() == 3

# %% [markdown]
# The same three losses: the program is the same, only the place differs. (On a real GPU the last digits differ, because it
# adds in another order.) Now the list. Predict before you read on: which line of the loop sends something to the host?
#
# `loss.item()`: a Python float lives on the host. It is four bytes, and that is not the point. A GPU works *behind*: the
# host hands in one order after another and goes on without waiting. To answer `.item()`, it must wait until all orders
# before it are done, and then the GPU waits for new ones. One such wait a step is fair; one for each number is not. The
# answers called `int()` are the library's checks: is every id within the vocabulary, is every target a class? Smallest and
# largest of each are needed on the host: four short answers a step, the price of an error message instead of garbage. The
# fifth is the embedding's way back, which asks how many different ids there were: the size of its result depends on the
# numbers. The second run left the ids on the host. The losses are the same, and one more line appears: the ids themselves
# travel, once a step.
#
# A GPU may be spared these answers too. For its arrays the library has the hot formulas once more, as programs of CUDA's own
# language ([tinyllm/functional/cuda](../tinyllm/functional/cuda/__init__.py)). There the host does not look: a wrong id
# becomes NaN, and the loss shows it. The run above left them out (`with_kernels=False`).
#
# The largest transfer does not occur: no weight, no gradient, no activation travels. The tests hold that:
# [tests/models/test_device.py](../tests/models/test_device.py).

# %% [markdown]
# ## How much work? Operations and bytes
#
# Now to speed. Two things take time: operations (additions and multiplications, counted in **FLOP**) and bytes moved
# between the chip and its memory. Count both for a product of matrices of shapes $(m, k)$ and $(k, n)$ in float32. Each of
# the $mn$ entries is a sum of $k$ products: $k$ multiplications and about $k$ additions. At least, both inputs are read and
# the result is written once, 4 bytes a number:
#
# $$\text{operations} = 2mkn \qquad \text{bytes} \ge 4\,(mk + kn + mn)$$
#
# Their ratio is the **arithmetic intensity**: how many operations does each byte pay for? For $m = k = n$ it is $2n^3 /
# 12n^2 = n/6$: large matrices do much with each number. For $y = e^x$, one operation for 8 bytes, it is 1/8 (counting exp
# as one) whatever the size.

# %%
def intensity(m, k, n):
    return 2 * m * k * n / (4 * (m * k + k * n + m * n))


for shape in ((512, 512, 512), (64, 64, 64), (1, 512, 512)):
    print(f"{shape}: {2 * np.prod(shape):>11,} operations, {intensity(*shape):6.2f} a byte")
assert np.isclose(intensity(600, 600, 600), 100) and intensity(1, 512, 512) < 0.5

# %% [markdown]
# Look at the last line: *one* row times a matrix, which is what a model does when it generates one token at a time (lesson
# 18). Each weight is read to be used once. No chip is fast at that.
#
# A chip has two top speeds: $P$ operations a second, and $W$ bytes a second from its memory. Work of $F$ operations and $M$
# bytes takes at least
#
# $$t \ge \max\Big(\frac{F}{P}, \frac{M}{W}\Big) \qquad\text{so its speed is at most}\qquad
# \frac{F}{t} \le \min\Big(P,\; W \cdot \frac{F}{M}\Big)$$
#
# As a picture over the intensity $F/M$ the bound is a slope and then a flat top: the **roofline** (Williams, Waterman and
# Patterson 2009, §3). The corner is at $P/W$. Left of it memory decides, right of it arithmetic. Measure your machine: $W$
# by copying a large array, $P$ by the fastest product.

# %% tags=["varies"]
def seconds(work, repeats=10):
    """The shortest of several runs: whatever else the machine does only ever adds."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


rng = np.random.default_rng(0)
large = rng.standard_normal(8_000_000).astype(np.float32)
target = np.empty_like(large)
W = 2 * large.nbytes / seconds(lambda: np.copyto(target, large))                # each number is read and written
measured = []
for n in (4, 8, 16, 32, 64, 128, 256, 512, 1024):
    a, b = (rng.standard_normal((n, n)).astype(np.float32) for _ in range(2))
    times = max(1, 2_000_000 // n**3)

    def work(a=a, b=b, times=times):
        for _ in range(times):
            np.matmul(a, b)

    measured.append((n / 6, 2 * n**3 * times / seconds(work) / 1e9))
P = max(speed for _, speed in measured) * 1e9
print(f"memory {W / 1e9:.1f} GB/s, arithmetic {P / 1e9:.0f} GFLOP/s, corner at {P / W:.1f} operations a byte")
assert measured[0][1] < measured[-1][1] / 5
roof = [(i, min(P, W * i) / 1e9) for i, _ in measured]
viz.lines({"measured, n = 4 … 1024": measured, "roofline": roof}, "operations a byte (n/6)", "GFLOP/s",
          "Small products are slow for a reason that no roof shows", logx=True, logy=True)

# %% [markdown]
# At the right the curve reaches its flat top. At the left it lies far below the roof (or above the slope where the matrices
# stay in the chip's small fast memory, which the model ignores). What is lost there is the **call**: a Python line, the
# checks, the dispatch, take the same microsecond for 4 × 4 as for 1024 × 1024. On a GPU the same cost is called a *launch*,
# it is several microseconds, and meanwhile thousands of workers have nothing to do. Hence three rules, all from one
# picture:
#
# - **Large arrays, few calls.** Batch the texts; make heads one array (lesson 13), not a loop.
# - **Fuse.** The softmax above was five calls, and each reads and writes all of its array. Done as one, the array is read
# once and written once. The library's CUDA kernels come near that on a GPU; on the CPU its twins save arrays and nodes of the
# graph, and some work on tiles that stay in the cache (lesson 35).
# - **A bigger chip does not help small work.**
#
# For comparison, a data sheet (NVIDIA H100 SXM, 2023; top speeds that real programs approach, not reach):

# %%
H100 = {"float32": 67e12, "bfloat16, tensor cores": 989e12}                     # FLOP/s, from its data sheet
MEMORY = 3.35e12                                                                # bytes/s
for name, peak in H100.items():
    print(f"{name:23} corner at {peak / MEMORY:5.0f} operations a byte")
row_times_matrix = 2 * 512 * 512 / max(2 * 512 * 512 / H100["float32"], 4 * (512 * 512 + 1024) / MEMORY)
print(f"one row times a matrix: at most {row_times_matrix / H100['float32']:.1%} of the float32 top speed")
assert row_times_matrix / H100["float32"] < 0.03

# %% [markdown]
# ## What a training step costs
#
# A linear layer with weight (out, in) on $N$ rows costs $2 N \cdot \text{in} \cdot \text{out}$ forward. Backward needs two
# products of the same size (lesson 7): $gW$ and $g^\top x$. Together $6 N$ operations for each weight. Attention's own
# products aside, a whole model is such layers, so **a training step costs about 6 · parameters · tokens**. (An embedding is
# a look-up; tied to the output it is a linear layer there.) How long should a step take here, and how long does it take?

# %% tags=["varies"]
manual_seed(0)
model = GPT(GPTConfig(1000, context=64, n_layers=2, n_heads=4, d_model=128))
ids = rng.integers(0, 1000, (8, 65))
optimizer = AdamW(model.parameters(), lr=1e-3)


def step():
    loss = F.cross_entropy(model(ids[:, :-1]), ids[:, 1:])
    model.zero_grad()
    loss.backward()
    optimizer.step()


work_of_it = 6 * model.n_parameters() * 8 * 64
taken = seconds(step, 10)
print(f"{model.n_parameters():,} parameters × {8 * 64} tokens × 6 = {work_of_it / 1e9:.2f} GFLOP")
print(f"at {P / 1e9:.0f} GFLOP/s that is {work_of_it / P * 1000:.0f} ms; measured {taken * 1000:.0f} ms: "
      f"{work_of_it / P / taken:.0%} of the machine's arithmetic")
assert 0.02 < work_of_it / P / taken < 1.1
viz.bars({"arithmetic at full speed": work_of_it / P * 1000, "measured step": taken * 1000}, "milliseconds",
         "A training step is more than its products")

# %% [markdown]
# The rest goes to norms, activations, softmax and the optimiser (all left of the corner), and to calls. On a GPU that share
# grows, since the products shrink and the calls do not. With a GPU, here is the same step there:

# %% tags=["varies"]
if has_gpu:
    model.to("cuda")
    optimizer = AdamW(model.parameters(), lr=1e-3)
    ids_there = backend.to_device(ids, "cuda")

    def step_there():
        loss = F.cross_entropy(model(ids_there[:, :-1]), ids_there[:, 1:])
        model.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()                                                             # waits: else only the handing-in is timed

    step_there()
    print(f"on the GPU {seconds(step_there, 10) * 1000:.1f} ms, here {taken * 1000:.1f} ms")
else:
    print("no GPU: no number")

# %% [markdown]
# ## Fewer bits
#
# Half the bytes, twice the speed left of the corner; and special units that multiply 16-bit numbers many times as fast.
# What is the price? A floating-point number is sign, exponent and mantissa: $\pm\, 1.\text{mantissa} \times
# 2^{\text{exponent}}$. The exponent's bits set the range, the mantissa's the precision.
#
# | | bits | exponent | mantissa |
# |---|---|---|---|
# | float32 | 32 | 8 | 23 |
# | float16 | 16 | 5 | 10 |
# | bfloat16 | 16 | 8 | 7 |
#
# bfloat16 is a float32 without its last 16 bits, so NumPy, which does not have it, can imitate it: round to the nearest
# number whose last 16 bits are zero.

# %%
def bfloat16(x):
    bits = np.asarray(x, np.float32).view(np.uint32)
    nearest = bits + 0x7FFF + ((bits >> 16) & 1)                                # half a unit up, ties to even
    return (nearest & np.uint32(0xFFFF0000)).astype(np.uint32).view(np.float32)


with np.errstate(over="ignore"):
    for value in (3.14159265, 1e-6, 1e-8, 70000.0):
        print(f"{value:<12g} float16 {float(np.float16(value)):<14.8g} bfloat16 {float(bfloat16(value)):<14.8g}")
    assert np.isinf(np.float16(7e4)) and np.float16(1e-8) == 0
assert bfloat16(1.0) == 1 and abs(bfloat16(1e-8) / 1e-8 - 1) < 2**-8 and abs(bfloat16(7e4) / 7e4 - 1) < 2**-8

# %% [markdown]
# float16 is finer, but its range is small: 70,000 is infinite, and a gradient of $10^{-8}$ is zero. bfloat16 has the range
# of float32 and about two to three decimal digits. Training prefers bfloat16 for that reason: a rough number can be
# averaged, a lost one cannot.

# %% [markdown]
# ## Break it: adding in 16 bits
#
# Add the number 1, again and again, 5,000 times. Predict the three sums: in float32, float16 and bfloat16.

# %%
def running_sum(n, rounded):
    total, sums = 0.0, []
    for _ in range(n):
        total = float(rounded(total + 1.0))
        sums.append(total)
    return sums


kinds = {"float32": np.float32, "float16": np.float16, "bfloat16": bfloat16}
sums = {name: running_sum(5000, rounded) for name, rounded in kinds.items()}
print({name: values[-1] for name, values in sums.items()})
assert [values[-1] for values in sums.values()] == [5000, 2048, 256]
viz.lines({name: list(enumerate(values, 1))[::50] for name, values in sums.items()}, "ones added", "sum",
          "A sum in 16 bits stops growing")

# %% [markdown]
# No error, no warning: a sum that stands still. At 2048 the gap between neighbouring float16 numbers is 2, and 2048 + 1
# lies halfway and is rounded back. With $p$ bits of mantissa that happens at $2^{p+1}$: $2^{11}$, and $2^8$ for bfloat16. A
# mean over a batch, the sum in a softmax, a sum of squares in a norm: all are such sums. So **products in 16 bits, sums in
# 32**: the special units multiply 16-bit numbers and add in float32, and the weights are kept in float32, or each small
# update would be rounded away exactly like the 1 above.
#
# The second price is range. A softmax without its shift (lesson 8), and a small gradient:

# %%
with np.errstate(over="ignore", invalid="ignore"):
    scores = np.array([12.0, 11.0, 3.0], np.float16)
    unshifted = np.exp(scores) / np.exp(scores).sum()
shifted = softmax(scores)
print("float16, not shifted:", unshifted, "  shifted:", shifted, " dtype", shifted.dtype)
assert np.isnan(unshifted[0]) and np.allclose(shifted, softmax(scores.astype(np.float32)), atol=1e-3)

gradient, scale = np.float32(2e-8), 1024.0
plain, scaled = np.float16(gradient), np.float16(gradient * scale)
print(f"a gradient of {gradient:.0e} in float16: {plain}; "
      f"scaled by {scale:.0f} before, divided after: {np.float32(scaled) / scale:.2e}")
assert plain == 0 and abs(np.float32(scaled) / scale / gradient - 1) < 0.01

# %% [markdown]
# $e^{12}$ is 162,755, beyond float16's largest number, 65,504. The shift of lesson 8 is no luxury. And multiplying the
# *loss* by 1024 multiplies every gradient by 1024 (the chain rule is linear), which lifts them out of the hole; dividing
# them in float32 afterwards brings them back. That is **loss scaling** (Micikevicius et al. 2018, §3.2). The library's own
# promise, that float32 stays float32, is tested in
# [tests/functional/test_dtypes.py](../tests/functional/test_dtypes.py) and
# [tests/models/test_precision.py](../tests/models/test_precision.py).

# %% [markdown]
# ## Break it: one array here, one there
#
# The commonest GPU mistake: something was left on the host. Predict what happens with (a) an array here plus an array
# there; (b) `np.asarray` of an array there; (c) a number plus an array there.

# %%
with install():
    there, here = Tensor([1.0, 2.0]).to("cuda"), np.array([1.0, 1.0], np.float32)
    for name, attempt in (("a", lambda: there + here), ("b", lambda: np.asarray(there.data)), ("c", lambda: there + 1.0)):
        try:
            print(f"({name}) {attempt().data} on {there.device}")
            assert name == "c"
        except TypeError as error:
            print(f"({name}) TypeError: {error}")
            assert name != "c"

# %% [markdown]
# Why no silent copy? It would be convenient, and your program would be ten times slower without saying why: the copy would
# be made in every step. A number has no place, so (c) is fine. Our imaginary array refused in the same way:

# %%
try:
    Elsewhere(x) + x
    raise AssertionError("this should not be added")
except TypeError as error:
    print("TypeError:", error)

# %% [markdown]
# [tests/autograd/test_cuda.py](../tests/autograd/test_cuda.py) runs every row of the derivative table on the stand-in, or
# on a real GPU where there is one, and fails where a value or a gradient ends up in the wrong place.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/22_on_a_gpu.ipynb](solutions/22_on_a_gpu.ipynb).
#
# **1. Memory (warm-up).** A model of 1,000,000 parameters is trained with AdamW, all in float32. How many bytes take
# weights, gradients and the optimiser's two moments together?

# %%
n_bytes = ...

check(1, n_bytes)


# %% [markdown]
# **2. Operations.** Of a product (m, k) @ (k, n), multiplications and additions counted, k of each for an entry.

# %%
def operations(m, k, n):
    ...


check(2, operations)


# %% [markdown]
# **3. Intensity.** Operations a byte of the same product in float32: each input read once, the result written once.

# %%
def operations_a_byte(m, k, n):
    ...


check(3, operations_a_byte)


# %% [markdown]
# **4. The roof.** The least time for work of `flop` operations and `moved` bytes on a chip of `peak` operations and
# `bandwidth` bytes a second.

# %%
def least_time(flop, moved, peak, bandwidth):
    ...


check(4, least_time)


# %% [markdown]
# **5. Cutting bits.** The simplest bfloat16: x (N,) in float32 with the last 16 bits set to zero, without rounding. (Bits
# as integers: `x.view(np.uint32)`.)

# %%
def truncated(x):
    ...


check(5, truncated)


# %% [markdown]
# **6. Something to think about: loss scaling.** The gradients g (N,), float32, have to pass through float16. Scale them by
# s before, pass, undo the scaling where nothing gets lost, and answer in float32.

# %%
def through_float16(g, s):
    ...


check(6, through_float16)

# %% [markdown]
# ## What you can now explain
#
# - How NumPy hands a call to the array's own class, and why no formula needs a GPU version.
# - Operations, bytes, intensity, roofline; why generating token by token is slow on any chip.
# - 6 · parameters · tokens, and what a training step costs besides.
# - What a transfer and a wait are, where a training step has them, and why arrays in two places are an error.
# - Range and precision of float32, float16 and bfloat16; why sums stay in 32 bits; loss scaling.
#
# This is the end of the book's first part. You have built, from the chain rule up, all that a large language model consists
# of, and run it on both kinds of chip, or on one and a strict imitation of the other. The second part builds the rest of the
# family from the same layer, and ends with models that others trained. It begins with two stacks in place of one:
# [lesson 23](23_encoder_and_decoder.ipynb).
