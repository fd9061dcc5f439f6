# %% [markdown]
# # 33 · Opening a real model: solutions
#
# The lesson: [33_opening_a_real_model.ipynb](../33_opening_a_real_model.ipynb).

# %%
import math

import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("33_opening_a_real_model", strict=True).check

# %% [markdown]
# **1.** 32 numbers of 8 bits and 16 bits for the scale are 272 bits for 32 weights: 8.5. With 4 bits, 144 / 32 = 4.5. (Q4_1
# has a second float16, half a bit more.)

# %%
check(1, ((32 * 8 + 16) / 32, (32 * 4 + 16) / 32))


# %% [markdown]
# **2.** A byte is $16 \cdot \text{high} + \text{low}$. `& 15` keeps the four low bits, `>> 4` moves the high ones down. All
# low halves come first, so that a program that handles 16 bytes at once gets 16 neighbouring weights from each.

# %%
def weights_of_block(d, m, data):
    data = np.asarray(data, np.uint8)
    q = np.concatenate([data & 15, data >> 4])
    return d * q.astype(float) + m


check(2, weights_of_block)


# %% [markdown]
# **3.** $b$ bits make $2^b$ rungs with $2^b - 1$ gaps between them; the lowest rung is the smallest weight, the highest the
# largest. If all weights are equal there is no gap to divide by, and every weight is $m$.

# %%
def rounded_block(w, bits):
    m = w.min()
    d = (w.max() - m) / (2**bits - 1)
    return np.full_like(w, m) if d == 0 else d * np.round((w - m) / d) + m


check(3, rounded_block)


# %% [markdown]
# **4.** Row $2i + s$ of head $h$ (with $s$ = 0 or 1) has the indices $(h, i, s)$ after the first reshape. We want it in row
# $s \cdot D/2 + i$, whose indices in $(H, 2, D/2)$ are $(h, s, i)$: the two middle axes swapped.

# %%
def ours_from_theirs(weight, n_heads):
    pairs = weight.reshape(n_heads, -1, 2, weight.shape[-1])                        # (H, D/2, 2, C)
    return np.swapaxes(pairs, 1, 2).reshape(weight.shape)


check(4, ours_from_theirs)


# %% [markdown]
# **5.** The token at $t \ge n$ stood first at $t - n$; what came after it stands at $t - n + 1$. (For the last one, $t = 2n
# - 1$, that is place $n$, the beginning of the second half.)

# %%
def copying_score(weights, n):
    t = np.arange(n, 2 * n)
    return weights[t, t - n + 1].mean()


check(5, copying_score)


# %% [markdown]
# **6.** $P b / 8$ bytes of weights and $K$ of cache for each token. This is why fewer bits make writing *faster* and not
# only smaller, and why a long conversation slows a model down. (Several texts at once share the reading of the weights: that
# is why servers answer many people together.)

# %%
def tokens_a_second(P, b, K, R):
    return R / (P * b / 8 + K)


check(6, tokens_a_second)


# %% [markdown]
# **7.** With $\hat w_i = w_i + e_i$ the error of the product is $\sum_i e_i x_i$. The $e_i$ are independent with variance
# $d^2/12$, and variances of independent terms add:
#
# $$\text{Var}\Big(\sum_i e_i x_i\Big) = \sum_i x_i^2\, \frac{d^2}{12}
# \qquad\Longrightarrow\qquad \frac{d}{\sqrt{12}}\, \lVert x \rVert$$
#
# The exact product of a row of $n$ weights of size $\sigma$ with independent signs has size $\sigma \lVert x \rVert$: so the
# *relative* error does not grow with $n$. That is why rounding every weight of a large model is possible at all.

# %%
def error_of_product(d, x):
    return d / math.sqrt(12) * np.sqrt(np.sum(x * x))


check(7, error_of_product)
