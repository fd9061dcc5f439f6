# %% [markdown]
# # 31 · Embeddings and retrieval: solutions
#
# The lesson: [31_embeddings_and_retrieval.ipynb](../31_embeddings_and_retrieval.ipynb).

# %%
import math

import numpy as np

import tinyllm.functional as F
from tinyllm.book import open_lesson

check = open_lesson("31_embeddings_and_retrieval", strict=True).check

# %% [markdown]
# **1.** Equal scores make the softmax $p_{ij} = 1/64$ for every $j$, whatever the temperature; the loss is $-\ln(1/64) =
# \ln 64$. In a random order the own text stands at each of the 200 places with probability 1/200, so among the first ten
# with 10/200 = 0.05.

# %%
check(1, (math.log(64), 10 / 200))


# %% [markdown]
# **2.** $\sum_t m_t h_t$ is the product of the mask (T,) with $h$ (T, C); $\sum_t m_t$ counts the real tokens.

# %%
def mean_pool(h, mask):
    return mask @ h / mask.sum()


check(2, mean_pool)


# %% [markdown]
# **3.** $\cos\angle(a_i, b_j) = \frac{a_i}{|a_i|} \cdot \frac{b_j}{|b_j|}$: make all rows one long, then one product. With
# `keepdims` the lengths are a column, and each row is divided by its own.

# %%
def cosines(a, b):
    a = a / np.linalg.norm(a, axis=1, keepdims=True)                            # (B, C)
    b = b / np.linalg.norm(b, axis=1, keepdims=True)                            # (N, C)
    return a @ b.T                                                              # (B, N)


check(3, cosines)


# %% [markdown]
# **4.** Sorting is not needed: the place of the own text is the number of texts in its row that are at least as similar,
# itself included. With `>=`, equal ones count as standing before it.

# %%
def mean_reciprocal_rank(similarity):
    own = np.diag(similarity)[:, None]                                          # (N, 1)
    place = np.sum(similarity >= own, axis=1)                                   # (N,)
    return np.mean(1 / place)


check(4, mean_reciprocal_rank)


# %% [markdown]
# **5.** $-\frac1B\sum_i\ln p_{ii}$: the diagonal of the log-softmax along the rows.

# %%
def contrastive(a, b, temperature):
    log_p = F.log_softmax(a @ b.T / temperature)                                # (B, B)
    return -np.mean(np.diag(log_p))


check(5, contrastive)


# %% [markdown]
# **6.** $L = -\frac1B\sum_i \big(s_{ii} - \ln\sum_{j} e^{s_{ij}}\big)$. The derivative of the logarithm of the sum by
# $s_{ij}$ is $e^{s_{ij}} / \sum_{j'} e^{s_{ij'}} = p_{ij}$, so $\partial L/\partial s_{ij} = (p_{ij} - [i=j])/B$. With
# $s_{ij} = a_i \cdot b_j/\tau$, $\partial L/\partial a_{ic} = \sum_j \frac{p_{ij} - [i=j]}{B}\frac{b_{jc}}{\tau}$, the
# matrix product $(p - I)\, b / (B\tau)$.

# %%
def gradient_of_a(a, b, temperature):
    p = F.softmax(a @ b.T / temperature)                                        # (B, B)
    return (p - np.eye(len(a))) @ b / (len(a) * temperature)                    # (B, C)


check(6, gradient_of_a)


# %% [markdown]
# **7.** $e_i = v_i / |v|$ with $|v| = (\sum_k v_k^2)^{1/2}$, so $\partial |v| / \partial v_j = v_j / |v| = e_j$ and by the
# quotient rule $\frac{\partial e_i}{\partial v_j} = \frac{\delta_{ij}}{|v|} - \frac{v_i e_j}{|v|^2} = \frac{\delta_{ij} -
# e_i e_j}{|v|}$. Then $\frac{\partial L}{\partial v_j} = \sum_i g_i \frac{\partial e_i}{\partial v_j} = \frac{g_j - (g
# \cdot e)\, e_j}{|v|}$: the gradient without its part along $e$, divided by the length.
#
# Its dot product with $v = |v|\, e$ is $g\cdot e - (g \cdot e)(e \cdot e) = 0$: the gradient stands at a right angle to
# $v$. The loss asks for a turn, never for another length. But a step $-\eta\,\partial L/\partial v$ at a right angle makes
# $v$ a little *longer* (Pythagoras: $|v|^2 + \eta^2|\partial L/\partial v|^2$), and a longer $v$ turns more slowly. If $v$
# is itself a parameter, plain descent slows itself down in this way.

# %%
def gradient_before_the_length(v, g):
    length = np.linalg.norm(v)
    e = v / length                                                              # (C,)
    return (g - (g @ e) * e) / length


check(7, gradient_before_the_length)
v, g = np.array([3.0, 4.0]), np.array([1.0, 0.0])
print("at a right angle to v:", gradient_before_the_length(v, g) @ v)
assert abs(gradient_before_the_length(v, g) @ v) < 1e-12
