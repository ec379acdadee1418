"""The heartbeat of beat and a worker: `revive`, sent by one and run by the other, records when.

Readiness, metrics and the doctor watch this alone: a schedule that nobody carries out is the one
fault that cannot report itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from worker.store import Store
from worker.store.bulk import upsert
from worker.store.tables import app_state

STALE_AFTER = timedelta(minutes=2)  # `revive` comes every 20 seconds
_NAME = "pulse"


def record(store: Store, now: datetime) -> None:
    with store.write() as connection:
        upsert(connection, app_state, [{"name": _NAME, "value": now.isoformat()}])


def age(store: Store, now: datetime) -> timedelta | None:
    """Return the time since the last heartbeat; None before the first."""
    query = sa.select(app_state.c.value).where(app_state.c.name == _NAME)
    with store.read() as connection:
        stored = connection.scalar(query)
    return now - datetime.fromisoformat(stored) if stored else None


def describe(store: Store, now: datetime) -> str:
    """Return "ok", or what is wrong and what to do."""
    since = age(store, now)
    if since is None:
        return "nothing was done yet: start a worker and beat"
    if since > STALE_AFTER:
        minutes = int(since.total_seconds() // 60)
        return f"nothing was done for {minutes} minutes: is a worker running, and beat?"
    return "ok"
