# %% [markdown]
# # 27 · Two objectives at once: solutions
#
# The lesson: [27_two_objectives.ipynb](../27_two_objectives.ipynb).

# %%
import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("27_two_objectives", strict=True).check

# %% [markdown]
# **1.** `<cls> a a <sep>` are segment 0, `b b b <sep>` segment 1: each `<sep>` closes the text before it.

# %%
check(1, [0, 0, 0, 0, 1, 1, 1, 1])


# %% [markdown]
# **2.** One `<cls>` in front, by whose vector the pair is judged; a `<sep>` behind each text.

# %%
def packed(a, b):
    return np.array([1, *a, 2, *b, 2])


check(2, packed)


# %% [markdown]
# **3.** Count the `<sep>` *before* each place: 0 in A (its own `<sep>` included), 1 in B (likewise), 2 in the padding,
# which is to be 0.

# %%
def segments_of(ids):
    before = np.cumsum(ids == 2) - (ids == 2)
    return (before == 1).astype(int)


check(3, segments_of)


# %% [markdown]
# **4.** The probability of the right answer of each question is picked by two arrays of places. The two tasks have a mean
# each, because they ask different numbers of questions, and the two means are added:
#
# $$L = -\frac1M \sum_{m} \log P(x_m) - \frac1B \sum_b \log P(y_b)$$

# %%
def joint_loss(words, targets, pairs, labels):
    masked = -np.mean(words[np.arange(len(targets)), targets])
    following = -np.mean(pairs[np.arange(len(labels)), labels])
    return masked + following


check(4, joint_loss)


# %% [markdown]
# **5.** Intersection over union (the Jaccard index). Both are the same for $(a, b)$ and $(b, a)$: that is why it can say
# nothing about order.

# %%
def shared(a, b):
    return len(np.intersect1d(a, b)) / len(np.union1d(a, b))


check(5, shared)


# %% [markdown]
# **6.** With $n = \sum_d n_d$ sentences there are $n(n-1)$ ordered pairs of different ones, all equally likely. In a
# document of $n_d$ sentences each but the last is followed by one: $n_d - 1$ pairs. So
#
# $$P = \frac{\sum_d (n_d - 1)}{n (n - 1)} \qquad \text{and for a single document} \quad \frac{n - 1}{n(n-1)} = \frac1n$$

# %%
def chance_of_following(sizes):
    n = sizes.sum()
    return (sizes - 1).sum() / (n * (n - 1))


check(6, chance_of_following)
