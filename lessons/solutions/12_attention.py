# %% [markdown]
# # 12 · Attention: solutions
#
# The lesson: [12_attention.ipynb](../12_attention.ipynb).

# %%
import math

import numpy as np

import tinyllm.functional as F
from tinyllm.book import open_lesson

check = open_lesson("12_attention", strict=True).check

# %% [markdown]
# **1.** A score for each query and key, (10, 15); a mean of values for each query, (10, 32); batch and heads, (2, 8), stay
# in front.

# %%
check(1, ((2, 8, 10, 15), (2, 8, 10, 32)))


# %% [markdown]
# **2.** A softmax along the keys. Subtracting the row's maximum changes nothing (numerator and denominator both get the
# factor $e^{-m}$) and keeps the exponentials from overflowing.

# %%
def weights_of(scores):
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


check(2, weights_of)


# %% [markdown]
# **3.** As in the formula.

# %%
def attention(q, k, v):
    return weights_of(q @ k.T / math.sqrt(q.shape[-1])) @ v


check(3, attention)


# %% [markdown]
# **4.** F2 is F1 with $Q = XW_Q$, $K = XW_K$, $V = XW_V$.

# %%
def self_attention(x, w_q, w_k, w_v):
    return F.attention(x @ w_q, x @ w_k, x @ w_v)


check(4, self_attention)


# %% [markdown]
# **5.** $O_{ie} = \sum_j P_{ij} V_{je}$. The entry $V_{je}$ occurs in $O_{ie}$ for every $i$, with factor $P_{ij}$, and
# nowhere else, so
#
# $$\frac{\partial L}{\partial V_{je}} = \sum_i \frac{\partial L}{\partial O_{ie}} P_{ij} = \sum_i P^T_{ji}\, g_{ie}
# = (P^T g)_{je}$$

# %%
def gradient_of_values(p, g):
    return p.T @ g


check(5, gradient_of_values)


# %% [markdown]
# **6.** By the same reasoning $\partial L / \partial P = g V^T$. Each row of $P$ is the softmax of the row of $S$ above it,
# and lesson 8 found for a softmax $y$ with incoming gradient $g$: $\partial L/\partial x_i = y_i (g_i - \sum_j y_j g_j)$.
# Row by row:
#
# $$\frac{\partial L}{\partial S_{ij}} = P_{ij}\Big( (gV^T)_{ij} - \sum_{j'} P_{ij'} (gV^T)_{ij'} \Big)$$
#
# The sum is $\sum_{j'} P_{ij'} \, g_i \cdot V_{j'} = g_i \cdot O_i$: the library's twin uses that and needs no row of $P$
# for it.

# %%
def gradient_of_scores(q, k, v, g):
    p = weights_of(q @ k.T / math.sqrt(q.shape[-1]))
    gp = g @ v.T
    return p * (gp - np.sum(p * gp, axis=-1, keepdims=True))


check(6, gradient_of_scores)
