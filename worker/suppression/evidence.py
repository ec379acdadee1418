"""Collect the evidence about one number: what was reported when, and when each CRM had it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from worker.context import Context
from worker.events import delivery_log
from worker.feedback import report_log, review_holds
from worker.store.pseudonyms import number_aliases
from worker.store.tables import deliveries, feedback
from worker.suppression import suppressions

# 47 CFR 64.1200(a)(10): a revocation is to be honoured within ten business days of its receipt.
BUSINESS_DAYS = 10


def deadline(received: datetime) -> datetime:
    """Return the end of the tenth business day after a report. Mondays to Fridays count, holidays
    too: that can only be earlier than the rule asks.

    >>> deadline(datetime(2026, 1, 2, 12, tzinfo=UTC)).isoformat()
    '2026-01-16T23:59:59+00:00'
    """
    day: date = received.astimezone(UTC).date()
    days_left = BUSINESS_DAYS
    while days_left:
        day += timedelta(days=1)
        days_left -= day.weekday() < 5
    return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)


def number_evidence(ctx: Context, number: str) -> dict[str, Any]:
    """Return reports, suppressions and deliveries of a number, in order; also of an erased one.

    `holds`: replies that wait for review, because of which the number is not texted for now.
    `events`: what endpoints were sent of the number, newest first. Long, because it lays out one
    document.
    """
    now = ctx.now()
    with ctx.store.read() as connection:
        names = list(number_aliases(ctx.keys, [number], report_log.has_erasures(connection)))
        rows = connection.execute(
            sa.select(feedback).where(feedback.c.number.in_(names)).order_by(
                feedback.c.at, feedback.c.id)
        ).all()  # fmt: skip
        delivery_rows = connection.execute(
            sa.select(deliveries).where(deliveries.c.number.in_(names)).order_by(deliveries.c.id)
        ).all()
        holds = review_holds.of_number(ctx, connection, number)
        sent = delivery_log.of_number(connection, names)
    by_cause: dict[str, list[Any]] = {}
    for row in delivery_rows:
        by_cause.setdefault(row.cause, []).append(row)
    return {
        "number": number,
        "reports": [
            {
                "kind": row.kind,
                "source": row.source,
                "evidence": row.evidence,
                "channels": row.channels.split(),
                "contact": row.contact or None,
                "at": row.at.isoformat(),
                "received_at": (row.received_at or row.at).isoformat(),
                "applied_at": row.applied_at.isoformat() if row.applied_at else None,
                "deadline": deadline(row.received_at or row.at).isoformat(),
                "delivered": [_delivery(d, now) for d in by_cause.get(f"feedback:{row.id}", [])],
            }
            for row in rows
        ],
        "lists": [
            {
                **suppression.as_json(),
                "delivered": [
                    _delivery(d, now)
                    for cause, of_cause in by_cause.items()
                    for d in of_cause
                    if cause.startswith(f"list:{suppression.source}:")
                ],
            }
            for suppression in suppressions.list_suppressions(
                ctx, number, active=None, reason="list"
            )
        ],
        "suppressions": [
            suppression.as_json()
            for suppression in suppressions.list_suppressions(ctx, number, active=None)
        ],
        "holds": [
            {
                **hold,
                "delivered": [
                    _delivery(d, now)
                    for cause, of_cause in by_cause.items()
                    for d in of_cause
                    if cause.startswith(f"review:{hold['review']}:")
                ],
            }
            for hold in holds
        ],
        "events": [entry.as_json() for entry in sent],
    }


def _delivery(row: Any, now: datetime) -> dict[str, Any]:
    """Return what a CRM confirmed, how long that took, and whether it was in time."""
    end = deadline(row.since)
    took = (row.confirmed_at - row.since).total_seconds() if row.confirmed_at else None
    return {
        "connector": row.connector,
        "state": row.state,
        "records": row.holders,
        "confirmed_at": row.confirmed_at.isoformat() if row.confirmed_at else None,
        "seconds": None if took is None else round(max(0.0, took), 3),
        "in_time": (row.confirmed_at or now) <= end,
        "error": row.error or None,
        "run": row.run_id,
    }
