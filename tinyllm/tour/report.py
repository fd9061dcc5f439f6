"""The tour's page: what was trained, what came out, how it compares, and where in the code to look. All numbers are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import viz
from .page import Page

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def report(r: dict[str, Any]) -> Page:
    """The page for the tour's results `r`, as run.py gathers them."""
    page = Page("A language model from scratch, on your machine")
    _opening(page, r)
    _tokens(page, r["tokenizer"])
    _language_model(page, r["language"], r["seconds"]["pretrain a causal model"])
    _attention(page, r["attention"])
    _masked_model(page, r["masked"], r["seconds"]["pretrain a masked model"])
    _classification(page, r["classification"])
    _closing(page, r)
    return page


def _opening(page: Page, r: dict[str, Any]) -> None:
    corpus, minutes = r["corpus"], sum(r["seconds"].values()) / 60
    page.text(
        f"In the last {minutes:.1f} minutes this machine learned to cut text into tokens, trained a language model that "
        "continues text and another that fills gaps in it, and taught the second to tell what a piece of documentation is "
        "about. No model, data or framework was downloaded: the text is the documentation that comes with Python "
        f"{corpus['python']} ({corpus['characters']:,} characters in {corpus['documents']:,} pieces), the arithmetic is NumPy, "
        "and every gradient comes from a table of derivatives that you can read in an hour.",
        "Each section below says what was computed, shows the result next to the simplest method that could have done the "
        "same job, and names the file where it happens. Where the simple method wins, the page says so.",
    )
    if corpus["missing"]:
        missing = ", ".join(f"`{name}`" for name in corpus["missing"])
        page.note(f"This Python was installed without {missing}: the tour goes on without.")


def _tokens(page: Page, t: dict[str, Any]) -> None:
    page.heading("1. Text becomes numbers")
    page.text(
        "A model works on numbers, so text is first cut into tokens, pieces from a fixed vocabulary. Byte-pair encoding starts "
        "from the 256 bytes and, again and again, joins the pair of neighbours that occurs most often. After "
        f"{t['merges']:,} joins frequent words are one token and rare ones a few, and any text at all can be written. "
        f"Learned in {t['seconds']:.1f} s; a token of held-out text now stands for {t['characters_per_token']:.2f} characters.",
    )
    page.tokens(t["sample"])
    page.note("Each colour is one token; · is a space. Code: `tinyllm/tokenizers/`.")


def _language_model(page: Page, m: dict[str, Any], seconds: float) -> None:
    page.heading("2. Guess the next token")
    page.text("A causal language model gives every possible next token a probability, from the tokens before it, and learns by "
              "making the text it sees more probable:")
    page.formula("L = − Σᵢ log P(xᵢ | x₁ … xᵢ₋₁)")
    page.text(
        f"This one is a Transformer with {m['parameters']:,} parameters. It read {m['tokens']:,} tokens in "
        f"{seconds:.0f} s ({m['tokens_per_second']:,.0f} a second). The measure is bits per character on text it has never "
        "seen: how long the text would be if compressed with the model's guesses. Below it stand models that only count: how "
        "often each token occurs (unigram), and which token follows the one, two or four before it (n-grams, with Kneser–Ney "
        "smoothing).",
    )
    page.picture(
        viz.loss_curve({"Transformer, held-out text": m["curve"]}, "training step", "bits per character", "learning to guess",
                       baselines={name: bits for name, bits in m["baselines"].items()}),
        "Bits per character on held-out text while the model trains (lower is better), with the counting models as lines.",
    )
    ranking = sorted({**m["baselines"], "Transformer": m["bits"]}.items(), key=lambda item: -item[1])
    rows = [[name, f"{bits:.2f}"] for name, bits in ranking]
    page.table(["model", "bits per character"], rows, "Held-out documents, lower is better")
    ahead = [name for name, bits in m["baselines"].items() if bits < m["bits"]]
    if ahead:
        page.text(
            f"After so little training, counting is still ahead: {' and '.join(ahead)} came out better. That is no accident. "
            "Which few tokens follow each other is quickly counted, and takes a network millions of tokens to learn; what it "
            "gains in return, seeing further back and sharing what it learned between similar contexts, shows with more "
            "training: `tinyllm pretrain --objective causal --steps 10000` is the next thing to try.",
        )
    else:
        page.text("The Transformer already guesses better than all of them, though it trained for minutes only.")
    page.text("Generation is guessing repeatedly: draw a token, append it, guess again. The grey text is the prompt, the rest "
              "the model's. Low temperature takes the likeliest tokens, high temperature more risks.")
    for sample in m["samples"]:
        page.note(f"temperature {sample['temperature']}")
        page.sample(sample["prompt"], sample["text"])
    page.note("Code: `tinyllm/models/gpt.py`, `tinyllm/functional/losses.py`, `tinyllm/training/`, `tinyllm/generation/`.")


def _attention(page: Page, a: dict[str, Any]) -> None:
    page.heading("3. Where it looks")
    page.text("Inside, every token gathers what it needs from the tokens before it. How much it takes from each is given by "
              "attention, the formula at the heart of all these models:")
    page.formula("Attention(Q, K, V) = softmax(Q Kᵀ / √d) V")
    page.picture(
        viz.attention_heads(a["weights"], a["tokens"], f"layer {a['layer']}"),
        f"Attention weights of layer {a['layer']} on one sentence. The upper right is empty: none looks at what comes later.",
    )
    page.note("Code: `tinyllm/functional/attention.py`, `tinyllm/nn/attention.py`.")


def _masked_model(page: Page, m: dict[str, Any], seconds: float) -> None:
    page.heading("4. Fill in what is hidden")
    page.text(
        "A masked language model sees text on both sides of a gap and says what stood there. It can't write text, but it "
        f"learns what text means well enough to be taught other tasks. This one has {m['parameters']:,} parameters, hides "
        f"{100 * m['hidden_share']:.0f}% of the tokens at random and trained for {seconds:.0f} s.",
    )
    page.table(
        ["on held-out text", "right, of the hidden tokens", "nats a hidden token"],
        [["always the commonest tokens (unigram)", f"{100 * m['unigram_accuracy']:.1f}%", f"{m['unigram_loss']:.2f}"],
         ["masked Transformer", f"{100 * m['accuracy']:.1f}%", f"{m['loss']:.2f}"]],
    )
    page.picture(
        viz.loss_curve({"masked Transformer, held-out text": m["curve"]}, "training step", "nats a hidden token",
                       "learning to fill gaps", baselines={"unigram": m["unigram_loss"]}),
        "Loss on the hidden tokens of held-out text while the masked model trains.",
    )
    rows = [[e["text"], e["hidden"], ", ".join(f"{token} {p:.0%}" for token, p in e["guesses"])] for e in m["examples"]]
    page.table(["text", "hidden", "guesses"], rows, "Held-out text with one token hidden, and the model's first guesses")
    page.note("Code: `tinyllm/models/bert.py`, `tinyllm/data/masking.py`.")


def _classification(page: Page, c: dict[str, Any]) -> None:
    page.heading("5. Does pretraining help?")
    page.text(
        f"The task: given a docstring, say which of {len(c['names'])} packages it comes from ({', '.join(c['names'])}). "
        f"{c['rows']['train']:,} texts to learn from, {c['rows']['test']:,} to be tested on, near-duplicates kept on one side. "
        "Four ways to do it: always answer the commonest package; count words (tf-idf and logistic regression); train the "
        "network of section 4 from scratch; and fine-tune it, starting from what it learned by filling gaps. Both networks "
        "take the same steps on the same labels. (The pretraining text contains most of these texts too, the test texts among "
        "them, without any label; lesson 21 measures without them.)",
    )
    page.picture(
        accuracy_picture(c),
        "Accuracy on test texts by number of labels: the same network with and without pretraining, and a bag of words.",
    )
    names = list(c["accuracy"])
    page.table(
        ["accuracy", *c["settings"]],
        [["commonest label", *[f"{c['majority']:.3f}"] * len(c["settings"])],
         *[[name, *[f"{v:.3f}" for v in c["accuracy"][name]]] for name in names]],
        "Test accuracy",
    )
    gains = [100 * (p - s) for p, s in zip(c["accuracy"]["pretrained"], c["accuracy"]["from scratch"], strict=True)]
    words = [100 * (p - w) for p, w in zip(c["accuracy"]["pretrained"], c["accuracy"]["bag of words"], strict=True)]
    for setting, gain, lead in zip(c["settings"], gains, words, strict=True):
        side = "ahead of" if lead > 1 else "behind" if lead < -1 else "level with"
        by = f"{abs(lead):.0f} points " if abs(lead) > 1 else ""
        verb = "adds" if gain >= 0 else "costs"
        page.text(f"With {setting}, pretraining {verb} {abs(gain):.0f} points {'to' if gain >= 0 else 'of'} the same network; "
                  f"it ends {by}{side} the bag of words.")
    page.text(
        "Topics show in single words, so counting words is hard to beat here, and small models don't beat it by much, if they "
        "do. Think about when it must fail: in \"not good but cheap\" and \"not cheap but good\" the words are the same. "
        "`datasets/sentiment_negation` is such a task.",
    )
    page.picture(
        viz.confusion_map(c["confusion"], c["names"], f"fine-tuned with {c['settings'][-1]}"),
        "Rows are the true packages, columns the answers of the fine-tuned model.",
    )
    page.note("Code: `tinyllm/models/classifier.py`, `tinyllm/tour/bag_of_words.py`, `tinyllm/data/pydocs.py`.")


def accuracy_picture(c: dict[str, Any]) -> Figure:
    """The tour in one picture: what each way of classifying reaches, by number of labels."""
    return viz.accuracy_bars(c["accuracy"], c["settings"], "docstring → package", chance=c["majority"])


def _closing(page: Page, r: dict[str, Any]) -> None:
    page.heading("6. Now open it")
    page.text(
        "Everything above ran from `tinyllm/tour/run.py`. The reading order of the code stands at the top of "
        "`tinyllm/__init__.py`; the shortest way to the idea is `tinyllm/autograd/`, where the derivative of `np.exp` is one "
        "line. The trained models are in the folders beside this page:",
    )
    page.parts.append("<pre>" + "\n".join(r["commands"]) + "</pre>")
    page.table(["step", "seconds"], [[name, f"{s:.1f}"] for name, s in r["seconds"].items()], "Where the time went")
    page.note(f"{r['versions']} · seed {r['seed']} · corpus {r['corpus']['sha256'][:12]}")
