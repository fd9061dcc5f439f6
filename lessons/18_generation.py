# %% [markdown]
# # 18 · Generation
#
# *The model has given probabilities. How do they become a text?*
#
# *Reading 40 min · running 30 s · builds on lessons 8 (softmax), 13 (causal masks) and 17 (causal pretraining)*
#
# **Afterwards you can** draw tokens from a distribution, say what temperature, top-k, top-p and a repetition penalty do to
# it, measure why always taking the likeliest token ends in a loop, and derive the key–value cache that makes generation
# fast.

# %%
import math
import time

import numpy as np

import tinyllm.functional as F
from tinyllm import manual_seed, no_grad, viz
from tinyllm.backend import randomness
from tinyllm.book import open_lesson
from tinyllm.data import CausalWindows, corpus
from tinyllm.generation import StopFilter, generate, generate_text, sampling
from tinyllm.models import GPT, GPTConfig
from tinyllm.nn import RotaryPositions
from tinyllm.tokenizers import ByteBPETokenizer
from tinyllm.training import Causal, TrainConfig, evaluate, train
from tinyllm.training.corpora import encode_documents

lesson = open_lesson("18_generation")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question (T6)
#
# A language model does not write. Give it a text and it answers one distribution: for each of $V$ tokens, how probable it
# is as the next one. Document 001 §3.2 describes the rest in one sentence, its fourth step: "the decoder predicts the
# probability distribution of the next token, and then **draws from it** to generate the sequence". As a formula:
#
# $$x_t \sim p(\,\cdot \mid x_1, \dots, x_{t-1}), \qquad t = n + 1, n + 2, \dots$$
#
# That is right, and it is all there is: draw, append, ask again. By the product rule (lesson 17) a text made in this way
# has exactly the probability that the model gives to it. The sentence leaves three questions open, and this lesson answers
# them: how does one draw? Is drawing from *this* distribution what we want? And must the model read everything again for
# each new token?

# %% [markdown]
# ## Drawing, by hand
#
# Four tokens with probabilities 0.5, 0.2, 0.2 and 0.1. Lay them side by side on a line from 0 to 1, throw a dart $u$ that
# is equally likely to land anywhere, and take the token it hits. The ends of the pieces are the cumulative sums:

# %%
p = np.array([0.5, 0.2, 0.2, 0.1])
ends = np.cumsum(p)
print("the pieces end at", ends)
for u in (0.1, 0.49, 0.6, 0.95):
    print(f"u = {u:4}: token {np.sum(ends <= u)}")
assert [int(np.sum(ends <= u)) for u in (0.1, 0.49, 0.6, 0.95)] == [0, 0, 1, 3]

# %% [markdown]
# Token $i$ is drawn when $u$ lies between the sum of the probabilities before it and that sum plus $p_i$, an interval of
# length $p_i$: so it is drawn with probability $p_i$. In code, from logits:

# %%
def my_draw(logits, u):                                 # (..., V) and (...) → (...)
    ends = np.cumsum(F.softmax(logits), axis=-1)        # (..., V)
    return np.sum(ends <= np.asarray(u)[..., None], axis=-1)


rng = np.random.default_rng(0)
logits, u = rng.standard_normal((1000, 6)), rng.random(1000)
assert np.array_equal(my_draw(logits, u), sampling.draw(logits, u))
drawn = sampling.draw(np.tile(np.log(p), (20_000, 1)), rng.random(20_000))
shares = np.bincount(drawn, minlength=4) / 20_000
print("wanted", p, " drawn", shares)
assert np.abs(shares - p).max() < 0.01

# %% [markdown]
# All chance is in $u$. With the same $u$ the same token is drawn, and so a text can be made again from a seed. The
# library's `draw` ([tinyllm/generation/sampling.py](../tinyllm/generation/sampling.py)) does the sum in float64 and refuses
# logits that hold NaN; otherwise it is the same.

# %% [markdown]
# ## A model to write with
#
# The GPT of lesson 17 on Python's documentation, trained for a little while (about 20 seconds):

# %%
texts = corpus()
learned_from, held_out = ([document.text for document in side] for side in (texts.train, texts.validation))
tokenizer = ByteBPETokenizer.train(learned_from, 1024)
tokens, unseen = (encode_documents(tokenizer, side) for side in (learned_from, held_out))
V, context = tokenizer.vocab_size, 128
manual_seed(0)
model = GPT(GPTConfig(vocab_size=V, context=context, n_layers=2, n_heads=4, d_model=64, positions="rotary"))
config = TrainConfig(steps=700, optimizer="muon", lr=5e-3, weight_decay=0.05, betas=(0.9, 0.98), workers=1)
history = train(model, Causal(), CausalWindows(tokens, context, batch_size=4), None, config, progress=False)
model.eval()


def probabilities(text):
    """p(next token | text), (V,)."""
    with no_grad():
        return F.softmax(model(np.array([tokenizer.encode(text)])).numpy()[0, -1].astype(np.float64))


def piece(i):
    return tokenizer.id_to_piece(i).decode("utf-8", "replace")


# %% tags=["varies"]
PROMPT = "Return the"
likely = np.argsort(-probabilities(PROMPT))[:12]
viz.bars({viz.style.visible(piece(i)): probabilities(PROMPT)[i] for i in likely}, "probability",
         f"After {PROMPT!r}: the twelve likeliest of {V:,} tokens (· is a space)")

# %% [markdown]
# Now the loop of the formula. It fits into a few lines:

# %%
def my_generate(model, prompt, n, seed):
    text = list(prompt)
    with randomness(seed, 0) as rng, no_grad():
        for _ in range(n):
            logits = model(np.array([text])).numpy()[0, -1]             # (V,): what may come after the last token
            text.append(int(my_draw(logits, rng.random())))
    return text[len(prompt):]


prompt = tokenizer.encode(PROMPT)
mine = my_generate(model, prompt, 40, seed=0)
assert mine == generate(model, prompt, 40, seed=0)[0]
print("my_generate and the library's generate draw the same 40 tokens")

# %% tags=["varies"]
print(PROMPT + tokenizer.decode(mine))

# %% [markdown]
# ## The long tail (T6)
#
# Drawing from the distribution as it is: is that what we want? Each improbable token is improbable, but there are many.
# Predict: how much probability lies outside the 50 likeliest of the 1,024 tokens, in the mean over places of real text?

# %% tags=["varies"]
with no_grad():
    batch = next(CausalWindows(unseen, context, batch_size=32).evaluation())
    p_next = F.softmax(model(batch["ids"]).numpy().reshape(-1, V).astype(np.float64))       # (32 · 128, V)
inside = np.cumsum(-np.sort(-p_next, axis=1), axis=1).mean(axis=0)                          # (V,): mass of the k likeliest
tail = 1 - inside[49]
print(f"outside the 50 likeliest: {tail:.0%} of the probability, at most {np.sort(p_next, axis=1)[:, -51].mean():.1%} a token")
for n in (10, 30, 100):
    print(f"a text of {n:3} tokens without one from the tail: about one in {(1 - tail) ** -n:,.0f}")
assert tail > 0.1
viz.lines({"the model, over held-out text": (np.arange(1, V + 1), inside)}, "k (logarithmic)",
          "probability of the k likeliest tokens", "The tail is thin and long, and adds up", logx=True,
          baselines={"all": 1.0})

# %% [markdown]
# So nearly every drawn text of some length contains tokens from the tail. And the tail is where a model knows least: there
# its probabilities are mostly a remainder that training has not yet pushed down. One such token is often enough to derail
# what follows, for the model must now go on from a text that is unlike everything it learned from. Of the four rules that
# follow, three thin or cut the tail, each in its own way.

# %% [markdown]
# ## Four rules
#
# **Temperature.** Divide the logits by a number $T$ before the softmax: $p_i \propto e^{z_i / T}$. What does that do? Take
# two tokens and look at the logarithm of the ratio of their probabilities:
#
# $$\log \frac{p_i}{p_j} = \frac{z_i}{T} - \frac{z_j}{T} = \frac{1}{T} \log \frac{p_i^{(1)}}{p_j^{(1)}}$$
#
# At $T = \tfrac12$ all ratios are squared: what was twice as probable is now four times as probable. For $T \to 0$ all
# probability goes to the likeliest token; always taking that one is called **greedy**. For $T \to \infty$ all ratios go to
# 1: every token is equally likely, and the model has no say any more.
#
# **Top-k** (Fan et al. 2018, §5.4) keeps the $k$ likeliest tokens and shares the probability out among them.
#
# **Top-p**, or nucleus sampling (Holtzman et al. 2020, §3.1), keeps as many of the likeliest as are needed to reach
# probability $p$. Where the model is sure that is one token, where it is not it may be hundreds: top-k with a $k$ that fits
# the place.
#
# **Repetition penalty** (Keskar et al. 2019, §4.1) lowers the logits of what has already been said, by a factor $\theta >
# 1$: positive logits are divided by it, negative ones multiplied. (The paper divides always; a negative logit would then
# *rise*. And logits have no natural zero: add a constant to all of them, and the softmax stays but this rule changes. It is
# a rule of thumb.)
#
# What is excluded gets the logit $-\infty$, so that the rules can follow one another. Each is a few lines:

# %%
def my_top_k(logits, k):
    smallest_kept = np.sort(logits, axis=-1)[..., -k, None]             # (..., 1)
    return np.where(logits >= smallest_kept, logits, -np.inf)


def my_top_p(logits, p):
    order = np.argsort(-logits, axis=-1)                                # likeliest first
    q = np.take_along_axis(F.softmax(logits), order, axis=-1)
    before = np.cumsum(q, axis=-1) - q                                  # what the likelier ones add up to
    kept = np.take_along_axis(before < p, np.argsort(order, axis=-1), axis=-1)      # back in the tokens' order
    return np.where(kept, logits, -np.inf)


def my_repetition_penalty(logits, seen, theta):                         # logits (V,), seen (T,)
    said = np.isin(np.arange(len(logits)), seen)
    return np.where(said, np.where(logits > 0, logits / theta, logits * theta), logits)


logits = rng.standard_normal((200, 30)) * 3
for k in (1, 5, 30):
    assert np.array_equal(my_top_k(logits, k), sampling.top_k(logits, k))
for share in (0.1, 0.5, 0.9):
    assert np.array_equal(my_top_p(logits, share), sampling.top_p(logits, share))
seen = rng.integers(0, 30, 12)
np.testing.assert_allclose(my_repetition_penalty(logits[0], seen, 1.3), sampling.repetition_penalty(logits[0], seen, 1.3))
np.testing.assert_allclose(F.softmax(sampling.temperature(logits, 0.5)), F.softmax(logits) ** 2
                           / np.sum(F.softmax(logits) ** 2, axis=-1, keepdims=True))
print("top-k, top-p, penalty and temperature agree with the library")

# %% [markdown]
# What they do to one small distribution. Which of the five rows has the lowest entropy? Guess first.

# %%
names = ["as it is", "temperature 0.5", "temperature 2", "top-k, k = 3", "top-p, p = 0.6"]
z = np.log([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
rows = np.array([F.softmax(rule) for rule in (z, z / 0.5, z / 2.0, my_top_k(z, 3), my_top_p(z, 0.6))])      # (5, 6)
entropy = -np.sum(rows * np.log2(np.maximum(rows, 1e-300)), axis=1)
for name, bits in zip(names, entropy):
    print(f"{name:16} {bits:.2f} bits")
assert entropy.argmin() == 4 and entropy.argmax() == 2
np.testing.assert_allclose(rows[4, :2], [0.4 / 0.65, 0.25 / 0.65])
viz.heatmap(rows, "token", "rule", "Temperature changes ratios; cutting keeps them",
            label="probability", values=True, rows=names, columns=list("abcdef"))

# %% [markdown]
# Top-p with $p = 0.6$ keeps two tokens: the first alone has 0.4, not enough; with the second it is 0.65. Among those that
# stay, ratios are as before.
#
# And on the real model: the mean entropy of its distributions over held-out text against the temperature.

# %% tags=["varies"]
def mean_entropy(t):
    q = p_next ** (1 / t)                                               # p^(1/T), renormalised, is the softmax of z/T
    q /= q.sum(axis=1, keepdims=True)
    return float(-np.sum(q * np.log2(np.maximum(q, 1e-300)), axis=1).mean())


by_temperature = [(t, mean_entropy(t)) for t in (0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0, 10.0)]
heights = [bits for _, bits in by_temperature]
assert heights == sorted(heights) and heights[0] < 1 and heights[-1] > 0.95 * math.log2(V)
viz.lines({"mean entropy of the next token": by_temperature}, "temperature (logarithmic)", "bits a token",
          "From certainty to noise: temperature sets the surprise", logx=True,
          baselines={"all tokens equally likely": math.log2(V)})

# %% tags=["varies"]
for name, how in {"greedy": {"greedy": True}, "T = 0.5": {"temperature": 0.5}, "T = 1": {}, "T = 2": {"temperature": 2.0},
                  "T = 1, top-p 0.8": {"top_p": 0.8}}.items():
    text = generate_text(model, tokenizer, PROMPT, 50, seed=1, **how)[0]
    print(f"{name:>16}: {PROMPT}{text.replace(chr(10), ' ')}\n")

# %% [markdown]
# Greedy text goes round in circles; hot text is noise; what lies between reads best, and no setting makes this small model
# wise. How many tokens does top-p keep on the way?

# %% tags=["varies"]
kept = np.isfinite(sampling.top_p(np.log(p_next), 0.9)).sum(axis=1)
print(f"top-p 0.9 keeps {kept.min()} to {kept.max()} of {V:,} tokens, at half of the places more than {np.median(kept):.0f}")
assert kept.min() < 10 and kept.max() > 100

# %% [markdown]
# ## Greedy goes round in circles
#
# One would think that the likeliest token each time makes the best text. Let us measure. 24 beginnings, each continued by
# 60 tokens, at several temperatures. Of each text we ask what share of its sequences of four tokens occurred in it before:
# a loop repeats everything. And how probable does the model itself find the text? For both, held-out text of the same
# length is the measure to meet.

# %% tags=["varies"]
def repeated(ids, n=4):
    """Share of a text's n-token sequences that occurred in it before."""
    grams = [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
    return 1 - len(set(grams)) / len(grams)


def surprise(prompts, continuations):
    """Mean nats a token that the model itself, at temperature 1, gives to the continuations (n, m) of prompts (n, k)."""
    with no_grad():
        log_p = F.log_softmax(model(np.hstack([prompts, continuations])[:, :-1])).numpy()[:, prompts.shape[1] - 1 :]
    return float(-np.take_along_axis(log_p, continuations[..., None], axis=-1).mean())


starts = np.random.default_rng(0).integers(0, len(unseen) - 68, 24)
real = unseen[starts[:, None] + np.arange(68)].astype(int)
prompts, real = real[:, :8], real[:, 8:]                                # (24, 8), (24, 60)
repeats, nats = [], []
for t in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2):
    how = {"temperature": t} if t else {"greedy": True}
    written = np.array([generate(model, row, 60, seed=i, **how)[0] for i, row in enumerate(prompts)])       # (24, 60)
    repeats.append((t, float(np.mean([repeated(list(row)) for row in written]))))
    nats.append((t, surprise(prompts, written)))
real_repeats, real_nats = float(np.mean([repeated(list(row)) for row in real])), surprise(prompts, real)
print(f"repeated sequences: greedy {repeats[0][1]:.0%}, at temperature 1 {repeats[5][1]:.0%}, real text {real_repeats:.0%}")
assert repeats[0][1] > repeats[5][1] + 0.3 and repeats[0][1] > real_repeats + 0.3
viz.lines({"written by the model": repeats}, "temperature (0: greedy)", "repeated 4-token sequences (share)",
          "The colder, the more the text repeats itself", baselines={"real text": real_repeats})

# %% tags=["varies"]
assert nats[0][1] < 0.7 * real_nats and nats[0][1] < nats[3][1] < nats[5][1] < nats[6][1]
viz.lines({"written by the model": nats}, "temperature (0: greedy)", "nats a token, by the model's own account",
          "Greedy text is far more probable than real text", baselines={"real text": real_nats})

# %% [markdown]
# That is the key to it (Holtzman et al. 2020, figure 2, show the same for a large model). Real text is *not* the most
# probable text: people write to say something, so they choose, again and again, a word that was not the likeliest. Text
# that is likely at every single step says nothing, and once a phrase has been said twice, a third time is what the model
# finds likeliest of all: a loop reinforces itself. Only near $T = 1$ is the text as surprising as real text, and there a
# small model pays with nonsense from its tail. (Real text repeats itself a little, too: names, headings, phrases. Text
# drawn at $T = 1$ from a small model does not even do that.) Cutting the tail with top-p, at a temperature near 1, is the
# usual compromise.
#
# Why does a greedy text that repeats itself never get out? Because nothing else can happen: if the model could see only the
# last $m$ tokens, then as soon as the same $m$ tokens stand there again, the next token is the same again, and so is the
# one after it.
#
# ## Where to stop
#
# A text ends at the end token `<eos>`, which the model learned to predict at the end of each document; or at a string that
# you name; or after a number of tokens. One detail deserves care. The stop `END` may arrive in pieces, `E`, then `ND`. If
# text is shown while it is written, the `E` must be held back until it is clear what it begins:

# %%
stop = StopFilter([b"END"], b"")
shown = [stop.push(arriving) for arriving in (b"the ", b"E", b"lf", b" E", b"ND and more")]
print(shown, "stopped:", stop.stopped)
assert shown == [b"the ", b"", b"Elf", b" ", b""] and stop.stopped

# %% [markdown]
# ## Not reading everything again: the cache (T6)
#
# `my_generate` reads the whole text for each new token: after a prompt of one token, $1 + 2 + \dots + n = n(n+1)/2$
# positions for $n$ tokens. But lesson 17 showed that with a causal mask no later token changes anything at an earlier
# place. The same vectors are computed again and again.
#
# What does a *new* token need from the earlier ones? Follow it through a layer. Linear layers, norms and the feed-forward
# network work on each position alone. Only attention looks elsewhere, and there the new token needs the *keys* and *values*
# of the earlier ones, not their queries: row $t$ of the attention is $\text{softmax}(q_t K^\top / \sqrt{d})\,V$. So keep
# $K$ and $V$ of every layer. For a new token compute one query, one key, one value; append the last two; answer one row.

# %%
rng = np.random.default_rng(0)
x, (w_q, w_k, w_v) = rng.standard_normal((6, 8)), rng.standard_normal((3, 8, 8))            # 6 tokens, C = D = 8
whole = F.attention(x @ w_q, x @ w_k, x @ w_v, causal=True)                                 # (6, 8): all at once

keys, values, rows = np.empty((0, 8)), np.empty((0, 8)), []
for t in range(6):
    keys = np.vstack([keys, x[t] @ w_k])                                                    # (t + 1, 8)
    values = np.vstack([values, x[t] @ w_v])
    weights = F.softmax(x[t] @ w_q @ keys.T / math.sqrt(8))                                 # (t + 1,): one row
    rows.append(weights @ values)
np.testing.assert_allclose(rows, whole, rtol=1e-12)
print("row by row with a cache = all rows with a causal mask; largest difference", np.abs(rows - whole).max())

# %% [markdown]
# No mask is needed: the future is simply not there yet. The library keeps a cache for each layer
# ([tinyllm/nn/cache.py](../tinyllm/nn/cache.py)); `model(ids, cache=cache)` reads only what is new.

# %%
ids = np.array([tokenizer.encode("Return a new string with all the characters of the file.")])
cache = model.make_cache()
with no_grad():
    at_once = model(ids).numpy()                                                            # (1, T, V)
    prompt_part = model(ids[:, :5], cache=cache).numpy()                                    # five tokens at once …
    rest = [model(ids[:, t : t + 1], cache=cache).numpy() for t in range(5, ids.shape[1])]  # … then one by one
np.testing.assert_allclose(np.concatenate([prompt_part, *rest], axis=1), at_once, atol=1e-4)
print("positions in the cache:", cache.length, " each with a key and a value in", len(cache), "layers")

# %% tags=["varies"]
def seconds(use_cache):
    """Time until the n-th token stands there, for n = 1 … 120."""
    start, times = time.perf_counter(), []
    text, cache = [tokenizer.bos_id], model.make_cache()
    with no_grad():
        for _ in range(120):
            logits = model(np.array([text[-1:]]), cache=cache) if use_cache else model(np.array([text]))
            text.append(int(logits.numpy()[0, -1].argmax()))
            times.append(time.perf_counter() - start)
    return text, times


(with_cache, fast), (without, slow) = seconds(True), seconds(False)
print(f"120 tokens: {fast[-1]:.2f} s with a cache, {slow[-1]:.2f} s without; the same tokens: {with_cache == without}")
n = np.arange(1, 121)
assert fast[-1] < slow[-1]
viz.lines({"every position again": (n, np.array(slow) * 1000), "with a cache": (n, np.array(fast) * 1000)},
          "tokens written", "milliseconds since the start", "With a cache, each token costs about the same")

# %% [markdown]
# The cache is paid for in memory: a key and a value of $C$ numbers for each layer and position. For this model that is
# little. For one with 32 layers, $C = 4096$, 2 bytes a number and 32,000 tokens of context:

# %%
def cache_bytes(layers, width, tokens, bytes_a_number):
    return 2 * layers * width * tokens * bytes_a_number


print(f"this model: {cache_bytes(2, 64, context, 4) / 2**10:.0f} KiB")
print(f"the large one: {cache_bytes(32, 4096, 32_000, 2) / 2**30:.1f} GiB")
arrays = [array for layer in model.make_cache().layers for array in (layer._keys, layer._values)]
assert sum(array.nbytes for array in arrays) == cache_bytes(2, 64, context, 4)

# %% [markdown]
# That is why large models let several query heads share keys and values (lesson 13): with 8 pairs of key and value heads
# for 32 query heads, the cache is a quarter as large.

# %% [markdown]
# ## Break it: the wrong position in the cache
#
# The new token comes alone, as an array of length 1. Its position is not 0, but the number of tokens in the cache. Two
# mistakes are easy to make: forget it, so that every new token believes it stands at 0; or count from 1, so that the new
# tokens stand one too far along. Positions here are rotary: only differences of positions matter (lesson 11). Predict:
# which of the two mistakes is worse, and would you notice the other one by reading the text?

# %%
class Forgotten(RotaryPositions):
    """Every token that comes alone gets position 0."""

    def forward(self, x, where):
        return super().forward(x, slice(0, 1) if where.stop - where.start == 1 else where)


class OneTooFar(RotaryPositions):
    """Every token that comes alone gets the position after its own."""

    def forward(self, x, where):
        return super().forward(x, slice(where.start + 1, where.stop + 1) if where.stop - where.start == 1 else where)


def loss_with_cache(positions, prompt=16, n=32):
    """Nats a token on held-out text, read as in generation: a prompt at once, then one token after the other."""
    starts = np.random.default_rng(1).integers(0, len(unseen) - prompt - n - 1, 64)
    pieces = unseen[starts[:, None] + np.arange(prompt + n + 1)].astype(int)                # (64, prompt + n + 1)
    rotary = [layer.attention.rotary for layer in model.layers]
    for layer in model.layers:
        layer.attention.rotary = positions(16, context)
    cache, nats = model.make_cache(64), []
    with no_grad():
        model(pieces[:, :prompt], cache=cache)
        for t in range(prompt, prompt + n):
            log_p = F.log_softmax(model(pieces[:, t : t + 1], cache=cache).numpy()[:, -1])  # (64, V)
            nats.append(-log_p[np.arange(64), pieces[:, t + 1]].mean())
    for layer, right in zip(model.layers, rotary):
        layer.attention.rotary = right
    return float(np.mean(nats))


# %% tags=["varies"]
losses = {name: loss_with_cache(positions) for name, positions in
          (("right", RotaryPositions), ("one too far", OneTooFar), ("always 0", Forgotten))}
print(", ".join(f"{name} {nats:.3f}" for name, nats in losses.items()), "nats a token")
excess = {name: losses[name] - losses["right"] for name in ("one too far", "always 0")}
assert losses["always 0"] > losses["right"] + 0.05 and abs(losses["one too far"] - losses["right"]) < 0.03
viz.bars(excess, "nats a token above the right model's", "One mistake shows, the other hides")

# %% [markdown]
# Position 0 for every token costs much: neighbours look as if they stood on each other and far from the prompt. The other
# mistake hardly shows, for all new tokens are shifted alike; only the distance between them and the prompt is wrong, by
# one. No reader would notice it, and no error is raised. (With learned positions it would be worse.) Such a mistake is
# found by one kind of test only: the cached computation must equal the full one, `test_the_cache_equals_full_recomputation`
# in [tests/models/test_gpt.py](../tests/models/test_gpt.py), and for whole texts in
# [tests/generation/test_generate.py](../tests/generation/test_generate.py).
#
# ## Break it: temperature zero, and dropout left on
#
# Two more. What should $T = 0$ do? The formula divides by 0. The library refuses, and says what you may have meant:

# %%
try:
    generate(model, prompt, 5, temperature=0.0)
except ValueError as error:
    print("ValueError:", error)
some = np.log(p_next[:50])                                              # logits at 50 places, (50, V)
cold = sampling.temperature(some, 1e-6)
assert np.array_equal(sampling.draw(cold, np.full(50, 0.999)), sampling.greedy(some))                   # T → 0: greedy
nearly_even = F.softmax(sampling.temperature(some, 1e4))
np.testing.assert_allclose(nearly_even, 1 / V, rtol=0.01)                                               # T → ∞: uniform
print(f"at T = 10,000 every token has probability 1/{1 / nearly_even.mean():.0f}")

# %% [markdown]
# And dropout. In training it sets random entries to zero; in generation it is noise added to every logit. `model.eval()`
# turns it off. Forget that, and even greedy text, in which nothing is drawn, is different each time:

# %% tags=["varies"]
noisy = GPT(GPTConfig(vocab_size=V, context=context, n_layers=2, n_heads=4, d_model=64, positions="rotary", dropout=0.2))
noisy.load_state_dict(model.state_dict())
pieces = CausalWindows(unseen[: 20 * context + 1], context, batch_size=20)
off = evaluate(noisy, Causal(), pieces.evaluation(), workers=1)["loss"]                     # evaluate calls eval()
manual_seed(0)
noisy.train()
start = np.array([prompt])
with no_grad():
    on = Causal().loss(noisy, next(pieces.evaluation())).item()
    guesses = [int(noisy(start).numpy()[0, -1].argmax()) for _ in range(20)]
noisy.eval()
print(f"dropout off {off:.2f} nats, on {on:.2f}")
print("twenty times the likeliest token after", repr(PROMPT), ":", sorted({piece(i) for i in guesses}))
assert on > off + 0.05 and len(set(guesses)) > 1
assert generate(noisy.train(), prompt, 20, greedy=True) == generate(noisy.train(), prompt, 20, greedy=True)

# %% [markdown]
# The last line shows that the library's `generate` turns it off by itself, and gives the mode back afterwards:
# `test_dropout_is_off_and_the_mode_comes_back_and_nothing_leaks_across_a_yield`.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/18_generation.ipynb](solutions/18_generation.ipynb).
#
# **1. Temperature in your head (warm-up).** Two tokens have probabilities 0.8 and 0.2. Which two have they at $T =
# \tfrac12$, exactly? A tuple of two numbers.

# %%
at_half = ...

check(1, at_half)


# %% [markdown]
# **2. Draw.** Probabilities p (V,) with sum 1, and u in [0, 1): the token, an integer.

# %%
def draw_token(p, u):
    ...


check(2, draw_token)


# %% [markdown]
# **3. Temperature on probabilities.** p (V,), all positive, and $T$: the new probabilities (V,). You have no logits here.

# %%
def with_temperature(p, t):
    ...


check(3, with_temperature)


# %% [markdown]
# **4. Top-k on probabilities.** p (V,) without equal entries, and k: the new probabilities (V,), 0 for what is cut, with
# sum 1.

# %%
def keep_top_k(p, k):
    ...


check(4, keep_top_k)


# %% [markdown]
# **5. How many does top-p keep?** p (V,) and a share in (0, 1]: the number of tokens in the smallest set of likeliest ones
# whose probabilities reach the share.

# %%
def kept_by_top_p(p, share):
    ...


check(5, kept_by_top_p)


# %% [markdown]
# **6. One step with a cache.** Keys (T, D) and values (T, E) so far; query (D,), key (D,) and value (E,) of the new token.
# The new token's row of attention, (E,). (It looks at itself too.)

# %%
def cached_step(keys, values, query, key, value):
    ...


check(6, cached_step)


# %% [markdown]
# **7. Something to think about.** A model's next-token probabilities at $n$ places are the rows of p (n, V). If one draws
# with temperature $T$, what is the *expected* surprise at each place, in nats, measured by the model itself at temperature
# 1? A vector (n,). (At which $T$ is it the entropy of p?)

# %%
def expected_surprise(p, t):
    ...


check(7, expected_surprise)

# %% [markdown]
# ## What you can now explain
#
# - How one uniform number becomes a token, and why a seed makes a text repeatable.
# - What temperature does to ratios of probabilities, what top-k and top-p keep, and why the tail must be cut at all.
# - Why the likeliest token each time leads into a loop, and why real text is less probable than a model's own.
# - What the cache keeps, why that is enough, what it saves in time and costs in memory; and which test proves it.
#
# A GPT sees only one side. For understanding a text rather than continuing it, both sides are there to be seen: lesson 19.
