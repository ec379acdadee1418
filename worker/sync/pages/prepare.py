"""Prepare a page's contacts: read their phone fields, and load what was reported about them."""

from __future__ import annotations

from collections.abc import Sequence

from worker.context import Context
from worker.feedback import report_log as feedback_log
from worker.segments import membership
from worker.sync.pages import (
    changed_readings,
    fields,
    flag_reports,
    lease,
    merges,
    note_reports,
    reports,
)
from worker.sync.pages.fields import Prepared
from worker.sync.pages.steps import AttributedPage, PreparedPage


def read_fields(attributed: AttributedPage) -> PreparedPage:
    """Read the phone fields, and store what is reported by flags, notes and merged records.

    What stood against records that were merged into these contacts, or against numbers that their
    fields were read as before, and what people reported by our flags or wrote beside a number, is
    stored before anything is decided from it. Raises `LostLeaseError` where another worker has the
    page: what it writes must not pass for what people have changed.
    """
    work = attributed.work
    ctx, run, page = work.ctx, work.run, work.page
    ids = [contact.id for contact in attributed.contacts]
    isolation = membership.load(ctx.store, run.connector, page.object, ids)
    remembered = fields.remember(ctx, run.connector, page.object, attributed.contacts)
    contacts = [*map(fields.reader(ctx, run.connector, isolation, remembered), attributed.contacts)]
    if not run.dry_run:
        _rename_persons(ctx, contacts)
    changed = changed_readings.find(ctx, run.connector, page.object, contacts, attributed.known)
    if changed.reports and not run.dry_run:
        with ctx.store.write() as connection:
            lease.hold(connection, work)
            changed_readings.store(ctx, connection, changed)
    taken_over = merges.take_over(
        ctx, work.connector, page.object, contacts, changed.known, attributed.revived
    )
    if (taken_over.keys or taken_over.reports or taken_over.revived) and not run.dry_run:
        keys = ctx.keys
        with ctx.store.write() as connection:
            lease.hold(connection, work)
            merges.store(connection, taken_over, ctx.now(), keys)
    by_flags = flag_reports.store(work, contacts, taken_over, attributed.as_of, remembered)
    by_notes = note_reports.store(work, contacts, attributed.known, attributed.as_of)
    loaded = reports.load_reports(
        ctx,
        run,
        contacts,
        taken_over.reports_about,
        [*changed.reports, *taken_over.reports, *by_flags, *by_notes],
        changed.fields,
    )
    return PreparedPage(
        work,
        contacts,
        attributed.as_of,
        attributed.deferred,
        remembered,
        changed,
        taken_over,
        loaded,
    )


def _rename_persons(ctx: Context, contacts: Sequence[Prepared]) -> None:
    """Rename reports on persons whose pseudonym was made with a key that was replaced since."""
    if not any(prepared_contact.identity.aliases for prepared_contact in contacts):
        return  # nobody has changed our key
    with ctx.store.read() as connection:
        former = feedback_log.find_former_persons(
            connection, [prepared_contact.identity for prepared_contact in contacts]
        )
    if former:
        with ctx.store.write() as connection:
            feedback_log.rename_persons(connection, former)
