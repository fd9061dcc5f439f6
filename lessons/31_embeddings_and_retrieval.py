# %% [markdown]
# # 31 · Embeddings and retrieval
#
# *How can a text be found by what it means, when it shares no word with the question?*
#
# *Reading 40 min · running 35 s · builds on lessons 8 (softmax), 11 (embeddings), 15 (the layer), 19 (the encoder) and 26
# (PCA)*
#
# **Afterwards you can** turn a text into one vector and compare two by their cosine, derive the contrastive loss and say
# what its gradient pulls and pushes, measure a search by recall@k and MRR, and show what happens without negatives, with
# false ones and without the length 1.

# %%
import inspect
import math
import re
from collections import Counter

import numpy as np

import tinyllm.functional as F
from tinyllm import Tensor, gradcheck, manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.data import ContrastivePairs, fetched, pad_batch, retrieval
from tinyllm.metrics import retrieval_scores
from tinyllm.models import Bert, BertConfig, SentenceEncoder
from tinyllm.tokenizers import ByteBPETokenizer, load
from tinyllm.training import Contrastive, TrainConfig, train

lesson = open_lesson("31_embeddings_and_retrieval")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question (T11)
#
# Document 002 §3.4 names the task among the uses of language models, in one line and without a formula: "information
# retrieval: by understanding a text's content, match users' queries". So we need what the line leaves out: what is
# compared, how it is learned, and how one knows that it works.
#
# You remember that Python has something that "removes spaces at both ends", and the documentation says "strip leading and
# trailing whitespace". Not one word in common. A search for *words* finds nothing. What we want is a map from texts to
# points, such that texts with the same meaning are neighbours. Then a search is geometry: make the question a point, answer
# with the texts whose points are nearest. Such a point is called an **embedding** of the text.
#
# Our texts are Python's own: a docstring's first line is the question, what stands below it is the text to be found. People
# wrote both about the same thing, and nobody had to mark anything for us.

# %% tags=["varies"]
pairs = retrieval()
learn, test = pairs.train, pairs.test
N = len(test)
print(f"{len(learn):,} pairs to learn from, {N} to be tested on\n")
example = int(np.argmin([len(text) for text in test.targets]))
print("question:", test.sources[example], "\ntext:    ", test.targets[example])

# %% [markdown]
# ## How good is a search? (T11)
#
# Give every question $i$ and every text $j$ a similarity: a matrix $(N, N)$ here, question $i$'s own text in column $i$.
# Sort row $i$, best first, and write down the **place** at which its own text stands. Two common measures:
#
# $$\text{recall@}k = \frac{\#\{i : \text{place}_i \le k\}}{N} \qquad
# \text{MRR} = \frac{1}{N}\sum_{i=1}^{N} \frac{1}{\text{place}_i}$$
#
# Recall@k asks if the text is on the first page of $k$ results. MRR, the mean reciprocal rank, gives 1 for the first place,
# ½ for the second, ⅓ for the third. Of equal similarities, the own counts as the *last*: a search that calls everything
# equal has found nothing. By hand, three questions and three texts:

# %%
def places(similarity, own=None):
    """(N,): at which place of its row (N, M) each question's own text stands, 1 = nearest."""
    own = np.arange(len(similarity)) if own is None else own
    return np.sum(similarity >= similarity[np.arange(len(own)), own][:, None], axis=1)


def judged(similarity):
    place = places(similarity)
    measures = {"recall@1": place <= 1, "recall@10": place <= 10, "MRR": 1 / place}
    return {name: float(np.mean(of)) for name, of in measures.items()}


similarity = np.array([[0.9, 0.2, 0.1],                 # own 0.9: place 1
                       [0.8, 0.3, 0.1],                 # own 0.3: place 2
                       [0.5, 0.5, 0.5]])                # own 0.5, but so have all: place 3
print(places(similarity), judged(similarity))
assert places(similarity).tolist() == [1, 2, 3] and np.isclose(judged(similarity)["MRR"], (1 + 1 / 2 + 1 / 3) / 3)
assert retrieval_scores([0, 1, 2], similarity) == tuple(judged(similarity).values())    # the library's, the same

# %% [markdown]
# ## The rival: counting words (T11)
#
# Before any network, the search that the world has used for decades. Give each word of a text a weight: how often it stands
# there, $n_{wd}$, times how rare it is in the collection. A word in $N_w$ of $N$ texts carries $\ln(N / N_w)$ nats of
# information about which text it is ("the": none). That is **TF-IDF** (Spärck Jones 1972); its vectors are compared by the
# cosine. **BM25** (Robertson et al. 1994) mends two things: the tenth occurrence of a word says less than the first, and
# long texts contain everything:
#
# $$\text{BM25}(q, d) = \sum_{w \in q} \ln\left(1 + \frac{N - N_w + ½}{N_w + ½}\right)
# \frac{n_{wd}\,(k + 1)}{n_{wd} + k\,(1 - b + b\,|d| / \overline{|d|})} \qquad k = 1.2, \; b = 0.75$$

# %%
def counts(texts, words):
    """(len(texts), len(words)): how often each word stands in each text."""
    place, table = {word: i for i, word in enumerate(words)}, np.zeros((len(texts), len(words)))
    for row, text in zip(table, texts):
        for word, n in Counter(re.findall(r"[a-z]+", text.lower())).items():
            if word in place:
                row[place[word]] = n
    return table


def unit(x):
    """Rows of length 1; a row of zeros stays one."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def by_words(questions, texts):
    """Similarities (questions, texts) by TF-IDF's cosine, and by BM25."""
    words = sorted({word for text in texts for word in re.findall(r"[a-z]+", text.lower())})
    q, d = counts(questions, words), counts(texts, words)
    n_w, n = (d > 0).sum(axis=0), len(texts)
    tf_idf = unit(q * np.log(n / n_w)) @ unit(d * np.log(n / n_w)).T
    long = d.sum(axis=1, keepdims=True) / d.sum(axis=1).mean()
    bm25 = q @ (np.log(1 + (n - n_w + 0.5) / (n_w + 0.5)) * d * 2.2 / (d + 1.2 * (0.25 + 0.75 * long))).T
    return {"TF-IDF": tf_idf, "BM25": bm25}


tiny = by_words(["strip the spaces"], ["strip the tabs", "the letters of the word", "remove whitespace"])
for name, row in tiny.items():
    print(name, row.round(2))
assert tiny["BM25"].argmax() == 0 and tiny["BM25"][0, 2] == 0 == tiny["TF-IDF"][0, 2]

# %% tags=["varies"]
def show(name, similarity):
    print(f"{name:26}", "  ".join(f"{measure} {value:6.1%}" for measure, value in judged(similarity).items()))
    return judged(similarity)


results = {name: show(name, found) for name, found in by_words(test.sources, test.targets).items()}
by_chance = sum(1 / np.arange(1, N + 1)) / N
print(f"a random order: recall@10 {10 / N:.1%}, MRR {by_chance:.1%}")
assert results["BM25"]["MRR"] > 10 * by_chance

# %% [markdown]
# That is a strong rival. Authors repeat their words, and a rare word in common gives the text away. Keep these numbers next
# to whatever comes now.

# %% [markdown]
# ## One vector a text
#
# An encoder gives a vector for each token, $h$ of shape $(T, C)$. We need one for all of them. **Mean pooling** takes the
# mean of the real tokens' rows, with mask $m_t = 1$ for a real token and 0 for padding; then the vector is made one long:
#
# $$v = \frac{\sum_t m_t h_t}{\sum_t m_t} \quad (C,) \qquad e = \frac{v}{|v|} \quad (C,)$$
#
# (Reimers and Gurevych 2019, §3, compared it with the vector at [CLS] and the maximum; for sentences the mean did best.)
# Two such vectors are compared by their dot product, $e \cdot e' = \cos\angle(v, v')$, the **cosine**: 1 for the same
# direction, 0 for a right angle, −1 for opposite. Why not the plain dot product? It grows with the lengths: twice as long a
# $v$ is twice as similar to *everything*. In NumPy, and the library's:

# %%
manual_seed(0)
small = SentenceEncoder(Bert(BertConfig(20, context=8, d_model=16, n_heads=2, n_layers=1, masked_head=False))).eval()
ids = np.array([[5, 7, 9, 3], [4, 6, 0, 0]])
mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0]])
h = small.trunk.hidden(ids, mask).data                                          # (B, T, C) = (2, 4, 16)
v = np.sum(mask[:, :, None] * h, axis=1) / mask.sum(axis=1, keepdims=True)      # (2, 16)
np.testing.assert_allclose(small(ids, mask).data, unit(v), atol=1e-6)
np.testing.assert_allclose(small(ids[1:, :2]).data, unit(v[1:]), atol=1e-5)     # what pads a text is not seen
print(inspect.getsource(SentenceEncoder.forward))

# %% [markdown]
# Not a single weight of its own: all that matters is how the encoder below is trained.

# %% [markdown]
# ## The contrastive loss
#
# We have pairs $(a_i, b_i)$ and no list of what does *not* belong together. The trick: take a batch of $B$ pairs, and let
# the other texts of the batch be the wrong answers. "Which of these $B$ texts is mine?" is a classification with $B$
# classes, and we know the loss of one (lesson 8). With the vectors as rows of $a$ and $b$, both $(B, C)$:
#
# $$s_{ij} = \frac{a_i \cdot b_j}{\tau} \quad (B, B) \qquad p_{ij} = \frac{e^{s_{ij}}}{\sum_{j'} e^{s_{ij'}}}
# \qquad L = -\frac{1}{B}\sum_i \ln p_{ii}$$
#
# It is called InfoNCE (van den Oord et al. 2018, §2.3), with in-batch negatives (Henderson et al. 2017). One batch of $B$
# pairs has $B(B-1)$ wrong ones in it, for the price of $2B$ texts through the encoder. By hand, $B = 2$, $\tau = 1$:

# %%
a = np.array([[1.0, 0.0], [0.0, 1.0]])                  # (B, C)
b = np.array([[1.0, 0.0], [1.0, 0.0]])                  # the second text looks like the first
s = a @ b.T                                             # [[1, 1], [0, 0]]: nobody can choose
p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
loss = -np.log(np.diag(p)).mean()
print(p, loss)
assert np.isclose(loss, math.log(2)) and np.isclose(F.contrastive_loss(a, b, temperature=1.0), loss)
print(inspect.getsource(F.contrastive_loss.formula).split('"""')[-1])

# %% [markdown]
# ### What pulls, what pushes
#
# Row $i$ of the scores is a softmax with cross-entropy, and lesson 8 derived its gradient, what is said minus what is true:
# $\partial L / \partial s_{ij} = (p_{ij} - [i = j]) / B$. The score is linear in $a_i$: $\partial s_{ij} / \partial a_i =
# b_j / \tau$. The chain rule sums over $j$:
#
# $$\frac{\partial L}{\partial a_i} = \sum_j \frac{p_{ij} - [i = j]}{B}\,\frac{b_j}{\tau}
# = \frac{1}{B\tau}\Big(\underbrace{\textstyle\sum_j p_{ij}\, b_j}_{\text{where } a_i \text{ looks}} -
# \underbrace{b_i}_{\text{where it should}}\Big)$$
#
# Descent moves $a_i$ *against* this: towards its own $b_i$, away from the mean of all $b$, weighted by how much each is
# mistaken for the right one. A text that nobody confuses with mine pushes hardly at all; the **hard negatives** do the
# work. When $p_{ii} = 1$ both terms are equal and it is over. $b_j$ is also pushed by every $a_i$: $\partial L/\partial b_j
# = \frac{1}{B\tau}\sum_i (p_{ij} - [i=j])\, a_i$.

# %%
rng = np.random.default_rng(0)
a, b = unit(rng.standard_normal((6, 4))), unit(rng.standard_normal((6, 4)))
tau = 0.2
ta, tb = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
F.contrastive_loss(ta, tb, tau).backward()
p = F.softmax(a @ b.T / tau)
np.testing.assert_allclose(ta.grad, (p @ b - b) / (6 * tau), rtol=1e-10, atol=1e-14)
np.testing.assert_allclose(tb.grad, (p.T @ a - a) / (6 * tau), rtol=1e-10, atol=1e-14)
gradcheck(lambda x, y: F.contrastive_loss(x, y, tau), [a, b])
own_row = np.eye(6)[0] - p[0]
print("a₀ is moved along b₀ … b₅ with:", own_row.round(3))
assert own_row[0] > 0 and (own_row[1:] < 0).all() and np.isclose(own_row.sum(), 0)

# %% [markdown]
# One of the five wrong texts does most of the pushing: it is the one that lies nearest to $a_0$.

# %%
print("cosines of a₀ with b₀ … b₅:", (a[0] @ b.T).round(2))
assert (a[0] @ b[1:].T).argmax() == own_row[1:].argmin()

# %% [markdown]
# ### The temperature
#
# Cosines lie between −1 and 1. Without $\tau$, even the *perfect* batch (own text 1, all others 0) has $p_{ii} = e / (e + B
# - 1)$. Predict that for $B = 64$. Dividing by $\tau$ makes the small spread large enough for a softmax to become sure:

# %%
taus = np.array([1.0, 0.5, 0.2, 0.1, 0.05, 0.02])
sure = {f"own cosine {own}, others 0": [(t, 1 / (1 + 63 * math.exp(-own / t))) for t in taus] for own in (1.0, 0.5, 0.2)}
for name, curve in sure.items():
    print(name, [round(share, 3) for _, share in curve], f"· loss at τ = 1: {-math.log(curve[0][1]):.2f}")
assert sure["own cosine 1.0, others 0"][0][1] < 0.05 and sure["own cosine 1.0, others 0"][4][1] > 0.999
viz.lines(sure, "temperature τ", "probability of the own text among 64",
          "At τ = 1 even a perfect encoder cannot be sure", logx=True)

# %% [markdown]
# With $\tau = 1$ even that perfect batch has a loss of 3.19, where an encoder without a clue has $\ln 64 = 4.16$, and the
# gradient goes on pushing what is well placed. Too small a $\tau$ listens to the one hardest negative alone. 0.05 is
# common, and ours.

# %% [markdown]
# ## Train one (T11)
#
# One layer, 64 wide, on the pairs; 64 of them a batch, the first 48 tokens of each text. `symmetric` also asks each text
# for its question. Predict: will it beat BM25?

# %% tags=["varies"]
tokenizer = ByteBPETokenizer.train([*learn.sources, *learn.targets], 2000)
LENGTH = 48


def ids_of(texts, length=LENGTH):
    return [tokenizer.encode(text)[:length] for text in texts]


def vectors(encoder, rows, pad):
    """(N, C): the texts' vectors, 32 at a time."""
    encoder.eval()
    with no_grad():
        batches = [pad_batch(rows[i : i + 32], pad, max(map(len, rows))) for i in range(0, len(rows), 32)]
        return np.concatenate([encoder(ids, attention_mask=mask).numpy() for ids, mask in batches])


def new_encoder():
    manual_seed(0)
    return SentenceEncoder(Bert(BertConfig(
        tokenizer.vocab_size, context=LENGTH, d_model=64, n_heads=4, n_layers=1, dropout=0.2, masked_head=False,
    )))


def pairs_of(part, size=64, length=LENGTH):
    return ContrastivePairs(ids_of(part.sources, length), ids_of(part.targets, length), size, length, tokenizer.pad_id)


encoder = new_encoder()
questions, texts = ids_of(test.sources), ids_of(test.targets)
start_q, start_t = (vectors(encoder, rows, tokenizer.pad_id) for rows in (questions, texts))
encoder.train()
train(encoder, Contrastive(temperature=0.05, symmetric=True), pairs_of(learn), None,
      TrainConfig(steps=400, lr=3e-3, weight_decay=0.1, log_every=20, workers=1), progress=False)
ours_q, ours_t = (vectors(encoder, rows, tokenizer.pad_id) for rows in (questions, texts))
results |= {"ours, untrained": show("ours, untrained", start_q @ start_t.T), "ours": show("ours", ours_q @ ours_t.T)}
for name in ("TF-IDF", "BM25"):
    print(f"{name}: MRR {results[name]['MRR']:.1%}")
assert results["ours"]["MRR"] > 1.5 * results["ours, untrained"]["MRR"]
assert results["ours"]["MRR"] < results["BM25"]["MRR"]

# %% [markdown]
# It learned, and it loses to counting words, by far. Be clear about why. BM25 gets every rare word for nothing, names that
# the encoder has met once or never. The encoder must squeeze a text into 64 numbers, and learn from some sixteen hundred
# pairs which pieces of words matter and which mean the same. (The untrained one is better than a random order: the mean of
# random token vectors is a blurred bag of words.) What training changed can be seen. The same dozen of questions and texts,
# before and after:

# %% tags=["varies"]
some = np.linspace(0, N - 1, 12).astype(int)                                   # neighbours in the list are relatives
both = np.concatenate([start_q[some] @ start_t[some].T, np.full((12, 1), np.nan), ours_q[some] @ ours_t[some].T], axis=1)
for name, square in (("before", both[:, :12]), ("after", both[:, 13:])):
    others = square[~np.eye(12, dtype=bool)].mean()
    first = np.sum(places(square) == 1)
    print(f"{name:6} own text {np.diag(square).mean():.2f}, another's {others:.2f}; own is nearest {first} of 12")
assert np.diag(both[:, 13:]).mean() > both[:, 13:].mean() + 0.3
with viz.figure(8.5, 3.8) as (fig, ax):
    image = ax.imshow(both, cmap="Greys", vmin=-0.2, vmax=1.0)
    ax.set_xticks([5.5, 18.5], ["texts, before", "texts, after"])
    ax.set_yticks([0, 5, 11], ["1", "6", "12"])
    ax.set_ylabel("question")
    ax.grid(False)
    fig.colorbar(image, ax=ax, label="cosine")
    ax.set_title("Before, everything is grey; after, the diagonal stands out")
fig

# %% [markdown]
# On so few texts the number of hits says little; what training changed first is the *distance* between one's own text and
# the others, and only among many texts does that decide who is found.

# %% [markdown]
# ## Everything points the same way: anisotropy
#
# Look at the left half again: high cosines for texts that have nothing to do with each other. Vectors that fill only a
# narrow cone are called **anisotropic** (Ethayarajh 2019 found it in BERT and GPT-2). There is a one-line measure. The mean
# cosine over *all* pairs of $N$ vectors of length 1 is
#
# $$\frac{1}{N^2}\sum_{i,j} e_i \cdot e_j = \Big(\frac1N\sum_i e_i\Big)\cdot\Big(\frac1N\sum_j e_j\Big) = |\bar e|^2$$
#
# the squared length of the mean vector: 0 if they balance, 1 if all are the same. The contrastive loss works against it:
# every vector pushes the others off (Wang and Isola 2020 call this *uniformity*, and the pull of the pairs *alignment*).

# %% tags=["varies"]
for name, e in (("untrained", start_t), ("ours", ours_t)):
    np.testing.assert_allclose((e @ e.T).mean(), (e.mean(axis=0) ** 2).sum(), rtol=1e-4)
    print(f"{name:10} mean cosine {(e @ e.T).mean():.3f}")
assert (start_t @ start_t.T).mean() > 2 * (ours_t @ ours_t.T).mean()
off = ~np.eye(N, dtype=bool)
viz.histogram({"untrained": (start_t @ start_t.T)[off], "trained": (ours_t @ ours_t.T)[off]},
              "cosine of two different texts", "Training spreads the texts over the sphere")

# %% [markdown]
# ## Meaning without a common word (T11)
#
# Now the promise of the beginning. MiniLM is an encoder of the same construction, pretrained on much English and then
# trained with this same loss on a billion pairs; `tinyllm fetch minilm` brings it. Twelve sentences of ours in four groups,
# none of which shares a telling word with its group. Predict what TF-IDF says about them.

# %% tags=["varies"]
GROUPS = {
    "weather": ["It rained all night.", "A storm is coming from the sea.", "The sky stayed grey and wet."],
    "cooking": ["Fry an onion in butter.", "My soup needs more salt.", "She baked bread this morning."],
    "music": ["He plays the violin.", "Their new song has a slow melody.", "An orchestra tuned up."],
    "money": ["Interest rates have risen.", "I opened a bank account.", "Shares lost half their value."],
}
sentences, groups = [s for group in GROUPS.values() for s in group], [name for name, g in GROUPS.items() for _ in g]
folder = fetched("minilm")
if folder is None:
    print("MiniLM is not here; to see what it does, run: tinyllm fetch minilm. The pictures show our small encoder.")
    found, who = vectors(encoder, ids_of(sentences), tokenizer.pad_id), "Our small encoder"
else:
    mini, pieces = SentenceEncoder(Bert.from_pretrained(folder)), load(folder)

    def by_minilm(texts, length=64):
        rows = [[pieces.cls_id, *pieces.encode(text)[: length - 2], pieces.sep_id] for text in texts]
        return vectors(mini, rows, pieces.pad_id)

    found, who = by_minilm(sentences), "MiniLM"


def neighbour_in_group(similarity):
    """Of how many sentences the nearest other one is of the same group; alike to all is none."""
    s = similarity - 2 * np.eye(len(similarity))
    return sum(s[i].max() > 0 and groups[i] == groups[s[i].argmax()] for i in range(len(s)))


words_only = by_words(sentences, sentences)["TF-IDF"]
print(f"nearest neighbour in the same group: {who} {neighbour_in_group(found @ found.T)} of 12, "
      f"TF-IDF {neighbour_in_group(words_only)} of 12")
if folder is not None:
    assert neighbour_in_group(found @ found.T) >= 10 > neighbour_in_group(words_only)

# %% [markdown]
# To look at 384 dimensions, project them onto the two directions in which they spread most: the principal components of
# lesson 26, from the singular value decomposition of the centred vectors.

# %% tags=["varies"]
centred = found - found.mean(axis=0)                                            # (12, C)
_, spread, directions = np.linalg.svd(centred, full_matrices=False)
kept = (spread[:2] ** 2).sum() / (spread**2).sum()
print(f"the picture keeps {kept:.0%} of the variance")
viz.scatter(centred @ directions[:2].T, "first principal component", "second principal component",
            f"{who}: sentences about one thing, {'near each other' if folder else 'hardly sorted'}",
            names=[s if len(s) < 24 else s[:22] + "…" for s in sentences], groups=groups)

# %% [markdown]
# The picture is a shadow: points far apart in 384 dimensions can fall next to each other in two, which is why we counted
# neighbours before, with all of them. And on the docstrings, which it was not trained for? A hundred of the test's pairs,
# the same ones for each:

# %% tags=["varies"]
few_q, few_t = test.sources[:100], test.targets[:100]
hundred = {name: show(name, s) for name, s in by_words(few_q, few_t).items()}
hundred["ours"] = show("ours", ours_q[:100] @ ours_t[:100].T)
if folder is not None:
    mini_q, mini_t = by_minilm(few_q), by_minilm(few_t)
    hundred["MiniLM"] = show("MiniLM", mini_q @ mini_t.T)
    print(f"mean cosine of MiniLM's texts: {(mini_t @ mini_t.T).mean():.3f}")
    assert hundred["MiniLM"]["MRR"] > hundred["ours"]["MRR"] + 0.2
viz.bars({name: measured["MRR"] for name, measured in hundred.items()}, "mean reciprocal rank (100 texts)",
         "Counting words is hard to beat, and needs no training")

# %% [markdown]
# The same loss, a pretrained encoder and far more pairs: in our run that is enough to pass the word counts, by a few texts
# of a hundred, on questions that repeat the words of their answers and so favour counting. It is lesson 21's answer again.
# In practice the two kinds are often used together: words for names and numbers, vectors for meaning.

# %% [markdown]
# ## Break it: no negatives
#
# The wrong answers look like a detour. Why not simply make the pairs similar, $L = -\frac1B\sum_i a_i\cdot b_i$? Predict
# what its best solution is, and what recall it has. Same encoder, same start, 40 steps:

# %% tags=["varies"]
class Attraction(Contrastive):
    """Only the pull."""

    def loss(self, model, batch):
        a = model(batch["ids"], attention_mask=batch["attention_mask"])
        b = model(batch["other_ids"], attention_mask=batch["other_mask"])
        return -np.sum(a * b) / len(batch["ids"])


collapsed = new_encoder()
train(collapsed, Attraction(), pairs_of(learn, size=16, length=24), None,
      TrainConfig(steps=40, lr=3e-3, log_every=20, workers=1), progress=False)
dead_q, dead_t = (vectors(collapsed, rows, tokenizer.pad_id) for rows in (questions, texts))
print(f"cosine of a pair {np.sum(dead_q * dead_t, axis=1).mean():.3f}, of any two texts {(dead_t @ dead_t.T).mean():.3f}")
results["no negatives"] = show("no negatives", dead_q @ dead_t.T)
assert (dead_t @ dead_t.T).mean() > 0.95 and results["no negatives"]["MRR"] < results["ours"]["MRR"] / 1.5
viz.histogram({"pull and push": (ours_q @ ours_t.T)[off], "only the pull": (dead_q @ dead_t.T)[off]},
              "cosine of a question and another question's text", "Without negatives everything is similar to everything",
              bins=np.linspace(-1, 1, 41))

# %% [markdown]
# Its loss is nearly as good as a loss can be, −1. The easiest way to make pairs alike is to make *everything* alike: one
# vector for all texts, a **collapse**. The negatives are what the loss is about; the same is said by the test
# `test_a_batch_of_one_has_no_negatives` ([tests/functional/test_losses.py](../tests/functional/test_losses.py)): with $B =
# 1$ the contrastive loss is 0 and has no gradient.

# %% [markdown]
# ## Break it: without the length 1
#
# Leave out the normalisation and take plain dot products. Predict: can the loss fall without any text finding its partner
# better? Take six pairs in which everyone has found his own already, and make all vectors longer:

# %%
rng = np.random.default_rng(1)
b = unit(rng.standard_normal((6, 8)))
a = unit(b + 0.25 * rng.standard_normal((6, 8)))
grown = [(c, float(F.contrastive_loss(c * a, c * b, 1.0))) for c in (1, 2, 4, 8)]
print("length, loss:", [(c, round(loss, 4)) for c, loss in grown], "· recall@1 each time", np.mean(places(a @ b.T) == 1))
assert (np.diff([loss for _, loss in grown]) < 0).all()

long_b = b.copy()
long_b[0] *= 6                                          # one text, six times as long: same direction, same meaning
first = (a @ long_b.T).argmax(axis=1)
print("nearest by cosine     ", (a @ unit(long_b).T).argmax(axis=1), "\nnearest by dot product", first)
assert np.array_equal((a @ unit(long_b).T).argmax(axis=1), (a @ b.T).argmax(axis=1)) and np.sum(first == 0) > 1

# %% [markdown]
# Two losses in one: the length acts as a temperature that nobody chose (twice as long is a quarter of $\tau$), so the loss
# falls by growing; and one long text comes first for a question that has nothing to do with it. `test_heads.py` holds that
# the encoder's vectors are one long, `test_embeddings_have_length_one`
# ([tests/models/test_heads.py](../tests/models/test_heads.py)).

# %% [markdown]
# ## Break it: false negatives
#
# The wrong answers are only *assumed* to be wrong. Put the same text into a batch twice, with two different questions. What
# is the lowest loss that is still possible? Both columns get the same score in every row, so the two questions can give
# each of them at most ½:

# %%
B = 8
best = np.eye(B)
floor = F.contrastive_loss(best, best, 0.05)
twice_a, twice_b = best.copy(), best.copy()
twice_a[1] = twice_b[1] = best[0]                       # question 1 and its text are those of pair 0
ta = Tensor(twice_a, requires_grad=True)
loss = F.contrastive_loss(ta, Tensor(twice_b), 0.05)
loss.backward()
scores = twice_a @ twice_b.T / 0.05
print(f"all different {floor:.4f}; one text twice {loss.item():.4f} = 2/8 · ln 2; p₀₁ = {F.softmax(scores)[0, 1]:.3f}")
assert floor < 1e-6 and np.isclose(loss.item(), 2 / B * math.log(2), atol=1e-6)

# %% [markdown]
# Half of the push goes to a text that is exactly right: the loss asks that a thing be far from itself, and a real encoder
# pays by pulling apart texts that mean *nearly* the same. The larger the batch, the likelier such pairs. `ContrastivePairs`
# therefore spreads rows that share a text over different batches; the test
# `test_linked_pairs_do_not_meet_while_there_are_batches_enough`
# ([tests/data/test_contrastive.py](../tests/data/test_contrastive.py)) draws pairs and holds it to that. Against texts that
# say the same in other words it can do nothing.

# %%
linked = ContrastivePairs([[1], [2], [3], [4]], [[9], [9], [7], [6]], batch_size=2, max_length=4, pad_id=0)
together = [linked.batch(step)["other_ids"][:, 0].tolist().count(9) == 2 for step in range(50)]
print("batches of 50 that hold text 9 twice:", sum(together))
assert sum(together) == 0

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/31_embeddings_and_retrieval.ipynb](solutions/31_embeddings_and_retrieval.ipynb).
#
# **1. Without a clue (warm-up).** An encoder gives every pair of texts the same cosine. What is its contrastive loss in a
# batch of 64, and what recall@10 has a random order of 200 texts? A pair of numbers.

# %%
loss_without_a_clue = ...
recall_at_10 = ...

check(1, ... if recall_at_10 is ... else (loss_without_a_clue, recall_at_10))


# %% [markdown]
# **2. Mean pooling.** h (T, C) and a mask (T,) of ones and zeros → (C,).

# %%
def mean_pool(h, mask):
    ...


check(2, mean_pool)


# %% [markdown]
# **3. Cosines.** Of each row of a (B, C) with each row of b (N, C) → (B, N). No row is zero.

# %%
def cosines(a, b):
    ...


check(3, cosines)


# %% [markdown]
# **4. Mean reciprocal rank.** Similarities (N, N), question i's own text in column i → a number. Of equal ones the own is
# last.

# %%
def mean_reciprocal_rank(similarity):
    ...


check(4, mean_reciprocal_rank)


# %% [markdown]
# **5. The contrastive loss.** a (B, C), b (B, C), a temperature → a number. You may use `F.log_softmax`.

# %%
def contrastive(a, b, temperature):
    ...


check(5, contrastive)


# %% [markdown]
# **6. Its gradient.** The same arguments → ∂L/∂a (B, C), without a loop. You may use `F.softmax`.

# %%
def gradient_of_a(a, b, temperature):
    ...


check(6, gradient_of_a)


# %% [markdown]
# **7. Something to think about.** The loss sees $e = v / |v|$. Given v (C,) and g = ∂L/∂e (C,), find ∂L/∂v (C,). What is
# its dot product with v, and what does that mean for the length of v during training?

# %%
def gradient_before_the_length(v, g):
    ...


check(7, gradient_before_the_length)

# %% [markdown]
# ## What you can now explain
#
# - How a text becomes one vector, and why the vectors are compared by their cosine.
# - That the contrastive loss is a cross-entropy over the batch, what its gradient pulls and pushes, and what τ is for.
# - Recall@k and MRR, and why no embedding should be reported without BM25 beside it.
# - Collapse, anisotropy, false negatives: how each shows in numbers.
#
# In [lesson 33](33_opening_a_real_model.ipynb) you open MiniLM's file and look inside.
