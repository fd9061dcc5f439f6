# %% [markdown]
# # 18 · Generation: solutions
#
# The lesson: [18_generation.ipynb](../18_generation.ipynb).

# %%
import math

import numpy as np

import tinyllm.functional as F
from tinyllm.book import open_lesson

check = open_lesson("18_generation", strict=True).check

# %% [markdown]
# **1.** The ratio is 0.8 / 0.2 = 4. Its logarithm is divided by ½, so doubled, and the ratio is squared: 16. Two numbers with
# sum 1 and ratio 16 are 16/17 and 1/17, about 0.94 and 0.06.

# %%
check(1, (16 / 17, 1 / 17))


# %% [markdown]
# **2.** The pieces end at the cumulative sums. All pieces that end at or before $u$ lie to the left of it, so their number is
# the index of the piece that holds $u$. A $u$ exactly at an end belongs to the next piece: that way each piece
# $[\text{start}, \text{end})$ has the length $p_i$, and a token with $p_i = 0$ is never drawn.

# %%
def draw_token(p, u):
    return int(np.sum(np.cumsum(p) <= u))


check(2, draw_token)


# %% [markdown]
# **3.** A softmax undoes the logarithm: $\text{softmax}(\log p) = p$, because $e^{\log p_i} = p_i$ and the sum is 1. So
# $\log p$ are logits of $p$, and
#
# $$\frac{e^{\log p_i / T}}{\sum_j e^{\log p_j / T}} = \frac{p_i^{1/T}}{\sum_j p_j^{1/T}}$$

# %%
def with_temperature(p, t):
    q = p ** (1 / t)
    return q / q.sum()


check(3, with_temperature)


# %% [markdown]
# **4.** The $k$-th largest entry is the smallest that stays. Dividing what is left by its sum keeps all ratios. (A logit of
# $-\infty$ does the same before the softmax: $e^{-\infty} = 0$.)

# %%
def keep_top_k(p, k):
    kept = np.where(p >= np.sort(p)[-k], p, 0)
    return kept / kept.sum()


check(4, keep_top_k)


# %% [markdown]
# **5.** Add up from the likeliest on. Each sum that is still below the share needs one more token, and one more is the last:
# the one that reaches it. (The small number keeps rounding from turning "just reached" into "just missed".)

# %%
def kept_by_top_p(p, share):
    sums = np.cumsum(np.sort(p)[::-1])
    return int(np.sum(sums < share - 1e-9)) + 1


check(5, kept_by_top_p)


# %% [markdown]
# **6.** Row $t$ of causal attention is $\text{softmax}(q_t K_{\le t}^\top / \sqrt{D})\,V_{\le t}$, and $\le t$ includes the new
# token itself.

# %%
def cached_step(keys, values, query, key, value):
    keys, values = np.vstack([keys, key]), np.vstack([values, value])   # (T + 1, D), (T + 1, E)
    weights = F.softmax(keys @ query / math.sqrt(len(query)))           # (T + 1,)
    return weights @ values


check(6, cached_step)


# %% [markdown]
# **7.** Token $i$ is drawn with probability $q_i = p_i^{1/T} / \sum_j p_j^{1/T}$, and its surprise is $-\log p_i$, so the
# expectation is $S(T) = -\sum_i q_i \log p_i$. At $T = 1$, $q = p$ and $S$ is the entropy of $p$.
#
# Why does it grow with $T$, as the lesson's picture shows? Let $\beta = 1/T$ and $s_i = -\log p_i$; then $q_i \propto
# e^{-\beta s_i}$ and $S = \sum_i q_i s_i$. With $Z = \sum_j e^{-\beta s_j}$,
#
# $$\frac{\partial q_i}{\partial \beta} = -s_i q_i + q_i \sum_j q_j s_j = -q_i (s_i - S), \qquad
# \frac{\partial S}{\partial \beta} = -\sum_i q_i (s_i - S) s_i = -\sum_i q_i (s_i - S)^2$$
#
# (in the last step $\sum_i q_i (s_i - S) S = 0$ was added). That is minus the variance of the surprise, never positive: a
# larger $\beta$, a smaller $T$, means less surprise, strictly so unless all tokens that can be drawn are equally likely.

# %%
def expected_surprise(p, t):
    q = p ** (1 / t)
    q /= q.sum(axis=-1, keepdims=True)
    return -np.sum(q * np.log(p), axis=-1)


check(7, expected_surprise)
