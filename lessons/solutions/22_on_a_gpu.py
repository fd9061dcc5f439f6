# %% [markdown]
# # 22 · On a GPU: solutions
#
# The lesson: [22_on_a_gpu.ipynb](../22_on_a_gpu.ipynb).

# %%
import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("22_on_a_gpu", strict=True).check

# %% [markdown]
# **1.** For each parameter: the weight, its gradient, and AdamW's $m$ and $v$, 4 bytes each, 16 in all. (The activations
# that the backward pass needs come on top; they grow with the batch, these do not.)

# %%
check(1, 1_000_000 * 4 * 4)


# %% [markdown]
# **2.** The result has $m n$ entries; each is a sum of $k$ products.

# %%
def operations(m, k, n):
    return 2 * m * k * n


check(2, operations)


# %% [markdown]
# **3.** The matrices have $mk$, $kn$ and $mn$ numbers of 4 bytes. For $m = 1$ and large $k$, $n$ the intensity is about
# $2kn / 4kn = 1/2$: the weights are read to be used once.

# %%
def operations_a_byte(m, k, n):
    return 2 * m * k * n / (4 * (m * k + k * n + m * n))


assert abs(operations_a_byte(1, 4096, 4096) - 0.5) < 1e-3
check(3, operations_a_byte)


# %% [markdown]
# **4.** Arithmetic needs at least $F/P$, moving at least $M/W$. At best they overlap completely, and the longer one
# decides.

# %%
def least_time(flop, moved, peak, bandwidth):
    return max(flop / peak, moved / bandwidth)


check(4, least_time)


# %% [markdown]
# **5.** A float32 is 1 bit of sign, 8 of exponent, 23 of mantissa, from the highest bit to the lowest. Zeroing the last 16
# leaves 7 bits of mantissa. Cutting always moves towards 0, so sums of cut numbers come out too small; that is why real
# bfloat16 rounds to the nearest.

# %%
def truncated(x):
    return (x.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


x = np.random.default_rng(0).uniform(0.5, 1, 10_000).astype(np.float32)
assert (truncated(x) <= x).all() and np.mean(truncated(x) - x) < -1e-3
check(5, truncated)


# %% [markdown]
# **6.** Scaling before and undoing it after must both happen in float32: before, because what is 0 in float16 stays 0;
# after, because the quotient is small again. A scale that is a power of 2 changes exponents only, so it adds no rounding of
# its own.

# %%
def through_float16(g, s):
    return (g * np.float32(s)).astype(np.float16).astype(np.float32) / np.float32(s)


check(6, through_float16)
