# %% [markdown]
# # 30 · Summarisation: solutions
#
# The lesson: [30_summarisation.ipynb](../30_summarisation.ipynb).

# %%
from collections import Counter
from itertools import pairwise

import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("30_summarisation", strict=True).check

# %% [markdown]
# **1.** All four words are in common: $2 \cdot 4 / 8 = 1$. The reference's pairs are ab, bc, cd, the summary's dc, cb, ba:
# none in common. Any two words that stand in one order here stand in the other there, so a common subsequence has one word:
# $2 \cdot 1 / 8$.

# %%
check(1, (1.0, 0.0, 0.25))


# %% [markdown]
# **2.** With $R = c / r$ and $P = c / s$,
#
# $$\frac{2PR}{P + R} = \frac{2c^2 / (rs)}{c\,(r + s) / (rs)} = \frac{2c}{r + s}$$
#
# which is also right where $c = 0$.

# %%
def rouge_1(gold, guess):
    return 2 * (Counter(gold) & Counter(guess)).total() / (len(gold) + len(guess))


check(2, rouge_1)


# %% [markdown]
# **3.** The recursion of the lesson. A row of the table needs only the row before it.

# %%
def longest(one, other):
    before = [0] * (len(other) + 1)
    for word in one:
        row = [0]
        for j, candidate in enumerate(other):
            row.append(before[j] + 1 if word == candidate else max(before[j + 1], row[j]))
        before = row
    return before[-1]


check(3, longest)


# %% [markdown]
# **4.** Target $t$ is the id at $t + 1$. The summary's first id stands right behind the sign, so the first target that
# counts is *at* the sign; all after it count, the end among them.

# %%
def summary_targets(ids, sign):
    targets = ids[1:].copy()
    targets[: int(np.flatnonzero(ids == sign)[0])] = -100
    return targets


check(4, summary_targets)


# %% [markdown]
# **5.** A set of the source's neighbours, and the summary's asked one by one.

# %%
def new_pairs(source, summary):
    there, pairs = set(pairwise(source)), list(pairwise(summary))
    return float(np.mean([pair not in there for pair in pairs])) if pairs else 0.0


check(5, new_pairs)


# %% [markdown]
# **6.** For a bag $S$ of $k$ words, the number in common with a reference has the expectation $\sum_{w \in S} p_w$, and the
# lengths are fixed, so the mean ROUGE-1 is $2 \sum_{w \in S} p_w / (k + n)$. Among bags of $k$ words the $k$ likeliest are
# best. So sort, and try every $k$. Going from $k$ to $k + 1$ pays as long as the next $p$ is above half of the score so
# far: from $\frac{2(s + p)}{k + n + 1} > \frac{2s}{k + n}$ follows $p > \frac{s}{k + n}$. That is why the lesson's string
# has a handful of words and no more.

# %%
def best_fixed(p, n):
    sums = np.cumsum(np.sort(p)[::-1])
    return float(np.max(2 * sums / (np.arange(1, len(p) + 1) + n)))


check(6, best_fixed)
