"""Verify the numbers of a page that need it."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date

import msgspec

from config import stopping
from config.tracing import span
from worker.context import Context
from worker.feedback import rechecks
from worker.feedback.report_log import ReportSet
from worker.sync.pages import lease
from worker.sync.pages.fields import Prepared
from worker.sync.pages.reports import last_confirmed_date
from worker.sync.pages.steps import PreparedPage, VerifiedPage
from worker.sync.runs.model import Run
from worker.verification.conditions import Subject
from worker.verification.models import Verification
from worker.verification.reservation import LookupRequest
from worker.verification.results import Lookups, Verified


def verify(prepared: PreparedPage) -> VerifiedPage:
    """Verify the page's distinct numbers, some of them again.

    Anew are those of a ticked recheck, those that somebody asked for (`worker.feedback.rechecks`),
    and those of a forced run: what was answered before the run was opened does not count. So a page
    that is taken up again, or a number that a forced run meets twice, is not paid for twice.
    """
    work = prepared.work
    ctx, run = work.ctx, work.run
    stopping.check()
    with span("verify"):
        chain = ctx.chain(run.id if run.dry_run else None)
        is_due_run = run.scope.kind == "due"
        owner = f"{ctx.owner}:{threading.get_ident()}"
        again = LookupRequest(run.id, owner, run.opened_at, is_due_run)
        usual = again if run.force else LookupRequest(run.id, owner, None, is_due_run)
        requested = _requested_rechecks(ctx, run)
        rechecked = {
            n
            for prepared_contact in prepared.contacts
            for n in _to_recheck(prepared_contact, requested)
        }
        subjects = _subjects(ctx, prepared.contacts, prepared.reports)
        if not run.force and prepared.changed_readings.states:
            subjects = _mark_unpaid(subjects, prepared, rechecked)
        heartbeat = lease.throttled_renew(work)
        answers: dict[str, tuple[Verification, ...]] = {}
        unanswered: dict[str, str] = {}
        lookups = Lookups()
        for request, batch in (
            (usual, [subject for subject in subjects if subject.number not in rechecked]),
            (again, [subject for subject in subjects if subject.number in rechecked]),
        ):
            if batch:
                answered = chain.verify(batch, request, heartbeat)
                answers.update(answered.answers)
                unanswered.update(answered.unanswered)
                lookups.add(answered.lookups)
    return VerifiedPage(work, prepared, Verified(answers, unanswered, lookups))


def _requested_rechecks(ctx: Context, run: Run) -> dict[rechecks.Record, set[str]]:
    """Return records whose re-check this run carries out, with the phone fields that are meant."""
    if run.scope.kind != "ids":
        return {}
    with ctx.store.read() as connection:
        return rechecks.load_for_run(connection, run.id)


def _to_recheck(
    prepared_contact: Prepared, requested: Mapping[rechecks.Record, set[str]]
) -> Iterator[str]:
    if prepared_contact.contact.current.get("recheck"):
        yield from prepared_contact.numbers
        return
    fields = requested.get((prepared_contact.contact.object, prepared_contact.contact.id), ())
    for name, reading in prepared_contact.readings.items():
        if name in fields or "" in fields:
            yield from (number.e164 for number in reading.numbers)


def _subjects(ctx: Context, contacts: Sequence[Prepared], reports: ReportSet) -> list[Subject]:
    """Return each number once, with what its contacts say of how thoroughly to check it."""
    audited = {tuple(entry.split("=", 1)) for entry in ctx.settings.verification.audit}
    plain = (
        not audited
        and not ctx.needs_consent_dates
        and not any(prepared_contact.isolated for prepared_contact in contacts)
    )
    subjects: dict[str, Subject] = {}
    for prepared_contact in contacts:
        contact = prepared_contact.contact
        segments = {
            ("source", contact.source),
            ("campaign", contact.campaign),
            ("country", prepared_contact.region or ""),
        }
        under_audit = prepared_contact.isolated or bool(audited & segments)
        for number in prepared_contact.numbers_read:
            before = subjects.get(number)
            if plain and contact.contact_value is None:
                if before is None:
                    subjects[number] = Subject(number)
                continue
            day = last_confirmed_date(ctx, prepared_contact, reports, number)
            subjects[number] = _with_contact(
                before or Subject(number), day, contact.contact_value, under_audit
            )
    for about_number in reports.reports.values():
        for report in about_number:
            if report.new_number:  # what is proposed to a CRM is verified first
                subjects.setdefault(report.new_number, Subject(report.new_number))
    weak = _read_with_low_confidence(contacts)
    return [
        msgspec.structs.replace(subject, weak=True) if subject.number in weak else subject
        for subject in subjects.values()
    ]


def _read_with_low_confidence(contacts: Sequence[Prepared]) -> set[str]:
    """Return the numbers that no contact of the page holds with more confidence."""
    read = [
        n
        for prepared_contact in contacts
        for reading in prepared_contact.readings.values()
        for n in reading.numbers
    ]
    weak = {number.e164 for number in read if number.confidence == "low"}
    return weak - {number.e164 for number in read if number.confidence != "low"} if weak else weak


def _mark_unpaid(
    subjects: Sequence[Subject], prepared: PreparedPage, rechecked: Collection[str]
) -> list[Subject]:
    """Mark numbers that appeared only because a field is read differently, and that nobody asked
    for.

    A number that another contact of the page holds by itself is paid for like any other.
    """
    states = prepared.changed_readings.states
    unpaid: set[str] = set()
    paid = set(rechecked)
    for prepared_contact in prepared.contacts:
        state = states.get(prepared_contact.contact.id)
        for name, reading in prepared_contact.readings.items():
            places = state.fields[name].unpaid if state and name in state.fields else ""
            for place, number in enumerate(reading.numbers):
                (unpaid if str(place) in places else paid).add(number.e164)
    unpaid -= paid
    return [
        msgspec.structs.replace(subject, unpaid=True) if subject.number in unpaid else subject
        for subject in subjects
    ]


def _with_contact(
    before: Subject, day: date | None, value: float | None, under_audit: bool
) -> Subject:
    """Add what one more contact says of a number that it holds."""
    dates = before.dates
    if day is not None and day not in dates:
        dates = (*dates, day)
    values = [v for v in (before.value, value) if v is not None]
    return Subject(before.number, dates, max(values, default=None), under_audit or before.audited)
