"""Chat: the assistant's part in dialogues."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

from ...data import Dialogue, Dialogues, builtin, read_dialogues
from ...generation import ChatTemplate, encode_chat, generate
from ...models import GPT
from ...tokenizers import Tokenizer
from ...training import Causal, evaluate
from .. import options
from ..sources import chat_template
from .outcome import Outcome
from .sides import Sides
from .starts import add_trunk, causal, check_context
from .task import RECIPE, Task, add_data

REPLIES, FEW = 50, 8            # test dialogues whose last reply is written, by a small model and by a large one
ROOM = 100                      # tokens of a reply


class Chat(Task):
    """Dialogues of a grammar, or your own. All is read, the replies alone are learned.

    They are written as the model's chat template writes them, `generation.PLAIN` for a model without. The template stays with
    the tokenizer in the run's folder, so `tinyllm chat` finds it.
    """

    what = "dialogues"
    recipe: ClassVar[dict[str, Any]] = {**RECIPE, "steps": 1500, "eval_every": 250}
    model: ClassVar[dict[str, Any]] = {"layers": 2, "context": 256}
    examples = """\
  tinyllm finetune --task chat --out runs/chat
      small dialogues of a grammar, from scratch; then tinyllm chat runs/chat
  tinyllm finetune --task chat --from smollm2 --data dialogues.jsonl --batch 4 --steps 100 --out runs/mine
      your own, a line {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]} each
"""

    @classmethod
    def add_options(cls, command: argparse.ArgumentParser) -> None:
        data = add_data(command, "dialogues of a small grammar", "a .jsonl file with a dialogue a line: {\"messages\": [...]}")
        data.add_argument("--max-length", type=int, default=256, metavar="N", help="tokens of a dialogue that are read")
        add_trunk(command, ("gpt", "llama"), "which kind of causal model")

    # ------------------------------------------------------------ data

    file: str = ""                              # --data
    loaded: Sequence[Dialogue] = ()             # and all that is in it

    def own(self) -> Sides:
        found: Any = builtin("dialogues")
        return Sides(found.train, found.validation, found.test, "the grammar of dialogues", self.what)

    def load(self, path: str, names: Sequence[str] | None = None) -> list[Any]:
        self.file, self.loaded = path, read_dialogues(path)
        return list(self.loaded)

    def keys(self, row: Dialogue) -> Iterable[Hashable]:
        return (tuple(message["content"] for message in row),)

    def texts(self, sides: Sides) -> Iterable[str]:
        return [message["content"] for dialogue in sides.train for message in dialogue]

    # ------------------------------------------------------------ learning

    def build(self, start: Any, tokenizer: Tokenizer, sides: Sides) -> GPT:
        self.check_signs(tokenizer)
        model = causal(self.args, start, tokenizer)
        check_context("--max-length", self.args.max_length, model)
        return model

    def check_signs(self, tokenizer: Tokenizer) -> None:
        """Raise ValueError for a message of the file that holds a control sign, with the number of its dialogue."""
        for number, dialogue in enumerate(self.loaded, start=1):
            refuse_signs(dialogue, tokenizer.special_tokens, f"{self.file}, dialogue {number}: ")

    def objective(self, sides: Sides) -> Causal:
        return Causal()

    def batches(self, rows: Sequence[Dialogue], model: Any, tokenizer: Tokenizer, sides: Sides) -> Dialogues:
        args = self.args
        render = partial(pieces, chat_template(tokenizer), names=tokenizer.special_tokens)
        encode = partial(tokenizer.encode, allow_special=True)
        return Dialogues(rows, render, encode, args.batch, args.max_length, tokenizer.pad_id or 0, args.seed)

    # ------------------------------------------------------------ judging

    def test(self, model: Any, tokenizer: Tokenizer, sides: Sides) -> Outcome:
        self.check_signs(tokenizer)
        source = self.batches(sides.test, model, tokenizer, sides)

        def of(some: Any) -> dict[str, float]:
            return evaluate(some, Causal(), source.evaluation(), self.args.workers)

        asked = sides.test[: FEW if model.n_parameters() > options.LARGE else REPLIES]
        gold = [dialogue[-1]["content"] for dialogue in asked]
        written = [self.reply(model, tokenizer, dialogue[:-1]) for dialogue in asked]
        metrics = {**of(model), "replies_to_the_letter": _share_right(gold, written), "replies": len(gold)}
        baselines: dict[str, dict[str, float]] = {}
        if sides.train:
            if (before := self.before()) is not None:
                baselines["the model before"] = of(before)
            replies = [message["content"] for dialogue in sides.train for message in dialogue if message["role"] == "assistant"]
            commonest = Counter(replies).most_common(1)[0][0]
            baselines["always the commonest reply"] = {"replies_to_the_letter": _share_right(gold, [commonest] * len(gold))}
        shown = [
            {"asked": dialogue[-2]["content"], "right": reply, "written": text}
            for dialogue, reply, text in zip(asked, gold, written, strict=True)
        ]
        return Outcome(metrics, 3, baselines, shown)

    def reply(self, model: GPT, tokenizer: Tokenizer, messages: Sequence[Any]) -> str:
        """The likeliest tokens after these messages, up to the end sign."""
        prompt = encode_chat(tokenizer, chat_template(tokenizer), messages)
        ids = generate(model, prompt, ROOM, greedy=True, stop=tokenizer.special_ids)[0]
        return tokenizer.decode(ids).strip()

    def next_steps(self, folder: str) -> tuple[str, ...]:
        return (f"tinyllm chat {folder}",)


def pieces(template: ChatTemplate, dialogue: Dialogue, names: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """A dialogue as the template writes it, cut into what is read and what is to be said: (text, is_reply).

    What the template adds for a reply, up to its last visible sign, is said: the sign that ends the turn too, but not the line
    break behind it. Raises ValueError for a message that holds a control sign, and a template that writes a turn differently
    when another follows.
    """
    refuse_signs(dialogue, names)
    written = ""
    for i, message in enumerate(dialogue):
        if message["role"] != "assistant":
            continue
        opened = template.render(dialogue[:i], add_generation_prompt=True)
        closed = template.render(dialogue[: i + 1], add_generation_prompt=False)
        if not (opened.startswith(written) and closed.startswith(opened)):
            raise ValueError("the chat template writes a turn differently when another follows: it cannot be learned from")
        reply = closed[len(opened) :].rstrip()
        yield opened[len(written) :], False
        yield reply, True
        written = opened + reply


def refuse_signs(dialogue: Dialogue, names: Sequence[str], where: str = "") -> None:
    """Raise ValueError for a message that holds one of these control signs; `where` says whose."""
    for message in dialogue:
        if found := [name for name in names if name in message["content"]]:
            raise ValueError(f"{where}a message holds the control sign {found[0]!r}: reword it: {message['content'][:60]!r}")


def _share_right(gold: Sequence[str], written: Sequence[str]) -> float:
    return sum(text == reply.strip() for reply, text in zip(gold, written, strict=True)) / len(gold)
