"""Tokenizer throughput: our encoders next to Hugging Face's, which reads our files and must give the same ids."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks import pictures
from tests.benchmarks.report import Options, Result, ratio, table
from tests.benchmarks.rounds import say
from tests.benchmarks.server import Missing, Server

VOCAB, TRAIN_CHARACTERS = 4096, 400_000
KINDS = ("ByteBPE", "BPE", "WordPiece", "Unigram")
MODULE = "tests.benchmarks.sections.tokenizers"


def run(options: Options) -> Result:
    characters, repeats = (100_000, 2) if options.quick else (1_000_000, options.rounds or 3)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            path = str(Path(folder) / f"{'ByteBPE' if kind == 'BPE' else kind}.json")
            asked = {"kind": kind, "path": path, "characters": characters, "repeats": repeats}
            if kind != "BPE":
                say(f"{kind}: learning {VOCAB:,} tokens")
                with Server(1) as server:
                    server.ask("call", target=f"{MODULE}:learn", options={"kind": kind, "path": path})
            say(f"{kind}: encoding")
            with Server(1) as server:
                found[kind] = {"ours": server.ask("call", target=f"{MODULE}:ours", options=asked)}
            say(f"{kind}: encoding by tokenizers")
            with Server(options.cores, {"RAYON_NUM_THREADS": str(options.cores)}) as server:
                try:
                    found[kind]["theirs"] = server.ask("call", target=f"{MODULE}:theirs", options=asked)
                except Missing as missing:
                    found[kind]["missing"] = str(missing)
                    say(f"{missing} is not installed: {kind} has nothing beside it\n")
    say("")
    shown, bars = [], {}
    for kind, of in found.items():
        ours, theirs = of["ours"], of.get("theirs")
        same = None
        if theirs:
            differ = sum(a != b for a, b in zip(ours.pop("ids"), theirs.pop("ids"), strict=True))
            of["texts_that_differ"] = differ
            same = f"{differ} of {ours['texts']:,} texts differ" if differ else "same"
        speed = [f"{ours['first']:.2f}", f"{ours['again']:.2f}"]
        if theirs:
            speed += [f"{theirs['first']:.2f}", f"{theirs['again']:.2f}", f"{theirs['batch']:.2f}"]
            speed.append(ratio(theirs["again"], ours["again"]))
        else:
            speed += ["not installed", None, None, None]
        shown.append([kind, *speed, same, f"{ours['bytes_per_token']:.2f}"])
        bars[kind] = {"tinyllm": ours["again"]} | ({"tokenizers, 1 thread": theirs["again"]} if theirs else {})
    head = ["tokenizer", "ours, first pass", "ours, again", "tokenizers, first pass", "tokenizers, again",
            f"tokenizers, encode_batch, {options.cores} threads", "speed, tokenizers / ours", "ids", "bytes a token"]
    lines = [
        "MB of text (10⁶ bytes of UTF-8) encoded a second, one thread unless the column says otherwise: the first "
        f"{characters:,} characters of Python's documentation (`tinyllm.data.corpus()`), text by text; vocabularies of at most "
        f"{VOCAB:,} tokens, learned from its first {TRAIN_CHARACTERS:,}. The first pass fills the caches of words, later ones "
        f"(median of {repeats}) find them full. `tokenizers` is Hugging Face's library, in Rust; it reads the file that ours "
        "wrote, and all ids are compared. (Of several equally probable ways to write a word in Unigram's tokens, a long run of "
        "hyphens for one, the two may take different ones.) BPE is ByteBPE's file read by the general `PipelineTokenizer`, as "
        "a model from elsewhere would be.\n",
        *table(head, shown),
    ]
    print("\n".join(lines[1:]), flush=True)
    figure = pictures.grouped(bars, "MB of text a second", "Encoding speed of tokenizers, words already in the cache")
    return Result("tokenizers", "Tokenizer throughput", lines, {"found": found}, {"tokenizers": figure})


def texts(characters: int) -> list[str]:
    """The corpus's first documents, of this many characters together or a little less."""
    from tinyllm.data import corpus

    found, total = [], 0
    for document in corpus().train:
        total += len(document.text)
        if total > characters:
            break
        found.append(document.text)
    return found


def learn(kind: str, path: str) -> None:
    from tinyllm.tokenizers import ByteBPETokenizer, UnigramTokenizer, WordPieceTokenizer

    classes: dict[str, Any] = {"ByteBPE": ByteBPETokenizer, "WordPiece": WordPieceTokenizer, "Unigram": UnigramTokenizer}
    classes[kind].train(texts(TRAIN_CHARACTERS), VOCAB).save(path)


def ours(kind: str, path: str, characters: int, repeats: int) -> dict[str, Any]:
    from tinyllm.tokenizers import PipelineTokenizer, load
    from tinyllm.tokenizers.storage import read_json

    tokenizer = PipelineTokenizer(read_json(Path(path))) if kind == "BPE" else load(path)
    return passes(tokenizer.encode, texts(characters), repeats)


def theirs(kind: str, path: str, characters: int, repeats: int) -> dict[str, Any]:
    import tokenizers

    tokenizer, corpus = tokenizers.Tokenizer.from_file(path), texts(characters)
    found = passes(lambda text: tokenizer.encode(text, add_special_tokens=False).ids, corpus, repeats)
    seconds = []
    for _ in range(1 + repeats):
        begin = time.perf_counter()
        tokenizer.encode_batch(corpus, add_special_tokens=False)
        seconds.append(time.perf_counter() - begin)
    return found | {"batch": _size(corpus) / 1e6 / statistics.median(seconds[1:])}


def passes(encode: Callable[[str], list[int]], corpus: list[str], repeats: int) -> dict[str, Any]:
    """MB a second in the first pass and in later ones; a hash of each text's ids."""
    import hashlib

    seconds, ids = [], []
    for _ in range(1 + repeats):
        begin = time.perf_counter()
        ids = [encode(text) for text in corpus]
        seconds.append(time.perf_counter() - begin)
    size = _size(corpus)
    return {
        "first": size / 1e6 / seconds[0], "again": size / 1e6 / statistics.median(seconds[1:]),
        "bytes_per_token": size / sum(map(len, ids)), "texts": len(corpus),
        "ids": [hashlib.sha256(repr(list(row)).encode()).hexdigest()[:16] for row in ids],
    }


def _size(corpus: list[str]) -> int:
    return sum(len(text.encode()) for text in corpus)
