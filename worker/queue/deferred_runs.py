"""Remember re-verifications that were deferred because their connector had another run
under way.

Beat sends a sync and a re-verification at the same moment, as their intervals are multiples of one
another: the second one would be refused each time. The task `revive` enqueues it again.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from worker.store import Store
from worker.store.bulk import upsert
from worker.store.tables import app_state

_NAME = "owed re-verification: "


def defer(store: Store, connector: str, now: datetime) -> None:
    with store.write() as connection:
        row = {"name": _NAME + connector, "value": now.isoformat()}
        upsert(connection, app_state, [row], ignore=True)  # since when is what counts


def clear(store: Store, connector: str) -> None:
    """Forget a deferred re-verification: it has begun, or nothing is due any more."""
    with store.write() as connection:
        connection.execute(sa.delete(app_state).where(app_state.c.name == _NAME + connector))


def pending_connectors(store: Store) -> list[str]:
    query = sa.select(app_state.c.name).where(app_state.c.name.startswith(_NAME))
    with store.read() as connection:
        return [name.removeprefix(_NAME) for name in connection.scalars(query)]
