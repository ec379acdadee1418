"""What waits: for a person, for a CRM that has not confirmed it, or for another try."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.store.outbox import DeliveryState
from worker.store.tables import alerts, deliveries, failures, reviews

LIMIT = 100  # beyond it nobody reads the figure, and counting on would cost more than the page


def counts(ctx: Context) -> dict[str, int]:
    """Return how many replies and alerts are open: {"reviews": .., "alerts": ..}, up to `LIMIT`."""
    replies = sa.select(sa.literal(1)).select_from(reviews).where(reviews.c.decision == "")
    raised = sa.select(sa.literal(1)).select_from(alerts).where(alerts.c.resolved_at.is_(None))
    query = sa.select(
        *(
            sa.select(sa.func.count()).select_from(rows.limit(LIMIT).subquery()).scalar_subquery()
            for rows in (replies, raised)
        )
    )
    with ctx.store.read() as connection:
        row = connection.execute(query).one()
    return {"reviews": row[0], "alerts": row[1]}


def reports_by_connector(
    connection: Connection, among: Sequence[str]
) -> list[tuple[str, int, datetime]]:
    """Return how many reports each of these CRMs has not confirmed, and since when the oldest of
    them: CRMs without any are left out. What waits for a connection that is off needs nobody.

    CRM by CRM, so that an index leads to the few that wait among all that were ever delivered.
    """
    d = deliveries.c
    rows = []
    for name in among:
        query = sa.select(sa.func.count(), sa.func.min(d.since)).where(
            d.connector == name, d.state == DeliveryState.PENDING
        )
        number, since = connection.execute(query).one()
        rows += [(name, number, since)] if number else []
    return rows


def failures_by_kind(connection: Connection) -> list[tuple[str, str, int]]:
    """Return how many records of each CRM could not be written, by the kind of failure."""
    f = failures.c
    query = sa.select(f.connector, f.kind, sa.func.count()).group_by(f.connector, f.kind)
    return [(name, kind, number) for name, kind, number in connection.execute(query)]
