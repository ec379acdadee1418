"""Turn what people wrote beside the numbers of phone fields into reports, or into reviews."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from worker.feedback import clearings, field_notes, intake, review_holds
from worker.feedback import report_log as feedback_log
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.field_notes import FieldNote
from worker.feedback.models import Feedback
from worker.store.bulk import upsert
from worker.store.tables import reviews
from worker.sync.pages import lease
from worker.sync.pages.fields import Prepared
from worker.sync.pages.steps import PageWork


class _Found(NamedTuple):
    """A note that says something, where it stands, and the numbers of its field."""

    contact: Prepared
    field: str
    note: FieldNote
    numbers: list[str]


def store(work: PageWork, prepared: Sequence[Prepared], now: datetime) -> list[Feedback]:
    """Store what notes report, before anything is decided from it; return what is new.

    A note that a person has to read becomes a review of its number. Raises `LostLeaseError` where
    another worker has the page.
    """
    ctx = work.ctx
    if not ctx.settings.feedback.field_notes:
        return []
    reports, doubtful = [], []
    for found in _notes(work, prepared):
        if field_notes.needs_person(found.note, found.numbers):
            doubtful.append(found)
        else:
            reports += _reports(work, found, now)
    if not (reports or doubtful):
        return []  # nearly all pages
    keys = ctx.keys
    with ctx.store.read() as connection:
        known = feedback_log.find_known_keys(connection, [each.key for each in reports], keys)
    new = [report for report in reports if report.key not in known]
    if work.run.dry_run or not (new or doubtful):
        return new
    with ctx.store.write() as connection:
        lease.hold(connection, work)
        rules = rules_from_settings(ctx.settings)
        new = clearings.date_late_stops(connection, new, rules, keys)
        feedback_log.store(connection, new, ctx.now(), keys)
        rows = [row for found in doubtful for row in _review_rows(work, found, ctx.now())]
        unseen = [row for row in rows if not intake.any_key_stored(connection, [row["key"]])]
        if unseen:
            upsert(connection, reviews, unseen, ignore=True, key=("key",))
            of_these = reviews.c.key.in_([row["key"] for row in unseen])
            opened = connection.execute(reviews.select().where(of_these)).all()
            review_holds.deliver(ctx, connection, opened, ctx.now())
    return new


def _notes(work: PageWork, prepared: Sequence[Prepared]) -> Iterator[_Found]:
    outcomes = work.ctx.settings.feedback.dispositions
    read: dict[str, FieldNote | None] = {}
    for contact in prepared:
        for name, reading in contact.readings.items():
            words = reading.note if reading.numbers else contact.contact.phones.get(name, "")
            if not words or name in contact.unread:
                continue
            if words not in read:
                read[words] = field_notes.read_note(words, outcomes)
            if (note := read[words]) is not None:
                numbers = list(dict.fromkeys(number.e164 for number in reading.numbers))
                yield _Found(contact, name, note, numbers)


def _reports(work: PageWork, found: _Found, now: datetime) -> list[Feedback]:
    modified = found.contact.contact.modified_at
    return field_notes.reports_from_note(
        work.run.connector,
        found.contact.identity,
        found.field,
        found.note,
        found.numbers,
        modified - work.connector.clock_offset() if modified else now,
    )


def _review_rows(work: PageWork, found: _Found, now: datetime) -> Iterator[dict[str, Any]]:
    for number in found.numbers:
        yield {
            "key": field_notes.note_key(
                found.contact.identity, found.field, found.note, f"review:{number}"
            ),
            "number": number,
            "source": field_notes.source_of(work.run.connector),
            "text": found.note.words,
            "suggestion": field_notes.suggestion(found.note),
            "evidence": found.note.words[:255],
            "at": now,
            "decision": "",
            "decided_by": "",
        }
