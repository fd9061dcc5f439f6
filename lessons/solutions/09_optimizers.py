# %% [markdown]
# # 09 · Optimisers: solutions
#
# The lesson: [09_optimizers.ipynb](../09_optimizers.ipynb).

# %%
import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("09_optimizers", strict=True).check

# %% [markdown]
# **1.** The curvature is the second derivative, $(4x^2)'' = 8$. The edge is $2/8 = 0.25$: there $x \leftarrow x - 0.25
# \cdot 8x = -x$.

# %%
check(1, 0.25)


# %% [markdown]
# **2.** The sum first, then the move by it.

# %%
def momentum_step(x, v, g, rate, mu):
    v = mu * v + g
    return x - rate * v, v


check(2, momentum_step)


# %% [markdown]
# **3.** $m = (1 - \beta_1) g$, and the hat divides by $1 - \beta_1$: $\hat m = g$. In the same way $\hat v = g^2$. The
# betas cancel, and the step is $g / (|g| + \epsilon)$ times the rate.

# %%
def adam_first_step(x, g, rate, beta1, beta2):
    return x - rate * g / (np.abs(g) + 0.01)


check(3, adam_first_step)


# %% [markdown]
# **4.** The formula of the lesson. The decay does not pass through the division by $\sqrt{\hat v}$.

# %%
def adamw_step(x, g, m, v, t, rate, decay, beta1, beta2):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - rate * decay) * x - rate * m_hat / (np.sqrt(v_hat) + 0.01), m, v


check(4, adamw_step)


# %% [markdown]
# **5.** All entries get the same factor, so the direction stays. A gradient of length 0 must not be divided by.

# %%
def clipped(g, c):
    length = np.sqrt(np.sum(g * g))
    return g * (c / length) if length > c else g


check(5, clipped)


# %% [markdown]
# **6.** After $k$ steps $v_k = g (1 + \mu + \dots + \mu^{k-1}) = g \frac{1 - \mu^k}{1 - \mu}$. The moves add up to
#
# $$-\eta \sum_{k=1}^{n} v_k = -\frac{\eta g}{1 - \mu} \Big(n - \sum_{k=1}^{n} \mu^k\Big)
# = -\frac{\eta g}{1 - \mu} \Big(n - \mu \frac{1 - \mu^n}{1 - \mu}\Big)$$
#
# For large $n$ this is $n$ steps of $\frac{\eta}{1 - \mu}$, less a constant: the time it took to get rolling.

# %%
def distance(g, rate, mu, n):
    return -rate * g / (1 - mu) * (n - mu * (1 - mu**n) / (1 - mu))


check(6, distance)
