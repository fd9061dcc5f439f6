# %% [markdown]
# # 27 · Two objectives at once
#
# *Can a model learn from unlabelled text how sentences belong together, and how would we know that it did?*
#
# *Reading 35 min · running 65 s · builds on lessons 19 (masked pretraining), 20 (the classifier) and 26 (autoencoding)*
#
# **Afterwards you can** pack two texts into one row as BERT does, draw pairs that do not give the answer away, compute and
# train the joint loss, and judge a next-sentence accuracy by what it could have been had for less.

# %%
import inspect

import numpy as np

import tinyllm.functional as F
from tinyllm import manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.data import SentencePairs, builtin, corpus, file_segments, mask_tokens, pad_batch
from tinyllm.models import Bert, BertConfig
from tinyllm.tokenizers import ByteBPETokenizer
from tinyllm.training import MaskedAndNext, TrainConfig, evaluate, train

lesson = open_lesson("27_two_objectives")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# > The file could not be opened. ▢
#
# > **(a)** An error is raised that names the path.   **(b)** Tulips are planted in autumn.
#
# Which of the two stood there? Nobody labelled this question. Any text is full of it: what follows is written right behind.
# Masked words (lesson 19) teach how words belong together. Tasks such as "does this passage answer that question?" ask how
# *sentences* belong together. BERT (Devlin et al. 2019, §3.1) was trained on both at once.
#
# ## What the documents say, and that it is two things (F13)
#
# There is no formula, only a sentence in each of two documents, both about BERT:
#
# - 002 §4.3: "**Next-sentence prediction**: for a pair of sentences, judge their *order*, and learn how sentences relate."
# - 004 §4.3: "**Next-sentence prediction**: choose two sentences *at random*, judge whether they are consecutive, and train
# the model by this classification."
#
# These are different tasks. The first gets two consecutive sentences and asks which came first. (This is *sentence-order
# prediction*, which came a year after BERT: Lan et al. 2020, ALBERT, §3.1.) The second is BERT's, but take it at its word:
# two sentences *chosen at random*. How often are they consecutive? We count in our corpus, Python's documentation.

# %% tags=["varies"]
texts = corpus()
learn_files, choose_files = file_segments(texts.train), file_segments(texts.validation)     # each file: its sentences
sizes = np.array([len(sentences) for sentences in learn_files])
n = sizes.sum()
consecutive = (sizes - 1).sum() / (n * (n - 1))         # ordered pairs (i, j), i ≠ j, of which j follows i in the same file
print(f"{n:,} sentences in {len(sizes)} files: 1 of {1 / consecutive:,.0f} random pairs is consecutive")
print(f"who always answers “no” is right in {1 - consecutive:.4%} of the cases")
assert consecutive < 1e-4

# %% [markdown]
# As printed, the task is won by a constant. The repair is BERT's: **half of the pairs are consecutive, and half are not**,
# by construction. Let $A$ and $B$ be two pieces of text, $y = 0$ if $B$ is what follows $A$, and $y = 1$ if $B$ was taken
# from another document. With $h_{\text{cls}}$ the vector at the first token:
#
# $$P(y \mid A, B) = \text{softmax}(W_2 \tanh(W_1 h_{\text{cls}} + b_1) + b_2)
# \qquad L_{\text{next}} = -\frac1B \sum_{\text{pairs}} \log P(y \mid A, B)$$
#
# | symbol | shape | what it is |
# |---|---|---|
# | $h_{\text{cls}}$ | $(B, C)$ | the vectors at `<cls>`, of a batch of $B$ pairs |
# | $W_1, b_1$ | $(C, C), (C)$ | the *pooler* |
# | $W_2, b_2$ | $(2, C), (2)$ | the scores of "follows" and "does not" |
# | $y$ | $(B)$ | 0 or 1, half and half |
#
# So there is a floor to compare with: 50 %, and $\log 2 = 0.693$ nats. (The letter $B$ is the second text and, in shapes, the
# number of pairs; no formula needs both.)

# %% [markdown]
# ## Two texts in one row (F13)
#
# A Transformer reads one row. BERT writes the pair into it as `<cls> A <sep> B <sep>`, and tells each token which text it
# belongs to: a **segment**, 0 or 1, whose learned vector is added to that of the token.
#
# $$x_t = E[\text{id}_t] + S[\text{segment}_t] \qquad E\ (V, C), \quad S\ (2, C)$$
#
# (plus the position, as always). By hand, with 1 as `<cls>`, 2 as `<sep>` and 0 as padding, $A$ = 7 8 9 and $B$ = 5 6:

# %%
def pack(a, b, cls=1, sep=2):
    """ids (T,) and segments (T,) of one pair: the first <sep> belongs to A, the last to B."""
    return np.array([cls, *a, sep, *b, sep]), np.array([0] * (len(a) + 2) + [1] * (len(b) + 1))


ids, segments = pack([7, 8, 9], [5, 6])
print("ids     ", ids, "\nsegments", segments)
assert ids.tolist() == [1, 7, 8, 9, 2, 5, 6, 2] and segments.tolist() == [0, 0, 0, 0, 0, 1, 1, 1]

# %% [markdown]
# In the library: `SentencePairs` makes the batches, `Bert` with `n_segments=2` adds the vectors. We compare both with what
# we have by hand. (Documents, to `SentencePairs`, are lists of sentences, which are lists of tokens.)

# %%
toy = [[[10, 11], [12, 13, 14], [15, 16]], [[20, 21], [22], [23, 24, 25]], [[30], [31, 32], [33, 34]]]
toy_pairs = SentencePairs(toy, 3, 16, cls_id=1, sep_id=2, mask_id=3, pad_id=0, vocab_size=40)
batch = toy_pairs.batch(0)
whole = np.where(batch["targets"] == -100, batch["ids"], batch["targets"])      # the hidden tokens put back
for ids, mask, segments, label in zip(whole, batch["attention_mask"], batch["segment_ids"], batch["labels"]):
    row = ids[mask].tolist()
    middle = row.index(2)
    mine = pack(row[1:middle], row[middle + 1 : -1])
    assert np.array_equal(mine[0], ids[mask]) and np.array_equal(mine[1], segments[mask])
    print(f"{row!s:42} {('B follows A', 'B is from another document')[label]}")

manual_seed(0)
CHOICES = {"n_layers": 2, "n_heads": 4, "d_model": 64, "positions": "rotary",
           "n_segments": 2, "pooler": True, "next_sentence": True}
small = Bert(BertConfig(40, context=16, **CHOICES))
E, S = small.embedding.weight.data, small.segments.weight.data
with no_grad():
    by_hand = small.run(E[batch["ids"]] + S[batch["segment_ids"]], batch["attention_mask"])
    library = small.hidden(batch["ids"], batch["attention_mask"], batch["segment_ids"])
np.testing.assert_allclose(by_hand, library, rtol=1e-5, atol=1e-6)
print("segments added by hand: the same vectors as Bert.hidden")

# %% [markdown]
# ## The joint loss (F12, F13)
#
# One pass through the layers serves both tasks: the hidden tokens are asked for at their places, the pair is judged at
# `<cls>`, and the losses are added.
#
# $$L = \underbrace{-\frac{1}{|M|} \sum_{i \in M} \log P(x_i \mid \tilde x)}_{L_{\text{masked}},\ \text{F12}}
# \;\underbrace{-\frac1B \sum_{\text{pairs}} \log P(y \mid A, B)}_{L_{\text{next}},\ \text{F13}}$$
#
# Note the two denominators: $|M|$ hidden tokens, $B$ pairs. So a pair weighs as much as all of its hidden tokens together,
# whatever their number. In NumPy, from the vectors $h$ $(B, T, C)$:

# %%
def my_joint_loss(model, batch):
    h = model.hidden(batch["ids"], batch["attention_mask"], batch["segment_ids"])           # (B, T, C)
    b, t = np.nonzero(batch["targets"] != -100)                                             # the |M| hidden places
    words = F.log_softmax(model.head(h[b, t]))                                              # (|M|, V)
    pooled = np.tanh(h[:, 0] @ model.pooler.weight.T + model.pooler.bias)                   # (B, C)
    pairs = F.log_softmax(pooled @ model.next_head.weight.T + model.next_head.bias)         # (B, 2)
    masked = -np.mean(words[np.arange(len(b)), batch["targets"][b, t]])
    return masked - np.mean(pairs[np.arange(len(pairs)), batch["labels"]])


found = []
for loss in (my_joint_loss(small, batch), np.sum(MaskedAndNext().loss(small, batch))):      # the library answers both terms
    small.zero_grad()
    loss.backward()
    found.append((loss.item(), *(p.grad.copy() for p in (small.segments.weight, small.pooler.weight, small.embedding.weight))))
for mine, library in zip(*found):
    np.testing.assert_allclose(mine, library, rtol=1e-3, atol=1e-6)
assert abs(found[0][0] - np.log(40) - np.log(2)) < 0.3
print(f"joint loss {found[0][0]:.3f} by hand and in the library; untrained it is about log V + log 2 = "
      f"{np.log(40) + np.log(2):.3f}")
print(inspect.getsource(MaskedAndNext.loss))

# %% [markdown]
# ## Drawing pairs that give nothing away (F13)
#
# What is a wrong $B$? It sounds like a detail, and it decides what is learned. A network takes the cheapest way to the
# right answers. If wrong ones differ in *anything else* than in not following, it learns that.
#
# A natural way, which this book's own library took at first: cut each document into chunks that fill the row, cut each
# chunk in two, $A$ and $B$. For a wrong pair take the $B$ of another chunk. Each $B$ is now as often right as wrong, so $B$
# alone tells nothing. Do you see what does? Predict before you run: we draw only the *lengths*, no word of the text.

# %% tags=["varies"]
tokenizer = ByteBPETokenizer.train([document.text for document in texts.train], 1024, progress=False)


def sentence_pairs(files, tokenizer, batch_size=16, p=0.25):
    documents = [tokenizer.encode_batch(sentences) for sentences in files]
    special = {name: getattr(tokenizer, name) for name in ("cls_id", "sep_id", "mask_id", "pad_id")}
    return SentencePairs(documents, batch_size, 64, **special, vocab_size=tokenizer.vocab_size, p=p,
                         special_ids=tokenizer.special_ids)


learn, choose = sentence_pairs(learn_files, tokenizer), sentence_pairs(choose_files, tokenizer)
rng = np.random.default_rng(0)
first, last, _ = learn.chunks.T                         # each chunk's first sentence, and the one after its last
cut = rng.integers(first + 1, last)
a, b = learn.edges[cut] - learn.edges[first], learn.edges[last] - learn.edges[cut]          # lengths of A and of B, in tokens
another, wrong = rng.permutation(len(a)), rng.permutation(len(a)) % 2 == 1


def best_rule(total):
    """The best accuracy of a rule that says "does not follow" below (or above) some total length."""
    right = [np.mean((total < most) == wrong) for most in range(200)]
    return max(*right, 1 - min(right))


natural = a + np.where(wrong, b[another], b)
by_length = {"the other chunk's B": best_rule(natural), "B cut to equal length": best_rule(a + np.minimum(b, b[another]))}
print(", ".join(f"{name}: {share:.1%} right by total length alone" for name, share in by_length.items()))
assert by_length["the other chunk's B"] > 0.55 > by_length["B cut to equal length"]
viz.histogram({"B follows": natural[~wrong], "B is another's": natural[wrong]}, "tokens of A and B together",
              "What fills the row together belongs together: a leak", bins=np.arange(0, 125, 5))

# %% [markdown]
# A chunk was made to fill the row, so its own $A$ and $B$ add up to one length. A strange $B$ does not know how long $A$
# is. (BERT's program has another leak: a wrong $B$ is filled up to the row's end, so in short documents wrong ones are
# longer.) The cure: draw another chunk for *every* pair, right or wrong, and cut $B$ to the shorter of the two candidates.
# Then the lengths are drawn the same way whatever the label. `SentencePairs` does this now; `test_b_alone_tells_nothing`
# and `test_lengths_tell_nothing` in [tests/data/test_sentence_pairs.py](../tests/data/test_sentence_pairs.py) hold it to
# it.

# %% [markdown]
# ## Both at once, on Python's documentation (F12, F13)
#
# Two layers, 64 wide. To compare with:
#
# - masked words: the commonest token, and every token by its frequency (*unigram*);
# - pairs: 50 %, and **overlap**, a rule that knows no language. Let $W(A)$ be the set of tokens of $A$; call it a pair that
# follows if $|W(A) \cap W(B)| / |W(A) \cup W(B)|$ exceeds a threshold, which is chosen on the training side.
#
# Predict: will the network beat 50 %? Will it beat overlap?

# %% tags=["varies"]
def parts(batch):
    """For each row: the tokens of A, those of B, and the label, with the hidden ones put back."""
    whole = np.where(batch["targets"] == -100, batch["ids"], batch["targets"])
    for ids, mask, segments, label in zip(whole, batch["attention_mask"], batch["segment_ids"], batch["labels"]):
        yield ids[mask & (segments == 0)][1:-1], ids[mask & (segments == 1)][:-1], label


def overlap(a, b):
    a, b = set(a.tolist()), set(b.tolist())
    return len(a & b) / len(a | b)


def overlap_accuracy(learn, choose):
    """The threshold chosen on 60 batches of one side, the accuracy on the other."""
    known, asked = ([(overlap(a, b), y) for batch in batches for a, b, y in parts(batch)]
                    for batches in ((learn.batch(step) for step in range(60)), choose.evaluation()))
    known, asked = np.array(known), np.array(asked)
    best = max(np.linspace(0, 1, 201), key=lambda t: np.mean((known[:, 0] < t) == known[:, 1]))
    return float(np.mean((asked[:, 0] < best) == asked[:, 1]))


def joint_training(learn, choose, tokenizer, steps, evaluations=4, muon_lr=0.03):
    manual_seed(0)
    model = Bert(BertConfig(tokenizer.vocab_size, context=64, **CHOICES))
    config = TrainConfig(steps=steps, optimizer="muon", lr=5e-3, muon_lr=muon_lr, betas=(0.9, 0.98), weight_decay=0.05,
                         eval_every=steps // evaluations, workers=1)
    history = train(model, MaskedAndNext(), learn, choose, config, progress=False)
    return model.eval(), history.valid


counts = np.bincount(learn.tokens, minlength=tokenizer.vocab_size) + 1.0
hidden = np.concatenate([batch["targets"][batch["targets"] != -100] for batch in choose.evaluation()])
unigram, commonest = -np.log(counts[hidden] / counts.sum()).mean(), np.mean(hidden == counts.argmax())
by_overlap = overlap_accuracy(learn, choose)
_, docs = joint_training(learn, choose, tokenizer, steps=300)
print(f"masked words:   {docs[-1]['masked_accuracy']:.1%} right, {docs[-1]['masked_loss']:.2f} nats "
      f"(commonest token {commonest:.1%}, unigram {unigram:.2f} nats)")
print(f"next sentence:  {docs[-1]['next_accuracy']:.1%} right, {docs[-1]['next_loss']:.3f} nats "
      f"(chance 50 % and {np.log(2):.3f} nats, overlap {by_overlap:.1%})")
assert docs[-1]["masked_accuracy"] > commonest + 0.02 and docs[-1]["masked_loss"] < unigram
assert by_overlap > 0.6

# %% [markdown]
# The words have begun to be learned. The pairs have not: the network is at chance, with the loss of a coin, while a rule
# that counts common tokens is right in two cases of three. This is no bug; the next section trains the same code to
# success. It is a hard thing to ask of this network in so short a time. To see that two texts share a word, a layer must
# compare every token of one with every token of the other, in a vocabulary of a thousand whose vectors start at random, and
# all it gets for a pair is one yes or no; a hidden word teaches more (its loss begins at $\log V$, not at $\log 2$). BERT
# read 3.3 billion words to get there. Patience helps: a network twice as wide, trained forty times as long, is right in
# two cases of three, five standard errors above chance, and still no better than the rule that counts common tokens
# ([tests/benchmarks/results/next_sentence.md](../tests/benchmarks/results/next_sentence.md)).
#
# ## Where it works (F13)
#
# So let us take language that is small enough: the dialogues of a shop, from
# [datasets/dialogues](../datasets/dialogues/README.md), written by a grammar. A document is a dialogue, a sentence is a
# turn. The same model, the same loss, the same pairs.

# %% tags=["varies"]
shop = builtin("dialogues")
talk = [[[" " + turn["content"] for turn in dialogue] for dialogue in side] for side in (shop.train, shop.test)]
pieces = ByteBPETokenizer.train([turn for dialogue in talk[0] for turn in dialogue], 700, progress=False)
learn_talk, test_talk = (sentence_pairs(side, pieces, 32, 0.15) for side in talk)
for turn in talk[0][0]:
    print("  ", turn)
talk_overlap = overlap_accuracy(learn_talk, test_talk)
model, turns = joint_training(learn_talk, test_talk, pieces, steps=700, evaluations=7)
print(f"masked words {turns[-1]['masked_accuracy']:.1%} right; next turns {turns[-1]['next_accuracy']:.1%}, "
      f"overlap {talk_overlap:.1%}")
assert turns[-1]["next_accuracy"] > talk_overlap + 0.05
viz.lines({"dialogues": [(r["step"], r["next_accuracy"]) for r in turns],
           "Python's documentation": [(r["step"], r["next_accuracy"]) for r in docs]},
          "step", "pairs judged right (held-out)", "A small network learns it where language is small",
          baselines={"chance": 0.5, "overlap, dialogues": talk_overlap})

# %% [markdown]
# Far above chance, and well above overlap; so it cannot be common words alone. One would like to say: it has learned how a
# conversation goes on. Would you sign that?
#
# ## Break it: a wrong B from the same document (F13)
#
# In training, a wrong $B$ always came from *another* dialogue: another customer, another order, another shop. So **topic**
# could give it away, and topic is a matter of words. That is what was found for BERT: its task is mostly won by topic,
# which masked words teach anyway (Lan et al. 2020, §3.1), and dropping the task did no harm (Liu et al. 2019, RoBERTa,
# §4.2).
#
# Put the model to the test with wrong $B$ that it never met: from the *same* dialogue, but another part of it. If it judges
# by topic, it must say "follows". And the other way round, a $B$ of another dialogue from the same part, say the middle.
# Predict the four bars.

# %% tags=["varies"]
def says_follows(model, pairs):
    """The share of pairs (a, b) that the model takes to follow."""
    rows, segments = zip(*[pack(a[-(61 - len(b)) :], b, pieces.cls_id, pieces.sep_id) for a, b in pairs])
    ids, mask = pad_batch([list(row) for row in rows], pieces.pad_id, 64)
    which, _ = pad_batch([list(row) for row in segments], 0, 64)
    with no_grad():
        h = model.hidden(ids, mask, which)
        return float(np.mean(model.next_sentence(model.pooled(h)).numpy().argmax(axis=1) == 0))


rng = np.random.default_rng(0)
tokens, edges, (first, last, dialogue) = test_talk.tokens, test_talk.edges, test_talk.chunks.T
cut = rng.integers(first + 1, last)                     # as in training: A up to here, B from here
room = edges[last] - edges[cut]
part = np.arange(len(cut)) - np.searchsorted(dialogue, dialogue)        # 0: a dialogue's first chunk, 1: the second, …
kinds = {"what follows": [], "own,\nelsewhere": [], "another,\nsame part": [], "another,\nelsewhere": []}    # dialogue
for i in range(len(cut)):
    own, at = dialogue == dialogue[i], part == part[i]
    if (own & ~at).any():
        four = i, *(rng.choice(np.flatnonzero(which)) for which in (own & ~at, ~own & at, ~own & ~at))
        length = min(40, *(room[k] for k in four))      # the same for all four
        for pairs, k in zip(kinds.values(), four):
            start = edges[cut[k]]
            pairs.append((tokens[edges[first[i]] : edges[cut[i]]], tokens[start : start + length]))
says = {name: says_follows(model, pairs) for name, pairs in kinds.items()}
for name, share in says.items():
    print(f"{name.replace(chr(10), ' '):20} “follows” in {share:.1%} of {len(kinds[name])}")
goes_on, same_dialogue, same_part, _ = says.values()
assert goes_on > 0.8 and same_part > same_dialogue + 0.15
viz.bars(says, "share called “follows”", "It knows the part of a dialogue better than the dialogue")

# %% [markdown]
# The suspicion was wrong, and the truth is not much more flattering. A $B$ from elsewhere in its *own* dialogue is hardly
# ever taken to follow: the model does not go by topic alone. What fools it is the third bar, somebody else's dialogue, with
# another name and another order, **at the same part**: nearly every second one passes. So it knows something about who
# speaks of what, and much more about the stage of a conversation: questions after greetings, answers after questions. That
# too is a shortcut, the cheapest one this text has to offer. Which one a model takes depends on the text. Look for it
# before you believe an accuracy.
#
# ## Order (F13)
#
# Now the task that document 002 prints: two consecutive pieces, in the right order or exchanged. Overlap is helpless here,
# and this is a theorem: $|W(A) \cap W(B)| / |W(A) \cup W(B)|$ is the same for $(A, B)$ and $(B, A)$, so whatever threshold
# it uses, it says the same about a pair and its exchange, and is right about exactly one of them. Any *symmetric* function
# is at 50 %, and topic is symmetric.

# %% tags=["varies"]
class InOrder:
    """Pairs that follow (from a source of pairs), every second one exchanged: label 1."""

    def __init__(self, source):
        self.source, self.ordinary = source, np.ones(pieces.vocab_size, bool)
        self.ordinary[list(pieces.special_ids)] = False

    def of(self, batch, rng):
        pairs = [(a, b) for a, b, label in parts(batch) if label == 0]
        labels = rng.permutation(len(pairs)) % 2
        rows = [pack(*((b, a) if y else (a, b)), pieces.cls_id, pieces.sep_id) for (a, b), y in zip(pairs, labels)]
        ids, mask = pad_batch([list(row) for row, _ in rows], pieces.pad_id, 64)
        segments, _ = pad_batch([list(which) for _, which in rows], 0, 64)
        shown, targets = mask_tokens(ids, rng, pieces.mask_id, self.ordinary, 0.15)
        return {"ids": shown, "attention_mask": mask, "segment_ids": segments, "targets": targets, "labels": labels}

    def batch(self, step):
        return self.of(self.source.batch(step), np.random.default_rng([0, step]))

    def evaluation(self):
        for i, batch in enumerate(self.source.evaluation()):
            yield self.of(batch, np.random.default_rng([1, i]))


order_model, order = joint_training(InOrder(learn_talk), InOrder(test_talk), pieces, steps=120)
symmetric = np.array([[overlap(a, b), overlap(b, a)] for a, b, _ in parts(next(InOrder(test_talk).evaluation()))])
assert np.array_equal(symmetric[:, 0], symmetric[:, 1])
print(f"order, after {order[-1]['step']} steps: {order[-1]['next_accuracy']:.1%} right; any symmetric rule: 50.0%")
assert order[-1]["next_accuracy"] > 0.9

# %% [markdown]
# Nearly solved, after fewer steps than anything else in this lesson. By now you know the question to ask: is there a rule
# that knows no language? A short look at the data suggests one. Take the *first token of A*, nothing else, and say what was
# more frequent with it in training:

# %% tags=["varies"]
first_words = {}
for step in range(60):
    for a, _, label in parts(InOrder(learn_talk).batch(step)):
        first_words.setdefault(int(a[0]), [0, 0])[label] += 1
right = [np.argmax(first_words.get(int(a[0]), [1, 0])) == label for batch in InOrder(test_talk).evaluation()
         for a, _, label in parts(batch)]
assert 0.6 < np.mean(right) < order[-1]["next_accuracy"]
print(f"order by the first token of A alone: {np.mean(right):.1%} right")

# %% [markdown]
# One token does most of it: some turns open a piece and hardly ever stand behind another. Symmetric rules are helpless,
# others are not. ALBERT's order is the harder task for real text, where both pieces come from the middle of something; here
# it is the easier one.
#
# ## Break it: the segments left out (F13)
#
# Take the trained model and tell it that all tokens are of segment 0. Nothing else changes: `<sep>` still stands between
# the two. Predict what happens to the pairs, and to the masked words.

# %% tags=["varies"]
class OneSegment:
    """The same batches, with every token in segment 0."""

    def __init__(self, source):
        self.source = source

    def evaluation(self):
        for batch in self.source.evaluation():
            yield {**batch, "segment_ids": np.zeros_like(batch["segment_ids"])}


with_segments, without = (evaluate(model, MaskedAndNext(), source.evaluation(), workers=1)
                          for source in (test_talk, OneSegment(test_talk)))
for what in ("next_accuracy", "masked_accuracy"):
    print(f"{what:16} {with_segments[what]:.1%} with segments, {without[what]:.1%} without")

# %% [markdown]
# It does some harm to the pairs, and next to none to the words: the model had come to use the segments, but `<sep>` and the
# positions say where $B$ begins as well. (Trained without them from the start, it could learn to rely on those. RoBERTa has
# no segments.) That a `Bert` which has them really uses them is held by `test_every_segment_changes_every_output` in
# [tests/models/test_bert.py](../tests/models/test_bert.py).
#
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/27_two_objectives.ipynb](solutions/27_two_objectives.ipynb).
#
# **1. Segments (warm-up).** $A$ has two tokens, $B$ has three. Write down the segments of all tokens of the row, `<cls>`
# and `<sep>` included, as a list.

# %%
segments_of_row = ...

check(1, segments_of_row)


# %% [markdown]
# **2. Packing.** From the ids a and b (arrays) the row `<cls> a <sep> b <sep>`, with 1 as `<cls>` and 2 as `<sep>`.

# %%
def packed(a, b):
    ...


check(2, packed)


# %% [markdown]
# **3. Segments from ids.** A padded row ids (T,) with 1 as `<cls>`, 2 as `<sep>` (it occurs twice) and 0 as padding: the
# segments (T,). Padding has segment 0.

# %%
def segments_of(ids):
    ...


check(3, segments_of)


# %% [markdown]
# **4. The joint loss.** words (M, V): logarithms of probabilities at the M hidden places, with targets (M,); pairs (B, 2):
# the same for the pairs, with labels (B,). The joint loss, a number.

# %%
def joint_loss(words, targets, pairs, labels):
    ...


check(4, joint_loss)


# %% [markdown]
# **5. Overlap.** Two arrays of tokens: how many different tokens are in both, divided by how many are in one or both.

# %%
def shared(a, b):
    ...


check(5, shared)


# %% [markdown]
# **6. Something to think about.** Documents with sizes (D,) sentences. Two *different* sentences are chosen at random, in
# order. With which probability is the second the one that follows the first, in the same document?

# %%
def chance_of_following(sizes):
    ...


check(6, chance_of_following)

# %% [markdown]
# ## What you can now explain
#
# - How two texts become one row, what segments are, and how one pass serves two losses with two denominators.
# - Why "two sentences chosen at random" is no task, and why BERT's half and half is one.
# - Leaks of the answer: lengths, topic, the stage of a conversation, first words; and how to look for them: with rules that
# know no language, and with wrong pairs that training never showed.
# - Why an accuracy above 50 % does not say that a model knows what follows what.
#
# Lesson 28 leaves whole texts for single words again: which of them are names?
