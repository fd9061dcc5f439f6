# %% [markdown]
# # 30 · Summarisation
#
# *What makes a short text a good account of a long one, and can a number tell?*
#
# *Reading 35 min · running 65 s · builds on lessons 17 (causal models), 23 and 24 (sequence to sequence)*
#
# **Afterwards you can** compute ROUGE by hand and fool it, set up summarisation for an encoder-decoder and for a decoder
# alone, compare a model with baselines that read nothing, and measure how much of a summary is copied and how much
# invented.

# %%
import re
from collections import Counter

import numpy as np

from tinyllm import manual_seed, viz
from tinyllm.book import open_lesson
from tinyllm.data import SequencePairs
from tinyllm.data.first_lines import summaries
from tinyllm.generation import generate, generate_batch
from tinyllm.metrics import rouge
from tinyllm.models import GPT, GPTConfig, Seq2Seq, Seq2SeqConfig
from tinyllm.tokenizers import ByteBPETokenizer
from tinyllm.training import Causal, SequenceToSequence, TrainConfig, evaluate, train

lesson = open_lesson("30_summarisation")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question (T5)
#
# Document 000 §6.5 says what summarisation is in one line: "compress a long text into a short summary". Document 003 §6.2
# adds what for: "it helps users to grasp the main content of a long text quickly". Neither prints a formula, and indeed F9
# has it all: a source $\mathbf{x}$, a target $\mathbf{y}$, $P(\mathbf{y} \mid \mathbf{x})$. What is new is not the model.
# It is that **nobody can say which target is right**. A sentence of lesson 24 had one translation. A page has many good
# summaries, and what belongs into one depends on who asks.
#
# We need pairs, and Python has some: a docstring's first line says in short what the rest explains. The rest is the source,
# the first line the target.

# %% tags=["varies"]
pairs = summaries()
learn, test = pairs.train, pairs.test
print(f"{len(learn):,} pairs to learn from, {len(test)} to test on")
short = [i for i in range(len(test)) if len(test.sources[i]) < 170 and test.sources[i] not in test.sources[:i]][::12][:3]
for i in short:
    print(f"\nsource:  {' '.join(test.sources[i].split())}\nsummary: {test.targets[i]}")
assert len(learn) > 1000 and not set(learn.targets) & set(test.targets)

# %% [markdown]
# Could you have written these first lines from the texts alone? Sometimes. Often the text goes on where the first line
# stopped, and says everything *but* what the function does. Two thousand pairs of this kind are very few and very hard.
# This lesson will not end with a good summariser; it will end with knowing how far from one we are, which is worth more
# than it sounds.

# %% [markdown]
# ## ROUGE by hand (T5)
#
# The usual measure is **ROUGE** (Lin 2004, §2 and §3.1): how many words, pairs of words, or words in the same order do the
# summary and the reference share? A word is a run of letters and digits, in lower case. With $c$ in common (counted at most
# as often as on either side, as in [lesson 24](24_sequence_to_sequence.ipynb)'s BLEU),
#
# $$R = \frac{c}{\text{words of the reference}} \qquad P = \frac{c}{\text{words of the summary}} \qquad
# F_1 = \frac{2PR}{P + R} = \frac{2c}{\text{words of both}}$$
#
# ROUGE-1 takes single words, ROUGE-2 pairs of neighbours. ROUGE-L takes for $c$ the **longest common subsequence**: the
# most words that stand in both in the same order, with others in between. Let $L(i, j)$ be its length for the first $i$
# words of one and the first $j$ of the other. If word $i$ equals word $j$, one may always end with this pair: whatever a
# subsequence ends with, its last partner can be moved there. If not, one of the two last words is unused. So
#
# $$L(i, j) = \begin{cases} L(i - 1, j - 1) + 1 & \text{if the words are equal} \\
# \max\big(L(i - 1, j),\; L(i, j - 1)\big) & \text{else} \end{cases} \qquad L(0, j) = L(i, 0) = 0$$

# %%
def words(text):
    return re.findall("[a-z0-9]+", text.lower())


def runs(text, n):
    w = words(text)
    return Counter(tuple(w[i : i + n]) for i in range(len(w) - n + 1))


def rouge_n(gold, guess, n):
    a, b = runs(gold, n), runs(guess, n)
    return 2 * (a & b).total() / max(a.total() + b.total(), 1)


def subsequences(gold, guess):
    """The table L, (words of gold + 1, words of guess + 1)."""
    a, b = words(gold), words(guess)
    L = np.zeros((len(a) + 1, len(b) + 1), int)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            L[i, j] = L[i - 1, j - 1] + 1 if a[i - 1] == b[j - 1] else max(L[i - 1, j], L[i, j - 1])
    return L


gold, guess = "Return the first line of the file.", "Return a line, the first of it."
L = subsequences(gold, guess)
by_hand = [rouge_n(gold, guess, 1), rouge_n(gold, guess, 2), 2 * L[-1, -1] / (len(words(gold)) + len(words(guess)))]
found = rouge([gold], [guess])
print("common words:", dict(runs(gold, 1) & runs(guess, 1)), "\ncommon pairs:", dict(runs(gold, 2) & runs(guess, 2)))
print("by hand ", np.round(by_hand, 4), "\nlibrary ", found)
np.testing.assert_allclose(by_hand, [found.rouge1.f1, found.rouge2.f1, found.rougeL.f1])
np.testing.assert_allclose(by_hand, [10 / 14, 2 / 12, 8 / 14])
viz.heatmap(L[1:, 1:], "word of the summary", "word of the reference", "The longest common subsequence grows to 4",
            label="length so far", values=True, rows=words(gold), columns=words(guess))

# %% [markdown]
# Check the corner: *return the first of* stands in both in this order, four words, and 2 · 4 / 14 is ROUGE-L. (The
# library's version, [tinyllm/metrics/rouge.py](../tinyllm/metrics/rouge.py), keeps one row of the table at a time; it
# equals the program rouge_score in [tests/parity/test_metrics.py](../tests/parity/test_metrics.py).)

# %% [markdown]
# ## What needs no model (T5)
#
# Before any training, what do simple methods reach? **Predict** the order of these:
#
# - **the first sentence** of the source, called *lead*. In newspapers, whose first sentence says what happened, it is hard
# to beat;
# - **the whole source**;
# - **the likest neighbour**: the summary of the training text that shares most of its words;
# - **another's**: a random first line of the training set;
# - **the best sentence**: that sentence of the source which has most in common *with the reference*. It cheats, and is a
# bound for all methods that pick one sentence.

# %% tags=["varies"]
def sentences(text):
    return [part for part in re.split(r"(?<=[.!?:])\s|\n\s*\n", text.strip()) if words(part)] or [text]


known = [(set(words(source)), target) for source, target in zip(learn.sources, learn.targets)]


def neighbour(text):
    asked = set(words(text))
    return max(known, key=lambda row: len(asked & row[0]) / max(len(asked | row[0]), 1))[1]


drawn = np.random.default_rng(0).integers(len(learn), size=len(test))
simple = {
    "first sentence": [sentences(text)[0] for text in test.sources],
    "whole source": list(test.sources),
    "likest neighbour": [neighbour(text) for text in test.sources],
    "another's": [learn.targets[i] for i in drawn],
    "best sentence (cheats)": [
        max(sentences(text), key=lambda one: rouge_n(gold, one, 1)) for text, gold in zip(test.sources, test.targets)
    ],
}
scores = {name: rouge(test.targets, texts) for name, texts in simple.items()}
for name, score in scores.items():
    print(f"{name:23} {score}")
assert scores["another's"].rouge1.f1 < scores["first sentence"].rouge1.f1 < scores["best sentence (cheats)"].rouge1.f1
assert scores["first sentence"].rouge1.f1 < scores["likest neighbour"].rouge1.f1

# %% [markdown]
# A first line is no sentence of its text, so lead is weak here: even the best sentence of the text, chosen with the
# reference in hand, stays below a ROUGE-1 of a quarter. The neighbour is the one to beat: related functions have related
# first lines. It copies a summary that is *about something else*, and scores well. Keep that in mind.

# %% [markdown]
# ## Two ways to set it up (T5)
#
# **Encoder-decoder**: source in, target out, as in lesson 24. **Decoder alone**: one text, the source, a sign, the summary,
# and a GPT reads and goes on. GPT-2 was made to summarise by the sign "TL;DR:" ("too long; didn't read", Radford et al.
# 2019, §3.6), behind which the web writes summaries. We take the separator token for it.
#
# | | encoder-decoder | decoder alone |
# |---|---|---|
# | reads | source; start, $y_1 \dots y_n$ | source, sign, $y_1 \dots y_n$ |
# | the source's tokens see | all of the source | the source before them |
# | $P(y_t \mid y_{<t}, \mathbf{x})$ from | cross-attention to the memory | attention to everything before |
# | the loss counts | all target tokens | the target tokens only: $-100$ at the source |
#
# Both compute the same product, so nothing in F9 prefers one. In the second, the source's next tokens *could* be learned
# too; we leave them out so that both models learn from the same tokens and their losses can be compared. Sources are cut
# after 64 tokens, both models are 64 wide.

# %% tags=["varies"]
tokenizer = ByteBPETokenizer.train([*learn.sources, *learn.targets], 2000)
PAD, START, END, SIGN = tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id, tokenizer.sep_id
V, SOURCE, TARGET = tokenizer.vocab_size, 64, 32


def ids_of(part, cut=SOURCE):
    return [tokenizer.encode(text)[:cut] for text in part.sources], [tokenizer.encode(text) for text in part.targets]


def as_pairs(part):
    return SequencePairs(*ids_of(part), 32, SOURCE, TARGET, PAD, START, END)


class Continued:
    """The same pairs as one text each: "ids" and "targets" (B, T), source, sign, summary, end; -100 before the summary."""

    def __init__(self, part):
        texts = [[*x, SIGN, *y[: TARGET - 1], END] for x, y in zip(*ids_of(part))]
        self.rows = SequencePairs(texts, [[]] * len(texts), 32, SOURCE + 1 + TARGET, 1, PAD, START, END)

    def of(self, batch):
        ids, real = batch["ids"], batch["attention_mask"]
        summary = np.cumsum(ids == SIGN, axis=1) > 0                            # from the sign on
        targets = np.where(summary[:, :-1] & real[:, 1:], ids[:, 1:], -100)     # moved by one, as in lesson 17
        return {"ids": ids[:, :-1], "targets": targets}

    def batch(self, step):
        return self.of(self.rows.batch(step))

    def evaluation(self):
        return map(self.of, self.rows.evaluation())


first = Continued(learn).batch(0)
row = int(np.argmin((first["targets"] >= 0).sum(axis=1) + (first["ids"] != PAD).sum(axis=1)))
shown = [tokenizer.id_to_token(i).replace("Ġ", " ") for i in first["ids"][row] if i != PAD][-22:]
counted = (first["targets"][row] >= 0)[: (first["ids"][row] != PAD).sum()][-22:]
viz.token_strip(shown, counted.astype(float), "The loss asks for the next token only where it is dark", label="counts")

# %% tags=["varies"]
def taught(model, objective, batches, steps=450):
    config = TrainConfig(steps=steps, lr=4e-3, log_every=20, eval_every=100, workers=1)
    return train(model, objective, batches, None, config, progress=False)


sizes = {"n_heads": 4, "d_model": 64, "dropout": 0.1}
manual_seed(0)
reader = Seq2Seq(Seq2SeqConfig(V, context=SOURCE, n_layers=1, start_id=START, **sizes))
taught(reader, SequenceToSequence(), as_pairs(learn))
manual_seed(0)
gpt = GPT(GPTConfig(V, context=SOURCE + 1 + TARGET, n_layers=2, **sizes))
taught(gpt, Causal(), Continued(learn))
losses = {
    "encoder-decoder": evaluate(reader, SequenceToSequence(), as_pairs(test).evaluation(), 1)["loss"],
    "decoder alone": evaluate(gpt, Causal(), Continued(test).evaluation(), 1)["loss"],
}
print({name: f"{loss:.2f} nats a token" for name, loss in losses.items()},
      f"parameters {reader.n_parameters():,} and {gpt.n_parameters():,}")

# %% tags=["varies"]
sources = ids_of(test)[0]
written = {
    "encoder-decoder": [tokenizer.decode(ids) for ids in generate_batch(reader, sources, TARGET - 1, greedy=True, stop=[END])],
    "decoder alone": [
        tokenizer.decode(generate(gpt, [*ids, SIGN], TARGET - 1, greedy=True, stop=[END])[0]) for ids in sources
    ],
}
scores |= {name: rouge(test.targets, texts) for name, texts in written.items()}
for name in ("first sentence", "likest neighbour", *written):
    print(f"{name:17} {scores[name]}")
for i in short:
    print(f"\nreference:       {test.targets[i]}")
    for name, texts in written.items():
        print(f"{name + ':':16} {texts[i]}")

# %% tags=["varies"]
order = ["another's", "encoder-decoder", "decoder alone", "first sentence", "likest neighbour", "best sentence (cheats)"]
assert max(scores[name].rouge1.f1 for name in written) < scores["likest neighbour"].rouge1.f1
viz.bars({name.replace(" ", "\n", 1): scores[name].rouge1.f1 for name in order}, "ROUGE-1",
         "Both models lose to copying a neighbour's summary")

# %% [markdown]
# The models lose, clearly, and what they write shows how far they came: a well-worn opening (*Return the …*), and then
# words that fit everywhere, or that repeat themselves, lesson 18's greedy loops. From two thousand pairs a model of this
# size learns how first lines *begin*, and hardly what this one is about. Those who summarise well have read billions of
# words before they see the first pair (lesson 21's question). A measured loss is no shame for a model; it is one for
# whoever reports the model without the baselines.

# %% [markdown]
# ## Does it read the source? (T5)
#
# A summary that depends on nothing but the language is no summary. The test is cheap: give each target **another text's
# source**, and see how much worse the loss becomes. The difference is what the source was worth, in nats a token.

# %% tags=["varies"]
def with_sources(order):
    xs, ys = ids_of(test)
    return SequencePairs([xs[i] for i in order], ys, 32, SOURCE, TARGET, PAD, START, END)


mixed = np.random.default_rng(0).permutation(len(test))
own_loss = losses["encoder-decoder"]
other_loss = evaluate(reader, SequenceToSequence(), with_sources(mixed).evaluation(), 1)["loss"]
print(f"with its own source {own_loss:.3f}, with another's {other_loss:.3f}: the source is worth "
      f"{other_loss - own_loss:.3f} nats a token; without opinion ln V = {np.log(V):.2f}")
assert abs(other_loss - own_loss) < 0.3 * (np.log(V) - own_loss)

# %% [markdown]
# Of all that this model knows about the next token, nearly everything comes from the summary's own beginning and from the
# habit of first lines; the source adds a few hundredths. So its ROUGE is earned almost without reading, as that of a random
# first line is. For any model that is said to write *about* something, this is the first experiment to make: the true
# source, a wrong one, the difference.

# %% [markdown]
# ## Copied, and invented (T5)
#
# Two numbers that need no reference. How much of a summary is **copied**: the share of its words that stand in the source.
# And how much is **without support**: of its content words (those that are not among the hundred commonest of first lines),
# the share that the source does not contain. Such a word may be a good paraphrase; it may be an invention. It is where to
# look.

# %% tags=["varies"]
common = {word for word, _ in Counter(w for text in learn.targets for w in words(text)).most_common(100)}


def copied(summary, source):
    there = set(words(source))
    return np.mean([w in there for w in words(summary)] or [0.0])


def unsupported(summary, source):
    """The summary's content words that are not in the source, and how many content words it has."""
    there, content = set(words(source)), [w for w in words(summary) if w not in common]
    return [w for w in content if w not in there], len(content)


candidates = {"the references": test.targets, "first sentence": simple["first sentence"],
              "likest neighbour": simple["likest neighbour"], **written}
without = {}
for name, texts in candidates.items():
    lists = [unsupported(text, source) for text, source in zip(texts, test.sources)]
    without[name] = sum(len(missing) for missing, _ in lists) / max(sum(n for _, n in lists), 1)
    print(f"{name:17} copied {np.mean([copied(a, b) for a, b in zip(texts, test.sources)]):.0%} of its words; "
          f"{without[name]:.0%} of its content words without support, such as "
          f"{', '.join([w for missing, _ in lists for w in missing][:4])}")
assert without["first sentence"] < 0.05 < without["the references"] < without["likest neighbour"]
viz.bars({name.replace(" ", "\n", 1): share for name, share in without.items()}, "share of content words",
         "Content words that the source does not support")

# %% [markdown]
# The first sentence invents nothing, since it only copies. Where our models write a content word at all, it is pieced
# together from tokens and stands in no source. People who wrote the references used many words that their own text does not
# have (they knew the function, not only the text), so a reference is no proof of what can be inferred. And the neighbour,
# the best by ROUGE of those that do not cheat, is mostly *about something else*. ROUGE cannot see it: it compares with a
# reference and never looks at the source. A high ROUGE is not faithfulness, and for a reader who trusts a summary it is the
# invented word that does harm (Maynez et al. 2020 asked people to mark such words in the summaries of good models, and
# found them in most).

# %% [markdown]
# ## Break it: a summary of everything
#
# Lead reads the text and gets its ROUGE-1. **Predict**: can one *fixed* string of words, the same for every text, do
# better? We grow one: begin with nothing, and always add the word that raises the mean ROUGE-1 on the training summaries
# most, until none does. (In the test set it has never looked.)

# %% tags=["varies"]
golds = [Counter(words(text)) for text in learn.targets]
n_words = np.array([gold.total() for gold in golds])


def mean_rouge1(bag):
    hits = np.zeros(len(golds))
    for word, n in Counter(bag).items():
        hits += np.minimum(n, [gold[word] for gold in golds])
    return float((2 * hits / (len(bag) + n_words)).mean())


bag, best = [], 0.0
often = [word for word, _ in Counter(w for gold in golds for w in gold.elements()).most_common(30)]
while True:
    word = max(often, key=lambda one: mean_rouge1([*bag, one]))
    if mean_rouge1([*bag, word]) <= best:
        break
    bag.append(word)
    best = mean_rouge1(bag)
scores["one fixed string"] = rouge(test.targets, [" ".join(bag)] * len(test))
print("the summary of everything:", " ".join(bag))
for name in ("first sentence", "encoder-decoder", "one fixed string"):
    print(f"{name:17} {scores[name]}")
assert scores["one fixed string"].rouge1.f1 > max(scores[k].rouge1.f1 for k in ("first sentence", *written))
assert scores["one fixed string"].rouge2.f1 < scores["first sentence"].rouge2.f1
viz.bars({f"{name}\nROUGE-{n}": scores[name][n - 1].f1 for n in (1, 2) for name in ("first sentence", "one fixed string")},
         "ROUGE", "A string without content wins ROUGE-1, and has no pair right")

# %% [markdown]
# A handful of stop words in no order beats the first sentence and both models. Nothing is wrong with the computation, so no
# test in [tests/metrics/test_overlap.py](../tests/metrics/test_overlap.py) fails (`test_rouge_by_hand` holds it to the
# definition); what is wrong is to believe the number. ROUGE-2 sees it at once: no two neighbours are right. Report all
# three, the baselines beside them, and a few of the texts.

# %% [markdown]
# ## Break it: cut at the wrong end
#
# Long prompts have to be cut. Suppose the prompt of the decoder is built first, source and sign, and *then* cut to 64
# tokens from the right. In short texts nothing happens. In the long ones the sign is gone. **Predict** what the model
# writes.

# %% tags=["varies"]
long = [i for i in range(len(test)) if len(sources[i]) == SOURCE][:50]
cut = {
    "source cut, then the sign": [written["decoder alone"][i] for i in long],
    "sign cut off": [tokenizer.decode(generate(gpt, sources[i], 31, greedy=True, stop=[END])[0]) for i in long],
}
gold_long = [test.targets[i] for i in long]
for name, texts in cut.items():
    print(f"{name:26} {rouge(gold_long, texts)}; first word is one that a reference begins with: "
          f"{np.mean([words(a)[:1] in [words(b)[:1] for b in learn.targets] for a in texts]):.0%}")
    print(f"{'':26} {texts[0]!r}")
last = [sentences(test.sources[i])[-1] for i in long]
lead = [simple["first sentence"][i] for i in long]
print(f"\nof the same texts, first sentence {rouge(gold_long, lead)}\n{'last sentence':>32} {rouge(gold_long, last)}")
assert rouge(gold_long, cut["sign cut off"]).rouge1.f1 < rouge(gold_long, cut["source cut, then the sign"]).rouge1.f1

# %% [markdown]
# Without the sign the model is in a place where it has never had to say anything, the middle of a source, and it does not
# even begin like a first line. No error, no warning, and in a test with short texts no trace. The rule: cut the *source*,
# then build the prompt. Which end of the source may go depends on where the matter stands, which the last two lines measure
# with the simplest method there is. (`SequencePairs` counts what it cut, in `cut_sources` and `cut_targets`, held by
# `test_teacher_forcing` in [tests/data/test_sequence_pairs.py](../tests/data/test_sequence_pairs.py). Look at the counts.)

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/30_summarisation.ipynb](solutions/30_summarisation.ipynb).
#
# **1. Warm-up.** The reference is *a b c d*, the summary *d c b a*. ROUGE-1, ROUGE-2, ROUGE-L, as three numbers.

# %%
rouges = ...

check(1, rouges)


# %% [markdown]
# **2. ROUGE-1.** From two lists of words, reference and summary, the $F_1$ of single words; 0.0 if nothing is in common.

# %%
def rouge_1(gold, guess):
    ...


check(2, rouge_1)


# %% [markdown]
# **3. Longest common subsequence.** Its length, of two lists of words.

# %%
def longest(one, other):
    ...


check(3, longest)


# %% [markdown]
# **4. Targets for a decoder alone.** From ids (T,) of one text, source, sign, summary, end, and the sign's id, the targets
# (T − 1,): the next id where it belongs to the summary or is its end, -100 elsewhere.

# %%
def summary_targets(ids, sign):
    ...


check(4, summary_targets)


# %% [markdown]
# **5. New pairs.** From two lists of words, source and summary: the share of the summary's pairs of neighbours that do not
# stand as neighbours in the source; 0.0 for a summary of one word.

# %%
def new_pairs(source, summary):
    ...


check(5, new_pairs)


# %% [markdown]
# **6. Something to think about.** You must answer with one fixed string for every text, a bag of different words. Word $w$
# stands in a reference with probability $p_w$, at most once, and every reference has exactly $n$ words. From p (W,) and n:
# the largest mean ROUGE-1 that any choice of words reaches.

# %%
def best_fixed(p, n):
    ...


check(6, best_fixed)

# %% [markdown]
# ## What you can now explain
#
# - Why summarisation has the formula of translation and not its measure.
# - ROUGE-1, -2 and -L, and the recursion behind the last.
# - Two ways to set it up, and what the loss counts in each.
# - Why a model is reported beside lead, neighbour and a fixed string; and that ours, from two thousand pairs, loses.
# - How to find out whether a model reads its source at all.
# - What "copied" and "without support" measure, and why no overlap with a reference measures faithfulness.
