"""Store re-checks that somebody asks for inside a CRM: in a workflow step, or with a
card's button.

A request is stored once, by its key, before its sender is answered; the next run of reports carries
it out (`worker.sync.propagate`). Unlike for a row of `changed_records`, the numbers of its phone
fields are verified again, even if an answer still counts. If the CRM gave a `callback`, it gets the
result afterwards (`worker.sync.workflow_callbacks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.store.bulk import chunks, upsert
from worker.store.outbox import BACKOFF_INITIAL, BACKOFF_MAX
from worker.store.tables import UtcDateTime, rechecks

Record = tuple[str, str]  # (object, record id)


@dataclass(frozen=True, slots=True)
class Recheck:
    """A request to verify a record's numbers again.

    `key`: idempotency key. `field`: one phone field, or "" for all. `callback`: how the CRM gets
    the result, or "".
    """

    key: str
    connector: str
    object: str
    record_id: str
    asked_by: str
    field: str = ""
    callback: str = ""


def add(connection: Connection, asked: Recheck, now: datetime) -> bool:
    """Store a request; False for one whose key is known, which changes nothing."""
    if find(connection, asked.key) is not None:
        return False
    row = {
        "key": asked.key,
        "connector": asked.connector,
        "object": asked.object,
        "record_id": asked.record_id,
        "field": asked.field,
        "asked_by": asked.asked_by[:120],
        "callback": asked.callback,
        "at": now,
        "attempts": 0,
        "retry_at": now,
        "run_id": None,
        "done_at": None,
        "answered_at": None,
    }
    upsert(connection, rechecks, [row], ignore=True)
    return True


def find(connection: Connection, key: str) -> Any | None:
    """Return the row of a request, or None."""
    return connection.execute(sa.select(rechecks).where(rechecks.c.key == key)).one_or_none()


def latest(connection: Connection, connector: str, record: Record) -> Any | None:
    """Return the row of the latest request for a record, or None."""
    c = rechecks.c
    query = (
        sa.select(rechecks)
        .where(c.connector == connector, c.object == record[0], c.record_id == record[1])
        .order_by(c.at.desc(), c.key)
        .limit(1)
    )
    return connection.execute(query).one_or_none()


# -- what a run of reports takes (`worker.sync.propagate.WorkSource`) ------------------------------


def claimable(connection: Connection, connector: str, now: datetime, limit: int) -> dict[Any, str]:
    """Return requests that no run has claimed and that are due: key -> record id."""
    c = rechecks.c
    query = (
        sa.select(c.key, c.record_id)
        .where(
            c.connector == connector, c.answered_at.is_(None), c.retry_at <= now,
            c.done_at.is_(None), c.run_id.is_(None),
        )
        .order_by(c.retry_at)
        .limit(limit)
    )  # fmt: skip
    return {row.key: row.record_id for row in connection.execute(query)}


def claimed(connection: Connection, connector: str) -> tuple[str, datetime] | None:
    """Return the unfinished run that has claimed requests, and when to try it again."""
    c = rechecks.c
    query = (
        sa.select(c.run_id, sa.func.min(c.retry_at, type_=UtcDateTime).label("at"))
        .where(
            c.connector == connector, c.answered_at.is_(None), c.done_at.is_(None),
            c.run_id.is_not(None),
        )
        .group_by(c.run_id)
        .order_by(c.run_id)
        .limit(1)
    )  # fmt: skip
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.run_id, row.at)


def claim(connection: Connection, keys: Sequence[Any], run_id: str) -> None:
    for chunk in chunks(keys):
        connection.execute(
            sa.update(rechecks).where(rechecks.c.key.in_(chunk)).values(run_id=run_id)
        )


def postpone(connection: Connection, run_id: str, _why: str, now: datetime) -> None:
    of_run = sa.and_(rechecks.c.run_id == run_id, rechecks.c.done_at.is_(None))
    _back_off(connection, of_run, now)


def complete(connection: Connection, connector: str, run_id: str, now: datetime) -> int:
    """Record that a run has verified them. Requests without a callback are finished with that."""
    c = rechecks.c
    of_run = sa.and_(c.connector == connector, c.run_id == run_id, c.done_at.is_(None))
    return connection.execute(
        sa.update(rechecks)
        .where(of_run)
        .values(
            done_at=now,
            attempts=0,
            retry_at=now,
            answered_at=sa.case((c.callback == "", sa.literal(now, UtcDateTime)), else_=None),
        )
    ).rowcount


def load_for_run(connection: Connection, run_id: str) -> dict[Record, set[str]]:
    """Return what a run has to verify again: record -> phone fields, "" for all of them."""
    c = rechecks.c
    query = sa.select(c.object, c.record_id, c.field).where(c.run_id == run_id)
    fields: dict[Record, set[str]] = {}
    for row in connection.execute(query):
        fields.setdefault((row.object, row.record_id), set()).add(row.field)
    return fields


# -- what the CRM is still to be told ----------------------------------------------------------


def callbacks_due(connection: Connection, connector: str, now: datetime, limit: int) -> list[Any]:
    """Return requests that were carried out and whose callback is due."""
    c = rechecks.c
    query = (
        sa.select(rechecks)
        .where(
            c.connector == connector, c.answered_at.is_(None), c.retry_at <= now,
            c.done_at.is_not(None),
        )
        .order_by(c.retry_at)
        .limit(limit)
    )  # fmt: skip
    return list(connection.execute(query))


def complete_callbacks(connection: Connection, keys: Sequence[str], now: datetime) -> None:
    """Record that the CRM was told, or no longer wants to be."""
    for chunk in chunks(keys):
        connection.execute(
            sa.update(rechecks).where(rechecks.c.key.in_(chunk)).values(answered_at=now)
        )


def postpone_callbacks(connection: Connection, keys: Sequence[str], now: datetime) -> None:
    """Record that the CRM could not be told now."""
    _back_off(connection, rechecks.c.key.in_(list(keys)), now)


def _back_off(connection: Connection, which: sa.ColumnElement[bool], now: datetime) -> None:
    attempts = connection.scalar(sa.select(sa.func.max(rechecks.c.attempts)).where(which)) or 0
    wait = min(BACKOFF_INITIAL * 2 ** min(attempts, 10), BACKOFF_MAX)
    connection.execute(
        sa.update(rechecks).where(which).values(attempts=attempts + 1, retry_at=now + wait)
    )
