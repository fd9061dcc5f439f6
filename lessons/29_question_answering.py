# %% [markdown]
# # 29 · Question answering
#
# *How does a model answer with a piece of the text, and how can it say that the answer is not there?*
#
# *Reading 40 min · running 55 s · builds on lessons 8 (softmax), 13 (masks), 19 (a model that reads both ways) and 28
# (named entities)*
#
# **Afterwards you can** turn an encoder into a reader that points at an answer, derive its loss and its search, cut a long
# text into windows without losing answers, compute exact match and F1 by hand, find the text to read among many, and say
# what a score is worth beside simple methods.

# %%
import random
import sys
from collections import Counter

import numpy as np

import tinyllm.functional as F
from tinyllm import manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.data import Answer, AnswerSpans, Question, builtin
from tinyllm.metrics import answer_f1, answer_scores, exact_match
from tinyllm.models import Bert, BertConfig, SpanReader
from tinyllm.tokenizers import ByteBPETokenizer
from tinyllm.training import SpanExtraction, TrainConfig, train

lesson = open_lesson("29_question_answering")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# > Ulla is a farmer. The home of Lukas is in Ashford. Coldwell is where Ulla lives. A red letter belongs to Maria. The
# > letter is in the office. Lukas is a tailor. A yellow book belongs to Lukas.
#
# *Where does Lukas live?* You found the sentence and read the town off it. *Where does the owner of the book live?* You
# needed two sentences: one says who is meant, the other what is asked. *What is the owner of the letter by trade?* Nobody
# tells. The right answer is that there is none, and it is the hardest one to give for a machine that was built to answer.
#
# [datasets/questions](../datasets/questions/README.md) has 2,779 such questions on stories made by a small grammar, in the
# format of SQuAD 2.0 (Rajpurkar, Jia and Liang 2018). They are of the three levels you have just met.

# %%
data = builtin("questions")
sys.path.insert(0, str(data.folder.parent))
from build import generator                                         # noqa: I001  the program that made the set

stories = generator("questions")
level = np.array([entry["level"] for story in stories.splits()["test"] for entry in story["qas"]])
for question in data.test[:5]:
    print(f"{question.question:48}", question.answers[0].text if question.answers else "(none)")
print({k: int((level == k).sum()) for k in (1, 2, 3)}, "test questions by level")
assert len(level) == len(data.test)

# %% [markdown]
# ## What the document prints (T3)
#
# Document 000 §6.1 describes question answering by a language model in three steps (001 §3.4 and 002 §3.3 name the task
# only):
#
# > 1. Understand the user's question and extract the key information.
# > 2. Get related information by means of external knowledge such as a knowledge graph.
# > 3. Organise the information into an answer in natural language.
#
# It is a fair sketch, without a formula. What does "extract" compute? What is an answer? Who says that there is none? Here
# the sketch is filled in, from the inside out: first the **reader**, which finds the answer in a given text; then, at the
# end, a **retriever** for step 2, which finds the text. Step 3, writing in own words, is what lessons 24 and 30 are about.
# Ours is **extractive**: the answer is copied from the text, so it can be checked against it.
#
# An answer is then a pair of places, a first token $i$ and a last token $j \geq i$. The reader is an encoder with two rows
# on top (Devlin et al. 2019, §4.2):
#
# $$h = \text{encoder}(\text{[CLS] question [SEP] passage [SEP]}) \qquad s_t = w_s \cdot h_t + b_s
# \qquad e_t = w_e \cdot h_t + b_e$$
#
# $$p_{\text{start}}(i) = \frac{e^{s_i}}{\sum_{t} e^{s_t}} \qquad p_{\text{end}}(j) = \frac{e^{e_j}}{\sum_{t} e^{e_t}}
# \qquad \mathcal{L} = -\tfrac{1}{2} \left(\log p_{\text{start}}(i^*) + \log p_{\text{end}}(j^*)\right)$$
#
# | symbol | shape | what it is |
# |---|---|---|
# | $h$ | $(B, T, C)$ | a vector for each token of question and passage together |
# | $w_s$, $w_e$ | $(C)$ each | the head: two rows |
# | $s$, $e$ | $(B, T)$ each | start logits and end logits |
# | $i^*$, $j^*$ | $(B)$ each | where the right answer begins and ends; both 0, the place of [CLS], where there is none |
#
# Compare with lesson 28: there the softmax ran over the *tags* of one token; here it runs over the *tokens* of one text.
# The classes are places.

# %% [markdown]
# ## By hand: from logits to a span
#
# Six places: [CLS], four tokens of the passage, [SEP]. Since start and end are taken to be independent, the log probability
# of a span is $s_i + e_j$ minus two constants. So the best span is the largest $s_i + e_j$ *among those with $i \leq j$*:

# %%
tokens = ["[CLS]", "in", "the", "red", "tower", "[SEP]"]
s = np.array([1.0, 0.5, 3.0, 2.0, 3.2, 0.0])
e = np.array([1.0, 0.0, 0.2, 2.5, 2.4, 0.0])

scores = np.full((6, 6), -np.inf)
for i in range(1, 5):
    for j in range(i, 5):
        scores[i, j] = s[i] + e[j]
i, j = np.unravel_index(scores.argmax(), scores.shape)
print("each by itself: start", tokens[s.argmax()], "and end", tokens[e.argmax()], "- it ends before it begins")
print("together:", tokens[i : j + 1], scores[i, j], "against no answer:", s[0] + e[0])
assert (i, j) == (4, 4) and np.isclose(scores[i, j], 5.6)
viz.heatmap(np.where(np.isfinite(scores), scores, np.nan)[1:5, 1:5], "last token", "first token",
            "The best span is the largest sum (nan: it ends before it begins)", label="start + end logit", values=True,
            rows=tokens[1:5], columns=tokens[1:5])

# %% [markdown]
# The two largest logits taken one by one would have been *tower* and *red*: a span that ends before it begins. And [CLS]?
# Whatever has no answer points there, so $s_0 + e_0$ is the score of "no answer". One gives an answer where
#
# $$s_0 + e_0 - \max_{1 \leq i \leq j} (s_i + e_j) \leq \tau$$
#
# with a **threshold** $\tau$ chosen on the validation side: a larger $\tau$ answers more often.

# %%
def best_span(starts, ends, null, longest=30):
    """The best (first, last) and its score, and by how much "no answer" leads."""
    scores = starts[:, None] + ends[None, :]                                    # (n, n)
    i, j = np.indices(scores.shape)
    scores = np.where((j >= i) & (j < i + longest), scores, -np.inf)
    first, last = np.unravel_index(scores.argmax(), scores.shape)
    return (int(first), int(last)), scores.max(), null - scores.max()


print(best_span(s[1:5], e[1:5], s[0] + e[0]))

# %% [markdown]
# ## Right or wrong: exact match and F1 (T3)
#
# Two measures are in use (Rajpurkar et al. 2016, §6.1). Both first **normalise**: lower case, no punctuation, no *a*, *an*,
# *the*. **Exact match** is 1 if the two are then equal. **F1** is lesson 28's, of the *words* the two have in common:

# %%
def normal(text):
    kept = "".join(c for c in text.lower() if c not in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
    return [word for word in kept.split() if word not in ("a", "an", "the")]


def my_f1(gold, guess):
    gold, guess = normal(gold), normal(guess)
    if not gold or not guess:
        return float(gold == guess)
    common = sum((Counter(gold) & Counter(guess)).values())
    return 2 * common / (len(gold) + len(guess))


for gold, guess in (("the Eiffel Tower", "Eiffel tower."), ("in the summer of 1889", "summer 1889"), ("", "summer"),
                    ("", "")):
    print(f"{gold!r:26} {guess!r:18} exact match {exact_match(gold, guess):.0f}, F1 {my_f1(gold, guess):.3f}")
    assert np.isclose(my_f1(gold, guess), answer_f1(gold, guess))
    assert exact_match(gold, guess) == (normal(gold) == normal(guess))

# %% [markdown]
# The second line by hand: gold has 4 words (*in summer of 1889*), the guess 2, 2 in common; 2 · 2 / (4 + 2) = 2/3. And
# where there is no answer, only silence is right.
#
# Now two methods without a network. The first never answers. The second takes the sentence that has most words in common
# with the question, and from it the word that was most often the answer to questions that begin alike; it stands in
# [datasets/baselines.py](../datasets/baselines.py).

# %%
from baselines import nearest_sentence, opening                     # noqa: I001

gold_test = [[answer.text for answer in question.answers] for question in data.test]
known = {}
for question in data.train:
    known.setdefault(opening(question.question), Counter()).update(answer.text for answer in question.answers)


def by_level(guessed):
    """Exact match over all test questions, and at each level."""
    rows = [np.arange(len(level)), *(np.flatnonzero(level == k) for k in (1, 2, 3))]
    return [answer_scores([gold_test[i] for i in part], [guessed[i] for i in part]).exact_match for part in rows]


near = [nearest_sentence({"question": q.question, "context": q.passage}, known) for q in data.test]
results = {"never an answer": by_level([""] * len(data.test)), "nearest sentence": by_level(near)}
for method, values in results.items():
    print(f"{method:18} exact match {values[0]:.1%}; by level", ", ".join(f"{value:.1%}" for value in values[1:]))

# %% [markdown]
# Look at level 3 before you praise the nearest sentence: it is silent there by accident, when the sentence it took has no
# word that fits. And a method that never says anything is right a third of the time. A score on questions without answers
# always needs that number beside it.

# %% [markdown]
# ## Windows
#
# A reader sees so many tokens at once and no more. A longer passage is cut into **windows**, each with the whole question
# in front. Where one window ends, an answer might be cut in two; so neighbours **overlap**. With room for $r$ passage
# tokens and an overlap of $o$, windows begin at $0, r - o, 2(r - o), \dots$ An answer of at most $o + 1$ tokens stands
# whole in at least one of them: if it starts in the last $o$ tokens of a window, where it might be cut, the next window
# begins at or before its start.

# %%
def my_windows(n, room, overlap):
    """(first, one past the last) of the windows on n tokens."""
    starts = [0]
    while starts[-1] + room < n:
        starts.append(starts[-1] + room - overlap)
    return [(start, min(start + room, n)) for start in starts]


tokenizer = ByteBPETokenizer.train([text for q in data.train for text in (q.passage, q.question)], 700)
long = Question("long", "Who owns it?", " ".join(q.passage for q in data.train[:30:6]), ())
source = AnswerSpans([long], tokenizer, 8, max_length=64, overlap=16)
n, room = len(source.passages[0][0]), 64 - len(source.asked[0]) - 3
windows = my_windows(n, room, 16)
assert windows == [(start, start + count) for _, start, count, *_ in source.windows.tolist()]
for o in range(8):                                                              # every answer of up to o + 1 tokens is held
    for first in range(n - o):
        assert any(a <= first and first + o < b for a, b in my_windows(n, 20, o))
with viz.figure(7, 2.4) as (fig, ax):
    ax.barh(range(len(windows)), [b - a for a, b in windows], left=[a for a, _ in windows], height=0.7)
    ax.invert_yaxis()
    ax.set(xlabel="token of the passage", ylabel="window", title=f"{n} tokens in windows of {room}, neighbours share 16")
fig

# %% [markdown]
# Training: a window that holds the whole answer has its places as targets; every other window of the same passage points at
# [CLS], "not here". Answering: the best span over all windows wins; and there is no answer only if *every* window says so,
# so the score of no answer is the *smallest* $s_0 + e_0$ of the windows. [`AnswerSpans`](../tinyllm/data/answer_spans.py)
# does both. (Windows make reading longer texts linear in their length, at a price: two facts in different windows never
# meet. The square in the length of attention is a matter of lesson 13.)

# %% [markdown]
# ## A reader that learns (T3)
#
# A reader from scratch has to discover that the *Lukas* of the question and the *Lukas* of the story are the same, that
# what stands in the same sentence belongs to it, and which words are towns; and little of it pays before all of it is
# there. A paper about reading Wikipedia (Chen et al. 2017, §3.2) has a sure way out: tell the network which passage tokens
# also stand in the question. They call the feature **exact match**, and it was among their most useful ones. Here it is a
# third kind of segment: 0 question, 1 passage, 2 passage and in the question too. (`marked=True`; the trunk gets
# `n_segments=3`.) Below, the same reader is trained without it as well.

# %%
def batches(questions, size=32, marked=True):
    return AnswerSpans(questions, tokenizer, size, max_length=128, overlap=32, max_question=32, marked=marked)


batch = next(batches(data.train[:1]).evaluation())
viz.token_strip([tokenizer.decode([t]) for t in batch["ids"][0]], batch["segment_ids"][0], "Three kinds of segments",
                label="segment")

# %% [markdown]
# The second help is more stories. The table holds 310 stories, and a network of this size learns them by heart. But stories
# come from a program, so there are as many as we like:

# %%
def told(n, seed):
    """Questions on n new stories: every question that can be asked of each."""
    rng, found = random.Random(seed), []
    for number in range(n):
        people = stories.draw_people(rng)
        sentences = stories.tell(rng, people)
        passage = " ".join(sentences.values())
        for k, entry in enumerate(entry for person in people for entry in stories.questions(person)):
            _, question, answer, fact, name = entry
            answers = ()
            if answer is not None:
                sentence = sentences[fact, name]
                answers = (Answer(answer, passage.index(sentence) + sentence.index(answer)),)
            found.append(Question(f"{number}-{k}", question, passage, answers))
    return found


test_stories = {q.passage for q in data.test} | {q.passage for q in data.validation}
more = [q for q in told(1500, seed=1) if q.passage not in test_stories]
print(f"{len(more):,} questions on {len({q.passage for q in more}):,} stories; for instance: {more[7].question}")

# %% tags=["varies"]
def new_reader(seed=0):
    manual_seed(seed)
    trunk = Bert(BertConfig(tokenizer.vocab_size, context=128, n_layers=3, n_heads=4, d_model=64, positions="rotary",
                            n_segments=3, masked_head=False))
    return SpanReader(trunk)


reader = new_reader()
batch = next(batches(data.train, 4).evaluation())
real = batch["attention_mask"]                                                  # (B, T)
with no_grad():
    z = reader(batch["ids"], real, batch["segment_ids"]).numpy()                # (B, T, 2)
log_p = F.log_softmax(np.where(real[:, :, None], z, -np.inf), axis=1)           # over the places
rows = np.arange(4)
by_hand = -np.mean(log_p[rows, batch["starts"], 0] + log_p[rows, batch["ends"], 1]) / 2
np.testing.assert_allclose(by_hand, SpanExtraction().loss(reader, batch).item(), rtol=1e-5)
print(f"loss before training {by_hand:.3f}, ln of the number of places {np.log(real.sum(axis=1)).mean():.3f}")

# %% [markdown]
# Predict before you run: which level is learned first, which last, and which will not be learned at all?

# %% tags=["varies"]
def read(reader, questions, marked=True):
    """What the reader finds in each passage, with the score of no answer."""
    source, logits = batches(questions, 100, marked), {}
    with no_grad():
        for batch in source.evaluation():
            found = reader(batch["ids"], batch["attention_mask"], batch["segment_ids"]).numpy()
            logits.update(zip(batch["row"].tolist(), found))
    return source.readings(logits)


def learn(reader, steps, valid=None, marked=True):
    config = TrainConfig(steps=steps, optimizer="muon", muon_lr=0.02, lr=5e-3, weight_decay=0.01, schedule="linear", min_lr=0.0,
                         eval_every=80, log_every=80, workers=1)
    train(reader, SpanExtraction(), batches(more, marked=marked), valid, config, progress=False)


curve = {f"level {k}": [] for k in (1, 2, 3)}


class Watched:
    """The validation side for `train`, which notes how the test levels do. (For the picture; nothing is chosen by it.)"""

    def evaluation(self, *size):
        for k, share in enumerate(by_level([reading.answer(0.0) for reading in read(reader, data.test)])):
            if k:
                curve[f"level {k}"].append((80 * (len(curve[f"level {k}"]) + 1), share))
        return batches(data.validation, 100).evaluation()


learn(reader, 320, Watched())
unmarked = new_reader()
learn(unmarked, 160, marked=False)
blind = by_level([reading.answer(0.0) for reading in read(unmarked, data.test, marked=False)])
print(f"level 1 after 160 steps: {curve['level 1'][1][1]:.1%}, without the marks {blind[1]:.1%}")
assert curve["level 1"][1][1] > blind[1] + 0.2
viz.lines(curve, "step", "exact match on unseen stories", "One fact is found; where two must be joined, it guesses",
          baselines={"level 1, 160 steps without marks": blind[1]})

# %% [markdown]
# With the same stories, steps and first weights, the reader without marks has at best learned which *kind* of word is asked
# for. One bit a token, which says "you stand in the question", is the difference.
#
# So far an answer was given where it scored higher than [CLS]. Now choose the threshold $\tau$, on the validation side, and
# look at what it trades:

# %% tags=["varies"]
readings = read(reader, data.test)
by_valid = read(reader, data.validation)
gold_valid = [[answer.text for answer in q.answers] for q in data.validation]


def score(gold, readings, threshold):
    return answer_scores(gold, [reading.answer(threshold) for reading in readings]).exact_match


thresholds = np.linspace(-8, 8, 65)
threshold = max(thresholds, key=lambda t: (score(gold_valid, by_valid, t), -abs(t)))   # of equals the nearest to 0
results["network"] = by_level([reading.answer(threshold) for reading in readings])
for method, values in results.items():
    print(f"{method:18} exact match {values[0]:.1%}; by level", ", ".join(f"{value:.1%}" for value in values[1:]))
print(f"threshold chosen on the validation side: {threshold:+.2f}")
print(answer_scores(gold_test, [reading.answer(threshold) for reading in readings]))
assert results["network"][0] > results["nearest sentence"][0] + 0.15
assert results["network"][1] > results["nearest sentence"][1] + 0.3
traded = np.array([by_level([reading.answer(t) for reading in readings]) for t in thresholds[::4]])
viz.lines({name: list(zip(thresholds[::4], traded[:, k])) for k, name in enumerate(("all", "level 1", "level 2", "level 3"))},
          "threshold: how far “no answer” may lead", "exact match on the test side", "The threshold trades level 2 for level 3")

# %% tags=["varies"]
viz.accuracy_bars(results, ["all", "level 1", "level 2", "level 3"], "Exact match on 590 questions about 100 unseen stories")

# %% [markdown]
# Level 1 is done: one fact, one sentence. Of the other two levels the network cannot have both. To its eyes they look
# alike: no word of the right kind stands in a sentence with a mark. In level 2 the one who is meant is named there, and the
# answer stands in *his* other sentence, which shares no word with the question; the mark would have to be passed on from
# one *Lukas* to the next, and comparing words is just what the reader did not learn by itself. So it can guess (a third of
# level 2, or somewhat more, and level 3 suffers) or be silent, and the validation side says that silence pays. The number
# for all levels hides that; the three beside it do not. Joining facts is where this small reader ends.

# %% [markdown]
# What the answer to a question looks like from inside: the start probabilities over one passage, for two questions.

# %% tags=["varies"]
story = next(q for q in data.test if not q.impossible).passage
asked = [next(q for q, k in zip(data.test, level) if q.passage == story and k == wanted) for wanted in (1, 3)]
strip, values = [], []
for question in asked:
    batch = next(batches([question]).evaluation())
    with no_grad():
        z = reader(batch["ids"], batch["attention_mask"], batch["segment_ids"]).numpy()[0, :, 0]
    strip += [tokenizer.decode([t]) for t in batch["ids"][0]]
    values += list(F.softmax(z))
    right = question.answers[0].text if question.answers else "(none)"
    print(f"{question.question} → {read(reader, [question])[0].answer(threshold) or '(none)'}; right is {right}")
viz.token_strip(strip, values, "Where the answer begins: probability over the places of two questions", label="p(start)")

# %% [markdown]
# ## First find, then read
#
# Step 2 of the document. Somebody asks, and nobody says which text to read. Where there are many, a **retriever** picks one
# by counting words, which is fast, and the reader reads that one. The classic score is BM25 (Robertson et al. 1994): each
# word $w$ of the question that stands in a text $d$ adds
#
# $$\underbrace{\ln\frac{N - n_w + 0.5}{n_w + 0.5}}_{\text{rare words say more}} \cdot
# \frac{f_w \,(k + 1)}{f_w + k\,(1 - b + b\,|d| / \overline{|d|})}$$
#
# $N$ texts, $n_w$ of them with the word, $f_w$ times in this one; $k$ bounds what repetition is worth, $b$ takes away the
# advantage of long texts. (We add 1 inside the logarithm, so that no word counts against a text.)

# %%
def words_of(text):
    return text.replace(".", "").replace("?", "").lower().split()


def bm25(question, texts, k=1.2, b=0.75):
    """The score of each text, (N,)."""
    bags = [Counter(words_of(text)) for text in texts]
    lengths = np.array([bag.total() for bag in bags])
    total = np.zeros(len(texts))
    for word in set(words_of(question)):
        f = np.array([bag[word] for bag in bags])                               # (N,)
        n = np.count_nonzero(f)
        rare = np.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
        total += rare * f * (k + 1) / (f + k * (1 - b + b * lengths / lengths.mean()))
    return total


library, people, about, nameless = [], set(), [], []
for question in told(300, seed=2):                                              # new stories, about different people
    own = {word for word in question.passage.replace(".", "").split() if word in stories.NAMES}
    if question.passage not in library and not own & people:
        library.append(question.passage)
        people |= own
    if question.passage in library and not question.impossible:
        asked_words = set(question.question.rstrip("?").split())
        (about if asked_words & people else nameless).append(question)


def retrieve(questions):
    return [library[int(bm25(q.question, library).argmax())] for q in questions]


hits = {name: np.mean([text == q.passage for text, q in zip(retrieve(questions), questions)])
        for name, questions in (("with a name", about), ("without", nameless))}
print(f"{len(library)} stories. The right one is found for {hits['with a name']:.0%} of {len(about)} questions with a name, "
      f"{hits['without']:.0%} of {len(nameless)} others")
assert hits["with a name"] == 1.0 and hits["without"] < 0.9

# %% tags=["varies"]
def answered(questions, passages):
    rows = [Question(f"{i}", q.question, passage, ()) for i, (q, passage) in enumerate(zip(questions, passages))]
    gold = [[answer.text for answer in q.answers] for q in questions]
    return answer_scores(gold, [reading.answer(threshold) for reading in read(reader, rows)]).exact_match


other = [library[(library.index(q.passage) + 1) % len(library)] for q in about]
ends = {"right story": answered(about, [q.passage for q in about]), "story found": answered(about, retrieve(about)),
        "another story": answered(about, other)}
print({name: f"{value:.0%}" for name, value in ends.items()})
assert ends["story found"] == ends["right story"] > ends["another story"] + 0.7

# %% [markdown]
# An answer can be no better than the text it is read from. Here names make retrieval easy; ask *Where is the map?* and
# several stories of the library have one. Then no counting of words helps, and the question itself is too short. A
# **knowledge graph**, which the document names, would hold (Lukas, lives in, Ashford) as an edge instead of a sentence; our
# stories are drawn from exactly such facts. [Lesson 31](31_embeddings_and_retrieval.ipynb) finds texts by meaning instead
# of words.

# %% [markdown]
# ## Break it: windows that do not overlap
#
# Our stories fit into one window of 128 tokens. Read them through windows of 48, question included, and predict what an
# overlap of 0 costs. Every answer here is a single token, so no answer is ever cut in two!

# %% tags=["varies"]
def through_windows(overlap):
    source = AnswerSpans(data.test, tokenizer, 100, max_length=48, overlap=overlap, marked=True)
    logits = {}
    with no_grad():
        for batch in source.evaluation():
            z = reader(batch["ids"], batch["attention_mask"], batch["segment_ids"]).numpy()
            logits.update(zip(batch["row"].tolist(), z))
    return by_level([reading.answer(threshold) for reading in source.readings(logits)])[1]


by_overlap = {overlap: through_windows(overlap) for overlap in (0, 6, 12, 18)}
print({overlap: f"{share:.1%}" for overlap, share in by_overlap.items()})
assert by_overlap[12] > by_overlap[0]
viz.lines({"windows of 48 tokens": list(by_overlap.items())}, "tokens that neighbours share", "exact match at level 1",
          "What is cut is not the answer but its sentence", baselines={"one window": results["network"][1]})

# %% [markdown]
# The answer is whole, but the name that belongs to it stands behind the cut. An overlap has to hold the answer *and what
# tells that it is one*. (And two sentences far apart are never in one window: level 2 has no chance.)
# `test_windows_cover_the_passage_and_hold_the_answer` in
# [tests/data/test_answer_spans.py](../tests/data/test_answer_spans.py) holds the bookkeeping.

# %% [markdown]
# ## Break it: a softmax over padding
#
# A row in a batch is filled up to the length of the longest. Forget that in the softmax, and padding becomes a place where
# an answer might begin. Predict: does the loss of a question change with its *company*?

# %%
fresh, question = new_reader(), data.test[0]                                   # untrained: it says anything anywhere
batch = next(batches([question]).evaluation())
T = batch["ids"].shape[1]
losses = {"padding is −∞": [], "padding counts": []}
for extra in (0, 16, 32, 48):
    padded = {key: np.pad(batch[key], ((0, 0), (0, extra))) for key in ("ids", "attention_mask", "segment_ids")}
    with no_grad():
        z = fresh(padded["ids"], padded["attention_mask"], padded["segment_ids"]).numpy()[0]           # (T + extra, 2)
    without = np.where(padded["attention_mask"][0][:, None], z, -np.inf)
    for name, logits in (("padding is −∞", without), ("padding counts", z)):
        log_p = F.log_softmax(logits, axis=0)
        losses[name].append((extra, float(-(log_p[batch["starts"][0], 0] + log_p[batch["ends"][0], 1]) / 2)))
for name, curve_of in losses.items():
    print(f"{name:15}", ", ".join(f"{loss:.4f}" for _, loss in curve_of))
masked, leaking = (np.array([loss for _, loss in losses[name]]) for name in losses)
assert np.ptp(masked) < 1e-3 and leaking[-1] > masked[-1] + 0.2
viz.lines(losses, "padding behind the row", "loss of one question (nats)",
          "The loss of a question must not know its neighbours")

# %% [markdown]
# A reader trained without the mask would learn to be silent at padding, and no number would look wrong. But part of its
# effort goes there, and the same question has another loss in other company, so that losses of two batch sizes cannot be
# compared. `test_padding_changes_no_loss` puts the same row in two companies
# ([tests/training/test_objectives.py](../tests/training/test_objectives.py)).

# %% [markdown]
# ## Exercises
#
# Solutions with derivations: [solutions/29_question_answering.ipynb](solutions/29_question_answering.ipynb).
#
# **1. By hand (warm-up).** Start logits 0, 4, 1, 3 and end logits 0, 1, 2, 0.5 of four places; place 0 is [CLS]. Which span
# of places 1 to 3 is best, and by how much does it beat "no answer"? A triple: first, last, lead.

# %%
first, last, lead = ..., ..., ...

check(1, ... if first is ... else (first, last, lead))


# %% [markdown]
# **2. The best span.** starts (n,), ends (n,) → (i, j) with $i \leq j < i + $ longest and the largest starts[i] + ends[j].
# Of equal sums take any.

# %%
def find_span(starts, ends, longest):
    ...


check(2, find_span)


# %% [markdown]
# **3. F1 of words.** gold and guess are lists of words, normalised already. Words count as often as they stand in both.
# Where one of the two is empty: 1.0 if both are, else 0.0.

# %%
def words_f1(gold, guess):
    ...


check(3, words_f1)


# %% [markdown]
# **4. Windows.** The first tokens of the windows on n tokens, with room for `room` of them and an overlap of `overlap` <
# room. A list; the last window must reach the end, and no window is there for nothing.

# %%
def window_starts(n, room, overlap):
    ...


check(4, window_starts)


# %% [markdown]
# **5. From characters to tokens.** places (T, 2) are the characters of each token, in order; the answer is text[start:end].
# The first and the last token that share a character with it, as a pair; the empty tuple if no token does.

# %%
def tokens_of(places, start, end):
    ...


check(5, tokens_of)


# %% [markdown]
# **6. Something to think about.** starts (T,) are start logits, real (T,) says which places are no padding, gold is the
# right place. The loss is $-\log p_{\text{start}}(\text{gold})$, the softmax over real places only. Its gradient with
# respect to starts, (T,).

# %%
def gradient_of_starts(starts, real, gold):
    ...


check(6, gradient_of_starts)

# %% [markdown]
# ## What you can now explain
#
# - An answer as two places: a softmax over tokens instead of labels, and the search for the best pair.
# - How [CLS] says "no answer", what the threshold decides, and why it is chosen on the validation side.
# - Exact match, F1 and the score of never answering.
# - Windows, their overlap, and what else than the answer they can cut.
# - Retrieve, then read; and which facts a small reader finds, and which it does not join.
#
# [Lesson 30](30_summarisation.ipynb) turns to answers that stand nowhere in the text.
