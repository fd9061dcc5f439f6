# %% [markdown]
# # 28 · Named entities: solutions
#
# The lesson: [28_named_entities.ipynb](../28_named_entities.ipynb).

# %%
import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("28_named_entities", strict=True).check

# %% [markdown]
# **1.** Gold: (PER, 0, 2), (LOC, 3, 4), (ORG, 5, 6). Guessed: (PER, 0, 2), (ORG, 3, 4), (ORG, 5, 6). Two agree, of three
# guessed and of three gold ones. Of the six tags one is wrong, the fourth.

# %%
check(1, (2 / 3, 2 / 3, 5 / 6))


# %% [markdown]
# **2.** A tag *begins* an entity when it is a B, or an I whose predecessor has no type or another one. It *goes on* when it
# is an I of the type before. There is nothing else, apart from O.

# %%
def read(tags):
    found, before = [], ""
    for i, tag in enumerate(tags):
        kind = tag[2:]                                              # "" of "O"
        if tag[0] == "B" or (tag[0] == "I" and kind != before):
            found.append((kind, i, i + 1))
        elif tag[0] == "I":
            found[-1] = (kind, found[-1][1], i + 1)
        before = kind
    return found


check(2, read)


# %% [markdown]
# **3.** Entities do not overlap, so the order of writing does not matter.

# %%
def write(n, spans):
    tags = ["O"] * n
    for kind, start, end in spans:
        tags[start] = "B-" + kind
        for i in range(start + 1, end):
            tags[i] = "I-" + kind
    return tags


check(3, write)


# %% [markdown]
# **4.** With $r$ right ones, $g$ guessed and $t$ true ones, $P = r/g$ and $R = r/t$, so $\frac{2}{1/P + 1/R} = \frac{2}{g/r
# + t/r} = \frac{2r}{g + t}$. In this form only $g + t = 0$ is left to take care of, and there $r = 0$.

# %%
def f1_of(gold, guessed):
    right = len(set(gold) & set(guessed))
    return 2 * right / (len(gold) + len(guessed)) if right else 0.0


check(4, f1_of)


# %% [markdown]
# **5.** A piece is a word's first one if it belongs to a word and the piece before does not belong to the same.

# %%
def targets(tags, word_of_piece):
    before = np.concatenate([[-1], word_of_piece[:-1]])
    first = (word_of_piece >= 0) & (word_of_piece != before)
    return np.where(first, tags[word_of_piece], -100)               # tags[−1] where it is −1: thrown away by where


check(5, targets)


# %% [markdown]
# **6.** There are $3^T$ sequences, but one need not look at them all (Viterbi 1967). Let $s_t(k)$ be the largest sum of a
# permitted sequence of the first $t + 1$ tags that *ends* in $k$. What comes after depends on the last tag alone, so of all
# sequences that end in $k$ only the best can be the beginning of the answer:
#
# $$s_0(O) = z_{0O},\quad s_0(B) = z_{0B},\quad s_0(I) = -\infty \qquad
# s_t(k) = z_{tk} + \max_{j \text{ may stand before } k} s_{t-1}(j)$$
#
# The one pair that is forbidden is O before I. Remember for each maximum where it was reached, take the best end, and walk
# back. The work is $9T$ instead of $3^T$.

# %%
def best_bio(logits):
    forbidden = np.zeros((3, 3))                                    # [before, after]
    forbidden[0, 2] = -np.inf
    best, origin = logits[0] + np.array([0.0, 0.0, -np.inf]), []
    for row in logits[1:]:
        sums = best[:, None] + forbidden                            # (3, 3)
        origin.append(sums.argmax(axis=0))
        best = row + sums.max(axis=0)                               # (3,)
    tags = [int(best.argmax())]
    for back in reversed(origin):
        tags.append(int(back[tags[-1]]))
    return tags[::-1]


check(6, best_bio)
