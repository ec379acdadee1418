"""Turn what people wrote beside the numbers of phone fields into reports, or into reviews."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.feedback import clearings, field_notes, intake, merged_records, review_holds
from worker.feedback import report_log as feedback_log
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.field_notes import FieldNote
from worker.feedback.models import Feedback
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.tables import feedback, reviews
from worker.sync import reading_state
from worker.sync.contact_index import IndexedContact
from worker.sync.pages import lease
from worker.sync.pages.fields import Prepared
from worker.sync.pages.steps import PageWork


class _Found(NamedTuple):
    """A note that says something, where it stands, and the numbers of its field. `statement`: see
    `field_notes.statement_key`. `read_before`: the field has had this text since we recorded it."""

    contact: Prepared
    note: FieldNote
    numbers: list[str]
    statement: str
    read_before: bool


def store(
    work: PageWork, prepared: Sequence[Prepared], known: Mapping[str, IndexedContact], now: datetime
) -> list[Feedback]:
    """Store what notes report, before anything is decided from it; return what is new.

    A note that a person has to read becomes a review of its number. Raises `LostLeaseError` where
    another worker has the page.
    """
    ctx = work.ctx
    if not ctx.settings.feedback.field_notes:
        return []
    found = list(_notes(work, prepared, known))
    if not found:
        return []  # nearly all pages
    keys = ctx.keys
    with ctx.store.read() as connection:
        said = _said_before(connection, [each for each in found if each.read_before])
        reports = [
            report
            for each in found
            for report in _reports(work, each, now)
            if field_notes.without_time(report.key) not in said
        ]
        rows = [
            row
            for each in found
            if field_notes.needs_person(each.note, each.numbers)
            for row in _review_rows(work, each, ctx.now())
            if field_notes.without_time(row["key"]) not in said
        ]
        stored = feedback_log.find_known_keys(connection, [each.key for each in reports], keys)
    new = [report for report in reports if report.key not in stored]
    if work.run.dry_run or not (new or rows):
        return new
    with ctx.store.write() as connection:
        lease.hold(connection, work)
        rules = rules_from_settings(ctx.settings)
        new = clearings.date_late_stops(connection, new, rules, keys)
        feedback_log.store(connection, new, ctx.now(), keys)
        unseen = [row for row in rows if not intake.any_key_stored(connection, [row["key"]])]
        if unseen:
            upsert(connection, reviews, unseen, ignore=True, key=("key",))
            of_these = reviews.c.key.in_([row["key"] for row in unseen])
            opened = connection.execute(reviews.select().where(of_these)).all()
            review_holds.deliver(ctx, connection, opened, ctx.now())
    return new


def _notes(
    work: PageWork, prepared: Sequence[Prepared], known: Mapping[str, IndexedContact]
) -> Iterator[_Found]:
    outcomes = work.ctx.settings.feedback.dispositions
    read: dict[str, FieldNote | None] = {}
    for contact in prepared:
        for name, reading in contact.readings.items():
            words = reading.note if reading.numbers else contact.contact.phones.get(name, "")
            if not words or name in contact.unread:
                continue
            if words not in read:
                read[words] = field_notes.read_note(words, outcomes)
            if (note := read[words]) is None:
                continue
            before = known.get(contact.contact.id)
            # In doubt, as for a contact that is read for the first time, the words are not new.
            changed = (
                before is not None
                and bool(before.readings)
                and not reading_state.has_text(before.readings, name, contact.contact.phones[name])
            )
            written_at = contact.contact.modified_at if changed else None
            yield _Found(
                contact,
                note,
                list(dict.fromkeys(number.e164 for number in reading.numbers)),
                field_notes.statement_key(contact.identity, name, note, written_at),
                before is not None and written_at is None,
            )


def _said_before(connection: Connection, found: Sequence[_Found]) -> set[str]:
    """Return what these notes have said already, whenever they were written, as keys without a
    time."""
    if not found:
        return set()
    contacts = [each.contact.identity.key for each in found]
    numbers = [number for each in found for number in each.numbers]
    f, r = feedback.c, reviews.c
    reported = sa.select(f.key).where(*merged_records.about_contacts(contacts))
    reviewed = sa.select(r.key).where(any_of(r.number, numbers))
    return {
        field_notes.without_time(key)
        for query in (reported, reviewed)
        for key in connection.scalars(query)
        if key.startswith(field_notes.NOTE)
    }


def _reports(work: PageWork, found: _Found, now: datetime) -> list[Feedback]:
    modified = found.contact.contact.modified_at
    return field_notes.reports_from_note(
        work.run.connector,
        found.contact.identity,
        found.statement,
        found.note,
        found.numbers,
        modified - work.connector.clock_offset() if modified else now,
    )


def _review_rows(work: PageWork, found: _Found, now: datetime) -> Iterator[dict[str, Any]]:
    for number in found.numbers:
        yield {
            "key": f"{found.statement}:review:{number}",
            "number": number,
            "source": field_notes.source_of(work.run.connector),
            "text": found.note.words,
            "suggestion": field_notes.suggestion(found.note),
            "evidence": found.note.words[:255],
            "at": now,
            "decision": "",
            "decided_by": "",
        }
