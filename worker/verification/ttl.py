"""How long an answer counts, by what was said of what kind of line; a little less for each number
its own way, so that a list bought on one day does not fall due on one day (pure)."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from config.verification import CountsFor, Depth
from worker.verification.models import Answer


def length(answer: Answer, depth: Depth, counts_for: CountsFor) -> timedelta:
    """The full time that an answer counts."""
    if depth == "reassigned":
        return counts_for.reassigned if answer.reassigned is not None else counts_for.unknown
    if answer.verdict == "unknown":
        return counts_for.unknown
    if depth == "format":
        return counts_for.plan_valid if answer.verdict == "valid" else counts_for.plan_invalid
    if answer.verdict == "invalid":
        return counts_for.invalid
    if answer.verdict == "unreachable":
        return counts_for.unreachable
    if depth == "live":
        return counts_for.live
    found: timedelta = getattr(
        counts_for,
        f"valid_{answer.line_type}"
        if answer.line_type in ("mobile", "landline", "voip")
        else "valid_other",
    )
    return found


def until(
    answer: Answer, depth: Depth, now: datetime, counts_for: CountsFor, spread: float
) -> datetime:
    """When an answer falls due: its time, less up to the `spread` of it, the same for a number
    each time that it is asked."""
    share = zlib.crc32(answer.number.encode()) / 2**32
    return now + length(answer, depth, counts_for) * (1 - spread * share)
