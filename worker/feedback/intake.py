"""Store what comes in from outside, before we acknowledge it to the sender."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.feedback import clearings, imported_reports, merged_records, report_log
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.models import ContactIdentity, Feedback, contact_key
from worker.store import locks
from worker.store.locks import Lock
from worker.store.tables import contact_numbers, contacts, feedback, reviews


def store_reports(ctx: Context, reports: Sequence[Feedback], batch: str = "") -> int:
    """Keep reports; how many of them are new. `batch`: of the import that brought them."""
    if not reports:
        return 0
    names = [report.key for report in reports]
    keys = ctx.keys
    stored = sa.select(feedback.c.id).where(feedback.c.key.in_(names))
    if not batch and _note_repetition(ctx, names):
        return 0  # whoever sends again because they waited in vain must not wait for a lock
    with ctx.store.write() as connection:
        if batch:  # or a report that somebody else stores just now would look like the import's
            locks.acquire(connection, Lock.DATING_REPORTS)
        rules = rules_from_settings(ctx.settings)
        reports = clearings.date_late_stops(connection, reports, rules, keys)
        known = set(connection.scalars(stored))
        report_log.store(connection, reports, ctx.now(), keys)
        new = set(connection.scalars(stored)) - known
        imported_reports.record(connection, batch, sorted(new), sorted(known))
        return len(new)


def _note_repetition(ctx: Context, names: Sequence[str]) -> bool:
    """Note that reports were sent again, where all of them are stored; return whether they are.

    One that an import has brought is not the import's alone from now on.
    """
    wanted = set(names)
    query = sa.select(feedback.c.id).where(feedback.c.key.in_(wanted))
    with ctx.store.read() as connection:
        known = sorted(connection.scalars(query))
        if len(known) != len(wanted):
            return False
        imported = imported_reports.of_imports(connection, known)
    if imported:
        with ctx.store.write() as connection:
            imported_reports.record(connection, "", [], known)
    return True


def any_key_stored(connection: Connection, keys: Collection[str]) -> bool:
    """Return whether a report, or a reply for review, is stored under one of these keys."""
    return any(
        connection.execute(sa.select(table.c.id).where(table.c.key.in_(keys)).limit(1)).first()
        for table in (feedback, reviews)
    )


def numbers_of_contact(ctx: Context, connector: str, object_name: str, record_id: str) -> list[str]:
    """Return the numbers that our index has for a contact, or for its surviving record."""
    n = contact_numbers.c
    with ctx.store.read() as connection:
        object_name, record_id = merged_records.surviving_record(
            connection, connector, object_name, record_id
        )
        query = sa.select(n.number).where(
            n.connector == connector, n.object == object_name, n.record_id == record_id
        )
        return list(dict.fromkeys(connection.scalars(query.order_by(n.field, n.place))))


def is_in_index(ctx: Context, connector: str, object_name: str, record_id: str) -> bool:
    """Return whether our index has a contact, or its surviving record."""
    c = contacts.c
    with ctx.store.read() as connection:
        object_name, record_id = merged_records.surviving_record(
            connection, connector, object_name, record_id
        )
        query = sa.select(sa.literal(1)).where(
            c.connector == connector, c.object == object_name, c.record_id == record_id
        )
        return connection.execute(query).first() is not None


def find_identity(
    ctx: Context, connector: str, object_name: str, record_id: str
) -> ContactIdentity:
    """Return the identity of a contact, or of its surviving record, from the index."""
    c = contacts.c
    with ctx.store.read() as connection:
        object_name, record_id = merged_records.surviving_record(
            connection, connector, object_name, record_id
        )
        query = sa.select(c.person).where(
            c.connector == connector, c.object == object_name, c.record_id == record_id
        )
        person = connection.scalar(query)
    return ContactIdentity(contact_key(connector, object_name, record_id), person or "")
