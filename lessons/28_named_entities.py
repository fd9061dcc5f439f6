# %% [markdown]
# # 28 · Named entities
#
# *Jordan: a person, a country or a firm? How does a model answer for every word instead of once for the text?*
#
# *Reading 40 min · running 40 s · builds on lessons 10 (tokens), 19 (a model that reads both ways) and 20 (a classifier)*
#
# **Afterwards you can** write entities as tags and read them back in any scheme, let pieces of words carry the tags of
# words, compute precision, recall and F1 of whole entities by hand, say why the accuracy of tags flatters, and train a
# network that tells by the neighbours what a name is.

# %%
from collections import Counter, defaultdict

import numpy as np

import tinyllm.functional as F
from tinyllm import manual_seed, no_grad, viz
from tinyllm.book import open_lesson
from tinyllm.data import TaggedSentence, TaggedSentences, builtin, fetched, tag_names, to_bio
from tinyllm.data.tagged import first_pieces
from tinyllm.metrics import entities, entity_scores
from tinyllm.models import Bert, BertConfig, TokenClassifier
from tinyllm.tokenizers import ByteBPETokenizer
from tinyllm.tokenizers import load as load_tokenizer
from tinyllm.training import TokenClassification, TrainConfig, train

lesson = open_lesson("28_named_entities")
check = lesson.check
lesson.formulas()

# %% [markdown]
# ## The question
#
# > shares of **Jordan** fell sharply .
#
# > it rained in **Jordan** for a week .
#
# > her uncle **Jordan** repairs clocks .
#
# A firm, a country, a person. Nothing in the word tells which; *shares of*, *rained in* and *uncle* do. Finding the names
# in a text, and saying what each of them names, is **named-entity recognition**. It is what fills a database from
# newspapers, and what blackens names in court files before they are published.
#
# Lesson 20 had one answer for a text. Now there is one for every word, and answers belong together: *Jordan Bank* is one
# firm, not a firm and then something else. And the network does not even see words, but pieces of them. Three small
# problems of bookkeeping, and each of them is a classic place for silent mistakes.
#
# [datasets/entities](../datasets/entities/README.md) holds 3,300 sentences, made by a small grammar. A third uses names of
# which each is always of one type (level 1). In a third, names are of any type, or new, and the word that tells stands
# beside them (level 2). In a third, it stands up to eight words away, or the name is part of a longer one (level 3).

# %%
data = builtin("entities")
names = tag_names(data.train)
level = np.array([int(part.split("\n")[0].split()[1])
                  for part in (data.folder / "test.conll").read_text().strip().split("\n\n")])
print(names)
for sentence in data.train[3:9]:
    print(" ".join(word if tag == "O" else f"[{word} {tag}]" for word, tag in zip(sentence.words, sentence.tags)))
assert len(level) == len(data.test) and set(level.tolist()) == {1, 2, 3}

# %% [markdown]
# ## What the documents print (T2)
#
# Document 000 §3.4 lists among the uses of a language model:
#
# > Named-entity recognition: recognise the entities in a text, such as names of persons, places and organisations.
#
# 004 §3.4 adds that fine-tuning makes the rate of recognition higher, and 002 §9 that models do it very well. That is all:
# there is no formula, no form of the answer, no measure. Each of the three has to be settled before anything can be
# trained. So here is the task, defined. A sentence has words $w_1, \dots, w_n$. An **entity** is a type with a first word
# and one past the last: $(\text{type}, i, j)$. Entities do not overlap. Wanted is the set of them. In symbols, for the
# model of this lesson:
#
# $$h = \text{encoder}(\text{ids}) \qquad z_t = W h_t + b \qquad p(y_t = k \mid \text{text}) = \text{softmax}(z_t)_k$$
#
# | symbol | shape | what it is |
# |---|---|---|
# | ids | $(B, T)$ | the tokens: pieces of words |
# | $h$ | $(B, T, C)$ | a vector for each token, which has seen all others |
# | $W$, $b$ | $(K, C)$, $(K)$ | the head: one row for each of the $K$ tags |
# | $z$ | $(B, T, K)$ | logits: for every token, of every tag |
#
# It is lesson 20 without the pooling. What remains to be explained is the tag.

# %% [markdown]
# ## Spans as tags
#
# A network that classifies words must be told about spans word by word. The first idea is to write the type under each
# word:
#
#     Nora  Jordan  met  Ida  Anton  .          two people met Ida, and then Anton? Nora Jordan met "Ida Anton"?
#     PER   PER     O    PER  PER    O
#
# Where two entities of one type touch, the border is lost. Ramshaw and Marcus (1995) gave the words a second mark: **B**
# for the word that *begins* an entity, **I** for one *inside*, that goes on with it, **O** for *outside*. Several schemes
# are in use, all called by these letters:
#
# | scheme | rule | *Nora Jordan met Ida , Lima* | two touching: *Ida Anton* |
# |---|---|---|---|
# | IO | I everywhere | I-PER I-PER O I-PER O I-LOC | I-PER I-PER (lost) |
# | IOB1 | B only where an entity touches one of its own type before it | I-PER I-PER O I-PER O I-LOC | I-PER B-PER |
# | BIO (IOB2) | B on every first word | B-PER I-PER O B-PER O B-LOC | B-PER B-PER |
# | BIOES | also E for the last word, S for a single one | B-PER E-PER O S-PER O S-LOC | S-PER S-PER |
#
# One rule turns IO, IOB1 and BIO into BIO: a tag begins an entity if it says B, *or* if the word before is not of its type.

# %%
def my_bio(tags):
    found, before = [], "O"
    for tag in tags:
        begins = tag[0] == "B" or before[1:] != tag[1:]             # "-PER" against "-PER", "-LOC" or ""
        found.append(tag if tag == "O" else ("B" if begins else "I") + tag[1:])
        before = tag
    return tuple(found)


for tags in (["I-PER", "I-PER", "O", "I-PER", "B-PER"], ["I-PER", "I-LOC", "I-LOC"], ["B-ORG", "I-PER", "I-PER", "O"]):
    print(" ".join(tags), " → ", " ".join(my_bio(tags)))
rng = np.random.default_rng(0)
for _ in range(500):
    tags = [names[i] for i in rng.integers(0, len(names), 8)]
    assert my_bio(tags) == to_bio(tags)

# %% [markdown]
# The library's [`to_bio`](../tinyllm/data/conll.py) knows E and S (also L and U, which others say for them) too. Does the
# difference matter? Count how often two entities of one type touch here: the number of borders that IO would lose.

# %%
touching = sum(tag[0] == "B" and before[1:] == tag[1:]
               for sentence in data.train for before, tag in zip(sentence.tags, sentence.tags[1:]))
print("borders that IO loses in the training set:", touching)
assert touching == 0
print(to_bio(["B-PER", "E-PER", "O", "S-PER", "S-PER", "B-LOC", "E-LOC"]))

# %% [markdown]
# None: in this set, as in most English text, names of one type are kept apart by a comma or an *and*. B still earns its
# keep. It says where to look, and it makes a mistake visible: I-LOC after O is no way to begin.
#
# The other direction, from tags to entities. This is what is scored in the end:

# %%
def my_entities(tags):
    """(type, first word, one past the last), of BIO tags."""
    found = []
    for i, tag in enumerate(tags):
        if tag[0] == "B":
            found.append([tag[2:], i, i + 1])
        elif tag[0] == "I":
            found[-1][2] = i + 1                                    # in BIO there is one before
    return [tuple(entity) for entity in found]


sentence = data.train[5]
print(" ".join(sentence.words), my_entities(sentence.tags))
assert all(my_entities(sentence.tags) == entities(sentence.tags) for sentence in data.train)

# %% [markdown]
# ## Right or wrong, by hand (T2)
#
# How good is a guess? Here are seven words with their tags, and what some model says of them.
#
# | | Nora | van | Jordan | flew | to | Lima | . |
# |---|---|---|---|---|---|---|---|
# | gold | B-PER | I-PER | I-PER | O | O | B-LOC | O |
# | guessed | B-PER | I-PER | O | O | O | B-LOC | O |
#
# Six of seven tags are right, 86 %. But what would a user of the result say? There are two entities, and one was found.
# *Nora van* is nobody. The measure that everybody uses (Tjong Kim Sang and De Meulder 2003, §2.4) therefore counts
# entities, and one is right if its type, its first and its last word are:
#
# $$\text{precision} = \frac{\#\text{right}}{\#\text{guessed}} \qquad \text{recall} = \frac{\#\text{right}}{\#\text{gold}}
# \qquad F_1 = \frac{2}{1/\text{precision} + 1/\text{recall}} = \frac{2\,\#\text{right}}{\#\text{guessed} + \#\text{gold}}$$
#
# The last step: put the fractions in, $\frac{1}{P} + \frac{1}{R} = \frac{\#\text{guessed} +
# \#\text{gold}}{\#\text{right}}$. The harmonic mean is near the smaller of the two, so neither tagging everything nor
# tagging only the sure cases pays.

# %%
gold = ["B-PER", "I-PER", "I-PER", "O", "O", "B-LOC", "O"]
guessed = ["B-PER", "I-PER", "O", "O", "O", "B-LOC", "O"]


def my_scores(gold, guessed):
    """(precision, recall, F1) over lists of tag sequences."""
    true = {(i, *entity) for i, tags in enumerate(gold) for entity in my_entities(tags)}
    found = {(i, *entity) for i, tags in enumerate(guessed) for entity in my_entities(tags)}
    right = len(true & found)
    return right / len(found), right / len(true), 2 * right / (len(found) + len(true))


print(my_entities(gold), my_entities(guessed))
print("precision, recall, F1:", my_scores([gold], [guessed]))
scores = entity_scores([gold], [guessed])
assert my_scores([gold], [guessed]) == (0.5, 0.5, 0.5) == (scores.precision, scores.recall, scores.f1)
print(f"accuracy of tags: {scores.accuracy:.1%}")

# %% [markdown]
# Half a name counts *twice* against the model: it is one wrong guess and one name missed. Harsh, but so is a database with
# an entry for *Nora van*. (The numerator and the denominators may be summed over all entities, "micro", which is what
# papers report, or F1 may be averaged over the types, "macro".)
#
# Now predict: a tagger that says O, always, for each word of the test set. Which accuracy, which F1?

# %%
gold_test = [sentence.tags for sentence in data.test]
nothing = entity_scores(gold_test, [["O"] * len(tags) for tags in gold_test])
print(f"always O: accuracy of tags {nothing.accuracy:.1%}, F1 {nothing.f1:.1%}")
assert nothing.accuracy > 0.85 and nothing.f1 == 0

# %% [markdown]
# Six words of seven are no names, and whoever reports the accuracy reports mostly them.

# %% [markdown]
# ## Two taggers without a network
#
# The oldest tagger is a list of names. The second looks at the words beside a word: what did they mean in training? Where
# that pair of neighbours was never seen, take the left one, then the right one, then the word itself.

# %%
def counted(views):
    """view → its commonest tag, from pairs (view, tag)."""
    counts = defaultdict(Counter)
    for view, tag in views:
        counts[view][tag] += 1
    return {view: max(sorted(count), key=count.__getitem__) for view, count in counts.items()}


def by_itself(words):
    return [[("word", word)] for word in words]


def by_neighbours(words):
    padded = ["", *words, ""]
    return [[("all", *padded[i : i + 3]), ("both", padded[i], padded[i + 2]), ("left", padded[i]), ("right", padded[i + 2]),
             ("word", word)] for i, word in enumerate(words)]


def tagger(views_of):
    learned = counted((view, tag) for sentence in data.train
                      for views, tag in zip(views_of(sentence.words), sentence.tags) for view in views)
    return [[next((learned[view] for view in views if view in learned), "O") for views in views_of(sentence.words)]
            for sentence in data.test]


def f1_by_level(guesses):
    """F1 of all test sentences, and at each level."""
    chosen = [np.arange(len(level)), *(np.flatnonzero(level == k) for k in (1, 2, 3))]
    return [entity_scores([gold_test[i] for i in rows], [guesses[i] for i in rows]).f1 for rows in chosen]


f1 = {"list of names": f1_by_level(tagger(by_itself)), "word and neighbours": f1_by_level(tagger(by_neighbours))}
for method, values in f1.items():
    print(f"{method:20} F1 {values[0]:.1%}; by level", ", ".join(f"{value:.1%}" for value in values[1:]))
assert f1["list of names"][1] > 0.97 and f1["list of names"][2] < 0.4 and f1["word and neighbours"][3] < 0.5

# %% [markdown]
# Level 1 needs no more than the list. Level 2 is where the list is helpless, and where two neighbours are nearly enough. At
# level 3 both fail. The network gets no neighbours from us; it has to find out where to look.

# %% [markdown]
# ## Words in pieces
#
# New names are in no vocabulary. Byte-pair encoding (lesson 10) cuts them up. A vocabulary of 700 learned from the training
# sentences keeps every frequent word whole:

# %%
texts = [" ".join(sentence.words) for sentence in data.train]
tokenizer = ByteBPETokenizer.train(texts, 700)
sentence = next(s for s in data.test if "Nora van" in " ".join(s.words))
encoding = tokenizer.encoding(" ".join(sentence.words))
for token, (start, end) in list(zip(encoding.tokens, encoding.offsets))[:12]:
    print(f"{token!r:12} characters {start:2} to {end:2}  {' '.join(sentence.words)[start:end]!r}")

# %% [markdown]
# Tags belong to words, logits to tokens. The **offsets** make the connection: each token knows from which characters it was
# made, and so which word it is a piece of. Following BERT (Devlin et al. 2019, §5.3) the *first* piece of a word speaks for
# it. It has the word's tag as its target; the others, and the tokens [CLS] and [SEP], have the target −100, which no loss
# counts.
#
# Worked: the words `Zoshidel left`, tags B-ORG O. Characters 0 to 8 are the first word, 9 to 13 the second. Suppose the
# tokens are `Z`, `osh`, `idel`, ` left`. Their places without the space: (0, 1), (1, 4), (4, 8), (9, 13). The first word
# begins at character 0: token 0. The second at character 9: token 3. So the targets are B-ORG, −100, −100, O.

# %%
def my_first_pieces(words, places):
    """For each word the number of the token that holds its first character."""
    starts = np.cumsum([0] + [len(word) + 1 for word in words[:-1]])                            # (n,), words joined by spaces
    return np.array([next(t for t, (start, end) in enumerate(places) if start <= at < end) for at in starts])


print(my_first_pieces(["Zoshidel", "left"], [(0, 1), (1, 4), (4, 8), (9, 13)]))
print(first_pieces(["Zoshidel", "left"], np.array([(0, 1), (1, 4), (4, 8), (9, 13)])))


def batches(sentences, size=200):
    return TaggedSentences(sentences, tokenizer, names, size, max_length=64)


source = batches(data.test)
for i, sentence in enumerate(data.test):
    where = tokenizer.encoding(" ".join(sentence.words), special=False).offsets
    np.testing.assert_array_equal(my_first_pieces(sentence.words, where) + 1, source.places[i])      # + 1 for <cls>

i = data.test.index(sentence := next(s for s in data.test if "Nora van" in " ".join(s.words)))
tokens = [tokenizer.decode([t]).strip() for t in source.rows[i]]
said = {-100: "O"} | {k: "B-" + name.replace("B-", "begins ").replace("I-", "inside ") for k, name in enumerate(names)}
viz.tagged_text(tokens, [said[target] for target in source.targets[i]],
                "One piece of each word carries its tag; what is not shaded is not counted")

# %% [markdown]
# [`TaggedSentences`](../tinyllm/data/tagged.py) makes batches of this, and `tags_of` turns the guesses for tokens back into
# one tag a word. Before training, the loss by hand: it is the mean of $-\log p(y)$ over first pieces, so a word counts
# once, however many pieces it has.

# %%
def new_tagger(seed=0):
    manual_seed(seed)
    trunk = Bert(BertConfig(tokenizer.vocab_size, context=64, n_layers=2, n_heads=4, d_model=64, positions="rotary",
                            masked_head=False))
    return TokenClassifier(trunk, len(names), labels=names)


model = new_tagger()
batch = next(batches(data.train, 3).evaluation())
with no_grad():
    h = model.trunk.hidden(batch["ids"], batch["attention_mask"]).numpy()                       # (B, T, C)
    z = h @ model.head.weight.numpy().T + model.head.bias.numpy()                               # (B, T, K)
    logits = model(batch["ids"], attention_mask=batch["attention_mask"]).numpy()
np.testing.assert_allclose(z, logits, rtol=1e-4, atol=1e-5)
counts = batch["targets"] != -100                                                               # (B, T)
p = F.softmax(z)[counts]                                                                        # (words, K)
by_hand = -np.mean(np.log(p[np.arange(len(p)), batch["targets"][counts]]))
np.testing.assert_allclose(by_hand, TokenClassification(names).loss(model, batch).item(), rtol=1e-5)
print("h", h.shape, "→ z", z.shape, f"→ loss {by_hand:.3f} over {counts.sum()} words; ln 7 = {np.log(7):.3f}")
assert counts.sum() == sum(len(s.words) for s in data.train[:3]) and abs(by_hand - np.log(7)) < 0.2

# %% [markdown]
# ## Watch it work: context decides (T2)
#
# Two layers, 64 numbers wide. Predict before you run: at which level will it gain most over the neighbours?

# %% tags=["varies"]
config = TrainConfig(steps=300, optimizer="muon", muon_lr=0.02, lr=5e-3, weight_decay=0.01, schedule="linear", min_lr=0.0,
                     eval_every=15, log_every=50, workers=1)
history = train(model, TokenClassification(names), batches(data.train, 32), batches(data.validation), config, progress=False)
valid = {name: [(record["step"], record[name]) for record in history.valid] for name in ("accuracy", "f1")}
viz.lines({"accuracy of tags": valid["accuracy"], "F1 of entities": valid["f1"]}, "step", "validation sentences",
          "Accuracy starts high and says little; F1 starts at nothing", baselines={"always O, accuracy": nothing.accuracy})


# %% tags=["varies"]
def tags_by(model, source):
    guesses = []
    with no_grad():
        for batch in source.evaluation():
            for row in model(batch["ids"], attention_mask=batch["attention_mask"]).numpy().argmax(axis=-1):     # (T,)
                guesses.append(source.tags_of(len(guesses), row))
    return guesses


guesses = tags_by(model, source)
f1["network"] = f1_by_level(guesses)
print(entity_scores(gold_test, guesses))
print("by level", ", ".join(f"{value:.1%}" for value in f1["network"][1:]))
assert f1["network"][0] > 0.9 and f1["network"][3] > f1["word and neighbours"][3] + 0.3
viz.heatmap(np.array(list(f1.values())), "sentences of the test side", "method",
            "Where the word that tells is far, only the network finds it", label="F1 of entities", values=True, rows=list(f1),
            columns=["all", "level 1", "level 2", "level 3"])

# %% [markdown]
# Read the columns from left to right. Where names are known, all three are right. Where the clue is a neighbour, the list
# of names falls and the neighbours hold. Where the clue is up to eight words off, the neighbours fall as well, and two
# layers of attention do not notice that anything became harder: to attention, the eighth word back is as near as the first.
#
# A fair word about this number. The test sentences have new names and new combinations, in patterns that were all seen in
# training. It has learned what the patterns say, not English; towards the end we look at English.
#
# One name, three sentences, and three types. None of these sentences stands in the training set:

# %% tags=["varies"]
sentences = [
    "in the story of Warwick , a boy runs away from home .",
    "in the north of Warwick , a boy runs a small hotel .",
    "in the offices of Warwick , a boy runs the coffee bar .",
    "Warwick , as my sister wrote in her last letter , caught a cold .",
    "Warwick , as my sister wrote in her last letter , has three bridges .",
    "Warwick , as my sister wrote in her last letter , lost its licence .",
]


def tag(model, texts, make=batches):
    """The tags of sentences without any."""
    rows = [TaggedSentence(tuple(text.split()), ("O",) * len(text.split())) for text in texts]
    return tags_by(model, make(rows))


found = tag(model, sentences)
assert [dict((t, i) for i, t in enumerate(tags)).keys() & {"B-PER", "B-LOC", "B-ORG"} for tags in found] == [
    {"B-PER"}, {"B-LOC"}, {"B-ORG"}] * 2
viz.tagged_text([word for text in sentences for word in text.split()], [t for tags in found for t in tags],
                "Warwick six times: its sentence decides what it is")

# %% [markdown]
# ### Which words told it?
#
# A question that can be asked of any network: take words away and see what changes. Three neighbours at a time are replaced
# by *the*, and we note how far the **margin** falls: the logit of the right tag at *Warwick* minus the largest of the
# others. (Not the probability: it is so near 1 that it hardly moves. And not one word at a time: *caught the cold* is still
# no river.) What falls deepest was the clue.

# %% tags=["varies"]
def margin(words, tag):
    """How far the right tag of the first word is ahead of the next best."""
    row = batches([TaggedSentence(tuple(words), ("O",) * len(words))])
    with no_grad():
        z = model(row.rows[0][None]).numpy()[0, row.places[0][0]]                                   # (K,)
    right = names.index(tag)
    return z[right] - np.delete(z, right).max()


drops = []
for text, right in zip(sentences[3:], ("B-PER", "B-LOC", "B-ORG")):
    words = text.split()
    whole = margin(words, right)
    without = [words[: max(i - 1, 1)] + ["the"] * (min(i + 2, len(words)) - max(i - 1, 1)) + words[i + 2 :]
               for i in range(1, len(words))]
    drops.append([0.0] + [whole - margin(others, right) for others in without])
    at = int(np.argmax(drops[-1]))
    print(f"{right}: ahead by {whole:.1f}; falls most, by {max(drops[-1]):.1f}, without {words[at - 1 : at + 2]}")
assert sum(np.argmax(drop) >= 10 for drop in drops) >= 2           # the last clause begins at word 11
viz.token_strip([word for text in sentences[3:] for word in text.split()], np.concatenate(drops),
                "The type of the first word hangs on the last clause",
                label="fall of the margin without the word and its neighbours", diverging=True)

# %% [markdown]
# Ten words, two of them commas, lie between *Warwick* and the clause with its clue, and nobody said where to look. The
# insertion is the same in all three sentences, so the network has learned to read past it.

# %% [markdown]
# ## On real sentences
#
# Our network knows a grammar. Give it a sentence as people write it, and it is lost: most of the words it has never seen.
# What would help is knowing English beforehand, and that is what pretraining gives (lesson 21). MiniLM is an encoder of 23
# million parameters that was trained on much English text; `tinyllm fetch minilm` brings it. It knows nothing of tags. We
# put the same head on it and show it 20 sentences of our own with tags, ten times. Then both networks read ten others.

# %%
MARKED = """
[Maria Lopez PER] moved from [Madrid LOC] to [Berlin LOC] in 1998 .
The engineers of [Siemens ORG] met in [Vienna LOC] last week .
[Toyota ORG] said that sales in [Brazil LOC] had doubled .
A spokesman for the [University of Oslo ORG] declined to comment .
[John Smith PER] , who studied in [Paris LOC] , now works for [Google ORG] .
The river flows through [Hungary LOC] and [Serbia LOC] .
On Friday [Anna Keller PER] won her third medal .
The minister thanked [Peter Novak PER] for his report .
It was the first match of [Chelsea ORG] in [Scotland LOC] .
Heavy rain fell over [northern LOC] [Italy LOC] on Sunday .
Shares of [Bank of Ireland ORG] rose by two percent .
He was born in [Kyoto LOC] and died in [Osaka LOC] .
[Ellen Brown PER] wrote two novels about the sea .
The museum in [Florence LOC] will stay closed until May .
[Nokia ORG] and [Samsung ORG] settled their dispute .
Her teacher was the pianist [Clara Jensen PER] .
The train to [Edinburgh LOC] leaves at noon .
Nobody expected the bridge to last for a century .
[David Cohen PER] joined [Microsoft ORG] after school .
The price of coffee has fallen since the spring .
""".replace("[northern LOC] ", "northern ")
UNSEEN = """
[Sarah Miller PER] grew up near [Dublin LOC] .
The chairman of [Volkswagen ORG] resigned on Tuesday .
[Lincoln PER] was elected president in 1860 .
They spent the winter in [Lincoln LOC] , a city in [Nebraska LOC] .
[Lincoln ORG] recalled ten thousand cars .
The poet [Ivan Petrov PER] lived in [Prague LOC] for years .
Workers at [Airbus ORG] in [Toulouse LOC] went on strike .
It snowed in [Norway LOC] while [Finland LOC] stayed dry .
[Emma Wilson PER] left [Deutsche Bank ORG] in June .
The garden behind the house was full of roses .
"""


def marked(text):
    """Sentences of words with tags from lines like: [Nora Berg PER] left [Lima LOC] ."""
    sentences = []
    for line in text.strip().split("\n"):
        words, tags = [], []
        for part in line.replace("[", "\n[").replace("]", "\n").split("\n"):
            inside = part.startswith("[")
            new, kind = (part[1:].rsplit(" ", 1)) if inside else (part, "O")
            words += new.split()
            tags += [kind if kind == "O" else ("B-" if i == 0 else "I-") + kind for i in range(len(new.split()))]
        sentences.append(TaggedSentence(tuple(words), tuple(tags)))
    return sentences


own, unseen = marked(MARKED), marked(UNSEEN)
gold_unseen = [sentence.tags for sentence in unseen]
print(len(own), "sentences to learn from,", sum(len(entities(s.tags)) for s in own), "entities;",
      len(unseen), "to test on,", sum(map(len, map(entities, gold_unseen))), "entities")

# %% tags=["varies"]
by_ours = tags_by(model, batches(unseen))
print(f"the small network: F1 {entity_scores(gold_unseen, by_ours).f1:.0%}")
folder = fetched("minilm")
if folder is None:
    shown = by_ours
    print("MiniLM is not here: tinyllm fetch minilm brings it. The picture shows the small network.")
else:
    manual_seed(0)
    pieces = load_tokenizer(folder)
    reader = TokenClassifier(Bert.from_pretrained(folder), len(names), labels=names)

    def of_pieces(sentences, size=5):
        return TaggedSentences(sentences, pieces, names, size, max_length=64)

    train(reader, TokenClassification(names), of_pieces(own), None,
          TrainConfig(steps=40, lr=2e-4, weight_decay=0.01, schedule="linear", min_lr=0.0, workers=1), progress=False)
    shown = tags_by(reader, of_pieces(unseen))
    print(f"MiniLM after 20 sentences: F1 {entity_scores(gold_unseen, shown).f1:.0%}")
    assert entity_scores(gold_unseen, shown).f1 > entity_scores(gold_unseen, by_ours).f1 + 0.2
viz.tagged_text([word for s in unseen for word in s.words], [t for tags in shown for t in tags],
                f"What {'the small network' if folder is None else 'MiniLM'} finds in sentences it has not met")

# %% [markdown]
# Ten sentences are no test set: one entity more or less moves F1 by several points. But the difference is too large for
# luck. Look at the three sentences with *Lincoln*, and at *Deutsche Bank*: where the name is stronger than its neighbours,
# a few examples are not enough. Twenty sentences did not teach MiniLM English; they told it what *we* mean by person, place
# and organisation. It reads lower-case pieces only, by the way: it does not see the capital letter of *Lincoln*.

# %% [markdown]
# ## Break it: a tag on every piece
#
# Why make it so complicated? Write the word's tag under *each* of its pieces, train, and score piece by piece. Predict: the
# word *Zoshidel*, B-ORG, has perhaps four pieces. How many entities will a scorer see in B-ORG B-ORG B-ORG B-ORG?
#
# No training is needed to see the damage. Take the *gold* tags of the test set, put them on all pieces, and compare what is
# counted with what is there:

# %%
def on_every_piece(sentence):
    """B-ORG for a word of three pieces: B-ORG B-ORG B-ORG."""
    where = tokenizer.encoding(" ".join(sentence.words), special=False).offsets
    firsts = my_first_pieces(sentence.words, where)
    word_of = np.searchsorted(firsts, np.arange(len(where)), side="right") - 1                      # (T,)
    return [sentence.tags[word] for word in word_of]


there = Counter(kind for sentence in data.test for kind, *_ in entities(sentence.tags))
counted_by_piece = Counter(kind for sentence in data.test for kind, *_ in entities(on_every_piece(sentence)))
print("entities there: ", dict(sorted(there.items())), "\ncounted by piece:", dict(sorted(counted_by_piece.items())))
ratio = counted_by_piece.total() / there.total()
print(f"{ratio:.2f} times as many; the longer a name's pieces, the more it weighs")
assert ratio > 2


def pieces_scored(guesses):
    """Gold and guesses scored by piece, each word's tag on all of its pieces."""
    gold = [on_every_piece(sentence) for sentence in data.test]
    found = [on_every_piece(TaggedSentence(s.words, tags)) for s, tags in zip(data.test, guesses)]
    return entity_scores(gold, found)


half = [tuple("O" if t != "O" and len(tokenizer.encode(" " + w)) == 1 else t for w, t in zip(s.words, s.tags))
        for s in data.test]
print(f"a tagger that misses every name of one piece: F1 {entity_scores(gold_test, half).f1:.1%} by word, "
      f"{pieces_scored(half).f1:.1%} by piece")

# %% [markdown]
# It flatters again: a name that is cut into many pieces is counted many times, so what the score weighs is decided by the
# *tokenizer*. Two models with two tokenizers cannot be compared by it. (One can train on all pieces, I- on the later ones,
# and still score by word; that is a choice. Scoring by piece is a mistake.) The test
# `test_first_pieces_are_those_of_the_definition` of [tests/data/test_tagged.py](../tests/data/test_tagged.py) would catch
# it.

# %% [markdown]
# ## Break it: I after O
#
# A network is free to say *O I-PER I-PER*. Nothing stops it: each tag is chosen by itself. BIO has no reading for that. A
# scorer must have one, and there are two. **Lenient** (conlleval, the library's default): an I without a beginning begins
# an entity. **Strict**: it is no entity. Predict the effect of this damage: every B- of a perfect guess becomes I-.

# %%
damaged = [tuple(t.replace("B-", "I-") for t in tags) for tags in gold_test]
lenient, strict = entity_scores(gold_test, damaged), entity_scores(gold_test, damaged, strict=True)
print(f"accuracy of tags {lenient.accuracy:.1%}; F1 lenient {lenient.f1:.1%}, strict {strict.f1:.1%}")
assert lenient.f1 == 1.0 and strict.f1 == 0.0 and lenient.accuracy < 0.91
viz.bars({"accuracy of tags": lenient.accuracy, "F1, lenient": lenient.f1, "F1, strict": strict.f1}, "score",
         "One and the same guess, every B- written as I-")

# %% [markdown]
# Perfect, or worthless: an F1 without the name of its scorer says little. (Since no two entities of a type touch here, the
# lenient reading loses nothing.) [tests/parity/test_metrics.py](../tests/parity/test_metrics.py) compares both readings
# with the published scorer, and `test_tags_of_no_scheme_by_hand` in
# [tests/metrics/test_entities.py](../tests/metrics/test_entities.py) holds them apart. Exercise 6 does what is better than
# either: it never lets the model say such a thing.

# %% [markdown]
# ## Exercises
#
# Solutions with derivations: [solutions/28_named_entities.ipynb](solutions/28_named_entities.ipynb).
#
# **1. By hand (warm-up).** Gold: B-PER I-PER O B-LOC O B-ORG. Guessed: B-PER I-PER O B-ORG O B-ORG. Precision, recall and
# accuracy of tags, as a triple of numbers.

# %%
precision, recall, accuracy = ..., ..., ...

check(1, ... if precision is ... else (precision, recall, accuracy))


# %% [markdown]
# **2. Reading tags.** From the BIO tags of a sentence, its entities: a list of (type, first word, one past the last), in
# order. An I that has nothing to go on with begins an entity (the lenient reading).

# %%
def read(tags):
    ...


check(2, read)


# %% [markdown]
# **3. Writing tags.** The way back: n words and their entities, a list of (type, start, end) → a list of n BIO tags.

# %%
def write(n, spans):
    ...


check(3, write)


# %% [markdown]
# **4. F1.** gold and guessed are lists of entities of one text, without repetition. Both may be empty; where nothing is
# right (or there is nothing at all) F1 is 0.0.

# %%
def f1_of(gold, guessed):
    ...


check(4, f1_of)


# %% [markdown]
# **5. Targets for pieces.** tags has one number a word; word_of_piece says for each token which word it is a piece of, −1
# for [CLS] and [SEP]. Return the targets, one a token: the tag at the first piece of each word, −100 elsewhere.

# %%
def targets(tags, word_of_piece):
    ...


check(5, targets)


# %% [markdown]
# **6. Something to think about.** logits (T, 3) of the tags 0 = O, 1 = B, 2 = I (one type only). Choose the sequence of
# tags with the largest sum of logits *among those that are BIO*: I never first, and never after O. Return a list of T
# numbers. (Hint: for each place and tag, the best sum of a sequence that ends there. Of equal sums take any.)

# %%
def best_bio(logits):
    ...


check(6, best_bio)

# %% [markdown]
# ## What you can now explain
#
# - What B, I and O say, what IO loses, and why one rule reads three schemes.
# - Precision, recall and F1 of whole entities, why half a name counts twice, and why 86 % of tags can be worth nothing.
# - How offsets tie pieces to words, why the first piece speaks, and what happens when every piece does.
# - When a list of names is enough, when two neighbours are, and what attention adds.
# - Why a scorer's reading of *O I-PER* must be told along with the number.
#
# Here each word got a label. In [lesson 29](29_question_answering.ipynb) two places get one: where an answer begins, and
# where it ends.
