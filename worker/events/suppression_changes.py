"""Append an event for each change of a suppression.

A row of `suppressions` knows which channels the log says it closes (`announced`). Where it closes
others now, it was added, changed or lifted. So nobody who changes suppressions has to say what was
changed, and what a worker of an earlier version changes is found as well: an index holds the rows
that differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.events import log
from worker.events.model import Event, EventType
from worker.store.bulk import chunks
from worker.store.pseudonyms import Keys
from worker.store.tables import UNANNOUNCED, suppressions

_AT_ONCE = 5000


def announce(connection: Connection, keys: Keys, now: datetime) -> int:
    """Append events for suppressions that have changed; return how many.

    Call it at the end of each transaction that changes suppressions. What another transaction is
    changing right now is left to that one.
    """
    count = 0
    while True:
        query = sa.select(suppressions).where(sa.text(UNANNOUNCED))
        query = query.order_by(suppressions.c.id).limit(_AT_ONCE)
        rows = connection.execute(query.with_for_update(skip_locked=True)).all()
        if not rows:
            return count
        # What opens a channel comes first: the last word on a number is the strictest one.
        news = [*_lifts(rows), *_stops(rows)]
        log.append(connection, news, keys, now)
        _mark_announced(connection, rows)
        count += len(news)


def _lifts(rows: Sequence[Any]) -> Iterator[Event]:
    for row in rows:
        if opened := set(row.announced.split()) - _closed(row):
            detail = _detail(row)
            if row.lifted_at is not None:
                detail |= {"lifted_by": row.lifted_by, "lifted_at": row.lifted_at.isoformat()}
            yield _event(EventType.LIFTED, row, opened, detail)


def _stops(rows: Sequence[Any]) -> Iterator[Event]:
    for row in rows:
        if closed := _closed(row) - set(row.announced.split()):
            wrong = row.reason == "wrong_number"
            kind = EventType.WRONG if wrong else EventType.SUPPRESSED
            yield _event(kind, row, closed, _detail(row))


def _event(kind: EventType, row: Any, channels: set[str], detail: dict[str, Any]) -> Event:
    return Event(
        kind, row.number, row.contact, tuple(sorted(channels)), row.reason, row.key, detail
    )


def _detail(row: Any) -> dict[str, Any]:
    return {"suppression": row.id, "source": row.source, "since": row.since.isoformat()}


def _closed(row: Any) -> set[str]:
    return set() if row.lifted_at else set(row.channels.split())


def _mark_announced(connection: Connection, rows: Sequence[Any]) -> None:
    c = suppressions.c
    closed = sa.case((c.lifted_at.is_(None), c.channels), else_="")
    for ids in chunks([row.id for row in rows]):
        connection.execute(sa.update(suppressions).where(c.id.in_(ids)).values(announced=closed))
