"""Store records that a CRM says were changed, so that the next run of reports reads them soon.

If one is lost, the incremental read finds it too: this is only quicker.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.store.bulk import chunks, upsert
from worker.store.outbox import BACKOFF_INITIAL, BACKOFF_MAX
from worker.store.tables import UtcDateTime, changed_records


def record(
    connection: Connection, connector: str, object_name: str, ids: Sequence[str], now: datetime
) -> None:
    """Store changed records. A repetition makes no second entry; a record that a run has claimed is
    read again."""
    upsert(
        connection,
        changed_records,
        [
            {
                "connector": connector,
                "object": object_name,
                "record_id": record_id,
                "at": now,
                "attempts": 0,
                "retry_at": now,
                "run_id": None,
            }
            for record_id in ids
        ],
    )


def schedule(
    connection: Connection,
    connector: str,
    object_name: str,
    ids: Sequence[str],
    at: datetime,
    run_id: str,
) -> None:
    """Have records looked at from a later time on. One that waits already stays as it is, but for
    one that this run has taken."""
    c = changed_records.c
    rows = [
        {
            "connector": connector,
            "object": object_name,
            "record_id": record_id,
            "at": at,
            "attempts": 0,
            "retry_at": at,
            "run_id": None,
        }
        for record_id in ids
    ]
    upsert(connection, changed_records, rows, ignore=True)
    for chunk in chunks(ids):
        connection.execute(
            sa.update(changed_records)
            .where(c.connector == connector, c.object == object_name, c.record_id.in_(chunk))
            .where(c.run_id == run_id)
            .values(at=at, retry_at=at, attempts=0, run_id=None)
        )


def claimable(connection: Connection, connector: str, now: datetime, limit: int) -> dict[Any, str]:
    """Return records that no run has claimed and that are due: (object, id) -> id."""
    c = changed_records.c
    query = (
        sa.select(c.object, c.record_id)
        .where(c.connector == connector, c.retry_at <= now, c.run_id.is_(None))
        .order_by(c.at)
        .limit(limit)
    )
    return {(row.object, row.record_id): row.record_id for row in connection.execute(query)}


def claimed(connection: Connection, connector: str) -> tuple[str, datetime] | None:
    """Return the unfinished run that has claimed records, and when to try it again."""
    c = changed_records.c
    query = (
        sa.select(c.run_id, sa.func.min(c.retry_at, type_=UtcDateTime).label("at"))
        .where(c.connector == connector, c.run_id.is_not(None))
        .group_by(c.run_id)
        .order_by(c.run_id)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.run_id, row.at)


def claim(connection: Connection, keys: Sequence[Any], run_id: str) -> None:
    for chunk in chunks(keys):
        connection.execute(
            sa.update(changed_records)
            .where(sa.tuple_(changed_records.c.object, changed_records.c.record_id).in_(chunk))
            .values(run_id=run_id)
        )


def postpone(connection: Connection, run_id: str, _why: str, now: datetime) -> None:
    of_run = changed_records.c.run_id == run_id
    attempts = (
        connection.scalar(sa.select(sa.func.max(changed_records.c.attempts)).where(of_run)) or 0
    )
    wait = min(BACKOFF_INITIAL * 2 ** min(attempts, 10), BACKOFF_MAX)
    connection.execute(
        sa.update(changed_records).where(of_run).values(attempts=attempts + 1, retry_at=now + wait)
    )


def complete(connection: Connection, connector: str, run_id: str, _now: datetime) -> int:
    """Delete the records that a run has read, except those that were changed again in
    the meantime."""
    done = sa.delete(changed_records).where(
        changed_records.c.connector == connector, changed_records.c.run_id == run_id
    )
    return connection.execute(done).rowcount
