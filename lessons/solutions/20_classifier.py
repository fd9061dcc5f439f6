# %% [markdown]
# # 20 · A classifier: solutions
#
# The lesson: [20_classifier.ipynb](../20_classifier.ipynb).

# %%
import numpy as np

from tinyllm.book import open_lesson
from tinyllm.data import pad_batch

check = open_lesson("20_classifier", strict=True).check

# %% [markdown]
# **1.** Three texts, three rows. The longest is cut to 3, so the rectangle is 3 wide; 2 + 1 + 3 tokens are real.

# %%
ids, mask = pad_batch([[1, 2], [3], [4, 5, 6, 7]], pad_id=0, max_length=3)
assert (ids.shape, mask.sum()) == ((3, 3), 6)
check(1, ((3, 3), 6))


# %% [markdown]
# **2.** $v = \sum_t m_t h_t / \sum_t m_t$. The mask gets an axis of length 1 at the end, (B, T, 1), and is broadcast over
# the features; the divisor keeps its axis, (B, 1), and is broadcast over them too.

# %%
def mean_of_real(h, mask):
    return np.sum(h * mask[:, :, None], axis=1) / np.sum(mask, axis=1, keepdims=True)


check(2, mean_of_real)


# %% [markdown]
# **3.** The number that wins against nothing is $-\infty$: with it a padding place is the maximum only if there is no real
# token at all.

# %%
def max_of_real(h, mask):
    return np.max(np.where(mask[:, :, None], h, -np.inf), axis=1)


check(3, max_of_real)


# %% [markdown]
# **4.** `counts[labels, guesses] += 1` reads, adds and writes back *once* for each distinct pair (lesson 5 met the same
# trap in the gradient of indexing). `np.add.at` adds as often as a pair occurs. Another way numbers the cells, label · k +
# guess, and counts these numbers.

# %%
def confusion(labels, guesses, k):
    counts = np.zeros((k, k), int)
    np.add.at(counts, (labels, guesses), 1)
    return counts


def confusion_by_numbers(labels, guesses, k):
    return np.bincount(labels * k + guesses, minlength=k * k).reshape(k, k)


rng = np.random.default_rng(0)
labels, guesses = rng.integers(0, 3, (2, 50))
np.testing.assert_array_equal(confusion(labels, guesses, 3), confusion_by_numbers(labels, guesses, 3))
check(4, confusion)


# %% [markdown]
# **5.** The row sum of a class is TP + FN, its column sum TP + FP. Together they are 2 TP + FP + FN, the denominator of
#
# $$F_1 = \frac{2}{1/\text{precision} + 1/\text{recall}} = \frac{2\,TP}{(TP + FP) + (TP + FN)}$$

# %%
def mean_f1(counts):
    return np.mean(2 * np.diag(counts) / (counts.sum(axis=0) + counts.sum(axis=1)))


check(5, mean_f1)


# %% [markdown]
# **6.** With $n_b = \sum_t m_{bt}$ the pooled vector is $v_{bc} = \sum_t \frac{m_{bt}}{n_b} h_{btc}$. The entry $h_{btc}$
# occurs in $v_{bc}$ alone, with the factor $m_{bt}/n_b$, so
#
# $$\frac{\partial L}{\partial h_{btc}} = \frac{m_{bt}}{n_b}\, g_{bc}$$
#
# Real tokens share the gradient in equal parts, padding gets nothing.

# %%
def gradient_of_mean(mask, g):
    share = mask / mask.sum(axis=1, keepdims=True)                                              # (B, T)
    return share[:, :, None] * g[:, None, :]                                                    # (B, T, C)


check(6, gradient_of_mean)


# %% [markdown]
# **7.** Write $n$ for a text's real tokens and $v$ for the mean over them. The sum over all $T$ places is $n v$ from the
# real tokens and $(T - n)\,p$ from the padding:
#
# $$T \cdot \text{leaky} = n v + (T - n)\, p \qquad\Longrightarrow\qquad v = \frac{T \cdot \text{leaky} - (T - n)\, p}{n}$$
#
# Note what it needs: $T$, the length of the longest text *of that batch*. A log that holds the vectors and not the batches
# cannot be repaired. (In a real network $p$ differs from place to place as well, for positions are in it.)

# %%
def recovered(leaky, mask, p):
    n, t = mask.sum(axis=1, keepdims=True), mask.shape[1]                                       # (B, 1), a number
    return (t * leaky - (t - n) * p) / n


check(7, recovered)
