"""Store what comes in from outside, before its sender is told that it has arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.feedback import clearings, merged_records, reply_model, report_log, review_holds
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.models import ContactIdentity, Feedback, contact_key
from worker.feedback.sources import twilio
from worker.store.bulk import upsert
from worker.store.pseudonyms import Keys
from worker.store.tables import contact_numbers, contacts, feedback, reviews

_MAX_STORED_CHARACTERS = 10_000  # characters of a reply that a person is to read


def store_reports(ctx: Context, reports: Sequence[Feedback]) -> int:
    """Keep reports; how many of them are new."""
    if not reports:
        return 0
    names = [report.key[:255] for report in reports]
    keys = ctx.keys
    with ctx.store.write() as connection:
        count = sa.select(sa.func.count()).where(feedback.c.key.in_(names))
        before = connection.scalar(count) or 0
        rules = rules_from_settings(ctx.settings)
        reports = clearings.date_late_stops(connection, reports, rules, keys)
        report_log.store(connection, reports, ctx.now(), keys)
        return (connection.scalar(count) or 0) - before


def receive_twilio_sms(ctx: Context, form: Mapping[str, str]) -> int:
    """Store an inbound message; return how much of it is to be delivered: new reports, and a hold.
    Raises what `twilio.parse_reply` does."""
    now, delivered = ctx.now(), 0
    heard = twilio.parse_reply(form, now, reply_model.current(ctx))
    keys = ctx.keys
    with ctx.store.write() as connection:
        is_new = not _was_received_before(connection, heard, keys)
        if is_new:
            report_log.record_delivery(connection, heard.number, now, now)  # who writes is there
        if heard.needs_review is not None:
            suggestion = heard.needs_review.suggestion
            row = {
                "key": heard.key,
                "number": heard.number,
                "source": twilio.SOURCE,
                "text": _readable_text(form.get("Body", "")),
                "suggestion": suggestion.kind if suggestion else "",
                "evidence": suggestion.evidence[:255] if suggestion else "",
                "at": now,
                "decision": "",
                "decided_by": "",
            }
            upsert(connection, reviews, [row], ignore=True, key=("key",))
            if is_new:
                stored = sa.select(reviews).where(reviews.c.key == heard.key)
                delivered = review_holds.deliver(ctx, connection, connection.execute(stored), now)
    return store_reports(ctx, heard.reports) + delivered


def _readable_text(body: str) -> str:
    """Return a reply as somebody reads it: all of it, or both ends of one that is longer than a
    letter."""
    text = body.replace("\x00", "")
    if len(text) <= _MAX_STORED_CHARACTERS:
        return text
    left_out = len(text) - _MAX_STORED_CHARACTERS
    half = _MAX_STORED_CHARACTERS // 2
    return f"{text[:half]} [… {left_out:,} characters are left out …] {text[-half:]}"


def _was_received_before(connection: Connection, heard: twilio.ParsedReply, keys: Keys) -> bool:
    """Return whether a message was received before; it may have been erased since."""
    names = {
        name
        for key in (heard.key, *(report.key for report in heard.reports))
        for name in (key, *keys.erased_keys(key))
    }
    return any(
        connection.execute(sa.select(table.c.id).where(table.c.key.in_(names)).limit(1)).first()
        for table in (feedback, reviews)
    )


def receive_twilio_status(ctx: Context, form: Mapping[str, str]) -> int:
    """Store the status of a message that we sent. Raises what `twilio.parse_status` does."""
    outcome = twilio.parse_status(form, ctx.now())
    if outcome.delivered and outcome.at is not None:
        with ctx.store.write() as connection:
            report_log.record_delivery(connection, outcome.number, outcome.at, ctx.now())
    return store_reports(ctx, [outcome.report]) if outcome.report is not None else 0


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
