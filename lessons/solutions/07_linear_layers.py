# %% [markdown]
# # 07 · Linear layers: solutions
#
# The lesson: [07_linear_layers.ipynb](../07_linear_layers.ipynb).

# %%
import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("07_linear_layers", strict=True).check

# %% [markdown]
# **1.** $512 \cdot 2048 + 2048$ for the first, $2048 \cdot 512 + 512$ for the second: 2,099,712.

# %%
check(1, 512 * 2048 + 2048 + 2048 * 512 + 512)


# %% [markdown]
# **2.** Row $o$ of w is a neuron, so the dot products of all rows of x with all neurons are $x w^T$; b is added to each
# row.

# %%
def linear(x, w, b):
    return x @ w.T + b


check(2, linear)


# %% [markdown]
# **3.** From $y_{ko} = \sum_i x_{ki} w_{oi} + b_o$: $x_{ki}$ occurs in $y_{ko}$ for every $o$, so $\partial L / \partial
# x_{ki} = \sum_o g_{ko} w_{oi}$; $w_{oi}$ and $b_o$ occur for every $k$, so $\sum_k g_{ko} x_{ki}$ and $\sum_k g_{ko}$.

# %%
def linear_gradients(x, w, g):
    return g @ w, g.T @ x, g.sum(axis=0)


check(3, linear_gradients)


# %% [markdown]
# **4.** $(x W_1^T + b_1) W_2^T + b_2 = x\, W_1^T W_2^T + b_1 W_2^T + b_2$, and $W_1^T W_2^T = (W_2 W_1)^T$.

# %%
def joined(w1, b1, w2, b2):
    return w2 @ w1, b1 @ w2.T + b2


check(4, joined)


# %% [markdown]
# **5.** First the sigmoid, $\sigma = 1/(1 + e^{-x})$: by the reciprocal rule $\sigma' = e^{-x} / (1 + e^{-x})^2 = \sigma (1
# - \sigma)$ (lesson 3). Then the product rule: $(x \sigma)' = \sigma + x\,\sigma (1 - \sigma)$.

# %%
def silu_slope(x):
    s = 1 / (1 + np.exp(-x))
    return s + x * s * (1 - s)


check(5, silu_slope)


# %% [markdown]
# **6.** Name the steps: $a = x W_1^T$, $r = \max(0, a)$, $y = r W_2^T$. Backwards, with exercise 3: $\partial L/\partial r
# = g W_2$. The ReLU has slope 1 where $a > 0$ and 0 elsewhere, so $\partial L/\partial a = (g W_2) \odot [a > 0]$. And
# exercise 3 once more: $\partial L/\partial W_1 = (\partial L/\partial a)^T x$.

# %%
def gradient_of_first(x, w1, w2, g):
    to_inside = g @ w2 * (x @ w1.T > 0)
    return to_inside.T @ x


check(6, gradient_of_first)
