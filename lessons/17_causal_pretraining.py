# %% [markdown]
# # 17 · Causal pretraining
#
# *What can be learned from text alone, when nobody says what is right?*
#
# *Reading 40 min · running 60 s · builds on lessons 8 (likelihood), 10 (tokens), 13 (masks) and 15 (the layer)*
#
# **Afterwards you can** derive the loss of a language model from the product rule, say which tokens it may look at and what
# goes wrong when it looks at others, pretrain a small GPT on real text, and judge its number honestly: in bits per
# character, against methods that only count.

# %%
import inspect
import itertools
import math

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor, manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.data import CausalWindows, corpus
from tinyllm.generation import generate
from tinyllm.models import GPT, GPTConfig
from tinyllm.tokenizers import ByteBPETokenizer
from tinyllm.tour import NGram
from tinyllm.training import Causal, TrainConfig, train
from tinyllm.training.corpora import encode_documents

lesson = open_lesson("17_causal_pretraining")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# > Return a new string with all the characters of the …
#
# You could go on. To do so you used grammar (a noun must follow), the subject (*string* or *file*, hardly *banana*) and
# style (this is documentation). Nobody taught you that on this sentence. You have read much, and reading was enough,
# because **every text is its own exercise book**: cover what follows, guess, uncover. The answer is always printed there.
#
# A model can learn in the same way, from text without any labels. This is **pretraining**. "Causal" means that each guess
# depends on what stands before it and on nothing else, as an effect depends on its causes. One simple loss, applied to very
# much text, is how GPT was made; in this lesson you derive it and apply it to a little text.

# %% [markdown]
# ## The formula (F10)
#
# Document 004 §4.2.2 prints
#
# $$\mathcal{L} = -\sum_{i=1}^n \log P(x_i|x_{<i})$$
#
# | symbol | what it is |
# |---|---|
# | $x_1, \dots, x_n$ | the text, $n$ tokens; each is one of $V$ |
# | $x_{<i}$ | all tokens before the $i$-th: $x_1, \dots, x_{i-1}$ |
# | $P(x_i \mid x_{<i})$ | a number between 0 and 1: the probability that the model gave to the token that really came |
# | $\mathcal{L}$ | one number, in nats: how much the text surprised the model, all in all |
#
# Where does it come from? We want a model that finds real text probable: maximum likelihood, as in lesson 8. So we need
# $P(x_1, \dots, x_n)$, one probability for a whole text. A table of all texts is out of the question: with 1,000 tokens
# there are $10^{60}$ texts of 20 tokens. The way out is the definition of conditional probability, $P(A, B) = P(A)\,P(B
# \mid A)$, used again and again:
#
# $$P(x_1, x_2, x_3) = P(x_1, x_2)\,P(x_3 \mid x_1, x_2) = P(x_1)\,P(x_2 \mid x_1)\,P(x_3 \mid x_1, x_2)$$
#
# and in general $P(x_1, \dots, x_n) = \prod_{i=1}^n P(x_i \mid x_{<i})$. Nothing was assumed here: **every** distribution
# over texts can be written so. The logarithm turns the product into a sum, and the minus sign turns "as probable as
# possible" into "as small a loss as possible". That is the print, and it is right.
#
# The step works in the other direction too, and that is what makes it useful. Take *any* rule that gives, for every
# beginning, probabilities of the next token with sum 1. A softmax over logits is such a rule. Then the products are a
# proper distribution over texts: sum over $x_n$ first, the last factor, and it gives 1; then over $x_{n-1}$; and so on to
# the front:
#
# $$\sum_{x_1} P(x_1) \sum_{x_2} P(x_2 \mid x_1) \underbrace{\sum_{x_3} P(x_3 \mid x_1, x_2)}_{1} = \sum_{x_1} P(x_1)
# \underbrace{\sum_{x_2} P(x_2 \mid x_1)}_{1} = 1$$
#
# So a network only has to be right about one token at a time.

# %% [markdown]
# ## By hand
#
# Three tokens, *a*, *b* and *.*, and a rule that looks one token back. Here is the probability of the text *a b .* :

# %%
first = np.array([0.5, 0.5, 0.0])                       # P(x1), in the order a, b, .
following = np.array([[0.1, 0.8, 0.1],                  # P(next | a)
                      [0.5, 0.0, 0.5],                  # P(next | b)
                      [0.0, 0.0, 1.0]])                 # P(next | .): after the end only more ends

p = first[0] * following[0, 1] * following[1, 2]
print(f"P(a b .) = 0.5 · 0.8 · 0.5 = {p:.2f}, so L = −log {p:.2f} = {-math.log(p):.4f} nats = {-math.log2(p):.4f} bits")

total = sum(first[x] * following[x, y] * following[y, z] for x, y, z in itertools.product(range(3), repeat=3))
print(f"all 27 texts of three tokens together: {total:.6f}")
assert math.isclose(p, 0.2) and math.isclose(total, 1)

# %% [markdown]
# Lesson 8 said what $-\log_2$ of a probability is: the number of bits that a code made for these probabilities spends. This
# text would cost a little over two bits.
#
# Now the same with a real model. A GPT with four tokens (0 stands at the start of every text), its random weights made
# larger so that its guesses are far from equal. All 64 texts of three tokens:

# %%
ALL_TEXTS = np.array(list(itertools.product(range(4), repeat=3)))       # (64, 3)


def probability_of_each(model):
    """The product of P(x_i | what the model sees at i) for all 64 texts of three tokens, (64,)."""
    ids = np.hstack([np.zeros((64, 1), int), ALL_TEXTS[:, :-1]])        # start x1 x2
    with no_grad():
        p = F.softmax(model(ids)).numpy().astype(np.float64)            # (64, 3, 4): guesses of x1, x2, x3
    return np.take_along_axis(p, ALL_TEXTS[..., None], axis=-1)[..., 0].prod(axis=1)


def wild(model_class):
    """A model with large random weights: it has strong opinions, and no reason for them."""
    manual_seed(0)
    model = model_class(GPTConfig(vocab_size=4, context=3, n_layers=2, n_heads=2, d_model=16))
    for parameter in model.parameters():
        if parameter.ndim == 2:
            parameter.data *= 15
    return model


probabilities = probability_of_each(wild(GPT))
print(f"largest {probabilities.max():.3f}, smallest {probabilities.min():.1e}, sum of all {probabilities.sum():.6f}")
assert abs(probabilities.sum() - 1) < 1e-5 and probabilities.max() > 10 / 64

# %% [markdown]
# Strong opinions, and still a distribution. Keep this function: later we run it on a model for which the sum is *not* 1.

# %% [markdown]
# ## Two descriptions that contradict it (F10)
#
# The formula is right. The words around it are not, and they disagree with each other:
#
# - document 000 §4.1: an autoregressive model "assumes that the distribution of the current token depends on the
# distribution of the **previous** token";
# - document 004 §2.1: it is "a prediction model based on **future** information, used to generate sequences such as text";
# and §3.2.1: "use **future** text to predict the current text".
#
# The formula has $x_{<i}$: *all* tokens before, and *none* after. Three readings, and the difference can be measured. We
# need real text, so here is the corpus of lesson 10: the documentation that comes with Python. A part of it is held out;
# nothing is learned from that part.

# %% tags=["varies"]
texts = corpus()
learned_from, held_out = ([document.text for document in side] for side in (texts.train, texts.validation))
tokenizer = ByteBPETokenizer.train(learned_from, 1024)
tokens, unseen = (encode_documents(tokenizer, side) for side in (learned_from, held_out))
V, characters = tokenizer.vocab_size, sum(map(len, held_out))
print(f"{len(tokens):,} tokens to learn from, {len(unseen):,} held out, {characters / len(unseen):.2f} characters a token")
pieces = [tokenizer.id_to_piece(i).decode("utf-8", "replace") for i in unseen[:60]]
viz.token_strip(pieces, title="How the held-out text begins, in tokens")

# %% [markdown]
# (A � is half of a character, lesson 10. `encode_documents` puts a `<bos>` before each document and an `<eos>` behind it,
# so that a model can learn how texts begin and end.)
#
# **Reading one: only the previous token.** Then $P(x_i \mid x_{i-1})$ can be counted, as you did in lesson 8 with *The cat
# sat on the mat*: that is a **bigram** model. With the two tokens before it is a trigram model, in general an **n-gram**:
# it looks at $n-1$ tokens and guesses the $n$-th. Long contexts are rarely met twice, so a good n-gram mixes each order
# with the shorter ones (interpolated Kneser–Ney smoothing; Chen and Goodman 1998, §2.7). The library has one, as the method
# that every network here must be compared with: [tinyllm/tour/ngrams.py](../tinyllm/tour/ngrams.py).
#
# Predict before you run: how much better than "only the previous token" is it to look at four?

# %% tags=["varies"]
counted = {n: NGram(tokens, n, V).bits_per_token(unseen) * len(unseen) / characters for n in (1, 2, 3, 5)}
for n, bits in counted.items():
    print(f"looking at {n - 1} token{'s' * (n != 2)} before: {bits:.2f} bits per character")
print(f"so one token before costs {counted[2] / counted[5] - 1:.0%} more bits than four")
assert counted[2] / counted[5] > 1.2

# %% [markdown]
# So whoever takes 000 §4.1 at its word gives away much of what even counting can know. If language depended on the previous
# token only, the n-grams would stop improving at $n = 2$.
#
# **Reading two: only the future.** Perhaps 004 means: predict $x_i$ from what comes *after* it. Is that nonsense? Do the
# derivation again from the other end: $P(x_1, x_2, x_3) = P(x_3)\,P(x_2 \mid x_3)\,P(x_1 \mid x_2, x_3)$. It is just as
# exact! One may read a text backwards. Let the n-grams do so:

# %% tags=["varies"]
backwards = {n: NGram(tokens[::-1], n, V).bits_per_token(unseen[::-1]) * len(unseen) / characters for n in (2, 3, 5)}
for n in backwards:
    print(f"order {n}: forwards {counted[n]:.3f}, backwards {backwards[n]:.3f} bits per character")
    assert abs(backwards[n] / counted[n] - 1) < 0.04

# %% [markdown]
# Almost equal, and for a good reason: both directions describe one distribution, and the true distribution has one entropy.
# So a model that sees *only* the future is a language model. But it cannot go on with a sentence that you began; it could
# only invent what came before your text. For generating text, which is what 004 wants, it is useless.
#
# **Reading three: the past and the future.** Now it becomes treacherous. Take the smallest possible example: two tokens,
# each 0 or 1, always equal. The texts 00 and 11 have probability ½ each, so a text holds exactly 1 bit of information.

# %%
joint = np.array([[0.5, 0.0], [0.0, 0.5]])                              # P(x1, x2)
p1 = joint.sum(axis=1)                                                  # P(x1)
second_given_first = joint / joint.sum(axis=1, keepdims=True)           # P(x2 | x1)
first_given_second = joint / joint.sum(axis=0, keepdims=True)           # P(x1 | x2)
causal = p1[:, None] * second_given_first
both_sides = first_given_second * second_given_first
for name, product in (("past only", causal), ("both sides", both_sides)):
    print(f"{name:10}: P(00) = {product[0, 0]:.1f}, all four texts together {product.sum():.1f}, "
          f"loss of 00: {-math.log2(product[0, 0]) + 0.0:.1f} bits")
assert causal.sum() == 1 and both_sides.sum() == 2

# %% [markdown]
# With both sides, the product claims that 00 has probability 1, and that 11 has probability 1 as well. Together 2: this is
# **no distribution**, and its logarithm measures nothing. The loss of 0 bits looks perfect, and the text still holds 1 bit.
# Each token was explained by the other, and neither by the model. At the end of this lesson we take the mask off a GPT and
# see the same at full size. (Models that see both sides can be trained, but on *hidden* tokens, and their loss is not the
# loss of a text: lesson 19.)

# %% [markdown]
# ## Shift by one
#
# A training example is a piece of the text, and its answers are the same piece one place further:

# %% tags=["varies"]
context = 64
windows = CausalWindows(tokens, context, batch_size=8)
unseen_windows = CausalWindows(unseen, context, batch_size=16)
batch = windows.batch(0)
print("ids", batch["ids"].shape, " targets", batch["targets"].shape)
for t in range(5):
    sees = tokenizer.decode(batch["ids"][0, : t + 1])
    print(f"t = {t}:  after {sees!r}  comes {tokenizer.decode(batch['targets'][0, t : t + 1])!r}")

# %% [markdown]
# One window of $T + 1$ tokens gives $T$ exercises, of which the $t$-th has $t$ tokens to go by. The shift is one line of
# NumPy; the library's [CausalWindows](../tinyllm/data/windows.py) does the same for windows at random places:

# %%
window = np.array([7, 3, 3, 9, 1])                                      # T + 1 = 5 tokens
ids, targets = window[:-1], window[1:]
print(ids, "→", targets)
only = CausalWindows(window, context=4, batch_size=1).batch(0)          # the one window there is
assert np.array_equal(only["ids"], ids[None]) and np.array_equal(only["targets"], targets[None])
assert np.array_equal(batch["ids"][:, 1:], batch["targets"][:, :-1])

# %% [markdown]
# Why can $T$ exercises be answered in *one* pass? Because of the causal mask (lesson 13). Row $t$ of the output was
# computed from rows $0 \dots t$ of the input, so it is the same as if the text ended there. Compare one pass over eight
# tokens with eight passes over its beginnings:

# %%
manual_seed(0)
small = GPT(GPTConfig(vocab_size=50, context=8, n_layers=2, n_heads=2, d_model=32))
ids = np.random.default_rng(0).integers(0, 50, (1, 8))
with no_grad():
    at_once = small(ids).numpy()[0]                                                         # (8, 50)
    one_by_one = np.stack([small(ids[:, : t + 1]).numpy()[0, -1] for t in range(8)])        # (8, 50)
np.testing.assert_allclose(at_once, one_by_one, atol=1e-5)
print("largest difference", float(np.abs(at_once - one_by_one).max()))
print("tokens read: 8 at once,", sum(range(1, 9)), "one by one")

# %% [markdown]
# For a window of $T$ tokens that is $T$ against $T(T+1)/2$ tokens read: at $T = 64$ a factor of 32.5. A recurrent network
# (lesson 16) gets its $T$ guesses in one pass too, but must take the $T$ steps one after the other.

# %% [markdown]
# ## The loss of a real text: sum, mean, bits (F10)
#
# The model answers logits $z$ of shape $(B, T, V)$. The loss of each token is minus the log-softmax at the token that came:

# %%
def my_causal_loss(model, windows):                                     # windows (B, T + 1)
    ids, targets = windows[:, :-1], windows[:, 1:]                      # (B, T) each
    z = model(ids)                                                      # (B, T, V)
    log_p = z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))       # (B, T, V): log of the softmax
    rows, columns = np.indices(targets.shape)
    return -np.mean(log_p[rows, columns, targets])


print(inspect.getsource(Causal.loss))
text = np.random.default_rng(1).integers(0, 50, (3, 9))
mine = my_causal_loss(small, text)
mine.backward()
my_gradient = small.embedding.weight.grad.copy()
small.zero_grad()
library = Causal().loss(small, {"ids": text[:, :-1], "targets": text[:, 1:]})
library.backward()
np.testing.assert_allclose(mine.item(), library.item(), rtol=1e-6)
np.testing.assert_allclose(my_gradient, small.embedding.weight.grad, atol=1e-6)
print(f"loss {library.item():.4f}; a model that knows nothing has log 50 = {math.log(50):.4f}")
assert abs(library.item() - math.log(50)) < 0.1

# %% [markdown]
# The print has a **sum**; this is a **mean**. The sum of a text twice as long is twice as large, and so is its gradient, so
# neither a loss nor a learning rate could be compared between batches. Where the $1/N$ goes in the gradient: lesson 8 found
# $\partial L / \partial z = \text{softmax}(z) - \text{onehot}$ for one token, so for the mean over $N = B \cdot T$ tokens
#
# $$\frac{\partial L}{\partial z_{btv}} = \frac{1}{N}\big(P(v \mid x_{\le t}) - [v = \text{target}_{bt}]\big)$$

# %%
z = Tensor(np.random.default_rng(2).standard_normal((3, 8, 50)), requires_grad=True)
F.cross_entropy(z, text[:, 1:]).backward()
one_hot = np.eye(50)[text[:, 1:]]                                       # (3, 8, 50)
np.testing.assert_allclose(z.grad, (F.softmax(z.data) - one_hot) / (3 * 8), atol=1e-12)
print("each token's gradient sums to", f"{abs(z.grad.sum(axis=-1)).max():.1e}: probability is moved, not made")

# %% [markdown]
# The mean $L$ in nats a token has two other faces.
#
# **Perplexity** is $e^L$. A model that hesitates evenly between $k$ tokens has $L = \log k$ and perplexity $k$: it is the
# number of equally likely choices that would be as hard.
#
# **Bits per character.** A tokenizer with longer tokens has fewer guesses to make, each of them harder. To compare models
# with different tokens, spread the *whole* surprise of the text over something that does not depend on the tokenizer, its
# characters. With $N$ tokens and $M$ characters the text costs $N L$ nats, and a bit is $\ln 2$ nats:
#
# $$\text{bits per character} = \frac{N L}{M \ln 2} = \frac{L}{\ln 2} \cdot \frac{1}{\text{characters per token}}$$
#
# Is the conversion worth the trouble? Two bigram models of the same text, one with 320 kinds of tokens, one with 1,024.
# Predict which has the lower perplexity, and which is better.

# %% tags=["varies"]
coarse = ByteBPETokenizer.train(learned_from, 320)
coarse_tokens, coarse_unseen = (encode_documents(coarse, side) for side in (learned_from, held_out))
perplexity, per_character = {}, {}
for name, size, seen, new in (("320", 320, coarse_tokens, coarse_unseen), ("1,024", V, tokens, unseen)):
    bits = NGram(seen, 2, size).bits_per_token(new)
    perplexity[name], per_character[name] = 2 ** bits, bits * len(new) / characters
    print(f"{name:>5} tokens: perplexity {perplexity[name]:5.1f} a token, {per_character[name]:.2f} bits per character")
assert perplexity["320"] < perplexity["1,024"] and per_character["320"] > per_character["1,024"] + 0.1

# %% [markdown]
# The two orders are opposite. The model with the smaller perplexity is the *worse* one: its guesses are easier because
# there are more of them. Perplexities may be compared only over the same tokens; bits per character always.

# %% [markdown]
# ## Watch it work: pretraining
#
# A GPT of two layers, 64 wide, on windows of 64 tokens, with rotary positions (lesson 11) and Muon (lesson 9) for its
# matrices. We train it twice from the same start: a short run, and one that is five times as long. Each run has a whole
# schedule of its own, because a long run stopped early, at a high learning rate, would look worse than it needs to.

# %%
CONFIG = GPTConfig(vocab_size=V, context=context, n_layers=2, n_heads=4, d_model=64, positions="rotary")
objective = Causal(characters_per_token=characters / len(unseen))


def pretrain(model_class, steps, evaluations):
    manual_seed(0)
    model = model_class(CONFIG)
    config = TrainConfig(steps=steps, optimizer="muon", lr=5e-3, weight_decay=0.05, betas=(0.9, 0.98), workers=1,
                         eval_every=steps // evaluations)
    return model, train(model, objective, windows, unseen_windows, config, progress=False)


# %% tags=["varies"]
STEPS = {"short run": 300, "long run": 1500}
models, curves = {}, {}
for name, steps in STEPS.items():
    models[name], history = pretrain(GPT, steps, evaluations=6 if steps > 300 else 2)
    curves[name] = [(record["step"], record["bits_per_character"]) for record in history.valid]
    print(f"{name}: {steps * 8 * context:,} tokens read, {curves[name][-1][1]:.2f} bits per character on held-out text")
short, long = (curve[-1][1] for curve in curves.values())
assert short < counted[1] - 0.3                         # it learned more than which tokens are frequent
assert long < short - 0.2 and long < counted[2] - 0.05 and long > counted[5]
viz.loss_curve(curves, ylabel="bits per character (held-out text)", title="The network overtakes the bigram, not the 3-gram",
               baselines={f"{n}-gram": bits for n, bits in counted.items()})

# %% [markdown]
# Read the picture honestly. The network passes the bigram: it uses more than the previous token. It does not reach the
# 3-gram, which took a moment to count. A small network that has read the text once cannot yet compete with a table that
# remembers all of it. What speaks for the network is the slope: five times the training brought a large step, and the curve
# still falls, while counting is finished. (The project's tour, `make tour`, trains a network of twice this width for longer
# and draws the same kind of picture.)
#
# ## Where it wins, and where it does not
#
# One number hides much. Here are the losses token by token, in the order of the held-out text:

# %% tags=["varies"]
def token_losses(model):
    """For every held-out token but the first: nats (N,), and how many tokens the model could see (N,), from 1 to 64."""
    nats, seen = [], []
    with no_grad():
        for batch in unseen_windows.evaluation():
            counted_here = batch["targets"] != -100                     # the last window overlaps the one before
            log_p = F.log_softmax(model(batch["ids"])).numpy()          # (B, T, V)
            picked = np.take_along_axis(log_p, np.where(counted_here, batch["targets"], 0)[..., None], axis=-1)[..., 0]
            nats.append(-picked[counted_here])
            seen.append(np.broadcast_to(np.arange(1, context + 1), picked.shape)[counted_here])
    return np.concatenate(nats), np.concatenate(seen)


network, seen = token_losses(models["long run"])
by_count = {n: -np.log(NGram(tokens, n, V).probabilities(unseen))[1:] for n in (2, 5)}
assert len(network) == len(unseen) - 1 == len(by_count[5])
groups = [(1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, 32), (33, 64)]
by_position = [((low + high) / 2, network[(seen >= low) & (seen <= high)].mean()) for low, high in groups]
assert by_position[0][1] > by_position[3][1] + 0.3
viz.lines({"network, long run": by_position}, "tokens it could see (logarithmic)", "nats a token (held-out text)",
          "The network guesses better with more context", logx=True,
          baselines={f"{n}-gram": nats.mean() for n, nats in by_count.items()})

# %% [markdown]
# With one token to go by, the network stands where a bigram stands, and does it worse than counting. Then it improves over
# several tokens, with no one telling it how many to use; beyond about ten, more context brings this small model little.
#
# Now divide the held-out tokens in two: those whose four preceding tokens occurred in just this order in the text we
# learned from, and those for which they did not. Which method will suffer more from a context it has never met?

# %% tags=["varies"]
def packed(row, k=4, bits=10):
    """Each k tokens in a row as one integer."""
    return sum(row[i : len(row) - k + 1 + i].astype(np.int64) << bits * (k - 1 - i) for i in range(k))


known = np.isin(packed(unseen)[:-1], packed(tokens))                    # the context of token 5, 6, …
methods = {"2-gram": by_count[2], "5-gram": by_count[5], "network": network}
table = {name: (nats[3:][known].mean(), nats[3:][~known].mean()) for name, nats in methods.items()}
print(f"{known.mean():.0%} of the contexts of four tokens are known")
for name, (met, new) in table.items():
    print(f"{name:8} known context {met:.2f} nats, new context {new:.2f}, a difference of {new - met:.2f}")
assert table["5-gram"][1] - table["5-gram"][0] > 2 * (table["network"][1] - table["network"][0])
together = -np.log(0.5 * np.exp(-network) + 0.5 * np.exp(-by_count[5]))
print(f"5-gram {by_count[5].mean():.3f}, network {network.mean():.3f}, both probabilities averaged {together.mean():.3f} nats")
assert together.mean() < by_count[5].mean() - 0.01
viz.bars({"5-gram, known": table["5-gram"][0], "5-gram, new": table["5-gram"][1],
          "network, known": table["network"][0], "network, new": table["network"][1]},
         "nats a token (held-out text)", "The 5-gram lives on contexts it has met; the network less so")

# %% [markdown]
# The table is far ahead where it can look up, and much of that lead is gone where it cannot. The network is behind in both,
# but nearly as good on new contexts as on known ones: it does not look up, it **generalises**. And the last line is the
# interesting one. The plain mean of the two probabilities is better than either. So the network knows something that the
# 5-gram does not know. Here that is a small part. But most long contexts of a new text were never written before, and there
# a table has nothing to say; whatever is to be known beyond it must come from something that generalises. That is why one
# trains larger networks on more text, and does not count longer n-grams.

# %% [markdown]
# ## Break it: without the mask (F10)
#
# Now we do what 004 says in words: let the model use the future. One line takes the causal mask away; everything else, the
# text, the targets, the training, stays as in the short run. Predict: will the loss be (a) higher, since the model is
# confused, (b) about the same, (c) lower? And what will it write?

# %%
class WithoutMask(GPT):
    causal = False                                      # the layers may look at every token of the window


probabilities = probability_of_each(wild(WithoutMask))
print(f"64 texts, products of P(x_i | everything): sum {probabilities.sum():.3f}")
assert abs(probabilities.sum() - 1) > 0.1

# %% [markdown]
# With random weights it is already clear that these products are no distribution. With training it becomes a catastrophe
# that looks like a triumph:

# %% tags=["varies"]
unmasked, history = pretrain(WithoutMask, STEPS["short run"], evaluations=6)
curves["without mask"] = [(record["step"], record["bits_per_character"]) for record in history.valid]
claimed = history.valid[-1]
print(f"by its own account: {claimed['bits_per_character']:.2f} bits per character, perplexity {claimed['perplexity']:.2f}")
assert claimed["bits_per_character"] < counted[5] / 4
viz.loss_curve({"masked, long run": curves["long run"], "without mask": curves["without mask"]},
               ylabel="bits per character (held-out text)", title="Without the mask, the loss means nothing",
               baselines={"5-gram": counted[5]})

# %% [markdown]
# By this number it would be one of the best language models there are, on *held-out* text, after a few seconds. The
# validation loss did not warn us, for the validation windows hold the answers too: the target at $t$ is the input at $t +
# 1$, and the model has learned to look one place to the right. What can it do where there is nothing to the right? Let both
# models read 32 held-out tokens and guess the 33rd, which neither can see:

# %% tags=["varies"]
def honest_loss(model, n=400):
    """Nats for a token that the model cannot see: the one after the last."""
    starts = np.random.default_rng(0).integers(0, len(unseen) - 33, n)
    pieces = unseen[starts[:, None] + np.arange(33)].astype(int)                            # (n, 33)
    with no_grad():
        log_p = F.log_softmax(model(pieces[:, :-1])[:, -1]).numpy()                         # (n, V)
    return -log_p[np.arange(n), pieces[:, -1]].mean()


masked_loss, unmasked_loss = honest_loss(models["short run"]), honest_loss(unmasked)
print(f"a guess blindly spread over all tokens: {math.log(V):.2f} nats")
print(f"short run: {masked_loss:.2f} nats    without mask: {unmasked_loss:.2f} nats")
prompt = tokenizer.encode("Return a new")
print("\nshort run:   ", repr(tokenizer.decode(generate(models["short run"], prompt, 30, temperature=0.7, seed=0)[0])))
print("without mask:", repr(tokenizer.decode(generate(unmasked, prompt, 30, temperature=0.7, seed=0, use_cache=False)[0])))
assert unmasked_loss > masked_loss + 1.5 and unmasked_loss > math.log(V) - 0.5

# %% [markdown]
# That is no better than knowing nothing at all, and it is certain of its nonsense: it learned to copy what stands to its
# right, and where nothing stands there it goes on copying. This is what "based on future information" costs. Two habits
# protect you. Be suspicious of a loss that is much better than that of counting. And test the property itself: change a
# token, and no earlier logit may change. That is `test_a_future_token_never_changes_an_earlier_logit` in
# [tests/models/test_gpt.py](../tests/models/test_gpt.py):

# %%
for name, model_class in (("GPT", GPT), ("WithoutMask", WithoutMask)):
    manual_seed(0)
    model = model_class(GPTConfig(vocab_size=50, context=8, n_layers=2, n_heads=2, d_model=32))
    other = ids.copy()
    other[0, 5] = (ids[0, 5] + 1) % 50                  # another token at place 5
    with no_grad():
        change = np.abs(model(ids).numpy() - model(other).numpy()).max(axis=-1)[0]          # (8,)
    print(f"{name:12} largest change of the logits at places 0 … 7:", change.round(3))
    assert (change[:5].max() == 0) == (model_class is GPT)

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/17_causal_pretraining.ipynb](solutions/17_causal_pretraining.ipynb).
#
# **1. Perplexity by hand (warm-up).** A model gave the three tokens of a text the probabilities ½, ¼ and ⅛. What is its
# perplexity? A number, without a computer.

# %%
by_hand = ...

check(1, by_hand)


# %% [markdown]
# **2. Shift.** From windows (B, T + 1) the ids and the targets, (B, T) each: a pair.

# %%
def shift(windows):
    ...


check(2, shift)


# %% [markdown]
# **3. Log-likelihood of a text.** first (V,) is P(x1); following (V, V) holds P(next | before), a row for each token
# before; text (T,) are ids. The logarithm of the probability of the whole text, without a loop.

# %%
def log_likelihood(first, following, text):
    ...


check(3, log_likelihood)


# %% [markdown]
# **4. Perplexity.** From the probabilities p (T,) that a model gave to the tokens that came.

# %%
def perplexity(p):
    ...


check(4, perplexity)


# %% [markdown]
# **5. Bits per character.** From a mean loss in nats a token, the number of tokens and the number of characters.

# %%
def bits_per_character(loss, n_tokens, n_characters):
    ...


check(5, bits_per_character)


# %% [markdown]
# **6. A loss that leaves tokens out.** log_p (T, V) are log-probabilities, targets (T,) ids, and −1 where a token does not
# count (padding, or a place counted already). The mean loss of those that count.

# %%
def counted_loss(log_p, targets):
    ...


check(6, counted_loss)


# %% [markdown]
# **7. Something to think about.** For two tokens with the joint probabilities joint (V, W), all positive, compute the sum
# of $P(x_1 \mid x_2)\,P(x_2 \mid x_1)$ over all texts. Then find out on paper why it is never below 1, and when it is
# exactly 1.

# %%
def total_of_both_sides(joint):
    ...


check(7, total_of_both_sides)

# %% [markdown]
# ## What you can now explain
#
# - Why a product of next-token probabilities is a distribution over texts, whatever network made them, and why that fails
# as soon as one of them looks ahead.
# - What "autoregressive" means: all tokens before, none after. One token before is a bigram; reading backwards is
# legitimate but cannot continue a prompt; both sides at once is a loss without a meaning.
# - How the shift and the mask make $T$ exercises of one window.
# - Loss, perplexity, bits per character: which may be compared with which.
# - Where a small network stands after half a minute: ahead of the bigram, behind longer n-grams, and useful beside them.
#
# The model gives probabilities. How to make text from them is a question of its own: lesson 18.
