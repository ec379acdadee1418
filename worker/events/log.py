"""Append to the log of events, in the order of what happened, and read it.

The log is written in the transaction of what happened, so it tells neither more nor less. Its ids
are handed out under a lock that is held until the commit: whoever reads on from an id misses
nothing (SQLite has one writer anyway).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.events import outgoing
from worker.events.model import Event, EventType, StoredEvent
from worker.feedback.report_log import has_erasures
from worker.store import locks
from worker.store.array_param import any_of
from worker.store.bulk import chunks, insert, upsert
from worker.store.locks import Lock
from worker.store.pseudonyms import Keys, number_aliases
from worker.store.tables import IN_FEED, events, number_sequences

# A cursor of the feed lasts for a year, whatever is set for the rest.
KEPT_FOR_AT_LEAST = timedelta(days=366)


def append(connection: Connection, news: Sequence[Event], keys: Keys, now: datetime) -> int:
    """Append events, and enqueue them for the endpoints that subscribe to them. Return the id of
    the event before them.

    Call it at the end of the transaction: until its commit, nobody else appends.
    """
    if not news:
        return last_id(connection)
    locks.acquire(connection, Lock.APPENDING_EVENTS)
    last = last_id(connection)
    sequences = _next_sequences(connection, news, keys)
    rows = [
        {
            "uid": f"evt_{secrets.token_hex(12)}",
            "type": event.type,
            "number": event.number,
            "contact": event.contact,
            "sequence": sequence,
            "channels": " ".join(event.channels),
            "reason": event.reason,
            "evidence": event.evidence,
            "detail": event.detail,
            "at": now,
        }
        for event, sequence in zip(news, sequences, strict=True)
    ]
    insert(connection, events, rows)
    outgoing.enqueue(connection, after=last, now=now)
    return last


def _next_sequences(connection: Connection, news: Sequence[Event], keys: Keys) -> list[int]:
    """Count the events of each number on. An erased number keeps its count under its hash, so that
    it goes on where it was when the number returns."""
    subjects = {event.number or event.contact for event in news}
    numbers = [subject for subject in subjects if subject.startswith("+")]
    names: dict[str, tuple[str, ...]] = {
        subject: (subject,) for subject in subjects if not subject.startswith("+")
    }
    names |= number_aliases(keys, numbers, has_erasures(connection))
    counted: dict[str, int] = dict.fromkeys(subjects, 0)
    s = number_sequences.c
    for chunk in chunks(list(names)):
        for row in connection.execute(sa.select(number_sequences).where(s.subject.in_(chunk))):
            for subject in names[row.subject]:
                counted[subject] = max(counted[subject], row.sequence)
    sequences = []
    for event in news:
        subject = event.number or event.contact
        counted[subject] += 1
        sequences.append(counted[subject])
    rows = [{"subject": subject, "sequence": last} for subject, last in counted.items()]
    upsert(connection, number_sequences, rows)
    return sequences


def load(connection: Connection, ids: Sequence[int]) -> dict[int, StoredEvent]:
    """Return events by their ids; those that are past their retention are left out."""
    query = sa.select(events).where(any_of(events.c.id, list(ids)))
    return {row.id: event_from_row(row) for row in connection.execute(query)}


def read_feed(connection: Connection, after: int, limit: int) -> list[StoredEvent]:
    """Return changes of suppressions after a place in the log, in the order of what happened."""
    c = events.c
    # As the partial index has it: else no database sees that the index holds all of them.
    query = sa.select(events).where(sa.text(IN_FEED), c.id > after).order_by(c.id).limit(limit)
    return [event_from_row(row) for row in connection.execute(query)]


def last_id(connection: Connection) -> int:
    """Return the place of the newest event; 0 if there was none."""
    return connection.scalar(sa.select(sa.func.max(events.c.id))) or 0


def of_numbers(connection: Connection, names: Sequence[str], limit: int) -> Iterator[StoredEvent]:
    """Yield the latest events of a number, newest first. `names`: all that may stand for it."""
    c = events.c
    query = (
        sa.select(events).where(any_of(c.number, list(names))).order_by(c.id.desc()).limit(limit)
    )
    for row in connection.execute(query):
        yield event_from_row(row)


def event_from_row(row: Any) -> StoredEvent:
    event = Event(
        EventType(row.type), row.number, row.contact, tuple(row.channels.split()), row.reason,
        row.evidence, row.detail,
    )  # fmt: skip
    return StoredEvent(row.id, row.uid, row.sequence, row.at, event)
