# %% [markdown]
# # 04 · Reverse mode
#
# *How can one walk through a computation give the slope for every one of its inputs at once?*
#
# *Reading 35 min · running 8 s · builds on lesson 3 (the chain rule)*
#
# **Afterwards you can** say why training uses reverse and not forward differentiation, build an engine that differentiates
# any expression in 60 lines, explain in which order a graph must be walked, and recognise the three mistakes that every
# hand-made engine makes first.

# %%
import inspect
import itertools
import math

import numpy as np

from tinyllm import Tensor, viz
from tinyllm.autograd import graph
from tinyllm.book import open_lesson

lesson = open_lesson("04_reverse_mode")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# In [lesson 3](03_chain_rule.ipynb) you found slopes by hand: one input, then two, then a small neuron. The smallest GPT-2
# has 124 million parameters and one loss. Training needs the slope of that one number along *each* of the 124 million, and
# it needs them again at every step.
#
# Nudging one parameter at a time, as a difference quotient does, would cost 124 million evaluations of the model for one
# step. What we want costs about as much as *two or three*. That such a method exists is not at all plain, and without it
# there would be no deep learning. This lesson derives it, builds it, and breaks it.

# %% [markdown]
# ## What the document says (F15)
#
# Document 003 §4.2 has one sentence on it, and no formula. In translation: training "rests on back-propagation, which
# computes the gradient of the loss function and so updates the model's parameters".
#
# One half of that is loose. Back-propagation *computes the gradient* and no more. What moves the parameters is an
# optimiser, a separate thing with formulas of its own ([lesson 9](09_optimizers.ipynb)). You will see both halves below:
# `backward()` fills in slopes, and the line after it does the moving.
#
# Here is the formula that the document leaves out. Let $L$ be the output, a single number. Let $y$ run over all
# intermediate results that *use* $x$ directly. Each of them passes a nudge of $x$ on, and in lesson 3 you saw that a value
# used twice adds its effects. So
#
# $$\frac{\partial L}{\partial x} = \sum_{y \text{ uses } x} \frac{\partial L}{\partial y}\,\frac{\partial y}{\partial x}$$
#
# | symbol | what it is |
# |---|---|
# | $\partial y / \partial x$ | the **local slope**: an operation's answer to a nudge of an input ($a \cdot b$ along $a$: $b$) |
# | $\partial L / \partial y$ | the **gradient** of $y$: the final output's answer to a nudge of $y$; also called $g$ |
# | the sum | over the uses of $x$, not over the operations inside $x$ |
#
# Read it in the direction in which it can be computed: the gradient of $x$ is known once the gradients of *all that was
# made from $x$* are known. So one starts at $L$, where $\partial L/\partial L = 1$, and works back. That is all of
# back-propagation. The rest of the lesson is about doing it in the right order.

# %% [markdown]
# ## By hand, in both directions
#
# Two inputs, $a = 2$ and $b = 3$, and three operations:
#
# $$u = a \cdot b = 6 \qquad v = u + a = 8 \qquad L = u \cdot v = 48$$
#
# Note that $u$ is used twice (by $v$ and by $L$), and so is $a$.
#
# **Forward.** Choose one input, say $a$, and carry its effect along with each value: $\dot u$ means $\partial u/\partial
# a$. From $\dot a = 1$, $\dot b = 0$:
#
# $$\dot u = \dot a b + a \dot b = 3 \qquad \dot v = \dot u + \dot a = 4 \qquad
# \dot L = \dot u v + u \dot v = 3 \cdot 8 + 6 \cdot 4 = 48$$
#
# So $\partial L/\partial a = 48$. For $b$ we start over, with $\dot a = 0$, $\dot b = 1$:
#
# $$\dot u = 2 \qquad \dot v = 2 \qquad \dot L = 2 \cdot 8 + 6 \cdot 2 = 28$$
#
# **Backward.** Now from the other end, with $\bar u$ for $\partial L/\partial u$. From $\bar L = 1$:
#
# $$\bar v = \bar L \cdot u = 6 \qquad
# \bar u = \underbrace{\bar L \cdot v}_{\text{used by } L} + \underbrace{\bar v \cdot 1}_{\text{used by } v} = 8 + 6 = 14$$
#
# $$\bar a = \underbrace{\bar u \cdot b}_{\text{used by } u} + \underbrace{\bar v \cdot 1}_{\text{used by } v} = 42 + 6 = 48
# \qquad \bar b = \bar u \cdot a = 28$$
#
# The same numbers, but *both inputs came out of one walk*. Check them with the formula written out: $L = a^2b^2 + a^2b$, so
# $\partial L/\partial a = 2ab^2 + 2ab = 36 + 12$ and $\partial L/\partial b = 2a^2b + a^2 = 24 + 4$.

# %%
a, b = 2.0, 3.0
assert (2 * a * b**2 + 2 * a * b, 2 * a**2 * b + a**2) == (48.0, 28.0)


class Dual:
    """A number and its slope along one chosen input: forward mode is ordinary arithmetic on these."""

    def __init__(self, value, slope=0.0):
        self.value, self.slope = value, slope

    def __add__(self, other):
        return Dual(self.value + other.value, self.slope + other.slope)

    def __mul__(self, other):
        return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)


def example(a, b):
    u = a * b
    v = u + a
    return u * v


print("forward, along a:", example(Dual(2.0, 1.0), Dual(3.0)).slope)
print("forward, along b:", example(Dual(2.0), Dual(3.0, 1.0)).slope)
assert example(Dual(2.0, 1.0), Dual(3.0)).slope == 48.0 and example(Dual(2.0), Dual(3.0, 1.0)).slope == 28.0

# %% [markdown]
# ## The tape
#
# Going backwards needs something that going forward does not: a memory. When $\bar u$ is computed, $v = 8$ and $b = 3$ must
# still be known. So while the computation runs, we write a **tape**: for every operation, what it used and the local slope
# along each.
#
# | row | value | made from | local slopes |
# |---|---|---|---|
# | 0 | $a = 2$ | | |
# | 1 | $b = 3$ | | |
# | 2 | $u = 6$ | rows 0, 1 | $b = 3$, $a = 2$ |
# | 3 | $v = 8$ | rows 2, 0 | 1, 1 |
# | 4 | $L = 48$ | rows 2, 3 | $v = 8$, $u = 6$ |
#
# The backward pass is a loop over the rows from the bottom up: take the row's gradient, and add gradient × slope to each
# row it was made from. In code, with the tape as a list:

# %%
tape = [
    [],                         # a
    [],                         # b
    [(0, 3.0), (1, 2.0)],       # u = a b
    [(2, 1.0), (0, 1.0)],       # v = u + a
    [(2, 8.0), (3, 6.0)],       # L = u v
]
gradient = [0.0, 0.0, 0.0, 0.0, 1.0]
for row in reversed(range(len(tape))):
    for parent, slope in tape[row]:
        gradient[parent] += slope * gradient[row]
    print(f"after row {row}: {gradient}")
assert gradient == [48.0, 28.0, 14.0, 6.0, 1.0]

# %% [markdown]
# Follow the lines once with the numbers above. When row 2 has its turn, 14 is complete, because the rows that used it, 3
# and 4, come later on the tape and were visited before. That is the reason why it works in general:
#
# > A row uses only rows above it. So going up from the bottom, every row that uses row $i$ is visited before row $i$; when
# > its turn comes, its sum is complete.
#
# An order in which every node comes before those that use it is called **topological**. We get one for free: the order in
# which the values were made.

# %% [markdown]
# ## What each direction costs
#
# One forward walk answers: *how does everything change with this input?* One backward walk answers: *how does this output
# change with everything?* So, for $n$ inputs and $m$ outputs, forward mode walks $n$ times and reverse mode walks $m$
# times.
#
# Predict, then run: a function of $n$ inputs and one output, $L = (\sum_i w_i x_i)^2$. How does the number of local slopes
# that are multiplied grow with $n$: in proportion to $n$, or to $n^2$?

# %%
def forward_cost(n):
    """Local slopes multiplied by n forward walks, one for each input of (Σ wᵢ xᵢ)²."""
    operations = n + (n - 1) + 1                # n products with a constant, n − 1 additions, 1 square
    slopes = n * 1 + (n - 1) * 2 + 1 * 2        # an addition and a product have two inputs each
    return n * slopes, operations


def reverse_cost(n):
    """Local slopes multiplied by one backward walk over the tape of (Σ wᵢ xᵢ)², counted on the tape itself."""
    tape = [[] for _ in range(n)]
    tape += [[(i, 1.0)] for i in range(n)]                              # wᵢ xᵢ, with wᵢ = 1
    total = n
    for i in range(n + 1, 2 * n):
        tape.append([(total, 1.0), (i, 1.0)])
        total = len(tape) - 1
    tape.append([(total, float(n)), (total, float(n))])
    return sum(map(len, tape))


inputs = [1, 3, 10, 30, 100, 300, 1000]
costs = {
    "forward: a walk for each input": [(n, forward_cost(n)[0]) for n in inputs],
    "reverse: one walk": [(n, reverse_cost(n)) for n in inputs],
    "computing the value alone": [(n, forward_cost(n)[1]) for n in inputs],
}
for n in (10, 1000):
    assert forward_cost(n)[0] == n * reverse_cost(n) and reverse_cost(n) < 2 * forward_cost(n)[1]
    print(f"{n:4} inputs: value {forward_cost(n)[1]:5,} reverse {reverse_cost(n):5,} forward {forward_cost(n)[0]:9,}")
viz.lines(costs, "number of inputs", "operations", "Forward mode pays for every input, reverse mode does not",
          logx=True, logy=True)

# %% [markdown]
# The reverse curve runs alongside that of the value at less than twice its height. This is no accident of the example. An
# operation on numbers has at most two inputs, so the backward walk does at most two products and two sums for each
# operation of the value, **however many inputs there are**. (Griewank and Walther call it the cheap gradient principle in
# their book of 2008, *Evaluating Derivatives*, §3.3.)
#
# The price is the tape: reverse mode keeps something of every operation until the walk back has passed it. That is why
# training a model takes far more memory than running it.
#
# And a fair word for forward mode: with one input and many outputs the roles are exchanged, and forward mode needs no tape.
# A loss has one output and millions of inputs, so training is the case where reverse mode wins.

# %% [markdown]
# ## The engine
#
# Nobody wants to write tapes by hand. Let a number *remember*: a `Value` holds its number, the Values it was made from, and
# the local slopes. Python lets us say what `+` and `*` mean for it, so any formula written for numbers will record itself.
# Everything is in these 60 lines:

# %%
serials = itertools.count()


class Value:
    """A number that remembers what it was made from: its parents, and the local slope along each."""

    def __init__(self, data, parents=(), slopes=()):
        self.data, self.parents, self.slopes = float(data), parents, slopes
        self.grad, self.serial = 0.0, next(serials)

    def __add__(self, other):
        other = as_value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = as_value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, k):                                               # k is a plain number
        return Value(self.data**k, (self,), (k * self.data ** (k - 1),))

    def tanh(self):
        y = math.tanh(self.data)
        return Value(y, (self,), (1.0 - y * y,))

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -as_value(other)

    def __truediv__(self, other):
        return self * as_value(other) ** -1

    def __rsub__(self, other):
        return as_value(other) - self

    __radd__, __rmul__ = __add__, __mul__                               # 2.0 * value: their order does not matter

    def history(self):
        """All Values that this one was made from, and itself, in the order in which they were made."""
        found, stack = {}, [self]
        while stack:
            node = stack.pop()
            if node.serial not in found:
                found[node.serial] = node
                stack.extend(node.parents)
        return [found[serial] for serial in sorted(found)]

    def backward(self):
        """Add ∂self/∂leaf to the grad of every leaf (a Value made from nothing). Answers the gradients of all nodes."""
        gradients = {self.serial: 1.0}
        for node in reversed(self.history()):
            g = gradients[node.serial]                                  # complete: all its users have been here
            if not node.parents:
                node.grad += g
            for parent, slope in zip(node.parents, node.slopes):
                gradients[parent.serial] = gradients.get(parent.serial, 0.0) + slope * g
        return gradients


def as_value(x):
    return x if isinstance(x, Value) else Value(x)


a, b = Value(2.0), Value(3.0)
L = example(a, b)
L.backward()
print(f"L = {L.data}, ∂L/∂a = {a.grad}, ∂L/∂b = {b.grad}")
assert (L.data, a.grad, b.grad) == (48.0, 48.0, 28.0)

# %% [markdown]
# Three decisions are worth a second look.
#
# - **The serial number** is the row on the tape. `history` collects what $L$ depends on and sorts by it: made later,
# visited earlier. No analysis of the graph is needed.
# - **A loop, not recursion.** "Visit the parents, then me" is shorter to write as a function that calls itself, and Python
# stops such a function after about a thousand levels. A graph is as deep as the computation is long.
# - **Only leaves keep a `grad`**, and it is *added to*. What happens between is nobody's business after the walk.
#
# The second point, tried on a sum of 50,000 terms:

# %%
def recursive_history(node, seen=None, order=None):
    """The same order, by recursion: parents first, then the node."""
    seen, order = (set(), []) if seen is None else (seen, order)
    if node.serial not in seen:
        seen.add(node.serial)
        for parent in node.parents:
            recursive_history(parent, seen, order)
        order.append(node)
    return order


x = Value(1.0)
long_sum = x
for _ in range(50_000):
    long_sum = long_sum + x
try:
    recursive_history(long_sum)
except RecursionError as error:
    print("by recursion:", type(error).__name__)
else:
    raise AssertionError("the recursion should not have come through")
long_sum.backward()
print("by the loop: the slope is", x.grad)
assert x.grad == 50_001.0 and len(recursive_history(L)) == len(L.history()) == 5

# %% [markdown]
# ## The same on random expressions (F15)
#
# One example proves little. We let chance write three hundred small programs of 15 operations each, in which any earlier
# result may be used again, and run each with our `Value` and with the library's `Tensor`, which lesson 5 is about. Values
# and gradients must be equal. (`np.tanh` works on both: for an object it does not know, NumPy calls the method of that
# name.)

# %%
def run_program(program, leaves):
    nodes = list(leaves)
    for operation, i, j in program:
        a, b = nodes[i], nodes[j]
        nodes.append({
            "+": lambda a=a, b=b: a + b, "-": lambda a=a, b=b: a - b, "*": lambda a=a, b=b: a * b,
            "/": lambda a=a, b=b: a / (b * b + 1.0), "tanh": lambda a=a, b=b: np.tanh(a) * 1.5,
        }[operation]())
    return nodes[-1]


rng = np.random.default_rng(0)
shared, worst = 0, 0.0
for _ in range(300):
    program = [(rng.choice(["+", "-", "*", "/", "tanh"]), *rng.integers(0, 3 + k, 2)) for k in range(15)]
    start = rng.uniform(-1.0, 1.0, 3)
    ours, theirs = [Value(x) for x in start], [Tensor(x, requires_grad=True, dtype=np.float64) for x in start]
    y, t = run_program(program, ours), run_program(program, theirs)
    y.backward()
    t.backward()
    got = [y.data, *(leaf.grad for leaf in ours)]
    expected = [t.item(), *(0.0 if leaf.grad is None else float(leaf.grad) for leaf in theirs)]
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
    worst = max(worst, float(np.max(np.abs(np.subtract(got, expected)) / (1.0 + np.abs(expected)))))
    uses = [parent.serial for node in y.history() for parent in node.parents if parent.parents]
    shared += len(uses) > len(set(uses))
print(f"{shared} of 300 programs use an intermediate result more than once; the largest difference is {worst:.0e}")
assert shared > 150 and worst < 1e-10

# %% [markdown]
# ## The library's engine, opened (F15)
#
# The library keeps its graph in [tinyllm/autograd/graph.py](../tinyllm/autograd/graph.py). Here are its two central
# functions. Find in them `history` and `backward` from above:

# %%
print(inspect.getsource(graph._reachable))
print(inspect.getsource(graph.backward_pass))

# %% [markdown]
# | here | there | why it differs |
# |---|---|---|
# | `Value` | `Tensor` and, apart from it, `Node` | a node need not hold the number: memory is freed early |
# | `slopes` | `node.op.pull(node, g, …)` | for arrays the slopes would be a huge matrix: see lesson 5 |
# | `gradients` | `gradients` | the same dictionary; an entry is dropped (`pop`) at its node's turn |
# | `gradients[…] + slope * g` | `gradients[key] + gradient`, or `+=` | the same sum; in place in the engine's own arrays only |
# | | `needed`, `stops`, `build`, `free` | gradients for chosen nodes only, gradients of gradients, freeing memory on the way |
#
# And this is the graph that a `Tensor` leaves behind for our example, drawn with its values and gradients. Find 14 and the
# two arrows that lead out of its box:

# %%
a, b = (Tensor(x, requires_grad=True, dtype=np.float64) for x in (2.0, 3.0))
u = a * b
v = u + a
L = u * v
viz.graph(L, {"a": a, "b": b, "u": u, "v": v, "L": L}, "Two arrows leave u: ∂u = 8 + 6")

# %% [markdown]
# ## Watch it work: a gradient through a simulation
#
# The engine does not care where the operations come from. A formula, a loop, a whole simulation: all of them are a long
# tape in the end. So let us aim a ball. It is thrown from the ground with velocity $(v_x, v_y)$ and flies for two seconds,
# against the drag of the air, which grows with the square of the speed. There is no formula for where it arrives. There is
# a loop of 200 small steps:

# %%
def fly(vx, vy, steps=200, seconds=2.0, drag=0.04):
    """The places (x, y) of a ball, metres, step by step. Plain arithmetic: of floats, Values or Tensors."""
    dt, x, y, path = seconds / steps, 0.0, 0.0, [(0.0, 0.0)]
    for _ in range(steps):
        speed = (vx * vx + vy * vy) ** 0.5
        vx = vx - drag * speed * vx * dt
        vy = vy - (drag * speed * vy + 9.81) * dt
        x, y = x + vx * dt, y + vy * dt
        path.append((x, y))
    return path


BASKET = (14.0, 3.0)                                                    # metres to the right, metres up


def miss(vx, vy):
    """The squared distance from the basket after two seconds."""
    x, y = fly(vx, vy)[-1]
    return (x - BASKET[0]) ** 2 + (y - BASKET[1]) ** 2


vx, vy = Value(5.0), Value(5.0)
loss = miss(vx, vy)
loss.backward()
tx, ty = (Tensor(5.0, requires_grad=True, dtype=np.float64) for _ in range(2))
miss(tx, ty).backward()
h = 1e-5
nudged = ((miss(5.0 + h, 5.0) - miss(5.0 - h, 5.0)) / (2 * h), (miss(5.0, 5.0 + h) - miss(5.0, 5.0 - h)) / (2 * h))
print(f"{len(loss.history()):,} nodes, loss {loss.data:.1f} m²")
for name, slopes in (("Value", (vx.grad, vy.grad)), ("Tensor", (tx.grad, ty.grad)), ("nudging", nudged)):
    print(f"{name:8} ∂/∂vx {slopes[0]:.6f}, ∂/∂vy {slopes[1]:.6f}")
np.testing.assert_allclose((vx.grad, vy.grad), (float(tx.grad), float(ty.grad)), rtol=1e-10)
np.testing.assert_allclose((vx.grad, vy.grad), nudged, rtol=1e-6)

# %% [markdown]
# Both slopes are negative: throw harder, to the right and up. Gradient descent from lesson 3 does the aiming. Note the two
# separate things that the document put into one sentence: `backward` computes, the two lines after it move.

# %%
def aim(steps, rate=0.1, reset=True):
    """The losses and velocities of a descent that keeps its two leaves and writes into them."""
    vx, vy = Value(5.0), Value(5.0)
    losses, tried = [], []
    for _ in range(steps):
        if reset:
            vx.grad = vy.grad = 0.0
        loss = miss(vx, vy)
        losses.append(loss.data)
        tried.append((vx.data, vy.data))
        loss.backward()
        vx.data -= rate * vx.grad
        vy.data -= rate * vy.grad
    return losses, tried


losses, tried = aim(25)
print("distance from the basket:", ", ".join(f"{i}: {math.sqrt(losses[i]):.3f} m" for i in (0, 2, 5, 10, 24)))
assert math.sqrt(losses[-1]) < 0.05
with viz.figure(7.5, 4.2) as (fig, ax):
    for i, style in ((0, ":"), (1, "-."), (3, "--"), (24, "-")):
        ax.plot(*zip(*fly(*tried[i])), style, color="black", linewidth=1.4, label=f"after {i} steps")
    ax.plot(*BASKET, "o", markersize=13, markerfacecolor="none", markeredgewidth=2, color="#D55E00", label="basket")
    ax.set_xlabel("distance (m)")
    ax.set_ylabel("height (m)")
    ax.set_title("A gradient through 200 steps of simulation aims the ball")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
fig

# %% [markdown]
# ## Break it: in no particular order
#
# Now the most natural way to write the walk, and a wrong one. "When a node gets a gradient, let it note it, and pass it on
# to its parents at once":

# %%
def backward_at_once(node, g, grads):
    grads[node.serial] = grads.get(node.serial, 0.0) + g
    for parent, slope in zip(node.parents, node.slopes):
        backward_at_once(parent, slope * grads[node.serial], grads)


# %% [markdown]
# Predict: on our example ($u$ is used twice), will ∂L/∂b come out too small, right, or too large?

# %%
a, b = Value(2.0), Value(3.0)
L = example(a, b)
at_once = {}
backward_at_once(L, 1.0, at_once)
right = L.backward()
for name, node in zip("abuvL", L.history()):
    print(f"∂L/∂{name}: right {right[node.serial]:4.0f}, at once {at_once[node.serial]:4.0f}")
assert (at_once[a.serial], at_once[b.serial]) == (72.0, 44.0)

# %% [markdown]
# Too large. Follow $u$: its first gradient is 8, and it passes 8 on at once. Later 6 arrives from $v$, the note says 14,
# and it passes on 14. Its parents have now received 8 + 14 = 22, the first 8 twice. And ∂u itself, 14, *is* right, so a
# glance at $u$ would not give it away.
#
# The shape that does it is called a **diamond**: two paths that part and meet again. Put $n$ of them in a row, each $y =
# \frac12 x + \frac12 x$, whose slope is 1, so that the slope of the whole row is 1 as well. In the second diamond from the
# end, $x$ receives $\frac12$ twice. It passes on $\frac12$ first and then 1, together $\frac32$ instead of 1. Further in it
# gets worse, because a node is now called four times, then eight times, and passes on at each call all that it has
# collected so far:

# %%
def diamonds(n):
    """x, and y = x behind n diamonds."""
    x = Value(1.0)
    y = x
    for _ in range(n):
        y = Value(0.5 * y.data + 0.5 * y.data, (y, y), (0.5, 0.5))
    return x, y


answers = {"at once": [], "in order": []}
for n in range(10):
    x, y = diamonds(n)
    grads = {}
    backward_at_once(y, 1.0, grads)
    y.backward()
    answers["at once"].append((n, grads[x.serial]))
    answers["in order"].append((n, x.grad))
    assert x.grad == 1.0
for n in (1, 2, 3, 6, 9):
    print(f"{n} diamonds: {answers['at once'][n][1]:,.2f}")
assert [answer for _, answer in answers["at once"][:4]] == [1.0, 1.0, 1.5, 3.25]
viz.lines(answers, "diamonds in a row", "∂y/∂x", "Passing on at once: more wrong with every diamond; 1 is right", logy=True)

# %% [markdown]
# Look at the first line: with a single diamond the answer is right. There $x$ is itself the leaf and passes nothing on. The
# mistake needs a shared node *inside* the graph. Anyone who tests such an engine with $x \cdot x$ finds it flawless.
#
# One can repair the function without an order, by passing on only what has just arrived (`slope * g` instead of `slope *
# grads[…]`). That is right: it adds up the products of slopes along every path from the output to the leaf. How long does
# it take?

# %%
def backward_along_every_path(node, g, grads):
    """Right, but visits a node once for each path that leads to it. Answers the number of visits."""
    grads[node.serial] = grads.get(node.serial, 0.0) + g
    return 1 + sum(backward_along_every_path(p, slope * g, grads) for p, slope in zip(node.parents, node.slopes))


visits = {"along every path": [], "in order": []}
for n in range(0, 17, 2):
    x, y = diamonds(n)
    grads = {}
    visits["along every path"].append((n, backward_along_every_path(y, 1.0, grads)))
    visits["in order"].append((n, len(y.history())))
    assert grads[x.serial] == 1.0 and visits["along every path"][-1][1] == 2 ** (n + 1) - 1
print(f"16 diamonds: {visits['along every path'][-1][1]:,} visits against {visits['in order'][-1][1]}")
viz.lines(visits, "diamonds in a row", "nodes visited", "Paths double with every diamond, nodes do not", logy=True)

# %% [markdown]
# There are $2^n$ paths through $n$ diamonds. Each layer of a Transformer contains two of them (you will meet them in
# [lesson 14](14_normalization_and_depth.ipynb) as residual sums), so a model of 12 layers has at least $2^{24}$, more than
# sixteen million. Reverse mode in the right order adds up all of them in one walk of a few dozen steps. *That* is the
# discovery: not the chain rule, but that its exponentially many paths can be summed node by node.
#
# Which tests would catch the wrong order? `test_a_node_used_twice_adds_its_gradients`, which shares a node inside the graph
# for the reason you just saw, and `test_shared_nodes_equal_the_expression_written_out`, which does on random graphs what we
# did above, with forward mode as the judge. Both are in [tests/autograd/test_graph.py](../tests/autograd/test_graph.py),
# with a graph of 100,000 operations for the recursion.

# %% [markdown]
# ## Break it: overwriting
#
# The second classic: `=` instead of `+=`. Predict ∂L/∂a and ∂L/∂b for our example, if the last one to write wins. (The walk
# goes $L$, $v$, $u$.)

# %%
overwritten = {L.serial: 1.0}
for node in reversed(L.history()):
    for parent, slope in zip(node.parents, node.slopes):
        overwritten[parent.serial] = slope * overwritten[node.serial]
print(f"∂L/∂a {overwritten[a.serial]:.0f} instead of 48, ∂L/∂b {overwritten[b.serial]:.0f} instead of 28")
assert (overwritten[a.serial], overwritten[b.serial]) == (18.0, 12.0)

# %% [markdown]
# $v$ writes 6 over the 8 that $L$ had left at $u$; then $u$ passes on 6 instead of 14, and overwrites what $v$ left at $a$.
# Too small, this time. On an expression that uses nothing twice, both mistakes are invisible.

# %% [markdown]
# ## Break it: forgetting to reset
#
# `backward()` *adds* to `grad`, in our engine, in the library and in PyTorch. That is on purpose: several losses can be
# added up without building one big graph. The price is that before the next step somebody must set it to zero (in the
# library `zero_grad()`). Predict what the ball does if nobody does. (a) It stops moving. (b) It arrives sooner, because the
# steps are larger. (c) It swings past the basket.

# %%
kept, _ = aim(40, reset=False)
reset, _ = aim(40)
print(f"distance after 39 steps: with reset {math.sqrt(reset[-1]):.4f} m, without {math.sqrt(kept[-1]):.1f} m;",
      f"without, the worst of the last ten is {math.sqrt(max(kept[-10:])):.1f} m")
assert math.sqrt(reset[-1]) < 0.01 and math.sqrt(max(kept[-10:])) > 3.0
distances = {"reset": list(enumerate(np.sqrt(reset))), "not reset": list(enumerate(np.sqrt(kept)))}
fig = viz.lines(distances, "step", "distance from the basket (m)", "With old gradients never forgotten, the ball swings past")
fig.axes[0].legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False)
fig

# %% [markdown]
# (c). The sum of all earlier gradients does not shrink as the ball comes near the basket; it only turns around after the
# ball has gone past for as long as it came. It is a pendulum without friction. (With some friction it is a good idea, and
# is called momentum: lesson 9.) That gradients add up is itself a promise of the library, and
# `test_gradients_add_up_and_keep_their_array` in [tests/autograd/test_backward.py](../tests/autograd/test_backward.py) holds
# it; the forgotten reset, in your own loop, is yours to find.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/04_reverse_mode.ipynb](solutions/04_reverse_mode.ipynb).
#
# **1. By hand (warm-up).** $a = 3$, $b = 2$, $s = a - b$, $p = a \cdot b$, $L = s \cdot p$. Walk backwards on paper and
# give $\partial L/\partial a$ and $\partial L/\partial b$.

# %%
slope_a = ...
slope_b = ...

check(1, ... if slope_a is ... else (slope_a, slope_b))

# %% [markdown]
# **2. How many walks?** A model has 124,439,808 parameters and one loss. How many walks does forward mode need for all
# slopes, and how many does reverse mode? And for a function of one input (the time, say) with 1,000 outputs? Four numbers:
# model forward, model reverse, function forward, function reverse.

# %%
model_forward, model_reverse, function_forward, function_reverse = ..., ..., ..., ...

check(2, ... if model_forward is ... else (model_forward, model_reverse, function_forward, function_reverse))


# %% [markdown]
# **3. A new operation.** Our engine divides by multiplying with a power. Give division its own row: the local slopes of $y
# = a / b$ along $a$ and along $b$, a pair.

# %%
def slopes_of_division(a, b):
    ...


check(3, slopes_of_division)


# %% [markdown]
# **4. The backward pass.** A tape is a list as above: entry $i$ is a list of pairs (row it was made from, local slope),
# leaves have an empty list, and the last row is the output. Give the list of all gradients, ∂(last row)/∂(row $i$).

# %%
def reverse(tape):
    ...


check(4, reverse)


# %% [markdown]
# **5. The forward pass.** The same tape and a row $k$: the slope of *every row* along row $k$, as a list; rows that do not
# depend on it have slope 0, row $k$ itself has 1.

# %%
def forward(tape, k):
    ...


check(5, forward)


# %% [markdown]
# **6. Something to think about.** Through how many paths does the output of a tape depend on row 0? (If a row uses row 0
# twice, those are two paths.) Do not walk them one by one: a tape of 60 rows may have more paths than you have seconds.
# (Hint: what does a backward pass add up, if all slopes are 1?)

# %%
def number_of_paths(tape):
    ...


check(6, number_of_paths)

# %% [markdown]
# ## What you can now explain
#
# - The chain rule on a graph: a gradient is the sum, over all uses, of the user's gradient times the local slope.
# - Forward mode: one walk an input, no memory. Reverse mode: one walk an output, and a tape.
# - Why the gradient of a loss costs a small multiple of the loss, for any number of parameters.
# - Why nodes are visited by falling serial number, why passing on at once is wrong on a diamond, and why following every
# path is right and hopeless.
# - That back-propagation computes and an optimiser moves, and that gradients add up until you reset them.
#
# Our engine stores a slope for each input of each operation. For numbers that is two floats. For a product of two matrices
# it would be billions. [Lesson 5](05_derivative_table.ipynb) shows what to store instead.
