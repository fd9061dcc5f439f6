# %% [markdown]
# # 01 · How to read this book
#
# *What is a language model, and can I make one in the next two minutes?*
#
# *Reading 25 min · running 30 s · builds on Python and a little NumPy*
#
# **Afterwards you can** say what a language model is and how one is judged, train a small one, find your way through the
# book and its library, and check your own answers to the exercises.

# %%
import inspect
import math
from itertools import pairwise

import numpy as np

import tinyllm.functional as F
from tinyllm import formulas_only, manual_seed, no_grad, viz
from tinyllm.book import ledger, open_lesson
from tinyllm.data import CausalWindows, corpus
from tinyllm.generation import generate_text
from tinyllm.models import GPT, GPTConfig
from tinyllm.tokenizers import CharTokenizer
from tinyllm.training import Causal, TrainConfig, evaluate, train

lesson = open_lesson("01_how_to_read_this_book")
check = lesson.check

# %% [markdown]
# ## The question
#
# *Return the* … You have an idea how this goes on. Not certainty, but an idea: *value*, or *number*, or *name*, hardly
# *giraffe*. A **language model** is this idea in numbers: given the beginning of a text, a probability for every way to
# take the next small step. The small steps are called **tokens**; in this lesson a token is a single character.
#
# That is all it is. Whoever has the probabilities can write (draw a token, append it, ask again), and can judge (a text
# whose every token was likely is a likely text). Where the probabilities come from is the subject of this book. In its
# first part you build all that is needed: the derivatives, the layers, attention, the Transformer, its training and its
# use, from NumPy alone, and prove each piece right.
#
# We begin at the end. You will use a dozen things that you do not understand yet; each has its lesson. First, though, a
# model that needs no training at all.

# %% [markdown]
# ## By hand
#
# Take *the cat sat on the mat*, and ask: after a `t`, what comes? There are five `t`. The last one ends the text. After the
# other four come `h`, a space, a space, and `h`. So after a `t` we say: `h` with probability 2/4, a space with 2/4,
# anything else with 0. Do this for every character, and you have a language model: a table of counts. It looks back one
# character.

# %%
sentence = "the cat sat on the mat"
after_t = [following for character, following in pairwise(sentence) if character == "t"]
print("after t:", after_t)
table = {c: after_t.count(c) / len(after_t) for c in sorted(set(after_t))}
print("probabilities:", table)
assert table == {" ": 0.5, "h": 0.5}

# %% [markdown]
# **How is a model judged?** By its **surprise** at a text it has not seen. If it gave probability $p$ to the character that
# came, we charge it $-\ln p$: nothing for $p = 1$, and more and more as $p$ goes to 0. The mean over all characters is its
# **loss**. (Why just this function is the subject of lesson 8.) A model that knows nothing gives each of $V$ characters
# $1/V$, and pays $-\ln(1/V) = \ln V$ for each.

# %%
for p in (1.0, 0.5, 0.1, 0.01):
    print(f"probability {p:4}: surprise {math.log(1 / p):.2f}")
assert math.isclose(-math.log(1 / 100), math.log(100))

# %% [markdown]
# ## Two minutes: a model of your own
#
# Text first. Every Python brings along two million characters of English, its own documentation. We put 95% of it into one
# long string to learn from, and hold the rest back to judge by. (The text differs a little from one version of Python to
# the next, and so will the numbers below. Cells for which this is so are marked, and what they print is not compared by the
# tests.)

# %% tags=["varies"]
def as_one_text(documents):
    """One line a document, its spaces and line ends as single spaces."""
    return "\n".join(" ".join(document.text.split()) for document in documents)


texts = corpus()
text, unseen_text = as_one_text(texts.train), as_one_text(texts.validation)[:20_000]
tokenizer = CharTokenizer.train(text)                   # numbers for characters
tokens, unseen = tokenizer.encode_array(text), tokenizer.encode_array(unseen_text)
V = tokenizer.vocab_size
print(f"{len(tokens):,} characters to learn from, {V} different tokens")
print(text[:88], "→", tokens[:8], "…")

# %% [markdown]
# Now a model: a GPT, the kind of network behind the well-known ones, in a very small size. Before any training:

# %% tags=["varies"]
manual_seed(0)
CONTEXT = 64                                            # how far it can look back, in characters
model = GPT(GPTConfig(vocab_size=V, context=CONTEXT, n_layers=2, n_heads=4, d_model=64, positions="rotary"))
at_unseen = CausalWindows(unseen, CONTEXT, batch_size=16)
untrained = evaluate(model, Causal(), at_unseen.evaluation(), workers=1)["loss"]
print(f"{sum(parameter.size for parameter in model.parameters()):,} numbers to be learned")
print(f"loss {untrained:.2f}; guessing evenly would cost ln {V} = {math.log(V):.2f}")
print("it writes:", repr(generate_text(model, tokenizer, "Return the ", 60, seed=0)[0]))
assert abs(untrained - math.log(V)) < 0.2

# %% [markdown]
# It knows nothing, and its loss says so. Train it: show it 800 batches of 16 pieces of text, and each time turn all of its
# numbers a little in the direction that makes the surprise smaller. This takes some ten to twenty seconds on one core.
#
# **Predict, then run.** With the characters' frequencies alone (spaces and `e` are common, `q` is rare) one pays about 3.3
# a character; with a table like the one above, counted on all of the text, about 2.6. Where will the network be?

# %% tags=["varies"]
frequency = np.bincount(tokens, minlength=V) + 0.1      # 0.1: nothing is impossible
by_frequency = -np.log(frequency / frequency.sum())[unseen[1:]].mean()
pairs = np.full((V, V), 0.1)
np.add.at(pairs, (tokens[:-1], tokens[1:]), 1)
by_pairs = -np.log(pairs / pairs.sum(axis=1, keepdims=True))[unseen[:-1], unseen[1:]].mean()

windows = CausalWindows(tokens, CONTEXT, batch_size=16)
history = train(model, Causal(), windows, None, TrainConfig(steps=800, lr=5e-3, workers=1, log_every=20), progress=False)
trained = evaluate(model, Causal(), at_unseen.evaluation(), workers=1)["loss"]
print(f"loss on text it has not seen: {trained:.2f}   (pairs counted {by_pairs:.2f}, frequencies {by_frequency:.2f})")
assert trained < by_pairs - 0.4 and by_pairs < by_frequency - 0.4
viz.loss_curve({"the network, on what it reads": [(record["step"], record["loss"]) for record in history.train]},
               title="In 800 steps the network overtakes two ways of counting",
               baselines={"guessing evenly": math.log(V), "frequencies": by_frequency, "pairs": by_pairs})

# %% tags=["varies"]
for temperature in (0.5, 1.0):                          # low: it keeps to what it finds likely (lesson 18)
    sample = generate_text(model, tokenizer, "Return the ", 150, seed=0, temperature=temperature)
    print(f"temperature {temperature}:", sample[0])

# %% [markdown]
# Words, many of them real, and the vocabulary of manuals. No sense. It has read for some seconds; what it would become with
# more reading, more memory and a better alphabet you will see in lessons 10 and 17.
#
# And this is what it really computes, a probability for each next character:

# %% tags=["varies"]
def next_characters(beginning):
    """The probability of every token after this beginning, (V,)."""
    with no_grad():
        logits = model(np.array([tokenizer.encode(beginning)]))                 # (1, T, V): a score for each, at each place
    return F.softmax(logits)[0, -1].numpy()


p = next_characters("Return the s")
likely = np.argsort(-p)[:10]
assert math.isclose(p.sum(), 1, rel_tol=1e-4)
viz.bars({tokenizer.decode([i]).replace(" ", "·"): round(float(p[i]), 2) for i in likely}, "probability",
         "After 'Return the s': the ten likeliest next characters", baseline=round(1 / V, 3), baseline_name="before training")

# %% [markdown]
# ## What the documents say, and what is wrong with it
#
# This book walks through five documents about large language models. They are summaries of the kind that one finds in
# hundreds, written in Chinese; we translate what we quote.
#
# | no. | title, translated |
# |---|---|
# | 000 | AI LLM: a large language model does more than predict the next token |
# | 001 | Large language models from theory to practice: the basic concepts |
# | 002 | The place and role of LLMs in artificial intelligence |
# | 003 | Thoughts after the LLM era: the lasting influence of AI |
# | 004 | Foundational and general: the nature of LLMs |
#
# Every formula, model and procedure they contain has a number in the **ledger** (F for formulas, T for tasks, M for models,
# P for procedures), and for each the ledger says where it is printed, which lesson treats it, which function carries it
# out, and which tests prove it. In a terminal, `tinyllm formulas` shows the list and `tinyllm formulas F10` one entry.
# Here:

# %%
entry = ledger.read()["F10"]
print(entry.number, entry.name, "·", entry.printed)
print(entry.as_printed)
assert r"\log P" in entry.as_printed and "17_causal_pretraining" in entry.lessons

# %% [markdown]
# Some of what the documents print is loose, and some is wrong. **Wherever that is so, the lesson shows the print, runs it,
# shows in numbers what goes wrong, and derives what is right.** A first taste. Models like the one you just trained are
# called *autoregressive*. What does that mean?
#
# - Document 000 §4.1: *it is assumed that the distribution of the current token depends on the distribution of the
# **previous** token.*
# - Document 004 §2.1: *a prediction model based on **future** information, used to generate sequences such as text.*
#
# They cannot both be right. Your model can be asked. If it looked at the previous character alone, then after every
# beginning that ends in `t` it would have to say the same:

# %% tags=["varies"]
beginnings = ["Return t", "it does not", "the object", "a list of int"]
after = np.array([next_characters(beginning) for beginning in beginnings])      # (4, V)
columns = np.argsort(-after.max(axis=0))[:8]
apart = max(np.abs(after[i] - after[j]).sum() / 2 for i in range(4) for j in range(i))
print(f"largest difference between two of them: {apart:.0%} of the probability stands elsewhere")
assert apart > 0.3
viz.heatmap(after[:, columns].round(2), "next character (· is a space)", "beginning",
            "All end in t, and the model says different things", label="probability", values=True,
            rows=beginnings, columns=[tokenizer.decode([i]).replace(" ", "·") for i in columns])

# %% [markdown]
# So document 000 is too narrow. And the future? Take a text, change its second half, and compare what the model says in the
# first half. If it used future information, something there would change.

# %%
a = np.random.default_rng(0).integers(0, V, (1, 40))    # (1, T) any tokens will do
b = a.copy()
b[:, 20:] = (b[:, 20:] + 1) % V
with no_grad():
    first, second = model(a).numpy(), model(b).numpy()  # (1, T, V)
print("largest change before place 20:", float(np.abs(first[:, :20] - second[:, :20]).max()))
print("and from there on it does change:", not np.allclose(first[:, 20:], second[:, 20:]))
np.testing.assert_array_equal(first[:, :20], second[:, :20])
assert not np.allclose(first[:, 20:], second[:, 20:])

# %% [markdown]
# Not by a single bit. **An autoregressive model looks at all tokens before the one it predicts, and at none after.**
# Document 004 says so itself elsewhere: its formula, which you saw in the ledger, has $x_{<i}$, *all before i*. Lesson 17
# goes into it and also shows how well one would do with the future in view, and why it would be of no use.

# %% [markdown]
# ## How a lesson goes
#
# Each of the lessons goes through the same steps, and you just met most of them.
#
# 1. **A question**, and the formula as it is printed, with the shape of every symbol.
# 2. **By hand**, on numbers small enough to check by eye.
# 3. **In NumPy**, in a few lines; then **the library's version**, opened; then an `assert` that the two agree.
# 4. **Watch it work** on something real, with a picture.
# 5. **Break it**: one thing is taken away, and you predict what happens.
# 6. **Exercises** that check themselves.
#
# At *Predict, then run*, stop and say an answer, aloud or on paper, before you run the cell. A wrong prediction is worth
# more than a right one: it shows you exactly what to think about. Then change numbers in the cells and run them again.
# Nothing can break: `git checkout lessons/NAME.ipynb` brings a page back as it was, without your answers.
#
# **Opening the library.** Nothing here is hidden. In a notebook `F.softmax?` shows what a function promises, and
# `inspect.getsource` shows what it does:

# %%
print(inspect.getsource(F.softmax.formula))

# %% [markdown]
# It is three lines of NumPy, with a case for masks. Many formulas of the library have a **twin**: the same function written
# for speed, with its gradient derived by hand. A call runs the twin; inside `formulas_only()` it runs the definition. The
# two must agree, here and in every test:

# %%
scores = np.random.default_rng(0).standard_normal((3, 5))
with formulas_only():
    by_definition = F.softmax(scores)
np.testing.assert_allclose(F.softmax(scores), by_definition, rtol=1e-12)
e = np.exp(scores)
np.testing.assert_allclose(F.softmax(scores), e / e.sum(axis=-1, keepdims=True), rtol=1e-12)
print("three ways, one value:", F.softmax(scores)[0].round(3))

# %% [markdown]
# **The tests** ([tests/](../tests)) are the book's proofs. They do not compare with numbers somebody once wrote down; they
# draw shapes and values and check what must hold. The check of the future above is one of them,
# `test_a_future_token_never_changes_an_earlier_logit` in [tests/models/test_gpt.py](../tests/models/test_gpt.py).
#
# **The exercises** work in the same way. You write a function, `check` tries it on drawn inputs, and if it fails you see
# the *smallest* input on which it does, and a hint. For example exercise 2 below: how often does character b follow
# directly after character a? A natural answer is `text.count(a + b)`. It is wrong. Can you see why, before you run?

# %%
print(lesson.grade(2, lambda text, a, b: text.count(a + b)))

# %% [markdown]
# In three equal letters, one follows another twice; but `str.count` does not count places that overlap. Three letters are
# enough to see it. In a long text you would have searched for hours.

# %% [markdown]
# ## The way through the book
#
# | lesson | its question |
# |---|---|
# | **The tools** | |
# | 1 · this one | What is a language model? |
# | [2 · NumPy and shapes](02_numpy_and_shapes.ipynb) | What shape comes out? |
# | **Learning** | |
# | [3 · The chain rule](03_chain_rule.ipynb) | If I turn this knob, what happens at the far end? |
# | [4 · Reverse mode](04_reverse_mode.ipynb) | How does one get a million slopes for the price of one? |
# | [5 · The derivative table](05_derivative_table.ipynb) | What is the gradient of an array function? |
# | [6 · Checking gradients](06_checking_gradients.ipynb) | How do I know that a gradient is right? |
# | [7 · Linear layers](07_linear_layers.ipynb) | Why is one layer not enough, and two are? |
# | [8 · Softmax and likelihood](08_softmax_and_likelihood.ipynb) | What is a good probability? |
# | [9 · Optimisers](09_optimizers.ipynb) | How large a step? |
# | **Text as numbers** | |
# | [10 · Tokens](10_tokens.ipynb) | What are the small steps of a text? |
# | [11 · Embeddings and positions](11_embeddings_and_positions.ipynb) | Who bit whom? |
# | **The Transformer** | |
# | [12 · Attention](12_attention.ipynb) | How does a word find the words it belongs to? |
# | [13 · Masks and heads](13_masks_and_heads.ipynb) | Where may it look, and how many ways at once? |
# | [14 · Normalisation and depth](14_normalization_and_depth.ipynb) | Why can a hundred layers learn? |
# | [15 · The Transformer layer](15_transformer_layer.ipynb) | How do the parts fit together? |
# | [16 · Why not an RNN?](16_why_not_an_rnn.ipynb) | What was wrong with reading one word at a time? |
# | **Models** | |
# | [17 · Causal pretraining](17_causal_pretraining.ipynb) | What does a model learn from plain text? |
# | [18 · Generation](18_generation.ipynb) | How does it write? |
# | [19 · Masked pretraining](19_masked_pretraining.ipynb) | And if it may look both ways? |
# | [20 · A classifier](20_classifier.ipynb) | How does a model of text become a judge of texts? |
# | [21 · Does pretraining help?](21_does_pretraining_help.ipynb) | How would you know? |
# | [22 · On a GPU](22_on_a_gpu.ipynb) | What changes, and what does not? |
# | **The family** | |
# | [23 · Encoder and decoder](23_encoder_and_decoder.ipynb) | How does a model write about something it has read? |
# | [24 · Sequence to sequence](24_sequence_to_sequence.ipynb) | How does it learn to translate? |
# | [25 · Beam search](25_beam_search.ipynb) | Is the likeliest word at each step the likeliest sentence? |
# | [26 · Autoencoding](26_autoencoding.ipynb) | What is left of a text that must pass through a few numbers? |
# | [27 · Two objectives](27_two_objectives.ipynb) | What did BERT learn besides filling gaps? |
# | [28 · Named entities](28_named_entities.ipynb) | Who, where, what: which words are names? |
# | [29 · Question answering](29_question_answering.ipynb) | Where in a text does the answer stand? |
# | [30 · Summarisation](30_summarisation.ipynb) | What is the short of it? |
# | [31 · Embeddings and retrieval](31_embeddings_and_retrieval.ipynb) | Which texts mean the same? |
# | [32 · A family portrait](32_family_portrait.ipynb) | How different are GPT-2, BERT, T5 and Llama? |
# | [33 · Opening a real model](33_opening_a_real_model.ipynb) | What is in the file? |
# | [34 · Dialogue and code](34_dialogue_and_code.ipynb) | How does a model learn to answer, and to program? |
# | [35 · Where the time goes](35_speed.ipynb) | What is the least time that all this could take? |
#
# In order, each uses only what came before. Each says at its head what it builds on, if you are here for one thing.

# %% [markdown]
# ## Break it: a hundred times too far
#
# The training above turned every number by a step of a certain size, the **learning rate**, 0.005. We give three equal
# models 200 steps each: with a rate a hundred times smaller, with the same, and with one a hundred times larger.
# **Predict** the three curves. Does the large one (a) learn a hundred times faster, (b) stop with an error, (c) learn
# badly?

# %% tags=["varies"]
curves, ends = {}, {}
for rate in (5e-5, 5e-3, 0.5):
    manual_seed(0)
    trial = GPT(model.config)
    config = TrainConfig(steps=200, lr=rate, workers=1, log_every=10)
    records = train(trial, Causal(), windows, None, config, progress=False).train
    curves[f"rate {rate}"] = [(record["step"], record["loss"]) for record in records]
    ends[rate] = evaluate(trial, Causal(), at_unseen.evaluation(), workers=1)["loss"]
    print(f"rate {rate:7}: loss {ends[rate]:.2f} on unseen text")
assert max(loss for _, loss in curves["rate 0.5"]) > math.log(V)           # worse than guessing, at first
assert ends[5e-3] < by_pairs < ends[0.5] - 0.2 and ends[5e-5] > by_frequency
viz.loss_curve(curves, title="Too small a step crawls, too large a step gets stuck",
               baselines={"frequencies": by_frequency, "pairs": by_pairs})

# %% [markdown]
# Answer (c). The large rate first makes things *worse than guessing*, comes down, and stays about where counting the
# letters' frequencies is: it has learned which characters are common, and hardly anything about what follows what. The
# small rate does everything right, and is hardly on its way. Neither gives an error. That is the rule in this field:
# **mistakes show as numbers, not as messages**. So we always have something to compare with, such as the dotted lines.
#
# Which test would catch it? None can: a rate is a choice, and no property of the code is violated. What the library does
# stop is a run whose loss is no longer a number at all, at once, and says where
# (`test_a_loss_that_is_not_finite_stops_with_step_rate_and_operation` in
# [tests/training/test_trainer.py](../tests/training/test_trainer.py)). How to choose a rate is the subject of lesson 9.

# %% [markdown]
# ## Exercises
#
# They are easy and meant for getting to know the mechanics. Replace each `...` and run the cell. What you have solved is
# noted in `lessons/progress.json`; `lesson.solved()` shows it. Worked solutions:
# [solutions/01_how_to_read_this_book.ipynb](solutions/01_how_to_read_this_book.ipynb).
#
# **1. The ledger.** Which number has the *masked language model* of documents 002 §4.3 and 004 §4.3? Look it up (`tinyllm
# formulas` in a terminal, or `ledger.read()` here). A string such as "F1".

# %%
number = ...

check(1, number)


# %% [markdown]
# **2. Pairs.** How often does character b follow directly after character a in the text? (a and b may be the same.)

# %%
def times_followed(text, a, b):
    ...


check(2, times_followed)


# %% [markdown]
# **3. A probability.** Of all the times that *something* follows a, in what share is it b? 0 where nothing ever follows a.

# %%
def probability_of_next(text, a, b):
    ...


check(3, probability_of_next)


# %% [markdown]
# **4. Knowing nothing.** The loss, in nats a token, of a model that gives each of v tokens the same probability.

# %%
def loss_of_guessing_evenly(v):
    ...


check(4, loss_of_guessing_evenly)


# %% [markdown]
# **5. The loss.** p (N,) holds the probability that a model gave to each of N tokens which then really came. Its loss, one
# number.

# %%
def loss_of(p):
    ...


check(5, loss_of)


# %% [markdown]
# **6. Something to think about: a writer.** Continue from the character `start`: append the character that most often
# follows the last one in the text (of equally frequent ones the first in the alphabet), n times, or until nothing ever
# follows. Answer what was appended, without `start`. (Then try it on `text[:20_000]` with n = 60. What happens, whatever
# the start? Lesson 18 measures it.)

# %%
def written(text, start, n):
    ...


check(6, written)

# %% [markdown]
# ## What you can now explain
#
# - A language model gives, for a beginning, a probability for each possible next token; it writes by drawing, and is judged
# by its mean surprise at text it has not seen.
# - $\ln V$ is the loss of knowing nothing, and simple counting is the bar that a network has to clear.
# - *Autoregressive* means: all tokens before, none after. Two of the documents say something else.
# - How the book works: predict, run, break; the ledger; formulas and their twins; tests as proofs; exercises that show the
# smallest failing case.
#
# From here on nothing is taken on trust. [Lesson 2](02_numpy_and_shapes.ipynb) begins with the arrays.
