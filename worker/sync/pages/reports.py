"""Load what was reported about a page's contacts and their numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date

from worker.context import Context
from worker.feedback import ownership, review_holds
from worker.feedback import report_log as feedback_log
from worker.feedback.changed_readings import ChangedField
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.models import Feedback
from worker.feedback.report_log import ReportSet
from worker.sync.pages.fields import Prepared
from worker.sync.runs.model import Run


def load_reports(
    ctx: Context,
    run: Run,
    prepared: Sequence[Prepared],
    by_contact: Mapping[str, Sequence[Feedback]],
    fresh: Sequence[Feedback],
    changed: Sequence[ChangedField] = (),
) -> ReportSet:
    """Load all that was reported about the page's numbers.

    `by_contact`: on the contacts themselves, by their keys. `fresh`: what this page found, which is
    not stored in a dry run. `changed`: fields that this page reads as other numbers than before.
    """
    numbers = dict.fromkeys(
        number for prepared_contact in prepared for number in prepared_contact.numbers
    )
    on_contacts = {key: [report.number for report in of] for key, of in by_contact.items()}
    for report in fresh:
        if report.contact and report.scope != "number":
            on_contacts.setdefault(report.contact, []).append(report.number)
    numbers.update(dict.fromkeys(number for of in on_contacts.values() for number in of))
    # On records without a number, of which there may be very many.
    nameless = [report for of in by_contact.values() for report in of if not report.number]
    nameless += [report for report in fresh if not report.number]
    numbers.pop("", None)
    holds = ctx.settings.feedback.hold_open_reviews
    people = [prepared_contact.identity for prepared_contact in prepared] if holds else []
    with ctx.store.read() as connection:
        on_whole = (
            list(review_holds.load_about_contacts(connection, people, changed)) if holds else []
        )
        if not (numbers or nameless or on_whole):
            return ReportSet()
        report_set = feedback_log.load(
            connection, list(numbers), ctx.keys, holds, changed, with_registries=True
        )
    for _, hold in on_whole:
        on_contacts.setdefault(hold.contact, []).append(hold.number)
        report_set.reports.setdefault(hold.number, []).append(hold)
    if nameless:
        report_set.reports[""] = nameless
    if run.dry_run:
        for report in fresh:
            if report.number:
                report_set.reports.setdefault(report.number, []).append(report)
    return (
        dataclasses.replace(report_set, numbers_by_contact=on_contacts)
        if on_contacts
        else report_set
    )


def last_confirmed_date(
    ctx: Context, prepared_contact: Prepared, reports: ReportSet, number: str
) -> date | None:
    """Return the last day on which a number was surely this contact's.

    The CRM's date of consent says so, or a confirmation does. An organisation is nobody from whom a
    number could be taken and given to somebody else.
    """
    if ownership.is_organisation(prepared_contact.identity.key, ctx.organisations):
        return None
    consented = prepared_contact.contact.consent_date
    days = [date.fromisoformat(consented)] if consented else []
    if reports.about(number):
        confirmed = reports.evaluate(
            number, prepared_contact.identity, rules_from_settings(ctx.settings)
        ).confirmed_at
        if confirmed is not None:
            days.append(confirmed.date())
    return max(days, default=None)
