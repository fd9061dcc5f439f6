# %% [markdown]
# # 25 · Beam search: solutions
#
# The lesson: [25_beam_search.ipynb](../25_beam_search.ipynb).

# %%
import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("25_beam_search", strict=True).check

# %% [markdown]
# **1.** Greedy: a (0.6), a (0.5, the tie), a (0.7): aaa, with $0.6 \cdot 0.5 \cdot 0.7 = 0.21$. Width 2 keeps a and b.
# Their children: aa 0.30, ab 0.30, ba 0.04, bb $0.4 \cdot 0.9 = 0.36$. Kept are bb and aa (the tie goes to a). Then bba
# $0.36 \cdot 0.9 = 0.324$ beats aaa 0.21 and all else.

# %%
check(1, ("aaa", "bba"))


# %% [markdown]
# **2.** The sums of the live texts as a column, so that broadcasting adds each to its row; then all in one line, whoever
# their parents are.

# %%
def kept(totals, log_p, k):
    return np.sort((totals[:, None] + log_p).ravel())[::-1][:k]


check(2, kept)


# %% [markdown]
# **3.** For $n = 1$ the penalty is 1, and it grows with $n$; the log probability is negative, so dividing by more brings it
# nearer to 0: better.

# %%
def score(s, n, alpha):
    return s / ((5 + n) / 6) ** alpha


check(3, score)


# %% [markdown]
# **4.** Let a live text have the sum $s \le 0$. Whatever follows adds logarithms of probabilities, which are at most 0, so
# its final sum is at most $s$, and its length at most $N$. As $s$ is negative, the score $s / \text{lp}(n)$ is largest for
# the largest penalty, $\text{lp}(N)$. No live text can therefore score more than $s / \text{lp}(N)$.

# %%
def may_stop(best_score, live_sum, N, alpha):
    return bool(best_score >= live_sum / ((5 + N) / 6) ** alpha)


check(4, may_stop)


# %% [markdown]
# **5.** What is right is no error. Of the rest, the search is to blame where the model finds the reference more probable,
# the model everywhere else.

# %%
def errors(found, reference, right):
    search = ~right & (reference > found)
    model = ~right & ~search
    return int(search.sum()), int(model.sum())


check(5, errors)


# %% [markdown]
# **6.** Before step $t$ there are $V^{t-1}$ beginnings of $t - 1$ words, of which the beam has kept at most $k$, and each
# is continued by $V$ words:
#
# $$\sum_{t=1}^{N} \min(k, V^{t-1})\, V \;\le\; k N V$$
#
# Linear in the length, where trying all texts is exponential. With $k \ge V^{N-1}$ the last step alone forms $V^N$ sums:
# exhaustive search.

# %%
def n_sums(V, N, k):
    return sum(min(k, V ** (t - 1)) * V for t in range(1, N + 1))


check(6, n_sums)
