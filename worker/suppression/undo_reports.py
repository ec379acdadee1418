"""Take back the reports that one import of a file brought: what follows is as if it never came.

Unlike a lift, this says nothing of anybody: nobody opted in, or confirmed a number, because a file
was a mistake. Everything that others have said is weighed again without the reports, so nobody who
said no elsewhere becomes contactable (promise 3). These stay:

- a report that another import, or another sender, has brought as well;
- what an erasure has taken the person out of: nobody could be told about it any more;
- an erasure itself;
- what was copied from a report to a record that it was merged into, or to a number that its field
  is read as now.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.events import suppression_changes
from worker.feedback import imported_reports
from worker.feedback.consent_state import channels_of, rules_from_settings
from worker.feedback.models import Feedback, FeedbackKind, SuppressionReason
from worker.feedback.receivers import crms_to_notify
from worker.feedback.report_rows import report_from_row
from worker.store import locks, outbox
from worker.store.array_param import any_of
from worker.store.bulk import insert
from worker.store.invalidation import invalidate
from worker.store.locks import Lock
from worker.store.outbox import OutboxItem
from worker.store.pseudonyms import ERASED_PREFIX
from worker.store.tables import feedback, suppressions, undone_reports
from worker.suppression import from_reports
from worker.suppression.apply_reports import requeue_contacts

_AT_ONCE = 200  # reports in one transaction
_KEPT_COLUMNS = ("id", "kind", "number", "channels", "contact", "person", "source", "evidence",
                 "new_number", "at")  # fmt: skip


def undo(ctx: Context, batch: str, by: str, why: str) -> tuple[int, int]:
    """Take back the reports of an import. Return how many were taken back, and how many stay.

    Interrupted, it can be run again, and goes on where it stopped.
    """
    taken_back = kept = last = 0
    while True:
        with ctx.store.read() as connection:
            ids = imported_reports.next_reports(connection, batch, last, _AT_ONCE)
        if not ids:
            return taken_back, kept
        count = _take_back_some(ctx, batch, ids, by, why)
        taken_back, kept, last = taken_back + count, kept + len(ids) - count, ids[-1]


def _take_back_some(ctx: Context, batch: str, ids: Sequence[int], by: str, why: str) -> int:
    now, keys, rules = ctx.now(), ctx.keys, rules_from_settings(ctx.settings)
    with ctx.store.write() as connection:
        locks.acquire(connection, Lock.APPLYING_REPORTS)
        locks.acquire(connection, Lock.DATING_REPORTS)
        alone = imported_reports.release(connection, batch, ids)
        query = sa.select(feedback).where(any_of(feedback.c.id, sorted(alone)))
        rows = [row for row in connection.execute(query) if _may_be_taken_back(row)]
        if not rows:
            return 0
        insert(connection, undone_reports, [
            {name: getattr(row, name) for name in _KEPT_COLUMNS}
            | {"batch": batch, "undone_at": now, "undone_by": by[:120], "undone_why": why[:255]}
            for row in rows
        ])  # fmt: skip
        reports = [report_from_row(row) for row in rows]
        _empty(connection, reports, now)
        _lift(connection, reports, by, why, now)
        for report in reports:
            _put_back_on_lists(connection, report)
        from_reports.recompute(connection, reports, rules, keys)
        invalidate(connection, [report.number for report in reports])
        requeue_contacts(connection, reports, now)
        crms = crms_to_notify(ctx)
        items = [OutboxItem(f"undo:{report.id}", report.number, crms, now) for report in reports]
        outbox.enqueue(connection, items, now)
        suppression_changes.announce(connection, keys, now)
    return len(rows)


def _may_be_taken_back(row: Any) -> bool:
    erased = row.number.startswith(ERASED_PREFIX) or row.contact.startswith(ERASED_PREFIX)
    return row.kind != FeedbackKind.ERASURE and not erased


def _empty(connection: Connection, reports: Sequence[Feedback], now: datetime) -> None:
    """Leave a row that is about nobody, under the same id: SQLite would give the id of a deleted
    last row to the next report, whose deliveries would then look as if they were made."""
    connection.execute(
        sa.update(feedback)
        .where(any_of(feedback.c.id, [report.id for report in reports]))
        .values(
            key=sa.literal("undone:") + sa.cast(feedback.c.id, sa.String(20)),
            kind=FeedbackKind.UNDELIVERABLE, number="", channels="", contact="", person="",
            evidence="", grade="", new_number="", received_at=None, applied_at=now,
        )
    )  # fmt: skip


def _lift(
    connection: Connection, reports: Sequence[Feedback], by: str, why: str, now: datetime
) -> None:
    """Lift the entries that follow from these reports alone."""
    c = suppressions.c
    connection.execute(
        sa.update(suppressions)
        .where(any_of(c.key, [f"feedback:{report.id}" for report in reports]))
        .where(c.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by=by[:120], lifted_why=why[:255])
    )


def _put_back_on_lists(connection: Connection, report: Feedback) -> None:
    """Put a number back on the lists that an opt-in has taken it off. Other opt-ins are applied
    again afterwards (`from_reports.recompute`).

    Of an entry that stands, nobody knows whether the opt-in has opened a channel of it: it closes
    that channel too, to be safe.
    """
    if report.kind != FeedbackKind.OPT_IN or report.scope != "number" or not report.number:
        return
    c = suppressions.c
    of_number = (c.number == report.number, c.reason == SuppressionReason.LIST)
    connection.execute(
        sa.update(suppressions)
        .where(*of_number, c.lifted_at == report.at, c.lifted_by == report.source[:120])
        .values(lifted_at=None, lifted_by="", lifted_why="")
    )
    opened = channels_of(report) & {"call", "text"}
    query = sa.select(c.id, c.channels).where(
        *of_number, c.lifted_at.is_(None), c.since <= report.at
    )
    for row in connection.execute(query).all():
        channels = " ".join(sorted({*row.channels.split(), *opened}))
        if channels != row.channels:
            connection.execute(
                sa.update(suppressions).where(c.id == row.id).values(channels=channels)
            )
