# %% [markdown]
# # 13 · Masks and heads
#
# *Who may look at whom, and how does one token look at several things at once?*
#
# *Reading 45 min · running 15 s · builds on lessons 11 (positions) and 12 (attention)*
#
# **Afterwards you can** mask attention for the future and for padding, say why a mask acts before the softmax, build
# multi-head attention from a reshape and prove it equal to a loop, and train one that reads a sequence backwards.

# %%
import csv
import inspect
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyllm.functional as F
from tinyllm import manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.nn import Embedding, Linear, Module, MultiHeadAttention, record_attention
from tinyllm.optim import AdamW
from tinyllm.tokenizers import CharTokenizer

lesson = open_lesson("13_masks_and_heads")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# Attention as you built it in [lesson 12](12_attention.ipynb) lets every token look at every other. Twice that is wrong.
#
# - A model that learns to predict the next word must not *see* the next word. Otherwise it learns to copy it, which is easy
# and worthless.
# - Sentences have different lengths, an array has one. Short sentences are filled up with a padding token, and nobody must
# take padding for text.
#
# Document 001 §3.2 knows the first: its decoder "adds a mask mechanism in order to avoid leakage of data". But the formula
# that the same document prints in §4.2 has no place for a mask. We find the place, and see what the other places do.
#
# And one thing is too little: a softmax makes *one* mean out of all values. "The dog that the cat saw **barked**": the verb
# should look at its subject *and* at the end of the clause, and keep the two apart. That takes several attentions, called
# heads. Document 000 §4.2 names them and gives no formula. We derive one.

# %% [markdown]
# ## Where a mask acts (F1)
#
# The print once more, documents 001 §4.2 and 004 §4.2.1:
#
# $$\text{Attention}(Q, K, V) = \text{softmax}\left(\frac{QK^T}{\sqrt{d_k}}\right)V$$
#
# Let $M$ be a **mask**, boolean, of shape $(T_q, T_k)$ like the scores: $M_{ij}$ is true where query $i$ may look at key
# $j$. What should a masked attention answer? What the query would get *if the forbidden keys were not there*: a softmax
# over the allowed ones alone,
#
# $$P_{ij} = \frac{e^{S_{ij}}}{\sum_{j' :\, M_{ij'}} e^{S_{ij'}}} \ \text{ where } M_{ij},
# \qquad P_{ij} = 0 \ \text{ elsewhere},
# \qquad S = \frac{QK^T}{\sqrt{d}}$$
#
# The usual way to write it (Vaswani et al. 2017, §3.2.3): set the forbidden *scores* to $-\infty$ and leave the softmax as
# it is, because $e^{-\infty} = 0$ in the numerator *and in the sum below*. By hand, three keys, the third forbidden:

# %%
S = np.array([1.0, 0.0, 3.0])                           # scores of one query, (3,)
M = np.array([True, True, False])                       # may look
e = np.exp(np.where(M, S, -np.inf))
print("e^S with the third at −∞:", e.round(4), " weights:", (e / e.sum()).round(4))
alone = np.exp(S[:2]) / np.exp(S[:2]).sum()
print("softmax of the first two alone:", alone.round(4))
np.testing.assert_allclose(e / e.sum(), [*alone, 0.0])
np.testing.assert_allclose(e / e.sum(), [0.7311, 0.2689, 0.0], atol=1e-4)

# %% [markdown]
# $e / (e + 1) = 0.7311$, the sigmoid of the difference of the two scores. Now the tempting alternative, softmax first and
# the mask on the *weights*:

# %%
def masked_after(scores, mask):
    return F.softmax(scores) * mask


for third in (3.0, 5.0, -2.0):
    scores = np.array([1.0, 0.0, third])
    after = masked_after(scores, M)
    print(f"third score {third:+.0f}: masked before {F.softmax(scores, where=M).round(4)}, "
          f"after {after.round(4)} with sum {after.sum():.4f}")
assert abs(masked_after(np.array([1.0, 0.0, 5.0]), M).sum() - 0.0244) < 1e-3

# %% [markdown]
# Masked after, the weights no longer sum to 1. Worse, *they depend on the forbidden score*: it stands in the denominator of
# the other weights. If the third key is a word of the future, the size of what we get now tells something about it. It
# leaks.
#
# Could one divide the masked weights by their sum again? On paper, yes: with $Z = \sum_j e^{S_j}$ over all keys,
#
# $$\frac{M_j\, e^{S_j}/Z}{\sum_{j'} M_{j'}\, e^{S_{j'}}/Z} = \frac{M_j\, e^{S_j}}{\sum_{j'} M_{j'}\, e^{S_{j'}}}$$
#
# and $Z$ has cancelled. In a computer's numbers, no. Predict: what happens to the row $(1, 0, 800)$ with the third
# forbidden?

# %%
scores = np.array([1.0, 0.0, 800.0])
with np.errstate(invalid="ignore"):
    after = masked_after(scores, M)
    print("masked after, divided again:", after / after.sum())
    assert np.isnan(after / after.sum()).all()
print("masked before:              ", F.softmax(scores, where=M).round(4))

# %% [markdown]
# The forbidden key took all of the weight, $e^{-799}$ is 0 in float64, and $0/0$ is NaN: a key that nobody may see destroys
# the row. **The mask belongs before the softmax, into the scores.** In NumPy, with one more decision:

# %%
def my_masked_attention(q, k, v, mask):
    """q (..., Tq, D), k (..., Tk, D), v (..., Tk, Dv), mask broadcasts to (..., Tq, Tk) → (..., Tq, Dv)."""
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])                # (..., Tq, Tk)
    scores = np.where(mask, scores, -1e30)                                      # finite: −∞ − (−∞) would be NaN
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True)) * mask          # · mask: for rows that may look nowhere
    total = np.sum(e, axis=-1, keepdims=True)
    return e / np.where(total == 0, 1.0, total) @ v


rng = np.random.default_rng(0)
q, k, v = (rng.standard_normal(shape) for shape in ((2, 5, 8), (2, 7, 8), (2, 7, 3)))
mask = rng.random((2, 5, 7)) < 0.6
mask[0, 2] = False                                      # this query may look nowhere
np.testing.assert_allclose(F.attention(q, k, v, mask), my_masked_attention(q, k, v, mask), rtol=1e-10)
print(inspect.getsource(F.softmax.formula).split('"""')[2])

# %% [markdown]
# These last lines are the library's: `where` says what takes part. The decision is about **a row that may look nowhere**,
# such as a query in a batch's empty example. Its softmax is $0/0$, there is no right answer, and the candidates differ:

# %%
nowhere = np.zeros(3, bool)
minus_infinity = np.where(nowhere, S, -np.inf)
with np.errstate(invalid="ignore"):
    e = np.exp(minus_infinity - minus_infinity.max())
    print("−∞:        ", e / e.sum())
print("−1e9 added:", F.softmax(S - 1e9).round(4))
print("where:     ", F.softmax(S, where=nowhere))
assert np.isnan(e).all() and math.isclose(F.softmax(S - 1e9).sum(), 1.0) and not F.softmax(S, where=nowhere).any()

# %% [markdown]
# NaN spreads through everything that follows, gradients included. A large negative number gives weights that sum to 1, over
# keys of which *all* are forbidden. Zeros say "nothing was seen", and pass no gradient. The library answers zeros, and
# `test_a_query_that_sees_nothing_gives_and_takes_nothing`
# ([tests/functional/test_attention.py](../tests/functional/test_attention.py)) holds it to that.

# %% [markdown]
# ## The future, and padding (F1)
#
# **The causal mask.** Query $i$ may see the keys $0, \dots, i$: $M_{ij}$ true where $j \le i$, a lower triangle with its
# diagonal. `np.tri` makes it. It has $T(T+1)/2$ true entries: half of the work falls away.
#
# **The padding mask.** Key $j$ of example $b$ is real where $j < \text{length}_b$. It has shape $(B, 1, 1, T)$: the same
# for all heads and all queries, so broadcasting does the rest. Padded *queries* need no mask; what they compute is wrong
# for nobody, as long as the loss leaves them out.
#
# Both at once: a key must pass both, so `&`.

# %%
lengths = np.array([6, 4])                              # B = 2 sentences in T = 6 places
padding = (np.arange(6) < lengths[:, None])[:, None, None, :]                   # (2, 1, 1, 6)
causal = np.tri(6, dtype=bool)                          # (6, 6)
both = causal & padding                                 # (2, 1, 6, 6)
print(padding.shape, "&", causal.shape, "→", both.shape, " true entries:", causal.sum(), both.sum(axis=(1, 2, 3)))
assert causal.sum() == 6 * 7 // 2 and list(both.sum(axis=(1, 2, 3))) == [21, 18]

with viz.figure(7.6, 3.4) as (fig, ax):
    ax.remove()
    for i, (name, shown) in enumerate((("causal", causal), ("padding, length 4", padding[1, 0].repeat(6, axis=0)),
                                       ("both", both[1, 0]))):
        ax = fig.add_subplot(1, 3, i + 1)
        ax.imshow(shown, cmap="Greys", vmin=0, vmax=1.4)
        ax.set(title=name, xlabel="key", xticks=range(6), yticks=range(6), **({"ylabel": "query"} if i == 0 else {}))
        ax.grid(False)
    fig.suptitle("Dark: may look", x=0.01, ha="left", fontsize=11, fontweight="bold")
fig

# %% [markdown]
# What a mask promises is a *property*: **what is hidden changes nothing.** Not "little"; nothing, to the last bit. So test
# it like one: write rubbish into the future, and compare. And the gradient of an early output with respect to later keys is
# 0.

# %%
q, k, v = rng.standard_normal((3, 2, 4, 6, 8))                                  # (B, H, T, D) = (2, 4, 6, 8) each
out = F.attention(q, k, v, causal=True)
np.testing.assert_allclose(out, my_masked_attention(q, k, v, causal), rtol=1e-10)
k2, v2 = k.copy(), v.copy()
k2[..., 4:, :], v2[..., 4:, :] = 1e4, -1e4              # rubbish at places 4 and 5
changed = np.abs(F.attention(q, k2, v2, causal=True) - out).max(axis=(0, 1, 3))
print("change by place, causal:      ", [round(float(c), 2) for c in changed])
assert not changed[:4].any() and changed[4:].all()
after = F.softmax(q @ np.swapaxes(k, -1, -2) / math.sqrt(8)) * causal @ v
after2 = F.softmax(q @ np.swapaxes(k2, -1, -2) / math.sqrt(8)) * causal @ v2
changed = np.abs(after2 - after).max(axis=(0, 1, 3))
print("change by place, masked after:", [round(float(c), 2) for c in changed])
assert (changed > 0.1).all()

# %% [markdown]
# One subtlety. In generation (lesson 18) the keys of earlier tokens are kept, and only the newest query comes in: $T_q =
# 1$, $T_k = 6$. Which keys may it see? It is the *last* of the six, so all. `causal=True` therefore aligns the triangle at
# its lower right corner: query $i$ sees keys up to $T_k - T_q + i$. A triangle aligned at the upper left would let the
# newest token see only the oldest.

# %%
last_two = F.attention(q[..., -2:, :], k, v, causal=True)                       # Tq = 2, Tk = 6
np.testing.assert_allclose(last_two, out[..., -2:, :], rtol=1e-10)
print(np.tri(2, 6, 6 - 2, dtype=int))

# %% [markdown]
# ## Several heads (F3)
#
# Document 000 §4.2 writes $\text{MultiHeadAttention}(Q, K, V)$ and says of it only that it "stands for the multi-head
# attention mechanism". Why would one want it?
#
# One attention gives each query *one* distribution and hence one mean of values. A query that needs something from two
# places gets their mixture: with weights ½ and ½ it learns $\frac12 (v_a + v_b)$, and a sum does not say which came from
# where (you met this in [lesson 11](11_embeddings_and_positions.ipynb)). With two attentions side by side, each can look at
# one place.
#
# So: give each of $H$ heads a query, key and value of its own, of width $D = C/H$, made by its own matrices; put the heads'
# results beside each other, which gives width $C$ again; and mix them by one more matrix. For $X$ of shape $(T, C)$,
#
# $$\text{head}_h = \text{Attention}(X W_Q^h,\; X W_K^h,\; X W_V^h) \qquad
# \text{MultiHead}(X) = [\text{head}_1 \,;\, \dots \,;\, \text{head}_H]\; W_O$$
#
# | symbol | shape | |
# |---|---|---|
# | $W_Q^h, W_K^h, W_V^h$ | $(C, D)$ | what head $h$ asks, offers to be found by, and hands over |
# | $\text{head}_h$ | $(T, D)$ | |
# | $W_O$ | $(C, C)$ | mixes the heads; block $h$ of $D$ rows, $W_O^h$, belongs to head $h$ |
#
# (Vaswani et al. 2017, §3.2.2.) What the last matrix does becomes clear when the product is taken block by block:
# $[\text{head}_1; \dots; \text{head}_H]\, W_O = \sum_h \text{head}_h W_O^h$. **Each head writes into all $C$ features, and
# the writings are added.** Literally, as a loop:

# %%
def heads_in_a_loop(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """x (T, C), four matrices (C, C) whose columns (of w_o: rows) h·D … (h + 1)·D belong to head h → (T, C)."""
    d = x.shape[-1] // n_heads
    y = np.zeros_like(x)
    for h in range(n_heads):
        mine = slice(h * d, (h + 1) * d)
        head = F.attention(x @ w_q[:, mine], x @ w_k[:, mine], x @ w_v[:, mine], mask)      # (T, D)
        y = y + head @ w_o[mine]                                                            # (T, C)
    return y


x = rng.standard_normal((5, 8))                                                 # T = 5, C = 8
w_q, w_k, w_v, w_o = rng.standard_normal((4, 8, 8)) / math.sqrt(8)
looped = heads_in_a_loop(x, w_q, w_k, w_v, w_o, 2)
columns = slice(0, 4), slice(4, 8)
together = np.concatenate([F.attention(x @ w_q[:, c], x @ w_k[:, c], x @ w_v[:, c]) for c in columns], axis=1)
np.testing.assert_allclose(looped, together @ w_o, rtol=1e-10)                  # the sum over heads
print(looped.shape)

# %% [markdown]
# **No loop.** All heads' queries come from *one* product, $X W_Q$ with $W_Q = [W_Q^1; \dots; W_Q^H]$ of shape $(C, C)$;
# head $h$ is $D$ of its columns. Attention takes any leading axes, so heads need only become one:
#
# $$(B, T, C) \xrightarrow{\text{reshape}} (B, T, H, D) \xrightarrow{\text{swapaxes}(1, 2)} (B, H, T, D)$$
#
# Predict before you run: why not reshape to $(B, H, T, D)$ at once? Take $T = 3$ tokens of width $C = 4$ and $H = 2$. Entry
# 21 is token 2, feature 1.

# %%
numbered = (10 * np.arange(3)[:, None] + np.arange(4))[None]                    # (1, 3, 4)
right = np.swapaxes(numbered.reshape(1, 3, 2, 2), 1, 2)                         # (1, 2, 3, 2)
at_once = numbered.reshape(1, 2, 3, 2)
print("token by token:\n", numbered[0])
print("head 1, right:\n", right[0, 0])
print("head 1, at once:\n", at_once[0, 0])
assert right.shape == at_once.shape and np.array_equal(right[0, 0], numbered[0, :, :2])
assert not np.array_equal(right, at_once)

# %% [markdown]
# The direct reshape has the right shape and the wrong contents: its "head 1" is all of token 0 and half of token 1. The
# array is one long row in memory, and a reshape only puts new commas into it; to bring heads before tokens, axes must
# *change places*. With that, multi-head attention in nine lines:

# %%
def my_multi_head(x, w_q, w_k, w_v, w_o, n_heads, mask=None):
    """x (B, T, C), matrices (C, C) → (B, T, C)."""
    B, T, C = x.shape

    def heads(y):
        return np.swapaxes(np.reshape(y, (B, T, n_heads, C // n_heads)), 1, 2)  # (B, H, T, D)

    y = F.attention(heads(x @ w_q), heads(x @ w_k), heads(x @ w_v), mask)       # (B, H, T, D)
    return np.reshape(np.swapaxes(y, 1, 2), (B, T, C)) @ w_o                    # heads side by side again, mixed


np.testing.assert_allclose(my_multi_head(x[None], w_q, w_k, w_v, w_o, 2)[0], looped, rtol=1e-10)

# %% [markdown]
# The library's version ([tinyllm/nn/attention.py](../tinyllm/nn/attention.py)) is this with biases, and with what later
# lessons need (a second sequence as source, a cache, rotary positions):

# %%
print(inspect.getsource(MultiHeadAttention.forward))

# %%
manual_seed(0)
layer = MultiHeadAttention(8, 2, bias=False).to(dtype=np.float64)
names = ("q_proj", "k_proj", "v_proj", "o_proj")
for name, w in zip(names, (w_q, w_k, w_v, w_o)):
    getattr(layer, name).weight.data[...] = w.T         # a Linear keeps its weight as (out, in)
batch = rng.standard_normal((2, 5, 8))
g = rng.standard_normal(batch.shape)
mine = [w.copy() for w in (w_q, w_k, w_v, w_o)]
y = layer(batch, mask=np.tri(5, dtype=bool))
y.backward(g)
np.testing.assert_allclose(y.data, my_multi_head(batch, *mine, 2, np.tri(5, dtype=bool)), rtol=1e-10)
step = 1e-6
for name, w in zip(names, mine):                        # the gradient along a random direction, by a difference of the loop's
    direction = rng.standard_normal(w.shape)
    ends = []
    for sign in (1, -1):
        moved = [m + sign * step * direction if m is w else m for m in mine]
        outputs = [heads_in_a_loop(row, *moved, 2, np.tri(5, dtype=bool)) for row in batch]
        ends.append(np.sum(np.stack(outputs) * g))
    slope = np.sum(getattr(layer, name).weight.grad.T * direction)
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * step), rtol=1e-6)
print("values and gradients agree with the loop;", layer.n_parameters(), "parameters = 4 · 8²")
assert layer.n_parameters() == 4 * 8**2

# %% [markdown]
# $4C^2$ parameters, *whatever the number of heads*: more heads are narrower heads, not more of them for free.
# `test_equals_a_loop_over_heads` ([tests/nn/test_attention.py](../tests/nn/test_attention.py)) does this comparison on
# drawn shapes, masks and sources.
#
# ## Two heads see what one cannot (F3)
#
# A test of the reason for heads. Eight symbols in a ring; each place must tell its left *and* its right neighbour. One
# attention layer, $C = 32$, two linear read-outs, and nothing changes but the number of heads. The number of parameters is
# the same. Predict all three accuracies (both neighbours right).

# %% tags=["varies"]
SYMBOLS, RING = 8, 8


class Neighbours(Module):
    def __init__(self, n_heads, width=32):
        self.symbols, self.positions = Embedding(SYMBOLS, width), Embedding(RING, width)
        self.attention = MultiHeadAttention(width, n_heads)
        self.left, self.right = Linear(width, SYMBOLS), Linear(width, SYMBOLS)

    def forward(self, ids):
        y = self.attention(self.symbols(ids) + self.positions(np.arange(RING)))             # (B, T, C)
        return self.left(y), self.right(y)


both_right, each_right = {}, {}
for n_heads in (1, 2, 4):
    manual_seed(0)
    model, data = Neighbours(n_heads), np.random.default_rng(1)
    optimizer = AdamW(model.parameters(), lr=5e-3)
    for _ in range(300):
        ids = data.integers(0, SYMBOLS, (64, RING))
        left, right = model(ids)
        loss = F.cross_entropy(left, np.roll(ids, 1, axis=1)) + F.cross_entropy(right, np.roll(ids, -1, axis=1))
        model.zero_grad()
        loss.backward()
        optimizer.step()
    ids = np.random.default_rng(99).integers(0, SYMBOLS, (500, RING))
    left, right = (logits.data.argmax(axis=-1) for logits in model(ids))
    left_right, right_right = left == np.roll(ids, 1, axis=1), right == np.roll(ids, -1, axis=1)
    both_right[n_heads], each_right[n_heads] = float((left_right & right_right).mean()), (left_right.mean(), right_right.mean())
    print(f"heads {n_heads}: left neighbour right {left_right.mean():.1%}, right one {right_right.mean():.1%}, "
          f"both {both_right[n_heads]:.1%}; {model.n_parameters()} parameters")
assert both_right[1] < 0.4 and both_right[2] > 0.99 and both_right[4] > 0.99 and abs(np.subtract(*each_right[1])) > 0.5
viz.bars({f"{n} head{'s' * (n > 1)}": share for n, share in both_right.items()}, "share of places with both right",
         "One head cannot keep two neighbours apart; two can")

# %% [markdown]
# The single head looks at both neighbours at once (it has to), and gets a mixture. It lays a little more weight on one of
# them, and a linear read-out of a mixture names the heavier symbol, whichever side it was asked for: one neighbour comes out
# nearly always right, and the other read-out mostly names the same one again. Four heads have nothing to add: there are two
# things to look at.

# %% [markdown]
# ## Fewer keys than queries (F3)
#
# In generation the keys and values of all earlier tokens are kept: $2 \cdot T \cdot H \cdot D$ numbers a layer. **Grouped
# heads** (Ainslie et al. 2023) save most of that: several query heads share one key/value head. With $H_{kv}$ of them,
# query head $h$ uses number $\lfloor h / (H/H_{kv}) \rfloor$. It is ordinary multi-head attention in which some heads'
# $W_K^h$ and $W_V^h$ are equal:

# %%
manual_seed(0)
grouped = MultiHeadAttention(32, 8, n_kv_heads=2).to(dtype=np.float64)          # D = 4, groups of 4 query heads
full = MultiHeadAttention(32, 8).to(dtype=np.float64)
state = grouped.state_dict()
for name in ("k_proj", "v_proj"):
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]               # (2 · 4, 32), (2 · 4,)
    state[f"{name}.weight"] = weight.reshape(2, 4, 32).repeat(4, axis=0).reshape(32, 32)
    state[f"{name}.bias"] = bias.reshape(2, 4).repeat(4, axis=0).reshape(32)
full.load_state_dict(state)
x = rng.standard_normal((2, 6, 32))
np.testing.assert_allclose(grouped(x).data, full(x).data, rtol=1e-10, atol=1e-12)
print(f"parameters {full.n_parameters()} → {grouped.n_parameters()}; "
      f"cached numbers for 1000 tokens {2 * 1000 * 8 * 4:,} → {2 * 1000 * 2 * 4:,}")

# %% [markdown]
# ## A set has no order (F3)
#
# Shuffle the tokens, and the outputs are shuffled in the same way, nothing else: for a permutation $\pi$ of the rows,
# $f(\pi X) = \pi f(X)$. Multi-head attention without positions is **permutation-equivariant**, whatever its weights. The
# proof is short. Queries, keys and values are made row by row, so they are shuffled alike. Row $i$ of the result is $\sum_j
# P_{ij} v_j$ with $P_{ij}$ proportional to $e^{q_i \cdot k_j/\sqrt d}$, a sum over *all* $j$: its terms come in another
# order, and the sum stays. As a property, on drawn lengths, heads and permutations (lesson 6):

# %%
tried = []


@settings(max_examples=60, derandomize=True, database=None, deadline=None)
@given(length=st.integers(1, 8), n_heads=st.sampled_from([1, 2, 4]), seed=st.integers(0, 10_000))
def equivariant(length, n_heads, seed):
    manual_seed(seed)
    attention, draw = MultiHeadAttention(8, n_heads).to(dtype=np.float64), np.random.default_rng(seed)
    x, order = draw.standard_normal((1, length, 8)), draw.permutation(length)
    np.testing.assert_allclose(attention(x[:, order]).data, attention(x).data[:, order], atol=1e-12)
    tried.append(length)


equivariant()
print(f"held in {len(tried)} drawn cases")
assert len(tried) >= 60

# %% [markdown]
# What follows is severe. *Reverse* a sequence: abc → cba. Suppose $f$ is equivariant and reverses abc. Exchange the first
# two tokens of the input; equivariance exchanges the first two of the output: bac → **bca**. But bac backwards is **cab**.
# So no attention without positions reverses sequences, and no training will change that.
#
# ## Milestone: an attention that reads backwards (F3)
#
# With positions? The data are the 2000 sequences of [datasets/reverse](../datasets/reverse/README.md) with task *reverse*:
# 3 to 12 symbols out of 12, so a batch needs a padding mask. The answer at place $t$ of a sequence of length $n$ is the
# symbol at $n - 1 - t$. Each token gets two learned positions, counted from the left, $t$, and from the right, $n - 1 - t$;
# the attention may then learn "look at the one whose *left* number is my *right* number". Nobody tells it that.

# %%
def load(split):
    """ids (N, 12) padded with 0, lengths (N,), targets (N, 12) with −100 where nothing is to be said."""
    with (lesson.folder.parent / "datasets" / "reverse" / f"{split}.tsv").open(encoding="utf-8") as file:
        sources = [row["source"].split()[1:] for row in csv.DictReader(file, delimiter="\t") if row["source"][:3] == "rev"]
    ids, targets = np.zeros((len(sources), 12), np.int64), np.full((len(sources), 12), -100)
    for i, symbols in enumerate(sources):
        ids[i, :len(symbols)] = [ord(symbol) - ord("a") for symbol in symbols]
        targets[i, :len(symbols)] = ids[i, :len(symbols)][::-1]
    return ids, np.array([len(symbols) for symbols in sources]), targets


class Backwards(Module):
    """One multi-head attention between embeddings and a linear read-out."""

    def __init__(self, positions, width=64, n_heads=4):
        self.symbols, self.from_left, self.from_right = Embedding(12, width), Embedding(12, width), Embedding(12, width)
        self.attention, self.out = MultiHeadAttention(width, n_heads), Linear(width, 12)
        self.positions = positions

    def forward(self, ids, lengths):
        t = np.arange(12)
        x = self.symbols(ids)                                                   # (B, T, C)
        if self.positions:
            x = x + self.from_left(t) + self.from_right(np.clip(lengths[:, None] - 1 - t, 0, 11))
        real = (t < lengths[:, None])[:, None, None, :]                         # (B, 1, 1, T)
        return self.out(self.attention(x, mask=real))                           # (B, T, 12)


train_set, test_set = load("train"), load("test")
real = test_set[2] >= 0
reading, learned = {}, {}
for name, positions in (("with positions", True), ("without positions", False)):
    manual_seed(0)
    model, data, curve = Backwards(positions), np.random.default_rng(1), []
    optimizer = AdamW(model.parameters(), lr=3e-3)
    for step in range(200):
        rows = data.integers(0, len(train_set[0]), 64)
        loss = F.cross_entropy(model(train_set[0][rows], train_set[1][rows]), train_set[2][rows])
        model.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 9:
            with no_grad():
                right = model(*test_set[:2]).data.argmax(axis=-1) == test_set[2]
            curve.append((step + 1, float(right[real].mean())))
    reading[name], learned[name] = model, curve
    print(f"{name:18} symbols right {right[real].mean():6.1%}, whole sequences {(right | ~real).all(axis=1).mean():6.1%}")
commonest = np.array([np.bincount(ids[:n], minlength=12).argmax() for ids, n in zip(*test_set[:2])])
guess = float((commonest[:, None] == test_set[2])[real].mean())
print(f"always naming the sequence's commonest symbol: {guess:.1%}")
assert learned["with positions"][-1][1] > 0.99 and abs(learned["without positions"][-1][1] - guess) < 0.06

# %%
viz.lines(learned, "step", "share of test symbols right", "With positions it learns to reverse, without it cannot",
          baselines={"naming the commonest symbol": guess})

# %% [markdown]
# On 200 test sequences it never saw, all right; and without positions about what one gets by naming the commonest symbol of
# the sequence, for it sees a heap of symbols and can count them. Where does the trained one look?

# %%
example = int(np.argmax(test_set[1] == 8))              # the first test sequence of length 8
with no_grad(), record_attention(reading["with positions"]) as maps:
    reading["with positions"](test_set[0][[example]], test_set[1][[example]])
weights = maps["attention"][0][0, :, :8, :8]            # (H, T, T), the eight real tokens
tokens = [chr(ord("a") + i) for i in test_set[0][example, :8]]
mirrored = np.mean([weights[h, t, 7 - t] for h in range(4) for t in range(8)])
print(f"weight on the mirrored place, mean over heads and tokens: {mirrored:.2f} (an equal mean would give {1 / 8:.3f})")
assert mirrored > 0.5
viz.attention_heads(weights, tokens, "Every token looks at its mirror image")

# %% [markdown]
# ## Break it: almost minus infinity
#
# Many programs *add* a large negative number to forbidden scores instead of masking; BERT's first code added $-10{,}000$.
# That is enough as long as no score comes near. Predict: how large must queries and keys be (as multiples of the size that
# lesson 12 assumed) for the future to show through? Then look at the share of the weight that falls on the future:

# %%
draws = np.random.default_rng(3)
q, k = draws.standard_normal((2, 50, 16, 64))                                   # 50 draws, T = 16, D = 64
sizes = [1, 3, 10, 30, 50, 70, 100, 200, 300, 1000]
future = ~np.tri(16, dtype=bool)
seen = {"−10,000 added": [], "−1e9 added": [], "boolean mask": []}
for size in sizes:
    scores = (size * q) @ np.swapaxes(size * k, -1, -2) / 8                     # (50, 16, 16)
    for name, p in (("−10,000 added", F.softmax(scores - 1e4 * future)), ("−1e9 added", F.softmax(scores - 1e9 * future)),
                    ("boolean mask", F.softmax(scores, where=~future))):
        seen[name].append((size, float((p * future).sum(axis=-1).mean())))
for size, a, b in zip(sizes, seen["−10,000 added"], seen["boolean mask"]):
    print(f"size {size:4}: weight on the future {a[1]:.3f} with −10,000, {b[1]:.3f} with a boolean mask")
assert seen["−10,000 added"][0][1] == 0.0 and seen["−10,000 added"][-1][1] > 0.3
assert not any(share for _, share in seen["boolean mask"])
viz.lines(seen, "size of the entries of q and k", "share of the weight on the future",
          "Almost −∞ is not −∞ when scores are large", logx=True)

# %% [markdown]
# A score grows with the *square* of the size, so a hundredfold size makes scores of ten thousand. Healthy networks stay far
# below; a diverging one, or one loaded with wrong weights, does not, and then it cheats silently. $-10^9$ holds longer, but
# in 16-bit floats, which end at 65,504, it does not exist. A boolean mask holds at every size.
# `test_the_future_changes_nothing` draws scores "up to 1e4 and beyond" for this very reason, and asks for equality to the
# last bit ([tests/functional/test_attention.py](../tests/functional/test_attention.py)).

# %% [markdown]
# ## Break it: off by one
#
# The mask is `np.tri(T, T, k)`, and $k = 0$ is right: token $t$ sees $0 \dots t$ and predicts token $t + 1$. With $k = 1$
# it sees one token more, which is the answer. One character of code. Predict the training loss, and then the text that each
# writes, for a little model that learns *The House That Jack Built* by heart:

# %% tags=["varies"]
lines = ["the house that Jack built", "the malt that lay in ", "the rat that ate ", "the cat that killed ",
         "the dog that worried ", "the cow with the crumpled horn that tossed ", "the maiden all forlorn that milked "]
rhyme = "".join("This is " + "".join(reversed(lines[:n + 1])) + ".\n" for n in range(len(lines)))
tokenizer = CharTokenizer.train(rhyme)
ids, T = tokenizer.encode_array(rhyme).astype(np.int64), 24


class NextCharacter(Module):
    """ids (B, T) → logits of the next character at each place (B, T, V); `k` is the mask's diagonal."""

    def __init__(self, k, width=64):
        self.characters, self.positions = Embedding(tokenizer.vocab_size, width), Embedding(T, width)
        self.attention = MultiHeadAttention(width, 4)
        self.hidden, self.out, self.k = Linear(width, 128), Linear(128, tokenizer.vocab_size), k

    def forward(self, ids):
        n = ids.shape[1]
        x = self.characters(ids) + self.positions(np.arange(n))
        return self.out(F.relu(self.hidden(self.attention(x, mask=np.tri(n, n, self.k, dtype=bool)))))


def write(model, start, n):
    found = list(tokenizer.encode(start))
    with no_grad():
        for _ in range(n):
            found.append(int(model(np.array([found[-T:]])).data[0, -1].argmax()))
    return tokenizer.decode(found)


windows = np.arange(0, len(ids) - T - 1, 7)[:, None] + np.arange(T)
losses, texts = {}, {}
for name, k in (("right", 0), ("off by one", 1)):
    manual_seed(0)
    model, data = NextCharacter(k), np.random.default_rng(1)
    optimizer = AdamW(model.parameters(), lr=3e-3)
    for _ in range(500):
        at = data.integers(0, len(ids) - T - 1, 32)[:, None] + np.arange(T)
        loss = F.cross_entropy(model(ids[at]), ids[at + 1])
        model.zero_grad()
        loss.backward()
        optimizer.step()
    with no_grad():
        training = F.cross_entropy(model(ids[windows]), ids[windows + 1]).item()
        as_it_comes = [F.cross_entropy(model(ids[windows[:, :n]])[:, -1], ids[windows[:, n - 1] + 1]).item()
                       for n in range(1, T + 1)]                                # only what is there when one writes
    losses[f"{name}: training"], losses[f"{name}: writing"] = training, float(np.mean(as_it_comes))
    texts[name] = write(model, "This is the ", 60)
    print(f"{name}: loss {training:.3f} as in training, {np.mean(as_it_comes):.3f} as it comes\n    {texts[name]!r}")
a, b, c, d = losses.values()
assert abs(a - b) < 1e-3 and c < 0.1 * a and d > 10 * b and d > 3
viz.bars(losses, "loss (nats a character)", "Off by one: too good in training, useless when writing")

# %% [markdown]
# The right mask gives the same loss both ways, and that is the test: **feed the text piece by piece; if the loss differs
# from the one in training, something leaked.** (Its own text is a little garbled too; this is one attention layer, and
# there are better models to come.) The wrong mask has a loss near 0 in training, the best curve you ever saw, and has
# learned nothing but to copy; when it has to write, the place it copies from is not there. A loss that is too good is the
# commonest sign of a leak.
#
# `test_a_future_token_never_changes_an_earlier_logit` ([tests/models/test_gpt.py](../tests/models/test_gpt.py)) catches it
# in whole models: it changes one token and demands that no earlier logit move by a bit.
# `test_a_later_token_changes_nothing_earlier` ([tests/nn/test_attention.py](../tests/nn/test_attention.py)) does so for the
# layer.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/13_masks_and_heads.ipynb](solutions/13_masks_and_heads.ipynb).
#
# **1. Counting (warm-up).** How many true entries has (a) a causal mask for 6 tokens, (b) the causal mask of the last 2
# queries over 6 keys, (c) the causal mask for 6 tokens of which the last 2 keys are padding? A tuple of three numbers,
# found by thinking.

# %%
true_entries = ...

check(1, true_entries)


# %% [markdown]
# **2. The causal mask.** For n_queries ≤ n_keys, where the queries are the *last* ones → boolean (n_queries, n_keys).

# %%
def causal_mask(n_queries, n_keys):
    ...


check(2, causal_mask)


# %% [markdown]
# **3. The padding mask.** lengths (B,) and T → boolean (B, 1, 1, T), true for real tokens, which stand on the left.

# %%
def padding_mask(lengths, T):
    ...


check(3, padding_mask)


# %% [markdown]
# **4. Masked weights.** scores (T, S) and mask (T, S) → weights (T, S); a row that may look nowhere gives zeros. Without
# the library's `where`.

# %%
def masked_weights(scores, mask):
    ...


check(4, masked_weights)


# %% [markdown]
# **5. Into heads.** x (B, T, C) and H → (B, H, T, C/H).

# %%
def split_heads(x, n_heads):
    ...


check(5, split_heads)


# %% [markdown]
# **6. All of it.** q, k, v (T, C), already projected, w_o (C, C) whose block of D rows h belongs to head h, and H → (T, C).
# You may use `F.attention`.

# %%
def multi_head(q, k, v, w_o, n_heads):
    ...


check(6, multi_head)


# %% [markdown]
# **7. A window.** For long texts one lets each token see itself and the w − 1 tokens before it, no more → boolean (T, T).

# %%
def window_mask(length, w):
    ...


check(7, window_mask)


# %% [markdown]
# **8. Something to think about.** An attention without positions was given the shuffled rows x[order] and answered y (T,
# C). What would it have answered for x? A function of y and order, which is a permutation of 0 … T − 1.

# %%
def answer_for_the_original(y, order):
    ...


check(8, answer_for_the_original)

# %% [markdown]
# ## What you can now explain
#
# - Why a mask acts on the scores, and what goes wrong behind the softmax and with "large negative" numbers.
# - Causal and padding masks with their shapes, and what a row that may look nowhere should answer.
# - Multi-head attention as a reshape, one attention, a reshape and a product, equal to a sum over heads; why one head is
# too few; grouped heads.
# - Why attention without positions cannot reverse a sequence, as a proof and as an accuracy.
# - The sign of a leak: a loss that is too good and does not survive writing piece by piece.
#
# [Lesson 14](14_normalization_and_depth.ipynb) stacks such layers, and finds out why that needs sums and norms.
