"""How long an answer counts, by what was said of what kind of line; a little less for each number
its own way, so that a list bought on one day does not fall due on one day (pure)."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from config.verification import CountsFor, Depth
from worker.verification.models import Answer


def length(answer: Answer, depth: Depth, ttls: CountsFor) -> timedelta:
    """Return the full time that an answer counts."""
    if depth == "reassigned":
        return ttls.reassigned if answer.reassigned is not None else ttls.unknown
    if answer.verdict == "unknown":
        return ttls.unknown
    if depth == "format":
        return ttls.plan_valid if answer.verdict == "valid" else ttls.plan_invalid
    if answer.verdict == "invalid":
        return ttls.invalid
    if answer.verdict == "unreachable":
        return ttls.unreachable
    if depth == "live":
        return ttls.live
    found: timedelta = getattr(
        ttls,
        f"valid_{answer.line_type}"
        if answer.line_type in ("mobile", "landline", "voip")
        else "valid_other",
    )
    return found


def until(answer: Answer, depth: Depth, now: datetime, ttls: CountsFor, spread: float) -> datetime:
    """When an answer falls due: its time, less up to the `spread` of it, the same for a number
    each time that it is asked."""
    share = zlib.crc32(answer.number.encode()) / 2**32
    return now + length(answer, depth, ttls) * (1 - spread * share)
