# %% [markdown]
# # 16 · Why not an RNN?
#
# *Why read all words at once, when one could read them one after the other?*
#
# *Reading 40 min · running 25 s · builds on lessons 3 (chain rule), 7 (linear layers), 9 (clipping), 12 (attention)*
#
# **Afterwards you can** write a recurrent network and its gradient through time, say when that gradient must vanish and
# when it may explode, measure both, tame one of them, and compare with attention honestly: what each costs and what it can
# reach.

# %%
import inspect
import math
import time

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor, gradcheck, manual_seed, viz
from tinyllm.book import open_lesson
from tinyllm.nn import RNN, Embedding, LearnedPositions, Linear, Module, MultiHeadAttention
from tinyllm.optim import SGD, AdamW, clip_grad_norm

lesson = open_lesson("16_why_not_an_rnn")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# Attention compares every word with every other: $T^2$ scores for a text of $T$ words. You do not read like that. You read
# word by word and carry along what you have understood. A network can do this too, it was the way to read text until 2017,
# and it costs only $T$ steps. Why did everybody leave it?
#
# Document 003 §9.1 answers: "The LLM rests on the Transformer architecture and can capture dependencies over long distances
# effectively, while RNNs easily suffer from vanishing and exploding gradients." That is all it says. No formula, no number.
# In this lesson we build the recurrent network, derive its gradient, and look for both troubles with a ruler.

# %% [markdown]
# ## A state that is handed on (F17)
#
# A **recurrent network** (Elman 1990) has one small network for all steps. It reads word $t$ and its own state after word
# $t - 1$, and makes a new state:
#
# $$h_t = \tanh(x_t W_x^T + h_{t-1} W_h^T + b) \qquad t = 1, …, T$$
#
# | symbol | shape | what it is |
# |---|---|---|
# | $x_t$ | $(B, C)$ | word $t$ of each of the $B$ texts, as a vector |
# | $h_t$ | $(B, H)$ | the state: all that is kept of the words up to $t$; $h_0$ is zeros |
# | $W_x, W_h, b$ | $(H, C), (H, H), (H,)$ | the weights, the same at every step |
#
# (In this lesson $H$ is the width of the state. There are no heads.) The tanh keeps every number of a state between −1 and
# 1.
#
# **By hand**: everything one number wide, $W_x = 1$, $W_h = 0.5$, $b = 0$, and the words 1, 0, 0. Then $h_1 = \tanh 1 =
# 0.762$, $h_2 = \tanh(0.5 \cdot 0.762) = 0.363$, $h_3 = \tanh(0.5 \cdot 0.363) = 0.180$. The state remembers the 1 and
# forgets it at the same time.

# %%
def my_recurrent(x, h0, w_x, w_h, b):
    """x (B, T, C), h0 (B, H) → all states (B, T, H)."""
    h, states = h0, []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ w_x.T + h @ w_h.T + b)                            # (B, H)
        states.append(h)
    return np.stack(states, axis=1)


one, half, none = np.ones((1, 1)), np.full((1, 1), 0.5), np.zeros(1)
states = my_recurrent(np.array([[[1.0], [0.0], [0.0]]]), np.zeros((1, 1)), one, half, none)
print(states.ravel().round(3))
np.testing.assert_allclose(states.ravel(), [0.762, 0.363, 0.180], atol=1e-3)

# %% [markdown]
# The library's formula is this loop, [tinyllm/functional/recurrent.py](../tinyllm/functional/recurrent.py); its twin makes
# the product with all $x_t$ at once and keeps in the loop only what has to wait for the step before.

# %%
rng = np.random.default_rng(0)
B, T, C, H = 2, 7, 3, 5
x, h0 = rng.standard_normal((B, T, C)), rng.standard_normal((B, H))
w_x, w_h, b = rng.standard_normal((H, C)), rng.standard_normal((H, H)) / 2, rng.standard_normal(H)
np.testing.assert_allclose(F.recurrent(x, h0, w_x, w_h, b), my_recurrent(x, h0, w_x, w_h, b), rtol=1e-12)
print(inspect.getsource(RNN.forward).split("for name")[0])

# %% [markdown]
# ## Back-propagation through time (F17)
#
# Let $g_t = \partial L/\partial h_t$ be what comes in from behind for state $t$ *as an output*, $(B, H)$. But $h_t$ acts on
# the loss by a second way: it is handed on, and $h_{t+1}$ depends on it. A value that is used twice gets both gradients,
# added (lesson 3). Write $a_t$ for what the tanh is taken of, and $d_t = \partial L/\partial a_t$. Since $\tanh' = 1 -
# \tanh^2$ and $a_{t+1}$ contains $h_t W_h^T$,
#
# $$\frac{\partial L}{\partial h_t} = g_t + d_{t+1} W_h \qquad\qquad d_t = (1 - h_t^2) \odot \frac{\partial L}{\partial h_t}$$
#
# starting at the end with $d_{T+1} = 0$. This runs **backwards through time**, one step after the other, like the forward
# pass. From the $d_t$ all the rest follows as for any linear layer (lesson 7), with a sum over the steps, because all steps
# share their weights:
#
# $$\frac{\partial L}{\partial x_t} = d_t W_x \qquad \frac{\partial L}{\partial W_h} = \sum_t d_t^T h_{t-1} \qquad
# \frac{\partial L}{\partial W_x} = \sum_t d_t^T x_t \qquad \frac{\partial L}{\partial b} = \sum_t d_t$$

# %%
def backwards(x, h0, h, w_x, w_h, g):
    """States h (B, T, H) and g = ∂L/∂h (B, T, H) → the gradients of x, h0, w_x, w_h, b."""
    before = np.concatenate([h0[:, None], h[:, :-1]], axis=1)                   # (B, T, H): h_{t−1}
    d, from_later = np.zeros_like(h), np.zeros_like(h0)                         # from_later: d_{t+1} W_h
    for t in reversed(range(h.shape[1])):
        d[:, t] = (1 - h[:, t] ** 2) * (g[:, t] + from_later)
        from_later = d[:, t] @ w_h                                              # (B, H)
    return d @ w_x, from_later, np.einsum("bth,btc->hc", d, x), np.einsum("bth,btk->hk", d, before), d.sum(axis=(0, 1))


g = rng.standard_normal((B, T, H))
leaves = [Tensor(a, requires_grad=True) for a in (x, h0, w_x, w_h, b)]
states = F.recurrent(*leaves)
states.backward(g)
for mine, leaf in zip(backwards(x, h0, states.data, w_x, w_h, g), leaves, strict=True):
    np.testing.assert_allclose(leaf.grad, mine, rtol=1e-10, atol=1e-12)
gradcheck(F.recurrent, [x, h0, w_x, w_h, b])
print("five gradients agree with the library's, and with difference quotients")

# %% [markdown]
# ## A product of Jacobians (F17)
#
# Now the point. Let the loss look at the last state only. How much does it feel of a state $n$ steps earlier? From the
# formula, with $u = \partial L/\partial h_T$,
#
# $$\frac{\partial L}{\partial h_{T-n}} = u \, J_T \, J_{T-1} \cdots J_{T-n+1} \qquad
# J_t = \frac{\partial h_t}{\partial h_{t-1}} = \text{diag}(1 - h_t^2)\, W_h \quad (H, H)$$
#
# A product with as many factors as there are steps. How long can it be?
#
# - **A bound.** The length of $u J$ is at most $\|W_h\|$ times that of $u$, where $\|W_h\|$ is the largest singular value
# (the most by which the matrix stretches any vector), since $1 - h^2 \le 1$ only shortens. After $n$ steps: at most
# $\|W_h\|^n$. If $\|W_h\| < 1$ the gradient **must vanish**, exponentially with the distance. Only if $\|W_h\| > 1$ **may**
# it explode (Bengio et al. 1994; Pascanu et al. 2013, §2).
# - **What is typical.** Let the entries of $W_h$ be drawn with mean 0 and variance $r^2/H$. Then each entry of $u W_h$ is a
# sum of $H$ independent terms with variance $u_i^2 r^2/H$; its variance is $\|u\|^2 r^2/H$, and the $H$ entries together
# have the expected squared length $r^2 \|u\|^2$. So a step multiplies the length by about $r$, times the slopes of the
# tanh. ($r$ is also about the **spectral radius**, the size of the largest eigenvalue, that such a matrix has.)
#
# **Predict**: 60 steps, $H = 64$. How long is the gradient at distance 60 for $r$ = 0.5, 1 and 2, compared with distance 0?

# %%
H, T = 64, 60
draw = np.random.default_rng(0)
unit_matrix, inputs = draw.standard_normal((H, H)) / math.sqrt(H), 0.1 * draw.standard_normal((20, T, 32))
w_x, u = draw.standard_normal((H, 32)) / math.sqrt(32), draw.standard_normal((20, H))
distance = np.arange(T)


def felt(w_h):
    """The mean length of ∂L/∂x_{T−n} for n = 0 … 59, divided by that for n = 0; the states; ∂L/∂h_0. L = u · h_T."""
    x, h0 = Tensor(inputs, requires_grad=True), Tensor(np.zeros((20, H)), requires_grad=True)
    states = F.recurrent(x, h0, w_x, w_h, np.zeros(H))
    g = np.zeros(states.shape)
    g[:, -1] = u
    states.backward(g)
    lengths = np.linalg.norm(x.grad, axis=-1).mean(axis=0)[::-1]                # (T,): from the last word to the first
    return lengths / lengths[0], states.data, h0.grad


_, states, at_start = felt(unit_matrix)
product = u[0]
for t in reversed(range(T)):
    product = product @ np.diag(1 - states[0, t] ** 2) @ unit_matrix            # u J_T J_{T−1} … J_1
np.testing.assert_allclose(at_start[0], product, rtol=1e-9)
print("back-propagation through time is the product of Jacobians")


by_radius = {}
for r in (0.5, 0.9, 1.0, 1.2, 1.5, 2.0):
    by_radius[f"r = {r}"], states, at_start = felt(r * unit_matrix)
    norm, radius = np.linalg.norm(r * unit_matrix, ord=2), np.abs(np.linalg.eigvals(r * unit_matrix)).max()
    print(f"r = {r}: ‖W‖ = {norm:.2f}, largest eigenvalue {radius:.2f}, mean slope of the tanh {np.mean(1 - states**2):.2f}, "
          f"felt from 59 steps away {by_radius[f'r = {r}'][-1]:.0e}")
    assert (np.linalg.norm(at_start, axis=1) <= norm**T * np.linalg.norm(u, axis=1)).all()          # the bound
assert by_radius["r = 0.5"][-1] < 1e-12 and by_radius["r = 2.0"][-1] > 100
viz.lines({name: (distance, lengths) for name, lengths in by_radius.items()}, "distance (steps back from the last word)",
          "gradient, relative to distance 0", "One number decides whether the past vanishes or explodes", logy=True)

# %% [markdown]
# Both troubles are there, and between them there is a knife's edge near $r = 1$. Two things are worth a second look. The
# curve for 0.5 loses a factor of a little more than 2 a step, as derived. And the large $r$ grow much slower than $r^n$:
# large states push the tanh to its flat ends, where the slope is small. The tanh tames explosion a little, at the price of
# forgetting.
#
# How does the library's RNN start, and PyTorch's? Uniform between $\pm 1/\sqrt H$, so with variance $1/(3H)$: that is $r =
# 1/\sqrt 3 = 0.58$. A fresh RNN is forgetful: one expects $0.58^{25} \approx 10^{-6}$ after 25 steps, in the mean of many
# draws. This one:

# %%
manual_seed(0)
fresh = RNN(32, H).weight_hh.data
relative, _, _ = felt(fresh.astype(np.float64))
rate = (relative[25] / relative[5]) ** (1 / 20)
print(f"a fresh RNN keeps {rate:.2f} of a gradient a step; after 25 steps {relative[25]:.0e} is left")
assert 0.5 < rate < 0.7 and relative[25] < 1e-4

# %% [markdown]
# ## Attention reaches any distance in one step (F17)
#
# The same measurement for attention, with the last word as the query: $L = u \cdot \text{Attention}(x_T W_Q, X W_K, X
# W_V)$. A word $n$ places back is *one* step away, whatever $n$: there is a single softmax between it and the result. No
# product grows with the distance.

# %%
def felt_by_attention(length=T):
    """The mean length of ∂L/∂x for each of the last `length` words, from the last one backwards."""
    x = Tensor(inputs[:, :length], requires_grad=True)
    w_q, w_k, w_v = (np.random.default_rng(i).standard_normal((32, H)) / math.sqrt(32) for i in range(3))
    last = F.attention(x[:, -1:] @ w_q, x @ w_k, x @ w_v)[:, 0]                 # (20, H)
    last.backward(u)
    return np.linalg.norm(x.grad, axis=-1).mean(axis=0)[::-1]


attention_felt = felt_by_attention()
relative_attention = attention_felt / attention_felt[0]
print(f"attention: nearest word 1, farthest {relative_attention[-1]:.2f}, smallest of all {relative_attention.min():.2f}")
shorter = felt_by_attention(30)[1:].mean()
print(f"its size: with 60 words {attention_felt[1:].mean():.3f} each, with 30 words {shorter:.3f} each")
assert relative_attention.min() > 0.9 and abs(shorter / attention_felt[1:].mean() - 2) < 0.1
viz.lines({"attention": (distance, relative_attention), "RNN, fresh (r = 0.58)": (distance, relative),
           "RNN, r = 1": (distance, by_radius["r = 1.0"])}, "distance (steps back from the last word)",
          "gradient, relative to distance 0", "For attention, far is as near as near", logy=True)

# %% [markdown]
# Flat. (Be exact about what is flat: each of $T$ words gets a share of about $1/T$ as long as the attention is undecided,
# so twice as many words halve the gradient of each, as printed. That is a division by $T$, where the RNN's is by a power:
# at 60 words a factor of 60. And it is what attention *starts* from; trained, it puts its weight where the answer is.)

# %% [markdown]
# ## Watch it work: what was the first word? (F17)
#
# Does it matter in practice? A task with nothing but distance in it: read $n$ random words of a vocabulary of 8, then say
# what the *first* was. All others are noise. Three readers, all trained for 300 steps on fresh texts: an RNN as it starts
# by default, the same RNN started with an orthogonal $W_h$ (all its singular values are 1, the knife's edge), and one
# attention layer with positions (lesson 11), whose query is the last word.
#
# **Predict** the distance at which each of them fails. Guessing is right once in 8.

# %%
WORDS, WIDTH = 8, 32


class Recurrent(Module):
    """Ids (B, n) → logits of the answer (B, WORDS), from the last state."""

    def __init__(self, w_h=None):
        width = WIDTH if w_h is None else len(w_h)
        self.embedding, self.rnn, self.out = Embedding(WORDS, 16), RNN(16, width), Linear(width, WORDS)
        if w_h is not None:
            self.rnn.weight_hh.data[...] = w_h

    def forward(self, ids):
        return self.out(self.rnn(self.embedding(ids))[:, -1])


class Attentive(Module):
    """The same with one attention, of one head; the last word asks."""

    def __init__(self, length):
        self.embedding, self.positions = Embedding(WORDS, WIDTH), LearnedPositions(length, WIDTH)
        self.attention, self.out = MultiHeadAttention(WIDTH, 1), Linear(WIDTH, WORDS)

    def forward(self, ids):
        x = self.embedding(ids) + self.positions(slice(0, ids.shape[1]))        # (B, n, WIDTH)
        return self.out(self.attention(x[:, -1:], x)[:, 0])


def learn_first_word(model, n, steps=300):
    """The share of right answers on new texts."""
    optimizer, data = AdamW(model.parameters(), lr=3e-3), np.random.default_rng(1)
    for _ in range(steps):
        ids = data.integers(0, WORDS, (64, n))
        loss = F.cross_entropy(model(ids), ids[:, 0])
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm(model.parameters(), 1.0)
        optimizer.step()
    ids = np.random.default_rng(9).integers(0, WORDS, (1000, n))
    return float((model(ids).data.argmax(axis=1) == ids[:, 0]).mean())


orthogonal = np.linalg.qr(np.random.default_rng(3).standard_normal((WIDTH, WIDTH)))[0]
makers = {"attention": Attentive, "RNN, orthogonal start": lambda n: Recurrent(orthogonal),
          "RNN, default start": lambda n: Recurrent()}
recall = {name: [] for name in makers}
for n in (2, 4, 8, 16, 32, 64):
    for name, make in makers.items():
        manual_seed(0)
        recall[name].append((n, learn_first_word(make(n), n)))
for name, points in recall.items():
    print(f"{name:22}", ", ".join(f"{n}: {accuracy:.0%}" for n, accuracy in points))
assert min(accuracy for _, accuracy in recall["attention"]) > 0.98
assert recall["RNN, default start"][2][1] > 0.9 and recall["RNN, default start"][3][1] < 0.3
assert recall["RNN, orthogonal start"][3][1] > 0.9 and recall["RNN, orthogonal start"][5][1] < 0.3
viz.lines(recall, "words in the text", "share of right answers", "The RNN forgets the first word, attention finds it",
          baselines={"guessing": 1 / WORDS})

# %% [markdown]
# The default RNN answers at 8 words and is at chance at 16, which agrees with $0.58^{16} \approx 10^{-4}$: there is too
# little gradient to learn from. Note that the *task* is not too hard for its state, one of eight words would fit into three
# bits; it is the **learning** that does not reach so far. The better start doubles the distance and no more. To attention
# distance is nothing.
#
# In fairness, once more: people knew all this in the nineties and did not give up. The LSTM (Hochreiter and Schmidhuber
# 1997) gives the state a path on which it is only *added to*, $c_t = c_{t-1} + i_t \odot \tilde c_t$, with a gate $i_t$; the
# form in use since then multiplies $c_{t-1}$ by a second gate, near 1, so that it can forget as well (Gers, Schmidhuber and
# Cummins 2000). Read lesson 14 again and you will recognise it: a residual sum, through time instead of through depth.
# Gated networks learn distances of hundreds of steps. What they could not mend is the next point.

# %% [markdown]
# ## Waiting (F17)
#
# Step $t$ needs $h_{t-1}$, so $T$ steps take $T$ waits, however many processors stand idle. Attention makes all its $T^2$
# scores in one product of matrices; its number of waits is that of its *layers*. On the other hand it does more work. Count
# it for one layer, $H$ wide, in multiplications (causal attention needs half of the scores):
#
# | | RNN | attention |
# |---|---|---|
# | steps that wait for each other | $T$ | 1 |
# | multiplications | $2 T H^2$ | $4 T H^2 + T^2 H$ |
# | numbers kept for the backward pass | $T H$ | $\sim T^2$ |
# | numbers kept while writing on | $H$ | $2 T H$ |
#
# (The last row: to go on writing, an RNN needs its state, attention the keys and values of everything before: [lesson
# 18](18_generation.ipynb).) How long does it take, forwards and backwards, for one text on one core of this machine?

# %% tags=["varies"]
def milliseconds(f, *arrays, repeats=3):
    best = math.inf
    for _ in range(repeats):
        leaves = [Tensor(a, requires_grad=True) for a in arrays]
        since = time.perf_counter()
        y = f(*leaves)
        y.backward(np.ones(y.shape, y.dtype))
        best = min(best, time.perf_counter() - since)
    return 1000 * best


timing = np.random.default_rng(0)
weights = [(timing.standard_normal((64, 64)) / 8).astype(np.float32) for _ in range(4)]
start, bias = np.zeros((1, 64), np.float32), np.zeros(64, np.float32)


def recurrent_layer(x):
    return F.recurrent(x, start, weights[0], weights[1], bias)                  # (1, T, 64)


def attention_layer(x):
    return F.attention(x @ weights[0], x @ weights[1], x @ weights[2], causal=True) @ weights[3]


took = {"RNN": [], "attention": []}
for n in (32, 64, 128, 256, 512, 1024, 2048, 4096):
    rows = timing.standard_normal((1, n, 64)).astype(np.float32)
    took["RNN"].append((n, milliseconds(recurrent_layer, rows)))
    took["attention"].append((n, milliseconds(attention_layer, rows)))
for name, points in took.items():
    print(f"{name:10}", ", ".join(f"{n}: {ms:.1f} ms" for n, ms in points))
viz.lines(took, "length T (words)", "milliseconds, forwards and backwards", "On one core: in long texts attention costs more",
          logx=True, logy=True)

# %% [markdown]
# On one core the picture is sober. The RNN's time grows with $T$, attention's in the end with $T^2$, and somewhere between
# a few hundred and a few thousand words (your machine prints its own numbers) they cross. Attention is *not* cheaper. It
# wins where the work can be spread: a graphics card does the $T^2$ scores side by side, while the RNN keeps it waiting $T$
# times with a matrix too small to fill it. And it wins on what the curves before showed, reach.
#
# So the honest answer to this lesson's question: attention buys a path of length 1 between any two words, and steps that
# need not wait, and pays with $T^2$. For texts of a few thousand words on machines with many cores that is a bargain. For
# very long texts it is not, and recurrences without a tanh between the steps, which *can* be computed in parallel, have
# come back for them (Gu and Dao 2023).
#
# And the document? What 003 §9.1 says of RNNs is right, as measured. But its question, "the difference between an LLM and
# an RNN", compares a purpose with a construction: a language model may well be an RNN, and for some years the best ones
# were.

# %% [markdown]
# ## Break it: no clipping
#
# Vanishing is quiet: nothing is learned. Exploding is loud. An RNN whose $W_h$ starts with $r = 2$ reads 40 words and has
# to name the *last but one*, a matter of two steps, which it can do. But the gradient comes with the noise of 38 older
# words, enlarged. It is trained by plain gradient descent with rate 1, once as it is and once with **clipping** (lesson 9):
# if the gradient of all weights is longer than 1, it is shortened to 1.
#
# Predict the two loss curves, the means of four starts.

# %% tags=["varies"]
def learn_last_but_one(clip, start, steps=200, n=40):
    manual_seed(0)
    model = Recurrent(2 * np.random.default_rng(start).standard_normal((64, 64)) / math.sqrt(64))   # r = 2
    optimizer, data, losses, norms = SGD(model.parameters(), lr=1.0), np.random.default_rng(1), [], []
    for _ in range(steps):
        ids = data.integers(0, WORDS, (32, n))
        loss = F.cross_entropy(model(ids), ids[:, -2])
        optimizer.zero_grad()
        loss.backward()
        norms.append(clip_grad_norm(model.parameters(), 1.0 if clip else math.inf))    # the length before clipping
        optimizer.step()
        losses.append(loss.item())
    slope = np.mean(1 - model.rnn(model.embedding(ids)).data ** 2)              # the mean slope of the tanh at the end
    return losses, max(norms), slope


curves, slopes = {}, {}
for name, clip in (("not clipped", False), ("clipped to length 1", True)):
    losses, longest, slope = (np.array(of) for of in zip(*(learn_last_but_one(clip, start) for start in range(4))))
    curves[name], slopes[name] = losses.mean(axis=0), slope.mean()
    print(f"{name:20} longest gradients {', '.join(f'{norm:.0f}' for norm in longest)}; mean slope of the tanh at the end "
          f"{slopes[name]:.2f}; loss of the last 20 steps {curves[name][-20:].mean():.2f}")
assert slopes["not clipped"] < 0.1 < slopes["clipped to length 1"]
assert curves["not clipped"].mean() > 2 * curves["clipped to length 1"].mean()
assert curves["clipped to length 1"][-20:].mean() < 0.1
viz.loss_curve({name: (np.arange(5, 200, 10), losses.reshape(-1, 10).mean(axis=1)) for name, losses in curves.items()},
               title="Exploding gradients spoil the run, clipping saves it", baselines={"guessing": math.log(WORDS)})

# %% [markdown]
# Without clipping the very first steps, with gradients hundreds long, throw the weights far off: the loss jumps *above*
# guessing. The states stick close to ±1, where the tanh has hardly any slope, and from there learning crawls: how far it
# gets in 200 steps is another number on every machine, since in an explosion the last digit of a product decides. With
# clipping the direction is kept and the step is bounded; the task is learned. (Clipping does not bring back what vanished.
# No factor makes a zero useful.)
#
# Nothing here is a wrong formula, so no gradient check can find it. What does watch it: `train` in the library clips by
# default and records the length of the gradient at every step, and `test_clipping_scales_all_by_one_number` in
# [tests/optim/test_clip_and_schedules.py](../tests/optim/test_clip_and_schedules.py) holds the clipping. The product of
# Jacobians and its bound are `test_a_gradient_over_a_distance_is_a_product_of_jacobians` in
# [tests/functional/test_meaning.py](../tests/functional/test_meaning.py).

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. `check` tries your function on drawn inputs, and if it fails shows the smallest case
# that fails. Solutions with derivations: [solutions/16_why_not_an_rnn.ipynb](solutions/16_why_not_an_rnn.ipynb).
#
# **1. Counting (warm-up).** A text of 100 words. Through how many Jacobians does the gradient of the last state pass to the
# first state $h_1$ in an RNN? How many softmaxes lie between the last word's output and the first word in one attention
# layer? And how many scores does a causal attention need, if none is computed in vain? A tuple of three numbers.

# %%
jacobians = ...
softmaxes = ...
scores = ...

check(1, ... if jacobians is ... else (jacobians, softmaxes, scores))


# %% [markdown]
# **2. A recurrent network from memory.** x (T, C), h0 (H,), w_x (H, C), w_h (H, H), b (H,) → all states (T, H).

# %%
def recurrent(x, h0, w_x, w_h, b):
    ...


check(2, recurrent)


# %% [markdown]
# **3. One Jacobian.** The new state h (H,) of a step and w_h (H, H) are given. Answer the matrix $J$ (H, H) with $J_{ij} =
# \partial h_i / \partial (\text{state before})_j$.

# %%
def jacobian(h, w_h):
    ...


check(3, jacobian)


# %% [markdown]
# **4. The whole way back.** The loss looks at the last state only; u (H,) is ∂L/∂h_T. From all states h (T, H) and w_h find
# ∂L/∂h_0 (H,), without building a matrix.

# %%
def gradient_of_first_state(h, w_h, u):
    ...


check(4, gradient_of_first_state)


# %% [markdown]
# **5. The shared weight.** Now every state is an output: g (T, H) is ∂L/∂h_t for each. From h0 (H,), h (T, H), w_h (H, H)
# find ∂L/∂W_h (H, H).

# %%
def gradient_of_w_h(h0, h, w_h, g):
    ...


check(5, gradient_of_w_h)


# %% [markdown]
# **6. How far back?** A gradient keeps the share r < 1 of its length at each step. After how many steps is, for the first
# time, no more than the share `least` of it left? A function of r and least, in whole steps.

# %%
def steps_until(r, least):
    ...


check(6, steps_until)


# %% [markdown]
# **7. Something to think about.** Give the state a residual sum: $h_t = h_{t-1} + \tanh(x_t W_x^T + h_{t-1} W_h^T + b)$.
# What is the Jacobian of one step now, as a function of the state before, `before` (H,), the new state h (H,) and w_h? And:
# for which of the two troubles is it a cure?

# %%
def residual_jacobian(before, h, w_h):
    ...


check(7, residual_jacobian)

# %% [markdown]
# ## What you can now explain
#
# - What a recurrent network computes, and back-propagation through time: two ways out of each state, sums over shared
# weights.
# - Why the gradient over a distance is a product of Jacobians, bounded by $\|W_h\|^n$: below 1 it must vanish, above it may
# explode.
# - Why a fresh RNN forgets: $r = 0.58$ a step.
# - That attention is one step from every word, flat over the distance, with no step that waits; and that it pays with
# $T^2$.
# - What clipping can do (explosion) and what it cannot (vanishing).
#
# All parts are built and justified. [Lesson 17](17_causal_pretraining.ipynb) puts them to work: a language model, trained
# on real text.
