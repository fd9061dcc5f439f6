# %% [markdown]
# # 13 · Masks and heads: solutions
#
# The lesson: [13_masks_and_heads.ipynb](../13_masks_and_heads.ipynb).

# %%
import numpy as np

import tinyllm.functional as F
from tinyllm import manual_seed
from tinyllm.book import open_lesson
from tinyllm.nn import MultiHeadAttention

check = open_lesson("13_masks_and_heads", strict=True).check

# %% [markdown]
# **1.** (a) Query $i$ sees $i + 1$ keys: $1 + 2 + \dots + 6 = 21$. (b) The last two of these rows: $5 + 6 = 11$. (c) No row
# sees more than the four real keys: $1 + 2 + 3 + 4 + 4 + 4 = 18$.

# %%
check(1, (21, 11, 18))


# %% [markdown]
# **2.** Query $i$ of the last $T_q$ stands at place $T_k - T_q + i$ and sees the keys up to there: $j \le i + (T_k - T_q)$.
# That is `np.tri` with its diagonal moved to the right by $T_k - T_q$.

# %%
def causal_mask(n_queries, n_keys):
    return np.tri(n_queries, n_keys, n_keys - n_queries, dtype=bool)


check(2, causal_mask)


# %% [markdown]
# **3.** Compare every place with every length, $(T,)$ with $(B, 1)$, which gives $(B, T)$; then axes of size 1 for heads
# and queries, which broadcasting stretches.

# %%
def padding_mask(lengths, T):
    return (np.arange(T) < lengths[:, None])[:, None, None, :]


check(3, padding_mask)


# %% [markdown]
# **4.** The largest *allowed* score is subtracted, so that nothing overflows; the product with the mask makes zeros of what
# is hidden, and of a whole row where nothing is allowed; and a sum of 0 is replaced by 1, since $0/1 = 0$.

# %%
def masked_weights(scores, mask):
    scores = np.where(mask, scores, -1e30)
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True)) * mask
    total = np.sum(e, axis=-1, keepdims=True)
    return e / np.where(total == 0, 1.0, total)


check(4, masked_weights)


# %% [markdown]
# **5.** A reshape keeps the order of the numbers in memory. In $(B, T, C)$ the features of a token lie together, so the
# only thing a reshape can do is to cut *them*: $(B, T, H, D)$. Then two axes change places.

# %%
def split_heads(x, n_heads):
    B, T, C = x.shape
    return np.swapaxes(x.reshape(B, T, n_heads, C // n_heads), 1, 2)


check(5, split_heads)


# %% [markdown]
# **6.** With one batch: into heads, attention with the heads as leading axis (it divides by the root of *their* width), out
# of heads again by the same two steps backwards, and the mixing matrix.

# %%
def multi_head(q, k, v, w_o, n_heads):
    q, k, v = (split_heads(x[None], n_heads)[0] for x in (q, k, v))             # (H, T, D)
    y = F.attention(q, k, v)                                                    # (H, T, D)
    return np.swapaxes(y, 0, 1).reshape(y.shape[1], -1) @ w_o                   # (T, C)


check(6, multi_head)


# %% [markdown]
# **7.** Causal, $j \le i$, and not too old, $j > i - w$. The second is the complement of a triangle whose diagonal is moved
# down by $w$. With $T$ tokens and a window of $w$ there are about $wT$ scores instead of $T^2/2$.

# %%
def window_mask(length, w):
    i, j = np.arange(length)[:, None], np.arange(length)
    return (j <= i) & (j > i - w)


check(7, window_mask)


# %% [markdown]
# **8.** By equivariance $y = f(x)[\text{order}]$, that is $y_i = f(x)_{\text{order}_i}$: row $i$ of $y$ belongs to place
# $\text{order}_i$. Writing it there undoes the shuffle. The same as an index: the inverse permutation, which `argsort`
# finds, because sorting is what brings a permutation back to $0, 1, 2, \dots$

# %%
def answer_for_the_original(y, order):
    result = np.empty_like(y)
    result[order] = y
    return result


rng = np.random.default_rng(0)
manual_seed(0)
attention = MultiHeadAttention(8, 2).to(dtype=np.float64)
x, order = rng.standard_normal((1, 6, 8)), rng.permutation(6)
undone = answer_for_the_original(attention(x[:, order]).data[0], order)
np.testing.assert_allclose(undone, attention(x).data[0], atol=1e-12)
np.testing.assert_array_equal(undone, attention(x[:, order]).data[0][np.argsort(order)])

check(8, answer_for_the_original)
