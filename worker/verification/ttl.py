"""Decide how long an answer counts, by what was said about what type of line (pure).

Each number's time is a little shorter in its own way, so that a list bought on one day does not
fall due on one day.
"""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from config.verification import CheckLevel, CountsFor
from worker.verification.models import Answer


def length(answer: Answer, check_level: CheckLevel, ttls: CountsFor) -> timedelta:
    """Return the full time that an answer counts."""
    if check_level == "reassigned":
        return ttls.reassigned if answer.reassigned is not None else ttls.unknown
    if answer.verdict == "unknown":
        return ttls.unknown
    if check_level == "format":
        return ttls.plan_valid if answer.verdict == "valid" else ttls.plan_invalid
    if answer.verdict == "invalid":
        return ttls.invalid
    if answer.verdict == "unreachable":
        return ttls.unreachable
    if check_level == "live":
        return ttls.live
    lifetime: timedelta = getattr(
        ttls,
        f"valid_{answer.line_type}"
        if answer.line_type in ("mobile", "landline", "voip")
        else "valid_other",
    )
    return lifetime


def expires_at(
    answer: Answer, check_level: CheckLevel, now: datetime, ttls: CountsFor, ttl_jitter: float
) -> datetime:
    """Return when an answer expires: after its time, less up to `ttl_jitter` of it. The share is
    the same for a number each time, so that re-verification is spread over time."""
    share = zlib.crc32(answer.number.encode()) / 2**32
    return now + length(answer, check_level, ttls) * (1 - ttl_jitter * share)
