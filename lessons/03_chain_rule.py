# %% [markdown]
# # 03 · The chain rule
#
# *If I turn this knob a little, what happens to the number at the far end?*
#
# *Reading 40 min · running 6 s · builds on lesson 2 (arrays)*
#
# **Afterwards you can** say what a derivative is and measure one, derive the rules you need and chain them, add over all
# the paths a value takes, find the gradient of a neuron by hand, and use it to walk downhill.

# %%
import inspect
import math

import numpy as np

from tinyllm import Tensor, grad, gradcheck, viz
from tinyllm.autograd.rules import elementwise
from tinyllm.book import open_lesson

lesson = open_lesson("03_chain_rule")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## What the document says (F15)
#
# Document 003 §4.2 explains the training of a language model in one sentence:
#
# > LLM 的训练过程基于反向传播算法，该算法通过计算损失函数的梯度来更新模型参数。
# >
# > The training of an LLM rests on the back-propagation algorithm, which updates the model's parameters by computing the
# > gradient of the loss function.
#
# That is all; there is no formula. So let us take the sentence apart.
#
# - The **parameters** are the model's knobs: numbers that we may turn. Even the small ones of this book have many
# thousands.
# - The **loss** is one number $L$ at the far end: how badly the model does with its knobs as they stand.
# - The **gradient** says, for every knob, how $L$ changes when that knob is turned a little.
# - **Back-propagation** is a way of finding all of it at once.
#
# Between a knob and the loss lie many steps of computing, and each of them alone is easy. What we need is a rule that puts
# many easy steps together. That is the chain rule. In this lesson you find it, with single numbers and by hand. In [lesson
# 4](04_reverse_mode.ipynb) you build the machine that applies it.
#
# One thing in the sentence is loose, and you will see it below: back-propagation *computes* the gradient. It updates
# nothing.

# %% [markdown]
# ## A slope, measured
#
# Take $f(x) = x^2$, and stand at $x = 3$, where $f$ is 9. Go a step $h$ to the right. How much does $f$ rise, for each unit
# of the step? This ratio is the **difference quotient**:
#
# $$\frac{f(3 + h) - f(3)}{h} = \frac{9 + 6h + h^2 - 9}{h} = 6 + h$$
#
# The smaller the step, the nearer to 6. The number that it approaches is the **derivative**, written $f'(3)$ or
# $\frac{df}{dx}$: the slope of the curve at that place. At any $x$ the same lines give $2x + h$, so $f'(x) = 2x$.

# %%
def square(x):
    return x * x


for h in (2.0, 1.0, 0.1, 0.001):
    quotient = (square(3 + h) - square(3)) / h
    print(f"h = {h:<6} ({square(3 + h):9.6f} − 9) / h = {quotient:.6f}")
    assert math.isclose(quotient, 6 + h, rel_tol=1e-9)

# %%
x = np.linspace(0, 6, 61)
viz.lines(
    {"f(x) = x²": (x, x**2), "through 3 and 5: slope 8": (x, 9 + 8 * (x - 3)), "through 3 and 4: slope 7": (x, 9 + 7 * (x - 3)),
     "tangent at 3: slope 6": (x, 9 + 6 * (x - 3))},
    "x", "f(x)", "As the step shrinks, the line through two points becomes the tangent",
)

# %% [markdown]
# Another way to say it will be more useful to us. Near $x$ the curve is almost its tangent:
#
# $$f(x + h) = f(x) + h \, \big(f'(x) + r(h)\big) \qquad\text{with } r(h) \to 0 \text{ as } h \to 0 \tag{1}$$
#
# Here $r(h)$ is what is missing, the difference quotient less the derivative; for the square it is $h$ itself. Read (1) as
# a promise: *turn the knob by a small $h$, and the output moves by about $f'(x) \cdot h$*. The derivative is the factor by
# which a small change is multiplied on its way through $f$.
#
# **Predict, then run.** A smaller $h$ is better, the mathematics says. So why not $h = 10^{-15}$? Below is the error of the
# difference quotient of $e^x$ at $x = 1$, where the derivative is $e$, with steps from 1 down to $10^{-15}$. What will the
# curve look like on the left?

# %%
steps = 10.0 ** -np.arange(0, 15.5, 0.5)
errors = np.abs((np.exp(1 + steps) - np.exp(1)) / steps - np.exp(1))
best = steps[np.argmin(errors)]
print(f"h = 1e-1: error {errors[2]:.1e}; h = 1e-4: {errors[8]:.1e}; h = 1e-14: {errors[28]:.1e}")
assert 1e-10 < best < 1e-6 and errors[28] > 1e-4 > errors[16] * 100
assert math.isclose(errors[2] / errors[4], 10, rel_tol=0.1)         # ten times smaller a step, ten times smaller an error
viz.lines({"difference quotient of exp at 1": (steps, errors)}, "step h", "error of the slope",
          "Too large a step is wrong, and so is too small a one", logx=True, logy=True)

# %% [markdown]
# From the right, the error falls in step with $h$, as (1) says. Then it rises again. A float has about 16 digits. With $h =
# 10^{-14}$ the two values of $f$ agree in nearly all of them, the subtraction cancels these, and what remains is mostly
# rounding. [Lesson 6](06_checking_gradients.ipynb) makes a precise tool of this. For now: differences are good for
# *checking* a slope. To *compute* one we want rules, and they are exact.

# %% [markdown]
# ## Rules
#
# Four rules are enough for this book's first formulas, and each falls out of the difference quotient. Write $\Delta f$ for
# $f(x+h) - f(x)$.
#
# **Sum.** $\Delta(f + g) = \Delta f + \Delta g$; divide by $h$: $(f+g)' = f' + g'$. In the same way $(c f)' = c f'$ for a
# constant $c$.
#
# **Product.** Put $f(x) g(x+h)$ in and take it out again:
#
# $$f(x{+}h)\,g(x{+}h) - f(x)\,g(x) = \underbrace{\big(f(x{+}h) - f(x)\big)}_{\Delta f}\, g(x{+}h)
# + f(x)\,\underbrace{\big(g(x{+}h) - g(x)\big)}_{\Delta g}$$
#
# Divide by $h$ and let it shrink. $g(x{+}h)$ goes to $g(x)$, and so $(fg)' = f'g + fg'$. It is *not* $f'g'$.
#
# **Exponential.** $\frac{e^{x+h} - e^x}{h} = e^x \, \frac{e^h - 1}{h}$, and the number $e$ is chosen so that the last
# fraction goes to 1. So $(e^x)' = e^x$.
#
# **Reciprocal.** Let $r = 1/g$. Then $r g = 1$ does not change: by the product rule $r'g + rg' = 0$, so $r' = -g'/g^2$.
#
# Do not take them on trust. Each of the following is a rule applied; each is checked against the library's `grad`, which
# takes a function and answers its derivative, and against a difference quotient.

# %%
by_rule = {
    "3x² + 2x": (lambda x: 3 * x * x + 2 * x, lambda x: 6 * x + 2),
    "x³ = x² · x": (lambda x: x * x * x, lambda x: 2 * x * x + x * x * 1),
    "x eˣ": (lambda x: x * np.exp(x), lambda x: np.exp(x) + x * np.exp(x)),
    "1 / (1 + x²)": (lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
}
for name, (f, slope) in by_rule.items():
    at = np.float64(0.5)
    quotient = (f(at + 1e-6) - f(at - 1e-6)) / 2e-6                # from both sides: lesson 6 says why this is better
    print(f"{name:14} at 0.5: by rule {slope(at):.6f}, grad {grad(f)(at):.6f}, quotient {quotient:.6f}")
    np.testing.assert_allclose(grad(f)(at), slope(at), rtol=1e-12)
    np.testing.assert_allclose(quotient, slope(at), rtol=1e-8)

# %% [markdown]
# ## The chain rule
#
# Now let the output of one function be the input of the next: $u = g(x)$, then $y = f(u)$. Think of gears. If turning $x$
# by one turns $u$ by 3, and turning $u$ by one turns $y$ by 2, then turning $x$ by one turns $y$ by 6. Factors multiply:
#
# $$\frac{dy}{dx} = f'(u) \cdot g'(x) \qquad\text{with } u = g(x) \tag{2}$$
#
# The proof is (1), used twice. A step $h$ of $x$ moves $u$ by $k = h\,(g'(x) + r_1(h))$. A step $k$ of $u$ moves $y$ by
# $k\,(f'(u) + r_2(k))$. Put the first into the second and divide by $h$:
#
# $$\frac{y(x+h) - y(x)}{h} = \big(g'(x) + r_1(h)\big)\big(f'(u) + r_2(k)\big)$$
#
# As $h$ shrinks so does $k$, both remainders vanish, and (2) is left. (We never divided by $k$, which may be 0; then $r_2 =
# 0$ will do.)
#
# Mind the place: **each factor is taken where its own input stands**, $f'$ at $u$ and not at $x$.
#
# ### By hand
#
# $y = (x^2 + 1)^3$ at $x = 2$, in three links. First forward, then a slope for each link:
#
# | link | value | its slope | here |
# |---|---|---|---|
# | $a = x^2$ | 4 | $2x$ | 4 |
# | $b = a + 1$ | 5 | $1$ | 1 |
# | $y = b^3$ | 125 | $3b^2$ | 75 |
#
# The derivative is the product, $75 \cdot 1 \cdot 4 = 300$. Turn $x$ up by 0.001, and $y$ should rise by about 0.3:

# %%
def cubed(x):
    return (x * x + 1) ** 3


print("y rises by", round(cubed(2.001) - cubed(2.0), 4))
assert abs(cubed(2.001) - cubed(2.0) - 0.3) < 1e-3
assert grad(cubed)(2.0) == 300

# %% [markdown]
# ### In NumPy
#
# A chain of any length: each link is a function together with its slope. Walk along, keep the value and the product.

# %%
LINKS = {
    "square": (lambda x: x * x, lambda x: 2 * x),
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "half": (lambda x: x / 2, lambda x: 0.5),
}


def value_and_slope(chain, x):
    slope = 1.0
    for name in chain:
        f, f_slope = LINKS[name]
        slope = f_slope(x) * slope                      # this link's factor, at this link's own input
        x = f(x)
    return x, slope


def composed(chain):
    def f(x):
        for name in chain:
            x = LINKS[name][0](x)
        return x
    return f


rng = np.random.default_rng(0)
for _ in range(200):
    chain = rng.choice(list(LINKS), size=rng.integers(1, 5))
    if list(chain).count("exp") < 2:                    # e to the e to the … leaves the floats
        at = np.float64(rng.uniform(-1, 1))
        np.testing.assert_allclose(value_and_slope(chain, at)[1], grad(composed(chain))(at), rtol=1e-9, atol=1e-12)
print("random chains of up to four links: the product of slopes is what the library's grad answers")
print("e to the sin x², at 0.5: value {:.4f}, slope {:.4f}".format(*value_and_slope(["square", "sin", "exp"], 0.5)))

# %% [markdown]
# ### Two ways to multiply
#
# A product can be worked out from either end. $75 \cdot (1 \cdot 4)$ starts at the input and follows the change forward, as
# the code above does. $(75 \cdot 1) \cdot 4$ starts at the output and asks, link by link towards the input, "what would $y$
# do if *you* changed?". With single numbers it makes no difference. With a million inputs and one output the second way is
# about a million times cheaper, and this is the whole secret of **back**-propagation. Lesson 4 counts it.
#
# ### Two more rules, for free
#
# **Logarithm.** $e^{\ln x} = x$ has slope 1. By the chain rule that slope is also $e^{\ln x} \cdot (\ln x)'$, which is $x
# \cdot (\ln x)'$. So $(\ln x)' = 1/x$.
#
# **Hyperbolic tangent**, the S-shaped curve that squashes any number into (−1, 1): $\tanh x = \frac{s}{c}$ with $s =
# \frac{e^x - e^{-x}}{2}$ and $c = \frac{e^x + e^{-x}}{2}$. The chain rule gives $(e^{-x})' = -e^{-x}$, hence $s' = c$ and
# $c' = s$. With product and reciprocal rule:
#
# $$(\tanh x)' = s' \cdot \tfrac{1}{c} - s \cdot \tfrac{c'}{c^2} = 1 - \tfrac{s^2}{c^2} = 1 - \tanh^2 x$$
#
# The slope of $y = \tanh x$ is $1 - y^2$: given the output, it costs one multiplication. Now open the library. Its table of
# derivatives ([tinyllm/autograd/rules/elementwise.py](../tinyllm/autograd/rules/elementwise.py)) has a line for each
# function, and you can read it:

# %%
for line in inspect.getsource(elementwise).splitlines():
    if line.startswith(tuple(f"defvjp(np.{name}," for name in ("multiply", "reciprocal", "exp", "log", "tanh", "sin"))):
        print(line)

# %% [markdown]
# In each line `y` is the output, `x` (or `a`, `b`) the input, and `g` the product of all the factors *behind* this link,
# from the output's end. The line multiplies it by the link's own slope: `g * y` for exp, `g * (1.0 - y * y)` for tanh. It
# is the chain rule from the far end, and what you derived stands there symbol by symbol. `multiply` has two such functions,
# because it has two inputs. That is our next step.

# %% [markdown]
# ## Several inputs
#
# $f(u, v) = u v$ at $u = 2$, $v = 5$. Hold $v$ still and turn $u$: the slope is $v = 5$. Hold $u$ still and turn $v$: the
# slope is $u = 2$. These are the **partial derivatives**, written with a curly d: $\frac{\partial f}{\partial u} = v$,
# $\frac{\partial f}{\partial v} = u$. All of them in a row are the **gradient**, $(5, 2)$.
#
# And when both turn at once, by $k$ and $l$? Go there in two moves, first $v$, then $u$:
#
# $$f(u{+}k, v{+}l) - f(u, v) = \underbrace{f(u{+}k, v{+}l) - f(u, v{+}l)}_{\approx\, k\, \partial f/\partial u}
# + \underbrace{f(u, v{+}l) - f(u, v)}_{\approx\, l\, \partial f/\partial v} \tag{3}$$
#
# The first move starts at $v + l$ instead of $v$; as $l$ shrinks that makes no difference, if the partial derivative
# changes without jumps. So **small changes add**, each with its own slope.
#
# **Predict, then run.** $u$ rises by 0.01 and $v$ falls by 0.02. What does the product do?

# %%
u, v, k, l = 2.0, 5.0, 0.01, -0.02
print("predicted:", round(v * k + u * l, 4), "   exactly:", round((u + k) * (v + l) - u * v, 4))
assert abs((u + k) * (v + l) - u * v - (v * k + u * l)) < 2.1e-4
assert [float(g) for g in grad(lambda u, v: u * v, (0, 1))(2.0, 5.0)] == [5.0, 2.0]

# %% [markdown]
# The two differ by $kl = -0.0002$, a small change *of* a small change.
#
# ## A value used twice: add over the paths (F15)
#
# Here is the case that makes back-propagation more than a product. Let $u$ and $v$ both come from the same $x$. A step $h$
# of $x$ moves $u$ by about $h\,\frac{du}{dx}$ and $v$ by about $h\,\frac{dv}{dx}$, and (3) adds what they do:
#
# $$\frac{dy}{dx} = \frac{\partial y}{\partial u}\frac{du}{dx} + \frac{\partial y}{\partial v}\frac{dv}{dx} \tag{4}$$
#
# **Multiply along a path, add over the paths.** Two checks by eye. $y = x \cdot x$ uses $x$ as both factors: $x \cdot 1 + x
# \cdot 1 = 2x$, as measured above. And with $u = f(x)$, $v = g(x)$, (4) *is* the product rule.
#
# A longer one, at $x = 2$: $a = x^2 = 4$, $b = 3x = 6$, $y = a b + x = 26$. Three paths lead from $x$ to $y$:
#
# | path | factors | product |
# |---|---|---|
# | through $a$ | $\frac{\partial y}{\partial a} = b = 6$, $\ \frac{da}{dx} = 2x = 4$ | 24 |
# | through $b$ | $\frac{\partial y}{\partial b} = a = 4$, $\ \frac{db}{dx} = 3$ | 12 |
# | directly | 1 | 1 |
# | | **sum** | **37** |
#
# The same as a picture, drawn from what the library recorded while it computed. In every box stands the value, and after ∂
# how fast $y$ changes when *that* value does. Find the three arrows that leave $x$.

# %%
x = Tensor(2.0, requires_grad=True)
a = x**2
b = 3 * x
product = a * b
y = product + x
picture = viz.graph(y, {"x": x, "a": a, "b": b, "ab": product, "y": y}, "x has three paths to y: ∂y/∂x = 24 + 12 + 1 = 37")
y.backward()
assert y.item() == 26 and x.grad == 37
picture

# %% [markdown]
# `backward()` is the library's back-propagation. Its rule stands at the head of
# [tinyllm/autograd/graph.py](../tinyllm/autograd/graph.py), and is (4) for any number of uses: *∂L/∂xᵢ = Σ over all nodes y
# that used xᵢ of (∂y/∂xᵢ)ᵀ ∂L/∂y*. (The ᵀ matters for arrays only, lesson 5.)

# %% [markdown]
# ## A neuron
#
# The smallest piece of a network. It has two inputs $x_1, x_2$, and three knobs: the weights $w_1, w_2$ and the bias $b$.
# We want it to answer a target $t$, and measure how far it is off:
#
# $$z = w_1 x_1 + w_2 x_2 + b \qquad y = \tanh z \qquad L = (y - t)^2$$
#
# Let $x = (1, 2)$, $t = 1$, $w = (0.5, -0.25)$, $b = 0.5$. Forward: $z = 0.5 - 0.5 + 0.5 = 0.5$, $y = \tanh 0.5 = 0.4621$,
# $L = (0.4621 - 1)^2 = 0.2893$. Backward, from the end, a factor at a time:
#
# | what | rule | number |
# |---|---|---|
# | $\partial L / \partial y$ | $2(y - t)$ | $-1.0758$ |
# | $\partial L / \partial z$ | times $1 - y^2 = 0.7864$ | $-0.8460$ |
# | $\partial L / \partial b$ | times 1 | $-0.8460$ |
# | $\partial L / \partial w_1$ | times $x_1 = 1$ | $-0.8460$ |
# | $\partial L / \partial w_2$ | times $x_2 = 2$ | $-1.6921$ |
#
# The work up to $\partial L/\partial z$ is done once and serves all three knobs. All three are negative: turning any of
# them up makes the loss smaller. In code, five lines:

# %%
def neuron_by_hand(w, x, b, t):
    """The loss and its gradient: L, ∂L/∂w (2,), ∂L/∂b, for w (2,), x (2,) and numbers b, t."""
    y = np.tanh(w[0] * x[0] + w[1] * x[1] + b)
    to_y = 2 * (y - t)
    to_z = to_y * (1 - y**2)
    return (y - t) ** 2, to_z * x, to_z


def neuron(w, x, b, t):
    return (np.tanh(w[0] * x[0] + w[1] * x[1] + b) - t) ** 2


loss, to_w, to_b = neuron_by_hand(np.array([0.5, -0.25]), np.array([1.0, 2.0]), 0.5, 1.0)
print(f"L = {loss:.4f}, ∂L/∂w = {to_w.round(4)}, ∂L/∂b = {to_b:.4f}")
assert np.allclose([loss, *to_w, to_b], [0.2893, -0.8460, -1.6921, -0.8460], atol=1e-4)
for _ in range(20):
    w, x, b, t = rng.standard_normal(2), rng.standard_normal(2), rng.standard_normal(), rng.standard_normal()
    library_w, library_b = grad(neuron, (0, 2))(w, x, np.float64(b), t)
    np.testing.assert_allclose(neuron_by_hand(w, x, b, t)[1], library_w, rtol=1e-10)
    np.testing.assert_allclose(neuron_by_hand(w, x, b, t)[2], library_b, rtol=1e-10)
assert gradcheck(lambda w, b: neuron(w, x, b, t), [w, np.array(b)])

# %%
w1, w2, bias = (Tensor(value, requires_grad=True) for value in (0.5, -0.25, 0.5))
first, second = w1 * 1.0, w2 * 2.0
both = first + second
z = both + bias
y = np.tanh(z)
loss = (y - 1.0) ** 2
before = w1.item(), w2.item(), bias.item()
names = {"w₁": w1, "w₂": w2, "b": bias, "w₁x₁": first, "w₂x₂": second, "sum": both, "z": z, "y": y, "L": loss}
picture = viz.graph(loss, names, "A neuron: values forward, gradients (∂) backward")
loss.backward()
np.testing.assert_allclose([w1.grad, w2.grad, bias.grad], [*to_w, to_b], rtol=1e-6)
assert (w1.item(), w2.item(), bias.item()) == before                # nothing has been updated
picture

# %% [markdown]
# Look at the last assertion. After back-propagation, the knobs stand exactly where they stood. The document's sentence runs
# two things together: back-propagation finds the gradient, and *something else* must use it.

# %% [markdown]
# ## Downhill
#
# That something is called an **optimiser**, and the simplest is **gradient descent**: turn each knob a little against its
# slope. With a knob $\theta$, its slope $g = \frac{dL}{d\theta}$, and a small positive number $\eta$, the **learning
# rate**:
#
# $$\theta \leftarrow \theta - \eta\, g$$
#
# By (1), $L$ changes by about $g \cdot (-\eta g) = -\eta g^2$. A square is never negative: if $\eta$ is small enough for
# (1) to hold well, the loss falls, whichever sign the slope has.
#
# *Small enough* can be made exact where $L = (\theta - 3)^2$. Then $g = 2(\theta - 3)$, and after a step the distance to
# the goal is $\theta - \eta \cdot 2(\theta - 3) - 3 = (1 - 2\eta)(\theta - 3)$. Every step multiplies the distance by $1 -
# 2\eta$.
#
# **Predict, then run.** What happens for $\eta$ = 0.1, 0.3, 0.8, 1 and 1.1?

# %%
def descend(loss, theta, rate, steps):
    """The knob at the start and after each step: steps + 1 numbers."""
    slope, path = grad(loss), [theta]
    for _ in range(steps):
        theta = theta - rate * float(slope(np.float64(theta)))
        path.append(theta)
    return np.array(path)


distances = {}
for rate in (0.1, 0.3, 0.8, 1.0, 1.1):
    path = descend(lambda theta: (theta - 3) ** 2, 0.0, rate, 12)
    np.testing.assert_allclose(path - 3, -3 * (1 - 2 * rate) ** np.arange(13), rtol=1e-6)
    distances[f"rate {rate}"] = list(enumerate(np.abs(path - 3)))
    print(f"rate {rate:4}: θ = {path[0]:.2f}, {path[1]:.2f}, {path[2]:.2f}, {path[3]:.2f} …  after 12 steps {path[-1]:.3f}")
viz.lines(distances, "step", "distance |θ − 3| to the minimum", "Below rate 1 the distance shrinks, above it grows", logy=True)

# %% [markdown]
# At 0.1 it creeps there from one side. At 0.3 it is there in a few steps. At 0.8 it jumps across, to and fro, and still
# comes nearer. At 1 it jumps for ever between two places, and at 1.1 ever further away. The rate has an edge, and the edge
# depends on how strongly the loss is curved; [lesson 9](09_optimizers.ipynb) shows how.

# %% [markdown]
# ## Watch it work: a language model with one knob (F15)
#
# The document's example, 003 §4.4, is the sentence
#
# > The cat sat on the mat
#
# Let us train the smallest language model there can be on it. It says one thing only: with probability $p$, the next
# character is a space. One knob $\theta$ decides:
#
# $$p = \frac{1}{1 + e^{-\theta}}$$
#
# (any $\theta$ gives a $p$ between 0 and 1). We charge the model $-\ln p$ for a space and $-\ln(1 - p)$ for another
# character, its *surprise*: nothing if it was sure and right, very much if it was sure and wrong. The loss is the mean over
# the text. Why the logarithm, and why document 003 §4.3 calls this "maximising the likelihood", is the subject of [lesson
# 8](08_softmax_and_likelihood.ipynb); here it is a function with a slope.
#
# Let $s$ be the share of spaces in the text. Then $L = -s \ln p - (1 - s) \ln(1 - p)$, and the chain has two links. From
# $p$ to $L$, by the logarithm's rule (with the chain rule for $1 - p$, whose slope is −1):
#
# $$\frac{dL}{dp} = -\frac{s}{p} + \frac{1 - s}{1 - p} = \frac{-s(1 - p) + (1 - s)p}{p(1-p)} = \frac{p - s}{p(1 - p)}$$
#
# From $\theta$ to $p$, by the reciprocal rule with $g = 1 + e^{-\theta}$, $g' = -e^{-\theta}$:
#
# $$\frac{dp}{d\theta} = \frac{e^{-\theta}}{(1 + e^{-\theta})^2} = \frac{1}{1 + e^{-\theta}} \cdot
# \frac{e^{-\theta}}{1 + e^{-\theta}} = p\,(1 - p)$$
#
# Their product is a gift:
#
# $$\frac{dL}{d\theta} = p - s$$
#
# *What the model says, less what was seen.* Remember this shape; lesson 8 finds it again for a whole vocabulary, and every
# language model of this book is trained by it.
#
# **Predict, then run.** Where will $p$ end?

# %%
sentence = "The cat sat on the mat"
seen = np.array([character == " " for character in sentence], dtype=np.float64)         # (22,): 1 for a space
share = seen.mean()


def surprise(theta):
    p = 1 / (1 + np.exp(-theta))
    return np.mean(-(seen * np.log(p) + (1 - seen) * np.log(1 - p)))


for theta in (-2.0, 0.0, 1.5):
    np.testing.assert_allclose(grad(surprise)(np.float64(theta)), 1 / (1 + np.exp(-theta)) - share, rtol=1e-10)

path = descend(surprise, 3.0, 2.0, 30)
learned = 1 / (1 + np.exp(-path[-1]))
print(f"spaces counted: {int(seen.sum())} of {len(seen)} = {share:.4f}")
print(f"p before training {1 / (1 + np.exp(-path[0])):.4f}, after 30 steps {learned:.4f}")
print(f"surprise before {surprise(path[0]):.3f}, after {surprise(path[-1]):.4f} nats a character")
assert abs(learned - share) < 1e-4
theta = np.linspace(-4, 4, 161)
viz.lines(
    {"mean surprise L(θ)": (theta, [surprise(x) for x in theta]),
     "gradient descent, from the right": (path[:20], [surprise(x) for x in path[:20]])},
    "knob θ", "loss L (nats)", "The knob walks down to the share of spaces that was counted",
)

# %% [markdown]
# It ends where $p - s = 0$: at the share that was counted, 5 of 22. Nobody told it to count. It was charged for surprise,
# the chain rule said which way to turn, and counting came out. That is training. A large language model does it with
# billions of knobs at once, and the rules are the ones on this page.

# %% [markdown]
# ## Break it: one path forgotten
#
# $L = x\,(x - 4)$ is a valley with its floor at $x = 2$. Both factors use $x$, so there are two paths, and by (4)
#
# $$\frac{dL}{dx} = \underbrace{(x - 4)}_{\text{by the first factor}} + \underbrace{x}_{\text{by the second}} = 2x - 4$$
#
# Suppose a program keeps one number per value for its gradient, and on the second path *overwrites* the number instead of
# adding to it. (This is the commonest mistake in a first engine; you will be tempted in lesson 4.) **Predict:** gradient
# descent from $x = 3$ with one of the two terms. Does it (a) come to 2, more slowly, (b) stop somewhere else, (c) run away?

# %%
slopes = {
    "both paths added": lambda x: (x - 4) + x,
    "first path only": lambda x: x - 4,
    "second path only": lambda x: x,
}
paths, ends = {}, {}
for name, slope in slopes.items():
    x, path = 3.0, [3.0]
    for _ in range(25):
        x -= 0.2 * slope(x)
        path.append(x)
    paths[name], ends[name] = list(enumerate(path)), x
    print(f"{name:17} ends at x = {x:.3f}, where L = {x * (x - 4):7.3f}")
assert abs(ends["both paths added"] - 2) < 1e-4
assert abs(ends["first path only"] - 4) < 0.01 and abs(ends["second path only"]) < 0.02
viz.lines(paths, "step", "x", "With a path forgotten, descent walks to the wrong place",
          baselines={"floor of the valley": 2.0})

# %% [markdown]
# Answer (b). From 3 to 4 it even walks *uphill*, from $L = -3$ to nearly 0, and does so with perfect confidence: the
# updates shrink, the run looks converged, no error is raised. Which test notices?
# `test_a_node_used_twice_adds_its_gradients` in [tests/autograd/test_graph.py](../tests/autograd/test_graph.py), and more
# sternly `test_shared_nodes_equal_the_expression_written_out` in the same file: it draws random expressions in which values
# are used many times, and compares with a second way of differentiating them, from the inputs forward.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. `check` tries your function on drawn inputs, and if it fails shows the smallest case
# that fails. Write the derivatives yourself: `grad` would pass too, and teach you nothing. Solutions with derivations:
# [solutions/03_chain_rule.ipynb](solutions/03_chain_rule.ipynb).
#
# **1. A slope, twice (warm-up).** $f(x) = 3x^2 + 2x$ at $x = 2$, on paper: the difference quotient with $h = 0.5$, and the
# derivative. A pair of numbers.

# %%
quotient = ...
derivative = ...

check(1, ... if quotient is ... else (quotient, derivative))


# %% [markdown]
# **2. A chain.** The derivative of $y = \tanh(x^2)$ at the number x.

# %%
def slope_of_tanh_of_square(x):
    ...


check(2, slope_of_tanh_of_square)


# %% [markdown]
# **3. Two paths.** The derivative of $y = x \sin(x)$ at the number x (the derivative of sin is cos).

# %%
def slope_of_x_sin_x(x):
    ...


check(3, slope_of_x_sin_x)


# %% [markdown]
# **4. Another neuron.** $z = w \cdot x + b$ with w and x of shape (C,), the number $y = 1/(1 + e^{-z})$ and $L = (y -
# t)^2$. Answer the pair (∂L/∂w of shape (C,), ∂L/∂b).

# %%
def neuron_gradient(w, x, b, t):
    ...


check(4, neuron_gradient)


# %% [markdown]
# **5. Downhill.** $L = (\theta - \text{goal})^2$. Where is θ after so many steps of gradient descent with this rate? Answer
# the number.

# %%
def descended(theta, goal, rate, steps):
    ...


check(5, descended)


# %% [markdown]
# **6. A web.** $u = x^2$, $v = x u$, $y = u v + x$. Find $dy/dx$ at the number x by (4): from the end, a factor at a time,
# adding where paths meet. (Multiplying $y$ out first is a good way to check it, and a bad way to learn it.)

# %%
def slope_of_the_web(x):
    ...


check(6, slope_of_the_web)


# %% [markdown]
# **7. Something to think about.** A loop: $x_0 = x$, then $n$ times $x_{k+1} = w \, x_k$ with the *same* knob $w$, and $y =
# x_n$. Find $dy/dw$ by adding over the paths: the knob is used $n$ times. For which $w$ does this gradient explode as $n$
# grows, for which does it vanish? (Lesson 16 is about what follows.) A function of the numbers w and x, and the whole
# number n ≥ 1.

# %%
def slope_of_the_loop(w, x, n):
    ...


check(7, slope_of_the_loop)

# %% [markdown]
# ## What you can now explain
#
# - A derivative is what a difference quotient approaches, and the factor by which a small change is passed on.
# - Where the rules come from: sum, product, reciprocal, exp, log, tanh; and where they stand in the library.
# - The chain rule: multiply along a path, each factor where its own input stands; add over the paths.
# - Why a forgotten path is dangerous: descent converges, to the wrong place, and says nothing.
# - That back-propagation computes gradients and gradient descent uses them: two things, which document 003 tells as one.
# - Why $p - s$, what is said less what was seen, is the slope of surprise.
#
# By hand this was five factors. In [lesson 4](04_reverse_mode.ipynb) a program of sixty lines does it for any expression.
