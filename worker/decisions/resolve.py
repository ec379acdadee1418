"""Resolve several providers' answers about one number.

The answer with the highest check level decides: the network (live) knows more than the carriers'
databases (line type), and those more than the numbering plan (format). Of answers at the same level
the later in the chain decides: an operator puts it there to settle what the earlier ones left open.
An answer "unknown" decides nothing. Providers that disagree are named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

# "reassigned" tells who has the number now. About the line it tells no more than the plan does.
_RANKS = {"format": 0, "reassigned": 0, "line_type": 1, "live": 2}


class AnswerLike(Protocol):
    """What of an answer is needed to resolve several of them."""

    @property
    def check_level(self) -> str: ...
    @property
    def verdict(self) -> str: ...
    @property
    def line_type(self) -> str: ...


S = TypeVar("S", bound=AnswerLike)


def winning(answers: Sequence[S]) -> S | None:
    """Return the answer that decides, of answers in the chain's order; None if nobody knows."""
    best: S | None = None
    for answer in answers:
        if answer.verdict == "unknown":
            continue
        if best is None or _RANKS[answer.check_level] >= _RANKS[best.check_level]:
            best = answer
    return best


def conflicting(answers: Sequence[S]) -> list[S]:
    """Return the answers that disagree with the one that decides."""
    best = winning(answers)
    return [
        answer for answer in answers if best and answer.verdict not in ("unknown", best.verdict)
    ]


def line_type(answers: Sequence[S], fallback: str = "unknown") -> str:
    """Return the line type, by the answer with the highest check level of those that know it."""
    known = [answer for answer in answers if answer.line_type != "unknown"]
    best = winning(known)
    return best.line_type if best else fallback


def is_sufficient(answers: Sequence[S], check_level: str) -> bool:
    """Return whether an answer settles what a step of this check level is for."""
    if check_level == "reassigned":
        return False  # it depends on dates: see `worker.verification.conditions`
    return any(
        answer.verdict != "unknown" and _RANKS[answer.check_level] >= _RANKS[check_level]
        for answer in answers
        if answer.check_level != "reassigned"
    )
