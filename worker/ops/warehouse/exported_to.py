"""Where exports were made to, by the audit log: an erasure reaches these files with the next one.

It stands apart because it needs no pyarrow.
"""

from __future__ import annotations

import sqlalchemy as sa

from worker.store import Store
from worker.store.tables import audit_log

ACTION = "warehouse.export"


def directories(store: Store) -> list[str]:
    query = sa.select(audit_log.c.target).where(audit_log.c.action == ACTION).distinct()
    with store.read() as connection:
        return sorted(connection.scalars(query))
