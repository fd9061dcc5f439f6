# %% [markdown]
# # 25 · Beam search
#
# *The model says how probable every text is. How does one find the most probable one, and is that the one we want?*
#
# *Reading 45 min · running 60 s · builds on lessons 8 (likelihood), 18 (generation), 23 (encoder and decoder) and 24
# (translation)*
#
# **Afterwards you can** show why the likeliest next word may lead away from the likeliest text, write beam search in twenty
# lines, say why long texts lose and what is done about it, and tell the mistakes of a search from the mistakes of a model.

# %%
import inspect
import itertools
import math
import time
from types import SimpleNamespace

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor, manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.data import SequencePairs, builtin, fetched
from tinyllm.generation import BeamTree, beam_search, beam_search_batch, generate, length_penalty
from tinyllm.gguf import GGUF
from tinyllm.models import Llama, Seq2Seq, Seq2SeqConfig
from tinyllm.nn import Module
from tinyllm.tokenizers import from_gguf
from tinyllm.training import SequenceToSequence, TrainConfig, train

lesson = open_lesson("25_beam_search")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question (T4)
#
# [Lesson 24](24_sequence_to_sequence.ipynb) trained a translator and let it write *greedily*: the likeliest word, then the
# likeliest word after that, and so on. Document 001 §5 does the same with T5: its
# `model.generate(inputs["input_ids"], max_length=50)` is, unless told otherwise, greedy. For a story one draws at random
# ([lesson 18](18_generation.ipynb)); of a translation one wants not any but the best. If "best" means most probable, the
# task is
#
# $$\hat{\mathbf{y}} = \arg\max_{\mathbf{y}} P(\mathbf{y} \mid \mathbf{x})
# = \arg\max_{\mathbf{y}} \prod_{t=1}^{T} P(y_t \mid y_{<t}, \mathbf{x})$$
#
# Greedy decoding makes each *factor* as large as possible, given the ones before. Does that make the *product* as large as
# possible?

# %% [markdown]
# ## By hand: three words further
#
# "I like …". Here is a model on index cards: for each beginning, what may come next. After three words, or after a full
# stop, the text ends.

# %%
WORDS = [".", "to", "it", "you", "swim", "read", "cook", "here", "<start>"]
cards = {
    "": {"to": 0.5, "it": 0.4, "you": 0.1},
    "to": {"swim": 0.36, "read": 0.34, "cook": 0.30},
    "it": {"here": 0.8, ".": 0.2},
    "you": {".": 1.0},
    "to swim": {".": 0.9, "here": 0.1},
    "to read": {".": 0.9, "it": 0.1},
    "to cook": {".": 0.8, "it": 0.2},
    "it here": {".": 0.9, "to": 0.1},
}
ENDS, LONGEST = 0, 3


def every_text(beginning=(), p=1.0):
    """Each text that is possible, with its probability: (words, probability)."""
    if beginning and (beginning[-1] == "." or len(beginning) == LONGEST):
        yield " ".join(beginning), p
        return
    for word, factor in cards[" ".join(beginning)].items():
        yield from every_text((*beginning, word), p * factor)


ranking = sorted(every_text(), key=lambda entry: -entry[1])
for text, p in ranking[:5]:
    print(f"P(I like {text:10}) = {p:.4f}")
greedy, p = (), 1.0
while not greedy or (greedy[-1] != "." and len(greedy) < LONGEST):
    word, factor = max(cards[" ".join(greedy)].items(), key=lambda entry: entry[1])
    greedy, p = (*greedy, word), p * factor
print("greedy:", " ".join(greedy), f"{p:.4f}; all texts together {sum(p for _, p in ranking):.4f}")
assert ranking[0][0] == "it here ." and " ".join(greedy) == "to swim ." and math.isclose(ranking[0][1], 0.4 * 0.8 * 0.9)
assert math.isclose(sum(p for _, p in ranking), 1)

# %% [markdown]
# Greedy takes *to*, because 0.5 is more than 0.4. But the probability behind *to* has to be shared by three verbs, while
# behind *it* nearly all goes one way: $0.4 \cdot 0.8 \cdot 0.9 = 0.288$ against $0.5 \cdot 0.36 \cdot 0.9 = 0.162$. **A
# factor says nothing about the factors that follow it.** The first step cannot be decided at the first step.
#
# The sure way is to try all texts. With a vocabulary of $V$ words and $N$ places there are $V^N$: for the 150 words of
# lesson 24's translator and 10 places, $150^{10} \approx 6 \cdot 10^{21}$. So: keep more than one beginning, and not all.

# %% [markdown]
# ## Logarithms add (T4)
#
# First a matter of numbers. A product of many factors below 1 leaves what a computer can represent; the sum of their
# logarithms does not, and since the logarithm grows, both are largest for the same text:
#
# $$\log P(\mathbf{y} \mid \mathbf{x}) = \sum_{t=1}^{T} \log P(y_t \mid y_{<t}, \mathbf{x})$$

# %%
factors = np.full(200, 0.01)
print("product of 200 factors 0.01:", np.prod(factors), " sum of their logarithms:", np.log(factors).sum().round(2))
assert np.prod(factors) == 0 and math.isclose(np.log(factors).sum(), 200 * math.log(0.01))

# %% [markdown]
# ## Beam search, in twenty lines (T4)
#
# Keep the $k$ best beginnings of each length; $k$ is the **width** of the beam.
#
# 1. Continue each live text by every word: $k \cdot V$ sums.
# 2. Keep the $k$ greatest of all these. They have one length, so comparing them is fair.
# 3. Those that have ended are set aside; the others live on.
# 4. When none lives, the best of those set aside is the answer.
#
# With $k = 1$ that is greedy decoding. With $k \ge V^N$ nothing is ever thrown away, and it is exhaustive search.
# (Sutskever et al. 2014, §3.2.) In Python, for any function that maps a list of beginnings to the log probabilities of
# their next words:

# %%
def my_beam_search(next_log_p, width, longest, end, alpha=0.0):
    """next_log_p(list of n tuples of ids) → (n, V). The best text: (score, log probability, ids with the end)."""
    live, found = [((), 0.0)], []
    for n in range(1, longest + 1):
        log_p = next_log_p([ids for ids, _ in live])                            # (n live, V)
        longer = [
            ((*ids, token), total + float(log_p[i, token]))                     # logarithms add
            for i, (ids, total) in enumerate(live) for token in range(log_p.shape[1]) if log_p[i, token] > -np.inf
        ]
        live = []
        for ids, total in sorted(longer, key=lambda text: -text[1])[:width]:    # the best of them, whoever their parents are
            if ids[-1] == end or n == longest:
                found.append((total / length_penalty(n, alpha), total, ids))    # the penalty: below. For alpha = 0 it is 1
            else:
                live.append((ids, total))
        if not live:
            break
    return max(found, key=lambda text: text[0])


def next_of_cards(beginnings):
    with np.errstate(divide="ignore"):
        return np.log([[cards.get(" ".join(WORDS[i] for i in ids), {".": 1.0}).get(word, 0.0) for word in WORDS]
                       for ids in beginnings])


def in_words(ids):
    return " ".join(WORDS[i] for i in ids)


for width in (1, 2, 3, len(WORDS) ** LONGEST):
    score, total, ids = my_beam_search(next_of_cards, width, LONGEST, ENDS)
    print(f"width {width:3}: I like {in_words(ids):10} log P = {total:.3f}, P = {math.exp(total):.3f}")
    assert in_words(ids) == ("to swim ." if width == 1 else "it here .")

# %% [markdown]
# Two beginnings are enough here. The library's version does the same for many sources side by side, with a cache, and on
# any model. To show it our cards, they get the clothes of one: a `forward` from ids to logits.

# %%
class Cards(Module):
    """The index cards as a causal model: ids (B, T), the first of which starts the text → logits (B, T, V)."""

    config, causal = SimpleNamespace(context=8), True

    def forward(self, ids, cache=None):
        beginnings = [tuple(row[1 : t + 1]) for row in ids for t in range(len(row))]
        return Tensor(next_of_cards(beginnings).reshape(*ids.shape, len(WORDS)))


start = [WORDS.index("<start>")]
for width, alpha in itertools.product((1, 2, 3, 4, 729), (0.0, 0.6, 2.0)):
    (theirs,) = beam_search(Cards(), start, LONGEST, width=width, alpha=alpha, eos_id=ENDS, use_cache=False)
    score, total, ids = my_beam_search(next_of_cards, width, LONGEST, ENDS, alpha)
    assert theirs.ids == [i for i in ids if i != ENDS] and theirs.finished == (ids[-1] == ENDS)
    np.testing.assert_allclose((theirs.score, theirs.log_probability), (score, total), rtol=1e-6)
print("equal to the library's, in 15 settings")
print(inspect.getsource(beam_search).split('"""')[2])

# %% [markdown]
# The search itself is in [tinyllm/generation/beam.py](../tinyllm/generation/beam.py). It can note what it weighed, in a
# `BeamTree`. Width 2, every box with its word, the word's log probability, and the sum so far; dashed boxes were thrown
# away:

# %%
tree = BeamTree()
beam_search(Cards(), start, LONGEST, width=2, alpha=0.0, eos_id=ENDS, use_cache=False, tree=tree)
viz.beam_tree(tree, lambda i: WORDS[i], "Width 2 keeps “it” alive, which greedy decoding throws away")

# %% [markdown]
# Read it from left to right. At the second step both children of *to* fight with *it here*: $\ln 0.32 = -1.14$ beats them
# all, and *to swim* is second. Two beginnings are kept, *whoever their parents are*: had all of them been children of one
# parent, the other branch would have died out.
#
# ## A translator to search in (T4)
#
# English into Solvi, as in lesson 24, with one token a word. We stop the training early, on purpose: a model that is sure
# of every word leaves a search nothing to do, and one that is often unsure is the more usual case.

# %% tags=["varies"]
data = builtin("translation")
learn, test = ([(x.split(), y.split()) for x, y in zip(part.sources, part.targets)] for part in (data.train, data.test))
VOCABULARY = ["<pad>", "<start>", "<end>"] + sorted({word for pair in learn for side in pair for word in side})
NUMBER = {word: i for i, word in enumerate(VOCABULARY)}
PAD, START, END = range(3)


def encode(words):
    return [NUMBER[word] for word in words]


def decode(ids):
    return [VOCABULARY[i] for i in ids]


manual_seed(0)
model = Seq2Seq(Seq2SeqConfig(len(VOCABULARY), context=20, n_layers=1, d_model=64, positions="learned", start_id=START))
pairs = SequencePairs([encode(x) for x, _ in learn], [encode(y) for _, y in learn], 32, 20, 20, PAD, START, END)
config = TrainConfig(steps=300, lr=4e-3, warmup=50, schedule="linear", min_lr=0.0, workers=1)
history = train(model, SequenceToSequence(), pairs, None, config, progress=False)
sources, references = [encode(x) for x, _ in test], [encode(y) for _, y in test]
print(f"{len(learn):,} pairs, {len(VOCABULARY)} words, {model.n_parameters():,} parameters, "
      f"loss at the end {history.train[-1]['loss']:.2f} nats a word")
assert history.train[-1]["loss"] < 0.6

# %% [markdown]
# One source, width 3. First our twenty lines, the model in them called on all live beginnings at once, against the library;
# then greedy decoding against width 1:

# %% tags=["varies"]
def next_of_model(source):
    """For my_beam_search: beginnings, all of one length, → log probabilities of their next words."""
    with no_grad():
        memory = model.encode(np.array([source]))                               # (1, S, C), once

    def next_log_p(beginnings):
        text = np.array([[START, *ids] for ids in beginnings])                  # (n, T)
        with no_grad():
            logits = model.decode(text, np.repeat(memory.data, len(text), axis=0))              # (n, T, V)
        return F.log_softmax(logits.numpy()[:, -1].astype(np.float64))

    return next_log_p


for source in sources[:25]:
    for width, alpha in ((1, 0.0), (3, 0.0), (3, 1.0)):
        (theirs,) = beam_search(model, source, 15, width=width, alpha=alpha, eos_id=END)
        score, total, ids = my_beam_search(next_of_model(source), width, 15, END, alpha)
        assert [*theirs.ids, *[END] * theirs.finished] == list(ids)
        np.testing.assert_allclose(theirs.score, score, rtol=1e-3, atol=1e-4)
    (greedy,) = generate(model, source, 15, greedy=True, stop=[END])
    assert greedy == beam_search(model, source, 15, width=1, eos_id=END)[0].ids
print("25 sources: equal to the library's; width 1 is greedy")

# %% [markdown]
# Now all 600 sentences of the test, at widths from 1 to 16. **Predict**: will the log probability of what is found rise
# with the width, always? Will the share of right translations?

# %% tags=["varies"]
def log_probabilities(targets):
    """log P(y | x) of a target for each test source."""
    batch = next(SequencePairs(sources, targets, len(sources), 20, 20, PAD, START, END).evaluation())
    with no_grad():
        log_p = F.log_softmax(model(batch["ids"], batch["decoder_ids"], batch["attention_mask"]).numpy())       # (n, T, V)
    of_target = np.take_along_axis(log_p, np.maximum(batch["targets"], 0)[..., None], axis=2)[..., 0]
    return np.where(batch["targets"] >= 0, of_target, 0).sum(axis=1)


of_reference = log_probabilities(references)
WIDTHS = (1, 2, 4, 8, 16)
rows = {}
for width in WIDTHS:
    since = time.perf_counter()
    found = [best[0] for best in beam_search_batch(model, sources, 18, width=width, alpha=0.0, eos_id=END)]
    seconds = time.perf_counter() - since
    right = np.array([one.ids == reference for one, reference in zip(found, references)])
    log_p = np.array([one.log_probability for one in found])
    search_errors = ~right & (of_reference > log_p + 1e-3)
    rows[width] = {"right": right.mean(), "log p": log_p.mean(), "search errors": int(search_errors.sum()),
                   "model errors": int((~right & ~search_errors).sum()), "words": np.mean([len(one.ids) for one in found])}
    print(f"width {width:2}: right {right.mean():.1%}, mean log P {log_p.mean():.3f}, search errors {search_errors.sum():2}, "
          f"model errors {rows[width]['model errors']}, {seconds:.1f} s")
assert rows[16]["log p"] > rows[1]["log p"] and rows[16]["search errors"] <= rows[1]["search errors"] / 2
assert abs(rows[16]["right"] - rows[1]["right"]) < 0.05 and rows[1]["model errors"] > 3 * rows[1]["search errors"]
viz.lines(
    {"wrong translations": [(width, 1 - row["right"]) for width, row in rows.items()],
     "of them search errors": [(width, row["search errors"] / len(test)) for width, row in rows.items()]},
    "width of the beam", "share of test sentences", "A wider beam repairs the search, not the model", logx=True,
)

# %% [markdown]
# ## Whose mistake? (T4)
#
# A wrong translation has one of two causes, and one number tells which. Let $\mathbf{y}^*$ be the right translation and
# $\hat{\mathbf{y}}$ the one found.
#
# - $\log P(\mathbf{y}^* \mid \mathbf{x}) > \log P(\hat{\mathbf{y}} \mid \mathbf{x})$: the model prefers the right one, the
# search did not find it. A **search error**. A wider beam can repair it.
# - otherwise a **model error**: the model thinks the wrong one at least as probable. A *perfect* search would answer
# wrongly as well. Only training repairs it.
#
# That is what the table shows: the search errors of greedy decoding are few, they go quickly, and the log probability
# rises; the model errors stay, and are many more; and the share of right translations does not rise at all. Beam search
# pays where a model is unsure and early choices bind later ones. It does not make a better model. And it costs: time grows
# with the width, as the last column shows.
#
# Is the right translation at least near? The beam has more than one text at its end:

# %% tags=["varies"]
eight = beam_search_batch(model, sources, 18, width=8, n_best=8, alpha=0.0, eos_id=END)
among = [np.mean([reference in [one.ids for one in best[:n]] for best, reference in zip(eight, references)])
         for n in (1, 2, 4, 8)]
print("the right one among the best 1, 2, 4, 8:", ", ".join(f"{share:.1%}" for share in among))
assert among[-1] > among[0] + 0.05
wrong = next(i for i, (best, reference) in enumerate(zip(eight, references))
             if best[0].ids != reference and reference in [one.ids for one in best])
print(" ".join(test[wrong][0]))
for one in eight[wrong][:4]:
    print(f"    {one.log_probability:7.3f}  {' '.join(decode(one.ids)):45}", "right" if one.ids == references[wrong] else "")

# %% [markdown]
# Something that can choose among eight, a second model for instance, could gain that difference. (That is called
# reranking.)
#
# ## Why long texts lose (T4)
#
# Look at a strange model: at every step the text ends with probability 0.1, and else each of nine words comes with 0.1.
# **Predict**: how long are its texts on average, and which single text is the most probable?

# %%
lengths = np.arange(0, 200)
p_of_length = 0.1 * 0.9**lengths                        # so many words, then the end
p_of_one_text = 0.1 * 0.1**lengths                      # one particular text of that length
print(f"mean number of words {np.sum(lengths * p_of_length):.2f}")
print("one particular text of 0, 1, 2, 3 words:", p_of_one_text[:4])
assert abs(np.sum(lengths * p_of_length) - 9) < 1e-4 and p_of_one_text.argmax() == 0

# %% [markdown]
# Nine words on average, and the most probable text is *the empty one*: 0.1 for saying nothing, against 0.01 for each text
# of one word. No contradiction. There are $9^n$ texts of $n$ words, and they share the probability of that length. **The
# most probable text need not be like the texts that are probable together.** Every further factor is at most 1, so every
# further word costs. Where a model is sure of its words (factors near 1) the cost is small; where it is unsure, a short
# text wins, and the wider the beam, the more surely it is found.
#
# Our translator, by width. The references have the number of words that the dotted line says:

# %% tags=["varies"]
of_references = float(np.mean([len(reference) for reference in references]))
words = {"α = 0, no penalty": [(width, row["words"]) for width, row in rows.items()]}
for alpha in (0.6, 2.0):
    found = {width: beam_search_batch(model, sources, 18, width=width, alpha=alpha, eos_id=END) for width in WIDTHS[:-1]}
    words[f"α = {alpha}"] = [(width, float(np.mean([len(best[0].ids) for best in all_]))) for width, all_ in found.items()]
for name, curve in words.items():
    print(f"{name:18}", ", ".join(f"width {width}: {n:.3f}" for width, n in curve), "words")
assert words["α = 0, no penalty"][-1][1] < words["α = 0, no penalty"][0][1] < of_references
assert words["α = 2.0"][3][1] > words["α = 0, no penalty"][3][1]
viz.lines(words, "width of the beam", "words in a translation (mean)", "The better the search, the shorter the text", logx=True,
          baselines={"references": of_references})

# %% [markdown]
# It shows, and it is small: a translator has few ways to say things shorter. (With models and languages of real size it is
# not. Koehn and Knowles 2017, §3.6, found that translations become worse from some width on, mostly by becoming too short;
# Stahlberg and Byrne 2019 searched exhaustively and found the *empty* translation to be the most probable of all for more
# than half of their sentences.)
#
# **The mending.** Divide the log probability by something that grows with the length. Dividing by the length itself
# compares means a word. Wu et al. (2016, §7) take a power $\alpha$ of a shifted length:
#
# $$\text{score}(\mathbf{y}) = \frac{\log P(\mathbf{y} \mid \mathbf{x})}{\text{lp}(\mathbf{y})},
# \qquad \text{lp}(\mathbf{y}) = \left(\frac{5 + |\mathbf{y}|}{5 + 1}\right)^{\alpha}$$
#
# $\alpha = 0$ is the plain log probability; $\alpha = 1$ nearly the mean a word. By hand, two texts: 3 words at −2.0, 7
# words at −2.6, and $\alpha = 1$: $\text{lp} = 8/6$ and $12/6$, so the scores are −1.5 and −1.3, and the longer one wins.

# %%
for alpha in (0.0, 0.6, 1.0):
    scores = [total / ((5 + n) / 6) ** alpha for total, n in ((-2.0, 3), (-2.6, 7))]
    winner = "short" if scores[0] > scores[1] else "long"
    print(f"α = {alpha}: short {scores[0]:.3f}, long {scores[1]:.3f}: the {winner} one wins")
    np.testing.assert_allclose(scores, [-2.0 / length_penalty(3, alpha), -2.6 / length_penalty(7, alpha)])
np.testing.assert_allclose([-2.0 / length_penalty(3, 1.0), -2.6 / length_penalty(7, 1.0)], [-1.5, -1.3])

# %% [markdown]
# This is no longer a probability, only a rule that people found to work; $\alpha$ is chosen on validation data.
#
# **When may the search stop?** When nothing alive can win any more. A live text with sum $s$ can at best be followed by
# words of probability 1, which add nothing to $s$, up to the longest length $N$, where the penalty is largest and (the sum
# being negative) the score best. So if the best score found is at least $s_{\text{best live}} / \text{lp}(N)$, going on
# changes nothing. Our twenty lines lack this; the library has it (`_settled`), and `test_stopping_early_changes_nothing`
# holds that it only saves time.

# %% [markdown]
# ## A larger model (T4)
#
# SmolLM2, a pretrained model of 135 million parameters (lesson 33 opens it), goes on with "Yesterday I went to the". If you
# have fetched it, here is what a beam of width 3 weighs.

# %% tags=["varies"]
folder = fetched("smollm2")
if folder is None:
    print("SmolLM2 is not here: tinyllm fetch smollm2")
    picture = None
else:
    (file,) = folder.glob("*.gguf")
    smol, tokenizer = Llama.from_gguf(file), from_gguf(GGUF(file).metadata)
    prompt = tokenizer.encode("Yesterday I went to the")
    tree = BeamTree()
    (best,) = beam_search(smol, prompt, 4, width=3, alpha=0.0, eos_id=tokenizer.eos_id, tree=tree)
    (greedy,) = generate(smol, prompt, 4, greedy=True, stop=[tokenizer.eos_id])
    print("greedy:", repr(tokenizer.decode(greedy)), " beam:", repr(tokenizer.decode(best.ids)))
    picture = viz.beam_tree(tree, lambda i: tokenizer.decode([i]), "SmolLM2: “Yesterday I went to the …”, width 3")
picture

# %% [markdown]
# ## Break it: the first text that ends
#
# A tempting way to stop early: take the first text that ends, it has survived every comparison. **Predict** what this does
# to the length and to the share of right translations, at width 8.

# %% tags=["varies"]
def first_that_ends(next_log_p, width, longest, end):
    """my_beam_search, but the first step in which a text ends is the last."""
    live = [((), 0.0)]
    for _ in range(longest):
        log_p = next_log_p([ids for ids, _ in live])
        longer = [((*ids, int(token)), total + float(log_p[i, token]))
                  for i, (ids, total) in enumerate(live) for token in np.argsort(-log_p[i])[:width]]
        live = sorted(longer, key=lambda text: -text[1])[:width]
        if ended := [ids for ids, _ in live if ids[-1] == end]:
            return ended[0]
    return live[0][0]


first = {}
some = range(100)
for width in (1, 2, 4, 8):
    texts = [first_that_ends(next_of_model(sources[i]), width, 18, END) for i in some]
    first[width] = (float(np.mean([list(text[:-1]) == references[i] for i, text in zip(some, texts)])),
                    float(np.mean([len(text) - 1 for text in texts])))
    print(f"width {width:2}: right {first[width][0]:.1%}, words {first[width][1]:.2f}")
proper = beam_search_batch(model, [sources[i] for i in some], 18, width=8, alpha=0.0, eos_id=END)
proper_right = float(np.mean([best[0].ids == references[i] for i, best in zip(some, proper)]))
assert first[8][0] < proper_right - 0.1 and first[8][1] < first[1][1]
viz.lines({"the first that ends": [(width, share) for width, (share, _) in first.items()]}, "width of the beam",
          "share of right translations", "Stopping at the first end: the wider, the worse", logx=True,
          baselines={"proper search, width 8": proper_right})

# %% [markdown]
# At width 1 nothing changes, and with every wider beam it gets worse: the texts become shorter, and the share of right ones
# falls far below that of the same model in a proper search. The more beginnings live, the likelier it is that *one* of them
# ends soon, and a text that has just ended is compared with texts that are half written. Among sums of one length that is
# fair, for the question "which beginnings shall live"; it is not fair for the question "which text is the answer". The
# tests that hold the library to it are `test_a_beam_as_wide_as_all_texts_is_exhaustive_search` and
# `test_stopping_early_changes_nothing` in [tests/generation/test_beam.py](../tests/generation/test_beam.py).
#
# ## Break it: the cache not reordered
#
# The search keeps, for each live text, the keys and values of its words (lesson 18's cache). After each step the live texts
# are others: text 2 may be a child of text 0, and text 1 may have no children. So the cache's rows must be put in the new
# order, with repeats: `cache.select(rows)`. Suppose that somebody only keeps the *number* of rows right. **Predict**: will
# it stop with an error? Will width 1 suffer?

# %% tags=["varies"]
class Forgetful(Seq2Seq):
    """Its cache gets as many rows as there are texts, in the old order."""

    def make_cache(self, batch=1):
        cache = super().make_cache(batch)
        select = cache.select

        def select_wrongly(rows):
            n_rows = len(cache[0]._keys)
            if len(rows) != n_rows:                     # the number has changed: at the first step, or when a text has ended
                select(np.resize(np.arange(n_rows), len(rows)))

        cache.select = select_wrongly
        return cache


forgetful = Forgetful(model.config)
forgetful.load_state_dict(model.state_dict())
def claims(one, width=8):
    """For each text found: the log P that the search says it has, and the one it has."""
    said, true = [], []
    for i in some:
        found = beam_search(one, sources[i], 18, width=width, n_best=width, alpha=0.0, eos_id=END)
        ids = [[START, *best.ids] for best in found]
        batch = next(SequencePairs([sources[i]] * len(ids), [row[1:] for row in ids], 99, 20, 20, PAD, START, END).evaluation())
        with no_grad():
            log_p = F.log_softmax(model(batch["ids"], batch["decoder_ids"]).numpy())
        target = batch["targets"]
        of_target = np.take_along_axis(log_p, np.maximum(target, 0)[..., None], axis=2)[..., 0]
        said += [best.log_probability for best in found]
        true += list(np.where(target >= 0, of_target, 0).sum(axis=1))
    return np.array(said) - true


off = {}
for name, one in (("rows in the new order", model), ("rows in the old order", forgetful)):
    off[name] = claims(one)
    right = [beam_search(one, sources[i], 18, width=8, alpha=0.0, eos_id=END)[0].ids == references[i] for i in some]
    print(f"{name}: best text right {np.mean(right):.0%}; of all {len(off[name])} texts found, "
          f"{np.mean(np.abs(off[name]) > 0.01):.0%} have another log P than was said, by up to {np.abs(off[name]).max():.2f}")
assert np.abs(off["rows in the new order"]).max() < 1e-3 and np.mean(np.abs(off["rows in the old order"]) > 0.01) > 0.2
viz.histogram(off, "log P as the search says, minus the true one", "A cache in the old order: wrong sums, and no error",
              bins=np.linspace(-2, 10, 49), logy=True)

# %% [markdown]
# No error, and the translations are about as good as before. Did you predict that? The rows of a beam are near relatives,
# they often differ in one word; the best text is often the child of the best, in the same row; and the newest word, which
# says most, is never taken from the cache. So *quality hides the fault*. Nevertheless more than half of the texts have
# another probability than the search believed: it compared sums that belong to no text at all. On another model, or with
# longer texts, nobody knows what that does.
#
# What finds it is not a score but an equality: with the cache and without, the same hypotheses.
# `test_the_reordered_cache_equals_full_recomputation` ([tests/generation/test_beam.py](../tests/generation/test_beam.py))
# asks for that, and in the lesson it was our twenty lines, which have no cache, against the library's.
#
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/25_beam_search.ipynb](solutions/25_beam_search.ipynb).
#
# **1. By hand (warm-up).** Two words, a and b, three places, no end sign. P(a) = 0.6 at the first place. After a: P(a) =
# 0.5; after b: P(a) = 0.1. At the third place P(a) = 0.7 after aa, 0.6 after ab, 0.5 after ba, 0.9 after bb. Which text
# does greedy decoding write, and which one does width 2 find? After a, the tie goes to a. Two strings such as "aba".

# %%
greedy_text = ...
width_2_text = ...

check(1, ... if greedy_text is ... else (greedy_text, width_2_text))


# %% [markdown]
# **2. One step of the beam.** The sums of the live texts (n,), the log probabilities of their next words (n, V) and the
# width k: the k greatest new sums, the greatest first (fewer, where there are fewer than k).

# %%
def kept(totals, log_p, k):
    ...


check(2, kept)


# %% [markdown]
# **3. The length penalty.** The score of a text of n tokens (the end counted) with log probability s, by Wu et al.

# %%
def score(s, n, alpha):
    ...


check(3, score)


# %% [markdown]
# **4. May it stop?** The best score found so far, the greatest sum among the live texts, the longest length N allowed, and
# α. True if no live text can come out better.

# %%
def may_stop(best_score, live_sum, N, alpha):
    ...


check(4, may_stop)


# %% [markdown]
# **5. Whose mistakes?** For n sentences, log P of what was found, log P of the reference, and whether what was found is
# right (booleans), all (n,): the numbers of search errors and of model errors, as a pair.

# %%
def errors(found, reference, right):
    ...


check(5, errors)


# %% [markdown]
# **6. Something to think about: what it costs.** A vocabulary of V words, texts of exactly N words, width k. How many sums
# does a search form altogether? (At the first step V, from one empty beginning. Mind that there may be fewer than k
# beginnings.)

# %%
def n_sums(V, N, k):
    ...


check(6, n_sums)

# %% [markdown]
# ## What you can now explain
#
# - Why the product of the greatest factors is not the greatest product.
# - Beam search in four sentences; what width 1 and width $V^N$ are.
# - Why logarithms are added, and why only sums of one length may be compared on the way.
# - Why the most probable text is a short one, what a length penalty does, and that it is a rule and no probability.
# - When a search may stop, and why the first text that ends is not it.
# - Search errors and model errors: which of the two a wider beam repairs.
