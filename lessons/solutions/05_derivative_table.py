# %% [markdown]
# # 05 · The derivative table: solutions
#
# The lesson: [05_derivative_table.ipynb](../05_derivative_table.ipynb).

# %%
import numpy as np

from tinyllm import gradcheck, operation
from tinyllm.book import open_lesson

check = open_lesson("05_derivative_table", strict=True).check
rng = np.random.default_rng(0)

# %% [markdown]
# **1.** $Y$ has $32 \cdot 50 = 1600$ entries and $W$ has $100 \cdot 50 = 5000$, so the Jacobian has $1600 \cdot 5000$. The
# rule $X^\top g$, $(100, 32)(32, 50)$, answers an array of the shape of $W$.

# %%
check(1, (1600 * 5000, 5000))


# %% [markdown]
# **2.** With $u = 1 + e^{-x}$ and $y = u^{-1}$, the chain rule gives
#
# $$\frac{dy}{dx} = -u^{-2} \cdot (-e^{-x}) = \frac{1}{u} \cdot \frac{e^{-x}}{u} = y\,(1 - y)$$
#
# because $e^{-x}/u = (u - 1)/u = 1 - y$.

# %%
def sigmoid_rule(g, y):
    return g * y * (1.0 - y)


check(2, sigmoid_rule)


# %% [markdown]
# **3.** $x_{tc}$ occurs in $y_{tc}$ alone, with factor $s_c$: $\partial L/\partial x_{tc} = g_{tc} s_c$. And $s_c$ occurs
# in $y_{tc}$ for every $t$, with factor $x_{tc}$: $\partial L/\partial s_c = \sum_t g_{tc} x_{tc}$.

# %%
def scale_rules(g, x, s):
    return g * s, np.sum(g * x, axis=0)


check(3, scale_rules)
scaled = operation(lambda x, s: (x * s, lambda g: scale_rules(g, x, s)))
gradcheck(scaled, [rng.standard_normal((4, 3)), rng.standard_normal(3)])


# %% [markdown]
# **4.** $\partial L/\partial w_j = \sum_{k:\, i_k = j} g_k$: zeros, to which every $g_k$ is added at row $i_k$.

# %%
def lookup_rule(g, ids, V):
    w_bar = np.zeros((V, g.shape[1]))
    np.add.at(w_bar, ids, g)
    return w_bar


check(4, lookup_rule)

# %% [markdown]
# There is a second way to see it. Let $E$ of shape $(K, V)$ have a 1 at $(k, i_k)$ and zeros elsewhere. Then $y = E w$, a
# matrix product, whose rule says $\partial L/\partial w = E^\top g$. The same sums, with many zeros added.

# %%
g, ids = rng.standard_normal((5, 2)), np.array([3, 0, 3, 1, 3])
np.testing.assert_allclose(lookup_rule(g, ids, 4), np.eye(4)[ids].T @ g)


# %% [markdown]
# **5.** $x_i$ occurs in $y_j$ for all $j \ge i$, with factor 1: $\partial L/\partial x_i = \sum_{j \ge i} g_j$, a running
# sum from the other end. Turn $g$ round, sum, turn back.

# %%
def running_sum_rule(g):
    return np.cumsum(g[::-1])[::-1]


check(5, running_sum_rule)


# %% [markdown]
# **6.** Call the two uses $A = X$ and $B = X^\top$; $Y = AB$. The rules of the product give $\partial L/\partial A = g
# B^\top = gX$ and $\partial L/\partial B = A^\top g = X^\top g$. The transpose carries the second back to the shape of $X$:
# $(X^\top g)^\top = g^\top X$. Uses add:
#
# $$\frac{\partial L}{\partial X} = gX + g^\top X = (g + g^\top)\, X$$
#
# For one row and one column it is the derivative of $x^2$: $2 g x$.

# %%
def all_pairs_rule(g, x):
    return (g + g.T) @ x


check(6, all_pairs_rule)
gradcheck(operation(lambda x: (x @ x.T, lambda g: (all_pairs_rule(g, x),))), [rng.standard_normal((4, 3))])


# %% [markdown]
# **7.** With $S = \sum_j e^{x_j}$: $y = \log S$, so $\partial y/\partial x_i = \frac1S e^{x_i}$ and
#
# $$\frac{\partial L}{\partial x_i} = g\, \frac{e^{x_i}}{\sum_j e^{x_j}}$$
#
# One may subtract any $m$ from all $x$: numerator and denominator both get the factor $e^{-m}$, which cancels. With $m =
# \max x$ no exponent is above 0, and the sum is at least 1. The fraction is called the **softmax** of $x$, and lesson 8 is
# about it.

# %%
def log_sum_exp_rule(g, x):
    e = np.exp(x - np.max(x))
    return g * e / np.sum(e)


check(7, log_sum_exp_rule)
