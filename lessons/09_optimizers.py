# %% [markdown]
# # 09 · Optimisers
#
# *The gradient says which way is down. How far should a step go, and for which weight?*
#
# *Reading 35 min · running 10 s · builds on lessons 3 (descent), 7 (networks) and 8 (cross-entropy)*
#
# **Afterwards you can** derive how large a step may be, write SGD with momentum, Adam and AdamW from their formulas, say
# what decoupled decay is and what it is not, and choose warm-up, schedule and clipping for a reason.

# %%
import inspect
import math

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor, manual_seed, viz
from tinyllm.book import open_lesson
from tinyllm.nn import Linear, Parameter, Sequential
from tinyllm.optim import SGD, Adam, AdamW, adam, clip_grad_norm, orthogonalized, warmup_cosine, warmup_linear

lesson = open_lesson("09_optimizers")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## What the documents print (F18)
#
# Documents 000 §4.3 and 002 §5.4 train with one line, and 004 §5.2 gives the same rate, `learning_rate=2e-5`, to a trainer
# that uses AdamW:
#
# ```python
# optimizer = AdamW(model.parameters(), lr=2e-5)
# ```
#
# No formula, no reason for the number. What does AdamW do? Why is it not plain gradient descent, and when is $2 \cdot
# 10^{-5}$ a good rate? This lesson builds it in four steps, and [lesson 21](21_does_pretraining_help.ipynb) tries the
# printed recipe.

# %% [markdown]
# ## How large may a step be?
#
# Near its minimum a smooth loss is a bowl. Along one direction it is $L = \frac{c}{2} x^2$, where $c$ is the **curvature**.
# The slope is $c x$, so a step of gradient descent is $x \leftarrow x - \eta c x = (1 - \eta c)\, x$. The distance is
# multiplied by $1 - \eta c$ each time. It shrinks if $|1 - \eta c| < 1$, that is if
#
# $$0 < \eta < \frac{2}{c}$$
#
# With many weights there are many directions, each with its own curvature, and *one* rate for all. The steepest direction
# caps it at $2/c_{\max}$; along the flattest the distance is then still multiplied by more than $1 - 2 c_{\min}/c_{\max}$
# at each step. A narrow valley is slow.
#
# **By hand.** $L = \frac12 (x^2 + 25 y^2)$: curvatures 1 and 25, so $\eta < 0.08$. At $\eta = 0.07$ the factors are $0.93$
# along $x$ and $1 - 1.75 = -0.75$ along $y$.

# %%
CURVATURE = np.array([1.0, 25.0])


def valley(x, y):
    return 0.5 * (CURVATURE[0] * x**2 + CURVATURE[1] * y**2)


def descend(optimizer_of, steps=60, start=(-4.0, 1.0)):
    """The places visited, (steps + 1, 2), by an optimiser of one parameter of two entries."""
    place = Parameter(np.array(start))
    optimizer, path = optimizer_of([place]), [place.data.copy()]
    for _ in range(steps):
        loss = np.sum(place * place * CURVATURE) * 0.5
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        path.append(place.data.copy())
    return np.array(path)


path = descend(lambda p: SGD(p, lr=0.07), 30)
np.testing.assert_allclose(path, np.array([-4.0, 1.0]) * np.array([0.93, -0.75]) ** np.arange(31)[:, None], rtol=1e-10)
edge = {rate: abs(descend(lambda p, rate=rate: SGD(p, lr=rate), 100)[-1, 1]) for rate in (0.079, 0.08, 0.081)}
print({rate: f"{size:.2g}" for rate, size in edge.items()}, "= |y| after 100 steps from 1")
assert edge[0.079] < 0.2 and abs(edge[0.08] - 1) < 1e-6 and edge[0.081] > 5
viz.surface_path(valley, {"SGD, rate 0.07": path}, (-4.5, 4.5), (-1.6, 1.6), "Across the valley it jumps, along it it creeps")

# %% [markdown]
# Below $2/c$ it comes down, at $2/c$ it jumps between two places for ever, above it flies away: an edge as sharp as the
# formula says. (*Stochastic* gradient descent, **SGD**, is the same with the gradient of a random batch instead of that of
# all data: right on average, noisy each time.)

# %% [markdown]
# ## Momentum
#
# The jumps across the valley change their sign at every step; the creeping along it does not. So keep a running sum of the
# gradients: what alternates cancels, what agrees adds up.
#
# $$v \leftarrow \mu v + g \qquad\qquad x \leftarrow x - \eta v$$
#
# With a constant gradient $v$ tends to $g (1 + \mu + \mu^2 + \dots) = g / (1 - \mu)$: for $\mu = 0.9$ ten times the step.

# %%
def my_momentum(gradients, rate, mu):
    """The moves that SGD with momentum makes for a row of gradients (n, …)."""
    v, moves = np.zeros_like(gradients[0]), []
    for g in gradients:
        v = mu * v + g
        moves.append(-rate * v)
    return np.array(moves)


def moves_of(optimizer_of, gradients, start=0.0):
    """What a library optimiser does, given the same gradients."""
    x = Parameter(np.full(gradients.shape[1:], start))
    optimizer, places = optimizer_of([x]), [x.data.copy()]
    for g in gradients:
        x.grad = g.copy()
        optimizer.step()
        places.append(x.data.copy())
    return np.diff(places, axis=0)


rng = np.random.default_rng(0)
gradients = rng.standard_normal((20, 3))
np.testing.assert_allclose(my_momentum(gradients, 0.1, 0.9), moves_of(lambda p: SGD(p, 0.1, 0.9), gradients), rtol=1e-9)
constant = my_momentum(np.ones((60, 1)), 0.1, 0.9)
print(f"constant gradient 1, rate 0.1: first move {constant[0, 0]:.2f}, sixtieth {constant[-1, 0]:.3f}")
assert abs(constant[-1, 0] + 1.0) < 0.01

# %% [markdown]
# ## Adam: a rate for every weight
#
# Momentum smooths, but there is still one rate for all. In a language model the gradient of a common token's embedding is
# far larger than that of a rare one. **Adam** divides each entry's step by how large *its* gradients usually are (Kingma
# and Ba 2015, algorithm 1):
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1) g \qquad v \leftarrow \beta_2 v + (1 - \beta_2) g^2 \qquad
# x \leftarrow x - \eta \frac{\hat m}{\sqrt{\hat v} + \epsilon}$$
#
# $m$ is a running mean of the gradient, $v$ one of its square (here $v$ is *not* the momentum of above), all entry by
# entry. If the gradient is always $g$, the step is $\eta\, g / |g| = \pm\eta$: **the rate is the step's length, whatever
# the loss's unit.**
#
# ### The hats
#
# Both means start at zero, so they are too small at first. By how much? Let $g$ be constant and unroll: after $t$ steps
#
# $$m = (1 - \beta_1)\,(1 + \beta_1 + \dots + \beta_1^{t-1})\, g = (1 - \beta_1^t)\, g$$
#
# (a geometric sum). So $\hat m = m / (1 - \beta_1^t)$ and $\hat v = v / (1 - \beta_2^t)$ are right from the first step.
#
# **Predict:** without the hats, with $\beta_1 = 0.9$ and $\beta_2 = 0.999$, how long is the first step? Too short or too
# long?

# %%
def my_adam(gradients, rate, beta1=0.9, beta2=0.999, eps=1e-8, hats=True):
    """The moves of Adam for a row of gradients (n, …)."""
    m = v = np.zeros_like(gradients[0])
    moves = []
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat, v_hat = (m / (1 - beta1**t), v / (1 - beta2**t)) if hats else (m, v)
        moves.append(-rate * m_hat / (np.sqrt(v_hat) + eps))
    return np.array(moves)


np.testing.assert_allclose(my_adam(gradients, 0.01), moves_of(lambda p: Adam(p, lr=0.01), gradients), rtol=1e-8)
steady = np.full((400, 1), 3.0)
first = abs(my_adam(steady, 0.01, hats=False)[0, 0]) / 0.01
print(f"first step over the rate: {abs(my_adam(steady, 0.01)[0, 0]) / 0.01:.3f} with hats, {first:.3f} without")
assert abs(first - 0.1 / math.sqrt(0.001)) < 1e-3
lengths = {name: (np.arange(1, 401), np.abs(my_adam(steady, 1.0, hats=hats))[:, 0])
           for name, hats in (("with hats", True), ("without", False))}
viz.lines(lengths, "step", "length of a step, over the rate", "Without bias correction the first steps are far too long")

# %% [markdown]
# Too long: the mean of the squares is too small by the factor $0.001$, its root by $\frac{1}{32}$, while $m$ is too small by
# only $\frac{1}{10}$: $0.1 / \sqrt{0.001} = 3.2$. Then it gets worse before it gets better, as the picture shows, since $m$
# fills up sooner than $v$. And that in the first steps, when the network knows nothing.
#
# The library's version, the same lines in place and in tiles, stands in [tinyllm/optim/adam.py](../tinyllm/optim/adam.py):

# %%
print(inspect.getsource(adam.adam_update))

# %% [markdown]
# ## On the valley

# %%
paths = {
    "SGD, rate 0.07": descend(lambda p: SGD(p, lr=0.07)),
    "with momentum 0.8": descend(lambda p: SGD(p, lr=0.03, momentum=0.8)),
    "Adam, rate 0.3": descend(lambda p: Adam(p, lr=0.3)),
}
for name, path in paths.items():
    print(f"{name:18} loss after 20 steps {valley(*path[20]):.4f}, after 60 {valley(*path[60]):.6f}")
others = [valley(*paths[name][60]) for name in ("SGD, rate 0.07", "Adam, rate 0.3")]
assert valley(*paths["with momentum 0.8"][60]) < min(others) / 10
viz.surface_path(valley, paths, (-4.5, 2.5), (-1.6, 1.6), "Momentum rolls, Adam walks: three ways down one valley")

# %% [markdown]
# Adam's path starts along the diagonal: both entries move by the rate, though one gradient is six times the other. Near the
# floor it does not settle quickly, since its steps keep their length; this is one reason for a falling schedule, below. On
# this smooth bowl, momentum with well-chosen numbers wins. Adam's strength is that it needs no such choosing.

# %% [markdown]
# ## AdamW: decay that decays (F18)
#
# To keep weights small one adds $\frac{\lambda}{2}\|x\|^2$ to the loss (**L2 regularisation**). Its gradient is $\lambda
# x$, so in SGD every step shrinks the weights a little: $x \leftarrow (1 - \eta\lambda)\,x - \eta g$, **weight decay**. In
# SGD the two are one.
#
# In Adam they are not. The term $\lambda x$ is added to $g$, and then divided by $\sqrt{\hat v}$ with it. A weight whose
# gradients are large hardly decays; one whose gradients are small decays with a vengeance. **AdamW** leaves the gradient
# alone and shrinks the weight itself (Loshchilov and Hutter 2019, algorithm 2). (Only matrices decay, by custom: biases and
# norms are few, and have no reason to be small. `decay_groups` sorts them.)
#
# $$x \leftarrow (1 - \eta\lambda)\, x - \eta \frac{\hat m}{\sqrt{\hat v} + \epsilon}$$
#
# In numbers: two weights, both 1, one with gradients of size 10 and one of size 0.1, random in sign, so that only the decay
# has a lasting effect.

# %%
signs = rng.choice([-1.0, 1.0], (2000, 1))
noisy = signs * np.array([10.0, 0.1])
left = {}
for name, optimizer in (("Adam with L2", Adam), ("AdamW", AdamW)):
    moves = moves_of(lambda p, optimizer=optimizer: optimizer(p, lr=1e-3, weight_decay=0.1), noisy, start=1.0)
    alone = moves_of(lambda p, optimizer=optimizer: optimizer(p, lr=1e-3, weight_decay=0.0), noisy, start=1.0)
    left[name] = (moves - alone).sum(axis=0)
    print(f"{name:13} decay alone moved the weight of large gradients by {left[name][0]:.3f}, the other by {left[name][1]:.3f}")
assert abs(left["AdamW"][0] - left["AdamW"][1]) < 0.02 < 0.2 < abs(left["Adam with L2"][0] - left["Adam with L2"][1])

# %% [markdown]
# AdamW treats both alike. And what does `lr=2e-5` mean? Every step moves a weight by about the rate where its gradients
# agree, and by less where they are noise. GPT-2 and BERT start their weights with a standard deviation of 0.02; at $2 \cdot
# 10^{-5}$ it takes a thousand steps, all in one direction, to move such a weight by its own size. For a network from
# scratch that is almost nothing. For one that was trained for weeks and needs only to be nudged, it may be right.

# %% [markdown]
# ## Watch it work: a real little network
#
# 1,000 points on two spirals, three layers, the same start for all, and for each optimiser a good rate, found by trying a
# few.

# %%
turn = rng.uniform(0.5, 3.0, 1000)
arm = rng.integers(0, 2, 1000)
angle = turn * 2.2 + np.pi * arm
points = (np.stack([turn * np.cos(angle), turn * np.sin(angle)], axis=1) / 2 + 0.04 * rng.standard_normal((1000, 2)))
points = points.astype(np.float32)


class Tanh(Sequential):
    def forward(self, x):
        return np.tanh(x)


def train(optimizer_of, steps=400, schedule=None, clip=None, scale=1.0):
    """The loss of each batch of 64."""
    manual_seed(0)
    model = Sequential(Linear(2, 32), Tanh(), Linear(32, 32), Tanh(), Linear(32, 2))
    data, losses = np.random.default_rng(1), []
    optimizer = optimizer_of(model.parameters())
    rate = optimizer.groups[0]["lr"]
    for step in range(steps):
        rows = data.integers(0, 1000, 64)
        loss = F.cross_entropy(model(Tensor(points[rows])), arm[rows])
        losses.append(loss.item())
        optimizer.zero_grad()
        (loss * scale).backward()
        if clip:
            clip_grad_norm(model.parameters(), clip)
        if schedule:
            optimizer.groups[0]["lr"] = rate * schedule(step)
        optimizer.step()
    return losses


def smooth(losses, width=20):
    return (np.arange(width, len(losses) + 1), np.convolve(losses, np.ones(width) / width, mode="valid"))


runs = {
    "SGD, rate 1": train(lambda p: SGD(p, lr=1.0)),
    "momentum 0.9, rate 0.3": train(lambda p: SGD(p, lr=0.3, momentum=0.9)),
    "AdamW, rate 0.01": train(lambda p: AdamW(p, lr=0.01)),
    "AdamW, rate 2e-5": train(lambda p: AdamW(p, lr=2e-5)),
}
for name, losses in runs.items():
    print(f"{name:23} mean loss of the last 50 steps {np.mean(losses[-50:]):.3f}")
assert np.mean(runs["AdamW, rate 0.01"][-50:]) < 0.1 and np.mean(runs["AdamW, rate 2e-5"][-50:]) > 0.6
viz.lines({name: smooth(losses) for name, losses in runs.items()}, "step", "loss (nats, mean of 20 steps)",
          "From scratch, the printed rate does almost nothing", baselines={"guessing": math.log(2)})

# %% [markdown]
# And the promise that Adam does not care for the loss's unit: multiply the loss by 100, and see who notices.

# %% tags=["varies"]
for name, optimizer_of in (("SGD", lambda p: SGD(p, lr=0.3)), ("AdamW", lambda p: AdamW(p, lr=0.01))):
    plain, scaled = (np.mean(train(optimizer_of, 200, scale=s)[-50:]) for s in (1.0, 100.0))
    print(f"{name:6} loss as it is {plain:.3f}, trained on 100 times the loss {scaled:.3f}")
    assert abs(scaled - plain) < 0.05 if name == "AdamW" else scaled > 5

# %% [markdown]
# ## Muon, in short
#
# Adam treats a matrix as a heap of numbers. **Muon** (Jordan et al. 2024) treats it as a map. It takes momentum's matrix,
# written as $U \Sigma V^T$ (two rotations and a stretch along each axis between), and replaces all the stretches by 1: the
# step is $U V^T$, which turns as the gradient does and moves equally far in every direction, so that rare directions are
# learned too. A polynomial, applied five times, comes close enough ([tinyllm/optim/muon.py](../tinyllm/optim/muon.py)). It
# is for the matrices inside a network; embeddings and vectors keep AdamW. Lessons 17 to 21 train with it.

# %%
gradient = rng.standard_normal((6, 4)) * np.array([10.0, 1.0, 0.1, 0.01])      # columns of very different size
step = orthogonalized(gradient)
print("stretches of the gradient:", np.linalg.svd(gradient, compute_uv=False).round(2))
print("stretches of Muon's step: ", np.linalg.svd(step, compute_uv=False).round(2))
assert np.ptp(np.log(np.linalg.svd(step, compute_uv=False)[:3])) < np.log(2.5)

# %% [markdown]
# ## Warm-up and decay
#
# Two schedules are in use. Both rise in a line first (**warm-up**: the means of Adam are noise in the first steps, and a
# fresh network has steep places), and then fall, so that the last steps are small enough to settle. BERT fell in a line to
# 0, GPT-2's successors in half a cosine to a tenth. (Our spirals are too easy to need either; the models of lessons 17 to
# 21 are not.)
#
# $$\text{rate}(s) = f + (1 - f) \cdot \tfrac12 \Big(1 + \cos\big(\pi\,\tfrac{s - w}{S - w}\big)\Big) \qquad (w \le s \le S)$$
#
# for step $s$ of $S$, after $w$ steps of warm-up, with the floor $f$ (a tenth): a share of the highest rate. Before, for
# $s < w$, it is $(s + 1)/(w + 1)$.

# %%
cosine, linear = warmup_cosine(10, 100, floor=0.1), warmup_linear(10, 100)
for s in (10, 40, 100):
    np.testing.assert_allclose(cosine(s), 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * (s - 10) / 90)))
    np.testing.assert_allclose(linear(s), (100 - s) / 90)
s = np.arange(101)
viz.lines({"cosine to a tenth": (s, [cosine(i) for i in s]), "linear to zero": (s, [linear(i) for i in s])},
          "step", "share of the highest rate", "Up in a line, then down: two schedules")

# %% [markdown]
# ## Clipping, and batches in pieces
#
# Now and then a batch has a huge gradient, and one step throws the model far away. **Clipping** shortens the gradient of
# all weights together, if its length $\|g\|$ is above a bound $c$: $g \leftarrow g \cdot \min(1, c/\|g\|)$. The direction
# stays.
#
# **Accumulation** is the other way to treat a batch that is too large for the memory: the mean over 64 examples is the mean
# of the means over 4 parts of 16, and gradients add up in `.grad` until they are told to be forgotten.

# %%
weights = Parameter(np.array([3.0, 4.0]))
weights.grad = np.array([30.0, 40.0])                   # length 50
length = clip_grad_norm([weights], 5.0)
print("length before", float(length), " gradient after", weights.grad)
np.testing.assert_allclose(weights.grad, [3.0, 4.0], rtol=1e-6)

manual_seed(0)
layer, rows = Linear(2, 2), np.arange(64)
F.cross_entropy(layer(Tensor(points[rows])), arm[rows]).backward()
whole = layer.weight.grad.copy()
layer.zero_grad()
for part in np.split(rows, 4):
    (F.cross_entropy(layer(Tensor(points[part])), arm[part]) / 4).backward()
np.testing.assert_allclose(layer.weight.grad, whole, rtol=1e-4, atol=1e-7)
print("four quarter batches give the whole batch's gradient")

# %% [markdown]
# ## Break it: gradients never forgotten
#
# Accumulation has a dark side. Leave out `zero_grad()` in a training loop. **Predict:** with AdamW, which divides by the
# size of the gradient anyway, is it (a) harmless, (b) harmful, (c) fatal?

# %% tags=["varies"]
def train_without_reset(steps=400):
    manual_seed(0)
    model = Sequential(Linear(2, 32), Tanh(), Linear(32, 32), Tanh(), Linear(32, 2))
    data, losses = np.random.default_rng(1), []
    optimizer = AdamW(model.parameters(), lr=0.01)
    for _ in range(steps):
        rows = data.integers(0, 1000, 64)
        loss = F.cross_entropy(model(Tensor(points[rows])), arm[rows])
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return losses


forgetful = {"with zero_grad()": runs["AdamW, rate 0.01"], "without": train_without_reset()}
for name, losses in forgetful.items():
    print(f"{name:17} mean loss of the last 50 steps {np.mean(losses[-50:]):.3f}")
assert np.mean(forgetful["without"][-50:]) > 3 * np.mean(forgetful["with zero_grad()"][-50:])
viz.lines({name: smooth(losses) for name, losses in forgetful.items()}, "step", "loss (nats, mean of 20 steps)",
          "A sum of all gradients ever is momentum without a brake", baselines={"guessing": math.log(2)})

# %% [markdown]
# It is (c). The sum of all gradients so far is momentum with $\mu = 1$: nothing is ever forgotten, and the walker swings
# past the floor again and again (lesson 4's ball did the same). No error is raised. The library's training loop cannot make
# this mistake: it *assigns* each step's gradient, and never adds to an old one
# ([tinyllm/training/loop.py](../tinyllm/training/loop.py)). The formulas of the optimisers are compared with their
# definitions in [tests/optim/test_rules.py](../tests/optim/test_rules.py) and with PyTorch's in
# [tests/parity/test_optim.py](../tests/parity/test_optim.py); take the hats out of `adam.py`, and the first fails.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/09_optimizers.ipynb](solutions/09_optimizers.ipynb).
#
# **1. The edge (warm-up).** $L = 4x^2$. Above which rate does gradient descent fly away? A number.

# %%
rate = ...

check(1, rate)


# %% [markdown]
# **2. Momentum.** From x, v and g (N,), the pair (new x, new v).

# %%
def momentum_step(x, v, g, rate, mu):
    ...


check(2, momentum_step)


# %% [markdown]
# **3. Adam's first step.** From x and the first gradient g (N,), with m = v = 0 before: the new x. eps is 0.01 here, so
# that it shows.

# %%
def adam_first_step(x, g, rate, beta1, beta2):
    ...


check(3, adam_first_step)


# %% [markdown]
# **4. AdamW.** One step at time t, given m and v of the step before: the triple (new x, new m, new v). eps is 0.01.

# %%
def adamw_step(x, g, m, v, t, rate, decay, beta1, beta2):
    ...


check(4, adamw_step)


# %% [markdown]
# **5. Clipping.** The gradient g (R, C), shortened to length at most c.

# %%
def clipped(g, c):
    ...


check(5, clipped)


# %% [markdown]
# **6. Something to think about.** SGD with momentum $\mu$ on a slope that never changes, $g$, from $v = 0$. By how much,
# and with which sign, has $x$ changed after n steps of rate η? A closed formula, without a loop, as a function of the numbers
# g, rate, mu and n.

# %%
def distance(g, rate, mu, n):
    ...


check(6, distance)

# %% [markdown]
# ## What you can now explain
#
# - Why the largest curvature bounds the rate, and why a narrow valley is slow.
# - What momentum adds up and what it cancels; why Adam's rate is the length of a step.
# - Where the hats come from, and what the first steps do without them.
# - Why L2 and weight decay are the same for SGD and not for Adam.
# - What `AdamW(lr=2e-5)` says, and for whom.
#
# With this the machinery is complete. [Lesson 10](10_tokens.ipynb) turns to what it will be fed: text.
