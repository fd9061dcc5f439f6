# %% [markdown]
# # 14 · Normalisation and depth: solutions
#
# The lesson: [14_normalization_and_depth.ipynb](../14_normalization_and_depth.ipynb).

# %%
import math

import numpy as np

import tinyllm.functional as F
from tinyllm.book import open_lesson

check = open_lesson("14_normalization_and_depth", strict=True).check

# %% [markdown]
# **1.** Every token's row of 64 has a mean of its own: $8 \cdot 10 = 80$. Weight and bias have an entry for each feature,
# so $2 \cdot 64 = 128$ parameters, however many rows there are. RMS norm has the weight alone: 64.

# %%
check(1, (80, 128, 64))


# %% [markdown]
# **2.** `keepdims=True` keeps the means as a column, so that each row gets its own (lesson 2).

# %%
def layer_norm(x, weight, bias):
    mean = x.mean(axis=-1, keepdims=True)                                       # (T, 1)
    variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)                   # (T, 1)
    return (x - mean) / np.sqrt(variance + 1e-5) * weight + bias


check(2, layer_norm)


# %% [markdown]
# **3.** After the sum, or before the sublayer. In the second the stream $x$ itself meets no norm.

# %%
def post_and_pre(x, w):
    ones = np.ones(x.shape[-1])
    return F.layer_norm(x + x @ w, ones), x + F.layer_norm(x, ones) @ w


check(3, post_and_pre)


# %% [markdown]
# **4.** $h_i = x_i r$ with $r = (m + \varepsilon)^{-1/2}$ and $m = \frac1C \sum_c x_c^2$. By the product rule
#
# $$\frac{\partial h_i}{\partial x_j} = r\,\delta_{ij} + x_i \frac{\partial r}{\partial x_j}, \qquad
# \frac{\partial r}{\partial x_j} = -\tfrac12 (m + \varepsilon)^{-3/2} \cdot \tfrac2C x_j = -\tfrac1C r^3 x_j
# = -\tfrac1C r^2 h_j$$
#
# so $\partial h_i/\partial x_j = r(\delta_{ij} - h_i h_j / C)$. Multiply by $g_i$ and sum over $i$: $\partial L/\partial
# x_j = r\,(g_j - h_j \cdot \frac1C\sum_i h_i g_i)$.

# %%
def gradient_of_rms_norm(x, g, eps=1e-6):
    r = 1 / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)                # (T, 1)
    h = x * r
    return r * (g - h * np.mean(h * g, axis=-1, keepdims=True))


check(4, gradient_of_rms_norm)


# %% [markdown]
# **5.** Centring is $c_i = x_i - \frac1C \sum_j x_j$, so $\partial c_i / \partial x_j = \delta_{ij} - \frac1C$: a symmetric
# matrix. The gradient that comes in for $c$ therefore goes on to $x$ by the same map, its mean is taken off: $\partial
# L/\partial x_j = \sum_i \frac{\partial L}{\partial c_i} (\delta_{ij} - \frac1C) = \frac{\partial L}{\partial c_j} -
# \text{mean}(\frac{\partial L}{\partial c})$.
#
# Is that the lesson's formula? $\partial L/\partial c = r(g - h\,\text{mean}(hg))$ has the mean $r\,\text{mean}(g)$,
# because $h$ has mean 0. So $\partial L/\partial x = r(g - \text{mean}(g) - h\,\text{mean}(hg))$. It is.

# %%
def gradient_of_layer_norm(x, g):
    through_norm = gradient_of_rms_norm(x - x.mean(axis=-1, keepdims=True), g, 1e-5)
    return through_norm - through_norm.mean(axis=-1, keepdims=True)


check(5, gradient_of_layer_norm)


# %% [markdown]
# **6.** *Post-norm.* A sum of variance $1 + v$ is divided by its standard deviation $\sqrt{1 + v}$, so what was in the
# stream shrinks by that factor, $2n$ times: $(1 + v)^{-2n/2} = (1 + v)^{-n}$. The last stream has variance 1, so this
# factor is the correlation.
#
# *Pre-norm.* $x_n = x_0 + s$, where $s$ is the sum of $2n$ uncorrelated outputs, with variance $2nv$. The covariance of
# $x_0$ and $x_n$ is $\text{Var}(x_0) = 1$, and the correlation $1 / (\sqrt1 \cdot \sqrt{1 + 2nv})$.
#
# *Scaled as GPT-2's.* $2n$ outputs of variance $v/(2n)$ sum to $v$, whatever $n$ is: $1/\sqrt{1 + v}$. The depth has
# dropped out. This is what `Trunk.initialize` in [tinyllm/models/trunk.py](../../tinyllm/models/trunk.py) does, and
# `test_the_start_is_scaled_by_depth` tests.

# %%
def shares(n, v):
    return (1 + v) ** -n, 1 / math.sqrt(1 + 2 * n * v), 1 / math.sqrt(1 + v)


check(6, shares)
