"""What several providers' answers about one number come to together.

The rule: the answer that looked deepest decides, since a look at the network (live) sees more than
one at the carriers' databases (line type), and that more than the numbering plan (format). Among
equally deep ones the later in the chain decides: an operator puts it there to settle what the
earlier left open. An answer "unknown" decides nothing. Whoever said otherwise is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

# "reassigned" tells who has the number now, and of the line itself no more than the plan.
_RANKS = {"format": 0, "reassigned": 0, "line_type": 1, "live": 2}


class AnswerLike(Protocol):
    """An answer as far as weighing needs it."""

    @property
    def depth(self) -> str: ...
    @property
    def verdict(self) -> str: ...
    @property
    def line_type(self) -> str: ...


S = TypeVar("S", bound=AnswerLike)


def winning(answers: Sequence[S]) -> S | None:
    """The answer that decides, of answers in the chain's order; None where nobody knows."""
    best: S | None = None
    for one in answers:
        if one.verdict == "unknown":
            continue
        if best is None or _RANKS[one.depth] >= _RANKS[best.depth]:
            best = one
    return best


def conflicting(answers: Sequence[S]) -> list[S]:
    """Those who said something else than the one that decides."""
    best = winning(answers)
    return [one for one in answers if best and one.verdict not in ("unknown", best.verdict)]


def line_type(answers: Sequence[S], fallback: str = "unknown") -> str:
    """The kind of line by the deepest answer that knows it (what is live says nothing of it)."""
    known = [one for one in answers if one.line_type != "unknown"]
    best = winning(known)
    return best.line_type if best else fallback


def is_sufficient(answers: Sequence[S], depth: str) -> bool:
    """Whether somebody has told what a step of this depth is asked for."""
    if depth == "reassigned":
        return False  # a matter of dates: see where that is asked
    return any(one.verdict != "unknown" and _RANKS[one.depth] >= _RANKS[depth] for one in answers
               if one.depth != "reassigned")  # fmt: skip
