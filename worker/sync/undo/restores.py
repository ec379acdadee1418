"""Choose the values that an undo puts back: those that nobody has changed since the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import sqlalchemy as sa

from connectors.http.lenient_json import REPLACEMENT
from connectors.records import Contact, Value
from worker.decisions.diff import FLAGS
from worker.store.array_param import any_of
from worker.store.states import WriteState
from worker.store.tables import runs, writes
from worker.sync import contact_index
from worker.sync.contact_index import IndexedContact
from worker.sync.pages import late_writes, pending_writes
from worker.sync.undo.model import RecordWrites, SkippedField, UndoResult, UndoWork
from worker.sync.undo.standing_demands import Restore
from worker.sync.undo.written_records import has_reached


def choose(
    work: UndoWork, object_name: str, rows: Sequence[RecordWrites]
) -> tuple[list[Restore], list[str]]:
    """Return what is to be put back, and ids of records with a flag that a person has ticked."""
    ctx, connector, result = work.ctx, work.connector, work.result
    ids = [row.record_id for row in rows]
    current = {contact.id: contact for contact in connector.fetch(object_name, ids)}
    absent = [record_id for record_id in ids if record_id not in current]
    gone = connector.deleted(object_name, absent) if absent else set()
    _resolve_pending_writes(work, object_name, current)
    known = contact_index.load(ctx.store, work.run.connector, object_name, ids)
    later = _written_later(work, object_name, rows, current)
    ticked: list[str] = []
    restores: list[Restore] = []
    for row in rows:
        contact = current.get(row.record_id)
        if contact is None:
            (result.gone if row.record_id in gone else result.not_visible).append(row.record_id)
            continue
        contact_values = contact.values()
        values = _restorable(row, contact_values, connector.writable(object_name), result)
        for flag in _unread_ticks(contact_values, known.get(row.record_id), values):
            del values[flag]
            ticked.append(row.record_id)
            result.kept.append(SkippedField(object_name, row.record_id, flag, True, True))
        for key in sorted(values.keys() & later.get(row.record_id, frozenset())):
            del values[key]
            holds = contact_values.get(key)
            result.kept.append(SkippedField(object_name, row.record_id, key, row.after[key], holds))
        if values:
            restores.append(Restore(contact, values))
    return restores, ticked


def _resolve_pending_writes(
    work: UndoWork, object_name: str, current: Mapping[str, Contact]
) -> None:
    """After a crash: note which writes of this undo had reached the CRM. All of them may come
    late."""
    w, now = writes.c, work.ctx.now()
    pending = sa.select(writes).where(
        w.run_id == work.undoing.id,
        w.object == object_name,
        w.state.in_((WriteState.PENDING, WriteState.NOT_APPLIED)),
        any_of(w.record_id, sorted(current)),
    )
    with work.ctx.store.write() as connection:
        rows = list(connection.execute(pending.order_by(w.id)))
        values = {record_id: contact.values() for record_id, contact in current.items()}
        not_applied = pending_writes.resolve(
            connection, work.run.connector, object_name, rows, values, now
        )
        pending_writes.mark_not_applied(connection, not_applied, now)


def _written_later(
    work: UndoWork, object_name: str, rows: Sequence[RecordWrites], current: Mapping[str, Contact]
) -> dict[str, Set[str]]:
    """Return the fields of each record that a later run has written.

    They have been changed since, even where they hold again what the undone run wrote: a status
    that went bad and came back. A field that an undo wrote last holds what stood there before. A
    write that got no answer counts for the fields that hold what it was to write.
    """
    w = writes.c
    last_ids = {row.record_id: row.last_id for row in rows}
    query = (
        sa.select(w.id, w.record_id, w.before, w.after, w.state, w.message, runs.c.kind)
        .join(runs, runs.c.id == w.run_id, isouter=True)
        .where(
            w.connector == work.run.connector,
            w.object == object_name,
            any_of(w.record_id, sorted(last_ids)),
            w.run_id != work.run.id,
            w.id > min(last_ids.values(), default=0),
            w.state.in_((WriteState.DONE, WriteState.FAILED, WriteState.NOT_APPLIED)),
        )
        .order_by(w.id)
    )
    holds = {record_id: contact.values() for record_id, contact in current.items()}
    by_run: dict[str, dict[str, bool]] = {}  # record id -> field -> whether a run wrote it last
    with work.ctx.store.read() as connection:
        for row in connection.execute(query):
            if row.id > last_ids[row.record_id] and has_reached(row):
                of_record = by_run.setdefault(row.record_id, {})
                fields = _fields_reached(row, holds.get(row.record_id, {}))
                of_record.update(dict.fromkeys(fields, row.kind != "undo"))
    return {
        record_id: {field for field, is_run in fields.items() if is_run}
        for record_id, fields in by_run.items()
    }


def _fields_reached(row: Any, current: Mapping[str, Value]) -> list[str]:
    """Return the fields that a write has changed, as far as anybody can tell."""
    if row.state == WriteState.DONE or not late_writes.is_unanswered(row):
        return list(row.after)
    return [
        key for key, value in row.after.items() if (current.get(key) or None) == (value or None)
    ]


def _restorable(
    row: RecordWrites, current: Mapping[str, Value], writable: frozenset[str], result: UndoResult
) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for key, wrote in row.after.items():
        before = row.before.get(key)
        holds = current.get(key)
        if (holds or None) == (before or None):
            continue  # it is as it was: undone already, or never written
        repaired = key.startswith("phone/") and REPLACEMENT in str(before or "")
        if not _is_ours(row, key, holds) or key not in writable or repaired:
            result.kept.append(SkippedField(row.object, row.record_id, key, wrote, holds))
            continue
        values[key] = before
    return values


def _is_ours(row: RecordWrites, key: str, holds: Value) -> bool:
    """Whether a field holds what the run wrote. A flag that holds what only an earlier, unanswered
    write was to set may as well be a person's: it stays."""
    late = () if key in FLAGS else row.late.get(key, ())
    return (holds or None) in {value or None for value in (row.after[key], *late)}


def _unread_ticks(
    current: Mapping[str, Value], known: IndexedContact | None, values: Mapping[str, Value]
) -> list[str]:
    """Return flags that a person has ticked and that no sync has read yet.

    They are ticked, and were not when we last saw or wrote them.
    """
    if known is None:
        return []
    return [
        flag
        for flag in FLAGS
        if flag in values and current.get(flag) and not values[flag] and not known.flags.get(flag)
    ]
