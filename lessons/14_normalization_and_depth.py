# %% [markdown]
# # 14 · Normalisation and depth
#
# *How can a network be a hundred layers deep and still learn?*
#
# *Reading 50 min · running 45 s · builds on lessons 5 (derivatives), 7 (linear layers), 9 (warm-up) and 13 (heads)*
#
# **Afterwards you can** derive layer norm, RMS norm and their gradients, say what a residual sum does to a gradient, tell
# the printed encoder layer, the Transformer paper's and GPT-2's apart by measurements, and choose one for a deep model.

# %%
import inspect
import math

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor, gradcheck, manual_seed, viz
from tinyllm.book import open_lesson
from tinyllm.nn import (
    Embedding,
    FeedForward,
    LayerNorm,
    LearnedPositions,
    Linear,
    Module,
    ModuleList,
    MultiHeadAttention,
    TransformerLayer,
    init,
)
from tinyllm.optim import Adam

lesson = open_lesson("14_normalization_and_depth")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# GPT-3 stacks 96 layers. In lesson 7 you saw what stacking does to a signal: each linear map multiplies its variance by a
# factor, and a factor that is not exactly 1 is raised to the power of the depth. Here it is again, a row of $C = 64$
# numbers on its way through 48 layers $x \leftarrow \text{GELU}(W x)$, for three sizes of the entries of $W$:

# %%
C = 64


def sizes_by_depth(gain, n_layers=48, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((20, C))                                            # 20 rows
    for _ in range(n_layers):
        x = F.gelu(x @ (rng.standard_normal((C, C)) * gain / math.sqrt(C)).T)   # (20, C)
    return x.std()


for gain in (1.0, 1.5, 3.0):
    print(f"entries of size {gain}/√C: after 48 layers the rows have size {sizes_by_depth(gain):.1e}")
assert sizes_by_depth(1.0) < 1e-10 and sizes_by_depth(3.0) > 1e10

# %% [markdown]
# Nothing, or astronomically much, with a lucky spot between the two. The gradient takes the same way back and fares no
# better. One could tune the weights' sizes so that the factor is 1, but only at the start: training moves the weights, and
# the factor with them.
#
# Two ideas solved this, and every language model uses both:
#
# 1. **Normalise**: bring each token's vector back to a fixed size, whatever the weights did to it.
# 2. **Add**: let a layer compute a *change* of its input, $x + f(x)$, instead of a replacement.
#
# This lesson derives each of them, and then asks the question that is left: in which order? Three answers are in print, one
# of them in the documents, and they differ by far more than one would think.

# %% [markdown]
# ## Layer norm (F8)
#
# Document 000 §4.2 uses it and says only "$\text{LayerNorm}$ stands for layer normalisation". What is it, then? The paper
# (Ba et al. 2016, equation 4) takes the row $x$ of one token, $C$ numbers, and computes
#
# $$\mu = \frac1C \sum_{c=1}^C x_c \qquad \sigma^2 = \frac1C \sum_{c=1}^C (x_c - \mu)^2 \qquad
# h_c = \frac{x_c - \mu}{\sqrt{\sigma^2 + \varepsilon}} \qquad y_c = w_c\, h_c + b_c$$
#
# | symbol | shape | what it is |
# |---|---|---|
# | $x$ | $(..., C)$ | rows of $C$ numbers, one a token; each row is treated by itself |
# | $\mu, \sigma^2$ | $(..., 1)$ | the row's mean and variance |
# | $h$ | $(..., C)$ | the row with mean 0 and variance 1 |
# | $w, b$ | $(C,)$ | weight and bias, learned, shared by all rows; at the start 1 and 0 |
# | $\varepsilon$ | a number | $10^{-5}$: keeps a constant row, with $\sigma^2 = 0$, from dividing by 0 |
#
# Three things the document does not say and you need: the mean runs over *the features of one token*, not over tokens or
# the batch; there is an ε; and a weight and a bias follow, so that a layer that needs another size than 1 can have it.
#
# **By hand.** The row (0, 0, 4, 4) has mean 2 and deviations −2, −2, 2, 2, so variance 4 and root 2. Hence $h$ = (−1, −1,
# 1, 1). With weights (1, 1, 2, 2) and biases (0, 0, 0, 1), $y$ = (−1, −1, 2, 3).

# %%
def my_layer_norm(x, weight, bias, eps=1e-5):
    mean = np.mean(x, axis=-1, keepdims=True)                                   # (..., 1)
    variance = np.mean((x - mean) ** 2, axis=-1, keepdims=True)                 # (..., 1)
    h = (x - mean) / np.sqrt(variance + eps)                                    # (..., C)
    return h * weight + bias                                                    # (..., C)


row = np.array([0.0, 0.0, 4.0, 4.0])
y = my_layer_norm(row, np.array([1.0, 1.0, 2.0, 2.0]), np.array([0.0, 0.0, 0.0, 1.0]))
print(y.round(4))
np.testing.assert_allclose(y, [-1, -1, 2, 3], atol=1e-5)

# %% [markdown]
# **Predict, then run.** What does layer norm make of (100, 100, 140, 140)? And of (0, 0, −4, −4)?

# %%
ones, zeros = np.ones(4), np.zeros(4)
print(my_layer_norm(row * 10 + 100, ones, zeros).round(4), my_layer_norm(-row, ones, zeros).round(4))
np.testing.assert_allclose(my_layer_norm(row * 10 + 100, ones, zeros), my_layer_norm(row, ones, zeros), atol=1e-5)

# %% [markdown]
# Shifting all numbers of a row by one amount, or stretching all by one positive factor, changes nothing (but for the ε).
# The norm keeps the row's *pattern* and throws two numbers away, its mean and its size. For $C = 3$ one can see it. All
# rows with mean 0 lie in a plane, and among those the rows with variance 1 lie on a circle with radius $\sqrt 3$, since
# $\sum_c h_c^2 = C \sigma^2 = 3$. Layer norm sends every point there:

# %%
rng = np.random.default_rng(0)
cloud = rng.standard_normal((150, 3)) * [2.0, 1.0, 0.5] + [1.0, 0.0, 0.0]       # (150, C = 3)
on_circle = F.layer_norm(cloud, np.ones(3))
across = np.array([[1.0, -1.0, 0.0], [1.0, 1.0, -2.0]]) / np.sqrt([[2.0], [6.0]])     # two directions with mean 0
np.testing.assert_allclose(np.linalg.norm(on_circle @ across.T, axis=1), math.sqrt(3), rtol=1e-2)
with viz.figure(5.4, 5.0, aspect="equal") as (fig, ax):
    before, after = cloud @ across.T, on_circle @ across.T
    for (x0, y0), (x1, y1) in zip(before[:12], after[:12]):
        ax.plot([x0, x1], [y0, y1], color="#777777", linewidth=1.1)
    ax.scatter(*before.T, s=16, marker="x", color="#D55E00", label="rows x")
    ax.scatter(*after.T, s=16, color="#0072B2", label="layer norm of them")
    ax.set_xlabel("along (1, −1, 0)")
    ax.set_ylabel("along (1, 1, −2)")
    ax.set_title("Layer norm moves every row onto one circle")
    ax.legend(loc="lower right")
fig

# %% [markdown]
# (Twelve of them have a line to the place where they went: straight outwards or inwards, since only the length changes in
# this plane.)
#
# The library's formula is the same lines; below it in
# [tinyllm/functional/normalization.py](../tinyllm/functional/normalization.py) stands the twin that is run.

# %%
print(inspect.getsource(F.layer_norm.formula))
x, w, b = rng.standard_normal((2, 5, C)), rng.standard_normal(C), rng.standard_normal(C)
np.testing.assert_allclose(F.layer_norm(x, w, b), my_layer_norm(x, w, b), rtol=1e-10, atol=1e-10)

# %% [markdown]
# Why over the features? Suppose we took the mean over the *tokens* of a text instead, axis −2, as batch norm in image
# networks takes it over all examples. Then each token's output depends on the others, later ones included, and a causal
# model could read the future in the means:

# %%
def over_tokens(x):
    return (x - x.mean(axis=-2, keepdims=True)) / x.std(axis=-2, keepdims=True)


later = x.copy()
later[:, 4] += 1.0                                                              # change the fifth token only
leak = np.abs(over_tokens(later) - over_tokens(x))[:, :4].max()
clean = np.abs(F.layer_norm(later, w, b) - F.layer_norm(x, w, b))[:, :4].max()
print(f"the first four tokens change by {leak:.2f} if tokens are averaged, by {clean:.2f} with layer norm")
assert leak > 0.1 and clean == 0.0

# %% [markdown]
# ## The gradient of layer norm (F8)
#
# One row, with $r = 1/\sqrt{\sigma^2 + \varepsilon}$, so that $h_i = (x_i - \mu)\, r$. Let $g_i = \partial L/\partial y_i$
# come in from behind. Since $y_i = w_i h_i + b_i$,
#
# $$\frac{\partial L}{\partial w_i} = \sum_{\text{rows}} g_i h_i \qquad
# \frac{\partial L}{\partial b_i} = \sum_{\text{rows}} g_i \qquad
# \frac{\partial L}{\partial h_i} = g_i w_i =: d_i$$
#
# The rest is the way from $h$ to $x$. An entry $x_j$ acts in three ways: directly, through μ, and through $r$.
#
# - The mean: $\partial \mu / \partial x_j = 1/C$.
# - The variance: $\partial \sigma^2/\partial x_j = \frac1C \sum_i 2 (x_i - \mu)(\delta_{ij} - \frac1C) = \frac2C (x_j -
# \mu)$. The part with $\frac1C$ fell out, because the deviations sum to 0.
# - The root: $r = (\sigma^2 + \varepsilon)^{-1/2}$, so $\partial r/\partial x_j = -\frac12 r^3 \cdot \frac2C (x_j - \mu) =
# -\frac{r^2}{C} h_j$.
#
# Put together by the product rule:
#
# $$\frac{\partial h_i}{\partial x_j} = r\left(\delta_{ij} - \frac1C\right) + (x_i - \mu)\left(-\frac{r^2}{C} h_j\right)
# = r\left(\delta_{ij} - \frac1C - \frac{h_i h_j}{C}\right)$$
#
# Multiply by $d_i$ and sum over $i$:
#
# $$\frac{\partial L}{\partial x_j} = r\left(d_j - \frac1C\sum_i d_i - h_j \frac1C \sum_i h_i d_i \right)
# \qquad\text{or}\qquad \frac{\partial L}{\partial x} = r\,\big(d - \text{mean}(d) - h\,\text{mean}(h d)\big)$$

# %%
def layer_norm_gradients(x, weight, g, eps=1e-5):
    """x (N, C), weight (C,), g (N, C) → ∂L/∂x (N, C), ∂L/∂weight (C,), ∂L/∂bias (C,)."""
    centred = x - x.mean(axis=-1, keepdims=True)
    r = 1 / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps)            # (N, 1)
    h, d = centred * r, g * weight                                              # (N, C), (N, C)
    gx = r * (d - d.mean(axis=-1, keepdims=True) - h * (h * d).mean(axis=-1, keepdims=True))
    return gx, (g * h).sum(axis=0), g.sum(axis=0)


rows, g = rng.standard_normal((10, C)), rng.standard_normal((10, C))
leaves = [Tensor(a, requires_grad=True) for a in (rows, w, b)]
F.layer_norm(*leaves).backward(g)                                               # the library's twin
for mine, leaf in zip(layer_norm_gradients(rows, w, g), leaves):
    np.testing.assert_allclose(leaf.grad, mine, rtol=1e-9, atol=1e-10)
gradcheck(F.layer_norm, [rows, w, b])                                           # and difference quotients (lesson 6)
gx = leaves[0].grad
along_ones, along_h = np.abs(gx.sum(axis=-1)).max(), np.abs((gx * F.layer_norm(rows, np.ones(C))).sum(axis=-1)).max()
print(f"gradient along (1, …, 1): {along_ones:.0e}, along h: {along_h:.0e}, length {np.linalg.norm(gx, axis=-1).mean():.1f}")
assert along_ones < 1e-10 and along_h < 1e-3

# %% [markdown]
# Read the formula as geometry. The two means *remove* from $d$ the part along $(1, …, 1)$ and the part along $h$: shifting
# or stretching $x$ changes nothing, so the gradient has nothing to say in these two directions. (Along $h$ a trace of size
# ε stays.) What is left is multiplied by $r$: **a row of size 10 receives a gradient ten times smaller than a row of size
# 1**. Keep this in mind: it is why signals that grew do not make gradients grow.

# %% [markdown]
# ## RMS norm (F8)
#
# Is the mean needed at all? Zhang and Sennrich (2019, equation 4) left it out and lost nothing:
#
# $$y = \frac{x}{\sqrt{\frac1C \sum_c x_c^2 + \varepsilon}}\; w$$
#
# Llama and most models after it use this one: a pass less over the data, and no bias. With $r = (\text{mean}(x^2) +
# \varepsilon)^{-1/2}$ and $h = x r$ the derivation is the one above without its μ: $\partial r / \partial x_j = -\frac12
# r^3 \frac2C x_j = -\frac{r^2}{C} h_j$, so
#
# $$\frac{\partial h_i}{\partial x_j} = r\left(\delta_{ij} - \frac{h_i h_j}{C}\right) \qquad\Longrightarrow\qquad
# \frac{\partial L}{\partial x} = r\,\big(d - h\,\text{mean}(h d)\big)$$
#
# Only stretching is without effect now; shifting is not.

# %%
def my_rms_norm(x, weight, eps=1e-6):
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps) * weight    # (..., C)


def rms_norm_gradient(x, weight, g, eps=1e-6):
    r = 1 / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
    h, d = x * r, g * weight
    return r * (d - h * (h * d).mean(axis=-1, keepdims=True))


leaf = Tensor(rows, requires_grad=True)
F.rms_norm(leaf, w).backward(g)
np.testing.assert_allclose(F.rms_norm(rows, w), my_rms_norm(rows, w), rtol=1e-10)
np.testing.assert_allclose(leaf.grad, rms_norm_gradient(rows, w, g), rtol=1e-9, atol=1e-10)
gradcheck(F.rms_norm, [rows, w])
centred = rows - rows.mean(axis=-1, keepdims=True)
np.testing.assert_allclose(F.rms_norm(centred, w, 1e-5), F.layer_norm(rows, w), rtol=1e-9)
print("RMS norm of a centred row is layer norm of the row")

# %% [markdown]
# ## The residual sum
#
# The second idea (He et al. 2016). Let layer $l$ compute $x_l = x_{l-1} + f_l(x_{l-1})$. Write the stack out:
#
# $$x_L = x_0 + f_1(x_0) + f_2(x_1) + … + f_L(x_{L-1})$$
#
# Every layer's work is *added* to one running sum. People call it the **residual stream**: $T$ rows of width $C$ that flow
# through the whole model, from which each layer reads and into which it writes. Now the gradient. With $J_l = \partial f_l
# / \partial x_{l-1}$, of shape $(C, C)$ for a single row,
#
# $$\frac{\partial x_L}{\partial x_0} = (I + J_L)(I + J_{L-1}) \cdots (I + J_1) = I + \sum_l J_l + \sum_{l > m} J_l J_m + …$$
#
# Without the sums it would be $J_L \cdots J_1$ alone, the product that vanished or exploded at the top of this page. With
# them there is an $I$: **one path from the loss to every layer on which nothing is multiplied at all**.

# %% [markdown]
# ## The printed encoder layer (F4)
#
# Now the order. Document 000 §4.2 says in words that an encoder layer has two sublayers, self-attention and a feed-forward
# network, and then prints
#
# $$\begin{aligned}
# \text{encoder}(X) &= \text{LayerNorm}(X + \text{LayerNorm}(W_{\text{pos}}(X) + \text{MultiHeadAttention}(Q, K, V))) \\
# X &= \text{encoder}(X)
# \end{aligned}$$
#
# with $X$ $(T, C)$ the input, "$W_{\text{pos}}$ the weights of the positional encoding". (In the print the two lines run
# together, a line break is missing. The second one says that layers follow each other.) Take it at its word. A weight that
# is applied to $X$ is a linear map, and $Q, K, V$ can only come from $X$:

# %%
class Printed(Module):
    """LayerNorm(X + LayerNorm(W_pos(X) + MultiHeadAttention(X, X, X))): 000 §4.2 as it stands. (B, T, C) → (B, T, C)."""

    def __init__(self, d_model, n_heads):
        self.w_pos = Linear(d_model, d_model, bias=False)
        self.attention = MultiHeadAttention(d_model, n_heads)
        self.inner, self.outer = LayerNorm(d_model), LayerNorm(d_model)

    def forward(self, x):
        return self.outer(x + self.inner(self.w_pos(x) + self.attention(x)))


manual_seed(0)
printed = Printed(C, 4)
x = rng.standard_normal((2, 6, C)).astype(np.float32)
print("it runs:", printed(x).shape)

# %% [markdown]
# It runs, and it is not the layer of the prose. Go through it:
#
# - **No feed-forward network.** Measure what that costs. For a text of one token the softmax has one key, its weight is 1,
# and the attention is $W_O W_V x$ plus biases: linear. So all that is inside of the norms is one linear map, which lesson 7
# showed to be no more than a matrix however many are stacked:

# %%
one, two = rng.standard_normal((2, 1, 1, C)).astype(np.float32)                 # two texts of one token


def inside(x):
    return (printed.w_pos(x) + printed.attention(x)).data


bent = inside(one + two) - inside(one) - inside(two) + inside(0 * one)          # 0 for every linear map plus a bias
print(f"departure from linear: printed {np.abs(bent).max():.0e}", end=", ")
assert np.abs(bent).max() < 1e-5
network = FeedForward(C)
bent = (network(one + two) - network(one) - network(two) + network(0 * one)).data
print(f"a feed-forward network {np.abs(bent).max():.2f}")
assert np.abs(bent).max() > 0.05

# %% [markdown]
# - **$W_{\text{pos}}$ knows no positions.** It is one matrix for every row; lesson 11 showed what follows. The printed
# layer answers shuffled tokens with shuffled outputs:

# %%
order = np.array([3, 0, 5, 1, 4, 2])
np.testing.assert_allclose(printed(x[:, order]).data, printed(x).data[:, order], atol=1e-5)
print("shuffled in, shuffled out: the order of the words is invisible")

# %% [markdown]
# - **A norm inside a norm.** This is the subtle one. Both things that are added have passed a norm: $X$ in the layer
# before, the bracket in this layer. So at the start of training each has variance 1. If they are uncorrelated, the sum has
# variance 2, and the outer norm divides it by $\sqrt 2$. *What came in is multiplied by $1/\sqrt2$ in every layer*, and
# after $L$ layers
#
# $$\text{share of } x_0 \text{ in } x_L = \left(\tfrac{1}{\sqrt2}\right)^{L} = 2^{-L/2}$$
#
# After 12 layers 1.6% of the input is left. The residual sum is there, but its path is no longer free: the norm stands on
# it.

# %% [markdown]
# ## After the sum, or before the sublayer (F4)
#
# The layer of the Transformer paper (Vaswani et al. 2017, §3.1: "LayerNorm(x + Sublayer(x))") has two sublayers with a norm
# after each sum, **post-norm**. GPT-2 (Radford et al. 2019, §2.3) moved the norm to the input of each sublayer,
# **pre-norm**, and put one more at the very end of the stack:
#
# | | first sublayer | second sublayer |
# |---|---|---|
# | post-norm | $x \leftarrow \text{LN}(x + \text{Attention}(x))$ | $x \leftarrow \text{LN}(x + \text{FFN}(x))$ |
# | pre-norm | $x \leftarrow x + \text{Attention}(\text{LN}(x))$ | $x \leftarrow x + \text{FFN}(\text{LN}(x))$ |
#
# The library has both in one class, [tinyllm/nn/transformer.py](../tinyllm/nn/transformer.py):

# %%
print(inspect.getsource(TransformerLayer._residual))
for norm_first in (False, True):
    f = TransformerLayer(C, 4, norm_first=norm_first)
    y = Tensor(x)
    for sublayer, norm in ((f.attention, f.attention_norm), (f.feed_forward, f.feed_forward_norm)):
        y = y + sublayer(norm(y)) if norm_first else norm(y + sublayer(y))
    np.testing.assert_allclose(f(x).data, y.data, atol=1e-5)
print("both equal the table")

# %% [markdown]
# What does the place of the norm do to the share of $x_0$? Let a sublayer's output have variance $v$, uncorrelated with the
# stream.
#
# - *Post-norm*: each of the $2L$ sums has variance $1 + v$ and is divided by its root. Share $(1 + v)^{-L}$: a power of the
# depth again, milder if $v$ is small. ($v = 1$ and one sum a layer is the printed layer, $2^{-L/2}$.)
# - *Pre-norm*: nothing is divided. The stream grows, $\text{Var}(x_L) = 1 + 2Lv$, and the share is $1/\sqrt{1 + 2Lv}$: it
# fades like a root of the depth, not like a power.
#
# Share means the correlation of $x_L$ with $x_0$ (both of mean 0 here): in $x_L = a x_0 + (\text{uncorrelated})$ it is $a$
# divided by the size of $x_L$. Let us measure it. All three kinds get the start that the Transformer paper's code used,
# Glorot's (Glorot and Bengio 2010: variance $2/(n_{\text{in}} + n_{\text{out}})$, a compromise between lesson 7's $1/n$
# for the way forward and the same for the way back), and read sequences of ten different tokens:

# %%
WIDTH, LENGTH, VOCABULARY = 32, 8, 10
KINDS = {
    "printed (000 §4.2)": lambda: Printed(WIDTH, 4),
    "post-norm (Transformer paper)": lambda: TransformerLayer(WIDTH, 4, norm_first=False),
    "pre-norm (GPT-2)": lambda: TransformerLayer(WIDTH, 4, norm_first=True),
}


class Stack(Module):
    """Tokens and positions → n layers → logits: (B, T) → (B, T, V)."""

    def __init__(self, kind, n_layers):
        self.embedding, self.positions = Embedding(VOCABULARY, WIDTH), LearnedPositions(LENGTH, WIDTH)
        for table in (self.embedding.weight, self.positions.weight):
            init.normal_(table, 1.0)
        self.layers = ModuleList(KINDS[kind]() for _ in range(n_layers))
        for p in self.layers.parameters():
            if p.ndim == 2:
                init.xavier_uniform_(p)
        pre = kind.startswith("pre")
        self.first, self.last = (None, LayerNorm(WIDTH)) if pre else (LayerNorm(WIDTH), None)
        self.head = Linear(WIDTH, VOCABULARY)

    def streams(self, ids):
        """The residual stream before the first layer and after each: n + 1 of (B, T, C)."""
        x = self.embedding(ids) + self.positions(slice(0, LENGTH))
        streams = [x if self.first is None else self.first(x)]
        for layer in self.layers:
            streams.append(layer(streams[-1]))
        return streams

    def forward(self, ids):
        x = self.streams(ids)[-1]
        return self.head(x if self.last is None else self.last(x))


def backwards_batch(rng, n=32):
    """Ids (n, T) and, as the answer, the same ids in reverse: lesson 13's task."""
    ids = rng.integers(0, VOCABULARY, (n, LENGTH))
    return ids, ids[:, ::-1]


def cosine_of_two_tokens(x):
    """The mean over all pairs of different tokens of a text; x (B, T, C)."""
    unit = x / np.linalg.norm(x, axis=-1, keepdims=True)
    cosines = unit @ unit.swapaxes(1, 2)                                        # (B, T, T), with 1 on the diagonal
    return float(cosines[:, ~np.eye(x.shape[1], dtype=bool)].mean())


DEPTH, SEEDS = 48, 5
share = {kind: [] for kind in KINDS}                        # correlation of x_l with x_0
likeness = {kind: [] for kind in KINDS}                     # mean cosine of two tokens of one text
gradient = {kind: [] for kind in KINDS}                     # length of ∂L/∂(the weights of layer l)
for kind in KINDS:
    for seed in range(SEEDS):
        manual_seed(seed)
        model = Stack(kind, DEPTH)
        ids, answers = backwards_batch(np.random.default_rng(seed))
        streams = [stream.data for stream in model.streams(ids)]
        share[kind].append([np.corrcoef(streams[0].ravel(), stream.ravel())[0, 1] for stream in streams])
        likeness[kind].append([cosine_of_two_tokens(stream) for stream in streams])
        F.cross_entropy(model(ids), answers).backward()
        gradient[kind].append([math.sqrt(sum((p.grad**2).sum() for p in layer.parameters() if p.ndim == 2))
                               for layer in model.layers])
for measured in (share, likeness, gradient):
    for kind, runs in measured.items():
        measured[kind] = np.mean(runs, axis=0)

printed_share = share["printed (000 §4.2)"]
for n in (1, 2, 4, 8):
    print(f"printed, {n} layers: share of the input {printed_share[n]:.3f}, predicted 2^(−{n}/2) = {2 ** (-n / 2):.3f}")
    assert abs(printed_share[n] - 2 ** (-n / 2)) < 0.07
layers = np.arange(25)
predicted = {"2^(−layer/2), predicted for printed": (layers, 2 ** (-layers / 2))}
viz.lines({kind: (layers, s[:25]) for kind, s in share.items()} | predicted, "layer",
          "correlation with the input", "How much of the input is left in the stream")

# %% [markdown]
# The dotted prediction lies on the measured curve of the printed layer. With the printed and the post-norm layer the input
# is gone after about a dozen layers; the pre-norm stream still carries it. And what is there instead? In an untrained
# stack, attention looks everywhere about equally, and a mean of all tokens is the same for all tokens. Whoever loses the
# own row and receives the common mean becomes like everyone else:

# %%
for kind in KINDS:
    start, later = likeness[kind][[0, 12]]
    print(f"{kind:30} two tokens of one text have cosine {start:.2f} at the start, {later:.2f} after 12 layers")
assert likeness["printed (000 §4.2)"][24] > 0.98 > likeness["pre-norm (GPT-2)"][24]
viz.lines({kind: (layers, s[:25]) for kind, s in likeness.items()}, "layer", "mean cosine between tokens of one text",
          "Without a free path all tokens become one")

# %% [markdown]
# This is known as rank collapse (Dong et al. 2021, who proved it for pure attention). Where all rows are equal, nothing
# behind can tell the tokens apart.
#
# ## What about the gradient? (F4)
#
# The usual story says that post-norm gradients vanish. Predict: how does the length of the gradient of layer $l$'s weights
# depend on $l$, at 48 layers, for the three kinds? Then look.

# %%
for kind in KINDS:
    by_layer = gradient[kind]
    first, middle, last = by_layer[:4].mean(), by_layer[22:26].mean(), by_layer[-4:].mean()
    print(f"{kind:30} layers 1–4: {first:.2f}, 23–26: {middle:.2f}, 45–48: {last:.2f}")
    assert max(first, middle, last) < 4 * min(first, middle, last)
viz.lines({kind: (np.arange(1, DEPTH + 1), by_layer) for kind, by_layer in gradient.items()}, "layer",
          "length of the gradient of its weights", "No gradient vanishes: norms see to that", logy=True)

# %% [markdown]
# None vanishes; from one end to the other they differ by a factor of 4 at most. A norm divides by whatever size the weights
# produced, and its gradient is scaled by the same $r$. What the picture does show:
#
# - **Post-norm's gradients near the output are several times pre-norm's.** The reason is the $r$ of the norm's gradient:
# the pre-norm stream has grown to several times its size at the end, and the last norm divides every gradient by that.
# Xiong et al. (2020, Theorem 1) derived this difference, a factor that grows like $\sqrt L$, and explained with it why
# post-norm needs warm-up.
# - **Length is not content.** The gradient that reaches the first layers of the printed stack is long enough, but it comes
# through rows that have all become equal. Gradient norms alone would have told you that all three are fine.

# %%
final_size = {}
for kind in KINDS:
    manual_seed(0)
    final_size[kind] = Stack(kind, DEPTH).streams(backwards_batch(np.random.default_rng(0))[0])[-1].data.std()
    print(f"{kind:30} size of the stream after {DEPTH} layers: {final_size[kind]:.1f}")
last_gradients = {kind: by_layer[-4:].mean() for kind, by_layer in gradient.items()}
factor = last_gradients["post-norm (Transformer paper)"] / last_gradients["pre-norm (GPT-2)"]
print(f"post-norm's last gradients are {factor:.0f} times pre-norm's")
assert final_size["pre-norm (GPT-2)"] > 4 and abs(final_size["post-norm (Transformer paper)"] - 1) < 0.01
assert 5 < factor < 20
assert all(by_layer.max() / by_layer.min() < 20 for by_layer in gradient.values())

# %% [markdown]
# ## Which of them learns? (F4)
#
# The only question that counts in the end. The task is lesson 13's, reversing a sequence (8 tokens of 10 kinds); guessing
# costs $\ln 10 = 2.30$ nats. First, six layers at a high learning rate, with and without warm-up (lesson 9: the rate rises
# in a line during the first steps):

# %% tags=["varies"]
def train(kind, n_layers, lr, warmup, steps=160):
    """The loss by step."""
    manual_seed(0)
    model, rng, losses = Stack(kind, n_layers), np.random.default_rng(0), []
    optimizer = Adam(model.parameters(), lr=lr)
    for step in range(steps):
        ids, answers = backwards_batch(rng)
        loss = F.cross_entropy(model(ids), answers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.scale_lr(min(1.0, (step + 1) / (warmup + 1)))
        optimizer.step()
        losses.append(loss.item())
    return losses


PRINTED, POST, PRE = KINDS
curves = {
    "post-norm, no warm-up": train(POST, 6, 8e-3, 0), "post-norm, 80 steps of warm-up": train(POST, 6, 8e-3, 80),
    "pre-norm, no warm-up": train(PRE, 6, 8e-3, 0),
}
for name, losses in curves.items():
    print(f"{name:32} mean loss of the last 20 steps {np.mean(losses[-20:]):.2f}")
assert np.mean(curves["post-norm, no warm-up"][-20:]) > 1.5
assert np.mean(curves["post-norm, 80 steps of warm-up"][-20:]) < 1.0 and np.mean(curves["pre-norm, no warm-up"][-20:]) < 0.1
viz.loss_curve({name: (np.arange(160), losses) for name, losses in curves.items()},
               title="Six layers, rate 0.008: post-norm learns only with warm-up", baselines={"guessing": math.log(VOCABULARY)})

# %% [markdown]
# Why does the place of the norm decide over warm-up? Adam (lesson 9) moves every weight by about the learning rate in its
# first step, whatever the size of the gradient. So ask: how far does the *output* move if every weight moves by 0.001?

# %%
moved = {kind: [] for kind in KINDS}
for kind in KINDS:
    for seed in range(3):
        manual_seed(seed)
        model, (ids, answers) = Stack(kind, 6), backwards_batch(np.random.default_rng(seed))
        before = model(ids)
        F.cross_entropy(before, answers).backward()
        Adam(model.parameters(), lr=1e-3).step()
        moved[kind].append(np.sqrt(np.mean((model(ids).data - before.data) ** 2)) / before.data.std())
    print(f"{kind:30} one step of 0.001 moves the logits by {np.mean(moved[kind]):.0%} of their size")
assert np.mean(moved[POST]) > 1.8 * np.mean(moved[PRE])

# %% [markdown]
# At 0.001 the post-norm logits move by most of their size in a single step, and the run above took steps eight times as
# long. The pre-norm stream is the sum of $x_0$ and *all* branches, so a change of a branch is diluted by the others. Liu et
# al. (2020) call this amplification, and argue that it, not the gradient's length, is what makes post-norm hard to train.
# Small first steps, the warm-up, keep it in check.
#
# Now the depth. All three with 40 steps of warm-up, a rate of 0.002 and 160 steps; what does it cost to stack more layers?
# Predict which curve stays low.

# %% tags=["varies"]
DEPTHS = (3, 6, 12, 24)
after = {kind: [(n, float(np.mean(train(kind, n, 2e-3, 40)[-20:]))) for n in DEPTHS] for kind in KINDS}
for kind, points in after.items():
    print(f"{kind:30}", ", ".join(f"{n} layers: {loss:.2f}" for n, loss in points))
assert all(loss < 0.1 for _, loss in after[PRE])
assert after[PRINTED][-1][1] > 1.5 and after[POST][-1][1] > 1.5 and after[PRINTED][0][1] < 0.1 and after[POST][0][1] < 0.1
viz.lines(after, "layers", "loss after 160 steps (nats)", "Only pre-norm learns at every depth",
          baselines={"guessing": math.log(VOCABULARY)})

# %% [markdown]
# All three can do the task with three layers. With 24, only pre-norm learns it in this time. (Given a smaller rate and more
# patience post-norm gets deeper: BERT trained 24 such layers. The point is the *fuss*.)
#
# Be fair to the printed layer: up to six layers it does no worse than the paper's here. Reversing needs attention and
# positions, which the stack adds once at the bottom. It is the deep stack where its norms hurt; what the missing
# feed-forward network costs, lesson 15 measures.

# %% [markdown]
# ## Break it: no residual
#
# Take the pre-norm layer and drop the "$x\,+$". Once with the norm kept, once without norm either. Predict, for 24 layers,
# the length of the gradient at the first layer.

# %%
class NoSum(TransformerLayer):
    """x ← f(norm(x))"""

    def _residual(self, x, norm, sublayer):
        return sublayer(norm(x))


class NoSumNoNorm(TransformerLayer):
    """x ← f(x)"""

    def _residual(self, x, norm, sublayer):
        return sublayer(x)


def gradients_by_layer(kind, n_layers=24):
    """The lengths of the weights' gradients for a fixed g at the end, and the mean cosine of two tokens there."""
    manual_seed(0)
    stack = ModuleList(kind(WIDTH, 4) for _ in range(n_layers))
    for p in stack.parameters():
        if p.ndim == 2:
            init.xavier_uniform_(p)
    x, g = np.random.default_rng(0).standard_normal((2, 32, LENGTH, WIDTH)).astype(np.float32)
    for layer in stack:
        x = layer(x)
    x.backward(g)
    lengths = [math.sqrt(sum((p.grad**2).sum() for p in layer.parameters() if p.ndim == 2)) for layer in stack]
    return np.array(lengths), cosine_of_two_tokens(x.data)


broken = {}
for name, kind in (("x + f(norm(x))", TransformerLayer), ("f(norm(x))", NoSum), ("f(x)", NoSumNoNorm)):
    broken[name], alike = gradients_by_layer(kind)
    first, last = broken[name][[0, -1]]
    print(f"{name:15} gradient at layer 1: {first:.0e}, at layer 24: {last:.0e}; tokens' cosine {alike:.3f}")
    assert (alike > 0.999) == (name != "x + f(norm(x))")
assert broken["f(x)"][0] < 1e-6 * broken["f(x)"][-1] and broken["f(norm(x))"][0] > 0.1 * broken["f(norm(x))"][-1]
viz.lines({name: (np.arange(1, 25), lengths) for name, lengths in broken.items()}, "layer",
          "length of the gradient of its weights", "Without sum and norm the first layers hear nothing", logy=True)

# %% [markdown]
# Without either the gradient loses a factor of about 10 every two or three layers. The norm alone repairs the gradient's
# *length*, and still the tokens have become one (cosine 1.000): the sums are what keeps them apart. Does the one with the
# norm learn? Twelve layers, the same task and budget as above:

# %% tags=["varies"]
KINDS["no sum"] = lambda: NoSum(WIDTH, 4)
no_sum = np.mean(train("no sum", 12, 2e-3, 40)[-20:])
print(f"12 layers without sums: loss {no_sum:.2f}; with them: {after[PRE][2][1]:.2f}; guessing: {math.log(VOCABULARY):.2f}")
assert no_sum > 2.0

# %% [markdown]
# Next to nothing. No shape is wrong and no gradient check fails, so which test would notice? The one that compares the
# layer with its written formula, `test_the_layer_is_the_written_formula` in
# [tests/nn/test_transformer.py](../tests/nn/test_transformer.py).
#
# ## Break it: ε = 0
#
# A row of eight equal numbers has variance 0. When does that happen? Where padding has the embedding 0, or after a ReLU
# whose inputs were all negative. Predict what layer norm answers with ε and without, and what its *gradient* is without.

# %%
with np.errstate(all="ignore"):
    for eps in (1e-5, 0.0):
        constant = Tensor(np.full((1, 8), 5.0, np.float32), requires_grad=True)
        out = F.layer_norm(constant, np.ones(8, np.float32), eps=eps)
        out.backward(np.arange(8, dtype=np.float32)[None])
        print(f"ε = {eps}: value {out.data[0, :2]} …, gradient {constant.grad[0, :2].round(1)} …")
        assert np.isfinite(out.data).all() == np.isfinite(constant.grad).all() == (eps > 0)

# %% [markdown]
# 0/0 is "not a number", and one such entry turns every weight it meets in the backward pass into the same: the model is
# gone after a single step. With ε the value is 0. But look at the gradient: $r = 1/\sqrt{10^{-5}} = 316$, so even then a
# constant row receives a gradient hundreds of times that of its neighbours. ε keeps such a row from being fatal; it does
# not make it harmless. `test_layer_norm_has_mean_zero_and_variance_one` in
# [tests/functional/test_meaning.py](../tests/functional/test_meaning.py) checks that ε stands where it should, under the
# root, added to the variance.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. `check` tries your function on drawn inputs, and if it fails shows the smallest case
# that fails. Solutions with derivations:
# [solutions/14_normalization_and_depth.ipynb](solutions/14_normalization_and_depth.ipynb).
#
# **1. Counting (warm-up).** A layer norm with weight and bias reads x of shape (8, 10, 64). How many means does it compute,
# and how many parameters has it? How many has an RMS norm of that width? A tuple of three numbers.

# %%
means = ...
parameters_of_layer_norm = ...
parameters_of_rms_norm = ...

check(1, ... if means is ... else (means, parameters_of_layer_norm, parameters_of_rms_norm))


# %% [markdown]
# **2. Layer norm from memory.** x (T, C), weight (C,), bias (C,) → (T, C), with ε = 1e-5. Without looking above.

# %%
def layer_norm(x, weight, bias):
    ...


check(2, layer_norm)


# %% [markdown]
# **3. Before and after.** The sublayer is $f(x) = xW$ with W (C, C), the norm `F.layer_norm(x, np.ones(C))`. Write a
# post-norm and a pre-norm layer with this one sublayer; answer the pair of their results for x (T, C).

# %%
def post_and_pre(x, w):
    ...


check(3, post_and_pre)


# %% [markdown]
# **4. The gradient of RMS norm.** x (T, C), g = ∂L/∂y (T, C), weights all 1, ε = 1e-6. What is ∂L/∂x (T, C)?

# %%
def gradient_of_rms_norm(x, g):
    ...


check(4, gradient_of_rms_norm)


# %% [markdown]
# **5. The gradient of layer norm, by another way.** Layer norm (weights 1) is RMS norm of the centred row $x - \mu$. Use
# your answer to 4, with ε = 1e-5, and the gradient of centring. Answer ∂L/∂x (T, C).

# %%
def gradient_of_layer_norm(x, g):
    ...


check(5, gradient_of_layer_norm)


# %% [markdown]
# **6. Something to think about.** A model has n layers of two sublayers each. Every sublayer adds an output of variance v,
# uncorrelated with the stream, whose variance is 1 at the start (in post-norm also after every norm). Which share of $x_0$,
# measured as the correlation of the last stream with the first, is left: with post-norm, with pre-norm? GPT-2 draws the
# last matrix of every sublayer smaller by the factor $1/\sqrt{2n}$, so that its output has variance $v/(2n)$: what is
# pre-norm's share then? The three shares as a tuple.

# %%
def shares(n, v):
    ...


check(6, shares)

# %% [markdown]
# ## What you can now explain
#
# - What layer norm and RMS norm compute, over which axis, and which two directions their gradients lack.
# - That a row which is large receives a small gradient, since everything is multiplied by $r$.
# - Why a residual sum leaves one path on which nothing is multiplied, and that post-norm and the printed layer put a norm
# on that path: a share of $2^{-L/2}$ is left in the printed one.
# - That the length of a gradient does not tell whether anything useful is in it.
# - Why deep models are pre-norm today, and what warm-up does for those that are not.
#
# Next, [lesson 15](15_transformer_layer.ipynb) puts attention, feed-forward network, sums and norms together, in an encoder
# and in a decoder, and mends a Transformer block in which four things went wrong.
