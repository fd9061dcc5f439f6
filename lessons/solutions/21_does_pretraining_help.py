# %% [markdown]
# # 21 · Does pretraining help?: solutions
#
# The lesson: [21_does_pretraining_help.ipynb](../21_does_pretraining_help.ipynb).

# %%
import numpy as np

import tinyllm.functional as F
from tinyllm.autograd import grad
from tinyllm.book import open_lesson

check = open_lesson("21_does_pretraining_help", strict=True).check

# %% [markdown]
# **1.** 800/16 = 50 updates an epoch, 150 in three. Each moves a weight by about the rate at most: 150 · 2e-5 = 0.003, a
# small part of a weight of size 0.1.

# %%
check(1, (150, 150 * 2e-5))


# %% [markdown]
# **2.** By the validation side one chooses. Its largest number is too good, for it was picked because it is large. The test
# number of the chosen method was not looked at while choosing, so nothing pulls it up.

# %%
def reported_accuracy(valid, test):
    return test[np.argmax(valid)]


check(2, reported_accuracy)


# %% [markdown]
# **3.** The way up has value $(step + 1)/(warmup + 1)$, which would reach 1 at step = warmup; there the way down begins:
# what is left, total − step, as a share of the whole way, total − warmup.

# %%
def factor(step, warmup, total):
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return max(0.0, (total - step) / (total - warmup))


check(3, factor)


# %% [markdown]
# **4.** With equal seeds both methods have the same labels and, where they can, the same first weights. An easy draw is
# easy for both, and drops out of the difference: $\text{Var}(a - b) = \text{Var}(a) + \text{Var}(b) - 2\,\text{Cov}(a, b)$,
# and the covariance is what pairing saves. A mean of $N$ independent differences has variance $\sigma^2/N$ (lesson 12 added
# variances the same way), hence the √N.

# %%
def paired(a, b):
    d = a - b
    return d.mean(), np.std(d, ddof=1) / np.sqrt(len(d))


check(4, paired)


# %% [markdown]
# **5.** The library's `LabelledTexts.few` does the same with a random order of each class's rows, drawn from the seed.

# %%
def first_of_each(labels, k):
    return np.sort(np.concatenate([np.flatnonzero(labels == c)[:k] for c in np.unique(labels)]))


check(5, first_of_each)


# %% [markdown]
# **6.** Lesson 8 found for one text $\partial L / \partial z = p - \text{onehot}$; the mean over $N$ divides by $N$. The
# logits are a linear layer, $z_{nk} = \sum_c v_{nc} w_{kc} + b_k$, so (lesson 7)
#
# $$\frac{\partial L}{\partial w_{kc}} = \sum_n \frac{\partial L}{\partial z_{nk}} v_{nc}
# \qquad\text{that is}\qquad \frac{\partial L}{\partial w} = \frac{1}{N} (p - \text{onehot})^\top v$$
#
# Differentiated by the library it is the same:

# %%
def gradient_of_probe(v, w, b, labels):
    p = F.softmax(v @ w.T + b)                                                                  # (N, K)
    return (p - np.eye(len(w))[labels]).T @ v / len(v)                                          # (K, C)


rng = np.random.default_rng(0)
v, w, b, labels = rng.standard_normal((6, 4)), rng.standard_normal((3, 4)), rng.standard_normal(3), rng.integers(0, 3, 6)
by_library = grad(lambda w: F.cross_entropy(F.linear(v, w, b), labels))(w)
np.testing.assert_allclose(gradient_of_probe(v, w, b, labels), by_library, rtol=1e-6)
check(6, gradient_of_probe)
