# %% [markdown]
# # 35 · Where the time goes: solutions
#
# The lesson: [35_speed.ipynb](../35_speed.ipynb).

# %%
import math

import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("35_speed", strict=True).check

# %% [markdown]
# **1.** The time falls from 1 to 0.6, so the speed rises to $1/0.6 = 1.67$. Not more, whatever is done to the rest: this is
# the step in floors.

# %%
check(1, 1 / 0.6)


# %% [markdown]
# **2.** Reading a weight takes $\text{size}/W$, computing with it for $b$ texts $2b/P$. They are equal at
#
# $$b = \frac{P}{W} \cdot \frac{\text{size}}{2}$$
#
# With 4 bytes that is $2P/W$. Halving the bytes of a weight doubles the speed of one text, and halves the number of texts
# that are free.

# %%
def free_texts(P, W, size):
    return P * size / (2 * W)


check(2, free_texts)


# %% [markdown]
# **3.** The same step as with a new block, and symmetric: both halves are brought to $m = \max(m_1, m_2)$ by their factor
# $e^{m_i - m}$, of which at least one is 1. So halves, and parts of halves, may be computed in any order and anywhere: the
# operation is associative. That is how a long row is shared by many workers of a GPU.

# %%
def merged(m1, l1, o1, m2, l2, o2):
    m = max(m1, m2)
    a, b = math.exp(m1 - m), math.exp(m2 - m)
    return (a * o1 + b * o2) / (a * l1 + b * l2)


check(3, merged)


# %% [markdown]
# **4.** $P_{ij} = e^{s_{ij}} / \sum_j e^{s_{ij}} = e^{s_{ij} - \Lambda_i}$. The softmax's gradient (lesson 8) is $P \odot (h
# - \sum_j P_{ij} h_{ij})$ with $h = g v^\top$, and
#
# $$\sum_j P_{ij} \sum_e g_{ie} v_{je} = \sum_e g_{ie} \sum_j P_{ij} v_{je} = \sum_e g_{ie} o_{ie}$$

# %%
def gradient_of_scores(s, lse, v, o, g):
    p = np.exp(s - lse[:, None])                                                # (T, S)
    return p * (g @ v.T - np.sum(g * o, axis=1, keepdims=True))


check(4, gradient_of_scores)


# %% [markdown]
# **5.** A shard has $G/n$ bytes. There: one to each of the $n - 1$ other owners. Back: one's own shard to each of the $n -
# 1$ others. Together $2 (n-1) G/n$, as in the ring; only *where to* differs. The ring speaks to one neighbour alone, which
# suits machines wired in a row; here all talk to all, and the owner chooses the order of addition.

# %%
def bytes_sent(n, size):
    return 2 * (n - 1) * size / n


check(5, bytes_sent)


# %% [markdown]
# **6.** $\nabla L = \sum_i \frac{n_i}{N} \nabla L_i$: as a product, the row of counts times the matrix of gradients.

# %%
def whole_gradient(gs, counts):
    return counts @ gs / counts.sum()


check(6, whole_gradient)


# %% [markdown]
# **7.** Bucket $i$ is computed at $r_i = \sum_{j \le i} \text{compute}_j$, and leaves when the wire is free:
# $\text{end}_i = \max(r_i, \text{end}_{i-1}) + \text{send}_i$. Unrolled, the end is the largest of
# $r_i + \sum_{j \ge i} \text{send}_j$ over all $i$, where $i$ is the last bucket that did not have to wait. With equal
# buckets the largest is at one of the two ends, which gives the lesson's formula.

# %%
def arrival(compute, send):
    ready = arrived = 0.0
    for c, s in zip(compute, send):
        ready += c
        arrived = max(ready, arrived) + s
    return arrived


assert arrival([3.0] * 5, [2.0] * 5) == 17
compute, send = [1.0, 1.0, 5.0, 1.0], [1.0, 1.0, 4.0, 4.0]
assert arrival(compute, send) == max(sum(compute[: i + 1]) + sum(send[i:]) for i in range(4)) == 15
check(7, arrival)
