"""From files to a tokenizer: ours, and the forms in which other people's models come."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from .base import Tokenizer
from .own import is_ours, rebuild
from .pipeline import PipelineTokenizer, contents
from .storage import MAP, SAID, TEMPLATE, read_json, read_text

TOKENIZER, VOCAB, VOCAB_JSON, MERGES = "tokenizer.json", "vocab.txt", "vocab.json", "merges.txt"


def load(path: str | PathLike[str]) -> Tokenizer:
    """The tokenizer in a file or a folder.

    - a `tokenizer.json`: one of ours comes back as the class that saved it; any of Hugging Face's, whose parts are
      known here, as a `PipelineTokenizer`;
    - a `vocab.txt`, one token a line: BERT's WordPiece; `tokenizer_config.json` beside it says whether it knows
      capital letters ("do_lower_case", true if not said);
    - a `vocab.json` with a `merges.txt` beside it: GPT-2's or RoBERTa's byte pairs;
    - a folder that holds one of them, looked for in this order.

    What pads, begins or ends is said in `special_tokens_map.json` or `tokenizer_config.json` beside the file, or else
    known by its name ([PAD], <s>, <|endoftext|>, …).

    The file is not trusted. One of ours is rebuilt from what was learned and must then say exactly what the file says;
    every entry of another is checked, and so are sizes.

    Raises FileNotFoundError; ValueError, naming the entry, for a file that is damaged or has a part not known here.
    """
    path = Path(path)
    if path.is_dir():
        path = _in_folder(path)
    try:
        if path.suffix == ".txt":
            return _from_vocab_txt(path)
        content = read_json(path)
        if path.name == VOCAB_JSON and "model" not in content:
            return _from_merges(path, content)
        if not is_ours(content):
            return PipelineTokenizer(content, *_beside(path))
    except ValueError as error:
        raise error if str(path) in str(error) else ValueError(f"{path} cannot be used as a tokenizer: {error}") from error
    try:
        return rebuild(content)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is no intact tokenizer file of ours: {error}") from error


def _in_folder(folder: Path) -> Path:
    for name, needs in ((TOKENIZER, TOKENIZER), (VOCAB_JSON, MERGES), (VOCAB, VOCAB)):
        if (folder / name).is_file() and (folder / needs).is_file():
            return folder / name
    raise FileNotFoundError(
        f"{folder} holds no tokenizer: {TOKENIZER}, {VOCAB_JSON} with {MERGES}, or {VOCAB} is looked for"
        + (" (a .model file of SentencePiece must be converted first)" if any(folder.glob("*.model")) else "")
    )


def _from_vocab_txt(path: Path) -> Tokenizer:
    tokens = [line.rstrip() for line in read_text(path).split("\n")]
    if tokens and not tokens[-1]:
        tokens.pop()
    said, template = _beside(path)
    lower = said.get("do_lower_case", True)
    chinese = said.get("tokenize_chinese_chars", True)
    content = contents.bert({t: i for i, t in enumerate(tokens)}, lower, chinese, said.get("strip_accents"))
    return PipelineTokenizer(content, said, template)


def _from_merges(path: Path, vocab: dict[str, Any]) -> Tokenizer:
    merges_file = path.with_name(MERGES)
    if not merges_file.is_file():
        raise FileNotFoundError(f"there is no {merges_file}: {path.name} needs it beside it")
    lines = read_text(merges_file).split("\n")
    merges = [line.rstrip("\r") for line in lines if line and not line.startswith("#version")]
    said, template = _beside(path)
    return PipelineTokenizer(contents.gpt2(vocab, merges, said.get("add_prefix_space", False)), said, template)


def _beside(path: Path) -> tuple[Mapping[str, Any], str | None]:
    """What the files beside a tokenizer say, and the chat template."""
    said: dict[str, Any] = {}
    for name in (MAP, SAID):
        if (file := path.with_name(name)).is_file():
            said |= read_json(file)
    template = said.get("chat_template")
    if (file := path.with_name(TEMPLATE)).is_file():
        template = read_text(file)
    return said, template if isinstance(template, str) else None
