# %% [markdown]
# # 06 · Checking a gradient
#
# *You derived a gradient, and the code runs. How do you know that it is right?*
#
# *Reading 40 min · running 5 s · builds on lessons 3 (slopes) and 5 (vector-Jacobian products)*
#
# **Afterwards you can** choose the step of a difference quotient and say what its error will be, check the gradient of any
# function with four evaluations, explain why a check with `out.sum()` proves next to nothing, let a machine look for the
# smallest input on which a gradient is wrong, and test your tests.

# %%
import inspect

import hypothesis
import numpy as np

import tinyllm.functional as F
from tinyllm import GradientError, grad, gradcheck, operation, viz
from tinyllm.autograd import Operation
from tinyllm.book import open_lesson
from tinyllm.book.draws import arrays

lesson = open_lesson("06_checking_gradients")
check = lesson.check

# %% [markdown]
# ## The question
#
# A wrong formula in a program usually shows: the page is empty, the sum is off. A wrong *gradient* does not. Training still
# runs, the loss still falls, only less, or later, or to the wrong place, as you saw in [lesson 3](03_chain_rule.ipynb) when
# one path was forgotten. You could look for such a mistake for weeks.
#
# But a gradient makes a promise that can be tested: *turn this knob a little, and the loss changes by that much*. So turn
# the knob, and look. Everything in this lesson is that one idea, made sharp enough that a wrong gradient cannot slip
# through.

# %% [markdown]
# ## From both sides
#
# The difference quotient of lesson 3 looked to the right only. How wrong is it? A smooth function near $x$ is
#
# $$f(x + h) = f(x) + h f'(x) + \tfrac{h^2}{2} f''(x) + \tfrac{h^3}{6} f'''(x) + \dots$$
#
# (Taylor's series: each term is what the derivatives up to that order predict.) Subtract $f(x)$ and divide by $h$: the
# first term left over is $\frac{h}{2} f''(x)$, an error in step with $h$. Now write down the same series for $-h$, whose
# even powers have the same sign, and subtract the two. The even powers cancel:
#
# $$\frac{f(x + h) - f(x - h)}{2h} = f'(x) + \tfrac{h^2}{6} f'''(x) + \dots \tag{1}$$
#
# This is the **central difference**. A ten times smaller step makes its error a hundred times smaller, for the same two
# evaluations. With four of them the next term can be made to cancel too. Let $D(h) = f(x + h) - f(x - h) = 2h f' +
# \frac{h^3}{3} f''' + \frac{h^5}{60} f^{(5)} + \dots$. Then $D(2h) = 4h f' + \frac{8h^3}{3} f''' + \frac{32 h^5}{60}
# f^{(5)} + \dots$, and
#
# $$8 D(h) - D(2h) = 12 h f' + \underbrace{\left(\tfrac{8}{3} - \tfrac{8}{3}\right)}_{0} h^3 f''' -
# \tfrac{24}{60} h^5 f^{(5)} + \dots$$
#
# Divide by $12 h$: the error is of order $h^4$. By hand, for $f(x) = x^3$ at $x = 2$ (slope 12) with $h = 1$: to the right
# $27 - 8 = 19$; from both sides $(27 - 1)/2 = 13$; with four evaluations $(8 \cdot 26 - 64)/12 = 12$, exact, since the
# fifth derivative of a cube is 0.

# %%
def forward(f, x, h):
    return (f(x + h) - f(x)) / h


def central(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


def fourth_order(f, x, h):
    return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)


FORMULAS = {"forward, error ~ h": forward, "central, error ~ h²": central, "four evaluations, error ~ h⁴": fourth_order}
print([formula(lambda x: x**3, 2.0, 1.0) for formula in FORMULAS.values()])
assert [formula(lambda x: x**3, 2.0, 1.0) for formula in FORMULAS.values()] == [19.0, 13.0, 12.0]

# %% [markdown]
# ## The best step
#
# So make $h$ tiny? You know from lesson 3 that this fails: floats have a limited number of digits. Let $\varepsilon$ be the
# relative size of the last digit, $2.2 \cdot 10^{-16}$ in float64 and $1.2 \cdot 10^{-7}$ in float32. Every value of $f$ is
# off by about $\varepsilon |f|$, and the quotient divides this by $h$. For the central difference the two errors together
# are about
#
# $$E(h) = \frac{\varepsilon |f|}{h} + \frac{h^2}{6} |f'''| \tag{2}$$
#
# One part falls with $h$, the other rises; where the sum is least its slope is zero, $-\frac{\varepsilon |f|}{h^2} +
# \frac{h}{3}|f'''| = 0$, so
#
# $$h_{\text{best}} = \sqrt[3]{3 \, \varepsilon \, |f| / |f'''|}$$
#
# **Predict, then run.** For $e^x$ at $x = 1$, where $f = f' = f'''$, that is $\sqrt[3]{3\varepsilon}$: $9 \cdot 10^{-6}$ in
# float64, $7 \cdot 10^{-3}$ in float32. Where will the valleys of the three curves be? And where that of float32?

# %%
steps = 10.0 ** np.arange(-14, 0.1, 0.25)
curves = {name: (steps, np.array([abs(formula(np.exp, 1.0, h) - np.e) for h in steps]) + 1e-17)
          for name, formula in FORMULAS.items()}
single = np.array([abs(float(central(np.exp, np.float32(1), np.float32(h))) - np.e) for h in steps[steps > 1e-6]])
curves["central, in float32"] = (steps[steps > 1e-6], single + 1e-17)


def valley(curve):
    """The step with the least error, smoothed over neighbours: single points are lucky."""
    x, y = curve
    smooth = np.exp(np.convolve(np.log(y), np.ones(5) / 5, mode="valid"))
    return x[2:-2][np.argmin(smooth)]


for name, curve in curves.items():
    print(f"{name:30} best step about {valley(curve):.0e}, error there {min(curve[1]):.0e}")
assert 1e-6 < valley(curves["central, error ~ h²"]) < 1e-4                     # predicted 9e-6
assert 1e-3 < valley(curves["central, in float32"]) < 5e-2                     # predicted 7e-3
assert valley(curves["forward, error ~ h"]) < 1e-6 < 1e-4 < valley(curves["four evaluations, error ~ h⁴"])
viz.lines(curves, "step h", "error of the slope", "Truncation falls with h, rounding rises: each formula has a best step",
          logx=True, logy=True)

# %% [markdown]
# Read the slopes off the right-hand side: one, two and four decades of error for each decade of $h$. On the left, all
# curves of one precision lie on one line, $\varepsilon/h$: rounding does not care for the formula.
#
# Two lessons for practice. **Check in float64**: in float32 even the best step leaves five digits at most, and a wrong
# factor in a small term can hide there. And with four evaluations a comfortable step, $h = 10^{-3}$ or $10^{-4}$, gives
# twelve digits. The library uses just that.

# %% [markdown]
# ## Many inputs: one direction at random
#
# A matrix of weights has a million entries. Moving each of them would take millions of evaluations. Instead move all of
# them at once, in a **random direction** $v$ of the same shape. By the chain rule,
#
# $$\frac{d}{dt} L(x + t v) \Big|_{t = 0} = \sum_i \frac{\partial L}{\partial x_i} v_i$$
#
# The left side is a slope of a function of *one* number $t$: four evaluations. The right side is the gradient to be
# checked, times $v$. Suppose the gradient is wrong, by an error $e \neq 0$. Then the two sides differ by $\sum_i e_i v_i$,
# a sum of random numbers with standard deviation $\|e\|$. It is zero only by a coincidence that has probability 0. So one
# random direction suffices to see *that* something is wrong; only to say *where*, single entries must be moved.

# %%
def loss(x):
    return np.sum(np.tanh(x) ** 2 * np.arange(1.0, 13.0).reshape(3, 4))


rng = np.random.default_rng(0)
x, v = rng.standard_normal((2, 3, 4))
right = grad(loss)(x)
wrong = right.copy()
wrong[1, 2] *= 1.001                                    # one entry of twelve, off by a thousandth
measured = fourth_order(lambda t: loss(x + t * v), 0.0, 1e-3)
print(f"measured {measured:.8f}, by the gradient {np.sum(right * v):.8f}, by the wrong one {np.sum(wrong * v):.8f}")
assert abs(measured - np.sum(right * v)) < 1e-8 < 1e-4 < abs(measured - np.sum(wrong * v))

# %% [markdown]
# ## Many outputs: a random weight for each
#
# A function like the softmax answers an array $y$. To have one number, weight its entries by an array $u$ and add: $L =
# \sum_k u_k y_k$. Then $\partial L/\partial y = u$, so $u$ *is* the incoming gradient $g$ of the vector-Jacobian product,
# and the gradient is $\text{vjp}(u)$. Both sides in one line:
#
# $$\frac{d}{dt} \sum_k u_k\, f_k(x + t v) \Big|_{t=0} = \sum_i \text{vjp}(u)_i \, v_i \tag{3}$$
#
# That is a complete gradient check:

# %%
def slopes(f, vjp, x, u, v, h=1e-3):
    """Both sides of (3): what differences say, and what the gradient says. vjp(x, u) is to be checked."""
    return fourth_order(lambda t: np.sum(u * f(x + t * v)), 0.0, h), np.sum(vjp(x, u) * v)


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


np.testing.assert_allclose(softmax(x), F.softmax(x), rtol=1e-12)


def softmax_vjp(x, g):
    """y (g − Σ y g), row by row: lesson 8 derives it; here it is on trial."""
    y = softmax(x)
    return y * (g - np.sum(y * g, axis=-1, keepdims=True))


u = rng.standard_normal((3, 4))
by_differences, by_gradient = slopes(softmax, softmax_vjp, x, u, v)
print(f"differences say {by_differences:.10f}, the gradient says {by_gradient:.10f}")
assert abs(by_differences - by_gradient) < 1e-9

# %% [markdown]
# ## Break it: `out.sum()`
#
# Many a test in many a project reads `out.sum().backward()` and compares with differences of the sum. That is (3) with $u$
# = all ones. It looks like a fair choice. Here are five gradients of the softmax, four of them wrong:

# %%
CANDIDATES = {
    "right: y (g − Σ y g)": softmax_vjp,
    "mean of g: y (g − mean g)": lambda x, g: softmax(x) * (g - np.mean(g, axis=-1, keepdims=True)),
    "without the factor y": lambda x, g: g - np.sum(softmax(x) * g, axis=-1, keepdims=True),
    "sign turned: y (Σ y g − g)": lambda x, g: -softmax_vjp(x, g),
    "always zero": lambda x, g: np.zeros_like(x),
}
errors = {"u = all ones": [], "u at random": []}
for name, vjp in CANDIDATES.items():
    for kind, weights in (("u = all ones", np.ones((3, 4))), ("u at random", u)):
        measured, claimed = slopes(softmax, vjp, x, weights, v)
        errors[kind].append(abs(measured - claimed))
    print(f"{name:28} off by {errors['u = all ones'][-1]:.1e} with ones, by {errors['u at random'][-1]:.1e} at random")

# %% [markdown]
# **Before you read on:** why does the check with ones pass all five, even the gradient that is always zero?
#
# The outputs of a softmax add up to 1, whatever $x$ is. So with all ones $L = \sum_k y_k$ is the number of rows, a
# constant, and its true gradient *is* zero. A check at a place where the truth is zero cannot tell a right formula from
# nothing at all. The same happens with a layer norm, whose outputs add up to 0, and with attention weights. A random $u$
# has no such blind spot.

# %%
assert max(errors["u = all ones"]) < 1e-9                                       # passes everything
assert errors["u at random"][0] < 1e-9 and min(errors["u at random"][1:]) > 1e-3    # passes what is right alone
print("with ones all five pass; with random weights only the right one")

# %% [markdown]
# What would it cost to live with them? Let each train something: three rows of four scores are to give all their
# probability to one column each. The loss is the mean of $-\log y_{\text{target}}$, as in the logistic regression of lesson
# 5, and its gradient along $y$, which goes into the vjp, is $-1/(3\, y_{\text{target}})$ at the targets and 0 elsewhere.
# Predict: how many of the four wrong ones will lower the loss?

# %%
targets = (np.arange(3), np.array([2, 0, 3]))           # row 0 → column 2, row 1 → column 0, row 2 → column 3


def train_with(vjp, steps=60, rate=0.3):
    scores, losses = np.zeros((3, 4)), []
    for _ in range(steps):
        y = softmax(scores)
        losses.append(-np.mean(np.log(y[targets])))
        g = np.zeros((3, 4))
        g[targets] = -1.0 / (3.0 * y[targets])
        scores = scores - rate * vjp(scores, g)
    return losses


training = {name.split(":")[0]: train_with(vjp) for name, vjp in CANDIDATES.items()}
for name, losses in training.items():
    print(f"{name:20} loss {losses[0]:.2f} → {losses[-1]:.2f}")
assert training["sign turned"][-1] > 3.0 and training["always zero"][-1] == training["always zero"][0]
assert max(training[name][-1] for name in ("mean of g", "without the factor y")) < 0.1 < training["right"][-1] < 0.3
viz.lines({name: list(enumerate(losses)) for name, losses in training.items()}, "step", "loss (nats)",
          "Of four wrong gradients two learn, and faster than the right one")

# %% [markdown]
# One climbs, one stands still: these you would notice. The other two learn, and on this small task even *faster* than the
# right one, because they point more or less the same way and are longer. So a falling loss proves nothing either. Inside a
# larger network the same formula would twist the gradients of all the layers before it, and nobody could say how much
# better the network might have been.
#
# The test that catches them is `test_gradcheck_catches_what_an_all_ones_gradient_hides` in
# [tests/autograd/test_operation.py](../tests/autograd/test_operation.py): it makes the second of our candidates, shows that
# a plain sum passes it, and demands that `gradcheck` does not. For all other tests the project's rule is: none
# backpropagates from a plain sum.

# %% [markdown]
# ## Break it: a generous tolerance
#
# The two sides of (3) are never equal to the last digit, so every check has a tolerance, and it is tempting to raise it
# until the test is green. What does that cost? Say the gradient is wrong by a factor $1 + \delta$. We measure how far the
# sides are apart, relative to their size, with the library's settings and with a common habit, float32 and one central
# difference.

# %%
def disagreement(delta, dtype, formula, h):
    """|differences − (1 + delta) · gradient| over |gradient|, for the right vjp of the softmax."""
    x_, u_, v_ = (a.astype(dtype) for a in (x, u, v))
    measured = float(formula(lambda t: np.sum(u_ * softmax(x_ + dtype(t) * v_)), 0.0, h))
    claimed = float(np.sum(softmax_vjp(x_, u_) * v_))
    return abs(measured - (1.0 + delta) * claimed) / abs(claimed)


deltas = 10.0 ** np.arange(-14, 0.1, 0.5)
apart = {
    "float64, four evaluations": (deltas, np.array([disagreement(d, np.float64, fourth_order, 1e-3) for d in deltas])),
    "float32, central difference": (deltas, np.array([disagreement(d, np.float32, central, 1e-2) for d in deltas])),
}
floors = {name: float(curve[1][0]) for name, curve in apart.items()}
for name, floor in floors.items():
    print(f"{name:28} a right gradient is off by {floor:.0e}")
assert floors["float64, four evaluations"] < 1e-9 and floors["float32, central difference"] > 1e-6
viz.lines(apart, "the gradient's relative error δ", "relative difference of the two sides",
          "Errors below the floor of a check cannot be seen by it", logx=True, logy=True)

# %% [markdown]
# Where a curve is flat, the check sees its own noise and nothing of δ. A tolerance must lie above the floor, and all errors
# below the tolerance pass. `gradcheck` demands agreement to $10^{-6}$ of $\|\nabla L\| \|v\|$, far above the first floor
# and far below any mistake that a person makes. In float32 the floor is millions of times higher, and so must the
# tolerance be. And whoever writes `atol=1` accepts the gradient that is always zero. (`test_gradcheck_is_sharp`, in the
# same file, tries factors of 1.001, 0.999, −1 and 0.)

# %% [markdown]
# ## The library's check
#
# `gradcheck` is what you just built, for any number of inputs and outputs: random $u$ and $v$, float64, four evaluations.
# If the sides differ it moves single entries, and names the worst.

# %%
print(inspect.getsource(gradcheck))

# %% [markdown]
# Our own verdicts and the library's agree. To give it a gradient to check, we make an operation of each candidate (lesson
# 5's decorator):

# %%
for name, vjp in CANDIDATES.items():
    @operation
    def candidate(x, vjp=vjp):
        return softmax(x), lambda g: (vjp(x, g),)

    try:
        verdict = "accepted" if gradcheck(candidate, x) else ""
    except GradientError as error:
        verdict = f"rejected. {error}"
    print(f"{name:28} {verdict[:110]}")
    assert verdict.startswith("accepted" if name.startswith("right") else "rejected")

# %% [markdown]
# ## Where it cannot work: kinks
#
# Differences measure a slope only where there is one. ReLU, $\max(0, x)$, has a kink at 0: slope 0 on the left, 1 on the
# right. The central difference straddles it and answers $\frac12$; the library must choose, and says 0. Neither is wrong.
# Keep test inputs further than $2h$ from a kink, the widest reach of the four evaluations.

# %%
for at in (-0.1, 0.0, 1e-4, 0.1):
    differences = fourth_order(lambda x: np.maximum(x, 0.0), at, 1e-3)
    print(f"x = {at:7}: differences say {differences:.4f}, the library {grad(F.relu)(np.float64(at)):.0f}")
assert fourth_order(lambda x: np.maximum(x, 0.0), 0.0, 1e-3) == 0.5

# %% [markdown]
# ## Second order
#
# A gradient is a function too, so the same check applies to it: differentiate $\text{vjp}$ in a random direction, and
# compare with the gradient of the gradient. `order=2` does both. It is needed because a rule can answer the right numbers
# and yet be wrong to differentiate, if it computes with something that the graph does not see.

# %%
assert gradcheck(F.softmax, x, order=2)
print("softmax: gradient and gradient of the gradient agree with differences")

cube = Operation(lambda x: (x**3, lambda g: (3 * x * x * g,)), formula=lambda x: x**3 + x**2)      # the formula is another
print("first order of the cube:", gradcheck(cube, np.array([0.5, 1.5])))
try:
    gradcheck(cube, np.array([0.5, 1.5]), order=2)
except GradientError as error:
    print("second order:", error)
else:
    raise AssertionError("the wrong second order came through")

# %% [markdown]
# The cube's value and vjp are right. But an operation keeps its formula beside them, to be replayed when a gradient is
# itself differentiated, and here somebody has left a term in it. Only the second order sees that.

# %% [markdown]
# ## Let the machine look for trouble
#
# A check is only as good as the inputs it is tried on. Here is a gradient of the mean along the last axis, with a mistake
# in it that you may well make:

# %%
@operation
def row_mean(x):
    return np.mean(x, axis=1), lambda g: (np.broadcast_to(g[:, None] / len(x), x.shape),)


print("a 3 × 3 matrix:", gradcheck(row_mean, rng.standard_normal((3, 3))))

# %% [markdown]
# It passes. (Do you see the mistake?) One input that happens to be square proves nothing about those that are not. So
# **draw** the inputs: shapes, sizes, values. The library `hypothesis` does this, and when it finds a failing input it
# **shrinks** it: it looks for ever smaller ones that still fail, and reports the smallest. A property holds for *all*
# inputs, so the test says "for all", and a machine looks for the exception:

# %%
@hypothesis.settings(max_examples=50, derandomize=True, database=None, deadline=None)
@hypothesis.given(arrays("R C"))
def gradient_is_right(args):
    seen.append(args[0])
    gradcheck(row_mean, *args)


seen = []
try:
    gradient_is_right()
except GradientError as error:
    print(f"after {len(seen)} inputs, the smallest that fails: shape {seen[-1].shape}, {seen[-1].tolist()}\n{str(error)[:120]}")
assert seen[-1].size == 2

# %% [markdown]
# Two numbers are enough to show it: the gradient divides by the number of *rows*, `len(x)`, where the mean divided by that
# of columns. The exercises of this book are checked in this way, and so is every row of the library's table: its shapes,
# broadcasts, axes and memory layouts are drawn
# ([tests/autograd/test_derivatives.py](../tests/autograd/test_derivatives.py),
# [operations](../tests/autograd/operations)).

# %% [markdown]
# ## Who checks the checks?
#
# A test that cannot fail is worse than none, since it makes you feel safe. You met one above. The remedy: break the code on
# purpose, in many small ways, and see whether some test fails. Such a broken copy is called a **mutant**. Let us breed some
# from the right vjp of the softmax, and try three checks on each: ones, random weights, and random weights on inputs of one
# column only.

# %%
SOURCE = inspect.getsource(softmax_vjp)
CHANGES = {
    "g − → g +": ("g - np.sum", "g + np.sum"), "y · → y +": ("y * (g", "y + (g"), "sum → mean": ("np.sum", "np.mean"),
    "axis −1 → 0": ("axis=-1", "axis=0"), "y g → g": ("np.sum(y * g", "np.sum(g"), "y g → y": ("np.sum(y * g", "np.sum(y"),
    "first y → 1": ("return y *", "return 1 *"),
}
table = {"ones": [], "random": [], "random, one column": []}
for old, new in CHANGES.values():
    assert old in SOURCE
    names = {"np": np, "softmax": softmax}
    exec(SOURCE.replace(old, new), names)               # the mutant, in a world of its own
    for kind, columns, weights in (("ones", 4, np.ones((3, 4))), ("random", 4, u), ("random, one column", 1, u)):
        measured, claimed = slopes(softmax, names["softmax_vjp"], x[:, :columns], weights[:, :columns], v[:, :columns])
        table[kind].append(float(abs(measured - claimed) > 1e-7))
for kind, caught in table.items():
    print(f"{kind:20} catches {sum(caught):.0f} of {len(caught)}")
assert sum(table["random"]) == len(CHANGES) > sum(table["ones"])
viz.heatmap(np.transpose(list(table.values())), "check", "mutant", "1 = caught: it takes a good check, and good inputs",
            label="caught", rows=list(CHANGES), columns=list(table), values=True)

# %% [markdown]
# The whole library is tested like this. `make mutants` breaks the derivative table and every formula in thousands of small
# ways, one at a time, and some test must notice each; what survives is listed with the reason why the change makes no
# difference ([tests/mutants](../tests/mutants)). So the sentence "the gradients of this library are right" rests on three
# legs: a check that sees every direction, inputs that leave no corner out, and tests that have been tested.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/06_checking_gradients.ipynb](solutions/06_checking_gradients.ipynb).
#
# **1. Orders (warm-up).** The step is made ten times smaller, and rounding plays no part yet. How many times smaller do the
# errors become, of the forward difference, of the central one, and of the one with four evaluations? Three numbers.

# %%
times_smaller = ...

check(1, times_smaller)


# %% [markdown]
# **2. From both sides.** The central difference of the function f at the number x with step h.

# %%
def central_difference(f, x, h):
    ...


check(2, central_difference)


# %% [markdown]
# **3. In a direction.** From the gradient of L at x and a direction v, both (R, C): how fast does $L(x + tv)$ change at $t
# = 0$? A number.

# %%
def directional_slope(gradient, v):
    ...


check(3, directional_slope)


# %% [markdown]
# **4. The best step.** The step at which (2) is least, for a machine precision eps, with size = |f| and third = |f'''|.

# %%
def best_step(eps, size, third):
    ...


check(4, best_step)


# %% [markdown]
# **5. Entry by entry.** The gradient of $L(x) = \sum_k u_k f_k(x)$ by central differences, an array of x's shape (C,): for
# each entry, move that one alone. u has the shape of f(x).

# %%
def numerical_gradient(f, x, u, h):
    ...


check(5, numerical_gradient)


# %% [markdown]
# **6. Something to think about.** The forward difference has the error $\frac{2\varepsilon |f|}{h} + \frac{h}{2} |f''|$
# (each of its two values of $f$ may be off by $\varepsilon|f|$). What is the *least* error it can reach, whatever the step?
# A function of eps, size = |f| and second = |f''|.

# %%
def least_error_of_forward(eps, size, second):
    ...


check(6, least_error_of_forward)

# %% [markdown]
# ## What you can now explain
#
# - Why central differences are worth their second evaluation, and where each formula has its best step.
# - Why gradients are checked in float64, and what float32 would hide.
# - How one random direction checks a million entries, and what it cannot tell you.
# - Why `out.sum()` proves nothing of a softmax, and what a random output gradient has that ones have not.
# - What to do about kinks, what order 2 checks, how a failing input is shrunk, and how tests are tested.
#
# From here on you can trust the gradients, yours and the library's. [Lesson 7](07_linear_layers.ipynb) builds the first
# network with them.
