"""What waits for a person, as the menu of each page shows it."""

from __future__ import annotations

import sqlalchemy as sa

from worker.context import Context
from worker.store.tables import alerts, reviews

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
