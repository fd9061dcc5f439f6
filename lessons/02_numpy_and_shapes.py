# %% [markdown]
# # 02 · NumPy and shapes
#
# *How can ten thousand multiplications stand in one line, and how do you know that it is the right line?*
#
# *Reading 45 min · running 4 s · builds on lesson 1*
#
# **Afterwards you can** predict the shape of an expression before you run it, say which numbers broadcasting pairs up, take
# apart and rearrange arrays without mixing their contents, and spot the two mistakes that raise no error.

# %%
import inspect
import math
import time

import numpy as np
from matplotlib.patches import Rectangle

import tinyllm.functional as F
from tinyllm import Tensor, viz
from tinyllm.book import open_lesson

lesson = open_lesson("02_numpy_and_shapes")
check = lesson.check

# %% [markdown]
# ## The question
#
# A language model reads, say, 8 texts at once, each of 64 tokens, and holds 128 numbers for every token. It multiplies,
# sums and compares these 65,536 numbers many thousand times. No formula of this book has a loop over them. All stand in one
# **array**, and each line says what happens to all of it.
#
# That makes the code short enough to hold beside a paper. It also moves the difficulty: the lines are easy, and what you
# must keep in your head is the **shape**. Most mistakes in this field are mistakes of shape. The lucky ones raise an error.
# This lesson is about both kinds.
#
# You know some NumPy. Here is the part this book uses, with a question at every turn: *what shape comes out?* Answer before
# you run.

# %% [markdown]
# ## Shape and axis
#
# An array's shape says how many numbers lie along each of its **axes**. Axis 0 is the outermost. Here are two texts ($B =
# 2$, the batch) of three tokens ($T = 3$) with four numbers each ($C = 4$):

# %%
x = np.arange(24).reshape(2, 3, 4)                      # (B, T, C)
print(x)
print("shape", x.shape, " axes", x.ndim, " numbers", x.size)
print("text 0, token 2, number 1:", x[0, 2, 1])

# %% [markdown]
# The comment `# (B, T, C)` at the end of a line is a **shape comment**. You find one on nearly every line of this library,
# always with the same letters: $B$ batch, $T$ tokens, $C$ width, $H$ heads, $V$ vocabulary.
#
# A sum along an axis adds up the numbers that differ in this index alone, and the axis is gone: *name an axis, and it
# vanishes.*

# %%
for axis in (0, 1, 2):
    print(f"sum over axis {axis}: shape {x.sum(axis=axis).shape}, first entry {x.sum(axis=axis).flat[0]}")
by_hand = [x[0, 0, 0] + x[1, 0, 0], x[0, 0, 0] + x[0, 1, 0] + x[0, 2, 0], x[0, 0, 0] + x[0, 0, 1] + x[0, 0, 2] + x[0, 0, 3]]
print("by hand:", [int(n) for n in by_hand])
assert by_hand == [x.sum(axis=0)[0, 0], x.sum(axis=1)[0, 0], x.sum(axis=2)[0, 0]] == [12, 12, 6]

# %% [markdown]
# Negative numbers count from the end: `axis=-1` is the last one. Formulas here say `-1` wherever they can, for then they
# work whatever stands in front: one text, a batch of texts, a batch of heads.
#
# **Predict, then run.** `x.mean(axis=1)`, with the shape comment's letters: which of the three vanishes, and what does the
# result mean?

# %%
print(x.mean(axis=1).shape, "= (B, C): for each text, the mean over its tokens")
assert x.mean(axis=1).shape == (2, 4)

# %% [markdown]
# ## Numbers have a kind
#
# All numbers of an array have one **dtype**. Three matter here. Integers (`int64`) are token numbers. Booleans are masks:
# what to look at, what to keep. Floats are everything that is computed and learned, and for these there is a choice:

# %%
for dtype in (np.float16, np.float32, np.float64):
    info = np.finfo(dtype)
    print(f"{dtype.__name__}: {info.bits // 8} bytes, about {info.precision} digits, up to {info.max:.1e}")

# %% [markdown]
# Learning does not need sixteen digits, and half the bytes means twice the numbers in a cache. So the field computes in
# **float32**, and so does this library: a Python float that becomes a Tensor becomes a float32.
#
# Six digits and a bit, though, are no more than that. In float32 there is no number between 16,777,216 ($2^{24}$) and
# 16,777,218. **Predict, then run:** what is $2^{24} + 1$?

# %%
large = np.float32(2**24)
print(large + np.float32(1) == large, Tensor(1.5).dtype)
assert large + np.float32(1) == large and Tensor(1.5).dtype == np.float32

# %% [markdown]
# So a long sum is delicate: when the total is large, each small number that is added loses digits. Below, 0.1 is added a
# million times, first in the plain way, one after the other, then by `np.sum`, which adds in pairs (halves of halves), so
# that numbers of like size meet.

# %%
n = 10 ** np.arange(1, 7)
tenths = np.full(10**6, 0.1, dtype=np.float32)
one_by_one = np.cumsum(tenths)[n - 1]                   # cumsum adds in order
in_pairs = np.array([np.sum(tenths[:k]) for k in n])
exact = n * float(np.float32(0.1))
error = {"one after the other": np.abs(one_by_one / exact - 1), "np.sum, in pairs": np.abs(in_pairs / exact - 1)}
print(f"a million tenths: one by one {one_by_one[-1]:,.2f}, np.sum {in_pairs[-1]:,.2f}, exactly {exact[-1]:,.2f}")
assert error["one after the other"][-1] > 1e-3 and error["np.sum, in pairs"][-1] < 1e-5
viz.lines({name: (n, e + 1e-9) for name, e in error.items()}, "how many numbers are added", "relative error (+ 1e−9)",
          "A long float32 sum drifts; adding in pairs holds it", logx=True, logy=True)

# %% [markdown]
# The plain sum is off by nearly one percent, from nothing but rounding. Where this book needs a long sum, it uses NumPy's.

# %% [markdown]
# ## Broadcasting
#
# `x + 1` adds 1 to every number. `x + row` adds a row to every row. NumPy stretches the smaller array, and the rule is
# short:
#
# 1. Write the two shapes under each other, **flush right**; missing axes on the left count as 1.
# 2. Each pair of sizes must be **equal, or one of them 1**.
# 3. A size of 1 is stretched: the same numbers are used again and again. Nothing is copied.
#
# As a picture, a column (3, 1) and a row (4,). Solid cells exist, dashed cells are the stretching:

# %%
column = np.array([[0], [10], [20]])                    # (3, 1)
row = np.array([1, 2, 3, 4])                            # (4,)
total = column + row                                    # (3, 4)


def draw_cells(ax, values, left, solid, title):
    """A matrix as boxes from `left` on; a cell where `solid` is False is a repetition."""
    for (i, j), value in np.ndenumerate(values):
        there = bool(solid[i, j])
        ax.add_patch(Rectangle((left + j, -i), 0.9, 0.9, facecolor="#cfe3f1" if there else "white", edgecolor="black",
                               linestyle="-" if there else ":", linewidth=1.2 if there else 0.8))
        ax.text(left + j + 0.45, 0.45 - i, str(value), ha="center", va="center", color="black" if there else "#777777")
    ax.text(left + values.shape[1] / 2 - 0.05, 1.25, title, ha="center", va="bottom")


with viz.figure(9.5, 3.0) as (fig, ax):
    wide, tall = np.broadcast_arrays(column, row)
    draw_cells(ax, wide, 0, np.arange(4)[None, :] + np.zeros((3, 1)) == 0, "column (3, 1)")
    draw_cells(ax, tall, 5.5, np.arange(3)[:, None] + np.zeros((1, 4)) == 0, "row (4,)")
    draw_cells(ax, total, 11, np.ones((3, 4), dtype=bool), "sum (3, 4)")
    ax.text(4.7, -0.55, "+", fontsize=18, ha="center", va="center")
    ax.text(10.2, -0.55, "=", fontsize=18, ha="center", va="center")
    ax.set(xlim=(-0.2, 15.2), ylim=(-2.3, 1.9), title="Broadcasting repeats what has size 1 until the shapes agree")
    ax.axis("off")
fig

# %% [markdown]
# The rule in code. It takes two shapes and answers the common one, and NumPy's own `broadcast_shapes` agrees, also on when
# to refuse:

# %%
def common_shape(a, b):
    """The shape of x + y for x of shape a, y of shape b. Raises ValueError where they do not fit."""
    n = max(len(a), len(b))
    a, b = (1,) * (n - len(a)) + tuple(a), (1,) * (n - len(b)) + tuple(b)       # flush right
    for i, j in zip(a, b):
        if i != j and 1 not in (i, j):
            raise ValueError(f"{a} and {b} do not broadcast: {i} against {j}")
    return tuple(j if i == 1 else i for i, j in zip(a, b))


def outcome(f, a, b):
    try:
        return f(a, b)
    except ValueError:
        return "refused"


rng = np.random.default_rng(0)
drawn = [tuple(tuple(rng.integers(1, 4, rng.integers(0, 4)).tolist()) for _ in range(2)) for _ in range(500)]
assert all(outcome(common_shape, a, b) == outcome(np.broadcast_shapes, a, b) for a, b in drawn)
refused = sum(outcome(common_shape, a, b) == "refused" for a, b in drawn)
print(f"500 drawn pairs of shapes, {refused} of them refused, always as NumPy does")
assert 100 < refused < 400

# %% [markdown]
# **Predict, then run.** What are the shapes of these four sums? One of them is an error.

# %%
for a, b in (((2, 3, 4), (4,)), ((2, 3, 4), (3, 1)), ((2, 3, 4), (2, 3)), ((5, 1), (1, 5))):
    print(f"{a!s:10} + {b!s:7} →", outcome(common_shape, a, b))
assert outcome(common_shape, (2, 3, 4), (2, 3)) == "refused" and common_shape((5, 1), (1, 5)) == (5, 5)

# %% [markdown]
# The third is refused: flush right, 3 stands under 4. If one number for each text and token is meant, shape (2, 3, 1), the
# axis must be put there: `y[:, :, None]`, where `None` inserts an axis of size 1. Or it was never lost: most functions that
# remove an axis take `keepdims=True`, which leaves it with size 1.

# %%
print(x.sum(axis=-1).shape, x.sum(axis=-1, keepdims=True).shape, x.sum(axis=-1)[:, :, None].shape)
shares = x / x.sum(axis=-1, keepdims=True)              # (B, T, C) / (B, T, 1)
assert np.allclose(shares.sum(axis=-1), 1)

# %% [markdown]
# ## One memory, many arrays
#
# An array is two things: a block of memory, in which the numbers lie one after the other, and a description of how to walk
# through it. The description has the shape and the **strides**: how many bytes to jump for a step along each axis.

# %%
m = np.arange(6, dtype=np.float32).reshape(2, 3)
print(m, "strides", m.strides)
print(m.T, "strides", m.T.strides)
assert np.shares_memory(m, m.T)

# %% [markdown]
# `m.T` moved nothing. It is a **view**: the same memory, walked in another order. Slices, `swapaxes` and (where possible)
# `reshape` are views too, and therefore cost nothing. The other side of it: who writes into a view writes into the
# original.
#
# **Predict, then run.** What is `m[0]` after this?

# %%
m.T[0] = -1                                             # row 0 of the view is column 0 of m
print(m)
picked = m[[0, 1]]                                      # indexed with integers: a copy
picked[:] = 99
assert m[0, 0] == -1 and 99 not in m and not np.shares_memory(m, picked)

# %% [markdown]
# The rule: **slices give views, arrays of integers or booleans give copies.** When in doubt, `np.shares_memory` tells.
#
# ### Reshaping is not transposing
#
# `reshape` keeps the numbers in memory order and cuts them anew. `swapaxes` changes what the axes mean. The two can give
# the *same shape with other contents*, which is one of the classic mistakes of this field. Here it is where it really
# happens: attention (lesson 12) splits the $C$ numbers of each token into $H$ heads of $D = C/H$, and wants the heads in
# front: $(T, C) \to (H, T, D)$.
#
# Let each entry of $x$ hold the number of its token, so that we see where it goes. **Predict:** which of the two lines is
# right?

# %%
T, C, H = 4, 6, 2
D = C // H
x = np.repeat(np.arange(T), C).reshape(T, C)            # (T, C): row t is full of t
first = x.reshape(H, T, D)                              # (H, T, D)
second = np.swapaxes(x.reshape(T, H, D), 0, 1)          # (H, T, D)
assert first.shape == second.shape == (H, T, D)
with viz.figure(8.0, 3.4) as (fig, ax):
    for left, line, name in ((0, first, "head 0 of the first line"), (5, second, "head 0 of the second line")):
        draw_cells(ax, line[0], left, line[0] == np.arange(T)[:, None], name)
    ax.set(xlim=(-1.2, 9.2), ylim=(-3.3, 1.9), title="One shape, two contents: reshape alone mixes tokens")
    ax.set_yticks([0.45 - t for t in range(T)], [f"row {t}" for t in range(T)])
    ax.set_xticks([])
    ax.set_xlabel("each cell: the token it came from; filled where that is the row's own")
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
fig

# %% [markdown]
# The second. In the first, row 0 and row 1 of head 0 both hold numbers of token 0, and tokens 2 and 3 do not occur in head
# 0 at all. It runs, it even learns something, and it is wrong. The recipe: **split an axis by reshape (C becomes H, D),
# where it stands; then move axes by swapaxes. Never reshape across axes that should stay apart.** And a test: fill the
# array with its own indices, as here, and look.

# %%
assert (second == np.arange(T)[None, :, None]).all() and not (first == np.arange(T)[None, :, None]).all()

# %% [markdown]
# ## Picking
#
# Three kinds of index, all of them used in every model.
#
# **Integers pick rows.** A table of shape $(V, C)$ holds a row for each token of the vocabulary. Indexing it with token
# numbers of shape $(B, T)$ gives $(B, T, C)$: *the index's shape takes the place of the axis it indexes.* This is the whole
# of an embedding (lesson 11), and the library's formula is that one line:

# %%
print(inspect.getsource(F.embedding.formula))
table = rng.standard_normal((10, 4)).astype(np.float32)                         # (V, C)
ids = np.array([[3, 1, 4], [1, 5, 9]])                                          # (B, T)
rows = table[ids]                                                               # (B, T, C)
np.testing.assert_array_equal(F.embedding(ids, table), rows)
for b, t in np.ndindex(2, 3):
    assert (rows[b, t] == table[ids[b, t]]).all()
print("ids", ids.shape, "→ rows", rows.shape)

# %% [markdown]
# **Integers along several axes walk together.** `p[[0, 1, 2], [4, 0, 2]]` is `p[0, 4]`, `p[1, 0]`, `p[2, 2]`: three
# numbers, not a 3 × 3 block. So from a row of probabilities for each place, we get the probability of what really came:

# %%
p = np.array([[0.1, 0.7, 0.2],                          # (T, V): at each of three places, for each of three tokens
              [0.5, 0.3, 0.2],
              [0.2, 0.2, 0.6]])
came = np.array([1, 0, 1])                              # (T,)
print(p[np.arange(3), came], "and not", p[:, came].shape)
assert (p[np.arange(3), came] == [0.7, 0.5, 0.2]).all()

# %% [markdown]
# **Booleans select.** A mask has True where something is to be kept. `y[mask]` gives the selected numbers in one row;
# `np.where(mask, y, z)` keeps the shape and takes from `y` or from `z`. Texts of unequal length are filled up with padding,
# and a mask says what is real:

# %%
lengths = np.array([3, 1])
real = np.arange(4) < lengths[:, None]                  # (T,) against (B, 1) → (B, T)
print(real)
values = np.array([[2.0, 4.0, 6.0, 0.0], [5.0, 0.0, 0.0, 0.0]])                 # (B, T), zeros where there is nothing
mean = np.sum(np.where(real, values, 0), axis=1) / np.sum(real, axis=1)
print("mean of what is real", mean, "and of everything", values.mean(axis=1))
assert (mean == [4, 5]).all()

# %% [markdown]
# ## Products
#
# `a @ b` is the matrix product. Entry $(i, j)$ is the dot product of row $i$ of $a$ and column $j$ of $b$:
#
# $$(ab)_{ij} = \sum_k a_{ik}\, b_{kj} \qquad (n, k) \times (k, m) \to (n, m)$$
#
# The inner sizes must agree and vanish. With more than two axes, the **last two** are the matrices and all axes in front
# are broadcast. So `x @ W.T` with $x$ of shape $(B, T, C)$ and $W$ of shape $(V, C)$ gives, for every text and token, a
# number for each of $V$ tokens. One line, and this is what it replaces:

# %%
B, T, C, V = 2, 3, 4, 5
x = rng.standard_normal((B, T, C)).astype(np.float32)   # (B, T, C)
W = rng.standard_normal((V, C)).astype(np.float32)      # (V, C): row v is what output v looks for
y = np.zeros((B, T, V), np.float32)
for b, t, v in np.ndindex(B, T, V):
    for c in range(C):
        y[b, t, v] += x[b, t, c] * W[v, c]
np.testing.assert_allclose(x @ W.T, y, rtol=1e-5, atol=1e-6)
np.testing.assert_allclose(F.linear(x, W), y, rtol=1e-5, atol=1e-6)
print("x", x.shape, "@ W.T", W.T.shape, "→", (x @ W.T).shape)

# %% [markdown]
# That is `F.linear`, the subject of [lesson 7](07_linear_layers.ipynb) and the place where a model spends most of its time.
# Its formula, in [tinyllm/functional/linear.py](../tinyllm/functional/linear.py), is `x @ np.swapaxes(weight, 0, 1)`. At
# the edge of a public function the library checks shapes once, and says what it expected and what it got:

# %%
try:
    F.linear(x, W.T)
except ValueError as error:
    print(error)

# %% [markdown]
# ### einsum, read aloud
#
# When the axes of a product are not where `@` wants them, `np.einsum` names them. Read
#
#     np.einsum("btc,vc->btv", x, W)
#
# as: *for every b, t and v, sum over c the product of x at b, t, c and W at v, c.* Letters to the right of the arrow stay;
# letters missing there are summed over. The loops above are this sentence, word by word.
#
# **Predict, then run.** `"btc,bsc->bts"` with x twice: what is it, in words?

# %%
np.testing.assert_allclose(np.einsum("btc,vc->btv", x, W), x @ W.T, rtol=1e-5, atol=1e-6)
similar = np.einsum("btc,bsc->bts", x, x)               # (B, T, T)
np.testing.assert_allclose(similar, x @ np.swapaxes(x, -1, -2), rtol=1e-5, atol=1e-6)
print(similar.shape, ": in each text, the dot product of every token with every token")

# %% [markdown]
# (In lesson 12 this line becomes attention.)
#
# And why not the loops? Not for beauty alone. Times on the machine that ran this lesson; yours will differ:

# %% tags=["varies"]
big_x, big_W = rng.standard_normal((64, 128)).astype(np.float32), rng.standard_normal((64, 128)).astype(np.float32)
since = time.perf_counter()
by_loops = [[sum(a * b for a, b in zip(row, other)) for other in big_W.tolist()] for row in big_x.tolist()]
loops = time.perf_counter() - since
since = time.perf_counter()
for _ in range(100):
    in_one = big_x @ big_W.T
product = (time.perf_counter() - since) / 100
np.testing.assert_allclose(in_one, by_loops, rtol=1e-3, atol=1e-3)
assert loops / product > 20
print(f"half a million products: by Python loops {loops * 1e3:.0f} ms, as one product {product * 1e3:.3f} ms")

# %% [markdown]
# ## Watch it work: a writer of letters
#
# Shapes enough to make something. We count, in the opening of *Alice's Adventures in Wonderland* (Lewis Carroll, 1865),
# which letter follows which, make probabilities of the counts, and let them write. A language model in ten lines, without
# any learning.

# %%
ALICE = """
Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do: once or twice she
had peeped into the book her sister was reading, but it had no pictures or conversations in it, and what is the use of a
book, thought Alice, without pictures or conversations? So she was considering in her own mind (as well as she could, for the
hot day made her feel very sleepy and stupid), whether the pleasure of making a daisy-chain would be worth the trouble of
getting up and picking the daisies, when suddenly a White Rabbit with pink eyes ran close by her. There was nothing so very
remarkable in that; nor did Alice think it so very much out of the way to hear the Rabbit say to itself, Oh dear! Oh dear! I
shall be late! (when she thought it over afterwards, it occurred to her that she ought to have wondered at this, but at the
time it all seemed quite natural); but when the Rabbit actually took a watch out of its waistcoat-pocket, and looked at it,
and then hurried on, Alice started to her feet, for it flashed across her mind that she had never before seen a rabbit with
either a waistcoat-pocket, or a watch to take out of it, and burning with curiosity, she ran across the field after it, and
fortunately was just in time to see it pop down a large rabbit-hole under the hedge.
"""
LETTERS = "abcdefghijklmnopqrstuvwxyz "
words = "".join(c if c in LETTERS else " " for c in ALICE.lower()).split()
ids = np.array([LETTERS.index(c) for c in " ".join(words) + " "])               # (N,)

counts = np.zeros((27, 27))                                                     # (V, V): row = a letter, column = the next
np.add.at(counts, (ids[:-1], ids[1:]), 1)                                       # add 1 at each pair, as often as it comes
assert counts.sum() == len(ids) - 1
probabilities = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)       # (V, V) / (V, 1)
print(f"{len(ids)} letters; after q comes u with probability {probabilities[LETTERS.index('q'), LETTERS.index('u')]:.0f}, "
      f"after t comes h with {probabilities[LETTERS.index('t'), LETTERS.index('h')]:.2f}")

# %% [markdown]
# (Why `np.add.at` and not `counts[i, j] += 1` with the same arrays? Because that reads, adds and writes each place *once*,
# however often it is named: a pair that comes ten times would count 1. And why `np.maximum(…, 1)`? A letter that never
# occurs, as z here, has a row of zeros, and 0/0 is not a number.)

# %%
twice = np.zeros(3)
twice[[0, 0, 2]] += 1
added = np.zeros(3)
np.add.at(added, [0, 0, 2], 1)
print("counts[i] += 1:", twice, "  np.add.at:", added)
assert (twice == [1, 0, 1]).all() and (added == [2, 0, 1]).all() and counts[LETTERS.index("z")].sum() == 0

shown = [c if c != " " else "·" for c in LETTERS]
viz.heatmap(probabilities, "next letter (· is a space)", "letter", "What may follow a letter: after q only u",
            label="probability", rows=shown, columns=shown)

# %% [markdown]
# Now write. Start with a space, draw the next letter from the row of the last, and go on:

# %%
writer = np.random.default_rng(0)
letter, written = LETTERS.index(" "), ""
for _ in range(150):
    letter = writer.choice(27, p=probabilities[letter])
    written += LETTERS[letter]
print(written)
assert all(counts[LETTERS.index(a), LETTERS.index(b)] > 0 for a, b in zip(" " + written, written))

# %% [markdown]
# No English, but no random letters either: you can nearly pronounce it. It looks back one letter. All that follows in this
# book is about looking back further.

# %% [markdown]
# ## Break it: keepdims forgotten
#
# The table above is square, and that is dangerous. Without `keepdims`, the sums have shape (27,) instead of (27, 1).
# **Predict:** does `counts / counts.sum(axis=1)` (a) raise an error, (b) give the same, (c) give something else? Then: what
# would it have done with a table of shape (27, 30)?

# %%
n = np.maximum(counts.sum(axis=1), 1)                   # (V,)
wrong = counts / n                                      # (V, V) / (V,): flush right, the sums lie along the *columns*
print(f"right: rows sum to 1, but for the {np.sum(counts.sum(axis=1) == 0)} letters that never occur")
print(f"wrong: rows sum to between {wrong.sum(axis=1)[counts.sum(axis=1) > 0].min():.2f} and {wrong.sum(axis=1).max():.2f}")
changed = (probabilities.argmax(axis=1) != wrong.argmax(axis=1)).sum()
print(f"and the likeliest next letter is another one for {changed} of 27 letters")
assert wrong.sum(axis=1).max() > 3 and changed >= 10
print("(27, 30) / (27,):", outcome(np.broadcast_shapes, (27, 30), (27,)))

# %%
occurs = np.flatnonzero(counts.sum(axis=1))
with viz.figure(7.5, 3.6) as (fig, ax):
    ax.bar(np.arange(len(occurs)), wrong.sum(axis=1)[occurs], label="without keepdims")
    ax.axhline(1.0, color="black", linestyle="--", label="with keepdims: 1 in every row")
    ax.set_xticks(np.arange(len(occurs)), [shown[i] for i in occurs])
    ax.set(xlabel="letter (· is a space)", ylabel="sum of its row of 'probabilities'",
           title="Without keepdims the rows no longer sum to 1")
    ax.grid(axis="x", visible=False)
    ax.legend()
fig

# %% [markdown]
# Row $i$, column $j$ was divided by the sum of row $j$. Nothing complains, for (27, 27) and (27,) fit. Had the table been
# (27, 30), you would have had an error and lost a minute. In attention the table is $T \times T$, square again: there the
# same slip costs days. What catches it is never the run; it is a property that must hold, *each row sums to 1*. The
# library's test is `test_softmax_rows_are_probabilities_and_ignore_shifts` in
# [tests/functional/test_losses.py](../tests/functional/test_losses.py): it draws arrays of shape (4, 5, 3) on purpose, all
# sizes different, and runs over every axis.
#
# Take this habit along: **test with sizes that all differ.** Then most mistakes of shape cannot hide.

# %% [markdown]
# ## Break it: float64 creeps in
#
# A quieter one. Attention divides by the root of the width, $\sqrt{64}$. Here are five ways of making a float32 array
# smaller. **Predict:** which of them keep it float32?

# %%
scores = np.ones((256, 256), dtype=np.float32)
ways = {
    "/ 8.0": scores / 8.0,
    "/ math.sqrt(64)": scores / math.sqrt(64),
    "/ np.sqrt(64)": scores / np.sqrt(64),
    "* np.float32(0.125)": scores * np.float32(0.125),
    "* np.full(256, 0.125)": scores * np.full(256, 0.125),
}
for way, result in ways.items():
    print(f"scores {way:22} → {result.dtype}, {result.nbytes // 1024} KiB")
assert [str(result.dtype)[5:] for result in ways.values()] == ["32", "32", "64", "32", "64"]
viz.bars({way: result.nbytes / 1024 for way, result in ways.items()}, "memory of the result (KiB)",
         "Two of five harmless-looking lines double the memory", baseline=256, baseline_name="float32")

# %% [markdown]
# Python's own numbers (`8.0`, and what `math.sqrt` answers) adapt to the array. NumPy's do not: `np.sqrt(64)` is a float64,
# and float64 wins. `np.full`, `np.zeros`, `np.ones` and every `rng.standard_normal` make float64 unless told otherwise. The
# values are the same and nothing fails, but from there on *everything* downstream is float64: twice the memory, and slower.
# This is why the library's attention has `math.sqrt`, and why the rule of this book is: **Python floats for constants, a
# dtype for every new array.** `test_value_dtype_and_layout` in
# [tests/autograd/test_derivatives.py](../tests/autograd/test_derivatives.py) holds every function of the derivative table
# to it.

# %%
q = rng.standard_normal((2, 5, 8)).astype(np.float32)
assert F.attention(q, q, q).dtype == np.float32
print("F.attention of float32:", F.attention(q, q, q).dtype)

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. `check` tries your function on drawn inputs, and if it fails shows the smallest case
# that fails. None needs a loop. Solutions: [solutions/02_numpy_and_shapes.ipynb](solutions/02_numpy_and_shapes.ipynb).
#
# **1. Shapes (warm-up).** With `ids` (2, 5) of integers, `table` (10, 8), `x` (2, 5, 8) and `w` (3, 8): the shapes of (a)
# `table[ids]`, (b) `x @ w.T`, (c) `x.mean(axis=1)`, (d) `x.sum(axis=-1, keepdims=True)`, (e) `x[:, -1]`, (f)
# `np.swapaxes(x.reshape(2, 5, 2, 4), 1, 2)`. A list of six tuples, without running them.

# %%
shapes = [..., ..., ..., ..., ..., ...]

check(1, ... if ... in shapes else shapes)


# %% [markdown]
# **2. Rows to shares.** counts (R, C), all positive → the same shape, each row divided by its sum.

# %%
def row_shares(counts):
    ...


check(2, row_shares)


# %% [markdown]
# **3. One-hot.** ids (T,) of integers below v → (T, v): in row t a one at column ids[t], zeros elsewhere. By broadcasting a
# comparison.

# %%
def one_hot(ids, v):
    ...


check(3, one_hot)


# %% [markdown]
# **4. What came.** p (T, V) and came (T,) → (T,): from each row t the entry in column came[t].

# %%
def probability_of_what_came(p, came):
    ...


check(4, probability_of_what_came)


# %% [markdown]
# **5. Heads and back.** x (T, C) and the number of heads, which divides C → (H, T, D) with head h holding columns hD to
# (h+1)D − 1 of every token.

# %%
def split_heads(x, n_heads):
    ...


check(5, split_heads)


# %% [markdown]
# **6. A mean that ignores padding.** x (B, T, C) and mask (B, T), True where a token is real, at least one a row → (B, C),
# the mean over the real tokens alone.

# %%
def mean_of_real(x, mask):
    ...


check(6, mean_of_real)


# %% [markdown]
# **7. Something to think about.** All distances: x (N, C) and y (M, C) → (N, M), entry (i, j) the sum over c of $(x_{ic} -
# y_{jc})^2$. No loop. (Then: how many numbers does your intermediate array hold? The solution shows a way that holds no
# more than N M.)

# %%
def squared_distances(x, y):
    ...


check(7, squared_distances)

# %% [markdown]
# ## What you can now explain
#
# - Shape, axis, dtype; why an axis that is named vanishes, and what `keepdims` keeps.
# - The three lines of the broadcasting rule.
# - Views and copies; why `reshape` and `swapaxes` may give one shape and two contents.
# - Picking by integers, by pairs of integers, by booleans.
# - `@` over leading axes, and how to read an einsum aloud.
# - The two silent mistakes, a forgotten `keepdims` and a float64 that creeps in, and what catches each: a property that
# must hold, tested with sizes that all differ, and an assertion on the dtype.
#
# You can compute with arrays now. [Lesson 3](03_chain_rule.ipynb) asks how a result changes when one of the numbers does.
