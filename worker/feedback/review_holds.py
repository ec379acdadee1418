"""While a reply that may be an opt-out waits for a person, its number is not texted.

Off by default (`feedback.hold_open_reviews`). A hold is no report and no suppression: nobody has
said no yet. It is an open row of the review queue, which `report_log.load` adds to the reports
about its number, so that it stands in the consent state as long as the row is open. Each change of
it is delivered to the CRMs like a report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.feedback.consent_state import HOLD_KEY_PREFIX
from worker.feedback.models import Feedback, FeedbackKind
from worker.feedback.receivers import crms_to_notify
from worker.store import outbox
from worker.store.array_param import any_of
from worker.store.invalidation import invalidate
from worker.store.tables import reviews

# What a reply is taken for that is surely no opt-out, whatever else it is.
_NO_OPT_OUT = "confirmed"
_EVIDENCE = "a reply that may be an opt-out waits for review"


def load(connection: Connection, numbers: Iterable[str]) -> Iterator[tuple[int, Feedback]]:
    """Yield the holds on these numbers, with the ids of their reviews."""
    query = sa.select(reviews.c.id, reviews.c.number, reviews.c.at).where(
        any_of(reviews.c.number, list(numbers)),
        reviews.c.decision == "",
        reviews.c.suggestion != _NO_OPT_OUT,
    )
    for row in connection.execute(query):
        yield (
            row.id,
            Feedback(
                f"{HOLD_KEY_PREFIX}{row.id}",
                FeedbackKind.OPT_OUT,
                row.number,
                "review",
                row.at,
                "text",
                evidence=_EVIDENCE,
            ),
        )


def deliver(ctx: Context, connection: Connection, rows: Iterable[Any], now: datetime) -> int:
    """Have the CRMs told that these reviews were opened, decided or put back; how many are told of.

    Does nothing unless holds are on.
    """
    if not ctx.settings.feedback.hold_open_reviews:
        return 0
    found = [row for row in rows if row.suggestion != _NO_OPT_OUT]
    if not found:
        return 0
    invalidate(connection, {row.number for row in found})
    items = [
        outbox.OutboxItem(
            f"review:{row.id}:{now.isoformat()}", row.number, crms_to_notify(ctx), now
        )
        for row in found
    ]
    outbox.enqueue(connection, items, now)
    return len(items)
