"""Re-verifications that could not begin, since another run of their connector was under way.

Beat sends a sync and a re-verification in the same moment, as their intervals are multiples of one
another: the one that comes second would be put off each time. `revive` sends it again.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from worker.store import Store
from worker.store.bulk import upsert
from worker.store.tables import app_state

_NAME = "owed re-verification: "


def note(store: Store, connector: str, now: datetime) -> None:
    with store.write() as connection:
        row = {"name": _NAME + connector, "value": now.isoformat()}
        upsert(connection, app_state, [row], ignore=True)  # since when is what counts


def settle(store: Store, connector: str) -> None:
    """It has begun, or nothing is due any more."""
    with store.write() as connection:
        connection.execute(sa.delete(app_state).where(app_state.c.name == _NAME + connector))


def connectors(store: Store) -> list[str]:
    query = sa.select(app_state.c.name).where(app_state.c.name.startswith(_NAME))
    with store.read() as connection:
        return [name.removeprefix(_NAME) for name in connection.scalars(query)]
