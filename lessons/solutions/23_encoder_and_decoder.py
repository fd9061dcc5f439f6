# %% [markdown]
# # 23 · Encoder and decoder: solutions
#
# The lesson: [23_encoder_and_decoder.ipynb](../23_encoder_and_decoder.ipynb).

# %%
import math

import numpy as np

import tinyllm.functional as F
from tinyllm.book import open_lesson
from tinyllm.models import Seq2Seq, Seq2SeqConfig

check = open_lesson("23_encoder_and_decoder", strict=True).check

# %% [markdown]
# **1.** The memory has a row for each source token, (2, 7, 32). In cross-attention each of the 5 target tokens asks each of
# the 7 source tokens, in each of 4 heads: (2, 4, 5, 7). The logits say for each target token what comes next: (2, 5, 100).

# %%
check(1, ((2, 7, 32), (2, 4, 5, 7), (2, 5, 100)))


# %% [markdown]
# **2.** The logarithm of a product is the sum of the logarithms, and the logarithm of factor $t$ is the target's entry of
# row $t$ of the log-softmax:
#
# $$\log P(\mathbf{y} \mid \mathbf{x}) = \sum_t \Big( z_{t, y_t} - \log \sum_v e^{z_{tv}} \Big)$$

# %%
def log_probability_of(logits, y):
    return np.sum(F.log_softmax(logits)[np.arange(len(y)), y])


check(2, log_probability_of)


# %% [markdown]
# **3.** Source place $s$ of example $b$ is real where $s <$ `lengths[b]`, for every target token alike. (In practice one
# leaves the axis of the target at size 1 and lets broadcasting repeat it.)

# %%
def cross_mask(lengths, S, T):
    real = np.arange(S) < lengths[:, None]                                      # (B, S)
    return np.broadcast_to(real[:, None, None, :], (len(lengths), 1, T, S))


check(3, cross_mask)


# %% [markdown]
# **4.** The target asks; the memory is asked and fetched.

# %%
def cross_attention(y, m, w_q, w_k, w_v):
    return F.attention(y @ w_q, m @ w_k, m @ w_v)


check(4, cross_attention)


# %% [markdown]
# **5.** A decoder's layer has what an encoder's has and one attention more, four matrices with biases, $4C^2 + 4C$, with
# its norm, $2C$: together $16C^2 + 19C$. Outside of the layers: one embedding, $VC$, two tables of positions, $2NC$, and a
# last norm for each stack, $2 \cdot 2C$. Counted on the library's model too:

# %%
def n_parameters(V, C, N, n):
    return V * C + 2 * N * C + n * (12 * C**2 + 13 * C) + n * (16 * C**2 + 19 * C) + 4 * C


config = Seq2SeqConfig(100, context=16, n_layers=3, n_heads=4, d_model=32, positions="learned")
assert n_parameters(100, 32, 16, 3) == Seq2Seq(config).n_parameters()
check(5, n_parameters)


# %% [markdown]
# **6.** A text that has not ended after $N$ signs has failed to end $N$ times, which is a product of the $1 - e_t$ by F9
# (each factor given that it had not ended before):
#
# $$P(\text{length} \le N) = 1 - \prod_{t=1}^{N} (1 - e_t)$$
#
# If every $e_t$ is at least some $\varepsilon > 0$, the product tends to 0: all texts end, and the probabilities of all of
# them, of any length, sum to 1. If the $e_t$ shrink fast enough, it does not, and the model gives a share of its
# probability to texts that never end.

# %%
def ended(e):
    return 1 - np.prod(1 - e)


check(6, ended)


# %% [markdown]
# **7.** $M$ occurs twice in $O = \text{softmax}(YM^\top/\sqrt{C})\, M$, and gradients of two uses add. As values, with $P$
# fixed: $P^\top g$ (lesson 12, exercise 5). As keys, with the values fixed: lesson 12's exercise 6 gives the gradient of
# the scores $Z = YM^\top/\sqrt{C}$,
#
# $$\frac{\partial L}{\partial Z_{ts}} = P_{ts} \Big( (gM^\top)_{ts} - \sum_{s'} P_{ts'} (gM^\top)_{ts'} \Big)$$
#
# and $Z_{ts} = \sum_c Y_{tc} M_{sc} / \sqrt{C}$ gives $M_{sc}$ the sum over $t$ of $\partial L/\partial Z_{ts} \cdot Y_{tc}
# / \sqrt{C}$:
#
# $$\frac{\partial L}{\partial M} = P^\top g + \Big(\frac{\partial L}{\partial Z}\Big)^{\!\top} \frac{Y}{\sqrt{C}}$$

# %%
def gradient_of_memory(y, m, g):
    p = F.attention_weights(y, m)                                               # (T, S)
    gp = g @ m.T
    gz = p * (gp - np.sum(p * gp, axis=-1, keepdims=True))
    return p.T @ g + gz.T @ y / math.sqrt(y.shape[-1])


check(7, gradient_of_memory)
