"""Turn flags that CRM users changed into reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from worker.feedback import clearings, crm_flags
from worker.feedback import report_log as feedback_log
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.models import Feedback
from worker.suppression import erasure
from worker.sync.contact_index import IndexedContact
from worker.sync.pages import attribution, late_writes, lease, unindexed_flags
from worker.sync.pages.fields import Prepared, Remembered
from worker.sync.pages.merges import TakenOver
from worker.sync.pages.steps import PageWork


def store(
    work: PageWork,
    prepared: Sequence[Prepared],
    taken_over: TakenOver,
    now: datetime,
    remembered: Remembered,
) -> list[Feedback]:
    """Store what CRM users said by our flags, before anything is decided from it; return it.

    Raises `LostLeaseError` where another worker has the page: a flag that differs from what we have
    read may be what that worker wrote.
    """
    ctx, run = work.ctx, work.run
    reports, known = [], taken_over.known
    changed = _changed_ids(prepared, known)
    clock_offset = _clock_offset(work, changed)
    written = _load_writes(work, changed)
    new = [
        prepared_contact
        for prepared_contact in prepared
        if prepared_contact.contact.id not in known
    ]
    unindexed = unindexed_flags.find(ctx, run, new, remembered, written)
    contacts = [prepared_contact.contact for prepared_contact in prepared]
    late = late_writes.find(written, contacts, known, ctx.now()) if written else {}
    for prepared_contact in prepared:
        contact, identity = prepared_contact.contact, prepared_contact.identity
        is_known = contact.id in known
        flags = known[contact.id].flags if is_known else unindexed.get(identity.key)
        about = taken_over.reports_about.get(identity.key, ())
        former = [report.number for report in about if report.contact == identity.key]
        history = crm_flags.FlagHistory(flags, former, late.get(contact.id, ()))
        reports += crm_flags.reports_from_flags(
            run.connector, contact, identity, history, prepared_contact.numbers, now, clock_offset
        )
    if (reports or unindexed) and not run.dry_run:
        keys = ctx.keys
        with ctx.store.write() as connection:
            lease.hold(connection, work)
            reports = clearings.backdate_clearings(connection, reports, keys)
            rules = rules_from_settings(ctx.settings)
            reports = clearings.date_late_stops(connection, reports, rules, keys)
            feedback_log.store(connection, reports, ctx.now(), keys)
            erasure.delete_stored_flags(connection, unindexed.keys(), keys)
    return reports


def _changed_ids(prepared: Sequence[Prepared], known: Mapping[str, IndexedContact]) -> list[str]:
    """Return ids of contacts whose flags differ from what we know."""
    return [
        prepared_contact.contact.id
        for prepared_contact in prepared
        if attribution.has_changed_flag(prepared_contact.contact, known)
    ]


def _clock_offset(work: PageWork, changed: Sequence[str]) -> timedelta:
    """Return how far the CRM's clock is ahead of ours, which its answers tell.

    A page that a dead worker has left may be the first thing that this process does. Without an
    answer a slow clock would date a clearing before the stop that it clears, which would then stand
    again: so where flags have changed, the CRM is asked for one of their records.
    """
    if changed and work.connector.clock() is None:
        work.connector.fetch(work.page.object, changed[:1])
    return work.connector.clock_offset()


def _load_writes(work: PageWork, changed: Sequence[str]) -> late_writes.WritesOfRecords:
    """Load our writes to contacts whose flags have changed: few have any."""
    if not changed:
        return {}
    with work.ctx.store.read() as connection:
        return late_writes.load_writes(connection, work.run.connector, work.page.object, changed)
