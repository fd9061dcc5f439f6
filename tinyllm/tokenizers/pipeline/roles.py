"""Which token pads, begins, ends, masks, separates: what a library user asks for as `pad_id` and so on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# For each role the names that models are known to use, the surest first.
KNOWN_NAMES = {
    "pad": ("[PAD]", "<pad>", "<|pad|>", "<|padding|>"),
    "unk": ("[UNK]", "<unk>", "<|unk|>"),
    "bos": ("<bos>", "<s>", "<|begin_of_text|>", "<|startoftext|>", "[BOS]", "<|im_start|>", "<|endoftext|>"),
    "eos": ("<eos>", "</s>", "<|end_of_text|>", "<|eot_id|>", "[EOS]", "<|im_end|>", "<|endoftext|>"),
    "mask": ("[MASK]", "<mask>", "<|mask|>"),
    "cls": ("[CLS]", "<cls>"),
    "sep": ("[SEP]", "<sep>"),
}
ROLES = tuple(KNOWN_NAMES)


def find_roles(ids: Mapping[str, int], said: Mapping[str, Any], model_unknown: str | None = None) -> dict[str, int]:
    """Role → id, for the roles that have a token.

    What the files beside the tokenizer say comes first ("pad_token": "[PAD]", or an object with a "content"), then
    the model's unknown token, then the names that models are known to use. A token that is not in `ids` has no role.
    """
    roles = {}
    for role, known in KNOWN_NAMES.items():
        names: tuple[Any, ...] = known
        key = f"{role}_token"
        if key in said:
            name = said[key]
            names = (name.get("content") if isinstance(name, dict) else name,)
        elif role == "unk" and model_unknown is not None:
            names = (model_unknown,)
        found = [ids[name] for name in names if isinstance(name, str) and name in ids]
        if found:
            roles[role] = found[0]
    return roles
