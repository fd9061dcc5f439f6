"""What the lessons stand on, in reading order: ledger (which formula is treated where), compare (do two answers agree?),
exercises (grading an answer by trying it), draws (what it is tried on), progress (what is solved), lesson (all of it, for a
notebook)."""

from .exercises import Exercise, Mistake, Result, grade
from .lesson import Lesson, open_lesson

__all__ = ["Exercise", "Mistake", "Result", "grade", "Lesson", "open_lesson"]
