# %% [markdown]
# # 07 · Linear layers
#
# *What can a stack of matrices learn, and why does it need something between them?*
#
# *Reading 40 min · running 10 s · builds on lessons 3 (a neuron), 5 (matrix products) and 6 (checking)*
#
# **Afterwards you can** write a linear layer and derive its three gradients, prove that a single one cannot learn XOR, say
# why two in a row are one, choose a bend to put between them, start the weights at the right size, and build a network as a
# module.

# %%
import inspect
import math

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor, formulas_only, grad, gradcheck, manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.nn import FeedForward, Linear, Module, Parameter
from tinyllm.optim import SGD

lesson = open_lesson("07_linear_layers")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# In [lesson 3](03_chain_rule.ipynb) one neuron had two inputs, two weights and a bias: $z = w_1 x_1 + w_2 x_2 + b$. A
# **linear layer** is many such neurons side by side, all with the same inputs, each with weights of its own. Most of a
# language model is this: of the 124 million parameters of the smallest GPT-2, all but a thousandth are entries of matrices.
#
# So what can a stack of linear layers learn? On its own, as it turns out, no more than one of them can, and that is little.
# This lesson finds the small thing that is missing.

# %% [markdown]
# ## Many neurons at once (F7)
#
# Let $x$ have $n$ entries, the inputs, and let there be $m$ neurons. Neuron $o$ has the weights $W_{o1}, \dots, W_{on}$ and
# the bias $b_o$, and answers $y_o = \sum_i W_{oi} x_i + b_o$. With a batch of $N$ inputs, one a row of $X$:
#
# $$Y = X W^T + b$$
#
# | symbol | shape | what it is |
# |---|---|---|
# | $X$ | $(N, n)$ | one input a row |
# | $W$ | $(m, n)$ | one *neuron* a row: row $o$ is what output $o$ looks for |
# | $b$ | $(m,)$ | a bias for each neuron, added to every row |
# | $Y$ | $(N, m)$ | entry $(k, o)$: neuron $o$'s answer to input $k$ |
#
# ### By hand
#
# Two neurons, the first adding its inputs, the second taking their difference and adding 10:

# %%
W = np.array([[1.0, 1.0], [1.0, -1.0]])                 # (m, n) = (2, 2)
b = np.array([0.0, 10.0])                               # (2,)
X = np.array([[3.0, 2.0], [0.0, 5.0], [1.0, 1.0]])      # (N, n) = (3, 2)
print(X @ W.T + b)                                      # (3, 2)
assert np.array_equal(X @ W.T + b, [[5, 11], [5, 5], [2, 10]])
np.testing.assert_allclose(F.linear(X, W, b), X @ W.T + b)

# %% [markdown]
# ### Its gradients
#
# Lesson 5's recipe: write an entry, find where an input occurs, multiply by the $g$ there, add up. Let $g = \partial L /
# \partial Y$, of shape $(N, m)$. The entry is $Y_{ko} = \sum_i X_{ki} W_{oi} + b_o$.
#
# - $X_{ki}$ occurs in $Y_{ko}$ for every $o$, with the factor $W_{oi}$: $\ \frac{\partial L}{\partial X_{ki}} = \sum_o
# g_{ko} W_{oi}$, which is $g W$.
# - $W_{oi}$ occurs in $Y_{ko}$ for every $k$, with the factor $X_{ki}$: $\ \frac{\partial L}{\partial W_{oi}} = \sum_k
# g_{ko} X_{ki}$, which is $g^T X$.
# - $b_o$ occurs in $Y_{ko}$ for every $k$, with the factor 1: $\ \frac{\partial L}{\partial b_o} = \sum_k g_{ko}$.
#
# Shapes are a good memory: $gW$ is $(N, m)(m, n)$, as $X$; $g^T X$ is $(m, N)(N, n)$, as $W$. No other product of the two
# would fit.

# %%
def linear_vjp(x, w, g):
    """(∂L/∂x, ∂L/∂w, ∂L/∂b) for x (N, n), w (m, n), g (N, m)."""
    return g @ w, g.T @ x, g.sum(axis=0)


rng = np.random.default_rng(0)
x, w, bias, g = (rng.standard_normal(shape) for shape in ((5, 3), (4, 3), (4,), (5, 4)))
for mine, library in zip(linear_vjp(x, w, g), grad(lambda x, w, b: np.sum(g * F.linear(x, w, b)), (0, 1, 2))(x, w, bias)):
    np.testing.assert_allclose(mine, library, rtol=1e-10)
assert gradcheck(F.linear, [x, w, bias])
print("∂L/∂x", linear_vjp(x, w, g)[0].shape, " ∂L/∂w", linear_vjp(x, w, g)[1].shape, " ∂L/∂b", linear_vjp(x, w, g)[2].shape)
print(inspect.getsource(F.linear.formula))

# %% [markdown]
# Below it in [tinyllm/functional/linear.py](../tinyllm/functional/linear.py) stands the twin, with your three gradients in
# it. Note the cost: forward one matrix product, backward two.

# %% [markdown]
# ## What one layer cannot learn
#
# The smallest interesting task there is: **exclusive or**. Two inputs, each 0 or 1; the answer is 1 if exactly one of them
# is 1. Could one neuron say it, answering more than 0 for yes and less than 0 for no? It would need
#
# $$\begin{aligned} (0,0): && b &< 0 & \qquad (1,0): && w_1 + b &> 0 \\ (1,1): && w_1 + w_2 + b &< 0 & (0,1): && w_2 + b &> 0
# \end{aligned}$$
#
# Add the two on the left: $w_1 + w_2 + 2b < 0$. Add the two on the right: $w_1 + w_2 + 2b > 0$. Both cannot be. **No
# weights exist**, and no training will find them. (Minsky and Papert showed this in 1969, and for a decade few people
# wanted to hear of neural networks.) The geometry: a neuron says yes on one side of a straight line, and no straight line
# has two opposite corners of a square on one side and the other two on the other.
#
# ## Two linear layers are one
#
# So take two layers! Their output is
#
# $$(X W_1^T + b_1) W_2^T + b_2 = X \underbrace{(W_2 W_1)^T}_{\text{a matrix}} + \underbrace{b_1 W_2^T + b_2}_{\text{a
# vector}}$$
#
# which is *one* linear layer, with the weight $W_2 W_1$. A hundred in a row would be one, too. In numbers:

# %%
w1, b1, w2, b2 = (rng.standard_normal(shape) for shape in ((64, 3), (64,), (2, 64), (2,)))
two = F.linear(F.linear(x, w1, b1), w2, b2)
one = F.linear(x, w2 @ w1, F.linear(b1, w2, b2))
np.testing.assert_allclose(two, one, rtol=1e-9)
print(f"two layers, {w1.size + b1.size + w2.size + b2.size} numbers; one layer that does the same, {2 * 3 + 2} numbers; "
      f"largest difference {np.abs(two - one).max():.0e}")

# %% [markdown]
# ## A bend between them (F7)
#
# Something must stand between the two that is not linear. The simplest is a bend: $\text{ReLU}(x) = \max(0, x)$, entry by
# entry. With it, XOR is solved with two neurons inside, and you can see how: one fires if *at least one* input is 1, the
# other if *both* are, and the answer is the first less twice the second.

# %%
inside = F.relu(F.linear(np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[1.0, 1], [1, 1]]), np.array([0.0, -1])))
print(inside)
print(inside @ [1.0, -2.0])
assert np.array_equal(inside @ [1.0, -2.0], [0, 1, 1, 0])

# %% [markdown]
# This is the **feed-forward network** of the Transformer paper (Vaswani et al. 2017, §3.3), at its smallest:
#
# $$\text{FFN}(x) = \max(0,\, x W_1 + b_1)\, W_2 + b_2 \tag{1}$$
#
# (The paper writes $xW$ where we write $xW^T$; it stores its matrices the other way round.) Every layer of a Transformer
# has one, and it holds two thirds of the layer's weights.

# %% [markdown]
# ## What the document prints (F7)
#
# Document 002 prints the same network twice. In §4.1:
#
# $$g(X) = h_1(h_2(X))$$
#
# and in §4.2:
#
# $$h_1(X) = \text{ReLU}(\text{Linear}(X)) \qquad h_2(X) = \text{Linear}(h_1(X)) \qquad g(X) = \text{Linear}(h_2(X))$$
#
# These do not agree with each other, nor with (1). Take each at its word.
#
# *§4.2* goes through $h_1$, then $h_2$, then one more Linear. The last two stand side by side with nothing between them:
# they are one, as you have just seen. The third matrix adds parameters and no function.
#
# *§4.1* puts $h_1$ **last**. With §4.2's definitions, $h_1(h_2(X)) = \text{ReLU}(\text{Linear}(h_2(X)))$: the very last
# step is a ReLU. So $g$ can never be negative. In a layer that adds its output to a stream (lesson 14), such a network
# could only ever add, and never take away.
#
# **Predict, then run.** All three learn $\sin x$ from 200 points between −3 and 3. Which will manage? The mean square of
# $\sin$ itself over these points is about 0.5, half of it from the negative side.

# %%
class Printed42(Module):
    """g = Linear(h2), h2 = Linear(h1), h1 = ReLU(Linear(X))."""

    def __init__(self, d):
        self.a, self.b, self.c = Linear(1, d), Linear(d, d), Linear(d, 1)

    def forward(self, x):
        return self.c(self.b(F.relu(self.a(x))))


class Printed41(Module):
    """g = h1(h2(X)): ReLU comes last. (The h2 inside has one Linear more than §4.2's: two in a row are one.)"""

    def __init__(self, d):
        self.h2, self.h1 = Printed42(d), Linear(1, 1)

    def forward(self, x):
        return F.relu(self.h1(self.h2(x)))


class FFN(Module):
    """Equation (1)."""

    def __init__(self, d):
        self.up, self.down = Linear(1, d), Linear(d, 1)

    def forward(self, x):
        return self.down(F.relu(self.up(x)))


def fit(model, x, y, steps=2000, lr=0.02):
    """The loss at every step."""
    optimizer, losses = SGD(model.parameters(), lr=lr, momentum=0.9), []
    for _ in range(steps):
        loss = F.mse_loss(model(Tensor(x)), y)
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


points = np.linspace(-3, 3, 200, dtype=np.float32)[:, None]
target = np.sin(points)
floor = float(np.mean(np.minimum(target, 0) ** 2))
ends, drawn = {}, {"sin x": (points[:, 0], target[:, 0])}
for name, kind in (("§4.1", Printed41), ("§4.2", Printed42), ("(1), the paper's", FFN)):
    manual_seed(0)
    model = kind(32)
    ends[name] = fit(model, points, target)[-1]
    with no_grad():
        drawn[name] = (points[:, 0], model(Tensor(points)).numpy()[:, 0])
    print(f"{name:16} {model.n_parameters():5} parameters, loss {ends[name]:.4f}")
print(f"no network that cannot go below 0 can have less than {floor:.4f}")
assert ends["§4.1"] >= floor and ends["§4.2"] < 0.02 and ends["(1), the paper's"] < 0.02
viz.lines(drawn, "x", "output", "A network that ends in a ReLU cannot go below zero")

# %% [markdown]
# (From other starts §4.1 may do worse still, and answer 0 everywhere: once its last ReLU is negative for all points,
# nothing moves it any more.)
#
# The repair is (1): linear, bend, linear, and nothing after. In the library it is
# [tinyllm/nn/feedforward.py](../tinyllm/nn/feedforward.py), and it is what we wrote:

# %%
manual_seed(0)
library = FeedForward(3, 8, activation="relu")
batch = rng.standard_normal((4, 3)).astype(np.float32)
up, down = library.up, library.down
by_hand = np.maximum(batch @ up.weight.data.T + up.bias.data, 0) @ down.weight.data.T + down.bias.data
np.testing.assert_allclose(library(Tensor(batch)).data, by_hand, rtol=1e-5, atol=1e-6)
print(library.summary())

# %% [markdown]
# ## Milestone: XOR, learned
#
# Nobody sets the weights now. Four inputs, four answers, the loss, the gradient, downhill. Beside it one linear layer, of
# which you have proved that it cannot.

# %%
class Network(Module):
    def __init__(self, hidden=8):
        self.up, self.down = Linear(2, hidden), Linear(hidden, 1)

    def forward(self, x):
        return self.down(np.tanh(self.up(x)))


corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
answers = np.array([[0], [1], [1], [0]], np.float32)
losses, trained = {}, {}
for name, build in (("one linear layer", lambda: Linear(2, 1)), ("with a bend", Network)):
    manual_seed(0)
    trained[name] = build()
    losses[name] = list(enumerate(fit(trained[name], corners, answers, 400, 0.1)))
    with no_grad():
        found = trained[name](Tensor(corners)).numpy()[:, 0].round(2) + 0                   # + 0: no −0.0
    print(f"{name:16} answers {found}  loss {losses[name][-1][1]:.4f}")
assert abs(losses["one linear layer"][-1][1] - 0.25) < 1e-3 and losses["with a bend"][-1][1] < 1e-3
viz.lines(losses, "step", "mean squared error", "XOR: one layer ends at always saying one half, two with a bend learn it")

# %% [markdown]
# What has it learned *between* the corners? The answer over the whole square, with the four corners in the corners:

# %%
side = np.linspace(0, 1, 11, dtype=np.float32)
grid = np.stack(np.meshgrid(side, side[::-1]), axis=-1).reshape(-1, 2)                      # (121, 2)
with no_grad():
    surface = trained["with a bend"](Tensor(grid)).numpy().reshape(11, 11)
ticks = [f"{s:.1f}" for s in side]
viz.heatmap(surface, "first input", "second input", "A ridge between two valleys: no line could do this", label="output",
            rows=ticks[::-1], columns=ticks)

# %% [markdown]
# ## Which bend?
#
# Four are in use. ReLU is 0 on the left and has slope 1 on the right. The others are smooth, and let a little through on
# the left:
#
# $$\text{GELU}(x) = x\,\Phi(x) \qquad \text{SiLU}(x) = x\,\sigma(x), \quad \sigma(x) = \frac{1}{1 + e^{-x}}$$
#
# where $\Phi(x)$ is the probability that a standard normal number is below $x$. Read both as "$x$, times how surely it
# should pass". GPT-2 uses a formula that comes close to GELU and avoids $\Phi$: $\frac{x}{2}\big(1 + \tanh(\sqrt{2/\pi}\,(x
# + 0.044715\,x^3))\big)$. (Hendrycks and Gimpel 2016.)

# %%
at = np.linspace(-4, 4, 401)
bends = {"ReLU": F.relu, "GELU": F.gelu, "GELU by tanh": lambda x: F.gelu(x, approximate="tanh"), "SiLU": F.silu}
np.testing.assert_allclose(F.silu(at), at / (1 + np.exp(-at)), rtol=1e-9)
Phi = np.array([0.5 * (1 + math.erf(t / math.sqrt(2))) for t in at])
np.testing.assert_allclose(F.gelu(at), at * Phi, rtol=1e-6, atol=1e-9)
print(f"largest distance between the two GELUs: {np.abs(F.gelu(at) - F.gelu(at, approximate='tanh')).max():.5f}")
viz.lines({name: (at, f(at)) for name, f in bends.items()}, "x", "output", "Four bends: nearly the same far out")

# %%
viz.lines({name: (at, grad(lambda x, f=f: np.sum(f(x)))(at)) for name, f in bends.items()}, "x", "slope",
          "Their slopes: ReLU's jumps, the others' go smoothly")

# %% [markdown]
# ReLU has a danger: a neuron whose input is negative for *all* data has slope 0 everywhere, and never moves again. The
# smooth ones keep a slope there, if not too far out. (Summing before taking the gradient is harmless in the cell above:
# each output depends on its own input only.)
#
# Llama and its relatives use **SwiGLU**: a second matrix decides, entry by entry, how much of the first one's output may
# pass, $\text{silu}(x W_g^T) \odot (x W_1^T)$, before $W_2$ (Shazeer 2020). The sign $\odot$ is the product entry by entry.

# %%
manual_seed(0)
gated = FeedForward(6, 16, activation="swiglu", bias=False)
batch = rng.standard_normal((4, 6)).astype(np.float32)
gate, value = batch @ gated.gate.weight.data.T, batch @ gated.up.weight.data.T
by_hand = (gate / (1 + np.exp(-gate)) * value) @ gated.down.weight.data.T
np.testing.assert_allclose(gated(Tensor(batch)).data, by_hand, rtol=1e-4, atol=1e-6)
print("swiglu by hand equals the library's:", by_hand[0].round(4))

# %% [markdown]
# ## How large to start
#
# Let the entries of $x$ be independent with variance 1, and those of $W$ with variance $s^2$. As in a dot product of $n$
# terms, variances add: $\text{Var}(y_o) = n s^2$. With $s = 1/\sqrt{n}$ it stays 1. With anything else it is multiplied by
# $n s^2$ in *every* layer, and after twenty layers by $(n s^2)^{20}$. A ReLU on the way halves the mean square (it removes
# one side), so there $s = \sqrt{2/n}$ is right (He et al. 2015, §2.2).
#
# **Predict:** the size of the signal after 30 ReLU layers of width 256, with $s^2 = 1/n$, $2/n$ and $3/n$.

# %%
def sizes(factor, depth=30, n=256):
    signal, result = rng.standard_normal((64, n)), []
    for layer in range(depth):
        signal = np.maximum(signal @ (rng.standard_normal((n, n)) * math.sqrt(factor / n)).T, 0)
        result.append((layer + 1, float(np.sqrt(np.mean(signal**2)))))
    return result


depth = {f"variance {factor}/n": sizes(factor) for factor in (1, 2, 3)}
for (name, curve), factor in zip(depth.items(), (1, 2, 3)):
    print(f"{name}: root mean square after 30 layers {curve[-1][1]:.1e}, predicted {(factor / 2) ** 15:.1e}")
    assert 0.3 < curve[-1][1] / (factor / 2) ** 15 < 3
viz.lines(depth, "layer", "root mean square of the signal", "Only one size of weights keeps the signal", logy=True)

# %% [markdown]
# The same holds for gradients on their way back, which are multiplied by the same matrices. The library's initialisers,
# with these derivations, stand in [tinyllm/nn/init.py](../tinyllm/nn/init.py).

# %% [markdown]
# ## Parameters and modules
#
# Above, networks were classes. The rules are few, and those of PyTorch. A **Parameter** is a Tensor that training may
# change. A **Module** collects the parameters and modules that `__init__` assigns to it, and computes in `forward`. That is
# all; here is our linear layer, and the library's with the same weights:

# %%
class MyLinear(Module):
    def __init__(self, n, m):
        self.weight = Parameter(rng.standard_normal((m, n)).astype(np.float32) / math.sqrt(n))
        self.bias = Parameter(np.zeros(m, np.float32))

    def forward(self, x):
        return x @ self.weight.T + self.bias


mine, theirs = MyLinear(3, 2), Linear(3, 2)
theirs.load_state_dict(mine.state_dict())
batch = Tensor(rng.standard_normal((4, 3)).astype(np.float32))
np.testing.assert_allclose(mine(batch).data, theirs(batch).data, rtol=1e-6)
with formulas_only():
    np.testing.assert_allclose(mine(batch).data, theirs(batch).data, rtol=1e-6)
print([(name, parameter.shape) for name, parameter in mine.named_parameters()])

# %% [markdown]
# ## Break it: all weights alike
#
# Why start at random at all? Zero is a nice round number, and 0.5 is not bad either. **Predict:** the XOR network with 8
# neurons inside, from the same weights for all of them: will it (a) learn, (b) learn more slowly, (c) not learn? And from
# zeros?

# %%
def alike(value):
    model = Network()
    for parameter in model.parameters():
        parameter.data[...] = value
    return model


curves = {"at random": losses["with a bend"]}
for name, value in (("all 0.5", 0.5), ("all 0", 0.0)):
    model = alike(value)
    curves[name] = list(enumerate(fit(model, corners, answers, 400, 0.1)))
    neurons = model.up.weight.data
    print(f"{name:8} loss {curves[name][-1][1]:.3f}; the 8 neurons differ by at most {np.ptp(neurons, axis=0).max():.0e}")
    assert np.ptp(neurons, axis=0).max() == 0 and curves[name][-1][1] > 0.1
viz.lines(curves, "step", "mean squared error", "Neurons that start alike stay alike")

# %% [markdown]
# Answer (c). Neurons with equal weights get equal inputs, so equal gradients, so they stay equal for ever: eight neurons do
# the work of one, and one is not enough for XOR. From zeros it is worse: what a neuron inside learns comes to it through
# $W_2$, and that is zero; what $W_2$ learns, it learns from the neurons' outputs, and those are $\tanh 0 = 0$. Only the
# last bias moves. Randomness is there to *break the symmetry*.
#
# Which test would notice? Not one of values or of gradients: all of these are right. `test_the_start_is_scaled_by_depth`
# would, in [tests/models/test_gpt.py](../tests/models/test_gpt.py): it measures how the weights of a fresh model are
# spread, and constants have no spread.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/07_linear_layers.ipynb](solutions/07_linear_layers.ipynb).
#
# **1. Counting (warm-up).** A linear layer from 512 to 2048 with biases, then one from 2048 to 512 with biases. How many
# parameters are there in all?

# %%
parameters = ...

check(1, parameters)


# %% [markdown]
# **2. The layer.** x (N, I), w (O, I), b (O,) → (N, O), in NumPy.

# %%
def linear(x, w, b):
    ...


check(2, linear)


# %% [markdown]
# **3. Its gradients.** g (N, O) is ∂L/∂y. The triple (∂L/∂x, ∂L/∂w, ∂L/∂b). Try it from the indices, without looking above.

# %%
def linear_gradients(x, w, g):
    ...


check(3, linear_gradients)


# %% [markdown]
# **4. Two are one.** The weight and the bias (a pair) of the one layer that does what $x \mapsto (x W_1^T + b_1) W_2^T +
# b_2$ does. w1 (H, I), b1 (H,), w2 (O, H), b2 (O,).

# %%
def joined(w1, b1, w2, b2):
    ...


check(4, joined)


# %% [markdown]
# **5. A bend's slope.** The derivative of SiLU, $x\,\sigma(x)$, at the entries of x (T,).

# %%
def silu_slope(x):
    ...


check(5, silu_slope)


# %% [markdown]
# **6. Something to think about.** The gradient of the whole feed-forward network with ReLU and without biases, $y = \max(0,
# x W_1^T) W_2^T$, to its *first* matrix. x (N, I), w1 (H, I), w2 (O, H), g (N, O) = ∂L/∂y → (H, I).

# %%
def gradient_of_first(x, w1, w2, g):
    ...


check(6, gradient_of_first)

# %% [markdown]
# ## What you can now explain
#
# - A linear layer is many dot products; its backward pass is two matrix products and a sum.
# - Why no weights of one layer give XOR, and why two layers without a bend are no better.
# - What the two prints of document 002 compute, how they disagree, and what the paper's network is.
# - What ReLU, GELU, SiLU and SwiGLU do, and where ReLU can die.
# - Which size of weights keeps a signal through many layers, and why weights start at random.
#
# Our networks answer with any number. To answer with *probabilities*, [lesson 8](08_softmax_and_likelihood.ipynb) adds the
# softmax, and finds the loss that goes with it.
