"""Drop the records of a connection that was removed, or of an object that is no longer read, from
our index.

Nobody reads them any more, so they would stand in it for ever, and count as holders of their
numbers: towards shared numbers, duplicates and segments. They go as records go that their CRM has
deleted:

- What was said stays: reports, suppressions, evidence, replies that wait for review, and which
  records were merged. A suppression of a number holds for whoever has it elsewhere. What was said
  of one of these records alone holds for the other records of the same person, and for the record
  itself if its connection comes back.
- What was written there stays too, for `retention.writes`, and so do tasks, consent records and the
  messages of campaigns: they say what we did.
- Isolated segments of the connection are released, each in the audit log. An isolation says how
  deeply numbers are looked up, and flags contacts for people to see; it never says that somebody
  must not be contacted, so its end makes nobody contactable. It would be told of for ever.
- What has still to be told to these records waits no more. If the connection comes back, its first
  sync reads everything (the watermarks go first), and writes whatever stands by then.
- Our own flags are kept, by the keyed hash of the record: they would else count as the word of a
  person when the record is read again (`worker.sync.pages.unindexed_flags`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from config.errors import HygieneError
from worker.access import audit
from worker.context import Context
from worker.duplicates import grouping
from worker.ops.own_fields import check_no_run
from worker.segments import counters, isolation
from worker.segments.reported import distinct_values
from worker.store import Store, locks
from worker.store.bulk import chunks
from worker.store.locks import Lock
from worker.store.outbox import DeliveryState
from worker.store.tables import (
    changed_records,
    contact_numbers,
    contacts,
    deliveries,
    failures,
    former_readings,
    list_members,
    poll_cursors,
    rechecks,
    removal_holds,
    watermarks,
)
from worker.suppression import erasure
from worker.sync import contact_index

_AT_ONCE = 500  # records, or rows, in a transaction
# What is noted of records beside the index, also of records that the index never had.
_NOTED = (failures, list_members, changed_records, rechecks)


class StillReadError(HygieneError):
    """The records are still read: dropped, they would be back with the next sync."""

    exit_code = 2
    http_status = 409


@dataclass(frozen=True, slots=True)
class Former:
    """Records in our index that nobody reads. `object`: "" for all of a connection."""

    connector: str
    object: str = ""

    def __str__(self) -> str:
        return f"{self.object} of {self.connector}" if self.object else self.connector

    @property
    def command(self) -> str:
        of_object = f" --object {self.object}" if self.object else ""
        return f"hygiene crm drop-records {self.connector}{of_object}"


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was dropped, or would be. `numbers`: phone numbers in their fields. `waiting`: reports
    that waited to be told to them. `isolations`: segments that were released."""

    contacts: int = 0
    numbers: int = 0
    waiting: int = 0
    isolations: int = 0

    def as_json(self) -> dict[str, int]:
        return asdict(self)


def find(ctx: Context) -> list[Former]:
    """Return what our index holds of connections that are not connected, and of objects that a
    connection no longer reads. By an index, whatever their number."""
    active = ctx.settings.active_connectors
    with ctx.store.read() as connection:
        found = []
        names = distinct_values(connection, contacts.c.connector)
        for name in sorted({*names, *isolation.connectors_with_active(connection)}):
            if name not in active:
                found.append(Former(name))
                continue
            of_connector = contacts.c.connector == name
            read = _objects(ctx, name)
            for held in distinct_values(connection, contacts.c.object, of_connector):
                if held not in read:
                    found.append(Former(name, held))
        return found


def check(ctx: Context, former: Former) -> None:
    """Raise `StillReadError` where these records are still read, and `RunActiveError` where a run
    that writes to them is under way or paused."""
    name = former.connector
    if name in ctx.settings.active_connectors:
        if not former.object:
            raise StillReadError(
                f"{name} is still connected, and its records would be back with the next sync: "
                "first take its credentials and its table away, or set "
                f"connectors.{name}.enabled = false, and restart the processes"
            )
        if former.object in _objects(ctx, name):
            raise StillReadError(
                f"{name} still reads {former.object}: take it out of "
                f"connectors.{name}.objects first, and restart the processes"
            )
    check_no_run(ctx, name)


def _objects(ctx: Context, connector: str) -> Sequence[str]:
    return tuple(ctx.open(connector).objects)


def count(ctx: Context, former: Former) -> Dropped:
    """Return what `drop` would drop now."""
    with ctx.store.read() as connection:
        counts = [
            connection.scalar(sa.select(sa.func.count()).select_from(table).where(*where)) or 0
            for table, where in (
                (contacts, _of(contacts, former)),
                (contact_numbers, _of(contact_numbers, former)),
                (deliveries, _waiting(former)),
            )
        ]
    return Dropped(counts[0], counts[1], counts[2], len(_isolations(ctx, former)))


def drop(ctx: Context, connector: str, object_name: str, by: str) -> Generator[Dropped]:
    """Drop records of a connection, or of one object of it ("" = all). Yields what was dropped so
    far, after each step; what is left can be dropped by another call. Raises as `check`.

    1. The watermarks go: if the connection comes back at any time from here on, all is read.
    2. The records go, some hundred in a transaction, each with its numbers.
    3. What is noted of records beside the index goes, and what waits to be told to them.
    4. Isolated segments of the connection are released.
    5. Segments, shared numbers and duplicates are counted anew when they are counted next.
    """
    former = Former(connector, object_name)
    check(ctx, former)
    yield from drop_unchecked(ctx, former, by)


def drop_unchecked(ctx: Context, former: Former, by: str) -> Generator[Dropped]:
    """Drop records that nobody reads, as `drop` does, although their connection is on: what it
    goes to now is another account (`worker.ops.account_change`)."""
    done = Dropped()
    try:
        with ctx.store.write() as connection:
            for table in (watermarks, removal_holds):
                connection.execute(sa.delete(table).where(*_of(table, former)))
            lists = poll_cursors.c.name.startswith(f"list:{former.connector}:", autoescape=True)
            connection.execute(sa.delete(poll_cursors).where(lists))
        while (step := _drop_some(ctx, former)) is not None:
            done = Dropped(done.contacts + step.contacts, done.numbers + step.numbers)
            yield done
        for table in (contact_numbers, former_readings, *_NOTED):
            yield from (done for _ in _delete_rest(ctx.store, table, _of(table, former)))
        for number in _delete_rest(ctx.store, deliveries, _waiting(former)):
            done = Dropped(done.contacts, done.numbers, done.waiting + number)
            yield done
        for isolation_id in _isolations(ctx, former):
            _release(ctx, isolation_id, by)
            done = replace(done, isolations=done.isolations + 1)
            yield done
    finally:
        with ctx.store.write() as connection:
            counters.count_again(connection)
            grouping.count_again(connection)
        if any(done.as_json().values()):
            what = f"{former}: {done.contacts} contacts, {done.numbers} numbers"
            audit.note(ctx.store, ctx.now(), by, "crm.drop_records", what)
    yield done


def _isolations(ctx: Context, former: Former) -> list[int]:
    """Return the isolated segments that end with these records. Those of a connection that is on
    stay: contacts of its other objects may be in them."""
    return [] if former.object else isolation.active_of(ctx, former.connector)


def _release(ctx: Context, isolation_id: int, by: str) -> None:
    try:
        released = isolation.release(ctx, isolation_id, by, isolation.CONNECTION_REMOVED)
    except isolation.NoSuchSegmentError:  # somebody released it meanwhile
        return
    target, why = f"{released.connector} {released.name}", isolation.CONNECTION_REMOVED
    audit.note(ctx.store, ctx.now(), by, "segment.release", target, why)


def _of(table: sa.Table, former: Former) -> list[sa.ColumnElement[bool]]:
    c = table.c
    of_object = [c.object == former.object] if former.object else []
    return [c.connector == former.connector, *of_object]


def _waiting(former: Former) -> list[sa.ColumnElement[bool]]:
    """Reports that wait for a connection. Those for one that is on reach its other objects."""
    d = deliveries.c
    if former.object:
        return [sa.false()]
    return [d.connector == former.connector, d.state == DeliveryState.PENDING]


def _drop_some(ctx: Context, former: Former) -> Dropped | None:
    """Drop some records; None where there is none left."""
    c = contacts.c
    query = sa.select(c.object, c.record_id, c.last_seen_flags).where(*_of(contacts, former))
    keys = ctx.keys  # the first use of a new key is recorded, in a transaction of its own
    with ctx.store.write() as connection:
        # Counts that are under way wait, and do not bring back what goes here.
        locks.acquire(connection, Lock.COUNTING_SEGMENTS)
        rows = connection.execute(query.order_by(c.object, c.record_id).limit(_AT_ONCE)).all()
        if not rows:
            return None
        by_object: dict[str, dict[str, dict[str, Any]]] = {}
        for object_name, record_id, flags in rows:
            by_object.setdefault(object_name, {})[record_id] = flags
        numbers = 0
        for object_name, records in by_object.items():
            erasure.keep_flags(connection, keys, former.connector, object_name, records)
            where = (former.connector, object_name, list(records))
            numbers += contact_index.delete(connection, contact_numbers, *where)
            contact_index.forget(connection, *where)
        return Dropped(len(rows), numbers)


def _delete_rest(
    store: Store, table: sa.Table, where: Sequence[sa.ColumnElement[bool]]
) -> Iterator[int]:
    """Delete rows some at a time; yields how many each step deleted."""
    key = sa.tuple_(*table.primary_key.columns)
    some = sa.select(*table.primary_key.columns).where(*where).limit(_AT_ONCE)
    while True:
        with store.write() as connection:
            rows = connection.execute(some).all()
            for part in chunks([tuple(row) for row in rows]):
                connection.execute(sa.delete(table).where(key.in_(part)))
        if rows:
            yield len(rows)
        if len(rows) < _AT_ONCE:
            return
