# %% [markdown]
# # 15 · The Transformer layer
#
# *What is in one layer, how much of it is there, and what do the printed ones leave out?*
#
# *Reading 45 min · running 40 s · builds on lessons 7 (linear layers), 8 (likelihood), 13 (masks, heads) and 14 (norms,
# sums)*
#
# **Afterwards you can** write an encoder layer and a decoder layer from their parts, count their parameters and
# multiplications by hand, say which property each part owes us, and find the faults of a printed Transformer block by
# tests.

# %%
import inspect
import math

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor, manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.nn import (
    Embedding,
    FeedForward,
    LayerNorm,
    LearnedPositions,
    Linear,
    Module,
    ModuleList,
    MultiHeadAttention,
    TransformerLayer,
    record_attention,
)
from tinyllm.optim import AdamW

lesson = open_lesson("15_transformer_layer")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# All parts are on the table: attention with heads and masks (lessons 12 and 13), norms and residual sums (14), linear
# layers and bends (7). This lesson puts them together. Then it does something that you will do often in your working life:
# it takes two pieces of somebody else's description of a Transformer, one in formulas and one in code, which look right at
# first sight, and finds out by *tests* what they really do.
#
# Shapes throughout: $B$ texts, $T$ tokens each, $C$ the width of the residual stream, $H$ heads of $D = C/H$.

# %% [markdown]
# ## The feed-forward half (F7)
#
# Attention moves information *between* tokens. What it brings has to be worked on, and that is done for each token by
# itself, by the same small network everywhere. The Transformer paper (Vaswani et al. 2017, equation 2):
#
# $$\text{FFN}(x) = \max(0, x W_1 + b_1)\, W_2 + b_2$$
#
# | symbol | shape | what it is |
# |---|---|---|
# | $x$ | $(..., C)$ | rows of the stream; no row looks at another |
# | $W_1, b_1$ | $(C, 4C), (4C,)$ | up to four times the width |
# | $W_2, b_2$ | $(4C, C), (C,)$ | back down, so that the result can be *added* to the stream |
#
# Document 002 prints it twice, differently: §4.1 says $g(X) = h_1(h_2(X))$, and §4.2 says $h_1(X) =
# \text{ReLU}(\text{Linear}(X))$, $h_2(X) = \text{Linear}(h_1(X))$, $g(X) = \text{Linear}(h_2(X))$. [Lesson
# 7](07_linear_layers.ipynb) runs both: the first applies the bend last, the second has two linear maps at the end that
# collapse into one. Here only the shapes matter, for they come back below: what comes out must be as wide as what went in.
#
# By hand, $C = 2$ and four hidden numbers. The row (1, −2) and this $W_1$ give (1, −2, −1, 3); the bend leaves (1, 0, 0,
# 3); $W_2$ adds up its first and its last row, (1, 0) and 3 · (0, 1):

# %%
w1 = np.array([[1.0, 0.0, -1.0, 1.0], [0.0, 1.0, 0.0, -1.0]])                   # (C, 4): x W₁, as in the paper
w2 = np.array([[1.0, 0.0], [0.0, 5.0], [5.0, 0.0], [0.0, 1.0]])                 # (4, C)
x = np.array([[1.0, -2.0]])
print(x @ w1, "→", np.maximum(0, x @ w1), "→", np.maximum(0, x @ w1) @ w2)
np.testing.assert_array_equal(np.maximum(0, x @ w1) @ w2, [[1.0, 3.0]])

layer = FeedForward(2, 4, activation="relu").to(dtype=np.float64)               # the library keeps (out, in)
for linear, w in ((layer.up, w1), (layer.down, w2)):
    linear.weight.data[...], linear.bias.data[...] = w.T, 0
np.testing.assert_array_equal(layer(x).data, [[1.0, 3.0]])

# %% [markdown]
# What is it good for? Document 000's encoder formula does without (lesson 14). Let us see what that costs. A table of $56
# \times 56$ entries, each one of 16 colours, drawn at random: nothing to understand, only to remember. A "text" of two
# tokens names a row and a column, and the model must say the colour. One layer with a feed-forward network, one without,
# and, to be fair, as many layers without as make up for the missing parameters.

# %% tags=["varies"]
N, COLOURS, SMALL = 56, 16, 24
table = np.random.default_rng(5).integers(0, COLOURS, (N, N))


class Remember(Module):
    """Two tokens (row, column) → logits of a colour, with or without feed-forward networks."""

    def __init__(self, n_layers, feed_forward):
        self.rows, self.columns = Embedding(N, SMALL), Embedding(N, SMALL)
        self.attentions = ModuleList(MultiHeadAttention(SMALL, 4) for _ in range(n_layers))
        self.networks = ModuleList(FeedForward(SMALL) for _ in range(n_layers if feed_forward else 0))
        self.norms = ModuleList(LayerNorm(SMALL) for _ in range(n_layers * (1 + feed_forward) + 1))
        self.out = Linear(SMALL, COLOURS)

    def forward(self, rows, columns):
        x = np.stack([self.rows(rows), self.columns(columns)], axis=1)          # (B, 2, C)
        norms = iter(self.norms)
        for i, attention in enumerate(self.attentions):
            x = x + attention(next(norms)(x))
            if len(self.networks):
                x = x + self.networks[i](next(norms)(x))
        return self.out(next(norms)(x))[:, 1]                                   # (B, COLOURS)


def remembered(n_layers, feed_forward, steps=80):
    manual_seed(0)
    model = Remember(n_layers, feed_forward)
    optimizer = AdamW(model.parameters(), lr=1e-2)
    rows, columns = (index.ravel() for index in np.indices((N, N)))
    for _ in range(steps):
        loss = F.cross_entropy(model(rows, columns), table.ravel())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = (model(rows, columns).data.argmax(axis=1) == table.ravel()).mean()
    return right, model.n_parameters() - 2 * N * SMALL                          # without the embeddings, which all share


recall = {}
for name, n_layers, feed_forward in (
    ("1 layer with", 1, True), ("1 layer without", 1, False), ("3 layers without", 3, False),
):
    recall[name], n_parameters = remembered(n_layers, feed_forward)
    print(f"{name} a feed-forward network: {n_parameters:6,} parameters, {recall[name]:.0%} of {N * N:,} entries remembered")
assert min(recall["1 layer with"], recall["3 layers without"]) > recall["1 layer without"] + 0.15
viz.bars(recall, "share of the table remembered",
         "A layer without its feed-forward half remembers less", baseline=1 / COLOURS, baseline_name="guessing")

# %% [markdown]
# One layer without its feed-forward half remembers clearly less. But three of them, with as many parameters, do at least as
# well as the one with it: on this task the network is no magic, it is *room*, and it is the cheap kind of room, as the next
# section counts: its cost does not grow with the length of the text.

# %% [markdown]
# ## Assembling the encoder layer
#
# In pre-norm order (lesson 14), with everything named. This is the whole thing:

# %%
class EncoderLayer(Module):
    """x ← x + attention(norm(x)), then x ← x + network(norm(x)): (B, T, C) → (B, T, C)."""

    def __init__(self, d_model, n_heads):
        self.attention, self.attention_norm = MultiHeadAttention(d_model, n_heads), LayerNorm(d_model)
        self.feed_forward, self.feed_forward_norm = FeedForward(d_model), LayerNorm(d_model)

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))                          # between tokens
        return x + self.feed_forward(self.feed_forward_norm(x))                 # within each token


manual_seed(0)
mine, library = EncoderLayer(32, 4), TransformerLayer(32, 4)
library.load_state_dict(mine.state_dict())                                      # the same weights, by name
x = np.random.default_rng(0).standard_normal((2, 6, 32)).astype(np.float32)
g = np.random.default_rng(1).standard_normal((2, 6, 32)).astype(np.float32)
gradients = []
for layer in (mine, library):
    leaf = Tensor(x, requires_grad=True)
    layer(leaf).backward(g)
    gradients.append([leaf.grad, *(p.grad for p in layer.parameters())])
np.testing.assert_allclose(mine(x).data, library(x).data, atol=1e-6)
for a, b in zip(*gradients, strict=True):
    np.testing.assert_allclose(a, b, atol=1e-4)
print("values and", len(gradients[0]), "gradients agree")
print(inspect.getsource(TransformerLayer.forward))

# %% [markdown]
# The library's `forward` ([tinyllm/nn/transformer.py](../tinyllm/nn/transformer.py)) has a middle part for decoders, which
# comes below, and passes masks, caches and positions through.
#
# ## How much is in it?
#
# **Predict first**: which half holds more parameters, attention or the feed-forward network? Count, with biases:
#
# | part | matrices | biases | sum |
# |---|---|---|---|
# | attention: Q, K, V, output | $4 \cdot C^2$ | $4C$ | $4C^2 + 4C$ |
# | feed-forward: up, down | $2 \cdot 4C^2$ | $4C + C$ | $8C^2 + 5C$ |
# | two norms: weight, bias | | $2 \cdot 2C$ | $4C$ |
# | **layer** | | | $12C^2 + 13C$ |
#
# The number of heads does not occur: heads are a way of *cutting* the width.

# %%
def parameters_of_layer(C):
    return {"attention": 4 * C**2 + 4 * C, "feed-forward": 8 * C**2 + 5 * C, "norms": 4 * C}


for C, n_heads in ((32, 1), (32, 4), (768, 12)):
    counted = sum(parameters_of_layer(C).values())
    print(f"C = {C}, {n_heads} heads: by hand {counted:,}, library {TransformerLayer(C, n_heads).n_parameters():,}")
    assert counted == 12 * C**2 + 13 * C == TransformerLayer(C, n_heads).n_parameters()

gpt2 = 50_257 * 768 + 1_024 * 768 + 12 * (12 * 768**2 + 13 * 768) + 2 * 768
print(f"GPT-2 small: tokens + positions + 12 layers + last norm = {gpt2:,}")
assert gpt2 == 124_439_808
millions = {"tokens": 50_257 * 768, "positions": 1_024 * 768} | {
    part: 12 * count for part, count in parameters_of_layer(768).items()
}
assert sum(millions.values()) + 2 * 768 == gpt2
viz.bars({part: round(count / 1e6, 2) for part, count in millions.items()}, "millions of parameters",
         "GPT-2 small: the feed-forward halves are the largest part")

# %% [markdown]
# GPT-2's number is the size of the published model, to the digit: you can now check any such claim. Two thirds of a layer
# are the feed-forward network.
#
# Parameters are not cost. Each number of a matrix is used in one multiplication *per token*, so the matrices cost $12C^2$
# multiplications a token. Attention has a cost that no parameter shows: a score is a dot product of width $D$, so a query
# costs $T \cdot D$ multiplications in each of $H$ heads, $T C$ in all, and taking the weighted mean of the values the same
# again: $2TC$ a token.

# %%
C = 768
lengths = np.array([64, 256, 1024, 4096, 16384, 65536])
cost = {
    "feed-forward, 8C²": (lengths, np.full(6, 8.0 * C**2)),
    "projections of attention, 4C²": (lengths, np.full(6, 4.0 * C**2)),
    "scores and means, 2TC": (lengths, 2.0 * lengths * C),
}
T = 1024
share = {name: float(y[lengths == T][0]) for name, (_, y) in cost.items()}
print({name: f"{value / sum(share.values()):.0%}" for name, value in share.items()}, "at", T, "tokens")
print(f"scores and means overtake all matrices at T = 6C = {6 * C:,} tokens")
assert 2 * (6 * C) * C == 12 * C**2
viz.lines(cost, "length T of the text (tokens)", "multiplications a token",
          "C = 768: attention's own cost overtakes late, but without end", logx=True, logy=True)

# %% [markdown]
# At 1,024 tokens, GPT-2's context, more than four fifths of the work is in the matrices. The $T^2$ that everybody talks
# about (T tokens, $2TC$ each) rules only beyond $T = 6C$; at 65,536 tokens it is most of the bill.

# %% [markdown]
# ## The printed decoder (F5)
#
# Document 000 §4.2 again. Its prose is right: a decoder layer has *three* sublayers, self-attention, cross-attention
# ("which lets the output of the decoder interact with the output of the encoder"), feed-forward. Then it prints:
#
# $$\begin{aligned}
# \text{decoder}(Y) &= \text{LayerNorm}(Y + \text{LayerNorm}(W_{\text{pos}}(Y) + \text{MultiHeadAttention}(Q, K, V))) \\
# Y &= \text{encoder}(Y)
# \end{aligned}$$
#
# The encoder's formula with another letter. Look for the source sentence, the one that is to be translated: the encoder's
# output does not occur. And the second line passes $Y$ through the *encoder*. Whatever is meant, run it:

# %%
class PrintedDecoder(Module):
    """LayerNorm(Y + LayerNorm(W_pos(Y) + MultiHeadAttention(Y, Y, Y))). The source is accepted, and has no place to go to."""

    def __init__(self, d_model, n_heads):
        self.w_pos = Linear(d_model, d_model, bias=False)
        self.attention = MultiHeadAttention(d_model, n_heads)
        self.inner, self.outer = LayerNorm(d_model), LayerNorm(d_model)

    def forward(self, y, source=None):
        return self.outer(y + self.inner(self.w_pos(y) + self.attention(y)))


def changes(layer, n_tokens=6, width=32):
    """How much the output for token 2 moves: if the source changes, if token 5 of the target changes, if token 1 does."""
    rng = np.random.default_rng(0)
    y, source = rng.standard_normal((2, 1, n_tokens, width)).astype(np.float32)
    later, earlier = y.copy(), y.copy()
    later[:, 5], earlier[:, 1] = rng.standard_normal((2, width))
    new_source = rng.standard_normal(source.shape).astype(np.float32)
    before = layer(y, source=source).data[:, 2]
    return [float(np.abs(layer(*inputs).data[:, 2] - before).max())
            for inputs in ((y, new_source), (later, source), (earlier, source))]


manual_seed(0)
source_moves, future_moves, past_moves = changes(PrintedDecoder(32, 4))
print(f"printed: source changed {source_moves:.3f}, later token {future_moves:.3f}, earlier token {past_moves:.3f}")
assert source_moves == 0 and future_moves > 0.01 and past_moves > 0.01

# %% [markdown]
# The first two numbers are the wrong way round. A decoder has to look at the source, and this one does not depend on it at
# all: it would "translate" every sentence into the same. And it must *not* look at the later words of its own output,
# because when it writes they do not exist yet; this one does.

# %% [markdown]
# ## The decoder layer of the prose (F5)
#
# Three sublayers, each in its residual sum (Vaswani et al. 2017, §3.1, in pre-norm order):
#
# $$\begin{aligned}
# y &\leftarrow y + \text{Attention}_{\text{causal}}(Q, K, V \text{ from } \text{LN}(y)) \\
# y &\leftarrow y + \text{Attention}(Q \text{ from } \text{LN}(y),\; K, V \text{ from } s) \\
# y &\leftarrow y + \text{FFN}(\text{LN}(y))
# \end{aligned}$$
#
# $y$ is $(B, T, C)$, the target so far; $s$ is $(B, S, C)$, what the encoder made of the source (a pre-norm encoder ends
# with a norm, as every pre-norm stack does). The middle line is **cross-attention**: the queries come from the target, keys
# and values from the source, so the scores are $(T, S)$. It needs no causal mask, for the source is there from beginning to
# end. (What it does need is a padding mask for the source: lesson 13.)

# %%
class DecoderLayer(Module):
    def __init__(self, d_model, n_heads):
        self.attention, self.attention_norm = MultiHeadAttention(d_model, n_heads), LayerNorm(d_model)
        self.cross_attention, self.cross_norm = MultiHeadAttention(d_model, n_heads), LayerNorm(d_model)
        self.feed_forward, self.feed_forward_norm = FeedForward(d_model), LayerNorm(d_model)

    def forward(self, y, source):
        y = y + self.attention(self.attention_norm(y), causal=True)             # what did I write so far?
        y = y + self.cross_attention(self.cross_norm(y), source)                # what does the source say to that?
        return y + self.feed_forward(self.feed_forward_norm(y))                 # work on it


manual_seed(0)
mine, library = DecoderLayer(32, 4), TransformerLayer(32, 4, causal=True, cross=True)
library.load_state_dict(mine.state_dict())
y, source = np.random.default_rng(2).standard_normal((2, 2, 6, 32)).astype(np.float32)
np.testing.assert_allclose(mine(y, source).data, library(y, source=source).data, atol=1e-6)

source_moves, future_moves, past_moves = changes(mine)
print(f"repaired: source changed {source_moves:.3f}, later token {future_moves:.3f}, earlier token {past_moves:.3f}")
assert source_moves > 0.01 and future_moves == 0 and past_moves > 0.01

# %% [markdown]
# Now the numbers are the right way round, and `test_a_decoder_layer_depends_on_past_and_source` in
# [tests/nn/test_transformer.py](../tests/nn/test_transformer.py) holds them so.
#
# ## Watch it work: a sentence into another (F5)
#
# A toy translation that needs the source: six letters, to be written backwards. The decoder gets the target shifted by one
# place behind a start sign, so that at place $t$ it knows $y_1 … y_{t-1}$ and must say $y_t$. Three candidates, each
# between the same encoder and head: the printed decoder, the printed one with a causal mask, and the three sublayers.
#
# **Predict** for each: will its training loss fall? And will it write the right thing, letter by letter, when nobody shows
# it the target?

# %%
LETTERS, LENGTH, WIDTH = 10, 6, 32
START = LETTERS


class MaskedPrinted(PrintedDecoder):
    def forward(self, y, source=None):
        return self.outer(y + self.inner(self.w_pos(y) + self.attention(y, causal=True)))


class Translator(Module):
    """Source ids (B, S) and target ids so far (B, T) → logits (B, T, LETTERS)."""

    def __init__(self, decoder):
        self.embedding, self.positions = Embedding(LETTERS + 1, WIDTH), LearnedPositions(LENGTH, WIDTH)
        self.encoder, self.decoder = EncoderLayer(WIDTH, 4), decoder(WIDTH, 4)
        self.source_norm, self.norm, self.head = LayerNorm(WIDTH), LayerNorm(WIDTH), Linear(WIDTH, LETTERS)

    def embed(self, ids):
        return self.embedding(ids) + self.positions(slice(0, ids.shape[1]))

    def forward(self, source_ids, target_ids):
        source = self.source_norm(self.encoder(self.embed(source_ids)))         # (B, S, C)
        return self.head(self.norm(self.decoder(self.embed(target_ids), source=source)))

    def write(self, source_ids):
        """The likeliest letter, one after the other, from the start sign on."""
        written = np.full((len(source_ids), 1), START)
        with no_grad():
            for _ in range(LENGTH):
                logits = self(source_ids, written)[:, -1]                       # (B, LETTERS)
                written = np.concatenate([written, logits.numpy().argmax(axis=1)[:, None]], axis=1)
        return written[:, 1:]


def train_translator(decoder, steps=400):
    manual_seed(0)
    model, rng, losses = Translator(decoder), np.random.default_rng(0), []
    optimizer = AdamW(model.parameters(), lr=5e-3)
    for _ in range(steps):
        source = rng.integers(0, LETTERS, (64, LENGTH))
        target = source[:, ::-1]
        shifted = np.concatenate([np.full((64, 1), START), target[:, :-1]], axis=1)
        loss = F.cross_entropy(model(source, shifted), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    new = np.random.default_rng(99).integers(0, LETTERS, (300, LENGTH))
    return model, losses, float((model.write(new) == new[:, ::-1]).mean())


def every_ten(losses):
    """The curve's means over ten steps at a time."""
    return np.arange(5, len(losses), 10), np.reshape(losses, (-1, 10)).mean(axis=1)


losses, right = {}, {}
decoders = {"as printed": PrintedDecoder, "printed, with a mask": MaskedPrinted, "three sublayers": DecoderLayer}
for name, decoder in decoders.items():
    model, losses[name], right[name] = train_translator(decoder)
    print(f"{name:22} training loss {np.mean(losses[name][-20:]):.2f}, letters right when it writes {right[name]:.1%}")
assert abs(np.mean(losses["as printed"][-20:]) - math.log(LETTERS) / LENGTH) < 0.05
assert right["three sublayers"] > 0.98 and right["as printed"] < 0.25 and right["printed, with a mask"] < 0.25
viz.loss_curve({name: every_ten(curve) for name, curve in losses.items()},
               title="Two of three decoders seem to learn", baselines={"guessing": math.log(LETTERS)})

# %% [markdown]
# The masked print never gets below guessing, $\ln 10 = 2.30$: the target is random, and what it depends on, the source, is
# out of reach. Its loss is at least honest. The decoder *as printed* is worse, for it looks successful: its loss falls to
# 0.39. It has learned to cheat. At place $t$ it is shown $y_t$ itself, which stands one place further on in its input, and
# copies it. Only the last letter stands nowhere, so one letter in six must be guessed, and that is where the number comes
# from: $\ln 10 / 6 = 0.38$. When it has to write by itself, there is nothing to copy, and one letter in ten is right.
#
# Remember this pair of numbers, a training loss that is too good and useless output. It is the mark of a model that sees
# the future, and [lesson 17](17_causal_pretraining.ipynb) will come back to it. The three sublayers do what they should.
# Where does the cross-attention look?

# %%
ids = np.random.default_rng(5).integers(0, LETTERS, (300, LENGTH))
with no_grad(), record_attention(model) as maps:
    model(ids, np.concatenate([np.full((300, 1), START), ids[:, ::-1][:, :-1]], axis=1))
looks = maps["decoder.cross_attention"][0].mean(axis=0)                         # (H, T, S), the mean of 300 texts
from_the_end = np.array([np.fliplr(head).diagonal().mean() for head in looks])  # (H,): weight at the letter that is due
print("each head's weight on the letter that is due:", from_the_end.round(2), f"equal weights: {1 / LENGTH:.2f}")
assert from_the_end.max() > 2.5 / LENGTH
places = [str(n) for n in range(1, LENGTH + 1)]
viz.heatmap(looks[from_the_end.argmax()].round(2), "letter of the source", "letter being written",
            "Cross-attention reads backwards", label="weight (mean of 300 texts)",
            values=True, rows=places, columns=places)

# %% [markdown]
# The heads are not perfectly sharp and need not be: the encoder's attention has told each row something of its neighbours,
# so a look beside the letter may do. Nobody told the model to read backwards.

# %% [markdown]
# ## Break it: a Transformer block in Keras (F16)
#
# Document 003 §5.2 gives code, for TensorFlow, and promises that "after training the model can generate fluent, coherent
# text" (§5.4). Here it is, shortened by its class statements and imports. Before you read on, **find the faults**: there
# are four.
#
# ```python
#         self.mha = tf.keras.layers.MultiHeadAttention(num_heads=num_heads, key_dim=d_model)
#         self.ffn = tf.keras.layers.Dense(d_model * 4, activation="relu")
#         self.norm1 = tf.keras.layers.LayerNormalization(epsilon=1e-6)
#         self.norm2 = tf.keras.layers.LayerNormalization(epsilon=1e-6)
#
#     def call(self, inputs):                                                     # the block
#         attn_output = self.mha(inputs, inputs)
#         attn_output = self.norm1(inputs + attn_output)
#         ffn_output = self.ffn(attn_output)
#         ffn_output = self.norm2(attn_output + ffn_output)
#         return ffn_output
#
#         self.embedding = tf.keras.layers.Embedding(vocab_size, d_model)         # the model
#         self.transformer_blocks = [TransformerBlock(d_model, num_heads) for _ in range(num_layers)]
#         self.decoder = tf.keras.layers.Dense(vocab_size, activation="softmax")
#
#     def call(self, inputs):
#         embedded = self.embedding(inputs)
#         for block in self.transformer_blocks:
#             embedded = block(embedded)
#         outputs = self.decoder(embedded)
#         return outputs
#
# model = Transformer(vocab_size=10000, d_model=512, num_heads=8, num_layers=6)
# ```
#
# Line by line in our library. One oddity first: in Keras, `key_dim` is the width of *one head*, so with `key_dim=d_model`
# each of the heads is as wide as the whole model. That is allowed, only dear: $4HC^2$ parameters instead of $4C^2$, eight
# times as many for `num_heads=8`. We keep it in the translation.

# %%
class KerasAttention(Module):
    """tf.keras.layers.MultiHeadAttention(num_heads, key_dim)(x, x): heads of key_dim each, whatever the width of x is."""

    def __init__(self, width, num_heads, key_dim):
        self.q, self.k, self.v = (Linear(width, num_heads * key_dim) for _ in range(3))
        self.o = Linear(num_heads * key_dim, width)
        self.num_heads = num_heads

    def forward(self, x, causal=False):
        q, k, v = (f(x).reshape(*x.shape[:2], self.num_heads, -1).swapaxes(1, 2) for f in (self.q, self.k, self.v))
        return self.o(F.attention(q, k, v, causal=causal).swapaxes(1, 2).reshape(*x.shape[:2], -1))


class PrintedBlock(Module):
    def __init__(self, d_model, num_heads):
        self.mha = KerasAttention(d_model, num_heads, key_dim=d_model)
        self.ffn = Linear(d_model, d_model * 4)
        self.norm1, self.norm2 = LayerNorm(d_model, eps=1e-6), LayerNorm(d_model, eps=1e-6)

    def forward(self, inputs):
        attn_output = self.mha(inputs)
        attn_output = self.norm1(inputs + attn_output)
        ffn_output = F.relu(self.ffn(attn_output))
        ffn_output = self.norm2(attn_output + ffn_output)
        return ffn_output


wide, usual = KerasAttention(512, 8, key_dim=512).n_parameters(), MultiHeadAttention(512, 8).n_parameters()
print(f"attention of one block as printed: {wide:,} parameters, with heads of 512/8: {usual:,}")
manual_seed(0)
x = np.random.default_rng(0).standard_normal((2, 6, 32)).astype(np.float32)
try:
    PrintedBlock(32, 4)(x)
except ValueError as error:
    print("ValueError:", error)
else:
    raise AssertionError("it should not run")

# %% [markdown]
# **Fault 1: a shape.** It does not run. `attn_output` is $(B, T, C)$, `ffn_output` is $(B, T, 4C)$, and a residual sum
# needs equals. The second matrix of the FFN is missing, the one that leads back down. With it, the block runs:

# %%
class Block(Module):
    """The printed block with a whole feed-forward network, and, if asked for, a causal mask."""

    def __init__(self, d_model, num_heads, causal):
        self.mha = KerasAttention(d_model, num_heads, key_dim=d_model)
        self.ffn = FeedForward(d_model, activation="relu")                      # Dense(4 d_model, relu), Dense(d_model)
        self.norm1, self.norm2 = LayerNorm(d_model, eps=1e-6), LayerNorm(d_model, eps=1e-6)
        self.causal = causal

    def forward(self, x):
        x = self.norm1(x + self.mha(x, self.causal))
        return self.norm2(x + self.ffn(x))


class Transformer(Module):
    """The printed model, with each of the other three repairs on or off. Ids (B, T) → (B, T, V)."""

    def __init__(self, vocab_size, d_model, num_heads, num_layers, context, positions, causal, softmax):
        self.embedding = Embedding(vocab_size, d_model)
        self.positions = LearnedPositions(context, d_model) if positions else None
        self.blocks = ModuleList(Block(d_model, num_heads, causal) for _ in range(num_layers))
        self.decoder = Linear(d_model, vocab_size)
        self.softmax = softmax

    def forward(self, ids):
        x = self.embedding(ids)
        if self.positions is not None:
            x = x + self.positions(slice(0, ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        x = self.decoder(x)
        return F.softmax(x) if self.softmax else x


V, CONTEXT = 11, 8
PRINTED, MENDED = {"positions": False, "causal": False, "softmax": True}, {"positions": True, "causal": True, "softmax": False}


def build(**repairs):
    manual_seed(0)
    return Transformer(V, 32, 2, 2, CONTEXT, **repairs)


ids = np.random.default_rng(0).permutation(V)[None, :CONTEXT]
order = np.array([5, 2, 7, 0, 1, 6, 3, 4])
later = ids.copy()
later[:, 5:] = (later[:, 5:] + 1) % V


def order_matters(model):
    """Does shuffling the words do more than shuffling the answers?"""
    return not np.allclose(model(ids[:, order]).data, model(ids).data[:, order], atol=1e-4)


def future_leaks(model):
    """Do answers at places 0–4 depend on words at 5–7?"""
    return not np.allclose(model(later).data[:, :5], model(ids).data[:, :5], atol=1e-5)


for name, repairs in (("as printed (fault 1 mended)", PRINTED), ("+ positions", PRINTED | {"positions": True}),
                      ("+ positions, causal mask", PRINTED | {"positions": True, "causal": True})):
    print(f"{name:28} order matters: {order_matters(build(**repairs))!s:6} future leaks: {future_leaks(build(**repairs))}")
assert not order_matters(build(**PRINTED)) and future_leaks(build(**PRINTED))
assert order_matters(build(**MENDED)) and not future_leaks(build(**MENDED))

# %% [markdown]
# **Fault 2: no positions.** Shuffle the words and the answers are shuffled with them: "dog bites man" is "man bites dog"
# (lesson 11). Mended by adding a table of positions to the embeddings.
#
# **Fault 3: no causal mask.** The answer at place 4 changes with word 7. Mended by `causal=True` (in Keras `self.mha(x, x,
# use_causal_mask=True)`).
#
# **Fault 4: a softmax where scores are wanted.** The output is probabilities. Most losses, ours and PyTorch's, take
# *logits* and do the softmax themselves, so that it is done twice. Probabilities lie between 0 and 1, and the most extreme
# "logits" possible are one 1 and zeros elsewhere. Then the second softmax gives the right word
#
# $$\frac{e^1}{e^1 + (V - 1)\, e^0} \qquad\Longrightarrow\qquad
# \text{loss} \ge -\ln \frac{e}{e + V - 1} = \ln(e + V - 1) - 1$$
#
# For the printed vocabulary of 10,000 that is a floor just below where one starts, with guessing:

# %%
def floor_of_softmax_twice(n):
    return math.log(math.e + n - 1) - 1


for n in (V, 10_000):
    floor = floor_of_softmax_twice(n)
    print(f"vocabulary {n:6,}: guessing costs {math.log(n):.2f} nats, a *perfect* model with two softmaxes {floor:.2f}")
perfect = F.softmax(Tensor(np.eye(V)[:1] * 1000.0))
assert abs(F.cross_entropy(perfect, np.array([0])).item() - floor_of_softmax_twice(V)) < 1e-6

# %% [markdown]
# In fairness: the document leaves its training out ("# …"), and Keras's own cross-entropy takes probabilities by default
# (`from_logits=False`): with that loss, the softmax is no fault. Even so logits are the better output. A probability has
# been rounded before its logarithm is taken. If the right word's score is 200 below another, its float32 probability is 0
# and the logarithm −∞, so such a loss must cut probabilities off somewhere, say at $10^{-7}$. There it is flat, with
# gradient 0: the worst mistakes are the ones that cannot be learned from. Computed from logits the loss is 200, and the
# right word's gradient −1:

# %%
logits = Tensor(np.array([[200.0, 0.0]], np.float32), requires_grad=True)
loss = F.cross_entropy(logits, np.array([1]))
loss.backward()
print("from logits: loss", loss.item(), "gradient", logits.grad)
cut = Tensor(np.array([[200.0, 0.0]], np.float32), requires_grad=True)
loss = -np.log(np.maximum(F.softmax(cut), 1e-7))[0, 1]
loss.backward()
print(f"from probabilities, cut off at 1e-7: loss {loss.item():.1f} gradient", cut.grad)
assert np.allclose(logits.grad, [[1, -1]]) and np.abs(cut.grad).max() == 0

# %% [markdown]
# Now all of it in training. The text counts in steps: it starts at a random number and adds a random step from 1 to 10,
# modulo 11, as in 3 8 2 7 1 … . A model is to say the next number at each of 8 places. At the first it cannot know the
# step: ten numbers are equally likely. From the second on it can know. So the least loss that *honest* prediction allows is
# $\frac18 \ln 10 = 0.29$.
#
# **Predict** where the loss of each of the five ends: all mended; each one of faults 2, 3, 4 left in; all three left in.

# %% tags=["varies"]
def counting(rng, n):
    """Texts of 9 numbers: a start, and again and again the same step, modulo 11."""
    start, stride = rng.integers(0, V, (n, 1)), rng.integers(1, V, (n, 1))
    return (start + stride * np.arange(CONTEXT + 1)) % V                        # (n, 9)


def train_transformer(steps=250, **repairs):
    """The losses, and how many numbers are right when the model goes on by itself after the first two."""
    model, rng, losses = build(**repairs), np.random.default_rng(0), []
    optimizer = AdamW(model.parameters(), lr=4e-3)
    for step in range(steps):
        text = counting(rng, 64)
        loss = F.cross_entropy(model(text[:, :-1]), text[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.scale_lr(min(1.0, (step + 1) / 50))                           # post-norm wants warm-up: lesson 14
        optimizer.step()
        losses.append(loss.item())
    new = counting(np.random.default_rng(99), 300)
    written = new[:, :2]
    with no_grad():
        while written.shape[1] < CONTEXT:
            written = np.concatenate([written, model(written).numpy()[:, -1].argmax(axis=1)[:, None]], axis=1)
    return losses, float((written[:, 2:] == new[:, 2:CONTEXT]).mean())


least = math.log(10) / CONTEXT
faults = {"all mended": {}, "no positions": {"positions": False}, "no mask": {"causal": False},
          "softmax twice": {"softmax": True}, "all three faults": PRINTED}
curves, ends, right = {}, {}, {}
for name, fault in faults.items():
    curves[name], right[name] = train_transformer(**MENDED | fault)
    ends[name] = float(np.mean(curves[name][-20:]))
    print(f"{name:18} loss at the end {ends[name]:.2f}, numbers right when it goes on by itself {right[name]:.0%}")
assert least < ends["all mended"] < 0.4 and right["all mended"] > 0.9
assert ends["no mask"] < 0.5 * least and right["no mask"] < 0.6
assert min(ends["softmax twice"], ends["all three faults"]) > floor_of_softmax_twice(V) and right["all three faults"] < 0.3
viz.loss_curve({name: every_ten(curve) for name, curve in curves.items()},
               title="A loss below the honest minimum is a leak, not a success",
               baselines={"guessing": math.log(V), "least honest": least, "floor of two softmaxes": floor_of_softmax_twice(V)})

# %% [markdown]
# - *All mended*: the loss comes down to the honest minimum, from above.
# - *No mask*: it goes *through* the minimum. No honest model can; this one reads the answer one place further on. Going on
# by itself it is lost.
# - *Softmax twice*: the loss cannot come below its floor, and learning is slow, because the second softmax squeezes every
# gradient.
# - *All three*, the printed block with only its shape repaired: far above, and of no use.
# - *No positions*, with the mask: no harm at all! Did you predict that? The mask itself tells something about order: word 3
# sees three words, word 4 sees four; and the newest word is known as the one that asks. Together with the mask, the order
# of the others matters little in this task. A fault that a measurement does not show is still one, and the property above
# shows it: without a mask, as in an encoder, all order is lost.
#
# Which tests hold this in our library? `test_the_layer_is_the_written_formula`
# ([tests/nn/test_transformer.py](../tests/nn/test_transformer.py)), `test_feed_forward_is_what_is_written`
# ([tests/nn/test_layers.py](../tests/nn/test_layers.py)), and `test_a_future_token_never_changes_an_earlier_logit`
# ([tests/models/test_gpt.py](../tests/models/test_gpt.py)). None of them trains anything. Properties find in a second what
# training hides for a week.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. `check` tries your function on drawn inputs, and if it fails shows the smallest case
# that fails. Solutions with derivations: [solutions/15_transformer_layer.ipynb](solutions/15_transformer_layer.ipynb).
#
# **1. Counting (warm-up).** A layer of width C = 10 with two heads, biases, layer norms and a hidden width of 40. How many
# parameters have its attention, its feed-forward network, its two norms? A tuple of three numbers.

# %%
attention_parameters = ...
feed_forward_parameters = ...
norm_parameters = ...

check(1, ... if attention_parameters is ... else (attention_parameters, feed_forward_parameters, norm_parameters))


# %% [markdown]
# **2. The feed-forward network.** x (T, C), w1 (C, D), b1 (D,), w2 (D, C), b2 (C,) → (T, C), as in the paper.

# %%
def feed_forward(x, w1, b1, w2, b2):
    ...


check(2, feed_forward)


# %% [markdown]
# **3. An encoder layer.** Pre-norm, with one head and no projections: attention is `F.attention(h, h, h)`, the network
# `np.maximum(0, h @ w1) @ w2`, the norm `F.layer_norm(x, np.ones(C))`. x (T, C), w1 (C, D), w2 (D, C) → (T, C).

# %%
def encoder_layer(x, w1, w2):
    ...


check(3, encoder_layer)


# %% [markdown]
# **4. Cross-attention.** The target y (T, C), the source s (S, C), matrices w_q, w_k (C, D), w_v (C, E) → (T, E).

# %%
def cross_attention(y, s, w_q, w_k, w_v):
    ...


check(4, cross_attention)


# %% [markdown]
# **5. A decoder layer.** Pre-norm, with the simplified parts of exercise 3: three sublayers. The source s (S, C) comes
# normalised from its encoder: use it as it is, for keys and values. y (T, C), s, w1 (C, D), w2 (D, C) → (T, C).

# %%
def decoder_layer(y, s, w1, w2):
    ...


check(5, decoder_layer)


# %% [markdown]
# **6. Something to think about.** A model puts a softmax at its end, and the loss applies another one to s times these
# probabilities (a temperature of 1/s). Which loss does a perfect model reach, for a vocabulary of n words? A function of n
# and s.

# %%
def floor(n, s):
    ...


check(6, floor)

# %% [markdown]
# ## What you can now explain
#
# - The two halves of a layer: attention between tokens, a feed-forward network within each, and what each costs: $4C^2$ and
# $8C^2$ parameters, and $2TC$ multiplications a token that no parameter shows.
# - The three sublayers of a decoder, and which of them may see what: the past of the target, all of the source.
# - How to tell by three small changes (of the source, of a later word, of an earlier one) whether a decoder is one.
# - Why a loss can be too good, and how to compute the least that is honest.
# - The four faults of a block that looks right: a shape, positions, a mask, a softmax.
#
# Attention lets every word look at every other, at a cost of $T^2$. Was there no cheaper way? There was, for decades:
# reading word by word. [Lesson 16](16_why_not_an_rnn.ipynb) builds it, and shows what it cannot do.
