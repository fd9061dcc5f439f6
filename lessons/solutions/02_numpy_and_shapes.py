# %% [markdown]
# # 02 · NumPy and shapes: solutions
#
# The lesson: [02_numpy_and_shapes.ipynb](../02_numpy_and_shapes.ipynb).

# %%
import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("02_numpy_and_shapes", strict=True).check

# %% [markdown]
# **1.** (a) The index's shape (2, 5) takes the place of the axis it indexes: (2, 5, 8). (b) (2, 5, 8) @ (8, 3): the 8
# vanishes, (2, 5, 3). (c) Axis 1 vanishes: (2, 8). (d) The last axis is summed and kept: (2, 5, 1). (e) A number as index
# removes its axis: (2, 8), the last token of each text. (f) (2, 5, 2, 4) with axes 1 and 2 exchanged: (2, 2, 5, 4).

# %%
shapes = [(2, 5, 8), (2, 5, 3), (2, 8), (2, 5, 1), (2, 8), (2, 2, 5, 4)]

check(1, shapes)


# %% [markdown]
# **2.** The sums need shape (R, 1), so that flush right the 1 stands under the C columns and is stretched along them.

# %%
def row_shares(counts):
    return counts / np.sum(counts, axis=1, keepdims=True)                       # (R, C) / (R, 1)


check(2, row_shares)


# %% [markdown]
# **3.** A column (T, 1) compared with a row (v,) broadcasts to (T, v). Entry (t, j) is True where ids[t] equals j. As
# numbers, True is 1. (`np.eye(v)[ids]` is another way: row ids[t] of the identity.)

# %%
def one_hot(ids, v):
    return (ids[:, None] == np.arange(v)).astype(np.float32)                    # (T, 1) == (v,) → (T, v)


assert (one_hot(np.array([2, 0]), 3) == np.eye(3)[[2, 0]]).all()
check(3, one_hot)


# %% [markdown]
# **4.** Two index arrays walk together: pairs (0, came[0]), (1, came[1]), … In lesson 8 the logarithm of this is the loss
# of every language model.

# %%
def probability_of_what_came(p, came):
    return p[np.arange(len(came)), came]                                        # (T,)


check(4, probability_of_what_came)


# %% [markdown]
# **5.** In memory, token t's numbers lie together, and within them those of head h. So the C axis may be cut into (H, D)
# where it stands. Only then do the axes change places. Back again: swap, then reshape.

# %%
def split_heads(x, n_heads):
    T, C = x.shape
    return np.swapaxes(x.reshape(T, n_heads, C // n_heads), 0, 1)               # (T, H, D) → (H, T, D)


def join_heads(heads):
    return np.swapaxes(heads, 0, 1).reshape(heads.shape[1], -1)                 # (H, T, D) → (T, H, D) → (T, C)


x = np.arange(12).reshape(2, 6)
assert (join_heads(split_heads(x, 3)) == x).all()
check(5, split_heads)


# %% [markdown]
# **6.** The mask needs a last axis of size 1 to be stretched along C. What is divided by is the number of real tokens of
# each text, as a column (B, 1).

# %%
def mean_of_real(x, mask):
    total = np.sum(np.where(mask[:, :, None], x, 0), axis=1)                    # (B, C)
    return total / np.sum(mask, axis=1, keepdims=True)                          # (B, C) / (B, 1)


check(6, mean_of_real)


# %% [markdown]
# **7.** As (N, 1, C) and (1, M, C) the two broadcast to (N, M, C). That intermediate array holds N M C numbers: with a
# thousand points on each side and 128 numbers a point, 128 million.
#
# Multiply the square out instead:
#
# $$\sum_c (x_{ic} - y_{jc})^2 = \sum_c x_{ic}^2 - 2 \sum_c x_{ic}\, y_{jc} + \sum_c y_{jc}^2$$
#
# The first is a column (N, 1), the last a row (M,), and the middle is a matrix product: nothing larger than (N, M). The
# price is rounding. For points that nearly coincide, large numbers are subtracted from each other, and the result may even
# come out slightly negative.

# %%
def squared_distances(x, y):
    return np.sum(x**2, axis=1, keepdims=True) - 2 * x @ y.T + np.sum(y**2, axis=1)


a, b = np.random.default_rng(0).standard_normal((2, 5, 3))
np.testing.assert_allclose(squared_distances(a, b), np.sum((a[:, None] - b[None]) ** 2, axis=-1), rtol=1e-10)
check(7, squared_distances)
