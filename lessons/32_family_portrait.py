# %% [markdown]
# # 32 · A family portrait
#
# *GPT-2, BERT, T5 and Llama were made by different people for different ends. How different are they?*
#
# *Reading 40 min · running 15 s · builds on lessons 11 (positions), 13 (masks), 14 (norms), 15 (the layer), 23 (encoder and
# decoder)*
#
# **Afterwards you can** name the few switches in which the four families differ, count the parameters of any of them by
# hand, read a model's folder with nothing but `json` and `struct`, carry weights from Hugging Face's names to ours and
# back, and say which wrong line in a config is noticed at once and which is not.

# %%
import dataclasses
import json
import math
import struct
import tempfile
from pathlib import Path

import numpy as np

from tinyllm import manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.data import CausalWindows, builtin
from tinyllm.models import GPT, T5, Bert, BertConfig, GPTConfig, Llama, LlamaConfig, Pretrained, T5Config
from tinyllm.nn import AlibiPositions, RelativePositions
from tinyllm.tokenizers import CharTokenizer
from tinyllm.training import Causal, TrainConfig, evaluate, train

lesson = open_lesson("32_family_portrait")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## Four names (M1)
#
# The documents name three families by their best-known members: GPT, BERT, and the encoder-decoder with T5; Llama is what
# became of GPT. A page of history each, in a paragraph each:
#
# - **GPT-2** (Radford et al. 2019). A decoder without an encoder: predict the next word, on 40 GB of web pages. What was
# new was the size, and that tasks appeared without being taught. It moved the norm in front of each sublayer (lesson 14),
# and nearly everybody has left it there.
# - **BERT** (Devlin et al. 2019). An encoder without a decoder: every word sees every other, so the next word cannot be the
# task. Hide words instead, and ask whether two sentences follow each other (lesson 27). Made to be fine-tuned, and for some
# years the best at reading.
# - **T5** (Raffel et al. 2020). Encoder and decoder, as in the first Transformer. Every task becomes text in, text out:
# "translate English to German: …". The paper compares dozens of choices side by side; the layer keeps the simplest of each
# (no biases, a norm without centring, positions as one number a distance).
# - **Llama** (Touvron et al. 2023). GPT again, trained much longer than its size seemed to deserve, with the small
# improvements of four years: RMS norm, rotary positions, gated feed-forward networks; later members share keys and values
# among heads. Most open models since are this model with other numbers.
#
# Four papers, four programs, four file formats. And one layer:

# %%
V = 50
common = {"vocab_size": V, "context": 16, "n_layers": 2, "n_heads": 4, "d_model": 32}
configs = {
    "GPT-2": GPTConfig(**common, bias=True),
    "BERT": BertConfig(**common, norm_first=False, norm_eps=1e-12, n_segments=2, pooler=True, next_sentence=True),
    "T5": T5Config(**common),
    "Llama": LlamaConfig(**common, n_kv_heads=2),
}
classes = {"GPT-2": GPT, "BERT": Bert, "T5": T5, "Llama": Llama}


def switches(configs):
    """The fields whose values are not the same in all configs, as a table in Markdown."""
    shared = [f.name for f in dataclasses.fields(next(iter(configs.values()))) if f.name in configs["Llama"].__dict__]
    lines = ["| | " + " | ".join(configs) + " |", "|---" * (len(configs) + 1) + "|"]
    for name in shared:
        values = [str(getattr(config, name)) for config in configs.values()]
        if len(set(values)) > 1:
            lines.append(f"| {name} | " + " | ".join(values) + " |")
    return lines


print("\n".join(switches(configs)))
assert len(switches(configs)) - 2 <= 8

# %% [markdown]
# The table is made from the configs, not typed: these are all the fields in which four small models of the families differ.
# Read it by rows, and each row is a lesson you know:
#
# | switch | lesson | what it decides |
# |---|---|---|
# | `bias` | 7 | whether linear maps and norms have an offset |
# | `activation` | 7 | the bend: ReLU, GELU, its tanh form, or a gate |
# | `norm`, `norm_eps` | 14 | layer norm, or RMS norm, which does not centre; the ε under the root |
# | `norm_first` | 14 | before each sublayer, or after each sum |
# | `positions` | 11 | vectors that are added, angles that turn, or numbers added to the scores |
# | `n_kv_heads` | 13 | whether heads share keys and values |
# | `context` | 17 | where the table of positions ends (T5 has none) |
#
# What the table does not show is *who sees whom*. This is no field: it is what makes a GPT a GPT and a Bert a Bert. Let us
# measure it.

# %% [markdown]
# ## Who sees whom (M1)
#
# Change one input token and look at which outputs move. No theory, no source code: a table of consequences.
#
# **Predict** the four tables: rows are outputs, columns inputs, six tokens each (for T5: three tokens of source, three of
# target).

# %%
manual_seed(0)
models = {name: classes[name](config).eval() for name, config in configs.items()}
T, S = 6, 3
tokens = np.random.default_rng(0).integers(1, V, (1, T))


def run(model, ids):
    """Logits for six tokens; an encoder-decoder takes the first three as its source."""
    with no_grad():
        return (model(ids[:, :S], ids[:, S:]) if isinstance(model, T5) else model(ids)).numpy()[0]


def sees(model):
    """(outputs, inputs) of booleans: does an output move when this input token is another one?"""
    before, moved = run(model, tokens), []
    for j in range(T):
        other = tokens.copy()
        other[0, j] = (other[0, j] + 7) % V
        moved.append(np.abs(run(model, other) - before).max(axis=1) > 1e-7)
    return np.array(moved).T


seen = {name: sees(model) for name, model in models.items()}
causal = np.tril(np.ones((T, T), bool))
assert (seen["GPT-2"] == causal).all() and (seen["Llama"] == causal).all()
assert seen["BERT"].all()
assert (seen["T5"] == np.concatenate([np.ones((3, S), bool), causal[:3, :3]], axis=1)).all()

with viz.figure(9.0, 2.9) as (fig, ax):
    ax.remove()
    for panel, (name, table) in zip(fig.subplots(1, 4, width_ratios=[6, 6, 6, 6]), seen.items(), strict=True):
        panel.imshow(table, cmap="Greys", vmin=0, vmax=1.6)
        panel.set_xticks(range(T), ["s1", "s2", "s3", "t1", "t2", "t3"] if name == "T5" else [f"t{i + 1}" for i in range(T)])
        panel.set_yticks(range(len(table)), [f"t{i + 1}" for i in range(len(table))])
        panel.set_title(name)
        panel.set_xlabel("input token")
    fig.axes[0].set_ylabel("output at")
    fig.suptitle("Grey: this output depends on this token")
fig

# %% [markdown]
# GPT-2 and Llama: the lower triangle; the past, and nothing else. BERT: everything. T5: the whole source, and the past of
# the target. Three tables for four families; each table is a way to use the layer:
#
# - The triangle can *write*, because a prefix's outputs do not change when the text grows. It reads with one eye: the first
# word never learns what the last one was.
# - The full square can *read*. It cannot write: everything changes with every new word.
# - T5 has both, side by side, and pays with two stacks and a third sublayer.

# %% [markdown]
# ## Positions as numbers on the scores (M1)
#
# Lesson 11 met all kinds of positions. T5's and ALiBi's (Press et al. 2022) never touch the tokens' vectors: they add a
# number to each score, which depends on head and distance alone. Here they are, of four heads, for 24 tokens. T5's numbers
# are learned, one for each *bucket* of distances: near distances have a bucket each, far ones share. ALiBi's are fixed.

# %%
alibi = AlibiPositions(4)(24, 24)[0]                                                # (H, T, T)
manual_seed(3)
relative = RelativePositions(4, n_buckets=16, max_distance=20)                      # fresh: nothing is learned yet
buckets = relative(24, 24).numpy()[0]
for bias in (alibi, buckets):                                                       # only the distance counts
    assert np.allclose(bias[:, 1:, 1:], bias[:, :-1, :-1])
viz.lines(
    {f"ALiBi, head {h + 1}": (np.arange(24), -alibi[h, 0]) for h in range(4)}, "distance between the tokens",
    "taken off the score", "ALiBi: a straight line a head, from steep to nearly flat",
)

# %%
viz.heatmap(
    buckets[0], "key at", "query at", "T5: one number a bucket; far distances share theirs (values before any training)",
    label="added to the score", diverging=True,
)

# %% [markdown]
# Both pictures are constant along their diagonals: only the distance counts. And neither needs a table as long as the
# context, so a model may be given longer texts than it ever saw. Whether it makes sense of them is another question; ALiBi
# was made for that, and here is its reason: a token far back is seen *less*, whatever the length of the text.

# %% [markdown]
# ## Counting without building (M1)
#
# A family's size is arithmetic. With width $C$, heads of width $d$, $H$ of them for queries and $H_{kv}$ for keys and
# values, and $D$ inside the feed-forward network, one layer has
#
# $$\underbrace{2 C H d + 2 C H_{kv} d}_{\text{q, o; k, v}} + \underbrace{(2 \text{ or } 3) \, C D}_{\text{3 with a gate}}
# + \underbrace{2 C}_{\text{norms}}$$
#
# and where there are biases, one for each output (and a second vector in each layer norm). A decoder that looks at a source
# has the attention part and its norm twice.

# %%
def map_parameters(n_in, n_out, bias):
    return n_in * n_out + bias * n_out


def layer_parameters(c, cross=False):
    """Of one layer, by the formula above. Without d_hidden: 4 C, or with a gate 8/3 C, up to a multiple of 8."""
    C, d, gated = c.d_model, c.d_head, c.activation in ("swiglu", "geglu")
    kv = (c.n_kv_heads or c.n_heads) * d
    D = c.d_hidden or (math.ceil(8 * C / 3 / 8) * 8 if gated else 4 * C)
    attention = map_parameters(C, c.n_heads * d, c.bias) + map_parameters(c.n_heads * d, C, c.bias)
    attention += 2 * map_parameters(C, kv, c.bias)
    network = (1 + gated) * map_parameters(C, D, c.bias) + map_parameters(D, C, c.bias)
    norm = C * (2 if c.norm == "layer" and c.bias else 1)
    return attention * (1 + cross) + network + norm * (2 + cross)


def parameters(c):
    """Of a whole model, without building it."""
    C = c.d_model
    norm = C * (2 if c.norm == "layer" and c.bias else 1)
    embeddings = c.vocab_size * C * (1 if c.tie_embeddings else 2)
    positions = c.context * C if c.positions == "learned" else 0
    if isinstance(c, T5Config):
        biases = 2 * c.relative_buckets * c.n_heads
        return embeddings + biases + c.n_layers * (layer_parameters(c) + layer_parameters(c, cross=True)) + 2 * norm
    total = embeddings + positions + c.n_layers * layer_parameters(c) + norm        # the last norm; BERT's is its first
    if isinstance(c, BertConfig):
        total += c.n_segments * C + c.pooler * map_parameters(C, C, True) + c.next_sentence * map_parameters(C, 2, True)
        total += c.masked_head * (map_parameters(C, C, True) + norm + c.vocab_size)
    return total


for name, model in models.items():
    print(f"{name:6} by hand {parameters(configs[name]):6,}   built {model.n_parameters():6,}")
    assert parameters(configs[name]) == model.n_parameters()

# %% [markdown]
# The formula agrees with the four models that we built. So let us trust it with five real ones (lesson 33 opens the
# fourth), and compare with what their papers and model cards say: 124M, 110M, 60M, 135M and 7B.

# %%
real = {
    "GPT-2 small": GPTConfig(50257, 1024, 12, 12, 768, bias=True),
    "BERT base": BertConfig(30522, 512, 12, 12, 768, norm_first=False, n_segments=2, pooler=True, masked_head=False),
    "T5 small": T5Config(32128, 512, 6, 8, 512, d_hidden=2048),
    "SmolLM2 135M": LlamaConfig(49152, 8192, 30, 9, 576, d_hidden=1536, n_kv_heads=3, rope_base=100000.0),
    "Llama 2 7B": LlamaConfig(32000, 4096, 32, 32, 4096, d_hidden=11008, tie_embeddings=False),
}
sizes = {name: parameters(config) for name, config in real.items()}
for name, size in sizes.items():
    c = real[name]
    share = c.vocab_size * c.d_model * (1 if c.tie_embeddings else 2) / size
    print(f"{name:13} {size:13,} parameters, {4 * size / 1e9:5.2f} GB in float32, {share:4.0%} of them embeddings")
assert sizes["GPT-2 small"] == 124_439_808 and sizes["BERT base"] == 109_482_240
assert sizes["SmolLM2 135M"] == 134_515_008 and sizes["Llama 2 7B"] == 6_738_415_616

# %% [markdown]
# To the last parameter. Note the last column: in a small model a fifth to a third is the table of tokens; in a large one it
# hardly counts. That is why small models tie their embeddings and large ones do not bother.
#
# What a model needs in *use* is more than its weights: the key–value cache (lesson 18) grows with every token of every
# text, $2 \cdot \text{layers} \cdot H_{kv} \cdot d$ numbers each.

# %%
def cache_bytes(c, n_tokens, bytes_a_number=4):
    """Keys and values of all layers, for n_tokens."""
    return 2 * c.n_layers * (c.n_kv_heads or c.n_heads) * c.d_head * n_tokens * bytes_a_number


writers = {name: config for name, config in real.items() if isinstance(config, GPTConfig)}
ungrouped = dataclasses.replace(real["SmolLM2 135M"], n_kv_heads=9)
kilobytes = {name: cache_bytes(config, 1) / 1e3 for name, config in writers.items()}
kilobytes["SmolLM2 if each head had its own"] = cache_bytes(ungrouped, 1) / 1e3
cache = models["Llama"].make_cache(1)
with no_grad():
    models["Llama"](tokens, cache=cache)
held = sum(2 * layer.append(*np.zeros((2, 1, 2, 0, 8), np.float32))[0].nbytes for layer in cache.layers)
assert held == cache_bytes(configs["Llama"], T)
viz.bars(kilobytes, "KB of cache for one token", "Sharing keys and values among heads pays for every token of every text")

# %% [markdown]
# SmolLM2 has nine heads that ask and three that answer: a third of the cache. Llama 2 with 7 billion parameters needs a
# megabyte of float32 for each token; a text of 4,096 tokens needs 4.3 GB on top of the weights. (In practice half of that:
# it is kept in 16 bits.)

# %% [markdown]
# ## A model as a folder (M1)
#
# `save_pretrained` writes the layout that the world has agreed on, Hugging Face's. Two files; we open both without the
# library.

# %%
home = Path(tempfile.mkdtemp())
models["GPT-2"].save_pretrained(home / "gpt2")
config = json.loads((home / "gpt2" / "config.json").read_text())
print({key: config[key] for key in ("model_type", "n_embd", "n_layer", "n_head", "activation_function", "n_positions")})

# %% [markdown]
# The weights are in a *safetensors* file, and the name is a promise: nothing in it is a program (the older format was
# Python's pickle, which runs code while it is read). It is 8 bytes with the length of a header, the header in JSON, and
# numbers:

# %%
def safetensors_header(data):
    """Name → its dtype, shape and place in the bytes that follow the header."""
    (length,) = struct.unpack("<Q", data[:8])                                   # 8 bytes, the lowest first
    return json.loads(data[8 : 8 + length]), 8 + length


data = (home / "gpt2" / "model.safetensors").read_bytes()
header, start = safetensors_header(data)
header.pop("__metadata__")
for name in list(header)[:4]:
    print(f"{name:40} {header[name]}")
first, last = header["transformer.h.0.attn.c_attn.weight"]["data_offsets"]
fused = np.frombuffer(data[start + first : start + last], np.float32).reshape(32, 96)
assert sum(math.prod(entry["shape"]) for entry in header.values()) == models["GPT-2"].n_parameters()

# %% [markdown]
# The names are GPT-2's own, and so are two habits of its authors. Our layer has three matrices for queries, keys and
# values, (out, in) each; GPT-2's has one, (in, out), with all three side by side. So the bytes that we just read must be
# ours, transposed and glued together:

# %%
attention = models["GPT-2"].layers[0].attention
ours = np.concatenate([attention.q_proj.weight.numpy(), attention.k_proj.weight.numpy(), attention.v_proj.weight.numpy()])
assert np.array_equal(fused, ours.T)
print("the file's c_attn", fused.shape, "is our q, k and v", ours.shape, "transposed: not a bit differs")

# %% [markdown]
# That is all there is to "loading pretrained weights": a table of names, and for some a transpose. Ours stands in
# [tinyllm/models/hugging_face/](../tinyllm/models/hugging_face/gpt2.py), a file a family. Every model comes back from its
# folder as it went:

# %%
names = {}
for name, model in models.items():
    model.save_pretrained(home / name)
    again = Pretrained.from_pretrained(home / name)
    assert type(again) is type(model) and np.array_equal(run(again, tokens), run(model, tokens))
    with open(home / name / "model.safetensors", "rb") as file:
        names[name] = sorted(key for key in safetensors_header(file.read())[0] if "0" in key and key.endswith("weight")
                             and any(part in key for part in ("c_attn", ".query.", ".q.", "q_proj")))
    print(f"{name:6} calls its first query matrix {names[name][0]}")

# %% [markdown]
# Four names for one matrix (GPT-2's has the keys and values beside it). That Transformers computes the same logits, losses
# and gradients from these folders, and we from the ones it writes, is held by
# [tests/parity/test_hugging_face.py](../tests/parity/test_hugging_face.py), for hundreds of drawn configs.

# %% [markdown]
# ## Break it: one wrong line in config.json
#
# Weights say nothing about switches. A file of numbers fits many configs, and the wrong one gives a model that runs. Let us
# train a small Llama, save it, change a single line of its config, and load it again.
#
# **Predict** for each change: refused, much worse, slightly worse, or the same? (a) half as many heads, twice as wide: all
# shapes stay; (b) the base of the rotary angles 100 instead of 10,000; (c) ε of the norms 0.01 instead of 0.000001; (d) the
# gate's bend GELU instead of SiLU; (e) one layer fewer; (f) a larger context.

# %% tags=["varies"]
sentences = builtin("translation").train.sources
text = "\n".join(sentences)
tokenizer = CharTokenizer.train(text)
ids = tokenizer.encode_array(text)
cut = len(ids) * 9 // 10
windows, held_out = (CausalWindows(part, 32, 16, 0) for part in (ids[:cut], ids[cut:]))
manual_seed(0)
llama = Llama(LlamaConfig(tokenizer.vocab_size, context=32, n_layers=2, n_heads=4, d_model=64))
train(llama, Causal(), windows, None, TrainConfig(steps=250, lr=5e-3, workers=1, eval_every=250), progress=False)
llama.save_pretrained(home / "trained")
right = json.loads((home / "trained" / "config.json").read_text())


def loss_with(**changes):
    """The held-out loss of the saved weights under a changed config; the error's text where it is refused."""
    (home / "trained" / "config.json").write_text(json.dumps(right | changes))
    try:
        model = Llama.from_pretrained(home / "trained")
    except ValueError as error:
        return str(error).split(": ", 1)[-1][:90]
    return evaluate(model, Causal(), held_out.evaluation(), workers=1)["loss"]


turning = {"rope_theta": 100.0, "rope_parameters": {"rope_type": "default", "rope_theta": 100.0}}
outcomes = {
    "as saved": loss_with(),
    "(a) half the heads": loss_with(num_attention_heads=2, num_key_value_heads=2, head_dim=32),
    "(b) rotary base 100": loss_with(**turning),
    "(c) ε = 0.01": loss_with(rms_norm_eps=1e-2),
    "(d) GELU in the gate": loss_with(hidden_act="gelu"),
    "(e) a layer fewer": loss_with(num_hidden_layers=1),
    "(f) context 64": loss_with(max_position_embeddings=64),
}
for change, outcome in outcomes.items():
    print(f"{change:22} {outcome if isinstance(outcome, str) else f'loss {outcome:.3f}'}")
base = outcomes["as saved"]
assert isinstance(outcomes["(d) GELU in the gate"], str) and isinstance(outcomes["(e) a layer fewer"], str)
assert outcomes["(a) half the heads"] > base + 0.3 and outcomes["(f) context 64"] == base
assert outcomes["(b) rotary base 100"] > base and outcomes["(c) ε = 0.01"] > base - 0.01

# %% tags=["varies"]
viz.bars(
    {change: outcome for change, outcome in outcomes.items() if not isinstance(outcome, str)}, "held-out loss (nats)",
    "Same weights, one other line in the config", baseline=base, baseline_name="as saved",
)

# %% [markdown]
# - *(d)* and *(e)* are refused. A gate with GELU is a layer that the library does not have, and says so; a missing layer
# leaves arrays that belong nowhere. **Names and shapes are the only things that a file can be checked by**, and so they
# are, one by one ([tests/models/test_hugging_face.py](../tests/models/test_hugging_face.py)).
# - *(a)* is the dangerous one. Every shape fits, nothing complains, and the model is ruined: heads are only a way of
# *reading* the matrices.
# - *(b)* hurts less, *(c)* hardly, and that is worse: a model that is a little worse than it should be is a bug that nobody
# looks for. The one protection is to compare with numbers from the place where the model was made, as the parity tests do.
# - *(f)* changes nothing at all, as it should: rotary angles for places up to 32 are the same.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/32_family_portrait.ipynb](solutions/32_family_portrait.ipynb).
#
# **1. A layer, counted (warm-up).** A Llama layer (RMS norm, no biases, a gate): width C, heads of width d, H of them for
# queries and K for keys and values, D inside the network. How many parameters?

# %%
def llama_layer(C, d, H, K, D):
    ...


check(1, llama_layer)


# %% [markdown]
# **2. Who sees whom.** A prefix model (T5's paper compares one) has a single stack; the first P of T tokens are seen by
# all, the rest only by what comes after them, and by themselves. The table (T, T) of booleans: row = who sees, column = who
# is seen.

# %%
def prefix_mask(T, P):
    ...


check(2, prefix_mask)


# %% [markdown]
# **3. The header.** From the header of a safetensors file (a dict: name → {"dtype", "shape", "data_offsets"}), the number
# of bytes of the file after its header, computed from dtypes and shapes alone. dtypes are "F32", "F16", "BF16" and "I8".

# %%
def bytes_of(header):
    ...


check(3, bytes_of)


# %% [markdown]
# **4. ALiBi's scores.** The bias (T, T) of one head with slope m, for a *causal* model: −m times the distance for keys that
# are not ahead, −∞ for those that are.

# %%
def alibi_bias(T, m):
    ...


check(4, alibi_bias)


# %% [markdown]
# **5. From one matrix to three.** GPT-2's c_attn is (C, 3C), in by out. Give our three (out, in) matrices q, k, v as a
# tuple.

# %%
def split_attention(c_attn):
    ...


check(5, split_attention)


# %% [markdown]
# **6. Something to think about.** A model has L layers and K key/value heads of width d. Its weights are P numbers. From how
# many tokens on is its cache larger than its weights (both in the same dtype)? The smallest such number of tokens.

# %%
def cache_outgrows(P, L, K, d):
    ...


check(6, cache_outgrows)

# %% [markdown]
# ## What you can now explain
#
# - Why four famous models are one layer: what each switch does, and that who sees whom is the only deep difference.
# - How many parameters any of them has, to the last one, and where they sit; what a token costs in the cache.
# - What is in a model's folder, down to the bytes, and why loading weights is a table of names.
# - Which mistakes a loader can find (names, shapes), and which it cannot (heads, angles, ε).
#
# All of this was done with weights that know nothing. In the [next lesson](33_opening_a_real_model.ipynb) we open two
# models that do.
