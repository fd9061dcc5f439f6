# %% [markdown]
# # 34 · Dialogue and code: solutions
#
# The lesson: [34_dialogue_and_code.ipynb](../34_dialogue_and_code.ipynb).

# %%
import math

import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("34_dialogue_and_code", strict=True).check


# %% [markdown]
# **1.** One piece for each message; the new line after `<|im_end|>` belongs to the template, not to what is said.

# %%
def chatml(messages):
    return "".join(f"<|im_start|>{role}\n{content}<|im_end|>\n" for role, content in messages)


check(1, chatml)


# %% [markdown]
# **2.** The token at $t + 1$ is predicted from those up to $t$, so targets are the ids one place ahead. Whether it counts is
# asked of the token that is *said*, $t + 1$: the first token of a reply is learned at the last token of its opening.

# %%
def targets_of(ids, said):
    return np.where(said, ids, -100)[1:]


check(2, targets_of)


# %% [markdown]
# **3.** $L = -\frac{1}{|R|} \sum_{t \in R} \log p(x_t \mid x_{<t})$. Dividing by $T$ instead of $|R|$ would make dialogues in
# which the user talks much count less.

# %%
def loss_on_replies(logp, targets):
    learned = np.flatnonzero(targets != -100)
    return -logp[learned, targets[learned]].mean() if len(learned) else 0.0


check(3, loss_on_replies)


# %% [markdown]
# **4.** The system's message always stays, and so does the last turn, since that is the question.

# %%
def dropped(system, turns, room):
    n = 0
    while n < len(turns) - 1 and system + sum(turns[n:]) > room:
        n += 1
    return n


check(4, dropped)


# %% [markdown]
# **5.** Of the $\binom nk$ ways to choose $k$ of the $n$ samples, $\binom{n-c}{k}$ choose only failing ones.
#
# Why is it unbiased? Any fixed $k$ of the $n$ samples are $k$ independent draws, and one of them passes with probability
# $1 - (1-p)^k$. So "does this choice of $k$ contain a passing one", 0 or 1, has the right mean for each choice; and the
# estimate is the average of it over all choices. An average of numbers that each have the right mean has the right mean.

# %%
def estimate(n, c, k):
    return 1 - math.comb(n - c, k) / math.comb(n, k)


check(5, estimate)


# %% [markdown]
# **6.** None of $k$ passes with probability $(1-p)^k$. We need $(1-p)^k \le 1 - q$, so $k \ln(1-p) \le \ln(1-q)$. Dividing by
# $\ln(1-p)$, which is negative, turns the sign around: $k \ge \ln(1-q) / \ln(1-p)$, rounded up. With $p = 0.1$ it takes 29
# samples to be 95% sure.

# %%
def samples_needed(p, q):
    return math.ceil(math.log(1 - q) / math.log(1 - p))


assert samples_needed(0.1, 0.95) == 29
check(6, samples_needed)
