"""What the stored reports mean for one contact's use of a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.decisions.model import ALL_CHANNELS, Channel
from worker.feedback.model import Feedback, FeedbackKind
from worker.store.db import chunks, upsert
from worker.store.settled import unsettle
from worker.store.tables import feedback


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands against (or for) a number in one contact, in the words of a decision."""

    wrong: str = ""
    suppressed: frozenset[Channel] = frozenset()
    suppressed_why: str = ""
    confirmed: bool = False
    confirmed_at: datetime | None = None


def store(connection: Connection, reports: Sequence[Feedback]) -> None:
    """Keep reports; one that is known by its key changes nothing."""
    rows = [
        {
            "key": report.key,
            "kind": report.kind,
            "number": report.number,
            "channels": report.channels,
            "contact": report.contact,
            "source": report.source,
            "evidence": report.evidence,
            "at": report.at,
        }
        for report in reports
    ]
    upsert(connection, feedback, rows, ignore=True, key=("key",))
    unsettle(connection, (report.number for report in reports))


def load(connection: Connection, numbers: Sequence[str]) -> dict[str, list[Feedback]]:
    """All reports about these numbers, oldest first."""
    found: dict[str, list[Feedback]] = {}
    for some in chunks(numbers):
        query = (
            sa.select(feedback)
            .where(feedback.c.number.in_(some))
            .order_by(feedback.c.at, feedback.c.id)
        )
        for row in connection.execute(query):
            found.setdefault(row.number, []).append(_made(row))
    return found


def standing(reports: Sequence[Feedback], contact: str, text_stops_calls: bool = True) -> Standing:
    """Weigh the reports about a number for one contact; `reports` are oldest first.

    A wrong number holds for every contact with that number, until this contact's own use of it is
    confirmed later. An opt-out stands until a later opt-in for the same contact,
    or for the number as a whole.
    """
    wrong, why = "", ""
    suppressed: frozenset[Channel] = frozenset()
    confirmed_at: datetime | None = None
    for report in reports:
        about_us = report.contact in ("", contact)
        if report.kind == "wrong_number" and about_us:
            wrong, confirmed_at = f"reaches somebody else ({_told(report)})", None
        elif report.kind == "confirmed" and about_us:
            wrong, confirmed_at = "", report.at
        elif report.kind == "opt_out" and about_us:
            channels = cast(frozenset[Channel], frozenset(report.channels.split())) or ALL_CHANNELS
            if text_stops_calls and report.source.endswith("sms") and "text" in channels:
                channels = ALL_CHANNELS
            suppressed |= channels
            why = f"must not be contacted ({_told(report)})"
        elif report.kind == "opt_in" and about_us:
            lifted = cast(frozenset[Channel], frozenset(report.channels.split())) or ALL_CHANNELS
            suppressed -= lifted
    told = why if suppressed else ""
    return Standing(wrong, suppressed, told, confirmed_at is not None, confirmed_at)


def _told(report: Feedback) -> str:
    return f"{report.evidence or report.source}, {report.at:%d %b %Y}"


def _made(row: Any) -> Feedback:
    return Feedback(
        key=row.key,
        kind=cast(FeedbackKind, row.kind),
        number=row.number,
        source=row.source,
        at=row.at,
        channels=row.channels,
        contact=row.contact,
        evidence=row.evidence,
    )
