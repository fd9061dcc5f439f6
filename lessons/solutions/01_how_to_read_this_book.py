# %% [markdown]
# # 01 · How to read this book: solutions
#
# The lesson: [01_how_to_read_this_book.ipynb](../01_how_to_read_this_book.ipynb).

# %%
from itertools import pairwise

import numpy as np

from tinyllm.book import ledger, open_lesson

check = open_lesson("01_how_to_read_this_book", strict=True).check

# %% [markdown]
# **1.** The ledger can be searched like any dictionary.

# %%
found = [number for number, entry in ledger.read().items() if "masked" in entry.name.lower()]
print(found)

check(1, "F12")


# %% [markdown]
# **2.** `pairwise(text)`, the same as `zip(text, text[1:])`, pairs each character with the next, and ends by itself at the
# last one, which has none.

# %%
def times_followed(text, a, b):
    return sum((c, d) == (a, b) for c, d in pairwise(text))


check(2, times_followed)


# %% [markdown]
# **3.** Something follows every character but the last, so the occasions are the a in `text[:-1]`. With this the
# probabilities of all b after a given a sum to 1, as they must.

# %%
def probability_of_next(text, a, b):
    occasions = text[:-1].count(a)
    return times_followed(text, a, b) / occasions if occasions else 0.0


assert sum(probability_of_next("abracadabra", "a", b) for b in "abcdr") == 1
check(3, probability_of_next)


# %% [markdown]
# **4.** Each token has probability $1/v$, whatever comes. Every surprise is $-\ln(1/v) = \ln v$, and so is their mean.

# %%
def loss_of_guessing_evenly(v):
    return np.log(v)


check(4, loss_of_guessing_evenly)


# %% [markdown]
# **5.** The mean of the surprises. It is not the surprise of the mean: with $p = (1, 0.01)$ the mean probability is 0.505
# and its surprise 0.68, while the loss is $(0 + 4.61)/2 = 2.30$. One token that was held nearly impossible costs a lot, and
# should.

# %%
def loss_of(p):
    return np.mean(-np.log(p))


assert np.allclose([loss_of(np.array([1, 0.01])), -np.log(0.505)], [2.303, 0.683], atol=1e-3)
check(5, loss_of)


# %% [markdown]
# **6.** `max` with a key that prefers more and then earlier in the alphabet: going through the candidates in order of the
# alphabet, `max` keeps the first of equals.
#
# On a long text it soon writes the same few characters for ever. It must: what comes next depends on the last character
# alone, so as soon as a character comes for the second time, everything after it repeats. With $V$ characters that happens
# after $V$ steps at the latest.

# %%
def written(text, start, n):
    result, last = "", start
    for _ in range(n):
        followers = [d for c, d in pairwise(text) if c == last]
        if not followers:
            break
        last = max(sorted(set(followers)), key=followers.count)
        result += last
    return result


print(written("the cat sat on the mat and the dog sat on the hat", "c", 40))
check(6, written)
