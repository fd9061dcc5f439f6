# %% [markdown]
# # 24 · Sequence to sequence: solutions
#
# The lesson: [24_sequence_to_sequence.ipynb](../24_sequence_to_sequence.ipynb).

# %%
from collections import Counter

import numpy as np

import tinyllm.functional as F
from tinyllm.book import open_lesson

check = open_lesson("24_sequence_to_sequence", strict=True).check

# %% [markdown]
# **1.** All 21 factors have to be right; independent probabilities multiply: $0.97^{21} = e^{21 \ln 0.97}$. As $\ln 0.97
# \approx -0.03$, that is about $e^{-0.64}$: hardly more than half.

# %%
print(f"{0.97**21:.3f}")
check(1, 0.97**21)


# %% [markdown]
# **2.** At place $t$ the decoder reads what had to be said at $t - 1$, so all columns but the last move one place to the
# right; the first column is start. Behind a short target stands -100, which is an index of no embedding: there it reads
# pad. Nothing is asked there, and the causal mask hides these places from all before.

# %%
def moved_right(targets, start, pad):
    read = np.full_like(targets, start)
    read[:, 1:] = targets[:, :-1]
    return np.where(read < 0, pad, read)


check(2, moved_right)


# %% [markdown]
# **3.** The intersection `&` of two Counters keeps the smaller count of each run: a run that stands once in the reference
# is found once, however often the guess repeats it.

# %%
def share_of_runs(gold, guess, n):
    there, found = (Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1)) for words in (gold, guess))
    return (there & found).total() / found.total() if found else 0.0


check(3, share_of_runs)


# %% [markdown]
# **4.** By induction: as long as all guesses were right, the model alone has read what the teacher would have shown, so its
# next logits are the teacher's row. So the number is that of leading right guesses. A cumulative product of zeros and ones
# stays 1 until the first 0, also if there is none.

# %%
def words_before_error(logits, y):
    right = logits.argmax(axis=1) == y
    return int(np.cumprod(right).sum())


check(4, words_before_error)


# %% [markdown]
# **5.** The batch's likelihood is the product over all asked tokens of all sentences; minus its logarithm, divided by their
# number. Every token has the same weight, and so a long sentence more than a short one.

# %%
def loss_of_batch(logits, targets):
    rows, places = np.nonzero(targets >= 0)
    return -F.log_softmax(logits)[rows, places, targets[rows, places]].mean()


check(5, loss_of_batch)


# %% [markdown]
# **6.** Place $t$ has only right words before it with probability $(1 - e)^{t - 1}$: every place before was reached clean
# and did not err. It errs with $e$ then, else with $f$. The expected number of errors is the sum of the places'
# probabilities (expectations add, independent or not):
#
# $$\sum_{t=1}^{T} \Big[ (1 - e)^{t-1} e + \big(1 - (1 - e)^{t-1}\big) f \Big]$$
#
# The first terms alone sum to $1 - (1-e)^T$, the probability of any error. For small $e$, $1 - (1-e)^{t-1} \approx (t -
# 1)e$, and the whole is about $eT + ef\,T(T-1)/2$: with a teacher errors grow like $T$, alone like $T^2$ (Ross and Bagnell
# 2010 prove it for pupils who imitate in general).

# %%
def expected_errors(e, f, T):
    clean = (1 - e) ** np.arange(T)
    return float(np.sum(clean * e + (1 - clean) * f))


for T in (10, 100):
    print(f"e = 1%, f = 20%, {T} words: {expected_errors(0.01, 0.2, T):.2f} errors, with a teacher {0.01 * T:.2f}")
check(6, expected_errors)
