# %% [markdown]
# # 12 · Attention
#
# *How can a word find out which other words it belongs to?*
#
# *Reading 40 min · running 15 s · builds on lessons 8 (softmax) and 11 (embeddings)*
#
# **Afterwards you can** write attention from its formula, say what each symbol's shape is, explain why the scores are
# divided by √d and show what happens without it, and train an attention to look things up.

# %%
import inspect
import math

import numpy as np

import tinyllm.functional as F
from tinyllm import formulas_only, gradcheck, manual_seed, viz
from tinyllm.book import open_lesson
from tinyllm.nn import Embedding, Linear, Module, init
from tinyllm.optim import SGD, AdamW

lesson = open_lesson("12_attention")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# > The animal did not cross the street because **it** was too tired.
#
# What is *it*? You knew at once: *it* can be tired, so it is the animal. Your eyes did not read the sentence from left to
# right with equal care; at *it* they went back and fetched something from a particular earlier place.
#
# After lesson 11 a sentence is a matrix $X$ of shape $(T, C)$: one row of $C$ numbers for each of its $T$ tokens. The row
# of *it* is the same in every sentence. To mean the animal here, it must receive something from the row of *animal*. A
# fixed rule ("take the row five places back") would be right in this sentence and wrong in the next. What we need is a rule
# in which **the content of the rows decides which rows are combined**. That rule is attention, and everything in this book
# from here on stands on it.
#
# Think of a library. You come with a question (the **query**). Every book has a label on its spine (its **key**) and
# something inside (its **value**). You compare your question with all the labels and take from each book in proportion to
# how well its label fits. Let each token have all three: a query of $d$ numbers, a key of $d$ numbers, and a value of $d_v$
# numbers.

# %% [markdown]
# ## The formula (F1)
#
# Document 001 §4.2, as well as 004 §4.2.1, prints it as the Transformer paper has it (Vaswani et al. 2017, equation 1):
#
# $$\text{Attention}(Q, K, V) = \text{softmax}\left(\frac{QK^T}{\sqrt{d_k}}\right)V$$
#
# | symbol | shape | what it is |
# |---|---|---|
# | $Q$ | $(T_q, d)$ | one query a row |
# | $K$ | $(T_k, d)$ | one key a row; $d$ is what the print calls $d_k$ |
# | $V$ | $(T_k, d_v)$ | one value a row: each key has one |
# | $QK^T$ | $(T_q, T_k)$ | **scores**: entry $(i, j)$ is the dot product of query $i$ and key $j$ |
# | softmax(…) | $(T_q, T_k)$ | **weights**: along each row, positive, with sum 1 |
# | the result | $(T_q, d_v)$ | row $i$: the mean of all values, weighted by row $i$ of the weights |
#
# The print does not say along which axis the softmax runs. Along the keys: each *query* distributes one unit of attention.

# %% [markdown]
# ## By hand
#
# Two queries, three keys, $d = 4$, so that $\sqrt{d} = 2$ and everything can be checked by eye. The values are one number
# each.

# %%
Q = np.array([[2.0, 0.0, 0.0, 0.0],                     # (Tq, d) = (2, 4)
              [0.0, 0.0, 0.0, 0.0]])
K = np.array([[1.0, 0.0, 0.0, 0.0],                     # (Tk, d) = (3, 4)
              [0.0, 1.0, 0.0, 0.0],
              [-1.0, 0.0, 0.0, 0.0]])
V = np.array([[10.0], [20.0], [30.0]])                  # (Tk, dv) = (3, 1)

scores = Q @ K.T / 2                                    # (2, 3)
print(scores)

# %% [markdown]
# The first query is like the first key (score 1), has nothing in common with the second (0) and is opposed to the third
# (−1). The second query is zero: it has no preference. The softmax makes $e^{1}, e^{0}, e^{-1}$ = 2.718, 1, 0.368 and
# divides by their sum, 4.086:

# %%
weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
print(weights.round(3))
print(weights @ V)
assert np.allclose(weights[0], [0.6652, 0.2447, 0.0900], atol=1e-4)
assert np.allclose(weights[1], 1 / 3)
assert np.allclose(weights @ V, [[14.2479], [20.0]], atol=1e-4)

# %% [markdown]
# $0.665 \cdot 10 + 0.245 \cdot 20 + 0.090 \cdot 30 = 14.25$: mostly the first value. A query without a preference gets the
# plain mean, 20. So attention reaches from "an equal mean of everything" to "exactly this one", and where it stands between
# the two is decided by the size of the scores. Remember that; it is the reason for the $\sqrt{d}$.

# %% [markdown]
# ## In NumPy
#
# The formula, symbol by symbol. Only the last two axes are named, so leading axes (a batch, heads) come for free:

# %%
def my_attention(q, k, v):
    d = q.shape[-1]
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(d)                          # (..., Tq, Tk)
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))                 # lesson 8: shifted, so that nothing overflows
    weights = e / np.sum(e, axis=-1, keepdims=True)                             # (..., Tq, Tk)
    return weights @ v                                                          # (..., Tq, dv)


assert np.allclose(my_attention(Q, K, V), weights @ V)

# %% [markdown]
# The library's version is the same lines with two more things, masks (lesson 13) and a check of the shapes. Here it is:

# %%
print(inspect.getsource(F.attention.formula))
print(inspect.getsource(F.attention_weights))

# %% [markdown]
# It lives in [tinyllm/functional/attention.py](../tinyllm/functional/attention.py). Below it in the same file stands its
# **twin**: the same value computed in blocks of 64 queries, with the gradient derived by hand, because this formula is
# where a Transformer spends much of its time. Calling `F.attention` runs the twin; `formulas_only()` turns twins off. All
# three agree, and so do the gradients:

# %%
rng = np.random.default_rng(0)
q, k, v = (rng.standard_normal(shape) for shape in ((2, 5, 8), (2, 7, 8), (2, 7, 3)))
with formulas_only():
    by_formula = F.attention(q, k, v)
np.testing.assert_allclose(F.attention(q, k, v), my_attention(q, k, v), rtol=1e-10)
np.testing.assert_allclose(by_formula, my_attention(q, k, v), rtol=1e-10)
gradcheck(F.attention, [q, k, v])
print("one value, three ways:", F.attention(q, k, v)[0, 0].round(4))

# %% [markdown]
# ## The elementwise form (F2)
#
# Document 002 §4.2 writes the same thing one entry at a time, with $Q$, $K$ and $V$ made from the input $X$ by three
# matrices:
#
# $$\alpha_{ij} = \frac{e^{\text{Scale}(XQ_i \cdot XK_j^\top)}}{\sum_{j'} e^{\text{Scale}(XQ_i \cdot XK_{j'}^\top)}}
# \qquad \text{Attention}_i = \sum_j \alpha_{ij} XV_j$$
#
# Read $XQ_i$ as "row $i$ of $X W_Q$" and Scale as "divide by $\sqrt{d}$". Then it *is* F1. Two loops show it:

# %%
X = rng.standard_normal((4, 6))                                                 # T = 4 tokens, C = 6
W_Q, W_K, W_V = (rng.standard_normal((6, n)) for n in (5, 5, 3))
XQ, XK, XV = X @ W_Q, X @ W_K, X @ W_V                                          # (4, 5), (4, 5), (4, 3)


def scale(score):
    return score / math.sqrt(5)


attended = np.zeros((4, 3))
for i in range(4):
    total = sum(math.exp(scale(XQ[i] @ XK[j])) for j in range(4))
    for j in range(4):
        alpha_ij = math.exp(scale(XQ[i] @ XK[j])) / total
        attended[i] += alpha_ij * XV[j]
np.testing.assert_allclose(attended, F.attention(XQ, XK, XV), rtol=1e-10)
print("F2 equals F1, largest difference", float(np.abs(attended - F.attention(XQ, XK, XV)).max()))

# %% [markdown]
# One section earlier, in §4.1, the same document prints something else, and calls $\Sigma$ "the attention weights":
#
# $$\Sigma_{i,j} \frac{e^{\text{Scale}(XQ \cdot XK^\top)}}{\sum_{j'} e^{\text{Scale}(XQ \cdot XK^\top)}}$$
#
# Take it at its word. The sum over all $i$ and $j$ stands *outside* the fraction, the values $XV$ do not occur, and the
# terms carry no indices. Give them the only indices that make sense, $i, j$ above and $i, j'$ below. What does it compute?

# %%
for trial in range(3):
    anything = rng.standard_normal((4, 5)) * 10 ** trial
    e = np.exp(scale(anything @ XK.T))
    print(f"queries of size {10 ** trial}: the printed sum is {np.sum(e / e.sum(axis=1, keepdims=True)):.6f}")
    assert math.isclose(np.sum(e / e.sum(axis=1, keepdims=True)), 4)

# %% [markdown]
# Always 4, the number of tokens, whatever the queries say: each of the $T$ rows of weights sums to 1, so the sum of all of
# them is $T$. A formula that does not depend on its input is no attention. The fraction without the outer sum, *row by
# row*, is right, and that is what §4.2 prints. (Reading papers, this is a good habit: when a formula looks odd, put numbers
# into it.)

# %% [markdown]
# ## Dividing by the root of d (F1)
#
# Why $\sqrt{d}$, of all things? A score is a dot product, a sum of $d$ terms $q_c k_c$. Let the entries of $q$ and $k$ be
# independent, with mean 0 and variance 1. Then each term has mean $E[q_c]E[k_c] = 0$ and variance $E[q_c^2]E[k_c^2] = 1$,
# and variances of independent terms add:
#
# $$\text{Var}(q \cdot k) = \sum_{c=1}^{d} \text{Var}(q_c k_c) = d
# \qquad\Longrightarrow\qquad \text{standard deviation } \sqrt{d}$$
#
# So the scores of wide queries are large *for no better reason than that they are wide*. Dividing by their standard
# deviation gives scores of size 1 at every width. Measured:

# %%
widths = [4, 16, 64, 256, 1024]
spread = {}
for d in widths:
    products = np.sum(rng.standard_normal((20_000, d)) * rng.standard_normal((20_000, d)), axis=1)
    spread[d] = products.std()
    print(f"d = {d:4}: standard deviation {spread[d]:6.2f}, √d = {math.sqrt(d):6.2f}")
    assert abs(spread[d] / math.sqrt(d) - 1) < 0.03

# %% [markdown]
# Large scores are not merely large. They push the softmax onto its flat ends. With scores of 30 and 0 the weights are 1 and
# $10^{-13}$, and stay so when a score changes a little: the gradient is 0, and what has no gradient does not learn. In
# lesson 8 you derived the softmax's Jacobian, $\partial y_i / \partial x_j = y_i(\delta_{ij} - y_j)$; every entry has a
# factor $y_i(1 - y_i)$ or $y_i y_j$, which vanishes when one $y$ is 1 and the others are 0. Let us measure both, with 16
# keys:

# %%
def saturation(d, divide):
    """The mean largest weight, and the mean size of the Jacobian of the softmax, over 500 draws of a query and 16 keys."""
    q, k = rng.standard_normal((500, 1, d)), rng.standard_normal((500, 16, d))
    scores = (q @ np.swapaxes(k, -1, -2))[:, 0] / (math.sqrt(d) if divide else 1.0)         # (500, 16)
    y = F.softmax(scores)                                                                   # (500, 16)
    jacobian = y[:, :, None] * (np.eye(16) - y[:, None, :])                                 # (500, 16, 16)
    return y.max(axis=1).mean(), np.sqrt(np.sum(jacobian**2, axis=(1, 2))).mean()


largest, slope = {}, {}
for name, divide in (("divided by √d", True), ("not divided", False)):
    measured = [saturation(d, divide) for d in widths]
    largest[name] = list(zip(widths, [m[0] for m in measured]))
    slope[name] = list(zip(widths, [m[1] for m in measured]))
assert largest["not divided"][-1][1] > 0.95 and largest["divided by √d"][-1][1] < 0.35
viz.lines(largest, "width d of queries and keys", "largest of 16 weights (mean)",
          "Undivided scores make the softmax pick one key at random", logx=True)

# %%
print(f"at d = 1024 the slope is {slope['divided by √d'][-1][1] / slope['not divided'][-1][1]:.0f} times smaller undivided")
viz.lines(slope, "width d of queries and keys", "size of the softmax's Jacobian (mean)",
          "… and then it has no slope left to learn from", logx=True, logy=True)

# %% [markdown]
# ## Watch it work: learning to look things up
#
# Now something that nothing before attention in this book could do. Each example is a small table of five *key → value*
# pairs and a question, one of the keys. Keys and values are tokens, and **the table is a new one every time**, so nothing
# can be learned by heart: the network must learn *to look*.

# %%
N_KEYS, N_VALUES, PAIRS = 12, 8, 5


def lookup_batch(rng, n):
    """keys (n, 5), values (n, 5), question (n,), answer (n,): in every example its own table."""
    keys = np.argsort(rng.random((n, N_KEYS)), axis=1)[:, :PAIRS]               # five different keys
    values = rng.integers(0, N_VALUES, (n, PAIRS))
    asked = rng.integers(0, PAIRS, n)
    rows = np.arange(n)
    return keys, values, keys[rows, asked], values[rows, asked]


class LookUp(Module):
    """A query from the question, keys and values from the table, attention, and logits of the answer. All d wide."""

    def __init__(self, d=32, divide=True):
        self.of_key, self.of_value = Embedding(N_KEYS, d), Embedding(N_VALUES, d)           # entries of variance 1
        self.query, self.key, self.out = (Linear(d, n, bias=False) for n in (d, d, N_VALUES))
        for layer in (self.query, self.key):
            init.normal_(layer.weight, 1 / math.sqrt(d))                        # lesson 7: variance 1 in, variance 1 out
        self.root = 1.0 if divide else math.sqrt(d)

    def forward(self, keys, values, question):
        q = self.query(self.of_key(question[:, None])) * self.root              # (B, 1, d); the root undoes the division
        k = self.key(self.of_key(keys))                                         # (B, 5, d)
        v = self.of_value(values)                                               # (B, 5, d)
        self.weights = F.attention_weights(q.data, k.data)                      # (B, 1, 5), to look at
        return self.out(F.attention(q, k, v))[:, 0]                             # (B, N_VALUES)


def train(model, optimizer, steps=300, seed=1):
    """(step, share of right answers on 500 new tables), every 20 steps."""
    data, accuracy = np.random.default_rng(seed), []
    for step in range(1, steps + 1):
        keys, values, question, answer = lookup_batch(data, 64)
        loss = F.cross_entropy(model(keys, values, question), answer)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            keys, values, question, answer = lookup_batch(np.random.default_rng(99), 500)
            right = model(keys, values, question).data.argmax(axis=1) == answer
            accuracy.append((step, float(right.mean())))
    return accuracy


manual_seed(0)
model = LookUp()
learned = train(model, AdamW(model.parameters(), lr=3e-3))
_, values, _, answer = lookup_batch(np.random.default_rng(99), 500)
guessing = float((values == answer[:, None]).mean())
print(f"right on tables never seen: {learned[-1][1]:.1%}; guessing a value of the table: {guessing:.1%}")
assert learned[-1][1] > 0.98 and guessing < 0.4

# %% [markdown]
# (Guessing is better than 1 in 8, because the answer is one of the table's five values.) Where does it look? One table, five
# questions, one for each of its keys:

# %%
keys, values, _, _ = lookup_batch(np.random.default_rng(5), 1)
model(np.repeat(keys, PAIRS, axis=0), np.repeat(values, PAIRS, axis=0), keys[0])
viz.heatmap(
    model.weights[:, 0], "entry of the table", "question", "Each question looks at the entry with its own key",
    label="weight", values=True,
    rows=[f"key {key}?" for key in keys[0]], columns=[f"{key} → {value}" for key, value in zip(keys[0], values[0])],
)

# %% [markdown]
# Nobody told it that a question should look at an equal key. It was told only the right answers, and gradients through the
# softmax did the rest.

# %% [markdown]
# ## Break it: without the root
#
# Predict first. Take the same network, from the same start, and do not divide its scores. Will it (a) stop with an error, (b)
# learn just the same, since the matrices $W_Q$ and $W_K$ can grow smaller to make up for it, or (c) learn worse? And does the
# width matter? Write your guess down. We train with plain gradient descent with momentum, 300 steps, three starts for each
# width:

# %% tags=["varies"]
def accuracy(d, divide, start):
    manual_seed(start)
    model = LookUp(d, divide)
    return train(model, SGD(model.parameters(), lr=0.1, momentum=0.9))[-1][1]


broken = {name: [(d, np.mean([accuracy(d, divide, start) for start in range(3)])) for d in (16, 64, 256)]
          for name, divide in (("divided by √d", True), ("not divided", False))}
for name, curve in broken.items():
    print(f"{name:14}", ", ".join(f"d = {d}: {share:.0%}" for d, share in curve))
assert broken["divided by √d"][-1][1] > 0.98 and broken["not divided"][-1][1] < 0.8
viz.lines(broken, "width d of queries and keys", "share of right answers after 300 steps",
          "Undivided, the wide network never learns to look", logx=True, baselines={"guessing a value of the table": guessing})

# %% [markdown]
# Answer (c), and the wider the worse: each question has picked a key at random, the softmax is flat there, and no gradient
# arrives that could move it. $W_Q$ and $W_K$ could repair it, if only they were told. (AdamW, which divides every gradient by
# its own size, lesson 9, does find its way out at a high rate; try it. It needs that crutch because of this. And the middle
# of the undivided curve differs from machine to machine: on this edge the last digit of a product decides.)
#
# It runs, without any warning, and that is the trouble: such a mistake costs learning, not an error message. Which test
# would have caught it? Not the gradient check: the gradient of the wrong function is right. Two others do:
# `test_attention.py` compares with the formula
# ([tests/functional/test_attention.py](../tests/functional/test_attention.py)), and the parity tests compare with PyTorch's
# `scaled_dot_product_attention` ([tests/parity/test_functional.py](../tests/parity/test_functional.py)).

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. `check` tries your function on drawn inputs, and if it fails shows the smallest case
# that fails. Solutions with derivations: [solutions/12_attention.ipynb](solutions/12_attention.ipynb).
#
# **1. Shapes (warm-up).** Queries of shape (2, 8, 10, 64), keys of shape (2, 8, 15, 64), values of shape (2, 8, 15, 32).
# Which shape have the scores, and which the result? A pair of tuples.

# %%
scores_shape = ...
result_shape = ...

check(1, ... if scores_shape is ... else (scores_shape, result_shape))


# %% [markdown]
# **2. Weights.** From scores (Tq, Tk) already divided by √d, the attention weights (Tq, Tk).

# %%
def weights_of(scores):
    ...


check(2, weights_of)


# %% [markdown]
# **3. Attention from memory.** q (T, D), k (S, D), v (S, E) → (T, E). Without looking above.

# %%
def attention(q, k, v):
    ...


check(3, attention)


# %% [markdown]
# **4. Self-attention (F2).** From the rows x (T, C) and the matrices w_q (C, D), w_k (C, D), w_v (C, E), the attended rows
# (T, E). You may use `F.attention`.

# %%
def self_attention(x, w_q, w_k, w_v):
    ...


check(4, self_attention)


# %% [markdown]
# **5. The values' gradient.** The result is O = P V, with weights P (T, S). Somewhere behind it a loss L is computed; g (T,
# E) is ∂L/∂O. What is ∂L/∂V, of shape (S, E)? A function of P and g.

# %%
def gradient_of_values(p, g):
    ...


check(5, gradient_of_values)


# %% [markdown]
# **6. Something to think about.** The scores' gradient. With S the divided scores, P = softmax(S) and O = P V, find ∂L/∂S
# (T, S) from q, k, v and g = ∂L/∂O, and write it without a loop. (Hint: lesson 8's softmax gradient, row by row.)

# %%
def gradient_of_scores(q, k, v, g):
    ...


check(6, gradient_of_scores)

# %% [markdown]
# ## What you can now explain
#
# - Query, key, value; scores, weights, result, with the shape of each.
# - Why the softmax runs along the keys, and what its two extremes mean: the mean of everything, and one entry.
# - Why a dot product of $d$ terms has standard deviation √d, and what undivided scores do to a gradient.
# - That F1 and F2 are one formula, and that 002 §4.1's is the constant $T$.
#
# One thing attention cannot do: tell *where* a token stands. Shuffle the rows of $K$ and $V$ together, and nothing changes.
# Lesson 13 makes use of what you built here (masks, several heads) and shows what positions are for.
