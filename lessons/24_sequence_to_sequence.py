# %% [markdown]
# # 24 · Sequence to sequence
#
# *How does a model learn to translate, and why is being right about the next word not enough?*
#
# *Reading 45 min · running 60 s · builds on lessons 8 (likelihood), 17 (shift by one), 18 (generation) and 23
# (encoder-decoder)*
#
# **Afterwards you can** turn pairs of sentences into batches, train a translator with teacher forcing, compute BLEU by
# hand, and say what token accuracy hides, how far a single wrong word carries, and what a task prefix does.

# %%
import math
from collections import Counter, defaultdict

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor, manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.data import SequencePairs, builtin
from tinyllm.generation import generate_batch
from tinyllm.metrics import bleu, chrf
from tinyllm.models import Seq2Seq, Seq2SeqConfig
from tinyllm.nn import record_attention
from tinyllm.training import SequenceToSequence, TrainConfig, evaluate, train

lesson = open_lesson("24_sequence_to_sequence")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# [Lesson 23](23_encoder_and_decoder.ipynb) built a model that keeps three promises: it reads all of the source, all of the
# target so far, and nothing of the target's future. Its toys had one right answer a letter. A translation is harder, for
# three reasons that every pair of languages has:
#
# - **order**: what stands third in one language stands last in the other;
# - **agreement**: a word's ending depends on another word, perhaps a far one;
# - **what is not said**: one language asks for something that the other does not mention.
#
# Real languages have much more, and need millions of pairs. The book's own set has these three and nothing else, so that a
# small model can learn it in seconds and every mistake can be understood. It translates English into **Solvi**, which
# nobody speaks.

# %%
data = builtin("translation")
learn, test = data.train, data.test
print(f"{len(learn):,} pairs to learn from, {len(test)} to test on; no sentence stands in both\n")
for i in (0, 2, 12, 21):
    print(f"{test.sources[i]:45} {test.targets[i]}")
assert not set(learn.sources) & set(test.sources)

# %% [markdown]
# Look at the first two. Articles and adjectives end as their noun's **class** demands: *owl* and *king* are of class o,
# *boy* is of class e, which English shows nowhere. Who does it and to whom, English says by the order; Solvi says it by the
# -m of an article (*om*, *oim*). The verb comes last, and its ending depends on the subject's class and number, which in
# *the boys that the kings helped danced* stands far away. The rules fill a page
# ([datasets/translation/README.md](../datasets/translation/README.md)). The model will see none of them.

# %% [markdown]
# ## Word by word
#
# The simplest idea first: a dictionary. Nobody gives us one, but the pairs contain it. Start without any opinion: each
# target word comes from each source word of its sentence with an equal share. Then repeat: share every target word out
# among the source words, by how much each is trusted to produce it, and let each source word trust the targets in
# proportion to what it got. A word that is always near *mir* collects; a word that is there by chance does not. This is
# IBM's model 1 (Brown et al. 1993, §4.1), the first machine translation that learned from data.

# %%
def word_pairs(pairs):
    return [(source.split(), target.split()) for source, target in zip(pairs.sources, pairs.targets)]


def dictionary(pairs, rounds=5):
    """t[source word][target word], the share of the source word's translations that are this word."""
    t = defaultdict(lambda: defaultdict(lambda: 1.0))
    for _ in range(rounds):
        got = defaultdict(lambda: defaultdict(float))
        for source, target in pairs:
            for word in target:
                total = sum(t[s][word] for s in source)
                for s in source:
                    got[s][word] += t[s][word] / total                          # the shares of one target word sum to 1
        t = {s: {word: n / sum(found.values()) for word, n in found.items()} for s, found in got.items()}
    return t


t = dictionary(word_pairs(learn))
likeliest = {s: max(sorted(found), key=found.get) for s, found in t.items()}
for s in ("cat", "cats", "king", "the", "helped"):
    best = sorted(t[s].items(), key=lambda item: -item[1])[:3]
    print(f"{s:7} →", ", ".join(f"{word} {share:.2f}" for word, share in best))
by_words = [" ".join(likeliest[s] for s in source.split()) for source in test.sources]
exact_words = np.mean([guess == target for guess, target in zip(by_words, test.targets)])
print(f"\nword by word, whole sentences right: {exact_words:.1%}")
assert likeliest["cat"] == "mir" and likeliest["king"] == "dal" and exact_words < 0.02

# %% [markdown]
# The dictionary is a good one: nouns and verbs are found, from nothing but sentences side by side. The translations are not
# good, and cannot be. *the* has no translation, it has many (*o*, *em*, *oi* …), and which is right stands in other words.

# %% [markdown]
# ## BLEU by hand (T4)
#
# "Right" or "wrong" for a whole sentence is a hard judge. The usual measure is **BLEU** (Papineni et al. 2002, §2): how
# many *runs* of 1, 2, 3 and 4 neighbouring words of the translation occur in the reference too? With $p_n$ the share of
# runs of $n$ words that do, counted over **all sentences together**,
#
# $$\text{BLEU} = 100 \cdot \min\left(1, e^{1 - r/c}\right) \cdot \left(p_1\, p_2\, p_3\, p_4\right)^{1/4}$$
#
# where $c$ counts the words written and $r$ those of the references. Two sentences: one right, one with Solvi's words in
# English order.

# %%
gold = ["o kan em mir seka", "oi lini oim dali judti ne"]
guess = ["o kan em mir seka", "oi lini judti oim dali ne"]


def runs(text, n):
    words = text.split()
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


p = []
for n in (1, 2, 3, 4):
    right = sum((runs(a, n) & runs(b, n)).total() for a, b in zip(gold, guess))             # & keeps the smaller count
    total = sum(runs(b, n).total() for b in guess)
    p.append(right / total)
    print(f"runs of {n}: {right} of {total}")
by_hand = 100 * math.prod(p) ** 0.25                    # c = r = 11 words: no penalty
print(f"BLEU by hand {by_hand:.2f}, the library's {bleu(gold, guess).score:.2f}")
assert math.isclose(by_hand, bleu(gold, guess).score) and p == [11 / 11, 6 / 9, 3 / 7, 2 / 5]

# %% [markdown]
# All words are right, so $p_1 = 1$; the order shows in the longer runs. Two details carry the formula. A run counts **at
# most as often as in the reference**, or *the the the the* would be perfect. And there is no recall: a translation that
# leaves out what it is not sure of keeps its shares high. The first factor, the **brevity penalty**, answers that.
# **Predict** its value if the second sentence ends after *lini*, where $c = 7$ and $r = 11$.

# %%
short = bleu(gold, ["o kan em mir seka", "oi lini"])
print("shares", short.precisions, f"penalty {short.brevity_penalty:.3f}, BLEU {short.score:.1f}")
assert min(short.precisions) == 100 and math.isclose(short.brevity_penalty, math.exp(1 - 11 / 7))
print(f"word by word on the test set: BLEU {bleu(test.targets, by_words).score:.1f}, "
      f"shares {np.round(bleu(test.targets, by_words).precisions, 1)}")
assert bleu(test.targets, by_words).score < 15

# %% [markdown]
# Every run of the short one is right, and it loses almost half for what is missing. (The library's BLEU is
# [tinyllm/metrics/bleu.py](../tinyllm/metrics/bleu.py), equal to sacrebleu's number in
# [tests/parity/test_metrics.py](../tests/parity/test_metrics.py).)

# %% [markdown]
# ## Pairs become batches (F9)
#
# The model computes $P(\mathbf{y} \mid \mathbf{x}) = \prod_t P(y_t \mid y_{<t}, \mathbf{x})$, and lesson 23 derived all of
# it. To learn is to make the pairs we have likely (lesson 8). For one pair with a target of $T$ tokens, the end among them,
#
# $$L = -\frac{1}{T} \log P(\mathbf{y} \mid \mathbf{x}) = -\frac{1}{T} \sum_{t=1}^{T} \log P(y_t \mid y_{<t}, \mathbf{x})$$
#
# and for a batch the same sum over all its target tokens. Factor $t$ needs $y_{<t}$ and must not see $y_t$. So the decoder
# gets the target **moved one place to the right, behind a start sign**, and what is asked for is the target with an end
# sign:
#
# | place | 1 | 2 | … | $n$ | $n + 1$ |
# |---|---|---|---|---|---|
# | the decoder reads | start | $y_1$ | … | $y_{n-1}$ | $y_n$ |
# | it must say | $y_1$ | $y_2$ | … | $y_n$ | end |
#
# Whatever the model would have said at place 1, at place 2 it reads the *true* $y_1$. That is **teacher forcing** (Williams
# and Zipser 1989): a teacher who, after each word of a pupil's dictation, puts the right word in its place. All $T$ places
# are then known beforehand and are computed at once.
#
# There are few words in our languages, so a token is a word here. (With real ones, take the pieces of [lesson
# 10](10_tokens.ipynb).)

# %%
SIGNS = ["·", "<start>", "<end>", "solvi:", "backwards:"]                       # the last two are for later
PAD, START, END = range(3)
WORDS = SIGNS + sorted({word for text in learn.sources + learn.targets for word in text.split()})
ID = {word: i for i, word in enumerate(WORDS)}
V, LONGEST = len(WORDS), 16


def encode(text):
    return [ID[word] for word in text.split()]


def decode(ids):
    return " ".join(WORDS[i] for i in ids)


def shifted(targets):
    """Rows of target ids → decoder ids (B, T) and targets (B, T), -100 where nothing is asked."""
    T = max(map(len, targets)) + 1
    read, say = np.full((len(targets), T), PAD), np.full((len(targets), T), -100)
    for row, y in enumerate(targets):
        read[row, : len(y) + 1] = [START, *y]
        say[row, : len(y) + 1] = [*y, END]
    return read, say


def pairs_of(sources, targets, batch_size=32):
    return SequencePairs(
        [encode(x) for x in sources], [encode(y) for y in targets], batch_size, LONGEST, LONGEST, PAD, START, END
    )


two = next(pairs_of(test.sources[:2], test.targets[:2]).evaluation())
read, say = shifted([encode(y) for y in test.targets[:2]])
np.testing.assert_array_equal(two["decoder_ids"], read)
np.testing.assert_array_equal(two["targets"], say)
for name in ("ids", "decoder_ids", "targets"):
    print(f"{name:12}", decode(np.maximum(two[name][0], PAD)))

# %% [markdown]
# `SequencePairs` ([tinyllm/data/sequence_pairs.py](../tinyllm/data/sequence_pairs.py)) does this, and puts sentences of
# like length together so that little is padding. And the loss, in four lines, with its gradient with respect to the logits,
# which lesson 8 derived as "softmax minus one-hot". Only real targets count, in the sum and in $N$:

# %%
def loss_and_gradient(logits, targets):
    """Logits (B, T, V), targets (B, T) → L and ∂L/∂logits (B, T, V)."""
    asked = targets >= 0                                                        # (B, T)
    log_p, N = F.log_softmax(logits), asked.sum()
    onehot = np.eye(logits.shape[2])[np.maximum(targets, 0)]                    # (B, T, V)
    return -(log_p * onehot).sum(axis=2)[asked].sum() / N, (np.exp(log_p) - onehot) * asked[..., None] / N


class Says:
    """A model that answers with these logits, to try an objective on."""

    def __init__(self, logits):
        self.logits = logits

    def __call__(self, ids, decoder_ids, attention_mask):
        return self.logits


logits = Tensor(np.random.default_rng(0).standard_normal((*say.shape, V)), requires_grad=True)
loss = SequenceToSequence().loss(Says(logits), two)
loss.backward()
mine, gradient = loss_and_gradient(logits.data, say)
np.testing.assert_allclose(mine, loss.item(), rtol=1e-10)
np.testing.assert_allclose(gradient, logits.grad, rtol=1e-7, atol=1e-12)
print(f"loss {mine:.4f} nats a token, of {np.sum(say >= 0)} tokens; ln V = {math.log(V):.4f}")

# %% [markdown]
# ## Watch it learn (F9)
#
# One layer of encoder, one of decoder, 64 wide. It reads 2,000 batches of 32 pairs.

# %% tags=["varies"]
def model_of(batches, steps, seed=0):
    """A new model, trained on these batches, and its losses."""
    manual_seed(seed)
    model = Seq2Seq(Seq2SeqConfig(V, context=LONGEST, n_layers=1, n_heads=4, d_model=64, start_id=START))
    config = TrainConfig(steps=steps, lr=4e-3, log_every=20, workers=1)
    history = train(model, SequenceToSequence(), batches, None, config, progress=False)
    return model, [(record["step"], record["loss"]) for record in history.train]


def translations(model, sources):
    """What the model writes alone: the likeliest word, one after the other, until the end."""
    found = generate_batch(model, [encode(x) for x in sources], LONGEST, greedy=True, stop=[END])
    return [decode(ids) for ids in found]


def exact(guesses, targets):
    return float(np.mean([guess == target for guess, target in zip(guesses, targets)]))


model, losses = model_of(pairs_of(learn.sources, learn.targets), 2000)
written = translations(model, test.sources)
print(f"{model.n_parameters():,} parameters. On {len(test)} sentences never seen: whole sentences right "
      f"{exact(written, test.targets):.1%}, BLEU {bleu(test.targets, written).score:.1f}")
print(f"word by word: {exact_words:.1%}, BLEU {bleu(test.targets, by_words).score:.1f}\n")
for i in [i for i in range(len(test)) if written[i] != test.targets[i]][:3]:
    print(f"wrong: {test.sources[i]}\n   is  {test.targets[i]}\n   not {written[i]}")
assert exact(written, test.targets) > 0.85
viz.lines({"training loss": losses}, "step", "loss (nats a token)", "From no opinion to nearly certain in 2,000 steps",
          logy=True, baselines={"no opinion, ln V": math.log(V)})

# %% [markdown]
# Order, agreement over a distance, a class that English does not show: all learned from examples, and the dictionary's
# sentences are hardly worth a comparison. The few errors left are of the kind that a beginner makes: a word
# forgotten, say, or one too many.

# %% [markdown]
# ## What does it look at? (F9)
#
# In lesson 23 cross-attention found the letter that was being unpacked. Does a translator look at the word it translates?
# One sentence, mean over the heads; a row is the word *to be written*:

# %% tags=["varies"]
def cross_attention(model, source, target):
    """Weights (T, S), mean of the heads: the rows are the target's words and the end."""
    with no_grad(), record_attention(model) as maps:
        model(np.array([encode(source)]), np.array([[START, *encode(target)]]))
    return maps["decoder.layers.0.cross_attention"][0][0].mean(axis=0)


i = 12
weights = cross_attention(model, test.sources[i], test.targets[i])
viz.heatmap(weights.round(2), "source word", "word to be written", "The object jumps over the verb",
            label="weight, mean of heads", values=True, rows=[*test.targets[i].split(), "<end>"],
            columns=test.sources[i].split())

# %% [markdown]
# One picture proves little. Over the whole test set: for each Solvi noun, verb and adjective, is the source word that gets
# most attention the one that the dictionary says it comes from?

# %% tags=["varies"]
SMALL = {"the", "a", "an", "some", "that", "and", "not", "do", "does", "did"}   # words whose translation is no word
hits, chance = [], []
for source, target in word_pairs(test)[:300]:
    weights = cross_attention(model, " ".join(source), " ".join(target))
    for row, word in zip(weights, target):
        origin = max(range(len(source)), key=lambda j: t[source[j]].get(word, 0.0))
        if source[origin] not in SMALL and t[source[origin]].get(word, 0.0) > 0.15:
            hits.append(row.argmax() == origin)
            chance.append(1 / len(source))
print(f"the peak lies on the word translated: {np.mean(hits):.0%} of {len(hits):,} words; by chance {np.mean(chance):.0%}")
assert np.mean(hits) > 2 * np.mean(chance)

# %% [markdown]
# On nearly every word the peak is where it should be, though no pair ever said which word belongs to which. (In the row of
# the end there is nothing to fetch, and since a row must sum to 1, the weight is put somewhere out of the way.)
#
# Two ideas of different times have found the same: model 1 by sharing counts, attention by gradients. (Bahdanau et al.
# 2015, §5.2.1, who brought attention into translation, showed such a map for French; they called the weights an alignment.)
# Lesson 23's warning stays: the row fetched also holds what the encoder gathered from its neighbours, such as the number of
# the subject.

# %% [markdown]
# ## Nearly always right, and often wrong (T4)
#
# A report of training says "token accuracy". It is measured as training is done: with the true words before each place. How
# good is a translator that guesses 95% of the next words? To see it, stop one early, after 400 steps.

# %% tags=["varies"]
half, _ = model_of(pairs_of(learn.sources, learn.targets), 400)
test_pairs = pairs_of(test.sources, test.targets, 100)
token_accuracy = evaluate(half, SequenceToSequence(), test_pairs.evaluation(), 1)["token_accuracy"]
half_written = translations(half, test.sources)
print(f"next words right, given the true ones before: {token_accuracy:.1%}")
print(f"whole sentences right, writing alone:         {exact(half_written, test.targets):.1%}")
assert token_accuracy > 0.85 and exact(half_written, test.targets) < token_accuracy - 0.1

# %% [markdown]
# If each of $T$ words were right with probability $p$, independently, all of them would be with $p^T$: that alone makes few
# errors per word many per sentence. By length (the end counts as a word):

# %% tags=["varies"]
def forced(model, pairs):
    """For each test sentence, which of its T words the model guesses when given the true ones before: booleans (T,)."""
    found = []
    with no_grad():
        for batch in pairs.evaluation():
            guesses = model(batch["ids"], batch["decoder_ids"], batch["attention_mask"]).numpy().argmax(axis=2)
            found += [(guess == say)[say >= 0] for guess, say in zip(guesses, batch["targets"])]
    return found


right = forced(half, test_pairs)                        # evaluation() keeps the order of the rows
sentence_right = np.array([guess == target for guess, target in zip(half_written, test.targets)])
lengths = np.array([len(row) for row in right])
bins = [(4, 6), (7, 8), (9, 10), (11, 15)]
table = {"next word, true words before": [], "p to the power T": [], "whole sentence, alone": []}
for low, high in bins:
    of = [k for k in range(len(test)) if low <= lengths[k] <= high]
    p, T = np.concatenate([right[k] for k in of]).mean(), lengths[of].mean()
    for name, value in zip(table, (p, np.mean([p ** lengths[k] for k in of]), sentence_right[of].mean())):
        table[name].append((T, float(value)))
    print(f"{low:2}–{high:2} words: {len(of):3} sentences, p = {p:.3f}, p^T = {table['p to the power T'][-1][1]:.3f}, "
          f"whole sentences {sentence_right[of].mean():.3f}")
by_length = [p for _, p in table["next word, true words before"]]
assert by_length[0] > by_length[-1] + 0.03
viz.lines(table, "words to be written, the end included", "share right", "Few errors a word are many a sentence")

# %% [markdown]
# The middle curve is the upper one raised to the power of the length, and it explains the lower one. Within a length there
# is hardly a rest. Between lengths there is: the errors crowd in the long sentences ($p$ falls with the length) and leave
# the short ones whole, so one $p$ for all would have misjudged both. A number such as "95% of the next words" is neither
# false nor of much use; say what the model writes.

# %% [markdown]
# ## What the first error costs (F9)
#
# Teacher forcing has a second price, called **exposure bias**: in training the model has never read a word of its own. When
# it writes alone and makes an error, the next factor is asked for $P(y_t \mid \tilde y_{<t}, \mathbf{x})$ with a beginning
# $\tilde y_{<t}$ as no training pair had.
#
# It is often said that this is why fewer sentences are right when the model writes alone. **Predict**: of the sentences
# that the teacher-forced model guesses without a single error, how many does it get wrong alone?

# %% tags=["varies"]
all_forced = np.array([row.all() for row in right])
print(f"no error with the true words before: {all_forced.sum()} sentences; right alone: {sentence_right.sum()}; "
      f"in one set and not in the other: {(all_forced != sentence_right).sum()}")
assert (all_forced != sentence_right).mean() < 0.004    # 0 but for ties in the last bit

# %% [markdown]
# None, and no experiment was needed. By induction: if the likeliest word at place 1 is the true one, the model writing
# alone writes it, and then reads at place 2 what the teacher would have shown. As long as every guess is right, the two
# runs are the same run. At the first wrong guess both are wrong as a whole. So **with greedy decoding the share of whole
# sentences right is the same with the teacher and without**; exact match cannot show exposure bias at all. What it changes
# is *what comes after the first error*. That is what has to be measured: places after it, teacher's words before them
# against the model's own.

# %% tags=["varies"]
def after_first_error(rows):
    """Places 1, 2, 3 … after each sentence's first error: share right. rows: booleans (T,) a sentence."""
    after = [row[row.argmin() + 1 :] for row in rows if not row.all()]
    return [np.mean([row[d] for row in after if len(row) > d]) for d in range(5)], after


alone = []
for guess, target in zip(half_written, test.targets):
    y, w = [*encode(target), END], [*encode(guess), END]
    alone.append(np.array([place < len(w) and w[place] == y[place] for place in range(len(y))]))
by_distance, total = {}, {}
for name, rows in (("the teacher's words before it", right), ("its own words before it", alone)):
    shares, after = after_first_error(rows)
    by_distance[name] = list(zip(range(1, 6), shares))
    total[name] = np.concatenate(after).mean()
    print(f"{name:30}: {total[name]:.1%} of the words after the first error are right")
assert total["its own words before it"] < total["the teacher's words before it"] - 0.15
fig = viz.lines(by_distance, "places after the first error", "share right", "After its own first error it errs more",
                baselines={"all places, with the teacher": token_accuracy})
fig.axes[0].set_xticks(range(1, 6))
fig

# %% [markdown]
# Here it is: after the first error, the model's own words cost many more of the words that follow than the teacher's would
# have. (The teacher's curve is not at the height of all places either: sentences with an error are the hard ones. That is
# why the two have to be compared on the *same* sentences. And place by place a word forgotten, or one too many, shifts all
# that follow, each of which then counts as wrong.)

# %% [markdown]
# ## One wrong word, put there by us (F9)
#
# Errors that a model makes by itself happen where it is unsure anyway. A cleaner experiment: take the *good* model and the
# true translation, put **one random word** in place of word $k$, and let it write on alone. Everything after the word is
# the model's. How much of the rest is still as it should be? And can training change that? A second model learns from the
# same pairs with a rougher teacher: of the words that the decoder reads, 15 in 100 are replaced by random ones. What it
# must say stays true. (Bengio et al. 2015 replace them by the model's own guesses, more and more of them as it learns:
# *scheduled sampling*.)

# %% tags=["varies"]
SOLVI = np.array(sorted({ID[word] for text in learn.targets for word in text.split()}))


class Rough:
    """A source of batches, each changed by a function of the batch and a generator."""

    def __init__(self, batches, change):
        self.batches, self.change = batches, change

    def batch(self, step):
        return self.change(dict(self.batches.batch(step)), np.random.default_rng(step))


def disturbed(batch, rng):
    read = batch["decoder_ids"].copy()
    hit = (rng.random(read.shape) < 0.15) & (read > END)
    read[hit] = rng.choice(SOLVI, hit.sum())
    return batch | {"decoder_ids": read}


def rest_after(model, place, seed=0):
    """Share right of the words at each distance after one random word at this place, and of sentences whose rest is right."""
    rng = np.random.default_rng(seed)
    chosen = [k for k in range(len(test)) if len(test.targets[k].split()) > place]
    batch = next(pairs_of([test.sources[k] for k in chosen], [test.targets[k] for k in chosen], len(chosen)).evaluation())
    true = batch["targets"]                                                     # (B, T)
    text = batch["decoder_ids"][:, : place + 2].copy()                          # start, y_1 … y_(place + 1)
    wrong = rng.choice(SOLVI, len(text))
    text[:, -1] = np.where(wrong == text[:, -1], SOLVI[0], wrong)
    with no_grad():
        while text.shape[1] <= true.shape[1]:
            newest = model(batch["ids"], text, batch["attention_mask"]).numpy()[:, -1].argmax(axis=1)
            text = np.concatenate([text, newest[:, None]], axis=1)
    right, asked = text[:, place + 2 :] == true[:, place + 1 :], true[:, place + 1 :] >= 0
    return [right[:, d][asked[:, d]].mean() for d in range(4)], (right | ~asked).all(axis=1).mean()


robust, _ = model_of(Rough(pairs_of(learn.sources, learn.targets), disturbed), 2000)
print(f"undisturbed, whole sentences: {exact(written, test.targets):.1%} and "
      f"{exact(translations(robust, test.sources), test.targets):.1%}")
recovery = {}
for name, one in (("taught with true words", model), ("taught with 15% random words", robust)):
    shares, rest = rest_after(one, 1)
    recovery[name] = list(zip(range(1, 5), shares))
    print(f"{name:29}: after a random second word, the whole rest is right in {rest:.1%} of the sentences")
fig = viz.lines(recovery, "words after the wrong one", "share right",
                "One wrong word spoils the rest, unless errors were practised")
fig.axes[0].set_xticks(range(1, 5))
fig

# %% [markdown]
# A single random word, and the model that learned from true words only is lost in most sentences, though the source is all
# there to read. It seems to have learned to find its place *by the words before*: "after *sovi* comes what stands behind
# *owls*". Given a word that the source does not contain, it does not know where it is. The other model learned that a word
# before may be false, and that place and source can be trusted more: it goes on as if nothing had happened.
#
# Be careful with the conclusion. The test is what the second model practised, random words, and its undisturbed
# translations have become no better, rather worse. A cure of the symptom that we made ourselves; for sentences as short as
# these the teacher's way is good enough, and it is what practically all translators are trained with.

# %% [markdown]
# ## The documents' example (T4)
#
# Document 001 §5.2 lets a T5, an encoder-decoder of 220 million parameters, translate:
#
# ```python
# inputs = tokenizer("Translate to French: I love you", return_tensors="pt")
# outputs = model.generate(inputs["input_ids"], max_length=50)
# print(tokenizer.decode(outputs[0]))
# ```
#
# and §5.4 says: "the output is"
#
# ```
# J'aime beaucoup
# ```
#
# Take the print at its word. Is this a translation of *I love you*, and is it what this code would show?

# %%
reference, output = ["Je t'aime"], ["J'aime beaucoup"]
print(f"BLEU against {reference}: {bleu(reference, output).score:.0f}; chrF, which counts runs of letters: "
      f"{chrf(reference, output):.0f}; both of 100")
assert bleu(reference, output).score == 0
print("what the decoder has at the end, all of it:", decode([START, *encode(test.targets[0]), END]))

# %% [markdown]
# No. *J'aime beaucoup* says "I like a lot": the *you* is gone, and with it the sense; *I love you* is *je t'aime*. Not a
# word is in common. And no: the decoder's ids begin with its start token and end with the end token, as in our last line,
# and `decode` as called there shows them too (`skip_special_tokens=True` is missing). So the printed output does not come
# from the printed code. When a document shows what a program "prints", run it.
#
# There is a third, smaller thing. The T5 that was published was trained on sources that begin *translate English to
# French:* (Raffel et al. 2020, appendix D). *Translate to French:* is another beginning, one that it had not met. What such
# a beginning does is the next question.

# %% [markdown]
# ## A task is a prefix (T4)
#
# T5's idea (Raffel et al. 2020, §2.4): every task is "text in, text out", so one model can learn them all, and what is
# wanted is said in words before the source. For the model it is one more source token. Two tasks on the *same* sources, so
# that nothing but the prefix can tell them apart: translate, or say it backwards.

# %% tags=["varies"]
def backwards(text):
    return " ".join(text.split()[::-1])


both, _ = model_of(pairs_of(
    [f"solvi: {x}" for x in learn.sources] + [f"backwards: {x}" for x in learn.sources],
    [*learn.targets, *map(backwards, learn.sources)],
), 1600)
shares = {
    "solvi:": exact(translations(both, [f"solvi: {x}" for x in test.sources]), test.targets),
    "backwards:": exact(translations(both, [f"backwards: {x}" for x in test.sources]), [*map(backwards, test.sources)]),
}
print({name: f"{share:.1%}" for name, share in shares.items()})
x = test.sources[12]
for asked in (f"solvi: {x}", f"backwards: {x}", x, f"solvi: backwards: {x}"):
    print(f"{asked:60} → {translations(both, [asked])[0]}")
assert min(shares.values()) > 0.75
assert translations(both, [f"solvi: {x}"]) != translations(both, [f"backwards: {x}"])

# %% [markdown]
# One model, two tasks, and one word decides. Without a prefix, or with both, it was never trained; it then does whatever
# comes of its weights. A prefix is not an instruction that is *understood*: it is a sign that occurred in training together
# with a kind of target. (How an instruction can be more than that is a question for larger models and for [lesson
# 34](34_dialogue_and_code.ipynb).)

# %% [markdown]
# ## Break it: targets that are not moved
#
# Somebody forgets the shift: the decoder reads $y_1 \dots y_n$ where it should read start, $y_1 \dots y_{n-1}$, and must
# say $y_1 \dots y_n$. **Predict** the training loss, and what it writes.

# %% tags=["varies"]
def not_moved(batch, rng):
    return batch | {"decoder_ids": np.maximum(batch["targets"], PAD)}           # it reads what it must say


unmoved, unmoved_losses = model_of(Rough(pairs_of(learn.sources, learn.targets), not_moved), 300)
print(f"loss after 300 steps {unmoved_losses[-1][1]:.4f}; as it should be, after 300: {dict(losses)[300]:.2f}")
for x, y in list(zip(translations(unmoved, test.sources), test.targets))[:3]:
    print(f"wanted {y:30} written {x}")
assert unmoved_losses[-1][1] < 0.05 and exact(translations(unmoved, test.sources), test.targets) == 0
viz.loss_curve({"as it should be": losses[:16], "targets not moved": unmoved_losses}, ylabel="loss (nats a token)",
               title="The best loss of all belongs to a model that learned to copy")

# %% [markdown]
# The loss is gone in a hundred steps: $y_t$ stands in the decoder's own row, and to copy it no source is needed. Alone, it
# reads its start sign, copies it, and again. It is [lesson 17](17_causal_pretraining.ipynb)'s future leak by another door:
# here the mask is right and the *data* are wrong, so no test of the model finds it. `test_teacher_forcing` of
# [tests/data/test_sequence_pairs.py](../tests/data/test_sequence_pairs.py) does: it demands for drawn pairs that what is
# read is the start and then what was said.

# %% [markdown]
# ## Break it: no start sign
#
# A subtler one. There *is* a shift, but nobody puts a start before it: the decoder reads $y_1 \dots y_n$ and must say $y_2
# \dots y_n$, end. Every factor is a right one. **Predict**: does it train well? Does it write well?

# %% tags=["varies"]
def no_start(batch, rng):
    say = batch["targets"]
    return batch | {"decoder_ids": np.maximum(say[:, :-1], PAD), "targets": say[:, 1:]}


startless, _ = model_of(Rough(pairs_of(learn.sources, learn.targets), no_start), 1200)
batch = no_start(next(pairs_of(test.sources, test.targets, len(test)).evaluation()), None)
with no_grad():
    guess = startless(batch["ids"], batch["decoder_ids"], batch["attention_mask"]).numpy().argmax(axis=2)
asked = batch["targets"] >= 0
sentence = ((guess == batch["targets"]) | ~asked).all(axis=1).mean()
alone = translations(startless, test.sources)
print(f"in its own batches: next words {(guess == batch['targets'])[asked].mean():.1%}, whole sentences {sentence:.1%}")
print(f"writing alone:      whole sentences {exact(alone, test.targets):.1%}; first word right "
      f"{np.mean([a.split()[:1] == b.split()[:1] for a, b in zip(alone, test.targets)]):.1%}")
for x, y in list(zip(alone, test.targets))[:3]:
    print(f"    wanted {y:30} written {x}")
table = startless.embedding.weight.numpy()
table = table / np.linalg.norm(table, axis=1, keepdims=True)
likeness = table @ table[START]                         # cosines with the start's embedding
print(f"cosine of the start's embedding with backwards: {likeness[ID['backwards:']]:.2f}, "
      f"with Solvi's words on average {likeness[SOLVI].mean():.2f}")
assert sentence > 0.8 and exact(alone, test.targets) < 0.2

# %% [markdown]
# It trains as well as ever, since one factor, $P(y_1 \mid \mathbf{x})$, is missing from the product, and a missing factor
# makes no loss. Alone it must compute just that one, from a sign that it never read, and it has nothing to say about any
# source: it ends at once, or repeats one sign for as long as it may, or writes signs that occur in no text, as the run has
# it. The cosine tells what became of the start. The embeddings are the head's rows too (they are tied), and the rows of all
# signs that are never asked for were pushed by the softmax in one direction, away from every answer, until nothing told
# them apart.
#
# Again every number of the training looked fine. Two habits catch both breaks: print one batch as text before training, and
# look at what the model *writes* before believing its loss.

# %% [markdown]
# ## Real languages
#
# With real pairs nothing in this lesson changes but the tokenizer and the time. A table of two columns is enough:
#
# ```
# tinyllm finetune --task translation --data pairs.tsv --source-column 0 --target-column 1 --out runs/mine
# ```
#
# Be prepared for what our grammar left out: words of several meanings, several right translations of one sentence (give
# `bleu` all of them), idioms, and far more words than five thousand short pairs can teach.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/24_sequence_to_sequence.ipynb](solutions/24_sequence_to_sequence.ipynb).
#
# **1. Warm-up.** A model guesses 97 of 100 next words, independently of each other. Which share of 20-word sentences (21
# with the end) does it get right from beginning to end? A number.

# %%
whole = ...

check(1, whole)


# %% [markdown]
# **2. Shifted.** From targets (B, T) with -100 where nothing is asked, the decoder ids (B, T): moved one place to the right
# behind `start`, and `pad` instead of every -100.

# %%
def moved_right(targets, start, pad):
    ...


check(2, moved_right)


# %% [markdown]
# **3. One share of BLEU.** $p_n$ for two lists of words, reference and guess: the share of the guess's runs of n that stand
# in the reference, each at most as often as there; 0.0 where the guess has no run.

# %%
def share_of_runs(gold, guess, n):
    ...


check(3, share_of_runs)


# %% [markdown]
# **4. Until the first error.** From logits (T, V) of a teacher-forced model and the true ids (T,): how many words would the
# model, writing greedily alone, get right before its first error? An integer from 0 to T.

# %%
def words_before_error(logits, y):
    ...


check(4, words_before_error)


# %% [markdown]
# **5. The loss of a batch.** Logits (B, T, V), targets (B, T) with -100 → the mean over all asked tokens of $-\log P$. (Not
# the mean over the sentences' means.)

# %%
def loss_of_batch(logits, targets):
    ...


check(5, loss_of_batch)


# %% [markdown]
# **6. Something to think about.** A model errs at a place with probability e as long as its words so far are all right, and
# with the larger probability f once there is an error before. From e, f and T: the expected number of errors in T places.

# %%
def expected_errors(e, f, T):
    ...


check(6, expected_errors)

# %% [markdown]
# ## What you can now explain
#
# - How pairs become batches: the shift, the start, the end, and which places the loss counts.
# - What teacher forcing is, why it makes training parallel, and why exact match is the same with and without it.
# - What exposure bias is then, where it can be measured, and what a word out of place does to a model that never saw one.
# - BLEU: shares of runs, counted at most as often as in the reference, and the penalty for being short.
# - Why a token accuracy of 95% may mean that every fourth sentence is wrong.
# - What a task prefix is, and what is wrong with 001 §5's "J'aime beaucoup".
#
# All translations here were written greedily, the likeliest word each time. The product of the likeliest words is not
# always the likeliest sentence: [lesson 25](25_beam_search.ipynb) searches for it.
