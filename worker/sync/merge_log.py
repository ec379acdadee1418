"""Store which records a CRM has merged into which others, and which of those are to be processed.

A record that was merged is removed from our index. Where it lives on is stored with its numbers,
its person and its flags, as our index had them, until the record that it lives on in takes them
over (`worker.sync.pages.merges`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.records import Merge
from worker.feedback import crm_flags
from worker.feedback.merged_records import MergeState, reported_numbers
from worker.feedback.models import contact_key
from worker.store import changed_records
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.states import WriteState
from worker.store.tables import contact_numbers, contacts, merged_records, writes
from worker.store.unanswered_writes import LATEST, given_up_since
from worker.sync import contact_index


def record(
    connection: Connection,
    connector: str,
    merges: Iterable[tuple[str, Merge]],
    now: datetime,
    first_read: bool = False,
    present: Collection[str] | None = None,
) -> int:
    """Store that records live on in others, and remove them from our index.

    Returns how many the index had. Nothing changes for those that were recorded already.

    `merges`: each with the object of the record that was merged. `first_read`: of an object that
    was never read to its end, so that nothing was known of any of them but what was reported.
    `present`: of a reader, ids on the page that it stores with this; it reads the others at its
    end (`unfinished`). None: they are put on the list of records that somebody changed.
    """
    by_key = {
        contact_key(connector, name, merge.id): (name, merge)
        for name, merge in merges
        if (name, merge.id) != (merge.into_object, merge.into_id)
    }
    if not by_key:
        return 0
    targets = {
        key: contact_key(connector, merge.into_object, merge.into_id)
        for key, (_, merge) in by_key.items()
    }
    stored = load(connection, {*by_key, *targets.values()})
    new_targets = _new_targets(connection, targets, stored)
    if first_read:
        _record_unknown(connection, connector, by_key, new_targets, stored, now)
    removed = 0
    for key, into in new_targets.items():
        _, into_object, into_id = into.split("/", 2)
        state = MergeState.PAGED if present is not None and into_id in present else MergeState.NEW
        removed += _store_merge(connection, key, into, state, stored.get(key), now)
        contact_index.invalidate_records(connection, connector, into_object, [into_id])
        if present is None:
            changed_records.record(connection, connector, into_object, [into_id], now)
    return removed


def load(connection: Connection, keys: Collection[str]) -> dict[str, Any]:
    """Return the stored rows of these merged records, by their keys."""
    query = sa.select(merged_records).where(any_of(merged_records.c.key, sorted(keys)))
    return {row.key: row for row in connection.execute(query)}


def unfinished(
    connection: Connection,
    connector: str,
    object_name: str,
    opened_at: datetime,
    after: str,
    limit: int,
) -> list[str]:
    """Return ids of records that others live on in and that have not been processed since.

    In order, those after `after`. They are read at the end of a run, which was opened at
    `opened_at`.
    """
    m, prefix = merged_records.c, contact_key(connector, object_name, "")
    # By character code: a PostgreSQL database may sort texts as a language does.
    postgres = connection.dialect.name == "postgresql"
    into: sa.ColumnElement[str] = sa.collate(m.into_key, "C") if postgres else m.into_key
    waits = sa.or_(
        m.state == MergeState.NEW,
        sa.and_(m.state.in_((MergeState.PAGED, MergeState.CARRIED)), m.at < opened_at),
    )
    query = (
        sa.select(into)
        .where(m.state != MergeState.DONE, waits)
        .where(into > prefix + after, into < prefix + "\x7f")
        .distinct()
        .order_by(into)
        .limit(limit)
    )
    return [key.removeprefix(prefix) for key in connection.scalars(query)]


def _new_targets(
    connection: Connection, targets: Mapping[str, str], stored: Mapping[str, Any]
) -> dict[str, str]:
    """Return in which record each one lives on in the end, of those for which that is new.

    A record may have been merged into another one that was merged itself.
    """
    into_of = {key: row.into_key for key, row in stored.items()}
    new_targets: dict[str, str] = {}
    for key, into in targets.items():
        if into_of.get(into) == key:
            # It was merged into this one once, and is there again: this one lives on in it now.
            into_of[into] = into
            revived = sa.update(merged_records).where(merged_records.c.key == into)
            connection.execute(revived.values(into_key=into, state=MergeState.DONE))
        into = into_of.get(into, into)
        if into in (key, into_of.get(key)):
            continue
        into_of[key] = new_targets[key] = into
        for other, target in into_of.items():
            if target == key:
                into_of[other] = into
    return {key: into_of[key] for key in new_targets}


def _record_unknown(
    connection: Connection,
    connector: str,
    by_key: Mapping[str, tuple[str, Merge]],
    new_targets: dict[str, str],
    stored: Mapping[str, Any],
    now: datetime,
) -> None:
    """In a first read, store merges of records of which nothing is known, all at once.

    Takes them out of `new_targets`. There may be thousands, of years past.
    """
    c, m = contacts.c, merged_records.c
    known = {*stored, *reported_numbers(connection, list(new_targets))}
    query = sa.select(m.into_key).where(any_of(m.into_key, sorted(new_targets)))
    known.update(connection.scalars(query))
    for name in {by_key[key][0] for key in new_targets}:
        ids = [by_key[key][1].id for key in new_targets if by_key[key][0] == name]
        indexed = sa.select(c.record_id).where(
            c.connector == connector, c.object == name, any_of(c.record_id, ids)
        )
        known.update(
            contact_key(connector, name, record_id) for record_id in connection.scalars(indexed)
        )
    unknown = [key for key in new_targets if key not in known]
    rows: list[dict[str, Any]] = [
        {
            "key": key,
            "into_key": new_targets.pop(key),
            "state": MergeState.DONE,
            "person": "",
            "flags": {},
            "numbers": [],
            "recorded_at": None,
            "at": now,
        }
        for key in unknown
    ]
    upsert(connection, merged_records, rows)


def _store_merge(
    connection: Connection, key: str, into: str, state: MergeState, stored: Any, now: datetime
) -> int:
    """Store where a record lives on, with what our index knew of it; return 1 if it knew anything.

    `stored`: the row that is there already, where the record lived on in another one that was
    merged since.
    """
    connector, object_name, record_id = key.split("/", 2)
    c, n, m = contacts.c, contact_numbers.c, merged_records.c
    row = connection.execute(
        sa.select(c.person, c.last_seen_flags, c.checked_at).where(
            c.connector == connector, c.object == object_name, c.record_id == record_id
        )
    ).one_or_none()
    numbers = connection.scalars(
        sa.select(n.number)
        .where(n.connector == connector, n.object == object_name, n.record_id == record_id)
        .distinct()
    )
    entry = {
        "key": key,
        "into_key": into,
        "state": state,
        "person": (row.person if row else "") or (stored.person if stored else ""),
        "flags": {
            **(stored.flags if stored else {}),
            **(crm_flags.flags_of(row.last_seen_flags) if row else {}),
            **_pending_flags(connection, connector, object_name, record_id, now),
        },
        "numbers": list(dict.fromkeys((*numbers, *(stored.numbers if stored else ())))),
        "recorded_at": row.checked_at if row else stored.recorded_at if stored else None,
        "at": now,
    }
    upsert(connection, merged_records, [entry])
    # Whoever lived on in this one lives on in that one now.
    connection.execute(sa.update(merged_records).where(m.into_key == key).values(into_key=into))
    return contact_index.forget(connection, connector, object_name, [record_id])


def _pending_flags(
    connection: Connection, connector: str, object_name: str, record_id: str, now: datetime
) -> dict[str, bool]:
    """Return flags that we are about to set, or may have set: a worker died, or the CRM carried a
    write out after we had given it up."""
    w = writes.c
    query = sa.select(w.after).where(
        w.connector == connector,
        w.object == object_name,
        w.record_id == record_id,
        sa.or_(w.state == WriteState.PENDING, given_up_since(now - LATEST)),
    )
    return {
        flag: True
        for after in connection.scalars(query)
        for flag, value in crm_flags.flags_of(after).items()
        if value
    }
