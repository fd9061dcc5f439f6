# %% [markdown]
# # 08 · Softmax and likelihood
#
# *A network puts out scores. How do they become probabilities, and what exactly should training make small?*
#
# *Reading 50 min · running 15 s · builds on lessons 3 to 6 (gradients) and 7 (linear layers)*
#
# **Afterwards you can** turn any scores into probabilities without overflow, say what a likelihood is and why its maximum
# is the least cross-entropy, derive both gradients of this lesson on paper, and tell what a loss of 2.3 nats means.

# %%
import codecs
import contextlib
import importlib
import inspect
import io
import itertools
import math

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor, formulas_only, gradcheck, viz
from tinyllm.book import open_lesson
from tinyllm.nn import Parameter

lesson = open_lesson("08_softmax_and_likelihood")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# > The cat sat on the …
#
# A language model answers this with one number for every word it knows. A layer as in lesson 7 can put out such numbers:
# *mat* 2, *cat* 1, *sat* −1. They are **scores**. They may be negative, they add up to nothing in particular, and nobody
# can say whether a 2 is a good score.
#
# We want two things. First, *probabilities*: how likely does the model hold each word to be? Second, one number that says
# how wrong these probabilities were once the next word is known, so that lesson 4's machinery can make it smaller. Nearly
# every model in this book ends in the two formulas that this lesson finds.

# %% [markdown]
# ## From scores to probabilities
#
# A probability for each of $V$ words: $y_i > 0$ and $\sum_i y_i = 1$. So take some function $f$ that is positive and rises,
# apply it to each score, and divide by the sum: $y_i = f(x_i) / \sum_k f(x_k)$. Which $f$?
#
# Ask for one thing more: **a point more should always be worth the same.** If a word's score rises by $c$, its odds against
# any other word, $y_i / y_j = f(x_i)/f(x_j)$, shall grow by a factor $k(c)$ that does not depend on where the score stood:
#
# $$f(x + c) = k(c)\, f(x) \quad\text{for all } x \text{ and } c$$
#
# Put $x = 0$: $f(c) = k(c) f(0)$, so $k$ is $f$ up to a constant, and the condition says $k(x + c) = k(c)\,k(x)$. The only
# rising functions which turn sums into products are the powers $k(x) = a^x$ with $a > 1$. The constant $f(0)$ cancels in
# the fraction. Choosing $a = e$ only fixes the size of a point, and gives the **softmax**:
#
# $$y_i = \frac{e^{x_i}}{\sum_{k=1}^{V} e^{x_k}} \qquad x \text{ and } y \text{ of shape } (V,)$$
#
# | symbol | shape | what it is |
# |---|---|---|
# | $x$ | $(V,)$, or $(\dots, V)$ for many at once | the scores, one a word; also called **logits** |
# | $y$ | like $x$ | probabilities: positive, with sum 1 along the last axis |
#
# The name *logit* comes from the case of two words. With scores $z$ and 0, the first has probability
# $y = e^z / (e^z + 1)$. Solved for $z$ that is $z = \ln \frac{y}{1 - y}$, the logarithm of the odds. Only differences of
# scores count: adding 100 to all of them multiplies numerator and denominator by $e^{100}$ and changes nothing.

# %% [markdown]
# ## By hand
#
# Three words with scores 2, 1 and 0. From word to word the odds should be $e = 2.718…$ to 1:

# %%
x = np.array([2.0, 1.0, 0.0])                           # (V,) = (3,)
e = np.exp(x)
y = e / e.sum()
print("e to the x:", e.round(3), "  their sum:", e.sum().round(3))
print("softmax:   ", y.round(3), "  odds of neighbours:", (y[:-1] / y[1:]).round(3))
print("100 more:  ", (np.exp(x + 100) / np.exp(x + 100).sum()).round(3))
assert np.allclose(y, [0.6652, 0.2447, 0.0900], atol=1e-4)

# %% [markdown]
# ## In NumPy, without overflow
#
# Predict, then run: what does the same line make of the scores 1000, 999 and 998? The differences are the same as above.

# %%
with np.errstate(over="ignore", invalid="ignore"):      # NumPy would warn
    large = np.exp(np.array([1000.0, 999.0, 998.0]))
    print(large, "→", large / large.sum())
assert np.isinf(large).all()

# %% [markdown]
# `nan`, not a number: infinity divided by infinity. The largest exponent that float64 can bear is about 709, in float32
# about 88, and nothing keeps a network's scores below that. The remedy costs nothing. Only differences count, so subtract
# the largest score from all. Then every exponent is 0 or less, and the sum is at least $e^0 = 1$.

# %%
def my_softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))   # (..., V): the largest entry is 1
    return e / np.sum(e, axis=-1, keepdims=True)        # (..., V)


print(my_softmax(np.array([1000.0, 999.0, 998.0])).round(3))
print(inspect.getsource(F.softmax.formula))

# %% [markdown]
# That is the library's formula, in [tinyllm/functional/softmax.py](../tinyllm/functional/softmax.py). Its `where` lets
# entries sit out; lesson 13 will need that. The **twin** below it in the file computes the same value in place and has its
# gradient written by hand; we derive that gradient in a moment. Same values:

# %%
rng = np.random.default_rng(0)
scores = rng.standard_normal((4, 6)) * 300
with formulas_only():
    np.testing.assert_allclose(F.softmax(scores), my_softmax(scores), rtol=1e-12)
np.testing.assert_allclose(F.softmax(scores), my_softmax(scores), rtol=1e-12)
print("each row sums to", F.softmax(scores).sum(axis=-1))

# %% [markdown]
# ## Temperature
#
# The size of a point was a choice. Dividing all scores by a number $\tau > 0$ before the softmax makes it again:
# $y = \text{softmax}(x/\tau)$. By analogy with physics $\tau$ is called the **temperature**.
#
# Predict: towards which distributions does it go for $\tau \to 0$ and for $\tau \to \infty$?

# %%
words = ["mat", "sofa", "roof", "cat", "sat"]
wanted = np.array([2.0, 1.5, 1.0, 0.0, -1.0])
temperatures = [0.1, 0.5, 1.0, 2.0, 10.0]
by_temperature = np.stack([F.softmax(wanted / tau) for tau in temperatures])            # (5, V)
assert by_temperature[0, 0] > 0.99 and by_temperature[-1].max() < 0.25
viz.heatmap(by_temperature, "next word", "temperature", "Cold: the best word alone. Hot: all alike", label="probability",
            rows=[f"{tau:g}" for tau in temperatures], columns=words, values=True)

# %% [markdown]
# At 0.1 hardly anything is left but the largest score: a *soft* version of "take the **max**imum", hence softmax. At 10 the
# scores hardly matter. Lesson 18 uses the temperature to write more or less daringly.

# %% [markdown]
# ## How well does a model explain what happened? (F15)
#
# Document 003 §4.2 says that training "is based on the back-propagation algorithm, which updates the model parameters by
# computing the gradient of the loss function", and that the loss "measures the difference between the prediction and the
# truth". §4.3 adds: the output "is a probability distribution", and "by maximising the likelihood function the model can be
# trained to generate the word sequence that best fits the context". No formula is printed for either. So what is the loss,
# what is a likelihood, and are they two aims or one?
#
# The **likelihood** of a model is the probability that it gave to what really happened. Suppose a text has the word *the*
# ten times, followed 7 times by *cat* and 3 times by *mat*. A model with a single parameter $q$ says: after *the* comes
# *cat* with probability $q$, else *mat*. If each occurrence is drawn by itself, probabilities multiply:
#
# $$\text{likelihood}(q) = q^7 (1 - q)^3$$
#
# Which $q$ explains the text best, that is, makes it most probable? The logarithm rises, so it has its maximum at the same
# place, and it turns the product into a sum:
#
# $$\ln \text{likelihood}(q) = 7 \ln q + 3 \ln(1 - q) \qquad
# \frac{7}{q} - \frac{3}{1 - q} = 0 \;\Longleftrightarrow\; 7 - 7q = 3q \;\Longleftrightarrow\; q = 0.7$$
#
# Maximum likelihood gives the share that was counted. There is a second reason for the logarithm: the product of many
# probabilities is too small a number for a computer, while their logarithms are of ordinary size.

# %%
tenth = np.float32(0.1)
print("0.1 multiplied 50 times in float32:", np.prod(np.full(50, tenth)))
print("the sum of 50 logarithms:          ", np.sum(np.log(np.full(50, tenth))).round(2))
assert np.prod(np.full(50, tenth)) == 0.0

# %% [markdown]
# Turn the sign, so that we have something to make *small*, and divide by the number of words $N$, so that long texts and
# short ones compare. That is the loss, and its name is **cross-entropy**:
#
# $$L = -\frac{1}{N} \sum_{n=1}^{N} \ln q(\text{word } n)
# \qquad\text{maximum likelihood} = \text{least cross-entropy}$$
#
# The two aims of the document are one. Each word costs $-\ln q$: nothing if the model was certain of it, $\ln V$ if it
# guessed among $V$ words evenly, and without limit if it had excluded the word. The unit of $\ln$ is the **nat**.

# %%
q = np.linspace(0.02, 0.98, 193)
cost = -(7 * np.log(q) + 3 * np.log(1 - q)) / 10
print(f"least cost {cost.min():.4f} nats at q = {q[cost.argmin()]:.3f}; at q = 0.5 it is {cost[96]:.4f} = ln 2")
assert math.isclose(q[cost.argmin()], 0.7, abs_tol=0.003) and math.isclose(cost[96], math.log(2))
viz.lines({"−(7 ln q + 3 ln(1 − q)) / 10": (q, cost)}, "q, the model's probability of cat", "cross-entropy (nats a word)",
          "Cross-entropy is least at the counted share, 7 in 10", baselines={"least": float(cost.min())})

# %% [markdown]
# ## Entropy: the cost that remains
#
# Even the best model pays, 0.61 nats a word in the picture: after *the* one cannot know. How much is unavoidable, for any
# number of words? Let $p$, shape $(V,)$, be the shares that were counted, $p_c = n_c / N$, and $q$ any model's
# probabilities. Collecting equal words in the sum above,
#
# $$L = H(p, q) = -\sum_c p_c \ln q_c \qquad\text{and for } q = p:\qquad H(p) = -\sum_c p_c \ln p_c$$
#
# $H(p)$ is the **entropy** of $p$. What a model $q$ pays beyond it has a name too, the **Kullback–Leibler divergence**:
#
# $$H(p, q) = H(p) + \text{KL}(p \,\|\, q) \qquad \text{KL}(p \,\|\, q) = \sum_c p_c \ln \frac{p_c}{q_c}$$
#
# **It is never negative.** First, $\ln u \le u - 1$ for every $u > 0$: the difference $u - 1 - \ln u$ has the slope
# $1 - 1/u$, which is negative below $u = 1$ and positive above, so its least value is the one at 1, which is 0. Now put
# $u = q_c / p_c$ for every $c$ with $p_c > 0$:
#
# $$-\text{KL}(p \,\|\, q) = \sum_c p_c \ln \frac{q_c}{p_c} \;\le\; \sum_c p_c \Big(\frac{q_c}{p_c} - 1\Big)
# = \sum_{c:\,p_c > 0} q_c - 1 \;\le\; 0$$
#
# Equal only where every $u$ is 1, so where $q = p$. That is a theorem about learning: **of all distributions, the counted
# shares have the greatest likelihood**, and no training can get below the entropy. Test it with a thousand random models:

# %%
p = np.array([0.5, 0.25, 0.125, 0.125])
models = F.softmax(rng.standard_normal((1000, 4)))                                      # (1000, V)
crossed = -np.sum(p * np.log(models), axis=1)                                           # (1000,)
entropy = -np.sum(p * np.log(p))
kl = np.sum(p * np.log(p / models), axis=1)
np.testing.assert_allclose(crossed, entropy + kl, rtol=1e-12)
assert kl.min() >= 0
print(f"entropy {entropy:.4f} nats; the best of 1000 random models pays {crossed.min():.4f}, the worst {crossed.max():.4f}")
print(f"the same in bits: {entropy / math.log(2):.4f}; as a number of equally likely words: {math.exp(entropy):.4f}")
assert math.isclose(entropy / math.log(2), 1.75)

# %% [markdown]
# Two more units are in use. A loss of $L$ nats is $L / \ln 2$ **bits**: 1.75 here, which you can check by hand, since these
# words can be told by 1, 2, 3 and 3 yes-or-no questions. And $e^L$ is the **perplexity**: a model with perplexity 20 is as
# unsure, on average, as if it chose evenly among 20 words. Guessing among $V$ words has perplexity $V$; never being
# surprised has perplexity 1.

# %% [markdown]
# ## The loss of a whole text (F10)
#
# Document 004 §4.2.2 prints the loss of a language model:
#
# $$\mathcal{L} = -\sum_{i=1}^n \log P(x_i|x_{<i})$$
#
# Here $x_i$ is the $i$-th word and $x_{<i}$ are all the words before it. It is the cross-entropy from above, not divided by
# $n$. Where does the condition come from? From the definition of conditional probability, $P(a, b) = P(a)\,P(b \mid a)$,
# used again and again. Nothing is assumed:
#
# $$P(x_1, \dots, x_n) = P(x_1)\, P(x_2 \mid x_1)\, P(x_3 \mid x_1, x_2) \cdots = \prod_{i=1}^{n} P(x_i \mid x_{<i})$$
#
# So the printed loss is $-\ln P(\text{the whole text})$, again the likelihood. The sentence in front of the print says that
# the goal is to *maximise* the probability of the text to come, and then the formula has a minus sign: it is what one
# *minimises*. Both say the same. What does not say the same is 000 §4.1, where an autoregressive model is described by "the
# distribution of the current token depends on the distribution of the previous token". Put numbers into both: texts of
# three words from a vocabulary of four, with some distribution $P$ over all 64 of them.

# %%
joint = F.softmax(rng.standard_normal(64) * 2).reshape(4, 4, 4)                         # P(x1, x2, x3)
p1, p12 = joint.sum(axis=(1, 2)), joint.sum(axis=2)                                     # (4,), (4, 4)
p2_given_1 = p12 / p1[:, None]                                                          # (4, 4)
p3_given_12 = joint / p12[:, :, None]                                                   # (4, 4, 4)
p3_given_2 = joint.sum(axis=0) / p12.sum(axis=0)[:, None]                               # (4, 4): forgets x1

whole_past = p1[:, None, None] * p2_given_1[:, :, None] * p3_given_12
last_word = p1[:, None, None] * p2_given_1[:, :, None] * p3_given_2[None]
np.testing.assert_allclose(whole_past, joint, rtol=1e-12)

for name, model in (("all words before", whole_past), ("the previous word only", last_word)):
    print(f"{name:23} {-np.sum(joint * np.log(model)):.4f} nats a text")
extra = np.sum(joint * np.log(joint / last_word))
print(f"{'entropy of P':23} {-np.sum(joint * np.log(joint)):.4f};  KL of the second: {extra:.4f}")
assert extra > 0.05

# %% [markdown]
# With all words before, the product *is* the distribution, and the loss is its entropy. With the previous word alone it is
# another distribution, and the difference is paid in nats. A model that sees one word back is called a **bigram** model. It
# is a special case, a useful one: small enough to understand completely, so we use it for the rest of this lesson. Lesson
# 17 treats the full past, and the third description, of 004 §2.1, in which a model looks into the future.

# %% [markdown]
# ## The gradient of the softmax
#
# To learn by gradient descent, the loss must send a gradient back through the softmax to the scores. Let $y$ be
# softmax$(x)$, both $(V,)$, and $S = \sum_k e^{x_k}$. Then $\ln y_i = x_i - \ln S$, and since $\partial S/\partial x_j =
# e^{x_j}$,
#
# $$\frac{\partial \ln S}{\partial x_j} = \frac{e^{x_j}}{S} = y_j
# \qquad\text{so}\qquad \frac{\partial \ln y_i}{\partial x_j} = \delta_{ij} - y_j$$
#
# with $\delta_{ij} = 1$ for $i = j$, else 0. As $\partial \ln y_i = \partial y_i / y_i$, the **Jacobian** is
#
# $$\frac{\partial y_i}{\partial x_j} = y_i\,(\delta_{ij} - y_j) \qquad (V, V)$$
#
# With $g_i = \partial L/\partial y_i$, shape $(V,)$, coming from behind, the chain rule sums over all outputs:
#
# $$\frac{\partial L}{\partial x_j} = \sum_i g_i\, y_i (\delta_{ij} - y_j) = g_j y_j - y_j \sum_i g_i y_i
# = y_j \Big( g_j - \sum_i g_i y_i \Big)$$
#
# Read it: $\sum_i g_i y_i$ is the *mean* of $g$ under $y$. A score is pushed by how much its $g$ differs from the mean, in
# proportion to its probability. No $(V, V)$ matrix is ever needed. This line returns in lesson 12, inside attention.

# %%
def softmax_vjp(y, g):
    """∂L/∂x (..., V) from y = softmax(x) and g = ∂L/∂y, both (..., V)."""
    return y * (g - np.sum(g * y, axis=-1, keepdims=True))


x, g = rng.standard_normal((3, 5)), rng.standard_normal((3, 5))
t = Tensor(x, requires_grad=True)
np.sum(F.softmax(t) * g).backward()
np.testing.assert_allclose(softmax_vjp(my_softmax(x), g), t.grad, rtol=1e-9, atol=1e-12)
jacobian = np.diag(my_softmax(x[0])) - np.outer(my_softmax(x[0]), my_softmax(x[0]))     # (V, V)
np.testing.assert_allclose(g[0] @ jacobian, t.grad[0], rtol=1e-9, atol=1e-12)
gradcheck(F.softmax, [x])
print("each row of ∂L/∂x sums to", t.grad.sum(axis=-1).round(12) + 0.0)
assert np.abs(t.grad.sum(axis=-1)).max() < 1e-12

# %% [markdown]
# Why do these rows sum to 0? Because adding the same number to all scores changes nothing.

# %% [markdown]
# ## Both together: what the model says minus what is true (F15)
#
# Now the loss of one place whose true word is $t$: $L = -\ln y_t = \ln S - x_t$. Its gradient was already found on the way:
#
# $$\frac{\partial L}{\partial x_j} = y_j - \delta_{tj}
# \qquad\text{that is}\qquad \frac{\partial L}{\partial x} = y - \text{onehot}(t)$$
#
# where onehot$(t)$ is 1 at $t$ and 0 elsewhere. **What the model says minus what is true.** It is hard to think of a better
# teacher: the right word's score is pushed up by exactly the probability that was missing, all others are pushed down by
# the probability that they wrongly had, and where nothing is wrong nothing happens. In NumPy, mean over $N$ places:

# %%
def my_cross_entropy(logits, targets):
    """logits (N, V), targets (N,) → the loss, and its gradient (N, V)."""
    s = logits - np.max(logits, axis=-1, keepdims=True)
    log_y = s - np.log(np.sum(np.exp(s), axis=-1, keepdims=True))                       # (N, V)
    rows = np.arange(len(targets))
    gradient = np.exp(log_y)
    gradient[rows, targets] -= 1.0
    return -np.mean(log_y[rows, targets]), gradient / len(targets)


logits, targets = rng.standard_normal((4, 6)), np.array([0, 3, 3, 5])
loss, gradient = my_cross_entropy(logits, targets)
t = Tensor(logits, requires_grad=True)
library = F.cross_entropy(t, targets)
library.backward()
np.testing.assert_allclose(loss, library.item(), rtol=1e-12)
np.testing.assert_allclose(gradient, t.grad, rtol=1e-10, atol=1e-14)
with formulas_only():
    np.testing.assert_allclose(F.cross_entropy(logits, targets), loss, rtol=1e-12)
gradcheck(lambda z: F.cross_entropy(z, targets), [logits])
print(f"loss {loss:.4f}; one row of the gradient, true word 0: {(4 * gradient[0]).round(3)}")

# %% [markdown]
# `F.cross_entropy` takes **logits, not probabilities**
# ([tinyllm/functional/losses.py](../tinyllm/functional/losses.py)). That it does softmax and logarithm in one step is not
# for speed alone. Take them apart, on a model that is sure and wrong, in float32:

# %%
def two_steps(logits, targets):
    return -np.mean(np.log(F.softmax(logits))[np.arange(len(targets)), targets])


with np.errstate(divide="ignore", invalid="ignore"):
    for name, loss_of in (("softmax, then log", two_steps), ("cross_entropy", F.cross_entropy)):
        t = Tensor(np.array([[200.0, 0.0]], np.float32), requires_grad=True)
        loss = loss_of(t, np.array([1]))
        loss.backward()
        print(f"{name:18} loss {loss.item():6}  gradient {t.grad[0]}")
assert loss.item() == 200 and np.allclose(t.grad, [[1, -1]])

# %% [markdown]
# $e^{-200}$ is below the smallest float32, so the softmax answers 0, its logarithm is $-\infty$, and the gradient is the
# product of $\infty$ and 0. One such example in one batch turns all weights into nan. Together the two steps are a
# difference, $\ln S - x_t = 200$, and the gradient is as good as on any other day.

# %% [markdown]
# ## "The cat sat on the mat", counted (F15)
#
# Document 003 §4.4 gives this example:
#
# > Suppose we have training data that contains the sentence "The cat sat on the mat". The LLM learns that "cat" and "sat"
# > often occur together, so when the next word is generated, the probability of "on" is higher.
#
# Let us do it. We take the bigram model: the next word depends on the word before. By the theorem above the best model is
# the counted one. Predict: what are P(on | sat) and P(cat | the)?

# %%
def count_bigrams(ids, n):
    """ids (T,) → counts (n, n): row = a word, column = the word after it."""
    counts = np.zeros((n, n))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    return counts


sentence = ["the", "cat", "sat", "on", "the", "mat"]
vocabulary = ["the", "cat", "sat", "on", "mat"]
ids = np.array([vocabulary.index(word) for word in sentence])
counts = count_bigrams(ids, 5)                                                          # (V, V)
seen = counts.sum(axis=1)                                                               # (V,)
counted = counts / np.maximum(seen, 1)[:, None]                                         # (V, V); a row of zeros where unseen
print("P(on | sat) =", counted[2, 3], "   P(cat | the) =", counted[0, 1], "   P(mat | the) =", counted[0, 4])
assert counted[2, 3] == 1 and counted[0, 1] == counted[0, 4] == 0.5

# %% [markdown]
# P(on | sat) is 1: after *sat* this model is certain. (After *mat* nothing was ever seen, so nothing can be said.) The
# conclusion of the document holds. Its reason does not. Nowhere in the count of (sat, on) does *cat* occur. Two little
# texts make the difference plain: one in which *cat* and *sat* are always together, one in which there is no cat.

# %%
def statistics(text):
    """How often "cat sat" stands in the text, and P(on | sat), counted."""
    words = text.split()
    pairs = list(itertools.pairwise(words))
    after_sat = [second for first, second in pairs if first == "sat"]
    return pairs.count(("cat", "sat")), after_sat.count("on") / len(after_sat)


texts = {
    "the sentence": "the cat sat on the mat",
    "cat and sat together, five times": "the cat sat down and the cat sat up and the cat sat still and the cat sat there "
                                        "and the cat sat on the mat",
    "no cat at all": "a dog sat on a mat and a bird sat on a roof and a child sat on a chair",
}
for name, text in texts.items():
    together, probability = statistics(text)
    print(f"{name:33} 'cat sat' {together} times   P(on | sat) = {probability:.1f}")
assert statistics(texts["cat and sat together, five times"]) == (5, 0.2) and statistics(texts["no cat at all"]) == (0, 1.0)

# %% [markdown]
# The more often *cat* and *sat* occur together, with something else after them, the *less* probable *on* becomes. What
# raises P(on | sat) is that *on* follows *sat*. A model with a longer memory can learn P(on | cat sat) and will use the
# cat, but then what counts is all three words in this order, not that two of them keep company.
#
# And one thing more: the sentence as printed begins with a capital. To a program *The* and *the* are two words. Predict
# what happens to P(cat | the):

# %%
cased = ["The", "cat", "sat", "on", "the", "mat"]
pairs = list(itertools.pairwise(cased))
for word in ("The", "the"):
    after = [second for first, second in pairs if first == word]
    print(f"after {word}: {after}")
assert ("the", "cat") not in pairs

# %% [markdown]
# Now *the* is never followed by *cat*, and P(cat | the) is 0 instead of one half. How to cut a text into units, and what
# counts as the same, is a question with consequences. Lesson 10 is about it.

# %% [markdown]
# ## … then learned (F15)
#
# Counting works because a bigram model is only a table. A network cannot be counted, it must be trained. Does training find
# the same numbers? Let the scores be a table of parameters $Z$, shape $(V, V)$, one row of logits for each previous word,
# starting at 0. The loss is the cross-entropy of all five places, and the rule is lesson 3's: a step against the gradient.

# %%
def learn(ids, n, rate, steps, loss_of=F.cross_entropy):
    """Gradient descent on a table of logits (n, n). The table, and the loss by step."""
    table, losses = Parameter(np.zeros((n, n), np.float32)), []
    for step in range(steps):
        table.grad = None
        loss = loss_of(table[ids[:-1]], ids[1:])                                        # logits (T − 1, n), targets (T − 1,)
        loss.backward()
        table.data -= rate * table.grad
        losses.append((step + 1, loss.item()))
    return table, losses


table, losses = learn(ids, 5, rate=5.0, steps=1000)
learned = F.softmax(table.data)                                                         # (V, V)
floor = -np.sum(counts[counts > 0] * np.log(counted[counts > 0])) / counts.sum()
print(f"loss after 1000 steps {losses[-1][1]:.4f}, least possible {floor:.4f} = (2 / 5) ln 2")
print("largest difference of learned and counted, in the rows that were seen:",
      np.abs(learned - counted)[seen > 0].max().round(4))
np.testing.assert_allclose(learned[seen > 0], counted[seen > 0], atol=0.005)
assert math.isclose(floor, 0.4 * math.log(2)) and floor <= losses[-1][1] < floor + 0.003
viz.heatmap(learned, "next word", "word", "Learned: the shares that were counted", label="probability",
            rows=vocabulary, columns=vocabulary, values=True)

# %% [markdown]
# The same numbers, to two digits. Two differences are worth a thought:
#
# - **A probability of 1 is never reached.** It would need an infinite score. The gradient $y - 1$ fades as $y$ approaches
#   1, so the last digits come slower and slower.
# - **After *mat*** the counted row is empty, 0/0, and the learned one is even: no place of the text sent a gradient there,
#   so its scores are still the zeros of the start. What a model says where it saw nothing comes from how it was begun.

# %% [markdown]
# ## Watch it work: a real text, letter by letter
#
# Python carries a poem within it, *The Zen of Python* by Tim Peters (`import this`). The same two ways, with letters for
# words:

# %%
with contextlib.redirect_stdout(io.StringIO()):
    this = importlib.import_module("this")              # prints the poem, and keeps it in a secret writing

zen = codecs.decode(this.s, "rot13").lower()
letters = sorted(set(zen))
n = len(letters)
zen_ids = np.array([letters.index(letter) for letter in zen])
zen_counts = count_bigrams(zen_ids, n)                                                  # (V, V)
zen_counted = zen_counts / np.maximum(zen_counts.sum(axis=1), 1)[:, None]
followed = np.bincount(zen_ids[1:], minlength=n) / (len(zen_ids) - 1)                   # how often each letter follows at all


def nats(probabilities):
    return float(-np.mean(np.log(probabilities)))


uniform = math.log(n)
unigram = nats(followed[zen_ids[1:]])
bigram = nats(zen_counted[zen_ids[:-1], zen_ids[1:]])
for name, loss in (("all letters alike", uniform), ("frequent letters likelier", unigram), ("the letter before", bigram)):
    print(f"{name:26} {loss:.3f} nats = {loss / math.log(2):.3f} bits a letter, perplexity {math.exp(loss):5.2f}")
print(len(zen), "letters,", n, "different ones")
assert n == 32 and uniform > unigram + 0.4 and unigram > bigram + 0.7
names = [{" ": "·", "\n": "⏎"}.get(letter, letter) for letter in letters]
viz.heatmap(zen_counted, "next letter (· space, ⏎ line end)", "letter", "What follows depends on what stands before",
            label="probability", rows=names, columns=names)

# %% [markdown]
# A row is what follows one letter. No two rows are alike, and each letter of memory that a model uses buys it a lower loss:
# with all 32 letters alike it pays 5 bits a letter, with their frequencies 4.3, with the letter before 2.9. Now by training:

# %%
zen_table, zen_losses = learn(zen_ids, n, rate=30.0, steps=2000)
print(f"learned {zen_losses[-1][1]:.3f}, counted {bigram:.3f} nats")
assert bigram <= zen_losses[-1][1] < bigram + 0.03
viz.lines({"learned": zen_losses}, "step", "cross-entropy (nats a letter)",
          "Training comes down to what counting gives, and not below", logx=True,
          baselines={"frequency alone": unigram, "counted bigram": bigram})

# %% [markdown]
# Now put the counted model to the test that matters, on text it has not seen. Count on the first two thirds of the poem,
# measure on the rest. Predict the loss.

# %%
cut = 2 * len(zen_ids) // 3
first = count_bigrams(zen_ids[:cut], n)
before, after = zen_ids[cut:-1], zen_ids[cut + 1:]
print("pairs of the last third that the first part never had:", int(np.sum(first[before, after] == 0)), "of", len(after))
for added in (0.0, 0.1, 1.0):
    with np.errstate(divide="ignore"):
        model = (first + added) / np.maximum((first + added).sum(axis=1, keepdims=True), 1)
        print(f"{added:3} added to every count: {nats(model[before, after]):.3f} nats")
unseen = {}
for steps in (30, 2000):
    table = learn(zen_ids[:cut], n, rate=30.0, steps=steps)[0]
    unseen[steps] = F.cross_entropy(table.data[before], after).item()
    print(f"learned, {steps:4} steps: {unseen[steps]:.3f} nats")
assert unseen[30] < unseen[2000] - 0.3 and np.any(first[before, after] == 0)

# %% [markdown]
# Infinite. The model of greatest likelihood excludes whatever it has not seen, and a single surprise then costs everything.
# Greatest likelihood *on the training text* was never the goal, only the means. Adding a little to each count helps, and so
# does stopping early: after 30 steps the learned table has not yet had the time to exclude anything, after 2000 it has. You
# will meet this again, in every size.

# %% [markdown]
# ## Label smoothing
#
# The same medicine for networks: do not ask for certainty. Instead of onehot$(t)$ let the target be
# $t^\varepsilon = (1 - \varepsilon)\,\text{onehot}(t) + \varepsilon / V$ (Szegedy et al. 2016, §7). The loss
# $-\sum_c t^\varepsilon_c \ln y_c$ is a cross-entropy, so by the theorem it is least at $y = t^\varepsilon$, and there the
# right score lies above the others by a *finite* gap:
#
# $$\text{gap} = \ln \frac{1 - \varepsilon + \varepsilon/V}{\varepsilon/V}$$

# %%
epsilon = 0.1
smooth = (1 - epsilon) * np.eye(5)[[3]] + epsilon / 5                                   # (1, V): the word after sat is on
row = rng.standard_normal((1, 5))
np.testing.assert_allclose(F.cross_entropy(row, np.array([3]), label_smoothing=epsilon),
                           -np.sum(smooth * F.log_softmax(row)), rtol=1e-12)


def smoothed(logits, targets):
    return F.cross_entropy(logits, targets, label_smoothing=epsilon)


gap = math.log((1 - epsilon + epsilon / 5) / (epsilon / 5))
for steps in (300, 1000, 3000):
    plain = learn(ids, 5, 5.0, steps)[0].data[2]
    gentle = learn(ids, 5, 5.0, steps, smoothed)[0].data[2]
    print(f"{steps:4} steps: 'on' leads 'cat' by {plain[3] - plain[1]:.3f}, with smoothing by {gentle[3] - gentle[1]:.3f}")
print(f"the formula: {gap:.3f}")
assert math.isclose(gentle[3] - gentle[1], gap, abs_tol=1e-3) and plain[3] - plain[1] > gap + 2

# %% [markdown]
# ## Break it: softmax twice
#
# Document 003 §5.2 prints a model in Keras whose last layer is
#
# ```python
# self.decoder = tf.keras.layers.Dense(vocab_size, activation="softmax")
# ```
#
# It puts out probabilities. The training is left out there ("# ..."), so the loss is ours to choose. If we now take one
# that expects *logits*, such as `F.cross_entropy`, PyTorch's, or Keras's with `from_logits=True`, then the probabilities go
# through a second softmax. (Keras's default expects probabilities; it is right, but it has to repair the zeros of the last
# section by clipping.) Nothing raises an error: shapes fit, rows sum to 1. Predict, for the poem: does it (a) learn nothing,
# (b) learn slower, (c) learn slower and end higher?

# %%
def twice(logits, targets):
    return F.cross_entropy(F.softmax(logits), targets)


curves = {}
for name, loss_of in (("logits", F.cross_entropy), ("softmax twice", twice)):
    zen_table, curves[name] = learn(zen_ids, n, 30.0, 2000, loss_of)
    print(f"{name:14} loss at the start {curves[name][0][1]:.3f}, after 100 steps {curves[name][99][1]:.3f}, "
          f"after 2000 {curves[name][-1][1]:.3f}")
lowest = math.log(1 + (n - 1) / math.e)
print(f"the second softmax cannot get below {lowest:.3f}")
assert curves["softmax twice"][-1][1] > lowest and curves["logits"][-1][1] < lowest
viz.loss_curve({name: curve[::10] for name, curve in curves.items()}, ylabel="cross-entropy (nats a letter)",
               title="A softmax too many: the loss hardly falls",
               baselines={"floor of softmax twice": lowest, "counted bigram": bigram})

# %% [markdown]
# Why? The second softmax gets scores between 0 and 1. The best it can get is 1 for the right word and 0 for the others, and
# from that it makes the probability $e^1 / (e^1 + (V - 1) e^0)$, never more. So the loss has a floor of
#
# $$-\ln \frac{e}{e + V - 1} = \ln\Big(1 + \frac{V - 1}{e}\Big)$$
#
# however good the model. And the gradient passes a second Jacobian, whose entries $y_i(\delta_{ij} - y_j)$ are of size
# $1/V$ at the start.
#
# It is worse than slow. Let $y$ be the output of the first softmax, and $p$ the counted shares of the next letter. The loss
# with a second softmax is
#
# $$-\sum_c p_c \ln \text{softmax}(y)_c = -\sum_c p_c\, y_c + \ln \sum_k e^{y_k}$$
#
# The last term hardly moves: with $V = 32$ it lies between $\ln 32 + 1/32 = 3.50$ (all $y$ alike) and $\ln(31 + e) = 3.52$
# (one $y$ is 1). What is left, $-\sum p_c y_c$, is least when everything is put on the *commonest* next letter. So the model
# does not even aim at the counted shares:

# %%
after_space = F.softmax(zen_table.data)[letters.index(" ")]
share = zen_counted[letters.index(" ")]
common = share.argmax()
print(f"after a space, {letters[common]!r} follows in {share[common]:.0%} of all cases; "
      f"the model with softmax twice says {after_space[common]:.0%}")
assert share[common] < 0.3 and after_space[common] > 0.9

# %% [markdown]
# And for the vocabulary of the print, 10,000 words:

# %%
V = 10_000
print(f"floor {math.log(1 + (V - 1) / math.e):.3f} nats, guessing {math.log(V):.3f}: in all the training, one nat to gain")
size = {}
for name, loss_of in (("logits", F.cross_entropy), ("softmax twice", twice)):
    t = Tensor(np.zeros((1, V)), requires_grad=True)
    loss_of(t, np.array([7])).backward()
    size[name] = np.abs(t.grad).max()
print(f"gradient at the right word: {size['logits']:.4f} and {size['softmax twice']:.6f}, "
      f"{size['logits'] / size['softmax twice']:.0f} times smaller")
assert 9_000 < size["logits"] / size["softmax twice"] < 11_000
assert 0.99 < math.log(V) - math.log(1 + (V - 1) / math.e) < 1.01

# %% [markdown]
# This is a mistake that hides: the loss falls a little, and one blames the data or the learning rate. What catches it?
# `test_a_confident_wrong_answer_costs_its_distance` in
# [tests/functional/test_losses.py](../tests/functional/test_losses.py) pins that the loss takes logits: scores of
# $\pm 10^4$ must cost their distance, $2 \cdot 10^4$, and after a softmax they would cost less than 2. For a model of your
# own there is a test that takes a minute and finds this and much else: **train it on a single small batch. The loss must
# come down near 0.** With a softmax too many, it stops at the floor.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/08_softmax_and_likelihood.ipynb](solutions/08_softmax_and_likelihood.ipynb).
#
# **1. In the head (warm-up).** The scores are ln 1, ln 2 and ln 5. Which three probabilities does the softmax make? A
# tuple of three numbers, found without a computer.

# %%
probabilities = ...

check(1, probabilities)


# %% [markdown]
# **2. Softmax from memory.** x (T, V) → (T, V), each row a distribution. Some of the scores you get are in the thousands.

# %%
def softmax(x):
    ...


check(2, softmax)


# %% [markdown]
# **3. Cross-entropy.** logits (N, V) and targets (N,), integers, → the mean loss in nats, a single number. (With NumPy, not
# with `F.cross_entropy`.)

# %%
def cross_entropy(logits, targets):
    ...


check(3, cross_entropy)


# %% [markdown]
# **4. Perplexity.** A model gave the right words of a text the probabilities p (N,). What is its perplexity?

# %%
def perplexity(p):
    ...


check(4, perplexity)


# %% [markdown]
# **5. A counted bigram model.** ids (T,) holds the tokens of a text, integers below n. Return P (n, n): row = token,
# column = the next one, each row a distribution. A row that was never seen is even, 1/n each (as the learned one was).

# %%
def bigram_model(ids, n):
    ...


check(5, bigram_model)


# %% [markdown]
# **6. Through the softmax.** From y (T, V), rows of a softmax, and g (T, V), the gradient ∂L/∂y, make ∂L/∂x (T, V).

# %%
def softmax_gradient(y, g):
    ...


check(6, softmax_gradient)


# %% [markdown]
# **7. Something to think about.** A trained model's scores z (V,) are divided by a temperature τ before the softmax, and
# the true word is t: $L = -\ln \text{softmax}(z/\tau)_t$. Find $dL/d\tau$, a single number. What does it mean when it is 0?

# %%
def temperature_gradient(z, t, tau):
    ...


check(7, temperature_gradient)

# %% [markdown]
# ## What you can now explain
#
# - Why the softmax uses the exponential, why its largest score is subtracted, and what the temperature does.
# - Likelihood, log-likelihood, cross-entropy: one aim in three forms. Nats, bits, perplexity, and why a loss has a floor.
# - The gradients $y\,(g - \sum g\,y)$ and $y - \text{onehot}(t)$, with their derivations.
# - That F10 assumes nothing: all of a text's probability, cut into next words. And what a bigram model leaves out.
# - Why "cat and sat often occur together" is no reason for "on" (F15), and what a softmax too many costs.
#
# We trained here by always taking the same step against the gradient, with rates of 5 and 30 found by trying. Lesson 9
# looks for better ways down.
