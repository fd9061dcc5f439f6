"""A tokenizer put together from the parts of a Hugging Face tokenizer.json."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..base import Tokenizer
from ..encoding import Encoding
from ..storage import MAP, SAID, TEMPLATE, read_json, write_json
from .added import AddedTokens, Found, read_added_tokens
from .bpe import read_bpe
from .decoders import byte_of_name, bytes_of_name, read_decoder
from .entries import Entry
from .models import Model, WordLevel, vocabulary
from .normalizers import read_normalizer
from .post_processors import joined, read_post_processor
from .pre_tokenizers import read_pre_tokenizer
from .roles import ROLES, find_roles
from .unigram import read_unigram
from .wordpiece import read_wordpiece

MODELS: dict[str, Callable[[Entry], Model]] = {
    "BPE": read_bpe,
    "WordPiece": read_wordpiece,
    "Unigram": read_unigram,
    "WordLevel": lambda entry: WordLevel(vocabulary(entry), entry.text("unk_token")),
}


class PipelineTokenizer(Tokenizer):
    """text → added tokens cut out → normalizer → pre-tokenizer → model → post-processor; decoder for the way back.

    It does what the `tokenizers` library does with the same file, id for id and offset for offset, with two
    differences that make it behave like every other tokenizer here: the name of a special token in a text is text
    unless `allow_special` is said (the library's models know it by name all the same), and the file's "padding" and
    "truncation" are kept but left to whoever makes batches.

    - `vocab_size`: one more than the largest id. Ids that the file leaves out have no token.
    - `special_ids`: the added tokens that are marked special. `chat_template`: the Jinja template that came with it.
    """

    def __init__(
        self, content: dict[str, Any], said: Mapping[str, Any] | None = None, chat_template: str | None = None
    ) -> None:
        """`content` is that of a tokenizer.json, `said` that of the files beside it ("pad_token", …: `roles`).

        Raises ValueError, naming the entry, for a part that is damaged or not known here.
        """
        top = Entry(content, "file")
        if top.text("version", "1.0") != "1.0":
            raise ValueError(f'"version" is {top.text("version")!r}, this code reads "1.0"')
        entry = top.inside("model")
        kind = _model_kind(entry)
        if kind not in MODELS:
            raise entry.unknown("model", MODELS)
        self.model = MODELS[kind](entry)
        names = self.model.names()
        added = read_added_tokens(top.several("added_tokens") if content.get("added_tokens") else [], self.model.vocab)
        names |= {token.id: token.content for token in added}
        self.model.reserve(frozenset(token.content for token in added if token.special))

        self._content = content
        self._pre_tokenize = read_pre_tokenizer(top.inside("pre_tokenizer")) if content.get("pre_tokenizer") else None
        self._decoder_of = read_decoder(top.inside("decoder")) if content.get("decoder") else None
        self._post = read_post_processor(top.inside("post_processor"), names) if content.get("post_processor") else None
        normalizer = read_normalizer(top.inside("normalizer")) if content.get("normalizer") else None
        self.added = AddedTokens(added, normalizer)
        self.chat_template = chat_template
        self._set_names(names, find_roles({n: i for i, n in names.items()}, said or {}, _unknown_name(self.model)))

    def _set_names(self, names: dict[int, str], roles: dict[str, int]) -> None:
        self._names = names
        self._token_ids = {**{name: i for i, name in names.items()}, **self.model.vocab}
        self.vocab_size = max(names, default=-1) + 1
        special = sorted((token.id, token.content) for token in self.added.tokens if token.special)
        self.special_ids = tuple(i for i, _ in special)
        self.special_tokens = tuple(name for _, name in special)
        for role in ROLES:
            setattr(self, f"{role}_id", roles.get(role))
        kinds = _decoder_kinds(self._content.get("decoder"))
        self._piece_of = {i: _piece(self.added.decoded_as.get(i, name), kinds) for i, name in names.items()}

    def _stretches(self, text: str, allow_special: bool) -> Iterable[Found]:
        """The words of a text, with the added tokens between them."""
        if not isinstance(text, str):
            raise TypeError(f"a tokenizer encodes text (str), got {type(text).__name__}")
        for piece, token_id in self.added.split(text, allow_special):
            if token_id is not None or self._pre_tokenize is None:
                yield piece, token_id
            else:
                for word in self._pre_tokenize(piece):
                    yield word, None

    def _ids(self, text: str, allow_special: bool) -> Iterable[int]:
        ids: list[int] = []
        tokens = self.model.tokens
        for piece, token_id in self._stretches(text, allow_special):
            if token_id is None:
                ids += tokens(piece.text)[0]
            else:
                ids.append(token_id)
        return ids

    def _encode_plain(self, text: str) -> Iterable[int]:
        return self._ids(text, False)

    def _located(self, text: str, allow_special: bool) -> Encoding:
        found = Encoding()
        for piece, token_id in self._stretches(text, allow_special):
            if token_id is not None:
                # The text it was found as, white space around it included: `trim_offsets` looks at that.
                found.add(token_id, piece.text, piece.span(0, len(piece.text)))
            else:
                for i, (begin, end) in zip(*self.model.tokens(piece.text)):
                    found.add(i, self._names[i], piece.span(begin, end))
        return found

    def encoding(
        self, text: str, pair: str | None = None, special: bool = True, allow_special: bool = False
    ) -> Encoding:
        """The tokens of a text, or of two, with their places in it.

        special: add the tokens that the file's post-processor frames a text with; it also says which segment a token
        is in. allow_special: the name of a special token in the text becomes that token.
        """
        texts = [self._located(each, allow_special) for each in ([text] if pair is None else [text, pair])]
        for segment, each in enumerate(texts):
            each.segment_ids = [segment] * len(each)
        row = joined(self._post(texts, special) if self._post else texts)
        row.tokens = [self._names[i] for i in row.ids]
        return row

    def decode(self, ids: Iterable[int] | np.ndarray, skip_special: bool = False) -> str:
        row = self._check_ids(ids)
        skipped = frozenset(self.special_ids) if skip_special else frozenset()
        as_text = self.added.decoded_as
        names = [as_text.get(i) or self._names[i] for i in row if i not in skipped and i in self._names]
        if not names:
            return ""
        return "".join(self._decoder_of(names)) if self._decoder_of else " ".join(names)

    def id_to_token(self, token_id: int) -> str:
        return self._names.get(self._check_ids([token_id])[0], "")

    def id_to_piece(self, token_id: int) -> bytes:
        """The bytes a token adds to a text that goes on, perhaps half a character's, with the space before it.

        Pieces in a row are what `decode` answers but for what a decoder does with the whole: the first word's space
        taken off, "don ' t" made "don't".
        """
        return self._piece_of.get(self._check_ids([token_id])[0], b"")

    def roles(self) -> dict[str, str]:
        """{"pad_token": "[PAD]", …}, for the roles that have a token."""
        ids = {role: getattr(self, f"{role}_id") for role in ROLES}
        return {f"{role}_token": self._names[i] for role, i in ids.items() if i is not None}

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the `tokenizer.json`, and beside it into `tokenizer_config.json` which token pads, begins and ends, and
        the chat template; what else such a file says stays. Older files beside it that would say otherwise go."""
        beside = Path(path).with_name(SAID)
        if Path(path).name != "tokenizer.json":
            super().save(path)
            return
        said = read_json(beside) if beside.exists() else {"tokenizer_class": "PreTrainedTokenizerFast"}
        ours = {"chat_template", *(f"{role}_token" for role in ROLES)}
        template = {} if self.chat_template is None else {"chat_template": self.chat_template}
        super().save(path)
        write_json(beside, {key: value for key, value in said.items() if key not in ours} | self.roles() | template)
        for older in (MAP, TEMPLATE):
            beside.with_name(older).unlink(missing_ok=True)

    def as_json(self) -> dict[str, Any]:
        return self._content

    def _model(self) -> dict[str, Any]:
        return self._content["model"]


def _unknown_name(model: Model) -> str | None:
    unknown_id = getattr(model, "unknown_id", None)
    return model.names()[unknown_id] if unknown_id is not None else getattr(model, "unknown", None)


def _model_kind(entry: Entry) -> str:
    """The model's type; old files do not say it, but only BPE has merges and only WordPiece a longest word."""
    if "type" in entry.content:
        return entry.kind
    if "merges" in entry.content:
        return "BPE"
    if isinstance(entry.content.get("vocab"), list):
        return "Unigram"
    return "WordPiece" if "max_input_chars_per_word" in entry.content else "WordLevel"


def _decoder_kinds(content: Any) -> dict[str, dict[str, Any]]:
    """The decoder's parts by their type."""
    if not isinstance(content, dict):
        return {}
    parts: Sequence[dict[str, Any]] = content.get("decoders", [content])
    return {part["type"]: part for part in parts}


def _piece(name: str, kinds: dict[str, dict[str, Any]]) -> bytes:
    """What a token adds to text that goes on."""
    if "ByteLevel" in kinds:
        return bytes_of_name(name)
    if "WordPiece" in kinds:
        prefix = kinds["WordPiece"]["prefix"]
        return (name[len(prefix) :] if name.startswith(prefix) else f" {name}").encode("utf-8", "surrogatepass")
    if "ByteFallback" in kinds and (byte := byte_of_name(name)) is not None:
        return bytes([byte])
    if "BPEDecoder" in kinds:
        name = name.replace(kinds["BPEDecoder"]["suffix"], " ")
    elif not kinds:
        name = f" {name}"
    return name.replace("▁", " ").encode("utf-8", "surrogatepass")
