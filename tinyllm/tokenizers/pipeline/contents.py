"""Contents of a tokenizer.json for vocabularies that come without one.

Each function answers what the file would say, had somebody written it: `PipelineTokenizer` then reads all alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = dict[str, Any]

GPT2_SPECIAL = ("<|endoftext|>",)
ROBERTA_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
BERT_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def content(model: Json, added: Sequence[Json] = (), **parts: Json | None) -> Json:
    """A whole file around a model; `parts` are its normalizer, pre_tokenizer, post_processor and decoder."""
    nothing = dict.fromkeys(("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder"))
    return {"version": "1.0", "added_tokens": list(added), **nothing, **parts, "model": model}


def added_token(token_id: int, name: str, special: bool = True, lstrip: bool = False) -> Json:
    """An entry of "added_tokens"."""
    rules = {"single_word": False, "lstrip": lstrip, "rstrip": False, "normalized": False, "special": special}
    return {"id": token_id, "content": name, **rules}


def bert(vocab: Mapping[str, int], lower: bool = True, chinese: bool = True, accents_off: bool | None = None) -> Json:
    """BERT's, from its vocabulary. Raises ValueError where it has no [UNK]."""
    if "[UNK]" not in vocab:
        raise ValueError("a BERT vocabulary has [UNK] for the words it cannot write, and this one has not")
    frame = {"type": "BertProcessing", "sep": ["[SEP]", vocab.get("[SEP]")], "cls": ["[CLS]", vocab.get("[CLS]")]}
    return content(
        {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": dict(vocab),
        },
        _special(vocab, BERT_SPECIAL),
        normalizer={
            "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": chinese,
            "strip_accents": accents_off, "lowercase": lower,
        },
        pre_tokenizer={"type": "BertPreTokenizer"},
        post_processor=frame if "[SEP]" in vocab and "[CLS]" in vocab else None,
        decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
    )  # fmt: skip


def gpt2(vocab: Mapping[str, int], merges: Sequence[str], space_in_front: bool = False) -> Json:
    """GPT-2's byte pairs, or RoBERTa's where the vocabulary has that model's special tokens."""
    is_roberta = all(name in vocab for name in ROBERTA_SPECIAL)
    if is_roberta:
        post = {
            "type": "RobertaProcessing", "sep": ["</s>", vocab["</s>"]], "cls": ["<s>", vocab["<s>"]],
            "trim_offsets": True, "add_prefix_space": space_in_front,
        }  # fmt: skip
    else:
        post = byte_level(space_in_front, trim=False)
    return content(
        byte_pairs(vocab, merges),
        _special(vocab, ROBERTA_SPECIAL if is_roberta else GPT2_SPECIAL),
        pre_tokenizer=byte_level(space_in_front),
        post_processor=post,
        decoder=byte_level(True),
    )


def byte_pairs(vocab: Mapping[str, int], merges: Sequence[str], **options: Any) -> Json:
    """A model of type "BPE"."""
    plain: Json = {"dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None}
    plain |= {"fuse_unk": False, "byte_fallback": False, "ignore_merges": False}
    return {"type": "BPE", **plain, **options, "vocab": dict(vocab), "merges": list(merges)}


def byte_level(space_in_front: bool, use_regex: bool = True, trim: bool = True) -> Json:
    """ByteLevel, as pre-tokenizer, post-processor or decoder."""
    return {"type": "ByteLevel", "add_prefix_space": space_in_front, "trim_offsets": trim, "use_regex": use_regex}


def split(pattern: str, behavior: str = "Isolated") -> Json:
    """Split at a regular expression."""
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": False}


def template(before: Sequence[tuple[str, int]], after: Sequence[tuple[str, int]]) -> Json | None:
    """A frame of (name, id) around each text; none where there is nothing to put."""
    if not before and not after:
        return None

    def signs(names: Sequence[tuple[str, int]], segment: int) -> list[Json]:
        return [{"SpecialToken": {"id": name, "type_id": segment}} for name, _ in names]

    def framed(which: str, segment: int) -> list[Json]:
        return [*signs(before, segment), {"Sequence": {"id": which, "type_id": segment}}, *signs(after, segment)]

    listed = {name: {"id": name, "ids": [token_id], "tokens": [name]} for name, token_id in [*before, *after]}
    return {
        "type": "TemplateProcessing", "single": framed("A", 0), "pair": framed("A", 0) + framed("B", 1),
        "special_tokens": listed,
    }  # fmt: skip


def frame(ids: Mapping[str, int]) -> Json | None:
    """Our own frame, as `Tokenizer.encoding` puts it: <cls> … <sep>, the second text with its <sep> in segment 1; else
    <bos> … <eos>, as far as they exist."""
    if "<cls>" in ids and "<sep>" in ids:
        made = template([("<cls>", ids["<cls>"])], [("<sep>", ids["<sep>"])])
        assert made
        del made["pair"][3]                         # one <cls> is enough
        return made
    bos, eos = ([(name, ids[name])] if name in ids else [] for name in ("<bos>", "<eos>"))
    made = template(bos, eos)
    if made:
        signs = [piece for piece in made["pair"] if "SpecialToken" in piece]
        made["pair"] = [
            *signs[: len(bos)], {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}},
            *signs[len(signs) - len(eos) :],
        ]  # fmt: skip
    return made


def _special(vocab: Mapping[str, int], names: Iterable[str]) -> list[Json]:
    found = sorted((vocab[name], name) for name in names if name in vocab)
    return [added_token(token_id, name, lstrip=name == "<mask>") for token_id, name in found]
