# %% [markdown]
# # 26 · Autoencoding
#
# *Can a sentence be pressed into a few numbers and unfolded again, and what is that good for?*
#
# *Reading 40 min · running 55 s · builds on lessons 7 (linear layers), 19 (masked pretraining), 20 (the classifier) and 21
# (does pretraining help?)*
#
# **Afterwards you can** say why a squared error of token numbers means nothing and repair it, prove that the best linear
# autoencoder keeps the principal directions, press sentences into one vector and read them back, and compare this way of
# pretraining with BERT's on equal terms.

# %%
import inspect
from collections import Counter

import numpy as np

import tinyllm.functional as F
from tinyllm import manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.data import LabelledBatches, NoisyTexts, builtin, mask_tokens, pad_batch
from tinyllm.models import Autoencoder, AutoencoderConfig, Bert, BertConfig, SequenceClassifier
from tinyllm.nn import Linear
from tinyllm.optim import AdamW
from tinyllm.tokenizers import ByteBPETokenizer
from tinyllm.tour.bag_of_words import BagOfWords
from tinyllm.training import Classification, Masked, Reconstruction, TrainConfig, evaluate, train

lesson = open_lesson("26_autoencoding")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# Draw a face from memory. You will not get every hair right, but eyes, nose and mouth will be there, in their places. You
# have kept a summary, and from it you rebuilt something like the original. Whoever can do this must have understood
# something about faces.
#
# That is the idea of an **autoencoder**: an *encoder* presses its input into a small vector, the **code**; a *decoder* gets
# the code and nothing else, and has to give back the input. No labels are needed, since the input is its own answer.
# Document 004 describes it so, in §1 and §3.2.1: the input is compressed to a representation of low dimension and rebuilt,
# with the smallest possible error.
#
# It sounds like just the thing for pretraining on text. We will make it work, and then let it compete with BERT's way of
# lesson 19.

# %% [markdown]
# ## The formula as printed (F11)
#
# Document 004 §4.2.3, under the heading "autoencoding pretraining":
#
# $$\mathcal{L} = \frac{1}{N} \sum_{i=1}^N (x_i - \hat{x}_i)^2$$
#
# with one line of explanation: $\hat x_i$ is the input $x_i$ as rebuilt by the model. One section before, in the same
# document's formula for autoregressive models, $x_i$ is the $i$-th token of a text. So let us take it at its word. A token,
# to a computer, is its number. We need a text, and take the English sentences of
# [datasets/translation](../datasets/translation/README.md): short, a few dozen words, and a grammar behind them.

# %%
data = builtin("translation")
tokenizer = ByteBPETokenizer.train(data.train.sources, 500, progress=False)
learn, choose, report = ([tokenizer.encode(text) for text in side.sources] for side in (data.train, data.validation, data.test))
used = sorted({i for row in learn for i in row})
lengths = [len(row) for row in learn]
print(f"{len(learn)} sentences to learn from, {min(lengths)} to {max(lengths)} tokens each, {len(used)} different tokens")
for text in data.train.sources[:4]:
    print("  ", text)

# %% [markdown]
# Three programs rebuild a sentence and get one word wrong. Instead of *cat* the first wrote *dog*, at least an animal in
# the singular; the second *the*, which is no noun at all; the third *owls*. Predict what the printed formula says about the
# three.

# %%
number = {tokenizer.decode([i]): i for i in used}
right = np.array(tokenizer.encode("the boy calls a cat"))
for wrong_word in (" dog", " the", " owls"):
    rebuilt = np.where(right == number[" cat"], number[wrong_word], right)
    print(f"the boy calls a{wrong_word:6} {rebuilt}   F11 on numbers: {np.mean((right - rebuilt) ** 2):10.1f}")
print("the boy calls a cat  ", right)

# %% [markdown]
# *Owls* better than *the*, you may say, there is some sense in it. There is none. The losses measure nothing but which
# numbers the tokenizer happened to give to the words, in the order in which it learned them. A rule that says how wrong an
# answer is cannot depend on that. So renumber: give the words other numbers, at random, with the *same* text and the *same*
# mistake. What changes for the reader of the text? Nothing.

# %%
rebuilt = np.where(right == number[" cat"], number[" dog"], right)
rng = np.random.default_rng(0)
losses = []
for _ in range(2000):
    other_number = rng.permutation(tokenizer.vocab_size)                                    # old number → new number
    losses.append(np.mean((other_number[right] - other_number[rebuilt]) ** 2))
losses = np.array(losses)
print(f"the same mistake, 2000 numberings: losses from {losses.min():.1f} to {losses.max():.1f}")
assert losses.max() > 1000 * losses.min()
viz.histogram({"“dog” for “cat”": losses}, "F11 on token numbers", "One mistake, as many losses as there are numberings")

# %% [markdown]
# It gets worse. Learning means making the loss small on average, so ask which answer does that. Let a place hold the number
# $x$, sometimes this, sometimes that, and let the answer be $c$. Write $x - c = (x - \mathbb{E}x) + (\mathbb{E}x - c)$ and
# square it; the mixed term has mean 0, because $x - \mathbb{E}x$ has:
#
# $$\mathbb{E}(x - c)^2 = \mathbb{E}(x - \mathbb{E}x)^2 + (\mathbb{E}x - c)^2$$
#
# The first part is the variance, which no answer can change. The second is smallest, 0, at $c = \mathbb{E}x$. **The best
# answer under a squared error is the mean.** With numbers of tokens, a model that hesitates between two words is paid for
# naming a third:

# %%
a, b = number[" cat"], number[" owls"]
middle = round((a + b) / 2)
print(f"cat is {a}, owls is {b}; half this and half that: the best answer is {(a + b) / 2}, "
      f"and {middle} is {tokenizer.decode([middle])!r}")
for c in (a, middle, b):
    print(f"   answer {tokenizer.decode([c])!r:10} mean loss {((a - c) ** 2 + (b - c) ** 2) / 2:8.1f}")
assert middle not in (a, b)

# %% [markdown]
# ## The repair: vectors (F11)
#
# A difference needs things that can be subtracted. Vectors can. So let $x_i$ be the *vector* of token $i$, a row of $C$
# numbers from a table:
#
# $$\mathcal{L} = \frac{1}{NC} \sum_{i=1}^{N} \lVert x_i - \hat x_i \rVert^2$$
#
# | symbol | shape | what it is |
# |---|---|---|
# | $x_i$ | $(C)$ | the vector of the token at place $i$ |
# | $\hat x_i$ | $(C)$ | what the decoder makes of the code for that place |
# | $N$ | a number | how many real tokens there are; padding is no input to rebuild |
# | $\mathcal{L}$ | a number | mean square of an entry's error ($1/C$ keeps it comparable between widths) |
#
# To get a token back, take the one whose vector is nearest. Renumbering moves the rows of the table along with the numbers,
# and changes nothing:

# %%
table = rng.standard_normal((tokenizer.vocab_size, 64))                                     # (V, C): a vector for each token


def on_vectors(table, ids, rebuilt):
    return np.mean((table[ids] - table[rebuilt]) ** 2)


for _ in range(100):
    other_number = rng.permutation(tokenizer.vocab_size)
    moved = np.empty_like(table)
    moved[other_number] = table
    np.testing.assert_allclose(on_vectors(moved, other_number[right], other_number[rebuilt]), on_vectors(table, right, rebuilt))
mean = (table[a] + table[b]) / 2
nearest = np.sum((table - mean) ** 2, axis=1).argsort()[:2]
print(f"on vectors, 100 numberings: always {on_vectors(table, right, rebuilt):.4f}")
print("hesitating between cat and owls, nearest to the mean of their vectors:", [tokenizer.decode([i]) for i in nearest])
assert set(nearest) == {a, b}

# %% [markdown]
# Why these two? A random vector of $C$ entries of variance 1 has squared length $C$, about, and two of them are nearly
# orthogonal. So two vectors are $2C$ apart (squared), each of them $2C/4 = C/2$ from the point in the middle, and any third
# vector $C + C/2$ from it. So hesitating costs something, as it should, but no third word profits. (That all words are
# about equally far from each other is as good as it gets without knowing more: *dog* is then as wrong as *the*.)
#
# Which table? There is a trap in learning it, which you will spring yourself at the end of this lesson. The library draws
# it at random and never changes it.

# %% [markdown]
# ## The linear autoencoder, and what it keeps (F11)
#
# Before the Transformer, the simplest case, because for it everything can be proved. Let each input be one vector $x$
# $(C)$, with mean 0 over the data. The encoder is a matrix, $z = W_e x$ with $W_e$ $(k, C)$, and so is the decoder, $\hat x
# = W_d z$ with $W_d$ $(C, k)$. The code $z$ has $k < C$ numbers. What is the smallest loss, and which matrices reach it?
#
# *Step 1: given the decoder, what should the encoder do?* Every $\hat x = W_d z$ lies in the span of the $k$ columns of
# $W_d$. Let $U$ $(C, k)$ be an orthonormal basis of that span, $U^T U = I$. Split $x$ into its projection and the rest, $x
# = UU^Tx + r$. The rest is orthogonal to the span ($U^T r = U^T x - U^T U U^T x = 0$), so for any point $p$ of the span
# Pythagoras gives $\lVert x - p \rVert^2 = \lVert UU^Tx - p \rVert^2 + \lVert r \rVert^2$. The best is $\hat x = UU^Tx$:
# project.
#
# *Step 2: which span?* What is left is $\lVert r \rVert^2 = \lVert x \rVert^2 - \lVert U^T x \rVert^2$. The first part is
# given. So make the second as large as possible in the mean:
#
# $$\frac1N \sum_i \lVert U^T x_i \rVert^2 = \text{tr}(U^T S U), \qquad S = \frac1N \sum_i x_i x_i^T
# \quad (C, C), \text{ the covariance}$$
#
# *Step 3: the largest trace.* $S$ is symmetric, so it has orthonormal eigenvectors $e_1 \ldots e_C$ with eigenvalues
# $\lambda_1 \ge \ldots \ge \lambda_C \ge 0$, and $S = \sum_j \lambda_j e_j e_j^T$. Then
#
# $$\text{tr}(U^T S U) = \sum_j \lambda_j\, p_j, \qquad p_j = \lVert U^T e_j \rVert^2$$
#
# Each $p_j$ is the squared length of a projection of a unit vector, so $0 \le p_j \le 1$. And $\sum_j p_j = \sum_j e_j^T U
# U^T e_j = \text{tr}(UU^T) = \text{tr}(U^TU) = k$. A budget of $k$, at most 1 on each: spend it on the largest. $p_1 =
# \ldots = p_k = 1$, that is, **the span of the first $k$ eigenvectors**, and what is left over is
#
# $$\mathcal{L}_{\min} = \frac1C \sum_{j=k+1}^{C} \lambda_j$$
#
# These directions have a name, *principal components* (PCA). An autoencoder made of two matrices and trained by nothing but
# gradient descent on F11 must find them. Does it? Let $x$ be the counts of the words of a sentence, one entry a word, minus
# their mean.

# %%
counts = np.zeros((len(learn), len(used)))
for row, ids in zip(counts, learn):
    for i, n in Counter(ids).items():
        row[used.index(i)] = n
X = (counts - counts.mean(axis=0)).astype(np.float32)                                       # (N, C)
N, C = X.shape
eigenvalues, eigenvectors = np.linalg.eigh(X.T @ X / N)
eigenvalues, eigenvectors = eigenvalues[::-1], eigenvectors[:, ::-1]                        # the largest first
by_pca = [(k, eigenvalues[k:].sum() / C) for k in range(C + 1)]


def linear_autoencoder(k, steps=400):
    """Two matrices, k numbers in between, trained on F11: the loss, and the span's basis U (C, k)."""
    manual_seed(0)
    encode, decode = Linear(C, k, bias=False), Linear(k, C, bias=False)
    parameters = [*encode.parameters(), *decode.parameters()]
    optimizer = AdamW(parameters, lr=0.03, weight_decay=0.0)
    for step in range(steps):
        loss = F.mse_loss(decode(encode(X)), X)
        for parameter in parameters:
            parameter.grad = None
        loss.backward()
        optimizer.scale_lr(1 - step / steps)
        optimizer.step()
    return loss.item(), np.linalg.qr(decode.weight.data)[0]


trained = []
for k in (1, 2, 4, 8, 16, 32):
    loss, U = linear_autoencoder(k)
    kept = np.sum((U.T @ eigenvectors[:, :k]) ** 2) / k                                     # 1 where the spans are one
    trained.append((k, loss))
    print(f"code of {k:2}: trained loss {loss:.5f}, by the eigenvalues {by_pca[k][1]:.5f}; spans agree to {kept:.4f}")
    assert by_pca[k][1] * 0.9999 <= loss < by_pca[k][1] * 1.01 and kept > 0.97
viz.lines({"left over: the sum of the other eigenvalues": by_pca, "trained on F11": trained}, "numbers in the code, k",
          "mean squared error of an entry", "Gradient descent finds the principal directions")

# %% [markdown]
# It does, from random matrices and without having heard of eigenvectors (Baldi & Hornik 1989 proved that there are no false
# minima on the way). One thing it does not find is the eigenvectors themselves: with any invertible $A$ $(k, k)$, the pair
# $A W_e$ and $W_d A^{-1}$ makes the same $\hat x$. Only the span is determined.
#
# Note what was kept: the directions in which sentences *differ most*. Nobody asked whether these are the ones that matter.
# Keep that thought for the end.
#
# ## A sentence in one vector (F11)
#
# Word counts know no order. The library's `Autoencoder` reads a sentence in order: its encoder is a `Bert` without a head,
# and the code is $W_z$ times the mean of its vectors, one small vector a sentence. The decoder puts the *same* vector at
# every place, adds positions, and must find out what belongs where.

# %%
print(inspect.getsource(Autoencoder.encode))
print(inspect.getsource(Autoencoder.reconstruct))

# %% [markdown]
# The file is [tinyllm/models/autoencoder.py](../tinyllm/models/autoencoder.py). The objective `Reconstruction` is F11 over
# the real tokens. Written by hand, with the same value and the same gradients:

# %%
SIZES = {"vocab_size": tokenizer.vocab_size, "context": 16, "n_layers": 1, "n_heads": 4, "d_model": 64}


def new_autoencoder(d_code):
    manual_seed(0)
    return Autoencoder(AutoencoderConfig(**SIZES, d_code=d_code))


def my_reconstruction_loss(model, ids, mask):
    x = model.target.weight.data[ids]                                       # (B, T, C)
    x_hat = model.reconstruct(model.encode(ids, mask), ids.shape[1], mask)  # (B, T, C)
    error = (x - x_hat) ** 2 * mask[:, :, None]                             # padding counts nothing
    return np.sum(error) / (mask.sum() * x.shape[-1])


model = new_autoencoder(d_code=8)
ids, mask = pad_batch(learn[:6], tokenizer.pad_id, 16)
gradients = []
for loss in (my_reconstruction_loss(model, ids, mask), Reconstruction().loss(model, {"ids": ids, "attention_mask": mask})):
    model.zero_grad()
    loss.backward()
    gradients.append((loss.item(), model.to_code.weight.grad.copy(), model.encoder.embedding.weight.grad.copy()))
for mine, library in zip(*gradients):
    np.testing.assert_allclose(mine, library, rtol=1e-3, atol=1e-6)
print(f"F11 by hand and by the library: {gradients[0][0]:.4f}; the code has shape {model.encode(ids, mask).shape}")

# %% [markdown]
# Now the question of this lesson: how many numbers does a sentence need? We train four autoencoders, alike but for the
# code. What we report is not the loss, which tells little, but how many tokens of *unseen* sentences come back: the token
# whose vector is nearest to $\hat x_i$. The method to beat answers every sentence with the commonest token of each place.

# %% tags=["varies"]
def rows_of(side, size=32, hide=0.0):
    return NoisyTexts(side, size, 16, tokenizer.pad_id, 0, hide, tokenizer.mask_id, tokenizer.special_ids)


def train_autoencoder(d_code, hide=0.0, steps=700):
    model = new_autoencoder(d_code)
    config = TrainConfig(steps=steps, optimizer="muon", muon_lr=0.03, lr=5e-3, weight_decay=0.01, eval_every=steps, workers=1)
    train(model, Reconstruction(), rows_of(learn, 32, hide), None, config, progress=False)
    return model.eval()


def tokens_back(model, side):
    return evaluate(model, Reconstruction(), rows_of(side, 100).evaluation(), workers=1)


ids, mask = pad_batch(learn, tokenizer.pad_id, 16)
commonest = [np.bincount(ids[:, t][mask[:, t]]).argmax() for t in range(ids.shape[1])]
asked, real = pad_batch(report, tokenizer.pad_id, 16)
guessing = float(np.mean((asked == np.array(commonest)[: asked.shape[1]])[real]))
autoencoders, by_size = {}, []
for d_code in (2, 8, 32, 128):
    autoencoders[d_code] = train_autoencoder(d_code)
    found = tokens_back(autoencoders[d_code], report)
    by_size.append((d_code, found["token_accuracy"]))
    print(f"code of {d_code:3}: loss {found['loss']:.3f}, {found['token_accuracy']:.1%} of the tokens come back")
print(f"the commonest token of each place: {guessing:.1%}")
assert by_size[0][1] < by_size[1][1] < by_size[2][1] and by_size[2][1] > guessing + 0.25
viz.lines({"autoencoder": by_size}, "numbers in the code", "tokens of unseen sentences that come back (share)",
          "A sentence comes back through a code wide enough for it", logx=True,
          baselines={"commonest token of the place": guessing})

# %% [markdown]
# The whole sentence goes through that vector. To see what got lost, read:

# %% tags=["varies"]
def read_back(model, text):
    ids = np.array([tokenizer.encode(text)])
    with no_grad():
        return tokenizer.decode(model.nearest(model(ids))[0])


for text in data.test.sources[:3]:
    print(text)
    for d_code, model in autoencoders.items():
        print(f"   through {d_code:3} numbers: {read_back(model, text)}")

# %% [markdown]
# (The decoder is told how many places there are; the length need not fit into the code.) Short sentences come back whole.
# With little room their words turn into others, often into one common word again and again: look at what becomes of the
# king. Long sentences do not come back at all, and odd things appear in them: tokens that occur in no sentence. Whence? The
# proof with the mean tells it. Where the code does not say which word it is, $\hat x_i$ becomes a mean of many. The mean of
# $m$ random vectors is short: squared length $C/m$, nothing else in it that would point anywhere. The nearest to such a
# point is whichever vector of the whole table is itself short, meant or not. Checked:

# %% tags=["varies"]
model, never, all_answers = autoencoders[128], [], 0
length = (model.target.weight.data ** 2).sum(axis=1)                                        # (V,): |e|², about C = 64
for batch in rows_of(report, 100).evaluation():
    with no_grad():
        answers = model.nearest(model(batch["ids"], batch["attention_mask"]))[batch["attention_mask"]]
    never, all_answers = [*never, *answers[~np.isin(answers, used)]], all_answers + len(answers)
shorter = np.mean([np.mean(length < length[i]) for i in never])
print(f"{len(never) / all_answers:.1%} of all answers are tokens that occur in no sentence; "
      f"on average {shorter:.0%} of the table's vectors are shorter than theirs")
assert shorter < 0.25

# %% [markdown]
# This is the first sign that a squared distance is a clumsy judge of words. Now something that it does well. Since a
# sentence is now a point in space, one can walk from one sentence to another in a straight line. Predict what lies in the
# middle: a sentence, or rubbish?

# %% tags=["varies"]
model = autoencoders[128]
walk = ("the cat watches some kings", "a dog called the girl")
start, end = (model.encode(np.array([tokenizer.encode(text)])) for text in walk)
with no_grad():
    for share in (0.0, 0.25, 0.4, 0.5, 0.6, 0.75, 1.0):
        print(f"{share:.2f}  {tokenizer.decode(model.nearest(model.reconstruct((1 - share) * start + share * end, 5))[0])}")

# %% [markdown]
# ## With holes: denoising (F11)
#
# There is a second way to keep an autoencoder from mere copying: damage the input, and ask for the undamaged one (Vincent
# et al. 2008). Some tokens go in as `<mask>`; *all* must come out. What stood in a hole cannot be copied. Predict: which of
# the two autoencoders fills holes better, and which is better on whole sentences?

# %% tags=["varies"]
denoising = train_autoencoder(128, hide=0.25)


def at_holes(model):
    """Share of hidden tokens of unseen sentences that come out right."""
    right = total = 0
    for batch in rows_of(report, 100, hide=0.25).evaluation():
        holes = (batch["input_ids"] != batch["ids"]) & batch["attention_mask"]
        with no_grad():
            out = model.nearest(model(batch["input_ids"], batch["attention_mask"]))
        right, total = right + np.sum((out == batch["ids"])[holes]), total + holes.sum()
    return float(right / total)


in_holes = {"plain": at_holes(autoencoders[128]), "denoising": at_holes(denoising)}
whole = {"plain": by_size[-1][1], "denoising": tokens_back(denoising, report)["token_accuracy"]}
for name in in_holes:
    print(f"{name:10} whole sentences: {whole[name]:.1%} of the tokens; holes: {in_holes[name]:.1%} of the hidden ones")
assert in_holes["denoising"] > in_holes["plain"]

# %% [markdown]
# The plain one does not do better at the holes than the table of commonest tokens: it has never been asked about anything
# that it could not see. The denoising one does, at the expense of whole sentences: it has learned to look at the rest for
# what is missing. That is half of the way to BERT. The other half: drop the bottleneck, ask only for what was hidden, and
# give probabilities instead of vectors.
#
# ## F11 against F12
#
# Right after the printed formula, 004 §4.3 gives BERT as the example of autoencoding pretraining. BERT minimises another
# thing, the masked loss F12 of lesson 19:
#
# | | reconstruction (F11) | masked language model (F12) |
# |---|---|---|
# | what goes in | the whole text (denoising: with holes) | the text with holes |
# | between in and out | **one** vector of `d_code` numbers for the text | $T$ vectors of $C$ numbers: no bottleneck |
# | what is asked | every token | the hidden tokens alone |
# | the answer | a vector $\hat x_i$ | a probability for each of $V$ tokens |
# | the loss | squared distance: who hesitates answers a mean | $-\log P$ of the right one: who hesitates spreads |
# | what keeps it from copying | the code is too small | the answer is not in the input |
# | loss 0 is possible | yes, if the code is wide enough | no: a text does not determine its hidden words |
#
# The row on hesitation can be put into one formula. Minus the logarithm of a normal density with mean $\hat x_i$ and
# variance 1 is $\frac12 \lVert x_i - \hat x_i \rVert^2$ plus a constant. So F11 *is* a likelihood too, one which believes
# that words lie around $\hat x_i$ in a round cloud. Words do not: they are this one or that one. F12's softmax says so.
#
# Which of them is the better start for a task? The same sentences, the same encoder (one layer, 64 wide), the same number
# of steps. The task: **does one act, or several?** (*The dogs that watched a bird wait*: several.) The label need not be
# written by hand, for the translation of each sentence carries it in the ending of its verb, *-an* or *-ti* for several.

# %% tags=["varies"]
def several(side):
    verbs = [[word for word in text.split() if word != "ne"][-1] for text in side.targets]  # "ne": not; the verb comes last
    return np.array([verb.endswith(("an", "ti")) for verb in verbs]).astype(int)


class HiddenWords:
    """F12's batches: the same rows as the autoencoders', a quarter of the tokens hidden."""

    def __init__(self, side):
        self.rows, self.ordinary = rows_of(side), np.ones(tokenizer.vocab_size, bool)
        self.ordinary[list(tokenizer.special_ids)] = False

    def batch(self, step):
        batch = self.rows.batch(step)
        shown, targets = mask_tokens(batch["ids"], np.random.default_rng([0, step]), tokenizer.mask_id, self.ordinary, 0.25)
        return {"ids": shown, "targets": targets, "attention_mask": batch["attention_mask"]}


manual_seed(0)
bert = Bert(BertConfig(**SIZES))
config = TrainConfig(steps=700, optimizer="muon", muon_lr=0.03, lr=5e-3, weight_decay=0.01, eval_every=700, workers=1)
train(bert, Masked(), HiddenWords(learn), None, config, progress=False)
trunk_of_bert = {name: value for name, value in bert.state_dict().items() if not name.startswith("head.")}
starts = {
    "from scratch": None,
    "F11, code of 32": autoencoders[32].encoder.state_dict(),
    "F11, denoising": denoising.encoder.state_dict(),
    "F12, masked words": trunk_of_bert,
}
right = total = 0
for batch in rows_of(report, 100, hide=0.25).evaluation():                                  # the holes from above
    holes = (batch["input_ids"] != batch["ids"]) & batch["attention_mask"]
    with no_grad():
        out = bert(batch["input_ids"], batch["attention_mask"]).numpy().argmax(axis=-1)
    right, total = right + np.sum((out == batch["ids"])[holes]), total + holes.sum()
in_holes["BERT"] = float(right / total)
print("hidden tokens right:", ", ".join(f"{name} {share:.1%}" for name, share in in_holes.items()))
labels, truth = several(data.train), several(data.test)
print(f"several act in {truth.mean():.1%} of the test sentences")


def fine_tune(start, chosen, seed):
    """Accuracy on the test sentences, after 60 steps on the chosen labels."""
    manual_seed(seed)
    trunk = Bert(BertConfig(**SIZES, masked_head=False))
    if start is not None:
        trunk.load_state_dict(start)
    model = SequenceClassifier(trunk, 2)
    batches = LabelledBatches([learn[i] for i in chosen], labels[chosen], 16, 16, tokenizer.pad_id, seed)
    config = TrainConfig(steps=60, lr=3e-3, schedule="linear", weight_decay=0.01, seed=seed, workers=1)
    train(model, Classification(), batches, None, config, progress=False)
    test = LabelledBatches(report, truth, 100, 16, tokenizer.pad_id)
    return evaluate(model, Classification(), test.evaluation(), workers=1)["accuracy"]


FEW, SEEDS = (16, 64, 256), (0, 1, 2)
reached = {name: [[] for _ in FEW] for name in ("bag of words", *starts)}
for j, n in enumerate(FEW):
    for seed in SEEDS:
        chosen = np.random.default_rng([n, seed]).permutation(len(learn))[:n]
        words = BagOfWords([data.train.sources[i] for i in chosen], labels[chosen], 2, penalty=1e-4, steps=150)
        reached["bag of words"][j].append(np.mean(words.predict(data.test.sources) == truth))
        for name, start in starts.items():
            reached[name][j].append(fine_tune(start, chosen, seed))
for name, columns in reached.items():
    print(f"{name:18}", "   ".join(f"{n} labels: {np.mean(c):.3f} ± {np.std(c, ddof=1):.3f}" for n, c in zip(FEW, columns)))
means = {name: [float(np.mean(column)) for column in columns] for name, columns in reached.items()}
others = [np.mean(values) for name, values in means.items() if name != "F12, masked words"]
assert np.mean(means["F12, masked words"]) > max(others) + 0.02          # over all three: one alone has an error of 0.03
viz.accuracy_bars(means, [f"{n} labels" for n in FEW], "Pretrained on the same sentences: masked words help more",
                  chance=max(truth.mean(), 1 - truth.mean()))

# %% [markdown]
# Over all three columns together the masked model is ahead, and clearly. In one column alone its lead over the denoising
# one may be no larger than the spread of the three draws. The reconstructing ones lie, in the mean, between it and no
# pretraining; what they gain is often no more than the draws differ.
#
# Why? Look at what each was paid for. To guess the hidden verb of *the owls that follow a cat ▢*, the masked model must
# find the subject and know whether it is one or several: **the task was part of the guessing**. The autoencoder was paid
# the same for every word, and its code had to hold *which* owl, *which* verb and where; whether one or several act is one
# bit among all that, and no cheaper to find than before. The principal directions were already like this: what differs most
# is kept, not what matters.
#
# So do not take more from this than it says: one small grammar, one size, and a task on F12's home ground. It agrees with
# what became of the two, though. Hardly any model for text is pretrained by F11 today; for pictures, where squared
# differences of neighbouring values do mean something, masked *reconstruction* is alive and well (He et al. 2022). And an
# autoencoder has what BERT does not: one vector for a sentence, and a way back from it. (Lesson 31 is about such vectors.)
#
# ## Break it: no bottleneck
#
# Suppose the code may be as large as the input: a vector for every token, as wide as the token's own. Predict the loss it
# reaches, and what it has learned.
#
# The loss is 0, and we need not train: $W_e = W_d = I$. We train anyway, two matrices for each token by itself, and then
# rebuild three kinds of text: unseen sentences, the same sentences with their words shuffled, and words drawn at random.
# Beside it the autoencoder with 128 numbers for a sentence.

# %% tags=["varies"]
class NoBottleneck(Autoencoder):
    """A code for every token, as wide as its vector: x̂ = W_d W_e x."""

    def forward(self, ids, attention_mask=None):
        return self.output(self.copy(self.targets(ids)))


manual_seed(0)
copying = NoBottleneck(AutoencoderConfig(**SIZES))
copying.copy = Linear(64, 64)
config = TrainConfig(steps=300, optimizer="muon", lr=5e-3, weight_decay=0.0, eval_every=300, workers=1)
train(copying, Reconstruction(), rows_of(learn), None, config, progress=False)
rng = np.random.default_rng(0)
kinds = {
    "sentences": report,
    "words shuffled": [list(rng.permutation(row)) for row in report],
    "random words": [list(rng.choice(used, len(row))) for row in report],
}
back = {"128 numbers a sentence": [], "no bottleneck": []}
for name, model in zip(back, (autoencoders[128], copying)):
    for texts in kinds.values():
        back[name].append(tokens_back(model, texts)["token_accuracy"])
    print(f"{name:24}", ", ".join(f"{kind} {share:.1%}" for kind, share in zip(kinds, back[name])))
assert min(back["no bottleneck"]) > 0.99 and back["128 numbers a sentence"][0] > 2 * back["128 numbers a sentence"][2]
with viz.figure(7.5, 4.2) as (fig, ax):
    for i, (name, shares) in enumerate(back.items()):
        bars = ax.bar(np.arange(3) + 0.4 * i, shares, 0.37, color=viz.style.COLOURS[i], hatch=("", "//")[i],
                      edgecolor="white", label=name)
        ax.bar_label(bars, fmt="%.2f", fontsize=9)
    ax.set_xticks(np.arange(3) + 0.2, kinds)
    ax.set_ylim(0, 1.3)
    ax.set_ylabel("tokens that come back (share)")
    ax.set_title("Without a bottleneck it copies anything, and has learned nothing")
    ax.legend(loc="upper left", ncols=2)
fig

# %% [markdown]
# Rubbish comes back as perfectly as language does: it has learned the identity, and that is nothing about language. The one
# with a bottleneck fails on rubbish, and that is the proof of what it knows: it saves room where sentences are alike. A low
# reconstruction error by itself says *nothing*. The test that guards the bottleneck:
# `test_the_code_is_all_that_the_decoder_knows` in [tests/models/test_autoencoder.py](../tests/models/test_autoencoder.py).

# %% [markdown]
# ## Break it: learn the targets too
#
# Why is the table of targets frozen? A learned one might put *cat* next to *dog*. Let the gradient reach it. Predict the
# loss.

# %% tags=["varies"]
def with_targets(learned, steps=400):
    model = new_autoencoder(32)
    model.target.requires_grad_(learned)
    optimizer = AdamW([p for p in model.parameters() if p.requires_grad], lr=4e-3, weight_decay=0.0)
    losses, batches = [], rows_of(learn)
    for step in range(steps):
        batch = batches.batch(step)
        ids, mask = batch["ids"], batch["attention_mask"]
        error = (model.target(ids) - model(ids, mask)) ** 2 * mask[:, :, None]              # (B, T, C)
        loss = np.sum(error) / (mask.sum() * 64)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    spread = model.target.weight.data[used].var(axis=0).mean()                             # of the vectors of tokens
    curve = [(step + 20, np.mean(losses[step : step + 20])) for step in range(0, steps, 20)]
    return curve, tokens_back(model.eval(), report)["token_accuracy"], spread


collapse = {}
for name, is_learned in (("frozen targets", False), ("learned targets", True)):
    collapse[name], share, spread = with_targets(is_learned)
    print(f"{name}: loss {collapse[name][-1][1]:.3f}, {share:.1%} of the tokens come back; "
          f"variance between the tokens' vectors {spread:.3f}")
assert collapse["learned targets"][-1][1] < collapse["frozen targets"][-1][1] / 2
viz.loss_curve(collapse, ylabel="F11", title="Learned targets: a wonderful loss, by giving up the question")

# %% [markdown]
# There are two ways to make $x$ and $\hat x$ agree: rebuild $x$ better, or make all $x$ alike. The second is easier. The
# vectors of the tokens shrink towards each other, and with them every error; what is rebuilt means less and less. Such a
# **collapse** lies in wait wherever a model may choose its own targets (lesson 31 meets it again). The test
# `test_everything_but_the_targets_learns` in [tests/models/test_autoencoder.py](../tests/models/test_autoencoder.py) holds
# them still.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. Solutions with derivations:
# [solutions/26_autoencoding.ipynb](solutions/26_autoencoding.ipynb).
#
# **1. By hand (warm-up).** Two tokens, $C = 2$: $x$ = (1, 0) and (0, 2), rebuilt as (1, 1) and (0, 0). What is (a) the mean
# squared *distance* of a token, as F11 would have it with $1/N$, (b) the mean over all entries, with $1/NC$? A pair.

# %%
mean_distance = ...
mean_over_entries = ...

check(1, ... if mean_distance is ... else (mean_distance, mean_over_entries))


# %% [markdown]
# **2. The best single answer.** x (N, C): the vector (C) which, given as the answer for every row, has the smallest mean
# squared error.

# %%
def best_answer(x):
    ...


check(2, best_answer)


# %% [markdown]
# **3. Only what is real.** x and x_hat (B, T, C), mask (B, T), true at real tokens: F11 over the real tokens, with $1/NC$.

# %%
def reconstruction_loss(x, x_hat, mask):
    ...


check(3, reconstruction_loss)


# %% [markdown]
# **4. Back to tokens.** table (V, C) and x_hat (T, C): for each place the token whose vector is nearest, (T,).

# %%
def nearest_tokens(table, x_hat):
    ...


check(4, nearest_tokens)


# %% [markdown]
# **5. The decoder's gradient.** Codes z (N, k), a linear decoder w (C, k), x̂ = z wᵀ, and x (N, C). With L = 1/(NC) Σ ‖x −
# x̂‖², what is ∂L/∂w, of shape (C, k)?

# %%
def gradient_of_decoder(x, z, w):
    ...


check(5, gradient_of_decoder)


# %% [markdown]
# **6. Something to think about.** The smallest F11 (with $1/NC$) that any linear autoencoder with a code of k numbers can
# reach on the rows x (N, C). There is no bias, and the mean need not be 0: the proof above did not use that it is.

# %%
def least_loss(x, k):
    ...


check(6, least_loss)

# %% [markdown]
# ## What you can now explain
#
# - Why F11 on the numbers of tokens depends on their numbering, and rewards words that nobody meant.
# - That the best answer under a squared error is the mean, and the best linear autoencoder the principal subspace, with
# what is left over.
# - What bottleneck and noise are for, and what a reconstruction error without either says: nothing.
# - Where F11 and F12 differ, and which was the better start here, on a task that asks for what hidden words ask for.
#
# BERT learned with two objectives at once. Lesson 27 adds the second: does this sentence follow that one?
