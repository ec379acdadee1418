"""Find the records that a run has written, and what it wrote to each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.records import Value
from worker.context import Context
from worker.store.array_param import any_of
from worker.store.bulk import chunks
from worker.store.states import WriteState
from worker.store.tables import writes
from worker.sync.pages import late_writes
from worker.sync.runs.model import Run
from worker.sync.undo.model import RecordWrites

_SENT = (WriteState.DONE, WriteState.FAILED, WriteState.PENDING, WriteState.NOT_APPLIED)
_AT_ONCE = 200  # writes that are read, fetched and restored together


def not_written(ctx: Context, run: Run, ids: Sequence[str]) -> list[str]:
    """Return those of these ids of records to which the run has written nothing."""
    c = writes.c
    if not ids:
        return []
    query = sa.select(c.record_id).where(
        c.run_id == run.id, c.state.in_(_SENT), any_of(c.record_id, sorted(set(ids)))
    )
    with ctx.store.read() as connection:
        written = set(connection.scalars(query))
    return [record_id for record_id in dict.fromkeys(ids) if record_id not in written]


def batches(
    ctx: Context, run: Run, only: Sequence[str] = ()
) -> Iterator[tuple[str, Sequence[RecordWrites]]]:
    """Yield writes of the run that reached the CRM, the last ones first, a few at a time; with
    `only`, those to records with these ids.

    Those that a crash left pending may have reached it, too, and others late.
    """
    limited = [any_of(writes.c.record_id, sorted(only))] if only else []
    query = (
        sa.select(writes)
        .where(writes.c.run_id == run.id, writes.c.state.in_(_SENT), *limited)
        .order_by(writes.c.id.desc())
        .limit(_AT_ONCE)
    )
    last = None
    seen: set[tuple[str, str]] = set()  # of those that were written more than once
    while True:
        with ctx.store.read() as connection:
            part = query if last is None else query.where(writes.c.id < last)
            rows = list(connection.execute(part))
            again = _written_again(connection, run, [row.record_id for row in rows])
        if not rows:
            return
        last = rows[-1].id
        by_object: dict[str, dict[str, RecordWrites]] = {}
        for row in rows:
            key = row.object, row.record_id
            if key in seen:
                continue
            of_record = again.get(key, [row])
            if len(of_record) > 1:
                seen.add(key)
            if reached := [write for write in of_record if has_reached(write)]:
                by_object.setdefault(row.object, {})[row.record_id] = _combined(reached)
        for name, by_id in by_object.items():
            yield name, list(by_id.values())


def _written_again(
    connection: Connection, run: Run, ids: Sequence[str]
) -> dict[tuple[str, str], list[Any]]:
    """Return all writes, in order, of records that the run wrote more than once (after a crash)."""
    c = writes.c
    by_record: dict[tuple[str, str], list[Any]] = {}
    for chunk in chunks(sorted(set(ids))):
        of_run = sa.and_(c.run_id == run.id, c.record_id.in_(chunk), c.state.in_(_SENT))
        twice = (
            sa.select(c.record_id)
            .where(of_run)
            .group_by(c.object, c.record_id)
            .having(sa.func.count() > 1)
        )
        query = sa.select(writes).where(of_run, c.record_id.in_(twice)).order_by(c.id)
        for row in connection.execute(query):
            by_record.setdefault((row.object, row.record_id), []).append(row)
    return by_record


def has_reached(row: Any) -> bool:
    """Whether the CRM took some of the write, or may have (`late_writes.settled_as`)."""
    return bool(row.state != WriteState.FAILED or row.before.keys() == row.after.keys())


def _combined(rows: Sequence[Any]) -> RecordWrites:
    before: dict[str, Value] = {}
    after: dict[str, Value] = {}
    late: dict[str, list[Value]] = {}
    for row in rows:
        before = {**row.before, **before}  # the first one's counts
        after.update(row.after)
        if row is not rows[-1] and late_writes.is_unanswered(row):
            for key, value in row.after.items():
                late.setdefault(key, []).append(value)
    last_id = max(row.id for row in rows)
    return RecordWrites(rows[0].object, rows[0].record_id, before, after, last_id, late)
