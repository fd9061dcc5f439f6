# %% [markdown]
# # 23 · Encoder and decoder
#
# *How can a model write one text about another, and not only go on with its own?*
#
# *Reading 50 min · running 20 s · builds on lessons 8 (likelihood), 13 (masks), 15 (layers) and 17 (causal models)*
#
# **Afterwards you can** derive the product that an encoder-decoder computes, build one from layers and say which token
# looks at which through which of three masks, and test by sums, gradients and changed words that the source is read and the
# future is not.

# %%
import inspect
import itertools
import math

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor, manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.data import SequencePairs
from tinyllm.generation import generate_batch
from tinyllm.models import Seq2Seq, Seq2SeqConfig
from tinyllm.models.stack import start
from tinyllm.nn import (
    Embedding,
    LayerNorm,
    LearnedPositions,
    Linear,
    Module,
    ModuleList,
    MultiHeadAttention,
    TransformerLayer,
    record_attention,
)
from tinyllm.training import SequenceToSequence, TrainConfig, train

lesson = open_lesson("23_encoder_and_decoder")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# The models of lessons 17 to 22 had one text. GPT went on with it, Bert filled its gaps. Many tasks have two: a sentence
# and its translation, an article and its summary, a question and its answer. The second is written *about* the first, and
# two things make this harder than going on:
#
# - the two have different lengths, and usually different orders, so word 5 of one does not stand for word 5 of the other;
# - the first text, the **source**, is there from beginning to end. The second, the **target**, comes into being word by
# word. To the source the causal rule of lesson 17 ("never look ahead") does not apply. To the target it does.
#
# [Lesson 15](15_transformer_layer.ipynb) built the layer for this, with its cross-attention, and let it reverse six
# letters. This lesson takes the step from the layer to the model: what exactly is being computed, why does it have the
# parts it has, and how does one *test* that a model of two texts keeps what it promises?
#
# The toy of this lesson is **unpacking**. The source says how often each letter comes, the target spells it out: `a2c3b1`
# becomes `aacccb`. Six signs in, six out, but rarely on the same places, and with other counts other lengths.

# %% [markdown]
# ## The formula (F9)
#
# Document 001 §4.1 prints it as "the mathematical model" of the Transformer:
#
# $$P(\mathbf{y} \mid \mathbf{x}) = \prod_{t=1}^{T} P(y_t \mid y_{<t}, \mathbf{x})$$
#
# | symbol | shape | what it is |
# |---|---|---|
# | $\mathbf{x}$ | $S$ tokens | the source |
# | $\mathbf{y}$ | $T$ tokens | the target; the last one is a sign that says "end" |
# | $y_{<t}$ | $t - 1$ tokens | the target before place $t$; for $t = 1$ nothing |
# | $P(y_t \mid y_{<t}, \mathbf{x})$ | a number | one entry of a distribution over all $V$ tokens of the vocabulary |
#
# Where does it come from? A conditional probability is defined by $P(a, b) = P(a)\,P(b \mid a)$, and that stays true if
# everything is conditioned on $\mathbf{x}$ as well. Take the target apart from its end:
#
# $$\begin{aligned}
# P(y_1, \dots, y_T \mid \mathbf{x}) &= P(y_1, \dots, y_{T-1} \mid \mathbf{x})\; P(y_T \mid y_1, \dots, y_{T-1}, \mathbf{x}) \\
# &= P(y_1, \dots, y_{T-2} \mid \mathbf{x})\; P(y_{T-1} \mid y_{<T-1}, \mathbf{x})\; P(y_T \mid y_{<T}, \mathbf{x}) = \dots
# \end{aligned}$$
#
# and after $T$ steps nothing is left but the product. **No assumption has been made.** So the formula is no model of the
# Transformer; it holds for every distribution over texts, also for one in a drawer full of index cards. What is particular
# to a model is *how it computes one factor*. The formula only says what a factor may depend on: on all of the source, on
# the target before $t$, and on nothing else. Three promises, and the architecture has to keep them.

# %% [markdown]
# ## By hand
#
# A language with two words, a and b, and the end sign `<`. For one source, here is what could stand on the index cards: for
# each beginning, the probabilities of a, b and the end. To keep it finite, after two words the end is certain.

# %%
cards = {                                               # beginning → P(a), P(b), P(<)
    "":   (0.6, 0.3, 0.1),
    "a":  (0.1, 0.7, 0.2),
    "b":  (0.5, 0.0, 0.5),
    "aa": (0, 0, 1), "ab": (0, 0, 1), "ba": (0, 0, 1), "bb": (0, 0, 1),
}


def probability(text):
    """Π_t P(y_t | y_<t): a factor for each sign of the text, the end sign among them."""
    return math.prod(cards[text[:t]]["ab<".index(text[t])] for t in range(len(text)))


texts = ["<", "a<", "b<", "aa<", "ab<", "ba<", "bb<"]
for text in texts:
    print(f"P({text:3}) = {' · '.join(str(cards[text[:t]]['ab<'.index(text[t])]) for t in range(len(text))):15}"
          f" = {probability(text):.3f}")
print(f"sum = {sum(map(probability, texts)):.3f}")
assert math.isclose(probability("ab<"), 0.6 * 0.7) and math.isclose(sum(map(probability, texts)), 1)

# %% [markdown]
# Two things to see. The **end sign** is a word like any other: P(a) as a whole text is 0.6 · 0.2, the a *and* the decision
# to stop. Without it nothing would say how long a target is, and texts of different lengths could not share one probability
# of
# 1. And the sum is 1, which was not put in anywhere. It follows from the cards' rows being distributions, and in a while it
# will be our first test of a model, so here is why. Sum over the last token first. It occurs only in the last factor, and
# that factor's row sums to 1:
#
# $$\sum_{y_1} \cdots \sum_{y_T} \prod_{t=1}^{T} P(y_t \mid y_{<t}, \mathbf{x})
# = \sum_{y_1} \cdots \sum_{y_{T-1}} \prod_{t=1}^{T-1} P(y_t \mid y_{<t}, \mathbf{x})
# \;\underbrace{\sum_{y_T} P(y_T \mid y_{<T}, \mathbf{x})}_{1} = \dots = 1$$
#
# The step needs that $y_T$ occurs *in no other factor*. A factor that peeks at later words breaks it.

# %% [markdown]
# ## The whole model, as printed (F5, F9)
#
# Document 000 §4.2 gives the architecture, and lesson 15 has run its decoder layer. Now all of it:
#
# $$\begin{aligned}
# \text{encoder}(X) &= \text{LayerNorm}(X + \text{LayerNorm}(W_{\text{pos}}(X) + \text{MultiHeadAttention}(Q, K, V))),
# & X &= \text{encoder}(X) \\
# \text{decoder}(Y) &= \text{LayerNorm}(Y + \text{LayerNorm}(W_{\text{pos}}(Y) + \text{MultiHeadAttention}(Q, K, V))),
# & Y &= \text{encoder}(Y)
# \end{aligned}$$
#
# Line by line. We are generous: the embeddings get positions ($W_{\text{pos}}$ alone cannot know any, lesson 11), and the
# decoder's layer is applied before the last line passes $Y$ through the encoder.

# %%
SIGNS = "·><abcdefgh123"                                # padding, start, end, eight letters, three counts
PAD, START, END = range(3)
V = len(SIGNS)


def encode(text):
    return [SIGNS.index(sign) for sign in text]


def decode(ids):
    return "".join(SIGNS[i] for i in ids)


class PrintedLayer(Module):
    """LayerNorm(X + LayerNorm(W_pos(X) + MultiHeadAttention(X, X, X))): (B, T, C) → (B, T, C)."""

    def __init__(self, d_model, n_heads):
        self.w_pos = Linear(d_model, d_model, bias=False)
        self.attention = MultiHeadAttention(d_model, n_heads)
        self.inner, self.outer = LayerNorm(d_model), LayerNorm(d_model)

    def forward(self, x):
        return self.outer(x + self.inner(self.w_pos(x) + self.attention(x)))


class PrintedModel(Module):
    """Source ids (B, S), decoder ids (B, T) → logits (B, T, V)."""

    def __init__(self, vocab_size, d_model=32, n_heads=4, context=16):
        self.embedding, self.positions = Embedding(vocab_size, d_model), LearnedPositions(context, d_model)
        self.encoder, self.decoder = PrintedLayer(d_model, n_heads), PrintedLayer(d_model, n_heads)
        self.head = Linear(d_model, vocab_size)

    def embed(self, ids):
        return self.embedding(ids) + self.positions(slice(0, ids.shape[1]))

    def forward(self, ids, decoder_ids, attention_mask=None):
        X, Y = self.embed(ids), self.embed(decoder_ids)
        X = self.encoder(X)
        Y = self.decoder(Y)
        Y = self.encoder(Y)                             # "Y = encoder(Y)". X is not needed any more
        return self.head(Y)


def log_probability(model, source, target):
    """log P(y | x) = Σ_t log P(y_t | y_<t, x), of two texts: the decoder reads the target behind a start sign."""
    ids, y = np.array([encode(source)]), np.array(encode(target))               # (1, S), (T,)
    decoder_ids = np.concatenate([[START], y[:-1]])[None]                       # (1, T)
    log_p = F.log_softmax(model(ids, decoder_ids).data[0])                      # (T, V)
    return float(log_p[np.arange(len(y)), y].sum())


def show_table(model):
    table = np.array([[log_probability(model, source, target) for target in TARGETS] for source in SOURCES])
    for source, row in zip(SOURCES, table):
        print(f"x = {source:7}", "  ".join(f"log P({target} | x) = {value:8.4f}" for target, value in zip(TARGETS, row)))
    return table


SOURCES, TARGETS = ["a1", "b3c2", "d2a3e1"], ["a<", "bbbcc<", "ddaaae<"]
manual_seed(0)
printed = PrintedModel(V)
by_source = show_table(printed)
assert (by_source == by_source[0]).all()

# %% [markdown]
# Every column holds one number, to the last digit. $\mathbf{x}$ goes in, is encoded, and the result is dropped: there is no
# path from it to the logits, and so no gradient that training could use. **What a model like this translates, it translates
# alike for every source**; we shall train it below and look. So much for the first promise.
#
# The third is broken as well. Nothing in the print forbids a factor to see the target's later words, $y_t$ included. Then
# the "probabilities" are none. With a vocabulary of $V = 4$ and texts of $T = 3$ one can check the sum by trying all $4^3 =
# 64$ of them. **Predict**: 1, less, or more?

# %%
def total_probability(model, vocab_size=4, length=3):
    """Σ_y Π_t P(y_t | y_<t, x) over all targets of this length, for one source."""
    y = np.array(list(itertools.product(range(vocab_size), repeat=length)))                 # (V^T, T)
    decoder_ids = np.concatenate([np.zeros((len(y), 1), int), y[:, :-1]], axis=1)           # token 0 starts
    ids = np.repeat([[1, 3, 2, 2, 1]], len(y), axis=0)
    log_p = F.log_softmax(model(ids, decoder_ids).data)                                     # (V^T, T, V)
    return float(np.exp(np.take_along_axis(log_p, y[..., None], axis=2).sum(axis=(1, 2))).sum())


totals = []
for seed in range(5):
    manual_seed(seed)
    small = PrintedModel(4).to(dtype=np.float64)
    for p in small.parameters():
        p.data *= 2                                     # a model with opinions, as a trained one has
    totals.append(total_probability(small))
print("Σ over all 64 targets, five printed models:", np.round(totals, 3))
assert min(abs(total - 1) for total in totals) > 0.01

# %% [markdown]
# Neither: any number, now above 1, now below. A loss computed from such factors is not the logarithm of a probability, and
# no two models can be compared by it. (Trained, such a model copies: at the first two places it finds $y_t$ in its own
# input, gives it nearly 1 in every target, and the sum tends to $4 \cdot 4 = 16$. Only $y_3$ stands nowhere in the input.)

# %% [markdown]
# ## Encoder, memory, decoder (F5)
#
# The prose of 000 §4.2 has it right: the decoder has one sublayer more, in which its output meets the encoder's. Let us
# derive the whole from the three promises.
#
# *A factor depends on all of the source.* The source is complete, so its tokens may all look at each other: layers without
# a causal mask, as in Bert. That is the **encoder**. Its result is a row for each source token, $(S, C)$, called the
# **memory**. It does not depend on the target, so it is computed once, however long the target becomes.
#
# *A factor depends on the target before $t$, and on nothing later.* That is a causal stack as in GPT, the **decoder**. It
# reads the target moved one place on behind a start sign, so that the row at place $t$ knows $y_{<t}$ and must say $y_t$.
#
# *The two have to meet.* At place $t$ the decoder must fetch something from the memory, and from where depends on what has
# been written. Content decides which rows are combined: that is attention, with **queries from the target, keys and values
# from the source**.
#
# | attention | queries | keys, values | scores | who may look at whom |
# |---|---|---|---|---|
# | encoder | $(S, C)$ source | $(S, C)$ source | $(S, S)$ | all at all real tokens: **source mask** |
# | decoder, to itself | $(T, C)$ target | $(T, C)$ target | $(T, T)$ | each at itself and before: **causal mask** |
# | decoder, across | $(T, C)$ target | $(S, C)$ memory | $(T, S)$ | all at all real tokens: **source mask** |
#
# In a batch, short sources are filled up, and nobody must take padding for text; hence the source mask, *twice*. Padding
# behind a target needs none: the causal mask hides it from all that stand before it, and what is computed at the padded
# places themselves the loss leaves out. Here are the three for a source of 4 in 6 places and a target of 5:

# %%
source_mask = np.arange(6) < 4                          # (S,)
masks = {
    "encoder": (np.tile(source_mask, (6, 1)), "source", "source"),
    "decoder, itself": (np.tri(5, dtype=bool), "target", "target"),
    "decoder, across": (np.tile(source_mask, (5, 1)), "source", "target"),
}


def cells(ax, matrix, vmax):
    """A matrix as framed cells, row 0 on top."""
    ax.pcolormesh(matrix, cmap="Greys", vmin=0, vmax=vmax, edgecolors="0.6", linewidth=0.6)
    ax.set(aspect="equal", ylim=(len(matrix), 0), xticks=np.arange(matrix.shape[1]) + 0.5, yticks=np.arange(len(matrix)) + 0.5,
           xticklabels=range(matrix.shape[1]), yticklabels=range(len(matrix)))
    ax.grid(False)


with viz.figure(7.6, 3.2) as (fig, ax):
    ax.remove()
    for i, (name, (mask, keys, queries)) in enumerate(masks.items()):
        ax = fig.add_subplot(1, 3, i + 1)
        cells(ax, mask, 1.4)
        ax.set(title=name, xlabel=f"key: {keys}", ylabel=f"query: {queries}")
    fig.suptitle("Three attentions, two masks (dark: may look)", x=0.01, ha="left", fontsize=11, fontweight="bold")
fig

# %% [markdown]
# ## Cross-attention by hand (F5)
#
# It is F1 with rows of two origins. A memory of $S = 3$ rows, a target of $T = 2$, width 2, and no matrices (queries, keys
# and values are the rows themselves). The first target row is like the first memory row, the second has no preference:

# %%
memory = np.array([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0]])                        # (S, C) = (3, 2)
target = np.array([[math.sqrt(2), 0.0], [0.0, 0.0]])                            # (T, C) = (2, 2)
scores = target @ memory.T / math.sqrt(2)                                       # (T, S) = (2, 3)
weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)            # (T, S), each row sums to 1
print("scores\n", scores, "\nweights\n", weights.round(3), "\nfetched\n", (weights @ memory).round(3))
np.testing.assert_allclose(weights @ memory, F.attention(target, memory, memory))
np.testing.assert_allclose(weights, [[0.867, 0.117, 0.016], [1 / 3, 1 / 3, 1 / 3]], atol=5e-4)

# %% [markdown]
# Scores 2, 0, −2 become weights $e^2, 1, e^{-2}$ over their sum, 0.867, 0.117, 0.016. The result has a row for each
# *target* token and is made of *source* rows: $(T, S) \cdot (S, C) = (T, C)$. That is how two lengths meet: the source's
# goes in the product's middle and disappears.

# %% [markdown]
# ## The model, from layers (F5, F9)
#
# `TransformerLayer` is known from lesson 15, with `cross=True` it has the third sublayer. So the model is a short page:

# %%
class EncoderDecoder(Module):
    """P(y | x) = Π_t P(y_t | y_<t, x). Source ids (B, S), decoder ids (B, T) → logits (B, T, V)."""

    def __init__(self, vocab_size, d_model, n_heads, n_layers, context):
        self.embedding = Embedding(vocab_size, d_model)                         # one table for both texts and the answer
        self.source_positions, self.positions = LearnedPositions(context, d_model), LearnedPositions(context, d_model)
        layers = {"activation": "relu"}
        self.encoder = ModuleList(TransformerLayer(d_model, n_heads, **layers) for _ in range(n_layers))
        self.decoder = ModuleList(
            TransformerLayer(d_model, n_heads, causal=True, cross=True, **layers) for _ in range(n_layers)
        )
        self.memory_norm, self.norm = LayerNorm(d_model), LayerNorm(d_model)

    def encode(self, ids, source_mask):
        x = self.embedding(ids) + self.source_positions(slice(0, ids.shape[1]))             # (B, S, C)
        for layer in self.encoder:
            x = layer(x, mask=source_mask)                                                  # mask 1
        return self.memory_norm(x)                                                          # the memory (B, S, C)

    def decode(self, decoder_ids, memory, source_mask):
        y = self.embedding(decoder_ids) + self.positions(slice(0, decoder_ids.shape[1]))    # (B, T, C)
        for layer in self.decoder:
            y = layer(y, source=memory, source_mask=source_mask)                            # mask 2 (causal) and mask 3
        return F.linear(self.norm(y), self.embedding.weight)                                # (B, T, V)

    def forward(self, ids, decoder_ids, attention_mask=None):
        source_mask = None if attention_mask is None else attention_mask.astype(bool)[:, None, None, :]     # (B, 1, 1, S)
        return self.decode(decoder_ids, self.encode(ids, source_mask), source_mask)


print(inspect.getsource(Seq2Seq.encode), inspect.getsource(Seq2Seq.decode), inspect.getsource(Seq2Seq.forward), sep="\n")

# %% [markdown]
# These are the library's three methods ([tinyllm/models/seq2seq.py](../tinyllm/models/seq2seq.py)); its layers stand in two
# [`Stack`s](../tinyllm/models/stack.py), one for each text. Same weights, same answers, same gradients?

# %%
def library_name(name):
    """What the library calls a parameter of ours."""
    places = {"source_positions": "encoder.positions", "positions": "decoder.positions", "memory_norm": "encoder.norm",
              "norm": "decoder.norm", "encoder": "encoder.layers", "decoder": "decoder.layers"}
    part, _, rest = name.partition(".")
    return f"{places.get(part, part)}.{rest}"


CONFIG = Seq2SeqConfig(V, context=16, n_layers=2, n_heads=4, d_model=32, positions="learned", start_id=START)
manual_seed(0)
library = Seq2Seq(CONFIG).to(dtype=np.float64)
mine = EncoderDecoder(V, 32, 4, 2, 16).to(dtype=np.float64)
theirs = library.state_dict()
mine.load_state_dict({name: theirs[library_name(name)] for name, _ in mine.named_parameters()})

rng = np.random.default_rng(0)
ids, decoder_ids = rng.integers(3, V, (3, 6)), rng.integers(3, V, (3, 5))
attention_mask = (np.arange(6) < np.array([[6], [4], [2]])).astype(int)
g = rng.standard_normal((3, 5, V))
gradients = []
for model in (mine, library):
    logits = model(ids, decoder_ids, attention_mask)
    logits.backward(g)
    gradients.append({name: p.grad for name, p in model.named_parameters()})
np.testing.assert_allclose(mine(ids, decoder_ids, attention_mask).data, logits.data, rtol=1e-9)
for name, gradient in gradients[0].items():
    np.testing.assert_allclose(gradient, gradients[1][library_name(name)], rtol=1e-7, atol=1e-9)
assert len(gradients[0]) == len(gradients[1])
print(f"logits and {len(gradients[0])} gradients agree; {library.n_parameters():,} parameters")

# %% [markdown]
# ## Three promises, tested (F9)
#
# 1. Change a source token: every factor may move. Change source *padding*: none does.
# 2. Change a target token at place 3: the factors after it move.
# 3. The factors before it do not, to the last bit.
#
# And all probabilities sum to 1. For the model as printed, the same rows beside it:

# %%
def moved(model):
    """By how much the logits at each of five places move: a source token, source padding, target token 3 changed."""
    ids, decoder_ids = np.array([[3, 9, 4, 10, PAD, PAD]]), np.array([[START, 3, 4, 4, 3]])
    mask = (ids != PAD).astype(int)
    before = model(ids, decoder_ids, mask).data[0]                              # (T, V)
    table = {}
    changes = {"source token": (ids, 1), "source padding": (ids, 5), "target token 3": (decoder_ids, 3)}
    for name, (row, place) in changes.items():
        changed = row.copy()
        changed[0, place] = 5
        inputs = (changed, decoder_ids) if row is ids else (ids, changed)
        table[name] = np.abs(model(*inputs, mask).data[0] - before).max(axis=1)             # (T,)
    return table


for name, model in (("as printed", printed.to(dtype=np.float64)), ("encoder-decoder", mine)):
    print(name)
    for what, by_place in moved(model).items():
        print(f"    {what:15} changed: logits at places 0–4 move by", by_place.round(4))
promises = moved(mine)
assert (promises["source token"] > 1e-6).all() and (promises["source padding"] == 0).all()
assert (promises["target token 3"][:3] == 0).all() and (promises["target token 3"][3:] > 1e-6).all()
assert not moved(printed)["source token"].any() and moved(printed)["target token 3"].all()

manual_seed(0)
four_words = Seq2Seq(Seq2SeqConfig(4, context=8, n_layers=1, d_model=32, positions="learned")).to(dtype=np.float64)
for p in four_words.parameters():
    p.data *= 2
print(f"Σ over all 64 targets: {total_probability(four_words):.12f}")
assert math.isclose(total_probability(four_words), 1, rel_tol=1e-12)

# %% [markdown]
# Note what the sum adds to the three: nothing. It *follows* from them, and finds out if any factor sees what it must not.
# These properties are tested for drawn shapes and configurations in
# [tests/models/test_seq2seq.py](../tests/models/test_seq2seq.py):
# `test_a_future_target_token_never_changes_an_earlier_logit`,
# `test_every_logit_depends_on_every_source_token_and_on_every_earlier_target_token`, and
# `test_padding_of_the_source_changes_no_output_and_no_gradient`.
#
# One convenience comes with the causal mask, as in lesson 17: in training all $T$ factors are computed at once. The decoder
# is given the *true* target behind the start sign, not what it would have written. (This is called **teacher forcing**, and
# has its price: [lesson 24](24_sequence_to_sequence.ipynb).)

# %% [markdown]
# ## Watch it work: unpacking (F9)
#
# Two to five different letters of eight, each with a count from 1 to 3. The test's sources do not occur in training.
# `SequencePairs` makes the batches: sources filled up and their mask, decoder ids behind the start sign, targets with the
# end.

# %%
def unpacking(n, seed=0):
    """n different sources of 2 to 5 letters, and their targets."""
    rng, pairs = np.random.default_rng(seed), {}
    while len(pairs) < n:
        letters = rng.permutation(list("abcdefgh"))[: rng.integers(2, 6)]
        counts = rng.integers(1, 4, len(letters))
        pairs["".join(f"{letter}{count}" for letter, count in zip(letters, counts))] = "".join(np.repeat(letters, counts))
    return pairs


every = unpacking(5000)
order = np.random.default_rng(1).permutation(list(every)).tolist()
test, learn = ({source: every[source] for source in part} for part in (order[:800], order[800:]))
learn_pairs, test_pairs = (
    SequencePairs([encode(x) for x in pairs], [encode(y) for y in pairs.values()], 64, 10, 16, PAD, START, END)
    for pairs in (learn, test)
)
first = learn_pairs.batch(0)
print(list(learn.items())[:3], f"…  {len(learn):,} pairs to learn from, {len(test)} to test")
for name in ("ids", "decoder_ids", "targets"):
    print(f"{name:12}", decode(np.maximum(first[name][0], PAD)))


# %% tags=["varies"]
def taught(model, steps=1000):
    config = TrainConfig(steps=steps, lr=5e-3, warmup=40, schedule="linear", min_lr=0.0, log_every=10, workers=1)
    return train(model, SequenceToSequence(), learn_pairs, None, config, progress=False)


def started(kind):
    """A model of one layer a side. All matrices start small, N(0, 0.02²), as GPT's: the library's start learns as well, but
    from small weights the attention that is learned is easier to read."""
    model = kind(Seq2SeqConfig(V, context=16, n_layers=1, n_heads=4, d_model=32, positions="learned", start_id=START))
    manual_seed(0)
    start(model)
    return model


model = started(Seq2Seq)
history = taught(model)
written = generate_batch(model, [encode(source) for source in test], 16, greedy=True, stop=[END])
right = np.mean([decode(ids) == target for ids, target in zip(written, test.values())])
print(f"{model.n_parameters():,} parameters; whole targets right, on sources never seen: {right:.1%}")
assert right > 0.95

# %% [markdown]
# `generate_batch` writes as lesson 18 did: the likeliest sign, one after the other, until the end sign. The memory is
# computed once, and the decoder keeps keys and values of what it wrote.
#
# Now the model as printed, trained on the same pairs. It cannot be asked to write by `generate_batch`, but by the plain
# loop:

# %% tags=["varies"]
def write(model, source, longest=15):
    ids, written = np.array([encode(source)]), [START]
    with no_grad():
        while len(written) <= longest and written[-1] != END:
            written.append(int(model(ids, np.array([written])).numpy()[0, -1].argmax()))
    return decode(written[1:])


manual_seed(0)
printed = PrintedModel(V)
printed_history = taught(printed, 200)
some = list(test)[:5]
for source in some:
    print(f"{source:9} wanted {test[source] + '<':13} encoder-decoder {write(model, source):13}",
          "as printed", write(printed, source))
assert len({write(printed, source) for source in test}) == 1
assert all(write(model, source) == test[source] + "<" for source in some)
n = np.arange(2, 6)                                     # letters; ln of the number of targets, with n a fair draw itself
n_targets = np.array([math.perm(8, k) * 3**k for k in n])
blind = (math.log(4) + np.log(n_targets).mean()) / (2 * n + 1).mean()
ends = [records.train[-1]["loss"] for records in (history, printed_history)]
print(f"loss at the end: encoder-decoder {ends[0]:.3f}, as printed {ends[1]:.3f}; least without the source {blind:.3f}")
assert ends[0] < 0.02 and ends[1] < 0.8 * blind

# %% [markdown]
# One translation for all sources, as foretold, and what a translation: nothing but the end sign. Why that one? In training
# this model sees $y_t$ in its input when it has to say $y_t$, and learns to copy it (lesson 15 told that story; its loss is
# far below the least that is possible for an honest model that does not see the source). Only behind the last letter there
# is nothing to copy, and there the answer was always "end". When it writes by itself, every place is the last.

# %% [markdown]
# ## Why a memory of S rows (F5)
#
# Before there was attention, the encoder's last state, *one* vector, was all that a decoder got (Sutskever et al. 2014).
# Bahdanau et al. (2015) gave it all of the encoder's rows and an attention over them; that is where attention comes from.
# What did one vector cost? Squeeze our memory into the mean of its real rows, and leave everything else as it is.
# **Predict**: for how many letters will it still work?

# %% tags=["varies"]
class OneVector(Seq2Seq):
    """The memory is one row: the mean of the source's."""

    def forward(self, ids, decoder_ids, attention_mask):
        real = attention_mask[:, :, None].astype(np.float32)                                # (B, S, 1)
        memory = self.encode(ids, attention_mask)                                           # (B, S, C)
        return self.decode(decoder_ids, (memory * real).sum(axis=1, keepdims=True) / real.sum(axis=1, keepdims=True))


def right_by_letters(model):
    """(number of letters in the source, share of whole targets right, the decoder reading the true target)."""
    curve = []
    for n in range(2, 6):
        pairs = {x: y for x, y in test.items() if len(x) == 2 * n}
        rows = SequencePairs([encode(x) for x in pairs], [encode(y) for y in pairs.values()], 800, 10, 16, PAD, START, END)
        batch = next(rows.evaluation())
        with no_grad():
            guess = model(batch["ids"], batch["decoder_ids"], batch["attention_mask"]).numpy().argmax(axis=2)
        curve.append((n, float(((guess == batch["targets"]) | (batch["targets"] < 0)).all(axis=1).mean())))
    return curve


squeezed = started(OneVector)
taught(squeezed)
by_letters = {"a row a token (attention chooses)": right_by_letters(model), "one vector": right_by_letters(squeezed)}
for name, curve in by_letters.items():
    print(f"{name:34}", ", ".join(f"{n} letters {share:.0%}" for n, share in curve))
assert min(share for _, share in by_letters["a row a token (attention chooses)"]) > 0.9
assert by_letters["one vector"][0][1] > 0.8 and by_letters["one vector"][3][1] < 0.2
fig = viz.lines(by_letters, "letters in the source", "share of whole targets right", "One vector holds two letters, not five")
fig.axes[0].set_xticks([2, 3, 4, 5])
fig

# %% [markdown]
# 32 numbers are enough for two letters and their counts, mostly, and too few for five. (With this much training. More of
# it, or a wider vector, moves the limit and does not remove it.) A memory that grows with the source has no such limit.
#
# ## Where it looks, and what reaches what (F5)
#
# Cross-attention's weights say where a place of the target looks in the memory. They do not say what the answer *depends*
# on: a memory row has seen other source tokens through the encoder, and the decoder has ways around. The gradient does say
# it. For each factor, differentiate $\log P(y_t \mid y_{<t}, \mathbf{x})$ with respect to what enters the encoder for
# source token $s$, a vector of $C$ numbers, and take the length of that gradient:
#
# $$G_{ts} = \left\lVert \frac{\partial \log P(y_t \mid y_{<t}, \mathbf{x})}{\partial x_s} \right\rVert
# \qquad (T, S)$$
#
# **Predict** before you look. The source is `b3e1d2`. When the second b is to be written, which tokens does it depend on,
# and will it depend on `d`?

# %% tags=["varies"]
def influence(model, source, target, padding=0):
    """G (T, S): how strongly each factor's logarithm depends on each source token; and on the decoder's input, (T, T)."""
    ids, y = np.array([encode(source) + [PAD] * padding]), np.array(encode(target))
    mask = (ids != PAD).astype(int)
    of_source, of_target = [], []
    for t in range(len(y)):
        x = Tensor(model.embed(ids).data, requires_grad=True)                               # (1, S, C)
        y_in = Tensor(model.embed(np.concatenate([[START], y[:-1]])[None]).data, requires_grad=True)        # (1, T, C)
        h = model.decoder.run(y_in, None, None, model.encoder.run(x, mask), mask)           # (1, T, C)
        F.log_softmax(model.logits(h))[0, t, y[t]].backward()
        of_source.append(np.linalg.norm(x.grad[0], axis=1))
        of_target.append(np.linalg.norm(y_in.grad[0], axis=1))
    return np.array(of_source), np.array(of_target)


source, target = "b3e1d2", "bbbedd<"
with no_grad(), record_attention(model) as maps:
    model(np.array([encode(source)]), np.array([[START, *encode(target[:-1])]]))
(looks,) = maps["decoder.layers.0.cross_attention"]                             # (1, H, T, S)
reaches, within = influence(model, source, target, padding=2)
assert not reaches[:, len(source):].any() and reaches[:, : len(source)].all()
assert not within[np.triu_indices(len(target), 1)].any()
print("gradient at the two places of padding:", reaches[:, len(source):].max(), " at later target tokens:",
      np.triu(within, 1).max())
letters, counts = slice(0, None, 2), slice(1, None, 2)
assert (looks[0].mean(axis=0)[:6, letters].sum(axis=1) > 0.6).all()
viz.heatmap(looks[0].mean(axis=0).round(2), "source token", "token to be written", "Cross-attention looks at letters",
            label="weight, mean of the heads", values=True, rows=list(target), columns=list(source))

# %% tags=["varies"]
share = reaches[:, : len(source)] / reaches[:, : len(source)].sum(axis=1, keepdims=True)
assert share[2:4, 1].min() > 0.07 and share[3:, counts].sum(axis=1).min() > 0.2
viz.heatmap(share.round(2), "source token", "token to be written", "The answer depends on the counts as well",
            label="share of the gradient, by row", values=True, rows=list(target), columns=list(source))

# %% [markdown]
# The two maps differ, and it is worth knowing how. Cross-attention looks at *letters*: at b while b is written, then on to
# e and d. Until the end sign is due (last row), it hardly looks at the rows of the counts. From that alone one might
# conclude that the model does not read them. But it writes the right number of each, and the gradient says by what: when
# the third b is due, and again when the first e is, the 3 has a share between an eighth and a quarter (machines round
# differently and end with different weights). The encoder's attention has carried the count into the letter's row, and the
# decoder fetches both from there. **An attention map shows where a row is fetched, not what is in it.** (The gradient is no
# last word either. It says what a small change of an input would do, and where a token's meaning is settled, a small change
# does little.)

# %% [markdown]
# ## Break it: queries and keys change places
#
# Cross-attention takes queries from the target, keys and values from the source. Suppose somebody mixes them up: queries
# from the source, keys and values from the target. The result has a row for each *source* token, $(S, C)$, and is to be
# added to the target's stream, $(T, C)$. **Predict** what happens (a) if $S \neq T$, (b) if $S = T$.

# %% tags=["varies"]
class Swapped(MultiHeadAttention):
    """Cross-attention with its two inputs mixed up."""

    def forward(self, x, source=None, mask=None, causal=False, cache=None, where=None, score_bias=None):
        return super().forward(source, x)               # asks with the source, looks at the target


manual_seed(0)
swapped = Seq2Seq(model.config)
swapped.load_state_dict(model.state_dict())
for layer in swapped.decoder.layers:
    wrong = Swapped(32, 4)
    wrong.load_state_dict(layer.cross_attention.state_dict())
    layer.cross_attention = wrong

try:
    swapped(np.array([encode("a2b1")]), np.array([[START, *encode("aab")[:2]]]))
except ValueError as error:
    print("S = 4, T = 3: ValueError:", error)
else:
    raise AssertionError("it should not run")
source, target = "a2b3", "aab<"                         # not right, but of one length: S = T = 4
leaks = {name: influence(one, source, target)[1] for name, one in (("right", model), ("swapped", swapped))}
for name, within in leaks.items():
    print(f"S = T = 4, {name}: largest gradient at a later target token {np.triu(within, 1).max():.3f}")
assert not np.triu(leaks["right"], 1).any() and np.triu(leaks["swapped"], 1).max() > 0.01

with viz.figure(7.0, 3.4) as (fig, ax):
    ax.remove()
    for i, (name, within) in enumerate(leaks.items()):
        ax = fig.add_subplot(1, 2, i + 1)
        cells(ax, within / within.sum(axis=1, keepdims=True), 1.0)
        ax.set(title=name, xlabel="token the decoder reads", ylabel="token to be written",
               xticklabels=[">", *target[:-1]], yticklabels=list(target))
    fig.suptitle("Swapped, each factor depends on later words (dark: much of its gradient)",
                 x=0.01, ha="left", fontsize=11, fontweight="bold")
fig

# %% [markdown]
# (a) A shape error, which is luck: the error is found in the first batch in which the lengths differ. (b) It runs. Every
# source token asks, and gets a mixture of *all* target tokens, because no causal mask stands in cross-attention; the
# mixture is added to the target's row that has the same number. So row $t$ depends on later words, the sum over all targets
# is not 1, and the training loss would be too good, for the reason of [lesson 17](17_causal_pretraining.ipynb). A task
# whose texts all have one length (reverse six letters, for instance) hides the shape error for ever. The test that finds
# (b) is `test_a_future_target_token_never_changes_an_earlier_logit`, which changes words and needs no training.

# %% [markdown]
# ## Break it: the source mask forgotten
#
# The same trained model, asked twice about the same sources: once each by itself, once filled up to the length of a longer
# neighbour, *without* the mask. Nothing else changes. **Predict**: how many places of padding does it take to do harm?

# %% tags=["varies"]
three = [x for x in test if len(x) == 6]


def right_when_padded(padding, with_mask):
    """Share of whole targets right for sources of three letters, with so many places of padding behind them."""
    rows = SequencePairs([encode(x) for x in three], [encode(test[x]) for x in three], 800, 16, 16, PAD, START, END)
    batch = next(rows.evaluation())
    ids = np.pad(batch["ids"], ((0, 0), (0, padding)), constant_values=PAD)
    mask = (ids != PAD).astype(int) if with_mask else None
    with no_grad():
        guess = model(ids, batch["decoder_ids"], mask).numpy().argmax(axis=2)
    return float(((guess == batch["targets"]) | (batch["targets"] < 0)).all(axis=1).mean())


padded = {name: [(n, right_when_padded(n, with_mask)) for n in range(0, 11, 2)]
          for name, with_mask in (("with the source mask", True), ("without", False))}
for name, curve in padded.items():
    print(f"{name:22}", ", ".join(f"{n}: {share:.0%}" for n, share in curve))
assert len({share for _, share in padded["with the source mask"]}) == 1
assert padded["without"][-1][1] < 0.5 * padded["with the source mask"][-1][1]
viz.lines(padded, "places of padding behind the source", "share of whole targets right",
          "Without its mask, a source's answer depends on its neighbours' length")

# %% [markdown]
# Two places are enough to spoil nearly all answers. No error, no warning; and tested with single sentences, where there is
# no padding, everything is fine. It looks like a model that is good at times, and it depends on *who else is in the batch*.
# The padding sign has an embedding like any other sign, so it has a row in the memory, with key and value, and a share of
# each softmax. Of both places where the mask belongs, the encoder and the cross-attention, neither may be left out. The
# test `test_padding_of_the_source_changes_no_output_and_no_gradient` fills sources up on either side and compares with the
# sources alone.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/23_encoder_and_decoder.ipynb](solutions/23_encoder_and_decoder.ipynb).
#
# **1. Shapes (warm-up).** 2 sources of 7 tokens, targets of 5, width 32 in 4 heads, a vocabulary of 100. Which shapes have
# the memory, the scores of a cross-attention with all its heads, and the logits? Three tuples.

# %%
memory_shape = ...
cross_scores_shape = ...
logits_shape = ...

check(1, ... if memory_shape is ... else (memory_shape, cross_scores_shape, logits_shape))


# %% [markdown]
# **2. The product (F9's left side).** From logits (T, V) and the target's ids (T,), the number $\log P(\mathbf{y} \mid
# \mathbf{x})$. You may use `F.log_softmax`.

# %%
def log_probability_of(logits, y):
    ...


check(2, log_probability_of)


# %% [markdown]
# **3. Which mask?** From the sources' lengths (B,), the batch's S and T, the mask of cross-attention as booleans of shape
# (B, 1, T, S), true where a target token may look.

# %%
def cross_mask(lengths, S, T):
    ...


check(3, cross_mask)


# %% [markdown]
# **4. Cross-attention.** Target rows y (T, C), memory m (S, C), matrices w_q, w_k (C, D) and w_v (C, E) → (T, E). You may
# use `F.attention`.

# %%
def cross_attention(y, m, w_q, w_k, w_v):
    ...


check(4, cross_attention)


# %% [markdown]
# **5. How large?** The number of parameters of an `EncoderDecoder` as above, with learned positions: vocabulary V, width C,
# context N, n layers in the encoder and as many in the decoder, feed-forward networks 4C wide, all linear layers and norms
# with biases. (Lesson 15 counted an encoder's layer: $12C^2 + 13C$.)

# %%
def n_parameters(V, C, N, n):
    ...


check(5, n_parameters)


# %% [markdown]
# **6. When does it end?** A model of index cards: after $t - 1$ words without an end, the end comes with probability $e_t$,
# whatever the words are. From e (N,), how probable is it that a text has ended after at most N signs (the end sign
# counted)?

# %%
def ended(e):
    ...


check(6, ended)


# %% [markdown]
# **7. Something to think about.** The memory gets its gradient by two ways, as keys and as values. Take cross-attention
# without matrices, $O = PM$ with $P = \text{softmax}(YM^\top / \sqrt{C})$, and $g = \partial L / \partial O$, (T, C). Find
# $\partial L / \partial M$, (S, C), without a loop. (Lesson 12's exercises 5 and 6 are its two halves.)

# %%
def gradient_of_memory(y, m, g):
    ...


check(7, gradient_of_memory)

# %% [markdown]
# ## What you can now explain
#
# - Where $P(\mathbf{y} \mid \mathbf{x}) = \prod_t P(y_t \mid y_{<t}, \mathbf{x})$ comes from, that it assumes nothing, and
# what it demands of each factor.
# - Why the end sign is a word, and why the probabilities of all targets sum to 1 only if no factor peeks.
# - Encoder, memory, decoder: which rows ask and which are asked, with the shapes $(S, S)$, $(T, T)$ and $(T, S)$.
# - Which two masks the three attentions need, and what happens without.
# - Why the memory has a row for every source token.
# - What a gradient map shows that an attention map does not.
#
# The product can also be computed by a GPT that reads source and target as one text; nothing in F9 forbids it, and [lesson
# 30](30_summarisation.ipynb) compares. What teacher forcing costs when the model has to write by itself is the question of
# [lesson 24](24_sequence_to_sequence.ipynb).
