# %% [markdown]
# # 20 · A classifier
#
# *How does one answer for a whole text come out of one vector for each of its tokens?*
#
# *Reading 40 min · running 65 s · builds on lessons 8 (softmax), 13 (masks), 15 (the layer) and 19 (a model that reads both
# ways)*
#
# **Afterwards you can** turn any trunk into a classifier, pool its vectors without letting the padding in, say what
# accuracy, F1 and a confusion matrix each tell you, prove that a bag of words cannot solve a task, and train a network that
# does.

# %%
import inspect
from itertools import pairwise

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor, gradcheck, manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.data import LabelledBatches, classification, pad_batch, read_table
from tinyllm.models import Bert, BertConfig, SequenceClassifier, pool
from tinyllm.tokenizers import ByteBPETokenizer
from tinyllm.tour.bag_of_words import BagOfWords
from tinyllm.training import Classification, TrainConfig, macro_f1, measure, train

lesson = open_lesson("20_classifier")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# > the plot was not dull , it was clever
#
# > the plot was not clever , it was dull
#
# You have read two reviews. The first is positive, the second negative, and you had no doubt. Now look at them as a list of
# words: they are the *same nine words*. Whatever told you the label, it was not which words are there.
#
# [datasets/sentiment_negation](../datasets/sentiment_negation/README.md) holds 4,200 such reviews, written by a small
# grammar. Every review stands beside a twin with the same words in another order and the opposite label. In a third of them
# the negation stands right before the adjective (level 1), in a third there are words in between (level 2), and in a third
# one has to see which clause counts (level 3: *although* …).

# %%
DATA = lesson.folder.parent / "datasets" / "sentiment_negation"
learn, choose, report = (read_table(DATA / f"{side}.tsv") for side in ("train", "valid", "test"))
level = np.array([int(line.split("\t")[2]) for line in (DATA / "test.tsv").read_text().splitlines()[1:]])
for text, label in zip(learn.texts[2:6], learn.labels[2:6]):
    print(f"{learn.names[label]:8}  {text}")

# %% [markdown]
# ## A limit that can be proved (T1)
#
# Sorting texts by label is **text classification**: sentiment here; topic (which section of the paper?) and intent (what
# does the caller want?) are the same task with other names for the labels. The documents list all three as uses of a
# language model (000 §3.4, 004 §3.4). The method to beat is a bag of words: count the words, weigh each, add, take the
# label with the largest sum. It has no training trouble, it is fast, and on topics it is very good, as the end of this
# lesson and the next one show.
#
# On these reviews, predict how well it does. Then here is the answer, *before* anything is run. Let $f$ be any function of
# a text that looks only at how often each word occurs in it. The twins $a$ and $b$ of a pair have the same counts, so $f(a)
# = f(b)$. Their labels differ, so $f$ is right on exactly one of them. Hence over any set of whole pairs $f$ is right on
# exactly half: **50 % is a theorem**, whatever $f$ is, however it was trained, however much data it saw.

# %%
words_alone = BagOfWords(learn.texts, learn.labels, 2, steps=100)
right = words_alone.predict(report.texts) == report.labels
print(f"bag of words: {right.mean():.1%} of {len(report)} test reviews right")
assert right.mean() == 0.5 and (right[0::2] != right[1::2]).all()       # one of each pair, in every pair

# %% [markdown]
# Words alone are hopeless, so give the bag pairs of neighbouring words as well: *not dull* becomes a word of its own.

# %%
def with_pairs(texts):
    rows = [text.replace(",", "comma").split() for text in texts]
    return [" ".join([*row, *(f"{a}_{b}" for a, b in pairwise(row))]) for row in rows]


pairs = BagOfWords(with_pairs(learn.texts), learn.labels, 2, penalty=1e-5, steps=100)
pairs_right = pairs.predict(with_pairs(report.texts)) == report.labels
by_pairs = [pairs_right[level == k].mean() for k in (1, 2, 3)]
print(f"bag of words and pairs: {pairs_right.mean():.1%}; by level", ", ".join(f"{share:.1%}" for share in by_pairs))
assert by_pairs[0] > 0.95 and by_pairs[2] < 0.65

# %% [markdown]
# Level 1 is solved, level 2 in part, level 3 hardly at all: a pair of neighbours sees a negation only where it touches its
# adjective. The network below gets no pairs from us. It has to find out by itself which words belong together; that is what
# attention is for.

# %% [markdown]
# ## The model on paper (F14)
#
# Document 004 §4.1 builds the classifier in four steps, in words:
#
# > 1. Input encoding: the text becomes the input sequence of the Transformer, with embedding and positions.
# > 2. Encoder: several Transformer layers, each with self-attention and a feed-forward network.
# > 3. Pooling: global max pooling or mean pooling turns the encoder's output into a vector representation of fixed size.
# > 4. Output: that vector is mapped to the space of labels; a linear layer and a softmax give a probability distribution.
#
# Steps 1 and 2 are the trunk you know from lesson 19. In symbols, with $m_t = 1$ for a real token and $0$ for padding:
#
# $$h = \text{encoder}(\text{ids}) \qquad v = \text{pool}(h, m) \qquad z = v W^\top + b \qquad p = \text{softmax}(z)$$
#
# | symbol | shape | what it is |
# |---|---|---|
# | ids, $m$ | $(B, T)$ | token ids of $B$ texts, and which of them are real |
# | $h$ | $(B, T, C)$ | a vector for each token |
# | $v$ | $(B, C)$ | a vector for each text |
# | $W$, $b$ | $(K, C)$, $(K)$ | the **head**: one row for each of the $K$ labels |
# | $z$, $p$ | $(B, K)$ | logits and probabilities of the labels |
#
# Two things in the print need care. The softmax belongs into the loss, which takes its logarithm (lesson 8: softmax twice
# is a mistake); the model answers $z$. And "global" must not be taken at its word. It says: over *all* places of the row.
# Some of these places are padding, and that is where the interesting mistakes of this lesson live.

# %% [markdown]
# ## Texts of different length
#
# A batch is a rectangle, texts are not. Shorter rows are filled up with a **padding** id, longer ones than we care to read
# lose their end (**truncation**), and the mask remembers which is which:

# %%
ids, mask = pad_batch([[7, 3], [5, 2, 9, 4, 8], [6]], pad_id=0, max_length=4)
print(ids)
print(mask.astype(int))
assert ids.shape == (3, 4) and mask.sum() == 2 + 4 + 1

# %% [markdown]
# The mask travels with the ids to two places. Inside the trunk it keeps attention from looking at padding (lesson 13). That
# does not make the rows of $h$ at the padding empty: the layer computes *something* there too, like everywhere. So the
# pooling needs the mask a second time.
#
# By hand: one text of two real tokens and one padding, $C = 2$.

# %%
h = np.array([[[1.0, -4.0],                             # (B, T, C) = (1, 3, 2)
               [3.0, -2.0],
               [9.0, 9.0]]])                            # padding: whatever the layers left there
real = np.array([[True, True, False]])                  # (B, T)

print("mean", pool(h, real, "mean"), "  max", pool(h, real, "max"), "  first", pool(h, real, "cls"))
assert np.allclose(pool(h, real, "mean"), [[2, -3]])    # (1 + 3)/2, (−4 − 2)/2
assert np.allclose(pool(h, real, "max"), [[3, -2]])     # of each feature by itself: no token has to win in all of them
assert np.allclose(pool(h, real, "cls"), [[1, -4]])     # the first token's row

# %% [markdown]
# Three ways from $(T, C)$ to $C$:
#
# - **mean**: $v = \sum_t m_t h_t \,/\, \sum_t m_t$. Every token has the same say.
# - **max**: $v_c = \max_{t:\, m_t = 1} h_{tc}$. For each feature the token in which it is strongest.
# - **CLS**: BERT's own way (Devlin et al. 2019, §4.1), which the document leaves out: a special token that stands for no
# word is put before every text, and its vector is taken. It has no meaning to keep, so the layers can use it to collect.
#
# In NumPy each is a line. The traps are in the details: a mean divides by the number of *real* tokens; a maximum over $m_t
# h_t$ would let padding win with its 0 wherever all real values are negative, so padding must become $-\infty$.

# %%
def my_pool(h, mask, how):
    if how == "mean":
        return np.sum(h * mask[:, :, None], axis=1) / np.sum(mask, axis=1, keepdims=True)       # (B, C) / (B, 1)
    if how == "max":
        return np.max(np.where(mask[:, :, None], h, -np.inf), axis=1)                           # (B, C)
    return h[:, 0]                                                                              # CLS stands first


print(inspect.getsource(pool))

# %% [markdown]
# The library's ([tinyllm/models/classifier.py](../tinyllm/models/classifier.py)) writes the mean and the picking of a row
# as a product with the mask, which is one fast operation and has a gradient that reaches real tokens only; and its "cls"
# takes the first *real* token, wherever the padding stands. The same values, and right gradients:

# %%
rng = np.random.default_rng(0)
h, mask = rng.standard_normal((3, 5, 4)), np.arange(5) < np.array([2, 5, 1])[:, None]           # (B, T, C), (B, T)
for how in ("mean", "max", "cls"):
    np.testing.assert_allclose(my_pool(h, mask, how), pool(h, mask, how), rtol=1e-12)
    gradcheck(lambda x, how=how: pool(x, mask, how), [h])
    x, g = Tensor(h, requires_grad=True), rng.standard_normal((3, 4))
    np.sum(pool(x, mask, how) * g).backward()
    assert (x.grad[~mask] == 0).all() and (np.abs(x.grad).sum(axis=(1, 2)) > 0).all()
print("three poolings: equal to the library's, and no gradient reaches the padding")

# %% [markdown]
# ## The whole classifier
#
# [`SequenceClassifier`](../tinyllm/models/classifier.py) is a trunk, `pool` and a `Linear`. Let us do its work by hand,
# step by step, and compare. First the tokens. The grammar's vocabulary is so small that byte-pair encoding (lesson 10) with
# at most 700 tokens gives each word a token of its own. Each row begins with `<cls>`, which all three poolings then see:

# %%
tokenizer = ByteBPETokenizer.train(learn.texts, 700)


def batches(side, size=200):
    rows = [[tokenizer.cls_id, *tokenizer.encode(text)] for text in side.texts]
    return LabelledBatches(rows, side.labels, size, max_length=40, pad_id=tokenizer.pad_id)


longest = max(map(len, batches(learn).rows))
print("tokens of the longest review:", longest)
print("<cls>", *[tokenizer.decode([i]) for i in batches(learn).rows[2][1:]], sep="|")
assert longest < 40                                     # so nothing is truncated here
assert all(len(ids) == 1 + len(text.split()) for ids, text in zip(batches(learn).rows, learn.texts))


def new_classifier(pooling, seed=0):
    manual_seed(seed)
    trunk = Bert(BertConfig(tokenizer.vocab_size, context=40, n_layers=2, n_heads=4, d_model=64, positions="rotary"))
    return SequenceClassifier(trunk, n_labels=2, pooling=pooling, labels=learn.names)


# %%
classifier = new_classifier("mean")
batch = next(batches(learn, 4).evaluation())
with no_grad():
    h = classifier.trunk.hidden(batch["ids"], batch["attention_mask"]).numpy()                  # (B, T, C)
    v = my_pool(h, batch["attention_mask"], "mean")                                             # (B, C)
    z = v @ classifier.head.weight.numpy().T + classifier.head.bias.numpy()                     # (B, K)
    logits = classifier(batch["ids"], batch["attention_mask"]).numpy()
np.testing.assert_allclose(z, logits, rtol=1e-5, atol=1e-6)
by_hand = -np.mean(np.log(F.softmax(z)[np.arange(4), batch["labels"]]))
np.testing.assert_allclose(by_hand, Classification().loss(classifier, batch).item(), rtol=1e-5)
print("h", h.shape, "→ v", v.shape, "→ z", z.shape, f"→ loss {by_hand:.4f}; ln 2 = {np.log(2):.4f}")
print(f"{classifier.n_parameters():,} parameters, of which {classifier.head.n_parameters()} are the head")

# %% [markdown]
# Untrained, the loss is the logarithm of 2: it knows nothing about two equally frequent labels. Almost all parameters are
# in the trunk. The head is 2 × 64 weights and 2 biases.

# %% [markdown]
# ## Watch it work: order decides (F14, T1)
#
# There are **three sides** of a labelled set, and each has one use. The network *learns* from the training side. By the
# validation side we *choose*: when to stop, which pooling, which rate. On the test side we *report*, once, when everything
# is chosen. (Why so strict? Lesson 21 breaks the rule and shows the price.)
#
# Three networks from the same first weights, on the same stream of batches of 64 reviews; the pooling differs. Muon (lesson
# 9) moves the matrices. Max gets 400 steps, CLS 500, the mean 800: they need them, as you will see. Predict: for how many
# steps will the validation accuracy stay at 50 %?

# %% tags=["varies"]
def learn_from(side, classifier, steps, size=64, every=50):
    config = TrainConfig(steps=steps, optimizer="muon", muon_lr=0.03, lr=5e-3, weight_decay=0.01, schedule="linear",
                         warmup=steps // 10, min_lr=0.0, eval_every=every, log_every=every, workers=1)
    return train(classifier, Classification(), batches(side, size), batches(choose), config, progress=False)


def guesses(classifier, side):
    with no_grad():
        return np.concatenate([classifier(b["ids"], b["attention_mask"]).numpy().argmax(axis=1)
                               for b in batches(side).evaluation()])


trained, curves = {}, {}
for how, steps in (("max", 400), ("cls", 500), ("mean", 800)):
    trained[how] = new_classifier(how)
    history = learn_from(learn, trained[how], steps)
    curves[how] = [(record["step"], record["accuracy"]) for record in history.valid]
leaves = {how: next((step for step, share in curve if share > 0.6), 800) for how, curve in curves.items()}
print("first evaluation above 60 %, step:", leaves)
assert min(leaves.values()) > 50 and leaves["mean"] > leaves["max"]
viz.lines(curves, "step", "share of validation reviews right", "A long plateau at 50 %, then each finds the order of words",
          baselines={"any bag of words": 0.5, "words and pairs (test)": pairs_right.mean()})

# %% tags=["varies"]
accuracy = {}
for how, classifier in trained.items():
    right = guesses(classifier, report) == report.labels
    accuracy[how] = [right.mean(), *(right[level == k].mean() for k in (1, 2, 3))]
    print(f"{how:5} test accuracy {accuracy[how][0]:.1%}; by level", ", ".join(f"{a:.1%}" for a in accuracy[how][1:]))
assert min(accuracy["max"]) > 0.9 and min(accuracy["cls"]) > 0.8 and accuracy["mean"][0] > 0.55
methods = {"words": [0.5] * 4, "words and pairs": [pairs_right.mean(), *by_pairs],
           **{f"network, {how}": accuracy[how] for how in accuracy}}
viz.heatmap(np.array(list(methods.values())), "reviews of the test side", "method",
            "Order can be learned",
            label="share right", values=True, rows=list(methods), columns=["all", "level 1", "level 2", "level 3"])

# %% [markdown]
# What a bag of words provably cannot do, a network of two layers does. Three things are worth a thought.
#
# **The plateau.** For many steps nothing seems to happen. The task has no easy part: no single word tells anything about
# the label (that was the theorem), so changing the weight of any one word gains nothing. Only *combinations* pay, and at
# the start no combination is represented. XOR in lesson 7 is the same problem in its smallest form. A loss that stays at ln
# 2 for a while is not always a bug, and how long it stays depends on the rate, the width and luck.
#
# **The mean is last**, and it is the least reliable: start it with another seed (`new_classifier("mean", seed=2)`) and 800
# steps may not be enough. A likely reason is dilution. What tells the twins apart sits in one or two of about 18 vectors;
# in their mean that difference is an eighteenth of itself, among 17 others that say nothing. (That the *gradient* of each
# token is an eighteenth too cannot be the reason: AdamW and Muon divide by the gradient's size.) Under a maximum one token
# can speak for the whole text, and CLS lets attention choose who speaks. Do not take "never the mean" home as a law: where
# the evidence is spread over all words of a text, as in the docstrings of lesson 21, averaging is what one wants. Which
# pooling is best is a question for the validation side.
#
# **What it shows.** The test reviews have new combinations of words in 17 patterns that were seen in training. It has
# learned order in these patterns, not English.

# %% [markdown]
# ### Who voted?
#
# A mean and a linear head have a pretty property. Both are linear, so they may change places:
#
# $$z = W \Big(\frac{1}{n}\sum_t m_t h_t\Big) + b = \sum_t \frac{m_t}{n} (W h_t) + b$$
#
# The logit is a sum of one **vote** for each token. Here are the votes (logit of positive minus logit of negative) of the
# mean network for a pair of twins:

# %% tags=["varies"]
classifier = trained["mean"]


def votes(text):
    row = np.array([[tokenizer.cls_id, *tokenizer.encode(text)]])
    with no_grad():
        h = classifier.trunk.hidden(row).numpy()[0]                             # (T, C)
        z = classifier(row).numpy()[0]                                          # (K,)
    w, b = classifier.head.weight.numpy(), classifier.head.bias.numpy()
    vote = h @ (w[1] - w[0]) / len(h)                                           # (T,)
    np.testing.assert_allclose(vote.sum() + b[1] - b[0], z[1] - z[0], rtol=1e-3, atol=1e-4)
    return ["<cls>", *(tokenizer.decode([i]) for i in row[0, 1:])], vote, z[1] - z[0]


assert learn.names == ("negative", "positive")
twin = ("the plot was not dull , it was clever", "the plot was not clever , it was dull")
pieces, vote, sums = zip(*map(votes, twin))
print(f"sum of votes and bias: {sums[0]:+.2f} and {sums[1]:+.2f}")
assert sums[0] > sums[1]
viz.token_strip(pieces[0], vote[0], "Votes in the positive review …", label="vote for positive", diverging=True)

# %% tags=["varies"]
for word in (" not", " clever", " dull"):
    first, second = (votes[tokens.index(word)] for tokens, votes in zip(pieces, vote))
    print(f"vote of{word:7}: {first:+.2f} in the first review, {second:+.2f} in the second")
viz.token_strip(pieces[1], vote[1], "… and in its negative twin",
                label="vote for positive", diverging=True)

# %% [markdown]
# In a bag of words each word has one weight for ever. Here you see the same words, and other votes. In our run *clever*
# votes much the same in both reviews, while *not* and *dull* change sides. The vector of *not* has been through two layers
# of attention and says no longer "not" but "not dull" or "not clever". A vote is given by a place, and a place holds more
# than its word; so do not read such a picture as "this word is good".

# %% [markdown]
# ## Counting mistakes: accuracy, F1, confusion (T1)
#
# Accuracy is the share of right answers. It is all that the documents report (002 §5.4), and it hides a lot where labels
# are not equally frequent. Say 90 of 100 mails are harmless and 10 are fraud. Answering "harmless" always is 90 % accurate
# and worthless.
#
# The **confusion matrix** counts pairs: row = the true label, column = the guess. For one class, three of its numbers
# matter: hits TP (on the diagonal), misses FN (the rest of its row), false alarms FP (the rest of its column).
#
# - **recall** TP/(TP + FN): of those there are, how many were found?
# - **precision** TP/(TP + FP): of those announced, how many were there?
# - **F1**, their harmonic mean: $\;2 \Big/ \Big(\frac{1}{\text{precision}} + \frac{1}{\text{recall}}\Big) = \frac{2}{(TP +
# FP)/TP + (TP + FN)/TP} = \frac{2\,TP}{2\,TP + FP + FN}$
#
# The harmonic mean is near the smaller of the two: finding everything by announcing everything does not pay. **Macro F1**
# is the plain mean of F1 over the classes, so a rare class counts as much as a common one.

# %%
truth = np.repeat([0, 1], [90, 10])                                             # 0 harmless, 1 fraud


def confusion_of(labels, guessed, k):
    counts = np.zeros((k, k), int)
    np.add.at(counts, (labels, guessed), 1)                                     # lesson 5: equal pairs add up
    return counts


always = confusion_of(truth, np.zeros(100, int), 2)
careful = confusion_of(truth, np.concatenate([np.repeat([0, 1], [84, 6]), np.repeat([0, 1], [2, 8])]), 2)
for name, counts in (("always harmless", always), ("careful", careful)):
    print(f"{name:16} {counts.tolist()}  accuracy {np.trace(counts) / 100:.2f}, macro F1 {macro_f1(counts):.3f}")
f1 = [2 * 84 / (2 * 84 + 6 + 2), 2 * 8 / (2 * 8 + 6 + 2)]
assert np.isclose(macro_f1(careful), np.mean(f1)) and macro_f1(always) < 0.5 < np.trace(always) / 100

# %% [markdown]
# The careful one is 2 points more accurate and, by F1, in another class altogether. Now on real texts, a topic task: from
# which package of Python's library does a docstring come? Ten classes, the largest seven times as large as the smallest.
# The labels cost nothing, and every Python brings them along. A bag of words does it, for here words *do* tell:

# %% tags=["varies"]
topics = classification(seed=0)
words = BagOfWords(topics.train.texts, topics.train.labels, len(topics.names), penalty=1e-5, steps=150)
counts = confusion_of(topics.test.labels, words.predict(topics.test.texts), len(topics.names))
majority = np.mean(topics.test.labels == np.bincount(topics.train.labels).argmax())
print(f"always the commonest: {majority:.3f}; bag of words: accuracy {np.trace(counts) / counts.sum():.3f}, "
      f"macro F1 {macro_f1(counts):.3f}")
assert np.trace(counts) / counts.sum() > majority + 0.3
viz.confusion_map(counts, topics.names, "Few docstrings are taken for another package's")

# %% [markdown]
# Read it by rows: of the docstrings of one package, where did they go? Off the diagonal the common classes draw guesses
# (look at the column of the largest class). The library counts the same way
# ([tinyllm/training/objectives/classification.py](../tinyllm/training/objectives/classification.py)):

# %% tags=["varies"]
sums = measure(trained["max"], Classification(), batches(report).evaluation(), workers=1)
np.testing.assert_array_equal(sums["confusion"], confusion_of(report.labels, guesses(trained["max"], report), 2))
print("negation, max pooling:", Classification().metrics(sums))

# %% [markdown]
# ## Break it: padding in the mean
#
# "Global mean pooling", as printed: `h.mean(axis=1)` over all places, padding included. Attention keeps its mask, so surely
# the error is small? Predict: the answer for one text, alone and in the company of longer and longer texts, (a) stays, (b)
# moves a little, (c) can turn over.

# %% tags=["varies"]
def leaky_mean(classifier, ids, mask):
    """Logits, the mean taken over all places as printed."""
    with no_grad():
        h = classifier.trunk.hidden(ids, mask).numpy()
    return h.mean(axis=1) @ classifier.head.weight.numpy().T + classifier.head.bias.numpy()


mean, rows = trained["mean"], batches(report).rows
alone = np.concatenate([leaky_mean(mean, row[None], None) for row in rows])                                     # (600, 2)
together = np.concatenate([leaky_mean(mean, b["ids"], b["attention_mask"]) for b in batches(report).evaluation()])
masked = np.concatenate([mean(row[None]).numpy() for row in rows]).argmax(axis=1)
turned = np.count_nonzero(alone.argmax(axis=1) != together.argmax(axis=1))
print(f"labels that change between answering one by one and in batches of 200: {turned} of {len(rows)} without "
      f"the mask, {np.count_nonzero(masked != guesses(mean, report))} with it")
print(f"test accuracy: {(masked == report.labels).mean():.1%}; leaky, in batches: "
      f"{(together.argmax(axis=1) == report.labels).mean():.1%}")
assert turned > 10 and (masked == guesses(mean, report)).all()

# %% [markdown]
# For most reviews the network is so sure that the leak does not turn it over. For some it does. Here is the one whose
# probability moves most:

# %% tags=["varies"]
moves = np.abs(F.softmax(alone)[:, 1] - F.softmax(together)[:, 1])
row = rows[moves.argmax()]
positive = {"mean over real tokens": [], "mean over all places": []}
for n in range(38 - len(row)):
    ids, mask = pad_batch([row, np.full(len(row) + n, row[1])], tokenizer.pad_id)       # a neighbour that is n tokens longer
    with no_grad():
        positive["mean over real tokens"].append((n, F.softmax(mean(ids, mask).numpy()[0])[1]))
    positive["mean over all places"].append((n, F.softmax(leaky_mean(mean, ids, mask)[0])[1]))
steady, moved = (np.ptp([p for _, p in curve]) for curve in positive.values())
print(f"“{report.texts[moves.argmax()]}”: P(positive) moves by {steady:.6f} with the mask, by {moved:.3f} without")
assert steady < 1e-3 and moved > 0.1
viz.lines(positive, "how many tokens its longest neighbour is longer", "probability of 'positive'",
          "Without the mask, one text's answer depends on its neighbours")

# %% [markdown]
# The same text, the same weights, another answer, because somebody else's text was longer. In a service this is the kind of
# fault that nobody can reproduce: the next batch is a different one. No loss looks odd, no error is raised. What finds it
# is a *property*: padding changes no logit. `test_padding_changes_no_logit` and `test_no_gradient_reaches_padding` hold it
# for every pooling, both trunks and padding on either side
# ([tests/models/test_classifier.py](../tests/models/test_classifier.py)).

# %% [markdown]
# ## Break it: few labels
#
# The network that solved the task saw 3,000 reviews. Give it 120, as often as it likes. Predict both curves: the loss on
# those 120, and the loss on the validation reviews.

# %% tags=["varies"]
few = learn.rows(np.arange(120))
history = learn_from(few, new_classifier("max"), steps=160, size=32, every=10)
overfit = {"its 120 training reviews": [(r["step"], r["loss"]) for r in history.train],
           "600 validation reviews": [(r["step"], r["loss"]) for r in history.valid]}
end, best = history.valid[-1], min(history.valid, key=lambda r: r["loss"])
print(f"at the end: training loss {history.train[-1]['loss']:.4f}, validation loss {end['loss']:.2f}, "
      f"validation accuracy {end['accuracy']:.1%}; the lowest validation loss was {best['loss']:.2f}, at step {best['step']}")
assert history.train[-1]["loss"] < 0.05 and end["loss"] > 1.5 * best["loss"] and end["accuracy"] < 0.75
viz.loss_curve(overfit, title="Learned by heart: one loss falls to zero, the other rises",
               baselines={"knows nothing, ln 2": np.log(2)})

# %% [markdown]
# It knows its 120 reviews by heart and is *sure of itself* on all others: that is why the validation loss rises far above
# the loss of knowing nothing. Which of the two curves you watch decides what you believe. The remedies: stop where the
# validation loss is lowest (**early stopping**; `patience` in [`TrainConfig`](../tinyllm/training/config.py)), dropout,
# hiding tokens at random, more labels; or begin with a network that already knows something. That is the next lesson. The
# tool that keeps you honest is the evaluation after every so many steps, and that it chooses by the validation side is
# tested in [tests/training/test_trainer.py](../tests/training/test_trainer.py).

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. `check` tries your function on drawn inputs, and if it fails shows the smallest case
# that fails. Solutions with derivations: [solutions/20_classifier.ipynb](solutions/20_classifier.ipynb).
#
# **1. A rectangle (warm-up).** Rows of 2, 1 and 4 token ids are padded with `max_length=3`. Which shape has `ids`, and how
# many entries of the mask are True? A pair (shape, number).

# %%
ids_shape = ...
n_true = ...

check(1, ... if n_true is ... else (ids_shape, n_true))


# %% [markdown]
# **2. Mean.** h (B, T, C) and mask (B, T) of booleans → the mean over the real tokens, (B, C).

# %%
def mean_of_real(h, mask):
    ...


check(2, mean_of_real)


# %% [markdown]
# **3. Maximum.** The same for the maximum. Mind the negative numbers.

# %%
def max_of_real(h, mask):
    ...


check(3, max_of_real)


# %% [markdown]
# **4. Confusion matrix.** labels (N,) and guesses (N,), integers below k → counts (k, k), row = label, column = guess.

# %%
def confusion(labels, guesses, k):
    ...


check(4, confusion)


# %% [markdown]
# **5. Macro F1.** From such counts, in which every class occurs, the mean of F1 over the classes.

# %%
def mean_f1(counts):
    ...


check(5, mean_f1)


# %% [markdown]
# **6. The gradient of the mean.** g (B, C) is ∂L/∂v of the pooled vectors. What is ∂L/∂h, of shape (B, T, C)?

# %%
def gradient_of_mean(mask, g):
    ...


check(6, gradient_of_mean)


# %% [markdown]
# **7. Something to think about.** A *leaky* service took the mean over all T places of a batch. The log holds its pooled
# vectors leaky (B, C), the mask (B, T), and p (C,): the vector that every padding place had, the same everywhere. Recover
# the right means (B, C) from these three.

# %%
def recovered(leaky, mask, p):
    ...


check(7, recovered)

# %% [markdown]
# ## What you can now explain
#
# - How ids of shape (B, T) become logits of shape (B, K), and why the softmax is not in the model.
# - Mean, max and CLS: what each takes from the tokens, where each needs the mask, and what gradient comes back.
# - Why 50 % is a theorem for every bag of words here, and why such a task begins with a plateau.
# - Accuracy, precision, recall, F1, confusion matrix; and when accuracy alone misleads.
# - What a leak of padding looks like from outside, and the property that finds it.
#
# The network from scratch needed thousands of labels. Labels are what costs money. Lesson 21 asks whether a network that
# has read text without labels before needs fewer.
