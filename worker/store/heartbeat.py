"""Whether beat and a worker live: `revive`, which the one sends and the other does, notes when.

Whoever watches from outside (readiness, metrics, the doctor) goes by this alone: a schedule that
nobody carries out is the one fault that cannot tell of itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from worker.store import Store
from worker.store.bulk import upsert
from worker.store.tables import app_state

LATE = timedelta(minutes=2)  # `revive` comes every 20 seconds
_NAME = "pulse"


def note(store: Store, now: datetime) -> None:
    with store.write() as connection:
        upsert(connection, app_state, [{"name": _NAME, "value": now.isoformat()}])


def age(store: Store, now: datetime) -> timedelta | None:
    """Since the last one; None where there never was one."""
    query = sa.select(app_state.c.value).where(app_state.c.name == _NAME)
    with store.read() as connection:
        held = connection.scalar(query)
    return now - datetime.fromisoformat(held) if held else None


def told(store: Store, now: datetime) -> str:
    """ "ok", or what is wrong and what to do."""
    since = age(store, now)
    if since is None:
        return "nothing was done yet: start a worker and beat"
    if since > LATE:
        minutes = int(since.total_seconds() // 60)
        return f"nothing was done for {minutes} minutes: is a worker running, and beat?"
    return "ok"
