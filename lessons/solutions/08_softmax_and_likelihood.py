# %% [markdown]
# # 8 · Softmax and likelihood: solutions
#
# The lesson: [08_softmax_and_likelihood.ipynb](../08_softmax_and_likelihood.ipynb).

# %%
import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("08_softmax_and_likelihood", strict=True).check

# %% [markdown]
# **1.** The exponential undoes the logarithm: $e^{\ln 1}, e^{\ln 2}, e^{\ln 5}$ are 1, 2 and 5, with sum 8. Scores which
# are logarithms of *any* positive weights give these weights, divided by their sum.

# %%
check(1, (1 / 8, 2 / 8, 5 / 8))


# %% [markdown]
# **2.** With $m$ the largest score of the row, numerator and denominator both get the factor $e^{-m}$:
#
# $$\frac{e^{x_i - m}}{\sum_k e^{x_k - m}} = \frac{e^{-m} e^{x_i}}{e^{-m} \sum_k e^{x_k}} = \frac{e^{x_i}}{\sum_k e^{x_k}}$$
#
# Each row needs a maximum of its own. With the largest of the whole matrix, a row that lies 2000 lower would be 0/0.

# %%
def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


check(2, softmax)


# %% [markdown]
# **3.** $-\ln y_t = \ln \sum_k e^{x_k} - x_t$, with the same shift as above so that no exponential overflows, and the mean
# over the places.

# %%
def cross_entropy(logits, targets):
    shifted = logits - np.max(logits, axis=-1, keepdims=True)                   # (N, V)
    log_total = np.log(np.sum(np.exp(shifted), axis=-1))                        # (N,)
    return np.mean(log_total - shifted[np.arange(len(targets)), targets])


check(3, cross_entropy)


# %% [markdown]
# **4.** The loss is $L = -\frac{1}{N}\sum_n \ln p_n$, the perplexity $e^L$. Written as a product, it is
# $\big(\prod_n 1/p_n\big)^{1/N}$: the *geometric* mean of the numbers $1/p_n$. (Test: if every $p_n$ is $1/V$, it is $V$.)

# %%
def perplexity(p):
    return np.exp(-np.mean(np.log(p)))


check(4, perplexity)


# %% [markdown]
# **5.** Each pair of neighbours adds 1 at [token, next token]. `np.add.at` also adds when a pair occurs twice;
# `counts[a, b] += 1` would write the same 1 twice. Dividing a row by its sum gives shares, which the theorem of the lesson
# proves to be the most likely model. A row of zeros has no shares; even probabilities are what a table of equal scores says.

# %%
def bigram_model(ids, n):
    counts = np.zeros((n, n))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    seen = counts.sum(axis=1, keepdims=True)                                    # (n, 1)
    return np.where(seen > 0, counts / np.maximum(seen, 1), 1 / n)


check(5, bigram_model)


# %% [markdown]
# **6.** $\partial y_i/\partial x_j = y_i(\delta_{ij} - y_j)$, so row by row
#
# $$\frac{\partial L}{\partial x_j} = \sum_i g_i y_i \delta_{ij} - \sum_i g_i y_i y_j = y_j\Big(g_j - \sum_i g_i y_i\Big)$$

# %%
def softmax_gradient(y, g):
    return y * (g - np.sum(g * y, axis=-1, keepdims=True))


check(6, softmax_gradient)


# %% [markdown]
# **7.** Put $x = z/\tau$ and $y = \text{softmax}(x)$. The lesson found $\partial L/\partial x_j = y_j - \delta_{tj}$, and
# $dx_j/d\tau = -z_j/\tau^2$. The chain rule, summed over all $j$:
#
# $$\frac{dL}{d\tau} = -\frac{1}{\tau^2} \sum_j (y_j - \delta_{tj}) z_j = \frac{1}{\tau^2} \Big( z_t - \sum_j y_j z_j \Big)$$
#
# It is 0 when the score of what really came equals the score that the model *expects*, the mean of all scores under its own
# probabilities. Averaged over many places, that is the temperature at which a model is neither too sure nor too unsure of
# itself: if the right words score higher than expected, the gradient is positive, and a lower temperature, more certainty,
# lowers the loss. Choosing $\tau$ like this, on data that was not trained on, is called calibration by temperature (Guo et
# al. 2017, §4.2).

# %%
def temperature_gradient(z, t, tau):
    e = np.exp(z / tau - np.max(z / tau))
    y = e / np.sum(e)
    return (z[t] - np.sum(y * z)) / tau**2


check(7, temperature_gradient)
