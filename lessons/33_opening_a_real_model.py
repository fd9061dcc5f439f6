# %% [markdown]
# # 33 · Opening a real model
#
# *What is inside the file of a model that other people trained, and does our code understand all of it?*
#
# *Reading 45 min · running 25 s · builds on lessons 10 (tokens), 11 (rotary positions), 13 (heads), 14 (norms), 18
# (generation), 31 (sentence vectors) and 32 (the family)*
#
# **Afterwards you can** read a model's file down to its bits, compute a real model's next token with nothing but NumPy,
# look at its layers and heads while they work, switch a head off and say what it was for, and say what four bits a weight
# cost.

# %%
import math
import struct

import numpy as np

import tinyllm.functional as F
from tinyllm import manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.data import fetched
from tinyllm.generation import ChatTemplate, Conversation
from tinyllm.gguf import FORMATS, GGUF, dequantize
from tinyllm.models import Bert, Llama, LlamaConfig, SentenceEncoder
from tinyllm.models.gguf import TENSORS, halves_from_neighbours
from tinyllm.nn import record_attention
from tinyllm.tokenizers import from_gguf, load

lesson = open_lesson("33_opening_a_real_model")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## One line, and what it hides (M1)
#
# All the documents come to a line like one of these, 000 §4.3 and 001 §5.2, and say no more about it:
#
#     model = BertForSequenceClassification.from_pretrained('bert-base-uncased')
#     model = AutoModelForSeq2SeqLM.from_pretrained("t5-base")
#
# The line fetches some hundred million numbers that somebody else found. In lesson 32 you read the *form* of such a file,
# with weights that knew nothing. Now we open two that know something:
#
# | | what it is | family | file |
# |---|---|---|---|
# | **SmolLM2-135M-Instruct** (Ben Allal et al. 2025) | continues text and chats, in English | Llama | GGUF, mostly 4 bits |
# | **all-MiniLM-L6-v2** (sentence-transformers) | turns a sentence into 384 numbers | BERT | safetensors, float32 |
#
# They are not part of this book. `tinyllm fetch smollm2` and `tinyllm fetch minilm` bring them (93 and 84 MB, both under
# the Apache licence). Without them the lesson runs too: what can be done by hand is done, and the rest of the cells say
# nothing. The outputs you read here are from a run with both.

# %% tags=["varies"]
homes = {name: fetched(name) for name in ("smollm2", "minilm")}
for name, home in homes.items():
    print(f"{name}: {'here' if home else f'not here; to see what it does, run: tinyllm fetch {name}'}")
smol = mini = file = tokenizer = None
if homes["smollm2"]:
    (path,) = homes["smollm2"].glob("*.gguf")
    file = GGUF(path)
    smol, tokenizer = Llama.from_gguf(path), from_gguf(file.metadata)
if homes["minilm"]:
    mini, pieces = Bert.from_pretrained(homes["minilm"]).eval(), load(homes["minilm"])

# %% [markdown]
# ## The first bytes
#
# GGUF is the format of llama.cpp, a program that runs language models on ordinary computers. One file has everything: what
# kind of model it is, its tokenizer, its weights. It begins like this:
#
# | bytes | what |
# |---|---|
# | 4 | the letters GGUF |
# | 4 | the version, a whole number, lowest byte first |
# | 8 | how many tensors follow |
# | 8 | how many entries of metadata come before them |
# | 8 + … | the first key: its length, then its letters; its value's kind and value; and so on |

# %% tags=["varies"]
if file:
    with open(path, "rb") as stream:
        start = stream.read(64)
    magic, version, n_tensors, n_entries, length = struct.unpack("<4sIQQQ", start[:32])
    print(magic, "version", version, "·", n_tensors, "tensors ·", n_entries, "entries, the first:", start[32 : 32 + length])
    assert (version, n_tensors, n_entries) == (file.version, len(file.tensors), len(file.metadata))
    for key in ("block_count", "embedding_length", "feed_forward_length", "attention.head_count",
                "attention.head_count_kv", "rope.freq_base", "context_length"):
        print(f"llama.{key:25} {file.metadata['llama.' + key]:,.0f}")
    by_format = {}
    for info in file.tensors.values():
        count, size = by_format.get(info.format.name, (0, 0))
        by_format[info.format.name] = (count + math.prod(info.shape), size + info.n_bytes)
    for kind, (count, size) in by_format.items():
        print(f"{kind:5} {count:11,} weights in {size:10,} bytes: {8 * size / count:4.1f} bits each")

# %% [markdown]
# Every entry of the metadata is a field of the config that you know from lesson 32: 30 layers, 576 wide, nine heads that
# ask and three that answer. The weights, though, are not float32. The table of tokens has 8.5 bits a weight, all the
# layers' matrices have 5.0, and only the norms, of which there are few, are kept as they were.

# %% [markdown]
# ## Twenty bytes, thirty-two weights
#
# How does one write a weight in four bits? Four bits hold a whole number from 0 to 15. So take 32 weights that stand side
# by side in a row of the matrix. Let $m$ be the smallest of them and $d$ a fifteenth of the distance to the largest. Then
# each weight lies near one of sixteen rungs:
#
# $$w_i \approx d\, q_i + m, \qquad d = \frac{\max w - \min w}{15}, \quad m = \min w, \quad
# q_i = \text{round}\Big(\frac{w_i - m}{d}\Big) \in \{0, \dots, 15\}$$
#
# This is the format *Q4_1*. A block is $d$ and $m$ as float16 (2 bytes each), then 16 bytes with two $q$ in each: byte $i$
# holds $q_i$ in its low half and $q_{i+16}$ in its high half. 20 bytes for 32 weights: 5 bits each. By hand, a block whose
# first weight is $0.5 \cdot 3 - 2 = -0.5$ and whose seventeenth is $0.5 \cdot 10 - 2 = 3$:

# %%
block = struct.pack("<ee16B", 0.5, -2.0, 3 + 16 * 10, *range(15))                   # d, m, then q_0 and q_16, …


def unpacked(block):
    """The 32 weights in a block of Q4_1."""
    d, m = struct.unpack("<ee", block[:4])
    halves = np.frombuffer(block[4:], np.uint8)                                     # (16,)
    q = np.concatenate([halves & 15, halves >> 4])                                  # low halves first: (32,)
    return d * q.astype(np.float32) + m


print(unpacked(block)[[0, 16]], len(block), "bytes")
assert unpacked(block)[0] == -0.5 and unpacked(block)[16] == 3.0
Q4_1 = next(kind for kind in FORMATS.values() if kind.name == "Q4_1")
assert np.array_equal(unpacked(block), dequantize(np.frombuffer(block, np.uint8), Q4_1))

# %% [markdown]
# The same six lines on the real file: the first block of the first layer's query matrix.

# %% tags=["varies"]
if file:
    info = file.tensors["blk.0.attn_q.weight"]
    with open(path, "rb") as stream:
        stream.seek(info.start)
        block = stream.read(20)
    print(block.hex(" "))
    print(unpacked(block).round(3))
    assert np.array_equal(unpacked(block), file.tensor("blk.0.attn_q.weight")[0, :32])
    print("the library reads the same; different values among the 32:", len(set(unpacked(block))))

# %% [markdown]
# How far is a weight from its rung? At most $d/2$; and if it is equally likely to be anywhere between two rungs, the error
# $e$ is uniform on $(-d/2, d/2)$, so its mean is 0 and its variance
#
# $$E[e^2] = \frac1d \int_{-d/2}^{d/2} e^2\, de = \frac{d^2}{12}
# \qquad\Longrightarrow\qquad \text{standard deviation } \frac{d}{\sqrt{12}} \approx 0.29\, d$$
#
# A bit more halves $d$, so each bit halves the error. Measured on normally distributed weights:

# %%
def rounded(weights, bits):
    """The weights as they come back from blocks of 32 with so many bits each (d and m in full precision)."""
    blocks = weights.reshape(-1, 32)
    m = blocks.min(axis=1, keepdims=True)                                           # (n, 1)
    d = (blocks.max(axis=1, keepdims=True) - m) / (2**bits - 1)
    q = np.round((blocks - m) / np.where(d == 0, 1, d))
    return (d * q + m).reshape(weights.shape)


drawn = np.random.default_rng(0).standard_normal((4000, 32))
spans = drawn.max(axis=1) - drawn.min(axis=1)
for bits in (2, 3, 4, 5, 8):
    error, predicted = (drawn - rounded(drawn, bits)).std(), np.sqrt(np.mean((spans / (2**bits - 1)) ** 2) / 12)
    print(f"{bits} bits: error {error:.4f} of the weights' own size, d/√12 says {predicted:.4f}")
    assert bits < 3 or abs(error / predicted - 1) < 0.04
assert np.allclose(rounded(rounded(drawn, 4), 4), rounded(drawn, 4))                # a second time changes nothing

# %% [markdown]
# At four bits each weight is wrong by 8% of the weights' size, and the errors are independent, so in a sum of hundreds of
# products they mostly cancel. How much does it matter *to the model*? We cannot ask what the step from 16 bits to four
# cost, for the file holds four. But we can go on. **Predict:** the model's loss on a text with 8, 4, 3 and 2 bits. (The
# text is ours, so the model cannot have seen it.)

# %% tags=["varies"]
TEXT = """The lighthouse keeper climbed the stairs every evening at six, lit the lamp, and wrote the weather into a thick
book. When the storms came in winter, he stayed awake all night, because ships were passing close to the rocks. In summer
there was little to do, and he taught himself to play the violin. The fishermen said that they could hear it far out on the
water when the wind was right.""".replace("\n", " ")


def losses(model, ids):
    """−log p of each token given those before it: ids (T,) → (T − 1,)."""
    with no_grad():
        logits = model(ids[None]).numpy()[0]                                        # (T, V)
    return -F.log_softmax(logits)[np.arange(len(ids) - 1), ids[1:]]


def coarser(bits):
    """SmolLM2 with its layers' matrices rounded once more."""
    model = Llama.from_gguf(path)
    for parameter in model.layers.parameters():
        if parameter.ndim == 2:
            parameter.data[...] = rounded(parameter.data, bits)
    return model


if smol:
    ids = np.array(tokenizer.encode(TEXT))
    by_bits = {"as it is": losses(smol, ids).mean()}
    by_bits |= {f"{bits} bits": losses(coarser(bits), ids).mean() for bits in (8, 4, 3, 2)}
    for name, loss in by_bits.items():
        print(f"{name:9} {loss:7.4f} nats a token")
    assert abs(by_bits["4 bits"] - by_bits["as it is"]) < 0.01 and by_bits["2 bits"] > math.log(49152) - 1

# %% tags=["varies"]
viz.bars(
    by_bits, "loss on our text (nats a token)", "Three bits hurt; two leave nothing", baseline=math.log(49152),
    baseline_name="all tokens equally likely",
) if smol else None

# %% [markdown]
# Eight and four bits change *nothing*: the weights lie on sixteen rungs already, and rounding to a grid on which you stand
# does not move you. Three bits have eight rungs, which are new ones, and cost more than a nat. With two bits the model is
# worse than one that has learned nothing: it is sure, and wrong. (This is rounding of the plainest kind. Better methods
# choose the rungs by what the layer computes, and get further down.)

# %% [markdown]
# ## The tokenizer in the file (M1)
#
# The file has its vocabulary and its merges, 48,900 of them: byte pairs, as in lesson 10. MiniLM has WordPiece, as BERT
# had. One sentence, two ways to cut it:

# %% tags=["varies"]
sentence = "Nobody tokenizes electroencephalography in 2026."
viz.token_strip(
    [tokenizer.decode([i]) for i in tokenizer.encode(sentence)],
    title="SmolLM2's byte pairs: the space belongs to the word, each digit is a token",
) if smol else None

# %% tags=["varies"]
viz.token_strip(
    pieces.encoding(sentence).tokens,
    title="MiniLM's WordPiece: ## goes on with a word; no capitals; a sign at each end",
) if mini else None

# %% [markdown]
# ## The next token, by hand (M1)
#
# Here is a whole Llama in NumPy. Every line is a lesson: the table of vectors (11), RMS norm (14), three matrices and the
# heads (13), turning by position (11), attention (12), the sum (14), the gated network (7), the norm and the table again
# (8). It asks for weights by the *file's* names and uses no layer of ours.
#
# One thing needs care. Rotary positions turn features in pairs, and a pair $(a, b)$ is a complex number $a + ib$, which one
# turns by multiplying it with $e^{i\theta}$. llama.cpp pairs *neighbours*, features $2i$ and $2i + 1$.

# %%
def rms(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def turned(x, base):
    """Rotary positions on pairs of neighbours: x (T, H, D)."""
    T, _, D = x.shape
    angles = np.arange(T)[:, None] * base ** (-np.arange(0, D, 2) / D)              # (T, D/2)
    z = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * angles)[:, None]           # (T, H, D/2), complex
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def next_logits(weight, c, ids):
    """The logits of the token after ids, of a Llama whose weights `weight(name)` answers: (T,) → (V,)."""
    T, group = len(ids), c.n_heads // (c.n_kv_heads or c.n_heads)
    past = np.tril(np.ones((T, T), bool))
    x = weight("token_embd.weight")[ids]                                            # (T, C)
    for i in range(c.n_layers):
        w = {name: weight(f"blk.{i}.{name}.weight") for name in TENSORS}            # TENSORS: the nine names of a layer
        h = rms(x, w["attn_norm"], c.norm_eps)
        q, k, v = ((h @ w[f"attn_{name}"].T).reshape(T, -1, c.d_head) for name in "qkv")
        q, k = turned(q, c.rope_base), turned(k, c.rope_base)
        k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)             # (T, H, D): three heads answer nine
        scores = np.einsum("thd,shd->hts", q, k) / math.sqrt(c.d_head)              # (H, T, T)
        mixed = np.einsum("hts,shd->thd", F.softmax(np.where(past, scores, -np.inf)), v)
        x = x + mixed.reshape(T, -1) @ w["attn_output"].T
        h = rms(x, w["ffn_norm"], c.norm_eps)
        x = x + (F.silu(h @ w["ffn_gate"].T) * (h @ w["ffn_up"].T)) @ w["ffn_down"].T
    return rms(x[-1], weight("output_norm.weight"), c.norm_eps) @ weight("token_embd.weight").T


# %% [markdown]
# First on a small Llama of the same form that knows nothing. Our layers pair feature $i$ with $i + D/2$, the two halves of
# a head; so to give `next_logits` our weights under llama.cpp's names, we must put the rows of each head's queries and keys
# into the other order.

# %%
def neighbours_from_halves(weight, n_heads):
    """Rows i and i + D/2 of each head become rows 2i and 2i + 1: (H · D, C) → the same shape."""
    pairs = weight.reshape(n_heads, 2, -1, weight.shape[-1])                        # (H, 2, D/2, C)
    return np.swapaxes(pairs, 1, 2).reshape(weight.shape)


def under_their_names(model):
    """A function from llama.cpp's names to the weights of a Llama of ours."""
    c, ours = model.config, {name: p.numpy() for name, p in model.named_parameters()}
    named = {"token_embd.weight": ours["embedding.weight"], "output_norm.weight": ours["norm.weight"]}
    heads = {"attn_q": c.n_heads, "attn_k": c.n_kv_heads}
    for i in range(c.n_layers):
        for theirs, name in TENSORS.items():
            array = ours[f"layers.{i}.{name}.weight"]
            named[f"blk.{i}.{theirs}.weight"] = neighbours_from_halves(array, heads[theirs]) if theirs in heads else array
    return named.__getitem__


manual_seed(0)
small = Llama(LlamaConfig(50, context=32, n_layers=3, n_heads=6, n_kv_heads=2, d_model=48, norm_eps=1e-5)).eval()
some = np.random.default_rng(0).integers(0, 50, 12)
with no_grad():
    expected = small(some[None]).numpy()[0, -1]
np.testing.assert_allclose(next_logits(under_their_names(small), small.config, some), expected, rtol=1e-4, atol=1e-5)
shuffled = small.layers[0].attention.q_proj.weight.numpy()
assert np.array_equal(halves_from_neighbours(neighbours_from_halves(shuffled, 6), 6), shuffled)
print("by hand and by the library: the same", len(expected), "logits")

# %% [markdown]
# Now on the real one, straight from the file: `file.tensor` unpacks the blocks of a name, and that is all `next_logits`
# needs.

# %% tags=["varies"]
if smol:
    ids = np.array(tokenizer.encode("The capital of France is"))
    print([tokenizer.id_to_token(i) for i in ids])
    by_hand = next_logits(file.tensor, smol.config, ids)
    with no_grad():
        np.testing.assert_allclose(by_hand, smol(ids[None]).numpy()[0, -1], atol=2e-3)
    p = F.softmax(by_hand)
    for i in np.argsort(-p)[:5]:
        print(f"{tokenizer.decode([i])!r:10} {p[i]:.1%}")
    assert tokenizer.decode([int(p.argmax())]) == " Paris"

# %% [markdown]
# *Paris*, at 77%. Twenty lines of NumPy, and a file. There is nothing else in a language model: no table of capitals, no
# rules, no search; only these products. (The sign `Ġ` is how GPT-2's kind of tokenizer writes a space.)

# %% [markdown]
# ## Where does the answer come from? (M1)
#
# The residual stream (lesson 14) goes from the bottom to the top as a sum. So we may stop after any layer and read it as if
# it were the end: norm, table, softmax. This is called the *logit lens* (nostalgebraist 2020). **Predict:** after which of
# the 30 layers does the final answer become likely?

# %% tags=["varies"]
def lens(model, ids):
    """The probabilities of the next token, read off after each layer: (layers + 1, V)."""
    with no_grad():
        x = model.embedding(ids[None])
        streams = [x] + [x := layer(x, where=slice(0, len(ids))) for layer in model.layers]
        return F.softmax(np.concatenate([model.norm(s).numpy()[0, -1:] @ model.embedding.weight.numpy().T for s in streams]))


if smol:
    prompts = ["The capital of France is", "The opposite of hot is", "Two plus two equals"]
    curves = {}
    for prompt in prompts:
        p = lens(smol, np.array(tokenizer.encode(prompt)))
        answer = int(p[-1].argmax())
        curves[f"{prompt} …{tokenizer.decode([answer])}"] = (np.arange(31), p[:, answer])
        print(f"{prompt:26}", *(f"{i}:{tokenizer.decode([int(p[i].argmax())])!r}" for i in (0, 10, 20, 26, 27, 28, 29, 30)))
        assert p[:24, answer].max() < 0.05

# %% tags=["varies"]
viz.lines(
    curves, "after so many layers", "probability of what it ends up saying", "The last layers turn the stream into words",
) if smol else None

# %% [markdown]
# For 25 layers, nothing that we could read. The stream carries what the model knows in a form of its own, and only at the
# end is it turned towards the table of tokens. A caution belongs here: that the lens sees nothing does not prove that
# nothing is there. It reads with the *last* layer's eyes.
#
# And *two plus two*? After 27, 28 and 29 layers the likeliest word is *four*; the very last layer makes it *five*, by a
# little. Nothing adds here. There are words that often stand in such a place, and they compete to the end.

# %% [markdown]
# ## Heads that copy (M1)
#
# Lesson 13 showed small heads that learned one trick each. Does a real model have heads with a job that one can name? Here
# is a test (Olsson et al. 2022): 24 tokens drawn by chance, and then *the same 24 again*. Nothing that it learned about
# English helps. **Predict** the loss, first time and second time. (Chance is $\ln 49152 = 10.8$ nats.)

# %% tags=["varies"]
N = 24
if smol:
    drawn = np.random.default_rng(0).integers(100, 20_000, N)
    repeated = np.concatenate([[tokenizer.bos_id], drawn, drawn])                   # (49,)
    with no_grad(), record_attention(smol) as maps:
        smol(repeated[None])
    heads = np.stack([maps[f"layers.{i}.attention"][0][0] for i in range(30)])      # (layers, H, T, T)
    cost = losses(smol, repeated)
    print("the first tokens:", tokenizer.decode(drawn[:6].tolist()))
    print(f"first time {cost[:N].mean():.1f} nats a token, second time {cost[N + 1:].mean():.1f}")
    assert cost[:N].mean() > 10 and cost[N + 1 :].mean() < 4

# %% tags=["varies"]
viz.lines(
    {"SmolLM2": (np.arange(1, 2 * N + 1), cost)}, "token", "loss (nats)", "The second time it knows what comes",
    baselines={"all tokens equally likely": math.log(49152)},
) if smol else None

# %% [markdown]
# It knows, and nobody taught it to; no training text repeats 24 random tokens. (The first time it is *worse* than chance:
# it expects English.) To predict the token after the second *x*, one must find the first *x* and look at what stood
# **behind** it. A head that does so, at place $t$, looks at $t - 24 + 1$. So each head gets a score: the mean weight that
# it puts there.

# %% tags=["varies"]
def looks_back(weights, distance, start):
    """The mean weight on the token `distance` back, over rows from `start` on: (…, T, T) → (…)."""
    t = np.arange(start, weights.shape[-1])
    return weights[..., t, t - distance].mean(axis=-1)


if smol:
    copying = looks_back(heads, N - 1, N + 1)                                       # (layers, H)
    best = [divmod(int(i), 9) for i in np.argsort(-copying, axis=None)[:6]]
    previous = looks_back(heads, 1, 1)
    print("copying, as layer.head:", ", ".join(f"{i}.{h} ({copying[i, h]:.0%})" for i, h in best))
    print("the previous token:    ", ", ".join(
        f"{i}.{h} ({previous[i, h]:.0%})" for i, h in (divmod(int(j), 9) for j in np.argsort(-previous, axis=None)[:4])
    ))
    assert copying[best[0]] > 0.7 and np.median(copying) < 0.02

# %% tags=["varies"]
viz.heatmap(
    copying.T, "layer", "head", "A few heads of 270 look at what came after last time", label="weight there",
) if smol else None

# %% [markdown]
# Most of 270 heads do nothing of the kind; a handful of them, in the upper half, do little else. They are called *induction
# heads*. One cannot do it alone: at the first *x*'s successor, something must have noted "before me stood *x*", and that is
# what the heads of the second list do, in layers below: they look at the previous token. Two kinds of heads, one after the
# other, make the program "find it, take the next".
#
# One of the copiers at work, on six words that come twice. Read the lower half: each word looks at what stood *behind* its
# first occurrence, which is the word that comes next.

# %% tags=["varies"]
if smol:
    words = tokenizer.encode(" river seven glass moon apple cloud river seven glass moon apple cloud")
    with no_grad(), record_attention(smol) as maps:
        smol(np.array([words]))
    layer, head = best[0]
    weights = maps[f"layers.{layer}.attention"][0][0, head]                         # (12, 12)
    assert (weights[7:].argmax(axis=1) == [2, 3, 4, 5, 6]).all()                    # from the second "seven" on

# %% tags=["varies"]
viz.attention_map(
    weights, [tokenizer.decode([i]).strip() for i in words],
    f"Head {layer}.{head}: at the second “seven” it looks at what came after the first",
) if smol else None

# %% [markdown]
# That they look there does not yet show that they are *why* it can copy. So switch them off. A head's output passes through
# its own 64 columns of the output matrix; set them to zero, and it says nothing.

# %% tags=["varies"]
def without(switched_off):
    """The mean loss, first time and second time, with these heads (layer, head) silent."""
    before = {}
    for i, h in switched_off:
        columns = smol.layers[i].attention.o_proj.weight.data[:, 64 * h : 64 * h + 64]
        before[i, h] = columns.copy()
        columns[...] = 0
    cost = losses(smol, repeated)
    for i, h in switched_off:
        smol.layers[i].attention.o_proj.weight.data[:, 64 * h : 64 * h + 64] = before[i, h]
    return cost[:N].mean(), cost[N + 1 :].mean()


if smol:
    others = [[(int(i), int(h)) for i, h in np.random.default_rng(seed).integers([1, 0], [30, 9], (6, 2))] for seed in range(3)]
    silenced = {
        "none": without([]), "6 drawn": tuple(np.mean([without(heads) for heads in others], axis=0)),
        "best copier": without(best[:1]), "6 copiers": without(best), "16.0 (previous)": without([(16, 0)]),
    }
    for name, (first, second) in silenced.items():
        print(f"{name:16} first time {first:5.1f}, second time {second:5.1f}")
    gained, lost = -np.diff(silenced["none"])[0], silenced["6 copiers"][1] - silenced["none"][1]
    print(f"of the {gained:.1f} nats that copying gains, the six copiers' silence costs {lost / gained:.0%}")
    assert silenced["6 copiers"][1] > silenced["6 drawn"][1] + 4 and lost > gained / 2
    assert abs(silenced["6 copiers"][0] - silenced["none"][0]) < 0.5

# %% tags=["varies"]
viz.bars(
    {name: second for name, (_, second) in silenced.items()}, "loss the second time (nats)",
    "Silence six heads of 270, and most of the copying is gone", baseline=silenced["none"][0], baseline_name="the first time",
) if smol else None

# %% [markdown]
# Six heads drawn by chance cost little; without the six copiers most of what copying gains is lost, and the *first* time
# costs no more than before. This is what makes the claim "these heads are for copying" a finding and not a story: a
# prediction, a change, a control.
#
# One more thing is to be seen in these weights. Where do all the other heads look?

# %% tags=["varies"]
if smol:
    on_first = heads[:, :, 1:, 0].mean()
    with no_grad():
        x, sizes = smol.embedding(repeated[None]), []
        for layer in smol.layers:
            x = layer(x, where=slice(0, len(repeated)))
            sizes.append(np.linalg.norm(x.numpy()[0], axis=1))
    sizes = np.array(sizes)                                                         # (layers, T)
    print(f"{on_first:.0%} of all attention goes to the first token of {len(repeated)}")
    print(f"length of its vector after layer 16: {sizes[15, 0]:,.0f}; of the others, {sizes[15, 1:].mean():.0f} on average")
    assert on_first > 0.3 and sizes[15, 0] > 50 * sizes[15, 1:].mean()

# %% [markdown]
# At the first token, whatever it is. The softmax must give its unit away, and a head that has nothing to look for needs a
# place where it does no harm. The model made one: half-way up, the first token's vector is more than a hundred times as
# long as any other's, which sets it apart for every query. This is known as an *attention sink* (Xiao et al. 2024), and
# nobody designed it. It is also a warning for the pictures in this book: much weight is not always much meaning.

# %% [markdown]
# ## Sentences as vectors (M1)
#
# MiniLM is a Bert: no next token, but a vector for each token that has seen all the others. The folder says how they become
# one (`1_Pooling/config.json`: the mean), and lesson 31 how one compares them: length 1, dot product. By hand, then by the
# library:

# %% tags=["varies"]
sentences = [
    "The cat sleeps on the warm sofa.", "A kitten is napping on the couch.",
    "How do I reset my password?", "I forgot my login and cannot get in.",
    "Stocks fell sharply after the announcement.", "Shares lost much of their value on the news.",
    "The bank raised its interest rates.", "We had a picnic on the bank of the river.",
]


def sentence_vector(text):
    with no_grad():
        h = mini.hidden(np.array([pieces.encoding(text).ids])).numpy()[0]           # (T, 384), [CLS] and [SEP] as well
    mean = h.mean(axis=0)
    return mean / np.linalg.norm(mean)


if mini:
    vectors = np.stack([sentence_vector(text) for text in sentences])               # (8, 384)
    encoder = SentenceEncoder(mini).eval()
    with no_grad():
        np.testing.assert_allclose(encoder(np.array([pieces.encoding(sentences[0]).ids])).numpy()[0], vectors[0], atol=1e-5)
    cosines = vectors @ vectors.T
    pairs = cosines[[0, 2, 4, 6], [1, 3, 5, 7]]
    print("pairs:", pairs.round(2))
    assert pairs[:3].min() > 0.5 and pairs[3] < 0.4

# %% tags=["varies"]
viz.heatmap(
    cosines.round(2), "", "", "Alike in meaning, with hardly a word in common", label="cosine", values=True,
    rows=[f"{i + 1}: {text[:22]}…" for i, text in enumerate(sentences)], columns=[str(i + 1) for i in range(8)],
) if mini else None

# %% [markdown]
# The first three pairs share little but *the*, *on*, *I* and *my*: whoever counts words has nothing to go by. The last pair
# shares *bank*, and lies apart. How does the model know? Look at the vector of that one token. In lesson 11 a word had one
# vector, for all its meanings. After six layers it has one for each use:

# %% tags=["varies"]
uses = ["She deposited money at the bank.", "The bank approved the loan.", "They sat on the bank of the river.",
        "The bank of the stream was muddy."]
if mini:
    of_bank = []
    for text in uses:
        encoding = pieces.encoding(text)
        with no_grad():
            h = mini.hidden(np.array([encoding.ids])).numpy()[0]
        of_bank.append(h[encoding.tokens.index("bank")])
    of_bank = np.stack(of_bank) / np.linalg.norm(of_bank, axis=1, keepdims=True)
    print((of_bank @ of_bank.T).round(2))
    same, other = (of_bank @ of_bank.T)[[0, 2], [1, 3]], (of_bank @ of_bank.T)[:2, 2:]
    assert same.min() > other.max()

# %% [markdown]
# Money with money, and water with water. The differences are small (all four vectors are the same word in like sentences),
# but they are on the right side each time.

# %% [markdown]
# ## A conversation (M1)
#
# The *Instruct* in the name says that the model was trained further, on conversations (lesson 34 does that). What is a
# conversation to a model that can only continue a text? A text. The file has the form, a *template*:

# %% tags=["varies"]
if smol:
    template = ChatTemplate(tokenizer.chat_template, bos_token="<|im_start|>", eos_token="<|im_end|>")
    print(template.render([{"role": "user", "content": "What is the capital of Italy?"}]))
    for question in ("What is the capital of Italy?", "What is 17 + 25?"):
        talk = Conversation(smol, tokenizer, template)                              # greedy: the likeliest token each time
        print(f"> {question}\n{''.join(talk.ask(question, max_new_tokens=16))}\n")
    with no_grad():
        p = F.softmax(smol(np.array([tokenizer.encode("The capital of Italy is")])).numpy()[0, -1])
    print(f"and as plain text: The capital of Italy is{tokenizer.decode([int(p.argmax())])} ({p.max():.0%})")

# %% [markdown]
# Look at that honestly. It has the *form* of an answer: it speaks in its turn, of the matter, and it stops. What it says is
# wrong, twice. This is the smallest model of its family, in five bits a weight. And yet the same weights say *Rome* when
# they are given the beginning of a sentence instead of a question. What a model "knows" is no entry that is there or not:
# it is a probability, and it depends on how one asks. Lesson 34 looks at what such a template is made of.

# %% [markdown]
# ## Break it: the rows in the wrong order
#
# The reordering of rows looks like a detail. Suppose that we forget it, and load the file's query and key rows as they are.
# All names fit, all shapes fit. **Predict:** does the model (a) write noise, (b) fail on everything that needs more than a
# few words, or (c) hardly notice, since queries and keys are shuffled *alike*, so that their dot products stay what they
# were?

# %% tags=["varies"]
if smol:
    wrong = Llama.from_gguf(path)
    for i, layer in enumerate(wrong.layers):
        layer.attention.q_proj.weight.data[...] = file.tensor(f"blk.{i}.attn_q.weight")
        layer.attention.k_proj.weight.data[...] = file.tensor(f"blk.{i}.attn_k.weight")
    with no_grad():
        p = F.softmax(wrong(np.array([tokenizer.encode("The capital of France is")])).numpy()[0, -1])
    said = tokenizer.decode([int(p.argmax())])
    ids = np.array(tokenizer.encode(TEXT))
    outcome = {name: (losses(model, ids).mean(), losses(model, repeated)[N + 1 :].mean())
               for name, model in (("right", smol), ("wrong", wrong))}
    print("The capital of France is" + said)
    for name, (on_text, on_copies) in outcome.items():
        print(f"{name}: {on_text:.2f} nats a token on our text, {on_copies:.2f} on tokens repeated")
    assert said == " Paris" and outcome["wrong"][0] > outcome["right"][0] + 1 and outcome["wrong"][1] > 10

# %% tags=["varies"]
viz.bars(
    {f"{task}, {name}": outcome[name][i] for i, task in enumerate(("our text", "repeated"))
     for name in ("right", "wrong")},
    "loss (nats)", "Rows in the wrong order: it writes English, and cannot copy", baseline=math.log(49152),
    baseline_name="all tokens equally likely",
) if smol else None

# %% [markdown]
# Answer (b), and that is the treacherous one. *Paris* still comes out. (c) is right *before* positions come in: shuffled
# alike, dot products stay. But the angles are applied to the wrong pairs, so a head that should look 23 tokens back looks
# somewhere else. Short prompts have little distance to get wrong; whoever tries the model with one of them will call it
# loaded.
#
# Two tests hold it: `test_rows_go_back_where_they_were` in [tests/models/test_gguf.py](../tests/models/test_gguf.py) on
# drawn heads, and [tests/parity/test_smollm2.py](../tests/parity/test_smollm2.py), which compares logits and whole
# conversations with Transformers', token by token.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. None of them needs the models. Solutions with derivations:
# [solutions/33_opening_a_real_model.ipynb](solutions/33_opening_a_real_model.ipynb).
#
# **1. Bits (warm-up).** Q8_0 keeps 32 whole numbers of 8 bits and one scale as float16; Q4_0 keeps 32 of 4 bits and one
# scale. How many bits is a weight in each, all told? A pair of numbers.

# %%
bits_q8_0 = ...
bits_q4_0 = ...

check(1, ... if bits_q8_0 is ... else (bits_q8_0, bits_q4_0))


# %% [markdown]
# **2. A block.** From d, m and the bytes, a sequence of n whole numbers from 0 to 255, the 2n weights.

# %%
def weights_of_block(d, m, data):
    ...


check(2, weights_of_block)


# %% [markdown]
# **3. Rounding.** The other way: weights w (n,) and a number of bits → what comes back, d q + m, in one block. Mind a block
# whose weights are all equal.

# %%
def rounded_block(w, bits):
    ...


check(3, rounded_block)


# %% [markdown]
# **4. Rows.** A query matrix (H · D, C) as llama.cpp has it, neighbours in pairs → ours, halves in pairs: within each head
# row 2i goes to row i, row 2i + 1 to row i + D/2.

# %%
def ours_from_theirs(weight, n_heads):
    ...


check(4, ours_from_theirs)


# %% [markdown]
# **5. Finding copiers.** Attention weights (T, T), T = 2n, of n tokens and the same n again. The mean weight with which
# tokens of the second half look at *what came after their first occurrence*.

# %%
def copying_score(weights, n):
    ...


check(5, copying_score)


# %% [markdown]
# **6. How fast can it be?** To write one token, every weight and the whole cache must come from memory once; the arithmetic
# is quick beside it. P weights of b bits, a cache of K bytes, memory that delivers R bytes a second: at most how many
# tokens a second?

# %%
def tokens_a_second(P, b, K, R):
    ...


check(6, tokens_a_second)


# %% [markdown]
# **7. Something to think about.** A row w of a matrix (n,) has been rounded, and each of its errors is independent and
# uniform, with standard deviation d/√12. The input x (n,) is exact. What is the standard deviation of the error of the dot
# product w · x?

# %%
def error_of_product(d, x):
    ...


check(7, error_of_product)

# %% [markdown]
# ## What you can now explain
#
# - What is in a model's file: a config, a tokenizer, numbers in blocks; how 32 weights fit into 20 bytes and what that
# costs.
# - The whole way from a text to the next token of a real model, in lines each of which you derived.
# - That answers form in the last layers, that a few heads copy, that switching them off is how one knows, and that much
# attention may mean nothing.
# - Why a model that says *Paris* may still be loaded wrongly.
#
# [Lesson 34](34_dialogue_and_code.ipynb) makes a model of our own talk, and lets another one write programs.
