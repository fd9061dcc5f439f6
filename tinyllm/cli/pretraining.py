"""What `tinyllm pretrain` can learn from text alone: for each objective its model, its batches, and a number to beat."""

from __future__ import annotations

import argparse
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from ..data import CausalWindows, MaskedWindows, NoisyTexts, SentencePairs, SpanCorruption, sentinel_ids
from ..data.batching import IGNORED
from ..data.span_corruption import SENTINELS, noise_amount
from ..tokenizers import Tokenizer
from ..training import Causal, Masked, MaskedAndNext, Objective, Reconstruction, SequenceToSequence
from ..training.corpora import encode_documents
from .corpora import Side, Texts

SIDES: tuple[Side, Side] = ("train", "valid")
LOOKED_AT = 50      # batches by which a baseline knows the training text


class Pretraining(ABC):
    """An objective with the options of one run. `kind` is that of its model."""

    kind: ClassVar[str]
    special_tokens: tuple[str, ...] = ()
    """What a tokenizer from scratch must have besides the usual ones."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args

    @abstractmethod
    def objective(self, tokenizer: Tokenizer, texts: Texts) -> Objective:
        """What is learned."""

    @abstractmethod
    def source(self, tokenizer: Tokenizer, texts: Texts, side: Side) -> Any:
        """Batches of one side of the texts."""

    def config(self, tokenizer: Tokenizer) -> dict[str, Any]:
        """Fields of its own in the model's config."""
        return {}

    def baseline(self, model: Any, train: Any, valid: Any) -> dict[str, float]:
        """What guessing each target by how often it occurred in training reaches on held-out text."""
        seen = _targets(train.batch(step) for step in range(LOOKED_AT))
        asked = _targets(valid.evaluation())
        counts = np.bincount(seen, minlength=int(max(seen.max(), asked.max())) + 1) + 1.0
        loss = float(-np.log(counts[asked] / counts.sum()).mean())
        return {"loss": loss, "perplexity": math.exp(loss), "accuracy": float(np.mean(asked == counts.argmax()))}

    def next_steps(self, folder: str) -> tuple[str, ...]:
        """Commands that use the run."""
        return (f"tinyllm finetune --from {folder}",)


class CausalText(Pretraining):
    """Predict the next token."""

    kind = "gpt"

    def objective(self, tokenizer: Tokenizer, texts: Texts) -> Causal:
        return Causal(sum(map(len, texts.valid)) / len(row_of(tokenizer, texts, "valid")))

    def source(self, tokenizer: Tokenizer, texts: Texts, side: Side) -> CausalWindows:
        args = self.args
        return CausalWindows(row_of(tokenizer, texts, side), args.context, args.batch, args.seed)

    def next_steps(self, folder: str) -> tuple[str, ...]:
        return (f'tinyllm generate {folder} --prompt "The"', *super().next_steps(folder))


class MaskedText(Pretraining):
    """Fill in what was hidden."""

    kind = "bert"

    def objective(self, tokenizer: Tokenizer, texts: Texts) -> Masked:
        return Masked()

    def source(self, tokenizer: Tokenizer, texts: Texts, side: Side) -> MaskedWindows:
        args = self.args
        mask = needed(tokenizer, "mask")
        return MaskedWindows(
            row_of(tokenizer, texts, side), args.context, args.batch, args.seed, mask, tokenizer.vocab_size, args.mask_share,
            tokenizer.special_ids,
        )


class MaskedAndNextText(Pretraining):
    """BERT's two at once."""

    kind = "bert"

    def objective(self, tokenizer: Tokenizer, texts: Texts) -> MaskedAndNext:
        return MaskedAndNext()

    def source(self, tokenizer: Tokenizer, texts: Texts, side: Side) -> SentencePairs:
        args = self.args
        cls, sep, mask, pad = (needed(tokenizer, name) for name in ("cls", "sep", "mask", "pad"))
        documents = [tokenizer.encode_batch(document) for document in texts.in_sentences(side)]
        n = sum(sum(map(bool, document)) > 1 for document in documents)
        if n < 2 and texts.description:                 # a text that is evaluated has no parts, and no description
            part = {"train": "the part to learn from", "valid": "the part held out"}[side]
            raise ValueError(
                f"{part} has {n} documents of two sentences or more, and masked-next needs 2, one to be another's wrong end: "
                "give more text, or another --valid-share"
            )
        return SentencePairs(
            documents, args.batch, args.context, cls, sep, mask, pad, tokenizer.vocab_size, args.seed, args.mask_share,
            tokenizer.special_ids,
        )

    def config(self, tokenizer: Tokenizer) -> dict[str, Any]:
        return {"n_segments": 2, "pooler": True, "next_sentence": True}

    def baseline(self, model: Any, train: Any, valid: Any) -> dict[str, float]:
        words = super().baseline(model, train, valid)
        labels = np.concatenate([batch["labels"] for batch in valid.evaluation()])
        return {
            "masked_loss": words["loss"], "masked_accuracy": words["accuracy"],
            "next_accuracy": float(max(labels.mean(), 1 - labels.mean())),
        }


class DenoisedText(Pretraining):
    """Write what was cut out of a text, T5's way."""

    kind = "t5"

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(args)
        # A tokenizer from scratch frames a source by two signs.
        _, spans = noise_amount(args.context - 2, args.mask_share, args.mean_span)
        self.special_tokens = SENTINELS[: spans + 1]

    def objective(self, tokenizer: Tokenizer, texts: Texts) -> SequenceToSequence:
        return SequenceToSequence()

    def source(self, tokenizer: Tokenizer, texts: Texts, side: Side) -> SpanCorruption:
        args, sentinels, around = self.args, sentinel_ids(tokenizer), frame(tokenizer)
        return SpanCorruption(
            row_of(tokenizer, texts, side), args.context - sum(map(len, around)), args.batch, sentinels,
            needed(tokenizer, "bos"), needed(tokenizer, "eos"), args.seed, args.mask_share, args.mean_span, around,
        )

    def config(self, tokenizer: Tokenizer) -> dict[str, Any]:
        return {"start_id": needed(tokenizer, "bos")}

    def next_steps(self, folder: str) -> tuple[str, ...]:
        return tuple(f"tinyllm finetune --task {task} --from {folder}" for task in ("translation", "summary"))


class CompressedText(Pretraining):
    """Press a sentence into a small vector and unfold it."""

    kind = "autoencoder"

    def objective(self, tokenizer: Tokenizer, texts: Texts) -> Reconstruction:
        return Reconstruction()

    def source(self, tokenizer: Tokenizer, texts: Texts, side: Side) -> NoisyTexts:
        args = self.args
        sentences = [sentence for document in texts.in_sentences(side) for sentence in document]
        rows = [ids for ids in tokenizer.encode_batch(map(str.strip, sentences)) if len(ids) > 1]
        mask = needed(tokenizer, "mask") if args.hide_share else None
        return NoisyTexts(
            rows, args.batch, args.context, tokenizer.pad_id or 0, args.seed, args.hide_share, mask, tokenizer.special_ids
        )

    def config(self, tokenizer: Tokenizer) -> dict[str, Any]:
        return {"d_code": self.args.code_size}

    def baseline(self, model: Any, train: Any, valid: Any) -> dict[str, float]:
        """The mean of the training text's vectors, whatever the sentence: the best that knows nothing of it."""
        batches = [train.batch(step) for step in range(LOOKED_AT)]
        mean = np.mean(np.concatenate([_real_vectors(model, batch) for batch in batches]), axis=0)
        return {"loss": float(np.mean((np.concatenate([_real_vectors(model, b) for b in valid.evaluation()]) - mean) ** 2))}


OBJECTIVES: dict[str, type[Pretraining]] = {
    "causal": CausalText, "masked": MaskedText, "masked-next": MaskedAndNextText, "denoise": DenoisedText,
    "autoencode": CompressedText,
}


def objective_and_sources(args: argparse.Namespace, tokenizer: Tokenizer, texts: Texts) -> tuple[Any, Any, Any]:
    """The objective, batches to learn from, and batches held out."""
    chosen = OBJECTIVES[args.objective](args)
    train, valid = (chosen.source(tokenizer, texts, side) for side in SIDES)
    return chosen.objective(tokenizer, texts), train, valid


def needed(tokenizer: Tokenizer, name: str) -> int:
    """The id of a special token. Raises ValueError where the tokenizer lacks it."""
    found: int | None = getattr(tokenizer, f"{name}_id")
    if found is None:
        raise ValueError(f"this objective needs a tokenizer with <{name}>: train one with --tokenizer bpe or char")
    return found


def frame(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The ids before and behind a text in which its `encoding` frames it, as finetune and generate do; without any, <eos>
    behind it."""
    row = tokenizer.encoding(SENTINELS[0], allow_special=True)
    if not any(row.special):
        return [], [needed(tokenizer, "eos")]
    first, last = row.special.index(False), len(row) - row.special[::-1].index(False)
    return row.ids[:first], row.ids[last:]


def row_of(tokenizer: Tokenizer, texts: Texts, side: Side) -> np.ndarray:
    """All of a side as one row of ids."""
    documents = getattr(texts, side)
    return encode_documents(tokenizer, documents) if texts.documents else tokenizer.encode_array(documents[0])


def _targets(batches: Iterator[Any]) -> np.ndarray:
    found = np.concatenate([batch["targets"].ravel() for batch in batches])
    counted: np.ndarray = found[found != IGNORED]
    return counted


def _real_vectors(model: Any, batch: Any) -> np.ndarray:
    """What an autoencoder is to reconstruct, of the real tokens: (N, C)."""
    vectors: np.ndarray = model.targets(batch["ids"])[batch["attention_mask"]]
    return vectors
