# %% [markdown]
# # 05 · The derivative table
#
# *How do you differentiate a matrix product without ever writing down its derivative?*
#
# *Reading 45 min · running 6 s · builds on lessons 2 (arrays), 3 (the chain rule) and 4 (reverse mode)*
#
# **Afterwards you can** derive the backward rule of an array function by its indices, say what broadcasting and indexing do
# to a gradient, read and extend the library's table of derivatives, and turn plain NumPy into something that trains.

# %%
import inspect
import itertools

import numpy as np

import tinyllm
from tinyllm import Tensor, grad, gradcheck, scatter_add, viz
from tinyllm.autograd import graph
from tinyllm.autograd.operators import TABLE
from tinyllm.autograd.rules import products, reductions
from tinyllm.autograd.table import Primitive
from tinyllm.book import open_lesson

lesson = open_lesson("05_derivative_table")
check = lesson.check
rng = np.random.default_rng(0)

# %% [markdown]
# ## The question
#
# The engine of [lesson 4](04_reverse_mode.ipynb) works on single numbers. A language model works on arrays, and with good
# reason: one call of `np.matmul` does in compiled code what would be a million `Value` objects in Python. So a node of the
# graph should be an *array operation*. What is then its "local slope"?
#
# Let $x$ have $n$ entries and $y = f(x)$ have $m$. Every $y_i$ may depend on every $x_j$, so there are $m \cdot n$ slopes.
# Written as a matrix they are called the **Jacobian**:
#
# $$J_{ij} = \frac{\partial y_i}{\partial x_j} \qquad J \text{ of shape } (m, n)$$
#
# How large is it? Predict, then run: $e^x$ of a modest array of shape $(8, 64, 128)$, in float32.

# %%
entries = 8 * 64 * 128
print(f"x has {entries:,} entries; its Jacobian has {entries**2:,}, that is {entries**2 * 4 / 1e9:.1f} GB")
print(f"of these, {entries:,} are not 0")

# %% [markdown]
# Seventeen gigabytes for one exponential, and all but the diagonal is zero, because $y_i$ depends on $x_i$ alone. Nobody
# can store Jacobians. The good news of this lesson is that nobody needs one.

# %% [markdown]
# ## What is needed instead
#
# The backward pass never asks for a slope as such. It holds $g_i = \partial L/\partial y_i$, one number for each entry of
# $y$, and wants $\partial L/\partial x_j$. The chain rule of lesson 4, with every $y_i$ as a user of $x_j$:
#
# $$\frac{\partial L}{\partial x_j} = \sum_{i=1}^{m} g_i \frac{\partial y_i}{\partial x_j} = \sum_i g_i J_{ij}
# \qquad\text{or in one piece}\qquad \frac{\partial L}{\partial x} = g\, J$$
#
# Row $g$ of shape $(m,)$ times a matrix $(m, n)$ gives $(n,)$: a **vector-Jacobian product**, in short **vjp**. What comes
# out has the shape of $x$; what goes in has the shape of $y$. The whole trick is that the *product* can be had without the
# matrix. For $y = e^x$, the matrix is $J_{ij} = e^{x_i}$ if $i = j$ and else 0, and so $(gJ)_j = g_j e^{x_j}$: an
# elementwise product, $n$ multiplications instead of $n^2$. By hand, with three entries:

# %%
x = np.array([0.0, 1.0, 2.0])
y = np.exp(x)
J = np.diag(y)                                          # (3, 3)
g = np.array([1.0, 10.0, 100.0])
print("with the matrix:   ", (g @ J).round(3))
print("without the matrix:", (g * y).round(3))
np.testing.assert_allclose(g @ J, g * y)

# %% [markdown]
# And that is, literally, how the library knows the derivative of the exponential. In
# [tinyllm/autograd/rules/elementwise.py](../tinyllm/autograd/rules/elementwise.py) stands the line
#
#     defvjp(np.exp, lambda g, y, _x: g * y)
#
# Read it as a row of a table: *function, rule*. A rule gets $g$, the value $y$ and the arguments, and answers the vjp. One
# rule stands there for each argument, so a product has two:
#
#     defvjp(np.multiply, lambda g, _y, _a, b: g * b, lambda g, _y, a, _b: g * a)
#
# (The leading underscore is a promise: "I use only the shape of this one". Then the array itself need not be kept until the
# backward pass, and on a GPU memory is what one runs out of first.)

# %%
rule = TABLE[np.exp].rules[0]
np.testing.assert_allclose(rule(g, y, x), g * y)
print("a row of the table:", inspect.getsource(rule).strip())

# %% [markdown]
# ## A recipe: name the indices
#
# Where does a rule come from? For every function in this book, from the same three steps:
#
# 1. Write one entry of $y$ with all its indices.
# 2. Fix one entry of $x$. In which entries of $y$ does it occur, and with what factor?
# 3. Multiply each of these factors by the $g$ of that entry, and add up.
#
# So that you need not trust our algebra, a small referee: it draws a random $g$, lets the library go backwards, and
# compares with the rules we derived.

# %%
def referee(name, f, rules, *xs):
    """Assert that rule(g, y, *xs) is what the library's backward() finds, for each argument."""
    leaves = [Tensor(x, requires_grad=True) for x in xs]
    y = f(*leaves)
    g = rng.standard_normal(y.shape)
    y.backward(g)
    for rule, leaf in zip(rules, leaves, strict=True):
        np.testing.assert_allclose(rule(g, y.data, *xs), leaf.grad, rtol=1e-9, atol=1e-12)
    print(f"{name}: y {y.shape}, " + ", ".join(f"argument {x.shape} ✓" for x in xs))


A, B = rng.standard_normal((4, 5)), rng.standard_normal((4, 5))

# %% [markdown]
# **Product**, $y_{ij} = a_{ij} b_{ij}$. The entry $a_{ij}$ occurs in $y_{ij}$ alone, with factor $b_{ij}$. So $\partial
# L/\partial a_{ij} = g_{ij} b_{ij}$.
#
# **Sum over rows**, $y_j = \sum_i x_{ij}$, from $(R, C)$ to $(C,)$. The entry $x_{ij}$ occurs in $y_j$ alone, with factor
# 1. So $\partial L/\partial x_{ij} = g_j$: each entry of a column gets the gradient of its sum. The gradient of a sum is a
# *copy*.
#
# **Mean over rows**, $y_j = \frac1R \sum_i x_{ij}$: the same, with factor $1/R$.

# %%
referee("product", np.multiply, [lambda g, y, a, b: g * b, lambda g, y, a, b: g * a], A, B)
referee("sum    ", lambda x: np.sum(x, axis=0), [lambda g, y, x: np.broadcast_to(g, x.shape)], A)
referee("mean   ", lambda x: np.mean(x, axis=0), [lambda g, y, x: np.broadcast_to(g, x.shape) / len(x)], A)
print(inspect.getsource(reductions.spread))

# %% [markdown]
# **Matrix product**, $Y = AB$, the workhorse, with $A$ of shape $(n, k)$, $B$ $(k, m)$ and $Y$ $(n, m)$:
#
# $$y_{ij} = \sum_{l} a_{il}\, b_{lj}$$
#
# Fix $a_{il}$. It occurs in $y_{ij}$ for *every* $j$, a whole row of $Y$, each time with factor $b_{lj}$. Hence
#
# $$\frac{\partial L}{\partial a_{il}} = \sum_j g_{ij}\, b_{lj} = \sum_j g_{ij}\, (B^\top)_{jl}
# \qquad\Longrightarrow\qquad \frac{\partial L}{\partial A} = g\, B^\top \quad (n, m)(m, k) = (n, k)$$
#
# Fix $b_{lj}$. It occurs in $y_{ij}$ for every $i$, a whole column, with factor $a_{il}$:
#
# $$\frac{\partial L}{\partial b_{lj}} = \sum_i a_{il}\, g_{ij} = \sum_i (A^\top)_{li}\, g_{ij}
# \qquad\Longrightarrow\qquad \frac{\partial L}{\partial B} = A^\top g \quad (k, n)(n, m) = (k, m)$$
#
# The gradient of a matrix product is two matrix products. So the backward pass of a network costs about twice its forward
# pass, a number you will meet again when we count what training costs.

# %%
C = rng.standard_normal((5, 3))
referee("matrix product", np.matmul, [lambda g, y, a, b: g @ b.T, lambda g, y, a, b: a.T @ g], A, C)
print(inspect.getsource(products.matmul_left))

# %% [markdown]
# The library's rule is `np.matmul(g, _t(b))` with extra cases for single vectors. What have we avoided? Here is the
# Jacobian of the entries of $Y$, $(4, 3)$, along the entries of $A$, $(4, 5)$, both laid out in a row. Twelve rows, twenty
# columns.

# %%
rows = []
for i, j in np.ndindex(4, 3):                                           # one backward walk for each row of the Jacobian
    rows.append(grad(lambda a, i=i, j=j: (a @ C)[i, j])(A).ravel())
jacobian = np.stack(rows)                                               # (12, 20)
g = rng.standard_normal((4, 3))
np.testing.assert_allclose(g.ravel() @ jacobian, (g @ C.T).ravel(), rtol=1e-12)
np.testing.assert_allclose(jacobian, np.kron(np.eye(4), C.T), rtol=1e-12)
viz.heatmap(jacobian, "entry of A, row by row", "entry of Y = A C, row by row",
            "A Jacobian: 240 numbers, but only the 15 of C are news", label="∂y / ∂a", diverging=True)

# %% [markdown]
# Four times the same block, $C^\top$, and zeros. The rule $gC^\top$ uses the block once and never touches a zero.

# %% [markdown]
# ## Broadcasting: a value used many times
#
# $Y = X + b$ with $X$ of shape $(T, C)$ and $b$ of shape $(C,)$: NumPy stretches $b$ over all rows (lesson 2). By indices,
# $y_{tc} = x_{tc} + b_c$. Now step 2 of the recipe: $b_c$ occurs in $y_{tc}$ for **every** $t$, with factor 1. So
#
# $$\frac{\partial L}{\partial b_c} = \sum_t g_{tc}$$
#
# That is general. Broadcasting copies; a copied value is used as often as it was copied; uses add. So: *the gradient is
# summed over the axes that were stretched*. An axis can be stretched in two ways: it was missing on the left, or it had
# length 1.

# %%
def unbroadcast(g, shape):
    """Sum g over the axes along which an array of this shape was stretched."""
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))                               # axes that were missing on the left
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] > 1)
    return g.sum(axis=stretched, keepdims=True)


for shape in [(3,), (1,), (1, 3), (2, 1), (5, 1, 3), (5, 2, 1), (1, 1, 1), (), (5, 2, 3)]:
    whole, part = rng.standard_normal((5, 2, 3)), rng.standard_normal(shape)
    referee(f"{'times ' + str(shape):15}", np.multiply,
            [lambda g, y, a, b: g * b, lambda g, y, a, b: unbroadcast(g * a, b.shape)], whole, part)

# %% [markdown]
# No rule in the library's table says a word about broadcasting. `np.multiply` answers `g * a`, in the stretched shape, and
# the backward pass does the summing once, for all rules alike, in `_fit`:

# %%
print(inspect.getsource(graph._fit))

# %% [markdown]
# ## Indexing: entries picked, gradients put back
#
# A model looks words up in a table: row $i_k$ of a matrix $W$ for the $k$-th token. By indices, $y_k = w_{i_k}$ (a whole
# row). In which $y_k$ does row $w_j$ occur? In all those with $i_k = j$: perhaps none, perhaps many. So
#
# $$\frac{\partial L}{\partial w_j} = \sum_{k:\; i_k = j} g_k$$
#
# An array of zeros, with each $g_k$ *added* where $y_k$ came from. This is called **scatter-add**. There is a trap in NumPy
# here. Predict what each of the two prints:

# %%
index = np.array([0, 0, 2])
g = np.array([1.0, 10.0, 100.0])

first = np.zeros(4)
first[index] += g
print("w[index] += g      ", first)

second = np.zeros(4)
np.add.at(second, index, g)
print("np.add.at(w, …, g) ", second)
np.testing.assert_array_equal(first, [10.0, 0.0, 100.0, 0.0])
np.testing.assert_array_equal(second, [11.0, 0.0, 100.0, 0.0])
np.testing.assert_array_equal(scatter_add(g, index, (4,)), second)
referee("w[index]", lambda w: w[index], [lambda g, y, w: scatter_add(g, index, w.shape)], rng.standard_normal(4))

# %% [markdown]
# The first reads all three places, adds, and writes all three back: of two additions to place 0, the last one wins. It is
# lesson 4's "overwriting instead of adding" in a new coat. (A sentence with the word *the* in it twice would train on the
# last *the* only.) The library's `scatter_add` is the second one, without writing into an array.

# %% [markdown]
# ## Choices: maximum and where
#
# $y = \max(a, b)$ is one of its arguments, so the gradient goes to the one that was picked, and the other gets 0. If they
# are equal, there is a kink: from one side the slope is 1, from the other 0, and the derivative does not exist. A library
# must still answer something. This one lets equals share:

# %%
a = np.array([1.0, 5.0, 3.0])
b = np.array([4.0, 2.0, 3.0])
parts = grad(lambda a, b: np.sum(np.maximum(a, b)), (0, 1))(a, b)
print("to a:", parts[0], "  to b:", parts[1])
np.testing.assert_array_equal(parts, [[0.0, 1.0, 0.5], [1.0, 0.0, 0.5]])

# %% [markdown]
# `np.where(c, a, b)` is the same with the choice made outside. It has a famous trap. We want $\log x$ where $x > 0$ and 0
# elsewhere. Predict the gradient at $x = 0$:

# %%
with np.errstate(divide="ignore", invalid="ignore"):
    outside = grad(lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)))(np.array([0.0, 2.0]))
inside = grad(lambda x: np.sum(np.log(np.where(x > 0, x, 1.0))))(np.array([0.0, 2.0]))
print("where outside:", outside, "  where inside:", inside)
assert np.isnan(outside[0]) and inside[0] == 0.0 and inside[1] == outside[1] == 0.5

# %% [markdown]
# The value, 0, is fine, and the gradient is NaN. `where` sends $g = 0$ to the branch that was not chosen, and the rule of
# the logarithm computes $g / x = 0/0$. Zero times infinity is not zero for a computer. The cure is to make the *argument*
# harmless before the dangerous function sees it.

# %% [markdown]
# ## The whole machine, in forty lines
#
# Lesson 4 had the walk, this lesson has the rules. Put them together, and NumPy itself becomes differentiable. The last
# piece is how a function like `np.exp` comes to know about us: NumPy asks its arguments first. If one has a method
# `__array_ufunc__` (for elementwise functions and `@`) or `__array_function__` (for the others), NumPy calls it instead of
# computing.

# %%
RULES = {                                               # function: a rule (g, y, *arguments) for each argument
    np.add: [lambda g, y, a, b: g, lambda g, y, a, b: g],
    np.subtract: [lambda g, y, a, b: g, lambda g, y, a, b: -g],
    np.multiply: [lambda g, y, a, b: g * b, lambda g, y, a, b: g * a],
    np.divide: [lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b],
    np.negative: [lambda g, y, x: -g],
    np.exp: [lambda g, y, x: g * y],
    np.log: [lambda g, y, x: g / x],
    np.tanh: [lambda g, y, x: g * (1.0 - y * y)],
    np.matmul: [lambda g, y, a, b: g @ b.T if b.ndim > 1 else np.outer(g, b), lambda g, y, a, b: a.T @ g],
    np.sum: [lambda g, y, x, axis=None: np.broadcast_to(g if axis is None else np.expand_dims(g, axis), x.shape)],
}
serials = itertools.count()


def raw(x):
    return x.data if isinstance(x, Traced) else x


class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that remembers the NumPy function and the arguments it was made with."""

    def __init__(self, data, fn=None, inputs=(), kwargs=None):
        self.data, self.fn, self.inputs, self.kwargs = np.asarray(data), fn, inputs, kwargs or {}
        self.grad, self.serial = None, next(serials)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return Traced(ufunc(*map(raw, inputs)), ufunc, inputs)

    def __array_function__(self, fn, types, args, kwargs):
        return Traced(fn(*map(raw, args), **kwargs), fn, args, kwargs)


def backward(output):
    """Leave ∂output/∂leaf in the grad of every leaf: lesson 4's walk, with vjp rules in the place of slopes."""
    found, stack = {}, [output]
    while stack:
        node = stack.pop()
        if node.serial not in found:
            found[node.serial] = node
            stack.extend(x for x in node.inputs if isinstance(x, Traced))
    gradients = {output.serial: np.ones_like(output.data)}
    for serial in sorted(found, reverse=True):
        node, g = found[serial], gradients.pop(serial)
        if node.fn is None:
            node.grad = g if node.grad is None else node.grad + g
            continue
        for rule, x in zip(RULES[node.fn], node.inputs, strict=True):
            if isinstance(x, Traced):
                part = unbroadcast(rule(g, node.data, *map(raw, node.inputs), **node.kwargs), x.data.shape)
                gradients[x.serial] = gradients.get(x.serial, 0.0) + part


# %% [markdown]
# Now any formula written with these ten functions has a gradient. We take one that uses all ten at once, and the library as
# the judge:

# %%
def some_formula(x, w, b):
    h = np.tanh(x @ w + b)                                                          # (6, 3)
    e = np.exp(h - 0.5)
    p = e / np.sum(e)
    return -np.sum(np.log(p) * h)


arguments = [rng.standard_normal(shape) for shape in ((6, 4), (4, 3), (3,))]
ours, theirs = [Traced(x) for x in arguments], [Tensor(x, requires_grad=True) for x in arguments]
backward(some_formula(*ours))
some_formula(*theirs).backward()
for one, other in zip(ours, theirs):
    np.testing.assert_allclose(one.grad, other.grad, rtol=1e-10)
print("ours and the library's gradient of b:", ours[2].grad.round(6), theirs[2].grad.round(6))

# %% [markdown]
# ## Watch it work: which language is this word?
#
# Here is a small NumPy program, written as if gradients did not exist. It looks at the last letter of a word and guesses
# whether the word is English or Italian. Each of the 26 letters has a weight; the score $z$ of a word is the weight of its
# last letter plus a bias $b$; and $1/(1 + e^{-z})$ is taken as the probability of Italian. This is called **logistic
# regression**. With $s = +1$ for Italian and $-1$ for English, the probability of the right answer is $1/(1 + e^{-sz})$,
# and the loss is the mean of minus its logarithm, $\log(1 + e^{-sz})$. (Why the logarithm is [lesson
# 8](08_softmax_and_likelihood.ipynb).)

# %%
TEXT = """house casa water acqua night notte mother madre father padre brother fratello sister sorella bread pane winter
inverno summer estate morning mattina evening sera friend amico school scuola book libro table tavolo window finestra door
porta street strada country paese river fiume mountain montagna bridge ponte garden giardino flower fiore tree albero leaf
foglia wind vento rain pioggia snow neve sun sole moon luna star stella earth terra fire fuoco light luce shadow ombra stone
pietra wood legno iron ferro gold oro silver argento horse cavallo bird uccello fish pesce cat gatto sheep pecora wolf lupo
bear orso snake serpente hand mano foot piede head testa heart cuore eye occhio mouth bocca hair capelli voice voce word
parola letter lettera song canzone game gioco work lavoro money denaro week settimana year anno hour ora dream sogno fear
paura joy gioia peace pace war guerra queen regina child bambino woman donna man uomo people gente kitchen cucina knife
coltello spoon cucchiaio glass bicchiere plate piatto milk latte cheese formaggio butter burro salt sale sugar zucchero apple
mela cherry ciliegia grape uva egg uovo meat carne chicken pollo ship nave boat barca wheel ruota road via"""
PAIRS = TEXT.split()                                    # an English word, the same in Italian, and so on
LETTERS = "abcdefghijklmnopqrstuvwxyz"
order = np.random.default_rng(0).permutation(len(PAIRS) - len(PAIRS) % 4)
words = [PAIRS[i] for i in order]
X = np.array([[word[-1] == letter for letter in LETTERS] for word in words], float)      # (N, 26): a 1 in each row
s = np.where(order % 2 == 1, 1.0, -1.0)                                                 # (N,): +1 Italian, −1 English
half = len(words) // 2
X_train, s_train, X_test, s_test = X[:half], s[:half], X[half:], s[half:]
print(f"{half} words to learn from, {len(words) - half} to test on; the first:", ", ".join(words[:6]))


def loss_of(w, b, X, s):
    """The mean of log(1 + exp(−s z)): w (26,), b (), X (N, 26), s (N,) → a number."""
    z = X @ w + b                                                                       # (N,)
    return np.sum(np.log(1.0 + np.exp(-s * z))) / len(s)


# %% [markdown]
# The program knows nothing of gradients; it need not. Give it `Traced` arrays, and it has them. Once with our machine, once
# with the library's, and once by our own derivation: with $m = s z$ the slope of $\log(1 + e^{-m})$ is $-1/(1 + e^{m})$, so
# $\partial L/\partial z_i = -s_i / (N (1 + e^{m_i}))$, and $z = Xw + b$ passes it on as $X^\top \bar z$ and as a sum.

# %%
w, b = Traced(np.zeros(26)), Traced(np.zeros(()))
backward(loss_of(w, b, X_train, s_train))
by_library = grad(loss_of, (0, 1))(np.zeros(26), np.zeros(()), X_train, s_train)
z_bar = -s_train / (half * (1.0 + np.exp(s_train * 0.0)))
for ours, library, derived in zip((w.grad, b.grad), by_library, (X_train.T @ z_bar, z_bar.sum())):
    np.testing.assert_allclose(ours, library, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(ours, derived, rtol=1e-12, atol=1e-15)
print("slopes of the weights of a, o, w:", w.grad[[0, 14, 22]].round(4))


def learn(gradients_of, steps=1000, rate=1.0):
    """Gradient descent from zeros: w, b and the training loss on the way."""
    w, b, losses = np.zeros(26), np.zeros(()), []
    for _ in range(steps):
        value, w_bar, b_bar = gradients_of(w, b)
        losses.append(float(np.mean(value)))
        w, b = w - rate * w_bar, b - rate * b_bar
    return w, b, losses


def traced_gradients(w, b):
    w, b = Traced(w), Traced(b)
    loss = loss_of(w, b, X_train, s_train)
    backward(loss)
    return loss.data, w.grad, b.grad


def right(w, b, X, s):
    return float(np.mean((X @ w + b) * s > 0))


w, b, losses = learn(traced_gradients)
print(f"loss {losses[0]:.3f} → {losses[-1]:.3f}; right on words it learned from: {right(w, b, X_train, s_train):.1%}, "
      f"on others: {right(w, b, X_test, s_test):.1%}")
assert right(w, b, X_test, s_test) > 0.85
assert {LETTERS[i] for i in np.flatnonzero(w > 1.0)} == {"a", "e", "o"}

# %%
ordered = np.argsort(w)
with viz.figure(7.5, 3.8) as (fig, ax):
    ax.bar(range(26), w[ordered], color=np.where(w[ordered] < 0, "white", "#0072B2"), edgecolor="black", linewidth=0.8)
    ax.axhline(0.0, color="black", linewidth=0.8)
    ax.set_xticks(range(26), [LETTERS[i] for i in ordered])
    ax.set_xlabel("last letter of the word")
    ax.set_ylabel("weight")
    ax.set_title("What it learned: words that end in a or o are Italian")
    ax.grid(axis="x", visible=False)
fig

# %% [markdown]
# Three letters speak for Italian. One of them, *e*, does so weakly, because English words end in it too. (A weight of
# exactly 0: no word of the training half ends so. An Italian would miss the *i*.) Nothing in this section is particular to
# ten functions or to logistic regression. The library's table is the same thing with more rows. How many, on your NumPy?

# %% tags=["varies"]
own_rules = [entry for entry in TABLE.values() if isinstance(entry, Primitive)]
print(f"{len(TABLE)} functions are in the table; {len(own_rules)} have rules of their own")

# %% [markdown]
# The rest are written with those (a variance is sums and squares), answer no gradient by nature (`argmax`), or refuse. That
# *no* function loses a gradient silently is a promise, and
# [tests/autograd/test_table_complete.py](../tests/autograd/test_table_complete.py) tries every function of NumPy:

# %%
try:
    np.linalg.svd(Tensor(np.eye(2), requires_grad=True))
except TypeError as error:
    print(error)

# %% [markdown]
# ## A row of your own
#
# The message names the way out: `@tinyllm.operation`. A function on raw arrays that answers its value *and* its vjp. As an
# example, the softplus $y = \log(1 + e^x)$, which occurred in the loss above. Written as printed, it fails for large $x$:

# %%
with np.errstate(over="ignore", invalid="ignore"):
    printed = grad(lambda x: np.sum(np.log(1.0 + np.exp(x))))(np.array([0.0, 1000.0]))
print("as printed:", printed)
assert np.isnan(printed[1])


@tinyllm.operation
def softplus(x):
    """log(1 + eˣ), x of any shape, without overflow; its slope is 1/(1 + e⁻ˣ)."""

    def vjp(g):
        return (g * np.exp(np.minimum(x, 0.0)) / (1.0 + np.exp(-np.abs(x))),)

    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))), vjp


x = Tensor(np.array([0.0, 1000.0, -1000.0]), requires_grad=True)
y = softplus(x)
y.backward(np.ones(3))
print("our own:   ", y.numpy(), x.grad)
np.testing.assert_allclose(y.numpy(), [np.log(2.0), 1000.0, 0.0], atol=1e-12)
np.testing.assert_allclose(x.grad, [0.5, 1.0, 0.0], atol=1e-12)
gradcheck(softplus, rng.standard_normal((3, 4)) * 3.0)

# %% [markdown]
# Two rewritings are in it. The value: for $x > 0$ take the factor $e^x$ out, $\log(1 + e^x) = x + \log(1 + e^{-x})$; both
# cases together are $\max(x, 0) + \log(1 + e^{-|x|})$, and no exponent is ever positive. The slope $1/(1 + e^{-x})$ is, for
# $x < 0$, multiplied above and below by $e^x$. The library's hot formulas (softmax, layer norm, attention) have such rows,
# each beside its plain formula: those are the "twins" of lesson 1.

# %% [markdown]
# ## Gradients of gradients
#
# A last gift of writing rules in NumPy. The rule `g * np.cos(x)` of the sine is itself a NumPy formula. Run it on Tensors
# instead of raw arrays, and what it computes is recorded, and can be differentiated in turn. So `grad` can be nested:

# %%
x = np.linspace(-3.0, 3.0, 121)
curves, f = {}, np.tanh
for name in ("tanh", "first derivative", "second", "third"):
    curves[name] = (x, np.array([float(np.asarray(f(Tensor(v)).data if f is np.tanh else f(v))) for v in x]))
    f = grad(f)
t = np.tanh(x)
np.testing.assert_allclose(curves["first derivative"][1], 1 - t**2, atol=1e-6)
np.testing.assert_allclose(curves["second"][1], -2 * t * (1 - t**2), atol=1e-6)
np.testing.assert_allclose(curves["third"][1], (6 * t**2 - 2) * (1 - t**2), atol=1e-5)
viz.lines(curves, "x", "value", "One rule in the table, and derivatives of every order")

# %% [markdown]
# By hand: with $t = \tanh x$ and $t' = 1 - t^2$, the second derivative is $-2 t t' = -2t(1 - t^2)$. Nobody wrote that into
# the table.

# %% [markdown]
# ## Break it: the forgotten sum
#
# Now our machine forgets to sum over stretched axes: `unbroadcast` answers what it gets. The bias $b$ is one number, used
# for all the words, and its gradient is a sum over them. Without the sum it is an array, an entry a word. Predict what
# happens at `b - rate * b_bar` and after it. (a) NumPy raises an error. (b) Training gets worse. (c) Training looks
# *better*.

# %%
summing = unbroadcast


def unbroadcast(g, shape):                              # broken: this is the name that backward() looks up
    return g


w_broken, b_broken, losses_broken = learn(traced_gradients)
unbroadcast = summing
print(f"b has become an array of shape {b_broken.shape}")
mixed = np.random.default_rng(1).permutation(half)
data = {"training words": (X_train, s_train), "the same, in another order": (X_train[mixed], s_train[mixed]),
        "other words": (X_test, s_test)}
measured = {}
for name, parameters in {"right": (w, b), "broken": (w_broken, b_broken)}.items():
    for of, (X_, s_) in data.items():
        measured[name, of] = float(loss_of(*parameters, X_, s_)), right(*parameters, X_, s_)
        print(f"{name:6}  {of:27} loss {measured[name, of][0]:.3f}, right {measured[name, of][1]:.1%}")
assert measured["broken", "training words"][0] < measured["right", "training words"][0] / 3
assert measured["broken", "the same, in another order"][0] > 4 * measured["broken", "training words"][0]
assert measured["broken", "other words"][0] > measured["right", "other words"][0] + 0.01

# %%
viz.loss_curve({"summed over the words": list(enumerate(losses))[::10], "not summed": list(enumerate(losses_broken))[::10]},
               title="Without the sum, training looks better than it can be")

# %% [markdown]
# (c), without a word of complaint. `b - rate * b_bar` is broadcasting once more: a number minus an array is an array. From
# then on every *row* of the training data owns a bias, and learns its label by heart. All words right, and a loss far below
# what a last letter can explain: anyone would be pleased. But put the same words in another order, and the loss is more
# than four times as high, although a word's language does not depend on the row it stands in. On other words the program is
# somewhat worse than the right one. And give it one word alone, and it answers 96 times.
#
# In the library `_fit` rules this out for every function at once, and every rule is tested on shapes that broadcast: the
# rows of [tests/autograd/operations](../tests/autograd/operations) draw them, and `test_value_dtype_and_layout` in
# [tests/autograd/test_derivatives.py](../tests/autograd/test_derivatives.py) insists that a gradient has its input's shape.

# %% [markdown]
# ## Break it: shapes that cannot tell
#
# "The shapes leave only one possibility" is good advice for finding a rule: with $g$ $(n, m)$ and $B$ $(k, m)$, only
# $gB^\top$ is $(n, k)$. It is bad advice for trusting one. Let all matrices be square, and forget the transpose. Predict:
# will the shape be wrong? Will training notice?

# %%
A, B, g = (rng.standard_normal((3, 3)) for _ in range(3))
without_transpose, with_transpose = g @ B, g @ B.T
angle = np.sum(without_transpose * with_transpose) / np.linalg.norm(without_transpose) / np.linalg.norm(with_transpose)
print("shapes:", without_transpose.shape, with_transpose.shape, f"  cosine of the angle between them: {angle:.2f}")
try:
    gradcheck(tinyllm.operation(lambda a, b: (a @ b, lambda g: (g @ b, a.T @ g))), [A, B])
except tinyllm.GradientError as error:
    print("gradcheck:", error)
else:
    raise AssertionError("the wrong rule came through")

# %% [markdown]
# The shape is right and the direction is not. `gradcheck` compares with differences of the function itself and says which
# entry is off. How it does that, and how a check can be fooled, is [lesson 6](06_checking_gradients.ipynb).

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/05_derivative_table.ipynb](solutions/05_derivative_table.ipynb).
#
# **1. Sizes (warm-up).** $Y = XW$ with $X$ of shape (32, 100) and $W$ (100, 50). How many entries has the Jacobian of all
# entries of $Y$ along all entries of $W$? And how many numbers does the rule for $W$ answer?

# %%
jacobian_entries = ...
gradient_entries = ...

check(1, ... if jacobian_entries is ... else (jacobian_entries, gradient_entries))


# %% [markdown]
# **2. A row for the table.** The sigmoid $y = 1/(1 + e^{-x})$, elementwise. Write its rule as a function of $g$ and $y$
# alone, so that $x$ need not be kept.

# %%
def sigmoid_rule(g, y):
    ...


check(2, sigmoid_rule)


# %% [markdown]
# **3. A scale.** $y_{tc} = s_c\, x_{tc}$: every column of x (T, C) has a factor, s (C,). From g (T, C), x and s, the pair
# (∂L/∂x, ∂L/∂s).

# %%
def scale_rules(g, x, s):
    ...


check(3, scale_rules)


# %% [markdown]
# **4. A lookup.** $y_k = w_{i_k}$: rows of a table with V rows. From g (K, C) and the token ids (K,), ∂L/∂w of shape (V,
# C).

# %%
def lookup_rule(g, ids, V):
    ...


check(4, lookup_rule)


# %% [markdown]
# **5. A running sum.** $y_j = \sum_{i \le j} x_i$, which is `np.cumsum(x)`, for x (N,). From g (N,), ∂L/∂x. (In which $y_j$
# does $x_i$ occur?)

# %%
def running_sum_rule(g):
    ...


check(5, running_sum_rule)


# %% [markdown]
# **6. All pairs.** $Y = X X^\top$, the dot products of the rows of x (T, C) with one another: (T, T). From g (T, T) and x,
# ∂L/∂x. Mind that x is used twice.

# %%
def all_pairs_rule(g, x):
    ...


check(6, all_pairs_rule)


# %% [markdown]
# **7. Something to think about.** $y = \log \sum_j e^{x_j}$, one number for x (N,), and an incoming g, one number too. Find
# ∂L/∂x (N,), and write it so that it does not overflow for $x = (1000, 0)$. (Hint: subtract the largest entry first. May
# you?)

# %%
def log_sum_exp_rule(g, x):
    ...


check(7, log_sum_exp_rule)

# %% [markdown]
# ## What you can now explain
#
# - What a vector-Jacobian product is, and why it is all that the backward pass needs.
# - The recipe: write an entry, find where an input occurs, multiply by the $g$ there, add up.
# - The rules $gB^\top$ and $A^\top g$; why the backward pass costs about two forward passes.
# - That the transpose of a copy is a sum, that of a sum a copy, that of picking a scatter-add.
# - How NumPy hands its functions to a Tensor, what a row of the table is, and how to add one.
#
# You have derived about a dozen rules. The library has many more, and a mistake in one of them costs learning, not an error
# message. [Lesson 6](06_checking_gradients.ipynb) is about finding out.
