"""A conversation with a language model, whose cache is kept from turn to turn."""

from __future__ import annotations

import codecs
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from .chat_template import ChatTemplate, encode_chat
from .generate import Sampling
from .next_logits import Reader


class Conversation:
    """Messages by turns: what one says, and what the model answers.

        talk = Conversation(model, tokenizer, ChatTemplate(PLAIN, bos_token="<bos>", eos_token="<eos>"))
        for piece in talk.ask("What is a kilobyte?"):
            print(piece, end="")

    Each turn the template makes one text of all messages. What its tokens have in common with those the model read and wrote
    before stays in the cache, so only what is new is computed. Where all messages and the room for an answer, half a context at
    most, do not fit any more, the oldest turns are dropped; the system's message stays.

    `messages`: all that count. `dropped`: how many messages the last `ask` dropped. `complete`: whether the last answer ended
    by itself, with a special token, and not because it was long, or the context full.
    """

    def __init__(
        self, model: Any, tokenizer: Any, template: ChatTemplate, system: str | None = None, sampling: Sampling | None = None,
        seed: int | None = None,
    ) -> None:
        self.model, self.tokenizer, self.template = model, tokenizer, template
        self.sampling = Sampling(greedy=True) if sampling is None else sampling
        self.system = system
        self._chance = np.random.default_rng(seed)
        self.reset()

    def reset(self) -> None:
        """Forget all but the system's message."""
        self.messages = [] if self.system is None else [{"role": "system", "content": self.system}]
        self.dropped, self.complete = 0, True
        self._cache = self.model.make_cache(1)
        self._ids: list[int] = []                       # what the cache holds

    def ask(self, content: str, max_new_tokens: int = 512) -> Generator[str]:
        """The model's answer in pieces, each as soon as it is certain. Where the caller stops, the answer ends; ask the next
        question only then.

        Raises ValueError for a message that does not fit into the context by itself, or that the template refuses.
        """
        if max_new_tokens < 1:
            raise ValueError(f"max_new_tokens {max_new_tokens}: an answer has at least 1")
        room = min(max_new_tokens, self.model.config.context // 2)
        messages = [*self.messages, {"role": "user", "content": content}]
        return self._answer(messages, self._fitting(messages, self.model.config.context - room), max_new_tokens)

    def _fitting(self, messages: list[dict[str, str]], most: int) -> list[int]:
        """The ids of the messages, from which the oldest turns are taken until they are at most so many."""
        first, dropped = int(messages[0]["role"] == "system"), 0
        while len(ids := self._rendered(messages)) > most:
            if len(messages) - first <= 2:
                raise ValueError(f"the message makes {len(ids):,} tokens, and {most:,} have room: say it in fewer words")
            del messages[first : first + 2]             # a turn: a question and its answer
            dropped += 2
        self.dropped = dropped
        return ids

    def _rendered(self, messages: list[dict[str, str]]) -> list[int]:
        return encode_chat(self.tokenizer, self.template, messages)

    def _answer(self, messages: list[dict[str, str]], ids: list[int], max_new_tokens: int) -> Generator[str]:
        answer = ""
        self.messages, self.complete = messages, False
        try:
            for piece in self._pieces(ids, min(max_new_tokens, self.model.config.context - len(ids) + 1)):
                answer += piece
                yield piece
        finally:                                        # stopped in the middle: that much was said
            self.messages.append({"role": "assistant", "content": answer})

    def _pieces(self, ids: list[int], most: int) -> Iterator[str]:
        decoder, read = codecs.getincrementaldecoder("utf-8")("replace"), Reader(self.model)
        for _ in range(most):
            token = self._next(ids, read)
            if token in self.tokenizer.special_ids:
                self.complete = True
                break
            ids.append(token)
            if piece := decoder.decode(self.tokenizer.id_to_piece(token)):
                yield piece
        if piece := decoder.decode(b"", final=True):
            yield piece

    def _next(self, ids: list[int], read: Reader) -> int:
        """A token drawn after these: what the cache does not hold yet is read first, without logits but the last."""
        known = 0
        while known < min(len(self._ids), len(ids) - 1) and self._ids[known] == ids[known]:
            known += 1
        self._cache.crop(known)
        self._ids = ids[:known]                         # right even where Ctrl-C comes in the middle of what follows
        logits = read(np.array([ids[known:]]), self._cache)
        self._ids = list(ids)
        return int(self.sampling.choose(logits, np.array([ids]), np.array([self._chance.random()]))[0])
