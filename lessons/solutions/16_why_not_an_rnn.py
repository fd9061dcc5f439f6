# %% [markdown]
# # 16 · Why not an RNN?: solutions
#
# The lesson: [16_why_not_an_rnn.ipynb](../16_why_not_an_rnn.ipynb).

# %%
import math

import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("16_why_not_an_rnn", strict=True).check

# %% [markdown]
# **1.** From $h_1$ to $h_{100}$ there are 99 steps with a Jacobian each. Attention has one softmax between any two words.
# The query of word $t$ needs $t$ scores: $1 + 2 + … + 100 = 100 \cdot 101 / 2 = 5050$.

# %%
check(1, (99, 1, 5050))


# %% [markdown]
# **2.** The state is handed on from step to step.

# %%
def recurrent(x, h0, w_x, w_h, b):
    h, states = h0, []
    for row in x:
        h = np.tanh(row @ w_x.T + h @ w_h.T + b)                                # (H,)
        states.append(h)
    return np.stack(states)                                                     # (T, H)


check(2, recurrent)


# %% [markdown]
# **3.** $h_i = \tanh(a_i)$ with $a_i = … + \sum_j (W_h)_{ij}\, \text{before}_j$, so $\partial h_i/\partial\,
# \text{before}_j = (1 - h_i^2) (W_h)_{ij}$: row $i$ of $W_h$ times $1 - h_i^2$. The column `[:, None]` makes NumPy multiply
# rows.

# %%
def jacobian(h, w_h):
    return (1 - h**2)[:, None] * w_h


check(3, jacobian)


# %% [markdown]
# **4.** $u J_T J_{T-1} \cdots J_1$, from the left: a row times a matrix is a row, so no product of two matrices is needed.
# $u J_t = u\, \text{diag}(1 - h_t^2)\, W_h = \big((1 - h_t^2) \odot u\big) W_h$.

# %%
def gradient_of_first_state(h, w_h, u):
    for state in h[::-1]:
        u = ((1 - state**2) * u) @ w_h                                          # (H,)
    return u


check(4, gradient_of_first_state)


# %% [markdown]
# **5.** $a_t = … + h_{t-1} W_h^T$: the entry $(W_h)_{ij}$ acts on $(a_t)_i$ with the factor $(h_{t-1})_j$, at every step.
# So $\partial L/\partial (W_h)_{ij} = \sum_t (d_t)_i (h_{t-1})_j$, which is a product of $d$ transposed, $(H, T)$, with the
# states before, $(T, H)$.

# %%
def gradient_of_w_h(h0, h, w_h, g):
    d, from_later = np.zeros_like(h), 0
    for t in reversed(range(len(h))):
        d[t] = (1 - h[t] ** 2) * (g[t] + from_later)
        from_later = d[t] @ w_h
    return d.T @ np.concatenate([h0[None], h[:-1]])


check(5, gradient_of_w_h)


# %% [markdown]
# **6.** $r^n \le \text{least}$. Take logarithms: $n \ln r \le \ln \text{least}$. Dividing by $\ln r$, which is *negative*,
# turns the sign round: $n \ge \ln(\text{least}) / \ln r$, and $n$ is the next whole number. (A tiny amount is taken off
# before rounding up, so that an exact hit does not become one step more by a rounding error.) With $r = 0.58$, a millionth
# is reached after 26 steps.

# %%
def steps_until(r, least):
    return math.ceil(math.log(least) / math.log(r) - 1e-9)


assert steps_until(0.58, 1e-6) == 26
check(6, steps_until)


# %% [markdown]
# **7.** The sum rule: the identity, from the state that is handed on as it is, plus the old Jacobian, in which the tanh is
# now $h - \text{before}$:
#
# $$J = I + \text{diag}\big(1 - (h - \text{before})^2\big) W_h$$
#
# The product of such Jacobians contains $I$, one path on which nothing is lost: a cure for *vanishing*. It is none for
# exploding; on the contrary, where $W_h$ has a positive eigenvalue, $1 +$ something is above 1 at every step, and the state
# itself is no longer bounded by 1. The LSTM's gates and the norms of lesson 14 are answers to that.

# %%
def residual_jacobian(before, h, w_h):
    return np.eye(len(h)) + (1 - (h - before) ** 2)[:, None] * w_h


check(7, residual_jacobian)
