"""The feed: each change of a suppression, in the order of what happened, for whoever asks.

A cursor is a place in the log. It lasts for a year at least; an older one is refused, since what
came after it is partly deleted. A reader begins with the list itself, whose answer holds the
cursor to go on from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.errors import HygieneError
from worker.context import Context
from worker.events import log
from worker.events.model import StoredEvent
from worker.store.bulk import upsert
from worker.store.pseudonyms import ERASED_PREFIX
from worker.store.tables import app_state, event_deliveries, events

MAX_CHANGES = 1000  # of one answer
_BEGINS_AFTER = "the feed begins after"


class CursorError(HygieneError):
    """A cursor that is not one of ours."""

    exit_code = 2
    http_status = 422


class ExpiredCursorError(HygieneError):
    """A cursor older than the feed: what came after it is partly deleted."""

    exit_code = 2
    http_status = 410

    def __init__(self) -> None:
        super().__init__(
            "this cursor is older than the feed; read the whole list of suppressions again, and go "
            "on from the cursor that comes with it"
        )


@dataclass(frozen=True, slots=True)
class Changes:
    """A part of the feed. `next_cursor`: where to go on; the same as before if nothing came."""

    changes: list[StoredEvent]
    next_cursor: str

    def as_json(self) -> dict[str, Any]:
        return {
            "changes": [change_as_json(stored) for stored in self.changes],
            "next": self.next_cursor,
        }


def read(ctx: Context, cursor: str, limit: int) -> Changes:
    """Return the changes after a cursor; "" = from the oldest that is kept.

    Raises `CursorError`, `ExpiredCursorError`.
    """
    after = _place(cursor)
    with ctx.store.read() as connection:
        begins_after = _begins_after(connection)
        if cursor and after < begins_after:
            raise ExpiredCursorError
        if after > log.last_id(connection):
            raise CursorError(
                "since: this cursor is ahead of the feed; it comes from another installation, or "
                "the database was restored: read the whole list of suppressions again"
            )
        changes = log.read_feed(connection, max(after, begins_after), limit)
    last = changes[-1].id if changes else max(after, begins_after)
    return Changes(changes, str(last))


def read_some(ctx: Context, cursor: str, limit: int) -> tuple[list[StoredEvent], str]:
    """Return up to `limit` changes after a cursor, however many parts that takes, and the cursor
    to go on from."""
    changes: list[StoredEvent] = []
    while True:
        part = read(ctx, cursor, min(MAX_CHANGES, limit - len(changes)))
        changes += part.changes
        cursor = part.next_cursor
        if not part.changes or len(changes) >= limit:
            return changes, cursor


def current_cursor(ctx: Context) -> str:
    """Return the cursor of now: read it before the list that it goes on from."""
    with ctx.store.read() as connection:
        return str(log.last_id(connection))


def change_as_json(stored: StoredEvent) -> dict[str, Any]:
    event = stored.event
    erased = event.contact.startswith(ERASED_PREFIX)
    return {
        "cursor": str(stored.id),
        "at": stored.at.isoformat(),
        "type": event.type,
        "number": event.number if event.number.startswith("+") else None,
        "contact": None if erased else event.contact or None,
        "channels": list(event.channels),
        "reason": event.reason,
        "sequence": stored.sequence,
        "evidence": event.evidence,
        "suppression": event.detail.get("suppression"),
        "since": event.detail.get("since"),
    }


def purge(connection: Connection, before: datetime, limit: int) -> int:
    """Delete the oldest events that are older than a time, with their deliveries; how many."""
    c = events.c
    # By place, so that nothing is deleted in the midst of what is kept.
    first_kept = connection.scalar(sa.select(sa.func.min(c.id)).where(c.at >= before))
    old = sa.select(c.id).order_by(c.id).limit(limit)
    if first_kept is not None:
        old = old.where(c.id < first_kept)
    ids = list(connection.scalars(old))
    if not ids:
        return 0
    last = ids[-1]
    connection.execute(sa.delete(event_deliveries).where(event_deliveries.c.event_id <= last))
    connection.execute(sa.delete(events).where(c.id <= last))
    upsert(connection, app_state, [{"name": _BEGINS_AFTER, "value": str(last)}])
    return len(ids)


def _begins_after(connection: Connection) -> int:
    query = sa.select(app_state.c.value).where(app_state.c.name == _BEGINS_AFTER)
    return int(connection.scalar(query) or 0)


def _place(cursor: str) -> int:
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise CursorError("since: not a cursor; give the `next` or `cursor` of an earlier answer")
    return int(cursor)
