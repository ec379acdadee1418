"""Find the records that a run has written, and what it wrote to each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.records import Value
from worker.context import Context
from worker.store.bulk import chunks
from worker.store.states import WriteState
from worker.store.tables import writes
from worker.sync.runs.model import Run
from worker.sync.undo.model import RecordWrites

_SENT = (WriteState.DONE, WriteState.FAILED, WriteState.PENDING, WriteState.NOT_APPLIED)
_AT_ONCE = 200  # writes that are read, fetched and restored together


def batches(ctx: Context, run: Run) -> Iterator[tuple[str, Sequence[RecordWrites]]]:
    """Yield writes of the run that reached the CRM, the last ones first, a few at a time.

    Those that a crash left pending may have reached it, too, and others late.
    """
    query = (
        sa.select(writes)
        .where(writes.c.run_id == run.id, writes.c.state.in_(_SENT))
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
            if reached := [write for write in of_record if _reached(write)]:
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


def _reached(row: Any) -> bool:
    """Whether the CRM took some of the write, or may have (`late_writes.settled_as`)."""
    return bool(row.state != WriteState.FAILED or row.before.keys() == row.after.keys())


def _combined(rows: Sequence[Any]) -> RecordWrites:
    before: dict[str, Value] = {}
    after: dict[str, Value] = {}
    for row in rows:
        before = {**row.before, **before}  # the first one's counts
        after.update(row.after)
    return RecordWrites(rows[0].object, rows[0].record_id, before, after)
