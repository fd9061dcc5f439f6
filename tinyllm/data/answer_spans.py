"""Questions on passages longer than a model can read: overlapping windows, and where in them the answer stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tinyllm.data.answers import Reading, WindowLogits, merge_windows
from tinyllm.data.batching import Batch
from tinyllm.data.located import LocatingTokenizer, locate
from tinyllm.data.order import RowBatches, slices
from tinyllm.data.squad import Question


class AnswerSpans(RowBatches):
    """Questions → batches of windows: "ids", "attention_mask", "segment_ids" (B, T), "starts", "ends" and "row" (B,).

        [CLS] question [SEP] a stretch of the passage [SEP]         segment 0 up to the first [SEP], then 1

    A passage that does not fit becomes several windows; neighbours share `overlap` tokens, so that an answer of no more
    tokens than that, cut by one window's edge, stands whole in the next. starts and ends are the places of the answer's
    first and last token in the window (of the first answer, where there are several); a window that does not hold all of
    it, or has none to hold, points at [CLS], 0. "row" is the number of the window: `readings` wants its logits under it.

    `marked` gives the passage's tokens whose text is also that of a token of the question, whatever its case, segment 2: for a
    trunk with three segments, which then need not learn to compare tokens. (Chen et al. 2017, §3.2: "exact match".)

    Offsets turn characters into tokens: the answer is all tokens that share a character with it. Questions lose what is
    beyond max_question tokens. `unseen` counts the questions whose answer no window holds whole, for it is too long or has no
    token: they are learned as questions without an answer.

    Raises ValueError for a tokenizer without <cls> or <sep>, and sizes that leave no room for new tokens in a window.

    Devlin et al. 2019, §4.2; overlapping windows: the published program of BERT (run_squad).
    """

    def __init__(
        self,
        questions: Sequence[Question],
        tokenizer: LocatingTokenizer,
        batch_size: int,
        max_length: int = 384,
        overlap: int = 128,
        max_question: int = 64,
        seed: int = 0,
        marked: bool = False,
    ):
        if tokenizer.cls_id is None or tokenizer.sep_id is None:
            raise ValueError("the tokenizer lacks <cls> or <sep>: question and passage are told apart by them")
        if not questions:
            raise ValueError("no questions: give at least one")
        if batch_size < 1 or max_question < 1 or overlap < 0:
            raise ValueError(f"batch_size {batch_size}, max_question {max_question}, overlap {overlap}: at least 1, 1, 0")
        self.questions, self.unseen = tuple(questions), 0
        self.cls_id, self.sep_id, self.pad_id = tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id or 0
        # Many questions share a passage: each is encoded once.
        known = {text: locate(tokenizer, text) for text in dict.fromkeys(question.passage for question in questions)}
        self.passages = [known[question.passage] for question in questions]
        asked = [locate(tokenizer, question.question) for question in questions]
        self.asked = [ids[:max_question] for ids, _ in asked]
        self.marks: list[np.ndarray] | None = None      # for each question, which of its passage's tokens stand in it
        if marked:
            words = [set(_texts(question.question, places)) for question, (_, places) in zip(questions, asked, strict=True)]
            of_passage = {text: _texts(text, places) for text, (_, places) in known.items()}
            self.marks = [
                np.array([text in own and text != "" for text in of_passage[question.passage]], dtype=np.int64)
                for question, own in zip(questions, words, strict=True)
            ]
        windows = []        # question, first passage token, how many, place of the answer's first token, of its last
        for number, question in enumerate(questions):
            ids, places = self.passages[number]
            before = len(self.asked[number]) + 2                    # [CLS] question [SEP]
            room = max_length - before - 1
            if room <= overlap and len(ids) > room:
                raise ValueError(
                    f"max_length {max_length} leaves {max(room, 0)} tokens beside question {question.id!r}, "
                    f"and overlap {overlap} leaves none new: take a larger max_length, or a smaller overlap"
                )
            answer = tokens_between(places, question.answers[0].start, question.answers[0].end) if question.answers else None
            held = False
            # A further window begins where the last one has not reached the end: start + overlap < len(ids).
            for start in range(0, max(1, len(ids) - overlap), max(1, room - overlap)):
                count = min(room, len(ids) - start)
                inside = answer is not None and start <= answer[0] and answer[1] < start + count
                first, last = (np.array(answer) - start + before).tolist() if answer and inside else (0, 0)
                windows.append((number, start, count, first, last))
                held |= inside
            self.unseen += bool(question.answers) and not held
        self.windows = np.array(windows, dtype=np.int64)            # (windows, 5)
        self.lengths = self.windows[:, 2] + [len(self.asked[number]) + 3 for number in self.windows[:, 0]]
        super().__init__(len(self.windows), batch_size, seed, self.lengths)

    def evaluation(self, batch_size: int | None = None) -> Iterator[Batch]:
        """Every window once, the longest first, so that little is padding and a batch that does not fit shows at once."""
        order = np.argsort(-self.lengths, kind="stable")
        for part in slices(self.n, batch_size or self.batch_size):
            yield self._gather(order[part])

    def _gather(self, rows: np.ndarray) -> Batch:
        questions = [self.asked[number] for number in self.windows[rows, 0]]
        stretches = [self.passages[number][0][start : start + count] for number, start, count, *_ in self.windows[rows]]
        before = np.array([len(question) + 2 for question in questions])[:, None]
        length = before + np.array([len(stretch) + 1 for stretch in stretches])[:, None]
        places = np.arange(length.max())
        mask = places < length                                                              # (B, T)
        ids = np.full(mask.shape, self.pad_id, dtype=np.int64)
        segments = (mask & (places >= before)).astype(np.int64)
        if self.marks is not None:
            for row, first, (number, start, count, *_) in zip(segments, before[:, 0], self.windows[rows], strict=True):
                row[first : first + count] += self.marks[number][start : start + count]
        pairs = zip(questions, stretches, strict=True)
        ids[mask] = np.concatenate([[self.cls_id, *a, self.sep_id, *b, self.sep_id] for a, b in pairs])
        return {
            "ids": ids,
            "attention_mask": mask,
            "segment_ids": segments,
            "starts": self.windows[rows, 3],
            "ends": self.windows[rows, 4],
            "row": np.asarray(rows, dtype=np.int64),
        }

    def readings(
        self, logits: Sequence[np.ndarray] | Mapping[int, np.ndarray], n_best: int = 20, max_tokens: int = 30
    ) -> list[Reading]:
        """What the model reads, for each question; logits[row] (T, 2) are a window's start and end logits, padding and all."""
        of_question: list[list[WindowLogits]] = [[] for _ in self.questions]
        for row, (number, start, count, *_) in enumerate(self.windows):
            scores, before = logits[row], len(self.asked[number]) + 2
            inside = slice(before, before + count)
            places = self.passages[number][1][start : start + count]
            null = float(scores[0, 0]) + float(scores[0, 1])
            of_question[number].append(WindowLogits(scores[inside, 0], scores[inside, 1], places, null))
        return [
            merge_windows(question.passage, windows, n_best, max_tokens)
            for question, windows in zip(self.questions, of_question, strict=True)
        ]


def _texts(text: str, places: np.ndarray) -> list[str]:
    """What stands at each place (T, 2), without regard to case."""
    return [text[start:end].casefold() for start, end in places]


def tokens_between(places: np.ndarray, start: int, end: int) -> tuple[int, int] | None:
    """The first and the last token that share a character with text[start:end]; places (T, 2) → (first, last), or None."""
    shared = np.flatnonzero(np.maximum(places[:, 0], start) < np.minimum(places[:, 1], end))
    return (int(shared[0]), int(shared[-1])) if len(shared) else None
