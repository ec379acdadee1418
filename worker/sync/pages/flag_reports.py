"""Turn flags that CRM users changed into reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from worker.context import Context
from worker.feedback import clearings, crm_flags
from worker.feedback import report_log as feedback_log
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.models import Feedback
from worker.suppression import erasure
from worker.sync.pages import attribution, late_writes, unindexed_flags
from worker.sync.pages.fields import Prepared, Remembered
from worker.sync.pages.merges import TakenOver
from worker.sync.runs.model import Run


def store(
    ctx: Context,
    run: Run,
    prepared: Sequence[Prepared],
    taken_over: TakenOver,
    now: datetime,
    remembered: Remembered,
) -> list[Feedback]:
    """Store what CRM users said by our flags, before anything is decided from it; return it."""
    reports, known = [], taken_over.known
    clock_offset = ctx.connector(run.connector).clock_offset()
    new = [
        prepared_contact
        for prepared_contact in prepared
        if prepared_contact.contact.id not in known
    ]
    unindexed = unindexed_flags.find(ctx, run, new, remembered)
    late = _find_late_flags(ctx, run, prepared, taken_over)
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
        with ctx.store.write() as connection:
            reports = clearings.backdate_clearings(connection, reports, ctx.keys)
            rules = rules_from_settings(ctx.settings)
            reports = clearings.date_late_stops(connection, reports, rules, ctx.keys)
            feedback_log.store(connection, reports, ctx.now(), ctx.keys)
            erasure.delete_stored_flags(connection, unindexed.keys(), ctx.keys)
    return reports


def _find_late_flags(
    ctx: Context, run: Run, prepared: Sequence[Prepared], taken_over: TakenOver
) -> late_writes.LateFlags:
    """Ask only about contacts whose flags differ from what the index knows."""
    known = taken_over.known
    changed = [
        prepared_contact.contact.id
        for prepared_contact in prepared
        if prepared_contact.contact.id in known
        and attribution.has_changed_flag(prepared_contact.contact, known)
    ]
    if not changed:
        return {}
    with ctx.store.read() as connection:
        return late_writes.find(
            connection, run.connector, prepared[0].contact.object, changed, ctx.now()
        )
