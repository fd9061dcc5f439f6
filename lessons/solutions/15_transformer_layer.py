# %% [markdown]
# # 15 · The Transformer layer: solutions
#
# The lesson: [15_transformer_layer.ipynb](../15_transformer_layer.ipynb).

# %%
import math

import numpy as np

import tinyllm.functional as F
from tinyllm.book import open_lesson

check = open_lesson("15_transformer_layer", strict=True).check

# %% [markdown]
# **1.** Attention: four matrices of $10 \cdot 10$ and four biases of 10, 440. Network: $10 \cdot 40 + 40$ and $40 \cdot 10
# + 10$, together 850. Norms: two, each with a weight and a bias of 10, together 40. The number of heads does not matter.

# %%
check(1, (440, 850, 40))


# %% [markdown]
# **2.** Both biases are rows that broadcast over the tokens (lesson 2).

# %%
def feed_forward(x, w1, b1, w2, b2):
    return np.maximum(0, x @ w1 + b1) @ w2 + b2


check(2, feed_forward)


# %% [markdown]
# **3.** Each sublayer reads a normalised copy of the stream and adds to the stream itself. The second reads what the first
# has left.

# %%
def norm(x):
    return F.layer_norm(x, np.ones(x.shape[-1]))


def encoder_layer(x, w1, w2):
    h = norm(x)
    x = x + F.attention(h, h, h)
    return x + np.maximum(0, norm(x) @ w1) @ w2


check(3, encoder_layer)


# %% [markdown]
# **4.** The target asks, the source answers. Scores are $(T, S)$, so the result has a row for each token of the target. The
# lengths T and S need not be equal; the widths C only need to fit the matrices.

# %%
def cross_attention(y, s, w_q, w_k, w_v):
    return F.attention(y @ w_q, s @ w_k, s @ w_v)


check(4, cross_attention)


# %% [markdown]
# **5.** As 3, with a mask in the first sublayer and a second one that asks the source.

# %%
def decoder_layer(y, s, w1, w2):
    h = norm(y)
    y = y + F.attention(h, h, h, causal=True)
    y = y + F.attention(norm(y), s, s)
    return y + np.maximum(0, norm(y) @ w1) @ w2


check(5, decoder_layer)


# %% [markdown]
# **6.** A perfect model gives the right word the probability 1 and the $n - 1$ others 0. The second softmax gets the scores
# $s$ and, $n - 1$ times, 0. It gives the right word $e^s / (e^s + (n - 1) e^0)$, and the loss is
#
# $$-\ln \frac{e^s}{e^s + n - 1} = \ln(e^s + n - 1) - s$$
#
# Can any other output do better? The loss falls when the right word's score rises and when another's falls; with
# probabilities between 0 and 1, all of that ends at 1 and 0. So this is the floor. For large $s$ it tends to 0: scaling the
# probabilities up would undo the fault, and leaving out the first softmax does so for nothing.

# %%
def floor(n, s):
    return math.log(math.exp(s) + n - 1) - s


check(6, floor)
