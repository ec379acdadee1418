"""Record writes before they are sent, and resolve those that a dead worker left behind.

A pending write was recorded, but its outcome was not. If its worker died, the values of the record
show whether the write reached it. If it did, it is ours: it can be undone, and its flags are not a
person's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.records import Contact, Value
from worker.feedback import crm_flags
from worker.store.bulk import chunks, insert
from worker.store.states import WriteState
from worker.store.tables import writes
from worker.store.unanswered_writes import ORPHANED, UNANSWERED
from worker.sync import contact_index
from worker.sync.pages import concurrent_flags, deferral, late_writes, lease, retyped_phones
from worker.sync.pages.steps import EvaluatedPage

CurrentValues = Mapping[str, Mapping[str, Value]]  # record id -> what it holds


def record(evaluated: EvaluatedPage) -> EvaluatedPage:
    """Store what will be written, with the present values, before it is sent to the CRM.

    A dry run stores it as a forecast. Returns the page without the updates that have to wait
    (`concurrent_flags`, `retyped_phones`), whose records are looked at again. Raises
    `LostLeaseError` where another worker has the page, which will write it instead, and
    `PausedError` while everything is paused.
    """
    if not evaluated.updates:
        return evaluated
    work = evaluated.work
    evaluated = evaluated.defer(retyped_phones.find(evaluated))
    with work.ctx.store.write() as connection:
        lease.hold_unpaused(connection, work)
        if not work.run.dry_run:
            evaluated = evaluated.defer(concurrent_flags.find(connection, evaluated))
            deferral.defer(connection, work, evaluated.deferred)
        insert(connection, writes, _rows(evaluated, work.ctx.now()))
    return evaluated


def _rows(evaluated: EvaluatedPage, now: datetime) -> list[dict[str, Any]]:
    run, page = evaluated.work.run, evaluated.work.page
    return [
        {
            "run_id": run.id,
            "page_id": page.id,
            "connector": run.connector,
            "object": page.object,
            "record_id": update.id,
            "before": _previous_values(contact, update.values),
            "after": dict(update.values),
            "state": WriteState.FORECAST if run.dry_run else WriteState.PENDING,
            "at": now,
        }
        for update, contact in zip(evaluated.updates, evaluated.updated, strict=True)
    ]


def _previous_values(contact: Contact, keys: Iterable[str]) -> dict[str, Value]:
    current = contact.current
    return {
        key: contact.phones.get(key[6:]) if key.startswith("phone/") else current.get(key)
        for key in keys
    }


def resolve(
    connection: Connection,
    connector: str,
    object_name: str,
    rows: Iterable[Any],
    current: CurrentValues,
    now: datetime,
) -> list[int]:
    """Mark as done what had reached the CRM; return the ids of the rows that had not.

    `rows`: of `writes`, in order, with `id`, `record_id`, `state` and `after`. One that was given
    up before (`NOT_APPLIED`) counts as done once the record holds its marks and its flags. What
    another worker has settled meanwhile stays as it is.
    """
    not_applied = []
    for row in rows:
        values = current.get(row.record_id)
        if values is None or not _was_applied(values, row):
            not_applied.append(row.id)
            continue
        same = sa.and_(writes.c.id == row.id, writes.c.state == row.state)
        done = {"state": WriteState.DONE, "message": UNANSWERED, "settled_at": now}
        if connection.execute(sa.update(writes).where(same).values(**done)).rowcount != 1:
            continue
        contact_index.remember_flags(connection, connector, object_name, row.record_id, row.after)
    return not_applied


def mark_not_applied(connection: Connection, not_applied: Sequence[int], now: datetime) -> None:
    """Note that the records did not hold these when they were read again. They are decided again;
    the rows stay, since the CRM may carry them out late (`late_writes`)."""
    waiting = (WriteState.PENDING, WriteState.NOT_APPLIED)
    for chunk in chunks(not_applied):
        connection.execute(
            sa.update(writes)
            .where(writes.c.id.in_(chunk), writes.c.state.in_(waiting))
            .values(state=WriteState.NOT_APPLIED, message=UNANSWERED, settled_at=now)
        )


def mark_failed(connection: Connection, not_applied: Sequence[int], now: datetime) -> None:
    """Note that these did not reach the CRM and will not: nobody needs to look for them again."""
    for chunk in chunks(not_applied):
        connection.execute(
            sa.update(writes)
            .where(writes.c.id.in_(chunk), writes.c.state == WriteState.PENDING)
            .values(state=WriteState.FAILED, kind="other", message=ORPHANED, settled_at=now)
        )


def _was_applied(current: Mapping[str, Value], row: Any) -> bool:
    after: Mapping[str, Value] = row.after
    if row.state == WriteState.NOT_APPLIED:
        # A later try may have left the same marks within a second: the flags tell them apart.
        return late_writes.holds_marks(current, after) and all(
            bool(current.get(flag)) == value for flag, value in crm_flags.flags_of(after).items()
        )
    # The run's mark and the time of the check are enough by themselves: a person does not write
    # those.
    marks = [key for key in late_writes.MARKS if key in after and key in current]
    return all(
        (current.get(key) or None) == (after[key] or None)
        for key in marks or after
        if key in current
    )
