# %% [markdown]
# # 10 · Tokens
#
# *A model computes with numbers. How does a text become numbers, and come back without losing a letter?*
#
# *Reading 45 min · running 15 s · builds on lessons 2 (arrays) and 6 (tests that draw their cases)*
#
# **Afterwards you can** say what a token is and why it is neither a letter nor a word, write UTF-8 and byte-pair encoding
# from memory, prove that no text gets lost, choose a vocabulary size with open eyes, and explain why a language model
# stumbles over the letters of a word.

# %%
import inspect
import random
import time
from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyllm import viz
from tinyllm.book import open_lesson
from tinyllm.data import pydocs
from tinyllm.tokenizers import ByteBPETokenizer, CharTokenizer, StreamDecoder
from tinyllm.tokenizers.byte_bpe import WordCache
from tinyllm.tokenizers.merges import learn_merges
from tinyllm.tokenizers.merges import merge as library_merge
from tinyllm.tokenizers.words import WORD, split_words

lesson = open_lesson("10_tokens")
check = lesson.check

# %% [markdown]
# ## The question
#
# Document 003 §3.2 lists the steps of a language model. The first is:
#
# > **Token化:** 将输入文本分割成一个个独立的单位，称为 token。
# >
# > **Tokenisation:** split the input text into separate units, called tokens.
#
# Document 001 §2.1 adds in brackets what such a unit may be: "单词、字符等", *words, characters and so on*. That leaves the
# question open. Which units? The choice decides how long the model's input is, how large its tables are, and what it can
# see at all. We ask three things of a good answer:
#
# 1. **Nothing gets lost.** Every text has tokens, and from the tokens the same text comes back.
# 2. **Few tokens.** The work of a model grows with the number $T$ of tokens, and that of attention (lesson 12) with $T^2$.
# 3. **Few different tokens.** Each of the $V$ tokens of the **vocabulary** gets a row of numbers of its own (lesson 11) and
# a score of its own at the output (lesson 8). And a row learns only when its token occurs.
#
# Wishes 2 and 3 pull against each other. We try the two answers of the document first, see each fail, and then find one
# between them.

# %% [markdown]
# ## Characters
#
# A **tokenizer** is a pair of functions: *encode* makes a list of integers, the **token ids**, from a text; *decode* goes
# back. With characters it takes three lines. Sort the characters of some text, number them, look them up:

# %%
text = "the cat sat on the mat"
characters = sorted(set(text))                                      # the vocabulary, V = 10
number_of = {character: i for i, character in enumerate(characters)}
ids = [number_of[character] for character in text]
print(characters)
print(ids)
assert "".join(characters[i] for i in ids) == text
assert ids == CharTokenizer.train(text).encode(text)                # the library's does the same

# %% [markdown]
# The vocabulary is small. But there is a token for every letter, the longest input of all, and the first wish is broken as
# soon as a text comes with a character that was not there when we numbered them. **Predict, then run**: what should a
# tokenizer answer for "the café"?

# %%
without, with_unknown = CharTokenizer.train(text, special_tokens=()), CharTokenizer.train(text, special_tokens=("<unk>",))
try:
    without.encode("the café")
except ValueError as error:
    print("without <unk>:", error)
came_back = with_unknown.decode(with_unknown.encode("the café"))
print("with <unk>:   ", came_back)
assert came_back == "the ca<unk><unk>"

# %% [markdown]
# It can refuse, or it can put a token `<unk>`, *unknown*, in the place of whatever it does not know. Then the text is lost:
# "f" and "é" have become the same thing. To be safe we would have to number every character there is. Unicode, the list of
# all of them, has more than a hundred thousand and grows every year. So much for wish 3.

# %% [markdown]
# ## Words
#
# At the other end: one token for a word. The input is short. How many words must the table hold? Here is lesson 1's corpus
# again, on which this book trains: the documentation that every Python brings along, split into texts for training and
# texts held out. (Your Python may have a slightly different one: the numbers below may differ a little from those on this
# page.) We count the words of the training texts, keep the most frequent, and look how many words of the *held-out* texts
# are not among them.

# %% tags=["varies"]
corpus = pydocs.corpus()
training = [document.text for document in corpus.train]
held_out = "\n".join(document.text for document in corpus.validation)
word_counts = Counter(word for document in training for word in split_words(document))
by_frequency = [word for word, _ in word_counts.most_common()]
held_out_words = list(split_words(held_out))
rank = {word: i for i, word in enumerate(by_frequency)}
ranks = np.array([rank.get(word, len(rank)) for word in held_out_words])

sizes = [100, 300, 1000, 3000, 10_000, len(by_frequency)]
unknown = [float((ranks >= size).mean()) for size in sizes]
once = sum(count == 1 for count in word_counts.values()) / len(word_counts)
print(f"{sum(map(len, training)):,} characters, {sum(word_counts.values()):,} words, {len(word_counts):,} different ones")
print(f"of these, {once:.0%} occur only once; with all of them, {unknown[-1]:.1%} of the held-out words are unknown")
print("for instance:", sorted({word for word, r in zip(held_out_words, ranks) if r == len(rank)}, key=len)[-4:])
assert unknown[-1] > 0.01 and once > 0.3
viz.lines({"held-out words": (sizes, unknown)}, "words in the vocabulary (the most frequent ones)", "share of unknown words",
          "However large the table, new words come", logx=True)

# %% [markdown]
# A large part of the table is spent on words that occur once, and of these the model learns next to nothing. And the new
# words are the ones that carry the meaning: names, terms, compounds. (The words are those of the library's `split_words`;
# we look at its rule below.) What is more, the table knows nothing of what it holds: "merge", "merges" and "merged" are
# three unrelated numbers.
#
# Characters: a small table, but a long input, and unknown signs. Words: a short input, but a large table, never complete.
# We want something between, with a safe ground beneath it. The ground comes first.

# %% [markdown]
# ## The ground: bytes
#
# A computer holds text as bytes, numbers from 0 to 255. The rule by which nearly all text is written is **UTF-8**. Unicode
# gives each character a number, its **code point**: a is 97, é is 233, 語 is 35,486. In binary the number's digits are dealt
# into the free places (x) of one to four bytes:
#
# | code points | digits | bytes |
# |---|---|---|
# | up to U+007F (127) | 7 | `0xxxxxxx` |
# | up to U+07FF (2,047) | 11 | `110xxxxx 10xxxxxx` |
# | up to U+FFFF (65,535) | 16 | `1110xxxx 10xxxxxx 10xxxxxx` |
# | up to U+10FFFF (1,114,111) | 21 | `11110xxx 10xxxxxx 10xxxxxx 10xxxxxx` |
#
# By hand, é: 233 is 11101001 in binary, written with 11 digits `00011 101001`. So the bytes are `110`00011 = 195 and
# `10`101001 = 169. Every later byte begins with `10` and holds 6 digits, so the code is a few lines. `>> 6` drops the last
# six binary digits and `& 63` keeps only them:

# %%
def utf8(code_point):
    """The bytes of one character."""
    if code_point < 128:
        return [code_point]
    later = []
    while code_point >= 64 >> len(later):                           # what remains must fit into the first byte
        later.insert(0, 0b10000000 | code_point & 63)
        code_point >>= 6
    announces = {1: 0b11000000, 2: 0b11100000, 3: 0b11110000}[len(later)]
    return [announces | code_point, *later]


for character in "aé語😀":
    print(character, f"{ord(character):,} = U+{ord(character):04X}", [f"{byte:08b}" for byte in utf8(ord(character))],
          utf8(ord(character)))
every_code_point = [i for i in range(0x110000) if not 0xD800 <= i <= 0xDFFF]        # those between are no characters
sample = random.Random(0).sample(every_code_point, 100_000) + list(range(0x900))
assert all(utf8(i) == list(chr(i).encode("utf-8")) for i in sample)
print(f"equal to Python's own on {len(sample):,} code points")

# %% [markdown]
# Look at the first digits. A byte below 128 is a whole character. A byte `10…` is the inside of one. A byte `110…`, `1110…`
# or `11110…` begins one *and says how long it is*. So no character's bytes occur inside another's, and wherever you drop
# into the middle of a text, you can tell where the next character begins.
#
# Bytes as tokens grant the first wish wholly: 256 tokens cover every text that will ever be written, and nothing is
# unknown. But they are even more numerous than characters. 語 takes three. The second wish, few tokens, is what is left.

# %% [markdown]
# ## Merging, by hand
#
# Here is the idea, from data compression, where Gage published it in 1994; Sennrich, Haddow and Birch (2016, §3.2) brought
# it to machine translation, and Radford et al. (2019, §2.2) put it on bytes. **Take the pair of neighbours that occurs most
# often, and make it one new token. Repeat.** Frequent things become short, rare things stay spelled out.
#
# Let us do it with pencil and paper on six words. A space belongs to the word behind it, and is written ·:
#
#     ten  ·hens  ·then  ·ten  ·men  ·then
#
# Count the neighbours *within* words: `e n` stands in all six, `h e` in three (·hens, ·then twice), `· t` in three, `t h`
# and `t e` in two each, and `n s`, `· h`, `· m`, `m e` in one. So `e n` becomes the first new token, `en`.
#
#     t en  · h en s  · t h en  · t en  · m en  · t h en
#
# Count again. `· t` has 3, and so has `h en`. We need a rule for ties, and take the pair that is smaller as numbers (the
# space is byte 32, h is 104), so that the result never depends on the order of the texts: `·t` is next.
#
# **Predict, then run.** What are the third and fourth merge, and what is then left to merge? Take the pencil. Stop when no
# pair occurs twice: merging it would shorten nothing but this one text.

# %%
def merge(symbols, pair, new):
    """Each `pair` in the list, taken from the left, replaced by `new`."""
    result, i = [], 0
    while i < len(symbols):
        found = tuple(symbols[i : i + 2]) == pair
        result.append(new if found else symbols[i])
        i += 2 if found else 1
    return result


six = ["ten", " hens", " then", " ten", " men", " then"]
spelled = [list(word) for word in six]
steps = [sum(map(len, spelled))]
while True:
    counts = Counter(pair for word in spelled for pair in pairwise(word))
    if len(steps) == 1:                                             # as counted on paper
        assert [counts[a, b] for a, b in ("en", "he", " t", "th", "te", "ns", " h", " m", "me")] == [6, 3, 3, 2, 2, 1, 1, 1, 1]
    best = min(counts, key=lambda pair: (-counts[pair], pair))
    if counts[best] < 2:
        break
    print(f"{counts[best]} × {best[0]!r} + {best[1]!r}".ljust(20), end="→ ")
    spelled = [merge(word, best, "".join(best)) for word in spelled]
    print("  ".join(" ".join(symbol.replace(" ", "·") for symbol in word) for word in spelled))
    steps.append(sum(map(len, spelled)))
print("tokens:", steps)
assert steps == [26, 20, 17, 14, 12]

# %%
viz.token_strip([symbol for word in spelled for symbol in word], title="26 bytes became 12 tokens: ·then is one, ·ten is two")

# %% [markdown]
# Two things to notice. The frequent word ·then became a token of its own, and nobody had to list it. And "ten" at the
# start, "ten" behind a space and the "en" of "men" do not look the same any more: what the model sees depends on what was
# frequent, not on what belongs together. Remember this for later.

# %% [markdown]
# ## Learning merges, in code
#
# The same on bytes. Byte $b$ has id $b$; merge number $r$, from 0, makes id $256 + r$. What is learned is the list of
# merged pairs, in order; everything else follows from it. Each distinct word is kept once, with its count.

# %%
def learn(word_counts, n_merges):
    """The pairs that are merged, in order."""
    words = {word: list(word.encode("utf-8")) for word in word_counts}
    merges = []
    while len(merges) < n_merges:
        counts = Counter()
        for word, symbols in words.items():
            for pair in pairwise(symbols):
                counts[pair] += word_counts[word]
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < 2:
            break
        new = 256 + len(merges)
        merges.append(best)
        for word in words:
            words[word] = merge(words[word], best, new)
    return merges


def pieces_of(merges):
    """The bytes that each id stands for."""
    pieces = [bytes([byte]) for byte in range(256)]
    for left, right in merges:
        pieces.append(pieces[left] + pieces[right])
    return pieces


by_hand = learn(Counter(six), 10)
print(by_hand, [piece.decode() for piece in pieces_of(by_hand)[256:]])
assert [piece.decode() for piece in pieces_of(by_hand)[256:]] == ["en", " t", "hen", " then"]

# %% [markdown]
# The library's version is `learn_merges` in [tinyllm/tokenizers/merges.py](../tinyllm/tokenizers/merges.py). It learns the
# same merges. The difference is the work: ours counts *everything* again for every merge. The library keeps the counts,
# remembers for each pair the words it was seen in, and touches only those; the most frequent pair waits on top of a heap.
# We compare on the six words, on every thousandth and on every tenth text of Python's documentation:

# %% tags=["varies"]
assert learn(Counter(six), 10) == learn_merges(Counter(six), 10)
assert merge([1, 1, 1, 2], (1, 1), 9) == library_merge([1, 1, 1, 2], (1, 1), 9) == [9, 1, 2]
for every, n in ((1000, 40), (10, 40)):
    some = Counter(word for document in training[::every] for word in split_words(document))
    start = time.perf_counter()
    plain = learn(some, n)
    middle = time.perf_counter()
    fast = learn_merges(some, n)
    end = time.perf_counter()
    assert plain == fast                                            # every pair, in the same order
    print(f"{len(some):5,} different words, {len(fast)} merges: plain {middle - start:.2f} s, library {end - middle:.2f} s")
print("the first merges:", [piece.decode() for piece in pieces_of(fast)[256:286]])

# %% [markdown]
# ## Where the text is cut first
#
# We have counted within words. Why not across? Because then "dog." and "dog!" and "dog?" and "the dog" would all become
# tokens, each learning for itself what a dog is. So the text is cut before anything is learned, by a fixed rule, and merges
# never cross a cut. The rule is GPT-2's, but for the limit of 64, which keeps the work for one word small:

# %%
print(WORD.pattern)
example = "I don't know 42 things!\n    def merge(self):"
print(list(split_words(example)))
assert "".join(split_words(example)) == example
assert list(split_words("I don't know 42 things!")) == ["I", " don", "'t", " know", " 42", " things", "!"]

# %% [markdown]
# Read it as six alternatives, tried from the left: endings such as 't; letters, digits, or signs, each with at most one
# space before them; and white space, of which the last space before a word is left to the word. The space goes with the
# word behind it, so that a sentence needs no tokens for its spaces. Joined, the words are the text: the cut loses nothing.

# %% [markdown]
# ## Encoding
#
# Learning is done once. To encode a new word, we replay what was learned: start with its bytes and apply the merges *in the
# order in which they were learned*.
#
# Would it not be easier to cut off the longest token that fits, again and again? It would be another tokenizer. Learn from
# "bc bc bc ab ab": the first merge is `b c`, the second `a b`. Now encode "abc":

# %%
def encode_word(word, merges):
    symbols = list(word.encode("utf-8"))
    for r, pair in enumerate(merges):
        symbols = merge(symbols, pair, 256 + r)
    return symbols


def longest_first(word, pieces):
    data, result = word.encode("utf-8"), []
    while data:
        longest = max((piece for piece in pieces if data.startswith(piece)), key=len)
        result.append(longest)
        data = data[len(longest) :]
    return result


two = learn(Counter({"bc": 3, "ab": 2}), 2)
replayed = [pieces_of(two)[i] for i in encode_word("abc", two)]
print("merges replayed:", replayed, "  longest first:", longest_first("abc", pieces_of(two)))
assert replayed == [b"a", b"bc"] and longest_first("abc", pieces_of(two)) == [b"ab", b"c"]

# %% [markdown]
# Both decode to "abc". But a model that was trained on one way of cutting has never seen the other. Trained and used text
# must be cut by the same rule, and replaying is the one by which the tokens were counted.
#
# Our loop runs through all the merges for each word. The library looks only at the pairs that are there, applies the oldest
# merge among them, and keeps the answer for the next time the word comes:

# %%
print(inspect.getsource(WordCache.__missing__))

# %% [markdown]
# Is that the same? It would differ only if this loop ever applied an older merge after a newer one. That cannot happen. Say
# merge $r$ was the oldest that fitted, and has been applied everywhere. The pairs that were there before belong to newer
# merges or to none. The pairs that have arisen contain the new token $256 + r$, and a merge of such a pair was learned
# after $r$. So the merges come in the order of their learning, and those skipped had nothing to do. The machine agrees, on
# every word of the held-out texts:

# %% tags=["varies"]
tokenizer = ByteBPETokenizer.train(training, vocab_size=4096)
few = ByteBPETokenizer(tokenizer.merges[:500])
words = sorted(set(held_out_words))
assert all(encode_word(word, few.merges) == few.encode(word) for word in words)
few_pieces = pieces_of(few.merges)
differ = [word for word in words if longest_first(word, few_pieces) != [few.id_to_piece(i) for i in few.encode(word)]]
print(f"{len(words):,} words: replaying equals the library's encode; "
      f"longest-first cuts {len(differ) / len(words):.0%} otherwise")
assert 0.01 < len(differ) / len(words) < 0.6
for word in differ[len(differ) // 2 :: len(differ) // 6]:
    print(f"{word!r:20}", "|".join(few.id_to_piece(i).decode() for i in few.encode(word)).ljust(20),
          "|".join(piece.decode() for piece in longest_first(word, few_pieces)))

# %% [markdown]
# ## Nothing gets lost
#
# Decoding joins the bytes of the tokens and reads them as UTF-8. Why must the text come back? Three steps, each of which
# can be undone. The words of the cut, joined, are the text. UTF-8 can be read back. And a merge replaces two tokens by one
# that stands for the same bytes in the same order, so that *the joined bytes never change*, whatever merges there are. It
# follows for every text, also one in a language that the tokenizer has never seen. A proof deserves a test (lesson 6): let
# hypothesis look for a text that does not come back. (The library's own is `test_every_text_comes_back` in
# [tests/tokenizers/test_byte_bpe.py](../tests/tokenizers/test_byte_bpe.py).)

# %%
small = ByteBPETokenizer.train("the hen and the ten men then went; ten hens went there " * 3, vocab_size=290)


@settings(max_examples=500, database=None, derandomize=True)
@given(st.text() | st.text("the nméw語 ;\n"))
def every_text_comes_back(text):
    assert small.decode(small.encode(text)) == text


every_text_comes_back()
for text in ("the hens", "naïve", "東京へ行く", "😀"):
    print(f"{text} → {small.encode(text)}")

# %% [markdown]
# **Predict, then run.** And the other way: for a list of ids, is `encode(decode(ids))` the same list?

# %%
letters = list(b"then")
print("ids", letters, "→ text", repr(small.decode(letters)), "→ ids", small.encode(small.decode(letters)))
assert small.decode(small.encode(small.decode(letters))) == small.decode(letters) and small.encode("then") != letters

# %% [markdown]
# No. "then" can be put together from tokens in several ways, and encode answers one of them. So many lists of tokens belong
# to one text. A model that writes may choose any of them, and some lists belong to no text at all: a lonely byte 195 is
# half of an é.

# %% [markdown]
# ## Special tokens
#
# A model needs a few tokens that are no text: a document begins, `<bos>`, or ends, `<eos>`; this place is filled up,
# `<pad>`; this word is hidden, `<mask>` ([lesson 19](19_masked_pretraining.ipynb)). They get the last ids, and no text
# produces them. This matters. What if somebody *types* `<eos>`?

# %%
print(dict(zip(small.special_tokens, small.special_ids)))
typed = small.encode("the <eos>")
meant = small.encode("the <eos>", allow_special=True)
print("typed by a user: ", typed)
print("set by a program:", meant)
assert small.eos_id not in typed and meant[-1] == small.eos_id
assert small.decode(typed) == small.decode(meant) == "the <eos>"

# %% [markdown]
# By default it is text like any other, a few signs and letters. Otherwise whoever writes to a model could end its documents
# or forge its control signs. The library asks you to say `allow_special=True`.

# %% [markdown]
# ## How large a vocabulary?
#
# Because each merge is learned on top of those before, the first $n$ merges of a large vocabulary *are* the vocabulary of
# size $256 + n$. One training gives us all sizes. How many characters does a token carry?

# %% tags=["varies"]
largest = ByteBPETokenizer.train(training, vocab_size=256 + 16_000, special_tokens=())


def characters_per_token(merges, text):
    return len(text) / len(ByteBPETokenizer(merges, special_tokens=()).encode(text))


sizes = [256, 512, 1024, 2048, 4096, 8192, 256 + len(largest.merges)]
carries = [characters_per_token(largest.merges[: size - 256], held_out) for size in sizes]
for size, carried in zip(sizes, carries):
    print(f"V = {size:6,}: {carried:.2f} characters a token, {np.log2(size) / carried:.2f} bits a character, "
          f"{size * 128:9,} numbers in a table 128 wide")
assert ByteBPETokenizer.train(training, 1024, special_tokens=()).merges == largest.merges[: 1024 - 256]
bits = np.log2(sizes) / carries
assert bits[0] > 7.9 and bits[-1] > bits[-2]
assert 0.95 < carries[0] <= 1 and 3.2 < carries[4] < 4.5 and carries == sorted(carries)
gains = np.diff(carries)[:5]
assert gains[0] > 2 * gains[4]                                      # each doubling brings less
viz.lines({"held-out text": (sizes, carries)}, "vocabulary size V", "characters per token",
          "Each doubling of the vocabulary shortens the text by less", logx=True)

# %% [markdown]
# From bytes to 4,096 tokens the text gets more than three times shorter, which attention's $T^2$ feels as a factor of more
# than ten. Each further doubling costs twice the table and brings less. Written with a fixed number of binary digits, a
# token costs $\log_2 V$ bits; divided by the characters that it carries, this is a plain measure of compression, against
# the 8 bits of a byte. Most of the gain comes early here too, and in the end it turns: the last row costs more bits than
# the one before. Small models, as in this book, live with a few thousand tokens. Large ones take a hundred thousand and
# more: their tables are small beside the rest, and their corpora hold enough text to teach every row.
#
# A warning for later. A loss *per token* says nothing across tokenizers: a model whose tokens are longer has fewer, harder
# guesses to make. [Lesson 17](17_causal_pretraining.ipynb) therefore counts per character.
#
# The vocabulary was learned from English. What do others pay? One sentence ("Tomorrow we will read the second chapter of
# the book"), six languages, the 4,096 tokens:

# %% tags=["varies"]
sentences = {
    "English": "Tomorrow we will read the second chapter of the book.",
    "German": "Morgen lesen wir das zweite Kapitel des Buches.",
    "French": "Demain, nous lirons le deuxième chapitre du livre.",
    "Greek": "Αύριο θα διαβάσουμε το δεύτερο κεφάλαιο του βιβλίου.",
    "Hindi": "कल हम किताब का दूसरा अध्याय पढ़ेंगे।",
    "Chinese": "明天我们读这本书的第二章。",
}
pays = {}
for language, sentence in sentences.items():
    pays[language] = len(tokenizer.encode(sentence))
    print(f"{language:8} {len(sentence):3} characters, {len(sentence.encode()):3} bytes, {pays[language]:3} tokens")
assert min(pays, key=pays.get) == "English" and pays["Greek"] > 3 * pays["English"] and pays["Hindi"] > 3 * pays["English"]
viz.bars(pays, "tokens for one sentence", "The same sentence costs several times as much in Greek or Hindi")

# %% [markdown]
# Nothing is unknown, but what the training texts did not hold stays spelled out in bytes: two for a Greek letter, three for
# a Hindi or Chinese one. Whoever is charged by the token pays that, and whoever has a context of fixed length gets less
# into it. The remedy is not cleverness but other training texts.

# %% [markdown]
# ## What the model does not see
#
# How many r are in "strawberry"? You look at the letters. A model is given this:

# %% tags=["varies"]
for word in ("strawberry", " strawberry", "Strawberry", "STRAWBERRY"):
    ids = tokenizer.encode(word)
    print(f"{word!r:14} {'|'.join(tokenizer.id_to_piece(i).decode() for i in ids):20} {ids}")
assert len({tuple(tokenizer.encode(word)) for word in ("strawberry", " strawberry", "Strawberry", "STRAWBERRY")}) == 4

# %% tags=["varies"]
numbers = "In 1024, 1025, 1234567 and 3.14159 the digits are cut by frequency: Python 3.10, 2023, 4711."
strip = [tokenizer.id_to_piece(i).decode() for i in tokenizer.encode(numbers)]
assert "".join(strip) == numbers
viz.token_strip(strip, title="Numbers are cut where the training text had frequent pieces, not at thousands")

# %% [markdown]
# Only the integers arrive. Nothing in the id of a token says which letters it is made of; nothing says that "1024" and
# "1025" are neighbours, and their digits may even be cut at different places, so that adding them digit by digit has to be
# learned for each way of cutting.
#
# A model *can* learn the spelling of its tokens, one by one. How much harder is that than seeing the letters? Let us
# measure. The task: how many e are in a word? The model is the simplest there is, one weight $w_i$ for each token,
#
# $$\text{number of e} \approx \sum_{i=1}^{V} n_i w_i \qquad n_i \text{ how often token } i \text{ stands in the word}$$
#
# fitted by least squares to a number of training words, and asked about 1,000 *other* words of Python's documentation. We
# take letters for tokens, then ours, then whole words. Predict the three curves.

# %% tags=["varies"]
vocabulary = sorted({word for word in word_counts if word.startswith(" ") and word[1:].isascii() and word[1:].isalpha()})
random.Random(0).shuffle(vocabulary)
asked, taught = vocabulary[:1000], vocabulary[1000:]
CUTS = {
    "letters": list,
    "4,096 tokens": tokenizer.encode,
    "whole words": lambda word: [word],
}


def right_answers(cut, n):
    """The share of the asked words whose e are counted right after n words were taught."""
    column = {}                                                     # a token of the taught words → its column
    for word in taught[:n]:
        for token in cut(word):
            column.setdefault(token, len(column))
    def counts_of(words):
        x = np.zeros((len(words), len(column)))                     # (words, tokens): n_i; unseen tokens have no weight
        for row, word in enumerate(words):
            for token in cut(word):
                if token in column:
                    x[row, column[token]] += 1
        return x
    weights = np.linalg.lstsq(counts_of(taught[:n]), np.array([word.count("e") for word in taught[:n]], float))[0]
    return float(np.mean(np.round(counts_of(asked) @ weights) == [word.count("e") for word in asked]))


lengths = [30, 100, 300, 1000, 2000]
counted = {name: [(n, right_answers(cut, n)) for n in lengths] for name, cut in CUTS.items()}
always_the_same = max(Counter(word.count("e") for word in asked).values()) / len(asked)
for name, curve in counted.items():
    print(f"{name:13}", ", ".join(f"{n}: {share:.0%}" for n, share in curve))
assert counted["letters"][0][1] > 0.95 and counted["letters"][1][1] > 0.99 and counted["4,096 tokens"][1][1] < 0.7
assert 0.7 < counted["4,096 tokens"][-1][1] < 0.99
viz.lines(counted, "words taught", "share of new words counted right",
          "Letters can be counted; tokens must be learned by heart", logx=True,
          baselines={"always the same number": always_the_same})

# %% [markdown]
# With letters, thirty words are enough for nearly all, and the solution is what you would write by hand: weight 1 for e and
# 0 for all others. With tokens every one has to be met before its e are known, often enough for the fit to tell it from its
# neighbours in the word, and rare ones come late. Whole words never help at all: each new word is new. (For a word without
# any known token the model answers 0, and some words have no e: that is where the last curve lies.) Large models do learn
# most of the spelling of their frequent tokens, from texts that spell things out. But nobody should be surprised when one
# of them miscounts.

# %% [markdown]
# ## Break it: decoding token by token
#
# A chat program shows each token as soon as it comes. The obvious loop decodes one token, prints it, and goes on. **Predict
# first**: what will the reader see of "Γειά σου, café!"?

# %% tags=["varies"]
text = "Γειά σου, café!"
ids = tokenizer.encode(text)
piecewise = [tokenizer.decode([i]) for i in ids]
print("".join(piecewise))
print("decoded together:", tokenizer.decode(ids), f"  tokens: {len(ids)}, of these broken: {sum('�' in p for p in piecewise)}")
assert "".join(piecewise) != text == tokenizer.decode(ids) and sum("�" in piece for piece in piecewise) >= 10
viz.token_strip(piecewise, title="Decoded one by one, half characters become �")

# %% [markdown]
# A token may be half a character, and half a character is no UTF-8. On English text all seems well, so the mistake survives
# every demonstration and meets its first user in Athens. The cure is to wait. The first byte of a character says how many
# follow, so a decoder knows when one is complete. The library's `StreamDecoder` holds the bytes back until then:

# %% tags=["varies"]
decoder = StreamDecoder(tokenizer)
shown = [decoder.push(i) for i in ids] + [decoder.finish()]
print(shown)
assert "".join(shown) == text and not any("�" in piece for piece in shown)

# %% [markdown]
# The tests that would catch the loop: `test_all_answers_together_are_the_text` and
# `test_a_character_comes_when_its_last_byte_is_there` in
# [tests/tokenizers/test_streaming.py](../tests/tokenizers/test_streaming.py). They draw texts with characters of every
# length, which a demonstration does not.

# %% [markdown]
# ## Break it: learning from the test text
#
# A tokenizer learns too, so it can overfit. Suppose somebody learns the merges from *the held-out text itself* ("it is only
# the tokenizer"), and measures on it. Predict: does the compression look better or worse, and for which sizes?

# %% tags=["varies"]
cheating = ByteBPETokenizer.train(held_out, vocab_size=8192, special_tokens=()).merges
sizes = [256, 512, 1024, 2048, 256 + len(cheating)]             # it finds no more pairs that occur twice
claims = {
    "merges learned from the training texts": [characters_per_token(largest.merges[: size - 256], held_out) for size in sizes],
    "merges learned from the held-out text": [characters_per_token(cheating[: size - 256], held_out) for size in sizes],
}
elsewhere = characters_per_token(cheating, "\n".join(training[::50]))
for name, values in claims.items():
    print(f"{name:39}", ", ".join(f"{size:,}: {value:.2f}" for size, value in zip(sizes, values)))
print(f"and the second tokenizer, all its merges, on other texts: {elsewhere:.2f}")
honest, boast = (values[-1] for values in claims.values())
assert boast > 1.1 * honest and elsewhere < honest
curves = {name: (sizes, values) for name, values in claims.items()}
viz.lines(curves, "vocabulary size V", "characters per token, held-out text",
          "Learned from the test text, the tokenizer boasts", logx=True)

# %% [markdown]
# The larger the vocabulary, the greater the boast: its last merges are the held-out text's own rare words, learned by
# heart. On other texts the boaster is the worse one. A model built on it is judged on tokens that were made for its test.
# The library keeps the two sides apart before anything is learned:
# `test_the_corpus_has_each_text_once_and_holds_out_nothing_it_trains_on` in
# [tests/data/test_pydocs.py](../tests/data/test_pydocs.py). Which texts you hand to `train`, no test can see. This one is
# up to you.

# %% [markdown]
# ## Exercises
#
# Replace each `...` and run the cell. `check` tries your function on drawn inputs, and if it fails shows the smallest case
# that fails. Solutions with derivations: [solutions/10_tokens.ipynb](solutions/10_tokens.ipynb).
#
# **1. Bytes of a text (warm-up).** How many bytes have "naïve" (ï is U+00EF), "東京" (U+6771, U+4EAC) and "😀!" (U+1F600,
# U+0021) in UTF-8? Three numbers, by the table, without running anything.

# %%
naive_bytes = ...
tokyo_bytes = ...
smile_bytes = ...

check(1, ... if naive_bytes is ... else (naive_bytes, tokyo_bytes, smile_bytes))


# %% [markdown]
# **2. Merge.** A list of symbols, a pair, a new symbol → the list with each pair, taken from the left, replaced. Without
# looking above.

# %%
def merge_everywhere(symbols, pair, new):
    ...


check(2, merge_everywhere)


# %% [markdown]
# **3. The best pair.** A dictionary from words to their counts → the most frequent pair of neighbouring letters, a tuple
# such as ("a", "b"). Among equally frequent pairs, the smallest (as Python compares tuples).

# %%
def best_pair(word_counts):
    ...


check(3, best_pair)


# %% [markdown]
# **4. Decode.** A list of pieces (`bytes`), one a token, together a text in UTF-8 → the text.

# %%
def decode(pieces):
    ...


check(4, decode)


# %% [markdown]
# **5. Encode a word.** Here symbols are strings, to be read more easily: a word such as "abcab", and the merges in the
# order they were learned, such as [("a", "b"), ("ab", "c")] → the list of its tokens, here ["abc", "ab"].

# %%
def encode(word, merges):
    ...


check(5, encode)


# %% [markdown]
# **6. Something to think about.** The bytes of a text, cut off anywhere (perhaps within a character) → how many of them,
# from the front, are complete characters and may be shown. With this, you have written a stream decoder. (What does the
# first byte of a character tell you? How far back can it lie?)

# %%
def complete(data):
    ...


check(6, complete)

# %% [markdown]
# ## What you can now explain
#
# - Why neither characters nor words make good tokens, and what the three wishes are.
# - UTF-8: why 256 tokens are enough for every text, and how a byte tells its place in a character.
# - Byte-pair encoding: learning by counting, encoding by replaying, why the longest token first is something else.
# - Why decode(encode(text)) is the text whatever the merges, and why the other way round it need not be.
# - What a larger vocabulary buys and costs, and who pays for the choice of the training texts.
# - Why a model can miscount letters that you see at a glance.
#
# Now a text is a row of integers. But token 902 is not "more" than token 4, so an integer is nothing to compute with yet.
# [Lesson 11](11_embeddings_and_positions.ipynb) gives each token a row of numbers that can be learned.
