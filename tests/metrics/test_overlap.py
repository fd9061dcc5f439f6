"""BLEU, chrF and ROUGE: numbers worked by hand, and what any measure of overlap must do."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.draws import SENTENCES, TEXTS, corpora
from tinyllm.metrics import Rouge, Score, bleu, chrf, rouge
from tinyllm.metrics.ngrams import common, ngrams
from tinyllm.metrics.rouge import longest_common_subsequence
from tinyllm.metrics.score import f_measure
from tinyllm.metrics.words_13a import words_13a

METRICS = {
    "bleu": lambda gold, guessed: bleu(gold, guessed).score / 100,
    "chrf": lambda gold, guessed: chrf(gold, guessed) / 100,
    "rouge1": lambda gold, guessed: rouge(gold, guessed).rouge1.f1,
    "rouge2": lambda gold, guessed: rouge(gold, guessed).rouge2.f1,
    "rougeL": lambda gold, guessed: rouge(gold, guessed).rougeL.f1,
}
LONG = st.lists(st.sampled_from(["cat", "dog", "sat", "ran", "mat"]), min_size=4, max_size=9).map(" ".join)


@pytest.mark.parametrize("name", METRICS)
@given(gold=st.lists(LONG, min_size=1, max_size=4), other=LONG)
def test_a_text_is_a_perfect_guess_of_itself(name, gold, other):
    assert METRICS[name](gold, gold) == pytest.approx(1)
    assert METRICS[name]([[other, text] for text in gold], gold) == pytest.approx(1)


@pytest.mark.parametrize("name", METRICS)
@given(corpus=corpora(), random=st.randoms(use_true_random=False))
def test_bounds_and_the_order_of_texts_and_of_references(name, corpus, random):
    value = METRICS[name](*corpus)
    assert 0 <= value <= 1 + 1e-12
    pairs = list(zip(*corpus, strict=True))
    random.shuffle(pairs)
    assert METRICS[name](*zip(*pairs, strict=True)) == pytest.approx(value)
    gold, guessed = corpus
    # Where two references tie for chrF its first one counts, and their lengths may differ.
    if name != "chrf":
        assert METRICS[name]([answers[::-1] for answers in gold], guessed) == pytest.approx(value)


@pytest.mark.parametrize("name", METRICS)
@given(gold=LONG)
def test_nothing_in_common_and_nothing_said_are_worth_nothing(name, gold):
    assert METRICS[name]([gold], ["xyz xyz xyz xyz"]) == 0
    assert METRICS[name]([gold], [""]) == 0


@pytest.mark.parametrize("name", METRICS)
@given(words=st.lists(st.sampled_from(["cat", "dog", "sat", "ran"]), min_size=6, max_size=9), data=st.data())
def test_the_more_words_are_wrong_at_the_end_the_less_it_is_worth(name, words, data):
    right = data.draw(st.integers(4, len(words) - 1))
    worse, better = ([*words[:n], *["zzz"] * (len(words) - n)] for n in (right, right + 1))
    gold = [" ".join(words)]
    assert METRICS[name](gold, [" ".join(worse)]) < METRICS[name](gold, [" ".join(better)])


@given(st.lists(st.tuples(LONG, st.sampled_from(["zzz", "cat"])), min_size=1, max_size=3))
def test_another_reference_never_lowers_what_bleu_finds(pairs):
    gold, guessed = [text for text, _ in pairs], [f"{text.rpartition(' ')[0]} {last}" for text, last in pairs]
    before = bleu(gold, guessed)
    after = bleu([[text, guess] for text, guess in zip(gold, guessed, strict=True)], guessed)
    assert after.score == pytest.approx(100) and all(a >= b for a, b in zip(after.precisions, before.precisions, strict=True))


def test_bleu_by_hand():
    score = bleu(["the cat sat on the mat"], ["the cat sat on a mat"])
    assert score.precisions == pytest.approx((100 * 5 / 6, 60, 50, 100 / 3))
    assert score.score == pytest.approx(100 * (1 / 12) ** 0.25)
    assert str(score) == (
        "BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp = 53.73 83.3/60.0/50.0/33.3 "
        "(BP = 1.000 ratio = 1.000 hyp_len = 6 ref_len = 6)"
    )


def test_words_count_as_often_as_in_one_reference():
    """Papineni's example: seven times "the" has two right, and no reference has more."""
    gold = ["the cat is on the mat", "there is a cat on the mat"]
    assert bleu([gold], ["the the the the the the the"]).precisions[0] == pytest.approx(100 * 2 / 7)


def test_brevity():
    short = bleu(["the cat sat on the mat today"], ["the cat sat on the mat"])
    assert short.brevity_penalty == pytest.approx(math.exp(1 - 7 / 6)) and short.precisions == (100,) * 4
    assert short.score == pytest.approx(100 * math.exp(-1 / 6))
    # Of references with 5 and 7 words both are one word away from 6: the shorter counts, and nothing is too short.
    tie = bleu([["the cat sat on the mat today", "the cat sat on mats"]], ["the cat sat on the mat"])
    assert tie.gold_length == 5 and tie.brevity_penalty == 1
    # Lengths are summed over the corpus first: one text's spare word makes up for the other's missing one.
    assert bleu(["a b c d e", "a b c d e"], ["a b c d e f", "a b c d"]).brevity_penalty == 1


def test_smoothing_by_hand():
    # Five words, four of them right, no run of two: 4/5, then 1/2 of 4, 1/4 of 3, 1/8 of 2.
    score = bleu(["a b c d e"], ["d x c b a"])
    assert score.precisions == pytest.approx((80, 100 / 2 / 4, 100 / 4 / 3, 100 / 8 / 2))
    assert score.score == pytest.approx(100 * math.prod((0.8, 1 / 8, 1 / 12, 1 / 16)) ** 0.25)
    assert bleu(["a b c d e"], ["a b c"]).score == 0        # nothing of four words: no p4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's 3.5%, isn't it?", "It's 3.5 % , isn't it ?"),
        ("Go on... (he said) 1,000 times.", "Go on . . . ( he said ) 1,000 times ."),
        ("1990-95, well-known", "1990 - 95 , well-known"),
        ("a &lt;b&gt; &amp;quot; c", 'a < b > & quot ; c'),
        ("end-\nless li\nne", "endless li ne"),
        ("A<skipped>B", "AB"),
        ("half-\n", "half-"),        # a line end is no part of the line
        ("«été»", "«été»"),
    ],
)
def test_words_13a_by_hand(text, words):
    assert words_13a(text) == tuple(words.split())


def test_chrf_by_hand():
    assert chrf(["abc"], ["abd"]) == pytest.approx(100 * 7 / 18)
    assert chrf(["a bc"], [" ab d"]) == pytest.approx(100 * 7 / 18)             # white space is left out
    # Runs of one letter: 2 of 2 guessed, 2 of 4; of two: 1 of 1, 1 of 3; longer ones: nothing guessed, left out.
    precision, recall = 1, (2 / 4 + 1 / 3) / 2
    assert chrf(["abcd"], ["ab"]) == pytest.approx(100 * f_measure(precision, recall, 2))
    # Of six letters the longest run is one of six, which a wrong letter at the end breaks, as it does one of each length.
    shares = [(6 - n) / (7 - n) for n in range(1, 7)]
    assert chrf(["abcdef"], ["abcdeg"]) == pytest.approx(100 * sum(shares) / 6)
    assert chrf(["abcd"], ["ab"]) < chrf(["ab"], ["abcd"])                      # recall weighs more than precision


def test_f_measure_by_hand():
    assert f_measure(0.5, 0.25) == pytest.approx(1 / 3)
    assert f_measure(0.5, 0.25, 2) == pytest.approx(5 * 0.125 / 2.25)
    assert f_measure(0, 0) == 0 and Score.of(0, 0, 0) == (0, 0, 0)
    assert Score.mean([Score(1, 0, 0), Score(0, 1, 0.5)]) == (0.5, 0.5, 0.25) and Score.mean([]) == (0, 0, 0)


def test_rouge_by_hand():
    ours = rouge(["The cat sat on the mat."], ["the cat lay on a mat"])
    assert ours == Rouge(*(pytest.approx((x, x, x)) for x in (2 / 3, 1 / 5, 2 / 3)))
    assert str(ours) == "ROUGE-1 0.6667, ROUGE-2 0.2000, ROUGE-L 0.6667"
    half = rouge(["a b c d", "a b"], ["a b", "c d"])
    assert half.rouge1 == pytest.approx((0.5, 0.25, 1 / 3))
    # Lin's example: the same words in another order share less of a subsequence.
    assert rouge(["police killed the gunman"], ["police kill the gunman"]).rougeL.f1 == 0.75
    assert rouge(["police killed the gunman"], ["the gunman kill police"]).rougeL.f1 == 0.5


SEQUENCE = st.lists(st.sampled_from("abc"), max_size=7).map(tuple)


def brute(one, other):
    """Every subsequence of one, tried."""
    def inside(chosen):
        rest = iter(other)
        return all(word in rest for word in chosen)

    chosen = ([word for i, word in enumerate(one) if bits >> i & 1] for bits in range(1 << len(one)))
    return max(len(words) for words in chosen if inside(words))


@given(SEQUENCE, SEQUENCE)
def test_longest_common_subsequence_against_trying_all(one, other):
    assert longest_common_subsequence(one, other) == longest_common_subsequence(other, one) == brute(one, other)


@given(SEQUENCE, SEQUENCE, st.integers(1, 4))
def test_ngrams_are_all_runs(one, other, n):
    runs = ngrams(one, n)
    assert runs.total() == max(len(one) - n + 1, 0) and all(len(run) == n for run in runs)
    assert common(runs, ngrams(other, n)) == (runs & ngrams(other, n)).total()
    assert ngrams("".join(one), n) == {"".join(run): count for run, count in runs.items()}


@pytest.mark.parametrize("metric", [bleu, chrf, rouge])
def test_what_is_refused(metric):
    with pytest.raises(ValueError, match="2 gold texts and 1 guessed: give one guess for each"):
        metric(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="text 1 has no reference"):
        metric(["a", []], ["a", "b"])
    with pytest.raises(ValueError, match="no texts"):
        metric([], [])
    with pytest.raises(TypeError, match="not one string: put it into a list"):
        metric("a", "a")
    for gold, guessed, where in ((["a", "b"], ["a", None], "guessed"), (["a", None], ["a", "b"], "gold"),
                                 (["a", ["b", 3]], ["a", "b"], "gold")):
        with pytest.raises(TypeError, match=f"{where} texts, number 1: .* is no string"):
            metric(gold, guessed)


@given(SENTENCES, TEXTS)
def test_one_reference_may_stand_alone_or_in_a_list(gold, guessed):
    for metric in METRICS.values():
        assert metric([gold], [guessed]) == metric([[gold]], [guessed])
