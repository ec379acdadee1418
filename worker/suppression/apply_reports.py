"""Reports that were stored are applied: suppressions follow from them, and orders to the CRMs.

Everything is worked out from the whole log of a number, so that a report may come twice, late or
out of order, and a worker may die at any time: what is not marked as applied is applied again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.merged_records import STOPS
from worker.feedback.models import Feedback
from worker.feedback.report_log import report_from_row
from worker.store import changed_records, locks, outbox
from worker.store.bulk import chunks
from worker.store.locks import Lock
from worker.store.outbox import OutboxItem
from worker.store.pseudonyms import Keys
from worker.store.tables import contact_numbers, contacts, feedback
from worker.suppression import suppressions

_BATCH_SIZE = 500


def apply_pending(ctx: Context) -> None:
    """Apply all reports that wait: what follows from them is then to be delivered."""
    keys = ctx.keys
    while True:
        with ctx.store.write() as connection:
            rows = _load_pending(connection)
            if not rows:
                return
            _apply(ctx, connection, [report_from_row(row) for row in rows], ctx.now(), keys)
            for some in chunks([row.id for row in rows]):
                connection.execute(
                    sa.update(feedback).where(feedback.c.id.in_(some)).values(applied_at=ctx.now())
                )


def has_pending(ctx: Context) -> bool:
    """Whether reports were stored that nobody has applied yet."""
    query = sa.select(feedback.c.id).where(feedback.c.applied_at.is_(None)).limit(1)
    with ctx.store.read() as connection:
        return connection.scalar(query) is not None


def requeue_missed(ctx: Context) -> int:
    """Find reports whose holder came into the index in the moment in which they were applied."""
    with ctx.store.write() as connection:
        return sum(
            outbox.requeue_missed(connection, name, ctx.now())
            for name in ctx.settings.active_connectors
        )


def _load_pending(connection: Connection) -> Sequence[Any]:
    query = (
        sa.select(feedback)
        .where(feedback.c.applied_at.is_(None))
        .order_by(feedback.c.id)
        .limit(_BATCH_SIZE)
    )
    # One at a time: two at work on the same number would each see half of it.
    locks.acquire(connection, Lock.APPLYING_REPORTS)
    return connection.execute(query).all()


def _apply(
    ctx: Context, connection: Connection, reports: Sequence[Feedback], now: datetime, keys: Keys
) -> None:
    suppressions.recompute(connection, reports, rules_from_settings(ctx.settings), keys)
    _requeue_contacts(connection, reports, now)
    orders = [
        OutboxItem(
            f"feedback:{report.id}",
            report.number,
            _connectors_to_tell(ctx, report),
            report.received_at or report.at,
        )
        for report in reports
    ]
    outbox.enqueue(connection, orders, now)


def _requeue_contacts(connection: Connection, reports: Sequence[Feedback], now: datetime) -> None:
    """Have contacts looked at on which a stop, or its end, was reported with a number that they do
    not hold, and other records of the same person: no delivery finds them by that number."""
    n, c = contact_numbers.c, contacts.c
    for report in reports:
        if report.kind not in (*STOPS, "opt_in") or report.scope == "number":
            continue
        about = [c.person == report.person] if _concerns_every_record(report) else []
        if report.contact.count("/") == 2:
            connector, object_name, record_id = report.contact.split("/")
            about.append(
                sa.and_(c.connector == connector, c.object == object_name, c.record_id == record_id)
            )
        if not about:
            continue
        held = sa.exists().where(
            n.connector == c.connector,
            n.object == c.object,
            n.record_id == c.record_id,
            n.number == report.number,
        )
        query = sa.select(c.connector, c.object, c.record_id).where(sa.or_(*about), ~held)
        for connector, object_name, record_id in connection.execute(query).all():
            index_of = (c.connector == connector, c.object == object_name, c.record_id == record_id)
            connection.execute(sa.update(contacts).where(*index_of).values(settled_until=None))
            if connector != "csv":  # a list on disk is told by its next run
                changed_records.record(connection, connector, object_name, [record_id], now)


def _concerns_every_record(report: Feedback) -> bool:
    """Whether it bears on every record of a person, or may lift what does."""
    return bool(report.person) and report.scope == "person"


def _connectors_to_tell(ctx: Context, report: Feedback) -> tuple[str, ...]:
    """A report about one record concerns its CRM alone; a list on disk is told by its next run."""
    crms = [name for name in ctx.settings.active_connectors if name != "csv"]
    if report.scope == "contact":
        return tuple(name for name in crms if report.contact.startswith(f"{name}/"))
    return tuple(crms)
