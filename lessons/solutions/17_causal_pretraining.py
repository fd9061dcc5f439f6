# %% [markdown]
# # 17 · Causal pretraining: solutions
#
# The lesson: [17_causal_pretraining.ipynb](../17_causal_pretraining.ipynb).

# %%
import math

import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("17_causal_pretraining", strict=True).check

# %% [markdown]
# **1.** The three tokens cost 1, 2 and 3 bits. The mean is 2 bits a token, and $2^2 = 4$. In other words: the probability of
# the text is $\tfrac12 \cdot \tfrac14 \cdot \tfrac18 = \tfrac1{64}$, and a text of three tokens that are each one of four
# equally likely ones has the same, $(\tfrac14)^3$.

# %%
check(1, 4)


# %% [markdown]
# **2.** The token at place $t$ of the ids is followed by the one at place $t$ of the targets. A window of $T + 1$ tokens has
# $T$ such pairs.

# %%
def shift(windows):
    return windows[:, :-1], windows[:, 1:]


check(2, shift)


# %% [markdown]
# **3.** $\log P(x_1, \dots, x_n) = \log P(x_1) + \sum_{i=2}^n \log P(x_i \mid x_{i-1})$. The pairs (before, after) are
# `text[:-1]` and `text[1:]`, the shift of exercise 2; indexing with two integer arrays picks one entry of the table for each
# pair. Logarithms are added rather than probabilities multiplied: the product of a thousand factors of ½ is smaller than
# any float64 except 0 can show after 1,074 of them.

# %%
def log_likelihood(first, following, text):
    return math.log(first[text[0]]) + np.log(following[text[:-1], text[1:]]).sum()


check(3, log_likelihood)


# %% [markdown]
# **4.** $e^L$ with $L = -\frac1T \sum_t \log p_t$. So perplexity is the geometric mean of the $1/p_t$:
# $e^{\frac1T \sum_t \log (1/p_t)} = \big(\prod_t 1/p_t\big)^{1/T}$.

# %%
def perplexity(p):
    return math.exp(-np.log(p).mean())


check(4, perplexity)


# %% [markdown]
# **5.** All tokens together cost `loss * n_tokens` nats. A probability of ½ costs $\ln 2$ nats and 1 bit, so nats divided by
# $\ln 2$ are bits.

# %%
def bits_per_character(loss, n_tokens, n_characters):
    return loss * n_tokens / math.log(2) / n_characters


check(5, bits_per_character)


# %% [markdown]
# **6.** Rows and columns of the entries that count, and a mean over these. (With −1 left among the columns NumPy would not
# complain: it would count from the end. That is why the library marks such places with −100, which is an error wherever it
# is used as an index into a vocabulary of fewer than 100 tokens, and why it checks.)

# %%
def counted_loss(log_p, targets):
    rows = np.flatnonzero(targets >= 0)
    return -log_p[rows, targets[rows]].mean()


check(6, counted_loss)


# %% [markdown]
# **7.** With $a$, $b$ for the two tokens, $P(a \mid b)\,P(b \mid a) = \frac{P(a,b)^2}{P(a)P(b)}$, so the function is
#
# $$S = \sum_{a,b} \frac{P(a,b)^2}{P(a)P(b)}$$
#
# Why is it never below 1? Look at how far $P(a, b)$ is from the product of its margins:
#
# $$\sum_{a,b} \frac{\big(P(a,b) - P(a)P(b)\big)^2}{P(a)P(b)} = \sum_{a,b} \frac{P(a,b)^2}{P(a)P(b)} - 2\sum_{a,b} P(a,b) +
# \sum_{a,b} P(a)P(b) = S - 2 + 1$$
#
# The left side is a sum of squares, so $S \ge 1$, and $S = 1$ exactly when $P(a,b) = P(a)P(b)$ everywhere: when the two
# tokens have nothing to do with each other. (Statisticians know $S - 1$ as $\chi^2$, a measure of dependence.) So the more
# the tokens of a text say about each other, which is what a language model wants to know, the more a two-sided product
# overcounts. In the lesson's example of two equal tokens, $S = 2$.

# %%
def total_of_both_sides(joint):
    first_given_second = joint / joint.sum(axis=0, keepdims=True)
    second_given_first = joint / joint.sum(axis=1, keepdims=True)
    return (first_given_second * second_given_first).sum()


check(7, total_of_both_sides)
