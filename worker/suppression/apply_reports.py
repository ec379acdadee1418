"""Apply stored reports: recompute suppressions, and enqueue the deliveries to each CRM.

The way of a report, step by step. Each step is committed before the next one begins:

1. Receive: check the sender and read what was said. `worker.web.webhooks` and `worker.web.api` for
   requests, `worker.feedback.sources` for what each source says, `worker.feedback.crm_flags` for
   flags that a CRM user changed.
2. Store: `worker.feedback.report_log.store`, once, by idempotency key. Then the sender gets its
   answer, and the queue is told (`worker.web.notify`).
3. Apply: `apply_pending` here, with `worker.suppression.from_reports.recompute`.
4. Enqueue: `worker.store.outbox.enqueue`, one delivery for each report and CRM.
5. Deliver: `worker.sync.propagate` claims the deliveries of a CRM (`outbox.claimable`,
   `outbox.claim`) for a run over the records that hold the numbers.
6. Confirm: `worker.store.outbox.complete` when the run is done; `worker.suppression.evidence` shows
   when each CRM confirmed.

Step 3 also appends what it changed to the log of events (`worker.events`), in its transaction;
`worker.events.delivery` sends that to the endpoints.

A report may come twice, late or out of order, and a worker may die at any time: everything is
recomputed from the whole log of a number, and a report that is not marked as applied is applied
again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config import connections
from worker.context import Context
from worker.events import log, suppression_changes
from worker.events.model import Event, EventType
from worker.feedback import former_numbers, report_log
from worker.feedback.consent_state import Rules, rules_from_settings
from worker.feedback.merged_records import STOPS
from worker.feedback.models import Feedback, FeedbackKind
from worker.feedback.receivers import crms_to_notify
from worker.feedback.report_rows import report_from_row
from worker.phones.plan_changes import equal_forms
from worker.store import changed_records, locks, outbox
from worker.store.bulk import chunks
from worker.store.locks import Lock
from worker.store.outbox import OutboxItem
from worker.store.tables import contact_numbers, contacts, feedback
from worker.suppression import from_reports

_BATCH_SIZE = 500


def apply_pending(ctx: Context) -> None:
    """Apply all stored reports that nobody has applied yet, a batch in one transaction.

    Recompute the suppressions of their numbers, requeue contacts that no delivery would find,
    enqueue the deliveries, and mark the reports as applied.
    """
    rules = rules_from_settings(ctx.settings)
    while True:
        with ctx.store.write() as connection:
            rows = _load_pending(connection)
            if not rows:
                return
            reports, now = [report_from_row(row) for row in rows], ctx.now()
            from_reports.recompute(connection, reports, rules, ctx.keys)
            _follow_to_present_numbers(ctx, connection, reports, rules)
            requeue_contacts(connection, reports, now)
            outbox.enqueue(connection, _outbox_items(ctx, reports), now)
            _mark_applied(connection, reports, ctx.now())
            log.append(connection, _confirmations(reports), ctx.keys, now)
            suppression_changes.announce(connection, ctx.keys, now)


def _confirmations(reports: Sequence[Feedback]) -> list[Event]:
    """Return an event for each report that the number is the person's."""
    return [
        Event(
            EventType.CONFIRMED, report.number, report.contact,
            evidence=f"feedback:{report.id}", detail={"source": report.source},
        )
        for report in reports
        if report.kind == FeedbackKind.CONFIRMED and (report.number or report.contact)
    ]  # fmt: skip


def _follow_to_present_numbers(
    ctx: Context, connection: Connection, reports: Sequence[Feedback], rules: Rules
) -> None:
    """Store reports about the number that a field was read as before for its number now.

    These reports are applied next.
    """
    now = ctx.now()
    numbers = {report.number for report in reports}
    copies = former_numbers.copies_of_late_reports(connection, numbers, now, rules, ctx.keys)
    if copies:
        report_log.store(connection, copies, now, ctx.keys)


def has_pending(ctx: Context) -> bool:
    """Tell whether there are stored reports that nobody has applied yet."""
    query = sa.select(feedback.c.id).where(feedback.c.applied_at.is_(None)).limit(1)
    with ctx.store.read() as connection:
        return connection.scalar(query) is not None


def requeue_missed(ctx: Context) -> int:
    """Requeue reports whose holder came into the index while they were being applied.

    Returns the number of deliveries.
    """
    with ctx.store.write() as connection:
        return sum(
            outbox.requeue_missed(connection, name, ctx.now())
            for name in ctx.settings.active_connectors
        )


def requeue_contacts(connection: Connection, reports: Sequence[Feedback], now: datetime) -> None:
    """Have contacts read again that no delivery would find.

    A stop, or its end, was reported on them, or on another record of the same person, with a number
    that they do not hold.
    """
    n, c = contact_numbers.c, contacts.c
    for report in reports:
        if report.kind not in (*STOPS, FeedbackKind.OPT_IN) or report.scope == "number":
            continue
        about = [c.person == report.person] if _concerns_every_record(report) else []
        if report.contact.count("/") == 2:
            connector, object_name, record_id = report.contact.split("/")
            about.append(
                sa.and_(c.connector == connector, c.object == object_name, c.record_id == record_id)
            )
        if not about:
            continue
        holds_number = sa.exists().where(
            n.connector == c.connector,
            n.object == c.object,
            n.record_id == c.record_id,
            n.number.in_(equal_forms(report.number)),
        )
        query = sa.select(c.connector, c.object, c.record_id).where(sa.or_(*about), ~holds_number)
        for connector, object_name, record_id in connection.execute(query).all():
            index_of = (c.connector == connector, c.object == object_name, c.record_id == record_id)
            connection.execute(sa.update(contacts).where(*index_of).values(fresh_until=None))
            if not connections.is_file(connector):  # the next run of a list on disk delivers them
                changed_records.record(connection, connector, object_name, [record_id], now)


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


def _outbox_items(ctx: Context, reports: Sequence[Feedback]) -> list[OutboxItem]:
    return [
        OutboxItem(
            source_key=f"feedback:{report.id}",
            number=report.number,
            connectors=_connectors_to_tell(ctx, report),
            since=report.received_at or report.at,
            everywhere=report.scope != "contact",
        )
        for report in reports
    ]


def _mark_applied(connection: Connection, reports: Sequence[Feedback], now: datetime) -> None:
    for ids in chunks([report.id for report in reports]):
        connection.execute(sa.update(feedback).where(feedback.c.id.in_(ids)).values(applied_at=now))


def _concerns_every_record(report: Feedback) -> bool:
    """Tell whether a report concerns every record of a person, or may lift one that does."""
    return bool(report.person) and report.scope == "person"


def _connectors_to_tell(ctx: Context, report: Feedback) -> tuple[str, ...]:
    """Return the CRMs to deliver to. A report about one record concerns its CRM alone, connected
    or not; a list on disk learns of it in its next run."""
    if report.scope == "contact":
        # What was said on a record of a former account may hold for a record of the present one
        # (`worker.feedback.former_accounts`).
        connector = connections.present_name(report.contact.partition("/")[0])
        is_crm = connections.is_well_formed(connector) and not connections.is_file(connector)
        return (connector,) if is_crm else ()
    return crms_to_notify(ctx)
