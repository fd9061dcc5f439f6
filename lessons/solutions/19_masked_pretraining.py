# %% [markdown]
# # 19 · Masked pretraining: solutions
#
# The lesson: [19_masked_pretraining.ipynb](../19_masked_pretraining.ipynb).

# %%
import numpy as np

import tinyllm.functional as F
from tinyllm.book import open_lesson

check = open_lesson("19_masked_pretraining", strict=True).check

# %% [markdown]
# **1.** 15% of 1,000 are 150 chosen places, and all of them count. 80% of these, 120, show `<mask>`; 10%, 15, a random token.
# So 120 + 15 = 135 show something else than the text has there, and the last 15 count although the right token is shown.

# %%
check(1, (150, 120, 135, 15))


# %% [markdown]
# **2.** The original tokens at the hidden places, and −100, which no token is called, at all others.

# %%
def targets_of(ids, hidden):
    return np.where(hidden, ids, -100)


check(2, targets_of)


# %% [markdown]
# **3.** The first throw decides *whether*, the second behind *what*. Between 0.8 and 0.9 lies a tenth of all throws, above 0.9
# another.

# %%
def what_is_shown(ids, first, second, words, mask_id, p):
    replaced = np.where(second < 0.8, mask_id, np.where(second < 0.9, words, ids))
    return np.where(first < p, replaced, ids)


check(3, what_is_shown)


# %% [markdown]
# **4.** The mean over the hidden places alone, as in lesson 17's exercise with −1.

# %%
def masked_loss(log_p, targets):
    hidden = np.flatnonzero(targets != -100)
    return -log_p[hidden, targets[hidden]].mean()


check(4, masked_loss)


# %% [markdown]
# **5.** Let $N$ be the number of hidden places. $L = \frac1N \sum_{i \in M} \ell_i$, where $\ell_i$ depends on row $i$ of the
# logits only. So rows outside $M$ have gradient 0, and for the others lesson 8's result is divided by $N$:
#
# $$\frac{\partial L}{\partial z_{iv}} = \begin{cases} \frac1N \big(\text{softmax}(z_i)_v - [v = x_i]\big) & i \in M \\ 0 &
# \text{else} \end{cases}$$
#
# Here one sees why copying is not rewarded: what the model says about a shown place that was not chosen has no gradient at
# all.

# %%
def gradient_of_logits(logits, targets):
    hidden = np.flatnonzero(targets != -100)
    gradient = np.zeros_like(logits)
    gradient[hidden] = F.softmax(logits[hidden])
    gradient[hidden, targets[hidden]] -= 1
    return gradient / len(hidden)


check(5, gradient_of_logits)


# %% [markdown]
# **6.** Bayes' rule: the probability that $v$ is right, given that $s$ is shown, is proportional to (the probability of $v$
# before we look) times (the probability that $s$ is shown if $v$ is right). The second is $k$ if $s = v$, for the share that
# shows the token itself, plus $r/V$ in any case, for a random token that happens to be $s$:
#
# $$P(v \mid s \text{ shown}) = \frac{q_v \left(k\,[v = s] + r/V\right)}{\sum_u q_u \left(k\,[u = s] + r/V\right)}$$
#
# - $k = 0$: the factor is $r/V$ for all $v$ and cancels. The shown token tells nothing, as the second row of the lesson's
#   table shows.
# - $r = 0$: everything but $v = s$ gets 0. Blind belief, the third row.
# - $k = r = 0.1$: the odds of $s$ are $\frac{q_s}{1 - q_s} \cdot \frac{k + r/V}{r/V} = \frac{q_s}{1 - q_s}(V + 1)$. The model
#   should believe what it sees unless the context finds it rarer than about one in $V$: a small doubt, and a useful one.
#   A token that fits is believed, one that is absurd at this place is not.

# %%
def belief_given_shown(q, s, k, r):
    likelihood = k * (np.arange(len(q)) == s) + r / len(q)
    return q * likelihood / np.sum(q * likelihood)


check(6, belief_given_shown)
