# %% [markdown]
# # 29 · Question answering: solutions
#
# The lesson: [29_question_answering.ipynb](../29_question_answering.ipynb).

# %%
from collections import Counter

import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("29_question_answering", strict=True).check

# %% [markdown]
# **1.** The pairs (1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3) score 5, 6, 4.5, 3, 1.5, 3.5. The best is (1, 2) with 6;
# no answer has 0 + 0.

# %%
check(1, (1, 2, 6.0))


# %% [markdown]
# **2.** All sums at once, the forbidden ones set to $-\infty$. (A passage of $n$ tokens has $n^2$ pairs; the library
# computes only the band of those that are short enough.)

# %%
def find_span(starts, ends, longest):
    i, j = np.indices((len(starts), len(starts)))
    sums = np.where((i <= j) & (j < i + longest), starts[:, None] + ends, -np.inf)
    return np.unravel_index(sums.argmax(), sums.shape)


check(2, find_span)


# %% [markdown]
# **3.** With $c$ words in common, precision is $c / |\text{guess}|$ and recall $c / |\text{gold}|$, and the harmonic mean
# is $2c / (|\text{guess}| + |\text{gold}|)$. The intersection of two Counters has for each word the smaller of its two
# counts.

# %%
def words_f1(gold, guess):
    if not gold or not guess:
        return float(gold == guess)
    return 2 * sum((Counter(gold) & Counter(guess)).values()) / (len(gold) + len(guess))


check(3, words_f1)


# %% [markdown]
# **4.** A further window is needed as long as the last one has not reached the end.

# %%
def window_starts(n, room, overlap):
    starts = [0]
    while starts[-1] + room < n:
        starts.append(starts[-1] + room - overlap)
    return starts


check(4, window_starts)


# %% [markdown]
# **5.** Token $[a, b)$ and answer $[\text{start}, \text{end})$ share the characters from $\max(a, \text{start})$ up to, not
# including, $\min(b, \text{end})$: at least one if the first is below the second.

# %%
def tokens_of(places, start, end):
    shared = [t for t, (a, b) in enumerate(places) if max(a, start) < min(b, end)]
    return (shared[0], shared[-1]) if shared else ()


check(5, tokens_of)


# %% [markdown]
# **6.** With $p$ the softmax over the real places, $\mathcal{L} = -s_{\text{gold}} + \ln \sum_{t \text{ real}} e^{s_t}$.
# The first term has the derivative $-1$ at gold, the second $e^{s_t} / \sum e^{s} = p_t$ at every real place. Padding is in
# neither: its gradient is 0, and nothing is learned from it.

# %%
def gradient_of_starts(starts, real, gold):
    e = np.where(real, np.exp(starts - starts[real].max()), 0.0)
    return e / e.sum() - (np.arange(len(starts)) == gold)


check(6, gradient_of_starts)
