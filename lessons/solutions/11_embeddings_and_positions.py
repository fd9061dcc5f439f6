# %% [markdown]
# # 11 · Embeddings and positions: solutions
#
# The lesson: [11_embeddings_and_positions.ipynb](../11_embeddings_and_positions.ipynb).

# %%
from itertools import permutations

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor
from tinyllm.book import open_lesson

check = open_lesson("11_embeddings_and_positions", strict=True).check

# %% [markdown]
# **1.** Every id becomes a row of 16 numbers, and the shape of the ids stays in front: (2, 4, 16). The different ids are 0,
# 2, 5 and 7: four rows were used, the other 46 were not, and what was not used has gradient 0.

# %%
check(1, ((2, 4, 16), 4))


# %% [markdown]
# **2.** With the one-hot rows $O$, $Y = OW$, so $\partial L/\partial W_{vc} = \sum_n O_{nv}\, g_{nc} = (O^T g)_{vc}$. The
# transposed one-hot rows do the adding: row $v$ of $O^T$ has a 1 for each place of token $v$.

# %%
def table_gradient(ids, g, n_rows):
    return np.eye(n_rows)[ids].T @ g


check(2, table_gradient)


# %% [markdown]
# **3.** The angles are an outer product of positions and speeds, $(T, 1) \cdot (C/2)$; sines go to the even features and
# cosines to the odd ones.

# %%
def sinusoidal(context, d_model):
    theta = 10000.0 ** (-np.arange(0, d_model, 2) / d_model)                    # 10000^(−2i/C), i = 0 … C/2 − 1
    angles = np.arange(context)[:, None] * theta
    table = np.empty((context, d_model))
    table[:, 0::2], table[:, 1::2] = np.sin(angles), np.cos(angles)
    return table


check(3, sinusoidal)


# %% [markdown]
# **4.** The lesson's shift with $s = -1$. For each pair, with $a = t\theta_i$,
#
# $$\sin(a - \theta_i) = \sin a \cos\theta_i - \cos a \sin\theta_i \qquad
# \cos(a - \theta_i) = \cos a \cos\theta_i + \sin a \sin\theta_i$$
#
# and $\sin a$, $\cos a$ are what the table holds. The position itself is never needed: that is the point of the design.

# %%
def one_earlier(P):
    width = P.shape[1]
    theta = 10000.0 ** (-np.arange(0, width, 2) / width)
    sin, cos = P[:, 0::2], P[:, 1::2]
    earlier = np.empty_like(P)
    earlier[:, 0::2] = sin * np.cos(theta) - cos * np.sin(theta)
    earlier[:, 1::2] = cos * np.cos(theta) + sin * np.sin(theta)
    return earlier


check(4, one_earlier)

# %% [markdown]
# **5.** (a) A sum of the same four terms in another order: 1 vector. (b) The mean of $W_{\text{ids}_t} + P_t$ is the mean
# of the four $W$ plus the mean of the four $P$; both are the same for every order: again 1. (c) Now the terms are
# relu$(A(W_v + P_t))$, a different vector for each pair of token and place, because the ReLU of a sum is not the sum of two
# ReLUs. Another order has other pairs, hence other terms: 24. (The 64 rows matter. Where all inputs of an exchange lie on
# one straight piece of every ReLU, the layer is linear there and the exchange goes unnoticed; that happens with few rows
# and hardly ever with many. Try 6.) Counted:

# %%
rng = np.random.default_rng(0)
W, P, A = rng.standard_normal((4, 6)), rng.standard_normal((4, 6)), rng.standard_normal((64, 6))
found = []
for vector in (lambda x: x, lambda x: x + P, lambda x: np.maximum((x + P) @ A.T, 0.0)):
    means = [vector(W[list(order)]).mean(axis=0).round(9) for order in permutations(range(4))]
    found.append(len({tuple(mean + 0.0) for mean in means}))
print(found)

check(5, tuple(found))


# %% [markdown]
# **6.** The halves are the two components of all pairs at once.

# %%
def turn(x):
    T, D = x.shape
    angles = np.arange(T)[:, None] * 10000.0 ** (-np.arange(0, D, 2) / D)       # (T, D/2)
    cos, sin = np.cos(angles), np.sin(angles)
    a, b = x[:, :D // 2], x[:, D // 2:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=1)


check(6, turn)


# %% [markdown]
# **7.** One matrix of distances, one slope a head. Eight heads have the slopes 1/2, 1/4, …, 1/256: the first sees hardly
# beyond its neighbours, the last almost everything.

# %%
def alibi_of_heads(n_heads, length):
    slopes = 2.0 ** (-8.0 * np.arange(1, n_heads + 1) / n_heads)                # (H,)
    distance = np.abs(np.arange(length)[None, :] - np.arange(length)[:, None])  # (T, T)
    return -slopes[:, None, None] * distance


check(7, alibi_of_heads)


# %% [markdown]
# **8.** Each row is turned by a linear map, $y_t = R_t x_t$, so $\partial L/\partial x_t = R_t^T g_t$ (lesson 7: the
# gradient goes through the transpose). $R_t$ consists of rotations by $t\theta_i$, whose transposes are the rotations by
# $-t\theta_i$: **the gradient is turned back.** In terms of the halves the sine changes its sign.

# %%
def gradient_of_turn(g):
    T, D = g.shape
    angles = np.arange(T)[:, None] * 10000.0 ** (-np.arange(0, D, 2) / D)
    cos, sin = np.cos(angles), np.sin(angles)
    a, b = g[:, :D // 2], g[:, D // 2:]
    return np.concatenate([a * cos + b * sin, b * cos - a * sin], axis=1)


x = Tensor(rng.standard_normal((5, 6)), requires_grad=True)
g = rng.standard_normal((5, 6))
F.rotary(x, *F.rotary_table(5, 6, dtype=np.float64)).backward(g)
np.testing.assert_allclose(gradient_of_turn(g), x.grad, rtol=1e-10)             # what autograd says

check(8, gradient_of_turn)
