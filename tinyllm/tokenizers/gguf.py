"""The tokenizer inside a GGUF file: a vocabulary, merges or scores, and the name of a rule for cutting text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .pipeline.contents import added_token, byte_level, byte_pairs, content, split, template
from .pipeline.tokenizer import PipelineTokenizer

# Kinds of token, as llama.cpp numbers them.
UNKNOWN, CONTROL, USER_DEFINED, BYTE = 2, 3, 4, 6

_DIGITS = [{"type": "Digits", "individual_digits": True}]
_ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_LLAMA3 = (
    rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_LLAMA3_NAMES = ("llama-bpe", "llama3", "llama-v3")
# What the file's name for its rule stands for: the pre-tokenizers before the bytes, where GPT-2's own rule is not it.
_GPT2_AFTER: dict[str, list[dict[str, Any]]] = {
    **{name: [] for name in ("gpt-2", "olmo", "phi-2", "mpt", "jina-es", "jina-de")},
    **{name: _DIGITS for name in ("smollm", "starcoder", "refact", "command-r", "codeshell")},
}
_INSTEAD: dict[str, str] = {
    **dict.fromkeys((*_LLAMA3_NAMES, "dbrx", "smaug-bpe"), _LLAMA3),
    **dict.fromkeys(("qwen2", "stablelm2", "deepseek-r1-qwen"), _LLAMA3.replace("{1,3}", "")),
}
_ROLES = {
    "bos": "bos", "eos": "eos", "unknown": "unk", "padding": "pad", "seperator": "sep", "separator": "sep",
    "cls": "cls", "mask": "mask",
}  # fmt: skip


def from_gguf(metadata: Mapping[str, Any]) -> PipelineTokenizer:
    """The tokenizer that a GGUF file's metadata describes, with its chat template.

    Read are the keys "tokenizer.ggml.…": `model` ("gpt2": byte pairs; "llama": SentencePiece's, whose merges follow
    from the scores), `tokens`, `token_type`, `merges` or `scores`, `pre`, `…_token_id`, `add_bos_token`,
    `add_eos_token`, `add_space_prefix`; and "tokenizer.chat_template".

    Raises ValueError, naming the key, for what is missing, damaged or not known here.
    """
    said = _Metadata(metadata)
    tokens = said.texts("tokens")
    if not tokens:
        raise ValueError('"tokenizer.ggml.tokens" is empty: this file has no tokenizer')
    vocab = {token: i for i, token in enumerate(tokens)}
    kinds = said.numbers("token_type", len(tokens)) or [1] * len(tokens)
    added = [
        added_token(i, token, kind == CONTROL)
        for i, (token, kind) in enumerate(zip(tokens, kinds))
        if kind in (CONTROL, USER_DEFINED) and token and vocab[token] == i
    ]
    roles = {
        role: tokens[token_id]
        for name, role in _ROLES.items()
        if (token_id := said.id(f"{name}_token_id", len(tokens))) is not None
    }
    frame = [
        [(roles[role], vocab[roles[role]])] if said.flag(f"add_{role}_token", default) and role in roles else []
        for role, default in (("bos", said.model == "llama" or said.get("pre", "") in _LLAMA3_NAMES), ("eos", False))
    ]
    if said.model == "gpt2":
        made = _byte_pairs(vocab, said, added, template(*frame))
    elif said.model == "llama":
        made = _sentencepiece(vocab, tokens, kinds, said, added, template(*frame))
    else:
        raise ValueError(f'"tokenizer.ggml.model" is {said.model!r}: read here are gpt2 and llama')
    chat = metadata.get("tokenizer.chat_template")
    return PipelineTokenizer(
        made, {f"{role}_token": name for role, name in roles.items()}, chat if isinstance(chat, str) else None
    )


def _byte_pairs(vocab: dict[str, int], said: _Metadata, added: list[Any], frame: Any) -> dict[str, Any]:
    pre = said.get("pre", "default")            # llama.cpp's default is a rule of its own
    if not isinstance(pre, str):
        raise ValueError(f'"tokenizer.ggml.pre" is {str(pre)[:40]}: it must be the name of a rule')
    if pre in _INSTEAD:
        steps = [split(_INSTEAD[pre]), byte_level(False, use_regex=False)]
    elif pre in _GPT2_AFTER:
        steps = [*_GPT2_AFTER[pre], byte_level(False)]
    else:
        known = ", ".join([*_GPT2_AFTER, *_INSTEAD])
        raise ValueError(f'"tokenizer.ggml.pre" is {pre[:40]!r}, no rule for cutting text known here, which are {known}')
    return content(
        byte_pairs(vocab, said.texts("merges"), ignore_merges=pre in _LLAMA3_NAMES),
        added,
        pre_tokenizer={"type": "Sequence", "pretokenizers": steps},
        post_processor=frame,
        decoder=byte_level(True),
    )


def _sentencepiece(
    vocab: dict[str, int], tokens: list[str], kinds: Sequence[int], said: _Metadata, added: list[Any], frame: Any
) -> dict[str, Any]:
    """SentencePiece's byte pairs: of all neighbours that make a token, the two whose token scores best merge first.

    The file keeps scores, not merges. A merge list with the same effect has each way to put a token together from two
    others, the best token first. No text becomes a control sign, the unknown, or a byte by its name.
    """
    scores = said.numbers("scores", len(tokens))
    if scores is None:
        raise ValueError('"tokenizer.ggml.scores" is missing: a vocabulary of model "llama" cannot do without')
    ways = []
    written = [token for token, i in vocab.items() if kinds[i] not in (UNKNOWN, CONTROL, BYTE)]
    for token in sorted(written, key=lambda token: -scores[vocab[token]]):
        halves = [(token[:cut], token[cut:]) for cut in range(1, min(len(token), 256))]
        found = [(a, b) for a, b in halves if a in vocab and b in vocab]
        ways += sorted(found, key=lambda pair: (vocab[pair[0]], vocab[pair[1]]))
    unknown = next((tokens[i] for i, kind in enumerate(kinds) if kind == UNKNOWN), None)
    in_front = said.flag("add_space_prefix", True)
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    back = [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        *([{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if in_front else []),
    ]  # fmt: skip
    model = byte_pairs(vocab, [], unk_token=unknown, fuse_unk=True, byte_fallback=True)
    return content(
        model | {"merges": [list(pair) for pair in ways]},
        added,
        normalizer={"type": "Sequence", "normalizers": [*([{"type": "Prepend", "prepend": "▁"}] if in_front else []), spaces]},
        post_processor=frame,
        decoder={"type": "Sequence", "decoders": back},
    )


class _Metadata:
    """The keys "tokenizer.ggml.…", each checked as it is asked for."""

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        self._metadata = metadata
        self.model = self.get("model", None)

    def get(self, key: str, default: Any) -> Any:
        return self._metadata.get(f"tokenizer.ggml.{key}", default)

    def texts(self, key: str) -> list[str]:
        values = self.get(key, None)
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise ValueError(f'"tokenizer.ggml.{key}" must be a list of texts, got {type(values).__name__}')
        return list(values)

    def numbers(self, key: str, n: int) -> list[Any] | None:
        values = self.get(key, None)
        if values is None:
            return None
        listed = values.tolist() if hasattr(values, "tolist") else values
        if not isinstance(listed, list) or len(listed) != n or not all(type(value) in (int, float) for value in listed):
            raise ValueError(f'"tokenizer.ggml.{key}" must be {n} numbers, one a token')
        return listed

    def id(self, key: str, n: int) -> int | None:
        value = self.get(key, None)
        if value is None:
            return None
        if type(value) is not int or not 0 <= value < n:
            raise ValueError(f'"tokenizer.ggml.{key}" is {str(value)[:40]}: it must be the number of one of {n} tokens')
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise ValueError(f'"tokenizer.ggml.{key}" must be true or false, got {str(value)[:40]!r}')
        return value
