"""Words with tags for models that see pieces of words: the first piece speaks for its word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyllm.data.batching import IGNORED, Batch, pad_batch, pad_targets
from tinyllm.data.conll import OUTSIDE, TaggedSentence
from tinyllm.data.located import LocatingTokenizer, locate
from tinyllm.data.order import RowBatches

NOWHERE = -1


class TaggedSentences(RowBatches):
    """Sentences → batches of "ids" (B, T), "attention_mask" (B, T) and "targets" (B, T), a tag at each word's first piece.

        words      Osc-Dis                     by    .
        tokens     [CLS]  Osc  -     Dis       by    .     [SEP]
        targets    -100   B    -100  -100      O     O     -100

    The words are joined by spaces and encoded as one text, as a model meets text elsewhere; offsets tell which token is
    whose. [CLS] and [SEP] stand around where the tokenizer has them. Targets are numbers of `names`.

    `words_cut` counts the words beyond max_length, `words_unseen` those without a token of their own (control
    characters, say): neither is trained on, and `tags_of` guesses O for them.

    Raises ValueError for a tag that `names` lacks and a max_length without room for a word.

    Devlin et al. 2019, §5.3.
    """

    def __init__(
        self,
        sentences: Sequence[TaggedSentence],
        tokenizer: LocatingTokenizer,
        names: Sequence[str],
        batch_size: int,
        max_length: int,
        seed: int = 0,
    ):
        signs = tokenizer.cls_id is not None and tokenizer.sep_id is not None
        if batch_size < 1 or max_length < 1 + 2 * signs:
            raise ValueError(f"batch_size {batch_size} and max_length {max_length}: at least 1, and {1 + 2 * signs}")
        if not sentences:
            raise ValueError("no sentences: give at least one")
        number = {name: i for i, name in enumerate(names)}
        self.names, self.pad_id = tuple(names), tokenizer.pad_id or 0
        self.words_cut = self.words_unseen = 0
        self.rows, self.targets, self.places = [], [], []       # places: of each word its first piece, in the row
        for i, sentence in enumerate(sentences):
            strange = [tag for tag in sentence.tags if tag not in number]
            if strange:
                raise ValueError(f"sentence {i}: tag {strange[0]!r} is none of {', '.join(names)}: correct it, or add it")
            ids, of_tokens = locate(tokenizer, " ".join(sentence.words))
            places = first_pieces(sentence.words, of_tokens)
            room = max_length - 2 * signs
            self.words_unseen += int((places == NOWHERE).sum())
            self.words_cut += int((places >= room).sum())
            places[places >= room] = NOWHERE
            if signs:
                ids = np.array([tokenizer.cls_id, *ids[:room], tokenizer.sep_id])
                places[places != NOWHERE] += 1
            targets = np.full(len(ids[:max_length]), IGNORED)
            seen = places != NOWHERE
            targets[places[seen]] = np.array([number[tag] for tag in sentence.tags])[seen]
            if not len(targets):
                raise ValueError(f"sentence {i} has no tokens: drop it, or take a tokenizer with <cls> and <sep>")
            self.rows.append(ids[:max_length])
            self.targets.append(targets)
            self.places.append(places)
        super().__init__(len(self.rows), batch_size, seed, np.array([len(row) for row in self.rows]))

    def tags_of(self, row: int, guessed: np.ndarray) -> tuple[str, ...]:
        """The tag of each word of a sentence, from a number of `names` for each of its tokens, (T,) or longer."""
        return tuple(OUTSIDE if place == NOWHERE else self.names[guessed[place]] for place in self.places[row])

    def _gather(self, rows: np.ndarray) -> Batch:
        ids, mask = pad_batch([self.rows[i] for i in rows], self.pad_id)
        return {"ids": ids, "attention_mask": mask, "targets": pad_targets([self.targets[i] for i in rows], ids.shape[1])}


def first_pieces(words: Sequence[str], places: np.ndarray) -> np.ndarray:
    """The number of each word's first token, (words,), −1 for none; places (T, 2) in " ".join(words), in order.

    That is the first token that shares a character with the word and is not already another word's: where a token
    spans two words, it speaks for the first.
    """
    found, start, token = np.full(len(words), NOWHERE), 0, 0
    for i, word in enumerate(words):
        end = start + len(word)
        while token < len(places) and (places[token, 1] <= start or places[token, 0] == places[token, 1]):
            token += 1
        if token < len(places) and places[token, 0] < end:
            found[i] = token
            token += 1
        start = end + 1
    return found
