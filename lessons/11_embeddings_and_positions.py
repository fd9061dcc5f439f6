# %% [markdown]
# # 11 · Embeddings and positions
#
# *How does the number of a token become something a network can compare, and how does the token learn its place?*
#
# *Reading 45 min · running 10 s · builds on lessons 5 (gradients of indexing), 7 (linear layers), 8 (softmax) and 10
# (tokens)*
#
# **Afterwards you can** write an embedding and its gradient, show why a model without positions cannot tell who bit whom,
# derive sinusoidal and rotary positions from what they must do, and say what each kind of position can and cannot do.

# %%
import inspect
import math
import re
from collections import Counter
from itertools import permutations

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor, gradcheck, manual_seed, viz
from tinyllm.book import open_lesson
from tinyllm.data import corpus
from tinyllm.nn import Embedding, LearnedPositions, Linear, Module, RotaryPositions, SinusoidalPositions
from tinyllm.optim import AdamW

lesson = open_lesson("11_embeddings_and_positions")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# After lesson 10 a text is a row of integers, such as `[17, 4, 902]`. These integers are *names*. Token 902 is not larger
# than token 17 in any sense that matters; it came later in an alphabet or in a list of merges. Give the integers themselves
# to a linear layer, and you tell it that token 18 lies between 17 and 19, which is false.
#
# A network needs for each token a row of numbers in which things can be *near* and *far*: "must" near "should", "list" near
# "tuple". And since the layers to come treat a sentence as a heap of such rows, each row must also say where it stands:
# "dog bites man" and "man bites dog" are the same heap.
#
# Document 003 §3.2 gives the first half: its step 2, the embedding layer, maps "each token into a vector space, where each
# vector represents the token's semantic information". Document 001 §3.2 names both halves: "Common representations are word
# embedding and positional encoding." Neither prints a formula. We derive them.

# %% [markdown]
# ## A row of a table (F6)
#
# | symbol | shape | what it is |
# |---|---|---|
# | $V$, $C$ | | size of the vocabulary; width of a token's row |
# | ids | $(T,)$ | the tokens of a text, integers from 0 to $V-1$ |
# | $W$ | $(V, C)$ | the **embedding table**: row $v$ belongs to token $v$ |
# | $O$ | $(T, V)$ | the **one-hot** rows: $O_{tv} = 1$ where $v = \text{ids}_t$, else 0 |
# | $Y$ | $(T, C)$ | the embedded text |
#
# The one-hot vector of a token is the fairest way to give a name to a network: $V$ numbers, all 0 but one, and any two
# tokens equally far apart. A linear layer on top of it may then learn what is near to what. Multiply:
#
# $$Y_{tc} = \sum_{v=1}^{V} O_{tv}\, W_{vc} = W_{\text{ids}_t,\, c}$$
#
# Only one term of the sum is not zero. **The matrix product picks a row.** So nobody computes it: one copies the row.
#
# By hand, four words and two numbers each:

# %%
words = ["man", "dog", "bites", "runs"]                 # V = 4
W = np.array([[0.0, 1.0],                               # (V, C) = (4, 2)
              [0.5, 1.0],
              [2.0, -1.0],
              [3.0, 0.0]])
ids = np.array([1, 2, 1])                               # "dog bites dog"
one_hot = np.eye(4)[ids]                                # (T, V) = (3, 4)
print(one_hot)
print(one_hot @ W)
assert np.array_equal(one_hot @ W, W[ids])

# %% [markdown]
# The product costs $T \cdot V \cdot C$ multiplications, nearly all of them by zero, and the lookup none: with $V =
# 50{,}000$ the difference is the whole thing.
#
# **The gradient.** Somewhere behind $Y$ a loss $L$ is computed, and $g = \partial L/\partial Y$, of shape $(T, C)$, comes
# back. Since $Y = OW$ is a linear layer, lesson 7's rule holds:
#
# $$\frac{\partial L}{\partial W_{vc}} = \sum_t \frac{\partial L}{\partial Y_{tc}} \frac{\partial Y_{tc}}{\partial W_{vc}}
# = \sum_t g_{tc}\, O_{tv} = \sum_{t\,:\,\text{ids}_t = v} g_{tc}$$
#
# Row $v$ receives the gradients of *all places where token $v$ stands*, added up (lesson 3: a value used twice adds). A
# token that does not occur gets a row of zeros. In NumPy this is `np.add.at`, the scatter-add of lesson 5.
#
# Predict, then run: what does `wrong[ids] += g` do with the token that stands there twice?

# %%
def my_embedding_gradient(ids, g, n_rows):
    g_table = np.zeros((n_rows, g.shape[-1]))
    np.add.at(g_table, ids, g)                          # adds once for every occurrence
    return g_table


g = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])   # (T, C)
wrong = np.zeros((4, 2))
wrong[ids] += g
print("scatter-add:\n", my_embedding_gradient(ids, g, 4))
print("one-hotᵀ g:\n", one_hot.T @ g)
print("wrong[ids] += g:\n", wrong)
assert np.array_equal(my_embedding_gradient(ids, g, 4), one_hot.T @ g)
assert np.array_equal(wrong[1], [4.0, 40.0]) and not np.array_equal(wrong, one_hot.T @ g)

# %% [markdown]
# "dog" should get $(1, 10) + (4, 40) = (5, 50)$. `wrong[ids] += g` reads all rows first, adds, and writes them back; the
# second write wins, and a gradient is lost without an error. `test_embedding_is_the_one_hot_product`
# ([tests/functional/test_meaning.py](../tests/functional/test_meaning.py)) holds the value and `test_embedding_picks_rows`
# ([tests/nn/test_layers.py](../tests/nn/test_layers.py)) the gradient, on drawn lists of ids, most of them with repeats.
#
# The library's formula is one line; its twin sorts the ids, so that the gradients of one row lie side by side, and sums
# each run ([tinyllm/functional/embedding.py](../tinyllm/functional/embedding.py)):

# %%
print(inspect.getsource(F.embedding.formula))
rng = np.random.default_rng(0)
table = Tensor(rng.standard_normal((6, 3)), requires_grad=True)                 # (V, C)
many = rng.integers(0, 6, (2, 7))                                               # (B, T)
y = F.embedding(many, table)                                                    # (B, T, C)
g = rng.standard_normal(y.shape)
y.backward(g)
np.testing.assert_allclose(y.data, np.eye(6)[many] @ table.data, rtol=1e-12)
np.testing.assert_allclose(table.grad, my_embedding_gradient(many.ravel(), g.reshape(-1, 3), 6), rtol=1e-12)
print("value and gradient agree with the one-hot product:", y.shape, table.grad.shape)

# %% [markdown]
# ## Watch it work: words that find their neighbours
#
# What makes "must" and "should" near? Nobody tells the table. But words with a similar meaning stand in similar company,
# and a network that has to guess a word from its company does well to give them similar rows.
#
# So let it guess. Four words around a gap, two before and two after; their rows are averaged; a linear layer and a softmax
# name the word in the gap. (Mikolov et al. 2013, §3.1, call it the *continuous bag of words*.) The text is Python's own
# documentation, in its 1000 commonest words, letters only.

# %% tags=["varies"]
N_WORDS, WIDTH = 1000, 32
text = "\n".join(document.text for document in corpus().train).lower()
found = re.findall(r"[a-z]+", text)
vocabulary = [word for word, _ in Counter(found).most_common(N_WORDS)]
number_of = {word: i for i, word in enumerate(vocabulary)}
stream = np.array([number_of[word] for word in found if word in number_of])     # rarer words are left out
print(f"{len(stream):,} words; the commonest: {' '.join(vocabulary[:12])}")


class Bag(Module):
    """The word in the gap from the mean of its neighbours' rows: ids (B, 4) → logits (B, N_WORDS)."""

    def __init__(self):
        self.table, self.out = Embedding(N_WORDS, WIDTH), Linear(WIDTH, N_WORDS)
        self.table.weight.data *= 0.1                                           # small: a start without opinions

    def forward(self, around):
        return self.out(np.mean(self.table(around), axis=1))


manual_seed(0)
bag, data = Bag(), np.random.default_rng(0)
optimizer = AdamW(bag.parameters(), lr=1e-2)
losses = []
for _ in range(1000):
    at = data.integers(2, len(stream) - 2, 512)
    loss = F.cross_entropy(bag(stream[at[:, None] + np.array([-2, -1, 1, 2])]), stream[at])
    bag.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"loss: {losses[0]:.2f} nats at first (ln 1000 = {math.log(1000):.2f}), {np.mean(losses[-50:]):.2f} in the end")
assert np.mean(losses[-50:]) < 5.2

# %% [markdown]
# Nearness here is the cosine of the angle between two rows, their dot product after each is divided by its length: 1 for
# the same direction, 0 for a right angle.

# %% tags=["varies"]
def cosines(table):
    rows = table / np.linalg.norm(table, axis=1, keepdims=True)
    return rows @ rows.T                                                        # (V, V)


near = cosines(bag.table.weight.data)
for word in ("must", "list", "true", "first", "returns", "socket"):
    nearest = [vocabulary[i] for i in np.argsort(-near[number_of[word]]) if vocabulary[i] != word][:6]
    print(f"{word:8} is near {', '.join(nearest)}")
pairs = [("must", "should"), ("list", "tuple"), ("true", "false"), ("first", "last"), ("returns", "return"), ("int", "float")]
ranks = [int((near[number_of[a]] > near[number_of[a], number_of[b]]).sum()) for a, b in pairs]
print("rank of the partner among 999 words (1 = nearest):", dict(zip(pairs, ranks)))
assert np.median(ranks) < 30

# %% tags=["varies"]
chosen = ["must", "should", "may", "can", "list", "tuple", "sequence", "socket", "server", "connection",
          "first", "second", "last"]
places = [number_of[word] for word in chosen]
viz.heatmap(near[np.ix_(places, places)], "word", "word", "Words that keep the same company have rows of the same direction",
            rows=chosen, columns=chosen, label="cosine", diverging=True)

# %% [markdown]
# Verbs of duty, containers, networks, ordinals: four dark blocks from nothing but a guessing game. Look also at what it
# does *not* know: "first" and "last" are near because they stand in the same places, though they mean opposite things.
# Company is not meaning; it is what can be learned about meaning from text alone.

# %% [markdown]
# ## Order is lost
#
# The bag takes the *mean* of its rows, and a sum does not care for the order of its terms: it is **permutation-invariant**.
# So for this model there is no difference between "dog bites man" and "man bites dog". As a property, over all orders of
# five tokens:

# %%
rows = Tensor(rng.standard_normal((5, 4)))                                      # five tokens, C = 4
means = np.stack([np.mean(rows.data[list(order)], axis=0) for order in permutations(range(5))])
print(len(means), "orders, largest difference between their means", float(np.abs(means - means[0]).max()))
assert len(means) == 120 and np.abs(means - means[0]).max() < 1e-12

# %% [markdown]
# (Not exactly 0: floating-point numbers added in another order round differently.) The order has to be written into the
# rows themselves. How?

# %% [markdown]
# ## W_pos as printed (F6)
#
# Document 000 §4.2 writes an encoder's layer with a term for the positions,
#
# $$\text{encoder}(X) = \text{LayerNorm}(X + \text{LayerNorm}(W_{\text{pos}}(X) + \text{MultiHeadAttention}(Q, K, V)))$$
#
# and explains: "$W_{\text{pos}}$ stands for the weights of the positional encoding". (The rest of the formula is [lesson
# 14](14_normalization_and_depth.ipynb)'s.) Take it at its word: weights, applied to $X$, the rows of the tokens. Weights
# applied to $X$ are a matrix product $X W$. What does it know of the position?

# %%
sentence = np.array([0, 1, 2, 0, 3])                    # "the dog saw the cat": "the" stands at 0 and at 3
X = rng.standard_normal((4, 6))[sentence]               # (T, C) = (5, 6)
W_pos = rng.standard_normal((6, 6))
printed = X @ W_pos
print("W_pos(X) of 'the' at 0, minus that at 3:", (printed[0] - printed[3]).round(9) + 0.0)
order = np.array([4, 2, 0, 3, 1])
print("shuffle before or after, largest difference:", np.abs((X[order] @ W_pos) - printed[order]).max())
np.testing.assert_allclose(printed[0], printed[3], rtol=1e-12)
np.testing.assert_allclose(X[order] @ W_pos, printed[order], rtol=1e-12)

# %% [markdown]
# Nothing. Row $t$ of $XW$ is $x_t W$: a function of the word at $t$ in which $t$ does not occur. The same word gets the
# same row wherever it stands, and shuffled words get shuffled rows. That holds for every function applied to each row
# alone, however it was trained. **A word does not have its place in itself.** (The flow chart of 004 §2.2 has another
# opinion: it draws "positional encoding" as an arrow from the encoder to the decoder. 004 §4.1's prose is right: position
# and embedding belong to the input.)
#
# What could be meant? Give $W_{\text{pos}}$ something that does know the place: the *position's* one-hot vector. Put it
# beside the token's, $(o_t \,;\, p_t)$ of width $V + T$, and apply one linear layer to both. Its matrix has $V$ rows for
# tokens, call them $W$, and $T$ rows for positions, call them $P$. By the same reasoning as above the product picks one row
# of each,
#
# $$(o_t \,;\, p_t) \begin{pmatrix} W \\ P \end{pmatrix} = o_t W + p_t P = W_{\text{ids}_t} + P_t$$
#
# and there is the formula: **the token's row plus the position's row.** Two tables, one looked up by *what*, one by
# *where*:

# %%
n_tokens, n_positions = 4, 5
stacked = rng.standard_normal((n_tokens + n_positions, 6))                      # W above P
both = np.concatenate([np.eye(n_tokens)[sentence], np.eye(n_positions)], axis=1)    # (T, V + T)
x = stacked[:n_tokens][sentence] + stacked[n_tokens:]                           # (T, C)
np.testing.assert_allclose(both @ stacked, x, rtol=1e-12)
print("'the' at 0, minus 'the' at 3:", (x[0] - x[3]).round(2))
assert np.abs(x[0] - x[3]).max() > 0.5

# %% [markdown]
# Now the two differ, by $P_0 - P_3$. This is what BERT, GPT-2 and the Transformer paper (Vaswani et al. 2017, §3.4–3.5) do
# before their first layer. What remains is to choose the rows of $P$.

# %% [markdown]
# ## Learned positions (F6)
#
# The choice that asks for no thought: let training find $P$, like the token table. It *is* an embedding, with ids 0, 1, 2,
# …

# %%
print(inspect.getsource(LearnedPositions))
learned = LearnedPositions(8, 6)                                                # room for 8 positions
np.testing.assert_array_equal(learned(slice(0, 5)).data, F.embedding(np.arange(5), learned.weight).data)
try:
    learned(np.array([[8]]))
except IndexError as error:
    print("IndexError:", error)

# %% [markdown]
# Its price shows in the last line. There is no row for a position that training never saw, and rows that were seen rarely
# (the far end of long texts) are learned badly. Also, nothing says that position 6 is related to 7: each is learned for
# itself.

# %% [markdown]
# ## Sinusoidal positions (F6)
#
# What should a good $P_t$ do, if we *design* it? Try the obvious:
#
# - the number $t$ itself: at $t = 1000$ it drowns the word, whose entries are about 1;
# - $t/T$, between 0 and 1: then one step means 1/10 in a short text and 1/1000 in a long one;
# - the binary digits of $t$: bounded, all different, any length. But neighbours such as 7 = 0111 and 8 = 1000 differ in
# every digit, and a network likes what changes smoothly.
#
# A clock does better than binary digits at the same idea. Its second hand turns fast and tells near times apart, its hour
# hand turns slowly and tells far ones apart, and none ever jumps. A hand at angle $\alpha$ is two bounded numbers,
# $(\sin\alpha, \cos\alpha)$. So take $C/2$ hands, hand $i$ turning by $\theta_i$ for each token, from fast to slow:
#
# $$\theta_i = 10000^{-2i/C} \qquad P_{t,\,2i} = \sin(t\,\theta_i) \qquad P_{t,\,2i+1} = \cos(t\,\theta_i)
# \qquad i = 0, \dots, \tfrac{C}{2}-1$$
#
# That is the paper's formula (Vaswani et al. 2017, §3.5). The first hand needs $2\pi \approx 6.3$ tokens for a round, the
# last nearly 63,000.

# %%
def my_sinusoidal(context, d_model, base=10000.0):
    theta = base ** (-np.arange(0, d_model, 2) / d_model)                       # (C/2,): one speed a hand
    angles = np.arange(context)[:, None] * theta                                # (T, C/2)
    table = np.empty((context, d_model))
    table[:, 0::2], table[:, 1::2] = np.sin(angles), np.cos(angles)
    return table


print(my_sinusoidal(4, 4).round(4))
assert np.allclose(my_sinusoidal(4, 4)[1], [math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)])
np.testing.assert_allclose(F.sinusoidal_table(500, 64, dtype=np.float64), my_sinusoidal(500, 64), rtol=1e-12)
np.testing.assert_array_equal(SinusoidalPositions(500, 64)(slice(0, 500)), F.sinusoidal_table(500, 64))

# %% [markdown]
# By eye: row 0 is all hands straight up, $(0, 1)$; in row 1 the fast hand has moved by 1 radian, the slow one by 0.01. The
# whole table, 64 positions of width 32:

# %%
P = my_sinusoidal(64, 32)
viz.heatmap(P.T, "position", "feature", "Fast hands tell neighbours apart, slow ones far places", diverging=True)

# %% [markdown]
# **What the design buys: a step is a rotation.** Where is hand $i$ after $s$ more tokens? By the addition theorems $\sin(a
# + b) = \sin a \cos b + \cos a \sin b$ and $\cos(a + b) = \cos a \cos b - \sin a \sin b$, with $a = t\theta_i$ and $b =
# s\theta_i$,
#
# $$\begin{pmatrix} P_{t+s,\,2i} \\ P_{t+s,\,2i+1} \end{pmatrix} =
# \begin{pmatrix} \cos s\theta_i & \sin s\theta_i \\ -\sin s\theta_i & \cos s\theta_i \end{pmatrix}
# \begin{pmatrix} P_{t,\,2i} \\ P_{t,\,2i+1} \end{pmatrix}$$
#
# **The matrix does not contain $t$.** "Three tokens further" is one and the same linear map at every place, so a single
# weight matrix can learn it. Predict: is that also true of the learned table of the last section, before any training? Then
# run:

# %%
def shift_matrix(s, d_model, base=10000.0):
    """The (C, C) matrix M with P_{t+s} = M P_t for every t: a rotation for each pair of features."""
    matrix = np.zeros((d_model, d_model))
    for i in range(d_model // 2):
        angle = s * base ** (-2 * i / d_model)
        matrix[2 * i:2 * i + 2, 2 * i:2 * i + 2] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    return matrix


M = shift_matrix(3, 32)
print("sinusoidal, error of 'three further' at 61 places:", float(np.abs(P[:-3] @ M.T - P[3:]).max()))
np.testing.assert_allclose(P[:-3] @ M.T, P[3:], atol=1e-12)
random_rows = rng.standard_normal((64, 32))
best, *_ = np.linalg.lstsq(random_rows[:-3], random_rows[3:], rcond=None)       # the best matrix there is for random rows
left = np.sum((random_rows[:-3] @ best - random_rows[3:])**2) / np.sum(random_rows[3:]**2)
print(f"random rows: the best matrix leaves {left:.0%} of the squares unexplained")
assert left > 0.3

# %% [markdown]
# **And dot products know the distance.** A hand's dot product with itself $s$ tokens later is $\sin a \sin(a + b) + \cos a
# \cos(a+b) = \cos b$, hence
#
# $$P_t \cdot P_{t+s} = \sum_{i=0}^{C/2-1} \cos(s\,\theta_i)$$
#
# Again without $t$. All pairs at one distance have one value, and it falls as the distance grows, with a ripple:

# %%
products = P @ P.T                                                              # (64, 64)
theta = 10000.0 ** (-np.arange(0, 32, 2) / 32)
by_distance = np.cos(np.arange(64)[:, None] * theta).sum(axis=1)                # (64,)
for s in range(64):
    np.testing.assert_allclose(np.diagonal(products, s), by_distance[s], atol=1e-10)
assert np.argmax(by_distance) == 0 and by_distance[0] == 16
random_products = (random_rows @ random_rows[0]) / np.sum(random_rows[0]**2) * 16
steps = np.arange(64)
viz.lines({"sinusoidal rows": (steps, by_distance), "random rows, as learned ones start": (steps, random_products)},
          "distance s from position 0", "dot product", "Dot products of sinusoidal positions fall with distance")

# %% [markdown]
# Two things the picture says besides. The curve is not strictly falling. And since $\cos(-b) = \cos b$, it is the same
# forwards and backwards: the plain dot product cannot tell *before* from *after*. A matrix between the two can: $P_t \cdot
# (M P_s)$ is largest where $M P_s = P_t$, which for the shift by 3 means "three before". Such matrices are what lesson 12's
# query and key weights are.

# %% [markdown]
# ## Rotary positions (F6)
#
# Lesson 12 will compare tokens through dot products. Call $q \cdot k$ the **score** of a token that asks, with a vector $q$
# of width $D$, and a token that answers, with a vector $k$: large where the two fit. (How $q$ and $k$ are made from the
# tokens' rows is lesson 12's subject; here they are two vectors.) With added positions the score of $x + P_t$ and $y + P_s$
# has four parts,
#
# $$(x + P_t) \cdot (y + P_s) = x \cdot y + x \cdot P_s + P_t \cdot y + P_t \cdot P_s$$
#
# and the two in the middle mix content with *absolute* place. If a phrase moves ten tokens to the right, its inner scores
# change, although nothing about the phrase did. Can the place enter so that only the distance $t - s$ counts?
#
# We want a map $f(q, t)$ with $f(q, t) \cdot f(k, s)$ depending on $q$, $k$ and $t - s$ alone. The clock again: **do not
# add the hand, turn the vector.** In two dimensions let $R(\alpha)$ be the rotation by $\alpha$,
#
# $$R(\alpha) = \begin{pmatrix} \cos\alpha & -\sin\alpha \\ \sin\alpha & \cos\alpha \end{pmatrix} \qquad
# R(\alpha)^T = R(-\alpha) \qquad R(\alpha) R(\beta) = R(\alpha + \beta)$$
#
# (The first is read off, since $\sin(-\alpha) = -\sin\alpha$; the second is the addition theorems once more.) Turn the
# query at place $t$ by $t\theta$ and the key at place $s$ by $s\theta$. Then
#
# $$\big(R(t\theta)\, q\big) \cdot \big(R(s\theta)\, k\big) = q^T R(t\theta)^T R(s\theta)\, k
# = q^T R\big((s - t)\,\theta\big)\, k$$
#
# and $t$ and $s$ have left through their difference. By hand, with $\theta = 30°$:

# %%
def rotation(alpha):
    return np.array([[math.cos(alpha), -math.sin(alpha)], [math.sin(alpha), math.cos(alpha)]])


q, k, step_angle = np.array([1.0, 0.2]), np.array([0.6, 0.5]), math.radians(30)
for t, s in ((0, 2), (1, 3), (4, 6), (2, 0)):
    score = (rotation(t * step_angle) @ q) @ (rotation(s * step_angle) @ k)
    print(f"query at {t}, key at {s}: score {score:+.4f}")
    assert math.isclose(score, q @ rotation((s - t) * step_angle) @ k)

# %%
with viz.figure(5.6, 4.4) as (fig, ax):
    for (t, s), colour, style in (((0, 2), "#0072B2", "-"), ((1, 3), "#D55E00", "--")):
        for name, vector, place in (("q", q, t), ("k", k, s)):
            end = rotation(place * step_angle) @ vector
            ax.annotate("", end, (0, 0), arrowprops={"arrowstyle": "->", "color": colour, "linestyle": style, "linewidth": 1.8})
            ax.text(*(1.16 * end), f"{name} at {place}", ha="center", va="center", color=colour)
    ax.set(xlim=(-1.45, 1.45), ylim=(-0.5, 1.4), aspect="equal", xlabel="first feature", ylabel="second feature")
    ax.set_title("One place further, both turn by 30°:\nthe angle between them stays")
fig

# %% [markdown]
# The first three scores are equal: distance 2. The fourth, with query and key exchanged, is another: unlike the plain dot
# product of sinusoidal rows, this one knows *before* from *after*.
#
# A vector of width $D$ is $D/2$ pairs, each turned at a speed of its own, the same speeds as above, $\theta_i =
# 10000^{-2i/D}$. This is RoPE (Su et al. 2021, §3.2.2 and §3.4). The library, like Llama, takes as pair number $i$ the
# features $i$ and $i + D/2$, which lets NumPy work on halves; the paper takes neighbours. The order of features has no
# meaning, so nothing changes but the order.

# %%
def my_rotary(x):
    """x (T, D): row t turned by t θ_i in the pair (i, i + D/2)."""
    T, D = x.shape
    angles = np.arange(T)[:, None] * 10000.0 ** (-np.arange(0, D, 2) / D)       # (T, D/2)
    a, b = x[:, :D // 2], x[:, D // 2:]
    return np.concatenate([a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)], axis=1)


print(inspect.getsource(F.rotary.formula))
cos, sin = F.rotary_table(20, 8, dtype=np.float64)
x = rng.standard_normal((20, 8))
np.testing.assert_allclose(F.rotary(x, cos, sin), my_rotary(x), rtol=1e-10)
np.testing.assert_allclose(np.linalg.norm(my_rotary(x), axis=1), np.linalg.norm(x, axis=1), rtol=1e-12)
gradcheck(lambda x: F.rotary(x, cos, sin), [x])
layer = RotaryPositions(8, 20).to(dtype=np.float64)
np.testing.assert_allclose(layer(x[None, None], slice(0, 20))[0, 0], my_rotary(x), rtol=1e-10)
print("formula, twin, layer and ours agree; lengths stay as they were")

# %% [markdown]
# Now the property itself, in numbers. One query and one key, the same content at all 12 places: how do scores spread *along
# a diagonal*, where the distance is constant? Once with rotary positions, once with sinusoidal ones added.

# %%
T, D = 12, 8
q = rng.standard_normal(D)
k = q + 0.5 * rng.standard_normal(D)                                            # a key that fits, though not perfectly
turned = my_rotary(np.tile(q, (T, 1))) @ my_rotary(np.tile(k, (T, 1))).T        # (T, T)
added = (q + my_sinusoidal(T, D)) @ (k + my_sinusoidal(T, D)).T


def spread_at_equal_distance(scores):
    return max(np.ptp(np.diagonal(scores, s)) for s in range(-T + 2, T - 1))


print(f"spread at equal distance: rotary {spread_at_equal_distance(turned):.1e}, "
      f"added {spread_at_equal_distance(added):.2f} of a range of {np.ptp(added):.2f}")
assert spread_at_equal_distance(turned) < 1e-12 and spread_at_equal_distance(added) > 0.5
viz.heatmap(turned, "place of the key", "place of the query", "Rotary: equal distance, equal score", label="score",
            diverging=True)

# %% [markdown]
# (The second dark diagonal, six places away, is the fastest hand after one full turn, $2\pi \approx 6.3$. The slower hands
# tell the two apart.)

# %% [markdown]
# ## A term for the distance (F6)
#
# If only the distance should count, one can also say so directly and add to the score a number for it. No vector is
# touched:
#
# $$\text{score}_{ts} = q_t \cdot k_s + b_{s - t}$$
#
# With $b$ learned, one number for each distance, this is the **relative bias** (Shaw et al. 2018 add vectors, Raffel et al.
# 2020, §2.1, numbers, and put large distances into common drawers). With $b_{s-t} = -m\,|s - t|$ and a fixed slope $m$ it
# is **ALiBi** (Press et al. 2022, §3): far is worse, evenly, and nothing is learned. A few lines each:

# %%
def relative_bias(b):
    """b (2T − 1,), for the distances −(T − 1) … T − 1 → (T, T) with entry (t, s) = b[s − t]."""
    T = (len(b) + 1) // 2
    distance = np.arange(T)[None, :] - np.arange(T)[:, None]                    # (T, T): s − t
    return b[distance + T - 1]


def alibi(T, slope):
    return -slope * np.abs(np.arange(T)[None, :] - np.arange(T)[:, None])       # (T, T)


print(relative_bias(np.array([-2, -1, 0, 10, 20])))
print(alibi(4, 0.5))
T = 6
np.testing.assert_array_equal(relative_bias(-0.5 * np.abs(np.arange(-T + 1, T))), alibi(T, 0.5))    # one is a case of the other

# %% [markdown]
# Predict before the next picture: query and key are the same vector, all ones, width 32. How does each kind make the score
# fall with the distance? (Divided by the value at distance 0; ALiBi's term is added to a score of 1 with slope 1/64.)

# %%
distances = np.arange(64)
ones = np.ones((64, 32))
viz.lines({
    "sinusoidal rows alone": (distances, by_distance / by_distance[0]),
    "rotary": (distances, (my_rotary(ones) @ my_rotary(ones)[0]) / 32),
    "ALiBi, slope 1/64": (distances, 1.0 + alibi(64, 1 / 64)[0]),
}, "distance", "score (1 at distance 0)", "Three ways for a score to fall with distance")

# %%
np.testing.assert_allclose((my_rotary(ones) @ my_rotary(ones)[0]) / 32, by_distance / by_distance[0], atol=1e-12)
print("two of the three curves are one and the same")

# %% [markdown]
# The first two curves lie on each other, and that is no accident: for $q = k$ = all ones each pair contributes $2
# \cos(s\theta_i)$, which is the sum above. Rotary positions are the sinusoidal ones, *multiplied* in rather than added. In
# short:
#
# | positions | what they change | learned numbers | depend on | beyond the trained length |
# |---|---|---|---|---|
# | learned | add $P_t$ to the input | $T \cdot C$ | place | no row is there |
# | sinusoidal | add $P_t$ to the input | none | place; the distance is a rotation | computable |
# | rotary | turn $q$ and $k$, in every layer | none | distance | computable |
# | relative bias | add to the score | one a distance | distance | shared last drawer |
# | ALiBi | add to the score | none (a slope) | distance | computable |
#
# "Computable" is not "works": Press et al. 2022, §2.2, found that models trained with sinusoidal positions lose much beyond
# their length. tinyllm's GPT takes `positions="learned"`, `"sinusoidal"` or `"rotary"`
# ([tinyllm/nn/positions.py](../tinyllm/nn/positions.py)).

# %% [markdown]
# ## Break it: leave the positions out
#
# "dog bites man": who was bitten? Eight animals, sentences *a bites b* with $a \ne b$, the answer is $b$. The network takes
# the mean of the three rows, then a ReLU layer, then logits of the eight. Three versions:
#
# 1. words alone;
# 2. words plus learned positions, $W_{\text{ids}_t} + P_t$, then the mean;
# 3. the same, but each row goes through a ReLU layer *before* the mean.
#
# Predict the accuracy of each. Careful with the second.

# %%
N_ANIMALS, BITES = 8, 8


def sentences(rng, n):
    """ids (n, 3): a, bites, b with a ≠ b; the answer b (n,)."""
    a = rng.integers(0, N_ANIMALS, n)
    b = (a + rng.integers(1, N_ANIMALS, n)) % N_ANIMALS
    return np.stack([a, np.full(n, BITES), b], axis=1), b


class WhoWasBitten(Module):
    def __init__(self, positions, each_row_first, width=32):
        self.words, self.positions = Embedding(N_ANIMALS + 1, width), Embedding(3, width)
        self.each, self.hidden, self.out = Linear(width, width), Linear(width, width), Linear(width, N_ANIMALS)
        self.with_positions, self.each_row_first = positions, each_row_first

    def forward(self, ids):
        x = self.words(ids)                                                     # (B, 3, C)
        if self.with_positions:
            x = x + self.positions(np.arange(3))                                # (3, C): the same for all sentences
        if self.each_row_first:
            x = F.relu(self.each(x))                                            # (B, 3, C)
        return self.out(F.relu(self.hidden(np.mean(x, axis=1))))                # (B, N_ANIMALS)


curves, accuracy = {}, {}
for name, positions, each_row_first in (("1 words alone", False, False), ("2 positions added", True, False),
                                        ("3 positions, ReLU, then mean", True, True)):
    manual_seed(0)
    model, data, curve = WhoWasBitten(positions, each_row_first), np.random.default_rng(1), []
    optimizer = AdamW(model.parameters(), lr=3e-3)
    for step in range(400):
        ids, answer = sentences(data, 128)
        loss = F.cross_entropy(model(ids), answer)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append((step + 1, loss.item()))
    ids, answer = sentences(np.random.default_rng(99), 2000)
    accuracy[name] = float((model(ids).data.argmax(axis=1) == answer).mean())
    curves[name] = curve[::8]
    print(f"{name:30} right {accuracy[name]:6.1%}, last loss {curve[-1][1]:.3f}")
assert abs(accuracy["1 words alone"] - 0.5) < 0.05 and abs(accuracy["2 positions added"] - 0.5) < 0.05
assert accuracy["3 positions, ReLU, then mean"] > 0.99
curves["ln 2: a coin between the two"] = [(1, math.log(2)), (400, math.log(2))]
viz.loss_curve(curves, title="Positions help only where they meet the word before the mean")

# %% [markdown]
# The first cannot do better than a coin between the two animals it sees, so its loss cannot fall below $\ln 2$. The second
# has positions and fails exactly as badly! Its mean is
#
# $$\frac{1}{3}\sum_t \big(W_{\text{ids}_t} + P_t\big) = \frac{1}{3}\sum_t W_{\text{ids}_t} + \frac{1}{3}\sum_t P_t$$
#
# and the last term is the same for every sentence, a constant. *Who* and *where* were added, and the sum forgot who was
# where. In the third, a ReLU looks at the row $W_{\text{ids}_t} + P_t$ as a whole first ("an animal, *and* in last place"),
# and what it makes of it survives the sum. Remember this when you read that "positions are simply added": it works because
# something not linear comes between the addition and the mixing. In a Transformer that something is attention, whose scores
# are *products* of the two rows.
#
# Which test would notice a model whose positions have gone missing?
# `test_with_one_position_for_all_the_order_does_not_matter` ([tests/models/test_bert.py](../tests/models/test_bert.py))
# makes all positions equal and demands that order then be lost; `test_positions`
# ([tests/nn/test_layers.py](../tests/nn/test_layers.py)) holds the three kinds to their tables, and
# `test_rotary_keeps_lengths_and_sees_distances_only`
# ([tests/functional/test_meaning.py](../tests/functional/test_meaning.py)) is this lesson's diagonal.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/11_embeddings_and_positions.ipynb](solutions/11_embeddings_and_positions.ipynb).
#
# **1. Shapes (warm-up).** The ids `[[7, 2, 7, 0], [2, 2, 5, 7]]` are looked up in a table of shape (50, 16). Which shape
# has the result? And how many rows of the table's gradient are not zero (if no incoming gradients happen to cancel)?

# %%
result_shape = ...
rows_with_gradient = ...

check(1, ... if result_shape is ... else (result_shape, rows_with_gradient))


# %% [markdown]
# **2. The table's gradient, without a scatter.** ids (N,), g (N, C) and the number of rows V → ∂L/∂W (V, C). Write it as
# one matrix product.

# %%
def table_gradient(ids, g, n_rows):
    ...


check(2, table_gradient)


# %% [markdown]
# **3. Sinusoidal positions from memory.** → (context, d_model), base 10000, d_model even, sines at even features.

# %%
def sinusoidal(context, d_model):
    ...


check(3, sinusoidal)


# %% [markdown]
# **4. One step back.** From P (T, C), any sinusoidal table with base 10000 that starts at some unknown position, the table
# of the positions one *earlier*, (T, C). You may not look up positions: turn each pair back by $\theta_i$.

# %%
def one_earlier(P):
    ...


check(4, one_earlier)


# %% [markdown]
# **5. Count the orders.** Four different tokens can stand in 24 orders. For each order a model makes one vector; how many
# *different* vectors are there (with generic weights) if it is the mean over the places of (a) $W_{\text{ids}_t}$, (b)
# $W_{\text{ids}_t} + P_t$, (c) relu($A(W_{\text{ids}_t} + P_t)$) with 64 rows in $A$? A tuple of three numbers.

# %%
different_vectors = ...

check(5, different_vectors)


# %% [markdown]
# **6. Rotary.** x (T, D), D even → the rows turned as the library does it: row t by t θ_i in the pair (i, i + D/2).

# %%
def turn(x):
    ...


check(6, turn)


# %% [markdown]
# **7. ALiBi for several heads.** Lesson 13 runs several attentions, called heads, side by side; ALiBi gives head $h$ of $H$
# the slope $2^{-8h/H}$, $h = 1, \dots, H$. → (H, T, T), what is added to the scores.

# %%
def alibi_of_heads(n_heads, length):
    ...


check(7, alibi_of_heads)


# %% [markdown]
# **8. Something to think about.** Rotary's gradient: y = turn(x), and g (T, D) is ∂L/∂y. What is ∂L/∂x? (What does a
# rotation's transpose do?)

# %%
def gradient_of_turn(g):
    ...


check(8, gradient_of_turn)

# %% [markdown]
# ## What you can now explain
#
# - Why an embedding is a matrix product that nobody computes, and why its gradient adds over all places of a token.
# - Why words with the same company get rows of the same direction, and why that is not quite meaning.
# - Why 000 §4.2's $W_{\text{pos}}(X)$ cannot know a position, and what it must be applied to instead.
# - Sinusoidal positions: a step is a rotation, and dot products depend on the distance alone.
# - Rotary positions: turning query and key leaves only $t - s$ in their score; relative bias and ALiBi say it directly.
# - Why positions that are added and then averaged are lost, and what must come in between.
#
# In [lesson 12](12_attention.ipynb) the rows meet: each one asks, and the others answer.
